# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kdump_ready and serial_console: what is left to look at after a guest has crashed or hung.

- kdump_ready: where a crash dump was set up, it is whole: memory set aside now and at the next boot, a kernel loaded into it, the
  service enabled, which is the remedy where memory is set aside. Where none was set up nothing is asked, unless
  ``crash_capture_wanted`` says so: it costs memory. A guest that hangs has not crashed: an NMI from vCenter makes a dump of it only
  where ``kernel.unknown_nmi_panic`` (or ``panic_on_unrecovered_nmi``) is 1.
- serial_console: no console on a serial port that the VM has not got; and, where ``crash_capture_serial_console`` names one, the
  kernel's last words go there, too.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import (
    Wish,
    normal_entries,
    wish_verdict,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    REMEDIABLE,
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.module_parameter import by_hand
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.service_steps import unit_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Loader, configured_arguments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import kernel_argument_assignments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import READS as SYSCTL
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import kernel_file

_LOADED = "/sys/kernel/kexec_crash_loaded"
_SIZE = "/sys/kernel/kexec_crash_size"
#: Either has an NMI that no device sent end the kernel (arch/x86/kernel/nmi.c).
NMI, UNRECOVERED = "kernel.unknown_nmi_panic", "kernel.panic_on_unrecovered_nmi"
#: The kernel's type of a serial port: 0 where there is none (PORT_UNKNOWN).
_TYPE = "/sys/class/tty/ttyS[0-3]/type"
#: The value of console= for a serial port (Documentation/admin-guide/serial-console.rst).
_CONSOLE = re.compile(r"ttyS[0-3](,[0-9]{3,7}([noe]([78]r?)?)?)?")
#: The virtual terminal in front.
SCREEN = "console=tty0"


def assess_kdump(evidence: Evidence, options: Options) -> Verdict:
    """A crash dump that was set up, or is wanted, is whole on both sides."""
    loaded, size = evidence.file(_LOADED), evidence.file(_SIZE)
    if loaded.state is State.MISSING:
        return not_applicable(f"this kernel knows no crash dumps ({_LOADED} is not there)")
    if loaded.value not in ("0", "1"):
        return unknown(f"{_LOADED} could not be read")
    asked_now = evidence.platform.argument("crashkernel") is not None
    asked_at_boot = bool(kernel_argument_assignments(evidence, "crashkernel"))
    services = evidence.services
    unit = services.unit("kdump", "kdump-tools")
    enabled = unit is not None and unit.enabled
    sides = {
        "runtime": f"crashkernel={evidence.platform.argument('crashkernel')}, " * asked_now
        + ("a kernel is loaded" if loaded.value == "1" else "no kernel is loaded"),
        "persistent": ("crashkernel= at the next boot" if asked_at_boot else "no crashkernel=")
        + (f", {unit.name} {'enabled' if enabled else 'disabled'}" if unit else ""),
        "desired": "memory set aside and a kernel loaded, now and at the next boot",
        "owner": unit.name if unit else None,
    }
    if not (asked_now or asked_at_boot or loaded.value == "1" or enabled):
        if not options["crash_capture_wanted"]:
            return not_applicable("no crash dump was set up; crash_capture_wanted asks for one")
        return manual(
            "no crash dump was set up, and crash_capture_wanted asks for one: install kexec-tools (kdump-tools), put crashkernel= "
            "among the boot options, enable kdump and reboot",
            **sides,
        )
    if not asked_at_boot:
        return manual(
            "no crashkernel= among the options of the next boot, so no memory will be set aside: put it there, or disable kdump",
            **sides,
        )
    if unit is not None and unit.masked:
        return manual(
            f"crashkernel= sets memory aside, and {unit.name} is masked: somebody decided so. `systemctl unmask {unit.name}`, or "
            "take crashkernel= out and have the memory back",
            **sides,
        )
    # Before memory is set aside it cannot start: then the next boot does that.
    missing = asked_now and loaded.value == "0"
    if missing and size.value == "0":
        return manual(
            "crashkernel= is in force, and the kernel set no memory aside: too large for this guest, or crashkernel=auto on a "
            "kernel or memory size that knows none. Write a size (crashkernel=256M) and reboot",
            **sides,
        )
    if missing and (unit is None or unit.active != "inactive"):
        return manual(
            "memory is set aside, and no kernel is loaded into it: `systemctl restart kdump` (kdump-tools) tells why",
            **sides,
        )
    if unit is None:
        why = "`systemctl show` did not answer" if services.units is None else "systemd knows no kdump or kdump-tools"
        return unknown(
            "crashkernel= sets memory aside, and whether the next boot loads a kernel into it is not known: "
            + (why if evidence.platform.systemd else "only systemd's units are looked at"),
            **sides,
        )
    if missing or not enabled:
        how = "is stopped" if enabled else "is not enabled"
        make = noncompliant if missing or not asked_now else not_persistent
        return make(
            f"crashkernel= sets memory aside, and {unit.name}, which loads a kernel into it, {how}",
            remedy=(_loading(unit_step(f"{unit.name}.service", enabled, not missing), missing),),
            reboot=not asked_now,
            **sides,
        )
    if not asked_now:
        return pending_reboot("crashkernel= sets memory aside from the next boot on", **sides)
    if evidence.sysctl.now(NMI) == "1" or evidence.sysctl.now(UNRECOVERED) == "1":
        return compliant("a crash is dumped, and so is a guest that hangs and gets an NMI", **sides)
    return compliant(
        f"a crash is dumped; a guest that only hangs is not: {NMI}=1 would have it dumped by an NMI from vCenter",
        **sides,
    )


def _loading(step: Run, starts: bool) -> Run:
    """A start that is proved by the kernel that it loads: the service may run without."""
    return replace(step, proof=f'{step.proof} && grep -q 1 "$ROOT"{sh(_LOADED)}') if starts else step


def assess_console(evidence: Evidence, options: Options) -> Verdict:
    """No console on a port that is not there, and one on the port that is asked for."""
    wanted = options["crash_capture_serial_console"]
    now = [word for word in evidence.platform.command_line if word.startswith("console=ttyS")]
    boot = [entry for entry in kernel_argument_assignments(evidence, "console") if entry.value.startswith("ttyS")]
    if not now and not boot and wanted is None:
        return not_applicable("no serial console is configured; crash_capture_serial_console asks for one")
    ports = {file.path.split("/")[4]: file.value for file in evidence.glob(_TYPE)}
    names = {word.removeprefix("console=").partition(",")[0] for word in now}
    names |= {entry.value.partition(",")[0] for entry in boot}
    port = wanted.partition(",")[0] if wanted else ""
    names |= {port} - {""}
    sides = {
        "runtime": " ".join(now) or "no serial console",
        "persistent": " ".join(f"console={entry.value}" for entry in boot) or "no serial console",
        "desired": "a console on no port that is not there",
        "owner": boot[-1].owner if boot else None,
    }
    silent = sorted(name for name in names if not ports.get(name, "").isdigit())
    if silent:
        return unknown(f"what {', '.join(silent)} is cannot be read in /sys/class/tty/{silent[0]}/type", **sides)
    absent = sorted(name for name in names if ports[name] == "0")
    if wanted and port in absent:
        return manual(
            f"crash_capture_serial_console is {wanted}, and the VM has no such port: add a serial port in vCenter (powered off)",
            **sides,
        )
    if absent:
        return manual(
            f"console={absent[0]} is among the boot options{f' ({boot[-1].owner})' if boot else ''}, and the VM has no such port: "
            "take it out, or add a serial port in vCenter (powered off)",
            **sides,
        )
    if wanted:
        return _console_wanted(evidence, f"console={wanted}")
    return compliant("the serial port of the console is there", **sides)


def _console_wanted(evidence: Evidence, wanted: str) -> Verdict:
    """A console on a port that is there, among the options of every boot.

    The last console= is /dev/console, where a rescue shell asks and a passphrase is typed: the screen stays that. Where other
    consoles were chosen, their order is somebody's decision.
    """
    entries = normal_entries(evidence.boot)
    wish = Wish(
        lambda word: False,
        (wanted, SCREEN),
        entries,
        # Any console says where /dev/console is: the screen is only added where none was chosen.
        lambda word, other: word == other or (other == SCREEN and word.startswith("console=")),
    )
    found = wish_verdict(evidence, wish, wanted, f"the kernel's messages go to {wanted.removeprefix('console=')}, too")
    if found.status not in REMEDIABLE or not found.remedy:
        return found
    told = {"runtime": found.runtime, "persistent": found.persistent, "desired": found.desired, "owner": found.owner}
    lines = [entry.arguments for entry in entries] + [[entry.word for entry in configured_arguments(evidence)]]
    others = [word for words in lines if wanted not in words for word in words if word.startswith("console=")]
    if others:
        return manual(
            f"{wanted} is asked for, and {', '.join(dict.fromkeys(others))} is among the boot options: the last of them is "
            "/dev/console, so put it there in the order that you want",
            **told,
        )
    loader = evidence.boot.loader
    if loader is not Loader.GRUB2:
        return manual(
            f"{wanted} is asked for, and with {loader.value} this collection adds no argument: expected "
            f"{by_hand(evidence, sh(f'{wanted} {SCREEN}'))}, and a reboot",
            **told,
        )
    return found


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    console = options["crash_capture_serial_console"]
    if console is not None and not _CONSOLE.fullmatch(console):
        return f"crash_capture_serial_console is {console!r}: expected a port and its speed, as in ttyS0,115200"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="kdump_ready",
        area="platform",
        title="A crash leaves a dump, where one was set up",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "RHEL and SLES set dumps up when they are installed; a template that grew, or lost its boot options, keeps half of it. "
            "vCenter and ESXi can send an NMI to a guest that hangs."
        ),
        risk="Memory that is set aside is lost to the guest. With unknown_nmi_panic a stray NMI ends the guest.",
        source="Linux Documentation/admin-guide/kdump/kdump.rst, sysctl/kernel.rst (unknown_nmi_panic); Red Hat article 3587631",
        reads=(*BOOT, *SERVICES, *SYSCTL, files(_LOADED, _SIZE, kernel_file(NMI), kernel_file(UNRECOVERED))),
        assess=assess_kdump,
        reboot_when="only where no memory is set aside yet",
    ),
    Recommendation(
        id="serial_console",
        area="platform",
        title="No console on a serial port that is not there",
        severity=Severity.INFO,
        baseline="off",
        talk="Not in the talk.",
        today=(
            "Templates of clouds configure ttyS0; a VM has it only where somebody added it. Written to a file or to the network, "
            "it keeps what a kernel says last: crash_capture_serial_console."
        ),
        risk="A slow serial port slows down a kernel that says much. It takes a reboot.",
        source="Linux Documentation/admin-guide/serial-console.rst, ABI/testing/sysfs-tty",
        reads=(*BOOT, files(_TYPE)),
        assess=assess_console,
        reboot=True,
    ),
)
