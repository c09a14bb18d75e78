# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/profiles.md: what every profile enforces, audits and sets, and why; how a user's own extends one. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import Profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.tests.pages.sources import AREA_TITLES, MADE, by_area, effective

DOES = {"enforce": "enforced", "audit": "audited", "off": "off"}

#: The example of a user's own profile; a test resolves it.
EXAMPLE = """vmguest_profiles:
  our_databases:
    description: PostgreSQL on the shared array
    extends: database
    recommendations:
      swap_size: enforce
      vmxnet3_rings: audit
    options:
      large_pages_count: 4200
      disk_timeout_seconds: 300
vmguest_profile: our_databases
"""


def page(profiles: Mapping[str, Profile]) -> str:
    """The page, of all profiles in this order."""
    return "\n\n".join(_page(profiles)) + "\n"


def lacking(profiles: Mapping[str, Profile]) -> list[str]:
    """What the page could not say why, a sentence each."""
    return [
        f"profiles/{name}.yml names {entry} and does not say why: add a sentence to its `why`"
        for name, profile in profiles.items()
        for entry in (*_own(profile, profiles), *_enforced(profile))
        if not profile.why.get(entry, "").strip()
    ] + [
        f"profiles/{name}.yml says why {entry}, and names no such recommendation or option: take the sentence out"
        for name, profile in profiles.items()
        for entry in profile.why
        if entry not in (*profile.recommendations, *profile.options, *_enforced(profile))
    ]


def _enforced(profile: Profile) -> list[str]:
    """What a profile enforces that leaves it to each recommendation whether it is: it names none, and has a reason for each."""
    if profile.extends or profile.default:
        return []
    return [name for name, entry in RECOMMENDATIONS.items() if effective(profile, entry) == "enforce"]


def _own(profile: Profile, profiles: Mapping[str, Profile]) -> list[str]:
    """Recommendations and options in which a profile differs from what it extends."""
    base = profiles.get(profile.extends or "")
    modes = base.recommendations if base else {}
    options = base.options if base else {}
    named = [name for name, mode in profile.recommendations.items() if modes.get(name) != mode]
    return list(
        dict.fromkeys([*named, *(name for name, value in profile.options.items() if options.get(name) != value)])
    )


def _page(profiles: Mapping[str, Profile]) -> Iterator[str]:
    yield MADE
    yield "# Profiles"
    yield (
        "A profile is a named policy: which recommendations are enforced, which are only audited and which are off, and values of "
        "options. `vmguest_profile` chooses one, for all guests or for a group; `baseline` unless it is set. What is enforced is "
        "changed by `vmguest.linux.remediate` where it is not right; what is audited is reported."
    )
    yield (
        "What wins, from the strongest: `vmguest_only` and `vmguest_skip`, `<role>_mode`, the profile, the profile that it "
        "extends, the recommendation's own mode. Options: a variable, the profile, the profile that it extends, the default. "
        "[All recommendations by profile](recommendations/README.md#by-profile) stand in one table."
    )
    for name, profile in profiles.items():
        yield from _profile(name, profile, profiles)
    yield from _users()


def _profile(name: str, profile: Profile, profiles: Mapping[str, Profile]) -> Iterator[str]:
    yield f"## {name}"
    yield profile.description.strip()
    base = profiles.get(profile.extends or "")
    if base:
        yield f"It is [`{base.name}`](#{base.name}), with these differences:"
        yield from _differences(profile, base)
    elif _enforced(profile):
        rows = [f"| {_link(entry)} | {profile.why.get(entry, '')} |" for entry in _enforced(profile)]
        yield "\n".join(["| enforced recommendation | why |", "|---|---|", *rows])
    yield from _lists(profile)


def _differences(profile: Profile, base: Profile) -> Iterator[str]:
    """Tables of the recommendations and of the options that are others than in what a profile extends."""
    modes = [
        f"| {_link(name)} | {DOES[now]} | {DOES[before]} | {profile.why.get(name, '')} |"
        for name in profile.recommendations
        if (now := effective(profile, RECOMMENDATIONS[name])) != (before := effective(base, RECOMMENDATIONS[name]))
    ]
    options = [
        f"| `{name}` | `{_value(value)}` | {profile.why.get(name, '')} |"
        for name, value in profile.options.items()
        if base.options.get(name) != value
    ]
    if modes:
        yield "\n".join([f"| recommendation | here | in `{base.name}` | why |", "|---|---|---|---|", *modes])
    if options:
        yield "\n".join(["| option | value | why |", "|---|---|---|", *options])


def _lists(profile: Profile) -> Iterator[str]:
    """What it enforces, audits and leaves out: how many, and folded which, by area."""
    for does in ("enforce", "audit", "off"):
        lines = []
        for area, entries in by_area().items():
            names = [f"`{entry.id}`" for entry in entries if effective(profile, entry) == does]
            lines += [f"- {AREA_TITLES[area]} ({len(names)}): {', '.join(names)}"] if names else []
        wrapped = [textwrap.fill(line, 120, subsequent_indent="  ", break_on_hyphens=False) for line in lines]
        count = sum(effective(profile, entry) == does for entry in RECOMMENDATIONS.values())
        if wrapped:
            title = f"<details><summary>{DOES[does]}: {count}</summary>"
            yield "\n".join([title, "", *wrapped, "", "</details>"])


# ---- roles/baseline/meta/argument_specs.yml, which ansible-doc shows ---------------------------------------------------

_BEGIN = "        # Made by `make docs-pages` of the profiles, to the end of `description`.\n"
_END = "        type: str\n"
#: Columns of YAML in this collection.
_WIDTH = 120


def specs(text: str, profiles: Mapping[str, Profile]) -> str:
    """The file with the description of `vmguest_profile` made anew: what each profile enforces, and why.

    :raises ValueError: the file has not the line that says where it begins.
    """
    before, begin, rest = text.partition(_BEGIN)
    dummy, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"roles/baseline/meta/argument_specs.yml lacks the line '{_BEGIN.strip()}'")
    items = [
        "The policy, C(baseline) unless set: one of these, or one of your own (O(vmguest_profiles)).",
        *(_described(profile, profiles) for profile in profiles.values()),
        "docs/profiles.md has all that each enforces, audits and leaves out, and its values of options.",
    ]
    indent = " " * 12
    lines = (
        f"          - >-\n{textwrap.fill(item, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)}\n"
        for item in items
    )
    return f"{before}{begin}        description:\n{''.join(lines)}{end}{after}"


def _described(profile: Profile, profiles: Mapping[str, Profile]) -> str:
    """A profile in Ansible's markup, as one paragraph."""
    parts = [f"C({profile.name}): {profile.description.strip()}"]
    base = profiles.get(profile.extends or "")
    if base:
        parts.append(f"It is C({base.name}) and:")
    for does in ("enforce", "audit", "off"):
        entries = [
            f"C({name}): {profile.why.get(name, '').strip()}"
            for name in (profile.recommendations if base else _enforced(profile))
            if effective(profile, RECOMMENDATIONS[name]) == does
            and not (base and effective(base, RECOMMENDATIONS[name]) == does)
        ]
        if entries:
            parts.append(f"{DOES[does].capitalize()}: {' '.join(entries)}")
    return " ".join(parts)


def _link(name: str) -> str:
    return f"[`{name}`](recommendations/{name}.md)"


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _users() -> Iterator[str]:
    yield "## Your own"
    yield (
        "`vmguest_profiles` holds profiles of your own, in the inventory or wherever variables are. Each extends a shipped one or "
        "another of yours, and says only what is different:"
    )
    yield "\n".join(f"    {line}" for line in EXAMPLE.splitlines())
    yield (
        "`default` is the mode of every recommendation that neither it nor what it extends names (`audit` makes a profile that "
        "changes nothing but what it lists). Names, modes and options are checked before any guest is touched, and a name that a "
        "shipped profile has is refused. A guest's record tells which profile it was audited by."
    )
