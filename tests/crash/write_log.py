# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a disk was told to write, in order, as QEMU's ``blklogwrites`` records it.

The format is that of the kernel's dm-log-writes target (Documentation/admin-guide/device-mapper/log-writes.rst, and the
structures of drivers/md/dm-log-writes.c): a super block in the first sector, then entries of one sector each, every one
followed by the data that it tells of. Numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

MAGIC = 0x6A736677736872
VERSION = 1
SECTOR = 512

_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class Flag(IntFlag):
    """What an entry is. Without any it is a write that may linger in the disk's cache."""

    FLUSH = 1
    FUA = 2
    DISCARD = 4
    MARK = 8


@dataclass(frozen=True)
class Entry:
    """One request: ``data`` for the bytes from ``sector`` on. A flush has none, and makes durable all that came before it."""

    sector: int
    data: bytes
    flags: int = 0


def read_log(log: bytes) -> list[Entry]:
    """The entries of a log.

    :raises ValueError: where it is none, or ends before its super block says so.
    """
    if len(log) < SECTOR:
        raise ValueError("the log is empty")
    magic, version, count, sector_size = _SUPER.unpack_from(log)
    if magic != MAGIC or version != VERSION:
        raise ValueError(f"not a write log: magic {magic:#x}, version {version}")
    return list(_entries(log, count, sector_size))


def _entries(log: bytes, count: int, sector_size: int) -> Iterator[Entry]:
    at = sector_size
    for number in range(count):
        if at + sector_size > len(log):
            raise ValueError(f"the log ends before entry {number} of {count}")
        sector, sectors, flags, length = _ENTRY.unpack_from(log, at)
        at += sector_size
        data = b""
        if Flag.DISCARD & flags:
            # What is read after a discard is up to the disk: nothing is taken away here.
            sectors = 0
        elif Flag.MARK & flags:
            data = log[at : at + length]
            at += -(-length // sector_size) * sector_size
        else:
            data = log[at : at + sectors * sector_size]
            at += sectors * sector_size
        if len(data) != (length if Flag.MARK & flags else sectors * sector_size):
            raise ValueError(f"the log ends within entry {number} of {count}")
        yield Entry(sector * sector_size // SECTOR, data, flags)


def write_log(entries: list[Entry]) -> bytes:
    """The log of ``entries``: the inverse of :func:`read_log`, for tests."""
    parts = [_SUPER.pack(MAGIC, VERSION, len(entries), SECTOR).ljust(SECTOR, b"\0")]
    for entry in entries:
        sectors = len(entry.data) // SECTOR
        parts.append(_ENTRY.pack(entry.sector, sectors, entry.flags, 0).ljust(SECTOR, b"\0"))
        parts.append(entry.data)
    return b"".join(parts)
