# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conversion_residue: given these remains of a physical machine, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.conversion_residue import AGENTS, assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

PCI = "/proc/bus/pci/devices"
PVSCSI = "0300\t15ad07c0\t12" + "\t0" * 14 + "\tvmw_pvscsi"
LPFC = "0400\t10dff100\t12" + "\t0" * 14 + "\tlpfc"


def entry(path, target=None):
    return Entry(path, "l" if target else "-", "rw-r--r--", 1, 0, 0, 100, target)


def guest(files=None, *, entries=(), xorg=(), vendor="VMware"):
    """A VM with one disk, one card, and what is left of something else."""
    found = {
        "/etc/fstab": "UUID=1 / ext4 defaults 0 1",
        PCI: PVSCSI,
        "/sys/block/sda/device/vendor": vendor,
        **(files or {}),
    }
    card = "/sys/class/net/ens192"
    return evidence_of(
        found,
        entries=[
            entry("/sys/block/sda", "../x"),
            entry(card, "../x"),
            entry(f"{card}/device/driver", "x/vmxnet3"),
            *entries,
        ],
        lines={"xorg": [("/etc/X11/xorg.conf", number, text) for number, text in enumerate(xorg, 1)]},
    )


def unit(name):
    return entry(f"/etc/systemd/system/multi-user.target.wants/{name}.service", "/usr/lib/x")


NASH = [entry("/sbin/mkinitrd"), entry("/sbin/nash")]
DRACUT = [entry("/usr/bin/dracut")]
BOND = "Slave Interface: {}\nMII Status: up\n"
BONDING = "/proc/net/bonding/bond0"


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        *((guest(entries=[entry(globs[0].replace("*", "x"))]), vendor) for vendor, globs in AGENTS.items()),
        (guest(entries=[unit("ipmi")]), "ipmi, for a controller that is not there"),
        (guest(entries=[entry("/etc/rc3.d/S13ipmi", "../init.d/ipmi")]), "/etc/rc3.d/S13ipmi"),
        (guest({"/etc/modprobe.conf": "alias scsi_hostadapter1 qla2xxx"}, entries=NASH), "/etc/modprobe.conf:1"),
        (guest({"/etc/dracut.conf.d/x.conf": 'add_drivers+=" lpfc "'}, entries=DRACUT), "driver lpfc"),
        (guest({"/etc/fstab": "/dev/cciss/c0d0p1 /boot ext3 defaults 1 2"}), "/etc/fstab:1"),
        (guest({"/sys/block/md0/md/level": "raid1"}), "md0, raid1 over virtual disks"),
        (guest({BONDING: BOND.format("ens192")}), "bond0 with 1 card"),
        (guest({BONDING: "Bonding Mode: x"}), "bond0 with 0 card"),
        (guest(entries=[entry("/etc/sysconfig/network-scripts/ifcfg-em1")]), "ifcfg-em1"),
        (guest(entries=[entry("/etc/sysconfig/network-scripts/ifcfg-p3p1")]), "ifcfg-p3p1"),
        (guest(xorg=['  Driver "mga"']), "/etc/X11/xorg.conf:1"),
    ],
)
def test_what_is_left(evidence, words):
    found = assess(evidence, {})
    assert found.status is Status.MANUAL
    assert words in found.reason


@pytest.mark.parametrize(
    "evidence",
    [
        guest(),
        # A controller that is there, and one that was passed through.
        guest(entries=[unit("ipmi"), entry("/dev/ipmi0")]),
        guest(
            {"/etc/dracut.conf.d/x.conf": 'add_drivers+=" lpfc vmw_pvscsi "', PCI: f"{PVSCSI}\n{LPFC}"}, entries=DRACUT
        ),
        guest({"/etc/fstab": "# /dev/cciss/c0d0p1 /boot"}),
        # Striping is a way to use several controllers; and a mirror of somebody else's disks is no VMDK's.
        guest({"/sys/block/md0/md/level": "raid0"}),
        guest({"/sys/block/md0/md/level": "raid1"}, vendor="NETAPP"),
        guest({BONDING: BOND.format("ens192") + BOND.format("ens224")}),
        guest(entries=[entry("/etc/sysconfig/network-scripts/ifcfg-ens192")]),
        guest(
            entries=[
                entry("/sys/class/net/em1", "x"),
                entry("/sys/class/net/em1/device/driver", "x/vmxnet3"),
                entry("/etc/sysconfig/network-scripts/ifcfg-em1"),
            ]
        ),
    ],
)
def test_what_is_none_of_it(evidence):
    found = assess(evidence, {})
    assert found.status is Status.COMPLIANT, found.reason


def test_what_distributions_start_by_themselves_is_told_and_does_no_harm():
    found = assess(guest(entries=[unit("mcelog"), unit("smartd"), unit("sshd")]), {})
    assert found.status is Status.COMPLIANT
    assert "mcelog, smartd" in found.reason
    assert "sshd" not in found.reason


@pytest.mark.parametrize("path", ["/etc/fstab", PCI])
def test_what_cannot_be_read_is_unknown(path):
    assert assess(guest({path: State.DENIED}), {}).status is Status.UNKNOWN
