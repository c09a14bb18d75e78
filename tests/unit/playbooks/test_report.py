# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reports at the end of a run, after runs that were killed, and of several runs: real ansible-playbook, no guest's connection."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.build import FILES as OF_FORMATS
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet, Run, ended

pytestmark = pytest.mark.slow

FILES = sorted([*OF_FORMATS.values(), "summary.json"])


def run_folder(fleet: Fleet) -> Path:
    """That of the only run."""
    (folder,) = (fleet.folder / "reports").iterdir()
    return folder


def report(folder: Path) -> dict[str, Any]:
    """What report.json holds."""
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def files(folder: Path) -> list[str]:
    """Names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def contents(folder: Path) -> dict[str, str]:
    """Files without what every run has of its own: its id, and the time. The page has these packed, so it is left out here;
    tests/unit/report/test_build.py splits it."""
    found = {}
    for name in sorted(set(files(folder)) - {"report.html"}):
        text = (folder / name).read_text(encoding="utf-8")
        text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", "TIME", text)
        text = re.sub(r"(?<=vmguest_report_timestamp_seconds )[0-9]+", "TIME", text)
        text = re.sub(r'"runs": ?\[[^]]*\]', "RUNS", text)
        found[name] = re.sub(r"\b[0-9a-f]{16}\b", "RUN", text)
    return found


class TestAtTheEndOfARun:
    def test_all_formats_by_default_and_the_groups_of_a_guest(self, fleet: Fleet) -> None:
        fleet.add("db1", "rhel6")
        fleet.add("gone", tree_fault="unreachable")
        tasks = [{"ansible.builtin.add_host": {"name": "db1", "groups": ["db", "prod"]}}]
        run = fleet.play([{"tasks": tasks}, {"tasks": [{"vmguest.linux.guest_audit": {}}]}])
        folder = run_folder(fleet)
        assert files(folder) == FILES
        assert "reports: report.html, report.json, report.csv, junit.xml, vmguest.prom" in run.output
        assert "Findings of 2 guests, score " in run.output
        guests = {guest["host"]: guest for guest in report(folder)["guests"]}
        assert guests["db1"]["groups"] == ["db", "prod"]
        assert (guests["gone"]["state"], guests["gone"]["findings"]) == ("unreachable", [])

    def test_those_that_are_asked_for(self, fleet: Fleet) -> None:
        fleet.add("db1")
        fleet.add("web1", vmguest_report_formats="csv")
        fleet.variables["vmguest_report_formats"] = ["prometheus"]
        fleet.play("audit")
        assert files(run_folder(fleet)) == ["report.csv", "summary.json", "vmguest.prom"]

    def test_none(self, fleet: Fleet) -> None:
        fleet.add("db1")
        run = fleet.play("audit", extra={"vmguest_report_formats": []})
        assert files(run_folder(fleet)) == ["summary.json"]
        assert "reports:" not in run.output

    def test_a_remediation_is_reported_too(self, fleet: Fleet) -> None:
        fleet.add("db1", "rhel6")
        fleet.play("remediate")
        (guest,) = report(run_folder(fleet))["guests"]
        assert guest["action"] == "remediate"
        assert all("before" in entry for entry in guest["findings"])

    def test_an_unknown_format_is_refused_before_a_guest_is_touched(self, fleet: Fleet) -> None:
        fleet.add("db1")
        run = fleet.play("audit", extra={"vmguest_report_formats": ["pdf"]})
        assert run.fatal("db1")["msg"] == (
            "'vmguest_report_formats' names the unknown format 'pdf'; expected one of: " + ", ".join(OF_FORMATS)
        )
        assert fleet.execs("db1") == []


QUICK, SLOW = ("quick1", "quick2", "quick3", "quick4"), ("slow1", "slow2")


@contextmanager
def stuck(fleet: Fleet) -> Iterator[subprocess.Popen[bytes]]:
    """A run of which four guests have answered, and two never will."""
    for host in QUICK:
        fleet.add(host)
    for host in SLOW:
        sudo = fleet.add(host).state / "bin" / "sudo"
        sudo.write_text("#!/bin/sh\nexec /bin/sleep 600\n")
    process = fleet.start("audit")
    try:
        deadline = time.monotonic() + 120
        while _states(fleet) != {**dict.fromkeys(QUICK, "ok"), **dict.fromkeys(SLOW, "interrupted")}:
            assert time.monotonic() < deadline, _states(fleet)
            time.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _states(fleet: Fleet) -> dict[str, str]:
    paths = (fleet.folder / "reports").glob("*/hosts/[!.]*.json")
    records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {record["host"]: record["state"] for record in records}


def interrupted(process: subprocess.Popen[bytes]) -> Run:
    """What a run printed that was ended by Ctrl-C; once more where that came while Python destroyed an object, which ignores it."""
    for patience in (60, 60, None):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return ended(process, patience)
    raise AssertionError("it does not end")


class TestARunThatIsKilled:
    def test_an_interrupt_is_reported(self, fleet: Fleet) -> None:
        with stuck(fleet) as process:
            run = interrupted(process)
        assert run.status != 0
        assert "Findings of 6 guests" in run.output
        assert "interrupted: slow1: the task was ended before the guest answered" in run.output
        assert files(run_folder(fleet)) == FILES
        states = {guest["host"]: guest["state"] for guest in report(run_folder(fleet))["guests"]}
        assert states == {**dict.fromkeys(QUICK, "ok"), **dict.fromkeys(SLOW, "interrupted")}

    def test_kill_9_of_the_controller_loses_no_record_and_the_report_is_made_afterwards(self, fleet: Fleet) -> None:
        with stuck(fleet) as process:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert files(run_folder(fleet)) == []
        run = fleet.play("report", "--limit", "quick3")
        assert run.status == 0, run.output
        assert files(run_folder(fleet)) == FILES
        guests = report(run_folder(fleet))["guests"]
        assert {guest["host"]: guest["state"] for guest in guests} == {
            **dict.fromkeys(QUICK, "ok"),
            **dict.fromkeys(SLOW, "interrupted"),
        }
        assert all(guest["findings"] for guest in guests if guest["host"] in QUICK)


class TestOfRunsThatAreOver:
    def test_four_shards_are_one_report_and_the_same(self, fleet: Fleet) -> None:
        names = [f"guest{number}" for number in range(8)]
        for number, name in enumerate(names):
            fleet.add(name, ("debian12", "rhel6", "rhel9")[number % 3])
        assert fleet.play("audit").status == 0
        whole = run_folder(fleet)
        for shard in range(4):
            limit = ",".join(names[shard::4])
            assert fleet.play("audit", "--limit", limit, extra={"vmguest_reports": f"shards/{shard}"}).status == 0
        shutil.copytree(fleet.folder / "shards", fleet.folder / "together")
        folders = [f"together/{shard}" for shard in range(4)]
        run = fleet.play("report", extra={"vmguest_report_folders": folders, "vmguest_report_out": "merged"})
        assert run.status == 0, run.output
        assert "reports: merged: report.html" in run.output
        assert contents(fleet.folder / "merged") == contents(whole)

    def test_the_newest_run_is_the_default_and_a_second_report_changes_nothing(self, fleet: Fleet) -> None:
        """And no inventory is needed, nor is any host asked for anything."""
        fleet.add("old")
        fleet.play("audit")
        older = run_folder(fleet)
        fleet.hosts.clear()
        fleet.add("new")
        time.sleep(1.1)
        fleet.play("audit")
        (newer,) = [folder for folder in (fleet.folder / "reports").iterdir() if folder != older]
        for folder in (older, newer):
            (folder / "report.csv").unlink()
        fleet.hosts.clear()
        for check, changed in (("--check", 1), ("--diff", 1), ("--diff", 0)):
            run = fleet.play("report", check)
            assert f"ok=1    changed={changed} " in run.line("localhost  "), run.output
            assert files(older) == [name for name in FILES if name != "report.csv"]
            assert ("report.csv" in files(newer)) == (check == "--diff")
        run = fleet.play("report", "--check")
        assert "changed=0 " in run.line("localhost  "), "the page has a trend, in check mode too"
        assert fleet.execs("new") == ["stdin"]

    def test_what_cannot_be_reported_is_one_sentence(self, fleet: Fleet) -> None:
        fleet.add("db1")
        cases: list[tuple[dict[str, Any], str]] = [
            ({"folders": "nowhere"}, "nowhere' cannot be read: No such file or directory; name a run's folder"),
            ({}, "reports' cannot be read: No such file or directory; name a run's folder"),
            ({"folders": [7]}, "'folders' must be a list of folders of runs; found [7]"),
            ({"out": ["x"]}, "'out' must name a folder on the controller"),
            ({"reports": ""}, "'vmguest_reports' must name a folder on the controller; found ''"),
            ({"formats": ["pdf"]}, "'vmguest_report_formats' names the unknown format 'pdf'"),
            ({"folder": "x"}, "compliance_report has no option 'folder'; did you mean 'folders'?"),
        ]
        tasks = [{"vmguest.linux.compliance_report": options, "ignore_errors": True} for options, _sentence in cases]
        output = fleet.play([{"tasks": tasks}]).output
        said = [
            json.loads(line[line.index("=> ") + 3 :])["msg"] for line in output.splitlines() if "FAILED! =>" in line
        ]
        for (_options, sentence), message in zip(cases, said, strict=True):
            assert sentence in message
            assert "\n" not in message
        misspelt = fleet.play("report", extra={"vmguest_report_folder": "x"}).fatal("localhost")["msg"]
        assert "'vmguest_report_folder' is no variable of vmguest.linux; did you mean" in misspelt
