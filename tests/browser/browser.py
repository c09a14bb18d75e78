# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A headless Chromium that opens report pages, and made pages for it to open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks, FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Summary, Tally
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.page import write_page
from ansible_collections.vmguest.linux.tests.bench.made_records import made_records

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-prefers-reduced-motion",
)  # fmt: skip
#: Seconds that anything on a page may take in a test: a machine may be busy. How long it takes is the bench's to measure.
PATIENCE = 40


@contextmanager
def chromium(width: int = 1440, height: int = 1000) -> Iterator[Browser]:
    """A browser with an empty profile of its own."""
    with TemporaryDirectory(prefix="vmguest-browser-") as profile:
        options = Options()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # Selenium would else look for a driver on the network.
        os.environ["SE_OFFLINE"] = "true"
        driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        try:
            browser = Browser(driver)
            browser.size(width, height)
            yield browser
        finally:
            driver.quit()


class Browser:
    """What tests, bench and screenshots do with a page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def size(self, width: int, height: int) -> None:
        """The window's inner size, in CSS pixels."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def cdp(self, command: str, **words: Any) -> dict[str, Any]:
        """A command of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(command, words)

    def scheme(self, name: str, media: str = "") -> None:
        """Emulate ``prefers-color-scheme``, and a medium such as print."""
        self.cdp("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, path: Path, state: str = "") -> float:
        """Open a page and wait until it can be used; seconds that took."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        began = time.perf_counter()
        self.driver.get(path.as_uri() + state)
        self.until(lambda: self.js("return document.documentElement.dataset.ready === 'yes'"), "the page is ready")
        return time.perf_counter() - began

    def js(self, script: str, *words: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *words)

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """Wait until something is true.

        :raises AssertionError: when it takes too long.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = true()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"{PATIENCE} seconds, and not yet: {what}; the console says {self.complaints()}")

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """All elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """The text of an element, also where it is hidden."""
        return str(self.find(selector).get_attribute("textContent"))

    def click(self, selector: str) -> None:
        """Click an element."""
        element = self.find(selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def focus(self) -> str:
        """The focused element: its id, its label or its text."""
        return str(
            self.js("const e = document.activeElement; return e.getAttribute('aria-label') || e.id || e.textContent")
        )

    def choose(self, menu: str, value: str) -> None:
        """Tick or untick a filter."""
        self.js("arguments[0].click()", self.find(f'#menu-{menu} input[value="{value}"]'))

    def complaints(self) -> list[str]:
        """What the console has, errors and violations of the policy among it."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


def made_trend(trees: list[dict[str, Any]], runs: int = 5, guests: int = 120) -> list[Summary]:
    """Summaries of earlier runs, oldest first."""
    trend = []
    for age in range(runs, 0, -1):
        tally = Tally()
        for record in made_records(guests, age=age, trees=trees):
            tally.add(record)
        trend.append(tally.summary())
    return trend


def write_made_page(
    path: Path, records: Iterable[Mapping[str, Any]], trend: Iterable[Summary] = (), more: Iterable[FleetFinding] = ()
) -> Path:
    """A page with the fleet-wide checks of its records, and ``more`` of them."""
    checks = FleetChecks()

    def seen() -> Iterator[Mapping[str, Any]]:
        for record in records:
            checks.add(record)
            yield record

    def found() -> Iterator[FleetFinding]:
        yield from checks.results()
        yield from more

    with path.open("w", encoding="utf-8") as out:
        write_page(out, seen(), trend, found())
    return path
