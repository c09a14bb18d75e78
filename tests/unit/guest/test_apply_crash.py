# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is cut off, at any moment, leaves old or new and never neither; the next run brings order.

To see these red: have ``flush`` always be true, have ``remove_receipt`` set its state first, have ``recover`` skip receipts in
``committing``, leave ``remove_own_folders`` out of the undo, or let a revert not set its state back to ``committing`` before it
acts.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    RemoveFile,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import QUICK, SHELLS, STATE, Ran, SmallGuest, cut_at

pytestmark = pytest.mark.slow

#: One step of each kind, on a guest whose crontab does not end its last line.
STEPS: tuple[Step, ...] = (
    WriteFile("/etc/new/folder/drop-in.conf", "key = value\n"),
    WriteFile("/etc/whole.conf", "new\n", before="old\n"),
    EditFile("/etc/crontab", (ReplacePrefix(2, "17 *", "23 *"), AppendLine("5 4 * * * root own"))),
    RemoveFile("/etc/obsolete.conf", "obsolete\n"),
    WriteKernel("/sys/block/sda/queue/scheduler", "cfq", "noop"),
    Run(
        "make a marker",
        do='echo made >"$ROOT/etc/marker"',
        undo='rm -f "$ROOT/etc/marker"',
        proof='test -f "$ROOT/etc/marker"',
    ),
)


def furnish(root: Path, shell: str) -> SmallGuest:
    """The guest of all these tests."""
    root.mkdir()
    guest = SmallGuest(root, shell)
    guest.write("/etc/crontab", "SHELL=/bin/sh\n17 * * * * root cd / && run-parts %h\n# the end", mode=0o600)
    guest.write("/etc/whole.conf", "old\n", mode=0o640)
    guest.write("/etc/obsolete.conf", "obsolete\n", mode=0o755)
    guest.write("/sys/block/sda/queue/scheduler", "cfq\n")
    return guest


def is_in_order(guest: SmallGuest, *allowed: dict[str, tuple[object, ...]]) -> None:
    """The guest is as in one of ``allowed``, and nothing is open."""
    found = guest.snapshot()
    assert found in allowed, sorted(set(found.items()) ^ set(allowed[0].items()))
    assert set(guest.receipts.values()) <= {"done", "reverted"}
    names = {path.name for path in (guest.root / STATE / "receipts").glob("*")}
    assert names == set(guest.receipts)


def cuts(shell: str, thorough: bool) -> range:
    """At which changes a run is cut under ``shell``: under the fastest at each, or at every fourth; at some under the others."""
    first = 1 + list(SHELLS).index(shell) * 5
    if shell == "busybox":
        return range(1, 1000) if thorough else range(first % 4, 1000, 4)
    return range(first, 1000, 23)


def every_cut(
    tmp_path: Path,
    shell: str,
    torn: bool | None,
    prepare: Callable[[SmallGuest], None],
    run: Callable[[SmallGuest, str], Ran],
) -> Iterator[SmallGuest]:
    """A guest for each change at which ``run`` can be cut, cut there: before it (False), in its middle (True), or before
    some of them only (None)."""
    counter = tmp_path / "cut"
    original = tmp_path / "original"
    prepare(furnish(original, shell))
    for at in cuts(shell, torn is False):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(original, root, symlinks=True)
        guest = SmallGuest(root, shell, runs=10)
        counter.write_text(f"{at}\n")
        ran = run(guest, cut_at(counter, bool(torn)))
        if ran.status != -signal.SIGKILL:
            assert ran.whole
            assert at > 20, "there was nothing to cut"
            return
        yield guest


def both(guest_of: Callable[[], SmallGuest]) -> tuple[dict[str, tuple[object, ...]], dict[str, tuple[object, ...]]]:
    """What a guest looks like before and after all steps."""
    guest = guest_of()
    old = guest.snapshot()
    assert guest.apply(("all_steps", STEPS)).outcomes == {"all_steps": "done"}
    return old, guest.snapshot()


@pytest.mark.parametrize("torn", [False, True], ids=["between changes", "within a write"])
def test_an_apply_that_is_cut_off_is_undone_by_the_next_run(tmp_path: Path, shell: str, torn: bool) -> None:
    """Given a run that is killed before (or within) any change, the next run finds the guest old, or leaves it new and done."""
    old, new = both(lambda: furnish(tmp_path / "reference", shell))
    for guest in every_cut(
        tmp_path, shell, torn, lambda guest: None, lambda guest, extra: guest.apply(("all_steps", STEPS), extra=extra)
    ):
        assert guest.apply().whole
        is_in_order(guest, *((new,) if guest.receipts else (old,)))


def test_a_revert_that_is_cut_off_is_finished_by_the_next_run(tmp_path: Path, shell: str) -> None:
    """Given a revert that is killed at any change, the next run finishes it, or it had not begun."""
    old, new = both(lambda: furnish(tmp_path / "reference", shell))
    for guest in every_cut(
        tmp_path,
        shell,
        None,
        lambda guest: guest.apply(("all_steps", STEPS)) and None,
        lambda guest, extra: guest.revert("000001-all_steps", extra=extra),
    ):
        assert guest.apply().whole
        is_in_order(guest, old if guest.receipts["000001-all_steps"] == "reverted" else new)


def test_what_a_reverted_receipt_knew_of_a_file_is_not_lost_by_a_cut(tmp_path: Path, shell: str) -> None:
    """Given two appends to a line without an end, and a revert of the first that is killed at any change, that of the second
    takes the end back."""

    def appends(guest: SmallGuest) -> None:
        for line in ("own one", "own two"):
            guest.apply((line.replace(" ", "_"), [EditFile("/etc/crontab", (AppendLine(line),))]))

    old = furnish(tmp_path / "reference", shell).snapshot()
    for guest in every_cut(
        tmp_path, shell, False, appends, lambda guest, extra: guest.revert("000001-own_one", extra=extra)
    ):
        assert guest.revert("000001-own_one", "000002-own_two").whole
        assert set(guest.receipts.values()) == {"reverted"}
        is_in_order(guest, old)
        assert not list((guest.root / STATE).glob("receipts/*/*/unended*"))


@pytest.mark.parametrize("at", [45, 62, 75, 88])
def test_a_recovery_that_is_cut_off_is_itself_recovered(tmp_path: Path, at: int) -> None:
    """Given a run killed after it began to commit, its recovery may be killed at any change, and the next one ends it."""
    counter = tmp_path / "cut"
    original = furnish(tmp_path / "original", "busybox")
    old, new = both(lambda: furnish(tmp_path / "reference", "busybox"))
    counter.write_text(f"{at}\n")
    assert original.apply(("all_steps", STEPS), extra=cut_at(counter)).status == -signal.SIGKILL
    for again in range(1, 1000, 4):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(original.root, root)
        guest = SmallGuest(root, "busybox")
        counter.write_text(f"{again}\n")
        ran = guest.apply(extra=cut_at(counter))
        assert guest.apply().whole
        is_in_order(guest, new if guest.receipts else old)
        if ran.status != -signal.SIGKILL:
            break
    else:
        pytest.fail("the recovery never came to its end")


def test_a_step_that_fails_takes_the_whole_transaction_back(tmp_path: Path, shell: str) -> None:
    """Given a last step that fails, all is as before, the next transaction goes on, and no receipt is left of the first."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    failing = Run(
        "fail after having begun", do='echo half >"$ROOT/etc/half"; exit 3', undo='rm -f "$ROOT/etc/half"', proof="true"
    )
    ran = guest.apply(("first", (*STEPS, failing)), ("second", [WriteFile("/etc/second", "2\n")]))
    assert ran.outcomes == {"first": "undone", "second": "done"}
    assert ran.said("step")[0] == "7 failed fail after having begun: it ended with status 3"
    assert guest.receipts == {"000002-second": "done"} or guest.receipts == {"000001-second": "done"}
    (guest.root / "etc/second").unlink()
    assert guest.snapshot() == old


def test_a_proof_that_does_not_hold_takes_the_transaction_back(tmp_path: Path, shell: str) -> None:
    """Given a command whose proof fails, its undo is run and what it printed is shown."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    unproved = Run("do nothing", do="true", undo="true", proof="echo no effect; exit 1")
    ran = guest.apply(("unproved", (*STEPS, unproved)))
    assert ran.outcomes == {"unproved": "undone"}
    assert ran.said("step")[-1] == "7 failed do nothing: its proof ended with status 1"
    assert ran.detail[-1] == "no effect"
    assert guest.snapshot() == old
    assert guest.receipts == {}


def test_an_undo_that_fails_stays_open_and_is_tried_again(tmp_path: Path, shell: str) -> None:
    """Given an undo that fails, the outcome says so, the recommendation is refused until it can be undone, and then it is."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    stubborn = Run(
        "be stubborn",
        do='echo x >"$ROOT/etc/stubborn"; exit 1',
        undo='test ! -e "$ROOT/etc/not_yet" && rm -f "$ROOT/etc/stubborn"',
        proof="true",
    )
    guest.write("/etc/not_yet", "")
    ran = guest.apply(("stubborn", (*STEPS, stubborn)))
    assert ran.outcomes == {"stubborn": "undo_failed"}
    assert "undoing it failed: be stubborn" in ran.said("outcome")[0]
    ran = guest.apply(("stubborn", STEPS), ("other", [WriteFile("/etc/other", "2\n")]))
    assert ran.said("recovered")[0].startswith("000001-stubborn failed be stubborn")
    assert ran.outcomes == {"stubborn": "refused", "other": "done"}
    (guest.root / "etc/not_yet").unlink()
    (guest.root / "etc/other").unlink()
    assert guest.apply().said("recovered")[0].startswith("000001-stubborn undone")
    assert guest.snapshot() == old


def test_a_command_that_outlives_its_run_is_waited_for(tmp_path: Path, shell: str) -> None:
    """Given a run that was killed while its command went on, its undo waits until that command has ended."""
    guest = furnish(tmp_path / "root", shell)
    old = guest.snapshot()
    outliving = Run(
        "outlive",
        do='kill -9 $PPID; sleep 1; echo late >"$ROOT/etc/late"',
        undo='rm "$ROOT/etc/late"',
        proof="true",
    )
    assert guest.apply(("outliving", [outliving])).status == -signal.SIGKILL
    ran = guest.apply()
    assert ran.said("recovered") == ["000001-outliving undone a run that was cut off left it open"]
    assert guest.snapshot() == old


def test_after_a_power_cut_a_command_is_undone_even_if_nothing_says_that_it_ran(dash_guest: SmallGuest) -> None:
    """Given a receipt of another boot whose mark of the command's start was lost, the undo is run all the same."""
    guest = dash_guest
    step = Run("mark", do='echo x >"$ROOT/etc/mark"; kill -9 $PPID', undo='rm -f "$ROOT/etc/mark"', proof="true")
    guest.write("/etc/here", "")
    assert guest.apply(("mark", [step])).status == -signal.SIGKILL
    folder = guest.root / STATE / "receipts/000001-mark"
    (folder / "001/started").rename(folder / "001/not_started")
    meta = folder / "meta"
    meta.write_text("".join(line for line in meta.read_text().splitlines(True) if "boot=" not in line) + "boot=other\n")
    assert guest.apply().whole
    assert not (guest.root / "etc/mark").exists()


def test_a_command_that_never_started_is_not_undone(dash_guest: SmallGuest) -> None:
    """Given a failure before a command's turn, neither the command nor its undo is run."""
    guest = dash_guest
    never = Run("never", do='echo do >>"$ROOT/ran"', undo='echo undo >>"$ROOT/ran"', proof="true")
    fails = Run("fails", do="exit 1", undo="true", proof="true")
    assert guest.apply(("fails", [fails, never])).outcomes == {"fails": "undone"}
    assert not (guest.root / "ran").exists()


def test_a_flush_that_fails_at_any_moment_is_no_success(tmp_path: Path) -> None:
    """Given a disk that reports a failed write at the n-th flush, all is refused or undone and said so, and never called done."""
    old, dummy = both(lambda: furnish(tmp_path / "reference", "busybox"))
    counter = tmp_path / "flush"
    outcomes = set()
    for at in range(1, 100):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        guest = furnish(root, "busybox")
        counter.write_text(f"{at}\n")
        ran = guest.apply(("all_steps", STEPS), extra=failing_flush(counter))
        failed = counter.read_text() == "0\n"
        outcomes.add(ran.outcomes["all_steps"])
        if not failed:
            assert ran.outcomes == {"all_steps": "done"}
            break
        assert ran.outcomes["all_steps"] != "done", at
        assert "Input/output error" in ran.said("outcome")[0] + "".join(ran.said("step")), ran.lines
        assert guest.apply().whole
        is_in_order(guest, old)
    assert {"refused", "undone", "done"} <= outcomes


def test_a_flush_that_fails_in_a_revert_leaves_it_to_the_next_run(tmp_path: Path) -> None:
    """Given a disk that reports a failed write while a receipt is reverted, it is not called reverted, and the next run ends it."""
    old, new = both(lambda: furnish(tmp_path / "reference", "busybox"))
    counter = tmp_path / "flush"
    for at in range(1, 100):
        root = tmp_path / "root"
        shutil.rmtree(root, ignore_errors=True)
        guest = furnish(root, "busybox")
        guest.apply(("all_steps", STEPS))
        counter.write_text(f"{at}\n")
        ran = guest.revert("000001-all_steps", extra=failing_flush(counter))
        if counter.read_text() != "0\n":
            assert at > 3, "there was nothing to fail"
            break
        if " done " in ran.said("reverted")[0]:
            # The record that it is reverted: everything was put back, and on disk, before it.
            assert guest.snapshot() == old
        guest.apply()
        is_in_order(guest, old if guest.receipts["000001-all_steps"] == "reverted" else new)


def failing_flush(counter: Path) -> str:
    """Shell text in which the n-th flush of files, n being in file ``counter``, ends as sync does where a write had failed."""
    return QUICK + (
        "sync() {\n"
        '[ $# -gt 0 ] && [ "$1" != --version ] || return 0\n'
        f'read -r flush_left <"{counter}"\n'
        '[ "$flush_left" -gt 0 ] || return 0\n'
        f'echo $((flush_left - 1)) >"{counter}"\n'
        '[ "$flush_left" -eq 1 ] || return 0\n'
        "echo \"sync: error syncing '$1': Input/output error\" >&2\n"
        "return 1\n"
        "}\n"
    )


def test_a_receipt_is_undone_only_after_what_it_put_back_is_on_disk(dash_guest: SmallGuest) -> None:
    """Given /boot on a disk of its own, the state must not say `undone` before a flush of all: the receipt's disk may be the
    sooner one, and nothing would undo what is lost on the other."""
    guest = dash_guest
    guest.write("/etc/crontab", "old\n")
    states = guest.root / "states"
    seen = QUICK + f'flush() {{ echo "flush $(cat "$receipt/state")" >>"{states}"; }}\n'
    undone = 'echo "undone now" >>"$ROOT/states"'
    fails = Run("fail", do="exit 1", undo=undone, proof="true")
    ran = guest.apply(("fails", [EditFile("/etc/crontab", (AppendLine("new"),)), fails]), extra=seen)
    assert ran.outcomes == {"fails": "undone"}
    after = states.read_text().split("undone now\n")[1].splitlines()
    assert "flush committing" in after[: after.index("flush undone")]


def test_folders_that_went_are_gone_on_disk_before_they_are_forgotten(dash_guest: SmallGuest) -> None:
    """Given /var on a disk of its own, the receipt may outlive what it forgot: the folder beside a file, which nobody would look
    for again, and the file of a folder that we had made, which would be back."""
    guest = dash_guest
    (guest.root / "etc").mkdir()
    log = guest.root / "log"
    # What a sync is asked for, and what is there by then: beside the file, in its folder, and of the receipt.
    seen = QUICK + (
        "sync() {\n"
        'beside=$(ls -A "$ROOT/etc/made" 2>/dev/null | grep -c vmguest)\n'
        'notes=$(find "$receipts" -name beside | grep -c .)\n'
        f'echo "beside=$beside notes=$notes state=$(cat "$receipt/state" 2>/dev/null) $*" >>"{log}"\n'
        "}\n"
    )
    assert guest.apply(("one", [WriteFile("/etc/made/new", "x\n")]), extra=seen).outcomes == {"one": "done"}
    made = f"{guest.root}/etc/made/"
    assert any(
        line.startswith("beside=0 notes=1 state=committing") and made in line for line in log.read_text().splitlines()
    )
    log.unlink()
    assert guest.revert("000001-one", extra=seen).said("reverted") == ["000001-one one done as before"]
    lines = log.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if "state=reverted" in line)
    assert any(f"{guest.root}/etc/" in line.split() for line in lines[:first]), lines


# ---- Space and read-only file systems --------------------------------------------------------------------------------


def in_namespace(script: str) -> str:
    """What ``script`` prints in a mount namespace of its own."""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, check=False)
    if done.returncode == 97 or (b"unshare" in done.stderr and not done.stdout):
        if os.environ.get("CI"):
            pytest.fail("a mount namespace is needed: " + done.stderr.decode())
        pytest.skip("no mount namespace here")
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def test_a_full_disk_at_any_amount_of_room_leaves_old_or_new(tmp_path: Path, shell: str) -> None:
    """Given a small file system with room for n pages, n from none to enough: refused, undone or done, and never half."""
    root = tmp_path / "root"
    root.mkdir()
    guest = SmallGuest(root, shell)
    content = "x" * 5000 + "\n"
    payload = guest.payload(("big", [WriteFile("/etc/f", content, before="old\n"), WriteFile("/etc/g", content)]))
    (tmp_path / "payload").write_text(payload)
    command = " ".join((*shell_words(shell), "-s"))
    report = in_namespace(
        f"""
        mount -t tmpfs -o size=160k tmpfs '{root}' || exit 97
        for room in 0 1 2 3 4 5 6 8 10 12 14 16 18 20 22 24 26 28 30 34; do
            rm -rf '{root}'/*; mkdir -p '{root}/etc' '{root}/var/lib'; echo old >'{root}/etc/f'
            cat /dev/zero >'{root}/filler' 2>/dev/null
            truncate -s -$((room * 4))k '{root}/filler'
            {command} <'{tmp_path}/payload' >'{tmp_path}/out' 2>&1
            outcome=$(sed -n 's/^[0-9a-f]* outcome big \\([a-z_]*\\).*/\\1/p; s/^[0-9a-f]* refused .*/nothing/p' '{tmp_path}/out')
            ended=$(tail -n 1 '{tmp_path}/out' | sed 's/.* //')
            rm '{root}/filler'
            left=$(find '{root}' -name '.vmguest*' | wc -l)
            lines=$(head -c 3 '{root}/etc/f')
            g=$(test -e '{root}/etc/g' && head -c 3 '{root}/etc/g')
            open=$(cat '{root}'/var/lib/vmguest/receipts/*/state 2>/dev/null)
            echo "$room $outcome $ended $lines ${{g:-none}} ${{open:-none}} $left"
        done
        """
    )
    ends = set()
    for line in report.splitlines():
        dummy, outcome, ended, f, g, receipt, left = line.split()
        assert ended == "end", line
        expected = ("xxx", "xxx", "done") if outcome == "done" else ("old", "none", "none")
        assert (f, g, receipt) == expected, line
        assert left == "0", line
        ends.add(outcome)
    assert {"refused", "done"} <= ends


def test_a_disk_that_is_full_by_then_does_not_stop_the_undo(tmp_path: Path, shell: str) -> None:
    """Given a command that fills the disk and fails, the file is put back: its old self lay ready beside it."""
    root = tmp_path / "root"
    root.mkdir()
    content = "x" * 20000 + "\n"
    fills = Run("fill the disk", do='cat /dev/zero >"$ROOT/filler"', undo="true", proof="true")
    payload = SmallGuest(root, shell).payload(("big", [WriteFile("/etc/f", content, before=content * 2), fills]))
    (tmp_path / "payload").write_text(payload)
    (tmp_path / "before").write_text(content * 2)
    command = " ".join((*shell_words(shell), "-s"))
    said = in_namespace(
        f"""
        mount -t tmpfs -o size=400k tmpfs '{root}' || exit 97
        mkdir -p '{root}/etc' '{root}/var/lib'; cp '{tmp_path}/before' '{root}/etc/f'
        {command} <'{tmp_path}/payload'
        cmp '{tmp_path}/before' '{root}/etc/f' && cat '{root}'/var/lib/vmguest/receipts/*/state || echo as before
        """
    )
    assert " outcome big undone fill the disk: it ended with status 1\n" in said
    assert said.endswith("as before\n")


def shell_words(shell: str) -> list[str]:
    """A shell as words of a command line."""
    return [shell, *SHELLS[shell]]


@pytest.mark.parametrize("read_only", ["etc", "var"])
def test_a_read_only_file_system_is_refused_with_a_sentence(tmp_path: Path, shell: str, read_only: str) -> None:
    """Given a folder that is mounted read-only, nothing is done, and the reason says so."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    payload = SmallGuest(root, shell).payload(("one", [WriteFile("/etc/f", "new\n")]))
    (tmp_path / "payload").write_text(payload)
    command = " ".join((*shell_words(shell), "-s"))
    said = in_namespace(
        f"mount --bind '{root}/{read_only}' '{root}/{read_only}' || exit 97\n"
        f"mount -o remount,bind,ro '{root}/{read_only}' || exit 97\n"
        f"{command} <'{tmp_path}/payload' 2>&1"
    )
    sentence = next(line[33:] for line in said.splitlines() if " refused " in line)
    if read_only == "var":
        assert sentence == "refused cannot make /var/lib/vmguest for receipts: Read-only file system"
    else:
        assert sentence.startswith("step 1 refused /etc/f: cannot make /etc/.vmguest-run1-000001-one-001 beside it: ")
        assert sentence.endswith("Read-only file system")
    assert said.rstrip().endswith(" end")
    assert not list(root.glob("etc/*"))
