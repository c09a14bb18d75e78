# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's findings as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import (
    findings_table,
    guest_table,
    sides,
    summary,
)


def finding(
    recommendation: str, status: str, area: str = "storage", reason: str = "because", **more: Any
) -> dict[str, Any]:
    """A finding as plain data."""
    base = {"runtime": None, "persistent": None, "desired": None, "mode": "audit", "severity": "medium", "remedy": []}
    return {**base, "recommendation": recommendation, "status": status, "area": area, "reason": reason, **more}


def test_columns_are_aligned_areas_are_headings_and_what_would_change_is_marked() -> None:
    found = [
        finding("tools_present", "compliant", "tools", "open-vm-tools is installed", runtime="12.2"),
        finding(
            "io_scheduler",
            "noncompliant",
            mode="enforce",
            remedy=["set"],
            runtime="cfq",
            persistent="nobody",
            desired="none",
        ),
        finding("elevator", "noncompliant", mode="audit", remedy=["set"]),
    ]
    assert guest_table("db1", "Debian 12", found, 100).splitlines() == [
        "db1: Debian 12",
        "tools",
        "  compliant      tools_present  12.2                 open-vm-tools is installed",
        "storage",
        "  noncompliant * io_scheduler   cfq / nobody → none  because",
        "  noncompliant   elevator                            because",
        "  1 compliant, 2 noncompliant; * remediation changes 1",
    ]


def test_a_reason_is_wrapped_in_its_column() -> None:
    lines = findings_table([finding("x", "unknown", reason="one two three four five six seven eight nine ten")], 55)
    assert lines[1:] == [
        "  unknown   x  one two three four five six seven eight",
        "               nine ten",
    ]


def test_on_a_narrow_terminal_the_reason_goes_below() -> None:
    lines = findings_table(
        [finding("tools_service_running", "not_persistent", reason="one two three four five six")], 50
    )
    assert lines[1:] == [
        "  not_persistent   tools_service_running",
        "      one two three four five six",
    ]


@pytest.mark.parametrize(
    ("runtime", "persistent", "desired", "status", "text"),
    [
        ("cfq", "noop", "none", "noncompliant", "cfq / noop → none"),
        ("cfq", "cfq", "none", "noncompliant", "cfq → none"),
        ("cfq", None, "none", "noncompliant", "cfq → none"),
        (None, "cfq", None, "noncompliant", "cfq"),
        ("none", "none", "none", "waived", "none"),
        ("deadline", "deadline", "one of none, deadline", "compliant", "deadline"),
        (None, None, "none", "unknown", ""),
        ("a\nb", None, None, "unknown", "a b"),
    ],
)
def test_both_sides_and_what_is_desired(
    runtime: str | None, persistent: str | None, desired: str | None, status: str, text: str
) -> None:
    assert sides(finding("x", status, runtime=runtime, persistent=persistent, desired=desired)) == text


def test_not_applicable_ones_are_one_sentence_with_the_reason_that_they_share() -> None:
    lines = findings_table([finding("a", "not_applicable"), finding("b", "not_applicable")], 80)
    assert lines == ["  not applicable: a, b, because because"]
    lines = findings_table([finding("a", "not_applicable", reason="x"), finding("b", "not_applicable", reason="y")], 80)
    assert lines == ["  not applicable: a, b"]
    assert (
        len(
            findings_table(
                [finding("a", "not_applicable"), finding("b", "not_applicable")], 80, show_not_applicable=True
            )
        )
        == 3
    )


def test_colour_does_not_move_a_column() -> None:
    found = [finding("a", "compliant"), finding("b", "pending_reboot")]
    coloured = findings_table(found, 80, lambda text, _colour: f"<{text}>")
    assert [line.replace("<", "").replace(">", "") for line in coloured] == findings_table(found, 80)
    assert "<compliant>" in coloured[1]


def test_no_recommendation_at_all() -> None:
    assert findings_table([], 80) == []
    assert summary([]) == "no recommendation selected"


@given(reason=st.text(), width=st.integers(40, 200))
def test_no_reason_breaks_the_terminal(reason: str, width: int) -> None:
    """No control character and no line end of its own."""
    lines = findings_table([finding("swap_size", "noncompliant", reason=reason, runtime=reason)], width)
    for line in lines:
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)
