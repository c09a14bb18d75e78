# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Basic regular expressions, as grep has them (POSIX, and GNU's ``\\|``), for Python."""

from __future__ import annotations

import re
from functools import cache

#: What stands escaped for itself, and what is an operator only where it is escaped.
_LITERAL = frozenset(".*[]^$\\/-\"' ")
_OPERATORS = {"|": "|", "(": "(?:", ")": ")"}
_CLASSES = {"blank": " \\t", "space": "\\s", "digit": "0-9", "alpha": "A-Za-z", "alnum": "A-Za-z0-9"}
_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<bracket>\[\^?\]?(?:\[:\w+:\]|[^]])*\])|(?P<plain>.)", re.DOTALL)


@cache
def python_pattern(pattern: str) -> re.Pattern[str]:
    """``pattern`` for :meth:`re.Pattern.search` in one line of text.

    :raises ValueError: for what is not known here (back references, GNU's ``\\w``, collating elements).
    """
    out: list[str] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise ValueError(f"no basic regular expression: '{pattern}'")
        at = token.end()
        if token["bracket"]:
            out.append(_bracket(token["bracket"]))
        elif token["escaped"] == "{":
            bounds = re.compile(r"([0-9]+(?:,[0-9]*)?)\\\}").match(pattern, at)
            if bounds is None:
                raise ValueError(f"unknown bounds in '{pattern}'")
            out.append("{" + bounds[1] + "}")
            at = bounds.end()
        elif token["escaped"]:
            out.append(_escaped(token["escaped"], pattern))
        else:
            out.append(_plain(token["plain"], out, pattern[at : at + 2]))
    return re.compile("".join(out), re.ASCII)


def _escaped(char: str, pattern: str) -> str:
    if char in _OPERATORS:
        return _OPERATORS[char]
    if char not in _LITERAL:
        raise ValueError(f"'\\{char}' is not known in '{pattern}'")
    return re.escape(char)


def _plain(char: str, before: list[str], after: str) -> str:
    """A character outside brackets; ``*``, ``^`` and ``$`` are operators only where they can be one."""
    begins = not before or before[-1] in ("(?:", "|")
    if char == "*":
        return re.escape(char) if begins or before[-1] == "^" else char
    if char == "^":
        return char if begins else re.escape(char)
    if char == "$":
        return r"\Z" if after in ("", "\\|", "\\)") else re.escape(char)
    return char if char == "." else re.escape(char)


def _bracket(text: str) -> str:
    inverted = text.startswith("[^")
    inside = text[2:-1] if inverted else text[1:-1]
    parts = []
    for part in re.split(r"(\[:\w+:\])", inside):
        if part.startswith("[:"):
            if part[2:-2] not in _CLASSES:
                raise ValueError(f"the class '{part}' is not known")
            parts.append(_CLASSES[part[2:-2]])
        else:
            # Nothing is escaped in brackets: a backslash is one.
            parts.append(re.sub(r"([\\\[\]^&~|])", r"\\\1", part))
    return f"[{'^' if inverted else ''}{''.join(parts)}]"
