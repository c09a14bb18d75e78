# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bash before 4.1 cannot parse, which is /bin/sh on EL 4 and 5, SLES 10 and 11, is in nothing that a guest is sent.

It looks for the end of ``$(`` by counting parentheses, so that the one after a pattern of ``case`` ends it: a syntax error in the
whole program, before anything of it runs (seen with 3.0.16, 3.1, 3.2.48 and 4.0.38). A pattern in there needs its opening
parenthesis.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils import guest

PLUGIN_UTILS = Path(next(iter(guest.__path__))).parent


def substitutions(text: str) -> Iterator[str]:
    """The bodies of ``$( )`` as an old bash sees them: from each to where as many parentheses are closed as were opened."""
    at = text.find("$(")
    while at >= 0:
        depth, end, quote = 0, at + 1, ""
        while end < len(text):
            char = text[end]
            if quote:
                quote = "" if char == quote else quote
            elif char == "\\":
                end += 1
            elif char in "'\"":
                quote = char
            else:
                depth += {"(": 1, ")": -1}.get(char, 0)
            if depth == 0 and not quote:
                break
            end += 1
        yield text[at + 2 : end]
        at = text.find("$(", at + 2)


def cut_off(text: str) -> list[str]:
    """Those of them that end before their ``case`` does."""
    bodies = [" ".join(body.split()) for body in substitutions(text)]
    return [body for body in bodies if f" {body}".count(" case ") > f"{body} ".replace(";", " ").count(" esac ")]


def texts(path: Path) -> Iterator[str]:
    """The shell of a file: all of a script, the strings of a module."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".sh":
        yield "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_what_is_looked_for() -> None:
    assert cut_off('said=$(while read -r name; do\ncase $name in\na) echo "(";; \nesac; done)') != []
    assert cut_off("said=$(case $1 in (a) echo x ;; esac)") == []
    assert cut_off('case $(ours) in *" x "*) ;; esac') == []


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(PLUGIN_UTILS.rglob("*")) if path.suffix in (".py", ".sh")],
    ids=lambda path: path.name,
)
def test_a_case_within_a_substitution_has_whole_parentheses(path: Path) -> None:
    assert [body for text in texts(path) for body in cut_off(text)] == []
