# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary of a plan over all guests."""

from __future__ import annotations

from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.plan_summary import PlanSummary


def finding(name: str, severity: str, reboot: bool = False, mode: str = "enforce") -> dict[str, Any]:
    """A finding as a record has it."""
    return {
        "recommendation": name,
        "severity": severity,
        "title": f"Mend {name} | now",
        "mode": mode,
        "remedy": ["do it"],
        "reboot": reboot,
    }


def record(host: str, *findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A guest's record of a plan; with a file where something would be changed."""
    file = f"/x/plan/{host}.yml" if findings else None
    return {
        "action": "plan",
        "host": host,
        "run": "77aa",
        "time": "2026-11-24T02:00:00Z",
        "state": "ok",
        "message": None,
        "findings": list(findings),
        "plan_file": file,
        **more,
    }


def plan_summary(records: list[dict[str, Any]]) -> str:
    """The summary of records that come one at a time."""
    summary = PlanSummary()
    for entry in records:
        summary.add(entry)
    return summary.text()


def test_a_run_that_made_no_plans_has_none() -> None:
    summary = PlanSummary()
    summary.add({**record("a"), "action": "audit"})
    assert summary.guests == 0


def test_who_changes_who_reboots_and_who_has_no_plan() -> None:
    text = plan_summary(
        [
            record("web1", finding("swap_size", "high"), finding("io_scheduler", "low", mode="audit")),
            record("db1", finding("swap_size", "high"), finding("pvscsi_initrd", "critical", reboot=True)),
            record("fine"),
            record("gone", state="unreachable", message="no connection\nover ssh"),
            record("half", message="what an earlier run left half-done has to be undone first"),
        ]
    )
    assert text == (
        "# Plan\n"
        "\n"
        "Of run 77aa, 2026-11-24T02:00:00Z. 3 changes on 2 guests; 1 guest would then wait for a reboot, which is a phase of its "
        "own (vmguest.linux.reboot). 3 guests without a plan.\n"
        "\n"
        "A guest's file has each change with its reason, risk, steps and diff. Whole entries may be taken out of it.\n"
        "\n"
        "## By recommendation\n"
        "\n"
        "| recommendation | severity | guests | reboot | what                      |\n"
        "| -------------- | -------- | -----: | -----: | ------------------------- |\n"
        "| pvscsi_initrd  | critical |      1 |      1 | Mend pvscsi_initrd \\| now |\n"
        "| swap_size      | high     |      2 |      0 | Mend swap_size \\| now     |\n"
        "\n"
        "## By guest\n"
        "\n"
        "| guest | changes | reboot | recommendations          | file     |\n"
        "| ----- | ------: | ------ | ------------------------ | -------- |\n"
        "| db1   |       2 | yes    | swap_size, pvscsi_initrd | db1.yml  |\n"
        "| web1  |       1 |        | swap_size                | web1.yml |\n"
        "\n"
        "## Guests without a plan\n"
        "\n"
        "| guest | because                                                   |\n"
        "| ----- | --------------------------------------------------------- |\n"
        "| fine  | nothing is to be changed                                  |\n"
        "| gone  | unreachable: no connection over ssh                       |\n"
        "| half  | what an earlier run left half-done has to be undone first |\n"
    )


def test_nothing_to_change_anywhere() -> None:
    text = plan_summary([record("a")])
    assert "0 changes on 0 guests; 0 guests would" in text
    assert "## By guest" not in text
