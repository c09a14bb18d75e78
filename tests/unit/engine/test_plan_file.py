# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan files: what is read is what was written, every edit but a removal is told, and what is done is what was agreed to."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan_file import (
    PlanFile,
    choose,
    digest,
    make_plan_file,
    read_plan_file,
    write_plan_file,
)
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

IDS = ("io_scheduler", "swap_size", "cron_scatter", "swappiness", "timekeeping_cmdline")
IMAGE = Run("build the image", "dracut", "dracut --undo", "true", alone_from=("boot",))

#: Texts as guests have them: tabs, quotes, colons, what looks like YAML, bytes that are no UTF-8, lines of blanks.
texts = st.text(
    st.one_of(st.characters(), st.sampled_from("\t\n :#-'\"|>&*!%@{}[],?\\\udcff\x85\u2028\ufeff0~")), max_size=40
)
lines = texts.map(lambda text: text.replace("\n", " "))
edits = st.one_of(
    st.builds(ReplaceLine, lines, lines),
    st.builds(ReplacePrefix, st.integers(1, 9), lines, lines),
    st.builds(AppendLine, lines),
)
runs = st.builds(Run, texts, texts, texts, texts)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(WriteFile, lines, texts, st.none() | texts),
    st.builds(RemoveFile, lines, texts),
    st.builds(WriteKernel, lines, lines, lines),
    st.builds(EditFile, lines, st.lists(edits, min_size=1, max_size=3).map(tuple)),
    runs,
)


def finding(name: str, *remedy: Step, status: Status = Status.NONCOMPLIANT, **more: Any) -> Finding:
    """An enforced finding."""
    sides: dict[str, Any] = {"mode": "enforce", "reason": f"{name} is wrong", "runtime": "0", "desired": "1", **more}
    return Finding(
        recommendation=name,
        role=name,
        area="storage",
        title=f"Mend {name}",
        severity=Severity.MEDIUM,
        source="",
        status=status,
        remedy=remedy if status is Status.NONCOMPLIANT else (),
        **sides,
    )


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    """Findings of different recommendations, in any order."""
    names = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=3))
    return [
        finding(
            name,
            *draw(st.lists(steps, min_size=1, max_size=2)),
            reason=draw(texts),
            runtime=draw(st.none() | texts),
            owner=draw(st.none() | texts),
            reboot=draw(st.booleans()),
        )
        for name in names
    ]


def plan(found: list[Finding], guest: str = "db1") -> PlanFile:
    return make_plan_file(guest, "77aa", "2026-11-24T02:00:00Z", "baseline", found)


SCHEDULER = finding("io_scheduler", WriteKernel("/sys/block/sda/queue/scheduler", "cfq", "none"))
SWAP = finding("swap_size", WriteFile("/etc/x", "tab\there\n \nend", "old\n"), reboot=True)
CRON = finding("cron_scatter", EditFile("/etc/crontab", (ReplacePrefix(3, "1 *", "7 *"), AppendLine("# ours"))))
TEXT = write_plan_file(plan([SCHEDULER, SWAP, CRON]))


@given(texts, findings())
def test_what_is_written_is_read(guest: str, found: list[Finding]) -> None:
    made = plan(found, guest)
    text = write_plan_file(made)
    assert read_plan_file(text, "x.yml") == made
    assert [entry.digest for entry in made.changes] == [digest(Transaction(f.recommendation, f.remedy)) for f in found]
    # Any program reads it, and it holds nothing that a terminal would obey.
    assert yaml.safe_load(text)["proposed"] == len(found)
    assert all(char.isprintable() or char in "\n\t" for char in text)


def is_part(of: PlanFile, read: PlanFile) -> bool:
    """Whether a plan is what another was, but for entries that are missing."""
    rest = iter(of.changes)
    return dataclasses.replace(read, changes=of.changes) == of and all(
        any(entry == other for other in rest) for entry in read.changes
    )


@given(
    st.integers(0, len(TEXT)),
    st.integers(0, 80),
    st.one_of(
        st.just(""),
        st.text(max_size=3),
        st.sampled_from(["\n", "  ", "- ", "null", "true", "1", "''", "# ", "*a", "<<: "]),
    ),
)
def test_any_edit_is_a_removal_or_an_error(at: int, length: int, instead: str) -> None:
    """Red where an entry's seal leaves out any of its texts, or the head has none."""
    edited = TEXT[:at] + instead + TEXT[at + length :]
    assume(edited != TEXT)
    try:
        read = read_plan_file(edited, "x.yml")
    except InputError:
        return
    assert is_part(plan([SCHEDULER, SWAP, CRON]), read)


@given(st.data())
def test_any_edit_of_lines_is_a_removal_or_an_error(data: st.DataObject) -> None:
    rows = TEXT.split("\n")
    first = data.draw(st.integers(0, len(rows) - 1))
    last = data.draw(st.integers(first, len(rows)))
    to = data.draw(st.integers(0, len(rows)))
    moved = data.draw(st.booleans())
    kept = rows[:first] + rows[last:]
    edited = kept[:to] + rows[first:last] + kept[to:] if moved else kept
    try:
        read = read_plan_file("\n".join(edited), "x.yml")
    except InputError:
        return
    assert is_part(plan([SCHEDULER, SWAP, CRON]), read)


def test_each_value_is_sealed() -> None:
    data = yaml.safe_load(TEXT)
    for name in data["changes"][1]:
        changed = yaml.safe_load(TEXT)
        changed["changes"][1][name] = "another"
        with pytest.raises(InputError):
            read_plan_file(yaml.safe_dump(changed), "x.yml")
    for name in data:
        changed = yaml.safe_load(TEXT)
        changed[name] = "another"
        with pytest.raises(InputError):
            read_plan_file(yaml.safe_dump(changed), "x.yml")


def test_entries_and_all_of_them_may_be_taken_out_and_comments_added() -> None:
    data = yaml.safe_load(TEXT)
    assert [entry["recommendation"] for entry in data["changes"]] == ["io_scheduler", "swap_size", "cron_scatter"]
    del data["changes"][1]
    read = read_plan_file("# approved by OPS-1234\n" + yaml.safe_dump(data), "x.yml")
    assert [entry.recommendation for entry in read.changes] == ["io_scheduler", "cron_scatter"]
    assert read.proposed == 3
    data["changes"] = []
    assert read_plan_file(yaml.safe_dump(data), "x.yml").changes == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["holds no plan", "NoneType"]),
        ("- a", ["holds no plan", "list"]),
        ("{", ["no YAML that can be read in line 1"]),
        ("a: 2026-99-99", ["no YAML that can be read"]),
        ("[" * 5000, ["no YAML that can be read"]),
        ("a: \x00", ["no YAML that can be read"]),
        ("a: 1\na: 2", ["'a' stands twice"]),
        ("a: !!python/object/apply:os.getcwd []", ["no YAML that can be read"]),
        ("format: 2", ["its format is 2"]),
        ("format: 1\nguests: x", ["unknown key 'guests'", "did you mean 'guest'?"]),
        (TEXT.replace("run: 77aa\n", ""), ["it has no 'run'"]),
        (TEXT.replace("changes:", "changes: x\nrest:"), ["unknown key 'rest'"]),
        (TEXT.partition("changes:")[0] + "changes: x", ["'changes' is no list", "changes: []"]),
        (TEXT.partition("changes:")[0] + "changes: [x]", ["something that is no entry"]),
        (TEXT + TEXT.partition("changes:\n")[2], ["the entry 'io_scheduler' stands twice"]),
        (TEXT.replace("    reboot: true\n", ""), ["the entry 'swap_size' has no 'reboot'"]),
        (
            TEXT.replace("swap_size\n", "swap_sise\n"),
            ["unknown recommendation 'swap_sise'", "did you mean 'swap_size'?"],
        ),
    ],
)
def test_what_is_no_plan_is_one_clear_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read_plan_file(text, "plans/db1.yml")
    message = str(error.value)
    assert message.startswith("the plan file 'plans/db1.yml' cannot be used: ")
    assert message.endswith("The guest was not touched.")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_entry_that_was_moved() -> None:
    head, *entries = TEXT.split("\n  - recommendation: ")
    with pytest.raises(InputError, match="the entry 'swap_size' was moved"):
        read_plan_file("\n  - recommendation: ".join([head, entries[2], entries[1]]), "x.yml")


@given(steps, steps)
def test_a_digest_is_of_all_that_would_be_done(one: Step, other: Step) -> None:
    same = digest(Transaction("x", (one,))) == digest(Transaction("x", (other,)))
    assert same == (one == other)
    assert digest(Transaction("x", (one,))) != digest(Transaction("y", (one,)))
    assert digest(Transaction("x", (one,), "g", (IMAGE,))) != digest(Transaction("x", (one,)))


def test_a_digest_does_not_depend_on_what_others_leave_of_a_line() -> None:
    """Boot arguments all stand in one line: an entry may be taken out, and the others are what they were."""

    def without(word: str) -> ReplaceLine:
        return ReplaceLine("a b c", "a b c".replace(f" {word}", ""), lambda line: line.replace(f" {word}", ""))

    both = [
        finding("io_scheduler", EditFile("/x", (without("b"),))),
        finding("swap_size", EditFile("/x", (without("c"),))),
    ]
    made = plan(both)
    chosen = choose(dataclasses.replace(made, changes=made.changes[1:]), both, "baseline")
    assert chosen.refused == {}
    (step,) = make_plan(chosen.findings).transactions[0].steps
    assert step == EditFile("/x", (ReplaceLine("a b c", "a b"),))


class TestChoose:
    def test_all_of_it(self) -> None:
        found = [SCHEDULER, SWAP, CRON]
        chosen = choose(plan(found), found, "baseline")
        assert chosen.findings == (SCHEDULER, SWAP, CRON)
        assert (chosen.refused, chosen.held, chosen.met, chosen.beyond) == ({}, {}, {}, ())

    def test_nothing_beyond_it(self) -> None:
        chosen = choose(plan([SWAP]), [SCHEDULER, SWAP, CRON], "baseline")
        assert chosen.findings == (SWAP,)
        assert chosen.beyond == ("io_scheduler", "cron_scatter")

    def test_without_a_plan_all_that_is_enforced(self) -> None:
        audited = finding("swap_size", WriteKernel("/x", "0", "1"), mode="audit")
        assert choose(None, [SCHEDULER, audited], "baseline").findings == (SCHEDULER,)

    @pytest.mark.parametrize("status", [Status.COMPLIANT, Status.PENDING_REBOOT])
    def test_what_is_met_by_now(self, status: Status) -> None:
        now = finding("io_scheduler", status=status, reason="somebody did it")
        chosen = choose(plan([SCHEDULER, CRON]), [now, CRON], "baseline")
        assert chosen.findings == (CRON,)
        assert chosen.met == {"io_scheduler": f"{status} by now, nothing was to be done: somebody did it"}
        assert chosen.refused == {}

    @pytest.mark.parametrize(
        ("now", "profile", "words"),
        [
            (
                None,
                "baseline",
                ["it is off, or left out, by the variables of this run; when the plan was made: io_scheduler is wrong"],
            ),
            (None, "density", ["(the plan was made with profile baseline, this run has density)"]),
            (
                finding("io_scheduler", status=Status.WAIVED, reason="ops-7"),
                "baseline",
                ["when the plan was made: io_scheduler is wrong; now it is waived: ops-7"],
            ),
            (
                finding("io_scheduler", status=Status.UNKNOWN, reason="unreadable"),
                "baseline",
                ["now it is unknown: unreadable"],
            ),
            (
                dataclasses.replace(SCHEDULER, mode="audit"),
                "baseline",
                ["now it is noncompliant, and it is only audited: io_scheduler is wrong"],
            ),
            (
                finding(
                    "io_scheduler",
                    WriteKernel("/sys/block/sda/queue/scheduler", "bfq", "none"),
                    reason="bfq",
                    runtime="bfq",
                ),
                "baseline",
                [
                    "something else would be done than what was planned: reason: then io_scheduler is wrong, now bfq; "
                    "runtime: then 0, now bfq; steps: then set /sys/block/sda/queue/scheduler from cfq to none, now set "
                    "/sys/block/sda/queue/scheduler from bfq to none"
                ],
            ),
        ],
    )
    def test_what_is_refused_says_what_was_so_and_what_is(
        self, now: Finding | None, profile: str, words: list[str]
    ) -> None:
        chosen = choose(plan([SCHEDULER, CRON]), [*([now] if now else []), CRON], profile)
        assert chosen.findings == (CRON,)
        for word in words:
            assert word in chosen.refused["io_scheduler"]

    def test_where_only_the_content_differs_its_line_is_told(self) -> None:
        then = finding("swap_size", WriteFile("/etc/x", "one\ntwo\n"))
        now = finding("swap_size", WriteFile("/etc/x", "one\nthree\n"))
        assert (
            "in its diff, line 5: then '+two', now '+three'"
            in choose(plan([then]), [now], "baseline").refused["swap_size"]
        )
        undone = finding("swap_size", Run("do it", "x", "undo one", "true"))
        otherwise = finding("swap_size", Run("do it", "x", "undo another", "true"))
        refused = choose(plan([undone]), [otherwise], "baseline").refused["swap_size"]
        assert "how it is done, undone or proved is not" in refused

    def test_a_group_is_done_together_or_not_at_all(self) -> None:
        """What shares an image with an entry that is refused is held back; what stands alone is done."""

        def member(name: str, new: str) -> Finding:
            return finding(name, WriteKernel("/x", "0", new), group="boot_images", commit=(IMAGE,))

        then = [SCHEDULER, member("swap_size", "1"), member("cron_scatter", "1")]
        now = [SCHEDULER, member("swap_size", "2"), member("cron_scatter", "1")]
        chosen = choose(plan(then), now, "baseline")
        assert chosen.findings == (SCHEDULER,)
        assert list(chosen.refused) == ["swap_size"]
        assert chosen.held == {"cron_scatter": "not done: swap_size, with which it would be done together, is refused"}
        # Where the refused one has left the group, or is off, too.
        assert list(choose(plan(then), [SCHEDULER, then[2]], "baseline").held) == ["cron_scatter"]
        # Taken out by a person it holds nobody back.
        made = plan(then)
        cut = dataclasses.replace(made, changes=(made.changes[0], made.changes[2]))
        assert choose(cut, now, "baseline").findings == (SCHEDULER, now[2])
