# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file for its owner's eyes that is there whole or not at all: written beside its place and renamed."""

from __future__ import annotations

import filecmp
import os
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
