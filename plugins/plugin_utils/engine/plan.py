# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan: the ordered steps that turn findings compliant; printable and diffable before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AloneFrom,
    AppendLine,
    Edit,
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
    """One recommendation's steps: done as a whole or not at all.

    Transactions of one ``group`` stand together in a plan and are done or undone together; ``commit`` is what this one needs
    to be run after all their steps.
    """

    recommendation: str
    steps: tuple[Step, ...]
    group: str = ""
    commit: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All transactions of one remediation of one guest."""

    transactions: tuple[Transaction, ...]

    def __bool__(self) -> bool:
        """False for a plan that changes nothing."""
        return bool(self.transactions)

    @property
    def steps(self) -> list[tuple[str, Step]]:
        """All steps in the order in which they are done, each with its recommendation, or its group where it commits that."""
        found: list[tuple[str, Step]] = []
        for members in grouped(self.transactions):
            found += [(member.recommendation, step) for member in members for step in member.steps]
            found += [(members[0].group, step) for step in commits(members)]
        return found

    @property
    def sentences(self) -> list[str]:
        """One line per step, for a person."""
        return [f"{name}: {step.sentence}" for name, step in self.steps]

    def diff(self) -> list[dict[str, Any]]:
        """The plan as Ansible's --diff shows it: what stands before and after, step by step."""
        return [_diff(name, step) for name, step in self.steps]


def make_plan(findings: Sequence[Finding]) -> Plan:
    """The plan of all enforceable findings, in their order; groups come last."""
    entries = [
        Transaction(found.recommendation, found.remedy, found.group, found.commit)
        for found in findings
        if found.enforceable
    ]
    groups = list(dict.fromkeys(entry.group for entry in entries))
    # What stands alone has no group and is first: it should not wait for an image to be built.
    groups.sort(key=bool)
    return Plan(tuple(_composed([entry for group in groups for entry in entries if entry.group == group])))


def _composed(entries: Sequence[Transaction]) -> Iterator[Transaction]:
    """The transactions, each line to edit as those before them leave it."""
    left: dict[tuple[str, str], str] = {}
    for entry in entries:
        steps: list[Step] = []
        for step in entry.steps:
            if isinstance(step, EditFile):
                edits: list[Edit] = []
                for edit in step.edits:
                    if isinstance(edit, ReplaceLine) and edit.rewrite:
                        place = (step.path, edit.old)
                        if place in left:
                            edit = replace(edit, old=left[place], new=edit.rewrite(left[place]))
                        left[place] = edit.new
                    edits.append(edit)
                step = replace(step, edits=tuple(edits))
            steps.append(step)
        yield replace(entry, steps=tuple(steps))


def grouped(transactions: Sequence[Transaction]) -> list[list[Transaction]]:
    """Transactions that are done together: alone, or all neighbours of one group."""
    together: list[list[Transaction]] = []
    for entry in transactions:
        if entry.group and together and together[-1][0].group == entry.group:
            together[-1].append(entry)
        else:
            together.append([entry])
    return together


def commits(members: Sequence[Transaction]) -> list[Run]:
    """What is run once after the steps of all ``members`` of a group: each different command once, in order."""
    return list(dict.fromkeys(step for member in members for step in member.commit))


def alone_from(members: Sequence[Transaction]) -> list[AloneFrom]:
    """What ``members``, done together, must not meet on the guest, sorted."""
    steps = [step for member in members for step in (*member.steps, *member.commit)]
    return sorted({kind for step in steps if isinstance(step, Run) for kind in step.alone_from})


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
