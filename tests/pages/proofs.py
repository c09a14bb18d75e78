# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests stand for a recommendation, read from the tests themselves.

A case is a guest of tests/guests in one variant, which tests/unit/test_guests.py leads from audit to revert. A test of Molecule's
names what it proves by the marker ``proves``; one of tests/vm asserts the status of a recommendation, or is of a claim about it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, Status
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.vm.claims import CLAIMS

RULES = "ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations"
#: Statuses that show that a remedy has worked: now, or at the reboot that it asks for.
MENDED = (Status.COMPLIANT.value, Status.PENDING_REBOOT.value)


@dataclass
class Cases:
    """How often a status is expected at a first audit, on how many cases of those a remedy was tried and reverted, and on
    which cases two owners collide."""

    statuses: dict[str, int] = field(default_factory=dict)
    remedied: int = 0
    conflicts: int = 0

    def count(self, *statuses: Status) -> int:
        """Cases of these statuses."""
        return sum(self.statuses.get(status.value, 0) for status in statuses)


@cache
def tree_cases() -> dict[str, Cases]:
    """Recommendation to its cases, over every guest in every variant."""
    found: dict[str, Cases] = {}
    remediable = {status.value for status in REMEDIABLE}
    for guest in guest_tree.every_guest():
        tried = guest_tree.is_remedied(guest)
        for name, status in guest.expect.items():
            cases = found.setdefault(name, Cases())
            cases.statuses[status] = cases.statuses.get(status, 0) + 1
            # The profile is `everything`: what can be remedied is, unless a variable of the case says otherwise.
            cases.remedied += tried and status in remediable and guest.after.get(name, MENDED[0]) in MENDED
        for name in guest.data.get("conflicts", ()):
            found.setdefault(name, Cases()).conflicts += 1
    return found


def rule_tests(files: list[Path]) -> dict[str, list[str]]:
    """Role to the files of unit tests that import its rules."""
    found: dict[str, list[str]] = {}
    for path in files:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(RULES):
                own = node.module.removeprefix(RULES).lstrip(".")
                for role in [own] if own else [alias.name for alias in node.names]:
                    found.setdefault(role, []).append(path.name)
    return {role: list(dict.fromkeys(names)) for role, names in found.items()}


def container_tests(files: list[Path]) -> dict[str, list[str]]:
    """Recommendation to the tests that are marked as its proof."""
    found: dict[str, list[str]] = {}
    for path in files:
        for test, tree in _tests(path):
            for name in (word for mark in _marks(tree, "proves") for word in mark):
                found.setdefault(name, []).append(test)
    return found


def vm_tests(files: list[Path]) -> dict[str, list[str]]:
    """Recommendation to the tests that assert its status in a virtual machine, are of a claim about it, or marked as its proof."""
    claims = {claim.id: claim.recommendation for claim in CLAIMS}
    found: dict[str, list[str]] = {}
    for path in files:
        for test, tree in _tests(path):
            names = [claims[mark[0]] for mark in _marks(tree, "claim")]
            names += [*_asserted(tree), *(word for mark in _marks(tree, "proves") for word in mark)]
            for name in dict.fromkeys(name for name in names if name):
                found.setdefault(name, []).append(test)
    return found


def _tests(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{path.name}::{node.name}", node


def _marks(test: ast.FunctionDef, marker: str) -> Iterator[list[str]]:
    """The words of each ``@pytest.mark.<marker>(…)``."""
    for node in test.decorator_list:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{marker}":
            yield [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]


def _asserted(test: ast.FunctionDef) -> Iterator[str]:
    """Recommendations of which an assertion compares ``status_of("…")``."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            for call in ast.walk(node.test):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "status_of"
                ):
                    yield from (word.value for word in call.args if isinstance(word, ast.Constant))
