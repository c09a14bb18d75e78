# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-playbook vmguest.linux.reboot`, as a person runs it: real runs against guest trees, on a clock of their own.

RHEL 4 takes its I/O scheduler at boot only: with elevator=noop in grub.conf and not in /proc/cmdline, its finding waits for
a reboot.
"""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.modules import guest_reboot
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Tree, differences, snapshot
from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet, window

pytestmark = pytest.mark.slow

KERNEL, IMAGE = "/boot/vmlinuz-2.6.9-100.EL", "/boot/initrd-2.6.9-100.EL.img"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
RECEIPT = "/var/lib/vmguest/receipts/000001-swap_size"
#: What the boot loader does: its entry's arguments are what the kernel finds.
BOOTS = 'sed -n "s/^[[:space:]]*kernel [^ ]* //p" "$ROOT/boot/grub/grub.conf" >"$ROOT/proc/cmdline"'


def add(fleet: Fleet, name: str, variant: str = "noop_at_next_boot", **variables: Any) -> Tree:
    """A guest whose I/O scheduler waits for a reboot, where the variant is not another one."""
    tree = fleet.add(name, "rhel4", variant, **{"tree_boot": BOOTS, **variables})
    tree.write(BOOT_ID, f"{name}\n")
    tree.path(KERNEL).write_bytes(bytes(514) + b"HdrS" + bytes(100))
    tree.path(IMAGE).write_bytes(gzip.compress(b"070701"))
    shutdown = tree.state / "bin" / "shutdown"
    shutdown.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{tree.state}/shutdown.asked'\n")
    with shutdown.open("a") as file:
        file.write(f"mv '{tree.state}/shutdown.asked' '{tree.state}/shutdown'\n")
    shutdown.chmod(0o755)
    return tree


def was_told_to_reboot(tree: Tree) -> bool:
    """Whether anybody asked for it."""
    return (tree.state / "shutdown").exists()


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """Only the I/O scheduler and one that no reboot changes."""
    fleet.variables.update(vmguest_only=["io_scheduler", "swap_size"], vmguest_reboot_unproved=True)
    return fleet


class TestTheMainJob:
    def test_reboots_waits_and_proves(self, fleet: Fleet) -> None:
        tree = add(fleet, "web1")
        run = fleet.play("reboot")
        assert "changed: [web1]" in run.output, run.output
        assert (tree.state / "shutdown").read_text() == "-r now Reboot by Ansible (vmguest.linux)\n"
        # The audit, the order; two attempts while it was down, one that it answered; the audit.
        assert fleet.execs("web1") == ["stdin"] * 6
        said = [line for line in run.output.splitlines() if line.startswith("web1: ")]
        assert said[0] == "web1: rebooting, because of io_scheduler"
        assert said[1] == "web1: back after 11 s"
        assert "  rebooted, and back after 11 s\n" in run.output
        record = fleet.records()["web1"]
        assert (record["state"], record["action"], record["message"]) == (
            "ok",
            "reboot",
            "rebooted, and back after 11 s",
        )
        assert (record["boot_id_before"], record["boot_id_after"], record["seconds"]) == ("web1", "afterweb1", 11)
        scheduler = next(entry for entry in record["findings"] if entry["recommendation"] == "io_scheduler")
        assert (scheduler["before"], scheduler["status"]) == ("pending_reboot", "compliant")

    def test_then_there_is_nothing_to_do(self, fleet: Fleet) -> None:
        add(fleet, "web1")
        fleet.play("reboot")
        fleet.forget_execs()
        run = fleet.play("reboot")
        assert "ok: [web1]" in run.output, run.output
        assert fleet.execs("web1") == ["stdin"]

    def test_a_guest_of_which_nothing_waits_is_left_alone(self, fleet: Fleet) -> None:
        tree = add(fleet, "web1", "noop")
        before = snapshot(tree)
        run = fleet.play("reboot")
        assert "ok: [web1]" in run.output, run.output
        assert "  no reboot is needed: no finding waits for one\n" in run.output
        assert fleet.execs("web1") == ["stdin"]
        assert differences(before, snapshot(tree)) == []
        assert not was_told_to_reboot(tree)
        assert fleet.records()["web1"]["state"] == "ok"

    def test_outside_of_its_change_window_a_guest_waits(self, fleet: Fleet) -> None:
        shut = window(48)
        tree = add(fleet, "web1", vmguest_change_window=shut)
        run = fleet.play("reboot")
        assert "ok: [web1]" in run.output, run.output
        assert f"  not rebooted: outside its change window ({shut}), which opens on " in run.output
        assert fleet.execs("web1") == ["stdin"]
        assert not was_told_to_reboot(tree)
        assert fleet.records()["web1"]["state"] == "waiting"
        assert "changed: [web1]" in fleet.play("reboot", "--check").output

    def test_what_a_remediation_before_it_in_the_run_changed_is_no_drift(self, fleet: Fleet) -> None:
        add(fleet, "web1")
        options = {"profile": "everything", "only": ["io_scheduler", "cron_scatter"]}
        fleet.play([{"tasks": [{"vmguest.linux.guest_audit": options}]}])
        assert fleet.statuses("web1") == {"io_scheduler": "pending_reboot", "cron_scatter": "noncompliant"}
        time.sleep(1.1)
        tasks = [{"vmguest.linux.guest_remediate": options}, {"vmguest.linux.guest_reboot": options}]
        run = fleet.play([{"tasks": tasks}])
        assert was_told_to_reboot(fleet.trees["web1"]), run.output
        record = fleet.records()["web1"]
        assert fleet.statuses("web1") == {"io_scheduler": "compliant", "cron_scatter": "compliant"}
        assert {name: (change["found"], change["by"]) for name, change in record["history"]["changes"].items()} == {
            "io_scheduler": ("pending_reboot", {"why": "reboot", "run": record["run"]}),
            "cron_scatter": ("noncompliant", {"why": "remediate", "run": record["run"]}),
        }
        assert "drift:" not in run.output, run.output

    def test_over_a_terminal(self, fleet: Fleet) -> None:
        """As an argument; and what outlives the connection outlives the terminal."""
        add(fleet, "web1", ansible_become_method="su", ansible_become_password="secret")
        run = fleet.play("reboot")
        assert "changed: [web1]" in run.output, run.output
        assert set(fleet.execs("web1")) == {"argument"}

    def test_every_look_is_over_a_new_connection(self, fleet: Fleet) -> None:
        add(fleet, "web1")
        fleet.play("reboot")
        resets = (fleet.folder / "execs-0.resets").read_text().splitlines()
        assert len(resets) == 3

    def test_settings(self, fleet: Fleet) -> None:
        tree = add(fleet, "web1", "noop", vmguest_reboot="never")
        settings = {"when": "always", "delay": 40, "message": "it's time", "test": "grep -q noop /proc/cmdline || true"}
        run = fleet.play([{"tasks": [{"vmguest.linux.guest_reboot": settings}]}])
        assert "web1: rebooting, because of vmguest_reboot is 'always'" in run.output, run.output
        assert "web1: back after 46 s" in run.output
        assert (tree.state / "shutdown").read_text() == "-r now it's time\n"


class TestCheckMode:
    def test_says_what_would_be_rebooted_and_changes_nothing(self, fleet: Fleet) -> None:
        trees = {name: add(fleet, name, variant) for name, variant in (("web1", "noop_at_next_boot"), ("web2", "noop"))}
        before = {name: snapshot(tree) for name, tree in trees.items()}
        run = fleet.play("reboot", "--check")
        assert run.status == 0, run.output
        assert "changed: [web1]" in run.output
        assert "  would be rebooted, because of io_scheduler\n" in run.output
        assert "ok: [web2]" in run.output
        for name, tree in trees.items():
            assert differences(before[name], snapshot(tree)) == []
            assert not was_told_to_reboot(tree)
        assert fleet.records()["web1"]["check"] is True

    def test_agrees_with_the_run_on_what_is_refused(self, fleet: Fleet) -> None:
        add(fleet, "web1").path(IMAGE).unlink()
        planned, done = fleet.play("reboot", "--check").fatal("web1"), fleet.play("reboot").fatal("web1")
        assert planned["msg"] == done["msg"]


class TestRefused:
    """One run over guests that must not be rebooted: none is, and each gets its sentence."""

    SENTENCES = {  # noqa: RUF012 (a table)
        "no_kernel": f"not rebooted: the kernel of its default boot entry, {KERNEL}, is not there",
        "empty_image": f"not rebooted: the image of its default boot entry, {IMAGE}, is empty",
        "no_image": f"not rebooted: the image of its default boot entry, {IMAGE}, is none that a kernel can unpack "
        "(it begins with 3c68746d6c3e)",
        "no_kernel_format": f"not rebooted: the kernel of its default boot entry, {KERNEL}, is none that a boot loader can start",
        "no_boot_id": "not rebooted: it tells no boot id (/proc/sys/kernel/random/boot_id), so that nobody could tell whether it "
        "was rebooted",
        "container": "not rebooted: it is a container (evidence: /run/.containerenv), whose kernel belongs to its host",
        "unfinished": "not rebooted: a transaction on it is unfinished (000001-swap_size of run 77aa); vmguest.linux.remediate "
        "completes or undoes it, reboot it after that",
        "local": "the connection 'local' leads to the machine that Ansible runs on, and guest_reboot would reboot that; "
        "leave this host out with --limit or vmguest_hosts",
        "controller": "not rebooted: its kernel is the one that Ansible runs on (they have the same boot id)",
        "batch": "'vmguest_reboot_batch' is set in the inventory, where the play does not see it; give it with -e. "
        "No guest was touched.",
        "bad_variable": "'vmguest_reboot_timeout' must be whole seconds from 1 to 86400; found 'soon'.",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(
            tmp_path_factory.mktemp("fleet"),
            {"vmguest_only": ["io_scheduler"], "vmguest_reboot_unproved": True, "vmguest_lab_guest": True},
        )
        add(fleet, "no_kernel").path(KERNEL).unlink()
        add(fleet, "empty_image").path(IMAGE).write_bytes(b"")
        add(fleet, "no_image").path(IMAGE).write_text("<html>")
        add(fleet, "no_kernel_format").path(KERNEL).write_text("<html>" * 200)
        add(fleet, "no_boot_id").path(BOOT_ID).unlink()
        add(fleet, "container").write("/run/.containerenv", "")
        unfinished = add(fleet, "unfinished")
        unfinished.write(f"{RECEIPT}/state", "committing\n")
        unfinished.write(f"{RECEIPT}/meta", "recommendation=swap_size\nrun=77aa\n")
        add(fleet, "local", ansible_connection="local", ansible_become=False)
        with open(BOOT_ID, encoding="ascii") as own:
            add(fleet, "controller").write(BOOT_ID, own.read())
        add(fleet, "batch", vmguest_reboot_batch=7)
        add(fleet, "bad_variable", vmguest_reboot_timeout="soon")
        cls.run = fleet.play([{"tasks": [{"vmguest.linux.guest_reboot": {}}]}])
        return fleet

    @pytest.mark.parametrize("host", SENTENCES)
    def test_with_a_sentence(self, fleet: Fleet, host: str) -> None:
        result = self.run.fatal(host)
        assert (result["msg"], result["changed"]) == (self.SENTENCES[host], False)
        assert not was_told_to_reboot(fleet.trees[host])
        record = fleet.records()[host]
        assert (record["state"], record["message"]) == ("failed", self.SENTENCES[host])

    @pytest.mark.parametrize("host", ["local", "batch", "bad_variable"])
    def test_before_the_guest_is_touched(self, fleet: Fleet, host: str) -> None:
        assert fleet.execs(host) == []

    @pytest.mark.parametrize("host", SENTENCES)
    def test_the_totals_name_it(self, fleet: Fleet, host: str) -> None:
        assert f"failed: {host}: " in self.run.output[self.run.output.index("PLAY RECAP") :]


class TestNotAsItShouldBe:
    """One run over guests that were told to reboot."""

    @pytest.fixture(scope="class")
    @classmethod
    def fleet(cls, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
        fleet = Fleet(
            tmp_path_factory.mktemp("fleet"),
            {"vmguest_only": ["io_scheduler"], "vmguest_reboot_unproved": True, "vmguest_reboot_timeout": 90},
        )
        add(fleet, "up", tree_reboot="never_down")
        add(fleet, "down", tree_reboot="never_back")
        add(fleet, "glitch", tree_reboot="same_boot")
        add(fleet, "unproved", tree_boot="true")
        add(fleet, "untested", vmguest_reboot_test="exit 3")
        cls.run = fleet.play([{"tasks": [{"vmguest.linux.guest_reboot": {}}]}])
        return fleet

    @pytest.mark.parametrize(
        ("host", "sentence"),
        [
            (
                "up",
                "did not go down: its boot id is still up after 90 seconds; see on the guest what keeps it from shutting down "
                "(systemctl list-jobs, the console)",
            ),
            (
                "down",
                "did not come back within 90 seconds; the last attempt: no connection over tree: ssh: connect to host 192.0.2.7 "
                "port 22: Connection refused",
            ),
            (
                "glitch",
                "could not be reached for a while and came back with the same boot id glitch: it was not rebooted within "
                "90 seconds",
            ),
            (
                "untested",
                "was rebooted, but within 90 seconds the test 'exit 3' did not succeed (exit status 3)",
            ),
            (
                "unproved",
                "after the reboot io_scheduler: expected one of none, noop, mq-deadline, deadline, found runtime cfq and "
                "persistent noop: cfq is in use, noop from the next boot on",
            ),
        ],
    )
    def test_is_one_clear_sentence(self, fleet: Fleet, host: str, sentence: str) -> None:
        assert was_told_to_reboot(fleet.trees[host])
        result = self.run.fatal(host)
        assert (result["msg"], result["changed"]) == (sentence, True)
        assert result["boot_id_before"] == host
        record = fleet.records()[host]
        assert (record["state"], record["message"]) == ("failed", sentence)

    def test_a_finding_that_is_not_proved_is_failed(self, fleet: Fleet) -> None:
        assert fleet.statuses("unproved") == {"io_scheduler": "failed"}
        assert self.run.fatal("unproved")["failed_recommendations"] == ["io_scheduler"]
        assert self.run.fatal("unproved")["boot_id_after"] == "afterunproved"


class TestBatches:
    def test_one_guest_first_then_more(self, fleet: Fleet) -> None:
        trees = [add(fleet, f"web{number:02}") for number in range(1, 6)]
        run = fleet.play("reboot")
        assert run.status == 0, run.output
        assert run.output.count("TASK [Reboot]") == 5, "a tenth, and a quarter, of five guests is one"
        assert all(was_told_to_reboot(tree) for tree in trees)
        assert "Findings of 5 guests" in run.output

    @pytest.mark.parametrize("what", ["never_down", "never_back", "unproved", "unreachable"])
    def test_the_next_one_is_not_touched_where_one_guest_is_not_as_it_should_be(self, fleet: Fleet, what: str) -> None:
        faults = {"unproved": {"tree_boot": "true"}, "unreachable": {"tree_fault": "unreachable"}}
        add(fleet, "web1", **faults.get(what, {"tree_reboot": what}))
        with_it, after_it = add(fleet, "web2"), add(fleet, "web3")
        run = fleet.play("reboot", extra={"vmguest_reboot_batch": 2})
        assert run.status != 0
        assert was_told_to_reboot(with_it)
        assert "changed: [web2]" in run.output, run.output
        assert not was_told_to_reboot(after_it)
        assert fleet.execs("web3") == []


def test_documented_results_are_those_of_a_reboot(fleet: Fleet) -> None:
    documented = yaml.safe_load(guest_reboot.RETURN)
    add(fleet, "web1")
    show = {
        "ansible.builtin.copy": {
            "content": "{{ done | to_json }}",
            "dest": str(fleet.folder / "result"),
        }
    }
    local = {"delegate_to": "localhost", "connection": "local", "become": False}
    run = fleet.play([{"tasks": [{"vmguest.linux.guest_reboot": {}, "register": "done"}, {**show, **local}]}])
    assert run.status == 0, run.output
    result = yaml.safe_load((fleet.folder / "result").read_text())
    assert set(result) - {"changed", "failed"} == set(documented) - {"failed_recommendations"}
    assert set(result["findings"][0]) == set(documented["findings"]["contains"])
