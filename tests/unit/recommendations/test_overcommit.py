# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""overcommit_policy: the arithmetic, what is refused, and the order of the writes."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.overcommit import (
    RELIES_ON_OVERCOMMIT,
    Side,
    assess,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

VM = "/proc/sys/vm/"
DROP_IN = "/etc/sysctl.d/90-vmguest-overcommit.conf"
STRICT = {f"{VM}overcommit_memory": "2", f"{VM}overcommit_ratio": "90"}
STRICT_AT_BOOT = {"/etc/sysctl.d/60-x.conf": "vm.overcommit_memory=2\nvm.overcommit_ratio=90"}


def meminfo(total=4000000, committed=1000000, huge=0):
    """/proc/meminfo in KiB, and a number of huge pages of 2 MiB."""
    return f"MemTotal: {total} kB\nCommitted_AS: {committed} kB\nHugePages_Total: {huge}\nHugepagesize: 2048 kB\n"


def verdict(files=None, *, entries=(), ratio=80, headroom=20) -> Verdict:
    """The verdict on a guest of 4 GB without swap, of which 1 GB is promised."""
    known = {
        "/proc/meminfo": meminfo(),
        "/proc/swaps": "Filename Type Size Used Priority",
        "/etc/fstab": "",
        f"{VM}overcommit_memory": "0",
        f"{VM}overcommit_ratio": "50",
    }
    evidence = evidence_of({**known, **(files or {})}, entries=entries)
    return assess(evidence, {"overcommit_ratio": ratio, "overcommit_headroom": headroom})


def test_the_limit_is_swap_and_a_part_of_memory():
    assert Side("2", 50, 0, 1000, 4000).limit_kib == 3000
    assert Side("2", 0, 1500, 1000, 4000).limit_kib == 2500


def test_the_remedy_is_both_values_the_ratio_first():
    found = verdict()
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy == (
        WriteFile(DROP_IN, "# vmguest.linux, overcommit\nvm.overcommit_ratio = 80\nvm.overcommit_memory = 2\n"),
        WriteKernel(f"{VM}overcommit_ratio", "50", "80"),
        WriteKernel(f"{VM}overcommit_memory", "0", "2"),
    )


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({**STRICT, **STRICT_AT_BOOT}, Status.COMPLIANT),
        (STRICT, Status.NOT_PERSISTENT),
        (STRICT_AT_BOOT, Status.NONCOMPLIANT),
        ({f"{VM}overcommit_memory": "1"}, Status.NONCOMPLIANT),
    ],
)
def test_both_sides_count(files, status):
    assert verdict(files).status is status


def test_strict_with_the_kernels_ratio_is_mended_where_it_leaves_no_room():
    """2 and 50 %: the trap that the talk's sentence leads into."""
    files = {f"{VM}overcommit_memory": "2", "/proc/meminfo": meminfo(committed=2000000)}
    found = verdict(files)
    assert found.status is Status.NONCOMPLIANT
    assert WriteKernel(f"{VM}overcommit_ratio", "50", "80") in found.remedy


@pytest.mark.parametrize(
    ("files", "ratio", "headroom"),
    [
        ({"/proc/meminfo": meminfo(committed=2700000)}, 80, 20),
        ({}, 25, 20),
        ({}, 80, 300),
        # 2 GB of huge pages are no memory that could be promised.
        ({"/proc/meminfo": meminfo(committed=1500000, huge=1000)}, 80, 20),
    ],
)
def test_a_limit_that_would_not_do_is_refused_with_the_numbers(files, ratio, headroom):
    found = verdict(files, ratio=ratio, headroom=headroom)
    assert found.status is Status.MANUAL
    assert f"vm.overcommit_ratio={ratio} the limit would be" in found.reason


GIGANTIC = meminfo(total=65800000, committed=9000000)
HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-"


@pytest.mark.parametrize(
    "files",
    [
        {"/proc/meminfo": f"{GIGANTIC}Hugetlb: 62914560 kB\n"},
        # Before 4.16 /proc/meminfo does not tell of any size but the default one.
        {
            "/proc/meminfo": GIGANTIC,
            f"{HUGEPAGES}1048576kB/nr_hugepages": "60",
            f"{HUGEPAGES}2048kB/nr_hugepages": "0",
        },
    ],
)
def test_huge_pages_of_another_size_than_the_default_are_no_memory_to_promise_either(files):
    found = verdict(files)
    assert found.status is Status.MANUAL
    assert "the limit would be 2254 MiB" in found.reason
    assert verdict({"/proc/meminfo": GIGANTIC}).status is Status.NONCOMPLIANT


def test_swap_that_the_next_boot_does_not_bring_is_not_counted():
    swap = "Filename Type Size Used Priority\n/swapfile file 4000000 0 -2"
    files = {"/proc/meminfo": meminfo(committed=3000000), "/proc/swaps": swap}
    assert verdict(files).status is Status.MANUAL
    listed = {**files, "/etc/fstab": "/swapfile none swap sw 0 0"}
    sized = [Entry("/swapfile", "-", "rw-------", 1, 0, 0, 4096000000)]
    assert verdict(listed, entries=sized).status is Status.NONCOMPLIANT


def test_zram_is_no_swap():
    swap = "Filename Type Size Used Priority\n/dev/zram0 partition 4000000 0 100"
    assert verdict({"/proc/meminfo": meminfo(committed=3000000), "/proc/swaps": swap}).status is Status.MANUAL


@pytest.mark.parametrize("path", sorted(RELIES_ON_OVERCOMMIT))
def test_a_guest_with_a_program_that_relies_on_overcommit_is_left_alone(path):
    found = verdict(entries=[Entry(path, "-", "rwxr-xr-x", 1, 0, 0, 9)])
    assert found.status is Status.NOT_APPLICABLE
    assert RELIES_ON_OVERCOMMIT[path] in found.reason


def test_an_absolute_amount_is_somebodys_choice():
    assert verdict({f"{VM}overcommit_kbytes": "2000000", f"{VM}overcommit_ratio": "0"}).status is Status.MANUAL
    whose = verdict({"/etc/sysctl.d/60-x.conf": "vm.overcommit_kbytes=2000000"})
    assert (whose.status, whose.owner) == (Status.MANUAL, "/etc/sysctl.d/60-x.conf:1")
    files = {**STRICT, f"{VM}overcommit_ratio": "0", f"{VM}overcommit_kbytes": "2000000"}
    boot = {"/etc/sysctl.d/60-x.conf": "vm.overcommit_memory=2\nvm.overcommit_kbytes=2000000"}
    assert verdict({**files, **boot}).status is Status.COMPLIANT


def test_a_ratio_after_an_absolute_amount_takes_its_place():
    late = {"/etc/sysctl.d/50-early.conf": "vm.overcommit_kbytes=2000000"}
    assert verdict({**STRICT, **late, **STRICT_AT_BOOT}).status is Status.COMPLIANT


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"/proc/meminfo": "MemTotal: 4000000 kB"}, Status.UNKNOWN),
        ({"/proc/swaps": State.DENIED}, Status.UNKNOWN),
        ({f"{VM}overcommit_ratio": State.DENIED}, Status.UNKNOWN),
        ({"/proc/meminfo": meminfo(total=1000000)}, Status.NOT_APPLICABLE),
    ],
)
def test_what_is_not_known_and_what_is_too_small(files, status):
    assert verdict(files).status is status


@pytest.mark.parametrize(
    ("ratio", "headroom", "wrong"), [(1, 0, False), (100, 400, False), (0, 20, True), (80, -1, True)]
)
def test_the_ranges_of_the_options(ratio, headroom, wrong):
    assert bool(wrong_options({"overcommit_ratio": ratio, "overcommit_headroom": headroom})) is wrong
