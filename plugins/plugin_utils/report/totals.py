# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's totals, from the records of a run: pure, text out, of a size that does not grow with the fleet."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Severity
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import (
    COLOURS,
    Paint,
    enforceable,
    one_line,
    plain,
    shortened,
)

#: The order of the columns: what a person has to act on first.
_COLUMNS = (
    "failed", "noncompliant", "not_persistent", "pending_reboot", "manual", "unknown", "waived", "compliant", "not_applicable"
)  # fmt: skip
#: States of a guest that are told by name, and their colours.
_STATES = (
    ("unreachable", "bright red"), ("failed", "red"), ("interrupted", "red"), ("waiting", "yellow"), ("skipped", "dark gray")
)  # fmt: skip
_GUESTS = 40
_TOP = 5
_NAME = 40


def is_open(finding: Mapping[str, Any]) -> bool:
    """True for a finding that counts against its guest."""
    return finding["status"] in OPEN


def _badness(record: Mapping[str, Any]) -> tuple[int, ...]:
    """Open findings by severity, highest first, then what is unknown: the larger, the worse."""
    severities = Counter(finding["severity"] for finding in record["findings"] if is_open(finding))
    unknown = sum(finding["status"] == "unknown" for finding in record["findings"])
    return (*(severities[severity.value] for severity in sorted(Severity, key=lambda entry: -entry.rank)), unknown)


class Totals:
    """Takes records one at a time and keeps of them what is shown: the worst guests, and counts of all."""

    def __init__(self) -> None:
        #: Guests that were counted.
        self.guests = 0
        #: Findings, and guests, that remediation would change; of what was audited.
        self.remediable = (0, 0)
        #: The worst guests, worst first: what sorts them, the name, statuses.
        self._worst: list[tuple[tuple[int, ...], str, Counter[str]]] = []
        self._assessed = 0
        self._every: Counter[str] = Counter()
        self._opened: Counter[str] = Counter()
        self._states: dict[str, list[tuple[str, str]]] = {state: [] for state, _colour in _STATES}
        self._in_state: Counter[str] = Counter()

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a guest's record."""
        self.guests += 1
        host, state, findings = str(record["host"]), record["state"], record["findings"]
        if state in self._states:
            self._in_state[state] += 1
            _keep_first(self._states[state], (host, str(record["message"])))
        if not findings:
            return
        counts = Counter(finding["status"] for finding in findings)
        self._assessed += 1
        self._every += counts
        self._opened.update(finding["recommendation"] for finding in findings if is_open(finding))
        _keep_first(self._worst, (tuple(-number for number in _badness(record)), host, counts))
        if record.get("action") == "audit":
            marked = sum(enforceable(finding) for finding in findings)
            self.remediable = (self.remediable[0] + marked, self.remediable[1] + bool(marked))

    def text(self, paint: Paint = plain) -> str:
        """Guests by statuses, worst first; who could not be assessed; what is open on most guests. Empty without records."""
        lines = self._table(paint) if self._assessed else []
        for state, colour in _STATES:
            named = self._states[state]
            lines += [
                f"{paint(state, colour)}: {one_line(host)}: {shortened(one_line(message), 200)}"
                for host, message in named
            ]
            if self._in_state[state] > len(named):
                lines.append(f"{paint(state, colour)}: {self._in_state[state] - len(named)} more")
        if self._opened and self._assessed > 1:
            top = sorted(self._opened.items(), key=lambda entry: (-entry[1], entry[0]))[:_TOP]
            lines.append("open on most guests: " + ", ".join(f"{name} ({number})" for name, number in top))
        return "\n".join(lines)

    def _table(self, paint: Paint) -> list[str]:
        columns = [status for status in _COLUMNS if self._every[status]]
        shown = [(one_line(host), counts) for _badness, host, counts in self._worst]
        name = min(max(len("all guests"), *(len(host) for host, _counts in shown)), _NAME)

        def row(host: str, count: Mapping[str, int]) -> str:
            cells = []
            for status in columns:
                cell = f"{count.get(status, 0) or '.':>{len(status)}}"
                cells.append(paint(cell, COLOURS[status]) if count.get(status) else cell)
            return f"{shortened(host, name):{name}}  " + "  ".join(cells)

        lines = [f"{'guest':{name}}  " + "  ".join(columns)]
        lines += [row(host, counts) for host, counts in shown]
        if self._assessed > len(shown):
            rest = self._every - sum((counts for _host, counts in shown), Counter[str]())
            lines.append(row(f"{self._assessed - len(shown)} more", rest))
        if self._assessed > 1:
            lines.append(row("all guests", self._every))
        return lines


def _keep_first(kept: list[Any], entry: tuple[Any, ...]) -> None:
    """Put ``entry`` in order among ``kept``, of which there are never more than are shown. No two have the same host."""
    insort(kept, entry)
    del kept[_GUESTS:]
