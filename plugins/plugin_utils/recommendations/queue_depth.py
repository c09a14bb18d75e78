# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""queue_depth: let a disk on shared storage have enough commands in flight.

Older paravirtual drivers give a disk 64 commands, VMware asks for 254 on storage that can take them (KB 2053145, now 343323).
Today's driver starts with 254, so the values in sysfs decide, not the kernel's version. A queue that is too long for the
array only moves the waiting there, and is unfair to other VMs: nothing for a baseline.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.disk_attribute import (
    DiskAttribute,
    assess_attribute,
    scsi_owners,
    scsi_rule,
    summary,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Udev,
    kernel_argument_assignments,
    module_option_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Disk

RULE = "/etc/udev/rules.d/66-vmguest-queue-depth.rules"
PVSCSI = "15ad:07c0"
LSI = ("1000:0030", "1000:0054")
#: What LSI Logic's virtual controllers give a disk.
LSI_DEPTH = 32
#: Depth for new disks, and the pages of the adapter's ring, of which each takes 32 commands (drivers/scsi/vmw_pvscsi.c).
COMMANDS_PER_LUN = "/sys/module/vmw_pvscsi/parameters/cmd_per_lun"
RING_PAGES = "/sys/module/vmw_pvscsi/parameters/ring_pages"
COMMANDS_PER_PAGE = 32
USE_BLK_MQ = "/sys/module/scsi_mod/parameters/use_blk_mq"
#: Since 5.0 there is only the multi-queue block layer.
ALWAYS_MULTI_QUEUE = (5, 0, 0)


def wrong_options(options: Options) -> str | None:
    """Ranges that argument_specs cannot express."""
    depth = options["queue_depth_commands"]
    return None if 1 <= depth <= 254 else f"'queue_depth_commands' is {depth}; expected 1 to 254, the driver's most."


def _on(evidence: Evidence, *ids: str) -> list[Disk]:
    """The VMDKs on controllers of these PCI ids."""
    return [
        disk
        for disk in evidence.storage.virtual_disks
        if disk.is_scsi and disk.controller is not None and disk.controller.id in ids
    ]


def _unplaced(evidence: Evidence) -> Verdict | None:
    """Unknown, where a SCSI VMDK's controller is not known."""
    names = [disk.name for disk in evidence.storage.virtual_disks if disk.is_scsi and disk.controller is None]
    if not names:
        return None
    return unknown(f"neither /sys/block nor /proc/bus/pci/devices tells which controller serves {', '.join(names)}")


def assess_pvscsi(evidence: Evidence, options: Options) -> Verdict:
    """The depth of every disk on a paravirtual controller. The adapter's ring is only told of: it takes a reboot."""
    disks = _on(evidence, PVSCSI)
    if not disks:
        return _unplaced(evidence) or not_applicable("it has no disk on a paravirtual SCSI controller")
    unread = [disk.name for disk in disks if disk.queue_depth is None]
    if unread:
        return unknown(f"the queue depth of {', '.join(unread)} cannot be read in /sys/block/*/device/queue_depth")
    pages = evidence.file(RING_PAGES).value
    wanted = options["queue_depth_commands"]
    # The kernel refuses more than the adapter takes; with active memory encryption its ring is one page.
    if pages.isdecimal() and int(pages) * COMMANDS_PER_PAGE < wanted:
        wanted = int(pages) * COMMANDS_PER_PAGE
    attribute = DiskAttribute(
        rule=RULE,
        content=scsi_rule(
            "scsi_queue_depth: commands in flight of a disk on shared storage.",
            Udev.of(evidence),
            "queue_depth",
            wanted,
        ),
        unit="",
        wanted=wanted,
        now=lambda disk: disk.queue_depth,
        file=lambda disk: f"/sys/block/{disk.name}/device/queue_depth",
        owners=lambda disk, ours: [
            *_driver(evidence),
            *scsi_owners(evidence, disk, "queue_depth", disk.queue_depth, ours),
        ],
        good=f"a disk may have {wanted} commands in flight{_adapter(pages)}.",
        bad=f"which an array may serve faster than they come{_adapter(pages)}.",
    )
    return assess_attribute(evidence, attribute, disks)


def _driver(evidence: Evidence) -> list[Assignment]:
    """What the driver gives a new disk at the next boot: by its options, else its default, which its parameter shows where
    nothing set it at this boot."""
    options = module_option_assignments(evidence, "vmw_pvscsi", "cmd_per_lun")
    default = evidence.file(COMMANDS_PER_LUN).value
    if options or not default or evidence.platform.argument("vmw_pvscsi.cmd_per_lun") is not None:
        return options
    return [Assignment("the driver vmw_pvscsi", default)]


def _adapter(pages: str) -> str:
    """The adapter's limit for all its disks together."""
    if not pages.isdecimal():
        return ""
    limit = int(pages) * COMMANDS_PER_PAGE
    more = "; for many busy disks vmw_pvscsi.ring_pages=32 takes 1024, from a reboot on" if int(pages) < 32 else ""
    return f" (all disks of its adapter {limit} together{more})"


def assess_lsi(evidence: Evidence, options: Options) -> Verdict:
    """LSI Logic's virtual controllers have a depth that cannot be raised."""
    disks = _on(evidence, *LSI)
    if not disks:
        return _unplaced(evidence) or not_applicable("it has no disk on an LSI Logic controller")
    unread = [disk.name for disk in disks if disk.queue_depth is None]
    if unread:
        return unknown(f"the queue depth of {', '.join(unread)} cannot be read in /sys/block/*/device/queue_depth")
    sides = {
        "runtime": summary([(disk.name, str(disk.queue_depth)) for disk in disks]),
        "desired": f"{LSI_DEPTH} or more",
    }
    low = [f"{disk.name} has {disk.queue_depth}" for disk in disks if (disk.queue_depth or 0) < LSI_DEPTH]
    if low:
        return manual(
            f"{', '.join(low)}, the controller takes {LSI_DEPTH}: see who lowers it; more than that takes a paravirtual controller",
            **sides,
        )
    return compliant("as much as an LSI Logic controller takes; more takes a paravirtual one.", **sides)


def assess_blk_mq(evidence: Evidence, options: Options) -> Verdict:
    """The multi-queue block layer for SCSI disks, where the kernel leaves the choice."""
    if not _on(evidence, PVSCSI):
        return _unplaced(evidence) or not_applicable("it has no disk on a paravirtual SCSI controller")
    kernel = evidence.platform.kernel.version
    if kernel >= ALWAYS_MULTI_QUEUE:
        return not_applicable("its kernel has no other block layer (since 5.0)")
    parameter = evidence.file(USE_BLK_MQ)
    if not parameter.exists:
        return not_applicable("its kernel has no multi-queue block layer for SCSI disks (since 3.17)")
    if parameter.value not in ("Y", "N"):
        return unknown(f"{USE_BLK_MQ} cannot be read")
    boot = winner(kernel_argument_assignments(evidence, "scsi_mod.use_blk_mq"))
    started_with = evidence.platform.argument("scsi_mod.use_blk_mq")
    # Without an argument now and then, the next boot brings the same default.
    at_boot = boot.value if boot else parameter.value if started_with is None else "the kernel's default"
    sides = {
        "runtime": parameter.value,
        "persistent": at_boot,
        "desired": "Y",
        "owner": boot.owner if boot else "the kernel's default",
    }
    if at_boot in ("Y", "y", "1"):
        if parameter.value == "Y":
            return compliant("every processor has a queue of its own.", **sides)
        return pending_reboot("in use from the next boot on", **sides)
    return manual(
        "all processors share the one queue of a disk: expected scsi_mod.use_blk_mq=1 on the kernel's line of the boot loader, and "
        "a reboot; RHEL 7 calls it a technology preview for some drivers",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="scsi_queue_depth",
        area="storage",
        title="Let disks on shared storage have enough commands in flight",
        severity=Severity.LOW,
        baseline="off",
        talk="The adapter's queue depth is meant for local disks; on a SAN a greater one helps.",
        today="The driver's own default is 254 on today's kernels, what VMware asked for; older ones start with 64.",
        risk=(
            "Without queues of the same length on the host (HBA, Disk.SchedNumReqOutstanding) the commands wait there, and other "
            "VMs of the datastore wait behind them. Not for small arrays."
        ),
        source="VMware KB 2053145 (Broadcom 343323); Linux drivers/scsi/vmw_pvscsi.c",
        reads=(files(RULE, COMMANDS_PER_LUN, RING_PAGES),),
        assess=assess_pvscsi,
    ),
    Recommendation(
        id="lsi_queue_depth",
        area="storage",
        title="Have LSI Logic disks use the depth that there is",
        severity=Severity.LOW,
        baseline="audit",
        talk="The adapter's queue depth is meant for local disks; on a SAN a greater one helps.",
        today="LSI Logic's virtual controllers take 32 commands of a disk, 128 in all; no parameter raises it.",
        risk="None: it is only looked at.",
        source="VMware KB 2053145 (Broadcom 343323), on what controllers take",
        reads=(),
        assess=assess_lsi,
    ),
    Recommendation(
        id="scsi_blk_mq",
        area="storage",
        title="Use the multi-queue block layer for SCSI disks",
        severity=Severity.LOW,
        baseline="off",
        talk="Not in the talk.",
        today="Helps guests with many processors where the kernel leaves the choice (RHEL 7, SLES 12); 5.0 has nothing else.",
        risk="A preview for some drivers on RHEL 7. The I/O schedulers are others: see io_scheduler.",
        source="Linux Documentation/admin-guide/kernel-parameters.txt (scsi_mod.use_blk_mq), 3.17 to 4.20",
        reads=(files(USE_BLK_MQ),),
        assess=assess_blk_mq,
    ),
)
