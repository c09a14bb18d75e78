# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image that the disk did not take is not put in place, nor is an old one kept as if it were whole.

To see these red: let ``on_disk`` call ``sync`` and nothing else; leave ``margin=0`` out of ``put_back``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import BOOT_IMAGES
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import IN_PLACE
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import argv

#: What sync of coreutils says since 8.24, what an older one says of names, and what one does that cannot flush a folder.
FAILED = "echo \"sync: error syncing '$1': Input/output error\" >&2; return 1"
WARNS = 'echo "sync: ignoring all arguments" >&2'
CANNOT = "echo \"sync: error syncing '$1': Invalid argument\" >&2; return 1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A guest with an old image that is kept, and one of ours in its place."""
    for name in ("boot", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "boot/initrd.img").write_bytes(b"new")
    (tmp_path / "notes/1.old").write_bytes(b"old")
    (tmp_path / "notes/1.ours").write_bytes(
        subprocess.run("cksum", input=b"new", capture_output=True, check=True).stdout
    )
    return tmp_path


def run(place: Path, shell: str, sync: str, call: str) -> tuple[int, str]:
    """How a call of the functions ends, with ``sync`` as the body of sync where that is given names."""
    text = (
        f"ROOT='{place}' NOTES='{place}/notes' margin=8192 smallest=10 NONCE=image stamp=x\n{IN_PLACE}{BOOT_IMAGES}"
        f"sync() {{ [ $# -gt 0 ] || return 0; {sync}; }}\n"
        "df() { echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo '/dev/sda1 9999 8999 1000 90% /boot'; }\n"
        f"({call})\n"
    )
    done = subprocess.run(argv(shell), input=text.encode(), capture_output=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_failed_write_stops_it(place: Path, shell: str) -> None:
    """Given a sync that tells of a failed write, the old image is not put back over what is there, and the reason is said."""
    status, text = run(place, shell, FAILED, "put_back 1 boot/initrd.img 6.1")
    assert (status, text.startswith("a write to disk failed: ")) == (1, True), text
    assert (place / "boot/initrd.img").read_bytes() == b"new"


@pytest.mark.parametrize("sync", [WARNS, CANNOT, ":"])
def test_a_sync_that_only_cannot_do_it_by_name_stops_nothing(place: Path, shell: str, sync: str) -> None:
    """Given an old sync, or a file system that cannot flush a folder, all was flushed before. Little room stops it no more."""
    assert run(place, shell, sync, "put_back 1 boot/initrd.img 6.1") == (0, "")
    assert (place / "boot/initrd.img").read_bytes() == b"old"
    assert [path.name for path in (place / "boot").iterdir()] == ["initrd.img"]
