# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk's write log is read as QEMU wrote it, and its states are those in which a power cut may leave the disk."""

from __future__ import annotations

from random import Random

import pytest

from ansible_collections.vmguest.linux.tests.crash.states import (
    BLOCK,
    Cut,
    State,
    Write,
    candidates,
    choose,
    epochs,
    replay,
)
from ansible_collections.vmguest.linux.tests.crash.write_log import MAGIC, SECTOR, Entry, Flag, read_log, write_log

#: Marks begin here.
END = 1000


def sectors(letters: str) -> bytes:
    """A sector of each letter."""
    return b"".join(letter.encode() * SECTOR for letter in letters)


def flush() -> Entry:
    """A flush."""
    return Entry(0, b"", Flag.FLUSH)


def mark(text: str) -> Entry:
    """A phase begins."""
    return Entry(END, text.encode().ljust(SECTOR, b"\0"))


def test_a_log_is_read_as_it_was_written() -> None:
    """Given writes, a flush and a discard, their order, place and data come back; a discard has no data."""
    log = [Entry(8, sectors("ab")), flush(), Entry(3, sectors("c"), Flag.FUA), Entry(70, b"", Flag.DISCARD)]
    assert read_log(write_log(log)) == log


def test_what_stands_after_the_last_entry_is_no_part_of_the_log() -> None:
    """Given a log that was grown beyond what its super block counts, the rest is left out."""
    assert read_log(write_log([Entry(1, sectors("a"))]) + sectors("xyz")) == [Entry(1, sectors("a"))]


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (b"", "the log is empty"),
        (bytes(SECTOR), "not a write log: magic 0x0"),
        (MAGIC.to_bytes(8, "little") + (2).to_bytes(8, "little") + bytes(SECTOR), "version 2"),
        (write_log([Entry(1, sectors("ab"))])[:-1], "the log ends within entry 0 of 1"),
        (write_log([Entry(1, b"")])[:SECTOR], "the log ends before entry 0 of 1"),
    ],
)
def test_what_is_no_whole_log_is_refused(log: bytes, sentence: str) -> None:
    """Given another file, another version or a cut log, nothing of it is believed."""
    with pytest.raises(ValueError, match=sentence):
        read_log(log)


def test_a_flush_makes_durable_what_came_before_it() -> None:
    """Given two writes, a flush and a third, the third alone lingers; marks name the phases and are no writes."""
    log = [
        mark("apply"),
        Entry(1, sectors("a")),
        Entry(2, sectors("b")),
        flush(),
        mark("revert"),
        Entry(3, sectors("c")),
    ]
    writes, found = epochs(log, END)
    assert [write.sector for write in writes] == [1, 2, 3]
    assert [(epoch.phase, epoch.durable, len(epoch.pending)) for epoch in found if epoch.pending] == [
        ("apply", 0, 2),
        ("revert", 2, 1),
    ]


def test_a_write_through_is_durable_at_once() -> None:
    """Given a write with FUA, what comes next builds on it."""
    dummy, found = epochs([Entry(1, sectors("a"), Flag.FUA), Entry(2, sectors("b"))], END)
    assert [(epoch.durable, len(epoch.pending)) for epoch in found] == [(0, 1), (1, 1)]


def test_states_hold_all_that_is_durable_and_only_what_was_written() -> None:
    """Given three flushes' worth of writes, each state is the durable ones and some of those that linger, maybe torn."""
    log = [
        *(Entry(sector, sectors("a")) for sector in range(5)),
        flush(),
        Entry(100, sectors("b" * 64)),
        Entry(20, sectors("c")),
        flush(),
    ]
    writes, found = epochs(log, END)
    states = list(candidates(found, Random(1), per_epoch=20))
    assert {state.cut for state in states} == set(Cut)
    for state in states:
        assert state.durable in (0, 5, 7)
        disk, whole = bytearray(END * SECTOR), bytearray(END * SECTOR)
        replay(disk, writes[: state.durable])
        replay(disk, state.extra)
        replay(whole, writes)
        differing = [at for at in range(0, len(disk), SECTOR) if disk[at : at + SECTOR] != whole[at : at + SECTOR]]
        assert all(not any(disk[at : at + SECTOR]) for at in differing), "neither what was there nor what was written"
        assert all(at >= 5 * SECTOR for at in differing) or state.durable == 0


def test_a_torn_write_keeps_its_blocks_whole() -> None:
    """Given a write of 64 sectors, its parts begin and end where a block does."""
    dummy, found = epochs([Entry(100, sectors("b" * 64)), flush()], END)
    torn = [state for state in candidates(found, Random(2), per_epoch=50) if state.cut is Cut.TORN]
    assert torn
    for state in torn:
        assert all((write.sector - 100) * SECTOR % BLOCK == 0 for write in state.extra)
        assert sum(len(write.data) for write in state.extra) <= 64 * SECTOR
        assert all(len(write.data) % BLOCK == 0 for write in state.extra)


def test_a_sample_has_something_of_every_kind_in_order() -> None:
    """Given many states of one kind and few of another, a small sample holds both; the same seed gives the same sample."""
    many = [State(Cut.FLUSH, "apply", number, ()) for number in range(100)]
    few = [State(Cut.TORN, "revert 1", 200, (Write(number, b""),)) for number in range(3)]
    sample = choose([*many, *few], 6, Random(3))
    assert sum(state.cut is Cut.TORN for state in sample) == 3
    assert [state.durable for state in sample] == sorted(state.durable for state in sample)
    assert sample == choose([*many, *few], 6, Random(3))
    assert len(choose(many, 1000, Random(3))) == 100
