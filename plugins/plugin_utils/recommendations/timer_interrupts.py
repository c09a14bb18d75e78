# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timer_interrupt_rate and timekeeping_cmdline: the kernel's arguments that have to do with timers.

A kernel that ticks 1000 times a second on each virtual CPU keeps the hypervisor busy with an idle guest. RHEL 4.7 and 5.1 got
``divider=10``, which makes it 100. Kernels since then are tickless where they were built so, which their own configuration
tells, and need to be left alone: what is harmful there is the advice of those days that stayed behind. VMware's
table of arguments (KB 1006427) is for the old ones only.

Both are boot arguments: engine/boot_arguments.py says how they are found and edited.
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
    Status,
    Verdict,
    manual,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import (
    FIRST_WITHOUT,
    HARMFUL,
    LAST_IN_TABLE,
    TICKING,
    kept,
    named,
    row,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_options, tickless
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import X86

#: As many ticks a second and CPU as RHEL 5 has with divider=10.
FEW_TICKS = 100
#: Releases of kernels that their vendors say are tickless: RHEL 6 and later (RHEL 5 Virtualization Guide, on divider=), Photon
#: (vmware/photon, SPECS/linux/config*).
TICKLESS_VENDORS = re.compile(r"\.(?:el(?:[6-9]|[1-9]\d)(?:_\d+)?(?:\.|\Z)|ph\d)")
#: The build of the kernel of RHEL 5.8 (2.6.18-308.el5): before it Red Hat's kernels may panic with divider= (BZ 698842).
FIRST_SAFE_BUILD = 308


# ---- timer_interrupt_rate --------------------------------------------------------------------------------------------


def assess_rate(evidence: Evidence, options: Options) -> Verdict:
    """RHEL 4 and 5: the tick divided. Other kernels: built to stop their tick, and no argument that keeps them from it."""
    distribution, running = evidence.platform.distribution, evidence.platform.kernel.release
    if not running:
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    stops, ticks = _tick(evidence, running)
    if distribution.family == "redhat" and distribution.major in (4, 5) and not stops:
        return _assess_divider(evidence, options)
    if stops is False and ticks > FEW_TICKS:
        return _ticks_for_ever(evidence, ticks)
    wish = Wish(
        lambda word: named(word, TICKING) and not kept(word, options["timer_interrupts_keep"]),
        (),
        normal_entries(evidence.boot),
    )
    right = (
        f"its kernel ticks {ticks} times a second at most."
        if stops is False
        else "its kernel stops its tick when it is idle, and no argument keeps it from that."
    )
    found = wish_verdict(evidence, wish, "no argument that keeps the tick", right)
    return _by_name(found, running) if stops is None else found


def _tick(evidence: Evidence, release: str) -> tuple[bool | None, int]:
    """Whether a kernel was built to stop its tick, None where its configuration is not there; and how often it ticks."""
    built = kernel_options(evidence, release)
    stops, ticks = tickless(built), (built or {}).get("HZ", "")
    return (None if stops is None else stops != "no"), int(ticks) if ticks.isdecimal() else 0


def _ticks_for_ever(evidence: Evidence, ticks: int) -> Verdict:
    """The running kernel was built to tick, busy or idle; perhaps the next one was not."""
    default = evidence.boot.default
    sides = {
        "runtime": f"{ticks} ticks a second",
        "persistent": f"kernel {default.release}" if default and default.release else None,
        "desired": "a kernel that stops its tick when it is idle",
        "owner": default.source if default else None,
    }
    reason = f"its kernel {evidence.platform.kernel.release} was built to tick {ticks} times a second on each CPU, idle or not"
    if default and _tick(evidence, default.release)[0]:
        return pending_reboot(f"{reason}; {default.release}, which boots next, was not", **sides)
    return manual(f"{reason} (CONFIG_NO_HZ): run the distribution's general kernel, or a newer release of it", **sides)


def _by_name(found: Verdict, running: str) -> Verdict:
    """What may be said of a kernel whose configuration is not there. Of the vendors' kernels it is known that they stop their
    tick; on no other, and for no change, will that do."""
    missing = f"the configuration of its kernel {running} is not in /boot or /lib/modules"
    if found.status is Status.UNKNOWN:
        return found
    sides = {"runtime": found.runtime, "persistent": found.persistent, "desired": found.desired, "owner": found.owner}
    if not TICKLESS_VENDORS.search(running):
        rest = "" if found.status is Status.COMPLIANT else f"; {found.reason}"
        return unknown(f"{missing}, so whether it stops its tick when idle is not known{rest}", **sides)
    known = f"{missing}; kernels of RHEL since 6 and of Photon stop their tick"
    if found.status in REMEDIABLE:
        return manual(f"{found.reason}. It is not taken out, for {known}", **sides)
    return replace(found, reason=f"{found.reason.removesuffix('.')}; {known}.")


def _assess_divider(evidence: Evidence, options: Options) -> Verdict:
    distribution = evidence.platform.distribution
    minor = distribution.minor
    if minor < (7 if distribution.major == 4 else 1):
        return not_applicable(
            f"its kernel does not know divider=, which came with RHEL 4.7 and 5.1 (this is {distribution.version})"
        )
    below_58 = distribution.major == 4 or minor < 8
    if below_58 and not options["timer_interrupts_divider_below_58"]:
        return not_applicable(
            f"divider= would help it, but Red Hat advises against it before RHEL 5.8, where the kernel may panic (BZ 698842; "
            f"this is {distribution.version}); timer_interrupts_divider_below_58 allows it"
        )
    wanted = f"divider={options['timer_interrupts_divider']}"
    entries = tuple(
        entry
        for entry in normal_entries(evidence.boot)
        if not entry.release.endswith("xen")
        and (options["timer_interrupts_divider_below_58"] or _is_safe(entry.release))
    )
    wish = Wish(lambda word: word.startswith("divider=") and word != wanted, (wanted,), entries)
    return wish_verdict(evidence, wish, wanted, "its kernel ticks 1000 times a second, divided.")


def _is_safe(release: str) -> bool:
    """True for a kernel of RHEL 5.8 or later, by its build; and for a name that tells none."""
    found = re.match(r"2\.6\.18-(\d+)", release)
    return found is None or int(found[1]) >= FIRST_SAFE_BUILD


# ---- timekeeping_cmdline ---------------------------------------------------------------------------------------------


def assess_timekeeping(evidence: Evidence, options: Options) -> Verdict:
    """Old releases: VMware's table. Newer kernels: none of what it once asked for."""
    platform = evidence.platform
    distribution, version = platform.distribution, platform.kernel.version
    if not platform.machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if platform.machine not in X86:
        return not_applicable(f"these arguments are about the timers of a PC (this is {platform.machine})")
    # Relatives count their releases from one again (SLE Micro 5.5): their kernels tell them from the old ones.
    if 0 < distribution.major <= LAST_IN_TABLE.get(distribution.family, 0) and version < FIRST_WITHOUT:
        return _assess_table(evidence, options)
    if version == (0, 0, 0):
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    if version < FIRST_WITHOUT:
        return unknown(f"VMware's table of arguments (KB 1006427) has no row for {distribution.name}")
    wish = Wish(
        lambda word: named(word, HARMFUL) and not kept(word, options["timer_interrupts_keep"]),
        (),
        normal_entries(evidence.boot),
    )
    return wish_verdict(
        evidence,
        wish,
        "no argument about timers",
        "the hypervisor tells the kernel its clock, and no argument says otherwise.",
    )


def _assess_table(evidence: Evidence, options: Options) -> Verdict:
    platform = evidence.platform
    distribution = platform.distribution
    bits = 64 if platform.machine == "x86_64" else 32
    name = f"{distribution.name} ({bits} bits)"
    found = row(distribution.family, distribution.major, distribution.minor, bits)
    if found is None:
        return unknown(f"VMware's table of arguments (KB 1006427) has no row for {name}")
    if not found.verified and not options["timer_interrupts_unverified"]:
        return unknown(
            f"what VMware's table of arguments (KB 1006427) asked of {name} could not be confirmed; see its archive, and set "
            "timer_interrupts_unverified where it says " + (" ".join(found.required) or "nothing")
        )
    # divider= is timer_interrupt_rate's.
    required = tuple(word for word in found.required if not word.startswith("divider="))
    names = {word.partition("=")[0] for word in required}
    right = (*required, *found.accepted, *options["timer_interrupts_keep"])
    wish = Wish(
        lambda word: word.partition("=")[0] in names and not kept(word, right),
        required,
        normal_entries(evidence.boot),
        lambda word, wanted: (
            word == wanted or (word in found.accepted and word.partition("=")[0] == wanted.partition("=")[0])
        ),
    )
    return wish_verdict(
        evidence,
        wish,
        " ".join(required) or "nothing",
        f"VMware's table of arguments (KB 1006427) asks for {' '.join(required) or 'nothing'} on {name}.",
    )


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    divider = options["timer_interrupts_divider"]
    if not 2 <= divider <= 100 or 1000 % divider:
        return f"timer_interrupts_divider is {divider}: expected a number from 2 to 100 that divides 1000"
    return None


_SOURCE = (
    "VMware KB 1006427 (now 310053), vmware_timekeeping.pdf; Red Hat BZ 698842; Linux "
    "Documentation/admin-guide/kernel-parameters.txt"
)

RECOMMENDATIONS = (
    Recommendation(
        id="timer_interrupt_rate",
        area="time",
        title="Let an idle guest's timer rest",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="1000 timer interrupts a second on each CPU are overhead; RHEL 4.7 and 5.1 know divider=, newer kernels are tickless.",
        today=(
            "RHEL 4 and 5 were never tickless: divider=10 from 5.8 on, where Red Hat found it safe. Kernels since stop "
            "their tick where they were built so (CONFIG_NO_HZ); divider= is unknown there, and nohz=off or highres=off undo "
            "what was gained."
        ),
        risk=(
            "With divider= timers are 10 ms apart: multimedia and usleep suffer. Before RHEL 5.8 the kernel may panic. A boot "
            "argument takes effect at the next boot."
        ),
        source=_SOURCE,
        reads=(*BOOT_READS, *KCONFIG_READS),
        assess=assess_rate,
        reboot=True,
    ),
    Recommendation(
        id="timekeeping_cmdline",
        area="time",
        title="Boot with the timer arguments of this release, and no others",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="See VMware's table of kernel arguments for timekeeping (KB 1006427).",
        today=(
            "The table is for kernels before 2009. Since then the hypervisor tells the kernel its clock, and arguments such as "
            "notsc or clocksource=acpi_pm make every look at the clock an exit."
        ),
        risk=(
            "An argument may have been given for a reason that is not the clock (noapic): timer_interrupts_keep leaves it. It "
            "takes effect at the next boot."
        ),
        source=_SOURCE,
        reads=BOOT_READS,
        assess=assess_timekeeping,
        reboot=True,
    ),
)
