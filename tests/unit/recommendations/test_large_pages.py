# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""large_pages: what is set aside is judged, and what is asked for is set aside."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.large_pages import (
    KEY,
    assess,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

FILE = "/proc/sys/vm/nr_hugepages"


def verdict(
    now, files=None, *, free=0, rsvd=0, at_boot=None, count=None, reserved=None, available=3000000, gigantic=0
) -> Verdict:
    """The verdict on a guest of 4 GB with so many pages of 2 MiB, and so many ``gigantic`` ones of 1 GiB; ``reserved`` MiB on the
    host, None where it does not tell."""
    meminfo = (
        f"MemTotal: 4000000 kB\nMemAvailable: {available} kB\nHugePages_Total: {now}\nHugePages_Free: {free}\n"
        f"HugePages_Rsvd: {rsvd}\nHugepagesize: 2048 kB\nHugetlb: {now * 2048 + gigantic * 1048576} kB"
    )
    known = {"/proc/meminfo": meminfo, FILE: str(now)}
    if at_boot is not None:
        known["/etc/sysctl.d/60-x.conf"] = f"{KEY} = {at_boot}"
    commands = {} if reserved is None else {"memory_reservation": (0, f"{reserved} MB")}
    evidence = evidence_of({**known, **(files or {})}, commands=commands)
    return assess(evidence, {"large_pages_count": count, "large_pages_require_reservation": True})


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"now": 0}, Status.COMPLIANT, "no memory is set aside"),
        ({"now": 500, "at_boot": 500}, Status.COMPLIANT, "500 pages are set aside and used"),
        ({"now": 500, "at_boot": 500, "free": 25}, Status.COMPLIANT, "used"),
        ({"now": 500, "at_boot": 500, "free": 26}, Status.MANUAL, "26 of 500 huge pages (52 MiB)"),
        ({"now": 500, "at_boot": 500, "free": 400, "rsvd": 400}, Status.COMPLIANT, "used"),
        ({"now": 1600, "at_boot": 1600}, Status.MANUAL, "more than 80 %"),
        ({"now": 500, "at_boot": 500, "reserved": 999}, Status.MANUAL, "reserve at least 1000 MiB"),
        ({"now": 500, "at_boot": 500, "reserved": 1000}, Status.COMPLIANT, "used"),
        ({"now": 500}, Status.MANUAL, "set large_pages_count to 500"),
        ({"now": 400, "at_boot": 500}, Status.PENDING_REBOOT, "found room for 400"),
        ({"now": 0, "gigantic": 1}, Status.COMPLIANT, "1024 MiB in pages of other sizes"),
        ({"now": 0, "gigantic": 3}, Status.COMPLIANT, "3072 MiB"),
        ({"now": 30, "at_boot": 30, "gigantic": 3}, Status.MANUAL, "3132 of 3906 MiB in huge pages"),
        ({"now": 0, "gigantic": 2, "reserved": 2047}, Status.MANUAL, "reserve at least 2048 MiB"),
        ({"now": 0, "gigantic": 2, "reserved": 2048}, Status.COMPLIANT, "2048 MiB"),
    ],
)
def test_what_is_there_is_judged(given, status, words):
    found = verdict(**given)
    assert found.status is status, found.reason
    assert words in found.reason


def test_what_is_asked_for_is_set_aside_now_and_at_boot():
    found = verdict(0, count=500)
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy == (
        WriteFile("/etc/sysctl.d/90-vmguest-large-pages.conf", f"# vmguest.linux, large_pages\n{KEY} = 500\n"),
        WriteKernel(FILE, "0", "500"),
    )


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"now": 500, "at_boot": 500, "count": 500, "free": 500}, Status.COMPLIANT, "as large_pages_count asks"),
        ({"now": 500, "count": 500}, Status.NOT_PERSISTENT, "0 at the next boot"),
        ({"now": 0, "count": 1600}, Status.MANUAL, "more than 80 %"),
        ({"now": 0, "count": 500, "reserved": 0}, Status.MANUAL, "in vCenter"),
        ({"now": 0, "count": 500, "gigantic": 3}, Status.MANUAL, "more than 80 %"),
        ({"now": 500, "count": 100, "free": 50}, Status.MANUAL, "450 are in use"),
        ({"now": 0, "count": 500, "available": 1000000}, Status.MANUAL, "and reboot"),
        ({"now": 500, "at_boot": 500, "count": 0, "free": 500}, Status.NONCOMPLIANT, "asks for 0"),
    ],
)
def test_what_is_asked_for(given, status, words):
    found = verdict(**given)
    assert found.status is status, found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    ("arguments", "status"),
    [("hugepages=500", Status.COMPLIANT), ("hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=500", Status.COMPLIANT)],
)
def test_the_boot_options_set_them_aside_too(arguments, status):
    assert verdict(500, {"/etc/kernel/cmdline": f"root=/dev/sda1 {arguments}"}).status is status


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ("hugepagesz=1G hugepages=1", Status.MANUAL, "the kernel has none"),
        ("hugepagesz=1G hugepages=0", Status.COMPLIANT, "no memory is set aside"),
        ("hugepagesz=1G", Status.COMPLIANT, "no memory is set aside"),
    ],
)
def test_pages_that_the_boot_options_set_by_their_size_and_the_kernel_has_not(arguments, status, words):
    found = verdict(0, {"/etc/kernel/cmdline": f"root=/dev/sda1 {arguments}"})
    assert (found.status, words in found.reason) == (status, True), found.reason


def test_a_number_beside_sizes_of_the_boot_options_is_left_to_a_person():
    files = {"/etc/kernel/cmdline": "root=/dev/sda1 hugepagesz=1G hugepages=1"}
    assert verdict(0, files, count=500).status is Status.MANUAL


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"/proc/meminfo": "MemTotal: 4000000 kB"}, Status.NOT_APPLICABLE),
        ({"/proc/meminfo": State.DENIED}, Status.UNKNOWN),
        ({FILE: State.DENIED}, Status.UNKNOWN),
    ],
)
def test_a_kernel_without_them_or_that_does_not_tell(files, status):
    assert verdict(0, files).status is status


@pytest.mark.parametrize(("count", "wrong"), [(None, False), (0, False), (-1, True)])
def test_the_range_of_the_option(count, wrong):
    assert bool(wrong_options({"large_pages_count": count})) is wrong
