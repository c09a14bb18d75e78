# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the pages' sources are, read once: registry, roles, profiles, tests. Everything else here is pure."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import PROFILES, Profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS, ROLES
from ansible_collections.vmguest.linux.tests.pages.readme import Readme, parse
from ansible_collections.vmguest.linux.tests.pages.sentences import has_remedy

TOP = Path(__file__).resolve().parents[2]
#: The first line of a generated page.
MADE = "<!-- Made by `make docs-pages`. Do not edit: change what it is made from. -->"

AREA_TITLES = {
    "tools": "VMware Tools",
    "storage": "Storage",
    "network": "Network",
    "memory": "Memory",
    "time": "Time",
    "scheduling": "Scheduling",
    "boot": "Boot",
    "cloning": "Cloning",
    "platform": "Platform",
    "security": "Security",
}


def readmes() -> dict[str, Readme]:
    """Role to its README, for every role of recommendations."""
    return {
        role: parse(
            role, (TOP / "roles" / role / "README.md").read_text(encoding="utf-8"), (entry.id for entry in entries)
        )
        for role, entries in ROLES.items()
    }


def mode(profile: Profile, entry: Recommendation) -> str:
    """A recommendation's mode in a profile: enforce, audit or off."""
    return profile.recommendations.get(entry.id, profile.default or entry.baseline)


def effective(profile: Profile, entry: Recommendation) -> str:
    """What a profile does about a recommendation: what has no remedy is audited where the profile says enforce."""
    found = mode(profile, entry)
    return "audit" if found == "enforce" and not has_remedy(entry.assess) else found


def by_area() -> dict[str, list[Recommendation]]:
    """Area to its recommendations, both in the registry's order."""
    areas: dict[str, list[Recommendation]] = {}
    for entry in RECOMMENDATIONS.values():
        areas.setdefault(entry.area, []).append(entry)
    return areas


def profiles() -> dict[str, Profile]:
    """Every profile that is shipped, baseline first and everything last."""
    names = sorted(PROFILES, key=lambda name: (name == "everything", name != "baseline", name))
    return {name: PROFILES[name] for name in names}
