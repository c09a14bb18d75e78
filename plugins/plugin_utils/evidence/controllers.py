# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controllers: the drivers that serve the guest's disks now. Without them it does not boot as it is."""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import NOT_DISKS, way_to

#: Drivers of disk controllers that VMware offers or offered, and of those that a lab's hypervisor has, as modprobe has them.
CONTROLLERS = (
    "vmw_pvscsi",
    "pvscsi",
    "mptspi",
    "mptsas",
    "sym53c8xx",
    "BusLogic",
    "nvme",
    "ahci",
    "ata_piix",
    "virtio_blk",
    "virtio_scsi",
)

#: A driver's name in VMware Tools, before the kernel had it.
TOOLS_NAMES = {"vmw_pvscsi": "pvscsi"}

#: What images are searched for: drivers of controllers, what those need, and the driver of SCSI disks.
MODULES = (
    *CONTROLLERS,
    "mptbase",
    "mptscsih",
    "scsi_transport_spi",
    "scsi_transport_sas",
    "scsi_mod",
    "scsi_common",
    "sd_mod",
    "nvme_core",
    "libata",
    "libahci",
    "virtio",
    "virtio_ring",
    "virtio_pci",
)

READS: tuple[Read, ...] = (
    entries(
        "/sys/block/*",
        # Before 2.6.27 a disk is a folder of its own, and this link leads to its device.
        "/sys/block/*/device",
        "/sys/bus/pci/devices/*/driver",
        "/sys/bus/virtio/devices/*/driver",
        *(f"/sys/module/{name}" for name in CONTROLLERS),
    ),
    files("/sys/class/scsi_host/*/proc_name"),
)

_PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_VIRTIO = re.compile(r"virtio\d+")


def drivers_of_disks(probe: ProbeOutput) -> tuple[str, ...]:
    """Modules' names, sorted; empty where nothing tells.

    By each disk's way in sysfs: its controller is the last PCI device on it. Drivers that register no PCI driver (BusLogic) are
    known by the name that they give to SCSI hosts; where neither is there, by what is loaded.
    """
    found: set[str] = set()
    for entry in probe.entries("/sys/block/*"):
        if NOT_DISKS.match(entry.path.rpartition("/")[2]):
            continue
        for pattern, bus in ((_PCI, "pci"), (_VIRTIO, "virtio")):
            on_the_way = pattern.findall(way_to(probe, entry))
            if on_the_way:
                driver = probe.entry(f"/sys/bus/{bus}/devices/{on_the_way[-1]}/driver")
                if driver is not None and driver.target:
                    found.add(_module(driver.target.rpartition("/")[2]))
    found -= {"virtio_pci"}
    if not found & set(CONTROLLERS):
        hosts = {_module(file.value) for file in probe.glob("/sys/class/scsi_host/*/proc_name")}
        found |= hosts & set(CONTROLLERS)
    if not found:
        found = {name for name in CONTROLLERS if probe.entry(f"/sys/module/{name}")}
    return tuple(sorted(found))


def _module(driver: str) -> str:
    return driver.replace("-", "_")
