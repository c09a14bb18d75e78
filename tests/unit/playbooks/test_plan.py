# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-playbook vmguest.linux.plan`, and remediation by its files: real runs against guest trees."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.modules import guest_remediate
from ansible_collections.vmguest.linux.tests.unit.guest_tree import differences, snapshot
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet, Run

pytestmark = pytest.mark.slow

#: Of RHEL 6, which comes with cfq, with cron jobs that fire on every guest at once, and with impatient disks.
ONLY = {"vmguest_profile": "everything", "vmguest_only": ["io_scheduler", "cron_scatter", "scsi_disk_timeout"]}
NAMES = ["scsi_disk_timeout", "io_scheduler", "cron_scatter"]
SCHEDULER = "/sys/block/sda/queue/scheduler"
CRONTAB = "/etc/cron.d/0hourly"


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """One drifted guest, db1."""
    fleet.variables.update(ONLY)
    fleet.add("db1", "rhel6")
    return fleet


def plan(fleet: Fleet, *arguments: str) -> Path:
    """Make a plan; its folder, moved to where it may be edited."""
    shutil.rmtree(fleet.folder / "reports", ignore_errors=True)
    run = fleet.play("plan", *arguments)
    assert run.status == 0, run.output
    (made,) = (fleet.folder / "reports").glob("*/plan")
    folder = fleet.folder / "approved"
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    fleet.forget_execs()
    return folder


def by_plan(fleet: Fleet, folder: object, *arguments: str) -> Run:
    """Remediate by a plan."""
    return fleet.play("remediate", "-e", f"vmguest_plan={folder}", *arguments)


def without(path: Path, name: str) -> None:
    """Take an entry out, as a person does: from its first line to that of the next."""
    text = path.read_text()
    head, *entries = text.split("\n  - recommendation: ")
    kept = [entry for entry in entries if not entry.startswith(f"{name}\n")]
    assert len(kept) == len(entries) - 1
    path.write_text("\n  - recommendation: ".join([head, *kept]))


def receipts(fleet: Fleet, host: str) -> list[str]:
    """The recommendations that were done, by what is on the guest."""
    folder = fleet.trees[host].path("/var/lib/vmguest/receipts")
    return [path.name.partition("-")[2] for path in sorted(folder.iterdir())] if folder.exists() else []


class TestThePlan:
    def test_is_a_file_for_each_guest_and_a_summary_and_changes_nothing(self, fleet: Fleet) -> None:
        fleet.add("fine", "rhel4", "noop", vmguest_only="io_scheduler")
        fleet.add("gone", "rhel6", tree_fault="unreachable")
        before = snapshot(fleet.trees["db1"])
        run = fleet.play("plan")
        assert "changed: [db1]" in run.output, run.output
        assert "ok: [fine]" in run.output
        assert fleet.execs("db1") == ["stdin"]
        assert differences(before, snapshot(fleet.trees["db1"])) == []
        (folder,) = (fleet.folder / "reports").glob("*/plan")
        assert sorted(path.name for path in folder.iterdir()) == ["SUMMARY.md", "db1.yml"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        place = folder.relative_to(fleet.folder)
        assert f"plans: {place}, and SUMMARY.md there over all of them\n" in run.output
        assert f"to do them: ansible-playbook vmguest.linux.remediate -e vmguest_plan={place}\n" in run.output
        record = fleet.records()["db1"]
        assert (record["action"], record["check"], record["plan_file"]) == ("plan", True, str(folder / "db1.yml"))

        data = yaml.safe_load((folder / "db1.yml").read_text())
        assert (data["guest"], data["profile"], data["run"]) == ("db1", "everything", record["run"])
        assert [entry["recommendation"] for entry in data["changes"]] == NAMES
        entry = data["changes"][1]
        assert entry["steps"][1] == f"set {SCHEDULER} from cfq to noop"
        assert entry["diff"].endswith(f"+++ {SCHEDULER}\n@@\n-cfq\n+noop")
        assert (entry["now"], entry["reboot"]) == ({"runtime": "cfq", "persistent": "cfq"}, False)
        assert "ionice" in entry["risk"]
        summary = (folder / "SUMMARY.md").read_text()
        assert "3 changes on 1 guest;" in summary
        assert "| db1   |       3 |        | scsi_disk_timeout, io_scheduler, cron_scatter | db1.yml |\n" in summary
        assert "| fine  | nothing is to be changed " in summary
        assert "| gone  | unreachable: no connection over tree: " in summary

    def test_of_what_an_earlier_run_left_half_done_says_what_comes_first(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        (state,) = fleet.trees["db1"].path("/var/lib/vmguest/receipts").glob("*-io_scheduler/state")
        state.write_text("committing\n")
        run_id = fleet.records()["db1"]["run"]
        run = fleet.play("plan")
        assert f"has to be undone first (io_scheduler of run {run_id}): vmguest.linux.revert" in run.output, run.output
        assert fleet.records()["db1"]["plan_file"] is None
        # As it says.
        assert fleet.play("revert", "-e", f"vmguest_run={run_id}").status == 0
        assert receipts(fleet, "db1") == []
        assert [entry["recommendation"] for entry in self._plan(plan(fleet))] == NAMES

    @staticmethod
    def _plan(folder: Path) -> list[dict[str, object]]:
        return list(yaml.safe_load((folder / "db1.yml").read_text())["changes"])

    def test_goes_with_check_mode_and_no_plan_to_be_done(self, fleet: Fleet) -> None:
        task = {"vmguest.linux.guest_remediate": {"save_plan": True}}
        assert "it goes with check_mode: true" in fleet.play([{"tasks": [task]}]).fatal("db1")["msg"]
        run = fleet.play("plan", "-e", "vmguest_plan=x")
        assert "'vmguest_plan' names a plan to be done, and this is to make one" in run.fatal("db1")["msg"]
        assert fleet.execs("db1") == []


class TestDoingIt:
    def test_at_once_is_what_remediation_does(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        run = by_plan(fleet, folder)
        assert "changed: [db1]" in run.output, run.output
        assert fleet.execs("db1") == ["stdin"] * 2
        assert sorted(receipts(fleet, "db1")) == sorted(NAMES)
        assert set(fleet.statuses("db1").values()) == {"compliant"}
        assert fleet.records()["db1"]["by_plan"] == {
            "file": str(folder / "db1.yml"), "refused": {}, "held": {}, "met": {}, "beyond": []
        }  # fmt: skip
        # And then there is nothing left of it to do.
        fleet.forget_execs()
        again = by_plan(fleet, folder)
        assert "ok: [db1]" in again.output, again.output
        assert fleet.execs("db1") == ["stdin"]
        assert "    io_scheduler: compliant by now, nothing was to be done: " in again.output

    def test_what_was_taken_out_is_not_done(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        without(folder / "db1.yml", "io_scheduler")
        run = by_plan(fleet, folder)
        assert "changed: [db1]" in run.output, run.output
        assert "    not in the plan, not done: io_scheduler\n" in run.output
        assert receipts(fleet, "db1") == ["scsi_disk_timeout", "cron_scatter"]
        assert fleet.statuses("db1")["io_scheduler"] == "noncompliant"
        assert "[cfq]" in fleet.trees["db1"].read(SCHEDULER)

    def test_check_mode_shows_it_and_changes_nothing(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        without(folder / "db1.yml", "io_scheduler")
        before = snapshot(fleet.trees["db1"])
        run = by_plan(fleet, folder, "--check")
        assert "changed: [db1]" in run.output, run.output
        assert "\n    cron_scatter: edit 2 lines of /etc/cron.d/0hourly\n" in run.output
        assert f"\n    io_scheduler: set {SCHEDULER} from cfq to noop\n" not in run.output
        assert differences(before, snapshot(fleet.trees["db1"])) == []

    def test_a_guest_without_a_plan_is_not_touched(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        fleet.add("db2", "rhel6")
        run = by_plan(fleet, folder)
        assert "skipping: [db2]" in run.output, run.output
        assert f"db2: no plan in {folder} is of this guest: it was not touched\n" in run.output
        assert f"skipped: db2: no plan in {folder} is of this guest: it was not touched\n" in run.output, "the totals"
        assert fleet.execs("db2") == []
        assert fleet.records()["db2"]["state"] == "skipped"
        assert run.status == 0

    def test_a_file_two_shards_and_the_folder_of_a_run(self, fleet: Fleet) -> None:
        fleet.add("db2", "rhel6")
        folder = plan(fleet)
        assert fleet.play("remediate", "-e", f"vmguest_plan={folder}/db1.yml", "--check").status == 0
        assert (fleet.execs("db1"), fleet.execs("db2")) == (["stdin"], [])
        shard = fleet.folder / "shard" / "plan"
        shard.mkdir(parents=True)
        (folder / "db2.yml").rename(shard / "db2.yml")
        fleet.forget_execs()
        run = fleet.play("remediate", "--check", extra={"vmguest_plan": [str(folder), str(shard.parent)]})
        assert run.status == 0, run.output
        assert (fleet.execs("db1"), fleet.execs("db2")) == (["stdin"], ["stdin"])
        shutil.copy(shard / "db2.yml", folder)
        run = fleet.play("remediate", extra={"vmguest_plan": [str(folder), str(shard.parent)]})
        assert "'vmguest_plan' has two plans of db2: " in run.fatal("db2")["msg"]

    def test_a_role_has_its_own_part_of_it(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        run = fleet.play([{"roles": ["vmguest.linux.io_scheduler"]}], "-e", f"vmguest_plan={folder}")
        assert "changed: [db1]" in run.output, run.output
        assert receipts(fleet, "db1") == ["io_scheduler"]


class TestChangedSince:
    """What is no longer what was agreed to is refused by name, and the rest is done."""

    def test_on_the_guest(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        fleet.trees["db1"].write(SCHEDULER, "noop anticipatory deadline cfq [bfq]\n")
        run = by_plan(fleet, folder)
        result = run.fatal("db1")
        assert result["msg"].startswith(
            "io_scheduler: refused: something else would be done than what was planned: reason: then sda uses cfq., now sda uses "
            "bfq"
        )
        assert result["msg"].endswith("; vmguest.linux.plan makes a new plan")
        assert result["failed_recommendations"] == ["io_scheduler"]
        assert result["changed"] is True
        assert receipts(fleet, "db1") == ["scsi_disk_timeout", "cron_scatter"]
        assert "[bfq]" in fleet.trees["db1"].read(SCHEDULER)
        record = fleet.records()["db1"]
        assert (record["state"], list(record["by_plan"]["refused"])) == ("failed", ["io_scheduler"])
        assert fleet.statuses("db1")["io_scheduler"] == "noncompliant", "nothing was tried"

    def test_check_mode_agrees(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        fleet.trees["db1"].write(CRONTAB, "17 * * * * root run-parts /etc/cron.hourly\n")
        planned = by_plan(fleet, folder, "--check").fatal("db1")
        done = by_plan(fleet, folder).fatal("db1")
        assert planned["msg"] == done["msg"]
        assert planned["failed_recommendations"] == done["failed_recommendations"] == ["cron_scatter"]

    def test_in_the_variables(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        run = by_plan(fleet, folder, "-e", "disk_timeout_seconds=300", "-e", "cron_scatter_mode=audit")
        message = run.fatal("db1")["msg"]
        assert "scsi_disk_timeout: refused: something else would be done than what was planned: " in message
        assert "desired: then 180 s or more, now 300 s or more" in message
        assert "cron_scatter: refused: when the plan was made: " in message
        assert "; now it is noncompliant, and it is only audited: " in message
        assert receipts(fleet, "db1") == ["io_scheduler"]

    def test_left_out_of_the_run(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        message = by_plan(fleet, folder, "-e", "vmguest_skip=cron_scatter").fatal("db1")["msg"]
        assert message.startswith("cron_scatter: refused: it is off, or left out, by the variables of this run; ")


class TestEdited:
    """Every edit but the removal of entries is told before the guest is touched."""

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("from cfq to noop", "from cfq to deadline", "the entry 'io_scheduler' was edited"),
            ("+noop", "+deadline", "the entry 'io_scheduler' was edited"),
            ("    digest: ", "    digest: 0", "was edited"),
            ("guest: db1", "guest: db2", "its head (format to profile, or the seal there) was edited"),
            ("recommendation: io_scheduler", "recommendation: io_schedular", "did you mean 'io_scheduler'?"),
            ("    reboot: ", "    rebot: false\n    reboot: ", "has the unknown key 'rebot'; did you mean 'reboot'?"),
            ("changes:\n", "changes: [\n", "it is no YAML that can be read in line "),
            ("format: 1\n", "format: 2\n", "its format is 2, and this release reads format 1"),
        ],
    )
    def test_is_told(self, fleet: Fleet, old: str, new: str, words: str) -> None:
        fleet.variables["vmguest_only"] = ["io_scheduler"]
        folder = plan(fleet)
        text = (folder / "db1.yml").read_text()
        assert old in text
        (folder / "db1.yml").write_text(text.replace(old, new))
        message = by_plan(fleet, folder).fatal("db1")["msg"]
        assert message.startswith(f"the plan file '{folder / 'db1.yml'}' cannot be used: ")
        assert words in message
        assert message.endswith("The guest was not touched.")
        assert fleet.execs("db1") == []
        assert fleet.records()["db1"]["state"] == "failed"

    def test_the_file_of_another_guest(self, fleet: Fleet) -> None:
        folder = plan(fleet)
        fleet.add("db2", "rhel6")
        shutil.copy(folder / "db1.yml", folder / "db2.yml")
        message = by_plan(fleet, folder, "--limit", "db2").fatal("db2")["msg"]
        assert "is named after db2 and is a plan of db1: a plan holds for its own guest only" in message
        assert fleet.execs("db2") == []

    def test_no_such_folder_and_one_without_plans(self, fleet: Fleet) -> None:
        message = by_plan(fleet, fleet.folder / "nowhere").fatal("db1")["msg"]
        assert "nowhere' cannot be read: No such file or directory; expected a folder of vmguest.linux.plan" in message
        (fleet.folder / "empty").mkdir()
        assert "there is no plan file in '" in by_plan(fleet, fleet.folder / "empty").fatal("db1")["msg"]
        assert fleet.execs("db1") == []


def test_what_a_result_says_of_a_plan_is_documented(fleet: Fleet) -> None:
    documented = yaml.safe_load(guest_remediate.RETURN)
    folder = plan(fleet)
    by_plan(fleet, folder)
    assert set(documented["by_plan"]["contains"]) == set(fleet.records()["db1"]["by_plan"])
    assert "plan_file" in documented
