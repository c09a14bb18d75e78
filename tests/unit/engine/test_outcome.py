# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a remediation came to: done is not enough, the audit after it has to say so too."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import (
    Failure,
    failures,
    not_recovered,
    with_failures,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, Outcome
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteKernel

PLAN = Plan((Transaction("a", (WriteKernel("/proc/a", "0", "1"),)),))


def after(status: Status, **sides: Any) -> list[Finding]:
    """The audit after it."""
    return [Finding("a", "role", "storage", "A", Severity.MEDIUM, "source", "enforce", status, "because", **sides)]


@pytest.mark.parametrize("status", [Status.COMPLIANT, Status.PENDING_REBOOT])
def test_done_and_confirmed(status: Status) -> None:
    assert failures(PLAN, ApplyOutput([Outcome("a", "000001-a", "done", "")]), after(status)) == []


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in (Status.COMPLIANT, Status.PENDING_REBOOT)]
)
def test_done_and_not_confirmed_is_to_be_undone(status: Status) -> None:
    found = after(status, runtime="0", persistent="1", desired="1")
    assert failures(PLAN, ApplyOutput([Outcome("a", "000001-a", "done", "")]), found) == [
        Failure("a", "expected 1, found runtime 0 and persistent 1: because", "000001-a")
    ]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("undone", "a step failed, and all is as before: disk full (no space)"),
        ("refused", "it was refused, and nothing was done: disk full (no space)"),
        (
            "undo_failed",
            "a step failed, and undoing it failed too: see the guest's /var/lib/vmguest: disk full (no space)",
        ),
    ],
)
def test_not_done_needs_no_undoing(result: str, words: str) -> None:
    applied = ApplyOutput([Outcome("a", "000001-a", result, "disk full", detail=["dd: x", " no space "])])
    assert failures(PLAN, applied, after(Status.NONCOMPLIANT)) == [Failure("a", words)]


def test_what_the_guest_does_not_mention_failed() -> None:
    assert failures(PLAN, ApplyOutput(), after(Status.COMPLIANT)) == [
        Failure("a", "the guest did not say what became of it")
    ]


def test_a_failure_is_what_is_shown() -> None:
    (found,) = with_failures(after(Status.NONCOMPLIANT), {"a": "why"})
    assert (found.status, found.reason, found.remedy) == (Status.FAILED, "why", ())
    assert with_failures(after(Status.COMPLIANT), {}) == after(Status.COMPLIANT)


def test_what_could_not_be_recovered_is_said() -> None:
    applied = ApplyOutput(recovered=["000001-a undone as before", "000002-b failed the disk is full"])
    assert not_recovered(applied) == [
        "what an earlier run left half-done could not be undone (000002-b): the disk is full"
    ]
