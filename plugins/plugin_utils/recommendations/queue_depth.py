# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""queue_depth: let a disk on shared storage have enough commands in flight.

Older paravirtual drivers give a disk 64 commands, VMware asks for 254 on storage that can take them (KB 2053145, now 343323).
Today's driver starts with 254, so the values in sysfs decide, not the kernel's version. A queue that is too long for the
array only moves the waiting there, and is unfair to other VMs: nothing for a baseline.

The adapter's ring and the block layer are chosen when drivers are loaded: boot arguments, for whoever asks for them by an option.
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
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.module_parameter import (
    ModuleParameter,
    assess_parameter,
    parameter_assignments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import LISTED
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Udev,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.pci_ids import LSI_PARALLEL, LSI_SAS, PVSCSI
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Disk

RULE = "/etc/udev/rules.d/66-vmguest-queue-depth.rules"
LSI = (LSI_PARALLEL, LSI_SAS)
#: What LSI Logic's virtual controllers give a disk.
LSI_DEPTH = 32
#: Depth for new disks, and the pages of the adapter's ring, of which each takes 32 commands (drivers/scsi/vmw_pvscsi.c).
COMMANDS_PER_LUN = "/sys/module/vmw_pvscsi/parameters/cmd_per_lun"
RING_PAGES = "/sys/module/vmw_pvscsi/parameters/ring_pages"
COMMANDS_PER_PAGE = 32
MOST_PAGES = 32
USE_BLK_MQ = "/sys/module/scsi_mod/parameters/use_blk_mq"
#: Since 5.0 there is only the multi-queue block layer.
ALWAYS_MULTI_QUEUE = (5, 0, 0)


def wrong_options(options: Options) -> str | None:
    """Ranges that argument_specs cannot express."""
    depth, pages = options["queue_depth_commands"], options["queue_depth_ring_pages"]
    if not 1 <= depth <= 254:
        return f"'queue_depth_commands' is {depth}; expected 1 to 254, the driver's most."
    if not 0 <= pages <= MOST_PAGES:
        return f"'queue_depth_ring_pages' is {pages}; expected 1 to {MOST_PAGES}, the driver's most, or 0 to leave it."
    return None


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
    """The depth of every disk on a paravirtual controller. The adapter's ring is only told of: pvscsi_ring_pages has it."""
    closed = _unplaced(evidence)
    if closed:
        return closed
    disks = _on(evidence, PVSCSI)
    if not disks:
        return not_applicable("it has no disk on a paravirtual SCSI controller")
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
    """What the driver gives a new disk at the next boot: what its parameter shows, where no argument of this boot set that, and
    what its options say otherwise."""
    now = evidence.file(COMMANDS_PER_LUN).value
    options = parameter_assignments(evidence, "vmw_pvscsi", "cmd_per_lun", now)
    if not now or evidence.platform.argument("vmw_pvscsi.cmd_per_lun") is not None:
        return options
    return [Assignment("the driver vmw_pvscsi", now), *options]


def _adapter(pages: str) -> str:
    """The adapter's limit for all its disks together."""
    if not pages.isdecimal():
        return ""
    limit = int(pages) * COMMANDS_PER_PAGE
    more = "; for many busy disks see pvscsi_ring_pages" if int(pages) < MOST_PAGES else ""
    return f" (all disks of its adapter {limit} together{more})"


def assess_ring_pages(evidence: Evidence, options: Options) -> Verdict:
    """The ring of a paravirtual adapter, which limits all its disks together."""
    closed = _unplaced(evidence)
    if closed:
        return closed
    if not _on(evidence, PVSCSI):
        return not_applicable("it has no disk on a paravirtual SCSI controller")
    pages, wanted = evidence.file(RING_PAGES).value, options["queue_depth_ring_pages"]
    if not pages.isdecimal():
        return unknown(f"{RING_PAGES} cannot be read")
    if pages == "1":
        return not_applicable(
            "its adapter's ring is one page, as the driver has it where the guest's memory is encrypted, whatever the argument"
        )
    takes = int(pages) * COMMANDS_PER_PAGE
    if not wanted:
        return compliant(
            f"all disks of an adapter may have {takes} commands in flight together, of {MOST_PAGES * COMMANDS_PER_PAGE}; "
            "queue_depth_ring_pages=32 would have them all, for many busy disks, from a reboot on.",
            runtime=pages,
            desired="as the driver has it",
        )
    parameter = ModuleParameter(
        module="vmw_pvscsi",
        name="ring_pages",
        wanted=str(wanted),
        enough=lambda value: value.isdecimal() and int(value) >= wanted,
        now=pages,
        allowed=True,
        option="queue_depth_ring_pages",
        right=f"all disks of an adapter may have {takes} commands in flight together.",
        wrong=f"all disks of an adapter may have {takes} commands in flight together, and "
        f"{wanted * COMMANDS_PER_PAGE} were asked for",
    )
    return assess_parameter(evidence, parameter)


def assess_lsi(evidence: Evidence, options: Options) -> Verdict:
    """LSI Logic's virtual controllers have a depth that cannot be raised."""
    closed = _unplaced(evidence)
    if closed:
        return closed
    disks = _on(evidence, *LSI)
    if not disks:
        return not_applicable("it has no disk on an LSI Logic controller")
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
    closed = _unplaced(evidence)
    if closed:
        return closed
    if not _on(evidence, PVSCSI):
        return not_applicable("it has no disk on a paravirtual SCSI controller")
    kernel = evidence.platform.kernel.version
    if kernel >= ALWAYS_MULTI_QUEUE:
        return not_applicable("its kernel has no other block layer (since 5.0)")
    shown = evidence.file(USE_BLK_MQ)
    if not shown.exists:
        return not_applicable("its kernel has no multi-queue block layer for SCSI disks (since 3.17)")
    if shown.value not in ("Y", "N"):
        return unknown(f"{USE_BLK_MQ} cannot be read")
    parameter = ModuleParameter(
        module="scsi_mod",
        name="use_blk_mq",
        wanted="1",
        enough=lambda value: value in ("Y", "y", "1"),
        now=shown.value,
        allowed=options["queue_depth_blk_mq"],
        option="queue_depth_blk_mq",
        right="every processor has a queue of its own.",
        wrong="all processors share the one queue of a disk",
        caution="; RHEL 7 calls it a technology preview for some drivers",
    )
    return assess_parameter(evidence, parameter)


RECOMMENDATIONS = (
    Recommendation(
        id="scsi_queue_depth",
        area="storage",
        title="Let disks on shared storage have enough commands in flight",
        severity=Severity.LOW,
        baseline="off",
        talk="The adapter's queue depth is meant for local disks; on a SAN a greater one helps.",
        today="The driver's own default is 254 on today's kernels, as VMware asks for; older ones start with 64.",
        risk=(
            "Without queues of the same length on the host (HBA, Disk.SchedNumReqOutstanding) the commands wait there, and other "
            "VMs of the datastore wait behind them. Not for small arrays."
        ),
        source="VMware KB 2053145 (Broadcom 343323); Linux drivers/scsi/vmw_pvscsi.c",
        reads=(LISTED, files(RULE, COMMANDS_PER_LUN, RING_PAGES)),
        assess=assess_pvscsi,
    ),
    Recommendation(
        id="pvscsi_ring_pages",
        area="storage",
        title="Let many busy disks of one adapter have enough commands in flight together",
        severity=Severity.LOW,
        baseline="off",
        talk="The adapter's queue depth is meant for local disks; on a SAN a greater one helps.",
        today=(
            "The driver's ring is 8 pages for up to 16 disks, 256 commands for all of them together, and 32 pages for adapters "
            "of more; VMware asks for 32. It is set when the driver is loaded."
        ),
        risk=(
            "A boot argument, which takes effect at the next boot. More commands in flight only wait elsewhere without queues of "
            "the same length on the host."
        ),
        source="VMware KB 2053145 (Broadcom 343323); Linux drivers/scsi/vmw_pvscsi.c (ring_pages)",
        reads=(*BOOT_READS, LISTED, files(RING_PAGES)),
        assess=assess_ring_pages,
        reboot=True,
    ),
    Recommendation(
        id="lsi_queue_depth",
        area="storage",
        title="Let LSI Logic disks use the full depth of their controller",
        severity=Severity.LOW,
        baseline="audit",
        talk="The adapter's queue depth is meant for local disks; on a SAN a greater one helps.",
        today="LSI Logic's virtual controllers take 32 commands of a disk, 128 in all; no parameter raises it.",
        risk="None: it is only looked at.",
        no_remedy="The depth is the driver's own, which is the controller's limit; what lowers it is somebody's rule or tool.",
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
        today=(
            "Helps guests with many processors where the kernel leaves the choice (RHEL 7, SLES 12); since 5.0 there is nothing "
            "else."
        ),
        risk="On RHEL 7 a technology preview for some drivers. Other I/O schedulers are then available: see io_scheduler.",
        source="Linux Documentation/admin-guide/kernel-parameters.txt (scsi_mod.use_blk_mq), 3.17 to 4.20",
        reads=(*BOOT_READS, LISTED, files(USE_BLK_MQ)),
        assess=assess_blk_mq,
        reboot=True,
    ),
)
