# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Profiles: named policies, those that are shipped (``plugin_utils/profiles``) and a user's own (``vmguest_profiles``).

Both have the same form, and both may extend another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import SPECS, InputError, did_you_mean
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS

MODES = ("enforce", "audit", "off")
_KEYS = ("description", "extends", "default", "recommendations", "options", "why")


@dataclass(frozen=True)
class Profile:
    """A named policy. ``default`` is the mode of what ``recommendations`` leaves out, None for each one's own baseline.

    What it extends is laid beneath it already. ``why`` has a sentence for each recommendation and option that it names itself.
    """

    name: str
    description: str
    default: str | None
    recommendations: Mapping[str, str]
    options: Mapping[str, Any]
    extends: str | None = None
    why: Mapping[str, str] = field(default_factory=dict)


def load_profiles(folder: Path) -> dict[str, Profile]:
    """Every profile of a folder, a file each.

    :raises InputError: one that is not as it should be.
    """
    raw = {path.stem: yaml_load(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yml"))}
    return {name: _profile(name, raw, {}, ()) for name in raw}


def own_profiles(raw: Any) -> dict[str, Profile]:
    """A user's own profiles, by their names: the value of ``vmguest_profiles``. They may extend each other and shipped ones.

    :raises InputError: in one sentence, for what is not understood.
    """
    if not isinstance(raw, Mapping):
        raise InputError(
            "'vmguest_profiles' must be a mapping of a profile's name to what it extends, recommends and sets; found "
            f"{type(raw).__name__} {raw!r}."
        )
    for name in raw:
        if name in PROFILES:
            raise InputError(
                f"'vmguest_profiles' has a profile '{name}', which is the name of a shipped one: give yours another name, "
                f"with 'extends: {name}'."
            )
    return {name: _profile(name, raw, PROFILES, ()) for name in raw}


def _profile(name: str, raw: Mapping[str, Any], shipped: Mapping[str, Profile], seen: tuple[str, ...]) -> Profile:
    if name in shipped:
        return shipped[name]
    if name in seen:
        raise InputError(f"profile '{name}' extends itself: {' -> '.join((*seen, name))}.")
    if name not in raw:
        raise InputError(
            f"profile '{seen[-1]}' extends '{name}', which does not exist; {did_you_mean(str(name), [*raw, *shipped])}"
        )
    data = raw[name]
    _check(name, data)
    parent = data.get("extends")
    if parent is not None and not isinstance(parent, str):
        raise InputError(f"profile '{name}' must extend one profile, by its name; found {parent!r}.")
    base = _profile(parent, raw, shipped, (*seen, name)) if parent else Profile(name, "", None, {}, {})
    modes = {entry: _mode(mode) for entry, mode in (data.get("recommendations") or {}).items()}
    return Profile(
        name,
        data.get("description") or "",
        _mode(data["default"]) if data.get("default") is not None else base.default,
        {**base.recommendations, **modes},
        {**base.options, **(data.get("options") or {})},
        parent,
        data.get("why") or {},
    )


def _mode(word: Any) -> Any:
    """A mode as it is meant: YAML takes a bare off for false."""
    return "off" if word is False else word


def _check(name: str, data: Any) -> None:
    """:raises InputError: for a profile that names what does not exist."""
    if not isinstance(data, Mapping):
        raise InputError(f"profile '{name}' must be a mapping with some of: {', '.join(_KEYS)}; found {data!r}.")
    for key in data:
        if key not in _KEYS:
            raise InputError(f"profile '{name}' has the unknown key '{key}'; {did_you_mean(str(key), list(_KEYS))}")
    for key in ("recommendations", "options", "why"):
        if not isinstance(data.get(key) or {}, Mapping):
            raise InputError(f"profile '{name}': '{key}' must be a mapping; found {data[key]!r}.")
    modes = data.get("recommendations") or {}
    for entry, mode in modes.items():
        if entry not in RECOMMENDATIONS:
            raise InputError(
                f"profile '{name}' names the unknown recommendation '{entry}'; {did_you_mean(str(entry), list(RECOMMENDATIONS))}"
            )
        if _mode(mode) not in MODES:
            raise InputError(
                f"profile '{name}': the mode of '{entry}' is '{mode}'; expected one of: {', '.join(MODES)}."
            )
    if data.get("default") is not None and _mode(data["default"]) not in MODES:
        raise InputError(f"profile '{name}': default is '{data['default']}'; expected one of: {', '.join(MODES)}.")
    known = [option for spec in SPECS.values() for option in spec]
    for option in data.get("options") or {}:
        if option not in known:
            raise InputError(
                f"profile '{name}' sets '{option}', which is no option; {did_you_mean(str(option), known)}"
            )


#: Every profile that is shipped.
PROFILES = load_profiles(Path(__file__).resolve().parent.parent / "profiles")
