# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run: one identity for all guests, and the fleet's totals and reports when it ends.

Ansible's strategies load action plugins in the main process before they fork a worker for each guest, so what this module
makes at its import is one for all of them.

Totals and reports cannot be a play: a later play on localhost is lost to ``--limit``, and a ``run_once`` task to ``serial`` and to
hosts that failed. They cannot be a callback either: nobody would have enabled it. So the main process makes them when it
ends, whatever became of plays and guests, from the records that the workers left.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from ansible import constants as C
from ansible.utils.color import stringc
from ansible.utils.display import Display

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.build import FILES, Built, build
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import drift_lines
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import SUMMARY, Fleet
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.plan_summary import NAME, PlanSummary
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import RecordError, Records
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import MARK, Paint, plain
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.totals import Totals

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


def _writer() -> Callable[..., None]:
    """Ansible's way to write a line for a person.

    In a fork it is taken without what ansible-runner's callback puts around it: that writes to the fork's own output, of which
    Ansible warns for every guest. The main process, to which the line goes, puts the same around it.
    """
    write = Display.display
    inner = getattr(write, "__wrapped__", None)
    if os.getpid() == _MAIN_PROCESS or inner is None or "awx_display" not in write.__code__.co_filename:
        return cast("Callable[..., None]", Display().display)
    return functools.partial(inner, Display())


def show(text: str | Callable[[Paint], str]) -> None:
    """Print a text for a person, or what a function makes of it with colours; the log file (ANSIBLE_LOG_PATH) gets it without
    them. From a worker it goes by the main process.
    """
    if not readable_output() or not text:
        return
    write = _writer()
    if isinstance(text, str):
        write(text)
        return
    coloured = text(paint)
    without = text(plain) if C.DEFAULT_LOG_PATH else coloured
    if without == coloured:
        write(coloured)
    else:
        write(coloured, screen_only=True)
        write(without, log_only=True)


def place(reports: str) -> Path:
    """The folder that ``reports`` names, as a person types it, absolute."""
    return Path(os.path.abspath(os.path.expanduser(reports)))


def records(reports: str, formats: Sequence[str]) -> Records:
    """This run's records below ``reports``; when it ends, the totals will know of them, and they become reports of ``formats``.

    Where guests differ in formats, those of all of them are made.
    """
    folder = place(reports) / f"{STARTED.strftime('%Y%m%dT%H%M%SZ')}-{RUN[:6]}"
    content = b"\0".join([os.fsencode(folder), *(word.encode() for word in formats)])
    note = _NOTES / (_NOTE + hashlib.sha256(content).hexdigest()[:16])
    try:
        # Most guests say the same; the first one writes.
        with open(note, "xb") as file:
            file.write(content)
    except FileExistsError:
        pass
    except OSError:
        # Without a note there are no totals; the records themselves are what matters, and they have their own errors.
        pass
    return Records(folder)


def _noted() -> dict[Path, set[str]]:
    """Folders of this run's records, and the formats that each is wanted in."""
    wanted: dict[Path, set[str]] = {}
    for note in sorted(_NOTES.glob(_NOTE + "*")):
        folder, *formats = note.read_bytes().split(b"\0")
        wanted.setdefault(Path(os.fsdecode(folder)), set()).update(word.decode() for word in formats)
    return wanted


class Progress:
    """A line on a terminal that tells how far the report is, once it takes longer than a few seconds."""

    def __init__(self, guests: int) -> None:
        self._guests = guests
        self._done = 0
        self._next = time.monotonic() + 3
        self._shown = False
        self._terminal = bool(sys.__stderr__ and sys.__stderr__.isatty())

    def add(self) -> None:
        """One more guest."""
        self._done += 1
        if self._terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.3
            self._shown = True
            self._write(f"\rreport: {self._done} of {self._guests} guests")

    def end(self) -> None:
        """Leave nothing on the terminal."""
        if self._shown:
            self._write("\r" + " " * 60 + "\r")

    def _write(self, text: str) -> None:
        if sys.__stderr__:
            sys.__stderr__.write(text)
            sys.__stderr__.flush()


def report(
    fleet: Fleet,
    folder: Path,
    formats: Sequence[str],
    plans: PlanSummary | None = None,
    reports: Path | None = None,
) -> tuple[Built, Totals]:
    """Build the reports of a fleet, with a line of progress; ``plans`` gets each record, too. ``reports``: see :func:`build`.

    :raises RecordError: where the folder cannot be had.
    """
    totals, progress = Totals(), Progress(len(fleet))

    def each(record: Mapping[str, Any]) -> None:
        totals.add(record)
        if plans is not None:
            plans.add(record)
        progress.add()

    try:
        return build(fleet, folder, formats, each, reports), totals
    finally:
        progress.end()


def _summarised(folder: Path, plans: PlanSummary) -> list[str]:
    """Write the summary of the plans that the run made, if it made any; what is told of it."""
    if not plans.guests:
        return []
    try:
        written = Records(folder).write_plan(NAME, plans.text())
    except RecordError as error:
        return [f"no summary of the plans: {error}"]
    shown = os.path.relpath(written.parent)
    place_ = str(written.parent) if shown.startswith("..") else shown
    lines = [f"plans: {place_}, and {NAME} there over all of them"]
    if plans.planned:
        command = f"ansible-playbook vmguest.linux.remediate -e {shlex.quote(f'vmguest_plan={place_}')}"
        lines.append(f"to do them: {command}")
    return lines


def show_report(fleet: Fleet, folder: Path, built: Built, totals: Totals, more: Sequence[str] = ()) -> None:
    """Print the totals, ``more`` lines, and where the reports are."""
    score = "" if built.summary.score is None else f", score {built.summary.score} %"
    lines = ["", f"Findings of {totals.guests} guest{'s' if totals.guests != 1 else ''}{score}"]
    tail = []
    findings, guests = totals.remediable
    if findings:
        tail.append(
            f"{MARK} remediation changes {findings} finding{'s' if findings != 1 else ''} "
            f"on {guests} guest{'s' if guests != 1 else ''}; "
            "to see how: ansible-playbook vmguest.linux.remediate --check"
        )
    if fleet.unreadable:
        tail.append(
            f"passed over: {len(fleet.unreadable)} of the files are no whole record, such as {min(fleet.unreadable)}"
        )
    tail += more
    relative = os.path.relpath(folder)
    shown = folder if relative.startswith("..") else relative
    names = ", ".join(path.name for path in built.files if path.name != SUMMARY)
    if folder == fleet.folder:
        tail += [f"records: {shown}", *([f"reports: {names}"] if names else [])]
    else:
        tail.append(f"reports: {shown}: {names or SUMMARY}")
    tail += [f"no report: {problem}" for problem in built.problems]
    drift = next(check for check in built.checks if check.id == "fleet_drift")

    def whole(paint: Paint) -> str:
        return "\n".join([*lines, totals.text(paint), *drift_lines(drift, WIDTH, paint), *tail])

    show(whole)


def _end() -> None:
    if os.getpid() != _MAIN_PROCESS:
        return
    try:
        wanted = _noted()
    except OSError:
        return
    for folder, formats in wanted.items():
        try:
            fleet, plans = Fleet([folder]), PlanSummary()
            built, totals = report(fleet, folder, [name for name in FILES if name in formats], plans)
        except RecordError as error:
            show(f"no report: {error}")
        except KeyboardInterrupt:
            again = f"ansible-playbook vmguest.linux.report -e vmguest_report_folders={shlex.quote(str(folder))}"
            show(f"the report was interrupted; to make it: {again}")
        else:
            show_report(fleet, folder, built, totals, _summarised(folder, plans))
    sys.stdout.flush()


atexit.register(_end)
