# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet as one self-contained HTML page.

Nothing is loaded from anywhere: style and script (``assets/``) are written into the page, and its Content-Security-Policy allows
these two, by their hashes, and nothing else. What comes from a guest is never markup: it is JSON, packed (gzip, base64) into
blocks that the script unpacks and shows as text.

    matrix    one byte for each guest and recommendation: the letter of the finding's status
    index     all that summary, filters and tables need: names, groups, states, waivers, totals, trend, checks
    details   reasons, evidence and remedies, in chunks of some hundred guests, unpacked when somebody looks at one of them

So ten thousand guests open at once, and building takes one record at a time: what grows with the fleet in memory is a row of
the matrix, a name and a few numbers for each guest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import AREAS
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary, Tally

ASSETS = Path(__file__).resolve().parent / "assets"
#: The script's parts, in the order in which they are put together: each uses only what stands before it.
SCRIPTS = (
    "data.js", "view.js", "filters.js", "summary.js", "tables.js", "heat_map.js", "panel.js", "main.js",
)  # fmt: skip

#: A finding in the matrix, and on the page wherever colour alone would have to tell statuses apart.
LETTERS = {
    Status.COMPLIANT: "C",
    Status.NONCOMPLIANT: "N",
    Status.NOT_PERSISTENT: "L",
    Status.PENDING_REBOOT: "R",
    Status.FAILED: "F",
    Status.MANUAL: "M",
    Status.UNKNOWN: "U",
    Status.WAIVED: "W",
    Status.NOT_APPLICABLE: "A",
}
#: In the matrix: the guest has no finding of this recommendation.
NOT_ASSESSED = " "
#: Guests in a chunk of details. More make the page smaller, and a look at a guest slower.
CHUNK = 200

_LETTER_OF = {status.value: letter for status, letter in LETTERS.items()}
#: What a recommendation's findings have in common, and what each has of its own.
_COMMON = ("role", "area", "title", "severity", "source")
_OWN = ("reason", "runtime", "persistent", "desired", "owner", "mode", "before")
_WAS = ("status", "runtime", "persistent", "owner")
_ABOUT = ("time", "action", "check", "state", "message", "profile", "run", "transport")


def write_page(
    out: TextIO,
    fleet: Iterable[Mapping[str, Any]],
    trend: Iterable[Summary] = (),
    checks: Iterable[FleetFinding] = (),
    *,
    title: str = "Fleet compliance",
) -> None:
    """Write the page of ``fleet``, the newest record of each guest, to ``out``.

    ``trend`` is the summaries of earlier runs, oldest first. ``checks`` is what fleet-wide checks found; it is taken after the
    last record, so that it may be a generator that has seen them all. The same arguments write the same page.
    """
    style = _asset("page.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    before, between = _asset("page.html").split("<!-- data -->")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    out.write(_filled(before, title=html.escape(title), policy=html.escape(policy), style=style))
    pages = _Pages()
    chunk = _Chunk()
    for record in fleet:
        pages.add(record)
        chunk.add(record, pages.columns)
        if len(chunk) == CHUNK:
            out.write(_block(f"details-{pages.chunks}", chunk.data()))
            pages.chunks += 1
            chunk = _Chunk()
    if len(chunk):
        out.write(_block(f"details-{pages.chunks}", chunk.data()))
    out.write(_block("matrix", pages.matrix()))
    out.write(_block("index", _json(pages.index(title, trend, checks))))
    out.write(_filled(between, script=script))


# ---- what is kept of all guests --------------------------------------------------------------------------------------


class _Pages:
    """What the page has of every guest at once."""

    def __init__(self) -> None:
        #: Recommendation to its column in the matrix, in the order in which they were met.
        self.columns: dict[str, int] = {}
        self.chunks = 0
        self._tally = Tally()
        self._recommendations: list[dict[str, Any]] = []
        self._rows: list[bytes] = []
        self._hosts: list[str] = []
        self._states: list[str] = []
        self._messages: dict[str, str] = {}
        self._groups: dict[str, int] = {}
        self._groups_of: list[list[int]] = []
        self._waivers: dict[tuple[str, str, str, bool], list[int]] = {}
        self._profiles: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._times: tuple[str, str] = ("", "")

    def add(self, record: Mapping[str, Any]) -> None:
        """One more guest."""
        self._tally.add(record)
        number = len(self._hosts)
        self._hosts.append(_text(record["host"]))
        state = _text(record["state"])
        self._states.append(state)
        if state != "ok":
            self._messages[str(number)] = _text(record.get("message"))
        self._groups_of.append(
            [self._groups.setdefault(_text(name), len(self._groups)) for name in record.get("groups") or ()]
        )
        time = _text(record.get("time"))
        self._times = (min(self._times[0] or time, time), max(self._times[1], time))
        self._actions[_text(record.get("action")) + (" (check mode)" if record.get("check") else "")] += 1
        if record.get("profile"):
            self._profiles[_text(record["profile"])] += 1
        row = bytearray(NOT_ASSESSED.encode() * len(self.columns))
        for finding in record["findings"]:
            column = self._column(finding)
            if column >= len(row):
                row.extend(NOT_ASSESSED.encode() * (column + 1 - len(row)))
            # A status of a later release is none that this one could count as compliant.
            row[column] = ord(_LETTER_OF.get(finding["status"], LETTERS[Status.UNKNOWN]))
            waiver = finding.get("waiver")
            if waiver:
                in_force = finding["status"] == Status.WAIVED.value
                key = (finding["recommendation"], _text(waiver.get("reason")), _text(waiver.get("expires")), in_force)
                self._waivers.setdefault(key, []).append(number)
        self._rows.append(bytes(row))

    def _column(self, finding: Mapping[str, Any]) -> int:
        name = finding["recommendation"]
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = len(self.columns)
            self._recommendations.append({"id": name, **{key: _text(finding.get(key)) for key in _COMMON}})
        return column

    def matrix(self) -> bytes:
        """The matrix, row by row, a row for each guest."""
        width = len(self.columns)
        return b"".join(row.ljust(width, NOT_ASSESSED.encode()) for row in self._rows)

    def index(self, title: str, trend: Iterable[Summary], checks: Iterable[FleetFinding]) -> dict[str, Any]:
        """All else."""
        summary = self._tally.summary()
        return {
            "title": title,
            "letters": {letter: status.value for status, letter in LETTERS.items()},
            "severities": [severity.value for severity in reversed(Severity)],
            "recommendations": self._recommendations,
            "order": self._order(),
            "hosts": self._hosts,
            "states": self._states,
            "messages": self._messages,
            "groups": list(self._groups),
            "groups_of": self._groups_of,
            "waivers": [[*key, guests] for key, guests in sorted(self._waivers.items(), key=_by_expiry)],
            "profiles": dict(self._profiles.most_common()),
            "actions": dict(self._actions.most_common()),
            "started": self._times[0],
            "ended": self._times[1],
            "chunk": CHUNK,
            "score": summary.score,
            "counts": summary.counts,
            "open": summary.open,
            "guests": summary.guests,
            "trend": [_point(entry) for entry in trend],
            "checks": [entry.record() for entry in checks],
        }

    def _order(self) -> list[int]:
        """Columns as they are shown: by area in the manual's order, then by role and name."""
        areas = {name: number for number, name in enumerate(AREAS)}

        def place(column: int) -> tuple[int, str, str, str]:
            entry = self._recommendations[column]
            return (areas.get(entry["area"], len(areas)), entry["area"], entry["role"], entry["id"])

        return sorted(range(len(self._recommendations)), key=place)


def _by_expiry(entry: tuple[tuple[str, str, str, bool], list[int]]) -> tuple[str, str, str, bool]:
    recommendation, reason, expires, in_force = entry[0]
    return (expires, recommendation, reason, in_force)


def _point(summary: Summary) -> dict[str, Any]:
    """An earlier run, as far as a trend is drawn of it."""
    return {
        "time": summary.time,
        "score": summary.score,
        "guests": sum(summary.guests.values()),
        "open": sum(summary.open.values()),
    }


# ---- details ---------------------------------------------------------------------------------------------------------


class _Chunk:
    """The details of some guests. Findings that say the same are kept once: most guests are like others."""

    def __init__(self) -> None:
        self._details: dict[tuple[Any, ...], int] = {}
        self._guests: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self._guests)

    def add(self, record: Mapping[str, Any], columns: Mapping[str, int]) -> None:
        """One more guest; ``columns`` knows all its recommendations."""
        row = [-1] * len(columns)
        for finding in record["findings"]:
            key = _detail(finding)
            row[columns[finding["recommendation"]]] = self._details.setdefault(key, len(self._details))
        about = {name: record[name] for name in _ABOUT if record.get(name) not in (None, "")}
        guest = record.get("guest")
        told = {"guest": guest if isinstance(guest, Mapping) else {}, "row": row, "changes": _changes(record, columns)}
        self._guests.append({**about, **told})

    def data(self) -> bytes:
        """Packed by :func:`_block`."""
        return _json(
            {"fields": [*_OWN, "reboot", "waiver", "remedy"], "details": list(self._details), "guests": self._guests}
        )


def _changes(record: Mapping[str, Any], columns: Mapping[str, int]) -> dict[str, list[Any]]:
    """Column to a finding's last change (report/drift.py): since when it is as it is, what changed it (None: nobody who is known,
    which is drift) and in which run of ours, and what it was (``_WAS``)."""
    history = record.get("history")
    changes = history.get("changes") if isinstance(history, Mapping) else None
    told = {}
    for name, change in changes.items() if isinstance(changes, Mapping) else ():
        was = change.get("was") if isinstance(change, Mapping) else None
        if name in columns and isinstance(was, Mapping):
            by = change.get("by")
            why = _text(by.get("why")) if isinstance(by, Mapping) else None
            told[str(columns[name])] = [
                _text(change.get("time")),
                why,
                _text_or_none(by.get("run")) if isinstance(by, Mapping) else None,
                *(_text_or_none(was.get(side)) for side in _WAS),
            ]
    return told


def _detail(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    waiver = finding.get("waiver")
    return (
        *(_text_or_none(finding.get(name)) for name in _OWN),
        bool(finding.get("reboot")),
        (_text(waiver.get("reason")), _text(waiver.get("expires"))) if waiver else None,
        tuple(map(_text, finding.get("remedy") or ())),
    )


# ---- texts -----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _text_or_none(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _json(value: Any) -> bytes:
    """In ASCII, so that no text can be one that cannot be encoded."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _block(name: str, data: bytes) -> str:
    """A block of data: base64 knows no character that would mean something in HTML."""
    packed = base64.b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode("ascii")
    return f'<script type="text/plain" id="{name}">{packed}</script>\n'


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _filled(template: str, **values: str) -> str:
    for name, value in values.items():
        template = template.replace(f"<!-- {name} -->", value)
    return template
