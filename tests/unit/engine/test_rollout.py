# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollout: its settings, how much is too much, and what a run that is resumed has done."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.vmguest.linux.plugins.filter.batches import FilterModule, batches
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.rollout import (
    VARIABLES,
    done_before,
    resolve_rollout,
    too_many,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteKernel


def rollout(**given):
    return resolve_rollout({**VARIABLES, **given})


def test_nothing_is_asked_by_default():
    settings = rollout()
    assert (settings.plan, settings.resume, settings.windows, settings.max_changes) == ((), None, (), None)


def test_what_is_given():
    settings = rollout(vmguest_plan="a,b", vmguest_max_changes="3", vmguest_resume="reports/x")
    assert (settings.plan, settings.max_changes, settings.resume) == (("a,b",), 3, "reports/x")
    assert rollout(vmguest_plan=["a", "b"]).plan == ("a", "b")
    assert rollout(vmguest_max_changes=0).max_changes == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vmguest_max_changes": "few"}, ["vmguest_max_changes", "whole number from 0 on", "'few'"]),
        ({"vmguest_max_changes": -1}, ["vmguest_max_changes", "-1"]),
        ({"vmguest_max_changes": 1.5}, ["vmguest_max_changes"]),
        ({"vmguest_max_changes": True}, ["vmguest_max_changes"]),
        ({"vmguest_plan": ""}, ["vmguest_plan", "folder of plan files"]),
        ({"vmguest_plan": []}, ["vmguest_plan"]),
        ({"vmguest_plan": [1]}, ["vmguest_plan"]),
        ({"vmguest_plan": {"a": 1}}, ["vmguest_plan"]),
        ({"vmguest_resume": ["a"]}, ["vmguest_resume", "folder of an earlier run"]),
        ({"vmguest_resume": " "}, ["vmguest_resume"]),
        ({"vmguest_change_window": "at night"}, ["vmguest_change_window"]),
    ],
)
def test_bad_input_is_one_clear_sentence(given, words):
    with pytest.raises(InputError) as error:
        rollout(**given)
    for word in words:
        assert word in str(error.value)


def test_too_many_names_them():
    plan = Plan(tuple(Transaction(name, (WriteKernel("/x", "0", "1"),)) for name in ("one", "two")))
    assert too_many(plan, None) is None
    assert too_many(plan, 2) is None
    assert too_many(plan, 1).startswith(
        "2 recommendations would be changed, and vmguest_max_changes allows 1: one, two; nothing was done."
    )
    assert too_many(Plan(()), 0) is None


@pytest.mark.parametrize(
    ("record", "done"),
    [
        ({"action": "remediate", "state": "ok", "check": False}, True),
        ({"action": "remediate", "state": "ok", "check": True}, False),
        ({"action": "remediate", "state": "failed", "check": False}, False),
        ({"action": "remediate", "state": "interrupted", "check": False}, False),
        ({"action": "remediate", "state": "unreachable", "check": False}, False),
        ({"action": "remediate", "state": "waiting", "check": False}, False),
        ({"action": "remediate", "state": "skipped", "check": False}, False),
        ({"action": "audit", "state": "ok", "check": False}, False),
        ({"action": "plan", "state": "ok", "check": True}, False),
        ({}, False),
        (None, False),
    ],
)
def test_what_a_resumed_run_has_done(record, done):
    assert done_before(record) is done


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        (1, ["1"]),
        ("10%", ["10%"]),
        ("1,10%, 25%", ["1", "10%", "25%"]),
        ([1, "10%"], ["1", "10%"]),
        ("100%", ["100%"]),
    ],
)
def test_batches(given, sizes):
    assert FilterModule().filters()["batches"] is batches
    assert batches(given) == sizes


@pytest.mark.parametrize("given", ["", "0", 0, "abc", "-1", "0%", "101%", "1,,2", [1, "x"], [], True, None, 1.5])
def test_what_is_no_size_of_a_batch(given):
    with pytest.raises(AnsibleFilterError, match="No guest was touched"):
        batches(given)
