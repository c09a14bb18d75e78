# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A transaction does not meet those whom it names: it waits so long, or is refused with nothing done; others go on.

To see these red: let ``undisturbed`` say yes, or call it in one place less.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction, alone_from
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import render_plan
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import QUICK, STATE, SmallGuest
from ansible_collections.vmguest.linux.tests.unit.guest.test_apply_lock import eventually, said
from ansible_collections.vmguest.linux.tests.unit.guest.test_busy import DPKG, held

pytestmark = pytest.mark.slow

INSTALL = Run(
    "install", 'echo x >"$ROOT/installed"', 'rm -f "$ROOT/installed"', '[ -e "$ROOT/installed" ]', ("packages",)
)
BUILD = Run("build", 'echo x >"$ROOT/built"', 'rm -f "$ROOT/built"', '[ -e "$ROOT/built" ]', ("packages", "boot"))
MEMBERS = tuple(
    Transaction(name, (WriteFile(f"/etc/{name}", "x\n"),), "images", (BUILD,)) for name in ("first", "second")
)
SYSCTL = ("sysctl", [WriteFile("/etc/sysctl.d/x", "x\n")])


def at_work_from(call: int) -> str:
    """Shell text: from the so-manieth time that somebody asks, dracut runs."""
    return (
        f'{QUICK}asked() {{ ls "$ROOT"/asked* 2>/dev/null | wc -l; }}\n'
        'at_work() { set +f; asked=$(asked); : >"$ROOT/asked$asked"; '
        f"[ \"$asked\" -ge {call - 1} ] || return 1; echo 'dracut (process 4711) is running'; }}\n"
    )


def asked(guest: SmallGuest) -> int:
    """How often it was asked; forgotten afterwards."""
    files = list(guest.root.glob("asked*"))
    for file in files:
        file.unlink()
    return len(files)


def test_the_plan_names_whom_a_transaction_must_not_meet() -> None:
    """Given steps that name others, the call before theirs names all of them once; given none, there is no such call."""
    plan = render_plan([Transaction("sysctl", ()), *MEMBERS, Transaction("tools", (INSTALL,))])
    assert re.findall(r"^(?:alone|transaction|group).*$", plan, re.MULTILINE) == [
        "transaction sysctl steps_1",
        "alone boot packages",
        "group images steps_4 first steps_2 second steps_3",
        "alone packages",
        "transaction tools steps_5",
    ]
    assert alone_from(MEMBERS) == ["boot", "packages"]


def test_what_meets_nobody_asks_for_nobody(dash_guest: SmallGuest) -> None:
    """Given a plan without such steps, no process is spent on the question; nor in its revert."""
    extra = at_work_from(1)
    assert dash_guest.apply(SYSCTL, extra=extra).outcomes == {"sysctl": "done"}
    assert dash_guest.revert("000001-sysctl", extra=extra).said("reverted") == ["000001-sysctl sysctl done as before"]
    assert asked(dash_guest) == 0


def test_refused_at_once_with_the_reason_and_the_others_go_on(small_guest: SmallGuest) -> None:
    """Given apt's lock really held and no patience, what installs is refused, nothing of it is done, and the rest is."""
    small_guest.wait = 0
    with held(small_guest.root / DPKG[1:]) as pid:
        ran = small_guest.apply(("tools", [INSTALL]), SYSCTL)
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    assert ran.whole
    assert ran.said("transaction") == ["tools -", "sysctl 000001-sysctl"]
    assert ran.said("outcome") == [
        f"tools refused {name} (process {pid}) holds {DPKG}; try again later",
        "sysctl done steps: 1",
    ]
    assert ran.said("alive") == []
    assert not (small_guest.root / "installed").exists()
    assert small_guest.receipts == {"000001-sysctl": "done"}


def test_the_wait_has_a_bound_for_the_whole_run(small_guest: SmallGuest) -> None:
    """Given others who never end, a run says what it waits for, waits so long once, and refuses each of its transactions."""
    small_guest.wait = 16
    with held(small_guest.root / DPKG[1:]) as pid:
        ran = small_guest.apply(("tools", [INSTALL]), ("more", [INSTALL]))
    assert [line.partition(") ")[2] for line in ran.said("outcome")] == [
        f"holds {DPKG}; waited 16 s; try again later"
    ] * 2
    assert [line.partition(" (")[2] for line in ran.said("alive")] == [f"process {pid}) holds {DPKG}"] * 2
    assert all(line.startswith("waiting: ") for line in ran.said("alive"))
    assert small_guest.receipts == {}


def test_it_goes_on_when_the_others_have_ended(small_guest: SmallGuest) -> None:
    """Given a lock that is let go, the transaction is done, and nothing was written before."""
    with held(small_guest.root / DPKG[1:]):
        process = small_guest.start(small_guest.payload(("tools", [INSTALL])))
        output = small_guest.root / STATE / "last-output"
        eventually(lambda: output.exists() and b"waiting: " in output.read_bytes())
        assert small_guest.receipts == {}
    assert "outcome tools done steps: 1" in said(process)
    assert (small_guest.root / "installed").exists()


def test_a_group_is_refused_before_its_first_member(small_guest: SmallGuest) -> None:
    small_guest.wait = 0
    ran = small_guest.apply(*MEMBERS, extra=at_work_from(1))
    assert ran.outcomes == {"images": "refused", "first": "refused", "second": "refused"}
    assert ran.said("outcome")[0] == "images refused dracut (process 4711) is running; try again later"
    assert all("dracut (process 4711) is running" in line for line in ran.said("outcome"))
    assert asked(small_guest) == 1
    assert sorted(small_guest.snapshot()) == []
    assert small_guest.receipts == {}


@pytest.mark.parametrize("call", [2, 3, 4])
def test_who_begins_in_between_is_seen_before_anything_is_committed(small_guest: SmallGuest, call: int) -> None:
    """Given dracut begun while a group was prepared, or its members done, its commit is not run, and all is as before."""
    small_guest.wait = 0
    gone = f"{at_work_from(call)}undisturbed_undo() {{ :; }}\n"
    ran = small_guest.apply(*MEMBERS, extra=gone)
    assert asked(small_guest) == call
    assert set(ran.outcomes.values()) <= {"refused", "undone"}, ran.text
    assert set(ran.outcomes) == {"images", "first", "second"} if call == 4 else {"first", "second"}
    assert not (small_guest.root / "built").exists()
    assert sorted(small_guest.snapshot()) in ([], ["etc"])
    assert small_guest.receipts == {}


def test_an_undo_waits_and_leaves_the_rest_to_the_next_run(small_guest: SmallGuest) -> None:
    """Given a step that fails while others begin, nothing is undone under them: a minute is waited, and the next run does it."""
    small_guest.wait = 0
    fails = Run("fail", 'echo x >"$ROOT/half"; exit 1', 'rm -f "$ROOT/half"', "true", ("boot",))
    ran = small_guest.apply(("image", [fails]), extra=at_work_from(3).replace("sleep 0.1", "sleep 0"))
    assert ran.said("outcome") == [
        "image undo_failed fail: it ended with status 1; and undoing it failed: "
        "dracut (process 4711) is running; waited 60 s; try again later"
    ]
    assert asked(small_guest) == 2 + 60 + 1
    assert (small_guest.root / "half").exists()
    ran = small_guest.apply(SYSCTL)
    assert ran.said("recovered") == ["000001-image undone a run that was cut off left it open"]
    assert ran.outcomes == {"sysctl": "done"}
    assert not (small_guest.root / "half").exists()


def test_a_revert_is_refused_as_well(small_guest: SmallGuest) -> None:
    """Given what was installed, taking it back does not meet a package manager either: the receipt remembers whom not."""
    assert small_guest.apply(("tools", [INSTALL])).outcomes == {"tools": "done"}
    small_guest.wait = 0
    with held(small_guest.root / DPKG[1:]) as pid:
        ran = small_guest.revert("000001-tools")
    assert ran.said("reverted")[0].startswith("000001-tools tools refused ")
    assert f"(process {pid}) holds {DPKG}; try again later" in ran.said("reverted")[0]
    assert small_guest.receipts == {"000001-tools": "done"}
    assert small_guest.revert("000001-tools").said("reverted") == ["000001-tools tools done as before"]
    assert not (small_guest.root / "installed").exists()
