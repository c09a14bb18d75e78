# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""page_sharing, zram_swap, dirty_writeback, numa_visibility: what a person is told."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.memory_settings import (
    CPUS,
    HYPERVISOR,
    KSM,
    assess_dirty_writeback,
    assess_numa_visibility,
    assess_page_sharing,
    assess_zram_swap,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

OPTIONS = {"memory_settings_dirty_highest": None}
HEADER = "Filename Type Size Used Priority\n"
ZRAM = "/dev/zram0 partition 1007060 0 100\n"
DISK = "/dev/sda2 partition 2097148 0 -2\n"


@pytest.mark.parametrize(
    ("value", "entries", "status"),
    [
        ("0", (), Status.COMPLIANT),
        ("2", (), Status.COMPLIANT),
        ("1", (), Status.MANUAL),
        ("1", (Entry(HYPERVISOR, "c", "rw-rw----", 1, 0, 0, 0),), Status.COMPLIANT),
        (State.MISSING, (), Status.NOT_APPLICABLE),
        (State.DENIED, (), Status.UNKNOWN),
    ],
)
def test_ksm_is_for_hypervisors(value, entries, status):
    assert assess_page_sharing(evidence_of({KSM: value}, entries=entries), OPTIONS).status is status


@pytest.mark.parametrize(
    ("swaps", "status"),
    [
        (HEADER + ZRAM, Status.MANUAL),
        (HEADER + ZRAM + DISK, Status.COMPLIANT),
        (HEADER + DISK, Status.NOT_APPLICABLE),
        (HEADER, Status.NOT_APPLICABLE),
        (State.DENIED, Status.UNKNOWN),
    ],
)
def test_zram_is_no_relief_for_the_balloon(swaps, status):
    assert assess_zram_swap(evidence_of({"/proc/swaps": swaps, "/etc/fstab": ""}), OPTIONS).status is status


@pytest.mark.parametrize(
    ("total", "ratio", "absolute", "highest", "status", "amount"),
    [
        (4000000, "20", "0", 1024, Status.NOT_APPLICABLE, None),
        (32 << 20, "20", "0", None, Status.COMPLIANT, "6553 MiB (20 % of memory)"),
        (32 << 20, "20", "0", 1024, Status.MANUAL, "6553 MiB (20 % of memory)"),
        (32 << 20, "20", None, 1024, Status.MANUAL, "6553 MiB (20 % of memory)"),
        (32 << 20, "0", "1073741824", 1024, Status.COMPLIANT, "1024 MiB"),
        (32 << 20, State.DENIED, "0", 1024, Status.UNKNOWN, None),
    ],
)
def test_what_may_be_dirty(total, ratio, absolute, highest, status, amount):
    files = {"/proc/meminfo": f"MemTotal: {total} kB", "/proc/sys/vm/dirty_ratio": ratio}
    if absolute is not None:
        files["/proc/sys/vm/dirty_bytes"] = absolute
    found = assess_dirty_writeback(evidence_of(files), {"memory_settings_dirty_highest": highest})
    assert (found.status, found.runtime) == (status, amount)


NODE = Entry("/sys/devices/system/node/node0", "d", "rwxr-xr-x", 3, 0, 0, 0)


@pytest.mark.parametrize(
    ("online", "now", "boot", "status"),
    [
        ("0", "", "", Status.NOT_APPLICABLE),
        ("0-7", "numa=off", "numa=off", Status.NOT_APPLICABLE),
        ("0-3,8-12", "", "", Status.COMPLIANT),
        ("0-15", "numa=off", "", Status.MANUAL),
        ("0-15", "", "numa=off", Status.MANUAL),
        ("0-15", "numa=fake=4", "", Status.COMPLIANT),
        ("", "", "", Status.UNKNOWN),
    ],
)
def test_numa_off_hides_nodes_that_are_there(online, now, boot, status):
    files = {CPUS: online, "/proc/cmdline": f"ro {now}", "/etc/kernel/cmdline": f"ro {boot}"}
    assert assess_numa_visibility(evidence_of(files, entries=[NODE]), OPTIONS).status is status


@pytest.mark.parametrize(("highest", "wrong"), [(None, False), (1, False), (0, True)])
def test_the_range_of_the_option(highest, wrong):
    assert bool(wrong_options({"memory_settings_dirty_highest": highest})) is wrong


@pytest.mark.parametrize(
    ("files", "tuned", "value", "owner"),
    [
        ({}, ["[sysctl]", "vm.dirty_ratio = 30"], "30", "tuned profile site"),
        # tuned's plugin for memory: a ratio in the words of bytes.
        ({}, ["[vm]", "dirty_bytes=10%"], "10%", "tuned profile site"),
        ({"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15"}, ["[vm]", "dirty_ratio = 40"], "40", "tuned profile site"),
        (
            {"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15", "/etc/tuned/tuned-main.conf": "reapply_sysctl = 1"},
            ["[vm]", "dirty_bytes=40%"],
            "15",
            "/etc/sysctl.d/10-x.conf:1",
        ),
        ({"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15"}, ["[main]"], "15", "/etc/sysctl.d/10-x.conf:1"),
    ],
)
def test_who_owns_the_limit_of_what_may_be_dirty(files, tuned, value, owner):
    profile = "/etc/tuned/site/tuned.conf"
    evidence = evidence_of(
        {
            "/proc/meminfo": "MemTotal: 33554432 kB",
            "/proc/sys/vm/dirty_ratio": "30",
            "/etc/tuned/active_profile": "site",
            **files,
        },
        lines={"tuned_profiles": [(profile, number, text) for number, text in enumerate(tuned, 1)]},
    )
    found = assess_dirty_writeback(evidence, OPTIONS)
    assert (found.owner or "").startswith(owner)
    assert (found.persistent or "").startswith(f"{value} (")
