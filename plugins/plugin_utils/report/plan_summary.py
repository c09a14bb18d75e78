# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a plan over all guests, from the records of its run: pure, Markdown out, its columns aligned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import enforceable, one_line

NAME = "SUMMARY.md"


@dataclass(frozen=True)
class _Planned:
    """A guest that has a plan."""

    host: str
    file: str
    names: tuple[str, ...]
    reboot: bool


class PlanSummary:
    """Takes the records of a run one at a time, of which those of plans count, and keeps of them what is shown."""

    def __init__(self) -> None:
        #: Guests of which a plan was asked.
        self.guests = 0
        #: Those that have one.
        self.planned: list[_Planned] = []
        self._others: list[tuple[str, str]] = []
        self._run = ("", "")
        self._changes: Counter[str] = Counter()
        self._reboots: Counter[str] = Counter()
        self._about: dict[str, tuple[str, str]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a guest's record."""
        if record.get("action") != "plan":
            return
        self.guests += 1
        self._run = max(self._run, (str(record["time"]), str(record["run"])))
        host, file = str(record["host"]), record.get("plan_file")
        if not file:
            self._others.append((host, _why(record)))
            return
        changes = [finding for finding in record["findings"] if enforceable(finding)]
        names = tuple(finding["recommendation"] for finding in changes)
        reboots = [finding["recommendation"] for finding in changes if finding["reboot"]]
        self.planned.append(_Planned(host, PurePath(str(file)).name, names, bool(reboots)))
        self._changes.update(names)
        self._reboots.update(reboots)
        self._about.update((finding["recommendation"], (finding["severity"], finding["title"])) for finding in changes)

    def text(self) -> str:
        """Changes by recommendation and by guest, what waits for a reboot, and who has no plan and why."""
        rebooted = sum(guest.reboot for guest in self.planned)
        lines = [
            "# Plan",
            "",
            f"Of run {self._run[1]}, {self._run[0]}. {_counted(sum(self._changes.values()), 'change')} on "
            f"{_counted(len(self.planned), 'guest')}; {_counted(rebooted, 'guest')} would then wait for a reboot, which is a phase "
            f"of its own (vmguest.linux.reboot). {_counted(len(self._others), 'guest')} without a plan.",
            "",
            "A guest's file has each change with its reason, risk, steps and diff. Whole entries may be taken out of it.",
        ]
        if self.planned:
            lines += ["", "## By recommendation", "", *self._by_recommendation()]
            rows = [
                (guest.host, len(guest.names), "yes" if guest.reboot else "", ", ".join(guest.names), guest.file)
                for guest in sorted(self.planned, key=lambda guest: guest.host)
            ]
            head = ("guest", "changes", "reboot", "recommendations", "file")
            lines += ["", "## By guest", "", *_table(head, rows)]
        if self._others:
            rows_ = sorted(self._others)
            lines += ["", "## Guests without a plan", "", *_table(("guest", "because"), rows_)]
        return "\n".join(lines) + "\n"

    def _by_recommendation(self) -> list[str]:
        names = sorted(self._about, key=lambda name: (-Severity(self._about[name][0]).rank, name))
        rows = [
            (name, self._about[name][0], self._changes[name], self._reboots[name], self._about[name][1])
            for name in names
        ]
        return _table(("recommendation", "severity", "guests", "reboot", "what"), rows)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"


def _why(record: Mapping[str, Any]) -> str:
    if record["message"]:
        state = "" if record["state"] == "ok" else f"{record['state']}: "
        return f"{state}{record['message']}"
    return "nothing is to be changed"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows of Markdown, whose columns also stand under one another; numbers to the right."""
    cells = [[one_line(cell).replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(head))]
    right = [bool(rows) and all(isinstance(row[at], int) for row in rows) for at in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = [
            f"{cell:>{width}}" if end else f"{cell:{width}}"
            for cell, width, end in zip(row, widths, right, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [f"{'-' * (width - 1)}:" if end else "-" * width for width, end in zip(widths, right, strict=True)]
    return [line(cells[0]), line(rule), *(line(row) for row in cells[1:])]
