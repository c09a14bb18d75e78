# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the campaign lets pass after a cut, and what not."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.tests.crash.judge import (
    Reference,
    boot_problems,
    by_receipts,
    deep_problems,
    prefixes,
    problems,
    read_console,
)

UNITS = {"000001-cron": ("/etc/crontab", "/etc/cron.d/new"), "000003-boot": ("/boot/image",)}
OLD = Reference("old", {"/etc/crontab": "- 0 0 1 old", "/boot/image": "- 0 0 9 old"}, {})
NEW = Reference(
    "new",
    {"/etc/crontab": "- 0 0 2 new", "/etc/cron.d/new": "- 0 0 2 new", "/boot/image": "- 0 0 9 new"},
    {"000001-cron": "done", "000002-member": "done", "000003-boot": "done"},
)
ALLOWED = prefixes(OLD, NEW, UNITS)
VERSIONS = {path: {tree[path] for tree in (OLD.tree, NEW.tree) if path in tree} for path in NEW.tree}


def console(before: dict[str, str], after: dict[str, str], *more: str, receipts: tuple[str, ...] = ()) -> list[str]:
    """What the machine prints of a state named 7."""
    return [
        "[    0.1] a line of the kernel's",
        "== 7 mount ok",
        *(f"== 7 file before {value} .{path}" for path, value in before.items()),
        "== 7 entry before /boot/image",
        "== 7 recovery begin apply 1",
        "== 7 recovery recovered 000001-cron undone a run that was cut off left it open",
        "== 7 recovery end",
        *(f"== 7 file after {value} .{path}" for path, value in after.items()),
        *(f"== 7 receipt after {receipt} " for receipt in receipts),
        *more,
        "== 7 end",
    ]


def wrong(lines: list[str]) -> list[str]:
    """What is wrong with state 7."""
    return list(problems(read_console(lines)["7"], ALLOWED, VERSIONS, ["/boot/image"]))


def test_old_and_new_pass() -> None:
    """Given a guest that was cut half-way and then put back, or one that was done, nothing is wrong."""
    half = {**OLD.tree, "/etc/cron.d/new": NEW.tree["/etc/cron.d/new"]}
    assert wrong(console(half, OLD.tree)) == []
    done = tuple(f"{name} done" for name in NEW.receipts)
    assert wrong(console(NEW.tree, NEW.tree, receipts=done)) == []
    assert wrong(console(NEW.tree, ALLOWED[1].tree, receipts=("000001-cron done",))) == []


def test_what_we_keep_beside_a_file_may_be_there_until_the_next_run() -> None:
    """Given our own folder beside a file, it passes before the next run, and is a failure after it."""
    beside = {**OLD.tree, "/etc/.vmguest-run1-000001-cron-001/new": "- 0 0 0 part"}
    assert wrong(console(beside, OLD.tree)) == []
    assert "it differs in /etc/.vmguest-run1-000001-cron-001/new" in wrong(console(beside, beside))[0]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["== 7 mount failed root", "== 7 end"], "does not mount: failed root"),
        (console({**OLD.tree, "/boot/image": "- 0 0 4 half"}, OLD.tree), "/boot/image is neither old nor new"),
        (console({"/etc/crontab": "- 0 0 1 old"}, OLD.tree), "/boot/image is not there"),
        (console({**OLD.tree, "/etc/stranger": "- 0 0 1 x"}, OLD.tree), "/etc/stranger is neither old nor new"),
        (console(OLD.tree, {**OLD.tree, "/boot/image": "- 0 0 9 new"}), "it differs in"),
        (console(OLD.tree, OLD.tree, receipts=("000001-cron committing",)), "but its receipts are"),
        (
            console(
                NEW.tree,
                ALLOWED[1].tree,
                receipts=("000001-cron done /var/lib/vmguest/receipts/000001-cron/reverting",),
            ),
            "but its receipts are",
        ),
        (console(NEW.tree, NEW.tree), "but its receipts are {}"),
        (
            console(OLD.tree, OLD.tree, "== 7 kernel EXT4-fs error (device loop0)"),
            "the kernel complains: EXT4-fs error",
        ),
        (console(OLD.tree, OLD.tree)[:-1], "the check did not come to its end"),
        (console(OLD.tree, {})[:-1], "the next run did not end"),
        ([line for line in console(OLD.tree, OLD.tree) if line != "== 7 recovery end"], "did not come to its end"),
        ([line for line in console(OLD.tree, OLD.tree) if " entry " not in line], "the boot loader has no entry"),
        (console(OLD.tree, OLD.tree, "== 7 entry before /boot/gone"), "/boot/gone, which the boot needs, is not there"),
    ],
)
def test_everything_else_is_a_failure(lines: list[str], sentence: str) -> None:
    """Given a state that must not be, a sentence says what is wrong."""
    assert any(sentence in line for line in wrong(lines)), wrong(lines)


def test_units_are_done_one_after_the_other() -> None:
    """Given two units, the guests between old and new are none, the first, and both."""
    assert [reference.tree for reference in ALLOWED] == [
        OLD.tree,
        {**OLD.tree, "/etc/crontab": "- 0 0 2 new", "/etc/cron.d/new": "- 0 0 2 new"},
        NEW.tree,
    ]
    assert [list(reference.receipts) for reference in ALLOWED] == [
        [],
        ["000001-cron"],
        ["000001-cron", "000002-member", "000003-boot"],
    ]


def test_where_units_fail_one_by_one_the_receipts_say_what_must_be_new() -> None:
    """Given a full disk, the second unit may be done without the first; its receipt and its files must agree."""
    tree = {**OLD.tree, "/boot/image": NEW.tree["/boot/image"]}
    seen = read_console(console(tree, tree, receipts=("000001-member done", "000002-boot done")))["7"]
    assert list(by_receipts(seen, OLD, NEW, UNITS)) == []
    seen = read_console(console(tree, tree, receipts=("000001-cron committing",)))["7"]
    first, second = by_receipts(seen, OLD, NEW, UNITS)
    assert first == "after: unfinished receipts: 000001-cron"
    assert "the guest is not as its receipts say (cron)" in second


def test_the_same_plan_again_leads_to_new_and_its_revert_to_old() -> None:
    """Given a state that was taken further, its last trees must be new and old."""
    lines = [
        *(f"== 7 file again {value} .{path}" for path, value in NEW.tree.items()),
        *(f"== 7 file reverted {value} .{path}" for path, value in NEW.tree.items()),
    ]
    (sentence,) = deep_problems(read_console(lines)["7"], OLD, NEW)
    assert sentence.startswith("reverted: the guest is not as 'old'")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["== image holds old", "== image booted"], ""),
        (["error: file `/boot/x' not found."], "it does not boot: error: file `/boot/x' not found."),
        (["loading", ""], "it does not boot: "),
        (["Initramfs unpacking failed: crc error", "== image holds old", "== image booted"], "it boots, but Initramfs"),
        (["== image booted"], "it boots by an image that nobody built: it holds []"),
        (["== image holds old", "== image holds more", "== image booted"], "it boots by an image that nobody built"),
    ],
)
def test_a_boot_is_good_where_a_known_image_tells_that_it_is_whole(lines: list[str], sentence: str) -> None:
    """Given what a console shows of a boot, only an image that was built, unpacked without complaint, passes."""
    found = list(boot_problems(lines, [["old"], ["old", "new"]]))
    assert (found == []) if not sentence else found[0].startswith(sentence), found
