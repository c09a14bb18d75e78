# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-playbook vmguest.linux.audit`, as a person runs it: real runs against guest trees.

Every host of these inventories logs in as a user who is no root, so that each exec goes through become.
"""

from __future__ import annotations

import os
import shutil
import stat
import textwrap
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.unit.guest_tree import Guest, differences, load, snapshot
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet

pytestmark = pytest.mark.slow

README = Path(__file__).resolve().parents[3] / "README.md"


def drifted(name: str = "rhel6") -> Guest:
    """A guest with an enforceable finding in profile `everything`: RHEL 6 comes with cfq."""
    return load(name)


class TestAGuest:
    def test_costs_one_exec_and_writes_nothing(self, fleet: Fleet) -> None:
        tree = fleet.add("db1", drifted())
        before = snapshot(tree)
        run = fleet.play("audit", "-e", "vmguest_profile=everything")
        assert run.status == 0, run.output
        assert fleet.execs("db1") == ["stdin"]
        assert differences(before, snapshot(tree)) == []
        # A table, and no JSON.
        title = (
            "Red Hat Enterprise Linux Server release 6.10 (Santiago), kernel 2.6.32-754.el6.x86_64, profile everything"
        )
        assert f"db1: {title}" in run.output
        assert run.line(" io_scheduler ").split()[:4] == ["noncompliant", "*", "io_scheduler", "cfq"]
        assert '"findings"' not in run.output

    def test_not_applicable_ones_are_a_sentence_unless_asked_for(self, fleet: Fleet) -> None:
        fleet.add("other", "not_vmware")
        assert "not applicable: tools_present, " in fleet.play("audit").output
        assert "  not_applicable   tools_present " in fleet.play("audit", "-v").output

    def test_is_recorded_for_its_owner_alone(self, fleet: Fleet) -> None:
        fleet.add("db1", drifted())
        fleet.play("audit", extra={"vmguest_reports": "kept/reports"})
        record = fleet.records("kept/reports")["db1"]
        assert (record["state"], record["action"], record["check"], record["profile"]) == (
            "ok",
            "audit",
            False,
            "baseline",
        )
        assert record["guest"]["kernel"] == "2.6.32-754.el6.x86_64"
        found = {entry["recommendation"]: entry["status"] for entry in record["findings"]}
        assert found["io_scheduler"] == "noncompliant"
        for folder, _folders, files in os.walk(fleet.folder / "kept" / "reports"):
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
            for name in files:
                assert stat.S_IMODE((Path(folder) / name).stat().st_mode) == 0o600

    def test_on_an_event_those_that_it_names_are_audited(self, fleet: Fleet) -> None:
        for name in ("db1", "db2"):
            fleet.add(name, drifted())
        run = fleet.play("audit_on_event", extra={"vmguest_event_hosts": ["db1", "localhost"]})
        assert run.status == 0, run.output
        assert {name: record["state"] for name, record in fleet.records().items()} == {"db1": "ok"}

    def test_bytes_that_are_no_text_break_neither_table_nor_record(self, fleet: Fleet) -> None:
        crontab = "17 * * * * root run-parts /etc/cron.hourly\n* * * * * root \udcff\udcfe\x1b[2J\n"
        fleet.add(
            "db1", drifted().edited({"files": {"/etc/crontab": crontab, "/proc/sys/kernel/hostname": "\udcff\x1b[31m"}})
        )
        run = fleet.play("audit", "-e", "vmguest_profile=everything")
        assert run.status == 0, run.output
        assert "\x1b" not in run.output
        assert fleet.records()["db1"]["state"] == "ok"

    def test_root_names_another_place_to_look_at(self, fleet: Fleet) -> None:
        tree = fleet.add("db1", drifted())
        run = fleet.play([{"tasks": [{"vmguest.linux.guest_facts": {"root": "image"}}]}])
        assert (
            "'root' must be an absolute path on the guest, such as /mnt/image; found 'image'."
            in run.fatal("db1")["msg"]
        )
        assert fleet.execs("db1") == []
        facts = {"vmguest.linux.guest_facts": {"root": f"{tree.root}/"}}
        show = {"ansible.builtin.debug": {"msg": "{{ ansible_facts['vmguest'].kernel.release }}"}}
        assert "2.6.32-754.el6.x86_64" in fleet.play([{"tasks": [facts, show]}]).output


class TestGuestsThatAreHardToReach:
    """One run over all of them: none keeps the others from being audited, and each gets one clear sentence."""

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"))
        fleet.add("plain")
        fleet.add("banner", tree_fault="banner")
        fleet.add("requiretty", sudo="requiretty")
        fleet.add("su", ansible_become_method="su", ansible_become_password="secret")
        fleet.add("no_standard_input", tree_standard_input=False)
        fleet.add("gone", tree_fault="unreachable")
        fleet.add("password", sudo="password")
        fleet.add("not_allowed", sudo="not_allowed")
        fleet.add("cut", tree_fault="cut")
        fleet.add("appliance", tree_fault="no_shell")
        fleet.add("defect", tree_fault="defect")
        cls.run = fleet.play("audit")
        cls.first_execs = {name: fleet.execs(name) for name in fleet.trees}
        return fleet

    @pytest.mark.parametrize(
        ("host", "execs"),
        [
            ("plain", ["stdin"]),
            ("banner", ["stdin"]),
            ("requiretty", ["stdin", "argument"]),
            ("su", ["argument"]),
            ("no_standard_input", ["argument"]),
        ],
    )
    def test_audited(self, fleet: Fleet, host: str, execs: list[str]) -> None:
        assert fleet.execs(host) == execs
        record = fleet.records()[host]
        assert (record["state"], record["transport"]) == ("ok", execs[-1])
        assert record["findings"] == fleet.records()["plain"]["findings"]

    @pytest.mark.parametrize(
        ("host", "state", "sentence"),
        [
            (
                "gone",
                "unreachable",
                "no connection over tree: Warning: a host key was added. ssh: connect to host 192.0.2.7 port 22: No route to host",
            ),
            (
                "password",
                "failed",
                "sudo needs a password to become root; run with -K (--ask-become-pass), or allow sudo without a password",
            ),
            (
                "not_allowed",
                "failed",
                "sudo refused to become root; allow it to the user that Ansible logs in as, or log in as root; "
                "it said: audit is not in the sudoers file. This incident will be reported.",
            ),
            (
                "appliance",
                "failed",
                "the guest has no usable /bin/sh for this login; it said: appliancesh: Unknown command: /bin/sh",
            ),
        ],
    )
    def test_not_audited(self, fleet: Fleet, host: str, state: str, sentence: str) -> None:
        result = self.run.fatal(host)
        assert result["msg"] == sentence
        assert result.get("unreachable", False) == (state == "unreachable")
        assert fleet.execs(host) == ["stdin"]
        assert (fleet.records()[host]["state"], fleet.records()[host]["message"]) == (state, sentence)

    def test_cut_output_is_not_believed(self, fleet: Fleet) -> None:
        assert "the output of the probe program was cut after" in self.run.fatal("cut")["msg"]
        assert fleet.records()["cut"]["findings"] == []

    def test_a_defect_is_recorded_too(self, fleet: Fleet) -> None:
        assert fleet.records()["defect"]["message"] == "unexpected ZeroDivisionError: as a defect would"

    def test_the_totals_name_all_of_them(self, fleet: Fleet) -> None:
        totals = self.run.output[self.run.output.index("PLAY RECAP") :]
        for line in (
            "Findings of 11 guests",
            "unreachable: gone: ",
            "failed: password: sudo needs",
            "failed: cut: ",
            "failed: defect: ",
        ):
            assert line in totals

    def test_what_was_read_is_shown_at_no_verbosity(self, fleet: Fleet) -> None:
        """Raw output is neither in results nor in what -vvv prints; nor is the script, where it goes by standard input."""
        fleet.trees["plain"].write("/etc/crontab", "1 1 * * * root backup --password hunter2\n")
        output = fleet.play("audit", "-vvv", "--limit", "plain").output
        assert "plain" in output
        assert "hunter2" not in output
        assert "probe_main" not in output


class TestTheTotals:
    def test_survive_limit_serial_and_failures(self, fleet: Fleet) -> None:
        for name in ("a1", "a2", "left_out"):
            fleet.add(name, drifted())
        fleet.add("broken", sudo="password")
        run = fleet.play([{"serial": 1, "tasks": [{"vmguest.linux.guest_audit": {}}]}], "--limit", "a1,broken,a2")
        totals = run.output[run.output.index("Findings of 3 guests") :]
        assert run.output.count("Findings of") == 1
        assert "\na1 " in totals
        assert "failed: broken: " in totals
        assert "left_out" not in totals

    def test_merge_roles_that_run_one_after_the_other(self, fleet: Fleet) -> None:
        fleet.add("db1", drifted())
        run = fleet.play([{"roles": ["vmguest.linux.io_scheduler", "vmguest.linux.swap_size"]}], "--check")
        assert run.status == 0, run.output
        assert set(fleet.statuses("db1")) == {"io_scheduler", "swap_size"}

    def test_are_not_printed_where_a_program_reads_standard_output(self, fleet: Fleet) -> None:
        fleet.add("db1", drifted())
        (fleet.folder / "callback").mkdir()
        (fleet.folder / "callback" / "to_json.py").write_text(
            "DOCUMENTATION = 'name: to_json\\ntype: stdout\\nshort_description: x\\ndescription: x\\n'\n"
            "from ansible.plugins.callback import CallbackBase\n"
            "class CallbackModule(CallbackBase):\n"
            "    CALLBACK_VERSION = 2.0\n    CALLBACK_TYPE = 'stdout'\n    CALLBACK_NAME = 'to_json'\n"
        )
        run = fleet.play(
            "audit", ANSIBLE_STDOUT_CALLBACK="to_json", ANSIBLE_CALLBACK_PLUGINS=str(fleet.folder / "callback")
        )
        assert (run.status, run.output) == (0, "")


def test_fail_on_fails_the_guests_whose_findings_are_that_severe(fleet: Fleet) -> None:
    fleet.variables.update(vmguest_only="swap_size")
    no_swap = load("debian12").edited({"files": {"/proc/swaps": "Filename Type Size Used Priority"}})
    for severity in ("low", "medium", "high"):
        fleet.add(severity, no_swap, vmguest_fail_on=severity)
    fleet.add("compliant", vmguest_fail_on="info")
    run = fleet.play("audit")
    assert run.status != 0
    for severity in ("low", "medium"):
        status = fleet.statuses(severity)["swap_size"]
        assert run.fatal(severity)["msg"] == (
            f"open findings of severity {severity} or higher: swap_size ({status}, medium); vmguest_fail_on is {severity}"
        )
    assert {name: record["state"] for name, record in fleet.records().items()} == {
        "low": "failed",
        "medium": "failed",
        "high": "ok",
        "compliant": "ok",
    }


#: A name for each, its variables and what is said.
BAD_INPUT: dict[str, tuple[dict[str, Any], str]] = {
    "recommendation": (
        {"vmguest_only": ["io_schedular"]},
        "'vmguest_only' names the unknown recommendation 'io_schedular'; did you mean 'io_scheduler'?",
    ),
    "area": ({"vmguest_skip": "@disks"}, "'vmguest_skip' names the unknown area '@disks'"),
    "profile": ({"vmguest_profile": "baselin"}, "unknown profile 'baselin'; did you mean 'baseline'?"),
    "variable": (
        {"vmguest_profil": "baseline"},
        "'vmguest_profil' is no variable of vmguest.linux; did you mean 'vmguest_profile'?",
    ),
    "severity": (
        {"vmguest_fail_on": "fatal"},
        "'vmguest_fail_on' is 'fatal'; expected one of: info, low, medium, high, critical.",
    ),
    "waiver_without_reason": (
        {"vmguest_waivers": [{"recommendation": "swap_size", "expires": "2099-01-01"}]},
        "the waiver of 'swap_size' has no reason",
    ),
    "waiver_without_end": (
        {"vmguest_waivers": [{"recommendation": "swap_size", "reason": "x", "expires": "soon"}]},
        "the waiver of 'swap_size' must expire on a date such as 2027-03-31; found 'soon'.",
    ),
    "role_option": (
        {"io_scheduler_strikt": True},
        "'io_scheduler_strikt' is no option of role 'io_scheduler'; did you mean 'io_scheduler_strict'?",
    ),
    "type": ({"swap_size_fraction": "much"}, "role 'swap_size': "),
    "choice": (
        {"io_scheduler_mode": "on"},
        "role 'io_scheduler': value of io_scheduler_mode must be one of: enforce, audit, off",
    ),
    "template": ({"vmguest_only": "{{ nothing_of_that_name }}"}, "the variable 'vmguest_only' cannot be resolved: "),
    "reports": ({"vmguest_reports": "/proc/1/reports"}, "the report cannot be written to '/proc/1/reports': "),
}


class TestBadInput:
    """A guest for each: one sentence, and none is touched."""

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(tmp_path_factory.mktemp("fleet"))
        for name, (variables, _sentence) in BAD_INPUT.items():
            fleet.add(name, **variables)
        cls.run = fleet.play("audit")
        return fleet

    @pytest.mark.parametrize("name", BAD_INPUT)
    def test_is_one_sentence_before_the_guest_is_touched(self, fleet: Fleet, name: str) -> None:
        message = self.run.fatal(name)["msg"]
        assert BAD_INPUT[name][1] in message
        assert "\n" not in message
        assert fleet.execs(name) == []


def test_keywords_and_options_that_are_refused(fleet: Fleet) -> None:
    fleet.add("db1")
    tasks: list[dict[str, Any]] = [
        {"vmguest.linux.guest_audit": {}, "delegate_to": "localhost"},
        {"vmguest.linux.guest_audit": {}, "async": 10, "poll": 0},
        {"vmguest.linux.guest_audit": {"profil": "baseline"}},
    ]
    output = fleet.play([{"tasks": [{**task, "ignore_errors": True} for task in tasks]}]).output
    for sentence in (
        "cannot be delegated to another; remove delegate_to",
        "does not run with async: it would need Python on the guest; remove async and poll",
        "has no option 'profil'; did you mean 'profile'?",
    ):
        assert sentence in output
    assert fleet.execs("db1") == []


def test_module_options_come_before_variables_and_variables_are_templates(fleet: Fleet) -> None:
    fleet.variables.update(vmguest_only="{{ chosen }}", chosen=["swap_size", "io_scheduler"], vmguest_profile="density")
    fleet.add("db1", drifted())
    tasks = [{"vmguest.linux.guest_audit": {"profile": "{{ 'every' ~ 'thing' }}", "skip": ["swap_size"]}}]
    run = fleet.play([{"tasks": tasks}])
    assert run.status == 0, run.output
    assert fleet.records()["db1"]["profile"] == "everything"
    assert set(fleet.statuses("db1")) == {"io_scheduler"}


def test_a_users_own_profile_holds_for_audit_and_remediation(fleet: Fleet) -> None:
    """It is an ordinary variable: of the inventory, made of templates, seen by both."""
    own = {"ours": {"extends": "baseline", "default": "audit", "recommendations": {"io_scheduler": "{{ ours }}"}}}
    fleet.variables.update(vmguest_profiles=own, vmguest_profile="ours", ours="enforce")
    fleet.add("db1", drifted())
    audited = fleet.play("audit")
    assert audited.status == 0, audited.output
    record = fleet.records()["db1"]
    modes = {finding["recommendation"]: finding["mode"] for finding in record["findings"]}
    assert record["profile"] == "ours"
    assert {name for name, mode in modes.items() if mode == "enforce"} == {"io_scheduler"}
    assert fleet.play("remediate").status == 0
    assert fleet.statuses("db1")["io_scheduler"] == "compliant"


def test_a_hosts_waivers_join_those_of_all_as_the_readme_says(fleet: Fleet) -> None:
    """Its example, in the files that it names, against the same two lists in `vmguest_waivers` itself."""
    example = (
        README.read_text(encoding="utf-8").partition("    # group_vars/all.yml\n")[2].partition("`web1` then has")[0]
    )
    of_all, dummy, of_host = textwrap.dedent(example).partition("# host_vars/web1.yml\n")
    fleet.variables.update(vmguest_profile="everything", vmguest_only=["swap_size", "overcommit_policy"])
    fleet.add("web1", "debian12", "no_swap")
    fleet.add("web2", "debian12", "no_swap")
    for folder, file, text in (("group_vars", "all.yml", of_all), ("host_vars", "web1.yml", of_host)):
        (fleet.folder / folder).mkdir()
        (fleet.folder / folder / file).write_text(text)
    assert fleet.play("audit").status == 0
    assert fleet.statuses("web1") == {"swap_size": "waived", "overcommit_policy": "waived"}
    assert fleet.statuses("web2") == {"swap_size": "waived", "overcommit_policy": "noncompliant"}

    (fleet.folder / "host_vars" / "web1.yml").write_text(of_host.replace("waivers_of_host", "vmguest_waivers"))
    shutil.rmtree(fleet.folder / "reports")
    assert fleet.play("audit").status == 0
    assert fleet.statuses("web1") == {"swap_size": "noncompliant", "overcommit_policy": "waived"}


def test_a_result_without_findings(fleet: Fleet) -> None:
    """What the playbooks ask for, so that the memory of a run does not grow with the fleet; the record has the findings."""
    fleet.add("db1")
    said = fleet.play(
        [
            {
                "tasks": [
                    {"vmguest.linux.guest_audit": {"return_findings": False}, "register": "audit"},
                    {"ansible.builtin.assert": {"that": ["audit.findings is not defined", "audit.record is file"]}},
                    {"vmguest.linux.guest_audit": {}, "register": "audit"},
                    {"ansible.builtin.assert": {"that": "audit.findings | length > 50"}},
                    {"vmguest.linux.guest_audit": {"return_findings": "perhaps"}},
                ]
            }
        ]
    )
    assert said.fatal("db1")["msg"] == "'return_findings' must be true or false; found 'perhaps'."
    assert len(fleet.statuses("db1")) > 50
