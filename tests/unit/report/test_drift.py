# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: what changed on a guest between two runs, since when, and what of it is known to be no drift."""

from __future__ import annotations

import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks, FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import (
    LISTED,
    changes,
    drift_lines,
    history,
    previous_record,
    since,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.json_report import JsonReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import Records, merged
from ansible_collections.vmguest.linux.tests.unit.examples import examples


def finding(status: str, name: str = "swappiness", **other: Any) -> dict[str, Any]:
    """A finding as a record has it."""
    sides = {"runtime": "1", "persistent": "1", "desired": "1", "owner": "/etc/sysctl.d/50-vmguest.conf"}
    words = {
        "role": "swappiness",
        "area": "memory",
        "title": "",
        "source": "",
        "mode": "audit",
        "reason": "",
        "remedy": [],
    }
    return {"recommendation": name, "status": status, "severity": "low", **words, "reboot": False, **sides, **other}


def record(run: int, *findings: dict[str, Any], host: str = "web1", **other: Any) -> dict[str, Any]:
    """The record of a guest in run number ``run``."""
    return {
        "host": host, "run": f"run{run}", "time": f"2026-11-{run:02}T03:00:00Z", "action": "audit", "check": False, "state": "ok",
        "profile": "baseline", "message": None, "findings": list(findings), **other,
    }  # fmt: skip


def after(*records: dict[str, Any]) -> dict[str, Any]:
    """The last record with the history that it gets from those before it."""
    previous: Mapping[str, Any] | None = None
    for entry in records:
        entry["history"] = history(previous, entry)
        previous = entry
    return records[-1]


def found_as(found: dict[str, Any]) -> dict[str, Any]:
    """What a finding has of a run that changed it: status and sides that the run found."""
    return {"before": found["status"], "found": {side: found[side] for side in ("runtime", "persistent", "owner")}}


def drift(*records: dict[str, Any]) -> FleetFinding:
    """The finding of these guests' newest records."""
    checks = FleetChecks()
    for entry in records:
        checks.add(entry)
    return next(found for found in checks.results() if found.id == "fleet_drift")


SET = finding("compliant")
UNSET = finding("noncompliant", runtime="60", persistent="60", owner="/etc/sysctl.d/99-admin.conf")


def test_what_changed_since_when_and_who_owns_it_now() -> None:
    last = after(record(1, SET), record(2, SET), record(3, UNSET))
    (change,) = changes(last)
    assert change == {
        "host": "web1",
        "recommendation": "swappiness",
        "severity": "low",
        "run": "run3",
        "time": "2026-11-03T03:00:00Z",
        "since": "2026-11-02T03:00:00Z",
        "was": {"status": "compliant", "runtime": "1", "persistent": "1", "owner": "/etc/sysctl.d/50-vmguest.conf"},
        "found": "noncompliant",
        "now": {"status": "noncompliant", "runtime": "60", "persistent": "60", "owner": "/etc/sysctl.d/99-admin.conf"},
        "by": None,
    }
    found = drift(last)
    assert (found.status, found.guests) == ("manual", ("web1",))
    assert drift_lines(found, 200) == [
        "drift: 1 finding changed on 1 guest since the run before (2026-11-02 03:00 UTC)",
        "  web1  swappiness  compliant → noncompliant; now 1 → 60; at boot 1 → 60; owner /etc/sysctl.d/99-admin.conf",
    ]


def test_it_is_drift_once_and_remembered_from_then_on() -> None:
    last = after(record(1, SET), record(2, UNSET), record(3, UNSET), record(4, UNSET))
    assert drift(last).status == "compliant"
    assert since(last, "swappiness") == ("2026-11-02T03:00:00Z", True)
    assert last["history"]["changes"]["swappiness"]["was"]["status"] == "compliant"
    assert since(after(record(1, SET), record(2, SET)), "swappiness") == ("2026-11-01T03:00:00Z", False)


def test_what_goes_and_comes_back_is_drift_twice() -> None:
    assert drift(after(record(1, SET), record(2, UNSET), record(3, SET))).detail["count"] == 1


@pytest.mark.parametrize("side", ["runtime", "persistent", "owner"])
def test_a_side_alone_is_drift_too(side: str) -> None:
    assert drift(after(record(1, SET), record(2, {**SET, side: "other"}))).detail["count"] == 1


def test_what_is_measured_anew_every_time_is_not() -> None:
    first, second = (finding("compliant", "entropy", runtime=f"{bits} bits") for bits in (256, 3000))
    assert drift(after(record(1, first), record(2, second))).detail["count"] == 0
    assert drift(after(record(1, first), record(2, {**second, "status": "manual"}))).detail["count"] == 1


def test_the_first_run_and_what_was_not_assessed_in_both_have_nothing_to_compare_with() -> None:
    assert drift(after(record(1, SET))).status == "not_applicable"
    assert drift(after(record(1, SET), record(2, finding("manual", "entropy")))).status == "compliant"


DONE = {"name": "000007-swappiness", "run": "run2", "state": "done"}
TAKEN_BACK = {**DONE, "state": "reverted"}


def known(last: dict[str, Any]) -> list[Any]:
    """What is known of the changes of a record."""
    return [change["by"] for change in changes(last)]


def test_what_our_remediation_did_is_no_drift_and_names_its_run() -> None:
    fixed = record(2, {**SET, **found_as(UNSET)}, action="remediate", receipts=[{"result": "done"}])
    assert known(after(record(1, UNSET), {**fixed, "fleet": {"receipts": {"swappiness": DONE}}})) == [
        {"why": "remediate", "run": "run2"}
    ]
    # Its record is on another controller: the receipt on the guest tells.
    seen = record(3, SET, fleet={"receipts": {"swappiness": DONE}})
    assert known(after(record(1, UNSET), seen)) == [{"why": "remediate", "run": "run2"}]
    assert drift(after(record(1, UNSET), seen)).detail["known"] == {"remediate": 1}


def test_what_a_remediation_brought_about_elsewhere_is_no_drift() -> None:
    nothing = finding("not_applicable", "tools_service_running", runtime=None)
    other = {**finding("compliant", "tools_service_running"), **found_as(nothing)}
    fixed = record(2, other, action="remediate", receipts=[{"recommendation": "tools_present", "result": "done"}])
    old = record(1, nothing)
    assert known(after(old, fixed)) == [{"why": "remediate", "run": "run2"}]
    # One that changed nothing brought nothing about, nor does check mode.
    assert known(after(old, {**fixed, "receipts": []})) == [None]
    assert known(after(old, {**fixed, "check": True})) == [None]


def test_drift_that_a_remediation_found_and_put_right_is_drift() -> None:
    mended = record(2, {**SET, **found_as(UNSET)}, action="remediate", receipts=[{"result": "done"}])
    last = after(record(1, SET), {**mended, "fleet": {"receipts": {"swappiness": DONE}}})
    assert known(last) == [None]
    assert drift_lines(drift(last), 200)[1].endswith(
        "compliant → noncompliant → compliant; owner /etc/sysctl.d/50-vmguest.conf"
    )


def test_a_remedy_that_failed_is_no_drift_nor_is_what_it_left_open() -> None:
    failed = record(2, {**UNSET, "status": "failed", "before": "noncompliant"}, action="remediate")
    old = record(1, UNSET)
    assert known(after(old, failed)) == []
    assert known(after(old, failed, record(3, UNSET))) == []
    mended = record(3, {**SET, **found_as(UNSET)}, action="remediate", receipts=[{"result": "done"}])
    mended["fleet"] = {"receipts": {"swappiness": {**DONE, "run": "run3"}}}
    assert known(after(old, failed, mended)) == [{"why": "remediate", "run": "run3"}]
    # Somebody else put it right, or put something else there.
    assert known(after(old, failed, record(3, SET))) == [None]
    assert known(after(old, failed, record(3, {**UNSET, "runtime": "70"}))) == [None]


def test_what_somebody_set_meanwhile_is_drift_though_a_remediation_found_it_and_minds_neither_value() -> None:
    """The status is the same, and the run changed something else."""
    other = {**SET, "runtime": "10", "owner": "/etc/sysctl.d/99-admin.conf"}
    run = record(2, {**other, "before": "compliant"}, action="remediate", receipts=[{"result": "done"}])
    assert known(after(record(1, SET), run)) == [None]
    # As it was left, and changed by the run itself.
    run = record(2, {**other, **found_as(SET)}, action="remediate", receipts=[{"result": "done"}])
    assert known(after(record(1, SET), run)) == [{"why": "remediate", "run": "run2"}]


def test_what_no_terminal_can_show_is_no_drift(tmp_path: Path) -> None:
    """A record is written printable, and compared with what was found."""
    odd = {**SET, "owner": "/etc/sysctl.d/\udcff\x1b.conf"}
    folder = tmp_path / "20261101T030000Z-aaaaaa"
    records = Records(folder)
    records.prepare()
    records.write("web1", record(1, odd))
    later = record(2, odd)
    later["history"] = history(previous_record(tmp_path / "20261102T030000Z-bbbbbb", "web1"), later)
    assert later["history"]["previous"]["run"] == "run1"
    assert known(later) == []


def test_what_our_revert_did_is_no_drift() -> None:
    before = record(1, SET, fleet={"receipts": {"swappiness": DONE}})
    reverted = record(3, UNSET, action="revert", reverted=[{"result": "done"}])
    reverted["fleet"] = {"receipts": {"swappiness": TAKEN_BACK}}
    assert known(after(before, reverted)) == [{"why": "revert", "run": "run3"}]
    # An audit after it, where the revert's record is not at hand, knows that it was taken back, not by which run.
    assert known(after(before, record(4, UNSET, fleet={"receipts": {"swappiness": TAKEN_BACK}}))) == [
        {"why": "revert", "run": None}
    ]


def test_what_a_boot_made_effective_is_no_drift() -> None:
    assert known(after(record(1, finding("pending_reboot")), record(2, SET))) == [{"why": "boot", "run": None}]
    rebooted = record(2, {**SET, "before": "pending_reboot"}, action="reboot")
    assert known(after(record(1, finding("pending_reboot")), rebooted)) == [{"why": "reboot", "run": "run2"}]
    assert known(after(record(1, SET), record(2, finding("pending_reboot")))) == [None]


def test_what_another_policy_changed_is_no_drift() -> None:
    wanted = {**SET, "status": "noncompliant", "desired": "10"}
    assert known(after(record(1, SET), record(2, wanted))) == [{"why": "policy", "run": None}]
    assert known(after(record(1, SET), record(2, {**SET, "status": "manual"}, profile="own"))) == [
        {"why": "policy", "run": None}
    ]
    assert known(after(record(1, UNSET), record(2, {**UNSET, "status": "waived"}))) == [{"why": "policy", "run": None}]
    # The guest changed, too: that is drift whatever is wanted.
    assert known(after(record(1, SET), record(2, {**UNSET, "desired": "10"}))) == [None]


def test_what_could_not_be_read_before_is_no_drift_and_what_can_no_longer_be_read_is() -> None:
    nothing = finding("unknown", runtime=None, persistent=None, owner=None)
    assert known(after(record(1, nothing), record(2, SET))) == [{"why": "not read before", "run": None}]
    assert known(after(record(1, SET), record(2, nothing))) == [None]


# ---- on the controller -------------------------------------------------------------------------------------------------


def written(reports: Path, *records: dict[str, Any], link: bool = True) -> None:
    """Records in the folders of their runs, with their history (as a controller writes them), or without (an older one)."""
    for entry in records:
        run = Records(reports / f"{entry['time'].translate({ord('-'): None, ord(':'): None})}-{entry['run']}")
        run.prepare()
        told = (
            {"history": history(previous_record(run.folder, entry["host"]), entry)}
            if link and entry["findings"]
            else {}
        )
        run.write(entry["host"], {**entry, **told})


def test_the_run_before_is_the_last_in_which_the_guest_was_assessed(tmp_path: Path) -> None:
    gone = record(3, state="unreachable", message="timed out")
    written(tmp_path, record(1, SET), record(2, SET), gone, record(2, UNSET, host="web2"), record(4, UNSET))
    (newest,) = [entry for entry in Fleet([tmp_path]) if entry["host"] == "web1"]
    (change,) = changes(newest)
    assert (change["run"], change["since"]) == ("run4", "2026-11-02T03:00:00Z")
    assert previous_record(tmp_path / "20261101T030000Z-run1", "web1") is None
    assert previous_record(tmp_path / "nowhere" / "x", "web1") is None


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"format": 1}', '{"format": 1, "host": "web1", "findings": 7}'])
def test_a_record_that_is_none_is_passed_over(tmp_path: Path, broken: str) -> None:
    written(tmp_path, record(1, SET), record(2, SET))
    next(tmp_path.glob("*run2/hosts/*.json")).write_text(broken, encoding="utf-8")
    found = previous_record(tmp_path / "20261103T030000Z-run3", "web1")
    assert (found or {})["run"] == "run1"


def test_records_of_several_controllers_are_compared_where_they_come_together(tmp_path: Path) -> None:
    """Neither controller had the other's runs: the report finds the run before by itself."""
    written(tmp_path, record(1, SET), record(2, UNSET), link=False)
    (newest,) = Fleet([tmp_path])
    assert [change["recommendation"] for change in changes(newest)] == ["swappiness"]


# ---- tasks of one run, and runs that are resumed ---------------------------------------------------------------------------


def run_of(reports: Path, *tasks: dict[str, Any]) -> dict[str, Any]:
    """The record that is left of a run's tasks, each of which begins and then writes it, as a session does."""
    whole: dict[str, Any] = {}
    for task in tasks:
        run = Records(reports / f"{task['time'].translate({ord('-'): None, ord(':'): None})}-{task['run']}")
        run.prepare()
        kept = {"fleet": whole["fleet"]} if "fleet" in whole else {}
        begun = {name: task[name] for name in ("run", "time", "host", "action", "check")}
        for entry in ({**begun, "state": "interrupted", "findings": [], **kept}, task):
            whole = merged(run.read(task["host"]), entry)
            if whole["findings"]:
                whole["history"] = history(previous_record(run.folder, task["host"]), whole)
            run.write(task["host"], whole)
    (newest,) = Fleet([reports])
    return newest


#: A package that one remedy brought has made another finding what it is.
NOTHING = finding("not_applicable", "tools_service_running", runtime=None)
THERE = finding("compliant", "tools_service_running")
REMEDIED = record(
    2,
    {**SET, **found_as(UNSET)},
    {**THERE, **found_as(NOTHING)},
    action="remediate",
    receipts=[{"result": "done"}],
    fleet={"receipts": {"swappiness": DONE}},
)
AGAIN = {
    **REMEDIED,
    "findings": [{**SET, "before": "compliant"}, {**THERE, "before": "compliant"}],
    "receipts": [],
}


@pytest.mark.parametrize(
    "tasks",
    [
        [REMEDIED],
        [REMEDIED, AGAIN],
        [REMEDIED, {**AGAIN, "action": "reboot"}],
        [REMEDIED, {**AGAIN, "action": "reboot", "state": "failed", "receipts": None}],
        [REMEDIED, {**AGAIN, "action": "audit", "findings": [SET, THERE], "receipts": None}],
        [REMEDIED, {**AGAIN, "findings": []}],
    ],
    ids=["remediate", "twice", "then reboot", "then a reboot that fails", "then audit", "then a role of others"],
)
def test_what_a_task_did_is_no_drift_to_those_after_it_in_its_run(tmp_path: Path, tasks: list[dict[str, Any]]) -> None:
    run_of(tmp_path, record(1, UNSET, NOTHING))
    newest = run_of(tmp_path, *tasks)
    assert drift(newest).detail["count"] == 0, list(changes(newest))
    assert len(known(newest)) == 2


def test_drift_that_the_first_task_found_is_drift_after_the_second(tmp_path: Path) -> None:
    run_of(tmp_path, record(1, SET, THERE))
    newest = run_of(tmp_path, {**REMEDIED, "findings": [{**SET, **found_as(UNSET)}, THERE]}, AGAIN)
    (change,) = changes(newest)
    assert (change["recommendation"], change["found"], change["by"]) == ("swappiness", "noncompliant", None)


@pytest.mark.parametrize("first", [True, False], ids=["the first run", "a run after another"])
@pytest.mark.parametrize("then", [(), ("reboot",)], ids=["alone", "then reboot"])
def test_what_a_resumed_run_leaves_alone_is_no_drift(tmp_path: Path, first: bool, then: tuple[str, ...]) -> None:
    if not first:
        run_of(tmp_path, record(1, UNSET, NOTHING))
    done = run_of(tmp_path, REMEDIED)
    assert drift(done).detail["count"] == 0
    kept = {name: value for name, value in done.items() if name not in ("format", "run", "time")}
    resumed = {**kept, "run": "run3", "time": "2026-11-03T03:00:00Z", "resumed_from": "run2"}
    after_it = [{**AGAIN, **{name: resumed[name] for name in ("run", "time")}, "action": action} for action in then]
    newest = run_of(tmp_path, resumed, *after_it)
    assert drift(newest).detail["count"] == 0, list(changes(newest))
    assert list(changes(newest)) == []
    # Since when it is so is known all the same, and so it is to the run after it.
    since_then = ("2026-11-02T03:00:00Z", not first)
    last = run_of(tmp_path, record(4, SET, THERE, fleet=done["fleet"]))
    assert [since(entry, "swappiness") for entry in (newest, last)] == [since_then] * 2


FINDING = st.fixed_dictionaries(
    {
        "recommendation": st.sampled_from(["swappiness", "entropy", "<b>\x1b[31m"]) | st.integers(),
        "status": st.sampled_from(["compliant", "noncompliant", "unknown", "waived", "pending_reboot"]) | st.none(),
    },
    optional={
        **{side: st.sampled_from(["1", "2\n\x1b", "\udcff"]) | st.none() for side in ("runtime", "owner", "before")},
        "found": st.none() | st.just({"runtime": "1"}) | st.just("odd"),
    },
)
BODY = st.fixed_dictionaries(
    {"findings": st.lists(FINDING | st.none(), max_size=3) | st.text(max_size=2)},
    optional={
        "action": st.sampled_from(["audit", "remediate", "revert", "reboot"]) | st.none(),
        "receipts": st.lists(st.fixed_dictionaries({"result": st.just("done")}) | st.none(), max_size=1)
        | st.integers(),
        "history": st.none()
        | st.dictionaries(st.sampled_from(["first", "changes", "previous"]), st.none() | st.text()),
        "fleet": st.none() | st.dictionaries(st.just("receipts"), st.none() | st.just({"swappiness": DONE})),
    },
)


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(st.tuples(BODY, BODY), max_size=8), st.randoms(use_true_random=False))
def test_neither_order_nor_content_of_records_matters(bodies: list[Any], random: Random) -> None:
    """Whatever is in them: plain data, and lines that are lines, the same in any order of the guests."""
    newest = []
    for number, (old, new) in enumerate(bodies):
        head = {"host": f"{number}\x1b[2J\n", "run": "run2", "time": "2026-11-02T03:00:00Z"}
        entry = {**new, **head}
        entry["history"] = history({**old, **head, "run": "run1"}, entry)
        newest.append(entry)
    found = drift(*newest)
    json.dumps(found.record())
    lines = drift_lines(found, 100)
    assert all(len(line) <= 100 and line.isprintable() for line in lines[1:])
    random.shuffle(newest)
    assert drift(*newest).record() == found.record()


def test_what_is_kept_and_shown_is_bounded() -> None:
    fleet = [
        after(record(1, SET, host=f"g{number:04}"), record(2, UNSET, host=f"g{number:04}")) for number in range(1000)
    ]
    found = drift(*reversed(fleet))
    assert (found.detail["count"], found.detail["guests"]["count"]) == (1000, 1000)
    assert [change["host"] for change in found.detail["changes"]] == [f"g{number:04}" for number in range(LISTED)]
    lines = drift_lines(found, 80)
    assert len(lines) == 12
    assert lines[-1] == "  and 990 more"


def test_the_json_report_tells_since_when_what_changed_is_so() -> None:
    out = StringIO()
    report = JsonReport(out)
    report.add(after(record(1, SET, finding("manual", "entropy")), record(2, UNSET, finding("manual", "entropy"))))
    text = out.getvalue()
    assert [entry.get("since") for entry in json.loads(text[text.index("[") + 1 :])["findings"]] == [
        "2026-11-02T03:00:00Z",
        None,
    ]
