# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""root_on_error: what ext file systems do after an error, as far as the kernel tells."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.root_on_error import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

MOUNTS = "/proc/mounts"
EXT4 = "/dev/sda1 / ext4 rw,relatime 0 0"


@pytest.mark.parametrize(
    ("files", "status", "word"),
    [
        ({MOUNTS: "/dev/sda1 / ext4 rw,errors=remount-ro 0 0"}, Status.COMPLIANT, "remount-ro"),
        ({MOUNTS: "/dev/sda1 / ext3 rw,errors=continue 0 0"}, Status.MANUAL, "continue"),
        ({MOUNTS: EXT4, "/proc/fs/ext4/sda1/options": "rw\nerrors=remount-ro"}, Status.COMPLIANT, "remount-ro"),
        ({MOUNTS: EXT4, "/proc/fs/ext4/sda1/options": "rw\nerrors=panic"}, Status.COMPLIANT, "panic"),
        ({MOUNTS: EXT4, "/proc/fs/ext4/sda1/options": "rw\nerrors=continue"}, Status.MANUAL, "continue"),
        # The kernel's list counts, whatever another disk has.
        ({MOUNTS: EXT4, "/proc/fs/ext4/sdb1/options": "errors=remount-ro"}, Status.UNKNOWN, "not known"),
        ({MOUNTS: EXT4, "/proc/fs/ext4/sda1/options": State.DENIED}, Status.UNKNOWN, "not known"),
        ({MOUNTS: EXT4}, Status.UNKNOWN, "not known"),
        ({MOUNTS: "/dev/sda1 / xfs rw 0 0"}, Status.NOT_APPLICABLE, ""),
        (
            {MOUNTS: "/dev/sda1 / xfs rw 0 0\n/dev/sdb1 /srv ext4 rw,errors=continue 0 0"},
            Status.MANUAL,
            "/srv continue",
        ),
        ({MOUNTS: State.DENIED}, Status.UNKNOWN, ""),
        ({}, Status.UNKNOWN, ""),
    ],
)
def test_what_it_does_after_an_error(files, status, word):
    found = assess(evidence_of(files), {})
    assert found.status is status, found.reason
    assert word in (found.runtime or "")


def test_a_volume_is_found_by_its_device():
    evidence = evidence_of(
        {MOUNTS: "/dev/mapper/vg-root / ext4 rw 0 0", "/proc/fs/ext4/dm-0/options": "errors=remount-ro"},
        entries=[Entry("/dev/mapper/vg-root", "l", "rwxrwxrwx", 1, 0, 0, 7, "../dm-0")],
    )
    assert assess(evidence, {}).status is Status.COMPLIANT


def test_what_fstab_says_is_shown():
    files = {
        MOUNTS: "/dev/sda1 / ext4 rw,errors=remount-ro 0 0",
        "/etc/fstab": "# x\n/dev/sda1 / ext4 errors=remount-ro 0 1",
    }
    assert assess(evidence_of(files), {}).persistent == "/ remount-ro"
