# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's figures for Prometheus, as a file for the textfile collector of its node exporter.

The number of series is bounded: guests are named up to :data:`GUESTS`, the worst first.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary

#: So many guests have series of their own.
GUESTS = 1000
STATES = ("ok", "failed", "unreachable", "interrupted", "waiting", "skipped")
_OPEN = frozenset(status.value for status in OPEN)
#: Highest first: what makes a guest worse than another.
_SEVERITIES = tuple(severity.value for severity in reversed(Severity))

Series = Iterable[tuple[Mapping[str, str], float]]


class PrometheusReport:
    """Counts as guests come, and writes to ``out`` at the end."""

    FILE = "vmguest.prom"
    NEWLINE = "\n"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._guests: list[tuple[tuple[int, ...], str]] = []
        self._about: dict[str, tuple[str, str]] = {}
        self._pending = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """A guest."""
        opened: Counter[str] = Counter()
        pending = False
        for finding in record["findings"]:
            self._about[finding["recommendation"]] = (finding["area"], finding["severity"])
            if finding["status"] in _OPEN:
                opened[finding["severity"]] += 1
                pending = pending or finding["status"] == Status.PENDING_REBOOT.value
        self._pending += pending
        self._guests.append((tuple(-opened[severity] for severity in _SEVERITIES), record["host"]))

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """Write everything."""
        named = sorted(heapq.nsmallest(GUESTS, self._guests), key=lambda guest: guest[1])
        self._metric(
            "vmguest_report_timestamp_seconds",
            "When the newest guest of the report was looked at, in seconds since 1970.",
            [({}, _seconds(summary.time))],
        )
        if summary.score is not None:
            self._metric(
                "vmguest_compliance_ratio",
                "Findings that are compliant, of those that are compliant, open or unknown, from 0 to 1.",
                [({}, round(summary.score / 100, 3))],
            )
        self._metric(
            "vmguest_guests",
            "Guests by the state of their task.",
            [({"state": state}, summary.guests.get(state, 0)) for state in STATES],
        )
        self._metric(
            "vmguest_guests_pending_reboot", "Guests of which a finding waits for a reboot.", [({}, self._pending)]
        )
        self._metric(
            "vmguest_findings",
            "Findings of all guests by status.",
            [({"status": status}, number) for status, number in summary.counts.items()],
        )
        self._metric(
            "vmguest_open_findings",
            "Open findings of all guests by severity.",
            [({"severity": severity}, number) for severity, number in summary.open.items()],
        )
        self._metric(
            "vmguest_recommendation_guests",
            "Guests by recommendation and status.",
            [
                (
                    {"recommendation": name, "area": area, "severity": severity, "status": status.value},
                    summary.recommendations[name].get(status.value, 0),
                )
                for name, (area, severity) in sorted(self._about.items())
                for status in Status
            ],
        )
        self._metric(
            "vmguest_guest_open_findings",
            f"Open findings by guest and severity, of the {GUESTS} guests that have the worst at most.",
            [
                ({"guest": host, "severity": severity}, -number)
                for badness, host in named
                for severity, number in zip(_SEVERITIES, badness, strict=True)
            ],
        )
        self._metric(
            "vmguest_guests_left_out",
            "Guests without series of their own, as there are too many.",
            [({}, len(self._guests) - len(named))],
        )
        if checks:
            self._metric(
                "vmguest_fleet_check",
                "1 for the status that a check of the whole fleet has.",
                [
                    ({"check": check.id, "severity": check.severity.value, "status": check.status.value}, 1)
                    for check in checks
                ],
            )

    def _metric(self, name: str, text: str, series: Series) -> None:
        self._out.write(f"# HELP {name} {text}\n# TYPE {name} gauge\n")
        for labels, value in series:
            shown = ",".join(f'{label}="{_label(words)}"' for label, words in labels.items())
            self._out.write(f"{name}{{{shown}}} {value}\n" if shown else f"{name} {value}\n")


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(time: str) -> int:
    """UTC, ISO 8601, as seconds; 0 where somebody wrote another time into a record."""
    try:
        return int(datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())
    except ValueError:
        return 0
