# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guests are compared by: identities without secrets, starts of jobs, receipts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import CRONIE_ANACRON
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import (
    DAY,
    Start,
    parse_starts,
    progressions,
    starts_of,
    starts_text,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.comparable import comparable, identity, starts
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

MACHINE_ID = "00112233445566778899aabbccddeeff"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBv0Y5pP3cZ8vHq5sY0H0z1dJvG0o4v3l8m2u5y1b7Qd root@golden"
IQN = "iqn.1994-05.com.redhat:0123456789ab"
NQN = "nqn.2014-08.org.nvmexpress:uuid:3a1f4d56-207c-419b-8e5d-02c6a1f73b90"
LEASE = "/var/lib/dhcp/dhclient6.ens192.leases"


def test_identities_are_hashes_of_what_is_confidential() -> None:
    told = identity(
        evidence_of(
            {"/etc/machine-id": MACHINE_ID, "/etc/ssh/ssh_host_ed25519_key.pub": KEY, "/etc/nvme/hostnqn": f"{NQN}\n"},
            lines={
                "initiator": [("/etc/iscsi/initiatorname.iscsi", 1, f"InitiatorName={IQN}")],
                "dhcp_identity": [(LEASE, 1, r'default-duid "\000\001\000\001,\270z\256\000PV\217w\001";')],
            },
        )
    )
    assert told == {
        "machine_id": ["sha256:5947d7c33d783f94"],
        "ssh_host_keys": ["ssh-ed25519 SHA256:ZNfAWcNWPelBXHHXWSLQBV8ikBNZckubGF02HCF9QGs"],
        "dhcp_duid": ["sha256:9a7a581dc768c062"],
        "mac": [],
        "dmi_uuid": ["00004d56111122223333444455556666"],
        "iscsi_iqn": ["sha256:9451144d73be330a"],
        "nvme_hostnqn": ["sha256:af38f15363f83c08"],
    }
    assert all(secret not in json.dumps(told) for secret in (MACHINE_ID, IQN, NQN, KEY.split()[1]))


def test_what_cannot_be_read_is_none_and_what_is_not_there_is_nothing() -> None:
    assert identity(evidence_of({"/etc/machine-id": State.DENIED}))["machine_id"] is None
    assert identity(evidence_of())["machine_id"] == []
    assert identity(evidence_of({"/etc/nvme/hostnqn": State.DENIED}))["nvme_hostnqn"] is None
    assert identity(evidence_of())["nvme_hostnqn"] == []
    told = identity(evidence_of({"/sys/class/dmi/id/product_uuid": State.DENIED}))
    assert (told["dmi_uuid"], told["dhcp_duid"], told["iscsi_iqn"]) == (None, None, None)
    assert identity(evidence_of({"/run/.containerenv": "", "/run/systemd/container": "podman"}))["dmi_uuid"] == []


@pytest.mark.parametrize(
    "text", ["00:01:00:01:2c:b8:7a:ae:00:50:56:8f:77:01", "ff:56:8f:77:01:00:01:00:01:2c:b8:7a:ae:00:50:56:8f:77:01"]
)
def test_one_duid_is_one_in_whatever_way_a_client_keeps_it(text: str) -> None:
    lines = {"dhcp_identity": [(LEASE, 1, text)]}
    assert identity(evidence_of(lines=lines))["dhcp_duid"] == ["sha256:9a7a581dc768c062"]


@pytest.mark.parametrize(
    "text", ['send dhcp-client-identifier "web1";', "01:00:50:56:8f:77:01", "option dhcp-client-identifier hardware;"]
)
def test_a_client_identifier_of_another_kind_is_no_duid(text: str) -> None:
    assert identity(evidence_of(lines={"dhcp_identity": [(LEASE, 1, text)]}))["dhcp_duid"] == []


def test_clones_of_a_bad_clone_are_found_by_what_they_inherited(tmp_path: Path) -> None:
    checks = FleetChecks()
    for number in range(2):
        own = {
            "files": {
                "/sys/devices/virtual/dmi/id/product_uuid": f"564d000{number}-3c4d-5e6f-7081-92a3b4c5d6e7",
                "/etc/machine-id": f"{number + 1:032x}",
                "/etc/nvme/hostnqn": NQN,
            }
        }
        tree = guest_tree.materialise(guest_tree.load("bad_clone").edited(own), tmp_path / str(number))
        told = comparable(guest_tree.probe(tree), guest_tree.policy(tree).options)
        checks.add({"host": f"clone{number}", "findings": [], "fleet": told})
    found = {finding.id: finding.status for finding in checks.results() if finding.id.startswith("fleet_")}
    assert [found[f"fleet_{kind}"] for kind in ("machine_id", "ssh_host_keys", "dhcp_duid", "mac", "dmi_uuid", "nvme_hostnqn")] == [
        "compliant", "manual", "manual", "manual", "compliant", "manual"
    ]  # fmt: skip


# ---- starts of jobs --------------------------------------------------------------------------------------------------


def crontab(*lines: str, **more: Any) -> Any:
    """Evidence of a Debian with this crontab, and without systemd."""
    old = {"/etc/debian_version": "7.11", "/proc/1/comm": "init"}
    return evidence_of({"/etc/crontab": "\n".join(lines), **old, **more})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("17 * * * * root run", "17+60*24"),
        ("25 6 * * * root run", "385"),
        ("*/10 * * * * root run", "0+10*144"),
        ("0,30 3 * * * root run", "180 210"),
        ("* * * * * root run", "0+1*1440"),
        ("@daily root run", "0"),
        ("@reboot root run", ""),
        ("5~34 2 * * * root run", "125~30"),
        ("# 1 2 3 4 5 root run", ""),
    ],
)
def test_starts_of_cron_jobs(line: str, text: str) -> None:
    assert starts(crontab(line)) == text


def test_a_random_delay_of_cron_spreads_its_jobs() -> None:
    assert starts(crontab("0 1 * * * root a", "RANDOM_DELAY=45", "0 2 * * * root b")) == "60 120~45"


def test_what_systemd_does_itself_is_not_counted_twice() -> None:
    left = "30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1 /usr/lib/x/e2fsprogs/e2scrub_all_cron"
    assert starts(crontab(left)) == "210"
    with_systemd = {"/proc/1/comm": "systemd"}
    assert starts_of(crontab(left, **with_systemd)) == []


ANACRONTAB = "1\t5\tcron.daily\trun\n7\t25\tcron.weekly\trun\n@monthly\t45\tcron.monthly\trun\n"
HOURLY = "1 * * * * root run-parts /etc/cron.hourly"


def cronie(anacrontab: str | State, *lines: str, **words: Any) -> Any:
    """Evidence of an EL 6 with these."""
    files = {"/etc/crontab": "\n".join(lines or (HOURLY,)), "/etc/anacrontab": anacrontab, "/proc/1/comm": "init"}
    return evidence_of(files, entries=[Entry(CRONIE_ANACRON, "-", "rwxr-xr-x", 1, 0, 0, 0, None)], **words)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        # At once after midnight.
        ("", "6 26 46"),
        # The first in which the minute itself is in the range, not the one at which anacron is started.
        ("START_HOURS_RANGE=3-22\n", "186 206 226"),
        ("START_HOURS_RANGE=0-24\n", "6 26 46"),
        ("PREFERRED_HOUR=4\n", "246 266 286"),
        ("PREFERRED_HOUR=3\nSTART_HOURS_RANGE=4-22\n", ""),
        # cronie takes no range over midnight, and then no job is in it.
        ("START_HOURS_RANGE=22-3\n", ""),
        ("START_HOURS_RANGE= 3-22\n", "6 26 46"),
        ("RANDOM_DELAY=45\n", "6~46 26~46 46~46"),
        # Shipped. Some draw a delay at 02:01 that makes it 03:00, the others are tried again at 03:01.
        ("RANDOM_DELAY=45\nSTART_HOURS_RANGE=3-22\n", "186~46 180~72 180~92"),
        ("RANDOM_DELAY=x\nSTART_HOURS_RANGE=x\n", "6 26 46"),
    ],
)
def test_starts_of_anacron(variables: str, text: str) -> None:
    assert starts(cronie(variables + ANACRONTAB)) == f"1+60*24 {text}".rstrip()


def test_a_random_delay_holds_for_the_jobs_below_it() -> None:
    first, *others = ANACRONTAB.splitlines(keepends=True)
    assert starts(cronie(first + "RANDOM_DELAY=10\n" + "".join(others))) == "1+60*24 6 26~11 46~11"


def test_anacron_begins_when_its_guest_starts_it() -> None:
    """Its hour's job may have been scattered, be delayed by cron itself, or not be known at all."""
    ranged = "START_HOURS_RANGE=3-22\n" + ANACRONTAB
    assert starts(cronie(ranged, "59 * * * * root run-parts /etc/cron.hourly")) == "59+60*24 184 204 224"
    assert starts(cronie(ANACRONTAB, "RANDOM_DELAY=6", HOURLY)) == "1+60*24~6 6~6 26~6 46~6"
    assert starts(cronie(ranged, "*/15 * * * * root /usr/lib/cron/run-crons")) == "0+15*96 ? ? ?"
    # Other anacrons are not started by cron's hourly jobs.
    assert (
        starts(evidence_of({"/etc/crontab": HOURLY, "/etc/anacrontab": ANACRONTAB, "/proc/1/comm": "init"}))
        == "1+60*24"
    )


def test_anacron_that_cannot_be_read_makes_starts_unknown() -> None:
    assert starts(cronie(State.DENIED)) is None


def timer(name: str, settings: str) -> dict[str, Any]:
    """What a guest with this timer, enabled, says of it."""
    lines = [(f"/usr/lib/systemd/system/{name}", number, line) for number, line in enumerate(settings.splitlines(), 1)]
    shown = f"Id={name}\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nDropInPaths=\n"
    return {"lines": {"timers": lines}, "commands": {"units": (0, shown)}}


def test_debians_anacron_is_started_by_its_timer_and_what_its_crontab_leaves_to_it_is_not_counted() -> None:
    """It does not know cronie's variables."""
    files = {
        "/etc/crontab": "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n"
        "25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n",
        "/etc/anacrontab": "RANDOM_DELAY=45\n" + ANACRONTAB, "/etc/debian_version": "13", "/proc/1/comm": "systemd",
    }  # fmt: skip
    settings = "OnCalendar=*-*-* 07..23:30\nRandomizedDelaySec=5m\n"
    assert starts(evidence_of(files, **timer("anacron.timer", settings))) == "17+60*24 450+60*17~5 455~5 475~5 495~5"
    # Of a package that was removed the table stays, and cron does its work again.
    assert starts(evidence_of(files, **timer("other.timer", settings))) == "17+60*24 385 450+60*17~5"


def test_where_a_crontab_cannot_be_read_starts_are_not_known() -> None:
    assert starts(evidence_of({"/etc/crontab": State.DENIED, "/proc/1/comm": "init"})) is None


def test_where_no_timer_was_shown_starts_are_not_known() -> None:
    assert starts(crontab("17 * * * * root run", **{"/proc/1/comm": "systemd"})) is None


@given(st.sets(st.integers(0, DAY - 1), min_size=1), st.integers(1, DAY))
def test_starts_are_the_same_after_they_were_written(minutes: set[int], spread: int) -> None:
    """Whatever the minutes: none is lost, none comes twice."""
    found, puzzling = parse_starts(starts_text([list(progressions(minutes, spread)), []]))
    assert puzzling == 1
    assert sorted(minute for start in found for minute in start.minutes) == sorted(minutes)
    assert {start.spread for start in found} <= {spread}


@given(st.text(alphabet="0123456789+*~? ", max_size=20))
def test_starts_that_can_be_read_lie_within_a_day(text: str) -> None:
    try:
        found, _puzzling = parse_starts(text)
    except ValueError:
        return
    assert all(0 <= minute < DAY for start in found for minute in start.minutes)


def test_what_would_be_stands_for_what_is() -> None:
    evidence = crontab("17 * * * * root run", "25 6 * * * root other")
    job, _other = evidence.cron.crontabs[0].jobs
    moved = starts_of(evidence, {job: type(job.schedule).parse("3 * * * *")})
    assert moved == [(Start(3, 60, 24),), (Start(385),)]


@pytest.mark.parametrize(
    ("guest", "variant", "anacron"),
    [
        ("rhel6", "no_random_delay", "186 206 226"),
        ("rhel6", "base", "186~46 180~72 180~92"),
        ("rhel9", "base", "186~46 180~72 180~92"),
        ("debian12", "base", None),
    ],
)
def test_what_scatter_would_make_of_a_guest_is_what_it_makes(
    tmp_path: Path, guest: str, variant: str, anacron: str | None
) -> None:
    """Anacron's jobs move with the hour's job that starts it."""
    tree = guest_tree.materialise(guest_tree.load(guest, variant), tmp_path / "tree")
    only = {"vmguest_only": ["cron_scatter", "timer_scatter"]}
    policy = guest_tree.policy(tree, only)
    first = comparable(guest_tree.probe(tree), policy.options)
    assert anacron is None or first["starts"].endswith(f" {anacron}")
    assert guest_tree.apply(tree, only).problems == []
    second = comparable(guest_tree.probe(tree), policy.options)
    assert first["starts_scattered"] == second["starts"] == second["starts_scattered"] != first["starts"]
    daily = second["starts"].split()[-3]
    assert anacron is None or (not daily.startswith("186") and daily.endswith("~46"))
