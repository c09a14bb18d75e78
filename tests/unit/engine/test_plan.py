# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: what a person reads before anything is done."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Severity, Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, Transaction, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    WriteFile,
    WriteKernel,
    sh,
)

STEPS = [
    (WriteFile("/etc/a", "x\n"), "create /etc/a", "", "x\n"),
    (WriteFile("/etc/a", "y\n", before="x\n"), "rewrite /etc/a", "x\n", "y\n"),
    (RemoveFile("/etc/a", "x\n"), "remove /etc/a", "x\n", ""),
    (WriteKernel("/sys/k", "cfq", "noop"), "set /sys/k from cfq to noop", "cfq\n", "noop\n"),
    (
        EditFile("/etc/fstab", (AppendLine("/swap none swap sw 0 0"),)),
        "edit 1 line of /etc/fstab",
        "",
        "/swap none swap sw 0 0\n",
    ),
    (
        EditFile("/etc/c", (ReplaceLine("a", "b"), ReplacePrefix(3, "0 2", "7 2"))),
        "edit 2 lines of /etc/c",
        "a\n0 2 …\n",
        "b\n7 2 …\n",
    ),
    (
        Run("load vmw_balloon", "modprobe vmw_balloon", "rmmod vmw_balloon", "true"),
        "load vmw_balloon",
        "",
        "load vmw_balloon\n  $ modprobe vmw_balloon\n",
    ),
]


@pytest.mark.parametrize(("step", "sentence", "before", "after"), STEPS, ids=lambda value: type(value).__name__)
def test_every_step_has_a_sentence_and_a_diff(step, sentence, before, after):
    plan = Plan((Transaction("some_id", (step,)),))
    assert plan.sentences == [f"some_id: {sentence}"]
    (diff,) = plan.diff()
    assert (diff["before"], diff["after"]) == (before, after)
    assert diff["before_header"].startswith("some_id: ")


def test_an_empty_plan_is_false():
    assert not Plan(())


def test_words_for_the_guests_shell_are_quoted():
    assert sh("echo", "it's", "$HOME; rm -rf /") == """echo 'it'"'"'s' '$HOME; rm -rf /'"""


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (Status.NONCOMPLIANT, ()),
        (Status.NOT_PERSISTENT, ()),
        (Status.COMPLIANT, (STEPS[0][0],)),
        (Status.MANUAL, (STEPS[0][0],)),
    ],
)
def test_a_remedy_goes_with_a_remediable_status_and_with_no_other(status, remedy):
    with pytest.raises(ValueError, match="remedy"):
        Verdict(status, "because", remedy=remedy)


def test_members_of_a_group_stand_together_at_the_end_and_are_committed_once():
    """Given findings of two groups and some of none, equal commits are one, and a person reads the order in which it happens."""
    rebuild, other = (Run(what, "do", "undo", "proof") for what in ("rebuild", "rebuild another"))

    def found(name: str, group: str = "", commit: tuple[Run, ...] = ()) -> Finding:
        step = WriteFile(f"/etc/{name}", "x\n")
        return Finding(
            name, "role", "boot", "", Severity.LOW, "", "enforce", Status.NONCOMPLIANT, "",
            remedy=(step,), commit=commit, group=group,
        )  # fmt: skip

    plan = make_plan([found("a", "boot", (rebuild,)), found("b"), found("c", "boot", (rebuild, other)), found("d")])
    assert plan.sentences == [
        "b: create /etc/b",
        "d: create /etc/d",
        "a: create /etc/a",
        "c: create /etc/c",
        "boot: rebuild",
        "boot: rebuild another",
    ]
    assert [diff["before_header"] for diff in plan.diff()][-1] == "boot: run"


@pytest.mark.parametrize("sides", [{"group": "boot"}, {"commit": (Run("w", "d", "u", "p"),)}])
def test_a_commit_without_a_group_is_a_defect(sides):
    with pytest.raises(ValueError, match="one needs the other"):
        Verdict(Status.NONCOMPLIANT, "reason", remedy=(WriteFile("/etc/a", ""),), **sides)


def test_a_line_that_two_recommendations_edit_is_composed() -> None:
    """The later edit finds the line as the earlier leaves it; a line of another file, or without a way to rewrite, stays."""

    def without(word: str) -> ReplaceLine:
        return ReplaceLine("a b c", "a b c".replace(f" {word}", ""), lambda line: line.replace(f" {word}", ""))

    found = [
        Finding(
            recommendation=name,
            role="x",
            area="time",
            title="",
            severity=Severity.LOW,
            source="",
            mode="enforce",
            status=Status.NONCOMPLIANT,
            reason="",
            remedy=(EditFile(path, (edit,)),),
        )
        for name, path, edit in (
            ("first", "/x", without("b")),
            ("second", "/x", without("c")),
            ("third", "/y", without("c")),
            ("fourth", "/x", ReplaceLine("a b c", "d")),
        )
    ]
    edits = [step.edits[0] for entry in make_plan(found).transactions for step in entry.steps]
    assert [(edit.old, edit.new) for edit in edits] == [
        ("a b c", "a c"),
        ("a c", "a"),
        ("a b c", "a b"),
        ("a b c", "d"),
    ]
