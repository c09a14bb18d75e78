# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which states a disk may be found in after a power cut, given all that was written to it.

Between two flushes a disk promises nothing: of the writes since the last flush any may be there or not, in any order, and
one may be there in part. A block of 4 KiB is written as a whole or not at all, as file systems themselves rely on (ext4
refuses to mount where a commit block of its journal was torn).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from ansible_collections.vmguest.linux.tests.crash.write_log import SECTOR, Entry, Flag

#: Bytes that a disk writes as a whole or not at all.
BLOCK = 4096


class Cut(Enum):
    """Where the power went."""

    FLUSH = "at a flush"
    PREFIX = "between writes"
    REORDERED = "writes reordered"
    TORN = "within a write"


@dataclass(frozen=True)
class Write:
    """Some sectors' new content."""

    sector: int
    data: bytes


@dataclass(frozen=True)
class Epoch:
    """From one flush to the next: what was durable before, as the number of ``writes`` of the whole log, what came then,
    and the last mark that was set before."""

    durable: int
    pending: tuple[Write, ...]
    phase: str


@dataclass(frozen=True)
class State:
    """A disk after a power cut: the first ``durable`` writes of the log, and ``extra``."""

    cut: Cut
    phase: str
    durable: int
    extra: tuple[Write, ...]


def epochs(entries: Sequence[Entry], marks_from: int) -> tuple[list[Write], list[Epoch]]:
    """All writes in order, and the epochs. Writes from sector ``marks_from`` on are marks: text that names the phase that
    begins; they are no part of the disk, and end an epoch only in name."""
    writes: list[Write] = []
    found: list[Epoch] = []
    durable, phase = 0, ""

    def close(flushed: bool) -> None:
        nonlocal durable
        found.append(Epoch(durable, tuple(writes[durable:]), phase))
        if flushed:
            durable = len(writes)

    for entry in entries:
        if entry.data and entry.sector >= marks_from:
            close(False)
            phase = entry.data.rstrip(b"\0\n").decode()
            continue
        if entry.flags & Flag.FLUSH:
            close(True)
        if entry.data:
            writes.append(Write(entry.sector, entry.data))
        if entry.flags & Flag.FUA and entry.data:
            # Durable by itself: what lingers beside it is taken for durable, too, as it would need a log of its own.
            close(True)
    close(True)
    return writes, found


def candidates(found: Sequence[Epoch], random: Random, per_epoch: int = 2) -> Iterator[State]:
    """States to try: of each epoch its begin, and ``per_epoch`` of each kind in which some of its writes were made."""
    for epoch in found:
        yield State(Cut.FLUSH, epoch.phase, epoch.durable, ())
        pending = epoch.pending
        for dummy in range(per_epoch if pending else 0):
            upto = random.randint(1, len(pending))
            yield State(Cut.PREFIX, epoch.phase, epoch.durable, pending[:upto])
            if len(pending) > 1:
                some = tuple(write for write in pending if random.random() < 0.5)
                yield State(Cut.REORDERED, epoch.phase, epoch.durable, some)
            torn = [number for number, write in enumerate(pending) if len(write.data) > BLOCK]
            if torn:
                number = random.choice(torn)
                yield State(Cut.TORN, epoch.phase, epoch.durable, (*pending[:number], *_torn(pending[number], random)))


def _torn(write: Write, random: Random) -> Iterator[Write]:
    """Some of a write's blocks: its first ones, or any of them."""
    blocks = -(-len(write.data) // BLOCK)
    if random.random() < 0.5:
        yield Write(write.sector, write.data[: random.randint(1, blocks - 1) * BLOCK])
        return
    for number in range(blocks):
        if random.random() < 0.5:
            yield Write(write.sector + number * BLOCK // SECTOR, write.data[number * BLOCK : (number + 1) * BLOCK])


def choose(states: Sequence[State], number: int, random: Random) -> list[State]:
    """``number`` of the states, in their order, evenly of each kind and phase as far as there are any."""
    kinds: dict[tuple[str, Cut], list[State]] = {}
    for state in states:
        kinds.setdefault((state.phase, state.cut), []).append(state)
    for group in kinds.values():
        random.shuffle(group)
    chosen: list[State] = []
    while len(chosen) < number and any(kinds.values()):
        for group in kinds.values():
            if group and len(chosen) < number:
                chosen.append(group.pop())
    place = {id(state): at for at, state in enumerate(states)}
    return sorted(chosen, key=lambda state: place[id(state)])


def replay(disk: bytearray, writes: Sequence[Write]) -> None:
    """Do ``writes`` on ``disk``."""
    for write in writes:
        at = write.sector * SECTOR
        disk[at : at + len(write.data)] = write.data
