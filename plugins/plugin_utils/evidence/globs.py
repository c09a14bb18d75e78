# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Globs as the guest's shell expands them, and which of many match a path."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Generic, TypeVar

_WILD = re.compile(r"[*?[]")


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[bytes]:
    """A shell glob as a regular expression: ``*`` and ``?`` stop at a slash and, as the shell's, at a leading dot.

    Over bytes, because the probe's shell runs with ``LC_ALL=C``: there a ``?`` is one byte.
    """
    glob = as_bytes(pattern)
    out = []
    position = 0
    while position < len(glob):
        char = glob[position : position + 1]
        # A wildcard at the start of a name matches no dot, and no name is empty.
        no_dot = rb"(?![./]|\Z)" if glob[position - 1 : position] in (b"/", b"") else b""
        end = glob.find(b"]", position + (3 if glob[position + 1 : position + 2] == b"!" else 2))
        if char == b"*":
            out.append(no_dot + rb"[^/]*")
        elif char == b"?":
            out.append(no_dot + rb"[^/]")
        elif char == b"[" and end >= 0 and b"/" not in glob[position:end]:
            body = glob[position + 1 : end]
            negated = body.startswith(b"!")
            members = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", body[1:] if negated else body)
            out.append(no_dot + rb"(?!/)[" + (b"^" if negated else b"") + members + b"]")
            position = end
        else:
            out.append(re.escape(char))
        position += 1
    return re.compile(b"".join(out) + rb"\Z", re.DOTALL)


def as_bytes(text: str) -> bytes:
    """A path of the guest as its bytes."""
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=4096)
def beginning(pattern: str) -> tuple[str, bool]:
    """The part of a glob before its first wildcard (all of it where it has none), and whether it has one."""
    wild = _WILD.search(pattern)
    return (pattern[: wild.start()], True) if wild else (pattern, False)


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether the shell would expand ``pattern``, which has a wildcard, to a path that begins as it does.

    Most patterns have one ``*`` and nothing else. For those no regular expression is compiled: each guest has a process of
    its own that begins without any, and compiling a hundred took half of an audit's time on the controller.
    """
    start, star, end = pattern.partition("*")
    if not star or _WILD.search(start + end):
        match = _glob(pattern).match
        return lambda path: match(as_bytes(path)) is not None
    begins_name = start.endswith("/") or not start
    least = len(start) + len(end)

    def matches(path: str) -> bool:
        if len(path) < least or not path.endswith(end) or "/" in path[len(start) : len(path) - len(end)]:
            return False
        return not begins_name or (len(path) > len(start) and path[len(start)] not in "./")

    return matches


def glob_match(pattern: str, path: str) -> bool:
    """True where the shell would expand ``pattern`` to ``path``."""
    start, wild = beginning(pattern)
    # Thousands of pairs are asked about for each guest, and most do not even begin alike.
    if not path.startswith(start):
        return False
    return _matcher(pattern)(path) if wild else path == pattern


def matching(pattern: str, paths: Sequence[str]) -> list[str]:
    """Those of the sorted ``paths`` that ``pattern`` matches; only those that begin as it does are looked at."""
    start, wild = beginning(pattern)
    if not wild:
        at = bisect_left(paths, pattern)
        return [pattern] if paths[at : at + 1] == [pattern] else []
    matches = _matcher(pattern)
    found = []
    for path in islice(paths, bisect_left(paths, start), None):
        if not path.startswith(start):
            break
        if matches(path):
            found.append(path)
    return found


Asker = TypeVar("Asker")


class GlobIndex(Generic[Asker]):
    """Many globs, each with who asks for it: looked up by folder, for each guest has thousands of paths to be asked about."""

    def __init__(self, asked: Iterable[tuple[str, Asker]]) -> None:
        self._paths: dict[str, list[Asker]] = {}
        #: By the folders before the first wildcard, with a slash at the end.
        self._globs: dict[str, list[tuple[Callable[[str], bool], str, Asker]]] = {}
        for glob, asker in asked:
            start, wild = beginning(glob)
            if wild:
                folder = start[: start.rfind("/") + 1]
                self._globs.setdefault(folder, []).append((_matcher(glob), start, asker))
            else:
                self._paths.setdefault(glob, []).append(asker)

    def of(self, path: str) -> Iterator[Asker]:
        """Who asks for ``path``; one who does so by several globs comes several times."""
        yield from self._paths.get(path, ())
        end = 0
        while end >= 0:
            for matches, start, asker in self._globs.get(path[:end], ()):
                if path.startswith(start) and matches(path):
                    yield asker
            following = path.find("/", end)
            end = following + 1 if following >= 0 else -1

    def __contains__(self, path: str) -> bool:
        return any(True for dummy in self.of(path))
