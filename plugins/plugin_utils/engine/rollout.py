# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollout: by which plan, when, and how much of it at most a guest is changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import Window, parse_windows

#: The variables that shape a rollout, with their defaults. ``vmguest_batch`` is the play's own: see playbooks/remediate.yml.
VARIABLES: dict[str, Any] = {
    "vmguest_plan": None,
    "vmguest_resume": None,
    "vmguest_change_window": [],
    "vmguest_max_changes": None,
}


@dataclass(frozen=True)
class Rollout:
    """``plan``: folders of plan files, or files; only what they say is done. ``resume``: the folder of a run that did not come
    to its end. ``windows``: when the guest may be changed, always where there is none. ``max_changes``: how many recommendations
    may be changed on one guest, None for any number.
    """

    plan: tuple[str, ...] = ()
    resume: str | None = None
    windows: tuple[Window, ...] = ()
    max_changes: int | None = None


def resolve_rollout(given: Mapping[str, Any]) -> Rollout:
    """The settings in ``given``, which has a value for every variable.

    :raises InputError: in one sentence, for anything that is not understood.
    """
    resume = given["vmguest_resume"]
    if resume is not None and (not isinstance(resume, str) or not resume.strip()):
        raise InputError(
            f"'vmguest_resume' must name the folder of an earlier run, such as reports/20261124T022021Z-5f2c1a; found {resume!r}."
        )
    return Rollout(
        plan=_places(given["vmguest_plan"]),
        resume=resume,
        windows=parse_windows(given["vmguest_change_window"], "vmguest_change_window"),
        max_changes=_number(given["vmguest_max_changes"]),
    )


def _places(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    places = [given] if isinstance(given, str) else given
    if (
        not isinstance(places, Sequence)
        or not places
        or not all(isinstance(place, str) and place.strip() and "\0" not in place for place in places)
    ):
        raise InputError(
            f"'vmguest_plan' must name a folder of plan files, a plan file, or be a list of such; found {given!r}. "
            "No guest was touched."
        )
    return tuple(places)


def _number(value: Any) -> int | None:
    if value is None:
        return None
    number = None if isinstance(value, (bool, float)) else str(value).strip()
    if number is None or not number.isascii() or not number.isdecimal():
        raise InputError(
            f"'vmguest_max_changes' must be a whole number from 0 on; found {value!r}. No guest was touched."
        )
    return int(number)


def too_many(plan: Plan, most: int | None) -> str | None:
    """Why all of ``plan`` is refused, naming what it would change; None where it is not too much."""
    names = [entry.recommendation for entry in plan.transactions]
    if most is None or len(names) <= most:
        return None
    return (
        f"{len(names)} recommendation{'s' if len(names) != 1 else ''} would be changed, and vmguest_max_changes allows {most}: "
        f"{', '.join(names)}; nothing was done. Take some with vmguest_only or by a plan (vmguest_plan), or allow more"
    )


def done_before(record: Mapping[str, Any] | None) -> bool:
    """Whether an earlier run's record of a guest says that it was remediated there, to a good end."""
    return (
        record is not None
        and record.get("action") == "remediate"
        and record.get("state") == "ok"
        and not record.get("check")
    )
