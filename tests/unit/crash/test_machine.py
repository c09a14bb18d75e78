# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the small machine is started from: archives, the partition table, the programs and the plan."""

from __future__ import annotations

import re
import struct

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import APPLY, apply_payload
from ansible_collections.vmguest.linux.tests.crash import page
from ansible_collections.vmguest.linux.tests.crash.bugs import BUGS
from ansible_collections.vmguest.linux.tests.crash.campaign import Tally
from ansible_collections.vmguest.linux.tests.crash.cpio import archive, file, folder, link
from ansible_collections.vmguest.linux.tests.crash.disk import partition_table
from ansible_collections.vmguest.linux.tests.crash.guest import (
    RECEIPTS,
    UNITS,
    BootParts,
    boot_paths,
    files,
    transactions,
)
from ansible_collections.vmguest.linux.tests.crash.judge import Seen

#: Stand-ins for a kernel and a busybox.
PARTS = BootParts(b"kernel", b"busybox")


def names_in(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content by name, read by the format's own rules."""
    found, at = {}, 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * number : at + 14 + 8 * number], 16) for number in range(13)]
        name = data[at + 110 : at + 110 + fields[11] - 1].decode()
        at += -(-(110 + fields[11]) // 4) * 4
        content = data[at : at + fields[6]]
        at += -(-fields[6] // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], content)


def test_an_archive_holds_files_with_the_folders_above_them() -> None:
    """Given a file three folders deep, a link and an empty folder, the kernel finds all of them, folders first."""
    found = names_in(archive({"a/b/c": file(b"12345", 0o755), "l": link("/a/b/c"), "e": folder()}))
    assert list(found) == ["a", "a/b", "a/b/c", "l", "e"]
    assert found["a/b/c"] == (0o100755, b"12345")
    assert found["l"] == (0o120777, b"/a/b/c")
    assert found["e"][0] == 0o40755


def test_archives_may_follow_one_another() -> None:
    """Given any content, an archive ends at a boundary where the next may begin."""
    assert all(len(archive({"x": file(bytes(size))})) % 512 == 0 for size in range(9))


def test_a_partition_table_says_where_partitions_are() -> None:
    """Given two places, the kernel reads them from a sector with the boot signature."""
    table = partition_table([(1 << 20, 3 << 20), (8 << 20, 1 << 20)])
    assert (len(table), table[510:]) == (512, b"\x55\xaa")
    assert struct.unpack_from("<II", table, 446 + 8) == (2048, 6144)
    assert struct.unpack_from("<II", table, 462 + 8) == (16384, 2048)


def test_every_boot_file_is_watched_and_named_by_an_entry() -> None:
    """Given the guest's grub.cfg, the kernels and images that it names are there."""
    named = re.findall(rb"^\t(?:linux|initrd) (\S+)", files(PARTS, False)["/boot/grub/grub.cfg"].content, re.MULTILINE)
    assert len(named) == 4
    assert {name.decode() for name in named} <= set(boot_paths())


def test_receipts_and_units_are_those_of_the_plan() -> None:
    """Given the plan, each transaction and each group has its receipt, in the order of the plan; units end with one."""
    plan = apply_payload("0" * 32, "run", "now", transactions())
    order = re.search(r"^plan\(\) \{\n(.*?)^\}", plan, re.MULTILINE | re.DOTALL)
    assert order
    expected = []
    for line in order[1].splitlines():
        verb, first, *rest = line.split()
        if verb == "alone":
            continue
        expected += [first] if verb == "transaction" else [*rest[1::2], first]
    assert [name.split("-", 1)[1] for name in RECEIPTS] == expected
    assert set(UNITS) <= set(RECEIPTS)


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_replaces_a_function_that_there_is(name: str) -> None:
    """Given the shell text of a bug, each function in it but `sync` is one of apply.sh's: else it would change nothing."""
    functions = re.findall(r"^([a-z_]+)\(\) ", BUGS[name].text, re.MULTILINE)
    assert functions or BUGS[name].met_by_grub
    for function in functions:
        assert function == "sync" or re.search(rf"^{function}\(\) ", APPLY, re.MULTILINE)


def test_a_table_counts_states_and_failures() -> None:
    """Given two lines with three states, the last line has their sum, and columns stand below one another."""
    one, other = Tally("power cut", "ext4"), Tally("no room in /boot", "xfs, own /boot")
    one.add(Seen(said={"recovery": ["recovered 000001-x undone because"]}), [], "first")
    one.add(Seen(), ["it is broken", "quite"], "second")
    other.add(Seen(), [], "third")
    assert one.failures == ["second: it is broken; quite"]
    assert page.table([one, other]).splitlines() == [
        "interruption      file system     states  recovered  failures",
        "power cut         ext4                 2          1         1",
        "no room in /boot  xfs, own /boot       1          0         0",
        "all                                    3          1         1",
    ]


def test_the_page_shows_each_failure_and_how_each_bug_was_found() -> None:
    """Given a failure and a bug that was found, the page has their sentences; a bug that was missed stands out."""
    cut, found, missed = Tally("power cut", "ext4"), Tally("bug put in: one", "xfs"), Tally("bug put in: two", "xfs")
    cut.add(Seen(), ["it is broken"], "at a flush, apply, after write 3+0")
    found.add(Seen(), ["/etc/x is torn", "more"], "within a write")
    text = page.page([cut], [found, missed], 12.3, 7)
    assert "Failures: \n\n- power cut, ext4: at a flush, apply, after write 3+0: it is broken\n" in text
    assert "- *bug put in: one*: /etc/x is torn (within a write).\n- *bug put in: two*: **not found**\n" in text
    assert "12 minutes, seed 7" in text
    assert "Failures: None." in page.page([Tally("power cut", "ext4")], [found], 1, 1)
