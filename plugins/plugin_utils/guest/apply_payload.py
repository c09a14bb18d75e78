# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan, or a revert, as one text for ``sh -s``: the scripts' functions, the plan's, and the line that starts them.

docs/architecture.md has the calls and the format of what is printed, ``apply.sh`` the verbs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import (
    Transaction,
    alone_from,
    commits,
    grouped,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    WAIT,
    AppendLine,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import (
    PROBE,
    SETTLE_AND_COMPARE,
    guest_script,
    head,
    reads_function,
)

#: The functions of busy.sh and apply.sh.
BUSY = guest_script("busy.sh")
APPLY = guest_script("apply.sh")

_RECOMMENDATION = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_RECEIPT = re.compile(r"[0-9]{6,}-[a-z0-9_]{1,64}", re.ASCII)
_RUN = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_TIME = re.compile(r"[0-9A-Za-z:.+-]{1,32}", re.ASCII)
_MODE = re.compile(r"[0-7]{3,4}", re.ASCII)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII)
_SPECIAL_IN_QUOTES = re.compile(r'[\\"$`]')


def apply_payload(
    nonce: str,
    run: str,
    now: str,
    transactions: Sequence[Transaction],
    reads: Sequence[Read] = (),
    root: str = "",
    extra: str = "",
    wait: int = WAIT,
) -> str:
    """The program that applies ``transactions`` and then, where there are ``reads``, probes.

    ``run`` is the run's id and ``now`` its time (UTC, ISO 8601): both are kept in the receipts. ``root`` is the directory
    of a guest tree, empty on a guest. ``extra`` is shell text that may replace functions (tests use it).
    ``wait`` is for how many seconds the run waits in all for others at work on the guest.

    :raises ValueError: where an argument is not of its form, or a step cannot be given to a shell.
    """
    return _payload(nonce, run, now, render_plan(transactions), reads, root, extra, wait)


def revert_payload(
    nonce: str,
    run: str,
    now: str,
    receipts: Sequence[str],
    reads: Sequence[Read] = (),
    root: str = "",
    extra: str = "",
    wait: int = WAIT,
) -> str:
    """The program that reverts ``receipts``, in the order given (newest first), and then, where there are ``reads``, probes.

    The other arguments are those of :func:`apply_payload`.

    :raises ValueError: where an argument is not of its form.
    """
    for receipt in receipts:
        _expect(_RECEIPT, receipt, "the name of a receipt")
    calls = [f"revert {receipt}" for receipt in receipts]
    return _payload(nonce, run, now, _function("plan", calls), reads, root, extra, wait)


def render_plan(transactions: Sequence[Transaction]) -> str:
    """The shell function ``plan``, and one function for the steps of each transaction.

    :raises ValueError: where a recommendation's id, or a step, cannot be given to a shell.
    """
    calls: list[str] = []
    functions: list[str] = []

    def steps(of: Sequence[Step]) -> str:
        name = f"steps_{len(functions) + 1}"
        functions.append(_function(name, [_call(step) for step in of]))
        return name

    for members in grouped(transactions):
        for member in members:
            _expect(_RECOMMENDATION, member.recommendation, "a recommendation's id")
        others = alone_from(members)
        if others:
            calls.append(" ".join(["alone", *others]))
        words = " ".join(f"{member.recommendation} {steps(member.steps)}" for member in members)
        if members[0].group:
            _expect(_RECOMMENDATION, members[0].group, "a group's name")
            calls.append(f"group {members[0].group} {steps(commits(members))} {words}")
        else:
            calls.append(f"transaction {words}")
    return _function("plan", calls) + "".join(functions)


def _payload(nonce: str, run: str, now: str, plan: str, reads: Sequence[Read], root: str, extra: str, wait: int) -> str:
    _expect(_RUN, run, "a run's id")
    _expect(_TIME, now, "a time")
    # What ssh sends once more after a broken connection is this very text: the guest knows it by this.
    identity = hashlib.sha256("\0".join((nonce, run, now, plan)).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    probe = PROBE + reads_function(reads) if reads else ""
    programs = ["apply_main", "probe_main"] if reads else ["apply_main"]
    return (
        f"{head(nonce, root)}RUN={run}\nNOW={now}\nWAIT={int(wait)}\nPAYLOAD={identity}\n"
        f"{BUSY}{SETTLE_AND_COMPARE}{APPLY}{probe}{plan}{extra and extra.rstrip() + chr(10)}"
        f"{_function('main', programs)}main </dev/null\n"
    )


def _function(name: str, calls: Sequence[str]) -> str:
    return f"{name}() {{\n" + "".join(call + "\n" for call in calls or [":"]) + "}\n"


def _call(step: Step) -> str:
    # Each word on a line of its own: terminals cut long lines.
    return " \\\n".join(_word(word) for word in _words(step))


def _words(step: Step) -> Iterator[str]:
    if isinstance(step, WriteFile):
        _expect(_MODE, step.mode, "a file's mode")
        yield from ("write_file", _path(step.path), step.mode)
        yield from ("absent", "") if step.before is None else ("present", step.before)
        yield step.content
    elif isinstance(step, EditFile):
        if not step.edits:
            raise ValueError(f"{step.path}: an edit without edits")
        yield from ("edit_file", _path(step.path))
        for edit in step.edits:
            for word in _edit(edit):
                if "\n" in word:
                    raise ValueError(f"{step.path}: a line to edit holds a newline")
                yield word
    elif isinstance(step, RemoveFile):
        yield from ("remove_file", _path(step.path), step.before)
    elif isinstance(step, WriteKernel):
        yield from ("write_kernel", _path(step.path), step.old, step.new)
    elif isinstance(step, Run):
        yield from ("run", step.what, step.do, step.undo, step.proof)
        if step.ask:
            yield step.ask
    else:
        raise ValueError(f"no such step as {step!r}")


def _edit(edit: ReplaceLine | ReplacePrefix | AppendLine) -> tuple[str, str, str]:
    if isinstance(edit, ReplaceLine):
        return "replace", edit.old, edit.new
    if isinstance(edit, ReplacePrefix):
        if edit.number < 1:
            raise ValueError(f"lines are counted from 1, not {edit.number}")
        return "replace_prefix", f"{edit.number}:{edit.old}", edit.new
    return "append", edit.line, ""


def _path(path: str) -> str:
    if not path.startswith("/") or any(char < " " or char == "\x7f" for char in path):
        raise ValueError(f"a path on a guest is absolute and without control characters: {path!r}")
    return path


def _word(text: str) -> str:
    """One word for a POSIX shell. Double quotes: single ones multiply where the payload is itself an argument."""
    if "\0" in text:
        raise ValueError("a NUL byte cannot be given to a shell")
    if _PLAIN_WORD.fullmatch(text):
        return text
    return '"' + _SPECIAL_IN_QUOTES.sub(r"\\\g<0>", text) + '"'


def _expect(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        raise ValueError(f"not {what}: {text!r}")
