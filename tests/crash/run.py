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
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    boot,
    boot_states,
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
from ansible_collections.vmguest.linux.tests.crash.disk import LAYOUTS, OWN_BOOT, Layout
from ansible_collections.vmguest.linux.tests.crash.machine import Machine, MachineError, prepare
from ansible_collections.vmguest.linux.tests.crash.states import State

TOP = Path(__file__).resolve().parent.parent.parent
CACHE = TOP / ".build" / "crash"
#: States of a whole campaign at power cuts, all file systems together.
WHOLE = 270
#: Machines that run at the same time.
MACHINES = 2
#: Where an injected bug is looked for: nothing that the file system does by itself hides it here.
BUG_LAYOUT = LAYOUTS[3]
#: Where one that only GRUB meets is looked for.
LOG_LAYOUT = LAYOUTS[1]
#: States at most in which an injected bug must show.
BUG_STATES = 3 * BATCH

#: Is it whole, and does the next run mend it? No more.
CUT_ONLY = partial(cut_power, deep_ones=False)

POWER_CUT = "power cut, from the write log"
BOOTED = "power cut, then booted by GRUB"
CUT_AGAIN = "power cut again, during the recovery"


def memory() -> str | None:
    """Where disks lie best: in memory, as a campaign writes some hundred gigabytes; None where there is no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def power_cuts(kit: Kit, recording: Recording, number: int, boots: int, tallies: list[Tally]) -> None:
    """States of one recording; and where any are to be booted, these, and states of the recovery from others."""
    where, random = f"{recording.layout.name} ({recording.shell})", Random(f"{kit.seed} {recording.layout.name}")

    def tally(name: str) -> Tally:
        tallies.append(Tally(name, where))
        return tallies[-1]

    states = states_of(recording, number, random)
    cut_power(kit, recording, states, tally(POWER_CUT))
    if not boots:
        return
    boot(kit, recording, boot_states(recording, boots, random), tally(BOOTED))
    again = tally(CUT_AGAIN)
    for phase in ("apply", "revert "):
        within = [state for state in states if state.phase.startswith(phase)]
        if within:
            recovery = cut_recovery(kit, recording, random.choice(within[len(within) // 2 :]))
            CUT_ONLY(kit, recovery, states_of(recovery, max(2, number // 8), random), again)


def other_interruptions(kit: Kit, recording: Recording, number: int, tallies: list[Tally]) -> None:
    """All but power cuts; ``number`` of each kind."""
    random = Random(f"{kit.seed} others {recording.layout.name}")
    where = recording.layout.name

    def one(interruption: str, does: Callable[[Kit, Recording, int, Random, Tally], None], times: int) -> None:
        tally = Tally(interruption, where)
        tallies.append(tally)
        does(kit, recording, times, random, tally)
        progress(tally)

    one("machine killed", kill_machine, max(1, number // 2))
    one("no room in /boot", fill_up, number)
    one("writes fail (EIO)", fail_writes, max(1, number // 2))
    three = [Tally(name, where) for name in ("shell killed", "shell and its commands killed", "connection lost")]
    tallies.extend(three)
    interrupt_shell(kit, recording, 3 * max(1, number // 2), random, three)
    for tally in three:
        progress(tally)


def find_bug(kit: Kit, name: str) -> Tally:
    """States of a run with an injected bug, until one fails: it must."""
    bug, random = BUGS[name], Random(f"{kit.seed} {name}")
    layout = LOG_LAYOUT if bug.met_by_grub else BUG_LAYOUT
    tally = Tally(f"bug put in: {name}", layout.name)
    recording = record(kit, layout, "busybox", bug.text)
    look: Callable[[Kit, Recording, Sequence[State], Tally], None]
    if bug.met_by_grub:
        look, batch, tries = boot, 3, boot_states(recording, BUG_STATES, random)
    else:
        every = states_of(recording, 3 * BUG_STATES, random)
        look, batch, tries = CUT_ONLY, BATCH, [state for state in every if state.phase == "apply"]
    random.shuffle(tries)
    for begin in range(0, min(len(tries), BUG_STATES), batch):
        look(kit, recording, tries[begin : begin + batch], tally)
        if tally.failures:
            break
    return tally


def campaign(kit: Kit, number: int, layouts: Sequence[tuple[Layout, str]]) -> tuple[list[Tally], list[Tally]]:
    """All interruptions: what became of them, and what became of the bugs. Two machines at a time."""

    def cuts(layout: Layout, shell: str) -> list[Tally]:
        tallies: list[Tally] = []
        try:
            all_of(layout, shell, tallies)
        except (MachineError, CampaignError) as error:
            # What others find is not lost by that.
            tallies.append(Tally("a machine that did not do what it should", f"{layout.name} ({shell})"))
            tallies[-1].failures.append(str(error))
        return tallies

    def all_of(layout: Layout, shell: str, tallies: list[Tally]) -> None:
        own = kit.named(f"{layout.name} {shell}")
        recording = record(own, layout, shell)
        print(f"{layout.name}, {shell}: {len(recording.writes)} writes, {len(recording.epochs)} epochs", flush=True)
        usual = shell == "busybox"
        power_cuts(own, recording, number // len(layouts), max(2, number // 27) if usual else 0, tallies)
        # Of these, one file system of each kind is enough.
        if layout.separate_boot and usual:
            other_interruptions(own, recording, max(4, number // 54), tallies)

    with ThreadPoolExecutor(max_workers=MACHINES) as pool:
        recorded = [pool.submit(cuts, layout, shell) for layout, shell in layouts]
        bugs = [pool.submit(find_bug, kit.named(name), name) for name in BUGS]
        return [tally for job in recorded for tally in job.result()], [job.result() for job in bugs]


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help=f"so many states at power cuts instead of {WHOLE}")
    parser.add_argument("--seed", type=int, default=1, help="which states")
    parser.add_argument("--page", type=Path, help="write the results to this file")
    options = parser.parse_args()
    # Those that take longest first.
    layouts = [(layout, "busybox") for layout in reversed(LAYOUTS)]
    if not options.sample:
        # GNU's tools and other shells as well; they take longer under emulation.
        layouts += [(LAYOUTS[1], "gnu"), (OWN_BOOT, "bash")]
    began = time.monotonic()
    try:
        kernel, initramfs = prepare(CACHE)
        with tempfile.TemporaryDirectory(prefix="vmguest-crash-", dir=memory()) as work:
            kit = Kit(Machine(kernel, initramfs), Path(work), CACHE, options.seed)
            tallies, bugs = campaign(kit, options.sample or WHOLE, layouts)
    except (MachineError, CampaignError) as error:
        print(f"crashtest: {error}", file=sys.stderr)
        return 1
    minutes = (time.monotonic() - began) / 60
    print("\n" + page.table(tallies) + "\n\n" + page.table(bugs))
    failures = [f"{tally.interruption}, {tally.where}: {line}" for tally in tallies for line in tally.failures]
    for line in failures:
        print(line, file=sys.stderr)
    missed = [tally.interruption for tally in bugs if not tally.failures]
    for name in missed:
        print(f"the campaign did not find it: {name}", file=sys.stderr)
    states = sum(tally.states for tally in tallies)
    print(
        f"\n{states} states in {minutes:.0f} minutes (seed {options.seed}): {len(failures)} failures, {len(missed)} bugs missed"
    )
    if options.page:
        options.page.write_text(page.page(tallies, bugs, minutes, options.seed), encoding="utf-8")
    return 1 if failures or missed or not states else 0


if __name__ == "__main__":
    sys.exit(main())
