# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings as CSV (RFC 4180), a line for each; a guest without findings has one line, with its state."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import one_line

COLUMNS = (
    "host", "groups", "distribution", "kernel", "profile", "state", "message", "area", "recommendation", "severity", "mode",
    "status", "reason", "runtime", "persistent", "desired", "owner", "reboot", "remedy", "waived_until", "title",
)  # fmt: skip
_FINDING = COLUMNS[COLUMNS.index("area") :]
_VALUES = itemgetter(*_FINDING)
#: A spreadsheet takes a cell that begins so for a formula, and what a guest says could then run on somebody's desk.
_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001  the wide ones are meant
_FIRST = frozenset(_FORMULA)


def cell(value: Any) -> str:
    """One line of text that no spreadsheet computes: where it would, an apostrophe comes first, as people type it there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else str(value)
    if not text.isprintable():
        text = one_line(text)
    return "'" + text if text.startswith(_FORMULA) else text


def _row(finding: Mapping[str, Any]) -> list[str]:
    """The cells of a finding. Most are harmless text: millions of them are not worth a call each."""
    waiver = finding.get("waiver")
    more = {"remedy": "; ".join(finding["remedy"]), "waived_until": waiver["expires"] if waiver else None}
    values = _VALUES({**finding, **more})
    return [
        value if value.__class__ is str and value.isprintable() and value[:1] not in _FIRST else cell(value)
        for value in values
    ]


class CsvReport:
    """Writes to ``out`` as guests come."""

    FILE = "report.csv"
    #: The csv module writes RFC 4180's CRLF itself.
    NEWLINE = ""

    def __init__(self, out: TextIO) -> None:
        self._writer = csv.writer(out)
        self._writer.writerow(COLUMNS)

    def add(self, record: Mapping[str, Any]) -> None:
        """A guest."""
        about = record.get("guest") or {}
        first = [
            cell(value)
            for value in (
                record["host"],
                " ".join(record.get("groups") or ()),
                about.get("distribution"),
                about.get("kernel"),
                record.get("profile"),
                record["state"],
                record.get("message"),
            )
        ]
        if not record["findings"]:
            self._writer.writerow([*first, *[""] * len(_FINDING)])
        self._writer.writerows([*first, *_row(finding)] for finding in record["findings"])

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """Nothing more: checks of the fleet are no findings of a guest."""
