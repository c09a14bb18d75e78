# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Breaks every recommendation on purpose, in each way that docs/coverage.md has a column for, and sees its tests turn red.

The test is tests/unit/test_guests.py's, of a case that the column counts, asked of this recommendation alone (`vmguest_only`); it
must be green unbroken. Where it stays green, the rule's own unit tests must see the break. What the table says:

- `red`: the case sees it; with the number of breaks.
- `red (rule)`: the rule's unit tests see it, and no case: a step whose lack nothing on a guest tree shows, or an answer that only
  guests get which are none of VMware's, or cannot be told, of whom no rule is asked.
- `gate`: it counts such guests alone, and the rule has no such answer; the gate is broken in rows of its own.
- Empty: the column counts nothing. What containers and VMs stand for besides is not broken here.

usage: python -m ansible_collections.vmguest.linux.tests.breaks.run [RECOMMENDATION ...]
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine import assess as engine
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.tests.breaks.breaks import (
    Break,
    Case,
    audit_breaks,
    broken_by,
    make_breakable,
    open_gate,
    remedy_breaks,
)
from ansible_collections.vmguest.linux.tests.pages.coverage import COLUMNS
from ansible_collections.vmguest.linux.tests.pages.run import rule_tests
from ansible_collections.vmguest.linux.tests.pages.sources import TOP
from ansible_collections.vmguest.linux.tests.unit import guest_tree, test_guests
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Guest, Tree

#: As many as a small machine has processors.
WORKERS = 2
HEADS = (*(name for name, dummy in COLUMNS), "conflict", "remedy", "revert")
RED, RULE, GATE, GREEN, UNBROKEN = "red", "red (rule)", "gate", "STAYED GREEN", "RED UNBROKEN"
PROBE = guest_tree.probe

#: Case to what the real probe printed of it (no break changes that), and the cases; a worker has them from its parent.
_evidence: dict[str, Evidence] = {}
_cases: list[Case] = []
#: Whether a test is green unbroken: each is asked once in a worker.
_sound: dict[tuple[str, str], bool] = {}


def look(number: int) -> Evidence:
    """What the real probe prints of a case."""
    with tempfile.TemporaryDirectory() as folder:
        return PROBE(guest_tree.materialise(guest_tree.every_guest()[number], Path(folder) / "guest root"))


def case_of(guest: Guest) -> Case:
    """A case, from its evidence."""
    tree, evidence = Tree(guest, Path()), _evidence[str(guest)]
    closed = engine.gate(evidence, guest_tree.policy(tree).lab_guest) is not None
    return Case(guest, guest_tree.findings(tree, evidence), closed)


def tree_is_green(guest: Guest) -> bool:
    """Whether the test of the whole loop passes."""
    guest_tree.probe = lambda tree, shell="dash": PROBE(tree, shell) if tree.runs else _evidence[str(tree.guest)]
    with tempfile.TemporaryDirectory() as folder:
        try:
            test_guests.test_the_whole_loop(guest, "dash", Path(folder) / "guest root")
        except AssertionError:
            return False
        finally:
            guest_tree.probe = PROBE
        return True


def rule_is_green(role: str) -> bool:
    """Whether the unit tests of a role's rules pass."""
    files = [str(TOP / "tests/unit/recommendations" / file) for file in rule_tests()[role]]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--rootdir", str(TOP), *files])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r} for {', '.join(files)}")
    return code == pytest.ExitCode.OK


def try_break(broken: Break) -> str:
    """What became of it; a test that is red unbroken says nothing."""
    name = broken.recommendation
    for guest, undo in broken.tries:
        with broken_by(broken, undo):
            seen = not tree_is_green(guest)
        if seen:
            return RED if sound((name, f"{guest} {len(guest.expect)}"), tree_is_green, guest) else UNBROKEN
    role = RECOMMENDATIONS[name].role
    with broken_by(broken):
        seen = not rule_is_green(role)
    if seen:
        return RULE if sound(("", role), rule_is_green, role) else UNBROKEN
    return GREEN


def sound(which: tuple[str, str], is_green: Callable[[Any], bool], of: Guest | str) -> bool:
    """Whether it is green unbroken; each is asked once."""
    if which not in _sound:
        _sound[which] = is_green(of)
    return _sound[which]


def try_recommendation(name: str) -> list[tuple[str, str, str]]:
    """In a worker: column, break and result, for each break of a recommendation."""
    breaks = (*audit_breaks(name, _cases), *remedy_breaks(name, _cases))
    found = [(broken.column, broken.what, try_break(broken)) for broken in breaks]
    counted = {column for column, some in COLUMNS for case in _cases if case.found[name].status in some}
    gated = sorted(counted - {broken.column for broken in breaks})
    return found + [(column, "its rule has no such answer", GATE) for column in gated]


def gate_breaks() -> Iterator[tuple[str, str]]:
    """Each case that is no VMware guest, or may be none, and what its test says where its rules are asked all the same."""
    for guest in (case.guest for case in _cases if case.closed):
        with open_gate():
            seen = not tree_is_green(guest)
        yield str(guest), (RED if tree_is_green(guest) else UNBROKEN) if seen else GREEN


def cell(results: Sequence[str]) -> str:
    """What the table says of the breaks of one column."""
    if GREEN in results or UNBROKEN in results:
        return GREEN if GREEN in results else UNBROKEN
    return ", ".join(word if word == GATE else f"{word} {results.count(word)}" for word in dict.fromkeys(results))


def main(names: Sequence[str]) -> int:
    """0 where no break stays green."""
    began = time.monotonic()
    make_breakable()
    guests, names = guest_tree.every_guest(), list(names or RECOMMENDATIONS)
    fork = get_context("fork")
    with fork.Pool(WORKERS) as pool:
        _evidence.update(zip(map(str, guests), pool.map(look, range(len(guests)), 4), strict=True))
    _cases[:] = map(case_of, guests)
    print(f"| recommendation | {' | '.join(HEADS)} |\n|---|{'---|' * len(HEADS)}")
    results: list[tuple[str, str, str]] = []
    # Forked once more: what the audits found is known there.
    with fork.Pool(WORKERS) as pool:
        for name, row in zip(names, pool.imap(try_recommendation, names), strict=True):
            cells = [cell([result for column, dummy, result in row if column == head]) for head in HEADS]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            results += [(f"{name}: {column}", what, result) for column, what, result in row]
    results += [(f"{guest}: gate", "rules are asked of no VMware guest", result) for guest, result in gate_breaks()]
    made = [entry for entry in results if entry[2] != GATE]
    bad = [entry for entry in made if entry[2] in (GREEN, UNBROKEN)]
    rule = [entry for entry in made if entry[2] == RULE and entry[0].endswith(("remedy", "revert"))]
    print("\n".join(["", *(": ".join(entry) for entry in (*rule, *bad))]))
    print(
        f"{len(made)} breaks of {len(names)} recommendations in {time.monotonic() - began:.0f} s: {len(made) - len(bad)} red "
        f"({sum(entry[2] == RULE for entry in made)} of them by the rule's unit tests alone), {len(bad)} not"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
