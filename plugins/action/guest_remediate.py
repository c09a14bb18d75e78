# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_remediate: probe, plan, apply and probe again. Two execs; one where there is nothing to do."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import (
    Failure,
    failures,
    not_recovered,
    outcome_record,
    with_failures,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, Receipt, receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import (
    POLICY_OPTIONS,
    GuestAction,
    TaskFailed,
    about,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.comparable import comparable
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.run import RUN, now


class ActionModule(GuestAction):
    OPTIONS = (*POLICY_OPTIONS, "role", "wait")
    DOES = "remediate"

    #: The guest as it was found.
    found: Evidence

    def session(self) -> dict[str, Any]:
        policy = self.policy(self.argument("role"))
        self.open_records(policy)
        self.connect()
        evidence = self.found = self.probe()
        before = assess(evidence, policy)
        interrupted = [receipt for receipt in receipts(evidence) if receipt.interrupted]
        if self.check_mode:
            return self._planned(evidence, policy, before, interrupted)
        recovered: list[str] = []
        if interrupted:
            # What it left half-done is undone first: a plan made from that state would not fit the one after.
            applied, evidence = self._apply(Plan(()), policy)
            recovered = applied.recovered
            before = assess(evidence, policy)
        plan = make_plan(before)
        if not plan:
            return self._finished(evidence, policy, before, before, plan, ApplyOutput(recovered=recovered), [])
        applied, evidence = self._apply(plan, policy)
        applied.recovered[:0] = recovered
        after = assess(evidence, policy)
        failed = failures(plan, applied, after)
        unproved = [failure for failure in failed if failure.receipt]
        if unproved:
            failed, evidence = self._take_back(failed, unproved, policy)
            after = assess(evidence, policy)
        return self._finished(evidence, policy, before, after, plan, applied, failed)

    def _apply(self, plan: Plan, policy: Policy) -> tuple[ApplyOutput, Evidence]:
        nonce = secrets.token_hex(16)
        script = apply_payload(nonce, RUN, now(), plan.transactions, READS, self.root, wait=policy.wait)
        return self.changed(script, nonce)

    def _take_back(
        self, failed: Sequence[Failure], unproved: Sequence[Failure], policy: Policy
    ) -> tuple[list[Failure], Evidence]:
        """Undo what was done and not proved, newest first; the failures with what became of that."""
        nonce = secrets.token_hex(16)
        names = sorted((failure.receipt for failure in unproved if failure.receipt), reverse=True)
        applied, evidence = self.changed(
            revert_payload(nonce, RUN, now(), names, READS, self.root, wait=policy.wait), nonce
        )
        ends = {receipt: (result, reason) for receipt, _recommendation, result, reason in applied.reverted}
        told = []
        for failure in failed:
            if failure.receipt:
                result, reason = ends.get(failure.receipt, ("failed", "the guest did not say what became of it"))
                end = "it was undone" if result == "done" else f"undoing it {result}: {reason}"
                failure = Failure(
                    failure.recommendation, f"{failure.reason}; {end}", None if result == "done" else failure.receipt
                )
            told.append(failure)
        return told, evidence

    def _planned(
        self, evidence: Evidence, policy: Policy, findings: Sequence[Finding], interrupted: Sequence[Receipt]
    ) -> dict[str, Any]:
        """Check mode: what would be done."""
        plan = make_plan(findings)
        first = [f"{receipt.recommendation}: undo what run {receipt.run} left half-done" for receipt in interrupted]
        sentences = [*first, *plan.sentences]
        rows = [finding.record() for finding in findings]
        record = self.record(
            profile=policy.profile,
            guest=about(evidence),
            fleet=comparable(evidence, policy.options),
            transport=str(self.transport.way),
            findings=rows,
            plan=sentences,
        )
        self.show_findings(
            evidence, policy, findings, ["  plan:", *(f"    {line}" for line in sentences)] if sentences else []
        )
        result = {
            "changed": bool(sentences),
            "profile": policy.profile,
            "findings": rows,
            "plan": sentences,
            "receipts": [],
            "record": record,
        }
        if self._task.diff:
            result["diff"] = plan.diff()
        return result

    def _finished(
        self,
        evidence: Evidence,
        policy: Policy,
        before: Sequence[Finding],
        after: Sequence[Finding],
        plan: Plan,
        applied: ApplyOutput,
        failed: Sequence[Failure],
    ) -> dict[str, Any]:
        reasons = {failure.recommendation: failure.reason for failure in failed}
        findings = with_failures(after, reasons)
        was = {finding.recommendation: finding.status.value for finding in before}
        rows = [{**finding.record(), "before": was[finding.recommendation]} for finding in findings]
        problems = [*not_recovered(applied), *(f"{name}: {reason}" for name, reason in reasons.items())]
        message = "; ".join(problems) or None
        # What stays on the guest: all that was done and not taken back.
        left = {failure.recommendation for failure in failed if failure.receipt}
        done = [
            outcome.recommendation
            for outcome in applied.outcomes
            if outcome.result == "done" and (outcome.recommendation not in reasons or outcome.recommendation in left)
        ]
        half_done = any(outcome.result == "undo_failed" for outcome in applied.outcomes)
        outcomes = [outcome_record(outcome) for outcome in applied.outcomes]
        record = self.record(
            profile=policy.profile,
            guest=about(evidence),
            fleet=comparable(evidence, policy.options, self.found),
            transport=str(self.transport.way),
            state="failed" if message else "ok",
            message=message,
            findings=rows,
            receipts=outcomes,
            recovered=applied.recovered,
        )
        sentences = [line for line in plan.sentences if line.partition(":")[0] in done]
        said = [f"  recovered: {line}" for line in applied.recovered]
        said += ["  changed:", *(f"    {line}" for line in sentences)] if sentences else []
        self.show_findings(evidence, policy, findings, said)
        changed = bool(done or half_done or applied.recovered)
        diff = Plan(tuple(entry for entry in plan.transactions if entry.recommendation in done)).diff()
        shown = {"diff": diff} if self._task.diff and diff else {}
        if message:
            raise TaskFailed(message, changed=changed, failed_recommendations=sorted(reasons), record=record, **shown)
        return {
            "changed": changed,
            "profile": policy.profile,
            "findings": rows,
            "plan": plan.sentences,
            "receipts": outcomes,
            "recovered": applied.recovered,
            "record": record,
            **shown,
        }
