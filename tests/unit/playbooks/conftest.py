# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty fleet for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """No guests yet."""
    return Fleet(tmp_path)
