# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Molecule's scenarios with VMs, each a test of its own: what `molecule test` says of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(file.parent.name for file in (TOP / "molecule").glob("vm*/molecule.yml"))


@pytest.mark.sample(6)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str) -> None:
    environment = {**os.environ, "MOLECULE_COMMAND_BORDERS": "false"}
    run = subprocess.run(
        ["molecule", "test", "--scenario-name", scenario],
        cwd=TOP,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    assert run.returncode == 0, f"molecule test -s {scenario} failed:\n{run.stdout[-20000:]}"
