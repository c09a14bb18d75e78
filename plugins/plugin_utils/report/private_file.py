# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file for its owner's eyes that is there whole or not at all: written beside its place and renamed."""

from __future__ import annotations

import fcntl
import filecmp
import os
import re
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TextIO


class PrivateFile:
    """A text file that is being written. ``text`` takes it; then :meth:`keep` or :meth:`drop`.

    Lone surrogates, which UTF-8 has no place for, are written as ``\\udcff``, which JSON reads back.

    :raises OSError: where it cannot be made.
    """

    def __init__(self, path: Path, newline: str = "\n") -> None:
        self.path = path
        self._beside = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with suppress(OSError):
            # For as long as it is open, also where its number means nothing (another container, a process after this one).
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.text: TextIO = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=newline)

    def keep(self) -> bool:
        """Put it in its place; False where just that was there already.

        :raises OSError: where it cannot be written; it is dropped then.
        """
        try:
            self.text.close()
            if self.path.is_file() and filecmp.cmp(self._beside, self.path, shallow=False):
                self.drop()
                return False
            os.rename(self._beside, self.path)
        except OSError:
            self.drop()
            raise
        return True

    def drop(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):
            self.text.close()
        with suppress(OSError):
            os.unlink(self._beside)


def clear_abandoned(folder: Path, names: Collection[str]) -> list[Path]:
    """Remove what processes that were killed left beside the files ``names`` of ``folder``; what was removed.

    Only regular files of our own pattern and user, of which neither the process lives nor anybody has the lock.
    """
    found = re.compile(rf"\.(?:{'|'.join(map(re.escape, names))})\.([1-9][0-9]{{0,9}})")
    try:
        numbers = {name: match[1] for name in os.listdir(folder) if (match := found.fullmatch(name))}
    except OSError:
        return []
    removed = []
    for name, number in sorted(numbers.items()):
        path = folder / name
        # What has this process' own number was here before it.
        if (int(number) == os.getpid() or not _lives(int(number))) and _unlinked(path):
            removed.append(path)
    return removed


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _unlinked(path: Path) -> bool:
    """Remove a regular file of this user that nobody has locked; False where it is none."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
