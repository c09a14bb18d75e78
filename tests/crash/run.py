# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make crashtest``: the whole campaign, or a seeded sample of it. Ends with 1 where a guest did not survive, or where a bug
that was put in was not found."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from ansible_collections.vmguest.linux.tests.crash import page
from ansible_collections.vmguest.linux.tests.crash.bugs import BUGS
from ansible_collections.vmguest.linux.tests.crash.campaign import (
    BATCH,
    CampaignError,
    Kit,
    Recording,
    Tally,
    cut_power,
    cut_recovery,
    fail_writes,
    fill_up,
    interrupt_shell,
    kill_machine,
    progress,
    record,
    states_of,
)
from ansible_collections.vmguest.linux.tests.crash.disk import LAYOUTS, Layout
from ansible_collections.vmguest.linux.tests.crash.machine import Machine, MachineError, prepare

TOP = Path(__file__).resolve().parent.parent.parent
CACHE = TOP / ".build" / "crash"
#: States of a whole campaign at power cuts, all file systems together.
WHOLE = 480
#: Where an injected bug is looked for: nothing that the file system does by itself hides it here.
BUG_LAYOUT = LAYOUTS[3]
#: States at most in which an injected bug must show.
BUG_STATES = 3 * BATCH


def power_cuts(kit: Kit, recording: Recording, number: int, tallies: list[Tally]) -> None:
    """States of one recording, and of the recovery from one of them."""
    where, random = f"{recording.layout.name} ({recording.shell})", Random(f"{kit.seed} {recording.layout.name}")
    tally = Tally("power cut, from the write log", where)
    tallies.append(tally)
    states = states_of(recording, number, random)
    cut_power(kit, recording, states, tally)
    within = [state for state in states if state.phase == "apply" or state.phase.startswith("revert ")]
    if within:
        again = cut_recovery(kit, recording, random.choice(within[len(within) // 4 :]))
        tally = Tally("power cut again, during the recovery", where)
        tallies.append(tally)
        cut_power(kit, again, states_of(again, max(2, number // 6), random), tally)


def other_interruptions(kit: Kit, recording: Recording, number: int, tallies: list[Tally]) -> None:
    """All but power cuts; ``number`` of each kind."""
    random = Random(f"{kit.seed} others {recording.layout.name}")
    where = recording.layout.name

    def one(interruption: str, does: Callable[[Kit, Recording, int, Random, Tally], None], times: int) -> None:
        tally = Tally(interruption, where)
        tallies.append(tally)
        does(kit, recording, times, random, tally)
        progress(tally)

    one("machine killed", kill_machine, max(2, number // 3))
    one("no room in /boot", fill_up, number)
    one("writes fail (EIO)", fail_writes, max(2, number // 3))
    three = [Tally(name, where) for name in ("shell killed", "shell and its commands killed", "connection lost")]
    tallies.extend(three)
    interrupt_shell(kit, recording, 3 * max(2, number // 2), random, three)
    for tally in three:
        progress(tally)


def find_bugs(kit: Kit, tallies: list[Tally]) -> list[str]:
    """Each injected bug must make states fail; the names of those that do not."""
    missed = []
    for name, extra in BUGS.items():
        tally = Tally(f"bug put in: {name}", BUG_LAYOUT.name)
        tallies.append(tally)
        recording = record(kit, BUG_LAYOUT, "busybox", extra)
        states = [
            state
            for state in states_of(recording, 3 * BUG_STATES, Random(f"{kit.seed} {name}"))
            if state.phase == "apply"
        ]
        Random(f"{kit.seed}").shuffle(states)
        for begin in range(0, min(len(states), BUG_STATES), BATCH):
            cut_power(kit, recording, states[begin : begin + BATCH], tally)
            if tally.failures:
                break
        else:
            missed.append(name)
    return missed


def campaign(
    kit: Kit, number: int, layouts: Sequence[tuple[Layout, str]]
) -> tuple[list[Tally], list[Tally], list[str]]:
    """All interruptions: what became of them, what became of the bugs, and which bugs were missed."""
    tallies: list[Tally] = []
    for layout, shell in layouts:
        print(f"{layout.name}, {shell}: recording", flush=True)
        recording = record(kit, layout, shell)
        power_cuts(kit, recording, number // len(layouts), tallies)
        # The larger half of these needs no more than one file system of each kind; both kinds with a /boot of its own.
        if layout.separate_boot and shell == "busybox":
            other_interruptions(kit, recording, max(4, number // 40), tallies)
    print("bugs put in", flush=True)
    bugs: list[Tally] = []
    missed = find_bugs(kit, bugs)
    return tallies, bugs, missed


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help=f"so many states at power cuts instead of {WHOLE}")
    parser.add_argument("--seed", type=int, default=1, help="which states")
    parser.add_argument("--page", type=Path, help="write the results to this file")
    options = parser.parse_args()
    layouts = [(layout, "busybox") for layout in LAYOUTS]
    if not options.sample:
        # GNU's tools and other shells as well; they take longer under emulation.
        layouts += [(LAYOUTS[1], "gnu"), (LAYOUTS[2], "bash")]
    began = time.monotonic()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    try:
        kernel, initramfs = prepare(CACHE)
        with tempfile.TemporaryDirectory(prefix="vmguest-crash-", dir=memory) as work:
            kit = Kit(Machine(kernel, initramfs), Path(work), CACHE, options.seed)
            tallies, bugs, missed = campaign(kit, options.sample or WHOLE, layouts)
    except (MachineError, CampaignError) as error:
        print(f"crashtest: {error}", file=sys.stderr)
        return 1
    minutes = (time.monotonic() - began) / 60
    print("\n" + page.table(tallies) + "\n\n" + page.table(bugs))
    failures = [f"{tally.interruption}, {tally.where}: {line}" for tally in tallies for line in tally.failures]
    for line in failures:
        print(line, file=sys.stderr)
    for name in missed:
        print(f"the campaign did not find the bug that was put in: {name}", file=sys.stderr)
    states = sum(tally.states for tally in tallies)
    print(
        f"\n{states} states in {minutes:.0f} minutes (seed {options.seed}): {len(failures)} failures, {len(missed)} bugs missed"
    )
    if options.page:
        options.page.write_text(page.page(tallies, bugs, minutes, options.seed), encoding="utf-8")
    return 1 if failures or missed or not states else 0


if __name__ == "__main__":
    sys.exit(main())
