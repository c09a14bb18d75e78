# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups: recommendations whose work is committed once, by what they share (an image, grub.cfg).

To see these red: have ``recover`` ask for no group, ``commit_without`` leave the commit alone, or ``group`` finish a member
before the commit is proved.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import AppendLine, EditFile, Run, WriteFile
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import STATE, SmallGuest, cut_at
from ansible_collections.vmguest.linux.tests.unit.guest.test_apply_crash import cuts, is_in_order

pytestmark = pytest.mark.slow

#: Makes /boot/grub.cfg of the configuration; counts in /ran how often.
BUILD = Run(
    "make grub.cfg",
    do='[ -f "$NOTES/before" ] || cp -p "$ROOT/boot/grub.cfg" "$NOTES/before"; '
    'echo built >>"$ROOT/ran"; '
    'cat "$ROOT/etc/default" "$ROOT"/etc/extra* >"$ROOT/boot/.new" 2>/dev/null; '
    'cp "$ROOT/boot/.new" "$NOTES/made" && mv -f "$ROOT/boot/.new" "$ROOT/boot/grub.cfg"',
    undo='rm -f "$ROOT/boot/.new" "$ROOT/boot/.old"; [ ! -f "$NOTES/before" ] || '
    '{ cp -p "$NOTES/before" "$ROOT/boot/.old" && mv -f "$ROOT/boot/.old" "$ROOT/boot/grub.cfg"; }',
    proof='cat "$ROOT/etc/default" "$ROOT"/etc/extra* 2>/dev/null | cmp -s - "$ROOT/boot/grub.cfg"',
)


def member(name: str, *steps: object, commit: Run = BUILD) -> Transaction:
    """A member of the group ``boot``."""
    return Transaction(name, tuple(steps), "boot", (commit,))  # type: ignore[arg-type]


DIVIDER = member("divider", EditFile("/etc/default", (AppendLine("divider=10"),)))
ELEVATOR = member("elevator", WriteFile("/etc/extra", "elevator=noop\n"))
ALONE = Transaction("alone", (WriteFile("/etc/alone", "x\n"),))


def furnish(root: Path, shell: str) -> SmallGuest:
    """A guest whose grub.cfg is what a person made of it."""
    root.mkdir()
    guest = SmallGuest(root, shell)
    guest.write("/etc/default", "quiet\n")
    guest.write("/boot/grub.cfg", "quiet\n# by hand\n", mode=0o600)
    return guest


def built(guest: SmallGuest) -> int:
    """How often grub.cfg was made; forgotten afterwards."""
    ran = guest.root / "ran"
    count = len(ran.read_text().splitlines()) if ran.exists() else 0
    ran.unlink(missing_ok=True)
    return count


def test_members_are_committed_once(tmp_path: Path, shell: str) -> None:
    """Given two members, what both need is run once, after both, and each has a receipt of its own."""
    guest = furnish(tmp_path / "root", shell)
    ran = guest.apply(ALONE, DIVIDER, ELEVATOR)
    assert ran.outcomes == {"alone": "done", "boot": "done", "divider": "done", "elevator": "done"}, ran.text
    assert ran.said("outcome")[1:] == ["boot done steps: 1", "divider done steps: 1", "elevator done steps: 1"]
    assert guest.read("/boot/grub.cfg") == b"quiet\ndivider=10\nelevator=noop\n"
    assert built(guest) == 1
    names = ["000001-alone", "000002-divider", "000003-elevator", "000004-boot"]
    assert guest.receipts == dict.fromkeys(names, "done")


def test_all_reverted_is_as_before(tmp_path: Path, shell: str) -> None:
    """Given all members reverted, newest first, the file is byte for byte what a person had made, with its mode."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    guest.apply(DIVIDER, ELEVATOR)
    built(guest)
    ran = guest.revert("000002-elevator", "000001-divider")
    assert [line.split(" ")[2] for line in ran.said("reverted")] == ["done", "done"], ran.text
    assert built(guest) == 1
    assert guest.snapshot() == old
    assert set(guest.receipts.values()) == {"reverted"}


@pytest.mark.parametrize("first", ["000001-divider", "000002-elevator"])
def test_one_reverted_leaves_the_other(tmp_path: Path, shell: str, first: str) -> None:
    """Given one member reverted, the commit is run once more, without its part; the other's revert brings back the rest."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    guest.apply(DIVIDER, ELEVATOR)
    assert guest.revert(first).said("reverted")[0].split(" ")[2] == "done"
    left = b"quiet\nelevator=noop\n" if first == "000001-divider" else b"quiet\ndivider=10\n"
    assert guest.read("/boot/grub.cfg") == left
    assert guest.receipts["000003-boot"] == "done"
    (other,) = {"000001-divider", "000002-elevator"} - {first}
    assert guest.revert(other).said("reverted")[0].split(" ")[2] == "done"
    (guest.root / "ran").unlink()
    assert guest.snapshot() == old


@pytest.mark.parametrize(
    ("commit", "sentence"),
    [
        (
            Run("fail", do='echo torn >"$ROOT/boot/.new"; exit 3', undo=BUILD.undo, proof="true"),
            "fail: it ended with status 3",
        ),
        (Run("do", do=BUILD.do, undo=BUILD.undo, proof="exit 5"), "do: its proof ended with status 5"),
    ],
)
def test_a_commit_that_fails_undoes_all_members(tmp_path: Path, shell: str, commit: Run, sentence: str) -> None:
    """Given a commit that fails, or whose proof does, all members are undone and say why; others are left alone."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    ran = guest.apply(
        *(member(entry.recommendation, *entry.steps, commit=commit) for entry in (DIVIDER, ELEVATOR)), ALONE
    )
    assert ran.outcomes == {"boot": "undone", "elevator": "undone", "divider": "undone", "alone": "done"}
    assert ran.said("outcome")[1] == f"elevator undone boot, which is done together with it, failed: {sentence}"
    (guest.root / "etc/alone").unlink()
    (guest.root / "ran").unlink(missing_ok=True)
    assert guest.snapshot() == old
    assert list(guest.receipts.values()) == ["done"]


def test_a_member_that_fails_stops_the_group_before_its_commit(tmp_path: Path, shell: str) -> None:
    """Given a member that is refused, those before it are undone, those after it not begun, and nothing is committed."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    refused = member("refused", WriteFile("/etc/default", "x\n"))
    ran = guest.apply(DIVIDER, refused, ELEVATOR)
    assert ran.outcomes == {"refused": "refused", "divider": "undone", "elevator": "refused"}
    assert "boot" not in ran.outcomes
    assert guest.snapshot() == old
    assert guest.receipts == {}


def test_an_apply_that_is_cut_off_leaves_all_members_or_none(tmp_path: Path, shell: str) -> None:
    """Given a group killed at any change, the next run finds both members undone, or both done, and never one."""
    reference = furnish(tmp_path / "reference", shell)
    old = reference.snapshot()
    reference.apply(DIVIDER, ELEVATOR)
    (reference.root / "ran").unlink()
    new = reference.snapshot()
    counter = tmp_path / "cut"
    furnish(tmp_path / "original", shell)
    ends = set()
    for at in cuts(shell, thorough=True):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(tmp_path / "original", root)
        guest = SmallGuest(root, shell, runs=10)
        counter.write_text(f"{at}\n")
        ran = guest.apply(DIVIDER, ELEVATOR, extra=cut_at(counter))
        ended = guest.apply()
        assert ended.whole
        (root / "ran").unlink(missing_ok=True)
        is_in_order(guest, *((new,) if guest.receipts else (old,)))
        assert len(guest.receipts) in (0, 3)
        ends.add(len(guest.receipts))
        if ran.status != -signal.SIGKILL:
            break
    else:
        pytest.fail("the apply never came to its end")
    assert ends == {0, 3}


def test_a_revert_of_one_that_is_cut_off_is_finished(tmp_path: Path, shell: str) -> None:
    """Given the revert of one member killed at any change, the next run ends it, and the commit is without its part."""
    counter = tmp_path / "cut"
    original = furnish(tmp_path / "original", shell)
    original.apply(DIVIDER, ELEVATOR)
    new = original.read("/boot/grub.cfg")
    for at in cuts(shell, thorough=False):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(original.root, root)
        guest = SmallGuest(root, shell, runs=10)
        counter.write_text(f"{at}\n")
        ran = guest.revert("000001-divider", extra=cut_at(counter))
        assert guest.apply().whole
        state = guest.receipts["000001-divider"]
        assert state in ("done", "reverted")
        assert guest.read("/boot/grub.cfg") == (new if state == "done" else b"quiet\nelevator=noop\n")
        assert guest.receipts["000002-elevator"] == guest.receipts["000003-boot"] == "done"
        assert not list((root / STATE / "receipts").glob("*/reverting"))
        if ran.status != -signal.SIGKILL:
            break
    else:
        pytest.fail("the revert never came to its end")


def test_a_revert_of_the_last_that_is_cut_off_is_finished(tmp_path: Path, shell: str) -> None:
    """Given the revert of the last member killed at any change, the next run brings back what was before the group."""
    counter = tmp_path / "cut"
    original = furnish(tmp_path / "original", shell)
    old = original.snapshot()
    original.apply(DIVIDER)
    (original.root / "ran").unlink()
    new = original.snapshot()
    for at in cuts(shell, thorough=False):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(original.root, root)
        guest = SmallGuest(root, shell, runs=10)
        counter.write_text(f"{at}\n")
        ran = guest.revert("000001-divider", extra=cut_at(counter))
        assert guest.apply().whole
        is_in_order(guest, new if guest.receipts["000001-divider"] == "done" else old)
        assert guest.receipts["000001-divider"] == guest.receipts["000002-boot"]
        if ran.status != -signal.SIGKILL:
            break
    else:
        pytest.fail("the revert never came to its end")
