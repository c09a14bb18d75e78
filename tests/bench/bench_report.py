# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report's page costs: to build from the records of a fleet, to open, to filter. `make bench-report` runs it.

usage: bench_report.py [--guests N] [--page FILE]

Times are by the clock, with the processor's time beside them where it can be had: on a busy machine the two are far apart.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.page import write_page
from ansible_collections.vmguest.linux.tests.bench.made_records import write_records
from ansible_collections.vmguest.linux.tests.browser.browser import Browser, chromium

ROUNDS = 5

#: A change of a filter, until the frame after the one that shows it: milliseconds.
_CHANGE = """
const [menu, value, done] = arguments;
const began = performance.now();
if (menu === 'text') {
  const field = document.getElementById('filter-text');
  field.value = value;
  field.dispatchEvent(new Event('input', {bubbles: true}));
} else {
  document.querySelector(`#menu-${menu} input[value="${value}"]`).click();
}
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)));
"""
#: Milliseconds of each of sixty frames while the map is scrolled from top to bottom.
_SCROLL = """
const done = arguments[0];
const map = document.getElementById('map-scroller');
const step = (map.scrollHeight - map.clientHeight) / 60;
const frames = [];
let before = performance.now();
const frame = () => {
  const now = performance.now();
  frames.push(now - before);
  before = now;
  map.scrollTop += step;
  if (frames.length < 60) requestAnimationFrame(frame); else done(frames);
};
requestAnimationFrame(frame);
"""


def build(folder: Path, page: Path) -> dict[str, float]:
    """Build the page of the records in ``folder``, as the report does; run in a process of its own, whose memory is told."""
    began, worked = time.perf_counter(), time.process_time()
    checks = FleetChecks()

    def seen() -> Iterator[Mapping[str, Any]]:
        for record in Fleet([folder]):
            checks.add(record)
            yield record

    with page.open("w", encoding="utf-8") as out:
        write_page(out, seen(), (), (entry for entry in checks.results()))
    return {
        "build seconds": time.perf_counter() - began,
        "build processor seconds": time.process_time() - worked,
        "build MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page MB": page.stat().st_size / 1e6,
    }


def opened(browser: Browser, page: Path) -> float:
    """Seconds from asking for the page until it is drawn and can be used, by the page's own clock."""
    browser.open(page)
    browser.until(lambda: browser.js("return performance.getEntriesByName('ready').length"), "the page is drawn")
    return float(browser.js("return performance.getEntriesByName('ready')[0].startTime")) / 1000


def look(page: Path) -> dict[str, float]:
    """Open the page, filter it and scroll."""
    with chromium() as browser:
        opens = [opened(browser, page) for _round in range(ROUNDS)]
        changes: dict[str, list[float]] = {}
        steps = (
            ("text", "db-"),
            ("text", ""),
            ("status", "noncompliant"),
            ("area", "storage"),
            ("severity", "high"),
            ("group", "web"),
        )
        for _round in range(ROUNDS):
            for menu, value in steps:
                changes.setdefault(menu, []).append(browser.driver.execute_async_script(_CHANGE, menu, value))
            for menu, value in steps[2:]:
                changes[menu].append(browser.driver.execute_async_script(_CHANGE, menu, value))
        frames = browser.driver.execute_async_script(_SCROLL)
        heap = browser.js("return performance.memory.usedJSHeapSize")
    return {
        "open seconds": median(opens),
        **{f"filter {menu} ms": median(times) for menu, times in changes.items()},
        "slowest filter ms": max(max(times) for times in changes.values()),
        "scroll frame ms": median(frames),
        "page's heap MiB": heap / 2**20,
    }


def main(words: Sequence[str]) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="Measure the report's page.")
    parser.add_argument("--guests", type=int, default=int(os.environ.get("GUESTS", "10000")))
    parser.add_argument("--page", type=Path, help="keep the page here")
    parser.add_argument("--build", nargs=2, type=Path, metavar=("RECORDS", "PAGE"), help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.build:
        print(json.dumps(build(*given.build)))
        return 0
    with tempfile.TemporaryDirectory(prefix="vmguest-bench-") as scratch:
        page = given.page or Path(scratch) / "report.html"
        print(f"bench: making {given.guests} records", file=sys.stderr, flush=True)
        write_records(Path(scratch) / "reports", given.guests)
        print("bench: building the page", file=sys.stderr, flush=True)
        child = [
            sys.executable,
            "-m",
            __spec__.name if __spec__ else __name__,
            "--build",
            f"{scratch}/reports",
            str(page),
        ]
        figures = json.loads(subprocess.run(child, check=True, stdout=subprocess.PIPE).stdout)
        print("bench: opening it", file=sys.stderr, flush=True)
        figures.update(look(page))
    print(f"{given.guests} guests; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, value in figures.items():
        print(f"  {name:24} {value:8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
