# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The campaign's results as a table for a terminal, and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.vmguest.linux.tests.crash.campaign import BATCH, DEEP, Tally

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


def _example(tally: Tally) -> str:
    """What a bug looked like in the first state that shows it."""
    if not tally.failures:
        return f"- *{tally.interruption}*: **not found**"
    label, dummy, sentences = tally.failures[0].partition(": ")
    return f"- *{tally.interruption}*: {sentences.split(';')[0]} ({label})."


def page(tallies: Sequence[Tally], bugs: Sequence[Tally], minutes: float, seed: int) -> str:
    """docs/crash.md."""
    cuts = sum(tally.states for tally in tallies if tally.interruption.startswith("power cut"))
    failures = [f"- {tally.interruption}, {tally.where}: {line}" for tally in tallies for line in tally.failures]
    listed = "\n".join(failures) or "None."
    examples = "\n".join(_example(tally) for tally in bugs)
    return f"""# Cut off anywhere: old or new, never neither

Made by `make crashtest` ({minutes:.0f} minutes, seed {seed}), which writes this page; nobody else does.

    make crashtest                        all of it, again
    make crashtest SAMPLE=60 SEED=7       a sample by another seed; writes no page
    make crash-sample SEED=7              a smaller sample, as tests; `make test` runs it with seed 1

## What is cut

`apply.sh` changes a small guest: crontab, a new drop-in, a file removed; a swap file and its line of fstab; the boot images of
two kernels and grub.cfg, each the shared commit of a group with two members. Then each of these is reverted, one after the
other, so that the first member of a group is reverted while the other one stays. The guest's disk is that of a virtual machine
(QEMU, emulated) with a real kernel and a real GRUB, on ext4 and on xfs, all in one file system or with /boot and /var (what
boots, and the receipts) in their own, which each reach the disk in their own time. Everything that the disk is told is recorded
(QEMU's `blklogwrites`): each write, each flush.

From that log come the states in which a power cut may leave the disk: at each flush; and between flushes, when a disk promises
nothing, after some of the writes, after any of them, and within a write of more than 4 KiB. No two states of one recording
and phase are the same to the byte. A kernel mounts each, and the next run of `apply.sh`, with nothing to do of its own, finds
it. What must hold:

- The file system mounts, and the kernel has nothing to complain of.
- At once, before the next run: every file is old or new, to the byte, with mode and owner. Kernels, images and grub.cfg are
  there, and the entries of grub.cfg name files that exist.
- After the next run: the guest is as before a transaction or after it, all files of it together, as its receipts say; nothing
  of `.vmguest-*` is left and no receipt is open.
- Of one in {DEEP} states during apply: the same plan once more leads to the new guest, and reverting everything to the old one.
- *Then booted by GRUB*: the machine starts from that disk itself. GRUB replays no journal: it must find, in the file system as
  it lies there, grub.cfg, the kernel and an image that the kernel unpacks without complaint and that tells of itself.
- *During the recovery*: the next run is itself recorded, and cut off in the same ways.

## {cuts} power cuts, and other interruptions

"Recovered": the next run had something to finish or to undo.

{_markdown(tallies)}

- *Machine killed*: QEMU is ended by SIGKILL as apply says that it begins or ends a transaction.
- *No room in /boot*: apply with no room there, or a little, or about as much as an image needs. Each transaction is
  done, or is not.
- *Writes fail*: while apply runs, every write to one place of the disk ends with an I/O error (half of these are parts of images
  or of the swap file); after that the disk is sound again. Each transaction must be as its receipt says.
- *Shell killed*: by SIGKILL, after a random part of the run; its commands go on, and the next run waits for them.
- *Connection lost*: nobody reads the output any more and the shell gets a HUP. The run goes on to its end.

Failures: {listed if not failures else chr(10) + chr(10) + listed}

## A campaign that finds nothing must be able to

The same campaign with a bug put into `apply.sh` must fail, and does (it ends with the first {BATCH} states that hold a failure):

{_markdown(bugs)}

The first state that shows each:

{examples}

## What it found

All mended, with tests in `tests/unit/guest` (`test_apply_crash.py`, `test_boot_entries.py`) or a place in this campaign:

- A folder made beside a file could outlive a power cut when the receipt that names it did not: `mkdir` reaches the disk
  with the next commit of the journal, the content of a new file later. Receipts now name the place, and are flushed, first.
- A receipt could be in state `committing` while its backups were not on disk yet, since one flush was for both; undoing it then
  failed. The state is now changed after the flush, and flushed by itself.
- A revert could lose its receipt's state in the same way.
- A receipt could say `undone` before what was put back was on disk. With /boot on a file system of its own a power cut could
  keep the one and lose the other, and leave a changed /boot that no receipt told of. The state is now changed after the flush.
- A write that failed while it was flushed was no failure: the content was proved from memory, and the receipt was `done`. What
  `sync` reports of a file now undoes the transaction, and the reason says so.
- The commands that build images and grub.cfg had the same two faults: the undo of grub.cfg knew ours by a note that a power cut
  could lose while it kept the menu, and a plain `sync` says nothing of a write that failed.
- On xfs, GRUB did not find an image, or grub.cfg, that `sync` had brought to the disk: it was in the log, which GRUB does not
  replay, and the old file was freed already. What boots is now brought into its place, by freezing and thawing the file
  system, before and after it gets its name; and the old file keeps a name until then. One of the bugs above takes both away.

Those of receipts that say `undone`, of failed writes and of the commands were found by reading, as the campaign was made to look
at them.

## What this does not show

- A block of 4 KiB is taken to be written as a whole. ext4 itself relies on that: it refuses to mount where the commit block
  of its journal was torn within. Writes that were under way when a flush was asked for are taken to be covered by it.
- Images and grub.cfg are replaced, proved and put back by the very commands of the roles `pvscsi_initrd` and
  `timer_interrupts` (`engine/boot_images.py`, `engine/boot_entries.py`), for initramfs-tools and GRUB 2. What makes them is a
  stand-in for mkinitramfs and grub-mkconfig (`tests/crash/stand_ins`); that guests with real ones boot is shown by the VM
  scenarios. The other steps have the shape of the roles', built from the same primitives; that of the swap file is made
  for the campaign, because mkswap gives each file another UUID, and bytes are compared.
- GRUB boots a sample. On xfs that rests on `xfs_io`, of xfsprogs: a guest with xfs and without it has the old file's second
  name only.
- The crontab, fstab and swap file are compared to the byte; nothing runs cron or swaps.
- No check of the file system runs before the mount; a guest's own boot has that as well.
"""
