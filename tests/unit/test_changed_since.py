# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reverts on guests that went on living: what their undo needs is gone, or is not wanted any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Tree

pytestmark = pytest.mark.slow


def remedied(tmp_path: Path, name: str, variant: str, recommendation: str) -> Tree:
    """A guest on which one recommendation was remedied."""
    tree = guest_tree.materialise(guest_tree.load(name, variant), tmp_path / "root")
    variables = {"vmguest_only": [recommendation]}
    assert guest_tree.apply(tree, variables).results == {recommendation: "done"}
    return tree


def test_a_service_that_somebody_stopped_since_stays_stopped(tmp_path: Path) -> None:
    """Given a time client that was stopped, for another has its place, its configuration is as before and it is not started.

    Red where `with_restart` restarts whatever it finds.
    """
    tree = remedied(tmp_path, "rhel9", "step_always", "ntp_vm_settings")
    assert tree.call("systemctl", "stop", "chronyd.service").returncode == 0
    assert guest_tree.revert(tree).problems == []
    assert tree.call("systemctl", "is-active", "chronyd.service").returncode == 3
    assert tree.read("/etc/chrony.conf") == guest_tree.load("rhel9", "step_always").data["files"]["/etc/chrony.conf"]


def test_a_service_that_runs_reads_its_former_configuration(tmp_path: Path) -> None:
    """Given a time client that runs, a revert restarts it.

    Red where `with_restart` takes a unit that is active for one that is not.
    """
    tree = remedied(tmp_path, "rhel9", "step_always", "ntp_vm_settings")
    (tree.state / "calls").unlink()
    assert guest_tree.revert(tree).problems == []
    assert "systemctl restart chronyd.service" in tree.calls


@pytest.mark.parametrize(
    ("name", "variant", "recommendation"),
    [
        ("rhel9", "drops", "vmxnet3_rings"),
        ("rhel9", "lro_never", "vmxnet3_lro"),
    ],
)
def test_a_card_that_is_gone_has_nothing_to_set_back(
    tmp_path: Path, name: str, variant: str, recommendation: str
) -> None:
    """Given a card that was taken out, the revert takes its rule away and is done.

    Red where `card_step` does not look for the card.
    """
    tree = remedied(tmp_path, name, variant, recommendation)
    tree.path("/sys/class/net/ens192").unlink()
    (tree.state / "ethtool/ens192").unlink()
    assert guest_tree.revert(tree).problems == []


def test_without_tools_their_setting_is_not_reverted_and_the_reason_says_so(tmp_path: Path) -> None:
    """Given VMware Tools that were removed, nothing is begun; once they are back, the revert is done.

    Red where `_turn_tools_off` does not ask.
    """
    tree = remedied(tmp_path, "rhel9", "tools_sync_on", "time_sync_source")
    toolbox = tree.state / "bin/vmware-toolbox-cmd"
    toolbox.rename(tree.state / "removed")
    refused = guest_tree.revert(tree)
    assert len(refused.problems) == 1
    assert "VMware Tools were removed since" in refused.problems[0]
    (tree.state / "removed").rename(toolbox)
    assert guest_tree.revert(tree).problems == []
    assert (tree.state / "host/tools_sync").read_text().strip() == "Enabled"
