# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the small machine found in a state of a disk, and whether that may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: A path to what ls and a checksum say of it.
Tree = dict[str, str]

#: What apply.sh and the commands of steps keep beside a file while they build; a boot loader takes none for its own.
_OURS = re.compile(
    r"/\.vmguest-[^/]*(/(new|old|was))?$|/\.vmguest-images/[^/]+$|/\.grub\.cfg\.vmguest-(new|old)$|/swapfile\.part$"
)
_STATE = "/var/lib/vmguest"


@dataclass
class Seen:
    """All that was told of one state. ``trees``, ``entries``, ``receipts`` and ``said`` are by moment (``before`` and ``after``
    the next run, and more)."""

    mount: str = "not tried"
    trees: dict[str, Tree] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)
    receipts: dict[str, dict[str, str]] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    kernel: list[str] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True)
class Reference:
    """A guest in order: its tree, and its receipts' states by name."""

    name: str
    tree: Tree
    receipts: Mapping[str, str]


def read_console(lines: Iterable[str]) -> dict[str, Seen]:
    """What was told, by the name of the state. Anything else on the console is left out."""
    found: dict[str, Seen] = {}
    for line in lines:
        if not line.startswith("== "):
            continue
        dummy, name, word, *rest = [*line.split(" "), ""]
        seen = found.setdefault(name, Seen())
        text = " ".join(rest).rstrip()
        if word == "mount":
            seen.mount = text
        elif word == "file":
            when, mode, user, group, size, digest, path = text.split(" ", 6)
            seen.trees.setdefault(when, {})[path[1:] or "/"] = f"{mode} {user} {group} {size} {digest}"
        elif word == "entry":
            when, path = text.split(" ", 1)
            seen.entries.setdefault(when, []).append(path)
        elif word == "receipt":
            when, receipt, state = f"{text} ".split(" ", 2)
            seen.receipts.setdefault(when, {})[receipt] = state.strip()
        elif word == "kernel":
            seen.kernel.append(text)
        elif word == "end":
            seen.ended = True
        else:
            seen.said.setdefault(word, []).append(text)
    for seen in found.values():
        for tree in seen.trees.values():
            tree.pop(_STATE, None)
    return found


def prefixes(old: Reference, new: Reference, units: Mapping[str, Sequence[str]]) -> list[Reference]:
    """The guests between old and new: the first of ``units`` done, then the first two, and so on. A unit's name is the last
    of its receipts."""
    found = [old]
    for name, paths in units.items():
        tree = dict(found[-1].tree)
        for path in paths:
            tree.pop(path, None)
            if path in new.tree:
                tree[path] = new.tree[path]
        receipts = {receipt: state for receipt, state in new.receipts.items() if receipt <= name}
        found.append(Reference(f"{name} done", tree, receipts))
    return found


def problems(
    seen: Seen, allowed: Sequence[Reference], versions: Mapping[str, set[str]], boot: Sequence[str]
) -> Iterator[str]:
    """What is wrong with a state, each as a sentence.

    ``allowed`` are the guests that it may become, ``versions`` the values of each path that was ever in order (two members of a
    group may edit one file, one after the other), and ``boot`` the files that must be there, old or new, at any moment.
    """
    if seen.mount != "ok":
        yield f"the file system does not mount: {seen.mount}"
        return
    for line in seen.kernel:
        yield f"the kernel complains: {line}"
    yield from _whole(seen, allowed, versions, boot)
    yield from in_order(seen, allowed)
    if not seen.ended:
        yield "the check did not come to its end"


def _whole(
    seen: Seen, allowed: Sequence[Reference], versions: Mapping[str, set[str]], boot: Sequence[str]
) -> Iterator[str]:
    """Before anything mends it: no file is anything but old or new."""
    tree = seen.trees.get("before", {})
    for path in sorted({*tree, *(path for reference in allowed for path in reference.tree)}):
        found = tree.get(path)
        if found is None:
            if all(path in reference.tree for reference in allowed):
                yield f"after the cut {path} is not there"
        elif found not in versions.get(path, ()) and (path in versions or not _OURS.search(path)):
            yield f"after the cut {path} is neither old nor new: {found}"
    for path in [*boot, *seen.entries.get("before", [])]:
        if path not in tree:
            yield f"after the cut {path}, which the boot needs, is not there"
    if not seen.entries.get("before"):
        yield "after the cut the boot loader has no entry"


def boot_problems(lines: Sequence[str], images: Sequence[Sequence[str]]) -> Iterator[str]:
    """What is wrong with a boot from the disk itself, by its boot loader, of which the console shows ``lines``. What the image
    tells of itself must be one of ``images``."""
    bad = [line.strip() for line in lines if re.search(r"error: |panic|nitramfs unpacking failed|rescue>|grub> ", line)]
    if not any(line.endswith("== image booted") for line in lines):
        yield f"it does not boot: {'; '.join(bad[:3]) or (lines or ['nothing on its console'])[-1]}"
        return
    if bad:
        yield f"it boots, but {'; '.join(bad[:3])}"
    told = [line.partition("== image holds ")[2] for line in lines if "== image holds " in line]
    if told not in [list(image) for image in images]:
        yield f"it boots by an image that nobody built: it holds {told}"


def in_order(seen: Seen, allowed: Sequence[Reference]) -> Iterator[str]:
    """After the next run: one of the allowed guests, to the byte, with its receipts."""
    tree, receipts = seen.trees.get("after"), seen.receipts.get("after", {})
    if tree is None:
        yield "the next run did not end"
        return
    said = seen.said.get("recovery", [])
    if said[-1:] != ["end"] or any(line.startswith("status ") for line in said):
        yield f"the next run did not come to its end: {said[-2:]}"
    if any(reference.tree == tree and dict(reference.receipts) == receipts for reference in allowed):
        return
    nearest = min(allowed, key=lambda reference: len(difference(reference.tree, tree)))
    paths = difference(nearest.tree, tree)
    if paths:
        yield f"after the next run the guest is none of those allowed; to '{nearest.name}' it differs in {', '.join(paths[:6])}"
    else:
        yield f"after the next run the guest is as '{nearest.name}', but its receipts are {receipts}"
    for line in said:
        if line.startswith("recovered ") and " failed " in line:
            yield f"the next run says: {line}"


def difference(one: Tree, other: Tree) -> list[str]:
    """Paths that are not the same in both."""
    return sorted(path for path in {*one, *other} if one.get(path) != other.get(path))


def deep_problems(seen: Seen, old: Reference, new: Reference) -> Iterator[str]:
    """Where the same plan was applied again after the recovery, and then reverted: new, then old."""
    for when, reference in (("again", new), ("reverted", old)):
        if when in seen.trees:
            paths = difference(reference.tree, seen.trees[when])
            if paths:
                yield f"{when}: the guest is not as '{reference.name}': {', '.join(paths[:6])}"


def by_receipts(
    seen: Seen, old: Reference, new: Reference, units: Mapping[str, Sequence[str]], when: str = "after"
) -> Iterator[str]:
    """Where each unit may be old or new by itself: what its receipt says, and nothing unfinished."""
    receipts = seen.receipts.get(when, {})
    open_ones = [name for name, state in receipts.items() if state != "done"]
    if open_ones:
        yield f"{when}: unfinished receipts: {', '.join(open_ones)}"
    # Numbers differ where an earlier transaction left no receipt.
    done = {name.split("-", 1)[1] for name in receipts}
    expected = dict(old.tree)
    for unit, paths in units.items():
        if unit.split("-", 1)[1] not in done:
            continue
        for path in paths:
            expected.pop(path, None)
            if path in new.tree:
                expected[path] = new.tree[path]
    paths = difference(expected, seen.trees.get(when, {}))
    if paths:
        yield f"{when}: the guest is not as its receipts say ({', '.join(sorted(done)) or 'none'}): {', '.join(paths[:6])}"
