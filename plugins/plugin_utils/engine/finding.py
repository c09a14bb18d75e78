# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A finding: the verdict of one recommendation on one guest.

The words are those of docs/architecture.md. A :class:`Verdict` is what a recommendation says of a guest, a
:class:`Finding` is that verdict under a policy (its mode, a waiver), ready to be shown and recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step


class Status(str, Enum):
    """What is true of a recommendation on a guest."""

    COMPLIANT = "compliant"
    NONCOMPLIANT = "noncompliant"
    PENDING_REBOOT = "pending_reboot"
    NOT_PERSISTENT = "not_persistent"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    MANUAL = "manual"
    WAIVED = "waived"

    def __str__(self) -> str:
        return self.value


#: Statuses that a remedy can turn into compliant; a verdict with one of them carries its remedy.
REMEDIABLE = frozenset({Status.NONCOMPLIANT, Status.NOT_PERSISTENT})
#: Statuses that count against a guest: for `vmguest_fail_on` and in the totals.
OPEN = frozenset({Status.NONCOMPLIANT, Status.NOT_PERSISTENT, Status.PENDING_REBOOT, Status.FAILED, Status.MANUAL})
#: Statuses that a waiver replaces. A waiver on a compliant recommendation changes nothing.
WAIVABLE = OPEN | {Status.UNKNOWN}


class Severity(str, Enum):
    """How much a noncompliant guest has to lose, lowest first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    def __str__(self) -> str:
        return self.value

    @property
    def rank(self) -> int:
        """0 for info to 4 for critical."""
        return list(Severity).index(self)


@dataclass(frozen=True)
class Verdict:
    """What a recommendation says of a guest.

    ``reason`` is a sentence for a person. ``runtime`` and ``persistent`` are what the kernel does now and what the
    configuration says for the next boot; each comes from its own evidence, None where there is no such side.
    ``remedy`` is the ordered steps that make it compliant; ``reboot`` says that they take effect at the next boot only.
    ``commit`` is steps after them that commit what several recommendations of one ``group`` share (an image, grub.cfg): of
    all members' steps equal ones are run once, when the members' own are done. Such a command may be run again, without
    the part of a member that was reverted.

    :raises ValueError: a remediable status without a remedy (that would be ``manual``), a remedy with another status, or
        a commit without a group.
    """

    status: Status
    reason: str
    runtime: str | None = None
    persistent: str | None = None
    desired: str | None = None
    owner: str | None = None
    remedy: tuple[Step, ...] = ()
    reboot: bool = False
    commit: tuple[Run, ...] = ()
    group: str = ""

    def __post_init__(self) -> None:
        steps = len(self.remedy) + len(self.commit)
        if (self.status in REMEDIABLE) != bool(steps):
            raise ValueError(
                f"a verdict '{self.status}' with {steps} steps: '{Status.NONCOMPLIANT}' and "
                f"'{Status.NOT_PERSISTENT}' need a remedy, the others have none"
            )
        if bool(self.commit) != bool(self.group):
            raise ValueError(f"{len(self.commit)} steps that commit group '{self.group}': one needs the other")


def compliant(reason: str, **sides: Any) -> Verdict:
    """The guest is as desired."""
    return Verdict(Status.COMPLIANT, reason, **sides)


def noncompliant(reason: str, *, remedy: tuple[Step, ...] = (), **sides: Any) -> Verdict:
    """The guest is not as desired, and ``remedy`` would make it so."""
    return Verdict(Status.NONCOMPLIANT, reason, remedy=remedy, **sides)


def not_persistent(reason: str, *, remedy: tuple[Step, ...] = (), **sides: Any) -> Verdict:
    """Right now, but lost at the next boot; ``remedy`` makes it stay."""
    return Verdict(Status.NOT_PERSISTENT, reason, remedy=remedy, **sides)


def pending_reboot(reason: str, **sides: Any) -> Verdict:
    """The configuration is right, the running system is not yet."""
    return Verdict(Status.PENDING_REBOOT, reason, reboot=True, **sides)


def not_applicable(because: str) -> Verdict:
    """The recommendation says nothing about this guest, because…"""
    return Verdict(Status.NOT_APPLICABLE, because)


def unknown(because: str, **sides: Any) -> Verdict:
    """It could not be read, because…; never taken for compliant."""
    return Verdict(Status.UNKNOWN, because, **sides)


def manual(reason: str, **sides: Any) -> Verdict:
    """Not as desired, and only a person (or vCenter) can mend it: the reason says how."""
    return Verdict(Status.MANUAL, reason, **sides)


def listed(words: Sequence[str], most: int = 4) -> str:
    """Some of many words, for a reason: ``a, b, c, d and 3 more``."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


@dataclass(frozen=True)
class Waiver:
    """An exception that somebody answers for, until the end of the day ``expires``."""

    recommendation: str
    reason: str
    expires: date

    def expired(self, today: date) -> bool:
        """True from the day after ``expires``."""
        return today > self.expires

    def record(self) -> dict[str, str]:
        """As plain data: ``reason``, and ``expires`` as an ISO date."""
        return {"reason": self.reason, "expires": self.expires.isoformat()}


@dataclass(frozen=True)
class Finding:
    """A verdict under a policy: what is shown, recorded and planned from. ``waiver`` is the exception that the policy has for
    it, in force or expired."""

    recommendation: str
    role: str
    area: str
    title: str
    severity: Severity
    source: str
    mode: str
    status: Status
    reason: str
    runtime: str | None = None
    persistent: str | None = None
    desired: str | None = None
    owner: str | None = None
    reboot: bool = False
    waiver: Waiver | None = None
    remedy: tuple[Step, ...] = field(default=(), compare=False)
    commit: tuple[Run, ...] = field(default=(), compare=False)
    group: str = field(default="", compare=False)

    @property
    def enforceable(self) -> bool:
        """True where applying the policy changes this guest: audit, check mode and apply all ask this, and only this."""
        return self.mode == "enforce" and self.status in REMEDIABLE

    def became(self, status: Status, reason: str) -> Finding:
        """The same finding with another status, without a remedy."""
        return replace(self, status=status, reason=reason, remedy=(), commit=(), group="")

    def record(self) -> dict[str, Any]:
        """As plain data for results, records and reports (the remedy as a list of sentences)."""
        return {
            "recommendation": self.recommendation,
            "role": self.role,
            "area": self.area,
            "title": self.title,
            "severity": self.severity.value,
            "source": self.source,
            "mode": self.mode,
            "status": self.status.value,
            "reason": self.reason,
            "runtime": self.runtime,
            "persistent": self.persistent,
            "desired": self.desired,
            "owner": self.owner,
            "reboot": self.reboot,
            "waiver": self.waiver.record() if self.waiver else None,
            "remedy": [step.sentence for step in (*self.remedy, *self.commit)],
        }


def records_with_before(before: Sequence[Finding], after: Sequence[Finding]) -> list[dict[str, Any]]:
    """The findings after a change as plain data, each with its status ``before`` it; where the change made other sides of it, with
    those that were ``found``: they tell what somebody else had changed by then.
    """
    was = {finding.recommendation: finding for finding in before}
    rows = []
    for finding in after:
        earlier = was[finding.recommendation]
        found = {"runtime": earlier.runtime, "persistent": earlier.persistent, "owner": earlier.owner}
        same = found == {"runtime": finding.runtime, "persistent": finding.persistent, "owner": finding.owner}
        rows.append({**finding.record(), "before": earlier.status.value, **({} if same else {"found": found})})
    return rows
