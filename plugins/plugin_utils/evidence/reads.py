# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe reads, declared as data by those who need it; ``guest/probe_payload.py`` makes one probe of all of them.

Adding to the probe costs no process for files, one or two for all :class:`Lines`, one for each :class:`Command`, and
for :class:`Images` a dozen for each image, or one for all where apply has noted what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Redaction(str, Enum):
    """What the probe takes out before a line leaves the guest.

    CRONTAB keeps of a command its first word, and the whole of a line that distributions ship (run-parts and its like);
    FSTAB takes out the values of password and credential options; BOOTLOADER takes out password lines' values.
    """

    CRONTAB = "crontab"
    FSTAB = "fstab"
    BOOTLOADER = "bootloader"


@dataclass(frozen=True)
class Files:
    """Whole text files, by absolute path or glob (``*``, ``?``, ``[…]``, as the shell's).

    A file over 256 KiB is not read but marked too large.
    """

    globs: tuple[str, ...]
    redact: Redaction | None = None


@dataclass(frozen=True)
class Lines:
    """Only those lines of files that match a basic regular expression (as grep's), with their numbers.

    All that is no kernel file is searched for everybody's patterns at once; who asked for which line is found out on the
    controller. ``alone`` is for a pattern that would select too much in others' files, or a secret: what is of the kernel goes
    with it.
    """

    name: str
    pattern: str
    globs: tuple[str, ...]
    alone: bool = False


@dataclass(frozen=True)
class Entries:
    """Directory entries themselves: type, mode, links, owner, size, and where a symbolic link points."""

    globs: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Output of a command that only reads. Run where its first word is found, and ended after ``seconds``.

    ``unless`` is a path: where it exists the command is not run, for it could tell no more. ``needs`` is a program without which
    it is not run: what a script for sh is about. ``single`` says that it never starts another program (a script of ``sh -c``:
    but by exec): to end it is to end all, and it costs no process group, and a script no shell of its own.
    """

    name: str
    argv: tuple[str, ...]
    seconds: int = 10
    unless: str = ""
    needs: str = ""
    single: bool = False


@dataclass(frozen=True)
class Images:
    """Which of ``modules`` the images of the early user space (initramfs, initrd) hold that ``globs`` match.

    A module's name is as modprobe has it, with underscores. Links are left out, and images for repairs and crash dumps.
    """

    globs: tuple[str, ...]
    modules: tuple[str, ...]


Read = Files | Lines | Entries | Command | Images


def files(*globs: str, redact: Redaction | None = None) -> Files:
    """Whole text files, by path or glob."""
    return Files(globs, redact)


def entries(*globs: str) -> Entries:
    """Directory entries, by path or glob."""
    return Entries(globs)
