# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time on a guest; a dead one's lock holds nobody, and what ssh sends twice is done once.

To see these red: let ``take_lock`` not look for others, or ``process_alive`` believe a number alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, WriteFile
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import STATE, SmallGuest

pytestmark = pytest.mark.slow

#: A command that goes on until the test says so, or for a minute where the test failed.
HOLD = Run(
    "hold on",
    do='echo x >"$ROOT/begun"; i=0; until [ -e "$ROOT/go" ] || [ $((i += 1)) -gt 1200 ]; do sleep 0.05; done',
    undo="true",
    proof="true",
)
WRITE: tuple[Step, ...] = (WriteFile("/etc/x", "x\n"),)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    for _attempt in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it never came")


def said(process: subprocess.Popen[bytes]) -> list[str]:
    """What a run printed, to its end, without the nonce."""
    assert process.stdout is not None
    text = process.stdout.read().decode()
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait() == 0
    return [line[33:] if line[32:33] == " " else line for line in text.splitlines()]


def holding(guest: SmallGuest) -> tuple[str, subprocess.Popen[bytes]]:
    """A run that has the lock, and its program."""
    payload = guest.payload(("first", [HOLD]), run="run-of-the-first")
    process = guest.start(payload)
    eventually((guest.root / "begun").exists)
    return payload, process


def test_a_second_run_is_told_who_runs_and_does_nothing(small_guest: SmallGuest) -> None:
    """Given a run that holds the lock, another's is told its id, process and time, and nothing is done."""
    _payload, first = holding(small_guest)
    second = small_guest.apply(("second", WRITE))
    assert second.lines == ["begin apply 1", f"locked run-of-the-first {first.pid} 2026-11-24T02:00:00Z", "end"]
    assert not (small_guest.root / "etc").exists()
    small_guest.write("/go", "")
    assert "outcome first done steps: 1" in said(first)
    assert small_guest.apply(("second", WRITE)).outcomes == {"second": "done"}


def test_an_audit_of_nothing_needs_no_lock(dash_guest: SmallGuest) -> None:
    """Given a run in progress, an empty plan neither waits nor undoes what that run has open."""
    _payload, first = holding(dash_guest)
    assert dash_guest.apply().said("locked") != []
    dash_guest.write("/go", "")
    assert "outcome first done steps: 1" in said(first)


def test_the_same_program_sent_again_waits_and_gives_the_first_ones_answer(small_guest: SmallGuest) -> None:
    """Given an ssh retry while the first attempt still runs, it waits, does nothing, and says what the first one said."""
    payload, first = holding(small_guest)
    again = small_guest.start(payload)
    eventually(lambda: len(list((small_guest.root / STATE / "lock").iterdir())) >= 1)
    small_guest.write("/go", "")
    answer = said(first)
    assert [line for line in said(again) if line != "alive"] == [line for line in answer if line != "alive"]
    assert "outcome first done steps: 1" in answer
    assert small_guest.receipts == {"000001-first": "done"}


def test_the_same_program_sent_again_after_the_end_is_not_done_again(small_guest: SmallGuest) -> None:
    """Given a retry after the first attempt ended (its answer was lost), the answer is the first one's."""
    payload = small_guest.payload(("one", [*WRITE, Run("count", 'echo x >>"$ROOT/count"; echo said', "true", "true")]))
    first = small_guest.execute(payload)
    again = small_guest.execute(payload)
    assert first.outcomes == {"one": "done"}
    assert again.text == first.text
    assert small_guest.read("/count") == b"x\n"
    assert small_guest.receipts == {"000001-one": "done"}


def test_of_many_at_once_no_two_run_together(dash_guest: SmallGuest) -> None:
    """Given eight runs that begin together, at least one runs, and no two of them ever at the same time."""
    alone = Run(
        "be alone",
        do='mkdir "$ROOT/busy" && sleep 0.1 && rmdir "$ROOT/busy" && echo x >>"$ROOT/ran"',
        undo='echo two >"$ROOT/collided"',
        proof="true",
    )
    processes = [dash_guest.start(dash_guest.payload((f"r{number}", [alone]))) for number in range(8)]
    words = [[line.split(" ")[0] for line in said(process)] for process in processes]
    done = [each for each in words if "outcome" in each]
    assert done
    assert all("outcome" in each or "locked" in each for each in words)
    assert not (dash_guest.root / "collided").exists()
    assert dash_guest.read("/ran") == b"x\n" * len(done)
    assert list((dash_guest.root / STATE / "lock").iterdir()) == []


def claim(guest: SmallGuest, pid: int, start: str, boot: str) -> Path:
    """A claim to the lock, made by hand."""
    lock = guest.root / STATE / "lock"
    lock.mkdir(parents=True)
    (guest.root / STATE).chmod(0o700)
    path = lock / f"{pid},{start},{boot},{'a' * 32},2026-11-24T01:00:00Z,other-run"
    path.mkdir()
    return path


def start_of(pid: int) -> str:
    """A process's start time, field 22 of its stat."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_living_process_with_its_start_time_and_boot_holds_the_lock(small_guest: SmallGuest) -> None:
    """Given the claim of a process that lives, the run is refused."""
    claim(small_guest, os.getpid(), start_of(os.getpid()), BOOT)
    assert small_guest.apply(("one", WRITE)).said("locked") == [f"other-run {os.getpid()} 2026-11-24T01:00:00Z"]


@pytest.mark.parametrize(
    ("pid", "start", "boot"),
    [
        (os.getpid(), "1", BOOT),
        (os.getpid(), start_of(os.getpid()), "00000000-0000-0000-0000-000000000000"),
        (4194305, "1", BOOT),
    ],
    ids=["number used again", "before the reboot", "no such process"],
)
def test_a_dead_ones_claim_holds_nobody(small_guest: SmallGuest, pid: int, start: str, boot: str) -> None:
    """Given a claim whose process is another one now, or of another boot, or gone, it is removed and the run goes on."""
    stale = claim(small_guest, pid, start, boot)
    assert small_guest.apply(("one", WRITE)).outcomes == {"one": "done"}
    assert not stale.exists()


def test_a_killed_runs_lock_is_taken_and_its_transaction_undone(small_guest: SmallGuest) -> None:
    """Given a run that was killed in the middle, the next one undoes it and does its own."""
    _payload, first = holding(small_guest)
    first.send_signal(signal.SIGKILL)
    small_guest.write("/go", "")
    first.communicate()
    ran = small_guest.apply(("second", WRITE))
    assert ran.said("recovered") == ["000001-first undone a run that was cut off left it open"]
    assert ran.outcomes == {"second": "done"}


def test_a_hangup_does_not_stop_a_run(small_guest: SmallGuest) -> None:
    """Given a connection that hangs up, the run goes on to its end."""
    _payload, first = holding(small_guest)
    first.send_signal(signal.SIGHUP)
    first.send_signal(signal.SIGPIPE)
    small_guest.write("/go", "")
    assert "outcome first done steps: 1" in said(first)
