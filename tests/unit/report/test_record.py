# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records: a JSON file for each guest, whole or not there, for its owner's eyes."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import (
    RecordError,
    Records,
    as_json,
    file_name,
    merged,
    printable,
)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_names_of_hosts_become_names_of_files_and_never_the_same(names: list[str]) -> None:
    files = [file_name(name) for name in names]
    assert files[0] != files[1]
    for file in files:
        assert "/" not in file
        assert not file.startswith(".")
        assert len(file) < 255


def test_a_plain_name_stays() -> None:
    assert file_name("db1.example.com") == "db1.example.com.json"


def test_written_whole_and_for_the_owner_alone(tmp_path: Path) -> None:
    records = Records(tmp_path / "reports" / "run")
    records.prepare()
    path = records.write("../db 1", {"host": "../db 1", "reason": "bytes \udcff and \x1b[2J\ud800"})
    assert path.parent == tmp_path / "reports" / "run" / "hosts"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "reports").stat().st_mode) == 0o700
    assert json.loads(path.read_text())["reason"] == "bytes \\xff and \\x1b[2J\\ud800"
    assert os.listdir(path.parent) == [path.name], "nothing is left beside it"
    assert records.read("../db 1") == {"format": 1, "host": "../db 1", "reason": "bytes \\xff and \\x1b[2J\\ud800"}


def test_a_planted_link_beside_it_is_not_followed(tmp_path: Path) -> None:
    records = Records(tmp_path / "run")
    records.prepare()
    (records.hosts / f".db1.json.{os.getpid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordError):
        records.write("db1", {"host": "db1"})
    assert not (tmp_path / "elsewhere").exists()


def test_where_it_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(RecordError) as caught:
        Records(tmp_path / "reports" / "run").prepare()
    assert str(caught.value) == (
        f"the report cannot be written to '{tmp_path}/reports': File exists; set vmguest_reports to a folder that can be written"
    )


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    records = Records(tmp_path / "run")
    assert list(records) == []
    records.prepare()
    records.write("db1", {"host": "db1"})
    (records.hosts / "cut.json").write_text('{"format": 1, ')
    (records.hosts / "other.json").write_text('{"format": 99}')
    (records.hosts / ".db2.json.77").write_text('{"format": 1}')
    assert [record["host"] for record in records] == ["db1"]
    assert records.read("nobody") is None


def test_a_later_task_of_the_run_replaces_what_it_looked_at_again() -> None:
    def entry(recommendation: str, status: str) -> dict[str, str]:
        return {"recommendation": recommendation, "status": status}

    earlier = {"state": "ok", "findings": [entry("a", "noncompliant"), entry("b", "compliant")]}
    later = merged(earlier, {"state": "failed", "findings": [entry("a", "failed")]})
    assert later == {"state": "failed", "findings": [entry("b", "compliant"), entry("a", "failed")]}
    assert merged(None, {"findings": []}) == {"findings": []}


def test_what_the_guest_was_like_before_the_run_is_what_its_first_task_found() -> None:
    first = {"recommendation": "a", "status": "compliant", "before": "noncompliant", "found": {"runtime": "60"}}
    second = {"recommendation": "a", "status": "compliant", "before": "compliant"}
    assert merged({"findings": [first]}, {"findings": [second]})["findings"] == [first]
    # An audit tells of no before, and what another run found is not of this one.
    audit = {"recommendation": "a", "status": "compliant"}
    assert merged({"findings": [first]}, {"findings": [audit]})["findings"] == [audit]
    resumed = {"resumed_from": "run1", "action": "remediate", "receipts": [{"result": "done"}], "findings": [first]}
    assert merged(resumed, {"findings": [second]})["findings"] == [second]
    assert merged(resumed, {"findings": []}) == {"findings": [audit]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_printable_is_json_that_any_program_reads(value: object) -> None:
    text = json.dumps(printable(value), ensure_ascii=False)
    text.encode("utf-8")
    assert not any(ord(char) < 32 for char in text)


@given(
    st.dictionaries(st.text("abc_"), st.none() | st.integers() | st.text() | st.lists(st.text())),
    st.lists(st.dictionaries(st.text("abc_"), st.text())),
)
def test_a_record_as_json_is_what_printable_makes_of_it(fields: dict[str, object], findings: list[object]) -> None:
    record = {**fields, "findings": findings}
    text = as_json(record)
    text.encode("utf-8")
    assert all(line.isprintable() for line in text.split("\n"))
    assert json.loads(text) == printable(record)
