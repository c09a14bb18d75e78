# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every role looks alike, and argument_specs, defaults and registry agree."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import SPECS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import AREAS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS, ROLES

FOLDER = Path(__file__).resolve().parents[3] / "roles"


def options_of(role):
    """All options in a role's argument_specs."""
    specs = yaml.safe_load((FOLDER / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return specs["main"].get("options") or {}


@pytest.mark.parametrize("role", sorted(path.name for path in FOLDER.iterdir()))
def test_defaults_equal_argument_specs(role):
    spec = options_of(role)
    defaults = (
        yaml.safe_load((FOLDER / role / "defaults/main.yml").read_text())
        if (FOLDER / role / "defaults/main.yml").exists()
        else {}
    )
    assert (defaults or {}) == {name: option["default"] for name, option in spec.items() if "default" in option}


@pytest.mark.parametrize("role", sorted(path.name for path in FOLDER.iterdir()))
def test_options_have_the_role_as_prefix_and_a_description(role):
    for name, option in options_of(role).items():
        assert name.startswith((role + "_", "vmguest_")), name
        assert option.get("description"), name
        assert option.get("type"), name


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_of_recommendations_is_one_task(role):
    (task,) = yaml.safe_load((FOLDER / role / "tasks/main.yml").read_text())
    assert task["vmguest.linux.guest_remediate"] == {"role": role}
    assert f"{role}_mode" in SPECS[role]
    readme = (FOLDER / role / "README.md").read_text()
    for word in ("Idempotence", "Rollback", "Atomicity"):
        assert word in readme
    for name in SPECS[role]:
        assert f"`{name}`" in readme


@pytest.mark.parametrize("name", sorted(RECOMMENDATIONS))
def test_a_recommendation_is_complete(name):
    entry = RECOMMENDATIONS[name]
    assert entry.area in AREAS
    assert entry.baseline in ("enforce", "audit", "off")
    for text in (entry.title, entry.talk, entry.today, entry.risk, entry.source):
        assert text.strip()
