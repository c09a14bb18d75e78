# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_revert: takes back what receipts on the guest say was done. One exec to look; a second one where there is something.

What was taken back is recorded with the findings after it, so that the next audit knows it for no drift.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import not_recovered
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy, selection
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import Receipt, receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import closed
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import revert_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import (
    GuestAction,
    TaskFailed,
    receipt_record,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.run import RUN, now

# A run's id (`report.run.RUN`), or its beginning: folders of records show six digits of it.
_RUN = re.compile(r"[0-9a-f]{6,16}", re.ASCII)


class ActionModule(GuestAction):
    OPTIONS = ("recommendations", "run", "wait", "change_window")
    DOES = "revert"

    def session(self) -> dict[str, Any]:
        policy = self.policy()
        wanted = selection(self.argument("recommendations") or [], "recommendations")
        of_run = self.argument("run")
        if of_run is not None and not (isinstance(of_run, str) and _RUN.fullmatch(of_run)):
            raise InputError(
                f"'run' must be the id of a run, or its first six digits or more, as the folders of records have them "
                f"(5f2c1a of 20261126T103000Z-5f2c1a); found {of_run!r}. Correct it; no guest was touched."
            )
        self.connect()
        kept = receipts(self.probe())
        runs = sorted({receipt.run for receipt in kept if of_run and receipt.run.startswith(of_run)})
        if len(runs) > 1:
            raise InputError(
                f"'run' is the beginning of several: {', '.join(runs)}. Name one of them; nothing was taken back."
            )
        chosen = [
            receipt
            for receipt in sorted(kept, key=lambda receipt: receipt.name, reverse=True)
            if (receipt.revertable or (receipt.interrupted and not receipt.members))
            and (not wanted or receipt.recommendation in wanted)
            and (of_run is None or receipt.run in runs)
        ]
        waits = closed(policy.rollout.windows, datetime.now(timezone.utc))
        if waits and chosen and not self.check_mode:
            raise TaskFailed(f"nothing was taken back: {waits}; in an emergency, -e vmguest_change_window=")
        if self.check_mode or not chosen:
            self._show([f"take back {_named(receipt)}" for receipt in chosen] or ["nothing to take back"])
            return {
                "changed": bool(chosen),
                "receipts": [receipt_record(receipt) for receipt in chosen],
                "reverted": [],
            }
        self.open_records(policy)
        return self._revert(chosen, policy)

    def _revert(self, chosen: Sequence[Receipt], policy: Policy) -> dict[str, Any]:
        nonce = secrets.token_hex(16)
        # What was interrupted is undone by the script itself before it does anything else.
        names = [receipt.name for receipt in chosen if receipt.revertable]
        applied, evidence = self.changed(
            revert_payload(nonce, RUN, now(), names, READS, self.root, wait=policy.wait), nonce
        )
        ends = {receipt: (result, reason) for receipt, _recommendation, result, reason in applied.reverted}
        reverted, problems, lines = [], not_recovered(applied), [f"recovered: {line}" for line in applied.recovered]
        for receipt in chosen:
            if not receipt.revertable:
                continue
            result, reason = ends.get(receipt.name, ("failed", "the guest did not say what became of it"))
            reverted.append({**receipt_record(receipt), "result": result, "reason": reason})
            if result == "done":
                lines.append(f"took back {_named(receipt)}")
            else:
                problems.append(f"{receipt.recommendation} ({receipt.name}): {result}: {reason}")
        self._show(lines)
        changed = bool(applied.recovered) or any(entry["result"] == "done" for entry in reverted)
        message = f"not everything could be taken back: {'; '.join(problems)}" if problems else None
        record = self.record_guest(
            evidence,
            policy,
            state="failed" if message else "ok",
            message=message,
            findings=[finding.record() for finding in assess(evidence, policy)],
            reverted=reverted,
        )
        if message:
            raise TaskFailed(message, changed=changed, reverted=reverted, record=record)
        left = [receipt_record(receipt) for receipt in receipts(evidence) if receipt.revertable]
        return {"changed": changed, "receipts": left, "reverted": reverted, "record": record}

    def _show(self, lines: Sequence[str]) -> None:
        self.show([f"{self.host}:", *(f"  {line}" for line in lines)])


def _named(receipt: Receipt) -> str:
    return f"{receipt.recommendation} ({receipt.name}, done {receipt.time} by run {receipt.run})"
