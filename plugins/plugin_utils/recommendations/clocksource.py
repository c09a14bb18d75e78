# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clocksource_cost: asking for the time must not leave the guest.

``gettimeofday`` and ``clock_gettime`` are called thousands of times a second by databases and Java. With the time-stamp counter
they are answered in user space, in tens of nanoseconds. acpi_pm and hpet are devices that the hypervisor emulates: each
reading is a system call and an exit from the guest. On x86 the kernel prefers ``tsc`` by itself, and on VMware it is told by
the hypervisor that it can be trusted (arch/x86/kernel/cpu/vmware.c). So another clock was chosen by somebody: by hand, by a
script, or by a kernel argument from the days before 2009; or the kernel found the counter unstable.

By hand is what is remedied here, at run time. Arguments are timekeeping_cmdline's. A kernel that distrusts its counter is
never told otherwise.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import normal_entries, untold
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import AVAILABLE, CURRENT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import READS as CLOCK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    kernel_argument_assignments,
)

#: Before 2.6.21 the x86_64 kernel did not count time by what sysfs calls its clock source; from 2.6.32 on (EL6, SLES 11 SP1) it
#: has the hypervisor's word for the counter. Between them VMware's table of arguments holds.
FIRST_TRUSTED = (2, 6, 32)

#: Read in user space (the kernel's vDSO), without an exit. The last two are those of KVM and Hyper-V, for lab guests.
CHEAP = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")
WANTED = {"x86_64": "tsc", "i686": "tsc", "i586": "tsc", "i386": "tsc", "aarch64": "arch_sys_counter"}


#: Arguments that keep the kernel from counting by tsc, and the values with which they do not. `clock=` is the old name of
#: `clocksource=`, which every kernel still heeds.
ARGUMENTS = ("clocksource", "clock", "notsc", "tsc")


def _avoids_tsc(name: str, value: str) -> bool:
    if name == "tsc":
        return value == "unstable"
    return name == "notsc" or value not in CHEAP


def _running_arguments(evidence: Evidence) -> list[str]:
    found = []
    for name in ARGUMENTS:
        value = evidence.platform.argument(name)
        if value is not None and _avoids_tsc(name, value):
            found.append(f"{name}={value}" if value else name)
    return found


def _boot_arguments(evidence: Evidence) -> list[Assignment]:
    found = []
    for name in ARGUMENTS:
        for entry in kernel_argument_assignments(evidence, name):
            if _avoids_tsc(name, entry.value):
                found.append(Assignment(entry.owner, f"{name}={entry.value}" if entry.value else name))
    return found


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The clock source now, and what would choose another at the next boot."""
    platform, clock = evidence.platform, evidence.clock
    wanted = WANTED.get(platform.machine)
    if wanted is None:
        return unknown(
            f"uname -m says '{platform.machine}', and which clock is cheap on that machine is not known here"
        )
    if (0, 0, 0) < platform.kernel.version < FIRST_TRUSTED:
        return not_applicable(
            f"kernel {platform.kernel.release} does not know the hypervisor's counter: it counts by what its arguments say "
            "(timekeeping_cmdline)"
        )
    if clock.current is None:
        return unknown(f"{CURRENT} cannot be read")
    running = _running_arguments(evidence)
    boot = _boot_arguments(evidence)
    scripts = [entry for entry in clock.writers if entry.value not in CHEAP]
    at_boot = boot[-1] if boot else scripts[-1] if scripts else None
    sides = {
        "runtime": clock.current,
        "persistent": (at_boot.value or "not to be told") if at_boot else "the kernel's choice",
        "desired": wanted,
        "owner": at_boot.owner if at_boot else "the kernel",
    }
    if boot:
        return manual(
            f"{boot[-1].owner} gives the kernel {boot[-1].value}, which keeps it from {wanted}: take it out "
            "(timekeeping_cmdline does) and reboot",
            **sides,
        )
    if scripts:
        return manual(
            f"{scripts[-1].owner} chooses {scripts[-1].value or 'a clock source'} at boot: take that out of it", **sides
        )
    if clock.current in CHEAP:
        problem = untold(evidence, normal_entries(evidence.boot))
        if problem:
            return unknown(problem, runtime=clock.current, desired=wanted)
        return compliant(f"{clock.current} is read without leaving the guest", **sides)
    if running:
        return pending_reboot(
            f"this kernel was booted with {' '.join(running)}; the next boot counts by {wanted} again", **sides
        )
    if wanted not in clock.available:
        return manual(
            f"the kernel counts by {clock.current} and does not offer {wanted}: it found that counter unstable or has none "
            "(its log says why: journalctl -k or dmesg, 'tsc'). Look at the VM's hardware version and at the host",
            **sides,
        )
    doubt = _not_listed_by_trust(evidence)
    if doubt:
        return manual(
            f"the kernel counts by {clock.current}, and with {doubt} its list of clock sources does not tell whether it trusts "
            f"{wanted}: take {doubt} out of its arguments (timekeeping_cmdline does) and reboot",
            **sides,
        )
    return noncompliant(
        f"the kernel counts by {clock.current}, and every look at the clock leaves the guest",
        remedy=(WriteKernel(CURRENT, clock.current, wanted),),
        **sides,
    )


def _not_listed_by_trust(evidence: Evidence) -> str | None:
    """The argument with which the kernel lists untrusted sources, too: there is no one-shot tick without both."""
    platform = evidence.platform
    off = [f"{name}=off" for name in ("highres", "nohz") if platform.argument(name) == "off"]
    return " ".join(off) if len(off) == 2 else None


RECOMMENDATIONS = (
    Recommendation(
        id="clocksource_cost",
        area="time",
        title="Read the clock without leaving the guest",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Some kernels serialize RDTSC by CPUID, and each CPUID leaves the guest: gettimeofday is expensive.",
        today=(
            "Those kernels are gone (x86_64 of 2.6.18). What is left is a clock that is not the time-stamp counter: acpi_pm or "
            "hpet, chosen by old advice, by hand, or because the kernel distrusts the counter."
        ),
        risk=(
            "A kernel that found its counter unstable is right more often than not, so it is never forced. A change of clock while "
            "programs run is seamless for them."
        ),
        source=f"Linux kernel/time/clocksource.c, arch/x86/kernel/cpu/vmware.c; {AVAILABLE}; VMware KB 310053 (1006427)",
        reads=(*BOOT_READS, *CLOCK_READS),
        assess=assess,
    ),
)
