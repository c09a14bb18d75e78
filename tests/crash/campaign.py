# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot safety campaign: record a run's writes, cut it off anywhere, boot what is left, judge."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import room_kib
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.tests.crash import disk
from ansible_collections.vmguest.linux.tests.crash.disk import Layout
from ansible_collections.vmguest.linux.tests.crash.guest import (
    FOLDERS,
    RECEIPTS,
    TO_REVERT,
    UNITS,
    boot_paths,
    files,
    images,
    transactions,
)
from ansible_collections.vmguest.linux.tests.crash.judge import (
    Reference,
    Seen,
    boot_problems,
    by_receipts,
    deep_problems,
    difference,
    in_order,
    prefixes,
    problems,
    read_console,
)
from ansible_collections.vmguest.linux.tests.crash.machine import Machine
from ansible_collections.vmguest.linux.tests.crash.states import Epoch, State, Write, candidates, choose, epochs, replay
from ansible_collections.vmguest.linux.tests.crash.write_log import read_log

NOW = "2026-11-24T02:00:00Z"
#: States that one boot of the machine checks.
BATCH = 30
#: Seconds after which a machine is taken to hang; on a busy host all is ten times slower.
PATIENCE = 900
#: Of so many states, one is taken further than the next run.
DEEP = 12
#: Bytes of a write that belongs to a boot image or the swap file.
BIG = 64 * 1024


class CampaignError(Exception):
    """A run that nothing interrupted did not do what it should: there is nothing to cut."""


@dataclass(frozen=True)
class Kit:
    """What all parts of a campaign use: the machine, where disks and consoles are kept, what names a run's nonces."""

    machine: Machine
    work: Path
    consoles: Path
    seed: int

    def named(self, name: str) -> Kit:
        """The same with a folder of its own for consoles, for what is done at the same time as others."""
        consoles = self.consoles / re.sub(r"[^a-z0-9]+", "-", name.lower())
        consoles.mkdir(parents=True, exist_ok=True)
        return replace(self, consoles=consoles)

    def nonce(self, name: str) -> str:
        """32 hex digits, the same each time."""
        return hashlib.sha256(f"{self.seed} {name}".encode()).hexdigest()[:32]

    def slots(self, layout: Layout) -> str:
        """The functions of slots.sh and what they need to know, as the beginning of a job."""
        text = (Path(__file__).resolve().parent / "slots.sh").read_text(encoding="utf-8")
        return (
            f"FILE_SYSTEM={layout.file_system}\nOWN='{' '.join(layout.own)}'\nSLOT_SIZE={disk.SIZE}\n"
            f"PLACES='{disk.ROOT_AT} {disk.BOOT_AT} {disk.VAR_AT}'\nMARKS_AT={disk.MARKS_AT}\n{text}"
        )

    def programs(self, extra: str = "") -> dict[str, str]:
        """The runs: apply (with ``extra`` in it), recovery by an empty plan, the same plan again, revert of all, and of each."""
        again = self._apply("again", True, "")
        return {
            "apply": self._apply("apply", True, extra),
            "recover": self._apply("recover", False, ""),
            "again": again,
            "revert": self._revert("revert", TO_REVERT, ""),
            **{
                f"revert{number}": self._revert(f"revert{number}", [receipt], extra)
                for number, receipt in enumerate(TO_REVERT, 1)
            },
        }

    def _apply(self, run: str, planned: bool, extra: str) -> str:
        return apply_payload(self.nonce(run), run, NOW, transactions() if planned else (), root="/guest", extra=extra)

    def _revert(self, run: str, receipts: Sequence[str], extra: str) -> str:
        return revert_payload(self.nonce(run), run, NOW, receipts, root="/guest", extra=extra)


@dataclass(frozen=True)
class Recording:
    """A run from begin to end: the disk at first, its writes, and the guests in order that it went through."""

    layout: Layout
    shell: str
    base: bytes
    writes: list[Write]
    epochs: list[Epoch]
    references: Mapping[str, list[Reference]]
    old: Reference
    new: Reference

    @property
    def versions(self) -> dict[str, set[str]]:
        """Each path's values at any moment at which the guest was in order."""
        found: dict[str, set[str]] = {}
        for references in self.references.values():
            for reference in references:
                for path, value in reference.tree.items():
                    found.setdefault(path, set()).add(value)
        return found

    def disk(self, state: State) -> bytes:
        """The disk in a state."""
        image = bytearray(self.base)
        replay(image, self.writes[: state.durable])
        replay(image, state.extra)
        return bytes(image)


def record(kit: Kit, layout: Layout, shell: str, extra: str = "") -> Recording:
    """Apply and revert on a fresh guest, with every write to its disk recorded.

    :raises CampaignError: where that by itself does not end as it should.
    """
    base = disk.build(layout, files(kit.machine.kernel.boot_parts, layout.separate_boot), FOLDERS)
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        image, log = Path(place) / "disk", Path(place) / "log"
        disk.write_sparse(image, [base])
        log.touch()
        lines = kit.machine.run(
            {"job.sh": f"{kit.slots(layout)}record {shell} {len(TO_REVERT)}\n", **kit.programs(extra)},
            [_logged(image, log)],
            2 * PATIENCE,
            kit.consoles / "record.console",
        )
        entries = read_log(log.read_bytes())
    seen = read_console(lines).get("record", Seen())
    references, old, new = _references(seen)
    writes, found = epochs(entries, disk.MARKS_FROM)
    return Recording(layout, shell, base, writes, found, references, old, new)


def _logged(image: Path, log: Path) -> str:
    return f"driver=blklogwrites,file.driver=file,file.filename={image},log.driver=file,log.filename={log}"


def _references(seen: Seen) -> tuple[dict[str, list[Reference]], Reference, Reference]:
    """The guests that a cut in each phase may become."""
    if not seen.ended or seen.mount != "ok" or seen.kernel:
        raise CampaignError(f"the recorded run did not end well: {seen}")

    def reference(name: str, when: str) -> Reference:
        return Reference(name, seen.trees[when], seen.receipts.get(when, {}))

    old, new = reference("old", "before"), reference("new", "applied")
    if new.receipts != dict.fromkeys(RECEIPTS, "done"):
        raise CampaignError(f"apply, uninterrupted, left {dict(new.receipts)}: {seen.said.get('apply')}")
    steps = prefixes(old, new, UNITS)
    if difference(steps[-1].tree, new.tree):
        raise CampaignError(f"apply changed what it should not: {difference(steps[-1].tree, new.tree)}")
    references = {"": [old], "apply": steps, "applied": [new]}
    before = new
    for number, receipt in enumerate(TO_REVERT, 1):
        after = reference(f"{receipt} reverted", f"reverted{number}")
        if after.receipts.get(receipt) != "reverted":
            raise CampaignError(f"{receipt} was not reverted: {seen.said.get(f'revert{number}')}")
        references[f"revert {number}"] = [before, after]
        before = after
    if difference(before.tree, old.tree):
        raise CampaignError(f"after all reverts the guest is not as before: {difference(before.tree, old.tree)}")
    references["reverted"] = [before]
    references["end"] = [before]
    return references, old, new


@dataclass
class Tally:
    """One line of the summary: how many states, in how many of them the next run had something to mend, what went wrong."""

    interruption: str
    where: str
    states: int = 0
    mended: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, seen: Seen, wrong: Iterable[str], label: str) -> None:
        """Count a state."""
        self.states += 1
        self.mended += any(line.startswith("recovered ") for line in seen.said.get("recovery", []))
        sentences = list(wrong)
        if sentences:
            self.failures.append(f"{label}: {'; '.join(sentences)}")


def progress(tally: Tally) -> None:
    """A line of what was done so far."""
    print(
        f"  {tally.interruption}, {tally.where}: {tally.states} states, {tally.mended} recovered,"
        f" {len(tally.failures)} failures",
        flush=True,
    )


def in_slots(
    kit: Kit, layout: Layout, disks: Iterable[bytes], calls: Sequence[str], programs: Mapping[str, str], console: str
) -> dict[str, Seen]:
    """What the machine tells of disks, one to a slot, having done ``calls``."""
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        image = Path(place) / "slots"
        disk.write_sparse(image, disks)
        lines = kit.machine.run(
            {"job.sh": kit.slots(layout) + "\n".join(calls) + "\n", **programs},
            [f"format=raw,cache=unsafe,file={image}"],
            PATIENCE + PATIENCE // 10 * len(calls),
            kit.consoles / f"{console}.console",
        )
    return read_console(lines)


def cut_power(kit: Kit, recording: Recording, states: Sequence[State], tally: Tally, deep_ones: bool = True) -> None:
    """Check states of a recording. A few go on: the same plan once more, then the revert, which takes as long as all else."""
    deep: set[int] = set()
    if deep_ones:
        deep = {at for at, state in enumerate(states) if state.phase in ("apply", "applied")}
        deep = set(sorted(deep)[DEEP // 4 :: DEEP])
    programs = {name: text for name, text in kit.programs().items() if name in ("recover", "again", "revert")}
    for begin in range(0, len(states), BATCH):
        batch = states[begin : begin + BATCH]
        calls = []
        for number in range(len(batch)):
            calls.append(f"check {begin + number} {number} busybox {'deep' if begin + number in deep else ''}")
        found = in_slots(kit, recording.layout, map(recording.disk, batch), calls, programs, "check")
        for number, state in enumerate(batch, begin):
            seen = found.get(f"{number}", Seen())
            wrong = [
                *problems(seen, recording.references[state.phase], recording.versions, list(boot_paths())),
                *deep_problems(seen, recording.old, recording.new),
            ]
            tally.add(seen, wrong, f"{state.cut.value}, {state.phase}, after write {state.durable}+{len(state.extra)}")
        progress(tally)


def boot(kit: Kit, recording: Recording, states: Sequence[State], tally: Tally) -> None:
    """Boot states from the disk itself: a real GRUB, which replays no journal, reads grub.cfg, the kernel and the image."""
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        image = Path(place) / "disk"
        for state in states:
            disk.write_sparse(image, [recording.disk(state)])
            lines = kit.machine.boot(f"format=raw,cache=unsafe,file={image}", PATIENCE, kit.consoles / "boot.console")
            wrong = boot_problems(lines, images())
            label = f"{state.cut.value}, {state.phase}, after write {state.durable}+{len(state.extra)}"
            tally.add(Seen(), wrong, label)
    progress(tally)


def boot_states(recording: Recording, number: int, random: Random) -> list[State]:
    """States at which what boots was being changed, or had just been: from the first new image on."""
    big = next(at for at, write in enumerate(recording.writes) if len(write.data) >= BIG)
    every = [
        state
        for state in candidates(recording.epochs, random)
        if state.durable + len(state.extra) > big and state.phase not in ("", "end")
    ]
    return choose(every, number, random)


def cut_recovery(kit: Kit, recording: Recording, state: State) -> Recording:
    """The next run after ``state``, recorded: its own writes may be cut off as well."""
    base = recording.disk(state)
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        image, log = Path(place) / "disk", Path(place) / "log"
        disk.write_sparse(image, [base])
        log.touch()
        kit.machine.run(
            {"job.sh": f"{kit.slots(recording.layout)}record_recovery busybox\n", **kit.programs()},
            [_logged(image, log)],
            PATIENCE,
            kit.consoles / "recovery.console",
        )
        writes, found = epochs(read_log(log.read_bytes()), disk.MARKS_FROM)
    allowed = recording.references[state.phase]
    references = dict.fromkeys(("recovery", "recovered", "end"), allowed)
    return replace(recording, base=base, writes=writes, epochs=found, references={**recording.references, **references})


def kill_machine(kit: Kit, recording: Recording, number: int, random: Random, tally: Tally) -> None:
    """The machine is killed ``number`` times as apply says one or the other thing."""
    said = [
        *(f" transaction {name.split('-', 1)[1]} " for name in RECEIPTS),
        *(f" outcome {name.split('-', 1)[1]} " for name in RECEIPTS),
    ]
    disks = []
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        for moment in random.sample(said, min(number, len(said))):
            image = Path(place) / "disk"
            disk.write_sparse(image, [recording.base])
            kit.machine.run(
                {"job.sh": f"{kit.slots(recording.layout)}apply_alone busybox\n", **kit.programs()},
                [f"format=raw,file={image}"],
                PATIENCE,
                kit.consoles / "kill.console",
                kill_after=moment,
            )
            disks.append(image.read_bytes())
    calls = [f"check {at} {at} busybox" for at in range(len(disks))]
    found = in_slots(kit, recording.layout, disks, calls, kit.programs(), "check-killed")
    for at in range(len(disks)):
        seen = found.get(f"{at}", Seen())
        tally.add(
            seen, problems(seen, recording.references["apply"], recording.versions, list(boot_paths())), f"cut {at}"
        )


def fail_writes(kit: Kit, recording: Recording, number: int, random: Random, tally: Tally) -> None:
    """While apply runs, every write to one place of the disk fails: one that it wrote to when nothing failed."""
    first = next(at for at, epoch in enumerate(recording.epochs) if epoch.phase == "apply")
    last = next(at for at, epoch in enumerate(recording.epochs) if epoch.phase == "applied")
    writes = recording.writes[recording.epochs[first].durable : recording.epochs[last].durable]
    large = sorted({write.sector for write in writes if len(write.data) >= BIG})
    small = sorted({write.sector for write in writes if len(write.data) < BIG})
    random.shuffle(large)
    random.shuffle(small)
    # By turns: parts of images and of the swap file, and all else.
    sectors = [sector for pair in zip(large, small, strict=False) for sector in pair]
    chosen: list[int] = []
    disks = []
    with tempfile.TemporaryDirectory(dir=kit.work) as place:
        for sector in sectors[: 4 * number]:
            image = Path(place) / "disk"
            disk.write_sparse(image, [recording.base])
            rule = "inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.errno=5"
            lines = kit.machine.run(
                {"job.sh": f"{kit.slots(recording.layout)}apply_alone busybox\n", **kit.programs()},
                [
                    f"driver=blkdebug,image.driver=file,image.filename={image},{rule},inject-error.0.sector={sector},"
                    "werror=report"
                ],
                PATIENCE,
                kit.consoles / "eio.console",
            )
            # Where it could not even be mounted, or nothing came by this place this time, there was no failure to survive.
            if read_console(lines).get("alone", Seen()).mount == "ok" and any("I/O error" in line for line in lines):
                chosen.append(sector)
                disks.append(image.read_bytes())
            if len(chosen) == number:
                break
    calls = [f"check {at} {at} busybox" for at in range(len(disks))]
    found = in_slots(kit, recording.layout, disks, calls, kit.programs(), "check-eio")
    for at, sector in enumerate(chosen):
        seen = found.get(f"{at}", Seen())
        wrong = [f"the file system does not mount: {seen.mount}"] if seen.mount != "ok" else []
        tally.add(seen, wrong or by_receipts(seen, recording.old, recording.new, UNITS), f"sector {sector}")


def fill_up(kit: Kit, recording: Recording, number: int, random: Random, tally: Tally) -> None:
    """Apply with little room in the file system of /boot: none, a little, and about what an image needs."""
    image = max(int(value.split(" ")[3]) for path, value in recording.old.tree.items() if "/initrd.img-" in path)
    enough = room_kib(image)
    scales = (64, image // 1024, enough, enough + 512)
    rooms = sorted({0, *(scales[at % 4] // 2 + random.randrange(scales[at % 4]) for at in range(number - 1))})
    calls = [f"full {room} {at} busybox {room}" for at, room in enumerate(rooms)]
    found = in_slots(kit, recording.layout, [recording.base] * len(rooms), calls, kit.programs(), "full")
    for room in rooms:
        seen = found.get(f"{room}", Seen())
        wrong = [
            *by_receipts(seen, recording.old, recording.new, UNITS, "before"),
            *by_receipts(seen, recording.old, recording.new, UNITS),
        ]
        tally.add(seen, wrong, f"{room} KiB of room")


def interrupt_shell(kit: Kit, recording: Recording, number: int, random: Random, tallies: Sequence[Tally]) -> None:
    """The shell is killed, alone or with its commands; or its connection is lost. ``tallies`` are of these three."""
    calls, names = ["measure 0 busybox"], []
    for at in range(1, number + 1):
        verb = ("killed", "killed", "lost")[at % 3]
        names.append((at, at % 3))
        calls.append(f"{verb} {at} {at} busybox {random.randrange(0, 1000)} {'group' if at % 3 == 1 else ''}")
    found = in_slots(kit, recording.layout, [recording.base] * (number + 1), calls, kit.programs(), "shell")
    for at, kind in names:
        seen = found.get(f"{at}", Seen())
        # A lost connection stops nothing: the run goes on to its end.
        allowed = [recording.new] if kind == 2 else recording.references["apply"]
        # What its commands still do would change the tree while it is listed.
        whole = () if kind == 0 else problems(seen, allowed, recording.versions, list(boot_paths()))
        tallies[kind].add(seen, [*in_order(seen, allowed), *whole], f"run {at}")


def distinct(recording: Recording, states: Sequence[State]) -> list[State]:
    """One of all states that look the same on disk and in the same phase."""
    found: dict[tuple[str, bytes], State] = {}
    image, done = bytearray(recording.base), 0
    for state in states:
        replay(image, recording.writes[done : state.durable])
        done = state.durable
        key = image
        if state.extra:
            key = bytearray(image)
            replay(key, state.extra)
        found.setdefault((state.phase, hashlib.blake2b(key, digest_size=16).digest()), state)
    return list(found.values())


def states_of(recording: Recording, number: int, random: Random) -> list[State]:
    """``number`` distinct states of a recording, from the begin of apply on."""
    every = [state for state in candidates(recording.epochs, random) if state.phase]
    # A few more than wanted, as some look the same.
    chosen = choose(every, number + number // 4 + 10, random)
    found = distinct(recording, chosen)
    return choose(found, number, random)
