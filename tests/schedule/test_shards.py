# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet in shards: ansible-runner sends each to a worker, and what comes back is what one run would have found.

``SHARD_GUESTS`` is the size of the fleet; `make bench-fleet` runs it with 1,000.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.build import build
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet
from ansible_collections.vmguest.linux.tests.bench.fleet.controller import environment, inventory
from ansible_collections.vmguest.linux.tests.bench.fleet.recordings import record

GUESTS = int(os.environ.get("SHARD_GUESTS") or 100)
SHARDS = 4
#: Makes a worker's reports part of what ansible-runner brings back.
REPORTS = "{{ lookup('env', 'AWX_ISOLATED_DATA_DIR') }}/reports"


def runner(scratch: Path, *words: str, **streams: Any) -> None:
    """One of ansible-runner's commands."""
    subprocess.run(
        [sys.executable, "-m", "ansible_runner", *words],
        check=True,
        env=environment(scratch, 2),
        cwd=scratch,
        timeout=1800,
        **streams,
    )


def private_data(folder: Path, recordings: Path, guests: int, first: int) -> Path:
    """What ansible-runner sends: the shard's inventory, and how it is audited."""
    for part in ("inventory", "env", "project"):
        (folder / part).mkdir(parents=True)
    inventory(folder / "inventory/hosts.ini", guests, recordings, first=first)
    (folder / "env/extravars").write_text(json.dumps({"vmguest_reports": REPORTS}))
    return folder


def runs(*folders: Path) -> list[Path]:
    """The runs' folders of records in what came back."""
    return sorted(run for folder in folders for run in folder.glob("artifacts/**/reports/*"))


def found(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what tells runs apart: its run, its time, and since when it is as it is."""
    return {name: value for name, value in record.items() if name not in ("run", "time", "history")}


def summary(fleet: Fleet, folder: Path) -> dict[str, Any]:
    """The report's own count of a fleet, without its time."""
    counted = json.loads(build(fleet, folder, ["json"]).summary.text())
    return {name: value for name, value in counted.items() if name not in ("time", "run", "runs")}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten guests' answers are enough to tell guests apart."""
    folder = tmp_path_factory.mktemp("recordings")
    record(folder, 10)
    return folder


def shard(scratch: Path, recordings: Path, number: int, guests: int, first: int) -> Path:
    """Transmit, work, process: what on one machine is a pipe is a network's between three."""
    sent = private_data(scratch / f"shard{number}", recordings, guests, first)
    got = scratch / f"got{number}"
    got.mkdir()
    work, answer = scratch / f"work{number}", scratch / f"answer{number}"
    with work.open("wb") as output:
        runner(scratch, "transmit", str(sent), "--playbook", "vmguest.linux.audit", stdout=output)
    with work.open("rb") as source, answer.open("wb") as output:
        runner(scratch, "worker", "--private-data-dir", str(scratch / f"worker{number}"), stdin=source, stdout=output)
    with answer.open("rb") as source:
        runner(scratch, "process", str(got), stdin=source, stdout=subprocess.DEVNULL)
    return got


def test_shards_find_what_one_run_finds(tmp_path: Path, recordings: Path) -> None:
    each = GUESTS // SHARDS
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = list(
            pool.map(lambda number: shard(tmp_path, recordings, number, each, 1 + number * each), range(SHARDS))
        )
    whole = shard(tmp_path, recordings, SHARDS, each * SHARDS, 1)
    sharded, unsharded = Fleet(runs(*folders)), Fleet(runs(whole))
    assert (len(sharded), len(unsharded)) == (each * SHARDS, each * SHARDS)
    assert len(runs(*folders)) == SHARDS
    assert [found(record) for record in sharded] == [found(record) for record in unsharded]
    assert summary(sharded, tmp_path / "sharded") == summary(unsharded, tmp_path / "unsharded")
    assert len({json.dumps(record["findings"]) for record in sharded}) >= 5, "guests that are all alike"
    said = [file.read_text() for file in tmp_path.glob("got*/artifacts/**/stdout")]
    assert len(said) == SHARDS + 1
    assert not [text for text in said if "errantly" in text], "a worker wrote past Ansible's display"
