# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Checks of a whole fleet, which no guest can make by itself: pure, records in, findings out.

Records come one at a time, the newest one of each guest, in any order; the order changes nothing. What is kept of them is
small: a few words for each guest (its identities), counters, and of names the first few in alphabetical order, so that ten
thousand guests take some ten megabytes. A record of an older release lacks ``fleet``: it is counted among those that do not tell,
and a check that lacks answers is ``unknown``, never compliant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import DriftCheck
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import FleetFinding, GuestTraits
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.herd_check import HerdCheck
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.identity_check import IDENTITIES, IdentityCheck
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.outliers_check import OutliersCheck
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.versions_check import VersionsCheck

__all__ = ["FleetChecks", "FleetFinding"]


class Check(Protocol):
    """One check: it takes what it needs of each guest, and keeps little of it."""

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""

    def finding(self) -> FleetFinding:
        """What is to be said of those that have come."""


class FleetChecks:
    """All checks of a fleet: :meth:`add` the newest record of each guest, then ask for :meth:`results`."""

    def __init__(self) -> None:
        self._checks: tuple[Check, ...] = (
            DriftCheck(),
            HerdCheck(),
            *(IdentityCheck(kind) for kind in IDENTITIES),
            OutliersCheck(),
            VersionsCheck(
                "kernel",
                "kernels",
                "Guests of one distribution run the same kernel",
                "A guest that lags behind lacks what was mended for the others: update it, or reboot it into a kernel that it has",
                "The distributions' kernel updates",
            ),
            VersionsCheck(
                "tools",
                "VMware Tools",
                "Guests of one distribution have the same VMware Tools",
                "Update those that lag behind from the distribution's packages",
                "open-vm-tools, README",
            ),
        )

    def add(self, record: Mapping[str, Any]) -> None:
        """One more guest's newest record. Those of guests that gave no evidence are left out."""
        guest = GuestTraits.of(record)
        if guest is not None:
            for check in self._checks:
                check.add(guest)

    def results(self) -> list[FleetFinding]:
        """The findings, in a fixed order. May be asked for at any time, and more records added afterwards."""
        return [check.finding() for check in self._checks]
