# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run: one identity for all guests, and the fleet's totals when it ends.

Ansible's strategies load action plugins in the main process before they fork a worker for each guest, so what this module
makes at its import is one for all of them.

The totals cannot be a play: a later play on localhost is lost to ``--limit``, and a ``run_once`` task to ``serial`` and to
hosts that failed. They cannot be a callback either: nobody would have enabled it. So the main process prints them when it
ends, whatever became of plays and guests, from the records that the workers left.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import sys
from datetime import datetime, timezone
from pathlib import Path

from ansible import constants as C
from ansible.utils.color import stringc
from ansible.utils.display import Display

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import Records
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import MARK
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.totals import remediable, totals

#: Identifies the run on every guest (receipts, the lock) and on the controller (its folder of records).
RUN = secrets.token_hex(8)
STARTED = datetime.now(timezone.utc)

_MAIN_PROCESS = os.getpid()
# Made by Ansible for this process and removed at its end; workers inherit it. Here they tell where their records are.
_NOTES = Path(C.DEFAULT_LOCAL_TMP)
_NOTE = f"vmguest-{RUN}-"


def _width() -> int:
    """Columns of the terminal, to be asked in the main process: workers have none. 120 for a file or a pipe."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) >= 40:
        return int(columns)
    try:
        return max(os.get_terminal_size(sys.__stdout__.fileno()).columns - 1, 40) if sys.__stdout__ else 120
    except (OSError, ValueError):
        return 120


WIDTH = _width()


def now() -> str:
    """The time as records and receipts have it: UTC, ISO 8601."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def paint(text: str, colour: str) -> str:
    """``text`` in an Ansible colour, where Ansible colours at all (a terminal, no NO_COLOR, no ANSIBLE_NOCOLOR)."""
    return str(stringc(text, colour))


def readable_output() -> bool:
    """False where standard output is for a program: tables would break it."""
    return not str(C.DEFAULT_STDOUT_CALLBACK).endswith(("json", "jsonl", "null"))


def show(text: str, coloured: str | None = None) -> None:
    """Print for a person; the log file (ANSIBLE_LOG_PATH) gets it without colours. From a worker it goes by the main process."""
    if not readable_output() or not text:
        return
    display = Display()
    if coloured is None or coloured == text:
        display.display(text)
        return
    display.display(coloured, screen_only=True)
    if C.DEFAULT_LOG_PATH:
        display.display(text, log_only=True)


def records(reports: str) -> Records:
    """This run's records below ``reports``; the totals will know of them."""
    folder = Path(os.path.abspath(os.path.expanduser(reports))) / f"{STARTED.strftime('%Y%m%dT%H%M%SZ')}-{RUN[:6]}"
    note = _NOTES / (_NOTE + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16])
    try:
        # Every guest says the same; the first one writes.
        with open(note, "xb") as file:
            file.write(os.fsencode(folder))
    except FileExistsError:
        pass
    except OSError:
        # Without a note there are no totals; the records themselves are what matters, and they have their own errors.
        pass
    return Records(folder)


def _print_totals() -> None:
    if os.getpid() != _MAIN_PROCESS:
        return
    try:
        notes = sorted(_NOTES.glob(_NOTE + "*"))
        folders = [Path(os.fsdecode(note.read_bytes())) for note in notes]
    except OSError:
        return
    for folder in folders:
        found = list(Records(folder))
        text = totals(found)
        if not text:
            continue
        lines = ["", f"Findings of {len(found)} guest{'s' if len(found) != 1 else ''}"]
        tail = []
        findings, guests = remediable(record for record in found if record["action"] == "audit")
        if findings:
            tail.append(
                f"{MARK} remediation changes {findings} finding{'s' if findings != 1 else ''} "
                f"on {guests} guest{'s' if guests != 1 else ''}; "
                "to see how: ansible-playbook vmguest.linux.remediate --check"
            )
        place = os.path.relpath(folder)
        tail.append(f"records: {folder if place.startswith('..') else place}")
        show("\n".join([*lines, text, *tail]), "\n".join([*lines, totals(found, paint), *tail]))
    sys.stdout.flush()


atexit.register(_print_totals)
