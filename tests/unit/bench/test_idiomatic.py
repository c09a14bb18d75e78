# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The idiomatic playbook of the bench writes what the roles write. Two times of work towards other ends could not be compared, and
`make bench` would say so only after half an hour."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile
from ansible_collections.vmguest.linux.tests.unit.guest_tree import load, materialise, plan_of

PLAYBOOKS = Path(__file__).resolve().parent.parent.parent / "bench" / "playbooks"
#: A tree of which none of this is done yet, and what the bench's guests are asked for.
TREE = ("debian12", "everything_wrong")
VARIABLES = {"vmguest_profile": "everything", "io_scheduler_strict": True, "hotadd_online_memory": False}


def test_the_same_rules(tmp_path: Path) -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / "idiomatic.yml").read_text(encoding="utf-8"))
    copies = [task["ansible.builtin.copy"] for task in play["tasks"] if "ansible.builtin.copy" in task]
    expected = {
        copy["dest"]: (PLAYBOOKS / "files" / copy["src"]).read_text(encoding="utf-8")
        for copy in copies
        if "src" in copy
    }
    plan = plan_of(materialise(load(*TREE), tmp_path / "guest"), VARIABLES)
    steps = [step for transaction in plan.transactions for step in transaction.steps]
    written = {step.path: step.content for step in steps if isinstance(step, WriteFile)}
    assert {path: written.get(path) for path in expected} == expected
