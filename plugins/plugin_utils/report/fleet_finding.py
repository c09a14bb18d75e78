# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""A finding of a whole fleet, and what its checks share: names that are kept, and what they take from a record."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status

#: Of guests that share something, or that do not tell, so many are named; all are counted.
NAMED = 50
#: So many values that are shared are listed, the most often shared first; all are counted.
LISTED = 50


@dataclass(frozen=True)
class FleetFinding:
    """What one check says of the fleet.

    ``status`` is compliant, manual (a person must act: ``reason`` says how), unknown (records lack what it needs) or
    not_applicable. ``guests`` are those that it is about, by name, at most :data:`NAMED`. ``detail`` is plain data, which
    docs/fleet.md describes check by check.
    """

    id: str
    title: str
    severity: Severity
    status: Status
    reason: str
    source: str
    guests: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": self.severity.value,
            "status": self.status.value,
            "reason": self.reason,
            "source": self.source,
            "guests": list(self.guests),
            "detail": dict(self.detail),
        }


@dataclass
class Few:
    """How many names there are, and the first few of them in alphabetical order, whatever order they came in."""

    most: int = NAMED
    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """One more name."""
        self.count += 1
        if len(self.names) < self.most or name < self.names[-1]:
            insort(self.names, name)
            del self.names[self.most :]

    def record(self) -> dict[str, Any]:
        """As plain data."""
        return {"count": self.count, "guests": list(self.names)}

    @property
    def text(self) -> str:
        """For a sentence: ``a, b, c and 4 more``."""
        shown = self.names[:5]
        return ", ".join(shown) + (f" and {self.count - len(shown)} more" if self.count > len(shown) else "")


@dataclass(frozen=True)
class GuestTraits:
    """What the checks take from a record, whatever is in it."""

    host: str
    told: Mapping[str, Any]
    record: Mapping[str, Any]

    def texts(self, name: str, within: Mapping[str, Any] | None = None) -> list[str] | None:
        """The list of texts ``name``, None where the record does not tell."""
        value = (self.told if within is None else within).get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else None

    def text(self, name: str) -> str | None:
        """The text ``name``, None where the record does not tell."""
        value = self.told.get(name)
        return value if isinstance(value, str) else None

    @property
    def identity(self) -> Mapping[str, Any]:
        """Identities by their kind."""
        value = self.told.get("identity")
        return value if isinstance(value, Mapping) else {}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> GuestTraits | None:
        """From a record; None for one of a guest that gave no evidence (unreachable, refused), which no check is about."""
        host, told = record.get("host"), record.get("fleet")
        assessed = isinstance(record.get("findings"), list) and bool(record["findings"])
        if not isinstance(host, str) or not (assessed or isinstance(told, Mapping)):
            return None
        return cls(host, told if isinstance(told, Mapping) else {}, record)


def guests_(number: int) -> str:
    """``1 guest``, ``2 guests``."""
    return f"{number} guest{'' if number == 1 else 's'}"
