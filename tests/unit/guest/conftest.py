# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small guest for each test, under each of the shells that a guest may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import SHELLS, SmallGuest


@pytest.fixture(params=list(SHELLS))
def shell(request: pytest.FixtureRequest) -> str:
    """The name of a shell."""
    return str(request.param)


@pytest.fixture
def small_guest(tmp_path: Path, shell: str) -> SmallGuest:
    """A guest under each shell."""
    root = tmp_path / "root of a guest"
    root.mkdir()
    return SmallGuest(root, shell)


@pytest.fixture
def dash_guest(tmp_path: Path) -> SmallGuest:
    """A guest under one shell, where the shell does not matter."""
    root = tmp_path / "root"
    root.mkdir()
    return SmallGuest(root)
