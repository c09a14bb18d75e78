# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift: what changed on a guest between two runs, since when, and who owns it now.

A guest's record carries its own history, key ``history``, made from the guest's record before it: which run that was, since when
the guest is known, and for each finding that ever changed the last change. So a report of any fleet reads the newest records
only, and records of several controllers or shards merge by copying their folders together.

    "history": {
      "first": {"run": "…", "time": "…"},            the first run that is known: what never changed is so since then at least
      "previous": {"run": "…", "time": "…"},         the run before this one in which the guest was assessed
      "changes": {"swappiness": {
        "run": "…", "time": "…",                     the first run in which it was so
        "was": {"status": "compliant", "runtime": "1", "persistent": "1", "owner": "/etc/sysctl.d/…"},
        "found": "noncompliant",                     its status before that run remedied anything
        "by": null                                   drift; or {"why": "remediate", "run": "…"}: known, and no drift
      }}
    }

What is no drift: what our own runs did (remediate, revert, reboot), what only the policy changed (a profile, an option, a waiver),
a configuration that a boot made effective, and what could not be read before.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import (
    Few,
    FleetFinding,
    GuestTraits,
    guests_,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import acted, file_name, load, printable
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import Paint, one_line, plain, shortened

#: So many runs are looked back for a guest's record before this one.
LOOK_BACK = 1000
#: So many changes are listed; all are counted.
LISTED = 200

_SIDES = ("status", "runtime", "persistent", "owner")
Finding = Mapping[str, Any]


# ---- a guest's history -----------------------------------------------------------------------------------------------


def previous_record(run_folder: Path, host: str) -> dict[str, Any] | None:
    """The newest record of ``host`` in which it was assessed, of a run older than that of ``run_folder``, beside it.

    Folders of runs begin with their time, so that their names are in its order.
    """
    name = file_name(host)
    try:
        older = sorted((entry for entry in os.listdir(run_folder.parent) if entry < run_folder.name), reverse=True)
    except OSError:
        return None
    for folder in older[:LOOK_BACK]:
        path = run_folder.parent / folder / "hosts" / name
        record = load(path) if os.path.exists(path) else None
        if record is not None and record.get("host") == host and _findings(record):
            return record
    return None


def history(previous: Mapping[str, Any] | None, record: Mapping[str, Any]) -> dict[str, Any]:
    """The history of a record, from the guest's record before it: pure. A record that stands in a later run for the one that did it
    (``resumed_from``) keeps its own: the record before it is that run's, which found what it tells of."""
    this = _when(record)
    if record.get("resumed_from"):
        return dict(_mapping(record.get("history"))) or {"first": this, "previous": None, "changes": {}}
    if previous is None:
        return {"first": this, "previous": None, "changes": {}}
    before = _mapping(previous.get("history"))
    old, new = _findings(previous), _findings(record)
    changes = {name: change for name, change in _mapping(before.get("changes")).items() if isinstance(change, Mapping)}
    for name, finding in new.items():
        if name in old and _differs(name, old[name], finding):
            changes[name] = {
                **this,
                "was": {side: old[name].get(side) for side in _SIDES},
                "found": finding.get("before", finding.get("status")),
                "by": _by(name, previous, record, old[name], finding),
            }
    return {"first": before.get("first") or _when(previous), "previous": _when(previous), "changes": changes}


def _when(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"run": record.get("run"), "time": record.get("time")}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _findings(record: Mapping[str, Any]) -> dict[str, Finding]:
    """A record's findings by recommendation, whatever else is in it."""
    found = record.get("findings")
    return {
        str(finding["recommendation"]): finding
        for finding in (found if isinstance(found, list) else ())
        if isinstance(finding, Mapping) and isinstance(finding.get("recommendation"), str)
    }


def _differs(name: str, old: Finding, new: Finding) -> bool:
    """True where the status, or what is so now and at boot, is another than it was left, even if the run that found it has put it
    right again. What is measured anew every time is not looked at."""
    same = _same(_status(old.get("status")), _status(new.get("status"))) and all(
        _same(old.get(side), new.get(side)) for side in _compared(name)
    )
    return not same or not _found_as_left(name, old, new)


def _status(status: Any) -> Any:
    """A status to compare: a remedy that failed says of a run of ours what became of it, and leaves the guest noncompliant."""
    return Status.NONCOMPLIANT.value if status == Status.FAILED else status


def _same(old: Any, new: Any) -> bool:
    """True for equal values; the old one was written, which makes all of it printable, the new one not yet."""
    return bool(old == new or printable(old) == printable(new))


def _compared(name: str) -> tuple[str, ...]:
    """What is compared besides the status."""
    entry = RECOMMENDATIONS.get(name)
    return tuple(side for side in _SIDES[1:] if side != "runtime" or entry is None or not entry.measures)


def _found_as_left(name: str, old: Finding, new: Finding) -> bool:
    """False where a run that changes guests found something else than the run before it had left."""
    if "before" not in new:
        return True
    found = new.get("found")
    sides = found if isinstance(found, Mapping) else new
    return bool(_status(new["before"]) == _status(old.get("status"))) and all(
        _same(old.get(side), sides.get(side)) for side in _compared(name)
    )


def _by(
    name: str, previous: Mapping[str, Any], record: Mapping[str, Any], old: Finding, new: Finding
) -> dict[str, Any] | None:
    """Who is known to have made a change; None for drift."""
    was, now = old.get("status"), new.get("before", new.get("status"))
    before, after = _receipt(previous, name), _receipt(record, name)
    of_this_run = after.get("run") == record.get("run")
    if after and after != before and (_found_as_left(name, old, new) or not of_this_run):
        # A receipt tells the run that did it; one that was taken back does not tell by which.
        if after.get("state") == "reverted":
            return {"why": "revert", "run": record.get("run") if record.get("action") == "revert" else None}
        return {"why": "remediate", "run": after.get("run")}
    if _found_as_left(name, old, new) and acted(record):
        # What it did elsewhere may well be seen here: a package brings files, a reboot makes them effective.
        return {"why": acted(record), "run": record.get("run")}
    if was == Status.PENDING_REBOOT and now == Status.COMPLIANT:
        return {"why": "boot", "run": None}
    if Status.WAIVED in (was, now) or (_same_sides(old, new) and _other_policy(previous, record, old, new)):
        return {"why": "policy", "run": None}
    if was == Status.UNKNOWN:
        return {"why": "not read before", "run": None}
    return None


def _other_policy(previous: Mapping[str, Any], record: Mapping[str, Any], old: Finding, new: Finding) -> bool:
    return previous.get("profile") != record.get("profile") or old.get("desired") != new.get("desired")


def _same_sides(old: Finding, new: Finding) -> bool:
    return all(_same(old.get(side), new.get(side)) for side in ("runtime", "persistent", "owner"))


def _receipt(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(_mapping(_mapping(record.get("fleet")).get("receipts")).get(name))


# ---- a fleet's drift -------------------------------------------------------------------------------------------------


def changes(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The changes of a guest between its newest run and the one before, as plain data: host, recommendation, severity, ``was`` and
    ``now`` (status, runtime, persistent, owner), ``found`` (the status before this run put anything right), ``by`` (None for
    drift), ``run`` and ``time`` in which it was first seen, and ``since``, the time of the run before.
    """
    told = _mapping(record.get("history"))
    findings = _findings(record)
    for name, change in _mapping(told.get("changes")).items():
        if not isinstance(change, Mapping) or change.get("run") != record.get("run") or name not in findings:
            continue
        yield {
            "host": str(record.get("host")),
            "recommendation": name,
            "severity": findings[name].get("severity"),
            "run": change.get("run"),
            "time": change.get("time"),
            "since": _mapping(told.get("previous")).get("time"),
            "was": {side: _mapping(change.get("was")).get(side) for side in _SIDES},
            "found": change.get("found"),
            "now": {side: findings[name].get(side) for side in _SIDES},
            "by": change.get("by"),
        }


def since(record: Mapping[str, Any], recommendation: str) -> tuple[str | None, bool]:
    """Since when a finding is as it is: the time of the first run in which it was so, and whether it is known to be the first
    (False: it may have been so before the first run that is known). None where nothing is known.
    """
    told = _mapping(record.get("history"))
    change = _mapping(_mapping(told.get("changes")).get(recommendation))
    time = change.get("time") or _mapping(told.get("first")).get("time")
    return (time if isinstance(time, str) else None), bool(change)


class DriftCheck:
    """The drift of a fleet: takes the newest record of each guest, in any order; what is kept is bounded."""

    def __init__(self) -> None:
        self.compared = 0
        self.first = 0
        self.guests = Few()
        self.count = 0
        self.known: Counter[str] = Counter()
        self.recommendations: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""
        if not _mapping(guest.record.get("history")).get("previous"):
            self.first += 1
            return
        self.compared += 1
        drifted = False
        for change in changes(guest.record):
            if change["by"] is not None:
                self.known[str(_mapping(change["by"]).get("why"))] += 1
                continue
            drifted = True
            self.count += 1
            self.recommendations[change["recommendation"]] += 1
            self.rows.append(change)
        if drifted:
            self.guests.add(guest.host)
        if len(self.rows) > 2 * LISTED:
            self._cut()

    def _cut(self) -> None:
        self.rows.sort(key=lambda row: (row["host"], row["recommendation"]))
        del self.rows[LISTED:]

    def finding(self) -> FleetFinding:
        """What is to be said when all have come. ``detail``: how many guests have a run before to be ``compared`` with and for how
        many this is the ``first``; the drift, counted and by recommendation; the first :data:`LISTED` ``changes`` by host; and
        what is ``known`` and no drift, counted by what made it.
        """
        self._cut()
        detail = {
            "compared": self.compared,
            "first": self.first,
            "guests": self.guests.record(),
            "count": self.count,
            "recommendations": dict(sorted(self.recommendations.items(), key=lambda entry: (-entry[1], entry[0]))),
            "known": dict(sorted(self.known.items())),
            "changes": list(self.rows),
        }
        status, reason = self._said()
        return FleetFinding(
            "fleet_drift",
            "Guests are as they were left",
            Severity.MEDIUM,
            status,
            reason,
            "vmguest.linux, docs/fleet.md",
            tuple(self.guests.names),
            detail,
        )

    def _said(self) -> tuple[Status, str]:
        if not self.compared:
            return Status.NOT_APPLICABLE, "there is no run before this one to compare with"
        known = ", ".join(f"{count} by {_WHYS.get(why, why)}" for why, count in sorted(self.known.items()))
        more = f"; changes that are no drift: {known}" if known else ""
        if not self.count:
            return Status.COMPLIANT, f"nothing drifted on {guests_(self.compared)} since the run before{more}"
        often = ", ".join(
            f"{name} ({count})"
            for name, count in sorted(self.recommendations.items(), key=lambda entry: (-entry[1], entry[0]))[:5]
        )
        return (
            Status.MANUAL,
            f"{_findings_(self.count)} changed since the run before, on {guests_(self.guests.count)} of {self.compared} "
            f"({self.guests.text}): {often}. No run of vmguest.linux did that: ask who did, each change names the owner{more}",
        )


#: What made a change that is no drift, in words.
_WHYS = {"remediate": "a remediation", "revert": "a revert", "boot": "a boot", "policy": "another policy"}


def _findings_(number: int) -> str:
    return f"{number} finding{'' if number == 1 else 's'}"


def drift_lines(finding: FleetFinding, width: int, paint: Paint = plain, most: int = 10) -> list[str]:
    """A :class:`DriftCheck`'s finding for the end of a run: nothing where nothing drifted, else ``most`` changes, one on a line."""
    count, shown = finding.detail["count"], finding.detail["changes"][:most]
    if not shown:
        return []
    changed = f"{_findings_(count)} changed on {guests_(finding.detail['guests']['count'])}"
    head = f"drift: {changed} since the run before{_when_before(finding.detail['changes'])}"
    host = max(len(shortened(one_line(row["host"]), 30)) for row in shown)
    name = max(len(one_line(row["recommendation"])) for row in shown)
    lines = [paint(head, "yellow")]
    for row in shown:
        text = (
            f"  {shortened(one_line(row['host']), 30):{host}}  {one_line(row['recommendation']):{name}}  {_told(row)}"
        )
        lines.append(shortened(text, width))
    if count > len(shown):
        lines.append(f"  and {count - len(shown)} more")
    return lines


def _when_before(rows: Iterable[Mapping[str, Any]]) -> str:
    """When the runs before were, in brackets: of guests that did not answer for a week it is that long ago."""
    times = sorted({one_line(row["since"])[:16].replace("T", " ") for row in rows if row["since"]})
    if not times:
        return ""
    first, last = times[0], times[-1]
    to = "" if first == last else f" to {last[11:] if first[:10] == last[:10] else last}"
    return f" ({first}{to} UTC)"


def _told(row: Mapping[str, Any]) -> str:
    """``compliant → noncompliant; now 1 → 60; owner /etc/…``: what changed of status, sides and owner."""
    was, now = row["was"], row["now"]
    statuses = [one_line(status) for status in (was["status"], row["found"], now["status"]) if status is not None]
    parts = [
        " → ".join(status for number, status in enumerate(statuses) if not number or status != statuses[number - 1])
    ]
    parts += [
        f"{word} {_value(was[side])} → {_value(now[side])}"
        for side, word in (("runtime", "now"), ("persistent", "at boot"))
        if was[side] != now[side]
    ]
    if now["owner"]:
        parts.append(f"owner {_value(now['owner'])}")
    return "; ".join(parts)


def _value(value: Any) -> str:
    return "nothing" if value is None else shortened(one_line(value), 60)
