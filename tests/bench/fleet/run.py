# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a fleet costs its controller: audits of 100, 1,000 and 10,000 simulated guests against a no-op on the same inventory.

usage: run.py [--sizes 100,1000,10000] [--forks N] [--profile N] [--page FILE]

`make bench-fleet` runs it. No guest and no network take part: each guest is a recorded probe behind a connection of the tests, so
that all that is measured is the controller. The processor's seconds are what to compare on a machine that is busy otherwise.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from ansible.release import __version__ as core

from ansible_collections.vmguest.linux.tests.bench.fleet.controller import TOP, Cost, inventory, play
from ansible_collections.vmguest.linux.tests.bench.fleet.page import (
    Conditions,
    Forks,
    Profile,
    Row,
    page,
    profile_table,
    table,
)
from ansible_collections.vmguest.linux.tests.bench.fleet.recordings import record
from ansible_collections.vmguest.linux.tests.bench.fleet.shares import Shares, read, summed

NOTHING = str(TOP / "tests/bench/playbooks/nothing.yml")
AUDIT = "vmguest.linux.audit"
#: Guests that answer late show what forks are for.
FORKS, FORK_GUESTS, FORK_SECONDS = (5, 20, 50), 100, 0.5


def say(text: str) -> None:
    """A line of progress."""
    print(f"bench-fleet: {text}", file=sys.stderr, flush=True)


def audit(inventory_file: Path, scratch: Path, forks: int) -> tuple[Cost, dict[str, int]]:
    """What an audit with its report cost, and the bytes of what it left: by name, records as one."""
    reports = scratch / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    cost = play(AUDIT, inventory_file, scratch, forks, {"vmguest_reports": str(reports)})
    (run,) = [folder for folder in reports.iterdir() if (folder / "hosts").is_dir()]
    sizes = {"records": sum(file.stat().st_size for file in (run / "hosts").iterdir())}
    sizes.update({file.name: file.stat().st_size for file in sorted(run.iterdir()) if file.is_file()})
    return cost, sizes


def measured(guests: int, recordings: Path, scratch: Path, forks: int) -> Row:
    """One size of fleet."""
    file = scratch / "inventory.ini"
    inventory(file, guests, recordings)
    nothing = play(NOTHING, file, scratch, forks)
    say(
        f"{guests} guests: no-op {nothing.seconds:.1f} s, processor {nothing.processor:.1f} s, main {nothing.main:.0f} MiB"
    )
    ours, sizes = audit(file, scratch, forks)
    say(f"{guests} guests: audit {ours.seconds:.1f} s, processor {ours.processor:.1f} s, main {ours.main:.0f} MiB")
    return Row(guests, nothing, ours, sizes)


def with_forks(recordings: Path, scratch: Path) -> list[Forks]:
    """Guests that take half a second to answer, with more and more forks."""
    file = scratch / "slow.ini"
    inventory(file, FORK_GUESTS, recordings, FORK_SECONDS)
    found = []
    for forks in FORKS:
        cost = play(AUDIT, file, scratch, forks, {"vmguest_reports": str(scratch / "forks")})
        say(f"{forks} forks, {FORK_GUESTS} guests that take {FORK_SECONDS} s: {cost.seconds:.1f} s")
        found.append(Forks(forks, cost))
    return found


def profiled(guests: int, recordings: Path, scratch: Path, forks: int) -> Profile:
    """Whose the processor time of a no-op and of an audit is."""
    file = scratch / "profiled.ini"
    inventory(file, guests, recordings)

    def shares(name: str, playbook: str) -> tuple[Cost, Shares]:
        samples = scratch / name
        samples.mkdir()
        cost = play(playbook, file, scratch, forks, {"vmguest_reports": str(scratch / "profiled")}, samples)
        say(f"{guests} guests, profiled: {name}, processor {cost.processor:.1f} s")
        return cost, summed(read(samples))

    return Profile(guests, *shares("no-op", NOTHING), *shares("audit", AUDIT))


def main() -> int:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=os.environ.get("SIZES") or "100,1000,10000")
    parser.add_argument("--forks", type=int, default=int(os.environ.get("FORKS") or 10))
    parser.add_argument(
        "--profile", type=int, default=int(os.environ.get("PROFILE") or 200), help="guests of the run that is profiled"
    )
    parser.add_argument("--page", type=Path, default=TOP / "docs/scale.md", help="where the figures are written")
    options = parser.parse_args()
    conditions = Conditions(core, platform.python_version(), os.cpu_count() or 0, options.forks, os.getloadavg()[0])
    with tempfile.TemporaryDirectory(prefix="vmguest-fleet-") as folder:
        scratch = Path(folder)
        say("recording the answers of guest trees")
        conditions.recordings = record(scratch / "recordings")
        rows = []
        for guests in sorted(int(size) for size in options.sizes.split(",")):
            rows.append(measured(guests, scratch / "recordings", scratch, options.forks))
            # What is measured is kept, however the next one ends.
            options.page.write_text(page(conditions, rows, []), encoding="utf-8")
        forks = with_forks(scratch / "recordings", scratch)
        profile = profiled(options.profile, scratch / "recordings", scratch, options.forks)
    options.page.write_text(page(conditions, rows, forks, profile), encoding="utf-8")
    print(table(rows))
    print(profile_table(profile))
    say(f"written: {options.page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
