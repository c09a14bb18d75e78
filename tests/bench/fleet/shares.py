# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose the processor time of a run was: the sampler's stacks, summed by who wrote the code. Pure but for :func:`read`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

OURS, CORE, GUEST, LIBRARY = "vmguest.linux", "ansible-core", "the simulated guest", "Python and libraries"
#: Of a process, what came after its last sample: a sample without a stack.
UNSEEN = "not seen"
PROCESSES = ("main", "fork")
#: By what is in a file's path, the first that fits.
_PACKAGES = (
    ("/vmguest/linux/plugins/", OURS),
    ("/vmguest/linux/tests/bench/fleet/", GUEST),
    ("/tests/bench/fleet/connection/", GUEST),
    ("/site-packages/ansible/", CORE),
)


@dataclass(frozen=True)
class Sample:
    """Seconds of processor in a kind of process, and the stack: files and functions, the innermost first; or none."""

    process: str
    seconds: float
    stack: Sequence[tuple[str, str]]


@dataclass
class Share:
    """Seconds of one owner in one kind of process: in its own code, and in Python and libraries that it called."""

    own: float = 0.0
    libraries: float = 0.0

    @property
    def seconds(self) -> float:
        """Both."""
        return self.own + self.libraries


@dataclass
class Shares:
    """A run's processor time by process and owner.

    ``below_ours``: seconds by process with code of ours anywhere in the stack: ours, and whatever it had others do.
    ``places``: seconds by owner and its file, from the package on.
    """

    owners: dict[tuple[str, str], Share] = field(default_factory=dict)
    below_ours: dict[str, float] = field(default_factory=dict)
    places: dict[tuple[str, str], float] = field(default_factory=dict)

    def of(self, process: str, owner: str) -> Share:
        """An owner's share; an empty one where there was nothing."""
        return self.owners.get((process, owner), Share())

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(share.seconds for share in self.owners.values())


def package(file: str) -> tuple[str, str]:
    """Who wrote a file, and its path from their package on."""
    for mark, owner in _PACKAGES:
        _before, found, path = file.rpartition(mark)
        if found:
            return owner, path
    return LIBRARY, file


def summed(samples: Iterable[Sample]) -> Shares:
    """Each sample counts for the innermost code that is no library's: a library works for whoever called it."""
    shares = Shares()
    for sample in samples:
        packages = [package(file) for file, _function in sample.stack]
        nobody = (LIBRARY if packages else UNSEEN, "")
        owner, place = next(((owner, path) for owner, path in packages if owner != LIBRARY), nobody)
        share = shares.owners.setdefault((sample.process, owner), Share())
        if packages and packages[0][0] == owner:
            share.own += sample.seconds
        else:
            share.libraries += sample.seconds
        shares.places[owner, place] = shares.places.get((owner, place), 0.0) + sample.seconds
        if any(whose == OURS for whose, _path in packages):
            shares.below_ours[sample.process] = shares.below_ours.get(sample.process, 0.0) + sample.seconds
    return shares


def read(folder: Path) -> list[Sample]:
    """What the sampler's processes left in a folder."""
    return [
        Sample(file.name.partition("-")[0], seconds, [tuple(frame) for frame in stack])
        for file in sorted(folder.glob("*.json"))
        for seconds, stack in json.loads(file.read_text(encoding="utf-8"))
    ]
