# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The campaign's results as a table for a terminal, and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.vmguest.linux.tests.crash.campaign import Tally

_HEAD = ("interruption", "file system", "states", "recovered", "failures")


def _rows(tallies: Sequence[Tally]) -> Iterator[tuple[str, ...]]:
    for tally in tallies:
        yield tally.interruption, tally.where, f"{tally.states}", f"{tally.mended}", f"{len(tally.failures)}"
    states, mended = sum(tally.states for tally in tallies), sum(tally.mended for tally in tallies)
    yield "all", "", f"{states}", f"{mended}", f"{sum(len(tally.failures) for tally in tallies)}"


def table(tallies: Sequence[Tally]) -> str:
    """Aligned columns: words to the left, numbers to the right."""
    rows = [_HEAD, *_rows(tallies)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            word.ljust(width) if column < 2 else word.rjust(width)
            for column, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _markdown(tallies: Sequence[Tally]) -> str:
    lines = [f"| {' | '.join(_HEAD)} |", "|---|---|---:|---:|---:|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _rows(tallies))])


def page(tallies: Sequence[Tally], bugs: Sequence[Tally], minutes: float, seed: int) -> str:
    """docs/crash.md."""
    cuts = [tally for tally in tallies if "write log" in tally.interruption or "recovery" in tally.interruption]
    return f"""# Cut off anywhere: old or new, never neither

Made by `make crashtest` ({minutes:.0f} minutes, seed {seed}), which writes this page. `make crashtest SAMPLE=60 SEED=7` tries a
sample of it and writes nothing.

`apply.sh` changes a small guest: crontab, a new drop-in, a file removed; a swap file and its line of fstab; the boot images of
two kernels and grub.cfg, each the shared commit of a group with two members. Then all of it is reverted. The guest's disk is
that of a virtual machine with a real kernel (QEMU, emulated), on ext4 and on xfs, with /boot in the root file system and in
one of its own. Everything that the disk is told is recorded (QEMU's `blklogwrites`): each write, each flush.

From that log come the states in which a power cut may leave the disk: at each flush; and between flushes, when a disk promises
nothing, after some of the writes, after any of them in any order, and within a write of more than 4 KiB. Every state is then
booted by the same kernel, and the next run of `apply.sh`, with nothing to do of its own, finds it. What must hold:

- The file system mounts, and the kernel has nothing to complain of.
- At once, before the next run: every file is old or new, to the byte, with mode and owner. Kernels, images and grub.cfg are
  there, and the entries of grub.cfg name files that exist.
- After the next run: the guest is as before a transaction or after it, all files of it together, as its receipts say; nothing
  of `.vmguest-*` is left and no receipt is open.
- Of every eighth state: the same plan once more leads to the new guest, and reverting everything to the old one.

## {sum(tally.states for tally in cuts)} power cuts, and other interruptions

"Recovered": the next run had something to finish or to undo.

{_markdown(tallies)}

- *Machine killed*: QEMU is ended by SIGKILL as apply says that it begins or ends a transaction.
- *No room in /boot*: apply with 0 to 1400 KiB of room there. Each transaction is done, or is not.
- *Writes fail*: while apply runs, every write to one place of the disk ends with an I/O error; after that the disk is sound
  again.
- *Shell killed*: by SIGKILL, after a random part of the run; its commands go on, and the next run waits for them.
- *Connection lost*: nobody reads the output any more and the shell gets a HUP. The run goes on to its end.

## A campaign that finds nothing must be able to

The same campaign with a bug put into `apply.sh` must fail, and does (here the search ends with the first {40} states that hold a
failure):

{_markdown(bugs)}

What it found in `apply.sh` when it was first run, all mended since:

- A folder made beside a file could outlive a power cut when the receipt that names it did not: `mkdir` reaches the disk
  with the next commit of the journal, the content of a new file later. Receipts now name the place, and are flushed, first.
- A receipt could be in state `committing` while its backups were not on disk yet, since one flush was for both; undoing it then
  failed. The state is now changed after the flush, and flushed by itself.
- A revert could lose its receipt's state in the same way.

## What this does not show

- A block of 4 KiB is taken to be written as a whole. ext4 itself relies on that: it refuses to mount where the commit block
  of its journal was torn within.
- The steps of the campaign have the shape of the roles' steps, built from the same primitives; image and grub.cfg are
  made by short commands instead of dracut or update-grub. That guests with real ones boot is shown by the VM scenarios.
- No check of the file system runs before the mount; a guest's own boot has that as well.
"""
