# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tuned_profile: which profiles are for guests, and whether tuned is there to apply them."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import tuned_family
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.tuned_profile import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

ACTIVE = "/etc/tuned/active_profile"
PROGRAM = Entry("/usr/sbin/tuned", "-", "rwxr-xr-x", 1, 0, 0, 9)
UNIT = (0, "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=active")
SITE = [
    ("/etc/tuned/site/tuned.conf", 1, "[main]"),
    ("/etc/tuned/site/tuned.conf", 2, "include = virtual-guest, other"),
    ("/usr/lib/tuned/virtual-guest/tuned.conf", 1, "[main]"),
    ("/usr/lib/tuned/virtual-guest/tuned.conf", 2, "include=throughput-performance"),
    ("/etc/tuned/loop/tuned.conf", 1, "[main]"),
    ("/etc/tuned/loop/tuned.conf", 2, "include=loop"),
]


def guest(profile, files=None, unit=UNIT):
    found = {**({ACTIVE: profile} if profile is not None else {}), **(files or {})}
    return evidence_of(found, entries=[PROGRAM], commands={"units": unit}, lines={"tuned_profiles": SITE})


def verdict(*facts, **more) -> Verdict:
    return assess(guest(*facts, **more), {})


STOPPED = (0, UNIT[1].replace("=active", "=inactive"))


@pytest.mark.parametrize(
    ("profile", "unit", "status"),
    [
        ("virtual-guest", UNIT, Status.COMPLIANT),
        ("site", UNIT, Status.COMPLIANT),
        ("throughput-performance", UNIT, Status.COMPLIANT),
        ("balanced", UNIT, Status.MANUAL),
        ("virtual-host", UNIT, Status.MANUAL),
        ("virtual-guest powersave", UNIT, Status.COMPLIANT),
        ("virtual-guest", STOPPED, Status.MANUAL),
        ("", UNIT, Status.MANUAL),
        ("", STOPPED, Status.NOT_APPLICABLE),
        (None, STOPPED, Status.NOT_APPLICABLE),
        (State.DENIED, UNIT, Status.UNKNOWN),
    ],
)
def test_profiles(profile, unit, status):
    found = verdict(profile, unit=unit)
    assert found.status is status, found.reason


def test_who_chose_it_is_told():
    assert verdict("virtual-guest", {"/etc/tuned/profile_mode": "auto"}).owner == "tuned-adm (automatic)"


def test_without_systemd_the_daemon_tells():
    evidence = evidence_of(
        {"/etc/tune-profiles/active-profile": "virtual-guest", "/proc/1/comm": "init"},
        entries=[PROGRAM],
        lines={"daemons": [("/proc/9/stat", 1, "9 (tuned) S 1")]},
    )
    assert assess(evidence, {}).status is Status.COMPLIANT


def test_not_installed():
    assert assess(evidence_of({ACTIVE: "balanced"}), {}).status is Status.NOT_APPLICABLE


def test_a_family_is_all_that_is_included_once():
    assert tuned_family(guest("site")) == {"site", "virtual-guest", "other", "throughput-performance"}
    assert tuned_family(guest("loop")) == {"loop"}
    assert tuned_family(guest(None)) == frozenset()
