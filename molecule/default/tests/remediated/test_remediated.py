"""What a remediated guest looks like, seen with the guest's own commands."""

from __future__ import annotations

import os

import manifest
import pytest
from testinfra.host import Host

RULE = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"
#: The times at which distributions ship the jobs of /etc/crontab: every guest of one has the same.
SHIPPED = {
    "17 * * * *",
    "25 6 * * *",
    "47 6 * * 7",
    "52 6 1 * *",
    "01 * * * *",
    "02 4 * * *",
    "22 4 * * 0",
    "42 4 1 * *",
}


def made(host: Host) -> dict:
    """What the guest consisted of when it was made."""
    path = os.path.join(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "manifests", f"{host.backend.name}.json")
    return dict(manifest.load(path))


def has_systemd(host: Host) -> bool:
    """False for the one guest that is made without."""
    found = host.file("/run/systemd/system").is_directory
    assert found == (host.backend.name != "vmguest-old")
    return bool(found)


def jobs(host: Host) -> list[list[str]]:
    """The job lines of /etc/crontab, as words."""
    if not host.file("/etc/crontab").exists:
        return []
    lines = host.file("/etc/crontab").content_string.splitlines()
    return [line.split() for line in lines if line[:1].isdigit() or line.startswith("*")]


@pytest.mark.proves("io_scheduler")
def test_disk_leaves_the_scheduling_to_the_hypervisor(host: Host) -> None:
    schedulers = host.file("/sys/block/sda/queue/scheduler").content_string
    assert "[none]" in schedulers or "[noop]" in schedulers


@pytest.mark.proves("io_scheduler")
def test_the_scheduler_comes_back_at_the_next_boot(host: Host) -> None:
    rule = host.file(RULE)
    assert (rule.user, rule.group, rule.mode) == ("root", "root", 0o644)
    # EL5's udev sets no attribute: its rule runs a shell that does.
    assigned = 'ATTR{queue/scheduler}="no' if has_systemd(host) else "echo noop > /sys$$DEVPATH/queue/scheduler"
    assert assigned in rule.content_string
    if "verify" in host.run("udevadm --help").stdout:
        # udev 254 and newer read the rule as it will at boot.
        assert host.run("udevadm verify %s", RULE).rc == 0


@pytest.mark.proves("tools_present", "tools_service_running")
def test_tools_are_installed_run_and_start_at_boot(host: Host) -> None:
    if not has_systemd(host):
        assert host.run("command -v vmtoolsd vmware-guestd").rc != 0  # EL5's came on the host's CD: manual
        return
    unit = "open-vm-tools" if host.exists("apt-get") else "vmtoolsd"
    assert host.run("dpkg-query -W open-vm-tools || rpm -q open-vm-tools").rc == 0
    assert host.run("systemctl is-active %s", unit).stdout.strip() == "active"
    assert host.run("systemctl is-enabled %s", unit).stdout.strip() == "enabled"


@pytest.mark.proves("cron_scatter")
def test_no_job_is_left_at_the_time_that_every_guest_has(host: Host) -> None:
    assert {" ".join(words[:5]) for words in jobs(host)}.isdisjoint(SHIPPED)


@pytest.mark.proves("cron_scatter")
def test_the_jobs_themselves_are_the_same(host: Host) -> None:
    before = {"/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly"}
    commands = " ".join(" ".join(words[5:]) for words in jobs(host))
    if commands:
        assert {folder for folder in before if folder in commands} == before


@pytest.mark.proves("timer_scatter")
def test_timers_run_at_a_time_of_their_own(host: Host) -> None:
    if not has_systemd(host):
        return
    shown = host.run("systemctl show -p TimersCalendar -p RandomizedDelayUSec logrotate.timer").stdout
    if "OnCalendar" in shown:
        # Newer logrotates come with an hour of random delay, which is accepted.
        assert "00:00:00" not in shown or "RandomizedDelayUSec=1h" in shown
    assert host.run("systemctl show -p NeedDaemonReload logrotate.timer").stdout.strip() != "NeedDaemonReload=yes"


def test_somebody_elses_crontab_is_untouched(host: Host) -> None:
    touched = manifest.differences(made(host), manifest.read(host.backend.name))
    assert not [line for line in touched if "/spool/cron" in line]


def test_receipts_are_for_root_only(host: Host) -> None:
    folder = host.file("/var/lib/vmguest")
    assert (folder.user, folder.mode) == ("root", 0o700)


def test_nothing_half_written_is_left(host: Host) -> None:
    assert host.run("find /etc /var /usr /run -name '.vmguest*' 2>/dev/null").stdout == ""


def test_no_python_is_needed(host: Host) -> None:
    """The Debian guests and the old one have none; el and suse have dnf's and zypper's stand-ins' own."""
    if host.backend.name in ("vmguest-debian12", "vmguest-debian13", "vmguest-old"):
        assert host.run("command -v python3 || command -v python").rc != 0
