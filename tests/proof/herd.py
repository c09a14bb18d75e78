# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The herd: how many jobs of a fleet fire in the same minute of a night, counted from the guests' own evidence.

What counts is what a guest's cron and systemd would do (``evidence/starts.py``): jobs of crontabs at each of their minutes,
timers at their calendars, where a random delay spreads a job over its length.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import DAY, starts_of
from ansible_collections.vmguest.linux.tests.unit import guest_tree

DMI = "/sys/devices/virtual/dmi/id"
ROLE = {"vmguest_only": ["cron_scatter", "timer_scatter"]}


@dataclass(frozen=True)
class Herd:
    """The busiest minute of the day (0 to 1439), and how many jobs are expected to begin in it."""

    minute: int
    jobs: float
    total: int

    @property
    def clock(self) -> str:
        """The minute as on a clock."""
        return f"{self.minute // 60:02}:{self.minute % 60:02}"


def starts(evidence: Evidence) -> list[dict[int, Fraction]]:
    """For each job of a guest: minute of the day to how many starts are to be expected in it."""
    found = []
    for job in starts_of(evidence):
        expected: dict[int, Fraction] = {}
        for start in job:
            for minute in start.minutes:
                for later in range(start.spread):
                    at = (minute + later) % DAY
                    expected[at] = expected.get(at, Fraction(0)) + Fraction(1, start.spread)
        found.append(expected)
    return found


def herd(guests: Iterable[Evidence]) -> Herd:
    """The busiest minute of a fleet; the earliest of several."""
    counted: Counter[int] = Counter()
    total = 0
    for evidence in guests:
        for job in starts(evidence):
            total += 1
            for minute, expected in job.items():
                counted[minute] += expected  # type: ignore[assignment]  # fractions add up as numbers do
    minute, jobs = min(counted.items(), key=lambda entry: (-entry[1], entry[0]), default=(0, 0))
    return Herd(minute, float(jobs), total)


def fleet(size: int, folder: Path) -> list[guest_tree.Tree]:
    """``size`` guests of all families: evenly from the guest trees in the order of their names, over and over where there are
    fewer, every one a VM with a UUID of its own."""
    names = [name for name in guest_tree.names() if name not in ("container", "not_vmware")]
    trees = []
    for number in range(size):
        guest = guest_tree.load(names[number * len(names) // size if size < len(names) else number % len(names)])
        directory = folder / f"{number:02}-{guest.name}"
        directory.mkdir()
        uuid = f"564d{number:04x}-3c4d-5e6f-7081-92a3b4c5d6e7"
        identity = {
            "files": {f"{DMI}/product_uuid": uuid, f"{DMI}/product_serial": serial_of(uuid)},
            "commands": {"dmidecode": {"-s system-uuid": uuid, "-s system-serial-number": serial_of(uuid)}},
        }
        known = {
            kind: {name: value for name, value in new.items() if name in guest.data.get(kind, {})}
            for kind, new in identity.items()
        }
        trees.append(guest_tree.materialise(guest.edited(known), directory))
    return trees


def serial_of(uuid: str) -> str:
    """VMware's serial number of a UUID: ``VMware-56 4d … -70 81 …``."""
    digits = uuid.replace("-", "")
    pairs = [digits[at : at + 2] for at in range(0, 32, 2)]
    return f"VMware-{' '.join(pairs[:8])}-{' '.join(pairs[8:])}"


def measure(size: int = 24) -> tuple[Herd, Herd, Sequence[str]]:
    """The herd of ``size`` guest trees before and after cron_scatter, and their names."""
    with tempfile.TemporaryDirectory() as folder:
        trees = fleet(size, Path(folder))
        before = herd(guest_tree.probe(tree) for tree in trees)
        for tree in trees:
            outcome = guest_tree.apply(tree, ROLE)
            if outcome.problems:
                raise RuntimeError(f"{tree.guest}: {outcome.problems}")
            guest_tree.reboot(tree)
        after = herd(guest_tree.probe(tree) for tree in trees)
        return before, after, [tree.guest.name for tree in trees]
