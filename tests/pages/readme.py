# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role's README says, section by section: a section begins with its name in bold type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Sections that a page shows, by what they answer; several names, for READMEs say it in their own words.
CHECKED = ("What it checks",)
CHANGED = ("What it changes",)
NOT_FOR = ("Not for", "Not applicable", "What it refuses")
LEFT = ("What it leaves to a person", "What to do", "Not seen", "Not seen from the guest")
RISK = ("Risk",)
UNDONE = ("Rollback", "Idempotence, Rollback, Atomicity")

#: An item of a list that is about the recommendations that it begins with.
_ITEM = re.compile(r"- ((?:`\w+`(?:, | and )?)+): ")
#: An example: lines that are indented as Markdown wants its code.
_EXAMPLE = re.compile(r"^    \w.*\n(?:    .*\n)*", re.MULTILINE)
_LABEL = re.compile(r"\*\*([A-Z][^*]+?)[.:,]?\*\*")


@dataclass(frozen=True)
class Readme:
    """A role's README: ``sections`` by their names, ``rows`` of its tables of recommendations as heading to cell, ``examples`` of
    its variables. ``ids`` are the role's recommendations."""

    role: str
    sections: dict[str, str]
    rows: dict[str, dict[str, str]]
    examples: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()

    def say(self, names: tuple[str, ...], recommendation: str = "") -> str:
        """The sections of these names, one below the other; empty where there is none.

        With a ``recommendation`` without what is said of others of the role: their rows of a table, and items of a list that
        begin with their ids (``- `one`, `two`: …``). A section of which nothing is left but its name is none.
        """
        texts = [self.sections[name] for name in names if name in self.sections]
        if recommendation:
            texts = [_of_one(text, recommendation, self.ids | set(self.rows)) for text in texts]
        return "\n\n".join(text for text in texts if text)


def parse(role: str, text: str, ids: Iterable[str] = ()) -> Readme:
    """A README as its sections; :raises ValueError: a section stands there twice."""
    sections: dict[str, str] = {}
    for name, body in _sections(text):
        if name in sections:
            raise ValueError(f"roles/{role}/README.md has the section '{name}' twice: make one of both")
        sections[name] = body
    return Readme(role, sections, dict(_rows(text)), tuple(_EXAMPLE.findall(text)), frozenset(ids))


def missing(readme: Readme, remedies: bool) -> list[str]:
    """What a page would lack, a sentence each. ``remedies``: the role changes guests."""
    wanted = {
        "**What it checks.** with what is read": CHECKED,
        **({"**What it changes.** with files and live values": CHANGED} if remedies else {}),
        "**Rollback:** with what a revert does, or **Idempotence, Rollback, Atomicity:** where nothing is changed": UNDONE,
    }
    return [
        f"roles/{readme.role}/README.md has no section {what}: its pages in docs/recommendations are made from it"
        for what, names in wanted.items()
        if not readme.say(names)
    ]


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Name and body, which begins with the name as it is written. A heading ends a section."""
    for part in re.split(r"^#.*$", text, flags=re.MULTILINE):
        labels = list(_LABEL.finditer(part))
        ends = [label.start() for label in labels[1:]] + [len(part)]
        for label, end in zip(labels, ends, strict=False):
            yield label[1], part[label.start() : end].strip()


def _of_one(text: str, recommendation: str, all_: set[str]) -> str:
    """A section without what is about other recommendations only. What is left as a list's only item is a paragraph."""
    lines = list(_lines_of_one(text, recommendation, all_))
    items = [line for line in lines if re.match(r"\s*(?:-|\d+\.) ", line)]
    if len(items) == 1 and items[0] not in text:
        lines = [line.removeprefix("- " if line == items[0] else "  ") for line in lines]
    found = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    found = re.sub(r"\A(\*\*[^*]+\*\*)\n\n(?![-|\s])", r"\1 ", found)
    return "" if _LABEL.fullmatch(found) else found


def _lines_of_one(text: str, recommendation: str, all_: set[str]) -> Iterator[str]:
    """The lines of a section without those that are about other recommendations only."""
    others = False
    for line in text.splitlines():
        item = _ITEM.match(line)
        if item:
            names = set(re.findall(r"`(\w+)`", item[1]))
            others = bool(names) and names <= all_ and recommendation not in names
            if recommendation in names:
                line = "- " + line[item.end() :][:1].upper() + line[item.end() + 1 :]
        elif line.startswith("|"):
            others = line.split("|")[1].strip().strip("`") in all_ - {recommendation}
        elif line and not line.startswith("  "):
            if others and not line.startswith("- "):
                yield ""
            others = False
        if not others:
            yield line


def _rows(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of tables whose first column is `recommendation`."""
    heads: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            heads = []
        elif cells[0] == "recommendation":
            heads = cells
        elif heads and not set(cells[0]) <= set("-: "):
            yield cells[0].strip("`"), dict(zip(heads[1:], cells[1:], strict=True))
