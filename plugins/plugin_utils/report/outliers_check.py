# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Outliers: guests that differ from nearly all guests like them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status, listed
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import (
    LISTED,
    NAMED,
    Few,
    FleetFinding,
    GuestTraits,
    guests_,
)

#: With fewer guests alike nobody can tell who is the odd one.
ALIKE = 10
#: An outlier differs from so many of a hundred guests like it.
NEARLY_ALL = 90
#: Of more kinds of guests by group than this, groups are left out: what is kept must not grow with the fleet.
_MOST_KINDS = 200
#: So many names are kept of guests with one status; more are no outliers of a kind that is worth a list.
_OUTLIERS = 20

_Kind = tuple[str, ...]


class OutliersCheck:
    """Which guests have findings that nearly all guests like them have not.

    Alike are guests with the same distribution (its major release), profile and inventory groups; where fewer than :data:`ALIKE`
    share the groups, those with the same distribution and profile.
    """

    def __init__(self) -> None:
        self.kinds: dict[_Kind, int] = {}
        self.statuses: dict[_Kind, dict[str, dict[str, Few]]] = {}
        self.by_group = True
        self.silent = Few()

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""
        release = guest.text("release")
        profile = guest.record.get("profile")
        if release is None:
            self.silent.add(guest.host)
            return
        broad: _Kind = (release, profile if isinstance(profile, str) else "")
        groups = tuple(sorted(set(guest.texts("groups", guest.record) or []) - {"all", "ungrouped"}))
        fine: _Kind = (*broad, *groups)
        if (
            groups
            and self.by_group
            and fine not in self.kinds
            and sum(len(kind) > 2 for kind in self.kinds) >= _MOST_KINDS
        ):
            self._forget_groups()
        for kind in {broad, fine} if self.by_group else {broad}:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            for recommendation, status in _statuses(guest.record):
                few = (
                    self.statuses.setdefault(kind, {}).setdefault(recommendation, {}).setdefault(status, Few(_OUTLIERS))
                )
                few.add(guest.host)

    def _forget_groups(self) -> None:
        self.by_group = False
        for kind in [kind for kind in self.kinds if len(kind) > 2]:
            del self.kinds[kind]
            self.statuses.pop(kind, None)

    def finding(self) -> FleetFinding:
        """What is to be said when all have come."""
        compared = sorted(kind for kind, count in self.kinds.items() if count >= ALIKE)
        found = sorted(
            (row for kind in compared for row in self._outliers(kind)),
            key=lambda row: (row["count"], row["recommendation"], row["like"]),
        )
        # A guest that differs from those of its groups differs from all of its distribution as well: once is enough.
        seen: set[tuple[str, str, str]] = set()
        rows: list[dict[str, Any]] = []
        for row in sorted(found, key=lambda row: -row["exactly"]):
            those = {(row["recommendation"], row["status"], name) for name in row["guests"]}
            if not those <= seen:
                seen |= those
                rows.append(row)
        rows.sort(key=lambda row: (row["count"], row["recommendation"], row["like"]))
        for row in rows:
            del row["exactly"]
        everyone = sorted({name for row in rows for name in row["guests"]})
        detail = {
            "outliers": rows[:LISTED],
            "rows": len(rows),
            "alike": ALIKE,
            "nearly_all": NEARLY_ALL,
            "compared": [{"like": _like(kind), "guests": self.kinds[kind]} for kind in compared[:LISTED]],
            "by_group": self.by_group,
            "silent": self.silent.record(),
        }
        status, reason = self._said(rows, everyone, compared)
        return FleetFinding(
            "fleet_outliers",
            "Like guests have like findings",
            Severity.LOW,
            status,
            reason,
            "vmguest.linux, docs/fleet.md",
            tuple(everyone[:NAMED]),
            detail,
        )

    def _outliers(self, kind: _Kind) -> Iterator[dict[str, Any]]:
        for recommendation, statuses in sorted(self.statuses.get(kind, {}).items()):
            total = sum(few.count for few in statuses.values())
            usual, most = max(sorted(statuses.items()), key=lambda entry: entry[1].count)
            if total < ALIKE or most.count * 100 < total * NEARLY_ALL:
                continue
            for status, few in sorted(statuses.items()):
                # Not applicable here and compliant there is a difference of hardware, and nothing to act on.
                if status != usual and {status, usual} - _QUIET:
                    yield {
                        "recommendation": recommendation,
                        "status": status,
                        "usual": usual,
                        "like": _like(kind),
                        "alike": total,
                        "as_usual": most.count,
                        "count": few.count,
                        "guests": list(few.names),
                        "exactly": len(kind) > 2,
                    }

    def _said(self, rows: list[dict[str, Any]], everyone: list[str], compared: list[_Kind]) -> tuple[Status, str]:
        if rows:
            named = "; ".join(
                f"{row['recommendation']} is {row['status']} on {listed(row['guests'], 3)}, {row['usual']} on {row['as_usual']} of "
                f"{row['alike']} guests like {'it' if row['count'] == 1 else 'them'} ({row['like']})"
                for row in rows[:3]
            )
            more = f"; and {len(rows) - 3} more" if len(rows) > 3 else ""
            return (
                Status.MANUAL,
                f"{len(rows)} finding{'s differ' if len(rows) > 1 else ' differs'} from those of nearly all guests alike, on "
                f"{guests_(len(everyone))}: {named}{more}. See what is different there, and whether it is meant to be",
            )
        if self.silent.count and not compared:
            return (
                Status.UNKNOWN,
                f"{guests_(self.silent.count)} did not tell their distribution: {self.silent.text}; audit them again",
            )
        if not compared:
            return (
                Status.NOT_APPLICABLE,
                f"no {ALIKE} guests have the same distribution and profile: nobody can tell who is odd",
            )
        return Status.COMPLIANT, "no finding differs from those of nearly all guests alike"


#: Statuses with which a guest asks for nothing.
_QUIET = frozenset({Status.COMPLIANT.value, Status.NOT_APPLICABLE.value, Status.WAIVED.value})
_KNOWN_STATUSES = frozenset(status.value for status in Status)


def _statuses(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(recommendation, status) of a record's findings, whatever else is in it. The first one of a recommendation counts."""
    seen: set[str] = set()
    findings = record.get("findings")
    for finding in findings if isinstance(findings, list) else ():
        if isinstance(finding, Mapping):
            name, status = finding.get("recommendation"), finding.get("status")
            if isinstance(name, str) and status in _KNOWN_STATUSES and name not in seen:
                seen.add(name)
                yield name, str(status)


def _like(kind: _Kind) -> str:
    """``debian 12, profile baseline, groups db web``."""
    release, profile, *groups = kind
    return ", ".join(
        [
            *([release] if release else []),
            *([f"profile {profile}"] if profile else []),
            *([f"groups {' '.join(groups)}"] if groups else []),
        ]
    )
