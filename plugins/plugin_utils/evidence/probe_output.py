# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe's output, parsed. The format is described in docs/architecture.md.

Pure: text in, :class:`ProbeOutput` out. Bytes that are no UTF-8 arrive as lone surrogates (``surrogateescape``) and stay so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Entries, Files, Lines, Read


class ProbeError(Exception):
    """The probe's output cannot be believed; the message says why and what to do."""


class State(str, Enum):
    """What the probe found at a path."""

    READ = "read"
    MISSING = "missing"
    DENIED = "denied"
    TOO_LARGE = "too_large"
    DIRECTORY = "directory"
    ODD_NAME = "odd_name"


@dataclass(frozen=True)
class File:
    """A file as the probe found it. ``lines`` are without line ends; a readable file without lines is empty."""

    path: str
    state: State
    lines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True where the file was read (it may be empty)."""
        return self.state is State.READ

    @property
    def text(self) -> str:
        """All lines, each with a newline."""
        return "".join(line + "\n" for line in self.lines)

    @property
    def value(self) -> str:
        """The first line, stripped: what a one-value kernel file holds; empty where there is none."""
        return self.lines[0].strip() if self.lines else ""

    @property
    def exists(self) -> bool:
        """True unless the probe found nothing there."""
        return self.state is not State.MISSING


@dataclass(frozen=True)
class Line:
    """One line of a file, by its number from 1."""

    path: str
    number: int
    text: str


@dataclass(frozen=True)
class Entry:
    """A directory entry. ``kind`` is ls's first letter (``-``, ``d``, ``l``…), ``mode`` its ``rwxr-xr-x``, ``target`` a link's."""

    path: str
    kind: str
    mode: str
    links: int
    uid: int
    gid: int
    size: int
    target: str | None = None


@dataclass(frozen=True)
class Output:
    """What a command printed. ``status`` is its exit status, None where the command is not on the guest."""

    name: str
    status: int | None
    lines: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True where the command ran and succeeded."""
        return self.status == 0

    @property
    def absent(self) -> bool:
        """True where the guest has no such command."""
        return self.status is None


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    """A shell glob as a regular expression: ``*`` and ``?`` stop at a slash and, as the shell's, at a leading dot."""
    out = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        start = position == 0 or pattern[position - 1] == "/"
        if char == "*":
            out.append(r"(?!\.)[^/]*" if start else "[^/]*")
        elif char == "?":
            out.append(r"(?!\.)[^/]" if start else "[^/]")
        elif char == "[" and "]" in pattern[position + 2 :]:
            end = pattern.index("]", position + 2)
            body = pattern[position + 1 : end]
            out.append("[" + ("^" + body[1:] if body[0] in "!^" else body).replace("\\", "\\\\") + "]")
            position = end
        else:
            out.append(re.escape(char))
        position += 1
    return re.compile("".join(out) + r"\Z")


def glob_match(pattern: str, path: str) -> bool:
    """True where the shell would expand ``pattern`` to ``path``."""
    return _glob(pattern).match(path) is not None


@dataclass(frozen=True)
class ProbeOutput:
    """All that a probe found. ``declared`` is what it was asked to read: asking for more is a programming error."""

    declared: tuple[Read, ...]
    files: dict[str, File] = field(default_factory=dict)
    selections: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    directory_entries: dict[str, Entry] = field(default_factory=dict)
    commands: dict[str, Output] = field(default_factory=dict)

    def file(self, path: str) -> File:
        """The file at ``path``; :raises LookupError: where no declared read covers it."""
        found = self.files.get(path)
        if found is not None:
            return found
        if any(glob_match(glob, path) for read in self.declared if isinstance(read, Files) for glob in read.globs):
            return File(path, State.MISSING)
        raise LookupError(f"no recommendation declares that it reads {path}")

    def glob(self, pattern: str) -> list[File]:
        """All files that match ``pattern`` and exist, in the order of their paths."""
        return [
            found for path, found in sorted(self.files.items()) if found.exists and glob_match(pattern, path)
        ]

    def lines(self, name: str) -> tuple[Line, ...]:
        """The lines selected under ``name``; :raises LookupError: where none declares it."""
        if not any(isinstance(read, Lines) and read.name == name for read in self.declared):
            raise LookupError(f"no recommendation declares lines '{name}'")
        return self.selections.get(name, ())

    def entry(self, path: str) -> Entry | None:
        """The directory entry at ``path``, None where there is none; :raises LookupError: where none declares it."""
        found = self.directory_entries.get(path)
        if found is None and not any(
            glob_match(glob, path) for read in self.declared if isinstance(read, Entries) for glob in read.globs
        ):
            raise LookupError(f"no recommendation declares that it looks at {path}")
        return found

    def entries(self, pattern: str) -> list[Entry]:
        """All declared directory entries that match ``pattern``, in the order of their paths."""
        return [found for path, found in sorted(self.directory_entries.items()) if glob_match(pattern, path)]

    def command(self, name: str) -> Output:
        """A command's output; :raises LookupError: where none declares it."""
        found = self.commands.get(name)
        if found is None:
            if not any(isinstance(read, Command) and read.name == name for read in self.declared):
                raise LookupError(f"no recommendation declares command '{name}'")
            return Output(name, None)
        return found


def framed(output: str, nonce: str, program: str) -> list[str]:
    """The lines between ``<nonce> begin <program> 1`` and ``<nonce> end``, without banners, and without a terminal's CR.

    :raises ProbeError: where the frame is not whole.
    """
    lines = output.split("\n")
    begin = f"{nonce} begin {program} "
    for start, line in enumerate(lines):
        # A banner without a line end may stand before the nonce on the same line.
        if begin in line:
            break
    else:
        raise ProbeError(
            f"the guest's shell did not run the {program} program: "
            + (f"it answered '{_excerpt(output)}'" if output.strip() else "it answered nothing")
        )
    terminal = lines[start].endswith("\r")
    end = f"{nonce} end"
    body: list[str] = []
    for line in lines[start + 1 :]:
        if terminal and line.endswith("\r"):
            line = line[:-1]
        if line == end:
            return body
        body.append(line)
    raise ProbeError(
        f"the output of the {program} program was cut after {len(body)} lines; nothing of it is believed. "
        "Is the connection stable, and does the guest kill long commands?"
    )


def _excerpt(output: str) -> str:
    text = " ".join(output.split())
    return text if len(text) <= 200 else text[:200] + "…"


def _numbered(rest: str) -> tuple[int, str] | None:
    number, colon, text = rest.partition(":")
    return (int(number), text) if colon and number.isdigit() else None


_LS = re.compile(r"(?P<kind>.)(?P<mode>[rwxsStTlL-]{9})\S*\s+(?P<links>\d+)\s+(?P<uid>\d+)\s+(?P<gid>\d+)\s+(?P<size>\d+(?:,\s*\d+)?)\s+(?P<rest>.*)")


def parse(output: str, nonce: str, declared: Sequence[Read], program: str = "probe") -> ProbeOutput:
    """Parse a probe's output.

    :raises ProbeError: where it was cut, or is none.
    """
    result = ProbeOutput(tuple(declared))
    _Parser(nonce, result).read(iter(framed(output, nonce, program)))
    return result


class _Parser:
    """Reads the frame's lines once, from top to bottom, into ``result``."""

    def __init__(self, nonce: str, result: ProbeOutput) -> None:
        self.prefix = nonce + " "
        self.result = result

    def read(self, lines: Iterator[str]) -> None:
        order: list[str] = []
        content: dict[str, list[str]] = {}
        section, name = "", ""
        body: list[str] = []
        for line in lines:
            if not line.startswith(self.prefix):
                body.append(line)
                continue
            self._close(section, name, body, order, content)
            body = []
            section, _, name = line[len(self.prefix) :].partition(" ")
            if section == "file":
                state, _, path = name.partition(" ")
                if state == State.READ:
                    if path not in content:
                        order.append(path)
                        content[path] = []
                else:
                    self.result.files[path] = File(path, State(state))
            elif section == "data":
                continue
            elif section == "status":
                command, _, status = name.rpartition(" ")
                printed = self.result.commands[command].lines if command in self.result.commands else ()
                self.result.commands[command] = Output(command, None if status == "absent" else int(status), printed)
        self._close(section, name, body, order, content)
        for path, found in content.items():
            self.result.files[path] = File(path, State.READ, tuple(found))

    def _close(
        self, section: str, name: str, body: list[str], order: list[str], content: dict[str, list[str]]
    ) -> None:
        if section == "data":
            self._data(body, order, content)
            order.clear()
        elif section == "lines":
            self.result.selections[name] = self.result.selections.get(name, ()) + tuple(_lines(body))
        elif section == "entries":
            for entry in _entries(body):
                self.result.directory_entries[entry.path] = entry
        elif section == "command":
            self.result.commands[name] = Output(name, None, tuple(body))

    @staticmethod
    def _data(body: list[str], order: list[str], content: dict[str, list[str]]) -> None:
        """Give each ``path:line`` to its file. grep prints the files in the order in which it was given them, so a
        colon in a name (every PCI address has one) is no riddle."""
        position = 0
        for line in body:
            for at in range(position, len(order)):
                path = order[at]
                if line.startswith(path) and line[len(path) : len(path) + 1] == ":":
                    content[path].append(line[len(path) + 1 :])
                    position = at
                    break
            else:
                raise ProbeError(f"the probe printed a line of no file that it named: '{_excerpt(line)}'")


def _lines(body: list[str]) -> Iterator[Line]:
    for line in body:
        # The first ':<digits>:' ends the path.
        found = re.match(r"(?P<path>/.*?):(?P<number>\d+):", line)
        if found:
            yield Line(found["path"], int(found["number"]), line[found.end() :])


def _entries(body: list[str]) -> Iterator[Entry]:
    for line in body:
        found = _LS.match(line)
        if not found or " /" not in line:
            continue
        rest = found["rest"]
        path, target = rest[rest.index("/") :], None
        if found["kind"] == "l":
            path, _, target = path.partition(" -> ")
        yield Entry(
            path,
            found["kind"],
            found["mode"],
            int(found["links"]),
            int(found["uid"]),
            int(found["gid"]),
            0 if "," in found["size"] else int(found["size"]),
            target,
        )
