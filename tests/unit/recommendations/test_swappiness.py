# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""swappiness: where 0 kills, and what a highest value asks for."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Kernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.swappiness import (
    KEY,
    assess,
    wrong_options,
    zero_kills,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

FILE = "/proc/sys/vm/swappiness"
DROP_IN = "/etc/sysctl.d/90-vmguest-swappiness.conf"


def verdict(now, files=None, *, highest=None, kernel="6.1.0-28-amd64") -> Verdict:
    """The verdict on a guest with this value now."""
    evidence = evidence_of({FILE: now, "/proc/sys/kernel/osrelease": kernel, **(files or {})})
    return assess(evidence, {"swappiness_highest": highest})


@pytest.mark.parametrize(
    ("release", "kills"),
    [
        ("2.6.9-100.EL", False),
        ("2.6.18-398.el5", False),
        ("2.6.32-279.el6.x86_64", False),
        ("2.6.32-303.el6.x86_64", True),
        ("2.6.32-573.26.1.el6.x86_64", True),
        ("2.6.32-642.el6.x86_64", False),
        ("2.6.32-754.el6.x86_64", False),
        ("2.6.32-5-amd64", False),
        ("2.6.39-400.el6uek.x86_64", False),
        ("3.0.101-63-default", False),
        ("3.4.0", False),
        ("3.5.0", True),
        ("3.10.0-1160.el7.x86_64", True),
        ("6.12.0", True),
    ],
)
def test_the_kernels_in_which_0_kills(release, kills):
    assert zero_kills(Kernel(release)) is kills


@pytest.mark.parametrize(
    ("now", "highest", "status"),
    [
        ("0", None, Status.NONCOMPLIANT),
        ("1", None, Status.COMPLIANT),
        ("60", None, Status.COMPLIANT),
        ("0", 10, Status.NONCOMPLIANT),
        ("60", 10, Status.NONCOMPLIANT),
        # Right now, and 60 again at the next boot.
        ("10", 10, Status.NOT_PERSISTENT),
        ("180", 200, Status.COMPLIANT),
    ],
)
def test_one_value_and_nobody_who_sets_it(now, highest, status):
    found = verdict(now, highest=highest)
    assert found.status is status, found.reason
    assert found.owner == "the kernel's default"


def test_0_that_was_written_by_hand_becomes_1_and_the_boot_is_left_alone():
    assert verdict("0").remedy == (WriteKernel(FILE, "0", "1"),)


def test_0_that_is_configured_becomes_1_at_boot_too():
    found = verdict("0", {"/etc/sysctl.d/10-site.conf": f"{KEY}=0"})
    assert found.status is Status.NONCOMPLIANT
    assert "OOM killer" in found.reason
    assert [type(step) for step in found.remedy] == [WriteFile, WriteKernel]
    assert found.remedy[0].content.endswith(f"{KEY} = 1\n")


def test_0_is_right_where_it_does_not_kill():
    found = verdict("0", {"/etc/sysctl.d/10-site.conf": f"{KEY}=0"}, kernel="2.6.18-398.el5")
    assert found.status is Status.COMPLIANT
    assert "the talk's value" in found.reason


def test_the_highest_value_is_what_a_higher_one_becomes():
    drop_in, live = verdict("60", highest=10).remedy
    assert drop_in.content == f"# vmguest.linux, swappiness\n{KEY} = 10\n"
    assert live == WriteKernel(FILE, "60", "10")


def test_the_drop_in_makes_it_compliant():
    found = verdict("10", {DROP_IN: f"{KEY} = 10"}, highest=10)
    assert (found.status, found.owner) == (Status.COMPLIANT, f"{DROP_IN}:1")


def test_with_zram_alone_no_value_is_too_high():
    swaps = "Filename Type Size Used Priority\n/dev/zram0 partition 4194300 0 100"
    found = verdict("180", {"/proc/swaps": swaps, "/etc/fstab": "", "/proc/meminfo": "MemTotal: 8 kB"}, highest=10)
    assert found.status is Status.COMPLIANT
    assert "zram" in found.reason


def test_control_groups_with_a_value_of_their_own_are_reported():
    found = verdict("1", {"/sys/fs/cgroup/memory/system.slice/memory.swappiness": "60"})
    assert found.status is Status.COMPLIANT
    assert "system.slice 60" in found.reason


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({FILE: State.MISSING}, Status.NOT_APPLICABLE),
        ({FILE: State.DENIED}, Status.UNKNOWN),
        ({"/etc/sysctl.conf": State.DENIED}, Status.UNKNOWN),
        ({"/etc/sysctl.d/9.conf": State.TOO_LARGE}, Status.UNKNOWN),
    ],
)
def test_what_cannot_be_read_is_never_compliant(files, status):
    assert verdict("60", files).status is status


@pytest.mark.parametrize(("highest", "wrong"), [(None, False), (1, False), (200, False), (0, True), (201, True)])
def test_the_range_of_the_option(highest, wrong):
    assert bool(wrong_options({"swappiness_highest": highest})) is wrong


TUNED_UNIT = "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState={}"


@pytest.mark.parametrize(
    ("units", "status", "persistent", "word"),
    [
        ((0, TUNED_UNIT.format("inactive")), Status.COMPLIANT, "60", "lets the kernel swap"),
        # Somebody started it by hand, or systemd did not answer.
        ((0, TUNED_UNIT.format("active")), Status.MANUAL, "30", "whether tuned profile site"),
        ((1, ""), Status.MANUAL, "30", "at the next boot is not known"),
    ],
)
def test_the_profile_of_a_tuned_that_no_boot_starts_owns_nothing(units, status, persistent, word):
    """Red where what the profile would set is told as what the next boot sets."""
    profile = "/etc/tuned/site/tuned.conf"
    evidence = evidence_of(
        {"/proc/sys/vm/swappiness": "10", "/etc/tuned/active_profile": "site"},
        lines={"tuned_profiles": [(profile, 1, "[sysctl]"), (profile, 2, "vm.swappiness = 30  # as shipped")]},
        commands={"units": units},
    )
    found = assess(evidence, {"swappiness_highest": None})
    assert (found.status, found.persistent) == (status, persistent), found.reason
    assert word in found.reason
