# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/coverage.md: every entry of the catalogue, and the tests that stand for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.tests.pages.proofs import Cases
from ansible_collections.vmguest.linux.tests.pages.sentences import has_remedy, sentences
from ansible_collections.vmguest.linux.tests.pages.sources import MADE

CHAPTERS = {
    "A": "Choosing the platform",
    "B": "VMware Tools",
    "C": "Storage",
    "D": "Network",
    "E": "Memory",
    "F": "Time",
    "G": "Scheduling",
    "H": "Cloning",
    "I": "Appliances",
    "J": "All of it",
    "X": "Not in the talk",
}
#: Statuses of the columns that count cases.
COLUMNS: tuple[tuple[str, tuple[Status, ...]], ...] = (
    ("compliant", (Status.COMPLIANT,)),
    ("noncompliant", (*sorted(REMEDIABLE), Status.PENDING_REBOOT)),
    ("manual", (Status.MANUAL,)),
    ("not applicable", (Status.NOT_APPLICABLE,)),
    ("unknown", (Status.UNKNOWN,)),
)


@dataclass(frozen=True)
class Entry:
    """One entry of the catalogue (catalogue.yml)."""

    number: str
    id: str
    title: str
    answered_by: str = ""


@dataclass(frozen=True)
class Standing:
    """Recommendation to what stands for it."""

    cases: Mapping[str, Cases]
    containers: Mapping[str, Sequence[str]]
    machines: Mapping[str, Sequence[str]]


def page(catalogue: Sequence[Entry], tests: Standing) -> str:
    """The page."""
    return "\n\n".join(part for part in _page(catalogue, tests) if part) + "\n"


def _page(catalogue: Sequence[Entry], tests: Standing) -> Iterator[str]:
    audited = [entry for entry in catalogue if _audit(entry)]
    changing = [entry for entry in RECOMMENDATIONS.values() if has_remedy(entry.assess)]
    yield MADE
    yield "# What is covered"
    yield (
        f"Of {len(catalogue)} entries of the catalogue {len(audited)} have an audit, and {len(changing)} recommendations "
        "have a remedy in the guest. All numbers are read from the tests."
    )
    yield _legend()
    for letter, title in CHAPTERS.items():
        entries = [entry for entry in catalogue if entry.number.startswith(letter)]
        if entries:
            yield f"## {letter}. {title}"
            yield "\n".join(_table(entries, tests))
    others = [name for name in RECOMMENDATIONS if name not in {entry.id for entry in catalogue}]
    if others:
        yield "## In no catalogue"
        yield "\n".join(_table([Entry("", name, RECOMMENDATIONS[name].title) for name in others], tests))
    yield from _missing([entry for entry in catalogue if not _audit(entry)])
    yield "## Audited, with no remedy in the guest"
    yield (
        "A person or vCenter acts. Of each: why there is no remedy, then what its findings ask for; `…` is what was found."
    )
    yield "\n".join(_manual())


def _legend() -> str:
    return """- **remedy**: cases of guest trees (`tests/guests`) in which it was found wrong, remedied, and found right;
  `none`: it is only audited, and why [stands below](#audited-with-no-remedy-in-the-guest). Variants that have no
  remedy of their own are audited only. **revert**: those of them that were
  brought back byte for byte: the same test does both (`tests/unit/test_guests.py`).
- **compliant** to **unknown**: cases by what the first audit must say; `noncompliant` counts `not_persistent` and
  `pending_reboot`, too. **conflict**: cases in which somebody else sets the value, and would win.
- **containers**: tests of `molecule/default` that look at the remedied guest with its own commands. **VMs**: tests of `tests/vm`
  and `molecule/vm` that assert its status on a booted guest, or look at it there.
- Empty: there is no such test.

`make breaks` breaks every recommendation on purpose, for each column from **remedy** to **conflict** and for each step of a remedy,
and fails where neither a case nor the rule's unit tests turn red. **containers** and **VMs** are no part of that: these tests are
counted, and nothing is broken on purpose to see them turn red."""


def _audit(entry: Entry) -> str:
    """The recommendation that audits an entry, empty where there is none."""
    return next((name for name in (entry.id, entry.answered_by) if name in RECOMMENDATIONS), "")


def _table(entries: Sequence[Entry], tests: Standing) -> Iterator[str]:
    heads = ["number", "recommendation", "audit", "remedy", "revert", *(name for name, dummy in COLUMNS)]
    heads += ["conflict", "containers", "VMs"]
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|" + "---:|" * (len(heads) - 3)
    for entry in entries:
        yield f"| {' | '.join([entry.number, *_row(entry, tests)])} |"


def _row(entry: Entry, tests: Standing) -> list[str]:
    name = _audit(entry)
    if not name:
        return [f"`{entry.id}`", "**missing**", *[""] * (len(COLUMNS) + 5)]
    link = f"[`{name}`](recommendations/{name}.md)"
    cases = tests.cases.get(name, Cases())
    remedy = _number(cases.remedied) if has_remedy(RECOMMENDATIONS[name].assess) else "none"
    return [
        link if name == entry.id else f"`{entry.id}`: see {link}",
        "yes" if cases.statuses else "",
        remedy,
        _number(cases.remedied),
        *(_number(cases.count(*statuses)) for dummy, statuses in COLUMNS),
        _number(cases.conflicts),
        _number(len(tests.containers.get(name, ()))),
        _number(len(tests.machines.get(name, ()))),
    ]


def _number(count: int) -> str:
    return str(count) if count else ""


def _missing(entries: Sequence[Entry]) -> Iterator[str]:
    yield "## Missing"
    if not entries:
        yield "None: every entry has an audit."
        return
    yield "These have no audit yet."
    yield "\n".join(f"- {entry.number} `{entry.id}`: {entry.title}" for entry in entries)


def _manual() -> Iterator[str]:
    for name, entry in RECOMMENDATIONS.items():
        if not has_remedy(entry.assess):
            reasons = sentences(entry.assess)["manual"]
            why = [*([entry.no_remedy] if entry.no_remedy else []), *([] if reasons else ["It only tells."])]
            yield f"- [`{name}`](recommendations/{name}.md)" + (f": {' '.join(why)}" if why else "")
            yield from (f"  - {reason}" for reason in reasons)
