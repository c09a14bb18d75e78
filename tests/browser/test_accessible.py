# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page for those who do not see it, or not well: names and roles as Chromium gives them to a screen reader, and contrast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from ansible_collections.vmguest.linux.tests.browser.browser import Browser
from ansible_collections.vmguest.linux.tests.browser.test_page import VIEWS, open_finding, told

HERE = Path(__file__).resolve().parent
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
STRUCTURE = (HERE / "structure.js").read_text(encoding="utf-8")
#: What must have a name of its own.
NAMED = frozenset(
    [
        "button",
        "link",
        "textbox",
        "searchbox",
        "checkbox",
        "radio",
        "combobox",
        "tab",
        "tabpanel",
        "gridcell",
        "grid",
        "dialog",
        "table",
        "image",
        "region",
    ]
)


def accessible(browser: Browser) -> list[tuple[str, str]]:
    """Role and name of all that assistive technology is given."""

    def text(node: dict[str, Any], part: str) -> str:
        return str(node.get(part, {}).get("value", "")).strip()

    nodes = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    return [(text(node, "role"), text(node, "name")) for node in nodes if not node.get("ignored")]


@pytest.fixture
def drilled(opened: Browser, page: Path, records: list[dict[str, Any]]) -> Browser:
    """The page with a finding beside it."""
    record, entry = open_finding(records)
    opened.open(page, f"#guest={record['host']}&rec={entry['recommendation']}")
    opened.until(lambda: opened.find("#panel").is_displayed(), "the panel is open")
    return opened


def turn_to(browser: Browser, view: str) -> None:
    browser.js("document.getElementById(`tab-${arguments[0]}`).click()", view)


def test_all_that_can_be_used_has_a_name_and_a_role(drilled: Browser) -> None:
    for view in VIEWS:
        turn_to(drilled, view)
        nodes = accessible(drilled)
        assert [role for role, name in nodes if role in NAMED and not name] == [], view
        roles = {role for role, _name in nodes}
        assert {"main", "banner", "search", "tablist", "tabpanel", "dialog", "status", "heading"} <= roles, view
        assert ("grid" in roles) is (view == "map")
        assert drilled.js(STRUCTURE) == [], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(drilled: Browser, scheme: str) -> None:
    drilled.scheme(scheme)
    drilled.until(lambda: drilled.js("return document.documentElement.dataset.theme") == scheme, f"it is {scheme}")
    for view in VIEWS:
        turn_to(drilled, view)
        assert drilled.js(CONTRAST) == [], view
    drilled.js("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    assert drilled.js(CONTRAST) == []


def test_no_two_statuses_look_the_same_without_colours(opened: Browser) -> None:
    swatches = opened.js("return [...document.querySelectorAll('.legend .swatch')].map((e) => e.textContent)")
    assert len(set(swatches)) == len(swatches) == 9


def test_the_grid_tells_where_one_is(opened: Browser) -> None:
    grid = opened.find("#map-grid")
    counts = [int(str(grid.get_attribute(name))) for name in ("aria-rowcount", "aria-colcount")]
    assert counts == told(opened)[:2]
    opened.js("document.querySelector('#map-grid [tabindex=\"0\"]').focus()")
    opened.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    place = "const cell = document.activeElement; return [cell.parentElement.ariaRowIndex, cell.ariaColIndex]"
    assert opened.js(place) == ["3", "2"]
    cells = [name for role, name in accessible(opened) if role == "gridcell"]
    assert cells == [opened.focus()], "one cell, with a name, and it has the focus"
