# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy: which recommendations are enforced, audited or off on a guest, with what options, and what is waived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Waiver
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import (
    SPECS,
    InputError,
    did_you_mean,
    resolve,
    seconds,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import PROFILES, own_profiles
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import VARIABLES as REBOOT_VARIABLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import RebootPolicy, resolve_reboot
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import AREAS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import (
    RECOMMENDATIONS,
    ROLES,
    WRONG_OPTIONS,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.rollout import VARIABLES as ROLLOUT_VARIABLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.rollout import Rollout, resolve_rollout
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WAIT

#: What a run's records can be made into.
REPORT_FORMATS = ("html", "json", "csv", "junit", "prometheus")

#: The variables that shape a run, with their defaults. Module options have the same names without the prefix.
VARIABLES: dict[str, Any] = {
    "vmguest_profile": "baseline",
    "vmguest_profiles": {},
    "vmguest_only": [],
    "vmguest_skip": [],
    "vmguest_waivers": [],
    "vmguest_fail_on": None,
    "vmguest_lab_guest": False,
    "vmguest_reports": "reports",
    "vmguest_report_formats": list(REPORT_FORMATS),
    "vmguest_wait": WAIT,
    **REBOOT_VARIABLES,
    **ROLLOUT_VARIABLES,
}


@dataclass(frozen=True)
class Policy:
    """What is wanted of a guest: the resolved, validated settings. ``wait`` is in seconds."""

    profile: str
    modes: Mapping[str, str]
    options: Mapping[str, Any]
    waivers: Mapping[str, Waiver] = field(default_factory=dict)
    fail_on: Severity | None = None
    lab_guest: bool = False
    reports: str = "reports"
    report_formats: tuple[str, ...] = REPORT_FORMATS
    wait: int = WAIT
    today: date = date.min
    reboot: RebootPolicy = field(default_factory=lambda: resolve_reboot(REBOOT_VARIABLES))
    rollout: Rollout = field(default_factory=Rollout)

    def mode(self, recommendation: str) -> str:
        """enforce, audit or off."""
        return self.modes.get(recommendation, "off")


def selection(words: Any, variable: str) -> frozenset[str]:
    """Ids and ``@area`` words, given in ``variable``, as a set of ids.

    :raises InputError: for what is no list, no area or no recommendation.
    """
    if isinstance(words, str):
        words = [word for word in words.replace(",", " ").split() if word]
    if not isinstance(words, Sequence):
        raise InputError(
            f"'{variable}' must be a list of recommendations and @areas; found {type(words).__name__} {words!r}."
        )
    chosen: set[str] = set()
    for word in words:
        if isinstance(word, str) and word.startswith("@"):
            if word[1:] not in AREAS:
                raise InputError(f"'{variable}' names the unknown area '{word}'; {did_you_mean(word[1:], list(AREAS))}")
            chosen.update(entry.id for entry in RECOMMENDATIONS.values() if entry.area == word[1:])
        elif isinstance(word, str) and word in RECOMMENDATIONS:
            chosen.add(word)
        elif isinstance(word, str) and word in ROLES:
            raise InputError(
                f"'{variable}' names the role '{word}'; expected recommendations, of which it has "
                f"{', '.join(entry.id for entry in ROLES[word])}. "
                "Correct it; no guest was touched."
            )
        else:
            raise InputError(
                f"'{variable}' names the unknown recommendation '{word}'; {did_you_mean(str(word), list(RECOMMENDATIONS))} "
                "Correct it; no guest was touched."
            )
    return frozenset(chosen)


def reports_folder(value: Any) -> str:
    """``vmguest_reports``.

    :raises InputError: where it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"'vmguest_reports' must name a folder on the controller; found {value!r}.")
    return value


def report_formats(words: Any) -> tuple[str, ...]:
    """``vmguest_report_formats``, in one order: a list, or words in a text; empty for none.

    :raises InputError: for what is no list of formats.
    """
    if isinstance(words, str):
        words = words.replace(",", " ").split()
    if not isinstance(words, Sequence):
        raise InputError(
            f"'vmguest_report_formats' must be a list of formats, empty for none; found {type(words).__name__} {words!r}."
        )
    for word in words:
        if word not in REPORT_FORMATS:
            raise InputError(
                f"'vmguest_report_formats' names the unknown format '{word}'; {did_you_mean(str(word), list(REPORT_FORMATS))}"
            )
    return tuple(name for name in REPORT_FORMATS if name in words)


def _waivers(entries: Any) -> dict[str, Waiver]:
    if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes)):
        raise InputError("'vmguest_waivers' must be a list of entries with recommendation, reason and expires.")
    waivers: dict[str, Waiver] = {}
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise InputError(
                f"entry {number} of 'vmguest_waivers' must have recommendation, reason and expires; found {entry!r}."
            )
        extra = sorted(set(entry) - {"recommendation", "reason", "expires"})
        if extra:
            raise InputError(
                f"entry {number} of 'vmguest_waivers' has the unknown key '{extra[0]}'; expected recommendation, reason, expires."
            )
        name = entry.get("recommendation")
        if not isinstance(name, str):
            raise InputError(
                f"entry {number} of 'vmguest_waivers' must name one recommendation; found {name!r}. Write an entry for each."
            )
        if name not in RECOMMENDATIONS:
            raise InputError(
                f"entry {number} of 'vmguest_waivers' names the unknown recommendation '{name}'; "
                f"{did_you_mean(str(name), list(RECOMMENDATIONS))}"
            )
        reason = str(entry.get("reason") or "").strip()
        if not reason:
            raise InputError(f"the waiver of '{name}' has no reason; say who accepts it and why.")
        waivers[name] = Waiver(name, reason, _date(entry.get("expires"), name))
    return waivers


def _date(value: Any, name: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise InputError(f"the waiver of '{name}' must expire on a date such as 2027-03-31; found {value!r}.") from None


def known_variables(names: Iterable[Any]) -> None:
    """Refuse a misspelt variable.

    :raises InputError: for a name with our prefix that is none of ours.
    """
    unknown = sorted(
        name for name in names if isinstance(name, str) and name.startswith("vmguest_") and name not in KNOWN
    )
    if unknown:
        raise InputError(
            f"'{unknown[0]}' is no variable of vmguest.linux; {did_you_mean(unknown[0], sorted(KNOWN))} "
            "Correct the variable's name; no guest was touched."
        )


def resolve_policy(variables: Mapping[str, Any], today: date, role: str | None = None) -> Policy:
    """The policy that ``variables`` ask for, for one ``role`` (run by its own name) or for all.

    :raises InputError: in one sentence, for anything that is not understood.
    """
    given = {**VARIABLES, **{name: value for name, value in variables.items() if value is not None}}
    known_variables(given)
    name = given["vmguest_profile"]
    profiles = {**PROFILES, **own_profiles(given["vmguest_profiles"])}
    if not isinstance(name, str) or name not in profiles:
        raise InputError(
            f"unknown profile '{name}'; {did_you_mean(str(name), list(profiles))} Correct 'vmguest_profile'; no guest was touched."
        )
    profile = profiles[name]
    if role is not None and role not in ROLES:
        raise InputError(f"unknown role '{role}'; {did_you_mean(role, list(ROLES))}")
    options = resolve(given, profile.options)
    for checked, wrong_options in WRONG_OPTIONS.items():
        wrong = wrong_options(options)
        if wrong:
            raise InputError(f"role '{checked}': {wrong}; no guest was touched.")
    modes = {
        entry.id: options.get(f"{entry.role}_mode")
        or ("enforce" if role else profile.recommendations.get(entry.id, profile.default or entry.baseline))
        for entry in RECOMMENDATIONS.values()
        if role is None or entry.role == role
    }
    only = selection(given["vmguest_only"], "vmguest_only")
    skip = selection(given["vmguest_skip"], "vmguest_skip")
    modes = {
        entry: mode
        for entry, mode in modes.items()
        if mode != "off" and entry not in skip and (not only or entry in only)
    }
    fail_on = given["vmguest_fail_on"]
    if fail_on is not None and fail_on not in [severity.value for severity in Severity]:
        raise InputError(f"'vmguest_fail_on' is '{fail_on}'; expected one of: {', '.join(Severity)}.")
    try:
        lab_guest = boolean(given["vmguest_lab_guest"])
    except TypeError:
        raise InputError(f"'vmguest_lab_guest' must be true or false; found {given['vmguest_lab_guest']!r}.") from None
    return Policy(
        profile=profile.name,
        modes=modes,
        options=options,
        waivers=_waivers(given["vmguest_waivers"]),
        fail_on=Severity(fail_on) if fail_on else None,
        lab_guest=lab_guest,
        reports=reports_folder(given["vmguest_reports"]),
        report_formats=report_formats(given["vmguest_report_formats"]),
        wait=seconds(given, "vmguest_wait", 0),
        today=today,
        reboot=resolve_reboot(given),
        rollout=resolve_rollout(given),
    )


#: Names with our prefix that are not settings: what playbooks take, and what guest_facts sets.
KNOWN = (
    frozenset(VARIABLES)
    | {
        "vmguest_hosts",
        "vmguest_event_hosts",
        "vmguest_report_folders",
        "vmguest_report_out",
        "vmguest_run",
        "vmguest_batch",
        "vmguest_reboot_batch",
    }
    | {name for spec in SPECS.values() for name in spec}
)
