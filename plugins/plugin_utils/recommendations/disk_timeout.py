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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Step, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Device,
    Udev,
    module_option_assignments,
    udev_assignments,
    winner,
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


def wrong_options(options: Options) -> str | None:
    """Ranges that argument_specs cannot express."""
    seconds = options["disk_timeout_seconds"]
    if not 30 <= seconds <= 3600:
        return (
            f"'disk_timeout_seconds' is {seconds}; expected 30 to 3600: below 30 the kernel's own default waits longer."
        )
    return None


# ---- both kinds ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """What tells SCSI from NVMe disks here: where the value is, its unit, who sets it, and how our rule would."""

    rule: str
    unit: str
    wanted: int
    now: Callable[[Disk], int | None]
    file: Callable[[Disk], str]
    #: Who sets it for a disk at the next boot, in order; with a rule of ours as it would be, where one is given.
    owners: Callable[[Disk, tuple[str, str] | None], list[Assignment]]
    content: str

    def enough(self, assignment: Assignment | None) -> bool:
        """True where the next boot brings at least what is wanted, for certain."""
        return bool(
            assignment and assignment.certain and assignment.value.isdecimal() and int(assignment.value) >= self.wanted
        )


def _assess(evidence: Evidence, kind: _Kind, disks: Sequence[Disk]) -> Verdict:
    """All disks of a kind whose values can be read and set."""
    boot = {disk.name: winner(_deciding(kind, disk, None)) for disk in disks}
    wrong_now = [disk for disk in disks if (kind.now(disk) or 0) < kind.wanted]
    wrong_at_boot = [disk for disk in disks if not kind.enough(boot[disk.name])]
    first = wrong_at_boot[0] if wrong_at_boot else disks[0]
    owner = boot[first.name]
    sides = {
        "runtime": _summary([(disk.name, f"{kind.now(disk)} {kind.unit}") for disk in disks]),
        "persistent": _summary([(disk.name, _at_boot(boot[disk.name], kind)) for disk in disks]),
        "desired": f"{kind.wanted} {kind.unit} or more",
        "owner": owner.owner if owner else "the kernel's default",
    }
    if not wrong_now and not wrong_at_boot:
        return compliant("a disk may be silent for as long as a failover takes.", **sides)
    ours = (kind.rule, kind.content)
    for disk in disks:
        then = winner(_deciding(kind, disk, ours))
        if not kind.enough(then):
            name = then.owner if then else "the kernel"
            return manual(
                f"{name} gives {disk.name} {_at_boot(then, kind)} and would win over a rule of ours; {kind.wanted} "
                f"{kind.unit} are expected: change or remove that rule",
                **sides,
            )
    steps: list[Step] = []
    if wrong_at_boot:
        present = evidence.file(kind.rule)
        before = present.text if present else None
        if before == kind.content:
            return unknown(
                f"{kind.rule} is as it should be, and yet its lines are not among those that were read", **sides
            )
        steps.append(WriteFile(kind.rule, kind.content, before))
    steps += [WriteKernel(kind.file(disk), str(kind.now(disk)), str(kind.wanted)) for disk in wrong_now]
    if wrong_now:
        names = ", ".join(f"{disk.name} waits {kind.now(disk)}" for disk in wrong_now)
        return noncompliant(
            f"{names} {kind.unit}, and a failover of the storage takes longer.", remedy=tuple(steps), **sides
        )
    return not_persistent(
        f"right now, but at the next boot {first.name} gets {_at_boot(owner, kind)}.", remedy=tuple(steps), **sides
    )


def _deciding(kind: _Kind, disk: Disk, ours: tuple[str, str] | None) -> list[Assignment]:
    """Who sets the value; of doubtful ones only those that would set too little."""
    return [entry for entry in kind.owners(disk, ours) if entry.certain or not kind.enough(_certain(entry))]


def _certain(entry: Assignment) -> Assignment:
    return Assignment(entry.owner, entry.value)


def _at_boot(assignment: Assignment | None, kind: _Kind) -> str:
    if assignment is None:
        return "the kernel's default"
    return f"{assignment.value} {kind.unit}" + ("" if assignment.certain else ", perhaps")


def _summary(values: list[tuple[str, str]]) -> str:
    """`180 s` where all disks agree, else `sda 30 s, sdb 180 s`."""
    distinct = {value for dummy, value in values}
    return distinct.pop() if len(distinct) == 1 else ", ".join(f"{name} {value}" for name, value in values)


# ---- SCSI ------------------------------------------------------------------------------------------------------------


def _scsi_owners(evidence: Evidence, disk: Disk, ours: tuple[str, str] | None) -> list[Assignment]:
    """Rules for the SCSI device come first, for it appears before its disk."""
    both: Device = {
        "SUBSYSTEMS": ("scsi",),
        "ATTRS{vendor}": (disk.vendor,),
        "ATTRS{model}": (disk.model,),
        "ATTRS{type}": ("0",),
        "ATTRS{timeout}": (str(disk.timeout_s),),
    }
    device: Device = {
        **both,
        "SUBSYSTEM": ("scsi",),
        "ENV{DEVTYPE}": ("scsi_device",),
        "ATTR{vendor}": (disk.vendor,),
        "ATTR{model}": (disk.model,),
        "ATTR{type}": ("0",),
    }
    block: Device = {
        **both,
        "KERNEL": (disk.name,),
        "SUBSYSTEM": ("block",),
        "SUBSYSTEMS": ("block", "scsi"),
        "ENV{DEVTYPE}": ("disk",),
    }
    return [
        *udev_assignments(evidence, device, "timeout", ours),
        *udev_assignments(evidence, block, "device/timeout", ours),
    ]


def _scsi_rule(udev: Udev, seconds: int) -> str:
    """Our rule: for VMDKs by vendor, and for those on a SATA controller, whose vendor is ATA, by model."""
    lines = ["# vmguest.linux, scsi_disk_timeout: a virtual disk may be silent while its storage fails over.\n"]
    for attribute in ("vendor", "model"):
        if udev is Udev.OLD_KEYS:
            # Before 098 udev assigns to no attribute, and its shell gets the device's path from the environment.
            lines.append(
                f'ACTION=="add", KERNEL=="sd*[!0-9]", BUS=="scsi", SYSFS{{{attribute}}}=="VMware*", '
                f"RUN+=\"/bin/sh -c 'echo {seconds} > /sys$$DEVPATH/device/timeout'\"\n"
            )
        else:
            lines.append(
                f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", KERNEL=="sd*", SUBSYSTEMS=="scsi", '
                f'ATTRS{{{attribute}}}=="VMware*", ATTR{{device/timeout}}="{seconds}"\n'
            )
    return "".join(lines)


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
            runtime=_summary([(disk.name, f"{disk.timeout_s} s") for disk in disks]),
            desired=f"{seconds} s or more",
        )
    kind = _Kind(
        rule=SCSI_RULE,
        unit="s",
        wanted=seconds,
        now=lambda disk: disk.timeout_s,
        file=lambda disk: disk.timeout_file,
        owners=lambda disk, ours: _scsi_owners(evidence, disk, ours),
        content=_scsi_rule(udev, seconds),
    )
    return _assess(evidence, kind, disks)


# ---- NVMe ------------------------------------------------------------------------------------------------------------


def _nvme_owners(evidence: Evidence, disk: Disk, ours: tuple[str, str] | None) -> list[Assignment]:
    """The driver's parameter, in seconds there and milliseconds here; udev comes after it."""
    device: Device = {
        "KERNEL": (disk.name,),
        "SUBSYSTEM": ("block",),
        "SUBSYSTEMS": ("block", "nvme"),
        "ENV{DEVTYPE}": ("disk",),
        "ATTRS{model}": (disk.model,),
    }
    return [
        *(
            Assignment(entry.owner, f"{entry.value}000" if entry.value.isdecimal() else entry.value)
            for entry in module_option_assignments(evidence, "nvme_core", "io_timeout")
        ),
        *udev_assignments(evidence, device, "queue/io_timeout", ours),
    ]


def _nvme_rule(milliseconds: int) -> str:
    return (
        "# vmguest.linux, nvme_io_timeout: a virtual disk may be silent while its storage fails over.\n"
        'ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="nvme*", ATTRS{model}=="VMware*", '
        f'TEST=="queue/io_timeout", ATTR{{queue/io_timeout}}="{milliseconds}"\n'
    )


def assess_nvme(evidence: Evidence, options: Options) -> Verdict:
    """Every VMDK of an NVMe controller."""
    disks = [disk for disk in evidence.storage.virtual_disks if disk.is_nvme]
    if not disks:
        return not_applicable("it has no NVMe disk that reports itself as VMware's")
    seconds = options["disk_timeout_seconds"]
    without = [disk for disk in disks if disk.io_timeout_ms is None]
    if without:
        if any(evidence.file(disk.io_timeout_file).exists for disk in without):
            return unknown(
                f"the timeout of {', '.join(disk.name for disk in without)} cannot be read in /sys/block/*/queue/io_timeout"
            )
        return _assess_parameter(evidence, seconds)
    kind = _Kind(
        rule=NVME_RULE,
        unit="ms",
        wanted=seconds * 1000,
        now=lambda disk: disk.io_timeout_ms,
        file=lambda disk: disk.io_timeout_file,
        owners=lambda disk, ours: _nvme_owners(evidence, disk, ours),
        content=_nvme_rule(seconds * 1000),
    )
    return _assess(evidence, kind, disks)


def _assess_parameter(evidence: Evidence, seconds: int) -> Verdict:
    """A kernel whose queues have no timeout of their own: only the driver's parameter, for disks that appear after it was set."""
    value = evidence.file(NVME_PARAMETER).value
    if not value.isdecimal():
        return unknown(f"neither /sys/block/nvme*/queue/io_timeout nor {NVME_PARAMETER} can be read")
    boot = winner(module_option_assignments(evidence, "nvme_core", "io_timeout"))
    wanted = min(seconds, HIGHEST_BYTE)
    sides = {
        "runtime": f"{value} s",
        "persistent": f"{boot.value} s" if boot else "the kernel's default",
        "desired": f"{wanted} s or more",
        "owner": boot.owner if boot else "the kernel's default",
    }
    if int(value) >= wanted and boot and boot.value.isdecimal() and int(boot.value) >= wanted:
        return compliant("a disk may be silent for as long as a failover takes.", **sides)
    return manual(
        f"this kernel sets the timeout of NVMe disks by its driver's parameter only: expected nvme_core.io_timeout={wanted} on "
        "the kernel's line of the boot loader, and a reboot",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="scsi_disk_timeout",
        area="storage",
        title="Let SCSI disks be silent for 180 seconds",
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
        title="Let NVMe disks be silent for 180 seconds",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="Not in the talk: there was no virtual NVMe controller.",
        today="The same storage fails over behind an NVMe controller, the kernel waits 30 seconds, and no rule is shipped.",
        risk="Clusters in the guest that must fail over within 180 seconds see a dead disk later.",
        source="open-vm-tools PR 618; Linux Documentation/ABI/stable/sysfs-block (io_timeout), drivers/nvme/host/core.c",
        reads=(files(NVME_RULE, NVME_PARAMETER),),
        assess=assess_nvme,
    ),
)
