# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_power_mgmt, steal_clock, irqbalance, cpu_mitigation_exposure: what a guest sees of its CPUs, and what it does with them.

- guest_power_mgmt: ``idle=poll`` keeps a virtual CPU, and so one of the host's, busy with nothing. For those who count
  microseconds ``guest_cpu_idle_poll`` allows it. All else that manages power does nothing in a guest.
- steal_clock: since 5.7 the kernel can show how long it waited for a CPU, where the VM's configuration says so.
- irqbalance: with several CPUs the interrupts of a card's queues are not all for one of them.
- cpu_mitigation_exposure: a VM that was never powered off since the host's microcode, or its own hardware version, changed does not
  see the CPU features that mitigations need, or that make them cheap. A reboot of the guest is not enough. Nor is it where boot
  options switch mitigations off: those stand in every boot's command line until somebody takes them out.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import (
    Wish,
    normal_entries,
    untold,
    wish_verdict,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Status,
    Verdict,
    compliant,
    manual,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import (
    ALL_UNMITIGATED,
    UNMITIGATED,
    UNMITIGATED_VECTORS,
    named,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cpu import READS as CPU
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kernel_lines import INTERRUPTS, KERNEL_LINES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import kernel_argument_assignments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import X86_32
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICES

#: The first kernel that asks VMware for stolen time (commit ab02bb3f55f5), on x86 with 64 bits.
TELLS_STEAL = (5, 7, 0)

#: Fewer interrupts since the boot tell nothing.
ENOUGH_INTERRUPTS = 100_000
#: Per cent of all on one CPU that are too many.
TOO_MANY = 90

_VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities/*"
_MELTDOWN = "/sys/devices/system/cpu/vulnerabilities/meltdown"
#: A weakness, or, after another's mitigation, a part of it ("…; BHI: Vulnerable") is open. In lower case ("SMT vulnerable", "VMX:
#: vulnerable"), after "KVM:", and where the host's state is "unknown", it is about what VMs may do to their host or to one another,
#: which no guest can cure (Documentation/admin-guide/hw-vuln, "Mitigation status" of each; arch/x86/kernel/cpu/bugs.c).
_OPEN = re.compile(r"^Vulnerable|[;,] (?!KVM:)[\w-]+: Vulnerable")
#: With these a change of page tables does not flush the TLB (Linux arch/x86/mm/tlb.c, Documentation/arch/x86/pti.rst).
CHEAP_ISOLATION = ("pcid", "invpcid")


# ---- guest_power_mgmt ------------------------------------------------------------------------------------------------


def assess_power(evidence: Evidence, options: Options) -> Verdict:
    """No CPU of the host is kept busy with an idle guest."""
    if options["guest_cpu_idle_poll"]:
        polls = evidence.platform.argument("idle") == "poll"
        how = "in force: this guest keeps CPUs of the host busy" if polls else "not in force"
        return compliant(
            f"idle=poll is allowed by guest_cpu_idle_poll, and {how}", runtime="idle=poll" if polls else "no idle=poll"
        )
    wish = Wish(lambda word: word == "idle=poll", (), normal_entries(evidence.boot))
    return wish_verdict(evidence, wish, "no idle=poll", "an idle guest gives its CPUs back to the host")


# ---- steal_clock -----------------------------------------------------------------------------------------------------


def assess_steal(evidence: Evidence, options: Options) -> Verdict:
    """Whether the guest sees how long it waited for CPUs."""
    platform = evidence.platform
    if platform.kernel.version == (0, 0, 0) or not platform.machine:
        return unknown("its kernel release or its architecture cannot be read")
    if platform.machine != "x86_64" or platform.kernel.version < TELLS_STEAL:
        return not_applicable(
            f"kernel {platform.kernel.release} on {platform.machine} cannot see it: that came with 5.7, for x86_64"
        )
    if platform.argument("no-steal-acc") is not None or kernel_argument_assignments(evidence, "no-steal-acc"):
        wish = Wish(lambda word: named(word, ("no-steal-acc",)), (), normal_entries(evidence.boot))
        return wish_verdict(evidence, wish, "no no-steal-acc", "the guest sees how long it waited for CPUs (steal)")
    words = next((line.text.split() for line in evidence.lines(KERNEL_LINES.name) if line.text.startswith("cpu ")), [])
    if len(words) < 9 or not words[8].isdigit():
        return unknown("/proc/stat does not tell how much time was stolen")
    if int(words[8]):
        return compliant(
            "the guest sees how long it waited for CPUs (steal)", runtime=f"{words[8]} ticks since the boot"
        )
    return not_applicable(
        "no time was stolen since the boot, or the host does not tell: stealclock.enable=TRUE in the VM's configuration (hardware "
        "version 13 or later) has it do so"
    )


# ---- irqbalance ------------------------------------------------------------------------------------------------------


def assess_irqbalance(evidence: Evidence, options: Options) -> Verdict:
    """The interrupts of network cards are spread, whoever spreads them."""
    cpus = evidence.network.cpus
    if not cpus:
        return unknown("/sys/devices/system/cpu/online could not be read")
    if cpus == 1:
        return not_applicable("it has one CPU")
    rows = [_counts(line.text) for line in evidence.lines(KERNEL_LINES.name) if line.path == INTERRUPTS]
    unit = (evidence.services.units or {}).get("irqbalance")
    runs = "irqbalance" in evidence.services.daemons
    sides = {
        "runtime": f"irqbalance {'runs' if runs else 'does not run'}, {len(rows)} queues of cards",
        "persistent": None if unit is None or not unit.exists else "enabled" if unit.enabled else "disabled",
        "desired": "the interrupts of cards are spread over CPUs",
        "owner": "irqbalance" if runs else "the kernel",
    }
    if len(rows) < 2:
        return not_applicable("no network card has more than one queue of interrupts")
    totals = [sum(column) for column in zip(*rows, strict=False)]
    if sum(totals) < ENOUGH_INTERRUPTS:
        return compliant(f"too few interrupts since the boot to tell ({sum(totals)})", **sides)
    most = max(range(len(totals)), key=totals.__getitem__)
    share = totals[most] * 100 // sum(totals)
    if share <= TOO_MANY:
        return compliant(f"interrupts of cards are spread: CPU {most} has most, {share} %", **sides)
    how = (
        "irqbalance runs and leaves them there: look for IRQBALANCE_BANNED_CPUS and for affinities set by hand"
        if runs
        else "install irqbalance and `systemctl enable --now irqbalance`, or write /proc/irq/*/smp_affinity_list"
    )
    return manual(f"CPU {most} has {share} % of the interrupts of {len(rows)} queues: {how}", **sides)


def _counts(row: str) -> list[int]:
    """`` 57:  12  340  PCI-MSI … ens192-rxtx-0`` is 12, 340."""
    found = re.match(r"\s*\w+:((?:\s+\d+)+)\s", row)
    return [int(word) for word in found[1].split()] if found else []


# ---- cpu_mitigation_exposure -----------------------------------------------------------------------------------------


def assess_mitigations(evidence: Evidence, options: Options) -> Verdict:
    """No weakness of the CPU is left open."""
    told = evidence.glob(_VULNERABILITIES)
    if not told:
        return unknown("this kernel does not tell which weaknesses of the CPU it knows (since 4.15 it does)")
    closed = [file.path for file in told if not file]
    if closed:
        return unknown(f"{closed[0]} could not be read")
    names = sorted(file.path.rpartition("/")[2] for file in told if _OPEN.search(file.value))
    entries = normal_entries(evidence.boot)
    now = [word for word in evidence.platform.command_line if _switches_off(word)]
    at_boot = {
        word: origin
        for entry in entries
        for word, origin in zip(entry.arguments, entry.origins, strict=True)
        if _switches_off(word)
    }
    by_arguments = [name for name in names if any(_leaves_open(word, name) for word in now)]
    by_vm = [name for name in names if name not in by_arguments]
    problem = untold(evidence, entries)
    off = list(dict.fromkeys((*now, *at_boot)))
    sides = {
        "runtime": ", ".join(f"{name} open" for name in names) or f"{len(told)} known, none open",
        "persistent": " ".join(at_boot) or (None if problem else "no argument that switches a mitigation off"),
        "desired": "none is open",
        "owner": " ".join(off) or "the CPU that the VM sees",
    }
    if now and not at_boot and not by_vm and not problem:
        return pending_reboot(f"until the next boot mitigations are switched off by {', '.join(now)}", **sides)
    what = []
    if off:
        places = ", ".join(dict.fromkeys(at_boot.values())) or "/proc/cmdline"
        opened = f", and so leave open: {', '.join(by_arguments)}" if by_arguments else ""
        what.append(
            f"the boot options switch mitigations off by {', '.join(off)} ({places}){opened}. Take out what is no decision of yours"
        )
    if by_vm:
        what.append(
            f"{', '.join(by_vm)}: the VM may not see what the host's CPU offers. Update host and guest kernel, raise the hardware "
            "version and the EVC baseline, then power the VM off and on (a reboot of the guest is not enough)"
        )
    if what:
        return manual(". Besides, ".join(what), **sides)
    found = _assess_isolation(evidence, sides, f"{len(told)} weaknesses are known, and none is open")
    if found.status is Status.COMPLIANT and problem:
        return unknown(problem, **sides)
    return found


def _switches_off(word: str) -> bool:
    return any(_leaves_open(word, weakness) for weakness in UNMITIGATED)


def _leaves_open(word: str, weakness: str) -> bool:
    """True for an argument of the kernel that leaves a weakness open."""
    name, dummy, value = word.partition("=")
    if name == "mitigations" and not UNMITIGATED_VECTORS.isdisjoint(value.split(",")):
        return True
    return named(word, (ALL_UNMITIGATED, *UNMITIGATED.get(weakness, ())))


def _assess_isolation(evidence: Evidence, sides: dict[str, str | None], right: str) -> Verdict:
    """Page table isolation, which closes Meltdown, has the features that make it cheap. Kernels of 32 bits cannot use them."""
    isolated = evidence.file(_MELTDOWN).value.startswith("Mitigation: PTI")
    if not isolated or evidence.platform.machine in X86_32:
        return compliant(right, **sides)
    features = evidence.cpu.features
    if features is None:
        return unknown(
            f"{right}; whether the CPU has {' and '.join(CHEAP_ISOLATION)}, without which page table isolation is slow, cannot be "
            "read",
            **sides,
        )
    missing = [name for name in CHEAP_ISOLATION if name not in features]
    if not missing:
        return compliant(right, **sides)
    sides = {
        **sides,
        "runtime": f"{sides['runtime']}, no {', no '.join(missing)}",
        "desired": "none is open, at little cost",
    }
    refused = next((word for word in ("nopcid", "noinvpcid") if evidence.platform.argument(word) is not None), None)
    if refused:
        return manual(
            f"{right}, but {refused} among the boot options makes page table isolation slow: take it out",
            **{**sides, "owner": refused},
        )
    return manual(
        f"{right}, but the VM sees no {', no '.join(missing)}: page table isolation then flushes the TLB at every call of the "
        "kernel. Raise the hardware version and the EVC baseline, then power the VM off and on (a reboot of the guest is not "
        "enough); where the host's CPU has none, another host is the way",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="guest_power_mgmt",
        area="platform",
        title="An idle guest gives its CPUs back",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="Governors and C-states do nothing in a guest; idle=poll, from guides for low latency, keeps CPUs of the host busy.",
        risk="Without idle=poll a guest wakes up some microseconds later: guest_cpu_idle_poll allows it. It takes a reboot.",
        source="Linux Documentation/admin-guide/kernel-parameters.txt (idle=); Best Practices for Performance Tuning of "
        "Latency-Sensitive Workloads in vSphere VMs",
        reads=BOOT,
        assess=assess_power,
        reboot=True,
    ),
    Recommendation(
        id="steal_clock",
        area="platform",
        title="See how long the guest waited for CPUs",
        severity=Severity.INFO,
        baseline="audit",
        talk="Not in the talk.",
        today="Since Linux 5.7, where stealclock.enable=TRUE is in the VM's configuration: the guest sees that its host is full.",
        risk="Where no-steal-acc is taken out of the boot options, it takes a reboot.",
        source="Linux commit ab02bb3f55f5, arch/x86/kernel/cpu/vmware.c",
        reads=(*BOOT, KERNEL_LINES),
        assess=assess_steal,
        reboot=True,
        reboot_when="only where `no-steal-acc` is taken out of the boot options",
        measures=True,
    ),
    Recommendation(
        id="irqbalance",
        area="platform",
        title="Spread the interrupts of cards over the CPUs",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="Kernels since 4.15 spread the interrupts of a card's queues by themselves; before, irqbalance does.",
        risk="None: it is only looked at. Guests for low latency keep interrupts off some CPUs on purpose.",
        no_remedy="Interrupts may be kept off some CPUs on purpose, and whoever wrote an affinity would write it again.",
        source="irqbalance(1); Linux Documentation/core-api/irq/irq-affinity.rst",
        reads=(*SERVICES, *NETWORK, KERNEL_LINES),
        assess=assess_irqbalance,
    ),
    Recommendation(
        id="cpu_mitigation_exposure",
        area="security",
        title="Let the VM see the CPU features that mitigations need",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk.",
        today="An old hardware version, or a VM that was not powered off since, hides the CPU features that mitigations need, or "
        "that make them cheap (PCID, INVPCID). Boot options from guides for speed (mitigations=off, nopti) switch them off.",
        risk="None: it is only looked at.",
        no_remedy=(
            "What the CPU shows is decided by the host's updates and the VM's configuration, and seen after a power cycle "
            "only; that a mitigation is switched off may be somebody's decision."
        ),
        source="Linux Documentation/ABI/testing/sysfs-devices-system-cpu, admin-guide/hw-vuln, admin-guide/kernel-parameters.txt "
        "(mitigations=), arch/x86/pti.rst; VMware KB 52085",
        reads=(files(_VULNERABILITIES), *CPU, *BOOT),
        assess=assess_mitigations,
    ),
)
