# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A profile's samples, and whose time they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.bench.fleet.controller import Cost
from ansible_collections.vmguest.linux.tests.bench.fleet.page import Profile, profile_lines
from ansible_collections.vmguest.linux.tests.bench.fleet.shares import (
    CORE,
    GUEST,
    LIBRARY,
    OURS,
    UNSEEN,
    Sample,
    Share,
    package,
    read,
    summed,
)

HERE = "/srv/x/ansible_collections/vmguest/linux"
ENGINE = (f"{HERE}/plugins/plugin_utils/engine/assess.py", "assess")
WORKER = ("/venv/lib/python3.13/site-packages/ansible/executor/process/worker.py", "run")
TEMPLAR = ("/venv/lib/python3.13/site-packages/ansible/template/__init__.py", "template")
JINJA = ("/venv/lib/python3.13/site-packages/jinja2/environment.py", "render")
DECODER = ("/usr/lib/python3.13/json/decoder.py", "decode")
RECORDED = (f"{HERE}/tests/bench/fleet/recordings.py", "answer")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (ENGINE[0], (OURS, "plugin_utils/engine/assess.py")),
        (WORKER[0], (CORE, "executor/process/worker.py")),
        (RECORDED[0], (GUEST, "recordings.py")),
        ("/src/tests/bench/fleet/connection/recorded.py", (GUEST, "recorded.py")),
        (JINJA[0], (LIBRARY, JINJA[0])),
        (
            "/venv/site-packages/ansible_collections/other/one/plugins/a.py",
            (LIBRARY, "/venv/site-packages/ansible_collections/other/one/plugins/a.py"),
        ),
        ("<frozen importlib._bootstrap>", (LIBRARY, "<frozen importlib._bootstrap>")),
    ],
)
def test_a_file_is_of_who_wrote_it(file: str, expected: tuple[str, str]) -> None:
    assert package(file) == expected


def test_a_library_works_for_whoever_called_it() -> None:
    shares = summed(
        [
            Sample("fork", 1.0, [ENGINE, WORKER]),
            Sample("fork", 2.0, [DECODER, ENGINE, WORKER]),
            Sample("fork", 4.0, [JINJA, TEMPLAR, WORKER]),
            Sample("main", 8.0, [WORKER]),
            Sample("main", 16.0, [DECODER]),
        ]
    )
    assert shares.of("fork", OURS) == Share(own=1.0, libraries=2.0)
    assert shares.of("fork", CORE) == Share(own=0.0, libraries=4.0)
    assert shares.of("main", CORE) == Share(own=8.0)
    assert shares.of("main", OURS) == Share()
    assert shares.of("main", LIBRARY) == Share(own=16.0)
    assert shares.seconds == 31.0
    assert shares.places[OURS, "plugin_utils/engine/assess.py"] == 3.0


def test_what_ours_had_others_do_is_theirs_and_below_ours() -> None:
    shares = summed([Sample("fork", 1.0, [TEMPLAR, ENGINE, WORKER]), Sample("fork", 2.0, [RECORDED, WORKER, ENGINE])])
    assert shares.of("fork", CORE) == Share(own=1.0)
    assert shares.of("fork", GUEST) == Share(own=2.0)
    assert shares.of("fork", OURS) == Share()
    assert shares.below_ours == {"fork": 3.0}


def test_processes_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "main-1-2.json").write_text(json.dumps([[0.5, [ENGINE]]]))
    (tmp_path / "fork-3-4.json").write_text(json.dumps([[0.25, [WORKER, ENGINE]], [1.0, []]]))
    assert read(tmp_path) == [
        Sample("fork", 0.25, [WORKER, ENGINE]),
        Sample("fork", 1.0, []),
        Sample("main", 0.5, [ENGINE]),
    ]
    assert summed(read(tmp_path)).of("fork", UNSEEN) == Share(libraries=1.0)


def test_the_table_accounts_for_all_of_the_processor() -> None:
    nothing = summed([Sample("main", 1.0, [WORKER]), Sample("fork", 0.5, [WORKER]), Sample("fork", 0.1, [])])
    audit = summed([Sample("main", 2.0, [WORKER]), Sample("fork", 3.0, [DECODER, ENGINE]), Sample("fork", 0.5, [])])
    cost, more = Cost(5.0, 2.0, 0.0, 0.0, 0.0), Cost(9.0, 10.0, 0.0, 0.0, 0.0)
    lines = profile_lines(Profile(10, cost, nothing, more, audit))
    assert lines == [
        ("vmguest.linux", "0.0", "0.0", "0.0", "0.0", "0.0", "300.0", "300.0", "30%"),
        ("ansible-core", "100.0", "50.0", "200.0", "0.0", "0.0", "0.0", "200.0", "20%"),
        ("the simulated guest", "0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "0%"),
        ("Python and libraries", "0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "0.0", "0%"),
        ("not seen", "0.0", "10.0", "0.0", "0.0", "0.0", "50.0", "50.0", "5%"),
        ("the kernel's, for forks", "", "40.0", "", "", "", "", "450.0", "45%"),
    ]
