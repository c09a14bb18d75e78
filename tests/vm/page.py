# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/proof.md: claim by claim what the talk says and what the scenarios measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.tests.vm.claims import CLAIMS, KEPT_AT_AUDIT, Claim
from ansible_collections.vmguest.linux.tests.vm.results import Case


def problems(cases: Sequence[Case]) -> list[str]:
    """Why a page of these cases would not be the truth: a claim without one, or one that failed."""
    found = [f"no scenario of '{claim.title}' was run" for claim in CLAIMS if not _of(cases, claim)]
    return found + [f"a scenario failed: {case.claim}, {case.title}" for case in cases if not case.passed]


def page(cases: Sequence[Case]) -> str:
    """The page, of cases that all passed."""
    return "\n".join(_page(cases)) + "\n"


def cases_of(text: str) -> list[Case]:
    """The cases that a page shows: what :func:`page` made of them, the other way round. How long they took it does not tell."""
    claims = {claim.title: claim.id for claim in CLAIMS}
    claim, cases = "", []
    for line in text.splitlines():
        if line.startswith("## "):
            claim = claims.get(line[3:], "")
        elif line.startswith("**") and line.endswith("**") and claim:
            cases.append(Case(claim, line[2:-2], passed=True))
        elif line.startswith("| ") and line != "| | |":
            what, found = re.split(r"(?<!\\) \| ", line[2:-2], maxsplit=1)
            cases[-1].facts.append((_plain(what), _plain(found)))
    return cases


def newest(old: Sequence[Case], new: Sequence[Case], scenarios: Mapping[str, Sequence[str]]) -> list[Case]:
    """All cases, by claim and title; of one that both have, what is new. ``scenarios`` are the titles that there are, by claim,
    with ``{…}`` for what differs; an old case that is none of these any more is left out."""
    found = {(case.claim, _title(case)): case for case in old if _is_one(case, scenarios.get(case.claim, ()))}
    found |= {(case.claim, _title(case)): case for case in new}
    return [found[key] for key in sorted(found)]


def _is_one(case: Case, titles: Sequence[str]) -> bool:
    patterns = (re.sub(r"\\\{\w+\\\}", ".*", re.escape(title)) for title in titles)
    return any(re.fullmatch(pattern, case.title, re.IGNORECASE) for pattern in patterns)


def _page(cases: Sequence[Case]) -> Iterator[str]:
    yield """# Proof: what the manual says, measured

Made by `make proof` (hours of scenarios, two at a time), or part by part: `make proof ARGS=…`, then `make proof-page`. Each line
of a table was measured by a test that fails where it is otherwise, on Debian 12 guests in QEMU that take their machine for
VMware's: firmware, hypervisor port, disks, network card. The processor is emulated, so nothing here says how fast something is.
`make vm-sample`, a part of `make test`, runs some of it.

VMware's backdoor and its channel to the host do not answer as on ESXi: what VMware Tools report is shown nowhere here.
"""
    for claim in CLAIMS:
        yield f"## {claim.title}\n"
        yield f"{_words(claim)}\n"
        for case in _of(cases, claim):
            yield f"**{_title(case)}**\n"
            yield "| | |\n|---|---|"
            yield from (f"| {_cell(_by_whom(what))} | {_cell(found)} |" for what, found in case.facts)
            yield ""
        yield f"Repeat it: `make proof ARGS=tests/vm/{claim.file}`."
        if claim.not_shown:
            yield f"\nNot shown: {claim.not_shown}"
        yield ""


def only_looked_at(recommendation: str, status: str) -> str:
    """That a finding is not compliant and nobody changes it: its profile does not, or the scenario itself has it so."""
    by = "scenario" if RECOMMENDATIONS[recommendation].role == KEPT_AT_AUDIT else "profile"
    return f"{recommendation} is {status}, and only looked at by this {by}"


def _by_whom(what: str) -> str:
    """What a fact is called. Results of before may say that it is the profile that only looks, where it was the scenario."""
    found = re.fullmatch(r"(\w+) is (\w+), and only looked at by this \w+", what)
    return only_looked_at(found[1], found[2]) if found and found[1] in RECOMMENDATIONS else what


def _words(claim: Claim) -> str:
    if claim.recommendation is None:
        return f"The law: *{claim.law}*"
    entry = RECOMMENDATIONS[claim.recommendation]
    return f"The talk: *{entry.talk}* Today: {entry.today}"


def _of(cases: Sequence[Case], claim: Claim) -> list[Case]:
    return [case for case in cases if case.claim == claim.id]


def _title(case: Case) -> str:
    return case.title[0].upper() + case.title[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _plain(cell: str) -> str:
    return cell.replace("<br>", "\n").replace("\\|", "|")
