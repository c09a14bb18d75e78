# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments of the kernel: VMware's table about timers for old kernels, what no newer kernel should have, and what pins a guest.

The table is that of VMware KB 1006427 (now Broadcom KB 310053), "Timekeeping best practices for Linux guests", as captures of
2009 to 2012 have it; today's text no longer holds it. Where captures differ, the shorter answer stands and the longer is
accepted. Rebuilds (CentOS, Oracle) are as the Red Hat release of the same number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What a release needs. ``last`` is the last minor release (or service pack) that it holds for, from ``first`` on.

    ``accepted`` arguments are neither asked for nor wrong, and stand in for a required one of their name. ``verified`` is False for
    what no source that was read confirms: it is kept to be confirmed, and rests nothing.
    """

    family: str
    major: int
    first: int
    last: int
    bits: int
    required: tuple[str, ...]
    accepted: tuple[str, ...] = ()
    verified: bool = True


KB_1006427 = (
    Row("redhat", 5, 4, 99, 32, (), ("divider=10", "clocksource=acpi_pm")),
    Row("redhat", 5, 1, 3, 32, ("divider=10", "clocksource=acpi_pm")),
    Row("redhat", 5, 0, 0, 32, ("clocksource=acpi_pm",)),
    # hpet=disable is in the later captures only.
    Row("redhat", 4, 7, 9, 32, ("clock=pmtmr", "divider=10"), ("hpet=disable",)),
    Row("redhat", 4, 0, 6, 32, ("clock=pmtmr",), ("hpet=disable",)),
    Row("redhat", 3, 0, 99, 32, ()),
    # Service packs 2 and 3: a VMI kernel on ESX 3.5, which has long been taken out again.
    Row("suse", 10, 2, 99, 32, (), ("clock=pmtmr",)),
    Row("suse", 10, 1, 1, 32, ("clock=pmtmr",)),
    # clock=hpet is for AMD's processors of revision F.
    Row("suse", 10, 0, 0, 32, ("clock=pmtmr",), ("clock=hpet",)),
    Row("suse", 9, 0, 99, 32, ("clock=pmtmr",)),
    # 64-bit kernels: from memory. No capture that could be read has this half of the table.
    Row("redhat", 5, 4, 99, 64, (), verified=False),
    Row("redhat", 5, 1, 3, 64, ("notsc", "divider=10"), verified=False),
    Row("redhat", 5, 0, 0, 64, ("notsc",), verified=False),
    Row("redhat", 4, 7, 9, 64, ("notsc", "divider=10"), verified=False),
    Row("redhat", 4, 0, 6, 64, ("notsc",), verified=False),
    Row("suse", 10, 2, 99, 64, (), verified=False),
    Row("suse", 10, 0, 1, 64, ("notsc",), verified=False),
    Row("suse", 9, 0, 99, 64, ("notsc",), verified=False),
)

#: The last major release of a family that the table asks something of, and the first kernel of those that it asks nothing of:
#: that of SLES 11 (RHEL 6 has 2.6.32).
LAST_IN_TABLE = {"redhat": 5, "suse": 10}
FIRST_WITHOUT = (2, 6, 27)


def row(family: str, major: int, minor: int, bits: int) -> Row | None:
    """The row for a release, None where the table has none."""
    for found in KB_1006427:
        if (found.family, found.major, found.bits) == (family, major, bits) and found.first <= minor <= found.last:
            return found
    return None


#: Whole arguments, or names (with ``=``) of which any value counts, that keep a newer kernel from the clock that the hypervisor
#: vouches for (arch/x86/kernel/cpu/vmware.c), or from its timers. hpet=disable harms nothing.
HARMFUL = (
    "notsc",
    "tsc=unstable",
    "clock=",
    "clocksource=acpi_pm",
    "clocksource=pit",
    "clocksource=hpet",
    "clocksource=jiffies",
    "lpj=",
    "pmtmr=",
    "nohpet",
    "noapic",
    "nolapic",
    "nosmp",
    "no-vmw-sched-clock",
)
#: Those that keep a tickless kernel ticking, and divider=, which only the kernels of RHEL 4 and 5 know. Off has four spellings
#: (kstrtobool in lib/kstrtox.c).
TICKING = ("divider=", *(f"{name}={off}" for name in ("nohz", "highres") for off in ("off", "0", "n", "no")))

#: Parameters of modules that engine/module_parameter.py sets.
PARAMETERS = ("vmw_pvscsi.ring_pages=", "nvme_core.io_timeout=", "scsi_mod.use_blk_mq=")

#: Those that hold a kernel to the machine that somebody chose them on: processors, memory, features and power states that
#: another has not, or has more of. (lpj= is among the harmful ones; UNMITIGATED is a matter of security, of which
#: cpu_mitigation_exposure tells.)
PINNED = (
    "clearcpuid=",
    "noxsave",
    "noxsaveopt",
    "noxsaves",
    "mem=",
    "maxcpus=",
    "nr_cpus=",
    "possible_cpus=",
    "intel_idle.",
    "processor.",
    "intel_iommu=",
    "dis_ucode_ldr",
)


#: What leaves all weaknesses of the CPU open, then what leaves one open, by its name in sysfs (Linux Documentation/admin-guide/
#: kernel-parameters.txt, mitigations=, and each argument's other spellings). Left out is what matters to hosts of VMs alone:
#: l1tf=off (page table entries stay inverted), kvm.nx_huge_pages=off, vmscape=off.
ALL_UNMITIGATED = "mitigations=off"
#: The same for what a guest's own programs may do, behind another value of ``mitigations=`` since Linux 6.17
#: (Documentation/admin-guide/hw-vuln/attack_vector_controls.rst): ``mitigations=auto,no_user_kernel``.
UNMITIGATED_VECTORS = frozenset(("no_user_kernel", "no_user_user"))
#: Without them nothing is there to build the mitigations of two later weaknesses on (arch/x86/kernel/cpu/bugs.c).
_NO_SPECTRE_V2 = ("nospectre_v2", "spectre_v2=off")
UNMITIGATED = {
    "meltdown": ("nopti", "pti=off", "kpti=off", "kpti=0"),
    "spectre_v1": ("nospectre_v1",),
    "spectre_v2": (*_NO_SPECTRE_V2, "spectre_v2_user=off", "spectre_bhi=off", "nospectre_bhb"),
    "spec_store_bypass": ("spec_store_bypass_disable=off", "nospec_store_bypass_disable", "ssbd=force-off"),
    "retbleed": ("retbleed=off", *_NO_SPECTRE_V2),
    "indirect_target_selection": ("indirect_target_selection=off", *_NO_SPECTRE_V2),
    "mds": ("mds=off",),
    "tsx_async_abort": ("tsx_async_abort=off",),
    "mmio_stale_data": ("mmio_stale_data=off",),
    "srbds": ("srbds=off",),
    "gather_data_sampling": ("gather_data_sampling=off",),
    "reg_file_data_sampling": ("reg_file_data_sampling=off",),
    "spec_rstack_overflow": ("spec_rstack_overflow=off",),
    "tsa": ("tsa=off",),
}


def kept(word: str, wanted: Sequence[str]) -> bool:
    """True for an argument that an option says is wanted, whole or by its name."""
    return any(word == one or word.partition("=")[0] == one for one in wanted)


def named(word: str, listed: tuple[str, ...]) -> bool:
    """True where ``word`` is one of ``listed``: whole, by its name (which ends in ``=``) or by its module (which ends in ``.``).
    The kernel takes - for _."""
    plain = word.replace("_", "-")
    wanted = [entry.replace("_", "-") for entry in listed]
    return any(plain.startswith(entry) if entry.endswith(("=", ".")) else plain == entry for entry in wanted)
