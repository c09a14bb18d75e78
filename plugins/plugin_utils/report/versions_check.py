# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Versions: whether guests of one distribution run the same kernel and the same VMware Tools."""

from __future__ import annotations

from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import (
    LISTED,
    NAMED,
    Few,
    FleetFinding,
    GuestTraits,
    guests_,
)

#: So many names are kept of guests with one version.
_KEPT = 20


class VersionsCheck:
    """Whether guests of one distribution run the same version of something: ``what`` in records and sentences."""

    def __init__(self, name: str, what: str, title: str, do: str, source: str) -> None:
        self.name, self.what, self.title, self.do, self.source = name, what, title, do, source
        self.versions: dict[str, dict[str, Few]] = {}
        self.silent = Few()

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""
        release, version = guest.text("release"), guest.text(self.name)
        if release is None or version is None:
            self.silent.add(guest.host)
        else:
            self.versions.setdefault(release, {}).setdefault(version, Few(_KEPT)).add(guest.host)

    def finding(self) -> FleetFinding:
        """What is to be said when all have come."""
        rows: list[dict[str, Any]] = [
            {
                "release": release,
                "guests": sum(few.count for few in versions.values()),
                "versions": [
                    {"version": version, "count": few.count, "guests": list(few.names)}
                    for version, few in sorted(versions.items(), key=lambda entry: (-entry[1].count, entry[0]))[:LISTED]
                ],
                "differ": len(versions),
            }
            for release, versions in sorted(self.versions.items())
        ]
        several = [row for row in rows if row["differ"] != 1]
        several.sort(key=lambda row: (-row["differ"], row["release"]))
        detail = {
            "what": self.name,
            "releases": rows[:LISTED],
            "silent": self.silent.record(),
        }
        # Those with another version than most of their distribution.
        odd = sorted({name for row in several for entry in row["versions"][1:] for name in entry["guests"]})
        status, reason = self._said(several, max((row["guests"] for row in rows), default=0))
        return FleetFinding(
            f"fleet_{self.name}_versions",
            self.title,
            Severity.LOW,
            status,
            reason,
            self.source,
            tuple(odd[:NAMED]),
            detail,
        )

    def _said(self, several: list[dict[str, Any]], most: int) -> tuple[Status, str]:
        silent = f"{guests_(self.silent.count)} did not tell ({self.silent.text})" if self.silent.count else ""
        if several:
            named = "; ".join(
                f"{row['release']} has {row['differ']} on {guests_(row['guests'])}, most often {row['versions'][0]['version']} "
                f"({row['versions'][0]['count']})"
                for row in several[:3]
            )
            more = f"; and {len(several) - 3} more distributions" if len(several) > 3 else ""
            return Status.MANUAL, f"different {self.what}: {named}{more}. {self.do}" + (f"; {silent}" if silent else "")
        if silent:
            return Status.UNKNOWN, f"{silent}; audit them again"
        if most < 2:
            return Status.NOT_APPLICABLE, "no two guests have the same distribution"
        return Status.COMPLIANT, f"all guests of one distribution have the same {self.what}"
