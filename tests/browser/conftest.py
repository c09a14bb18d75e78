# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One browser for all tests, and the pages that several of them open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.bench.made_records import FEW, found_on_trees, made_records
from ansible_collections.vmguest.linux.tests.browser.browser import Browser, chromium, made_trend, write_made_page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def trees() -> list[dict[str, Any]]:
    return found_on_trees(FEW, 1)


@pytest.fixture(scope="session")
def records(trees: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(made_records(300, trees=trees))


@pytest.fixture(scope="session")
def page(records: list[dict[str, Any]], trees: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred made guests."""
    return write_made_page(tmp_path_factory.mktemp("page") / "report.html", records, made_trend(trees))


@pytest.fixture
def opened(browser: Browser, page: Path) -> Iterator[Browser]:
    """The page as somebody finds it, in a wide window by day; nothing may complain while a test is at it."""
    browser.size(1440, 1000)
    browser.scheme("light")
    browser.open(page)
    browser.js("localStorage.clear()")
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
