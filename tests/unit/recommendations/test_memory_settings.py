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


VM = "/proc/sys/vm/dirty_"
GIB = 1 << 30


def dirty(highest, ratio="20", absolute="0", background="10", bytes_of_it="0", total=32 << 20, **files):
    found = {
        "/proc/meminfo": f"MemTotal: {total} kB",
        f"{VM}ratio": ratio,
        f"{VM}bytes": absolute,
        f"{VM}background_ratio": background,
        f"{VM}background_bytes": bytes_of_it,
        **{f"/etc/sysctl.d/{name}.conf": text for name, text in files.items()},
    }
    evidence = evidence_of({path: text for path, text in found.items() if text is not None})
    return assess_dirty_writeback(evidence, {"memory_settings_dirty_highest": highest})


@pytest.mark.parametrize(
    ("facts", "status", "now", "then"),
    [
        ({"highest": 1024, "total": 4000000}, Status.NOT_APPLICABLE, None, None),
        ({"highest": None}, Status.COMPLIANT, "6553 MiB (20 % of memory)", "6553 MiB (20 % of memory)"),
        ({"highest": 1024}, Status.NONCOMPLIANT, "6553 MiB (20 % of memory)", "6553 MiB (20 % of memory)"),
        # A kernel before 2.6.29 has no bytes.
        ({"highest": 1024, "absolute": None}, Status.MANUAL, "6553 MiB (20 % of memory)", "6553 MiB (20 % of memory)"),
        (
            {"highest": 1024, "ratio": "0", "absolute": f"{GIB}"},
            Status.NOT_PERSISTENT,
            "1024 MiB",
            "6553 MiB (20 % of memory)",
        ),
        (
            {"highest": 1024, "ratio": "0", "absolute": f"{GIB}", "site": f"vm.dirty_bytes = {GIB}"},
            Status.COMPLIANT,
            "1024 MiB",
            "1024 MiB",
        ),
        (
            {"highest": 1024, "ratio": "3", "site": "vm.dirty_ratio=3"},
            Status.COMPLIANT,
            "983 MiB (3 % of memory)",
            "983 MiB (3 % of memory)",
        ),
        # Who writes the one sets the other to 0: the last line of the two holds.
        (
            {"highest": 1024, "ratio": "3", "10": f"vm.dirty_bytes={GIB}", "20": "vm.dirty_ratio=30"},
            Status.NOT_PERSISTENT,
            "983 MiB (3 % of memory)",
            "9830 MiB (30 % of memory)",
        ),
        (
            {"highest": 1024, "ratio": "3", "10": "vm.dirty_ratio=30", "20": f"vm.dirty_bytes={GIB}"},
            Status.COMPLIANT,
            "983 MiB (3 % of memory)",
            "1024 MiB",
        ),
        ({"highest": 1024, "ratio": State.DENIED}, Status.UNKNOWN, None, None),
        ({"highest": 1024, "ratio": None}, Status.NOT_APPLICABLE, None, None),
    ],
)
def test_what_may_be_dirty(facts, status, now, then):
    found = dirty(**facts)
    assert (found.status, found.runtime, found.persistent) == (status, now, then), found.reason


def test_it_is_set_in_bytes_and_the_ratios_lead_back():
    found = dirty(1024)
    assert [step.sentence for step in found.remedy] == [
        "create /etc/sysctl.d/90-vmguest-memory-settings.conf",
        f"set {VM}bytes from 0 to 1073741824",
        f"set {VM}background_bytes from 0 to 268435456",
        # Undone first of all: the kernel refuses a 0 for its bytes.
        f"set {VM}ratio from 20 to 0",
        f"set {VM}background_ratio from 10 to 0",
    ]
    assert found.remedy[0].content.splitlines()[1:] == [
        "vm.dirty_bytes = 1073741824",
        "vm.dirty_background_bytes = 268435456",
    ]


def test_what_is_right_at_the_next_boot_is_left_alone():
    found = dirty(1024, site=f"vm.dirty_bytes = {GIB // 2}")
    assert [step.path for step in found.remedy] == [
        f"{VM}bytes",
        f"{VM}background_bytes",
        f"{VM}ratio",
        f"{VM}background_ratio",
    ]


def test_bytes_lead_back_to_bytes():
    found = dirty(1024, ratio="0", absolute=f"{4 * GIB}", background=None, bytes_of_it=None)
    assert [step.sentence for step in found.remedy][1:] == [f"set {VM}bytes from 4294967296 to 1073741824"]


@pytest.mark.parametrize(
    "line", ["vm.dirty_ratio = 30", "vm.dirty_bytes = 8589934592", "vm.dirty_background_ratio = 5"]
)
def test_a_file_that_comes_after_ours_is_left_to_its_owner(line):
    found = dirty(1024, **{"95-site": line})
    assert found.status is Status.MANUAL
    assert "/etc/sysctl.d/95-site.conf:1" in found.reason


NODE = Entry("/sys/devices/system/node/node0", "d", "rwxr-xr-x", 3, 0, 0, 0)


@pytest.mark.parametrize(
    ("online", "now", "boot", "status"),
    [
        ("0", "", "", Status.NOT_APPLICABLE),
        ("0-7", "numa=off", "numa=off", Status.NOT_APPLICABLE),
        ("0-3,8-12", "", "", Status.COMPLIANT),
        ("0-15", "numa=off", "numa=off", Status.NONCOMPLIANT),
        ("0-15", "numa=off", "", Status.PENDING_REBOOT),
        ("0-15", "", "numa=off", Status.NOT_PERSISTENT),
        ("0-15", "numa=fake=4", "", Status.COMPLIANT),
        ("", "", "", Status.UNKNOWN),
    ],
)
def test_numa_off_hides_nodes_that_are_there(online, now, boot, status):
    files = {
        CPUS: online,
        "/proc/cmdline": f"ro {now}",
        "/etc/default/grub": f'GRUB_CMDLINE_LINUX="{boot}"',
        "/boot/grub/grub.cfg": f"""\
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian' {{
\tlinux\t/boot/vmlinuz-6.1.0-28-amd64 root=/dev/sda1 ro {boot}
}}
### END /etc/grub.d/10_linux ###
""",
    }
    assert assess_numa_visibility(evidence_of(files, entries=[NODE]), OPTIONS).status is status


@pytest.mark.parametrize(("highest", "wrong"), [(None, False), (1, False), (0, True)])
def test_the_range_of_the_option(highest, wrong):
    assert bool(wrong_options({"memory_settings_dirty_highest": highest})) is wrong


@pytest.mark.parametrize(
    ("files", "tuned", "value", "owner"),
    [
        ({}, ["[sysctl]", "vm.dirty_ratio = 30"], "9830 MiB (30 % of memory)", "tuned profile site"),
        # tuned's plugin for memory: a ratio in the words of bytes.
        ({}, ["[vm]", "dirty_bytes=10%"], "3276 MiB (10 % of memory)", "tuned profile site"),
        ({}, ["[vm]", "dirty_bytes = 1073741824"], "1024 MiB", "tuned profile site"),
        # A child's bytes after its parent's per cent.
        ({}, ["[sysctl]", "vm.dirty_ratio=40", "vm.dirty_bytes=1073741824"], "1024 MiB", "tuned profile site"),
        (
            {"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15"},
            ["[vm]", "dirty_ratio = 40"],
            "13107 MiB (40 % of memory)",
            "tuned profile site",
        ),
        (
            {"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15", "/etc/tuned/tuned-main.conf": "reapply_sysctl = 1"},
            ["[vm]", "dirty_bytes=40%"],
            "4915 MiB (15 % of memory)",
            "/etc/sysctl.d/10-x.conf:1",
        ),
        (
            {"/etc/sysctl.d/10-x.conf": "vm.dirty_ratio=15"},
            ["[main]"],
            "4915 MiB (15 % of memory)",
            "/etc/sysctl.d/10-x.conf:1",
        ),
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
    assert found.persistent == value
