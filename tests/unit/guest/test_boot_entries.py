# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commit of group boot_entries: its shell text in every shell, on a tree whose grub-mkconfig behaves as the real one.

To see these red: leave out ``-script-check``, the comparison with ``made`` in the undo, the loop over kernels, or the
first ``flush`` of what was made.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import make_menu
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS, Tree
from ansible_collections.vmguest.linux.tests.unit.test_guests import require

pytestmark = pytest.mark.slow

MENU = "/boot/grub/grub.cfg"
RUN = make_menu(MENU, drop_ins=True)
DEFAULT = "/etc/default/grub"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    require(request.param)
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Debian 12 whose menu somebody has edited by hand, and whose configuration has a stale argument less than it."""
    tree = guest_tree.materialise(guest_tree.load("debian12"), tmp_path / "guest root")
    tree.path("/notes").mkdir()
    tree.write(MENU, tree.read(MENU).replace(" quiet", " quiet notsc") + "# by hand\n")
    tree.path(MENU).chmod(0o600)
    return tree


def run(tree: Tree, text: str, shell: str) -> tuple[int, str]:
    done = guest_tree.run(tree, f"ROOT='{tree.root}' NOTES='{tree.root}/notes'\nexport ROOT NOTES\n{text}\n", shell)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_made_proved_and_put_back(tree: Tree, shell: str) -> None:
    old = tree.read(MENU)
    assert run(tree, RUN.do, shell) == (0, "")
    assert run(tree, RUN.proof, shell) == (0, "")
    new = tree.read(MENU)
    assert "notsc" not in new
    assert "by hand" not in new
    assert tree.path(MENU).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tree.path("/boot/grub").iterdir()) == ["grub.cfg", "grubenv"]
    # Once more, as when another member of the group is reverted: the first menu is still the one that is kept.
    assert run(tree, RUN.do, shell) == (0, "")
    assert run(tree, RUN.undo, shell) == (0, "")
    assert tree.read(MENU) == old
    assert tree.path(MENU).stat().st_mode & 0o777 == 0o600
    assert run(tree, RUN.undo, shell) == (0, ""), "it may come twice"


def test_undo_before_anything_was_done(tree: Tree, shell: str) -> None:
    before = guest_tree.snapshot(tree)
    assert run(tree, RUN.undo, shell) == (0, "")
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_undo_after_somebody_made_a_new_menu(tree: Tree, shell: str) -> None:
    """A kernel was installed meanwhile: the old menu would lose it."""
    run(tree, RUN.do, shell)
    tree.write("/boot/vmlinuz-6.1.0-30-amd64", "bzImage\n")
    tree.write("/boot/initrd.img-6.1.0-30-amd64", "cpio\n")
    tree.write(MENU, tree.call("grub-mkconfig").stdout.decode())
    tree.write(DEFAULT, tree.read(DEFAULT).replace('"quiet"', '"quiet notsc"'))
    status, text = run(tree, RUN.undo, shell)
    assert (status, text) == (0, "somebody made a new menu since: it is made anew\n")
    assert "/boot/vmlinuz-6.1.0-30-amd64 root=UUID=3255683f-53a2-4fdf-91cf-b4c1041e2a62 ro  quiet notsc" in tree.read(
        MENU
    )


def test_undo_that_is_begun_again_keeps_what_it_made_anew(tree: Tree, shell: str) -> None:
    """It was cut off after the menu was made anew, which is not to be taken for ours.

    Red where `former_menu` makes it under the name `made`.
    """
    run(tree, RUN.do, shell)
    tree.write("/boot/vmlinuz-6.1.0-30-amd64", "bzImage\n")
    tree.write(MENU, tree.call("grub-mkconfig").stdout.decode())
    for dummy in range(2):
        assert run(tree, RUN.undo, shell)[0] == 0
        assert "/boot/vmlinuz-6.1.0-30-amd64" in tree.read(MENU)


@pytest.mark.parametrize(
    ("program", "body", "sentence"),
    [
        ("grub-mkconfig", "exit 1", "grub-mkconfig failed"),
        ("grub-mkconfig", "echo 'menuentry x {'; echo '  linux /boot/vmlinuz-6.1.0-28-amd64'", "does not parse"),
        ("grub-mkconfig", "echo '# nothing'", "starts no kernel"),
        ("grub-mkconfig", "echo 'linux /boot/vmlinuz-6.1.0-28-amd64 ro'", "lost /boot/vmlinuz-6.1.0-25-amd64"),
        ("grub-script-check", "exit 1", "does not parse"),
    ],
)
def test_a_menu_that_is_not_whole_never_gets_there(
    tree: Tree, shell: str, program: str, body: str, sentence: str
) -> None:
    old = tree.read(MENU)
    (tree.state / "bin" / program).write_text(f"#!/bin/sh\n{body}\n")
    status, text = run(tree, RUN.do, shell)
    assert status != 0
    assert sentence in text
    assert tree.read(MENU) == old
    assert run(tree, RUN.undo, shell) == (0, "")
    assert tree.read(MENU) == old


@pytest.mark.parametrize(
    ("default", "drop_in", "holds"),
    [
        ('"quiet notsc"', None, False),
        ('"quiet nohz=off"', None, False),
        ('"quiet vmw_pvscsi.ring_pages=32"', None, False),
        ('"quiet x=1"', None, True),
        ('"quiet"', 'GRUB_CMDLINE_LINUX_DEFAULT="lpj=1"', False),
    ],
)
def test_the_proof_compares_with_what_is_configured(
    tree: Tree, shell: str, default: str, drop_in: str | None, holds: bool
) -> None:
    run(tree, RUN.do, shell)
    tree.write(DEFAULT, tree.read(DEFAULT).replace('"quiet"', default))
    if drop_in:
        tree.write("/etc/default/grub.d/a.cfg", drop_in + "\n")
    assert (run(tree, RUN.proof, shell)[0] == 0) is holds
    # Made anew it is right again.
    assert run(tree, RUN.do, shell)[0] == 0
    assert run(tree, RUN.proof, shell) == (0, "")


def test_what_tells_that_a_menu_is_ours_is_on_disk_before_the_menu(tree: Tree, shell: str) -> None:
    """/boot may be on another disk than the receipt. If only the menu outlived a power cut, the undo would leave it there."""
    log = tree.path("/notes/log")
    seen = f"cmp -s '{tree.root}/notes/before' '{tree.path(MENU)}' && [ -f '{tree.root}/notes/made' ] && echo \"made $#\" >>'{log}'"
    (tree.state / "bin/sync").write_text(f"#!/bin/sh\n{seen}\nexit 0\n")
    (tree.state / "bin/sync").chmod(0o755)
    assert run(tree, RUN.do, shell) == (0, "")
    assert "made 0" in log.read_text().splitlines()


def test_a_menu_whose_write_failed_never_gets_there(tree: Tree, shell: str) -> None:
    """The new one is proved from memory; only sync tells that the disk did not take it."""
    old = tree.read(MENU)
    fails = "case $* in *vmguest-new*) echo \"sync: error syncing '$1': Input/output error\" >&2; exit 1 ;; esac"
    (tree.state / "bin/sync").write_text(f"#!/bin/sh\n{fails}\n")
    (tree.state / "bin/sync").chmod(0o755)
    status, text = run(tree, RUN.do, shell)
    assert (status, text.startswith("a write to disk failed: ")) == (1, True)
    assert tree.read(MENU) == old


def test_a_menu_that_is_a_link_is_left_as_it_is(tree: Tree, shell: str) -> None:
    """An image for both firmwares may have its menu on the EFI system partition, and a link to it here."""
    there = tree.path("/boot/efi/EFI/debian/grub.cfg")
    there.parent.mkdir(parents=True)
    tree.path(MENU).rename(there)
    tree.path(MENU).symlink_to("../efi/EFI/debian/grub.cfg")
    old = there.read_text()
    status, text = run(tree, RUN.do, shell)
    assert (status, "is a link" in text) == (1, True)
    assert run(tree, RUN.undo, shell) == (0, "")
    assert tree.path(MENU).is_symlink()
    assert there.read_text() == old


def test_a_menu_on_the_efi_system_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="is not made anew"):
        make_menu("/boot/efi/EFI/redhat/grub.cfg", drop_ins=False)
