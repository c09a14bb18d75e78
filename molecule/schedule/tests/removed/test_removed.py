"""Schedules that were taken away: what is gone, and what stays."""

from __future__ import annotations

from testinfra.host import Host

HOME = "/var/lib/vmguest-enforcement"


def test_no_unit_is_left(host: Host) -> None:
    assert host.check_output("find /etc/systemd/system /etc/tmpfiles.d -name 'vmguest-*'") == ""
    assert host.check_output("systemctl list-units --all --plain --no-legend 'vmguest-*.timer'") == ""


def test_reports_and_nothing_else_stays(host: Host) -> None:
    schedules = ["vmguest-audit", "vmguest-nobody"] if host.backend.name == "vmguest-controller" else ["vmguest-pull"]
    for schedule in schedules:
        assert host.check_output(f"ls {HOME}/{schedule}") == "reports"
        assert host.check_output(f"ls {HOME}/{schedule}/reports")
