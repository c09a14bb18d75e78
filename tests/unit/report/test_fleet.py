# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet: newest record of each guest, from one folder or several; and what is kept of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet, Summary, Tally, earlier, score
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import RecordError, Records


def finding(recommendation: str, status: str, severity: str = "medium", **more: Any) -> dict[str, Any]:
    """A finding as a record has it."""
    texts = {"role": "r", "area": "memory", "title": "t", "source": "s", "mode": "audit", "reason": "because"}
    sides = {"runtime": None, "persistent": None, "desired": None, "owner": None, "reboot": False, "remedy": []}
    named = {"recommendation": recommendation, "status": status, "severity": severity}
    return {**texts, **sides, **named, **more}


def write(
    folder: Path, host: str, time: str = "2026-11-26T10:00:00Z", run: str = "aaaa", state: str = "ok", **more: Any
) -> Path:
    """A record in a run's folder."""
    records = Records(folder)
    records.prepare()
    head = {"run": run, "time": time, "host": host, "action": "audit", "check": False, "state": state, "message": None}
    return records.write(host, {**head, "groups": [], "findings": [], **more})


class TestOneStream:
    def test_ordered_by_host_whatever_the_files_are_called(self, tmp_path: Path) -> None:
        for host in ("b", "a b", "a/z", "a", "Ω", "a.b"):
            write(tmp_path / "run", host)
        fleet = Fleet([tmp_path / "run"])
        assert list(fleet.hosts) == ["a", "a b", "a.b", "a/z", "b", "Ω"]
        assert [record["host"] for record in fleet] == list(fleet.hosts)
        assert [record["host"] for record in fleet] == list(fleet.hosts), "it may be read again"
        assert len(fleet) == 6

    def test_of_each_guest_the_newest_counts(self, tmp_path: Path) -> None:
        write(tmp_path / "1", "db1", "2026-11-26T10:00:05Z", "aaaa", message="new")
        write(tmp_path / "2", "db1", "2026-11-26T10:00:01Z", "bbbb", message="old")
        write(tmp_path / "2", "db2", "2026-11-26T10:00:01Z", "bbbb", message="only")
        write(tmp_path / "1", "db3", "2026-11-26T10:00:01Z", "aaaa", message="same second")
        write(tmp_path / "2", "db3", "2026-11-26T10:00:01Z", "bbbb", message="the later run's id")
        expected = ["new", "only", "the later run's id"]
        for folders in ([tmp_path / "1", tmp_path / "2"], [tmp_path / "2", tmp_path / "1"], [tmp_path]):
            fleet = Fleet(folders)
            assert [record["message"] for record in fleet] == expected
            assert (fleet.runs, fleet.actions) == (("aaaa", "bbbb"), ("audit",))
            assert (fleet.started, fleet.ended) == ("2026-11-26T10:00:01Z", "2026-11-26T10:00:05Z")

    def test_one_record_at_a_time(self, tmp_path: Path) -> None:
        for number in range(3):
            write(tmp_path / "run", f"h{number}")
        fleet = Fleet([tmp_path / "run"])
        stream = iter(fleet)
        next(stream)
        for path in (tmp_path / "run" / "hosts").iterdir():
            path.unlink()
        assert list(stream) == [], "nothing was read ahead"

    def test_of_a_record_only_the_beginning_is_read_to_know_whose_it_is(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run", "db1")
        with path.open("a") as file:
            file.write("what a whole look would stumble over")
        assert Fleet([tmp_path / "run"]).hosts == ("db1",)

    @pytest.mark.parametrize(
        "odd",
        [
            {"history": [1]},
            {"guest": "x"},
            {"groups": 5},
            {"status": ["compliant"]},
            {"remedy": None},
            {"waiver": {"reason": "r"}},
        ],
        ids=lambda odd: next(iter(odd)),
    )
    def test_one_with_something_else_in_its_place_does_not_end_the_report(
        self, tmp_path: Path, odd: dict[str, object]
    ) -> None:
        write(tmp_path / "run", "db1")
        of_finding = {"status", "remedy", "waiver"} & set(odd)
        found = {"findings": [{**finding("io_scheduler", "compliant"), **odd}]} if of_finding else odd
        write(tmp_path / "run", "db2", **found)
        fleet = Fleet([tmp_path / "run"])
        assert [record["host"] for record in fleet] == ["db1"]
        assert {Path(path).name for path in fleet.unreadable} == {"db2.json"}

    def test_a_record_that_somebody_wrote_anew_is_read_too(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run", "db1")
        path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
        assert Fleet([tmp_path / "run"]).hosts == ("db1",)

    def test_what_is_cut_or_none_of_ours_is_passed_over_and_named(self, tmp_path: Path) -> None:
        whole = write(tmp_path / "run", "db1")
        cut = write(tmp_path / "run", "db2", message="x" * 5000)
        cut.write_bytes(cut.read_bytes()[:4000])
        (whole.parent / "noise.json").write_text("noise")
        (whole.parent / "list.json").write_text("[]")
        (whole.parent / ".db3.json.77").write_text("written just now")
        write(tmp_path / "run", "db4", findings=[{"recommendation": "x"}])
        write(tmp_path / "run", "db5", findings=[finding("x", "of another release")])
        fleet = Fleet([tmp_path / "run"])
        assert [record["host"] for record in fleet] == ["db1"]
        assert {Path(path).name for path in fleet.unreadable} == {
            "db2.json", "db4.json", "db5.json", "noise.json", "list.json"
        }  # fmt: skip

    def test_a_host_name_with_line_ends_and_quotes(self, tmp_path: Path) -> None:
        host = 'a",\n "host": "b'
        path = write(tmp_path / "run", host)
        assert Fleet([tmp_path / "run"]).hosts == (json.loads(path.read_text())["host"],)


class TestErrors:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError) as caught:
            Fleet([tmp_path / "none"])
        assert str(caught.value) == (
            f"the records in '{tmp_path}/none' cannot be read: No such file or directory; name a run's folder below vmguest_reports"
        )

    def test_none_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "photos").mkdir()
        with pytest.raises(
            RecordError, match=r"'.*' holds no records: expected a run's folder, which has a folder 'hosts'"
        ):
            Fleet([tmp_path])

    def test_nothing_in_it(self, tmp_path: Path) -> None:
        Records(tmp_path / "run").prepare()
        with pytest.raises(RecordError) as caught:
            Fleet([tmp_path / "run"])
        assert str(caught.value) == f"there is no record in '{tmp_path}/run'"

    def test_another_format(self, tmp_path: Path) -> None:
        path = write(tmp_path / "run", "db1")
        path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
        with pytest.raises(RecordError) as caught:
            Fleet([tmp_path / "run"])
        assert str(caught.value) == (
            f"'{path}' is a record of format 2, and this release reads format 1; "
            "use the release of vmguest.linux that wrote it"
        )


class TestScore:
    @pytest.mark.parametrize(
        ("counts", "percent"),
        [
            ({"compliant": 3, "noncompliant": 1}, 75.0),
            ({"compliant": 1, "unknown": 1}, 50.0),
            ({"compliant": 1, "not_applicable": 7, "waived": 7}, 100.0),
            ({"compliant": 99999, "manual": 1}, 99.9),
            ({"failed": 1}, 0.0),
            ({"not_applicable": 1}, None),
            ({}, None),
        ],
    )
    def test_percent_of_what_counts(self, counts: dict[str, int], percent: float | None) -> None:
        assert score(counts) == percent

    @given(st.dictionaries(st.sampled_from([status.value for status in Status]), st.integers(0, 100000)))
    def test_all_is_all_and_nothing_nothing(self, counts: dict[str, int]) -> None:
        against = sum(number for status, number in counts.items() if status in OPEN or status == "unknown")
        found = score(counts)
        assert (found is None) == (not against and not counts.get("compliant"))
        assert (found == 100) == (bool(counts.get("compliant")) and not against)


class TestSummary:
    def test_what_a_run_comes_to(self, tmp_path: Path) -> None:
        write(tmp_path / "run", "a", findings=[finding("swap_size", "compliant"), finding("x", "manual", "high")])
        write(
            tmp_path / "run",
            "b",
            "2026-11-26T10:00:09Z",
            findings=[finding("swap_size", "failed"), finding("x", "waived")],
        )
        write(tmp_path / "run", "c", state="unreachable")
        tally = Tally()
        for record in Fleet([tmp_path / "run"]):
            tally.add(record)
        summary = tally.summary()
        assert summary.time == "2026-11-26T10:00:09Z"
        assert summary.guests == {"ok": 2, "unreachable": 1}
        assert {status: number for status, number in summary.counts.items() if number} == {
            "compliant": 1, "failed": 1, "manual": 1, "waived": 1
        }  # fmt: skip
        assert summary.open == {"info": 0, "low": 0, "medium": 1, "high": 1, "critical": 0}
        assert summary.score == 33.3
        assert summary.recommendations == {
            "swap_size": {"compliant": 1, "failed": 1},
            "x": {"manual": 1, "waived": 1},
        }

    def test_earlier_ones_are_found_again(self, tmp_path: Path) -> None:
        kept = [keep(tmp_path, str(day), f"2026-11-{day}T10:00:00Z", (str(day),)) for day in (22, 20, 21, 23)]
        assert earlier(tmp_path, "2026-11-23T10:00:00Z") == sorted(kept[:3], key=lambda summary: summary.time)

    def test_shards_are_left_out_where_there_is_a_report_of_all(self, tmp_path: Path) -> None:
        keep(tmp_path, "s1", "2026-11-20T10:00:00Z", ("1",))
        keep(tmp_path, "s2", "2026-11-20T10:00:01Z", ("2",))
        alone = keep(tmp_path, "s3", "2026-11-19T10:00:00Z", ("3",))
        both = keep(tmp_path, "all", "2026-11-20T10:00:01Z", ("1", "2"))
        assert earlier(tmp_path, "2026-11-21") == [alone, both]

    def test_what_is_no_summary_is_passed_over(self, tmp_path: Path) -> None:
        assert earlier(tmp_path / "none", "3000") == []
        for number, text in enumerate(("", "[]", '{"format": 2}', '{"format": 1, "time": "2026"}')):
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "summary.json").write_text(text)
        (tmp_path / "a file").write_text("")
        assert earlier(tmp_path, "3000") == []


def keep(reports: Path, name: str, time: str, runs: tuple[str, ...]) -> Summary:
    """A summary in a run's folder."""
    summary = Summary(time, runs, ("audit",), {"ok": 1}, {"compliant": 1}, {"high": 0}, 100.0, {"x": {"compliant": 1}})
    os.mkdir(reports / name)
    (reports / name / "summary.json").write_text(summary.text())
    return summary
