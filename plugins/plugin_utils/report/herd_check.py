# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The herd: how many jobs of a fleet begin in the same minute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import DAY, Start, parse_starts
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import (
    Few,
    FleetFinding,
    GuestTraits,
    guests_,
)

#: Starts are counted in millionths, so that the sum of random delays is the same in whatever order guests come.
_UNIT = 1_000_000


class Histogram:
    """Starts of jobs by minute of the day, of a fleet. A random delay spreads a start evenly over its minutes.

    ``guests`` counts, for each minute, the guests of which a job begins then for certain.
    """

    def __init__(self) -> None:
        # By how much a minute has more than the one before it: a delay of hours is two numbers then. The second day is what
        # delays lead to past midnight.
        self._steps = [0] * (2 * DAY + 1)
        self.guests = [0] * DAY
        self.members = 0

    @property
    def starts(self) -> list[int]:
        """Starts in every minute of the day, in millionths."""
        counts = list(accumulate(self._steps))
        return [one + other for one, other in zip(counts[:DAY], counts[DAY : 2 * DAY], strict=True)]

    def add(self, starts: Iterable[Start]) -> None:
        """One more guest."""
        self.members += 1
        certain: set[int] = set()
        for start in starts:
            share = _UNIT // start.spread
            for minute in start.minutes:
                self._steps[minute] += share
                self._steps[minute + start.spread] -= share
            if start.spread == 1:
                certain.update(start.minutes)
        for minute in certain:
            self.guests[minute] += 1

    def record(self) -> dict[str, Any]:
        """As plain data: starts in every minute, and the largest minute (the earliest of several).

        ``even`` is what every minute would have if they were evenly spread over the day. ``herds`` says that the largest minute has
        more than chance brings together: more than an even spread, and five times the square root of that (or six jobs), and
        a tenth of the guests, for daily jobs may well all have to be done by night.
        """
        starts = self.starts
        largest = max(range(DAY), key=lambda minute: (starts[minute], -minute))
        even = sum(starts) / _UNIT / DAY
        most = starts[largest] / _UNIT
        return {
            "guests": self.members,
            "starts": [round(count / _UNIT, 2) for count in starts],
            "largest": {
                "minute": largest,
                "clock": clock(largest),
                "starts": round(most, 2),
                "guests": self.guests[largest],
            },
            "even": round(even, 2),
            "herds": most > even + max(6.0, 5 * math.sqrt(even), self.members / 10),
        }


def clock(minute: int) -> str:
    """A minute of the day as on a clock."""
    return f"{minute // 60:02}:{minute % 60:02}"


class HerdCheck:
    """How many jobs of the fleet begin in the same minute: now, before the remediation, and as scatter would have it."""

    def __init__(self) -> None:
        self.now, self.scattered = Histogram(), Histogram()
        # Only guests that know both are compared.
        self.before, self.after = Histogram(), Histogram()
        self.silent = Few()
        self.puzzling = 0

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""
        now = _starts(guest.text("starts"))
        if now is None:
            self.silent.add(guest.host)
            return
        starts, puzzling = now
        self.puzzling += puzzling
        self.now.add(starts)
        scattered = _starts(guest.text("starts_scattered"))
        self.scattered.add((scattered or now)[0])
        before = _starts(guest.text("starts_before"))
        if before is not None:
            self.before.add(before[0])
            self.after.add(starts)

    def finding(self) -> FleetFinding:
        """What is to be said when all have come."""
        detail: dict[str, Any] = {
            "now": self.now.record(),
            "scattered": self.scattered.record(),
            "silent": self.silent.record(),
            "not_understood": self.puzzling,
        }
        if self.before.members:
            detail |= {"before": self.before.record(), "after": self.after.record()}
        status, reason = self._said(detail)
        return FleetFinding(
            "fleet_herd",
            "Jobs do not all begin in the same minute",
            Severity.MEDIUM,
            status,
            reason,
            "The Missing VMware Manual for Linux; crontab(5); systemd.timer(5)",
            (),
            detail,
        )

    def _said(self, detail: Mapping[str, Any]) -> tuple[Status, str]:
        if self.now.members < 2 and not self.silent.count:
            return Status.NOT_APPLICABLE, f"the jobs of {guests_(self.now.members)} are known: a herd takes several"
        silent = (
            f"; {guests_(self.silent.count)} did not tell when their jobs begin ({self.silent.text})"
            if self.silent.count
            else ""
        )
        if self.now.members < 2:
            return Status.UNKNOWN, silent.removeprefix("; ") + ": audit them again as root"
        now, then = detail["now"]["largest"], detail["scattered"]["largest"]
        found = (
            f"at {now['clock']} {_jobs(now['starts'])} begin, on {now['guests']} of {guests_(self.now.members)}; evenly "
            f"spread it were {_number(detail['now']['even'])} in every minute"
        )
        if "before" in detail:
            before, after = detail["before"]["largest"], detail["after"]["largest"]
            found += (
                f"; on the {guests_(self.before.members)} that were remediated the largest minute went from "
                f"{_number(before['starts'])} to {_number(after['starts'])}"
            )
        if not detail["now"]["herds"]:
            return (Status.UNKNOWN if silent else Status.COMPLIANT), found + silent
        better = then["starts"] < now["starts"]
        do = (
            f"Enforce cron_scatter and timer_scatter: the largest minute would be {then['clock']}, with "
            f"{_jobs(then['starts'])}"
            if better
            else "No job of a distribution makes it: list your own in cron_scatter_own_jobs and cron_scatter_own_timers"
        )
        if better and detail["scattered"]["herds"]:
            do += "; list your own jobs in cron_scatter_own_jobs and cron_scatter_own_timers, too"
        return Status.MANUAL, f"{found}. {do}{silent}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _jobs(value: float) -> str:
    return f"{_number(value)} job{'' if value == 1 else 's'}"


def _starts(text: str | None) -> tuple[list[Start], int] | None:
    """The starts in a record, None where there are none or nobody of us wrote them."""
    try:
        return None if text is None else parse_starts(text)
    except ValueError:
        return None
