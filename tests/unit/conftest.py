# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings that all unit tests share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from ansible_collections.vmguest.linux.tests.unit.examples import TIMES, examples

# The same examples at every run, unless others are searched for: a red test stays red until it is mended. No time limits:
# machines differ.
settings.register_profile(
    "vmguest",
    max_examples=examples(100),
    deadline=None,
    derandomize=TIMES == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("vmguest")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the slow tests and no others: `make test` runs both halves, `make check` the quick one."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, and no others")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "slow: whole guests, whole playbooks, and every moment of a crash")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the other half; pytest's closing line counts it."""
    wanted = config.getoption("--slow")
    other = [item for item in items if (item.get_closest_marker("slow") is not None) != wanted]
    if other:
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if item not in set(other)]
