# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small guest's disk: a partition for the root file system, one each for /boot and /var where these are on file systems of
their own, a place for marks.

Made without root, loop devices or mounts: the tools that make file systems also fill them.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vmguest.linux.tests.crash.guest import GuestFile
from ansible_collections.vmguest.linux.tests.crash.machine import MachineError, need
from ansible_collections.vmguest.linux.tests.crash.write_log import SECTOR

MIB = 1024 * 1024
ROOT_AT, ROOT_SIZE = 1 * MIB, 56 * MIB
BOOT_AT, BOOT_SIZE = 57 * MIB, 40 * MIB
VAR_AT, VAR_SIZE = 97 * MIB, 24 * MIB
MARKS_AT = 121 * MIB
SIZE = 122 * MIB
#: Where a folder's own file system lies, and how large it is.
PLACES = {"/boot": (BOOT_AT, BOOT_SIZE), "/var": (VAR_AT, VAR_SIZE)}
#: The first sector of the place where the machine marks the phases of its run.
MARKS_FROM = MARKS_AT // SECTOR


@dataclass(frozen=True)
class Layout:
    """How a guest's disk is used."""

    file_system: str
    #: Folders that are file systems of their own.
    own: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For tables."""
        return self.file_system + (f", own {' and '.join(self.own)}" if self.own else "")

    @property
    def separate_boot(self) -> bool:
        """The boot loader's paths begin in /boot."""
        return "/boot" in self.own


#: All in the root file system; and what boots, what was changed and what the receipts say of it on three that each reach the
#: disk in their own time.
LAYOUTS = (Layout("ext4"), Layout("xfs"), Layout("ext4", ("/boot", "/var")), Layout("xfs", ("/boot", "/var")))
#: What most guests have, between these two.
OWN_BOOT = Layout("ext4", ("/boot",))


def partition_table(places: Iterable[tuple[int, int]]) -> bytes:
    """A master boot record with Linux partitions at (begin, size), in bytes."""
    entries = [struct.pack("<B3xB3xII", 0, 0x83, begin // SECTOR, size // SECTOR) for begin, size in places]
    return bytes(446) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def build(layout: Layout, files: Mapping[str, GuestFile], folders: Iterable[str]) -> bytes:
    """The disk of a guest with ``files`` and ``folders``."""
    disk = bytearray(SIZE)
    disk[:SECTOR] = partition_table([(ROOT_AT, ROOT_SIZE), *PLACES.values()])
    _install_grub(disk, layout.separate_boot)
    rest, others = dict(files), list(folders)
    for top in layout.own:
        begin, size = PLACES[top]
        within = {path.removeprefix(top): rest.pop(path) for path in list(rest) if path.startswith(f"{top}/")}
        inside = [path.removeprefix(top) for path in others if path.startswith(f"{top}/")]
        others = [*(path for path in others if not path.startswith(f"{top}/")), top]
        disk[begin : begin + size] = _file_system(layout.file_system, size, within, inside)
    disk[ROOT_AT : ROOT_AT + ROOT_SIZE] = _file_system(layout.file_system, ROOT_SIZE, rest, others)
    return bytes(disk)


def _install_grub(disk: bytearray, separate_boot: bool) -> None:
    """A real GRUB between the partition table and the first partition, as grub-install puts it there. What it needs of itself
    is in that one image; its configuration, kernels and images are read from the guest's file system."""
    folder = Path("/usr/lib/grub/i386-pc")
    first = folder / "boot.img"
    if not first.is_file():
        raise MachineError(f"{first} is needed: make setup installs grub-pc-bin")
    with tempfile.TemporaryDirectory(prefix="vmguest-crash-") as place:
        early, core = Path(place) / "early.cfg", Path(place) / "core.img"
        early.write_text("serial --unit=0 --speed=115200\nterminal_output serial\n", encoding="ascii")
        prefix = "(hd0,msdos2)/grub" if separate_boot else "(hd0,msdos1)/boot/grub"
        words = [
            need("grub-mkimage"),
            "-O",
            "i386-pc",
            "-d",
            str(folder),
            "-o",
            str(core),
            "-c",
            str(early),
            "-p",
            prefix,
        ]
        done = subprocess.run(
            [*words, "biosdisk", "part_msdos", "ext2", "xfs", "serial", "terminal", "normal", "linux"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise MachineError(f"grub-mkimage ended with {done.returncode}: {done.stderr}")
        image = core.read_bytes()
    # The first sector of the core image holds where the rest is: from sector 2 on, unless something changes that.
    disk[:440] = first.read_bytes()[:440]
    disk[SECTOR : SECTOR + len(image)] = image


def _file_system(kind: str, size: int, files: Mapping[str, GuestFile], folders: Iterable[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="vmguest-crash-") as place:
        top, image = Path(place) / "top", Path(place) / "image"
        top.mkdir(mode=0o755)
        for folder in folders:
            (top / folder[1:]).mkdir(parents=True, exist_ok=True)
        for path, file in files.items():
            target = top / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(file.mode)
        with image.open("wb") as stream:
            stream.truncate(size)
        if kind == "ext4":
            # Blocks and journal as on a large disk; a file system this small would get others.
            words = [need("mke2fs"), "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-J", "size=4"]
            words += ["-E", "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard"]
            words += ["-U", "c0ffee00-0000-4000-8000-000000000001", "-d", str(top), str(image)]
        else:
            prototype = Path(place) / "prototype"
            prototype.write_text("/\n0 0\n" + _prototype(top, top) + "\n", encoding="ascii")
            words = [need("mkfs.xfs"), "--unsupported", "-q", "-f", "-p", str(prototype), str(image)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MachineError(f"{words[0]} ended with {done.returncode}: {done.stderr}")
        return image.read_bytes()


def _prototype(folder: Path, top: Path) -> str:
    """A folder in the words of mkfs.xfs -p."""
    lines = ["d--755 0 0"]
    for child in sorted(folder.iterdir()):
        if child.is_dir():
            lines.append(f"{child.name} {_prototype(child, top)}")
        else:
            lines.append(f"{child.name} ---{child.stat().st_mode & 0o777:03o} 0 0 {child}")
    return "\n".join([*lines, "$"])


def write_sparse(path: Path, disks: Iterable[bytes]) -> None:
    """Disks one after the other into one file, in which zeros take no place."""
    zeros = bytes(MIB)
    with path.open("wb") as stream:
        end = 0
        for disk in disks:
            for at in range(0, len(disk), MIB):
                part = disk[at : at + MIB]
                if part != zeros[: len(part)]:
                    os.pwrite(stream.fileno(), part, end + at)
            end += len(disk)
        stream.truncate(end)
