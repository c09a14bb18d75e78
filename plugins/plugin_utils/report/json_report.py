# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as JSON: docs/report-schema.json describes it. A guest is one line, so that tools that read lines can, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import since
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary

#: Grows when a reader of older reports would be misled; a new key alone does not.
REPORT_FORMAT = 1
#: Of a finding; what is the same on every guest is told once, in ``recommendations``.
_FINDING = (
    "recommendation", "area", "severity", "mode", "status", "before", "reason", "runtime", "persistent", "desired", "owner",
    "reboot", "remedy", "waiver",
)  # fmt: skip
_RECOMMENDATION = ("role", "area", "title", "source")
_GUEST = ("host", "groups", "run", "time", "action", "check", "state", "message", "profile", "guest")


class JsonReport:
    """Writes to ``out`` as guests come."""

    FILE = "report.json"
    NEWLINE = "\n"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._recommendations: dict[str, dict[str, Any]] = {}
        self._before = f'{{"format": {REPORT_FORMAT},\n"guests": [\n'

    def add(self, record: Mapping[str, Any]) -> None:
        """A guest."""
        for finding in record["findings"]:
            self._recommendations[finding["recommendation"]] = finding
        guest = {name: record.get(name) for name in _GUEST}
        guest["groups"] = guest["groups"] or []
        # Of a guest that was not assessed there is none.
        guest["history"] = record.get("history") if record["findings"] else None
        guest["findings"] = [
            {name: finding[name] for name in _FINDING if name in finding} | _since(record, finding)
            for finding in record["findings"]
        ]
        self._out.write(self._before + _text(guest))
        self._before = ",\n"

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """What is known once all guests have come."""
        recommendations = {
            name: {key: finding[key] for key in _RECOMMENDATION}
            for name, finding in sorted(self._recommendations.items())
        }
        self._out.write(
            f'\n],\n"recommendations": {_text(recommendations)},\n'
            f'"fleet_checks": {_text([check.record() for check in checks])},\n'
            f'"summary": {_text(asdict(summary))}}}\n'
        )


def _since(record: Mapping[str, Any], finding: Mapping[str, Any]) -> dict[str, str]:
    """Since when a finding is as it is, where it is known to have changed."""
    time, changed = since(record, finding["recommendation"])
    return {"since": time} if changed and time else {}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
