# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet: the records of one run or of several, as one stream, and what is kept of them as a summary.

Several folders are shards of one run, runs of several controllers, or runs one after the other: of each guest the newest record
counts. What comes out depends on the records alone, not on the folders they are in, nor on the clock: a fleet audited in four
shards and at once has the same report.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import history, previous_record
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import FORMAT, RecordError, load

#: The name of a summary in a run's folder.
SUMMARY = "summary.json"
#: Grows when a reader of older summaries would be misled.
SUMMARY_FORMAT = 1

#: What is told of a record before it is read as a whole; written first, so that the first bytes of the file have it.
_HEAD = ("format", "run", "time", "host", "action", "state")
_HEAD_BYTES = 2048

#: What every finding of a record has.
_FINDING = frozenset({
    "recommendation", "role", "area", "title", "severity", "source", "mode", "status", "reason", "runtime", "persistent",
    "desired", "owner", "reboot", "remedy",
})  # fmt: skip
_STATUSES = frozenset(status.value for status in Status)
_SEVERITIES = frozenset(severity.value for severity in Severity)


@dataclass(frozen=True, order=True)
class _Entry:
    """A record that was found, by what decides which one of a guest is the newest."""

    time: str
    run: str
    path: str
    action: str


class Fleet:
    """The newest record of each guest in ``folders``, ordered by host. Iterating reads one at a time, and may be repeated.

    A folder is that of a run (it has a folder ``hosts``), or one of runs. Two records of the same second are told apart by their
    run's id.

    :raises RecordError: in one sentence: no such folder, none of ours, records of another format, no record at all.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        #: Files that are in the place of a record and are none, such as one that was cut while it was copied.
        self.unreadable: set[str] = set()
        newest: dict[str, _Entry] = {}
        runs = [run for given in folders for run in runs_in(given)]
        #: The run's folder, None where there are several.
        self.folder: Path | None = runs[0] if len(runs) == 1 else None
        for folder in runs:
            for path in sorted((folder / "hosts").glob("[!.]*.json")):
                head = _head(path)
                if head is None:
                    self.unreadable.add(str(path))
                    continue
                entry = _Entry(head["time"], head["run"], str(path), str(head["action"]))
                host = head["host"]
                newest[host] = max(newest.get(host, entry), entry)
        if not newest:
            raise RecordError(f"there is no record in {', '.join(repr(str(folder)) for folder in folders)}")
        self._entries = dict(sorted(newest.items()))
        #: Names of the guests, in order.
        self.hosts: tuple[str, ...] = tuple(self._entries)
        #: Ids of the runs that the records are of.
        self.runs: tuple[str, ...] = tuple(sorted({entry.run for entry in newest.values()}))
        #: What they did: audit, remediate, revert, reboot.
        self.actions: tuple[str, ...] = tuple(sorted({entry.action for entry in newest.values()}))
        #: The time of the oldest record, UTC, ISO 8601.
        self.started: str = min(entry.time for entry in newest.values())
        #: The time of the newest record.
        self.ended: str = max(entry.time for entry in newest.values())

    def __len__(self) -> int:
        return len(self.hosts)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for entry in self._entries.values():
            record = load(Path(entry.path))
            if record is None or not _whole(record):
                self.unreadable.add(entry.path)
                continue
            if not (record.get("history") or {}).get("previous"):
                # Written where the runs before it were not at hand: on another controller, or by an older release.
                record["history"] = history(previous_record(Path(entry.path).parents[1], record["host"]), record)
            yield record


def runs_in(folder: Path) -> list[Path]:
    """``folder`` where it is a run's, else the runs in it, oldest first.

    :raises RecordError: where it is neither, or not there.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RecordError(
            f"the records in '{folder}' cannot be read: {error.strerror}; name a run's folder below vmguest_reports"
        ) from error
    if "hosts" in names:
        return [folder]
    runs = [folder / name for name in names if (folder / name / "hosts").is_dir()]
    if not runs:
        raise RecordError(
            f"'{folder}' holds no records: expected a run's folder, which has a folder 'hosts', or a folder of such; "
            "name a run's folder below vmguest_reports"
        )
    return runs


def newest_run(reports: Path) -> Path:
    """The newest of the runs below ``reports``, by their names, which begin with a time.

    :raises RecordError: where there is none.
    """
    return max(runs_in(reports), key=lambda run: run.name)


def _head(path: Path) -> dict[str, Any] | None:
    """What a record begins with, None where the file is no record.

    :raises RecordError: for a record of another format.
    """
    try:
        with open(path, "rb") as file:
            first = file.read(_HEAD_BYTES)
    except OSError:
        return None
    head: dict[str, Any] = {}
    # As Records writes it, each of these is a line of its own.
    for line in first.decode("utf-8", "replace").split("\n")[1 : len(_HEAD) + 3]:
        if line.startswith('"') and line.endswith(","):
            try:
                head.update(json.loads("{" + line[:-1] + "}"))
            except ValueError:
                break
    if not all(name in head for name in _HEAD):
        # Somebody wrote it anew.
        try:
            head = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
    if not isinstance(head, dict) or not isinstance(head.get("format"), int):
        return None
    if head["format"] != FORMAT:
        raise RecordError(
            f"'{path}' is a record of format {head['format']}, and this release reads format {FORMAT}; "
            "use the release of vmguest.linux that wrote it"
        )
    return head if all(isinstance(head.get(name), str) for name in ("run", "time", "host")) else None


def _whole(record: Mapping[str, Any]) -> bool:
    """True where a record has what every record has."""
    findings = record.get("findings")
    return (
        all(isinstance(record.get(name), str) for name in ("run", "time", "host", "state"))
        and all(isinstance(record.get(name) or {}, dict) for name in ("guest", "fleet", "history"))
        and isinstance(record.get("groups") or [], list)
        and isinstance(findings, list)
        and all(
            isinstance(finding, dict) and finding.keys() >= _FINDING and _is_finding(finding) for finding in findings
        )
    )


def _is_finding(finding: Mapping[str, Any]) -> bool:
    """True where what the reports look into is what it must be."""
    waiver = finding.get("waiver")
    return (
        isinstance(finding["status"], str)
        and finding["status"] in _STATUSES
        and isinstance(finding["severity"], str)
        and finding["severity"] in _SEVERITIES
        and isinstance(finding["remedy"], list)
        and (waiver is None or (isinstance(waiver, dict) and "expires" in waiver))
    )


def score(counts: Mapping[str, int]) -> float | None:
    """Percent of findings that are compliant, of those that are compliant, open or unknown: what does not apply and what is waived
    does not count. Rounded down to a tenth, so that 100 is all of them. None where nothing counts.

    ``counts`` is status to number.
    """
    compliant = counts.get(Status.COMPLIANT.value, 0)
    of = compliant + counts.get(Status.UNKNOWN.value, 0) + sum(counts.get(status.value, 0) for status in OPEN)
    return compliant * 1000 // of / 10 if of else None


@dataclass(frozen=True)
class Summary:
    """What is kept of a fleet at one time: small, whatever the fleet's size."""

    #: Of the newest record, UTC, ISO 8601.
    time: str
    #: Ids of the runs, and what they did.
    runs: tuple[str, ...]
    actions: tuple[str, ...]
    #: State (ok, failed, unreachable, interrupted, waiting, skipped) to number of guests.
    guests: dict[str, int]
    #: Status to number of findings.
    counts: dict[str, int]
    #: Severity to number of open findings.
    open: dict[str, int]
    #: See :func:`score`.
    score: float | None
    #: Recommendation to status to number of guests.
    recommendations: dict[str, dict[str, int]]

    def text(self) -> str:
        """As the file has it."""
        return json.dumps({"format": SUMMARY_FORMAT, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"


class Tally:
    """Counts records; :meth:`summary` is what they come to."""

    def __init__(self) -> None:
        self._time = ""
        self._runs: set[str] = set()
        self._actions: set[str] = set()
        self._guests: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._recommendations: dict[str, Counter[str]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a guest's record."""
        self._time = max(self._time, record["time"])
        self._runs.add(record["run"])
        self._actions.add(str(record["action"]))
        self._guests[record["state"]] += 1
        for finding in record["findings"]:
            status = finding["status"]
            self._recommendations.setdefault(finding["recommendation"], Counter())[status] += 1
            if status in OPEN:
                self._open[finding["severity"]] += 1

    def summary(self) -> Summary:
        """Everything that was counted."""
        counts = sum(self._recommendations.values(), Counter())
        return Summary(
            time=self._time,
            runs=tuple(sorted(self._runs)),
            actions=tuple(sorted(self._actions)),
            guests=dict(sorted(self._guests.items())),
            counts={status.value: counts[status.value] for status in Status},
            open={severity.value: self._open[severity.value] for severity in Severity},
            score=score(counts),
            recommendations={
                name: {status.value: found[status.value] for status in Status if found[status.value]}
                for name, found in sorted(self._recommendations.items())
            },
        )


def earlier(reports: Path, before: str) -> list[Summary]:
    """The summaries below ``reports`` that are older than ``before``, oldest first.

    What is part of another is left out: shards, where there is a report of all of them.
    """
    try:
        folders = sorted(entry.path for entry in os.scandir(reports) if entry.is_dir())
    except OSError:
        return []
    found = [summary for folder in folders if (summary := _load_summary(Path(folder) / SUMMARY)) is not None]
    runs = [set(summary.runs) for summary in found]
    kept = [
        summary
        for number, summary in enumerate(found)
        if summary.time < before and not any(runs[number] < other for other in runs)
    ]
    return sorted(kept, key=lambda summary: (summary.time, summary.runs))


def _load_summary(path: Path) -> Summary | None:
    """None where it is no summary of ours: a trend is drawn of what there is."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != SUMMARY_FORMAT:
            return None
        plain = {entry.name: plain[entry.name] for entry in fields(Summary)}
        return Summary(**{**plain, "runs": tuple(plain["runs"]), "actions": tuple(plain["actions"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
