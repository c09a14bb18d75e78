# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe's output, parsed. The format is described in docs/architecture.md.

Pure: text in, :class:`ProbeOutput` out. Bytes that are no UTF-8 arrive as lone surrogates (``surrogateescape``) and
stay so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property, lru_cache
from typing import TypeVar

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.basic_regex import python_pattern
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import (
    GlobIndex,
    as_bytes,
    glob_match,
    matching,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Entries,
    Files,
    Images,
    Lines,
    Read,
)


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
    """A file as the probe found it. ``lines`` are without line ends; a readable file without lines is empty.

    So is one that can be opened but whose reading fails, as some kernel files do (``speed`` of a network device that is
    down): where an empty value makes no sense, it means unknown.
    """

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
    """A directory entry.

    ``kind`` is ls's first letter (``-``, ``d``, ``l``…), ``mode`` its ``rwxr-xr-x``, ``target`` where a symbolic link
    points. ``size`` is in bytes, 0 for a device.
    """

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


@dataclass(frozen=True)
class Unpacked:
    """What images.sh found in an image.

    ``lines``: cpio headers, each with the name of a module that was looked for, or of an archive's end; and lines by which nash
    loads a module. ``status`` is the decompressor's exit status, or a word of images.sh or probe.sh; empty where that was never
    told. ``format`` is gzip, xz, none…
    """

    path: str
    status: str
    format: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declared:
    """What may be asked for. It is looked into for every path that a guest lacks."""

    files: GlobIndex[None]
    entries: GlobIndex[None]
    lines: frozenset[str]
    commands: frozenset[str]
    images: tuple[str, ...]


@lru_cache(maxsize=8)
def declared(reads: tuple[Read, ...]) -> Declared:
    """``reads`` to look into; remembered, for it is the same for all guests."""
    for read in reads:
        if isinstance(read, Lines):
            # Both are remembered: no guest's process is to make them anew.
            python_pattern(read.pattern)
            GlobIndex((glob, None) for glob in read.globs)
    return Declared(
        files=GlobIndex((glob, None) for read in reads if isinstance(read, Files) for glob in read.globs),
        entries=GlobIndex((glob, None) for read in reads if isinstance(read, Entries) for glob in read.globs),
        lines=frozenset(read.name for read in reads if isinstance(read, Lines)),
        commands=frozenset(read.name for read in reads if isinstance(read, Command)),
        images=tuple(glob for read in reads if isinstance(read, Images) for glob in read.globs),
    )


@dataclass(frozen=True)
class ProbeOutput:
    """All that a probe found. ``declared`` is what it was asked to read: asking for more is a programming error."""

    declared: tuple[Read, ...]
    files: dict[str, File] = field(default_factory=dict)
    selections: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    directory_entries: dict[str, Entry] = field(default_factory=dict)
    commands: dict[str, Output] = field(default_factory=dict)
    images: dict[str, Unpacked] = field(default_factory=dict)

    def file(self, path: str) -> File:
        """The file at ``path``; :raises LookupError: where no declared read covers it.

        In a folder that may not be looked into everything is denied, not missing.
        """
        found = self.files.get(path)
        if found is not None:
            return found
        if path in self._declared.files:
            folders = (path[:end] for end, char in enumerate(path) if char == "/" and end)
            denied = any(self.files[folder].state is State.DENIED for folder in folders if folder in self.files)
            return File(path, State.DENIED if denied else State.MISSING)
        raise LookupError(f"no recommendation declares that it reads {path}")

    def glob(self, pattern: str) -> list[File]:
        """All files that match ``pattern`` and exist, in the order of their paths."""
        found = (self.files[path] for path in matching(pattern, self._file_paths))
        return [file for file in found if file.exists]

    def lines(self, name: str) -> tuple[Line, ...]:
        """The lines selected under ``name``; :raises LookupError: where none declares it."""
        if name not in self._declared.lines:
            raise LookupError(f"no recommendation declares lines '{name}'")
        return self.selections.get(name, ())

    def entry(self, path: str) -> Entry | None:
        """The directory entry at ``path``, None where there is none; :raises LookupError: where none declares it."""
        found = self.directory_entries.get(path)
        if found is None and path not in self._declared.entries:
            raise LookupError(f"no recommendation declares that it looks at {path}")
        return found

    def entries(self, pattern: str) -> list[Entry]:
        """All declared directory entries that match ``pattern``, in the order of their paths."""
        return [self.directory_entries[path] for path in matching(pattern, self._entry_paths)]

    def image(self, path: str) -> Unpacked | None:
        """What was found in an image, None where there is no such image; :raises LookupError: where none declares it."""
        found = self.images.get(path)
        if found is None and not any(glob_match(glob, path) for glob in self._declared.images):
            raise LookupError(f"no recommendation declares that it reads the image {path}")
        return found

    @cached_property
    def _declared(self) -> Declared:
        return declared(self.declared)

    @cached_property
    def _file_paths(self) -> list[str]:
        return sorted(self.files)

    @cached_property
    def _entry_paths(self) -> list[str]:
        return sorted(self.directory_entries)

    def command(self, name: str) -> Output:
        """A command's output; :raises LookupError: where none declares it."""
        found = self.commands.get(name)
        if found is None:
            if name not in self._declared.commands:
                raise LookupError(f"no recommendation declares command '{name}'")
            return Output(name, None)
        return found


Made = TypeVar("Made")


def once(probe: ProbeOutput, name: str, make: Callable[[ProbeOutput], Made]) -> Made:
    """What ``make`` makes of this output, for those who ask again: made once, and kept with it under ``name``."""
    kept = probe.__dict__.setdefault("_kept", {})
    if name not in kept:
        kept[name] = make(probe)
    made: Made = kept[name]
    return made


def framed(output: str, nonce: str, program: str) -> list[str]:
    """The lines between ``<nonce> begin <program> 1`` and ``<nonce> end``: no banner, and no terminal's CR.

    :raises ProbeError: where the frame is not whole.
    """
    lines = output.split("\n")
    begin = f"{nonce} begin {program} "
    for start, line in enumerate(lines):  # noqa: B007 (it is used after the loop)
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
        f"the output of the {program} program was cut after {max(0, len(body) - 1)} lines; nothing of it is believed. "
        "Is the connection stable, and does the guest kill long commands?"
    )


def _excerpt(output: str) -> str:
    text = " ".join(output.split())
    return text if len(text) <= 200 else text[:200] + "…"


def parse(output: str, nonce: str, declared: Sequence[Read], program: str = "probe") -> ProbeOutput:
    """Parse a probe's output.

    :raises ProbeError: where it was cut, or is none.
    """
    result = ProbeOutput(tuple(declared))
    parser = _Parser(nonce, result)
    try:
        parser.read(framed(output, nonce, program))
    except ValueError as error:
        raise ProbeError(f"the output of the {program} program is not as expected: {error}") from error
    return result


#: What comes only right after something else.
_AFTER = {
    "data": ("file",),
    "status": ("command",),
    "unpacked": ("image",),
    "failed": ("data", "lines", "entries", "failed"),
}


class _Parser:
    """Reads the frame's lines once, from top to bottom, into ``result``.

    :raises ValueError: where they are not as docs/architecture.md says.
    """

    def __init__(self, nonce: str, result: ProbeOutput) -> None:
        self.prefix = nonce + " "
        self.result = result
        #: Files in state read whose lines have not come yet, in grep's order.
        self.waiting: list[str] = []

    def read(self, lines: Sequence[str]) -> None:
        """Go through the sections: a structural line, and the data lines up to the next one."""
        if not lines:
            return
        starts = [number for number, line in enumerate(lines) if self.prefix in line]
        if not lines[0].startswith(self.prefix):
            raise ValueError(f"it begins with '{_excerpt(lines[0])}'")
        printed: tuple[str, ...] = ()
        before = name = ""
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            # What a command printed last may be without a line end: the structural line is then on the same line.
            dummy, dummy, line = lines[start].partition(self.prefix)
            body = lines[start + 1 : end]
            kind, dummy, rest = line.partition(" ")
            if end < len(lines) and not lines[end].startswith(self.prefix):
                body = [*body, lines[end][: lines[end].index(self.prefix)]]
                if kind != "command":
                    raise ValueError(f"a line begins with '{_excerpt(body[-1])}'")
            if body and kind in ("file", "status", "unpacked"):
                raise ValueError(f"after '{_excerpt(line)}' comes '{_excerpt(body[0])}'")
            # Were one of the guest's lines lost, what follows it would count as something else's.
            if before not in _AFTER.get(kind, (before,)) or (before == "command" and kind != "status"):
                raise ValueError(f"'{_excerpt(line)}' comes after '{before} {_excerpt(name)}'")
            failed = end < len(lines) and lines[end] == self.prefix + "failed"
            if failed and kind in ("lines", "entries"):
                raise ValueError(f"the guest's program for its {kind} is missing, or was killed")
            if kind == "file":
                self._file(rest)
            elif kind == "data":
                if failed:
                    self._not_read()
                else:
                    self._data(body)
            elif kind == "failed":
                pass  # What comes after it belongs to what was cut off.
            elif kind == "lines":
                self._selections(rest.split(","), body)
            elif kind == "entries":
                self.result.directory_entries.update((entry.path, entry) for entry in _entries(body))
            elif kind == "command":
                printed = tuple(body)
            elif kind == "status":
                ended, dummy, status = rest.rpartition(" ")
                if ended != name:
                    raise ValueError(f"'{_excerpt(line)}' comes after 'command {name}'")
                self.result.commands[name] = Output(name, None if status == "absent" else int(status), printed)
                printed = ()
            elif kind == "image":
                self.result.images[rest] = Unpacked(rest, "", "", tuple(body))
            elif kind == "unpacked":
                status, dummy, form = rest.partition(" ")
                self.result.images[name] = replace(self.result.images[name], status=status, format=form)
            else:
                raise ValueError(f"it has a section '{_excerpt(line)}'")
            before, name = kind, rest
        if before == "command" or self.waiting:
            raise ValueError(f"after '{before} {_excerpt(name)}' comes nothing")

    def _file(self, rest: str) -> None:
        state, dummy, path = rest.partition(" ")
        if state == "read":
            self.waiting.append(path)
            self.result.files[path] = File(path, State.READ)
        else:
            self.result.files[path] = File(path, State(state))

    def _not_read(self) -> None:
        """What prints and redacts the lines of files was not there, or was killed: none of them may pass for whole."""
        self.result.files.update((path, File(path, State.DENIED)) for path in self.waiting)
        self.waiting = []

    def _data(self, body: Sequence[str]) -> None:
        """Give each ``path:line`` to its file. grep prints the files in the order in which it was given them, so a
        colon in a name (every PCI address has one) is no riddle."""
        waiting = iter(self.waiting)
        self.waiting = []
        path, start, content = "", "", list[str]()
        for line in body:
            while not start or not line.startswith(start):
                if content:
                    self.result.files[path] = File(path, State.READ, tuple(content))
                    content = []
                following = next(waiting, None)
                if following is None:
                    raise ValueError(f"a line of no file that it named: '{_excerpt(line)}'")
                path, start = following, following + ":"
            content.append(line[len(start) :])
        if content:
            self.result.files[path] = File(path, State.READ, tuple(content))

    def _selections(self, names: Sequence[str], body: Sequence[str]) -> None:
        """Give each line to those who asked for it: by its file, and by its text. What one asked for alone is its own."""
        reads = dict.fromkeys(read for read in self.result.declared if isinstance(read, Lines) and read.name in names)
        index = GlobIndex((glob, read) for read in reads for glob in read.globs)
        lines = tuple(dict.fromkeys(_lines(body, index)))
        found: dict[str, list[Line]] = {name: [] for name in names}
        if len(names) == 1:
            found[names[0]].extend(lines)
        else:
            asking = {path: set(index.of(path)) for path in {line.path for line in lines}}
            patterns = [(read, python_pattern(read.pattern)) for read in reads]
            for read, pattern in patterns:
                found[read.name] += [line for line in lines if read in asking[line.path] and pattern.search(line.text)]
        for name, selected in found.items():
            self.result.selections[name] = self.result.selections.get(name, ()) + tuple(selected)


def _lines(body: Sequence[str], index: GlobIndex[Lines]) -> Iterator[Line]:
    """``path:number:text``: of several places where a path could end, the first that makes a path asked for."""
    path, start = "", ""
    for line in body:
        number, colon, text = "", "", ""
        if start and line.startswith(start):
            number, colon, text = line[len(start) :].partition(":")
        if not (colon and number.isdecimal()):
            for found in _NUMBER.finditer(line):
                path = line[: found.start()]
                if path in index:
                    start, number, text = path + ":", found[1], line[found.end(1) + 1 :]
                    break
            else:
                raise ValueError(f"a line of no file that was asked for: '{_excerpt(line)}'")
        yield Line(path, int(number), text)


#: Where a path may end in PATH:NUMBER:TEXT. The second colon may be the first one of the next such place.
_NUMBER = re.compile(r":(?=([0-9]+):)")


def _entries(body: Sequence[str]) -> Iterator[Entry]:
    """Lines of ``ls -ldn``. A link's target may hold anything, even lines that look like nothing: they are left out."""
    for line in body:
        # Permissions, links, uid, gid, size or device numbers, date, path: there is no slash before the path.
        front, slash, rest = line.partition(" /")
        fields = front.split()
        if not slash or len(fields) < 5 or not all(field.isdecimal() for field in fields[1:4]):
            continue
        path, target = "/" + rest, None
        kind, size = fields[0][0], fields[4]
        if kind == "l":
            path, target = _link(path, size)
        yield Entry(
            path,
            kind,
            fields[0][1:10],
            int(fields[1]),
            int(fields[2]),
            int(fields[3]),
            int(size) if size.isdecimal() else 0,
            target,
        )


def _link(shown: str, size: str) -> tuple[str, str]:
    """A link's path and target. The size of a link is its target's length, but kernel file systems say 0."""
    path, dummy, target = shown.partition(" -> ")
    if " -> " in target and size.isdecimal():
        whole = as_bytes(shown)
        end = len(whole) - int(size)
        if whole[:end].endswith(b" -> "):
            return _text(whole[: end - 4]), _text(whole[end:])
    return path, target


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
