# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's totals, from the records of a run: pure, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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


def totals(records: Iterable[Mapping[str, Any]], paint: Paint = plain) -> str:
    """Guests by statuses, worst first; who could not be assessed; what is open on most guests. Empty without records."""
    everyone = list(records)
    if not everyone:
        return ""
    assessed = sorted(
        (record for record in everyone if record["findings"]),
        key=lambda record: (tuple(-number for number in _badness(record)), record["host"]),
    )
    lines = _guests(assessed, paint) if assessed else []
    for state, colour in (("unreachable", "bright red"), ("failed", "red"), ("interrupted", "red")):
        named = sorted(
            (record for record in everyone if record["state"] == state), key=lambda record: str(record["host"])
        )
        lines += [
            f"{paint(state, colour)}: {one_line(record['host'])}: {shortened(one_line(record['message']), 200)}"
            for record in named
        ]
    lines += _recommendations(assessed)
    return "\n".join(lines)


def _guests(records: Sequence[Mapping[str, Any]], paint: Paint) -> list[str]:
    counts = [
        (one_line(record["host"]), Counter(finding["status"] for finding in record["findings"])) for record in records
    ]
    every: Counter[str] = sum((count for _host, count in counts), Counter())
    columns = [status for status in _COLUMNS if every[status]]
    name = min(max(len("all guests"), *(len(host) for host, _count in counts)), _NAME)

    def row(host: str, count: Mapping[str, int]) -> str:
        cells = []
        for status in columns:
            cell = f"{count.get(status, 0) or '.':>{len(status)}}"
            cells.append(paint(cell, COLOURS[status]) if count.get(status) else cell)
        return f"{shortened(host, name):{name}}  " + "  ".join(cells)

    lines = [f"{'guest':{name}}  " + "  ".join(columns)]
    lines += [row(host, count) for host, count in counts[:_GUESTS]]
    if len(counts) > _GUESTS:
        rest: Counter[str] = sum((count for _host, count in counts[_GUESTS:]), Counter())
        lines.append(row(f"{len(counts) - _GUESTS} more", rest))
    if len(counts) > 1:
        lines.append(row("all guests", every))
    return lines


def _recommendations(records: Sequence[Mapping[str, Any]]) -> list[str]:
    opened = Counter(
        finding["recommendation"] for record in records for finding in record["findings"] if is_open(finding)
    )
    lines = []
    if opened and len(records) > 1:
        top = sorted(opened.items(), key=lambda entry: (-entry[1], entry[0]))[:_TOP]
        lines.append("open on most guests: " + ", ".join(f"{name} ({number})" for name, number in top))
    return lines


def remediable(records: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """(findings, guests) that remediation would change."""
    numbers = [sum(enforceable(finding) for finding in record["findings"]) for record in records]
    return sum(numbers), sum(1 for number in numbers if number)
