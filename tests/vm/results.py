# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scenarios measured: a file per case below .build/vm/results, of which `make proof` makes docs/proof.md."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ansible_collections.vmguest.linux.tests.vm.vm import CACHE

FOLDER = CACHE / "results"


@dataclass
class Case:
    """A scenario of one claim: what was looked at, what was found, in the order in which it happened."""

    claim: str
    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0
    passed: bool = False


class Recorder:
    """Takes down what a test finds, says it as it goes, and keeps it if the test passes or not."""

    def __init__(self, claim: str, title: str, folder: Path = FOLDER, say: Callable[[str], None] = print) -> None:
        self.case = Case(claim, title)
        self._folder = folder
        self._say = say
        self._began = time.monotonic()
        say(f"{claim:>9}    0 s  {title}")

    def fact(self, what: str, found: object) -> None:
        """One thing that was looked at, and what it was."""
        self.case.facts.append((what, str(found)))
        self._say(f"{self.case.claim:>9} {time.monotonic() - self._began:4.0f} s  {what}: {found}")

    def close(self, passed: bool) -> None:
        """Keep it."""
        self.case.passed = passed
        self.case.seconds = round(time.monotonic() - self._began, 1)
        self._folder.mkdir(parents=True, exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in f"{self.case.claim}-{self.case.title}")
        (self._folder / f"{name}.json").write_text(json.dumps(asdict(self.case), indent=1), encoding="utf-8")


def load(folder: Path = FOLDER) -> list[Case]:
    """All cases that were kept, by claim and title."""
    cases = []
    for path in folder.glob("*.json"):
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["facts"] = [tuple(fact) for fact in raw["facts"]]
        cases.append(Case(**raw))
    return sorted(cases, key=lambda case: (case.claim, case.title))
