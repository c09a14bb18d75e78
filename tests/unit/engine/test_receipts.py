# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What apply.sh reports, read back."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import parse_apply, receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

NONCE = "0123456789abcdef0123456789abcdef"


def said(*lines):
    """apply.sh's output with these lines between its begin and its end; a line without `N ` is detail."""
    body = "".join((f"{NONCE} {line[2:]}" if line.startswith("N ") else line) + "\n" for line in lines)
    return f"Welcome to web01\n{NONCE} begin apply 1\n{body}{NONCE} end\n{NONCE} begin probe 1\n"


def test_outcomes_with_their_steps_and_detail():
    output = parse_apply(
        said(
            "N recovered 000004-swap_size undone killed while committing",
            "N transaction tools_present 000005-tools_present",
            "N alive",
            "N step 1 failed install open-vm-tools",
            "E: no such package",
            "N outcome tools_present undone step 1 failed",
            "N transaction io_scheduler 000006-io_scheduler",
            "N step 1 done create /etc/udev/rules.d/66-vmguest-io-scheduler.rules",
            "N outcome io_scheduler done",
        ),
        NONCE,
    )
    assert [(entry.recommendation, entry.receipt, entry.result) for entry in output.outcomes] == [
        ("tools_present", "000005-tools_present", "undone"),
        ("io_scheduler", "000006-io_scheduler", "done"),
    ]
    assert output.outcomes[0].detail == ["E: no such package"]
    assert output.outcomes[0].reason == "step 1 failed"
    assert output.recovered == ["000004-swap_size undone killed while committing"]


def test_outcomes_of_a_group_come_after_its_commit():
    output = parse_apply(
        said(
            "N transaction a 000001-a",
            "N step 1 done create /etc/a",
            "N transaction b 000002-b",
            "N transaction boot 000003-boot",
            "N step 1 failed rebuild",
            "no space left",
            "N outcome boot undone rebuild: it ended with status 1",
            "N outcome b undone boot failed",
            "N outcome a undone boot failed",
            "N outcome c refused boot failed",
        ),
        NONCE,
    )
    assert [(entry.recommendation, entry.receipt, entry.result, entry.detail) for entry in output.outcomes] == [
        ("a", "000001-a", "undone", []),
        ("b", "000002-b", "undone", []),
        ("boot", "000003-boot", "undone", ["no space left"]),
        ("c", "", "refused", []),
    ]


def test_the_receipt_of_a_group_is_not_reverted_by_itself():
    base = "/var/lib/vmguest/receipts/000003-boot/"
    meta = "recommendation=boot\nrun=r1\ntime=2026-11-24T12:00:00Z\nmembers= 000001-a 000002-b "
    (receipt,) = receipts(evidence_of({base + "state": "done", base + "meta": meta}))
    assert receipt.members == ("000001-a", "000002-b")
    assert not receipt.revertable


def test_reverted_locked_and_refused():
    output = parse_apply(
        said("N reverted 000001-a a refused changed since: /etc/fstab", "N reverted 000002-b b done "), NONCE
    )
    assert output.reverted == [
        ("000001-a", "a", "refused", "changed since: /etc/fstab"),
        ("000002-b", "b", "done", ""),
    ]
    assert parse_apply(said("N locked 20261124T1200Z-ab 4711 2026-11-24T12:00:00Z"), NONCE).locked.startswith(
        "20261124T1200Z-ab"
    )
    assert parse_apply(said("N refused read-only file system"), NONCE).refused == "read-only file system"


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_cut_output_is_never_believed(cut):
    whole = said("N transaction a 000001-a", "N step 1 done x", "N outcome a done").split(f"{NONCE} end", maxsplit=1)[0]
    with pytest.raises(ProbeError, match=r"cut|did not run"):
        parse_apply("\n".join(whole.split("\n")[:cut]), NONCE)


def test_an_unknown_word_is_another_version():
    with pytest.raises(ProbeError, match="another version"):
        parse_apply(said("N rejoiced over nothing"), NONCE)


def test_receipts_of_a_guest():
    base = "/var/lib/vmguest/receipts/"
    evidence = evidence_of(
        {
            base + "000001-io_scheduler/state": "done",
            base + "000001-io_scheduler/meta": "recommendation=io_scheduler\nrun=r1\ntime=2026-11-24T12:00:00Z",
            base + "000002-swap_size/state": "committing",
            base + "000002-swap_size/meta": "recommendation=swap_size\nrun=r1\ntime=2026-11-24T12:00:00Z",
        }
    )
    first, second = receipts(evidence)
    assert (first.name, first.recommendation, first.revertable, first.interrupted) == (
        "000001-io_scheduler",
        "io_scheduler",
        True,
        False,
    )
    assert (second.recommendation, second.revertable, second.interrupted) == ("swap_size", False, True)
