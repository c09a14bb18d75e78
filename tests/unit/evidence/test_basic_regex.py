# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Basic regular expressions mean on the controller what they mean to grep."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.basic_regex import python_pattern
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import need


def grep(pattern: str, lines: list[str]) -> list[str]:
    done = subprocess.run(
        [need("grep"), "-a", "-e", pattern],
        input="".join(line + "\n" for line in lines).encode(),
        capture_output=True,
        check=False,
        env={"LC_ALL": "C"},
    )
    assert done.returncode < 2, done.stderr
    return done.stdout.decode().splitlines()


def every_line() -> list[str]:
    """What is in the files of all guest trees."""
    found = {
        line
        for guest in guest_tree.every_guest()
        for text in guest.data["files"].values()
        if isinstance(text, str)
        for line in text.split("\n")
    }
    return sorted(found)


ODD = [
    "",
    "a",
    "*a",
    "a*",
    "^a",
    "a$",
    "$a",
    "a|b",
    "(a)",
    "a+b",
    "a{2}",
    "aa",
    "a.b",
    "a b",
    "a\tb",
    "\\",
    "[a]",
    "a-b",
    "]",
    "b",
]


@pytest.mark.parametrize(
    "pattern",
    [
        *("*a", "a*", r"\(*a\)", "^*a", "a$", r"a\{2\}", r"a\{1,\}b", r"\$", r"\\$", r"^a\|b$", "a^", "$a", "[]a]"),
        *(r"[\]", "[^ab]", "a+b", "a|b", "[[:blank:]]", "[^[:space:]a]", "[a-c]", r"\.", "(a)", "a{2}", r"\[a"),
    ],
)
def test_operators_and_what_stands_for_itself(pattern: str) -> None:
    assert [line for line in ODD if python_pattern(pattern).search(line)] == grep(pattern, ODD)


@pytest.mark.parametrize("read", [read for read in READS if isinstance(read, Lines)], ids=lambda read: read.name)
def test_every_pattern_selects_what_grep_selects(read: Lines) -> None:
    lines = every_line()
    selected = grep(read.pattern, lines)
    assert [line for line in lines if python_pattern(read.pattern).search(line)] == selected


@pytest.mark.parametrize("pattern", [r"\w", r"\(a\)\1", "[[:foo:]]", r"a\{x\}"])
def test_what_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"known|bounds"):
        python_pattern(pattern)
