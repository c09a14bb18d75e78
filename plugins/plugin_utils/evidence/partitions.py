# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partitions: where each begins on its disk, and where in it LVM and md begin with their data. All in sectors of 512 bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, files

READS: tuple[Read, ...] = (
    files(
        "/sys/block/*/*/start",
        "/sys/block/*/*/size",
        # Since 2.6.31.
        "/sys/block/*/*/alignment_offset",
        "/sys/block/md*/md/dev-*/offset",
    ),
    # LVM's own backup of its metadata, renewed at every change: `device = "/dev/sda2"`, then `pe_start = 2048`.
    Lines("lvm_layout", '^[[:blank:]]*device = "\\|^[[:blank:]]*pe_start = ', ("/etc/lvm/backup/*",)),
)

_PATH = re.compile(r"/sys/block/([^/]+)/([^/]+)/start")
_MEMBER = re.compile(r"/sys/block/md[^/]+/md/dev-([^/]+)/offset")
_DEVICE = re.compile(r'\s*device = "/dev/([^"]+)"')
_PE_START = re.compile(r"\s*pe_start = (\d+)")


@dataclass(frozen=True)
class Partition:
    """A partition. ``start``, ``size`` and ``inner`` are in sectors; the first two None where they cannot be read.

    ``inner`` is where its data begins in it: after LVM's or md's own. ``alignment_offset`` is the kernel's, in bytes: 0 is good;
    None where it cannot be read, 0 where the kernel has none.
    """

    disk: str
    name: str
    start: int | None
    size: int | None
    inner: int
    alignment_offset: int | None

    @property
    def data_start_bytes(self) -> int | None:
        """Where its data begins on the disk."""
        return None if self.start is None else (self.start + self.inner) * 512


def partitions(probe: ProbeOutput) -> tuple[Partition, ...]:
    """All partitions of all disks, by their names; an extended partition (two sectors for the kernel) is none."""
    inner = _inner(probe)
    found = []
    for file in probe.glob("/sys/block/*/*/start"):
        match = _PATH.fullmatch(file.path)
        if match is None:
            continue
        folder = file.path.removesuffix("/start")
        size = _number(probe, f"{folder}/size")
        if size is not None and size <= 2:
            continue
        offset = probe.file(f"{folder}/alignment_offset")
        found.append(
            Partition(
                match[1],
                match[2],
                _number(probe, file.path),
                size,
                inner.get(match[2], 0),
                _number(probe, offset.path) if offset.exists else 0,
            )
        )
    return tuple(found)


def _inner(probe: ProbeOutput) -> dict[str, int]:
    """Partition to where LVM or md begin in it."""
    found = {}
    for file in probe.glob("/sys/block/md*/md/dev-*/offset"):
        member = _MEMBER.fullmatch(file.path)
        if member and file.value.isdecimal():
            found[member[1]] = int(file.value)
    device = ""
    for line in probe.lines("lvm_layout"):
        named, begins = _DEVICE.match(line.text), _PE_START.match(line.text)
        if named:
            device = named[1]
        elif begins and device:
            found[device] = int(begins[1])
            device = ""
    return found


def _number(probe: ProbeOutput, path: str) -> int | None:
    value = probe.file(path).value
    return int(value) if value.isdecimal() else None
