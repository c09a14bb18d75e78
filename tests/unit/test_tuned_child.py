# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our profiles beside those that somebody chose: what tuned makes of them, and what is left of that choice afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.tests.unit import guest_tree, tuned_daemon
from ansible_collections.vmguest.linux.tests.unit.examples import EVERY_MOMENT
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS, Tree

pytestmark = pytest.mark.slow

ACTIVE, MODE = "/etc/tuned/active_profile", "/etc/tuned/profile_mode"
SWAPPINESS, HUGE_PAGES = "swappiness", "transparent_hugepages"
BOTH = {"vmguest_only": [SWAPPINESS, HUGE_PAGES]}
#: Both, on a guest whose profile tuned itself chose.
TWO = ("rhel9", "tuned_as_it_recommends")


def standing(tmp_path: Path, name: str, variant: str) -> Tree:
    """A guest on which tuned has started."""
    tree = guest_tree.materialise(guest_tree.load(name, variant), tmp_path / "root")
    guest_tree.reboot(tree)
    return tree


def chosen(tree: Tree) -> tuple[str, str]:
    """The active profiles and the mode."""
    return tree.read(ACTIVE).strip(), tree.read(MODE).strip()


def receipt_of(tree: Tree, recommendation: str) -> str:
    """The receipt that can be reverted."""
    found = receipts(guest_tree.probe(tree))
    (name,) = [entry.name for entry in found if entry.revertable and entry.recommendation == recommendation]
    return name


def remedied(tree: Tree, *recommendations: str) -> None:
    for name in recommendations:
        assert guest_tree.apply(tree, {"vmguest_only": [name]}).results == {name: "done"}


@pytest.mark.parametrize(
    ("name", "variant", "recommendations", "active"),
    [
        (*TWO, (SWAPPINESS, HUGE_PAGES), "virtual-guest vmguest-swappiness vmguest-transparent-hugepages"),
        ("rhel9", "huge_pages_by_tuned", (HUGE_PAGES,), "site vmguest-transparent-hugepages"),
        ("rhel9", "swappiness_zero_at_the_next_start_of_tuned", (SWAPPINESS,), "virtual-guest vmguest-swappiness"),
        ("rhel10", "huge_pages_by_tuned", (HUGE_PAGES,), "site vmguest-transparent-hugepages"),
        ("rhel8", "swappiness_above_by_tuned", (SWAPPINESS,), "virtual-guest vmguest-swappiness"),
        ("rhel7", "swappiness_zero_by_tuned", (SWAPPINESS,), "site vmguest-swappiness"),
        ("database", "transparent_by_hand", (HUGE_PAGES,), "oracle vmguest-transparent-hugepages"),
    ],
)
def test_what_our_profile_sets_is_there_after_every_start_of_tuned(
    tmp_path: Path, name: str, variant: str, recommendations: tuple[str, ...], active: str
) -> None:
    """Given a profile that sets another value at boot, ours wins after it; reverted, all is as it was before, and as tuned sets it.

    Red where `child_profile` writes into a folder that this tuned does not read, or leaves the mode `auto`.
    """
    tree = standing(tmp_path, name, variant)
    before = guest_tree.snapshot(tree)
    options = {"vmguest_only": list(recommendations)}
    applied = guest_tree.apply(tree, options)
    assert applied.results == dict.fromkeys(recommendations, "done")
    for _start in range(2):
        found = guest_tree.audit(tree, options)
        assert {key: entry.status for key, entry in found.items()} == dict.fromkeys(recommendations, Status.COMPLIANT)
        assert {(entry.owner or "").partition(" (")[0] for entry in found.values()} == {f"tuned profile {active}"}
        assert chosen(tree) == (active, "manual")
        guest_tree.reboot(tree)
    assert guest_tree.revert(tree).problems == []
    tuned_daemon.start(tree.root)
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [(SWAPPINESS, HUGE_PAGES), (HUGE_PAGES, SWAPPINESS)])
def test_two_come_and_go_in_any_order(tmp_path: Path, together: bool, order: tuple[str, str]) -> None:
    """Given two of ours, each goes without the other; tuned chooses for itself again with the last.

    Red where the mode that was found is not handed on to who comes later, or the first that goes restores it.
    """
    tree = standing(tmp_path, *TWO)
    before = guest_tree.snapshot(tree)
    if together:
        assert guest_tree.apply(tree, BOTH).problems == []
    else:
        remedied(tree, SWAPPINESS, HUGE_PAGES)
    first, last = order
    assert guest_tree.revert(tree, [receipt_of(tree, first)]).problems == []
    assert chosen(tree) == (f"virtual-guest vmguest-{last.replace('_', '-')}", "manual")
    found = guest_tree.audit(tree, BOTH)
    assert (found[first].status, found[last].status) == (Status.NONCOMPLIANT, Status.COMPLIANT)
    tuned_daemon.start(tree.root)
    assert guest_tree.audit(tree, BOTH)[last].status is Status.COMPLIANT
    assert guest_tree.revert(tree, [receipt_of(tree, last)]).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_one_that_comes_back_knows_the_mode_of_before(tmp_path: Path) -> None:
    """Given the one that found the mode `auto` reverted and remedied once more, the last that goes still restores it."""
    tree = standing(tmp_path, *TWO)
    before = guest_tree.snapshot(tree)
    remedied(tree, SWAPPINESS, HUGE_PAGES)
    assert guest_tree.revert(tree, [receipt_of(tree, SWAPPINESS)]).problems == []
    remedied(tree, SWAPPINESS)
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_a_later_remedy_with_another_value_goes_alone(tmp_path: Path) -> None:
    """Given another value asked for later, its revert leaves the first one in force.

    Red where each remedy takes back the name of our profile, also one that it found there.
    """
    tree = standing(tmp_path, "rhel8", "swappiness_above_by_tuned")
    before = guest_tree.snapshot(tree)
    remedied(tree, SWAPPINESS)
    first = guest_tree.snapshot(tree)
    lower = {"vmguest_only": [SWAPPINESS], "swappiness_highest": 1}
    assert guest_tree.apply(tree, lower).results == {SWAPPINESS: "done"}
    guest_tree.reboot(tree)
    assert guest_tree.audit(tree, lower)[SWAPPINESS].status is Status.COMPLIANT
    older, newer = (entry.name for entry in receipts(guest_tree.probe(tree)))
    assert "revert that first" in str(guest_tree.revert(tree, [older]).problems)
    assert guest_tree.revert(tree, [newer]).problems == []
    assert guest_tree.differences(first, guest_tree.snapshot(tree)) == []
    assert guest_tree.revert(tree, [older]).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_another_profile_that_somebody_chose_since_stays_and_the_revert_is_refused(tmp_path: Path) -> None:
    """Given another choice, nothing of the receipt is reverted; after ours is chosen again, all of it is.

    Red where the step does not `ask`.
    """
    tree = standing(tmp_path, "rhel9", "huge_pages_by_tuned")
    before = guest_tree.snapshot(tree)
    remedied(tree, HUGE_PAGES)
    tuned_daemon.save(tree.root, "throughput-performance", "manual")
    then = guest_tree.snapshot(tree)
    (problem,) = guest_tree.revert(tree).problems
    assert "changed since: expected site as the active profile of tuned, found throughput-performance" in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    tuned_daemon.save(tree.root, "site vmguest-transparent-hugepages", "manual")
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_the_profile_of_before_that_somebody_chose_since_stays_chosen(tmp_path: Path) -> None:
    """Given the former profile, chosen by a person and no longer by tuned, the revert takes our file and leaves the mode.

    Red where the undo restores the mode although our profile is gone.
    """
    tree = standing(tmp_path, *TWO)
    remedied(tree, SWAPPINESS)
    tuned_daemon.save(tree.root, "virtual-guest", "manual")
    assert guest_tree.revert(tree).problems == []
    assert chosen(tree) == ("virtual-guest", "manual")
    assert not tree.path("/etc/tuned/vmguest-swappiness").exists()


def test_a_profile_that_somebody_added_stays(tmp_path: Path) -> None:
    """Given another profile beside ours, the revert takes ours out from between, and tuned goes on with that choice."""
    tree = standing(tmp_path, *TWO)
    remedied(tree, SWAPPINESS)
    tuned_daemon.save(tree.root, "virtual-guest vmguest-swappiness site", "manual")
    assert guest_tree.revert(tree).problems == []
    assert chosen(tree) == ("virtual-guest site", "manual")


def test_without_tuned_our_file_goes_and_nothing_else_is_asked(tmp_path: Path) -> None:
    """Given tuned that was removed, with what it kept, the revert is done."""
    tree = standing(tmp_path, *TWO)
    remedied(tree, SWAPPINESS)
    tree.path(ACTIVE).unlink()
    tree.path(MODE).unlink()
    assert guest_tree.revert(tree).problems == []
    assert not tree.path("/etc/tuned/vmguest-swappiness").exists()


def test_a_choice_between_the_audit_and_the_change_is_not_overwritten(tmp_path: Path) -> None:
    """Given another choice since the audit, the remedy is undone and the choice stays.

    Red where the step does not compare the profiles with those that the audit saw.
    """
    tree = standing(tmp_path, *TWO)
    plan = guest_tree.plan_of(tree, {"vmguest_only": [SWAPPINESS]})
    tuned_daemon.save(tree.root, "powersave", "manual")
    then = guest_tree.snapshot(tree)
    assert guest_tree.execute(tree, apply_payload, plan.transactions).results == {SWAPPINESS: "undone"}
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []


def remedy_both(tree: Tree, shell: str, kill_at: int) -> guest_tree.Outcome:
    plan = guest_tree.plan_of(tree, BOTH, shell)
    return guest_tree.execute(tree, apply_payload, plan.transactions, shell, kill_at, then_probe=False)


def revert_both(tree: Tree, shell: str, kill_at: int) -> guest_tree.Outcome:
    names = [receipt_of(tree, HUGE_PAGES), receipt_of(tree, SWAPPINESS)]
    return guest_tree.execute(tree, revert_payload, names, shell, kill_at, then_probe=False)


@pytest.mark.parametrize("cut", [remedy_both, revert_both])
def test_cut_anywhere_tuned_starts_with_the_old_or_the_new(
    tmp_path: Path, cut: Callable[[Tree, str, int], guest_tree.Outcome]
) -> None:
    """The power goes before some change: tuned finds every profile that it is told to take, and the next run leads to the end.

    Red where the undo takes our profile away before its name, or the name before the mode.
    """

    def fresh(number: int) -> tuple[Tree, dict[str, tuple[str, ...]]]:
        tree = standing(tmp_path / str(number), *TWO)
        before = guest_tree.snapshot(tree)
        if cut is revert_both:
            assert guest_tree.apply(tree, BOTH).problems == []
        return tree, before

    moments = cut(fresh(0)[0], "dash", 1_000_000).moments
    assert moments > 30
    shells = [shell for shell in SHELLS if shutil.which(shell)]
    for number, moment in enumerate(range(1, moments + 1, 1 if EVERY_MOMENT else 11), 1):
        shell = shells[number % len(shells)]
        tree, before = fresh(number)
        assert cut(tree, shell, moment).killed
        names = tree.read(ACTIVE).split()
        assert all(tree.path(f"/etc/tuned/{name}/tuned.conf").is_file() for name in names), moment
        if number % 2:
            guest_tree.reboot(tree)
        assert guest_tree.execute(tree, apply_payload, (), shell).problems == []
        assert guest_tree.revert(tree, None, shell).problems == []
        assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
        shutil.rmtree(tree.root)
