# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps: the reversible primitives that every remedy is made of.

A step says what it expects to find and what it leaves behind. Its inverse is not written here: apply.sh records it on the
guest, from what it really found, before it changes anything. docs/architecture.md has the table of steps.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

#: Others at work that a step must not meet (busy.sh knows them): package managers; what builds boot images and boot entries.
AloneFrom = Literal["packages", "boot"]
#: Seconds that a run waits for them, all its transactions together, where nobody says otherwise.
WAIT = 300


def sh(*words: str) -> str:
    """A command line for the guest's shell: every word quoted."""
    return " ".join(shlex.quote(word) for word in words)


@dataclass(frozen=True)
class WriteFile:
    """Create ``path`` with ``content``, or replace its content.

    ``before`` is the content that the probe saw, None where there was no such file. Another content on the guest is
    refused. ``mode`` holds for a new file; an old one keeps its mode, owner, SELinux context and ACL.
    """

    path: str
    content: str
    before: str | None = None
    mode: str = "0644"

    @property
    def sentence(self) -> str:
        """What it does, for a person."""
        return f"{'create' if self.before is None else 'rewrite'} {self.path}"


@dataclass(frozen=True)
class ReplaceLine:
    """In a file: the whole line ``old`` becomes ``new``. Refused unless exactly one line is ``old``.

    ``rewrite`` makes the new line of an old one. Where an earlier recommendation of the same plan edits the same line, the plan
    asks it for the new line of what that one leaves (boot arguments all stand in one line).
    """

    old: str
    new: str
    rewrite: Callable[[str], str] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ReplacePrefix:
    """In a file: line ``number`` (from 1), which begins with ``old``, begins with ``new`` instead.

    For lines whose rest is not known to the controller because the probe redacted it.
    """

    number: int
    old: str
    new: str


@dataclass(frozen=True)
class AppendLine:
    """At the end of a file: one more line. Refused where the line is already there."""

    line: str


Edit = ReplaceLine | ReplacePrefix | AppendLine


@dataclass(frozen=True)
class EditFile:
    """Edit lines of an existing file that others edit too. The inverse takes out exactly these edits.

    ``before`` holds the lines as the probe saw them, for the diff only; the edits say what must be there.
    """

    path: str
    edits: tuple[Edit, ...]

    @property
    def sentence(self) -> str:
        """What it does, for a person."""
        return f"edit {len(self.edits)} line{'s' if len(self.edits) != 1 else ''} of {self.path}"


@dataclass(frozen=True)
class RemoveFile:
    """Remove ``path``, which holds ``before``. The receipt keeps it."""

    path: str
    before: str

    @property
    def sentence(self) -> str:
        """What it does, for a person."""
        return f"remove {self.path}"


@dataclass(frozen=True)
class WriteKernel:
    """Write ``new`` into a kernel file (procfs, sysfs), whose value is ``old``, and read it back.

    Where the kernel shows a choice as ``a [b] c``, the value is what stands in brackets.
    """

    path: str
    old: str
    new: str

    @property
    def sentence(self) -> str:
        """What it does, for a person."""
        return f"set {self.path} from {self.old} to {self.new}"


@dataclass(frozen=True)
class Run:
    """Run a command of the guest, as lines for its shell (made with :func:`sh`).

    ``undo`` must leave things as they were before ``do``, whether ``do`` ran to its end, half, or never: after a power cut
    nobody knows. It exits 75 where it can only go on after a reboot, and what boots is as before. ``proof`` exits 0 when, and
    only when, ``do`` had its effect. ``what`` is a sentence for a person.

    All find in ``$NOTES`` a folder of this step's own in the receipt, root only, empty at first: what ``do`` writes
    there tells ``undo`` what it found. It goes when the step has been undone. ``$SAME_BOOT`` is empty where the guest was
    booted since ``do``.

    ``alone_from``: while such are at work, neither this step's transaction (or group) is begun, nor is it undone; the guest
    waits for them, or refuses (``vmguest_wait``).

    ``ask`` exits 0 where somebody may still have it undone, else it prints why not: a revert asks before it changes anything, and
    is refused. Without it every revert may: right only where there is no third value that somebody could have set since.
    """

    what: str
    do: str
    undo: str
    proof: str
    alone_from: tuple[AloneFrom, ...] = ()
    ask: str = ""

    @property
    def sentence(self) -> str:
        """What it does, for a person."""
        return self.what


#: Where the functions end in DO.
_BEGIN = ": begin"
_FUNCTIONS = f"""eval "$(sed '/^{_BEGIN}/,$d' "${{NOTES%/*}}/do")"\n"""


def run_sharing(
    functions: str, *, what: str, do: str, undo: str, proof: str, alone_from: tuple[AloneFrom, ...], ask: str = ""
) -> Run:
    """A :class:`Run` whose parts call the same shell ``functions``. They are sent once, in DO; the others take them from there, in
    the receipt, where it lies from before it is run until it has been undone.

    Each part is run in a shell of its own, so that it can exit without ending the one that runs it.
    """

    def own_shell(lines: str) -> str:
        return f"(\n{lines}\n)"

    return Run(
        what,
        do=f"{functions}{_BEGIN}\n{own_shell(do)}",
        undo=_FUNCTIONS + own_shell(undo),
        proof=_FUNCTIONS + own_shell(proof),
        alone_from=alone_from,
        ask=_FUNCTIONS + own_shell(ask) if ask else "",
    )


Step = WriteFile | EditFile | RemoveFile | WriteKernel | Run
