# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings as JUnit XML, for what shows test results: a suite for each guest, a case for each recommendation.

Open is a failure. What is unknown, waived or not applicable is skipped, with the reason. A guest that could not be assessed, or
whose task failed, has a case ``task`` with an error. The elements and attributes are those of the JUnit plugin of Jenkins.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary

_SKIPPED = frozenset({Status.UNKNOWN.value, Status.WAIVED.value, Status.NOT_APPLICABLE.value})
_OPEN = frozenset(status.value for status in OPEN)
#: States of a guest that was left as it is on purpose.
_LEFT_ALONE = frozenset({"waiting", "skipped"})
#: Characters that XML 1.0 cannot hold, not even escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_ATTRIBUTE = str.maketrans({"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
_DETAILS = ("runtime", "persistent", "desired", "owner")


class JunitReport:
    """Writes to ``out`` as guests come."""

    FILE = "junit.xml"
    NEWLINE = "\n"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="vmguest.linux">\n')

    def add(self, record: Mapping[str, Any]) -> None:
        """A guest."""
        cases = []
        counts: Counter[str] = Counter()
        if record["state"] in _LEFT_ALONE:
            cases.append(_case("guest", "task", "skipped", record["state"], record.get("message")))
            counts["skipped"] += 1
        elif record["state"] != "ok":
            cases.append(_case("guest", "task", "error", record["state"], record.get("message")))
            counts["errors"] += 1
        for finding in record["findings"]:
            status, kind = finding["status"], None
            if status in _OPEN:
                kind = "failure"
                counts["failures"] += 1
            elif status in _SKIPPED:
                kind = "skipped"
                counts["skipped"] += 1
            cases.append(
                _case(finding["area"], finding["recommendation"], kind, status, finding["reason"], _details(finding))
            )
        self._suite(record["host"], cases, counts, f' timestamp="{_attribute(record["time"].rstrip("Z"))}"')

    def end(self, summary: Summary, checks: Sequence[FleetFinding]) -> None:
        """The checks of the fleet are a suite, too."""
        cases = []
        counts: Counter[str] = Counter()
        for check in checks:
            kind = "failure" if check.status in OPEN else "skipped" if check.status.value in _SKIPPED else None
            counts[{"failure": "failures", "skipped": "skipped"}.get(kind or "", "passed")] += 1
            cases.append(_case("fleet", check.id, kind, check.status.value, check.reason, "\n".join(check.guests)))
        if cases:
            self._suite("all guests", cases, counts, "")
        self._out.write("</testsuites>\n")

    def _suite(self, name: str, cases: Sequence[str], counts: Mapping[str, int], more: str) -> None:
        numbers = " ".join(f'{what}="{counts.get(what, 0)}"' for what in ("failures", "errors", "skipped"))
        head = f'<testsuite name="{_attribute(name)}" tests="{len(cases)}" {numbers} time="0"{more}>\n'
        self._out.write(_NOT_IN_XML.sub("?", f"{head}{''.join(cases)}</testsuite>\n"))


def _case(area: str, name: str, kind: str | None, status: str, reason: Any, details: str = "") -> str:
    head = f'<testcase classname="{_attribute(area)}" name="{_attribute(name)}" time="0"'
    if kind is None:
        return f"{head}/>\n"
    message = f'message="{_attribute(f"{status}: {reason}")}"'
    if kind == "skipped":
        return f"{head}><skipped {message}/></testcase>\n"
    return f'{head}><{kind} type="{status}" {message}>{html.escape(details, quote=False)}</{kind}></testcase>\n'


def _details(finding: Mapping[str, Any]) -> str:
    lines = [f"{name}: {finding[name]}" for name in _DETAILS if finding[name] is not None]
    return "\n".join([*lines, *(f"remedy: {sentence}" for sentence in finding["remedy"])])


@lru_cache(maxsize=4096)
def _attribute(text: str) -> str:
    """Guests say the same things: what was escaped is remembered."""
    return html.escape(text).translate(_IN_ATTRIBUTE)
