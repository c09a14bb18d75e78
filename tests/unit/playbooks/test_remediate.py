# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-playbook vmguest.linux.remediate` and `revert`, as a person runs them: real runs against guest trees."""

from __future__ import annotations

import os
import re
from typing import ClassVar

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.modules import guest_facts
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Tree, differences, snapshot
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet

pytestmark = pytest.mark.slow

#: RHEL 6 comes with cfq, and with cron jobs that fire on every guest at the same time.
ONLY = {"vmguest_profile": "everything", "vmguest_only": ["io_scheduler", "cron_scatter"]}
RULE = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"
SCHEDULER = "/sys/block/sda/queue/scheduler"


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """One drifted guest, db1."""
    fleet.variables.update(ONLY)
    fleet.add("db1", "rhel6")
    return fleet


def without_receipts(tree: object) -> dict[str, tuple[str, ...]]:
    """The guest but for what remediation keeps of itself."""
    return {path: entry for path, entry in snapshot(tree).items() if not path.lstrip("/").startswith("var/lib/vmguest")}


class TestTheMainJob:
    def test_two_execs_then_one_then_two_to_revert(self, fleet: Fleet) -> None:
        tree = fleet.trees["db1"]
        before = without_receipts(tree)

        run = fleet.play("remediate")
        assert "changed: [db1]" in run.output, run.output
        assert fleet.execs("db1") == ["stdin"] * 2
        assert tree.read(SCHEDULER) == "[noop] anticipatory deadline cfq\n"
        assert tree.path(RULE).exists()
        assert fleet.statuses("db1") == {"io_scheduler": "compliant", "cron_scatter": "compliant"}
        assert {entry["before"] for entry in fleet.records()["db1"]["findings"]} == {"noncompliant"}

        fleet.forget_execs()
        run = fleet.play("remediate")
        assert "ok: [db1]" in run.output, run.output
        assert fleet.execs("db1") == ["stdin"]

        fleet.forget_execs()
        run = fleet.play("revert")
        assert "changed: [db1]" in run.output, run.output
        assert "took back io_scheduler (000001-io_scheduler, done 2" in run.output
        assert fleet.execs("db1") == ["stdin"] * 2
        assert differences(before, without_receipts(tree)) == []

        fleet.forget_execs()
        run = fleet.play("revert")
        assert "ok: [db1]" in run.output, run.output
        assert "nothing to take back" in run.output
        assert fleet.execs("db1") == ["stdin"]

    def test_the_same_over_a_terminal(self, fleet: Fleet) -> None:
        """As arguments, with CRLF and both streams in one: the script, its quotes and its newlines arrive as they were."""
        fleet.hosts["db1"].update(ansible_become_method="su", ansible_become_password="secret")
        assert "changed: [db1]" in fleet.play("remediate", "-e", "vmguest_only=cron_scatter").output
        assert "ok: [db1]" in fleet.play("remediate", "-e", "vmguest_only=cron_scatter").output
        assert fleet.execs("db1") == ["argument"] * 3

    def test_requiretty_is_found_out_once_in_a_run(self, fleet: Fleet) -> None:
        fleet.add("tty", "rhel6", sudo="requiretty")
        tasks = [
            {"vmguest.linux.guest_audit": {"only": ["swap_size"]}},
            {"vmguest.linux.guest_audit": {"only": ["swap_size"]}},
        ]
        assert fleet.play([{"tasks": tasks}], "--limit", "tty").status == 0
        assert fleet.execs("tty") == ["stdin", "argument", "argument"]

    def test_it_says_what_was_changed(self, fleet: Fleet) -> None:
        output = fleet.play("remediate").output
        assert f"    io_scheduler: create {RULE}\n" in output
        assert f"    io_scheduler: set {SCHEDULER} from cfq to noop\n" in output


class TestCheckMode:
    def test_is_the_plan_and_changes_nothing(self, fleet: Fleet) -> None:
        before = snapshot(fleet.trees["db1"])
        run = fleet.play("remediate", "--check")
        assert "changed: [db1]" in run.output, run.output
        assert fleet.execs("db1") == ["stdin"]
        assert differences(before, snapshot(fleet.trees["db1"])) == []
        assert f"    io_scheduler: set {SCHEDULER} from cfq to noop\n" in run.output
        assert fleet.records()["db1"]["check"] is True
        assert fleet.statuses("db1")["io_scheduler"] == "noncompliant"

    def test_shows_a_diff_by_itself(self, fleet: Fleet) -> None:
        run = fleet.play("remediate", "--check", "-e", "vmguest_only=io_scheduler")
        for line in (f"+++ after: io_scheduler: {RULE}", f"--- before: io_scheduler: {SCHEDULER}", "-cfq", "+noop"):
            assert f"\n{line}\n" in run.output, run.output
        assert "to see how: " not in run.output

    def test_a_run_shows_its_diff_where_asked_to(self, fleet: Fleet) -> None:
        assert "\n-cfq\n" in fleet.play("remediate", "--diff", "-e", "vmguest_only=io_scheduler").output
        fleet.play("revert")
        assert "\n-cfq\n" not in fleet.play("remediate", "-e", "vmguest_only=io_scheduler").output

    def test_agrees_with_the_run(self, fleet: Fleet) -> None:
        """Law 2: what check mode says is changed, the run changes, and then neither has anything to change."""
        fleet.play("remediate", "--check")
        planned = fleet.records()
        fleet.play("remediate")
        done = fleet.records()
        changed = {entry["recommendation"] for entry in planned["db1"]["findings"] if entry["remedy"]}
        assert changed == {entry["recommendation"] for entry in done["db1"]["receipts"] if entry["result"] == "done"}
        assert "ok: [db1]" in fleet.play("remediate", "--check").output

    def test_of_revert_lists(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        before = snapshot(fleet.trees["db1"])
        run = fleet.play("revert", "--check")
        assert "changed: [db1]" in run.output
        assert "take back io_scheduler (000001-io_scheduler, done 2" in run.output
        assert differences(before, snapshot(fleet.trees["db1"])) == []


class TestFailures:
    """One run over guests on which it goes wrong, each in its own way."""

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), dict(ONLY))
        unproved = fleet.add("unproved", "rhel6")
        # Somebody sets it back before the audit looks.
        meanwhile = f"echo 'noop anticipatory deadline [cfq]' >{unproved.path(SCHEDULER)}"
        fleet.hosts["unproved"]["tree_meanwhile"] = meanwhile
        refused = fleet.add("refused", "rhel6")
        os.link(refused.path("/etc/cron.d/0hourly"), refused.path("/etc/elsewhere"))
        fleet.add("lost", "rhel6", tree_fault="unreachable_later")
        locked = "emit begin apply 1; emit locked 77aa 4711 2026-11-24T02:00:00Z; emit end"
        fleet.add("locked", "rhel6", tree_instead=locked)
        read_only = "emit begin apply 1; emit refused the file system of /var is read-only; emit end"
        fleet.add("read_only", "rhel6", tree_instead=read_only)
        cls.run = fleet.play("remediate")
        return fleet

    def test_what_the_audit_does_not_confirm_is_undone_in_a_third_exec(self, fleet: Fleet) -> None:
        result = self.run.fatal("unproved")
        assert result["msg"].startswith("io_scheduler: expected ")
        assert "found runtime " in result["msg"]
        assert "cfq" in result["msg"]
        assert "it was undone" in result["msg"]
        assert result["failed_recommendations"] == ["io_scheduler"]
        assert result["changed"] is True, "the other recommendation stays"
        assert "findings" not in result
        assert fleet.execs("unproved") == ["stdin"] * 3
        assert fleet.statuses("unproved") == {"io_scheduler": "failed", "cron_scatter": "compliant"}
        assert not fleet.trees["unproved"].path(RULE).exists()

    def test_what_is_refused_is_named_and_the_others_are_done(self, fleet: Fleet) -> None:
        result = self.run.fatal("refused")
        assert result["msg"].startswith("cron_scatter: it was refused, and nothing was done: ")
        assert result["failed_recommendations"] == ["cron_scatter"]
        assert fleet.execs("refused") == ["stdin"] * 2
        assert fleet.statuses("refused") == {"io_scheduler": "compliant", "cron_scatter": "failed"}

    def test_a_connection_lost_on_the_way_says_what_the_next_run_does(self, fleet: Fleet) -> None:
        result = self.run.fatal("lost")
        assert result["unreachable"]
        assert "the next remediation completes or undoes it" in result["msg"]
        assert fleet.records()["lost"]["state"] == "unreachable"

    @pytest.mark.parametrize(
        ("host", "sentence"),
        [
            (
                "locked",
                "another run of vmguest.linux is changing this guest: run 77aa, process 4711, since 2026-11-24T02:00:00Z; "
                "nothing was done, try again when it has ended",
            ),
            (
                "read_only",
                "the guest refused to be changed, and nothing was done: the file system of /var is read-only",
            ),
        ],
    )
    def test_where_nothing_was_begun(self, fleet: Fleet, host: str, sentence: str) -> None:
        result = self.run.fatal(host)
        assert (result["msg"], result["changed"]) == (sentence, False)
        assert fleet.records()[host]["state"] == "failed"


REFUSED = "emit begin apply 1; emit refused the file system of /var is read-only; emit end"
LOCKED = "emit begin apply 1; emit locked 77aa 4711 2026-11-24T02:00:00Z; emit end"


def once(tree: Tree, then: str, meanwhile: str = ":") -> str:
    """Applies once, with what happens ``meanwhile``, and does ``then`` instead from there on."""
    applied = tree.state / "applied"
    return f"if [ -e '{applied}' ]; then {then}; else apply_main; {meanwhile}; : >'{applied}'; fi"


class TestAnUndoWithoutAnAnswer:
    """What was done is not proved, and then it cannot be taken back: what is known of the guest is kept all the same."""

    #: Host to what becomes of taking it back.
    ENDS: ClassVar = {"locked": LOCKED, "read_only": REFUSED, "cut": "emit begin apply 1; exit 0", "lost": "apply_main"}

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"), dict(ONLY))
        for name, end in cls.ENDS.items():
            tree = fleet.add(name, "rhel6")
            back = f"echo 'noop anticipatory deadline [cfq]' >'{tree.path(SCHEDULER)}'"
            fleet.hosts[name]["tree_instead"] = once(tree, end, back)
        fleet.hosts["lost"]["tree_fault"] = "unreachable_third"
        cls.run = fleet.play("remediate")
        return fleet

    @pytest.mark.parametrize(
        ("host", "sentence"),
        [
            ("locked", "; it was not undone: another run of vmguest.linux is changing this guest: run 77aa, "),
            (
                "read_only",
                "; it was not undone: the guest refused to be changed, and nothing was done: the file system ",
            ),
            ("cut", "; whether it was undone is not known: "),
            ("lost", "; whether it was undone is not known: "),
        ],
    )
    def test_keeps_what_was_done(self, fleet: Fleet, host: str, sentence: str) -> None:
        assert len(fleet.execs(host)) == 3
        result = self.run.fatal(host)
        assert result["msg"].startswith("io_scheduler: expected "), result
        assert sentence in result["msg"]
        assert (result["changed"], result["failed_recommendations"]) == (True, ["io_scheduler"])
        assert "unreachable" not in result
        record = fleet.records()[host]
        assert (record["state"], record["message"]) == ("failed", result["msg"])
        assert [entry["result"] for entry in record["receipts"]] == ["done", "done"]
        assert fleet.statuses(host) == {"io_scheduler": "failed", "cron_scatter": "compliant"}
        assert {entry["before"] for entry in record["findings"]} == {"noncompliant"}
        assert set(record["fleet"]["receipts"]) == {"io_scheduler", "cron_scatter"}


class TestRecovery:
    def test_what_was_recovered_is_told_though_nothing_is_done_after_it(self, fleet: Fleet) -> None:
        tree = fleet.trees["db1"]
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        (state,) = tree.path("/var/lib/vmguest/receipts").glob("*-io_scheduler/state")
        state.write_text("committing\n")
        fleet.hosts["db1"]["tree_instead"] = once(tree, LOCKED)
        run = fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        result = run.fatal("db1")
        assert result["msg"].startswith(
            "io_scheduler: it was not done: another run of vmguest.linux is changing this guest: "
        )
        assert (result["changed"], result["failed_recommendations"]) == (True, ["io_scheduler"])
        assert "  recovered: 000001-io_scheduler undone " in run.output
        record = fleet.records()["db1"]
        assert record["recovered"]
        assert fleet.statuses("db1") == {"io_scheduler": "failed"}

    def test_an_interrupted_run_is_recovered_before_a_plan_is_made(self, fleet: Fleet) -> None:
        tree = fleet.trees["db1"]
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        (state,) = tree.path("/var/lib/vmguest/receipts").glob("*-io_scheduler/state")
        state.write_text("committing\n")
        fleet.forget_execs()
        planned = fleet.play("remediate", "--check", "-e", "vmguest_only=io_scheduler")
        assert "io_scheduler: undo what run " in planned.output
        assert "changed: [db1]" in planned.output
        fleet.forget_execs()
        run = fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        assert "changed: [db1]" in run.output, run.output
        assert "  recovered: 000001-io_scheduler undone " in run.output
        assert fleet.execs("db1") == ["stdin"] * 3
        assert fleet.statuses("db1") == {"io_scheduler": "compliant"}


class TestRoles:
    def test_a_role_enforces_its_own_alone(self, fleet: Fleet) -> None:
        fleet.variables.clear()
        run = fleet.play([{"roles": ["vmguest.linux.io_scheduler"]}])
        assert "changed=1" in run.output, run.output
        assert fleet.statuses("db1") == {"io_scheduler": "compliant"}

    def test_its_mode_variable_comes_first(self, fleet: Fleet) -> None:
        fleet.variables.clear()
        run = fleet.play([{"roles": ["vmguest.linux.io_scheduler"]}], "-e", "io_scheduler_mode=audit")
        assert "changed=0" in run.output, run.output
        assert fleet.statuses("db1") == {"io_scheduler": "noncompliant"}

    def test_baseline_applies_the_profile_in_one_task(self, fleet: Fleet) -> None:
        run = fleet.play([{"roles": ["vmguest.linux.baseline"]}])
        assert "changed: [db1]" in run.output, run.output
        assert fleet.execs("db1") == ["stdin"] * 2


class TestRevert:
    def test_of_one_recommendation_leaves_the_others(self, fleet: Fleet) -> None:
        fleet.play("remediate")
        run = fleet.play("revert", "-e", "vmguest_only=cron_scatter")
        assert "took back cron_scatter" in run.output, run.output
        assert "io_scheduler" not in run.output
        assert fleet.trees["db1"].path(RULE).exists()

    def test_of_one_run(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=cron_scatter")
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        run = fleet.play("revert", "-e", f"vmguest_run={fleet.records()['db1']['run']}")
        assert "took back io_scheduler" in run.output, run.output
        assert "cron_scatter" not in run.output

    def test_of_one_run_by_the_digits_that_its_folder_is_named_by(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=cron_scatter")
        (folder,) = (fleet.folder / "reports").iterdir()
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        run = fleet.play("revert", "-e", f"vmguest_run={folder.name.rpartition('-')[2]}")
        assert "took back cron_scatter" in run.output, run.output
        assert "io_scheduler" not in run.output

    def test_digits_that_two_runs_begin_with_take_nothing_back(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=cron_scatter,io_scheduler")
        first, second = sorted(fleet.trees["db1"].path("/var/lib/vmguest/receipts").glob("*/meta"))
        for meta, digit in ((first, "0"), (second, "1")):
            meta.write_text(re.sub("run=.*", f"run=5f2c1a9e0b7d4c3{digit}", meta.read_text()))
        result = fleet.play("revert", "-e", "vmguest_run=5f2c1a").fatal("db1")
        assert "is the beginning of several: 5f2c1a9e0b7d4c30, 5f2c1a9e0b7d4c31." in result["msg"]
        assert fleet.trees["db1"].path(RULE).exists()

    def test_what_is_no_runs_id_is_refused(self, fleet: Fleet) -> None:
        run = fleet.play("revert", "-e", "vmguest_run=20261126T103000Z")
        assert "'run' must be the id of a run" in run.fatal("db1")["msg"], run.output
        assert fleet.execs("db1") == []

    def test_what_somebody_else_changed_since_is_refused_and_named(self, fleet: Fleet) -> None:
        fleet.play("remediate", "-e", "vmguest_only=io_scheduler")
        fleet.trees["db1"].write(RULE, "# mine now\n")
        result = fleet.play("revert").fatal("db1")
        assert result["msg"].startswith(
            "not everything could be taken back: io_scheduler (000001-io_scheduler): refused: "
        )
        assert fleet.trees["db1"].read(RULE) == "# mine now\n"

    def test_unknown_recommendation(self, fleet: Fleet) -> None:
        run = fleet.play("revert", "-e", "vmguest_only=cron_skater")
        assert "names the unknown recommendation 'cron_skater'; did you mean 'cron_scatter'?" in run.fatal("db1")["msg"]
        assert fleet.execs("db1") == []


def test_facts_are_documented_key_by_key(fleet: Fleet) -> None:
    """The schema that guest_facts documents is what it sets."""
    documented = yaml.safe_load(guest_facts.RETURN)["ansible_facts"]["contains"]["vmguest"]["contains"]
    show = {
        "ansible.builtin.copy": {
            "content": "{{ ansible_facts['vmguest'] | to_json }}",
            "dest": str(fleet.folder / "facts"),
        }
    }
    local = {"delegate_to": "localhost", "connection": "local", "become": False}
    run = fleet.play([{"tasks": [{"vmguest.linux.guest_facts": {}}, {**show, **local}]}])
    assert run.status == 0, run.output
    facts = yaml.safe_load((fleet.folder / "facts").read_text())
    assert set(facts) == set(documented)
    for key, entry in documented.items():
        if isinstance(facts[key], dict):
            assert set(facts[key]) == set(entry["contains"]), key
        for one in facts[key] if isinstance(facts[key], list) else ():
            assert set(one) == set(entry["contains"]), key
