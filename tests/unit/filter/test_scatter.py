# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter scatter: cron_scatter's rule, and a sentence for what it cannot scatter."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vmguest.linux.plugins.filter.scatter import FilterModule
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import chosen

scatter = FilterModule().filters()["scatter"]


def test_is_the_rule_of_cron_scatter() -> None:
    assert scatter("uuid 1", "backup", 60) == chosen("uuid 1", "backup", 60)


def test_spreads_a_fleet_over_a_window() -> None:
    """Of 18,000 guests in 180 minutes no minute has half as many again as its share."""
    minutes = Counter(scatter(f"uuid {number}", "vmguest-pull", 180) for number in range(18000))
    assert set(minutes) == set(range(180))
    assert max(minutes.values()) < 150


@pytest.mark.parametrize(
    ("seed", "job", "choices", "sentence"),
    [
        (None, "backup", 60, "found None"),
        ("", "backup", 60, "found ''"),
        ("uuid 1", "", 60, "takes a job's name; found ''"),
        ("uuid 1", "backup", 0, "at least 1; found 0"),
        ("uuid 1", "backup", True, "at least 1; found True"),
        ("uuid 1", "backup", "60", "at least 1; found '60'"),
    ],
)
def test_says_what_it_cannot_scatter(seed: Any, job: Any, choices: Any, sentence: str) -> None:
    with pytest.raises(AnsibleFilterError, match=sentence):
        scatter(seed, job, choices)
