# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift between runs: the shipped playbooks against guest trees on which somebody changes something in between."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.unit.playbooks.fleet import Fleet

pytestmark = pytest.mark.slow

ONLY = {"vmguest_profile": "everything", "vmguest_only": ["io_scheduler", "cron_scatter", "swappiness"]}
SCHEDULER = "/sys/block/sda/queue/scheduler"
RULE = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """Two guests on which schedulers and cron jobs are open, and swappiness is as the kernel has it."""
    fleet.variables.update(ONLY)
    for name in ("db1", "web1"):
        fleet.add(name, "rhel6")
    return fleet


def administered(fleet: Fleet, name: str) -> None:
    """Somebody sets what the talk recommends, and tries another scheduler."""
    tree = fleet.trees[name]
    tree.path("/etc/sysctl.d").mkdir(exist_ok=True)
    tree.path("/etc/sysctl.d/99-dba.conf").write_text("vm.swappiness = 0\n")
    tree.path("/proc/sys/vm/swappiness").write_text("0\n")
    tree.path(SCHEDULER).write_text("noop anticipatory deadline [cfq]\n")


def last_run(fleet: Fleet) -> Path:
    """The folder of the newest run."""
    return max((fleet.folder / "reports").iterdir(), key=lambda run: run.stat().st_mtime_ns)


def report(fleet: Fleet) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The last run's report.json: guests by host, and what it says of drift."""
    whole = json.loads((last_run(fleet) / "report.json").read_text(encoding="utf-8"))
    (drift,) = (check for check in whole["fleet_checks"] if check["id"] == "fleet_drift")
    return {guest["host"]: guest for guest in whole["guests"]}, drift


def on_the_page(fleet: Fleet) -> dict[str, dict[str, list[Any]]]:
    """The changes that the page's drill-down has, by guest and recommendation."""
    page = (last_run(fleet) / "report.html").read_text(encoding="utf-8")
    blocks = dict(re.findall(r'<script type="text/plain" id="([a-z0-9-]+)">([A-Za-z0-9+/=]*)</script>', page))
    index, details = (json.loads(gzip.decompress(base64.b64decode(blocks[name]))) for name in ("index", "details-0"))
    names = [entry["id"] for entry in index["recommendations"]]
    return {
        host: {names[int(column)]: change for column, change in guest["changes"].items()}
        for host, guest in zip(index["hosts"], details["guests"], strict=True)
    }


def test_what_an_administrator_changed_is_told_with_its_time_and_its_owner(fleet: Fleet) -> None:
    first = fleet.play("audit")
    assert "drift:" not in first.output, first.output
    assert report(fleet)[1]["reason"] == "there is no run before this one to compare with"

    # What our own run does is known, and no drift.
    assert fleet.play("remediate").status == 0
    done = fleet.records()["db1"]
    _guests, drift = report(fleet)
    assert (drift["status"], drift["detail"]["count"], drift["detail"]["known"]) == ("compliant", 0, {"remediate": 4})
    ours = {"why": "remediate", "run": done["run"]}
    assert {name: change["by"] for name, change in done["history"]["changes"].items()} == {
        "io_scheduler": ours, "cron_scatter": ours
    }  # fmt: skip
    assert on_the_page(fleet)["db1"]["io_scheduler"][:4] == [done["time"], "remediate", done["run"], "noncompliant"]

    administered(fleet, "db1")
    run = fleet.play("audit")
    found = fleet.records()["db1"]
    guests, drift = report(fleet)

    # On the terminal.
    told = f"({done['time'][:16].replace('T', ' ')} UTC)"
    assert (
        f"drift: 2 findings changed on 1 guest since the run before {told}\n"
        f"  db1  io_scheduler  compliant → noncompliant; now noop → cfq; owner {RULE}:2\n"
        "  db1  swappiness    compliant; now 60 → 0; at boot 60 → 0; owner /etc/sysctl.d/99-dba.conf:1\n"
    ) in run.output

    # In report.json.
    assert (drift["status"], drift["guests"], drift["detail"]["known"]) == ("manual", ["db1"], {})
    scheduler, swappiness = drift["detail"]["changes"]
    assert (swappiness["host"], swappiness["recommendation"]) == ("db1", "swappiness")
    assert (swappiness["was"]["runtime"], swappiness["now"]["runtime"]) == ("60", "0")
    assert (swappiness["was"]["owner"], swappiness["now"]["owner"]) == (
        "the kernel's default",
        "/etc/sysctl.d/99-dba.conf:1",
    )
    assert (swappiness["since"], swappiness["time"], swappiness["run"]) == (done["time"], found["time"], found["run"])
    assert scheduler["by"] is swappiness["by"] is None
    since = {entry["recommendation"]: entry.get("since") for entry in guests["db1"]["findings"]}
    assert since == {"io_scheduler": found["time"], "swappiness": found["time"], "cron_scatter": done["time"]}

    # And on the page, where nobody is known to have done it.
    page = on_the_page(fleet)
    assert page["db1"]["swappiness"] == [found["time"], None, None, "compliant", "60", "60", "the kernel's default"]
    assert page["db1"]["cron_scatter"][:3] == [done["time"], "remediate", done["run"]]
    assert "swappiness" not in page["web1"]

    # It is drift once.
    again = fleet.play("audit")
    assert "drift:" not in again.output, again.output
    assert fleet.records()["db1"]["history"]["changes"]["swappiness"]["time"] == found["time"]


def test_drift_that_a_remediation_finds_is_told_although_it_put_it_right(fleet: Fleet) -> None:
    fleet.play("remediate")
    administered(fleet, "db1")
    run = fleet.play("remediate")
    assert "\n  db1  io_scheduler  compliant → noncompliant → compliant; owner " in run.output, run.output
    _guests, drift = report(fleet)
    assert drift["detail"]["recommendations"] == {"io_scheduler": 1, "swappiness": 1}
    # Taking it back is ours again; what the administrator set stays his.
    assert fleet.play("revert").status == 0
    run = fleet.play("audit")
    assert "drift:" not in run.output, run.output
    changes = fleet.records()["db1"]["history"]["changes"]
    assert changes["cron_scatter"]["by"]["why"] == "revert"
    assert changes["swappiness"]["by"] is None
