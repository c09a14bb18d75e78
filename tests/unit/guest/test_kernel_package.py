# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel that is added beside the others: what is refused, what is undone, and what a revert leaves to others.

Red where `prove_kernel`, `can_install` or a line of `announce` in kernel_package.sh is left out, or `leave_menu` takes the menu of
before whatever happened since.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import RebootPolicy, obstacle
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.boot_image import boot_image
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Tree

pytestmark = pytest.mark.slow

NEW = "6.1.0-37-amd64"
PACKAGE = f"linux-image-{NEW}"
MENU = "/boot/grub/grub.cfg"
ONLY = {"vmguest_only": ["guest_os_current"], "guest_os_mode": "enforce", "guest_os_kernel": NEW}


def tree_of(folder: Path, edits: dict[str, Any] | None = None) -> Tree:
    """The guest that waits for a kernel, asked of nothing else; its menu is what GRUB's tool makes there."""
    guest = guest_tree.load("debian12", "kernel_approved").edited(
        {"made": {MENU: "grub-mkconfig"}, "variables": ONLY, **(edits or {})}
    )
    return guest_tree.materialise(guest, folder / "guest root")


def outcome(tree: Tree) -> str:
    """What apply said of the kernel."""
    applied = guest_tree.apply(tree)
    (problem,) = applied.problems
    return problem


@pytest.mark.parametrize(
    ("edits", "word"),
    [
        ({"packages": {PACKAGE: {"requires": ["linux-base"]}, "linux-base": {"version": "4.9", "older": "4.6", "installed": True}}},
         "would also replace linux-base"),
        ({"packages": {PACKAGE: {"kernel": {"holds": "sd_mod"}}}}, "lacks vmw_pvscsi, which the kernel that runs was started with"),
        ({"packages": {PACKAGE: {"kernel": {"damaged": True}}}}, "does not unpack"),
        ({"packages": {PACKAGE: {"kernel": {"image": "/boot/other"}}}}, "the package left no /boot/initrd.img"),
        ({"filesystems": {"/": {"free_kib": 4000}}}, "must be free for another kernel"),
        ({"programs": {"unshare": "quiet"}, "files": {f"/lib/modules/{NEW}/modules.dep": ""}}, "is there already"),
        ({"packages": {PACKAGE: None}}, "apt-get cannot install"),
    ],
    ids=["replaces", "lacks", "damaged", "no_image", "no_room", "there", "unknown"],
)  # fmt: skip
def test_what_is_refused_or_undone_leaves_all_as_it_was(tmp_path: Path, edits: dict[str, Any], word: str) -> None:
    tree = tree_of(tmp_path, edits)
    before = guest_tree.snapshot(tree)
    assert word in outcome(tree)
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


@pytest.mark.parametrize(
    ("built_in", "problems"), [("kernel/drivers/scsi/sd_mod.ko", 0), ("kernel/fs/fuse/fuse.ko", 1)]
)
def test_what_the_new_kernel_has_built_in_its_image_need_not_hold(tmp_path: Path, built_in: str, problems: int) -> None:
    kernel = {"kernel": {"holds": "vmw_pvscsi"}, "files": {f"/lib/modules/{NEW}/modules.builtin": built_in}}
    tree = tree_of(tmp_path, {"files": {"/sys/module/sd_mod/initstate": "live"}, "packages": {PACKAGE: kernel}})
    assert len(guest_tree.apply(tree).problems) == problems


def test_what_neither_disks_need_nor_the_new_kernel_has_may_be_missing(tmp_path: Path) -> None:
    """A module that was merged into another one. Only the old kernel's image has it."""
    tree = tree_of(tmp_path, {"files": {"/sys/module/crc32c_generic/initstate": "live"}})
    image = tree.path("/boot/initrd.img-6.1.0-28-amd64")
    image.write_bytes(
        boot_image({name: f"kernel/{name}.ko" for name in ("vmw_pvscsi", "crc32c_generic")}, "6.1.0-28-amd64")
    )
    assert guest_tree.apply(tree).problems == []


@pytest.mark.parametrize("there", [True, False])
def test_a_kernel_in_several_packages(tmp_path: Path, there: bool) -> None:
    """Ubuntu's drivers that not everybody needs come along where the running kernel has them."""
    old = {"packages": {"linux-modules-extra-5.15.0-119-generic": {"installed": there}}}
    guest = guest_tree.load("ubuntu2204", "kernel_approved")
    only = {"vmguest_only": ["guest_os_current"], "guest_os_mode": "enforce"}
    tree = guest_tree.materialise(guest.edited({**old, "variables": only}), tmp_path / "root")
    assert guest_tree.apply(tree).problems == []
    assert tree.path("/lib/modules/5.15.0-130-generic/kernel/fs/ext4/ext4.ko").exists()
    assert tree.path("/lib/modules/5.15.0-130-generic/kernel/sound/snd.ko").exists() is there


def test_without_a_namespace_nothing_is_installed(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    (tree.state / "bin/unshare").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    before = guest_tree.snapshot(tree)
    assert "no file can be hidden" in outcome(tree)
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
    assert not [call for call in tree.calls if call.startswith("apt-get")]


def test_a_script_that_writes_the_menu_all_the_same(tmp_path: Path) -> None:
    """One that does not ask update-grub, and so does not heed that it is hidden."""
    tree = tree_of(tmp_path)
    program = tree.state / "bin/update-grub"
    program.write_text(program.read_text(encoding="utf-8").replace("! masked", "true ! masked"), encoding="utf-8")
    before = guest_tree.snapshot(tree)
    assert "the package's scripts changed /boot/grub/grub.cfg" in outcome(tree)
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_the_menu_is_made_once_and_last(tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    assert guest_tree.apply(tree).problems == []
    calls = [call.partition(" ")[0] for call in tree.calls]
    assert calls.count("grub-mkconfig") == 1
    assert calls.index("grub-mkconfig") > max(at for at, name in enumerate(calls) if name in ("apt-get", "update-grub"))


def test_a_kernel_that_runs_is_taken_back_in_two_runs(tmp_path: Path) -> None:
    """The first takes it out of the menu and asks for a reboot, every run says so until then, and the next does the rest."""
    tree = tree_of(tmp_path)
    guest_tree.reboot(tree)
    before = guest_tree.snapshot(tree)
    menu = tree.read(MENU)
    assert guest_tree.apply(tree).problems == []
    guest_tree.reboot(tree)
    assert tree.read("/proc/sys/kernel/osrelease").strip() == NEW
    assert guest_tree.audit(tree)["guest_os_current"].status is Status.COMPLIANT

    (problem,) = guest_tree.revert(tree).problems
    assert "runs still" in problem
    assert tree.read(MENU) == menu
    assert tree.path(f"/boot/vmlinuz-{NEW}").exists()
    (finding,) = [
        found
        for name, found in guest_tree.audit(tree, {**ONLY, "guest_os_kernel": ""}).items()
        if name == "guest_os_current"
    ]
    assert finding.status is Status.PENDING_REBOOT
    evidence = guest_tree.probe(tree)
    assert [receipt.after_reboot for receipt in receipts(evidence) if receipt.interrupted] == [True]
    assert obstacle(evidence, RebootPolicy("needed", 600, 5, 60, "", "", unproved=False)) is None
    assert "runs still" in " ".join(guest_tree.execute(tree, apply_payload, ()).output.recovered)

    guest_tree.reboot(tree)
    assert " undone " in " ".join(guest_tree.execute(tree, apply_payload, ()).output.recovered)
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_a_kernel_that_others_installed_since_stays(tmp_path: Path) -> None:
    later = "6.1.0-38-amd64"
    package = {
        "version": "6.1.147-1",
        "kernel": {"release": later, "image": f"/boot/initrd.img-{later}", "holds": "vmw_pvscsi"},
    }
    tree = tree_of(tmp_path, {"packages": {f"linux-image-{later}": package}})
    assert guest_tree.apply(tree).problems == []
    tree.call("apt-get", "-y", "install", f"linux-image-{later}")
    assert f"vmlinuz-{later}" in tree.read(MENU)
    assert guest_tree.revert(tree).problems == []
    menu = tree.read(MENU)
    assert (f"vmlinuz-{later}" in menu, f"vmlinuz-{NEW}" in menu) == (True, False)
    assert tree.path(f"/boot/initrd.img-{later}").exists()
    assert not tree.path(f"/boot/vmlinuz-{NEW}").exists()
    assert tree.path("/vmlinuz").readlink() == Path(f"boot/vmlinuz-{later}")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "mksh"])
def test_killed_at_any_moment(tmp_path: Path, shell: str) -> None:
    """What boots is whole at every moment: a kernel in the menu has its files. The next run takes back what was begun."""
    tree = tree_of(tmp_path)
    plan = guest_tree.plan_of(tree)
    total = guest_tree.execute(
        tree, apply_payload, plan.transactions, shell, kill_at=1_000_000, then_probe=False
    ).moments
    for moment in sorted(random.Random(shell).sample(range(1, total), 6)):
        tree = tree_of(tmp_path / str(moment))
        before = guest_tree.snapshot(tree)
        cut = guest_tree.execute(tree, apply_payload, plan.transactions, shell, kill_at=moment, then_probe=False)
        assert cut.killed
        for line in tree.read(MENU).splitlines():
            if line.split()[:1] in (["linux"], ["initrd"]):
                assert tree.path(line.split()[1]).exists(), f"{moment}: {line}"
        assert guest_tree.execute(tree, apply_payload, (), shell).problems == []
        assert guest_tree.revert(tree, shell=shell).problems == []
        assert guest_tree.differences(before, guest_tree.snapshot(tree)) == [], moment
