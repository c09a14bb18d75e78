# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives that the Linux kernel unpacks as its initramfs: cpio's "newc" format.

The format, and that archives may follow one another, is in the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file, folder or symbolic link: mode with its type bits, and content (of a link: where it leads)."""

    mode: int
    content: bytes = b""


def file(content: bytes, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(stat.S_IFREG | mode, content)


def folder(mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(stat.S_IFDIR | mode)


def link(to: str) -> Entry:
    """A symbolic link."""
    return Entry(stat.S_IFLNK | 0o777, to.encode())


def archive(entries: Mapping[str, Entry]) -> bytes:
    """One archive of ``entries``, by path without a leading slash, owned by root; folders above them are made."""
    whole: dict[str, Entry] = {}
    for path, entry in entries.items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            whole.setdefault("/".join(parts[:depth]), folder())
        whole[path] = entry
    records = [_record(number, path, entry) for number, (path, entry) in enumerate(whole.items(), 1)]
    data = b"".join([*records, _record(0, "TRAILER!!!", Entry(0))])
    return data + bytes(-len(data) % 512)


def _record(inode: int, path: str, entry: Entry) -> bytes:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + entry.content + bytes(-len(entry.content) % 4)
