"""The container scenarios, each a test of its own: what `molecule test` says of it. Runs as root; see `make test`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[2]
FOLDERS = sorted(file.parent for file in (TOP / "molecule").glob("*/molecule.yml"))
#: Those with VMs are run by tests/vm.
SCENARIOS = [folder for folder in FOLDERS if not folder.name.startswith("vm")]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_scenario_names_tests_and_playbooks_that_exist(folder: Path) -> None:
    """Molecule passes over a folder without tests with no more than a warning."""
    sequence = yaml.safe_load((folder / "molecule.yml").read_text(encoding="utf-8"))["scenario"]["test_sequence"]
    steps = [step.split() for step in sequence]
    verified = [list((folder / words[1]).glob("test_*.py")) for words in steps if words[0] == "verify"]
    played = [(folder / words[1]).is_file() for words in steps if words[0] == "side_effect"]
    assert verified
    assert all(verified)
    assert all(played)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)
def test_scenario(folder: Path) -> None:
    run = subprocess.run(["molecule", "test", "--scenario-name", folder.name], cwd=TOP, check=False)
    assert run.returncode == 0, f"molecule test -s {folder.name} failed; its output stands above"
