# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's totals, at the end of a run."""

from __future__ import annotations

import pickle
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import Paint, plain
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.totals import Totals


def finding(
    recommendation: str, status: str, severity: str = "medium", mode: str = "audit", remedy: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A finding as a record has it."""
    return {
        "recommendation": recommendation,
        "status": status,
        "severity": severity,
        "mode": mode,
        "remedy": list(remedy),
    }


def record(host: str, *findings: dict[str, Any], state: str = "ok", message: str | None = None) -> dict[str, Any]:
    """A guest's record."""
    return {"host": host, "action": "audit", "state": state, "message": message, "findings": list(findings)}


def counted(records: list[dict[str, Any]]) -> Totals:
    """The totals of these records."""
    totals = Totals()
    for entry in records:
        totals.add(entry)
    return totals


def totals(records: list[dict[str, Any]], paint: Paint = plain) -> str:
    """The text of the totals."""
    return counted(records).text(paint)


def test_worst_first_and_named_where_there_is_nothing_to_count() -> None:
    text = totals(
        [
            record("good", finding("a", "compliant"), finding("b", "not_applicable")),
            record("many", finding("a", "noncompliant", "low"), finding("b", "noncompliant", "low")),
            record("grave", finding("a", "noncompliant", "critical"), finding("b", "compliant")),
            record("gone", state="unreachable", message="no connection over ssh: timed out"),
            record("refused", state="failed", message="sudo needs a password"),
            record("killed", state="interrupted", message="the task was ended before the guest answered"),
        ]
    )
    assert text.splitlines() == [
        "guest       noncompliant  compliant  not_applicable",
        "grave                  1          1               .",
        "many                   2          .               .",
        "good                   .          1               1",
        "all guests             3          2               1",
        "unreachable: gone: no connection over ssh: timed out",
        "failed: refused: sudo needs a password",
        "interrupted: killed: the task was ended before the guest answered",
        "open on most guests: a (2), b (1)",
    ]


def test_one_guest_needs_no_sum() -> None:
    assert totals([record("one", finding("a", "waived"))]).splitlines() == ["guest       waived", "one              1"]


def test_nobody_at_all() -> None:
    assert totals([]) == ""


def test_a_large_fleet_shows_its_worst_guests_and_sums_up_the_others() -> None:
    fleet = [record(f"bad{number:03}", finding("a", "noncompliant")) for number in range(5)]
    fleet += [record(f"good{number:03}", finding("a", "compliant")) for number in range(100)]
    lines = totals(fleet).splitlines()
    assert [line.split()[0] for line in lines[1:6]] == [f"bad{number:03}" for number in range(5)]
    assert lines[41].split() == ["65", "more", ".", "65"]
    assert lines[42].split() == ["all", "guests", "5", "100"]
    assert lines[43] == "open on most guests: a (5)"


def test_what_remediation_would_change_is_counted() -> None:
    marked = finding("a", "noncompliant", mode="enforce", remedy=("set",))
    fleet = [record("x", marked, marked), record("y", marked), record("z", finding("a", "noncompliant"))]
    remediated = {**record("done", marked), "action": "remediate"}
    assert counted([*fleet, remediated]).remediable == (3, 2)


def test_many_that_cannot_be_reached_are_named_up_to_a_number() -> None:
    lines = totals(
        [record(f"h{number:03}", state="unreachable", message="m") for number in range(100, 0, -1)]
    ).splitlines()
    assert lines[0] == "unreachable: h001: m"
    assert len(lines) == 41
    assert lines[40] == "unreachable: 60 more"


def test_what_is_kept_does_not_grow_with_the_fleet() -> None:
    def size(guests: int) -> int:
        return len(
            pickle.dumps(counted([record(f"h{number:05}", finding("a", "noncompliant")) for number in range(guests)]))
        )

    assert size(2000) <= size(100) + 20


def test_colour_does_not_move_a_column() -> None:
    fleet = [record("x", finding("a", "noncompliant")), record("gone", state="unreachable", message="m")]
    coloured = totals(fleet, lambda text, _colour: f"<{text}>")
    assert coloured.replace("<", "").replace(">", "") == totals(fleet)
