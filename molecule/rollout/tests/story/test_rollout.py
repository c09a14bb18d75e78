"""A rollout as an administrator does it, with the shipped playbooks: each test goes on where the one before it ended."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import manifest
import yaml

CANARY, SECOND, THIRD = GUESTS = ("vmguest-canary", "vmguest-second", "vmguest-third")
SCENARIO = Path(__file__).resolve().parents[2]
STATE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
RULE = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"
SCHEDULER = "/sys/block/sda/queue/scheduler"


@dataclass(frozen=True)
class Run:
    """How a playbook ended, what it printed, and its folder."""

    status: int
    output: str
    folder: Path

    def outcome(self, guest: str) -> str:
        """What Ansible says of a guest: ok, changed, fatal, skipping; nothing where the play did not come to it."""
        found = re.findall(rf"^(ok|changed|skipping|fatal): \[{guest}\]", self.output, re.MULTILINE)
        return found[-1] if found else ""


def play(name: str, *arguments: str) -> Run:
    """Run a playbook of the collection on the scenario's guests."""
    command = ["ansible-playbook", f"vmguest.linux.{name}", "-i", str(SCENARIO / "inventory"), *arguments]
    # Molecule asks for colours.
    plain = {**os.environ, "ANSIBLE_FORCE_COLOR": "false", "ANSIBLE_NOCOLOR": "true"}
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=STATE, env=plain)
    print(run.stdout, run.stderr)
    return Run(run.returncode, run.stdout + run.stderr, last_folder())


def last_folder() -> Path:
    """That of the newest run."""
    return max((STATE / "reports").iterdir(), key=lambda folder: folder.stat().st_mtime_ns)


def on(guest: str, script: str) -> str:
    """What a shell on the guest answers."""
    asked = ["podman", "exec", guest, "sh", "-c", script]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def touched(guest: str) -> list[str]:
    """What is another on a guest than when it was made."""
    before = manifest.load(str(STATE / "manifests" / f"{guest}.json"))
    return manifest.differences(before, manifest.read(guest))


def receipts(guest: str) -> set[str]:
    """The recommendations that were done, as the guest has them."""
    names = on(guest, "ls /var/lib/vmguest/receipts 2>/dev/null || :").split()
    return {name.partition("-")[2] for name in names}


def test_the_first_guest_that_fails_ends_the_run_with_its_batch() -> None:
    run = play("remediate", "-e", "vmguest_batch=1", "-e", "vmguest_max_changes=1")
    assert run.status != 0
    assert [run.outcome(guest) for guest in GUESTS] == ["fatal", "", ""]
    assert "3 recommendations would be changed, and vmguest_max_changes allows 1: " in run.output
    assert [path.stem for path in (run.folder / "hosts").glob("[!.]*.json")] == [CANARY]


def test_outside_of_its_change_window_a_guest_is_not_changed() -> None:
    later = datetime.now(timezone.utc) + timedelta(days=2)
    run = play("remediate", "-e", f"vmguest_change_window='{later:%a} 01:00-02:00 UTC'")
    assert run.status == 0
    assert [run.outcome(guest) for guest in GUESTS] == ["ok", "ok", "ok"]
    assert f"waiting: {CANARY}: not changed: outside its change window ({later:%a} 01:00-02:00 UTC)" in run.output


def test_a_plan_is_a_file_for_each_guest_and_nothing_has_changed_on_any_until_here() -> None:
    run = play("plan")
    assert run.status == 0
    plans = run.folder / "plan"
    assert sorted(path.stem for path in plans.glob("*.yml")) == sorted(GUESTS)
    assert {entry["recommendation"] for entry in yaml.safe_load((plans / f"{SECOND}.yml").read_text())["changes"]} == {
        "io_scheduler", "cron_scatter", "timer_scatter"
    }  # fmt: skip
    assert [touched(guest) for guest in GUESTS] == [[], [], []]
    assert [receipts(guest) for guest in GUESTS] == [set(), set(), set()]


def test_a_plan_that_was_cut_down_is_done_and_what_changed_since_is_refused() -> None:
    plans = last_folder() / "plan"
    # An entry is taken out, a guest is left out, and on another guest somebody edits a line that the plan would edit.
    head, *entries = (plans / f"{CANARY}.yml").read_text().split("\n  - recommendation: ")
    kept = [entry for entry in entries if not entry.startswith("cron_scatter\n")]
    assert len(kept) == len(entries) - 1
    (plans / f"{CANARY}.yml").write_text("\n  - recommendation: ".join([head, *kept]))
    (plans / f"{THIRD}.yml").unlink()
    on(SECOND, r"sed -i 's/^25 6\(.*cron\.daily\)/26 6\1/' /etc/crontab")
    crontab = on(SECOND, "cat /etc/crontab")
    assert "\n26 6" in crontab

    run = play("remediate", "-e", f"vmguest_plan={plans}")
    assert run.status != 0
    assert [run.outcome(guest) for guest in GUESTS] == ["changed", "fatal", "skipping"]

    # That, and nothing else.
    assert receipts(CANARY) == {"io_scheduler", "timer_scatter"}
    assert "[none]" in on(CANARY, f"cat {SCHEDULER}")
    changed = touched(CANARY)
    assert [line for line in changed if "/etc/cron" in line] == []
    assert f"new: {RULE}" in changed

    # By its name; the plan's other entries are done, and the line stays as somebody wrote it.
    assert re.search(rf"^fatal: \[{SECOND}\].*cron_scatter", run.output, re.MULTILINE)
    assert receipts(SECOND) == {"io_scheduler", "timer_scatter"}
    assert on(SECOND, "cat /etc/crontab") == crontab

    assert touched(THIRD) == []


def test_a_resumed_run_takes_those_that_are_left() -> None:
    by_plan = last_folder()
    run = play("remediate", "-e", f"vmguest_resume={by_plan}", "-e", "vmguest_batch=1", "-e", "vmguest_max_changes=3")
    assert run.status == 0, run.output
    assert [run.outcome(guest) for guest in GUESTS] == ["skipping", "changed", "changed"]
    assert f"{CANARY}: done already by run " in run.output
    assert receipts(CANARY) == {"io_scheduler", "timer_scatter"}
    assert receipts(THIRD) == receipts(SECOND) == {"io_scheduler", "cron_scatter", "timer_scatter"}
    # The administrator's time is his; the lines that every guest had are this guest's own now.
    assert "\n26 6" in on(SECOND, "cat /etc/crontab")
    assert "\n17 *" not in on(SECOND, "cat /etc/crontab")
