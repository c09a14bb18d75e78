# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan: the ordered steps that turn findings compliant; printable and diffable before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)


@dataclass(frozen=True)
class Transaction:
    """One recommendation's steps: done as a whole or not at all."""

    recommendation: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Plan:
    """All transactions of one remediation of one guest."""

    transactions: tuple[Transaction, ...]

    def __bool__(self) -> bool:
        """False for a plan that changes nothing."""
        return bool(self.transactions)

    @property
    def sentences(self) -> list[str]:
        """One line per step, for a person."""
        return [f"{entry.recommendation}: {step.sentence}" for entry in self.transactions for step in entry.steps]

    def diff(self) -> list[dict[str, Any]]:
        """The plan as Ansible's --diff shows it: what stands before and after, step by step."""
        return [_diff(entry.recommendation, step) for entry in self.transactions for step in entry.steps]


def make_plan(findings: Sequence[Finding]) -> Plan:
    """The plan of all enforceable findings, in their order."""
    return Plan(tuple(Transaction(found.recommendation, found.remedy) for found in findings if found.enforceable))


def _diff(recommendation: str, step: Step) -> dict[str, Any]:
    before, after, name = "", "", ""
    if isinstance(step, WriteFile):
        name, before, after = step.path, step.before or "", step.content
    elif isinstance(step, RemoveFile):
        name, before = step.path, step.before
    elif isinstance(step, WriteKernel):
        name, before, after = step.path, step.old + "\n", step.new + "\n"
    elif isinstance(step, EditFile):
        name = step.path
        for edit in step.edits:
            if isinstance(edit, ReplaceLine):
                before, after = before + edit.old + "\n", after + edit.new + "\n"
            elif isinstance(edit, ReplacePrefix):
                before += f"{edit.old} …\n"
                after += f"{edit.new} …\n"
            elif isinstance(edit, AppendLine):
                after += edit.line + "\n"
    elif isinstance(step, Run):
        name, after = "run", f"{step.what}\n  $ {step.do}\n"
    label = f"{recommendation}: {name}"
    return {"before_header": label, "after_header": label, "before": before, "after": after}
