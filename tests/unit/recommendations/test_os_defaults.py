# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""os_defaults: given these kernels and these accepted facts, the audit says this. Nothing has a remedy, and nothing is kept."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, BootEntry, Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.os_defaults import assess, wrong_options
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

OLD, NEW = "6.1.0-25-amd64", "6.1.0-28-amd64"
USUAL = ("CONFIG_HZ=250", "CONFIG_NO_HZ_IDLE=y", 'CONFIG_DEFAULT_TCP_CONG="cubic"')


def guest(configurations, *, running=OLD, kernel=f"/boot/vmlinuz-{NEW}", default=True, problem=None, files=None):
    """A guest that runs one kernel and boots into another; release to lines of its configuration."""
    evidence = evidence_of(
        {
            "/proc/sys/kernel/osrelease": running,
            "/proc/sys/net/ipv4/tcp_congestion_control": "cubic",
            "/sys/block/sda/queue/scheduler": "none [mq-deadline]",
            **(files or {}),
        },
        lines={
            "kconfig": [
                (f"/boot/config-{release}", number, line)
                for release, lines in configurations.items()
                for number, line in enumerate(lines, 1)
            ]
        },
        entries=[Entry("/sys/block/sda", "l", "rwxrwxrwx", 1, 0, 0, 0, "../x")],
    )
    evidence.__dict__["boot"] = Boot(
        Loader.GRUB2, (BootEntry("Linux", kernel, (), (), default, "grub.cfg:9"),), problem
    )
    return evidence


def judged(evidence, expected=None):
    return assess(evidence, {"os_defaults_expected": expected})


SAME = {OLD: USUAL, NEW: USUAL}


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (guest({}, running=NEW), Status.COMPLIANT, "is the one that boots next"),
        (guest(SAME), Status.COMPLIANT, "the same defaults"),
        (guest({**SAME, NEW: ("CONFIG_HZ=1000", *USUAL[1:])}), Status.MANUAL, "CONFIG_HZ 250 -> 1000"),
        (guest({**SAME, NEW: USUAL[:2]}), Status.MANUAL, "CONFIG_DEFAULT_TCP_CONG cubic -> not set"),
        (guest({**SAME, NEW: (*USUAL, 'CONFIG_DEFAULT_IOSCHED="cfq"')}), Status.MANUAL, "not set -> cfq"),
        (guest({OLD: USUAL}), Status.UNKNOWN, NEW),
        (guest({NEW: USUAL}), Status.UNKNOWN, OLD),
        (guest(SAME, default=False), Status.UNKNOWN, "no entry is the default"),
        (guest(SAME, problem="grub.cfg cannot be read"), Status.UNKNOWN, "grub.cfg cannot be read"),
        (guest(SAME, kernel="/boot/kernel"), Status.UNKNOWN, "/boot/kernel"),
    ],
)
def test_the_kernel_that_boots_next(evidence, status, words):
    found = judged(evidence)
    assert found.status is status, found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    ("expected", "status", "words"),
    [
        (
            {"hz": 250, "tickless": "idle", "scheduler": "mq-deadline", "congestion_control": "cubic"},
            Status.COMPLIANT,
            "",
        ),
        ({"hz": "1000"}, Status.MANUAL, "hz is 250, accepted was 1000"),
        ({"kernel": NEW}, Status.MANUAL, f"kernel is {OLD}"),
        ({"clocksource": "tsc"}, Status.UNKNOWN, "clocksource cannot be read"),
        ({"open_vm_tools": "12", "hz": 1}, Status.MANUAL, "hz is 250"),
    ],
)
def test_facts_that_somebody_accepted(expected, status, words):
    found = judged(guest(SAME), expected)
    assert found.status is status, found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("CONFIG_HZ=1000",), "hz 1000, tickless no"),
        (("CONFIG_HZ=100", "CONFIG_NO_HZ=y"), "hz 100, tickless idle"),
        (("CONFIG_HZ=1000", "CONFIG_NO_HZ_FULL=y"), "hz 1000, tickless full"),
        # A configuration of which only this line was read says nothing of the tick.
        (USUAL[2:], "mq-deadline"),
    ],
)
def test_every_record_has_the_facts(lines, words):
    runtime = judged(guest({OLD: lines}, running=OLD)).runtime
    assert words in runtime
    assert ("tickless" in runtime) is ("tickless" in words)


def test_names_that_are_no_fact_are_refused():
    assert wrong_options({"os_defaults_expected": None}) is None
    assert wrong_options({"os_defaults_expected": {"hz": 250}}) is None
    assert "clocksource" in (wrong_options({"os_defaults_expected": {"clock_source": "tsc"}}) or "")
