"""Schedules that run by themselves, seen on the controller and on the guest that pulls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from testinfra.host import Host

HOME = "/var/lib/vmguest-enforcement"
#: A calendar of every minute, a first run on a busy machine, and time to spare.
SECONDS = 300

Answer = TypeVar("Answer")


def awaited(what: str, ask: Callable[[], Answer]) -> Answer:
    """The first answer that is something, of what happens by itself."""
    deadline = time.monotonic() + SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what} did not come to be within {SECONDS} s"
        time.sleep(2)
    return answer


def only_on(host: Host, name: str) -> None:
    """Leave out the guest that a test is not about."""
    if host.backend.name != name:
        pytest.skip(f"is about {name}")


def record(host: Host, schedule: str, guest: str) -> dict:
    """A guest's finished record of the last run that has one."""

    def ask() -> dict | None:
        found = host.run(f"cat $(ls -d {HOME}/{schedule}/reports/*/hosts/{guest}.json | tail -n 1)")
        record = json.loads(found.stdout) if found.rc == 0 and found.stdout else {}
        return record if record.get("state") not in (None, "interrupted") else None

    return awaited(f"the record of {guest}", ask)


def properties(host: Host, unit: str, *names: str) -> dict[str, str]:
    """What systemd says of a unit."""
    shown = host.check_output("systemctl show %s " + " ".join(f"-p {name}" for name in names), unit)
    return dict(line.split("=", 1) for line in shown.splitlines())


def test_the_timer_fires_and_the_fleet_is_audited(host: Host) -> None:
    only_on(host, "vmguest-controller")
    found = record(host, "vmguest-audit", "audited")
    assert (found["action"], found["state"]) == ("audit", "ok"), found["message"]
    assert len(found["findings"]) > 50


def test_runs_are_the_users_and_readable_to_nobody_else(host: Host) -> None:
    only_on(host, "vmguest-controller")
    record(host, "vmguest-audit", "audited")
    written = host.check_output(
        f"find {HOME}/vmguest-audit/reports {HOME}/vmguest-audit/artifacts -printf '%u %m %y\\n'"
    )
    assert {line.split()[0] for line in written.splitlines()} == {"vmguest"}
    assert {line.split()[1][1:] for line in written.splitlines()} == {"00"}


def test_what_is_run_cannot_be_changed_by_the_runs_user(host: Host) -> None:
    only_on(host, "vmguest-controller")
    for path in ("env/cmdline", "env/extravars", "env/envvars"):
        file = host.file(f"{HOME}/vmguest-audit/{path}")
        assert (file.user, file.group, file.mode) == ("root", "vmguest", 0o640)


def test_artifacts_are_rotated(host: Host) -> None:
    only_on(host, "vmguest-controller")
    count = f"ls {HOME}/vmguest-audit/reports | wc -l; ls {HOME}/vmguest-audit/artifacts | wc -l"
    for _run in range(3):  # beside those of the timer
        host.check_output("systemctl start vmguest-audit.service")
    reports, artifacts = (int(word) for word in host.check_output(count).split())
    assert reports >= 3
    assert artifacts <= 3  # two, and one that is at work


def test_the_service_ended_well(host: Host) -> None:
    only_on(host, "vmguest-controller")
    awaited(
        "an ended run", lambda: properties(host, "vmguest-audit.service", "ActiveState")["ActiveState"] == "inactive"
    )
    assert properties(host, "vmguest-audit.service", "Result") == {"Result": "success"}


def test_schedules_take_turns(host: Host) -> None:
    """While somebody holds the lock, a run waits; and nothing of it has begun."""
    only_on(host, "vmguest-controller")
    runs = f"ls {HOME}/vmguest-nobody/artifacts"
    before = host.check_output(runs)
    host.check_output(f"systemd-run --unit=holder flock {HOME}/lock sleep 300")
    awaited("the lock", lambda: host.run(f"flock --nonblock {HOME}/lock true").rc != 0)
    host.check_output("systemctl start --no-block vmguest-nobody.service")
    awaited(
        "the waiting run",
        lambda: properties(host, "vmguest-nobody.service", "ActiveState")["ActiveState"] == "activating",
    )
    time.sleep(3)
    assert host.check_output(runs) == before
    host.check_output("systemctl stop holder.service")
    awaited("the run that waited", lambda: host.check_output(runs) != before)


def test_a_run_that_fails_calls_the_command(host: Host) -> None:
    only_on(host, "vmguest-controller")
    host.run("systemctl start vmguest-nobody.service")
    assert record(host, "vmguest-nobody", "nobody")["state"] == "unreachable"
    failed = host.file(f"{HOME}/vmguest-nobody/reports/failed")
    awaited("word of the failure", lambda: failed.exists and "VMGUEST_REPORTS" in failed.content_string)
    assert "VMGUEST_SCHEDULE=vmguest-nobody" in failed.content_string
    assert failed.user == "vmguest"


def test_units_are_as_systemd_wants_them(host: Host) -> None:
    names = ["vmguest-audit", "vmguest-nobody"] if host.backend.name == "vmguest-controller" else ["vmguest-pull"]
    for name in names:
        units = f"/etc/systemd/system/{name}.service /etc/systemd/system/{name}.timer"
        verified = host.run(f"systemd-analyze verify --recursive-errors=no --man=no {units}")
        assert (verified.rc, verified.stderr) == (0, "")
        timer = properties(host, f"{name}.timer", "UnitFileState", "ActiveState", "Persistent")
        assert timer == {"UnitFileState": "enabled", "ActiveState": "active", "Persistent": "yes"}


def test_the_service_is_confined(host: Host) -> None:
    """By systemd's own count, 0 (safe) to 10; an ordinary service has more than 9."""
    only_on(host, "vmguest-controller")
    said = host.check_output("systemd-analyze security --no-pager vmguest-audit.service | tail -n 1")
    assert float(said.split(":")[1].split()[0]) < 3, said


def test_a_guest_pulls_at_a_minute_of_its_own(host: Host) -> None:
    """The same that the role's rule gives it, in the window."""
    only_on(host, "vmguest-pulls")
    calendar = properties(host, "vmguest-pull.timer", "TimersCalendar")["TimersCalendar"]
    hour, _minute, second = calendar.split("OnCalendar=*-*-* ")[1].split(" ")[0].split(":")
    assert hour in ("03", "04", "05")
    assert second == "00"
    assert properties(host, "vmguest-pull.timer", "RandomizedDelayUSec") == {"RandomizedDelayUSec": "0"}
    seed = "name vmguest-pulls"
    uuid = host.run("cat /sys/class/dmi/id/product_uuid").stdout.strip()
    assert uuid, f"the guest's stand-in for a kernel shows a UUID, so its seed is no {seed!r}"


def test_the_pulled_policy_runs_when_its_time_comes(host: Host) -> None:
    """The clock cannot be set in a container, so the timer gets another calendar here; all else is the role's."""
    only_on(host, "vmguest-pulls")
    folder = "/run/systemd/system/vmguest-pull.timer.d"
    host.check_output(f"mkdir -p {folder}")
    host.check_output(f"printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/20\\n' >{folder}/now.conf")
    host.check_output("systemctl daemon-reload && systemctl restart vmguest-pull.timer")
    found = record(host, "vmguest-pull", "vmguest-pulls")
    assert (found["action"], found["state"]) == ("audit", "ok"), found["message"]
    host.check_output(f"rm -r {folder} && systemctl daemon-reload && systemctl restart vmguest-pull.timer")
    reports = host.file(f"{HOME}/vmguest-pull/reports")
    assert (reports.user, reports.mode) == ("root", 0o700)


def test_a_guest_that_pulls_goes_by_its_present_name(host: Host) -> None:
    """A clone is named after it booted, so after systemd read the unit; and a name may have capitals and a domain."""
    only_on(host, "vmguest-pulls")
    # A run of the timer that is at its end would be taken for the one that is started here.
    awaited(
        "an ended run", lambda: properties(host, "vmguest-pull.service", "ActiveState")["ActiveState"] == "inactive"
    )
    host.check_output("hostname DB1.example.org")
    try:
        host.check_output("systemctl start vmguest-pull.service")
        found = record(host, "vmguest-pull", "DB1.example.org")
    finally:
        host.check_output("hostname vmguest-pulls")
    assert (found["host"], found["state"]) == ("DB1.example.org", "ok"), found["message"]


def test_the_environment_of_a_pulled_run_is_whole_and_roots(host: Host) -> None:
    """It may hold secrets, and what a unit says of itself every user can ask for."""
    only_on(host, "vmguest-pulls")
    file = host.file(f"{HOME}/vmguest-pull/environment")
    assert (file.user, file.group, file.mode) == ("root", "root", 0o600)
    assert "secret" not in host.check_output(
        "systemctl cat vmguest-pull.service && systemctl show vmguest-pull.service"
    )
    folder = "/run/systemd/system/vmguest-pull.service.d"
    host.check_output(f"mkdir -p {folder}")
    show = "ExecStart=\\nExecStart=/usr/bin/printenv POLICY_TOKEN\\nStandardOutput=truncate:/run/policy-token\\n"
    host.check_output(f"printf '[Service]\\n{show}' >{folder}/show.conf")
    try:
        host.check_output("systemctl daemon-reload && systemctl start vmguest-pull.service")
    finally:
        host.check_output(f"rm -r {folder} && systemctl daemon-reload")
    assert host.file("/run/policy-token").content_string == 'a "secret" \\ of 100 %H, $HOME and `id`\n'
