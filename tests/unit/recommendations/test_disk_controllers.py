# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_controllers: given these PCI devices and these disks, the audit says this. Nothing has a remedy in the guest."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Controller
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.disk_controllers import (
    RECOMMENDATIONS,
    assess_lsi,
    assess_no_buslogic,
    assess_pvscsi,
    assess_spread,
    assess_uuid,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

KERNEL = "6.1.0-28-amd64"
PVSCSI, SAS, SPI, BUSLOGIC = "15ad07c0 vmw_pvscsi", "10000054 mptsas", "10000030 mptspi", "104b1040 "


def guest(disks=("sda 03:00.0 host0",), pci=None, files=None, entries=(), modules=True):
    """Evidence of a guest: disks as `name address host`, PCI devices by address as `id driver`."""
    found, links = {}, []
    for text in disks:
        name, address, host = text.split()
        target = f"../devices/pci0000:00/0000:00:15.0/0000:{address}/{host}/target0:0:0/0:0:0:0/block/{name}"
        links.append(Entry(f"/sys/block/{name}", "l", "rwxrwxrwx", 1, 0, 0, 0, target if address != "-" else "../x"))
        found |= {f"/sys/block/{name}/device/vendor": "VMware", f"/sys/block/{name}/device/model": "Virtual disk"}
    rows = []
    for address, text in (pci if pci is not None else {"03:00.0": PVSCSI}).items():
        number, driver = text.split(" ")
        bus, slot = address.split(":")
        device, function = slot.split(".")
        place = f"{bus}{int(device, 16) << 3 | int(function):02x}"
        rows.append("\t".join([place, number, "12", *["0"] * 14, driver]))
    dependencies = f"/lib/modules/{KERNEL}/modules.dep"
    return evidence_of(
        {"/proc/bus/pci/devices": "\n".join(rows), **found, **(files or {})},
        lines={"vmware_modules": [(dependencies, 1, "kernel/drivers/scsi/vmw_pvscsi.ko:")] if modules else []},
        entries=[
            *links,
            *entries,
            *([Entry(dependencies, "-", "rw-r--r--", 1, 0, 0, 9)] if modules is not None else []),
        ],
    )


def verdict(assess, *guest_words, most=4, **guest_parts) -> Verdict:
    return assess(guest(*guest_words, **guest_parts), {"disk_controllers_most_disks": most})


def test_disks_are_mapped_to_the_last_pci_device_on_their_way():
    evidence = guest(["sda 03:00.0 host0", "sdb 1b:1f.7 host33"], {"03:00.0": PVSCSI, "1b:1f.7": SAS})
    found = {disk.name: (disk.controller, disk.host) for disk in evidence.storage.disks}
    assert found["sda"] == (Controller("03:00.0", "15ad:07c0", "vmw_pvscsi"), "host0")
    assert found["sdb"] == (Controller("1b:1f.7", "1000:0054", "mptsas"), "host33")


@pytest.mark.parametrize(
    ("pci", "modules", "status"),
    [
        ({"03:00.0": PVSCSI}, True, Status.COMPLIANT),
        ({"03:00.0": "15ad07f0 nvme"}, True, Status.COMPLIANT),
        ({"03:00.0": SPI}, True, Status.MANUAL),
        ({"03:00.0": SAS}, True, Status.MANUAL),
        ({"03:00.0": "15ad07e0 ahci"}, True, Status.MANUAL),
        ({"03:00.0": BUSLOGIC}, True, Status.MANUAL),
        # RHEL 5 has no driver for another; where modules.dep is not there, that is not known.
        ({"03:00.0": SPI}, False, Status.NOT_APPLICABLE),
        ({"03:00.0": SPI}, None, Status.UNKNOWN),
        ({}, True, Status.UNKNOWN),
    ],
)
def test_pvscsi_controller(pci, modules, status):
    assert verdict(assess_pvscsi, pci=pci, modules=modules).status is status


def test_one_disk_on_an_emulated_controller_is_enough():
    found = verdict(assess_pvscsi, ["sda 03:00.0 host0", "sdb 02:00.0 host1"], {"03:00.0": PVSCSI, "02:00.0": SPI})
    assert found.status is Status.MANUAL
    assert "sdb on an LSI Logic parallel controller" in found.reason
    assert "sda" not in found.reason


@pytest.mark.parametrize(
    ("pci", "status"),
    [
        ({"03:00.0": PVSCSI}, Status.COMPLIANT),
        ({"03:00.0": PVSCSI, "00:10.0": BUSLOGIC}, Status.MANUAL),
        ({}, Status.UNKNOWN),
    ],
)
def test_no_buslogic(pci, status):
    assert verdict(assess_no_buslogic, pci=pci).status is status


def test_what_may_not_be_read_is_unknown():
    for assess in (assess_pvscsi, assess_no_buslogic, assess_lsi):
        assert verdict(assess, files={"/proc/bus/pci/devices": State.DENIED}).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("os_release", "driver", "status"),
    [
        ('ID=rhel\nVERSION_ID="9.4"', SAS, Status.MANUAL),
        ('ID=ol\nID_LIKE=fedora\nVERSION_ID="8.10"', SPI, Status.MANUAL),
        ('ID=rhel\nVERSION_ID="7.9"', SPI, Status.COMPLIANT),
        ('ID=debian\nVERSION_ID="12"', SPI, Status.COMPLIANT),
        ('ID=debian\nVERSION_ID="12"', "10000030 ", Status.UNKNOWN),
        ('ID=debian\nVERSION_ID="12"', PVSCSI, Status.NOT_APPLICABLE),
    ],
)
def test_lsi_legacy_ready(os_release, driver, status):
    assert verdict(assess_lsi, pci={"03:00.0": driver}, files={"/etc/os-release": os_release}).status is status


@pytest.mark.parametrize(
    ("hosts", "most", "status"),
    [
        (["host0"] * 4, 4, Status.COMPLIANT),
        (["host0"] * 5, 4, Status.MANUAL),
        (["host0"] * 3 + ["host1"] * 2, 4, Status.COMPLIANT),
        (["host0"] * 2, 1, Status.MANUAL),
    ],
)
def test_disk_controller_spread(hosts, most, status):
    disks = [f"sd{letter} 03:00.0 {host}" for letter, host in zip("abcde", hosts, strict=False)]
    assert verdict(assess_spread, disks, most=most).status is status


def test_disks_of_unknown_controllers_are_not_said_to_be_spread():
    assert verdict(assess_spread, ["sda - -", "sdb - -"]).status is Status.UNKNOWN


def link(name, target="../../sda"):
    return Entry(name, "l", "rwxrwxrwx", 1, 0, 0, 0, target)


@pytest.mark.parametrize(
    ("files", "entries", "status"),
    [
        ({"/sys/block/sda/device/wwid": "naa.6000c29d0b0a7f3e"}, (), Status.COMPLIANT),
        ({}, [link("/dev/disk/by-id/wwn-0x6000c29d0b0a7f3e")], Status.COMPLIANT),
        ({}, [link("/dev/disk/by-id/scsi-36000c29d0b0a7f3e")], Status.COMPLIANT),
        ({}, [link("/dev/disk/by-id/wwn-0x6000c29d0b0a7f3e", "../../sdb")], Status.MANUAL),
        ({}, [link("/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0")], Status.MANUAL),
        ({"/sys/block/sda/device/wwid": "t10.VMware"}, [link("/dev/disk/by-path/x")], Status.MANUAL),
        ({}, (), Status.UNKNOWN),
    ],
)
def test_disk_enable_uuid(files, entries, status):
    assert verdict(assess_uuid, files=files, entries=entries).status is status


@pytest.mark.parametrize("entry", RECOMMENDATIONS, ids=lambda entry: entry.id)
def test_a_guest_without_virtual_disks(entry):
    evidence = guest([], {"03:00.0": PVSCSI})
    status = entry.assess(evidence, {"disk_controllers_most_disks": 4}).status
    assert status is (Status.COMPLIANT if entry.id == "no_buslogic" else Status.NOT_APPLICABLE)
