# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX for real: what docs/awx/configure.yml makes of it, and its jobs, sliced, planned, scheduled and cancelled.

`make awx` runs it, with an AWX that is installed already: AWX_SOURCE and AWX_PYTHON say where (docs/schedule.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet as Records
from ansible_collections.vmguest.linux.tests.awx.api import Reply
from ansible_collections.vmguest.linux.tests.awx.configured import (
    GUESTS,
    IMAGE,
    REPORTS,
    SLICES,
    Fleet,
    configured,
    make_inventory,
)
from ansible_collections.vmguest.linux.tests.schedule.test_shards import found, summary

pytestmark = pytest.mark.timeout(1800)  # the first waits for AWX to start

TOP = Path(__file__).resolve().parents[2]
AUDIT, PLAN, REMEDIATE = "Audit VMware guests", "Plan for VMware guests", "Remediate VMware guests"
WORKFLOW = "Audit VMware guests and report"


def given(name: str) -> Path:
    """A path that whoever runs the tests names."""
    value = os.environ.get(name)
    if not value or not Path(value).exists():
        pytest.fail(f"{name} names {value or 'nothing'}: docs/schedule.md says what `make awx` needs", pytrace=False)
    return Path(value).absolute()


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """One AWX for all tests here."""
    with configured(given("AWX_SOURCE"), given("AWX_PYTHON")) as fleet:
        yield fleet


def launch(fleet: Fleet, template: Reply, **answers: object) -> Reply:
    """A job or, where it is sliced, the workflow of its slices, when it is over."""
    return fleet.api.finished(fleet.api.post(template["related"]["launch"], extra_vars=answers))


def slices(fleet: Fleet, workflow: Reply) -> list[Reply]:
    """The jobs of a workflow."""
    nodes = fleet.api.get(workflow["related"]["workflow_nodes"])["results"]
    return [fleet.api.finished({"url": f"/api/v2/jobs/{node['job']}/"}) for node in nodes]


def variant(fleet: Fleet, name: str, new_name: str, **changes: object) -> Reply:
    """A copy of a job template with something changed."""
    copy = fleet.api.post(fleet.template(name)["related"]["copy"], name=new_name)
    return fleet.api.patch(copy["url"], **changes)


def runs(fleet: Fleet) -> set[Path]:
    """The folders of runs that jobs have left."""
    return {file.parent.parent for file in fleet.reports.glob("*/hosts/*.json")}


def done(run: Path) -> int:
    """How many guests a run has looked at."""
    return [record["state"] for record in Records([run])].count("ok")


def refused(fleet: Fleet, template: Reply, **answers: object) -> str:
    """What AWX says of answers that it does not take."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        fleet.api.post(template["related"]["launch"], extra_vars=answers)
    assert caught.value.code == 400
    return caught.value.read().decode()


# ---- as code ---------------------------------------------------------------------------------------------------------


def test_configured_once_everything_is_there_and_configured_again_nothing_changes(fleet: Fleet) -> None:
    first, second = fleet.said
    assert "failed=0" in first
    assert "changed=0" not in first
    assert "changed=0" in second
    assert fleet.api.one("execution_environments/", name="vmguest.linux")["image"] == IMAGE
    assert fleet.api.one("projects/", name="vmguest.linux")["status"] == "successful"
    for name, kind in ((AUDIT, "run"), (PLAN, "check"), (REMEDIATE, "run")):
        template = fleet.template(name)
        assert (template["job_type"], template["job_slice_count"], template["survey_enabled"]) == (kind, SLICES, True)
        survey = fleet.api.get(template["related"]["survey_spec"])
        assert survey == json.loads((TOP / "docs/awx/survey.json").read_text())


# ---- slices ----------------------------------------------------------------------------------------------------------


def test_slices_find_what_one_job_finds_and_are_one_report(fleet: Fleet, tmp_path: Path) -> None:
    before = runs(fleet)
    workflow = launch(fleet, fleet.template(AUDIT), vmguest_profile="database")
    assert (workflow["type"], workflow["status"]) == ("workflow_job", "successful")
    jobs = slices(fleet, workflow)
    assert [(job["status"], job["job_slice_number"]) for job in jobs] == [
        ("successful", number) for number in range(1, SLICES + 1)
    ]
    for job in jobs:
        assert job["host_status_counts"] == {"ok": len(GUESTS) // SLICES}
        assert "podman" in job["job_args"]
        assert fleet.api.get(job["related"]["job_events"], event="runner_on_ok")["count"] == len(GUESTS) // SLICES
        assert json.loads(job["extra_vars"]) == {"vmguest_reports": REPORTS, "vmguest_profile": "database"}
    assert max(job["started"] for job in jobs) < min(job["finished"] for job in jobs), "one after the other"
    sliced = runs(fleet) - before
    assert len(sliced) == SLICES
    assert fleet.api.get("project_updates/", launch_type="dependency")["count"] == 1, "slices of different revisions"

    whole = launch(fleet, variant(fleet, AUDIT, "Audit unsliced", job_slice_count=1), vmguest_profile="database")
    assert (whole["type"], whole["status"]) == ("job", "successful")
    (unsliced,) = runs(fleet) - before - sliced

    one, other = Records(sorted(sliced)), Records([unsliced])
    assert [record["host"] for record in one] == GUESTS
    assert [found(record) for record in one] == [found(record) for record in other]
    assert len({json.dumps(record["findings"]) for record in one}) >= 4, "guests that are all alike"
    assert summary(one, tmp_path / "one") == summary(other, tmp_path / "other")

    report(fleet, sorted(sliced), tmp_path / "merged")
    merged = json.loads((tmp_path / "merged/report.json").read_text())
    alone = json.loads((unsliced / "report.json").read_text())
    assert [guest["host"] for guest in merged["guests"]] == GUESTS
    assert [found(guest) for guest in merged["guests"]] == [found(guest) for guest in alone["guests"]]
    assert merged["recommendations"] == alone["recommendations"]
    assert fleet_checks(merged) == fleet_checks(alone)


def fleet_checks(said: Reply) -> list[Reply]:
    """A report's checks of the fleet, but for the one that looks at the run before, which only the second run has."""
    return [check for check in said["fleet_checks"] if check["id"] != "fleet_drift"]


def report(fleet: Fleet, folders: list[Path], out: Path) -> None:
    """Make one report of several runs, as docs/schedule.md says."""
    wanted = {"vmguest_report_folders": [str(folder) for folder in folders], "vmguest_report_out": str(out)}
    fleet.play("vmguest.linux.report", "-e", json.dumps(wanted))


def test_a_question_that_is_not_answered_leaves_it_to_the_inventory(fleet: Fleet) -> None:
    inventory = make_inventory(fleet.api, "Latency", GUESTS[:1], "vmguest_profile: latency_sensitive\nvmguest_wait: 7")
    template = variant(fleet, AUDIT, "Audit as the inventory says", inventory=inventory["id"])
    before = runs(fleet)
    job = launch(fleet, template)
    assert job["status"] == "successful"
    assert (job["type"], job["job_slice_count"]) == ("job", 1), "one guest is one slice"
    assert json.loads(job["extra_vars"]) == {"vmguest_reports": REPORTS}
    (run,) = runs(fleet) - before
    (record,) = Records([run])
    assert record["profile"] == "latency_sensitive"


def test_a_slice_that_fails_keeps_no_guest_out_of_the_report(fleet: Fleet) -> None:
    """The audit's job is failed; the workflow is not: AWX calls a failure that something follows upon handled."""
    guests = [f"other{number}" for number in range(1, 4)]
    inventory = make_inventory(fleet.api, "Unreachable", guests)
    gone = {"name": "gone", "variables": "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 1"}
    fleet.api.post(inventory["related"]["hosts"], **gone)
    audit = variant(fleet, AUDIT, "Audit unreachable", inventory=inventory["id"])
    template = fleet.api.one("workflow_job_templates/", name=WORKFLOW)
    workflow = fleet.api.post(template["related"]["copy"], name="Audit unreachable and report")
    nodes = fleet.api.get(workflow["related"]["workflow_nodes"])["results"]
    (first,) = [node for node in nodes if node["summary_fields"]["unified_job_template"]["name"] == AUDIT]
    fleet.api.patch(first["url"], unified_job_template=audit["id"])

    over = launch(fleet, workflow)
    steps = {node["identifier"]: node for node in fleet.api.get(over["related"]["workflow_nodes"])["results"]}
    sliced = fleet.api.get(f"workflow_jobs/{steps[first['identifier']]['job']}/")
    assert sorted(job["status"] for job in slices(fleet, sliced)) == ["failed", *["successful"] * 3]
    assert (sliced["status"], over["status"]) == ("failed", "successful")
    report = json.loads((fleet.reports / "fleet/report.json").read_text())
    states = {guest["host"]: guest["state"] for guest in report["guests"]}
    assert states["gone"] == "unreachable"
    assert {states[guest] for guest in guests} == {"ok"}


# ---- plan, refusals --------------------------------------------------------------------------------------------------


def test_a_plan_shows_what_it_would_change_and_changes_nothing(fleet: Fleet) -> None:
    """A recorded guest answers to a probe alone: whatever tried to change it would fail."""
    workflow = launch(fleet, fleet.template(PLAN), vmguest_profile="baseline")
    assert workflow["status"] == "successful"
    jobs = slices(fleet, workflow)
    assert all(job["job_type"] == "check" and "--check" in job["job_args"] for job in jobs)
    assert sum(job["host_status_counts"].get("changed", 0) for job in jobs) >= 1
    said = "".join(fleet.api.said(job) for job in jobs)
    assert "+++ after: hotadd_online: /etc/udev/rules.d/71-vmguest-hotadd.rules" in said


def test_answers_outside_of_the_survey_are_refused(fleet: Fleet) -> None:
    template = fleet.template(AUDIT)
    assert "expected to be one of ['baseline'" in refused(fleet, template, vmguest_profile="nonsense")
    assert "must be no more than 3600" in refused(fleet, template, vmguest_wait=4000)


def test_a_setting_that_is_wrong_fails_the_job_and_says_why(fleet: Fleet) -> None:
    inventory = make_inventory(fleet.api, "Wrong", GUESTS[:1], "vmguest_fail_on: nonsense")
    job = launch(fleet, variant(fleet, AUDIT, "Audit wrongly", inventory=inventory["id"]))
    assert (job["status"], job["job_explanation"]) == ("failed", "")
    assert "'vmguest_fail_on' is 'nonsense'; expected one of:" in " ".join(fleet.api.said(job).split())


# ---- schedule, cancel ------------------------------------------------------------------------------------------------


def test_the_schedule_is_due_when_its_rule_says(fleet: Fleet) -> None:
    schedule = fleet.api.one("schedules/", name="Audit VMware guests every night")
    now = datetime.now(timezone.utc)
    four = now.replace(hour=4, minute=0, second=0, microsecond=0)
    due = four if four > now else four + timedelta(days=1)
    assert schedule["enabled"]
    assert schedule["summary_fields"]["unified_job_template"]["name"] == WORKFLOW
    assert schedule["next_run"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"


def test_awx_launches_what_is_due_and_makes_one_report(fleet: Fleet) -> None:
    workflow = fleet.api.one("workflow_job_templates/", name=WORKFLOW)
    due = datetime.now(timezone.utc) + timedelta(seconds=15)
    schedule = fleet.api.post(
        workflow["related"]["schedules"],
        name="Soon",
        rrule=f"DTSTART:{due:%Y%m%dT%H%M%SZ} RRULE:FREQ=DAILY;INTERVAL=1;COUNT=1",
        extra_data={"vmguest_profile": "density"},
    )
    before = runs(fleet)
    end = time.monotonic() + 120
    while not (launched := fleet.api.get("workflow_jobs/", schedule=schedule["id"])["results"]):
        assert time.monotonic() < end, "AWX did not launch what was due"
        time.sleep(1)
    launched = fleet.api.finished(launched[0])
    assert (launched["launch_type"], launched["status"]) == ("scheduled", "successful")
    assert launched["started"] >= f"{due:%Y-%m-%dT%H:%M:%S}"
    steps = {node["identifier"]: node for node in fleet.api.get(launched["related"]["workflow_nodes"])["results"]}
    audit = fleet.api.get(f"workflow_jobs/{steps['audit']['job']}/")
    assert {json.loads(job["extra_vars"])["vmguest_profile"] for job in slices(fleet, audit)} == {"density"}
    assert len(runs(fleet) - before) == SLICES
    report = json.loads((fleet.reports / "fleet/report.json").read_text())
    profiles = {guest["host"]: guest["profile"] for guest in report["guests"]}
    assert {guest: profiles.get(guest) for guest in GUESTS} == dict.fromkeys(GUESTS, "density")
    job = fleet.api.finished({"url": f"/api/v2/jobs/{steps['report']['job']}/"})
    assert f"Findings of {len(profiles)} guests" in fleet.api.said(job)
    assert set(job["host_status_counts"]) <= {"ok", "changed"}


def test_cancelled_slices_leave_the_records_that_they_wrote(fleet: Fleet) -> None:
    inventory = make_inventory(fleet.api, "Slow", GUESTS, "recorded_seconds: 5")
    template = variant(fleet, AUDIT, "Audit slowly", inventory=inventory["id"], job_slice_count=2, forks=1)
    before = runs(fleet)
    workflow = fleet.api.post(template["related"]["launch"])
    end = time.monotonic() + 120
    while len(left := {run for run in runs(fleet) - before if done(run)}) < 2:
        assert time.monotonic() < end, "no guest was looked at"
        time.sleep(0.5)
    fleet.api.post(fleet.api.get(workflow["url"])["related"]["cancel"])
    assert fleet.api.finished(workflow)["status"] == "canceled"
    for job in slices(fleet, workflow):
        assert job["status"] == "canceled"
        ps = ["podman", "ps", "--quiet", "--filter", f"name=^ansible_runner_{job['id']}$"]
        assert subprocess.run(ps, stdout=subprocess.PIPE, check=True).stdout == b"", "the job's container goes on"
    written = {run: sorted(file.name for file in run.glob("hosts/*.json")) for run in left}
    time.sleep(12)  # longer than two guests take
    assert {run: sorted(file.name for file in run.glob("hosts/*.json")) for run in left} == written
    assert all(1 <= done(run) < len(GUESTS) // 2 for run in left)
    assert {record["state"] for record in Records(sorted(left))} <= {"ok", "interrupted"}
