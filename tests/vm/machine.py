# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hardware of a VM as QEMU's command line: a machine that a guest takes for VMware's. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: QEMU's devices for VMware's SCSI controllers. "LSI Logic Parallel" is a 53C1030 there, whose driver is mptspi; QEMU has the
#: older 53C895A (sym53c8xx) instead. "LSI Logic SAS" and "VMware Paravirtual" are the very devices.
CONTROLLERS = {
    "pvscsi": "pvscsi",
    "lsi": "lsi53c895a",
    "mptsas": "mptsas1068,sas_address=0x5005056a2b3c4d50",
}
#: The kernel's module for each.
DRIVERS = {"pvscsi": "vmw_pvscsi", "lsi": "sym53c8xx", "mptsas": "mptsas"}

#: Size of a disk that holds nothing and keeps nothing.
EMPTY_BYTES = 64 << 20

#: A comma within a value of QEMU's options is written twice.
_FIRMWARE = (
    "type=0,vendor=Phoenix Technologies LTD,version=6.00,date=11/12/2020",
    "type=1,manufacturer=VMware,, Inc.,product=VMware Virtual Platform,version=None,serial={serial}",
    "type=2,manufacturer=Intel Corporation,product=440BX Desktop Reference Platform,version=None",
    "type=3,manufacturer=No Enclosure,version=N/A",
)
#: Emulation by default: a /dev/kvm may be there and boot nothing. A developer who knows better sets VMGUEST_ACCEL=kvm.
ACCEL = os.environ.get("VMGUEST_ACCEL", "tcg,thread=multi,tb-size=128")
#: Where the machine is busy with other things: nanoseconds of an instruction as a power of two (3 is about what an emulated
#: processor does). The guest's clock then counts instructions. Else it runs on while the guest has no processor, and below a tenth
#: of one the guest does nothing but serve its timer.
ICOUNT = os.environ.get("VMGUEST_ICOUNT", "")


@dataclass(frozen=True)
class Hardware:
    """What a VM consists of, besides its disk.

    ``controller`` is one of :data:`CONTROLLERS`. ``cache`` is QEMU's mode for the disk: ``unsafe`` is quick, ``writeback`` tells
    what the guest flushed from what it did not. ``data_controller`` is a second one, for ``data_disks`` empty disks that are there
    from power on and for those that are plugged in later; of ``nvme_disks`` empty ones each has an NVMe controller of its own.
    ``number`` tells VMs apart: their UUID, serial number and network card.
    """

    controller: str = "lsi"
    data_controller: str | None = None
    memory_mib: int = 512
    cache: str = "unsafe"
    number: int = 1
    data_disks: int = 0
    nvme_disks: int = 0

    def __post_init__(self) -> None:
        for controller in filter(None, (self.controller, self.data_controller)):
            if controller not in CONTROLLERS:
                raise ValueError(f"no controller called '{controller}'; there are: {', '.join(CONTROLLERS)}")
        if self.data_disks and not self.data_controller:
            raise ValueError("data_disks are on the data_controller, and there is none")

    @property
    def uuid(self) -> str:
        """The VM's UUID; VMware's begin with 564d, "VM"."""
        return f"564d1a2b-3c4d-5e6f-7081-92a3b4c5{self.number:04x}"

    @property
    def serial_number(self) -> str:
        """As VMware writes the UUID: ``VMware-56 4d 1a … -70 81 …``."""
        digits = self.uuid.replace("-", "")
        pairs = [digits[at : at + 2] for at in range(0, 32, 2)]
        return f"VMware-{' '.join(pairs[:8])}-{' '.join(pairs[8:])}"


@dataclass(frozen=True)
class Places:
    """Files of a running VM: the serial console's log and QEMU's QMP socket."""

    console: Path
    qmp: Path


def words(name: str, hardware: Hardware, disk: Path, places: Places, state: str | None = None) -> Iterator[str]:
    """The command that runs a VM with this ``disk``; from the saved ``state`` of that name in it, where there is one.

    SSH is forwarded from a port of the host's choice, which "info usernet" tells.
    """
    yield from ("qemu-system-x86_64", "-name", name, "-nodefaults", "-no-user-config", "-display", "none")
    # vmport: the hypervisor answers at VMware's I/O port. QEMU's own CPUID signature would win over it.
    yield from ("-machine", "pc,vmport=on", "-cpu", "qemu64,-hypervisor", "-smp", "1")
    # Counting is for one thread.
    yield from (
        ("-accel", ACCEL.replace(",thread=multi", ""), "-icount", f"shift={ICOUNT}") if ICOUNT else ("-accel", ACCEL)
    )
    yield from ("-m", f"{hardware.memory_mib}", "-uuid", hardware.uuid)
    for table in _FIRMWARE:
        yield from ("-smbios", table.format(serial=hardware.serial_number))
    yield from ("-chardev", f"file,id=console,path={places.console}", "-serial", "chardev:console")
    yield from ("-qmp", f"unix:{places.qmp},server=on,wait=off")
    yield from ("-device", f"{CONTROLLERS[hardware.controller]},id=scsi0")
    if hardware.data_controller:
        yield from ("-device", f"{CONTROLLERS[hardware.data_controller]},id=scsi1")
    yield from ("-blockdev", f"driver=file,node-name=file0,filename={disk},{_cache(hardware)}")
    yield from ("-blockdev", f"driver=qcow2,node-name=disk0,file=file0,discard=unmap,{_cache(hardware)}")
    yield from ("-device", _device({**disk_device(0, "scsi0"), "bootindex": 1}))
    for number in range(1, hardware.data_disks + 1):
        yield from ("-blockdev", f"driver=null-co,node-name=disk{number},size={EMPTY_BYTES}")
        yield from ("-device", _device(disk_device(number, "scsi1")))
    for number in range(1, hardware.nvme_disks + 1):
        yield from ("-blockdev", f"driver=null-co,node-name=nvme{number},size={EMPTY_BYTES}")
        yield from ("-device", _device(nvme_device(number)))
    yield from ("-netdev", "user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22")
    yield from (
        "-device",
        f"vmxnet3,netdev=net0,mac=00:50:56:00:{hardware.number >> 8:02x}:{hardware.number & 255:02x},romfile=",
    )
    # Stands in for VMware's, which has no device here: the host inflates either and the guest's kernel finds the pages.
    yield from ("-device", "virtio-balloon-pci,id=balloon0")
    if state:
        yield from ("-loadvm", state)


def disk_device(number: int, bus: str) -> dict[str, str | int]:
    """A disk that says it is VMware's, with this SCSI id on that controller, as QEMU's device."""
    return {
        "driver": "scsi-hd",
        "id": f"sd{number}",
        "bus": f"{bus}.0",
        "scsi-id": number,
        "drive": f"disk{number}",
        "vendor": "VMware",
        "product": "Virtual disk",
        "wwn": 0x5000C29000000001 + number,
    }


def nvme_device(number: int) -> dict[str, str | int]:
    """An NVMe controller with one disk, as QEMU's device. What model it says is nvme_model.py's."""
    return {"driver": "nvme", "id": f"nvme{number}", "drive": f"nvme{number}", "serial": f"VMware NVME_{number:04}"}


def _device(properties: dict[str, str | int]) -> str:
    """A device as a word of the command line."""
    return ",".join(f"{value}" if key == "driver" else f"{key}={value}" for key, value in properties.items())


def _cache(hardware: Hardware) -> str:
    """``unsafe`` ignores the guest's flushes."""
    return f"cache.direct=off,cache.no-flush={'on' if hardware.cache == 'unsafe' else 'off'}"
