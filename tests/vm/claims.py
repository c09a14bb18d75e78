# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claims of docs/proof.md. What is measured of each, its scenarios tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One claim: the recommendation whose words it is, else the law of this collection that it proves; the file of its scenarios;
    what emulation cannot show of it."""

    id: str
    title: str
    recommendation: str | None
    law: str
    file: str
    not_shown: str


PVSCSI = Claim(
    "pvscsi",
    "A guest that is moved to pvscsi boots if its images hold the driver",
    "pvscsi_initrd",
    "",
    "test_pvscsi.py",
    "a gain of speed, for emulation has none. QEMU's pvscsi is driven by the same vmw_pvscsi as VMware's. Its LSI controller is "
    "the 53C895A (sym53c8xx), an ancestor of the 53C1030 (mptspi) that VMware has.",
)
BOOT = Claim(
    "boot",
    "Timer arguments reach the kernel, and stale ones are taken out",
    "timer_interrupt_rate",
    "",
    "test_boot_options.py",
    "what an argument does: `divider=` is known to the kernels of EL 4 and 5 only; Debian's shows it in /proc/cmdline and does "
    "not heed it. Nor a boot by boot loader specification entries: Debian's GRUB 2 has no `blscfg`. These are proved on guest "
    "trees (tests/guests), by their parser.",
)
KERNEL = Claim(
    "kernel",
    "An approved kernel is added, and can be taken back",
    "guest_os_current",
    "",
    "test_kernel.py",
    "Ubuntu, whose kernels come in several packages, and a boot by UEFI.",
)
DISKS = Claim(
    "disks",
    "The hypervisor orders the I/O",
    "io_scheduler",
    "",
    "test_disks.py",
    "what it gains: no array and no other guest is behind this disk.",
)
TIMEOUT = Claim(
    "timeout",
    "A disk may be silent while its storage fails over",
    "scsi_disk_timeout",
    "",
    "test_disk_timeout.py",
    "a failover: no path and no array is behind this disk.",
)
NVME = Claim(
    "nvme",
    "An NVMe disk may be silent for as long",
    "nvme_io_timeout",
    "",
    "test_nvme.py",
    "a failover, and VMware's own controller: this one is QEMU's. Its disk says the first two words of VMware's model, by which "
    "audit and the udev rule know it. QEMU has no property for that: a copy of the program is run in which this string differs. "
    "Nor kernels whose NVMe disks have no timeout of their own: those are guest trees.",
)
QUEUE_DEPTH = Claim(
    "queue_depth",
    "A disk on shared storage may have more commands in flight",
    "scsi_queue_depth",
    "",
    "test_queue_depth.py",
    "what it gains: no array is behind this disk. The driver is today's, told to start disks as an older one did.",
)
RING_PAGES = Claim(
    "ring_pages",
    "The ring of an adapter grows, by a boot argument that goes again",
    "pvscsi_ring_pages",
    "",
    "test_queue_depth.py",
    "what it gains: no array is behind this disk. QEMU's pvscsi is driven by the same vmw_pvscsi as VMware's.",
)
VMXNET3 = Claim(
    "vmxnet3",
    "The card cuts packets, merges them for the guest alone, and has room for a burst",
    "vmxnet3_lro",
    "",
    "test_vmxnet3.py",
    "packets that were merged, and so a forwarder that loses some: QEMU's vmxnet3 offers LRO to Linux' driver, which turns it on "
    "and off as on VMware's, and merges nothing. Nor tunnels (its card has no offload for them), nor more than one queue.",
)
CONGESTION = Claim(
    "congestion",
    "A busy host is not taken for a busy network",
    "tcp_congestion_control",
    "",
    "test_congestion_control.py",
    "that a guest is slowed by it: no other guest is on this host, and the network is QEMU's own.",
)
CLOCK = Claim(
    "clock",
    "A look at the clock does not leave the guest",
    "clocksource_cost",
    "",
    "test_clocks.py",
    "nanoseconds, nor what an exit costs: processor, counter and devices are emulated, and most of a call's time is Perl's. Only "
    "ratios mean something, and of those their order: what is answered in user space, and what takes a system call. A counter that "
    "the kernel finds unstable.",
)
IDLE = Claim(
    "idle",
    "An idle guest's timer rests",
    "timer_interrupt_rate",
    "",
    "test_clocks.py",
    "what it costs a host, and `divider=`, which only the kernels of EL 4 and 5 know.",
)
CLONE = Claim(
    "clone",
    "A clone is a guest of its own, with a network",
    "clone_nic_binding",
    "",
    "test_clone.py",
    "vCenter's customization of a clone, and a second card. Netplan, NetworkManager, wicked and ifcfg files are read in guest "
    "trees only (tests/guests).",
)
OVERCOMMIT = Claim(
    "overcommit",
    "A program is told that memory is short, where another would be killed",
    "overcommit_policy",
    "",
    "test_overcommit.py",
    "",
)
BALLOON = Claim(
    "balloon",
    "Swap keeps the OOM killer away when the balloon inflates",
    "swap_size",
    "",
    "test_balloon.py",
    "VMware's own balloon; this one is virtio's. Both take pages that the guest's kernel must find, and it is the kernel that "
    "swaps or kills. How fast VMware's takes them, and that it stops at 65 % of memory, is not shown.",
)
CRON = Claim(
    "cron",
    "Jobs of many guests do not begin in the same minute",
    "cron_scatter",
    "",
    "test_cron.py",
    "the load on a host: jobs are counted, from the guests' own evidence, not run.",
)

POWER = Claim(
    "power",
    "A power cut at any moment leaves a guest that boots",
    None,
    "Old or new, never neither: cut off at any point, the guest boots, and the next run finishes or undoes the transaction "
    "first.",
    "test_power_cuts.py",
    "disks that lie about what they have written: what the guest flushed is kept, what it did not flush may be lost. Every order "
    "in which writes may reach a disk is tried in docs/crash.md.",
)
#: The role that the scenarios of whole profiles keep from changing anything, whatever the profile says.
KEPT_AT_AUDIT = "open_vm_tools"
PROFILES = Claim(
    "profiles",
    "A whole profile at once",
    None,
    "Audit, check mode and apply cannot disagree: what a profile enforces is done after one run, stays after a reboot, and goes "
    "with a revert.",
    "test_profiles.py",
    "what needs VMware's host (its statistics, its balloon): those findings say so. That VMware Tools are installed: every profile "
    "enforces it, and these virtual machines reach no mirror, so the scenarios set open_vm_tools_mode to audit.",
)
REBOOT = Claim(
    "reboot",
    "A reboot is asked for, seen and proved",
    None,
    "Baseline never needs a reboot; a reboot is a phase of its own, and what was to come of it is proved.",
    "test_reboot.py",
    "",
)

CLAIMS = (
    PVSCSI,
    BOOT,
    KERNEL,
    DISKS,
    TIMEOUT,
    NVME,
    QUEUE_DEPTH,
    RING_PAGES,
    VMXNET3,
    CONGESTION,
    CLOCK,
    IDLE,
    CLONE,
    BALLOON,
    OVERCOMMIT,
    CRON,
    PROFILES,
    POWER,
    REBOOT,
)
