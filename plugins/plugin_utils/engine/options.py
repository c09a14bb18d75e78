# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the roles: names, types, choices and defaults from each role's ``meta/argument_specs.yml``, their only source."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load


class InputError(Exception):
    """What the user gave cannot be used. The message is one sentence: what was expected, what was found, what to do."""


def did_you_mean(word: str, known: list[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"expected one of: {', '.join(known)}"


def seconds(given: Mapping[str, Any], name: str, least: int) -> int:
    """The variable ``name`` as seconds, a day at most.

    :raises InputError: for anything but a whole number from ``least`` on.
    """
    value = given[name]
    number = None if isinstance(value, (bool, float)) else str(value).strip()
    if number is None or not number.isascii() or not number.isdecimal() or not least <= int(number) <= 86400:
        raise InputError(f"'{name}' must be whole seconds from {least} to 86400; found {value!r}.")
    return int(number)


def load_specs(roles: Path) -> dict[str, dict[str, Any]]:
    """Role to its options (the ``main`` entry point of its argument_specs), for every role folder below ``roles``."""
    specs = {}
    for path in sorted(roles.glob("*/meta/argument_specs.yml")):
        role = path.parent.parent.name
        options = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options") or {}
        own = {name: option for name, option in options.items() if name.startswith(f"{role}_")}
        # A role that only passes on the variables of all (baseline) claims no prefix: others may use that word.
        if own:
            specs[role] = own
    return specs


#: Role to argument_spec.
SPECS = load_specs(Path(__file__).resolve().parents[3] / "roles")


def _validator_spec(options: Mapping[str, Any]) -> dict[str, Any]:
    """argument_specs without their texts, as ArgumentSpecValidator takes them."""
    plain: dict[str, Any] = {}
    for name, option in options.items():
        plain[name] = {key: value for key, value in option.items() if key not in ("description", "version_added")}
        if "options" in plain[name]:
            plain[name]["options"] = _validator_spec(plain[name]["options"])
    return plain


_VALIDATORS = {role: ArgumentSpecValidator(_validator_spec(spec)) for role, spec in SPECS.items()}
#: Role to its options where nothing is set: most guests set few, and validating a role costs more than all else here.
_DEFAULTS = {
    role: result.validated_parameters
    for role, result in ((role, validator.validate({})) for role, validator in _VALIDATORS.items())
    if not result.error_messages
}


def resolve(
    variables: Mapping[str, Any], profile_options: Mapping[str, Any] | None = None, roles: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Every role's options: a variable where it is set, else the profile's value, else the default.

    :raises InputError: a value of the wrong type or out of its choices, or a variable with a role's prefix that is no option.
    """
    resolved: dict[str, Any] = {}
    names = [name for name in variables if isinstance(name, str)]
    for role, validator in _VALIDATORS.items():
        if roles is not None and role not in roles:
            continue
        spec = SPECS[role]
        prefix = f"{role}_"
        unknown = sorted(
            name for name in names if name.startswith(prefix) and name not in spec and not _other_role(name, role)
        )
        if unknown:
            raise InputError(
                f"'{unknown[0]}' is no option of role '{role}'; {did_you_mean(unknown[0], sorted(spec))} "
                "Correct the variable's name; no guest was touched."
            )
        given = {name: (profile_options or {})[name] for name in spec if name in (profile_options or {})}
        given.update({name: variables[name] for name in spec if variables.get(name) is not None})
        if not given and role in _DEFAULTS:
            resolved.update(_DEFAULTS[role])
            continue
        result = validator.validate(given)
        if result.error_messages:
            raise InputError(f"role '{role}': {result.error_messages[0]}. Correct the variable; no guest was touched.")
        resolved.update(result.validated_parameters)
    return resolved


def _other_role(name: str, role: str) -> bool:
    """True where a longer role name than ``role`` claims the variable."""
    return any(other != role and len(other) > len(role) and name.startswith(other + "_") for other in SPECS)
