# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Canary and batches, resume, change windows and the most changes: real runs of `remediate` against guest trees."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.tests.unit.guest_tree import differences, snapshot
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet, window

pytestmark = pytest.mark.slow

ONLY = {"vmguest_profile": "everything", "vmguest_only": ["io_scheduler", "cron_scatter"]}
SCHEDULER = "/sys/block/sda/queue/scheduler"


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """No guests yet; two recommendations, of which both are open on RHEL 6."""
    fleet.variables.update(ONLY)
    return fleet


def unproved(fleet: Fleet, name: str) -> None:
    """A guest on which somebody sets the scheduler back before the audit looks."""
    tree = fleet.add(name, "rhel6")
    fleet.hosts[name]["tree_meanwhile"] = f"echo 'noop anticipatory deadline [cfq]' >{tree.path(SCHEDULER)}"


class TestBatches:
    def test_a_canary_that_fails_leaves_the_rest_alone_and_a_resumed_run_takes_it(self, fleet: Fleet) -> None:
        """Then what was done is not touched again, and what failed or was never reached is."""
        fleet.add("a1", "rhel6")
        unproved(fleet, "a2")
        for name in ("b1", "b2"):
            fleet.add(name, "rhel6")
        before = snapshot(fleet.trees["b1"])
        run = fleet.play("remediate", "-e", "vmguest_batch=1,1,50%")
        assert "changed: [a1]" in run.output, run.output
        assert run.fatal("a2")["failed_recommendations"] == ["io_scheduler"]
        assert (fleet.execs("b1"), fleet.execs("b2")) == ([], [])
        assert differences(before, snapshot(fleet.trees["b1"])) == []
        assert set(fleet.records()) == {"a1", "a2"}

        (folder,) = (fleet.folder / "reports").iterdir()
        first = fleet.records()["a1"]
        del fleet.hosts["a2"]["tree_meanwhile"]
        fleet.hosts["b1"]["tree_fault"] = "unreachable"
        fleet.forget_execs()
        resumed = fleet.play("remediate", "-e", f"vmguest_resume={folder}")
        assert "skipping: [a1]" in resumed.output, resumed.output
        assert f"a1: done already by run {first['run']}: it was not touched\n" in resumed.output
        assert fleet.execs("a1") == []
        assert "changed: [a2]" in resumed.output
        assert "changed: [b2]" in resumed.output
        records = fleet.records()
        assert {name: record["state"] for name, record in records.items()} == {
            "a1": "ok", "a2": "ok", "b1": "unreachable", "b2": "ok"
        }  # fmt: skip
        assert records["a1"]["resumed_from"] == first["run"]
        assert (records["a1"]["findings"], records["a1"]["time"]) == (first["findings"], first["time"])
        assert records["a1"]["run"] == records["a2"]["run"] != first["run"]
        assert "drift:" not in resumed.output, resumed.output

        # And once more.
        (second,) = (entry for entry in (fleet.folder / "reports").iterdir() if entry != folder)
        del fleet.hosts["b1"]["tree_fault"]
        fleet.forget_execs()
        last = fleet.play("remediate", "-e", f"vmguest_resume={second}")
        assert [len(fleet.execs(name)) for name in ("a1", "a2", "b1", "b2")] == [0, 0, 2, 0], last.output
        assert fleet.records()["a1"]["resumed_from"] == first["run"]
        assert last.status == 0

    @pytest.mark.parametrize("others", [1, 2], ids=["beside one that is well", "beside one that fails"])
    def test_a_guest_that_cannot_be_reached_ends_the_run_with_its_batch(self, fleet: Fleet, others: int) -> None:
        """To Ansible it is no failed one, and beside a failed one it kept even that from ending the play."""
        fleet.add("a1", "rhel6", tree_fault="unreachable")
        if others == 1:
            fleet.add("a2", "rhel6")
        else:
            unproved(fleet, "a2")
        fleet.add("b1", "rhel6")
        run = fleet.play("remediate", "-e", "vmguest_batch=2,1")
        assert run.fatal("a1")["msg"].startswith("no connection over tree: "), run.output
        assert run.status != 0
        assert fleet.execs("b1") == []
        assert {name: record["state"] for name, record in fleet.records().items()} == {
            "a1": "unreachable", "a2": ("ok", "failed")[others - 1]
        }  # fmt: skip

    def test_without_batches_all_are_taken_whoever_fails(self, fleet: Fleet) -> None:
        unproved(fleet, "a1")
        fleet.add("b1", "rhel6")
        run = fleet.play("remediate", ANSIBLE_FORKS="1")
        assert "changed: [b1]" in run.output, run.output
        assert run.fatal("a1")["failed_recommendations"] == ["io_scheduler"]

    @pytest.mark.parametrize(("name", "value"), [("vmguest_batch", 1), ("vmguest_hosts", "web")])
    def test_from_the_inventory_they_would_count_for_nothing(self, fleet: Fleet, name: str, value: object) -> None:
        """Nor would the choice of hosts: all would be taken."""
        fleet.add("a1", "rhel6")
        fleet.variables[name] = value
        message = fleet.play("remediate").fatal("a1")["msg"]
        assert message == (
            f"'{name}' is set in the inventory, where the play does not see it; give it with -e. No guest was touched."
        )
        assert fleet.execs("a1") == []

    def test_what_is_no_size(self, fleet: Fleet) -> None:
        fleet.add("a1", "rhel6")
        run = fleet.play("remediate", "-e", "vmguest_batch=some")
        assert "the size of a batch must be a number of guests from 1 on, or a percentage" in run.output
        assert run.status != 0
        assert fleet.execs("a1") == []

    def test_canaries_are_named_first(self, fleet: Fleet) -> None:
        for name in ("a1", "z1"):
            fleet.add(name, "rhel6")
        run = fleet.play("remediate", "--check", "-e", "vmguest_batch=1", "-e", "vmguest_hosts=z1:all")
        assert run.output.index("changed: [z1]") < run.output.index("changed: [a1]"), run.output


class TestResume:
    def test_a_check_an_audit_and_a_broken_record_are_no_remediation(self, fleet: Fleet) -> None:
        fleet.add("a1", "rhel6")
        fleet.play("remediate", "--check")
        (folder,) = (fleet.folder / "reports").iterdir()
        fleet.forget_execs()
        assert "changed: [a1]" in fleet.play("remediate", "-e", f"vmguest_resume={folder}", "--check").output
        (folder / "hosts" / "a1.json").write_text("{")
        assert "changed: [a1]" in fleet.play("remediate", "-e", f"vmguest_resume={folder}", "--check").output
        assert fleet.execs("a1") == ["stdin"] * 2

    def test_what_is_no_run(self, fleet: Fleet) -> None:
        fleet.add("a1", "rhel6")
        message = fleet.play("remediate", "-e", f"vmguest_resume={fleet.folder}").fatal("a1")["msg"]
        assert message.startswith(
            f"'vmguest_resume': '{fleet.folder}' is no folder of a run; expected one below vmguest_reports"
        )
        assert fleet.execs("a1") == []


class TestChangeWindow:
    def test_closed_for_one_open_for_another(self, fleet: Fleet) -> None:
        shut, opened = window(48), window(0)
        closed = fleet.add("closed", "rhel6", vmguest_change_window=shut)
        fleet.add("open", "rhel6", vmguest_change_window=[shut, opened])
        fleet.add("done", "rhel4", "noop", vmguest_change_window=shut, vmguest_only="io_scheduler")
        before = snapshot(closed)
        run = fleet.play("remediate")
        assert run.status == 0, run.output
        assert "ok: [closed]" in run.output
        assert "changed: [open]" in run.output
        assert "ok: [done]" in run.output
        assert fleet.execs("closed") == ["stdin"]
        assert differences(before, snapshot(closed)) == []
        sentence = f"not changed: outside its change window ({shut}), which opens on "
        assert f"    cron_scatter: edit 2 lines of /etc/cron.d/raid-check\n  {sentence}" in run.output
        assert f"waiting: closed: {sentence}" in run.output, "the totals"
        records = fleet.records()
        assert {name: record["state"] for name, record in records.items()} == {
            "closed": "waiting", "open": "ok", "done": "ok"
        }  # fmt: skip
        assert records["closed"]["message"].startswith(sentence)
        assert fleet.statuses("closed") == {"io_scheduler": "noncompliant", "cron_scatter": "noncompliant"}

        # The plan can be looked at; and in an emergency there is no window.
        check = fleet.play("remediate", "--check", "--limit", "closed")
        assert "changed: [closed]" in check.output, check.output
        assert "  now it would not be changed: outside its change window" in check.output
        in_emergency = ("--limit", "closed", "-e", "vmguest_change_window=")
        assert "changed: [closed]" in fleet.play("remediate", *in_emergency).output
        message = fleet.play("revert", "--limit", "closed").fatal("closed")["msg"]
        assert message.startswith("nothing was taken back: outside its change window (")
        assert message.endswith("; in an emergency, -e vmguest_change_window=")
        assert "changed: [closed]" in fleet.play("revert", *in_emergency).output

    def test_what_is_none(self, fleet: Fleet) -> None:
        fleet.add("a1", "rhel6", vmguest_change_window="Sat 22:00-04:00")
        message = fleet.play("remediate").fatal("a1")["msg"]
        assert message.startswith("'vmguest_change_window' must be days, from and to, and a time zone, such as ")
        assert fleet.execs("a1") == []


class TestMaxChanges:
    def test_more_are_refused_by_name_and_a_plan_that_was_cut_down_is_not(self, fleet: Fleet) -> None:
        tree = fleet.add("a1", "rhel6", vmguest_max_changes=1)
        before = snapshot(tree)
        planned = fleet.play("remediate", "--check").fatal("a1")
        done = fleet.play("remediate").fatal("a1")
        assert done["msg"] == planned["msg"]
        assert done["msg"].startswith(
            "2 recommendations would be changed, and vmguest_max_changes allows 1: io_scheduler, cron_scatter; nothing was done."
        )
        assert done["failed_recommendations"] == ["cron_scatter", "io_scheduler"]
        assert (planned["changed"], done["changed"]) == (False, False)
        assert fleet.execs("a1") == ["stdin"] * 2
        assert differences(before, snapshot(tree)) == []

        run = fleet.play("plan")
        assert "  as it is, it would be refused: 2 recommendations would be changed" in run.output
        path = fleet.records()["a1"]["plan_file"]
        with open(path, encoding="utf-8") as file:
            head, first, _second = file.read().split("\n  - recommendation: ")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{head}\n  - recommendation: {first}")
        assert "changed: [a1]" in fleet.play("remediate", "-e", f"vmguest_plan={path}").output
        assert fleet.statuses("a1") == {"io_scheduler": "compliant", "cron_scatter": "noncompliant"}
