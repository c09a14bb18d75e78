# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_remediate: probe, plan, apply and probe again. Two execs; one where there is nothing to do."""

from __future__ import annotations

import secrets
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, records_with_before
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import (
    Failure,
    failures,
    not_recovered,
    outcome_record,
    with_failures,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan_file import (
    Choice,
    PlanFile,
    choose,
    make_plan_file,
    write_plan_file,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, Receipt, receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS, RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.rollout import done_before, too_many
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import closed
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import (
    POLICY_OPTIONS,
    GuestAction,
    TaskFailed,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import TransportError
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.earlier import SUFFIX, earlier_record, find_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import file_name
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.run import RUN, WIDTH, now
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import one_line


@dataclass(frozen=True)
class Wanted:
    """What is to be done to a guest: of its findings those of ``choice``, by the plan file ``file`` where there is one.

    ``excess`` says why that is too much for one guest, None where it is not.
    """

    choice: Choice
    plan: Plan
    file: Path | None
    excess: str | None

    @property
    def problems(self) -> list[str]:
        """A sentence for each thing that keeps the task from ending well, whatever the guest does."""
        told = [f"{name}: refused: {why}" for name, why in self.choice.refused.items()]
        told += [f"{name}: {why}" for name, why in self.choice.held.items()]
        if told:
            told.append("vmguest.linux.plan makes a new plan")
        return [*([self.excess] if self.excess else []), *told]

    @property
    def names(self) -> list[str]:
        """The recommendations that these are about."""
        excess = [entry.recommendation for entry in self.plan.transactions] if self.excess else []
        return [*excess, *self.choice.refused, *self.choice.held]

    @property
    def lines(self) -> list[str]:
        """What is shown of the plan file under the guest's table."""
        choice = self.choice
        if self.file is None:
            return []
        told = [f"refused: {name}: {why}" for name, why in choice.refused.items()]
        told += [f"{name}: {why}" for name, why in (*choice.held.items(), *choice.met.items())]
        told += [f"not in the plan, not done: {', '.join(choice.beyond)}"] if choice.beyond else []
        return [f"  by the plan {self.file}", *(line for sentence in told for line in _wrapped(sentence))]

    def record(self) -> dict[str, Any]:
        """As plain data, for the record and the result."""
        if self.file is None:
            return {}
        choice = self.choice
        told = {"refused": dict(choice.refused), "held": dict(choice.held), "met": dict(choice.met)}
        return {"by_plan": {"file": str(self.file), **told, "beyond": list(choice.beyond)}}


#: A change that the guest refused to begin, or of which it did not say what became of it.
_NO_ANSWER = (TaskFailed, TransportError, ProbeError)


def _not_said(what: str, error: Exception) -> str:
    """A change that came to :data:`_NO_ANSWER`, in words."""
    begun = not isinstance(error, TaskFailed) or error.result.get("changed")
    return f"whether it was {what} is not known: {error}" if begun else f"it was not {what}: {error}"


def _wrapped(sentence: str) -> list[str]:
    """A sentence under a guest's table."""
    return textwrap.wrap(
        one_line(sentence), WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
    )


class ActionModule(GuestAction):
    OPTIONS = (
        *POLICY_OPTIONS,
        "return_findings",
        "role",
        "wait",
        "plan",
        "resume",
        "change_window",
        "max_changes",
        "save_plan",
    )
    DOES = "remediate"

    #: The guest as it was found.
    found: Evidence

    @property
    def ends_its_batch(self) -> bool:
        return "vmguest_batch" in self.task_vars

    def session(self) -> dict[str, Any]:
        self.refuse_in_inventory("vmguest_batch")
        policy = self.policy(self.argument("role"))
        rollout = policy.rollout
        saves = self._saves(policy)
        earlier = earlier_record(rollout.resume, self.host) if rollout.resume else None
        if earlier is not None and done_before(earlier):
            return self._done_before(policy, earlier)
        found = find_plan(rollout.plan, self.host) if rollout.plan else None
        if rollout.plan and found is None:
            return self._left_alone(
                policy, f"no plan in {', '.join(rollout.plan)} is of this guest: it was not touched"
            )
        self.open_records(policy)
        self.connect()
        evidence = self.found = self.probe()
        before = assess(evidence, policy)
        interrupted = [receipt for receipt in receipts(evidence) if receipt.interrupted]
        wanted = self._wanted(before, policy, found)
        if saves:
            return self._saved(evidence, policy, before, interrupted)
        waits = closed(rollout.windows, datetime.now(timezone.utc))
        if self.check_mode or (waits and (interrupted or wanted.plan)):
            return self._planned(evidence, policy, before, interrupted, wanted, waits)
        recovered: list[str] = []
        if interrupted:
            # What it left half-done is undone first: a plan made from that state would not fit the one after.
            applied, evidence = self._apply(Plan(()), policy)
            recovered = applied.recovered
            before = assess(evidence, policy)
            wanted = self._wanted(before, policy, found)
        if not wanted.plan or wanted.excess:
            return self._finished(evidence, policy, before, before, wanted, ApplyOutput(recovered=recovered), [])
        try:
            applied, evidence = self._apply(wanted.plan, policy)
        except _NO_ANSWER as error:
            if not recovered:
                raise
            # The guest was changed by then.
            why = _not_said("done", error)
            failed = [Failure(entry.recommendation, why) for entry in wanted.plan.transactions]
            return self._finished(evidence, policy, before, before, wanted, ApplyOutput(recovered=recovered), failed)
        applied.recovered[:0] = recovered
        after = assess(evidence, policy)
        failed = failures(wanted.plan, applied, after)
        unproved = [failure for failure in failed if failure.receipt]
        if unproved:
            try:
                failed, evidence = self._take_back(failed, unproved, policy)
                after = assess(evidence, policy)
            except _NO_ANSWER as error:
                # What was done stands, and what the guest was like right after it is what is known of it.
                why = _not_said("undone", error)
                failed = [
                    replace(failure, reason=f"{failure.reason}; {why}") if failure.receipt else failure
                    for failure in failed
                ]
        return self._finished(evidence, policy, before, after, wanted, applied, failed)

    # ---- what is to be done ------------------------------------------------------------------------------------------

    def _saves(self, policy: Policy) -> bool:
        """Whether the plan is to be written to a file; the guest's record is then one of a plan.

        :raises InputError: where that does not go with the other settings.
        """
        saves = self.argument("save_plan")
        if saves is None or saves is False:
            return False
        if saves is not True:
            raise InputError(f"'save_plan' must be true or false; found {saves!r}. The guest was not touched.")
        if not self.check_mode:
            raise InputError("'save_plan' makes a plan and changes nothing: it goes with check_mode: true.")
        if policy.rollout.plan:
            raise InputError(
                "'vmguest_plan' names a plan to be done, and this is to make one; leave it out, or run vmguest.linux.remediate."
            )
        self.DOES = "plan"
        return True

    def _wanted(self, findings: Sequence[Finding], policy: Policy, found: tuple[Path, PlanFile] | None) -> Wanted:
        """What of the findings is to be done. A role's task has its own part of a plan only: the others are other tasks'."""
        file, plan_file = found or (None, None)
        role = self.argument("role")
        if plan_file is not None and role is not None:
            own = tuple(entry for entry in plan_file.changes if RECOMMENDATIONS[entry.recommendation].role == role)
            plan_file = replace(plan_file, changes=own)
        choice = choose(plan_file, findings, policy.profile)
        plan = make_plan(choice.findings)
        return Wanted(choice, plan, file, too_many(plan, policy.rollout.max_changes))

    def _left_alone(self, policy: Policy, message: str) -> dict[str, Any]:
        """The guest is not touched, and that is no failure."""
        self.open_records(policy)
        record = self.record(profile=policy.profile, state="skipped", message=message, findings=[])
        self.show([f"{self.host}: {message}"])
        return {"skipped": True, "changed": False, "msg": message, "record": record}

    def _done_before(self, policy: Policy, earlier: dict[str, Any]) -> dict[str, Any]:
        """A guest that the run which is resumed has done: its record goes on to stand for it, and the guest is not touched."""
        self.open_records(policy)
        kept = {name: value for name, value in earlier.items() if name not in ("format", "run", "host")}
        by = earlier.get("resumed_from") or earlier.get("run")
        record = self.record(**{**kept, "resumed_from": by})
        message = f"done already by run {by}: it was not touched"
        self.show([f"{self.host}: {message}"])
        return {"skipped": True, "changed": False, "msg": message, "record": record}

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

    # ---- what is told ------------------------------------------------------------------------------------------------

    def _saved(
        self, evidence: Evidence, policy: Policy, findings: Sequence[Finding], interrupted: Sequence[Receipt]
    ) -> dict[str, Any]:
        """The plan goes to a file; there is none where there is nothing to change, or where it could not be done as it is."""
        plan = make_plan(findings)
        file, message = None, None
        if interrupted:
            names = ", ".join(f"{receipt.recommendation} of run {receipt.run}" for receipt in interrupted)
            message = (
                f"what an earlier run left half-done has to be undone first ({names}): "
                f"vmguest.linux.revert -e vmguest_run={interrupted[0].run} does that; then plan again"
            )
        elif plan:
            text = write_plan_file(make_plan_file(self.host, RUN, now(), policy.profile, findings))
            if self.records is None:
                raise AssertionError("a plan before its records")
            file = str(self.records.write_plan(file_name(self.host, SUFFIX), text))
        told = [f"  plan: {file}", *(f"    {line}" for line in plan.sentences)] if file else []
        excess = too_many(plan, policy.rollout.max_changes)
        told += [f"  as it is, it would be refused: {excess}"] if file and excess else []
        told += [f"  no plan: {message}"] if message else []
        rows = [finding.record() for finding in findings]
        record = self.record_guest(
            evidence,
            policy,
            message=message,
            findings=rows,
            plan=plan.sentences,
            plan_file=file,
        )
        self.show_findings(evidence, policy, rows, told)
        return {
            "changed": bool(plan or interrupted),
            "profile": policy.profile,
            "findings": rows,
            "plan": plan.sentences,
            "plan_file": file,
            "receipts": [],
            "record": record,
            **({"diff": plan.diff()} if self._task.diff else {}),
        }

    def _planned(
        self,
        evidence: Evidence,
        policy: Policy,
        findings: Sequence[Finding],
        interrupted: Sequence[Receipt],
        wanted: Wanted,
        waits: str | None,
    ) -> dict[str, Any]:
        """What would be done: in check mode, and where the guest may not be changed now (``waits`` says why)."""
        plan = wanted.plan
        first = [f"{receipt.recommendation}: undo what run {receipt.run} left half-done" for receipt in interrupted]
        sentences = [*first, *([] if wanted.excess else plan.sentences)]
        rows = [finding.record() for finding in findings]
        message = "; ".join(wanted.problems) or None
        state = "failed" if message else "ok"
        told = ["  plan:", *(f"    {line}" for line in [*first, *plan.sentences])] if first or plan else []
        told += wanted.lines
        if waits and (first or plan):
            told.append(f"  not changed: {waits}" if not self.check_mode else f"  now it would not be changed: {waits}")
            if not self.check_mode:
                state, message = state if message else "waiting", message or f"not changed: {waits}"
        record = self.record_guest(
            evidence,
            policy,
            state=state,
            message=message,
            findings=rows,
            plan=sentences,
            **wanted.record(),
        )
        self.show_findings(evidence, policy, rows, told)
        changed = self.check_mode and bool(sentences)
        result: dict[str, Any] = {"diff": plan.diff()} if self._task.diff and changed and not wanted.excess else {}
        if state == "failed":
            names = sorted(wanted.names)
            raise TaskFailed(message or "", changed=changed, failed_recommendations=names, record=record, **result)
        return {
            "changed": changed,
            **({"msg": message} if message else {}),
            "profile": policy.profile,
            "findings": rows,
            "plan": sentences,
            "receipts": [],
            "record": record,
            **wanted.record(),
            **result,
        }

    def _finished(
        self,
        evidence: Evidence,
        policy: Policy,
        before: Sequence[Finding],
        after: Sequence[Finding],
        wanted: Wanted,
        applied: ApplyOutput,
        failed: Sequence[Failure],
    ) -> dict[str, Any]:
        plan = wanted.plan
        reasons = {failure.recommendation: failure.reason for failure in failed}
        findings = with_failures(after, reasons)
        rows = records_with_before(before, findings)
        problems = [
            *not_recovered(applied),
            *(f"{name}: {reason}" for name, reason in reasons.items()),
            *wanted.problems,
        ]
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
        record = self.record_guest(
            evidence,
            policy,
            before=self.found,
            state="failed" if message else "ok",
            message=message,
            findings=rows,
            receipts=outcomes,
            recovered=applied.recovered,
            **wanted.record(),
        )
        sentences = [line for line in plan.sentences if line.partition(":")[0] in done]
        said = [f"  recovered: {line}" for line in applied.recovered]
        said += ["  changed:", *(f"    {line}" for line in sentences)] if sentences else []
        said += wanted.lines
        self.show_findings(evidence, policy, rows, said)
        changed = bool(done or half_done or applied.recovered)
        diff = Plan(tuple(entry for entry in plan.transactions if entry.recommendation in done)).diff()
        shown = {"diff": diff} if self._task.diff and diff else {}
        if message:
            raise TaskFailed(
                message,
                changed=changed,
                failed_recommendations=sorted({*reasons, *wanted.names}),
                record=record,
                **shown,
            )
        return {
            "changed": changed,
            "profile": policy.profile,
            "findings": rows,
            "plan": plan.sentences,
            "receipts": outcomes,
            "recovered": applied.recovered,
            "record": record,
            **wanted.record(),
            **shown,
        }
