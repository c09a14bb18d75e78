# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a remediation came to: pure; guest_remediate does the talking to the guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, Outcome

#: What a remedy may lead to.
PROVED = frozenset({Status.COMPLIANT, Status.PENDING_REBOOT})


@dataclass(frozen=True)
class Failure:
    """A remedy that did not lead to its end. ``receipt`` is what is still to be undone, None where that is done already."""

    recommendation: str
    reason: str
    receipt: str | None = None


def failures(plan: Plan, applied: ApplyOutput, after: Sequence[Finding]) -> list[Failure]:
    """Each transaction of ``plan`` that the guest did not do, or whose finding is not as desired afterwards."""
    outcomes = {outcome.recommendation: outcome for outcome in applied.outcomes}
    found = {finding.recommendation: finding for finding in after}
    failed = []
    for transaction in plan.transactions:
        name = transaction.recommendation
        outcome = outcomes.get(name)
        if outcome is None:
            failed.append(Failure(name, "the guest did not say what became of it"))
        elif outcome.result != "done":
            # What a group's commit printed was printed once, for all its members.
            printed = outcome.detail or (outcomes[transaction.group].detail if transaction.group in outcomes else [])
            failed.append(Failure(name, _not_done(outcome, printed)))
        elif found[name].status not in PROVED:
            failed.append(Failure(name, not_proved(found[name]), outcome.receipt))
    return failed


def _not_done(outcome: Outcome, detail: Sequence[str]) -> str:
    what = {
        "undone": "a step failed, and all is as before",
        "refused": "it was refused, and nothing was done",
        "undo_failed": "a step failed, and undoing it failed too: see the guest's /var/lib/vmguest",
    }.get(outcome.result, f"it ended as '{outcome.result}'")
    printed = f" ({detail[-1].strip()})" if detail and detail[-1].strip() else ""
    return f"{what}: {outcome.reason}{printed}"


def not_proved(finding: Finding) -> str:
    """What was expected of a finding that is not as it should be by now, and what was found."""
    expected = f"expected {finding.desired}" if finding.desired is not None else "expected it compliant"
    sides = [
        f"{name} {value}"
        for name, value in (("runtime", finding.runtime), ("persistent", finding.persistent))
        if value is not None
    ]
    return f"{expected}, found {' and '.join(sides) or finding.status.value}: {finding.reason}"


def not_recovered(applied: ApplyOutput) -> list[str]:
    """A sentence for each interrupted transaction of an earlier run that could not be undone."""
    problems = []
    for entry in applied.recovered:
        receipt, result, reason = ([*entry.split(" ", 2), "", ""])[:3]
        if result not in ("undone", "finished"):
            problems.append(f"what an earlier run left half-done could not be undone ({receipt}): {reason}")
    return problems


def with_failures(after: Sequence[Finding], failed: Mapping[str, str]) -> list[Finding]:
    """``after``, where each recommendation of ``failed`` has that status and its reason."""
    return [
        finding.became(Status.FAILED, failed[finding.recommendation]) if finding.recommendation in failed else finding
        for finding in after
    ]


def outcome_record(outcome: Outcome) -> dict[str, Any]:
    """One transaction's outcome as plain data."""
    return {
        "recommendation": outcome.recommendation,
        "receipt": outcome.receipt or None,
        "result": outcome.result,
        "reason": outcome.reason,
        "detail": [line for line in outcome.detail if line.strip()],
    }
