# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_audit: findings of one guest, from one exec that writes nothing there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Finding, Severity
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import (
    POLICY_OPTIONS,
    GuestAction,
    TaskFailed,
)


class ActionModule(GuestAction):
    OPTIONS = (*POLICY_OPTIONS, "return_findings", "fail_on")
    DOES = "audit"

    def session(self) -> dict[str, Any]:
        policy = self.policy()
        self.open_records(policy)
        self.connect()
        evidence = self.probe()
        findings = assess(evidence, policy)
        worst = _too_severe(findings, policy.fail_on)
        rows = [finding.record() for finding in findings]
        record = self.record_guest(
            evidence,
            policy,
            state="failed" if worst else "ok",
            message=worst,
            findings=rows,
        )
        self.show_findings(evidence, policy, rows)
        if worst:
            raise TaskFailed(worst, record=record)
        return {
            "changed": False,
            "profile": policy.profile,
            "findings": rows,
            "totals": dict(Counter(finding.status.value for finding in findings)),
            "record": record,
        }


def _too_severe(findings: Sequence[Finding], fail_on: Severity | None) -> str | None:
    """The sentence that fails the task, None where nothing open is as severe as ``fail_on``."""
    if fail_on is None:
        return None
    found = [finding for finding in findings if finding.status in OPEN and finding.severity.rank >= fail_on.rank]
    if not found:
        return None
    names = ", ".join(f"{finding.recommendation} ({finding.status}, {finding.severity})" for finding in found)
    return f"open findings of severity {fail_on} or higher: {names}; vmguest_fail_on is {fail_on}"
