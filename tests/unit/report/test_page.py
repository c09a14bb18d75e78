# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page as a file: what is in it, what cannot be, and that it is the same for the same records. tests/browser opens it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary, Tally
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.page import (
    ASSETS,
    CHUNK,
    LETTERS,
    SCRIPTS,
    write_page,
)

HOSTILE = "</script><img src=x onerror=alert(1)>\u2028<!-- \ud800 \x00 &amp; ${x}"


def finding(recommendation: str = "swappiness", status: str = "compliant", **more: Any) -> dict[str, Any]:
    return {
        "recommendation": recommendation,
        "role": "swappiness",
        "area": "memory",
        "title": "Swap late",
        "severity": "medium",
        "source": "KB 1",
        "mode": "audit",
        "status": status,
        "reason": "it is so.",
        "runtime": "1",
        "persistent": "1",
        "desired": "1",
        "owner": "/etc/sysctl.conf",
        "reboot": False,
        "waiver": None,
        "remedy": [],
        **more,
    }


def record(host: str = "web1", *findings: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {
        "format": 1,
        "run": "r1",
        "time": "2026-11-24T02:30:00Z",
        "host": host,
        "action": "audit",
        "check": False,
        "state": "ok",
    }
    return {**base, "message": None, "profile": "baseline", "groups": ["web"], "findings": list(findings), **more}


def written(*records: dict[str, Any], **more: Any) -> str:
    out = io.StringIO()
    write_page(out, records, **more)
    return out.getvalue()


def block(page: str, name: str) -> bytes:
    (packed,) = re.findall(rf'<script type="text/plain" id="{name}">([A-Za-z0-9+/=]*)</script>', page)
    return gzip.decompress(base64.b64decode(packed))


def index(page: str) -> dict[str, Any]:
    return json.loads(block(page, "index"))  # type: ignore[no-any-return]


def test_the_same_records_write_the_same_page() -> None:
    records = [record(f"web{number}", finding(status="noncompliant")) for number in range(5)]
    assert written(*records) == written(*records)


def test_what_comes_from_a_guest_is_never_in_the_markup() -> None:
    hostile = finding(
        "swappiness",
        "manual",
        reason=HOSTILE,
        runtime=HOSTILE,
        owner=HOSTILE,
        remedy=[HOSTILE],
        title=HOSTILE,
        source=HOSTILE,
    )
    page = written(record(HOSTILE, hostile, groups=[HOSTILE], message=HOSTILE, state=HOSTILE, profile=HOSTILE))
    assert "onerror" not in page
    page.encode("utf-8")
    assert index(page)["hosts"] == [HOSTILE]
    chunk = json.loads(block(page, "details-0"))
    assert dict(zip(chunk["fields"], chunk["details"][0], strict=True))["reason"] == HOSTILE


def test_a_hostile_title_is_text() -> None:
    page = written(record(), title="<b>&</b><!-- script -->")
    assert "<b>" not in page
    assert page.count("&lt;b&gt;&amp;&lt;/b&gt;&lt;!-- script --&gt;") == 2


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_it_loads_nothing_and_runs_nothing_but_its_own_script() -> None:
    page = written(record("web1", finding()))
    tags = _Tags()
    tags.feed(page)
    for tag, attributes in tags.found:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base"), tag
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcset")], (
            tag,
            attributes,
        )
        assert str(attributes.get("href", "#")).startswith("#")
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in tags.found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for directive, pattern in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", r"<style>(.*?)</style>"),
    ):
        (text,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy


def test_the_scripts_set_texts_only() -> None:
    for path in ASSETS.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc", text
        ), path.name
    assert sorted(path.name for path in ASSETS.glob("*.js")) == sorted(SCRIPTS)


def test_a_row_for_each_guest_and_a_column_for_each_recommendation() -> None:
    page = written(
        record("a", finding("swappiness", "noncompliant")),
        record("b", state="unreachable", message="no route"),
        record("c", finding("io_scheduler", "waived", area="storage"), finding("swappiness", "a status of tomorrow")),
    )
    found = index(page)
    assert [entry["id"] for entry in found["recommendations"]] == ["swappiness", "io_scheduler"]
    assert block(page, "matrix") == b"N " + b"  " + b"UW"
    assert found["order"] == [1, 0], "storage comes before memory"
    assert found["states"] == ["ok", "unreachable", "ok"]
    assert found["messages"] == {"1": "no route"}


def test_every_status_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == set(Status)
    assert len(set(LETTERS.values())) == len(LETTERS)


def test_details_come_in_chunks_and_equal_ones_are_kept_once() -> None:
    page = written(*(record(f"web{number:04}", finding(reason=f"reason {number % 2}")) for number in range(CHUNK + 1)))
    first, second = (json.loads(block(page, f"details-{number}")) for number in (0, 1))
    assert [len(chunk["guests"]) for chunk in (first, second)] == [CHUNK, 1]
    assert len(first["details"]) == 2
    assert first["details"][first["guests"][5]["row"][0]][0] == "reason 1"


def test_a_finding_has_its_last_change() -> None:
    was = {"status": "compliant", "runtime": "1", "persistent": None, "owner": "/etc/sysctl.conf"}
    changes = {
        "swappiness": {"run": "r0", "time": "2026-11-17T02:30:00Z", "was": was, "found": "noncompliant", "by": None},
        "gone": {"run": "r0", "time": "t", "was": was, "by": {"why": "remediate", "run": "r0"}},
        "odd": "no change",
    }
    page = written(
        record("a", finding(status="noncompliant"), history={"changes": changes}), record("b", finding(), history=1)
    )
    guests = json.loads(block(page, "details-0"))["guests"]
    assert guests[0]["changes"] == {
        "0": ["2026-11-17T02:30:00Z", None, None, "compliant", "1", None, "/etc/sysctl.conf"]
    }
    assert guests[1]["changes"] == {}


def test_waivers_are_gathered_with_their_last_day() -> None:
    waiver = {"reason": "OPS-1", "expires": "2027-01-31"}
    page = written(
        record("a", finding(status="waived", waiver=waiver)),
        record("b", finding(status="waived", waiver=waiver)),
        record("c", finding(status="noncompliant", waiver={"reason": "old", "expires": "2026-01-31"})),
    )
    assert index(page)["waivers"] == [
        ["swappiness", "old", "2026-01-31", False, [2]],
        ["swappiness", "OPS-1", "2027-01-31", True, [0, 1]],
    ]


def test_totals_are_those_of_all_other_reports() -> None:
    records = [
        record("a", finding(), finding("x", "noncompliant")),
        record("b", finding("x", "unknown"), finding("y", "waived")),
    ]
    tally = Tally()
    for entry in records:
        tally.add(entry)
    found = index(written(*records))
    assert (found["score"], found["counts"]) == (tally.summary().score, tally.summary().counts)
    assert found["score"] == 33.3


def test_checks_may_wait_for_the_last_record() -> None:
    seen: list[str] = []

    def fleet() -> Iterator[dict[str, Any]]:
        for name in ("a", "b"):
            seen.append(name)
            yield record(name, finding())

    def checks() -> Iterator[FleetFinding]:
        yield FleetFinding("fleet_mac", "t", Severity.HIGH, Status.MANUAL, f"{len(seen)} guests", "s", ("a",), {"n": 1})

    out = io.StringIO()
    write_page(out, fleet(), checks=checks())
    assert index(out.getvalue())["checks"][0]["reason"] == "2 guests"


def test_earlier_runs_are_the_trend() -> None:
    earlier = Summary(
        "2026-11-17T02:30:00Z", ("r0",), ("audit",), {"ok": 2}, {"compliant": 1}, {"high": 3, "low": 1}, 50.0, {}
    )
    assert index(written(record(), trend=[earlier]))["trend"] == [
        {"time": "2026-11-17T02:30:00Z", "score": 50.0, "guests": 2, "open": 4}
    ]


@pytest.mark.parametrize(
    "odd", [{"runtime": ["a", 1]}, {"remedy": None}, {"waiver": None, "owner": {"a": 1}}, {"role": None}]
)
def test_a_record_that_somebody_edited_does_not_stop_the_report(odd: dict[str, Any]) -> None:
    assert index(written(record("a", finding(**odd))))["hosts"] == ["a"]


def test_a_fleet_of_nobody_is_a_page() -> None:
    page = written()
    assert index(page)["score"] is None
    assert unescape(page).count("<h1>Fleet compliance</h1>") == 1
