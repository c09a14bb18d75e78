# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report's page in a real browser: it opens, filters, drills down, by pointer and by keyboard, by day and by night."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import OPEN
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Tally
from ansible_collections.vmguest.linux.tests.browser.browser import Browser, write_made_page

Record = Mapping[str, Any]
VIEWS = ("map", "guests", "recommendations", "waivers", "reboots", "silent", "checks")
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;</b>"


def told(browser: Browser) -> list[int]:
    """Guests, recommendations and findings as the page counts them."""
    numbers = re.findall(r"([\d,]+)(?: of [\d,]+)? (?:guest|recommendation|finding)", browser.text("#count"))
    return [int(number.replace(",", "")) for number in numbers]


def counted(
    records: list[dict[str, Any]], guest: Callable[[Record], bool], finding: Callable[[Record], bool], all_guests: bool
) -> list[int]:
    """The same, counted here."""
    found = [
        (record["host"], entry["recommendation"])
        for record in records
        if guest(record)
        for entry in record["findings"]
        if finding(entry)
    ]
    guests = sum(map(guest, records)) if all_guests else len({host for host, _name in found})
    return [guests, len({name for _host, name in found}), len(found)]


def everything(_entry: Record) -> bool:
    return True


def _heights(day: Any) -> list[float]:
    """Heights of the bars of a day of jobs."""
    return [
        float(found)
        for found in re.findall(r"v-([\d.]+)", day.find_element("css selector", ".bars").get_attribute("d"))
    ]


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_it_opens_without_a_complaint_and_asks_for_nothing(opened: Browser, records: list[dict[str, Any]]) -> None:
    tally = Tally()
    for record in records:
        tally.add(record)
    assert opened.text("#score") == f"{tally.summary().score:.1f} %"
    assert "profile everything" in opened.text("#about")
    assert f"{tally.summary().guests['ok']} of 300 guests assessed" in opened.text("#about")
    assert "since 17 Nov 2026" in opened.text("#score-change")
    assert "Score of 6 runs" in str(opened.find("#trend svg").get_attribute("aria-label"))
    for severity, place in (("critical", 1), ("high", 2), ("medium", 3), ("low", 4), ("info", 5)):
        assert opened.text(f"#open li:nth-child({place})") == f"{tally.summary().open[severity]} {severity}"


def test_its_policy_runs_no_other_script(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.js(
        "const s = document.createElement('script'); s.textContent = \"document.title = 'owned'\"; document.body.append(s)"
    )
    browser.js(
        "const b = document.createElement('button'); b.setAttribute('onclick', \"document.title = 'owned'\");"
        "document.body.append(b); b.click()"
    )
    browser.js("const i = document.createElement('img'); i.src = 'http://192.0.2.1/x.png'; document.body.append(i)")
    assert browser.js("return document.title") == "Fleet compliance"
    assert sum("Content Security Policy" in line for line in browser.complaints()) >= 3


@pytest.mark.parametrize("number", [0, 1, 3])
def test_small_fleets_open(browser: Browser, records: list[dict[str, Any]], tmp_path: Path, number: int) -> None:
    browser.open(write_made_page(tmp_path / "page.html", records[:number]))
    for view in VIEWS:
        browser.click(f"#tab-{view}")
        assert browser.find(f"#view-{view}").is_displayed()
    assert browser.complaints() == []
    assert "No earlier run" in browser.text("#trend")


def test_a_damaged_file_says_so(browser: Browser, page: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.html"
    text = page.read_text(encoding="utf-8")
    at = text.index('id="index">') + 2000
    damaged.write_text(text[:at] + text[at + 400 :], encoding="utf-8")
    browser.driver.get(damaged.as_uri())
    browser.until(lambda: browser.find("#problem").is_displayed(), "it says what is wrong")
    assert "build the report again" in browser.text("#problem")


# ---- filters ---------------------------------------------------------------------------------------------------------


def test_guests_are_found_by_name_as_one_types(opened: Browser, records: list[dict[str, Any]]) -> None:
    opened.find("#filter-text").send_keys("DB-")
    assert told(opened) == counted(records, lambda record: "db-" in record["host"], everything, True)
    assert opened.find("#count").get_attribute("role") == "status"
    opened.click("#clear")
    assert told(opened) == counted(records, everything, everything, True)


@pytest.mark.parametrize(
    ("choices", "guest", "finding"),
    [
        ({"status": ["noncompliant"]}, everything, lambda entry: entry["status"] == "noncompliant"),
        ({"status": ["manual", "unknown"]}, everything, lambda entry: entry["status"] in ("manual", "unknown")),
        ({"area": ["storage"]}, everything, lambda entry: entry["area"] == "storage"),
        ({"severity": ["high"]}, everything, lambda entry: entry["severity"] == "high"),
        (
            {"group": ["db", "web"], "severity": ["high"]},
            lambda record: {"db", "web"} & set(record["groups"]),
            lambda entry: entry["severity"] == "high",
        ),
        (
            {"group": ["production"], "area": ["memory"], "status": ["noncompliant"]},
            lambda record: "production" in record["groups"],
            lambda entry: (entry["area"], entry["status"]) == ("memory", "noncompliant"),
        ),
    ],
)
def test_filters(
    opened: Browser,
    records: list[dict[str, Any]],
    choices: dict[str, list[str]],
    guest: Callable[[Record], bool],
    finding: Callable[[Record], bool],
) -> None:
    for menu, values in choices.items():
        for value in values:
            opened.choose(menu, value)
    expected = counted(records, lambda record: bool(guest(record)), finding, False)
    assert expected[2] > 0
    assert told(opened) == expected


def test_a_view_can_be_linked(opened: Browser, page: Path, records: list[dict[str, Any]]) -> None:
    opened.choose("status", "noncompliant")
    opened.choose("group", "production")
    opened.click("#tab-guests")
    state = opened.js("return location.hash")
    numbers = told(opened)
    opened.open(page, state)
    assert told(opened) == numbers
    assert opened.find("#view-guests").is_displayed()
    assert [box.get_attribute("value") for box in opened.all("#menus input:checked")] == ["production", "noncompliant"]


def test_an_odd_address_is_no_error(opened: Browser, page: Path) -> None:
    opened.open(page, "#view=nowhere&guest=nobody&status=%3Cb%3E&sort=x&q=%00")
    assert opened.find("#view-map").is_displayed()


def test_a_number_of_the_summary_leads_to_its_findings(opened: Browser, records: list[dict[str, Any]]) -> None:
    opened.click("#open li:nth-child(2) a")
    opened.until(lambda: told(opened)[2] < 5000, "the filter is set")
    assert told(opened) == counted(
        records, everything, lambda entry: entry["severity"] == "high" and entry["status"] in OPEN, False
    )


# ---- drill-down ------------------------------------------------------------------------------------------------------


def open_finding(records: list[dict[str, Any]]) -> tuple[Record, Record]:
    return next(
        (record, entry)
        for record in records
        for entry in record["findings"]
        if entry["status"] == "noncompliant" and entry["owner"]
    )


def panel_has(browser: Browser, text: str) -> bool:
    return browser.find("#panel").is_displayed() and text in browser.text("#panel")


def test_a_finding_shows_all_that_its_record_says(opened: Browser, page: Path, records: list[dict[str, Any]]) -> None:
    record, entry = open_finding(records)
    opened.open(page, f"#guest={record['host']}&rec={entry['recommendation']}")
    opened.until(lambda: opened.find("#panel").is_displayed(), "the panel is open")
    text = opened.text("#panel")
    for name in ("title", "reason", "runtime", "persistent", "desired", "owner", "severity", "status"):
        assert entry[name] is None or entry[name] in text, name
    for step in entry["remedy"]:
        assert step in text
    for source in entry["source"].split("; "):
        assert source in text


def test_a_finding_that_drifted_says_since_when(
    browser: Browser, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    record, entry = open_finding(records)
    was = {"status": "compliant", "runtime": "the value before", "persistent": None, "owner": HOSTILE}
    change = {"run": "r", "time": "2026-11-17T02:30:00Z", "was": was, "found": "noncompliant", "by": None}
    changed = {**record, "history": {"changes": {entry["recommendation"]: change}}}
    state = f"#guest={record['host']}&rec={entry['recommendation']}"
    browser.open(write_made_page(tmp_path / "page.html", [changed]), state)
    browser.until(partial(panel_has, browser, "the value before"), "the panel shows the change")
    for text in ("Last change", "17 Nov 2026", "drift", HOSTILE):
        assert text in browser.text("#panel")
    assert browser.complaints() == []


def test_drift_is_told_with_what_changed_when_and_the_owner_and_our_own_runs_with_their_ids(
    browser: Browser, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    record, entry = open_finding(records)
    record = {**record, "findings": [entry, next(one for one in record["findings"] if one is not entry)]}
    was = {side: entry[side] for side in ("status", "runtime", "persistent", "owner")}
    seen = {"run": record["run"], "time": record["time"]}
    drift = {
        **seen,
        "was": {**was, "status": "compliant", "runtime": "7 then", "owner": HOSTILE},
        "found": "compliant",
        "by": None,
    }
    ours = {
        "run": "0123", "time": "2026-11-16T02:30:00Z", "was": {**was, "status": "failed"}, "found": "failed",
        "by": {"why": "remediate", "run": "0123"},
    }  # fmt: skip
    changes = {name["recommendation"]: change for name, change in zip(record["findings"], (drift, ours), strict=True)}
    previous = {"run": "before", "time": "2026-11-15T02:30:00Z"}
    changed = {**record, "history": {"first": previous, "previous": previous, "changes": changes}, "fleet": {}}
    page = write_made_page(tmp_path / "page.html", [changed])

    browser.open(page, "#view=checks")
    (row,) = browser.all("#view-checks .wide tbody tr")
    for text in (record["host"], entry["recommendation"], "7 then → ", "after 15 Nov 2026, 02:30", f"was {HOSTILE}"):
        assert text in row.text, row.text
    row.find_element("css selector", "td a").click()
    browser.until(partial(panel_has, browser, "nobody who is known: drift"), "the finding is open")

    browser.open(page, f"#guest={record['host']}")
    browser.until(partial(panel_has, browser, "Last changes"), "the guest is open")
    assert "16 Nov 2026, 02:30 UTC, by a remediation by vmguest.linux, run 0123" in browser.text("#panel")
    assert [tag.text for tag in browser.all("#panel .findings .tag")] == ["drift"]
    assert browser.complaints() == []


def test_the_pointer_drills_down_from_the_map(opened: Browser, records: list[dict[str, Any]]) -> None:
    box = opened.js(
        "const map = document.getElementById('map'); map.scrollIntoView({block: 'end'});"
        "const box = map.getBoundingClientRect(); return [box.x, box.y]"
    )
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        opened.cdp("Input.dispatchMouseEvent", type=kind, x=box[0] + 420, y=box[1] + 250, button="left", clickCount=1)
    opened.until(lambda: opened.find("#panel").is_displayed(), "the panel is open")
    assert opened.text("#panel-kind").startswith("Finding on ")
    assert opened.focus() == "panel"
    opened.click("#panel .facts a")
    opened.until(lambda: opened.text("#panel-kind") == "Guest", "the guest is shown")
    host = opened.text("#panel-title")
    (record,) = (record for record in records if record["host"] == host)
    assert record["guest"]["kernel"] in opened.text("#panel")
    opened.driver.back()
    opened.until(lambda: opened.text("#panel-kind").startswith("Finding on "), "back is the finding again")


def test_tables_drill_down_too(opened: Browser) -> None:
    opened.click("#tab-recommendations")
    assert opened.js("return document.querySelectorAll('#view-recommendations tbody tr').length") == told(opened)[1]
    opened.click("#view-recommendations tbody tr:nth-child(2) a")
    opened.until(lambda: opened.find("#panel").is_displayed(), "the panel is open")
    assert opened.text("#panel-kind") == "Recommendation"
    opened.click("#panel-close")
    opened.until(lambda: not opened.find("#panel").is_displayed(), "the panel is closed")
    opened.click("#tab-guests")
    rows = opened.all("#view-guests tbody tr")
    assert len(rows) == 100
    opened.click(".pager button:last-of-type")
    assert opened.text(".pager span") == "101 to 200 of 300"


def test_waivers_reboots_silent_guests_and_checks(opened: Browser, records: list[dict[str, Any]]) -> None:
    silent = [record for record in records if record["state"] != "ok"]
    waiting = {
        record["host"] for record in records for entry in record["findings"] if entry["status"] == "pending_reboot"
    }
    waivers = {
        (entry["recommendation"], *entry["waiver"].values(), entry["status"] == "waived")
        for record in records
        for entry in record["findings"]
        if entry.get("waiver")
    }
    assert silent
    assert waiting
    assert waivers
    for view, number in (("silent", len(silent)), ("reboots", len(waiting)), ("waivers", len(waivers))):
        opened.click(f"#tab-{view}")
        assert opened.text(f"#tab-{view} .number-tag") == str(number)
        assert len(opened.all(f"#view-{view} tbody > tr")) == min(number, 50)
    assert silent[0]["message"] in opened.text("#view-silent")
    assert "expired" in opened.text("#view-waivers")
    opened.click("#tab-checks")
    assert "Every guest has a machine id of its own" in opened.text("#view-checks")
    days = opened.all("#view-checks .job-day")
    assert [day.text.partition(":")[0] for day in days] == [
        "before remediation",
        "after it",
        "now",
        "with all that can be scattered",
    ]
    heights = [max(_heights(day)) for day in days]
    assert heights[0] > heights[1]  # one scale for all
    assert all("1440" not in detail.text for detail in opened.all("#view-checks details"))


# ---- keyboard --------------------------------------------------------------------------------------------------------


def test_all_of_it_by_keyboard(opened: Browser) -> None:
    opened.keys(Keys.TAB)
    assert opened.focus() == "Skip to the findings"
    opened.keys(Keys.ENTER)
    assert opened.focus() == "Findings"
    opened.keys(Keys.TAB, "w", "e", "b")
    assert told(opened)[0] < 60
    opened.keys(Keys.TAB, Keys.ENTER, Keys.TAB, Keys.SPACE)
    assert len(opened.all("#menu-group input:checked")) == 1
    opened.keys(Keys.ESCAPE)
    assert not opened.find("#menu-group fieldset").is_displayed()
    opened.js("document.getElementById('clear').focus()")
    opened.keys(Keys.ENTER)
    assert told(opened)[0] == 300
    opened.js("document.getElementById('tab-map').focus()")
    opened.keys(Keys.ARROW_RIGHT)
    assert opened.find("#view-guests").is_displayed()
    opened.keys(Keys.ARROW_LEFT, Keys.TAB)
    first = opened.focus()
    assert re.fullmatch(r"\S+, [a-z0-9_]+: [a-z ]+, severity [a-z]+", first)
    opened.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    second = opened.focus()
    assert re.fullmatch(r"\S+, [a-z0-9_]+: [a-z ]+, severity [a-z]+", second)
    assert second.split(", ")[0] != first.split(", ")[0]
    opened.keys(Keys.END, Keys.PAGE_DOWN, Keys.PAGE_DOWN)
    far = opened.focus()
    box = opened.js(
        "const cell = document.activeElement.getBoundingClientRect();"
        "const map = document.getElementById('map').getBoundingClientRect();"
        "return [cell.left - map.left, cell.top - map.top, map.right - cell.right, map.bottom - cell.bottom]"
    )
    assert min(box) >= 0, "the focused cell is in sight"
    opened.keys(Keys.ENTER)
    opened.until(lambda: opened.find("#panel").is_displayed(), "the panel is open")
    assert opened.text("#panel-kind") == f"Finding on {far.split(', ')[0]}"
    opened.keys(Keys.ESCAPE)
    opened.until(lambda: not opened.find("#panel").is_displayed(), "the panel is closed")
    assert opened.focus() == far, "the focus is where it was"


def test_the_focus_can_be_seen(opened: Browser) -> None:
    looks = "const s = getComputedStyle(document.activeElement); return s.outlineStyle + ' ' + s.outlineWidth + ' ' + s.boxShadow"
    opened.js("document.getElementById('tab-map').focus()")
    opened.keys(Keys.TAB)
    assert "0px 0px 0px 4px" in opened.js(looks)
    opened.driver.switch_to.active_element.send_keys(Keys.SHIFT, Keys.TAB)
    assert opened.js(looks).startswith("solid 2px")


# ---- looks -----------------------------------------------------------------------------------------------------------


def test_light_and_dark_as_the_system_has_it_and_as_chosen(opened: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = opened.js(ground)
    opened.scheme("dark")
    opened.until(lambda: opened.js(ground) != light, "it goes dark with the system")
    opened.js("document.querySelector('#themes input[value=light]').click()")
    assert opened.js(ground) == light
    opened.driver.refresh()
    opened.until(lambda: opened.js("return document.documentElement.dataset.ready"), "the page is ready")
    assert opened.js(ground) == light, "the choice is remembered"
    opened.driver.get_log("performance")
    opened.js("localStorage.clear()")
    opened.open(Path(opened.js("return location.pathname")))


def test_it_fits_every_window(opened: Browser) -> None:
    for width in (360, 800, 2560):
        opened.size(width, 900)
        for view in VIEWS:
            opened.js("document.getElementById(`tab-${arguments[0]}`).click()", view)
            assert opened.js("return document.documentElement.scrollWidth") <= width, (view, width)


def test_print_is_summary_and_lists_without_the_map(opened: Browser) -> None:
    pdf = base64.b64decode(opened.cdp("Page.printToPDF", printBackground=True)["data"])
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    assert 2 <= pages <= 14
    opened.scheme("light", "print")
    try:
        for selector in ("#view-map", "#filters", "#tabs", "#view-guests"):
            assert not opened.find(selector).is_displayed(), selector
        for selector in (
            "#score",
            "#trend svg",
            "#first",
            "#view-waivers",
            "#view-reboots",
            "#view-silent",
            "#view-checks",
        ):
            assert opened.find(selector).is_displayed(), selector
    finally:
        opened.scheme("light")


# ---- hostile texts ---------------------------------------------------------------------------------------------------


def test_what_a_guest_says_is_shown_and_never_obeyed(
    browser: Browser, records: list[dict[str, Any]], tmp_path: Path
) -> None:
    def hostile(entry: Record) -> dict[str, Any]:
        own = dict.fromkeys(("reason", "runtime", "persistent", "desired", "owner", "title", "source", "role"), HOSTILE)
        return {**entry, **own, "remedy": [HOSTILE], "waiver": {"reason": HOSTILE, "expires": HOSTILE}}

    guest = dict.fromkeys(("distribution", "kernel", "vendor", "uuid"), HOSTILE)
    one = {
        **records[0],
        "host": HOSTILE,
        "groups": [HOSTILE],
        "profile": HOSTILE,
        "action": HOSTILE,
        "guest": guest,
        "message": HOSTILE,
    }
    two = {**one, "host": "__proto__", "state": HOSTILE, "findings": []}
    three = {**one, "host": "constructor", "state": "unreachable", "findings": []}
    entries = [hostile(entry) for entry in records[0]["findings"]]
    entries[0] = {
        **entries[0],
        "recommendation": HOSTILE,
        "status": "pending_reboot",
        "area": HOSTILE,
        "severity": "high",
    }
    page = write_made_page(tmp_path / "hostile.html", [{**one, "findings": entries}, two, three])
    browser.open(page)
    for view in VIEWS:
        browser.click(f"#tab-{view}")
        if view in ("guests", "silent", "waivers", "reboots"):
            assert HOSTILE in browser.text(f"#view-{view}"), view
    for guest_name, name in ((HOSTILE, ""), (HOSTILE, HOSTILE), ("", HOSTILE), ("constructor", "")):
        state = {"guest": guest_name, "rec": name}
        browser.js("location.hash = '#' + new URLSearchParams(arguments[0])", state)
        browser.until(partial(panel_has, browser, guest_name or name), f"the panel shows {state}")
    browser.choose("group", HOSTILE.replace("\\", "\\\\").replace('"', '\\"'))
    assert told(browser)[0] == 3
    assert browser.all("img, b") == []
    assert browser.js("return document.title") == "Fleet compliance"
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
