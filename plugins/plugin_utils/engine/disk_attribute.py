# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A number in sysfs that disks should have at least: the verdict on its value now and on who sets it at boot. Pure.

The remedy is a udev rule, for boots and hot-added disks, only where none does it yet, and the value itself. No reboot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Step, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Device,
    Udev,
    udev_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import VMWARE_PCI, Disk


@dataclass(frozen=True)
class DiskAttribute:
    """What is wanted of an attribute, and where it is.

    ``now`` gives a disk's value, ``file`` its kernel file. ``owners`` tells who sets it at the next boot, in order: as things
    are, or as they were with a rule file (path, content) of ours. ``rule`` and ``content`` are that file. ``wanted`` and all
    values are in ``unit`` (``s``, ``ms``, or empty). ``good`` and ``bad`` end the reasons of a disk that has enough, or not.
    """

    rule: str
    content: str
    unit: str
    wanted: int
    now: Callable[[Disk], int | None]
    file: Callable[[Disk], str]
    owners: Callable[[Disk, tuple[str, str] | None], list[Assignment]]
    good: str
    bad: str

    def shown(self, value: object) -> str:
        """A value with its unit."""
        return f"{value} {self.unit}".strip()

    def suffices(self, assignment: Assignment) -> bool:
        """True where an assignment that holds sets enough."""
        return assignment.value.isdecimal() and int(assignment.value) >= self.wanted

    def at_boot(self, disk: Disk, ours: tuple[str, str] | None = None) -> Assignment | None:
        """The assignment that holds at the next boot; of doubtful ones only those count that would set too little."""
        return winner([entry for entry in self.owners(disk, ours) if entry.certain or not self.suffices(entry)])

    def enough(self, assignment: Assignment | None) -> bool:
        """True where the next boot brings enough, for certain."""
        return assignment is not None and assignment.certain and self.suffices(assignment)

    def described(self, assignment: Assignment | None) -> str:
        """What the next boot brings, for a person."""
        if assignment is None:
            return "the kernel's default"
        return self.shown(assignment.value) + ("" if assignment.certain else ", perhaps")


def assess_attribute(evidence: Evidence, attribute: DiskAttribute, disks: Sequence[Disk]) -> Verdict:
    """The verdict on ``disks``, of which every one shows its value."""
    boot = {disk.name: attribute.at_boot(disk) for disk in disks}
    wrong_now = [disk for disk in disks if (attribute.now(disk) or 0) < attribute.wanted]
    wrong_at_boot = [disk for disk in disks if not attribute.enough(boot[disk.name])]
    first = wrong_at_boot[0] if wrong_at_boot else disks[0]
    owner = boot[first.name]
    sides = {
        "runtime": summary([(disk.name, attribute.shown(attribute.now(disk))) for disk in disks]),
        "persistent": summary([(disk.name, attribute.described(boot[disk.name])) for disk in disks]),
        "desired": f"{attribute.shown(attribute.wanted)} or more",
        "owner": owner.owner if owner else "the kernel's default",
    }
    if not wrong_now and not wrong_at_boot:
        return compliant(attribute.good, **sides)
    for disk in disks:
        then = attribute.at_boot(disk, (attribute.rule, attribute.content))
        if not attribute.enough(then):
            return manual(
                f"{then.owner if then else 'the kernel'} gives {disk.name} {attribute.described(then)} and would win over a rule "
                f"of ours; {attribute.shown(attribute.wanted)} is expected: change or remove that rule",
                **sides,
            )
    steps: list[Step] = []
    if wrong_at_boot:
        present = evidence.file(attribute.rule)
        before = present.text if present else None
        if before == attribute.content:
            return unknown(
                f"{attribute.rule} has the expected content, but the probe did not return its lines", **sides
            )
        steps.append(WriteFile(attribute.rule, attribute.content, before))
    steps += [WriteKernel(attribute.file(disk), str(attribute.now(disk)), str(attribute.wanted)) for disk in wrong_now]
    if wrong_now:
        names = ", ".join(f"{disk.name} has {attribute.shown(attribute.now(disk))}" for disk in wrong_now)
        return noncompliant(f"{names}, {attribute.bad}", remedy=tuple(steps), **sides)
    return not_persistent(
        f"right now, but at the next boot {first.name} gets {attribute.described(owner)}.",
        remedy=tuple(steps),
        **sides,
    )


def summary(values: Sequence[tuple[str, str]]) -> str:
    """`180 s` where all disks agree, else `sda 30 s, sdb 180 s`."""
    distinct = {value for dummy, value in values}
    return distinct.pop() if len(distinct) == 1 else ", ".join(f"{name} {value}" for name, value in values)


def doubtful_nvme(evidence: Evidence) -> Verdict | None:
    """Unknown, where nothing tells whether an NVMe disk is a VMDK."""
    names = ", ".join(disk.name for disk in evidence.storage.perhaps_virtual)
    if not names:
        return None
    return unknown(
        f"/proc/bus/pci/devices cannot be read, so whether {names} hangs on VMware's controller is not known"
    )


def nvme_device(disk: Disk) -> Device:
    """An NVMe disk as udev rules see it, with the PCI device that serves it."""
    device: Device = {
        "KERNEL": (disk.name,),
        "SUBSYSTEM": ("block",),
        "SUBSYSTEMS": ("block", "nvme"),
        "ENV{DEVTYPE}": ("disk",),
        "ATTRS{model}": (disk.model,),
    }
    if disk.controller:
        vendor, dummy, number = disk.controller.id.partition(":")
        device["SUBSYSTEMS"] += ("pci",)
        device["DRIVERS"] = ("nvme",)
        device["ATTRS{vendor}"] = (f"0x{vendor}",)
        device["ATTRS{device}"] = (f"0x{number}",)
    return device


def nvme_matches(disks: Sequence[Disk]) -> list[str]:
    """The match keys of udev rules for these NVMe VMDKs: by model, and by the controller's vendor for those of another model.

    The driver's name is there for the vendor: it is also that of the ports below which passed-through disks hang.
    """
    keys = {
        True: 'KERNEL=="nvme*", ATTRS{model}=="VMware*"',
        False: f'KERNEL=="nvme*", DRIVERS=="nvme", ATTRS{{vendor}}=="0x{VMWARE_PCI}"',
    }
    named = {disk.has_vmware_name for disk in disks}
    return [match for by_name, match in keys.items() if by_name in named]


def scsi_owners(
    evidence: Evidence, disk: Disk, attribute: str, now: int | None, ours: tuple[str, str] | None
) -> list[Assignment]:
    """Who sets ``attribute`` of a disk's SCSI device: rules for that device first, for it appears before its disk."""
    both: Device = {
        "SUBSYSTEMS": ("scsi",),
        "ATTRS{vendor}": (disk.vendor,),
        "ATTRS{model}": (disk.model,),
        "ATTRS{type}": ("0",),
        f"ATTRS{{{attribute}}}": (str(now),),
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
        *udev_assignments(evidence, device, attribute, ours),
        *udev_assignments(evidence, block, f"device/{attribute}", ours),
    ]


def scsi_rule(comment: str, udev: Udev, attribute: str, value: int) -> str:
    """A rule file for an attribute of VMDKs' SCSI devices."""
    return f"# vmguest.linux, {comment}\n" + "".join(scsi_lines(udev, f"device/{attribute}", str(value)))


def scsi_lines(udev: Udev, attribute: str, value: str) -> list[str]:
    """The rules that set an attribute of VMDKs: by vendor, and for those on a SATA controller, whose vendor is ATA, by model."""
    lines = []
    for told in ("vendor", "model"):
        if udev is Udev.OLD_KEYS:
            # Before 098 udev assigns to no attribute, and its shell gets the device's path from the environment.
            lines.append(
                f'ACTION=="add", KERNEL=="sd*[!0-9]", BUS=="scsi", SYSFS{{{told}}}=="VMware*", '
                f"RUN+=\"/bin/sh -c 'echo {value} > /sys$$DEVPATH/{attribute}'\"\n"
            )
        else:
            lines.append(
                f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", KERNEL=="sd*", SUBSYSTEMS=="scsi", '
                f'ATTRS{{{told}}}=="VMware*", ATTR{{{attribute}}}="{value}"\n'
            )
    return lines
