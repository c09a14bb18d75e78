# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes a while, for who watches: a line with the seconds that pass on a terminal, one line at the end elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Where the seconds stand.
COLUMN = 62


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say ``what`` is being done while the block runs, and for how long."""
    began = time.monotonic()
    done = threading.Event()
    live = sys.stdout.isatty()

    def tick() -> None:
        while not done.wait(1):
            _line(what, f"{time.monotonic() - began:4.0f} s", "\r")

    watcher = threading.Thread(target=tick, daemon=True)
    if live:
        _line(what, "", "\r")
        watcher.start()
    how = "gave up after"
    try:
        yield
        how = "done in"
    finally:
        done.set()
        if live:
            watcher.join()
        _line(what, f"{how} {time.monotonic() - began:.0f} s", "\n")


def _line(what: str, how: str, end: str) -> None:
    print(
        f"  {what:<{COLUMN}}{how:<20}".rstrip() if end == "\n" else f"  {what:<{COLUMN}}{how:<20}", end=end, flush=True
    )
