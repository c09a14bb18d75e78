# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage: the guest's disks and their request queues."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files

READS: tuple[Read, ...] = (
    entries("/sys/block/*"),
    files(
        "/sys/block/*/queue/scheduler",
        "/sys/block/*/queue/rotational",
        "/sys/block/*/device/vendor",
        "/sys/block/*/device/model",
        "/sys/block/*/removable",
    ),
)

#: Names in /sys/block that are no disks: they have no queue of their own, or none that a hypervisor serves.
NOT_DISKS = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|rbd|drbd|bcache)\d*")


@dataclass(frozen=True)
class Disk:
    """A disk. ``scheduler`` is the active one, None where the kernel shows none; ``schedulers`` are those on offer.

    ``rotational`` is the kernel's 0 or 1, by which distributions' udev rules choose; empty where it says nothing.
    """

    name: str
    vendor: str
    model: str
    scheduler: str | None
    schedulers: tuple[str, ...]
    rotational: str = ""

    @property
    def scheduler_file(self) -> str:
        """The kernel file that sets the scheduler."""
        return f"/sys/block/{self.name}/queue/scheduler"

    @property
    def is_nvme(self) -> bool:
        """True for an NVMe namespace."""
        return self.name.startswith("nvme")

    @property
    def is_virtual(self) -> bool:
        """True for a VMDK: the vendor that VMware's SCSI disks report, or the model of its NVMe disks."""
        return self.vendor.startswith("VMware") or self.model.startswith("VMware")

    @property
    def is_multi_queue(self) -> bool:
        """True where the kernel's multi-queue block layer serves the disk: only it has a scheduler called none
        that is not the sign of having no scheduler at all (Documentation/block/switching-sched.rst)."""
        return "none" in self.schedulers


@dataclass(frozen=True)
class Storage:
    """All disks, in the order of their names."""

    disks: tuple[Disk, ...]

    @property
    def virtual_disks(self) -> tuple[Disk, ...]:
        """The VMDKs among them."""
        return tuple(disk for disk in self.disks if disk.is_virtual)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Storage:
        """Read it from the probe's output."""
        disks = []
        for entry in probe.entries("/sys/block/*"):
            name = entry.path.rpartition("/")[2]
            if NOT_DISKS.match(name):
                continue
            words = probe.file(f"{entry.path}/queue/scheduler").value.split()
            chosen = [word.strip("[]") for word in words if word.startswith("[")]
            if len(words) == 1:
                chosen = words  # kernels without a choice print the bare name
            disks.append(
                Disk(
                    name,
                    probe.file(f"{entry.path}/device/vendor").value,
                    probe.file(f"{entry.path}/device/model").value,
                    chosen[0].strip("[]") if chosen else None,
                    tuple(word.strip("[]") for word in words),
                    probe.file(f"{entry.path}/queue/rotational").value,
                )
            )
        return cls(tuple(disks))
