# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Old images are not put back where the guest would not boot from them any more.

To see this red, leave the loop over ``disk_drivers`` out of ``ask`` in boot_images.sh.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS

ROLE = {"vmguest_only": ["pvscsi_initrd"], "pvscsi_initrd_mode": "enforce"}
DRIVER = "/sys/devices/pci0000:00/0000:00:15.0/0000:03:00.0/driver"


def move_to(tree: guest_tree.Tree, driver: str) -> None:
    """The disks are on a controller of this driver's, which is a module."""
    link = tree.path(DRIVER)
    link.unlink()
    link.symlink_to(f"../../../../bus/pci/drivers/{driver}")
    tree.write(f"/sys/module/{driver}/initstate", "live\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_revert_is_refused_while_the_disks_are_on_the_new_controller(tmp_path: Path, shell: str) -> None:
    """Given images made for mptspi, and disks that were moved to pvscsi after the remedy, a revert changes nothing until they
    are back: the old images would not boot the guest."""
    tree = guest_tree.materialise(guest_tree.load("debian12", "on_lsi"), tmp_path / "tree")
    move_to(tree, "mptspi")
    before = guest_tree.snapshot(tree)
    assert guest_tree.apply(tree, ROLE, shell).problems == []
    move_to(tree, "vmw_pvscsi")
    remedied = guest_tree.snapshot(tree)

    refused = guest_tree.revert(tree, shell=shell)
    assert "its old image lacks vmw_pvscsi, which drives the disks now" in str(refused.output.reverted)
    assert [
        line for line in guest_tree.differences(remedied, guest_tree.snapshot(tree)) if "/var/lib/vmguest" not in line
    ] == []

    move_to(tree, "mptspi")
    assert guest_tree.revert(tree, shell=shell).problems == []
    left = guest_tree.differences(before, guest_tree.snapshot(tree))
    assert [line for line in left if "/var/lib/vmguest" not in line and "/sys/" not in line] == []
