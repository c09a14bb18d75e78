# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storage: the guest's disks, their request queues, and the controllers that serve them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files

#: Bus and function of a PCI device, in /proc/bus/pci/devices.
_SLOT = re.compile(r"[0-9a-f]{4}")

READS: tuple[Read, ...] = (
    # Where the links lead names the controller and the SCSI host; before 2.6.27 a disk is a folder, and only its device a link.
    entries("/sys/block/*", "/sys/block/*/device"),
    # Every PCI device in one file, on all kernels: place, id, and the driver's name in the last column (drivers/pci/proc.c).
    files("/proc/bus/pci/devices"),
    files(
        "/sys/block/*/device/timeout",
        "/sys/block/*/device/queue_depth",
        "/sys/block/*/queue/io_timeout",
        "/sys/block/*/queue/scheduler",
        "/sys/block/*/queue/rotational",
        "/sys/block/*/device/vendor",
        "/sys/block/*/device/model",
        "/sys/block/*/removable",
    ),
)

#: Names in /sys/block that are no disks: they have no queue of their own, or none that a hypervisor serves.
NOT_DISKS = re.compile(r"(loop|ram|zram|sr|fd|dm-|md|nbd|rbd|drbd|bcache)\d*")


#: VMware's vendor number on the PCI bus (drivers/misc/vmw_vmci, drivers/scsi/vmw_pvscsi.h).
VMWARE_PCI = "15ad"

_PCI_ADDRESS = re.compile(r"[0-9a-f]{4}:([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])")
_SCSI_HOST = re.compile(r"/(host\d+)/")


@dataclass(frozen=True)
class Controller:
    """A PCI device: ``address`` as ``03:00.0``, ``id`` as ``15ad:07c0``; ``driver`` is empty where none of the PCI bus has it.

    BusLogic's driver is never named: it looks for its devices by itself.
    """

    address: str
    id: str
    driver: str = ""


@dataclass(frozen=True)
class Disk:
    """A disk. ``scheduler`` is the active one, None where the kernel shows none; ``schedulers`` are those on offer.

    ``rotational`` is the kernel's 0 or 1, by which distributions' udev rules choose; empty where it says nothing.
    ``timeout_s`` (SCSI), ``io_timeout_ms`` (queues that have one) and ``queue_depth`` are what the kernel uses now, None where
    it shows none. ``controller`` serves the disk, None where nothing tells which; ``host`` is its SCSI host (``host0``).
    """

    name: str
    vendor: str
    model: str
    scheduler: str | None
    schedulers: tuple[str, ...]
    rotational: str = ""
    timeout_s: int | None = None
    io_timeout_ms: int | None = None
    queue_depth: int | None = None
    controller: Controller | None = None
    host: str = ""

    @property
    def scheduler_file(self) -> str:
        """The kernel file that sets the scheduler."""
        return f"/sys/block/{self.name}/queue/scheduler"

    @property
    def timeout_file(self) -> str:
        """The kernel file that sets how many seconds a SCSI command may take."""
        return f"/sys/block/{self.name}/device/timeout"

    @property
    def io_timeout_file(self) -> str:
        """The kernel file that sets how many milliseconds a request may take (since 5.0, and where it was backported)."""
        return f"/sys/block/{self.name}/queue/io_timeout"

    @property
    def is_scsi(self) -> bool:
        """True for a disk of the SCSI layer (SATA's, too)."""
        return self.name.startswith("sd")

    @property
    def is_nvme(self) -> bool:
        """True for an NVMe namespace."""
        return self.name.startswith("nvme")

    @property
    def is_virtual(self) -> bool:
        """True for a VMDK: the vendor that VMware's SCSI disks report, or the model of its NVMe disks. An NVMe disk of another
        model is one where VMware's controller serves it; a SCSI disk is not, for that may be an array's own (an RDM)."""
        return self.has_vmware_name or (
            self.is_nvme and self.controller is not None and self.controller.id.startswith(f"{VMWARE_PCI}:")
        )

    @property
    def has_vmware_name(self) -> bool:
        """True where vendor or model is VMware's."""
        return self.vendor.startswith("VMware") or self.model.startswith("VMware")

    @property
    def is_multi_queue(self) -> bool:
        """True where the kernel's multi-queue block layer serves the disk: only it has a scheduler called none
        that is not the sign of having no scheduler at all (Documentation/block/switching-sched.rst)."""
        return "none" in self.schedulers


@dataclass(frozen=True)
class Storage:
    """All disks, in the order of their names, and all PCI devices by their address."""

    disks: tuple[Disk, ...]
    pci: dict[str, Controller] = field(default_factory=dict)

    @property
    def virtual_disks(self) -> tuple[Disk, ...]:
        """The VMDKs among them."""
        return tuple(disk for disk in self.disks if disk.is_virtual)

    @property
    def perhaps_virtual(self) -> tuple[Disk, ...]:
        """NVMe disks of another model than VMware's, on a guest whose PCI devices cannot be read: nothing tells whose they are."""
        return () if self.pci else tuple(disk for disk in self.disks if disk.is_nvme and not disk.is_virtual)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Storage:
        """Read it from the probe's output."""
        disks = []
        pci = _pci_devices(probe)
        for entry in probe.entries("/sys/block/*"):
            name = entry.path.rpartition("/")[2]
            if NOT_DISKS.match(name):
                continue
            words = probe.file(f"{entry.path}/queue/scheduler").value.split()
            chosen = [word.strip("[]") for word in words if word.startswith("[")]
            if len(words) == 1:
                chosen = words  # kernels without a choice print the bare name
            way = way_to(probe, entry) + "/"
            addresses, hosts = _PCI_ADDRESS.findall(way), _SCSI_HOST.findall(way)
            disks.append(
                Disk(
                    name,
                    probe.file(f"{entry.path}/device/vendor").value,
                    probe.file(f"{entry.path}/device/model").value,
                    chosen[0].strip("[]") if chosen else None,
                    tuple(word.strip("[]") for word in words),
                    probe.file(f"{entry.path}/queue/rotational").value,
                    _number(probe, f"{entry.path}/device/timeout"),
                    _number(probe, f"{entry.path}/queue/io_timeout"),
                    _number(probe, f"{entry.path}/device/queue_depth"),
                    pci.get(addresses[-1]) if addresses else None,
                    hosts[-1] if hosts else "",
                )
            )
        return cls(tuple(disks), pci)


def way_to(probe: ProbeOutput, disk: Entry) -> str:
    """Where the links of a disk in /sys/block lead, by way of every device that it hangs on, the nearest last."""
    device = probe.entry(f"{disk.path}/device")
    return " ".join(link.target for link in (disk, device) if link is not None and link.target)


def _number(probe: ProbeOutput, path: str) -> int | None:
    value = probe.file(path).value
    return int(value) if value.isdecimal() else None


def _pci_devices(probe: ProbeOutput) -> dict[str, Controller]:
    """``0b00<tab>15ad07c0<tab>…<tab>vmw_pvscsi``: bus and device.function in hexadecimal, vendor and device; no domain."""
    found = {}
    for line in probe.file("/proc/bus/pci/devices").lines:
        columns = line.split("\t")
        if len(columns) < 3 or not _SLOT.fullmatch(columns[0]) or len(columns[1]) != 8:
            continue
        slot = int(columns[0][2:], 16)
        address = f"{columns[0][:2]}:{slot >> 3:02x}.{slot & 7}"
        driver = columns[17].strip() if len(columns) > 17 else ""
        found[address] = Controller(address, f"{columns[1][:4]}:{columns[1][4:]}", driver)
    return found
