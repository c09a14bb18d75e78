# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made records are what an audit would write, and the same whoever makes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import Records, printable
from ansible_collections.vmguest.linux.tests.bench import made_records
from ansible_collections.vmguest.linux.tests.bench.made_records import found_on_trees, write_records


@pytest.fixture(scope="module")
def trees() -> list[dict[str, Any]]:
    return found_on_trees(("debian12", "rhel5"), 1)


def made(count: int, trees: list[dict[str, Any]], seed: int = 1, **options: int) -> list[dict[str, Any]]:
    return list(made_records.made_records(count, seed, trees=trees, **options))


def test_shards_make_what_one_run_makes(trees: list[dict[str, Any]]) -> None:
    whole = made(60, trees)
    assert whole == made(25, trees) + made(35, trees, start=25)
    assert whole != made(60, trees, seed=2)


def test_a_fleet_has_all_that_a_report_must_show(trees: list[dict[str, Any]]) -> None:
    records = made(600, trees)
    findings = [finding for record in records for finding in record["findings"]]
    assert {record["state"] for record in records} == {"ok", "unreachable", "interrupted"}
    statuses = {finding["status"] for finding in findings}
    assert statuses >= {"compliant", "noncompliant", "pending_reboot", "waived", "manual", "unknown", "not_applicable"}
    waivers = [finding["waiver"]["expires"] for finding in findings if finding["waiver"]]
    today = made_records.NEWEST.date().isoformat()
    assert min(waivers) < today < max(waivers)
    assert len({record["guest"]["uuid"] for record in records if "guest" in record}) > 500


def test_earlier_runs_were_worse(trees: list[dict[str, Any]]) -> None:
    def wrong(age: int) -> int:
        found = Counter(finding["status"] for record in made(400, trees, age=age) for finding in record["findings"])
        return found["noncompliant"] + found["not_persistent"]

    assert wrong(0) < wrong(2) < wrong(4)


def test_they_are_written_where_runs_write_theirs(trees: list[dict[str, Any]], tmp_path: Path) -> None:
    folders = write_records(tmp_path, 5, runs=2, trees=trees)
    assert [folder.name.partition("-")[0] for folder in folders] == ["20261117T023000Z", "20261124T023000Z"]
    hosts = {record["host"]: record for record in Records(folders[1])}
    assert hosts == {record["host"]: printable(record) for record in made(5, trees)}
