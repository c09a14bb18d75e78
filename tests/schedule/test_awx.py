# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX is given: templates, survey, schedule in its modules' own words, and an execution environment with the collection.

No AWX and no registry of images take part: what is checked is all that can be known without them. `make awx` runs the
same files with an AWX (tests/awx).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import VARIABLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import PROFILES

TOP = Path(__file__).resolve().parents[2]
AWX = TOP / "docs/awx"
OPTIONS: Mapping[str, Mapping[str, str]] = yaml.safe_load((TOP / "tests/schedule/awx_options.yml").read_text())
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict, "float": float}
(PLAY,) = yaml.safe_load((AWX / "configure.yml").read_text())
TASKS: list[dict[str, Any]] = PLAY["tasks"]
#: Those of the loop, and the one that stands alone.
TEMPLATES: list[dict[str, Any]] = [
    *next(task["loop"] for task in TASKS if "loop" in task),
    *(task["awx.awx.job_template"] for task in TASKS if "awx.awx.job_template" in task and "loop" not in task),
]
SURVEY = json.loads((AWX / "survey.json").read_text())


def module(task: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A task's module, without its collection, and what it is given."""
    (name,) = [key for key in task if key.startswith("awx.awx.")]
    return name.removeprefix("awx.awx."), task[name]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["name"])
def test_modules_know_what_they_are_given(task: Mapping[str, Any]) -> None:
    name, given = module(task)
    for option, value in given.items():
        assert option in OPTIONS[name], f"{name} has no option {option}"
        if not (isinstance(value, str) and "{{" in value):
            assert isinstance(value, TYPES[OPTIONS[name][option]])


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["name"])
def test_templates_run_playbooks_that_the_project_has(template: Mapping[str, Any]) -> None:
    (play,) = yaml.safe_load((AWX / template["playbook"]).read_text())
    collection, _dot, playbook = play["ansible.builtin.import_playbook"].rpartition(".")
    assert collection == "vmguest.linux"
    assert (TOP / f"playbooks/{playbook}.yml").is_file()
    assert template["job_type"] in ("run", "check")


def test_the_schedule_names_a_template_that_changes_nothing() -> None:
    given = next(module(task)[1] for task in TASKS if module(task)[0] == "schedule")
    workflow = next(module(task)[1] for task in TASKS if module(task)[0] == "workflow_job_template")
    assert given["unified_job_template"] == workflow["name"]
    names = [node["unified_job_template"]["name"] for node in workflow["workflow_nodes"]]
    playbooks = [next(item["playbook"] for item in TEMPLATES if item["name"] == name) for name in names]
    assert playbooks == ["audit.yml", "report.yml"]
    # As AWX wants it: one DTSTART, and an INTERVAL that is given.
    assert re.fullmatch(r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=[A-Z]+;INTERVAL=\d+", given["rrule"])
    asked = {question["variable"] for question in SURVEY["spec"]}
    assert given.get("extra_data", {}).keys() <= asked, "AWX ignores variables that no survey asks for"


@pytest.mark.parametrize("question", SURVEY["spec"], ids=lambda question: question["variable"])
def test_the_survey_asks_for_variables_that_there_are(question: Mapping[str, Any]) -> None:
    assert question["variable"] in VARIABLES
    assert "default" not in question, "AWX makes a default an extra variable, which no inventory can overrule"
    assert question["required"] is False
    if question["variable"] == "vmguest_profile":
        assert set(question["choices"]) == set(PROFILES) - {"everything"}


def built_collection(folder: Path) -> Path:
    """The collection of this tree, as it is built into ``folder``."""
    program = [sys.executable, "-c", "from ansible.cli.galaxy import main; main()"]
    subprocess.run([*program, "collection", "build", str(TOP), "--output-path", str(folder)], check=True)
    version = yaml.safe_load((TOP / "galaxy.yml").read_text())["version"]
    return folder / f"vmguest-linux-{version}.tar.gz"


def test_the_execution_environment_gets_the_collection_as_built(tmp_path: Path) -> None:
    """ansible-builder accepts the file, and what it would have built from holds the collection of this tree."""
    shutil.copy(TOP / "execution-environment.yml", tmp_path)
    built = built_collection(tmp_path)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible_builder",
            "create",
            "--file",
            "execution-environment.yml",
            "--context",
            "context",
        ],
        check=True,
        cwd=tmp_path,
    )
    context = tmp_path / "context"
    assert (context / "_build/collections" / built.name).read_bytes() == built.read_bytes()
    asked = yaml.safe_load((context / "_build/requirements.yml").read_text())["collections"]
    assert asked == [{"name": f"/tmp/collections/{built.name}", "type": "file"}]
    steps = (context / "Containerfile").read_text()
    assert steps.index("COPY _build/collections /tmp/collections") < steps.index("ansible-galaxy collection install")
