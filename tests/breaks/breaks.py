# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a recommendation is broken on purpose: what its rule answers is changed on its way out, or apply.sh undoes a step by doing
nothing. Nothing is edited. Pure but for :func:`make_breakable`, :func:`broken_by` and :func:`open_gate`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine import assess as engine
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS, ROLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest import apply_payload
from ansible_collections.vmguest.linux.tests.pages.coverage import COLUMNS
from ansible_collections.vmguest.linux.tests.pages.proofs import MENDED, RULES
from ansible_collections.vmguest.linux.tests.pages.sentences import VERDICTS, sentences
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Guest

#: A step that does nothing, and is proud of it.
NOTHING = Run("do nothing", "true", "true", "true")
#: On so many cases a step that is left out may go unseen.
MOST_TRIES = 4
APPLY = apply_payload.APPLY


@dataclass(frozen=True)
class Break:
    """A recommendation broken in one way: ``turn`` makes its verdict another one.

    ``tries`` are cases that should see it, each with patterns of receipts' folders in which undoing does nothing; the rule's unit
    tests come after them. A whole case may see more than the same one that is asked of a recommendation alone: it knows what
    others say of the guest afterwards.
    """

    recommendation: str
    column: str
    what: str
    tries: tuple[tuple[Guest, tuple[str, ...]], ...] = ()
    turn: Callable[[Verdict], Verdict] = lambda verdict: verdict


@dataclass
class Case:
    """A case, and what its first audit finds; ``closed``: no rule was asked."""

    guest: Guest
    found: Mapping[str, Finding]
    closed: bool

    def alone(self, name: str) -> Guest:
        """The case, asked of one recommendation."""
        data = dict(self.guest.data)
        data["variables"] = {**self.guest.variables, "vmguest_only": [name]}
        data["expect"] = {name: self.guest.expect[name]}
        data.pop("expect_all", None)
        # What becomes of it afterwards by the remedies of others is left out with them.
        mended = self.found[name].enforceable
        data["after"] = {key: value for key, value in self.guest.after.items() if key == name and mended}
        data["conflicts"] = [key for key in data.get("conflicts", ()) if key == name]
        return replace(self.guest, data=data)


# ---- how it is broken ------------------------------------------------------------------------------------------------

_now: Break | None = None
_gate_is_open = False


def make_breakable() -> None:
    """Put every rule, wherever it is named, behind a wrapper that asks for the break of the moment. Before tests import any."""
    for role in ROLES:
        module = import_module(f"{RULES}.{role}")
        for own, entry in zip(module.RECOMMENDATIONS, ROLES[role], strict=True):
            rule, wrapped = entry.assess, _breakable(entry.id, entry.assess)
            for holder in (own, entry, RECOMMENDATIONS[entry.id]):
                object.__setattr__(holder, "assess", wrapped)
            for name, value in list(vars(module).items()):
                if value is rule:
                    setattr(module, name, wrapped)
    gate = engine.gate
    engine.gate = lambda *of: None if _gate_is_open else gate(*of)


def _breakable(name: str, rule: Callable[..., Verdict]) -> Callable[..., Verdict]:
    @wraps(rule)
    def assess(*of: Any) -> Verdict:
        verdict = rule(*of)
        return _now.turn(verdict) if _now and _now.recommendation == name else verdict

    return assess


@contextmanager
def broken_by(broken: Break | None, undo: Sequence[str] = ()) -> Iterator[None]:
    """Meanwhile it is broken this way."""
    global _now
    start = "\nact_undo() {\n"
    skip = f'case ${{folder#"$receipts"/}} in\n{"|".join(undo)}) return 0 ;;\nesac\n' if undo else ""
    assert APPLY.count(start) == 1
    _now, apply_payload.APPLY = broken, APPLY.replace(start, start + skip)
    try:
        yield
    finally:
        _now, apply_payload.APPLY = None, APPLY


@contextmanager
def open_gate() -> Iterator[None]:
    """Meanwhile rules are asked of every guest, VMware's or not."""
    global _gate_is_open
    _gate_is_open = True
    try:
        yield
    finally:
        _gate_is_open = False


# ---- the breaks ------------------------------------------------------------------------------------------------------


def _answering(instead: Status, *of: Status) -> Callable[[Verdict], Verdict]:
    return lambda verdict: Verdict(instead, "broken") if verdict.status in of else verdict


def key(step: Step) -> str:
    """What kind of step it is: steps that differ only in numbers are one kind."""
    return re.sub(r"\d+", "#", step.sentence if isinstance(step, Run) else f"{type(step).__name__} {step.path}")


def _without(kinds: Sequence[str]) -> Callable[[Verdict], Verdict]:
    def turn(verdict: Verdict) -> Verdict:
        steps = [
            tuple(NOTHING if key(step) in kinds else step for step in some) for some in (verdict.remedy, verdict.commit)
        ]
        return replace(verdict, remedy=steps[0], commit=steps[1])

    return turn


def _not_undoing(kind: str) -> Callable[[Verdict], Verdict]:
    """For the rule's unit tests, which no receipt reaches: the command that undoes it does nothing."""

    def turn(verdict: Verdict) -> Verdict:
        steps = (
            replace(step, undo="true") if isinstance(step, Run) and key(step) == kind else step
            for step in verdict.remedy
        )
        return replace(verdict, remedy=tuple(steps))

    return turn


def _receipts(found: Finding, kinds: Sequence[str]) -> tuple[str, ...]:
    """The folders of receipts, as patterns, in which these steps record how they are undone."""
    return tuple(
        f"*-{name}/{number:03d}"
        for name, steps in ((found.recommendation, found.remedy), (found.group, found.commit))
        for number, step in enumerate(steps, 1)
        if key(step) in kinds
    )


def audit_breaks(name: str, cases: Sequence[Case]) -> Iterator[Break]:
    """A break for each column that counts what the audit says; tried on a case that it counts, unless no rule was ever asked."""
    for column, statuses in COLUMNS:
        counted = [case for case in cases if case.found[name].status in statuses]
        asked = [(case.alone(name), ()) for case in counted if not case.closed][:1]
        says = [word for word in VERDICTS if word in statuses and sentences(RECOMMENDATIONS[name].assess)[word]]
        if asked or (counted and says):
            instead = Status.MANUAL if Status.COMPLIANT in statuses else Status.COMPLIANT
            yield Break(name, column, f"says {instead}", tuple(asked), _answering(instead, *statuses))
    conflicts = [(case.alone(name), ()) for case in cases if name in case.guest.data.get("conflicts", ())]
    if conflicts:
        yield Break(
            name, "conflict", "names no owner", tuple(conflicts[:1]), lambda verdict: replace(verdict, owner=None)
        )


def remedy_breaks(name: str, cases: Sequence[Case]) -> Iterator[Break]:
    """All steps, and each kind of step: not done, and not undone; tried on the counted cases with the fewest steps besides."""
    kinds: dict[str, list[Case]] = {}
    samples: dict[str, Step] = {}
    for case in sorted(cases, key=lambda case: len(case.found[name].remedy)):
        if case.found[name].enforceable and case.guest.after.get(name, MENDED[0]) in MENDED:
            for step in (*case.found[name].remedy, *case.found[name].commit):
                kinds.setdefault(key(step), []).append(case)
                samples[key(step)] = step
    for kind, seen in kinds.items():
        step, some = samples[kind], list({str(case.guest): case for case in seen}.values())[:MOST_TRIES]
        undo = tuple((case.alone(name), _receipts(case.found[name], [kind])) for case in some)
        # A command that does nothing one way or the other is there for its proof, or for the way back.
        if not isinstance(step, Run) or step.do != "true":
            tries = tuple((guest, ()) for guest in (*(guest for guest, dummy in undo), *(case.guest for case in some)))
            yield Break(name, "remedy", f"left out: {kind}", tries, _without([kind]))
        if not isinstance(step, Run) or step.undo != "true":
            yield Break(name, "revert", f"not undone: {kind}", undo, _not_undoing(kind))
    if kinds:
        (case, *_others), *_kinds = kinds.values()
        yield Break(name, "remedy", "no step is done", ((case.alone(name), ()),), _without(list(kinds)))
        yield Break(
            name, "revert", "no step is undone", ((case.alone(name), _receipts(case.found[name], list(kinds))),)
        )
