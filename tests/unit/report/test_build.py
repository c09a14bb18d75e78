# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's files: what other programs read, held against what they expect, and whole or not there."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
import resource
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine import finding as engine_finding
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import REPORT_FORMATS
from ansible_collections.vmguest.linux.plugins.plugin_utils.report import prometheus_report
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.build import FILES, Built, build
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.csv_report import COLUMNS, cell
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import history
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet, earlier
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.junit_report import JunitReport
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import RecordError, Records
from ansible_collections.vmguest.linux.tests.unit.examples import examples
from ansible_collections.vmguest.linux.tests.unit.report.test_fleet import finding, write

DOCS = Path(engine_finding.__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "report-schema.json").read_text(encoding="utf-8"))
NASTY = "=cmd|' /C calc'!A0 \"<&>\\ \t\u2028 \ufffe ]]> Ω"


def records(folder: Path) -> None:
    """A run over guests of every kind."""
    about = {"distribution": "Debian 12", "kernel": "6.1", "vendor": "VMware, Inc.", "uuid": None}
    write(
        folder,
        "db1",
        groups=["db", "prod"],
        profile="baseline",
        guest=about,
        findings=[
            finding(
                "swap_size", "noncompliant", runtime="1 GiB", desired="4 GiB", owner="/etc/fstab", remedy=["a", "b"]
            ),
            finding("io_scheduler", "pending_reboot", "low", area="storage", reboot=True),
            finding("entropy", "compliant", area="cpu", before="noncompliant"),
        ],
    )
    write(
        folder,
        NASTY,
        guest=about,
        findings=[
            finding(
                "swap_size",
                "waived",
                reason=NASTY,
                runtime=NASTY,
                owner=NASTY,
                waiver={"reason": NASTY, "expires": "2027-03-31"},
            ),
            finding("io_scheduler", "not_applicable"),
            finding("entropy", "unknown"),
            finding("root_on_error", "manual", "critical", reason=NASTY),
        ],
    )
    write(folder, "gone", state="unreachable", message="no connection\nover ssh")
    write(folder, "killed", state="interrupted", message="the task was ended before the guest answered")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("reports") / "run"
    records(folder)
    return build(Fleet([folder]), folder, list(FILES))


def text(built: Built, name: str) -> str:
    """One of its files, with its own line ends."""
    (path,) = [path for path in built.files if path.name == name]
    return path.read_bytes().decode("utf-8")


class TestFiles:
    def test_there_is_one_for_each_format_and_the_summary_for_the_owner_alone(self, built: Built) -> None:
        assert [path.name for path in built.files] == [
            "report.html", "report.json", "report.csv", "junit.xml", "vmguest.prom", "summary.json"
        ]  # fmt: skip
        folder = built.files[0].parent
        assert sorted(os.listdir(folder)) == sorted(["hosts", *(path.name for path in built.files)])
        assert {stat.S_IMODE(path.stat().st_mode) for path in built.files} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (built.changed, built.problems) == (built.files, ())

    def test_every_format_that_may_be_asked_for_is_written(self) -> None:
        assert tuple(FILES) == REPORT_FORMATS

    def test_none_but_the_summary_where_none_is_asked_for(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        assert [path.name for path in build(Fleet([tmp_path / "run"]), tmp_path / "run", []).files] == ["summary.json"]

    def test_made_again_nothing_changes(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        for changed in (6, 0):
            assert len(build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES)).changed) == changed

    def test_the_summary_is_there_for_the_next_trend(self, built: Built) -> None:
        assert earlier(built.files[0].parents[1], "3000") == [built.summary]

    def test_what_cannot_be_written_keeps_the_others_from_nothing(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        (tmp_path / "out" / "report.csv").mkdir(parents=True)
        (tmp_path / "out" / f".vmguest.prom.{os.getpid()}").symlink_to("elsewhere")
        found = build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES))
        assert [path.name for path in found.files] == ["report.html", "report.json", "junit.xml", "summary.json"]
        assert sorted(found.problems) == [
            f"'{tmp_path}/out/report.csv' cannot be written: Is a directory",
            f"'{tmp_path}/out/vmguest.prom' cannot be written: File exists",
        ]
        assert not (tmp_path / "out" / "elsewhere").exists()

    def test_a_disk_that_takes_no_more_leaves_nothing_half_written(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, allowed[1]))
        try:
            found = build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
        assert found.files == ()
        assert len(found.problems) == 6
        assert all(problem.endswith(" cannot be written: File too large") for problem in found.problems)
        assert os.listdir(tmp_path / "out") == []

    def test_a_page_that_cannot_be_written_keeps_the_others_from_nothing(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        (tmp_path / "out" / "report.html").mkdir(parents=True)
        found = build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES))
        assert found.problems == (f"'{tmp_path}/out/report.html' cannot be written: Is a directory",)
        assert len(json.loads(text(found, "report.json"))["guests"]) == 4

    def test_the_page_has_a_trend_of_earlier_runs(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        alone = build(Fleet([tmp_path / "run"]), tmp_path / "run", ["html"]).files[0].read_bytes()
        write(tmp_path / "before", "db1", "2026-11-20T10:00:00Z", "bbbb", findings=[finding("swap_size", "compliant")])
        build(Fleet([tmp_path / "before"]), tmp_path / "before", [])
        assert build(Fleet([tmp_path / "run"]), tmp_path / "run", ["html"]).files[0].read_bytes() != alone

    def test_the_trend_is_of_the_folder_that_is_named(self, tmp_path: Path) -> None:
        runs = tmp_path / "runs"
        records(runs / "run")
        write(runs / "before", "db1", "2026-11-20T10:00:00Z", "bbbb", findings=[finding("swap_size", "compliant")])
        build(Fleet([runs / "before"]), runs / "before", [])
        here = build(Fleet([runs / "run"]), runs / "run", ["html"]).files[0].read_bytes()
        scratch = build(Fleet([runs / "run"]), tmp_path / "scratch", ["html"], reports=runs).files[0].read_bytes()
        assert scratch == here

    def test_an_interrupt_leaves_nothing_half_written(self, tmp_path: Path) -> None:
        records(tmp_path / "run")

        def interrupt(_record: Any) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES), interrupt)
        assert os.listdir(tmp_path / "out") == []

    def test_no_folder_to_write_to(self, tmp_path: Path) -> None:
        records(tmp_path / "run")
        (tmp_path / "out").write_text("a file")
        with pytest.raises(RecordError) as caught:
            build(Fleet([tmp_path / "run"]), tmp_path / "out", [])
        assert str(caught.value) == (
            f"the report cannot be written to '{tmp_path}/out': File exists; name a folder that can be written"
        )


class TestWhatAKilledBuildLeft:
    """`kill -9` leaves the files that were being written; the next build in that folder clears them."""

    #: A build that stops for ever at its first record.
    STUCK = (
        "import sys, time; from pathlib import Path\n"
        "from ansible_collections.vmguest.linux.plugins.plugin_utils.report.build import FILES, build\n"
        "from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet\n"
        "folder = Path(sys.argv[1])\n"
        "build(Fleet([folder]), folder, list(FILES), lambda _record: (print('here', flush=True), time.sleep(600)))\n"
    )

    @staticmethod
    def hidden(folder: Path) -> set[str]:
        return {name for name in os.listdir(folder) if name.startswith(".")}

    def test_is_cleared_by_the_next_and_not_while_it_runs(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        records(folder)
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        stuck = subprocess.Popen([sys.executable, "-c", self.STUCK, str(folder)], stdout=subprocess.PIPE, env=found)
        try:
            assert stuck.stdout is not None
            assert stuck.stdout.readline() == b"here\n"
            written = {f".{name}.{stuck.pid}" for name in FILES.values()}
            assert self.hidden(folder) == written
            build(Fleet([folder]), folder, list(FILES))
            assert self.hidden(folder) == written
        finally:
            stuck.kill()
            stuck.communicate()
        assert self.hidden(folder) == written
        assert len(build(Fleet([folder]), folder, list(FILES)).files) == 6
        assert self.hidden(folder) == set()

    def test_what_is_not_ours_to_remove_stays(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        records(folder)
        gone = subprocess.Popen(["true"])
        gone.wait()
        kept = [f".report.json.{os.getppid()}", f".report.json.{gone.pid}x", f".other.json.{gone.pid}", f"report.json.{gone.pid}",
                ".report.json.0", ".report.json.-1"]  # fmt: skip
        for name in kept:
            (folder / name).write_text("mine")
        (folder / f".summary.json.{gone.pid}").mkdir()
        (folder / f".vmguest.prom.{gone.pid}").symlink_to("hosts")
        os.mkfifo(folder / f".junit.xml.{gone.pid}")
        locked = folder / f".report.html.{gone.pid}"
        with open(locked, "w", encoding="utf-8") as file:
            # As a process has it of which this one does not see the number.
            fcntl.flock(file, fcntl.LOCK_EX)
            there = set(os.listdir(folder))
            (folder / f".report.csv.{gone.pid}").write_text("half a rep")
            build(Fleet([folder]), folder, [])
            assert set(os.listdir(folder)) == {*there, "summary.json"}

    @pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's file")
    def test_what_is_of_another_user_stays(self, tmp_path: Path) -> None:
        folder = tmp_path / "run"
        records(folder)
        path = folder / ".report.json.4194304"
        path.write_text("theirs")
        os.chown(path, 12345, 12345)
        build(Fleet([folder]), folder, ["json"])
        assert path.exists()

    def test_a_process_of_the_same_number_goes_on(self, tmp_path: Path) -> None:
        """In containers every run may have it."""
        folder = tmp_path / "run"
        records(folder)
        (folder / f".report.json.{os.getpid()}").write_text("half a rep")
        assert build(Fleet([folder]), folder, ["json"]).problems == ()
        assert self.hidden(folder) == set()


class TestAnySplit:
    """However the guests are spread over folders, the report is the same, byte for byte."""

    @settings(max_examples=examples(10))
    @given(shards=st.lists(st.integers(0, 3), min_size=30, max_size=30))
    def test_is_the_same_report(self, tmp_path_factory: pytest.TempPathFactory, shards: list[int]) -> None:
        folder = tmp_path_factory.mktemp("split")
        statuses = [status.value for status in engine_finding.Status]
        for number, shard in enumerate(shards):
            findings = [finding("x", statuses[number % 9]), finding(f"y{number % 2}", statuses[number % 7], "high")]
            write(folder / "whole", f"h{number}", findings=findings)
            write(folder / "parts" / str(shard), f"h{number}", findings=findings)
        whole = build(Fleet([folder / "whole"]), folder / "a", list(FILES))
        parts = build(Fleet([folder / "parts"]), folder / "b", list(FILES))
        for one, other in zip(whole.files, parts.files, strict=True):
            assert one.read_bytes() == other.read_bytes()


class TestJson:
    def test_is_as_the_schema_says(self, built: Built) -> None:
        Draft202012Validator.check_schema(SCHEMA)
        report = json.loads(text(built, "report.json"))
        assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(report)] == []
        assert [guest["host"] for guest in report["guests"]][1:] == ["db1", "gone", "killed"]
        assert report["guests"][0]["host"].startswith("=cmd")
        assert set(report["recommendations"]) == {"swap_size", "io_scheduler", "entropy", "root_on_error"}

    def test_the_schema_has_every_key(self, built: Built) -> None:
        """A key that nobody described would be nobody's promise."""
        report = json.loads(text(built, "report.json"))
        kinds = SCHEMA["$defs"]
        assert set(report) == set(SCHEMA["properties"])
        for guest in report["guests"]:
            assert set(guest) == set(kinds["guest"]["properties"])
            for entry in guest["findings"]:
                assert set(entry) | {"before", "waiver", "since"} == set(kinds["finding"]["properties"])
        for entry in report["recommendations"].values():
            assert set(entry) == set(kinds["recommendation"]["properties"])
        for entry in report["fleet_checks"]:
            assert set(entry) == set(kinds["fleet_check"]["properties"])
        assert set(report["summary"]) == set(kinds["summary"]["properties"])

    def test_a_guest_has_its_history_as_the_schema_says(self, tmp_path: Path) -> None:
        """Of drift, of a change that our own run made, and of a guest that was seen for the first time."""
        previous = None
        for number, status in enumerate(("compliant", "noncompliant", "compliant"), 1):
            entropy = finding("entropy", "compliant" if number == 1 else "noncompliant")
            body: dict[str, Any] = {"findings": [finding("swap_size", status), entropy]}
            if number == 3:
                body["findings"][0]["before"] = "noncompliant"
                body |= {"action": "remediate", "receipts": [{"result": "done"}]}
            folder, time, run = tmp_path / f"run{number}", f"2026-11-2{number}T10:00:00Z", f"aaa{number}"
            told = history(previous, {"run": run, "time": time, **body})
            previous = json.loads(write(folder, "db1", time, run, history=told, **body).read_text(encoding="utf-8"))
        write(tmp_path / "run3", "new", "2026-11-23T10:00:00Z", "aaa3", findings=[finding("entropy", "compliant")])
        write(tmp_path / "run3", "silent", "2026-11-23T10:00:00Z", "aaa3", state="unreachable")
        report = json.loads(text(build(Fleet([tmp_path]), tmp_path / "out", ["json"]), "report.json"))
        assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(report)] == []
        told = {guest["host"]: guest["history"] for guest in report["guests"]}
        assert told["silent"] is None
        first = {"run": "aaa3", "time": "2026-11-23T10:00:00Z"}
        assert told["new"] == {"first": first, "previous": None, "changes": {}}
        assert told["db1"]["first"]["run"] == "aaa1"
        assert told["db1"]["previous"] == {"run": "aaa2", "time": "2026-11-22T10:00:00Z"}
        changes = told["db1"]["changes"]
        assert {name: (change["run"], change["by"]) for name, change in changes.items()} == {
            "swap_size": ("aaa3", {"why": "remediate", "run": "aaa3"}),
            "entropy": ("aaa2", None),
        }
        kinds = SCHEMA["$defs"]
        assert set(told["db1"]) == set(kinds["history"]["properties"])
        assert set(changes["entropy"]) == set(kinds["change"]["properties"])
        changes["entropy"]["by"] = "somebody"
        assert not Draft202012Validator(SCHEMA).is_valid(report)

    def test_the_schema_knows_the_words_of_the_engine(self) -> None:
        assert SCHEMA["$defs"]["status"]["enum"] == [status.value for status in engine_finding.Status]
        assert SCHEMA["$defs"]["severity"]["enum"] == [severity.value for severity in engine_finding.Severity]

    @pytest.mark.parametrize("wrong", ["status", "severity", "reason"])
    def test_the_schema_refuses_what_is_wrong(self, built: Built, wrong: str) -> None:
        report = json.loads(text(built, "report.json"))
        next(guest for guest in report["guests"] if guest["host"] == "db1")["findings"][0][wrong] = 7
        assert not Draft202012Validator(SCHEMA).is_valid(report)

    def test_a_guest_is_a_line(self, built: Built) -> None:
        lines = text(built, "report.json").split("\n")
        assert [json.loads(line.rstrip(","))["host"] for line in lines[2:6]] == [
            guest["host"] for guest in json.loads(text(built, "report.json"))["guests"]
        ]

    def test_lone_surrogates_of_a_foreign_record_are_read_back(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run", "db1", message="here")
        path.write_text(path.read_text().replace('"here"', '"\\ud800"'))
        found = build(Fleet([tmp_path / "run"]), tmp_path / "out", list(FILES))
        assert found.problems == ()
        assert json.loads(text(found, "report.json"))["guests"][0]["message"] == "\ud800"


class TestCsv:
    def test_a_line_for_each_finding_and_for_each_guest_without(self, built: Built) -> None:
        content = text(built, "report.csv")
        rows = list(csv.DictReader(content.split("\r\n")[:-1], strict=True))
        assert content.count("\n") == content.count("\r\n") == 1 + 7 + 2
        assert tuple(rows[0]) == COLUMNS
        (first,) = [row for row in rows if row["host"] == "db1" and row["recommendation"] == "swap_size"]
        assert (first["groups"], first["desired"], first["remedy"], first["reboot"]) == (
            "db prod",
            "4 GiB",
            "a; b",
            "no",
        )
        assert [row["waived_until"] for row in rows if row["status"] == "waived"] == ["2027-03-31"]
        (gone,) = [row for row in rows if row["host"] == "gone"]
        assert (gone["state"], gone["message"], gone["status"]) == ("unreachable", "no connection over ssh", "")

    def test_no_cell_is_a_formula(self, built: Built) -> None:
        rows = list(csv.reader(text(built, "report.csv").split("\r\n")[:-1]))
        cells = [found for row in rows for found in row]
        assert [found for found in cells if found.startswith(("=", "+", "-", "@"))] == []
        assert len([found for found in cells if found.startswith("'=cmd")]) > 4

    @given(st.text())
    def test_of_any_text(self, value: str) -> None:
        shown = cell(value)
        assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert shown.isprintable()

    @pytest.mark.parametrize(
        ("value", "shown"), [(None, ""), (True, "yes"), (False, "no"), (7, "7"), ("-1", "'-1"), ("a\nb", "a b")]
    )
    def test_of_a_value(self, value: object, shown: str) -> None:
        assert cell(value) == shown


#: JUnit as Jenkins reads it: element to (attributes that it must have, others that it may have, elements in it).
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests"}, {"failures", "errors", "skipped", "time", "timestamp", "hostname"}, {"testcase"}),
    "testcase": ({"name", "classname"}, {"time"}, {"skipped", "failure", "error"}),
    "skipped": (set(), {"message"}, set()),
    "failure": (set(), {"message", "type"}, set()),
    "error": (set(), {"message", "type"}, set()),
}


class TestJunit:
    def test_is_what_jenkins_reads(self, built: Built) -> None:
        root = ElementTree.fromstring(text(built, "junit.xml"))
        assert root.tag == "testsuites"
        for element in root.iter():
            must, may, inside = JUNIT[element.tag]
            assert must <= set(element.attrib) <= must | may
            assert {child.tag for child in element} <= inside
        for suite in root:
            assert int(suite.get("tests", "")) == len(suite)
            for what, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert int(suite.get(what, "")) == len(suite.findall(f"testcase/{tag}"))
            assert all(len(case) <= 1 for case in suite)

    def test_open_fails_what_is_not_known_is_skipped_who_did_not_answer_is_an_error(self, built: Built) -> None:
        found = {
            (suite.get("name"), case.get("name")): [child.tag for child in case]
            for suite in ElementTree.fromstring(text(built, "junit.xml"))
            for case in suite
        }
        nasty = next(name for name, _case in found if name and name.startswith("=cmd"))
        assert found[("db1", "swap_size")] == found[("db1", "io_scheduler")] == ["failure"]
        assert found[("db1", "entropy")] == []
        assert [found[(nasty, name)] for name in ("swap_size", "io_scheduler", "entropy", "root_on_error")] == [
            ["skipped"], ["skipped"], ["skipped"], ["failure"]
        ]  # fmt: skip
        assert found[("gone", "task")] == found[("killed", "task")] == ["error"]

    def test_a_failure_says_what_was_found_and_what_to_do(self, built: Built) -> None:
        root = ElementTree.fromstring(text(built, "junit.xml"))
        (failure,) = root.findall("testsuite[@name='db1']/testcase[@name='swap_size']/failure")
        assert failure.get("message") == "noncompliant: because"
        assert failure.text == "runtime: 1 GiB\ndesired: 4 GiB\nowner: /etc/fstab\nremedy: a\nremedy: b"

    @given(value=st.text())
    def test_any_text_is_xml(self, value: str) -> None:
        out = io.StringIO()
        report = JunitReport(out)
        head = {"host": value, "time": "2026-11-26T10:00:00Z", "state": "failed", "message": value}
        report.add({**head, "findings": [finding("x", "manual", reason=value, runtime=value)]})
        out.write("</testsuites>")
        suite = ElementTree.fromstring(out.getvalue())[0]
        assert [case.get("name") for case in suite] == ["task", "x"]


def metrics(built: Built) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Metric to labels to value, as Prometheus's own parser reads them."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text(built, "vmguest.prom")):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in series, "a series is told once"
            assert sample.timestamp is None, "the textfile collector refuses time stamps"
            series[labels] = sample.value
    return found


class TestPrometheus:
    def test_the_parser_reads_the_same_figures(self, built: Built) -> None:
        found = metrics(built)
        assert found["vmguest_report_timestamp_seconds"] == {(): 1795687200}
        assert found["vmguest_compliance_ratio"] == {(): 0.2}
        assert found["vmguest_guests"][(("state", "unreachable"),)] == 1
        assert found["vmguest_guests_pending_reboot"] == {(): 1}
        assert found["vmguest_findings"][(("status", "pending_reboot"),)] == 1
        assert found["vmguest_open_findings"][(("severity", "critical"),)] == 1
        assert found["vmguest_guest_open_findings"][(("guest", "db1"), ("severity", "medium"))] == 1
        labels = {"area": "storage", "recommendation": "io_scheduler", "severity": "low", "status": "pending_reboot"}
        assert found["vmguest_recommendation_guests"][tuple(labels.items())] == 1
        guests = {dict(series)["guest"] for series in found["vmguest_guest_open_findings"]}
        assert any(guest.startswith("=cmd|' /C calc'!A0 \"<&>\\") for guest in guests), "escaped, and read back"

    def test_guests_are_named_up_to_a_number_the_worst_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prometheus_report, "GUESTS", 2)
        for host, severity in (("a", "low"), ("b", "critical"), ("c", "info"), ("d", "high")):
            write(tmp_path / "run", host, findings=[finding("x", "manual", severity)])
        found = metrics(build(Fleet([tmp_path / "run"]), tmp_path / "out", ["prometheus"]))
        assert {dict(labels)["guest"] for labels in found["vmguest_guest_open_findings"]} == {"b", "d"}
        assert found["vmguest_guests_left_out"] == {(): 2}

    def test_nothing_to_score_is_no_score(self, tmp_path: Path) -> None:
        write(tmp_path / "run", "gone", state="unreachable", message="m")
        found = metrics(build(Fleet([tmp_path / "run"]), tmp_path / "out", ["prometheus"]))
        assert "vmguest_compliance_ratio" not in found


def test_memory_is_that_of_a_record_not_of_the_fleet(tmp_path: Path) -> None:
    """Six times the guests: what is held grows by names and counts, far below what the records are."""
    run = Records(tmp_path / "run")
    run.prepare()
    findings = [finding(f"recommendation{number}", "compliant", reason="x" * 500) for number in range(40)]

    def peak(guests: range) -> int:
        for number in guests:
            write(tmp_path / "run", f"h{number:04}", findings=findings)
        fleet = Fleet([tmp_path / "run"])
        tracemalloc.start()
        build(fleet, tmp_path / "out", list(FILES))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(range(20)), peak(range(20, 120))
    assert many - few < 100 * 3000, f"{few} bytes at 20 guests, {many} at 120; a record is some 40 KB"


class TestDashboard:
    DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))

    def expressions(self) -> list[str]:
        """What it asks Prometheus for."""
        return [target["expr"] for panel in self.DASHBOARD["panels"] for target in panel["targets"]]

    def test_asks_for_metrics_and_labels_that_there_are(self, built: Built) -> None:
        there = metrics(built)
        shown = set()
        for expression in self.expressions():
            names = re.findall(r"\bvmguest_\w+", expression)
            assert names, expression
            for name in names:
                assert name in there, f"{expression}: there is no {name}"
                shown.add(name)
                labels = {label for series in there[name] for label, _value in series} | {"job"}
                selected = re.findall(rf"{name}{{([^}}]*)}}", expression)
                asked = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", ",".join(selected)))
                for group in re.findall(r"by \(([^)]*)\)", expression):
                    asked |= set(group.split(", "))
                assert asked <= labels, f"{expression}: of {name} there are labels {sorted(labels)}"
        assert shown == set(there), "every metric is shown"

    def test_panels_have_ids_of_their_own_and_none_covers_another(self) -> None:
        panels = self.DASHBOARD["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken
            taken |= cells

    def test_the_docs_have_every_metric_and_no_other(self, built: Built) -> None:
        page = (DOCS / "reports.md").read_text(encoding="utf-8")
        assert set(re.findall(r"^\| `(vmguest_\w+)` \|", page, re.MULTILINE)) == set(metrics(built))
