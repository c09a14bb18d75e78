# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_timeout: let a virtual disk be silent while its storage fails over.

A path or an array that fails over is silent for 30 to 120 seconds. A guest that gives up before gets I/O errors, aborts its
journal and turns its root read-only. VMware asks for 180 seconds (KB 1009465). open-vm-tools ship a udev rule for SCSI disks
since 10.2, which udev from systemd 243 on ignored until 11.0.5; for NVMe disks nobody ships one (open-vm-tools PR 618).
A rule in place and a value in force are two things: each is read from its own evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.disk_attribute import (
    DiskAttribute,
    assess_attribute,
    doubtful_nvme,
    nvme_device,
    nvme_matches,
    scsi_owners,
    scsi_rule,
    summary,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
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
    udev_assignments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Disk

#: After the rule of open-vm-tools, 99-vmware-scsi-udev.rules, and old copies of it.
SCSI_RULE = "/etc/udev/rules.d/99-zz-vmguest-scsi-timeout.rules"
NVME_RULE = "/etc/udev/rules.d/99-zz-vmguest-nvme-timeout.rules"

#: The first kernel whose SCSI disks have a timeout that can be set; 2.4 had 60 seconds built in.
FIRST_SETTABLE = (2, 6, 0)
#: Of the kernel's NVMe driver, in seconds; a byte until 4.15 (drivers/nvme/host/core.c).
NVME_PARAMETER = "/sys/module/nvme_core/parameters/io_timeout"
HIGHEST_BYTE = 255

WHY = "a virtual disk may be silent while its storage fails over."
GOOD = "a disk may be silent for as long as a failover takes."
BAD = "and a failover of the storage takes longer."


def wrong_options(options: Options) -> str | None:
    """Ranges that argument_specs cannot express."""
    seconds = options["disk_timeout_seconds"]
    if not 30 <= seconds <= 3600:
        return (
            f"'disk_timeout_seconds' is {seconds}; expected 30 to 3600: below 30 the kernel's own default waits longer."
        )
    return None


# ---- SCSI ------------------------------------------------------------------------------------------------------------


def assess_scsi(evidence: Evidence, options: Options) -> Verdict:
    """Every VMDK of the SCSI layer."""
    disks = [disk for disk in evidence.storage.virtual_disks if disk.is_scsi]
    if not disks:
        return not_applicable("it has no SCSI disk that reports itself as VMware's")
    if (0, 0, 0) < evidence.platform.kernel.version < FIRST_SETTABLE:
        return not_applicable("kernels before 2.6 have the timeout built in")
    unread = [disk.name for disk in disks if disk.timeout_s is None]
    if unread:
        return unknown(f"the timeout of {', '.join(unread)} cannot be read in /sys/block/*/device/timeout")
    seconds = options["disk_timeout_seconds"]
    udev = Udev.of(evidence)
    if udev is Udev.NO_RUN:
        return manual(
            "this udev (before 055) can set no timeout; expected: "
            f"`for t in /sys/block/sd*/device/timeout; do echo {seconds} > $t; done` in /etc/rc.d/rc.local",
            runtime=summary([(disk.name, f"{disk.timeout_s} s") for disk in disks]),
            desired=f"{seconds} s or more",
        )
    attribute = DiskAttribute(
        rule=SCSI_RULE,
        content=scsi_rule(f"scsi_disk_timeout: {WHY}", udev, "timeout", seconds),
        unit="s",
        wanted=seconds,
        now=lambda disk: disk.timeout_s,
        file=lambda disk: disk.timeout_file,
        owners=lambda disk, ours: scsi_owners(evidence, disk, "timeout", disk.timeout_s, ours),
        good=GOOD,
        bad=BAD,
    )
    return assess_attribute(evidence, attribute, disks)


# ---- NVMe ------------------------------------------------------------------------------------------------------------


def _nvme_owners(evidence: Evidence, disk: Disk, ours: tuple[str, str] | None) -> list[Assignment]:
    """The driver's parameter, in seconds there and milliseconds here; udev comes after it."""
    return [
        *(
            replace(entry, value=f"{entry.value}000") if entry.value.isdecimal() else entry
            for entry in parameter_assignments(evidence, "nvme_core", "io_timeout", evidence.file(NVME_PARAMETER).value)
        ),
        *udev_assignments(evidence, nvme_device(disk), "queue/io_timeout", ours),
    ]


def _nvme_rule(disks: Sequence[Disk], milliseconds: int) -> str:
    return f"# vmguest.linux, nvme_io_timeout: {WHY}\n" + "".join(
        f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", {match}, '
        f'TEST=="queue/io_timeout", ATTR{{queue/io_timeout}}="{milliseconds}"\n'
        for match in nvme_matches(disks)
    )


def assess_nvme(evidence: Evidence, options: Options) -> Verdict:
    """Every VMDK of an NVMe controller."""
    doubtful = doubtful_nvme(evidence)
    if doubtful:
        return doubtful
    disks = [disk for disk in evidence.storage.virtual_disks if disk.is_nvme]
    if not disks:
        return not_applicable("it has no NVMe disk that reports itself as VMware's, or hangs on VMware's controller")
    seconds = options["disk_timeout_seconds"]
    without = [disk for disk in disks if disk.io_timeout_ms is None]
    if without:
        if any(evidence.file(disk.io_timeout_file).exists for disk in without):
            return unknown(
                f"the timeout of {', '.join(disk.name for disk in without)} cannot be read in /sys/block/*/queue/io_timeout"
            )
        return _assess_parameter(evidence, options)
    attribute = DiskAttribute(
        rule=NVME_RULE,
        content=_nvme_rule(disks, seconds * 1000),
        unit="ms",
        wanted=seconds * 1000,
        now=lambda disk: disk.io_timeout_ms,
        file=lambda disk: disk.io_timeout_file,
        owners=lambda disk, ours: _nvme_owners(evidence, disk, ours),
        good=GOOD,
        bad=BAD,
    )
    return assess_attribute(evidence, attribute, disks)


def _assess_parameter(evidence: Evidence, options: Options) -> Verdict:
    """A kernel whose queues have no timeout of their own: only the driver's parameter, for disks that appear after it was set."""
    value = evidence.file(NVME_PARAMETER).value
    if not value.isdecimal():
        return unknown(f"neither /sys/block/nvme*/queue/io_timeout nor {NVME_PARAMETER} can be read")
    wanted = min(options["disk_timeout_seconds"], HIGHEST_BYTE)
    parameter = ModuleParameter(
        module="nvme_core",
        name="io_timeout",
        wanted=str(wanted),
        enough=lambda told: told.isdecimal() and int(told) >= wanted,
        now=value,
        allowed=options["disk_timeout_boot_argument"],
        option="disk_timeout_boot_argument",
        right=GOOD,
        wrong=f"this kernel gives up on an NVMe disk after {value} s, by its driver's parameter only",
        often_written=True,
    )
    return assess_parameter(evidence, parameter)


RECOMMENDATIONS = (
    Recommendation(
        id="scsi_disk_timeout",
        area="storage",
        title="Wait 180 seconds for a SCSI disk that does not answer",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="The default timeout may not be sufficient; VMware Tools raise it to 180 seconds on kernels from 2.6.13 on.",
        today=(
            "Right, and not automatic everywhere: open-vm-tools have the rule since 10.2, udev of systemd 243 and later ignored "
            "it until 11.0.5, and old copies of it in /etc hide the good one."
        ),
        risk=(
            "Clusters in the guest that must fail over within 180 seconds see a dead disk later. Disks that report an array's "
            "name (RDM in physical mode) are left alone."
        ),
        source="VMware KB 1009465; open-vm-tools 99-vmware-scsi-udev.rules, issues 371 and 396; udev(7)",
        reads=(files(SCSI_RULE),),
        assess=assess_scsi,
    ),
    Recommendation(
        id="nvme_io_timeout",
        area="storage",
        title="Wait 180 seconds for an NVMe disk that does not answer",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="Not in the talk: there was no virtual NVMe controller.",
        today="The same storage fails over behind an NVMe controller, the kernel waits 30 seconds, and no rule is shipped.",
        risk="Clusters in the guest that must fail over within 180 seconds see a dead disk later.",
        source="open-vm-tools PR 618; Linux Documentation/ABI/stable/sysfs-block (io_timeout), drivers/nvme/host/core.c",
        reads=(*BOOT_READS, LISTED, files(NVME_RULE, NVME_PARAMETER)),
        assess=assess_nvme,
        reboot_when="only with `disk_timeout_boot_argument`, where NVMe disks have no timeout of their own",
    ),
)
