# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""idle_devices: maps over VMDKs, and CDs that are mounted."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.idle_devices import (
    assess_multipath,
    assess_removable,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

UUID = "/sys/block/dm-0/dm/uuid"


def link(path: str) -> Entry:
    return Entry(path, "l", "rwxrwxrwx", 1, 0, 0, 0, "../x")


def multipath(uuid="mpath-36000c29", disk="sda", vendor="VMware", daemons=()) -> Verdict:
    evidence = evidence_of(
        {"/sys/block/sda/device/vendor": vendor, UUID: uuid},
        entries=[link("/sys/block/sda"), link(f"/sys/block/dm-0/slaves/{disk}")],
        lines={"daemons": [(f"/proc/{pid}/stat", 1, f"{pid} ({name}) S 1") for pid, name in enumerate(daemons, 7)]},
    )
    return assess_multipath(evidence, {})


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, Status.MANUAL),
        # LVM's.
        ({"uuid": "LVM-x"}, Status.COMPLIANT),
        # The guest's own paths to an array.
        ({"disk": "sdb"}, Status.COMPLIANT),
        ({"vendor": "NETAPP"}, Status.NOT_APPLICABLE),
        ({"uuid": State.DENIED}, Status.UNKNOWN),
        ({"uuid": "LVM-x", "daemons": ("multipathd", "smartd")}, Status.COMPLIANT),
    ],
)
def test_maps(facts, status):
    found = multipath(**facts)
    assert found.status is status, found.reason
    if "daemons" in facts:
        assert "multipathd runs" in found.reason
        assert "smartd runs" in found.reason


BLACKLIST = {"/etc/modprobe.d/floppy.conf": "blacklist floppy"}


@pytest.mark.parametrize(
    ("mounts", "floppy", "files", "status"),
    [
        ("/dev/sda1 / ext4 rw 0 0", False, {}, Status.COMPLIANT),
        ("/dev/sda1 / ext4 rw 0 0", True, {}, Status.MANUAL),
        ("/dev/sda1 / ext4 rw 0 0", True, BLACKLIST, Status.PENDING_REBOOT),
        ("/dev/sda1 / ext4 rw 0 0", False, BLACKLIST, Status.COMPLIANT),
        ("/dev/sr0 /media/cdrom iso9660 ro 0 0", False, {}, Status.MANUAL),
        ("/dev/fd0 /mnt vfat rw 0 0", True, {}, Status.MANUAL),
        (State.DENIED, False, {}, Status.UNKNOWN),
    ],
)
def test_removable(mounts, floppy, files, status):
    evidence = evidence_of({"/proc/mounts": mounts, **files}, entries=[link("/sys/module/floppy")] if floppy else [])
    found = assess_removable(evidence, {})
    assert found.status is status
    assert (found.runtime == "nothing is mounted, floppy is loaded") is (floppy and "/dev/fd0" not in str(mounts))
