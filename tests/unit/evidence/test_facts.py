# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_facts: what is returned is what its documentation says, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.modules.guest_facts import RETURN
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.facts import facts
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

DOCUMENTED: Mapping[str, Any] = yaml.safe_load(RETURN)["ansible_facts"]["contains"]["vmguest"]["contains"]
#: Stand for the names of a guest's own things.
ANY_NAME = ("unit_name", "script_name")
#: Mappings whose keys are the guest's own and whose values are plain.
OPEN = ("packages.versions",)
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}


def fields(documented: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every documented field, by its path."""
    for name, field in documented.items():
        yield f"{path}{name}", field
        yield from fields(field.get("contains", {}), f"{path}{name}.")


def problems(value: Any, documented: Mapping[str, Any], seen: set[str], path: str = "") -> Iterator[str]:
    """Where facts are not as they are documented; ``seen`` takes the fields that had a value."""
    anything = next((name for name in ANY_NAME if name in documented), None)
    for name in value.keys() - documented.keys() if not anything else ():
        yield f"{path}{name} is returned and not documented in RETURN of guest_facts"
    for name in documented.keys() - value.keys() if not anything else ():
        yield f"{path}{name} is documented in RETURN of guest_facts and not returned"
    for name, item in value.items():
        key = anything or name
        if key in documented:
            yield from _field(item, documented[key], seen, f"{path}{key}")


def _is(value: Any, kind: str) -> bool:
    """Of the documented type; True and False are numbers to Python, and not to a reader."""
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _field(item: Any, field: Mapping[str, Any], seen: set[str], path: str) -> Iterator[str]:
    if item is None:
        text = " ".join(field["description"]) if isinstance(field["description"], list) else field["description"]
        if "V(null)" not in text:
            yield f"{path} can be null, and its description does not say when"
        return
    if not _is(item, field["type"]):
        yield f"{path} is {type(item).__name__}, documented as {field['type']}"
        return
    seen.add(path)
    items = item if isinstance(item, list) else [item]
    for entry in items:
        if "contains" in field:
            yield from problems(entry, field["contains"], seen, f"{path}.")
        elif isinstance(item, list) and not _is(entry, field["elements"]):
            yield f"{path} holds {type(entry).__name__}, documented as {field['elements']}"
        elif isinstance(entry, dict) and path not in OPEN:
            yield f"{path} is a mapping whose fields are not documented"


def evidence(name: str, variant: str, root: Path, remediated: bool = False) -> Evidence:
    """What the probe finds on a guest of tests/guests, as it is or after remediation."""
    tree = guest_tree.materialise(guest_tree.load(name, variant), root)
    if not remediated:
        return guest_tree.probe(tree)
    plan = make_plan(list(guest_tree.audit(tree).values()))
    found = guest_tree.execute(tree, apply_payload, plan.transactions).evidence
    assert found is not None
    return found


def test_what_is_returned_is_documented(tmp_path: Path) -> None:
    guests = {
        "nothing": evidence_of({}, base={}),
        "debian12": evidence("debian12", "base", tmp_path / "1"),
        "rhel5-tarball": evidence("rhel5", "tarball", tmp_path / "2"),
    }
    found = [
        f"{guest}: {problem}" for guest, read in guests.items() for problem in problems(facts(read), DOCUMENTED, set())
    ]
    assert found == []


def test_every_field_has_a_type_a_description_and_a_sample() -> None:
    for path, field in fields(DOCUMENTED):
        assert field["description"], path
        assert field["type"] in TYPES, path
        assert field["returned"] == "always", path
        assert ("elements" in field) == (field["type"] == "list"), path
        assert ("sample" in field) != ("contains" in field), path


def test_problems_are_seen() -> None:
    documented = {
        "a": {"type": "str", "description": "x"},
        "b": {
            "type": "list",
            "elements": "dict",
            "description": "V(null) at times",
            "contains": {"c": {"type": "int"}},
        },
    }
    seen: set[str] = set()
    given = {"a": None, "b": [{"c": "1", "d": 1}], "e": 1}
    assert sorted(problems(given, documented, seen)) == [
        "a can be null, and its description does not say when",
        "b.c is str, documented as int",
        "b.d is returned and not documented in RETURN of guest_facts",
        "e is returned and not documented in RETURN of guest_facts",
    ]
    assert list(problems({"b": None}, documented, set())) == [
        "a is documented in RETURN of guest_facts and not returned"
    ]
    assert seen == {"b"}


@pytest.mark.slow
def test_every_field_is_met_on_some_guest(tmp_path: Path) -> None:
    """None is documented that is never returned, and every guest's facts are as documented."""
    seen: set[str] = set()
    found = []
    for name in guest_tree.names():
        read = evidence(name, "base", tmp_path / name)
        found += [f"{name}: {problem}" for problem in problems(facts(read), DOCUMENTED, seen)]
    for name, variant in (("rhel9", "ostree"), ("debian12", "tools_masked"), ("rhel5", "tarball")):
        read = evidence(name, variant, tmp_path / f"{name}-{variant}")
        found += list(problems(facts(read), DOCUMENTED, seen))
    remediated = evidence("debian12", "no_swap", tmp_path / "remediated", remediated=True)
    found += list(problems(facts(remediated), DOCUMENTED, seen))
    assert found == []
    # A masked swap unit is a case of tests/unit/recommendations/test_swap_size.py.
    assert {path for path, dummy in fields(DOCUMENTED)} - seen == {"swap.at_boot.masked_by"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant", "immutable"),
    [("rhel9", "ostree", "ostree"), ("sle_micro55", "base", "transactional"), ("sles15sp6", "base", None)],
)
def test_what_changes_the_system_as_a_whole(name: str, variant: str, immutable: str | None, tmp_path: Path) -> None:
    assert facts(evidence(name, variant, tmp_path / "tree"))["platform"]["immutable"] == immutable
