# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/recommendations: a page for each recommendation, and their index. Pure.

All that a page says is said elsewhere first: by the recommendation's entry and its rule, its role's argument_specs and README, the
profiles, and the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import SPECS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.profiles import MODES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import BASE_READS, RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Entries,
    Files,
    Images,
    Lines,
    Read,
)
from ansible_collections.vmguest.linux.tests.pages.readme import CHANGED, CHECKED, LEFT, NOT_FOR, RISK, UNDONE, Readme
from ansible_collections.vmguest.linux.tests.pages.sentences import has_remedy, sentences
from ansible_collections.vmguest.linux.tests.pages.sources import AREA_TITLES, MADE, by_area, effective, profiles
from ansible_collections.vmguest.linux.tests.vm.claims import CLAIMS

DOES = {"enforce": "enforced", "audit": "audited", "off": "off"}
CELLS = {"enforce": "**E**", "audit": "A", "off": ""}


@dataclass(frozen=True)
class Proofs:
    """The tests that stand for a recommendation: unit tests of its rule (files), of containers, of virtual machines; and the
    titles of claims that docs/proof.md has measured."""

    rules: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    measured: frozenset[str] = frozenset()


def page(entry: Recommendation, readme: Readme, proofs: Proofs) -> str:
    """The page of one recommendation."""
    said = sentences(entry.assess)
    parts = [
        MADE,
        f"# `{entry.id}`: {entry.title}",
        _summary(entry, readme),
        "## Why",
        f"**The 2010 talk:** {_plain(entry.talk)}",
        f"**Today:** {_plain(entry.today)}",
        "## When it does not apply",
        "\n".join(_not_applicable(said["not_applicable"])),
        readme.say(NOT_FOR, entry.id),
        "## Risk",
        # A README that says it of this one says all of it.
        _unlabelled(readme.say(RISK, entry.id)) or _plain(entry.risk),
        "## What is checked",
        _unlabelled(readme.say(CHECKED, entry.id)),
        _folded("What is read for it, beside what every audit reads", list(_reads(entry.reads))),
        *_answers(said),
        "## What is changed",
        *_changed(entry, readme),
        "## How to undo it",
        *_undone(entry, readme),
        "## How it is proved",
        "\n".join(_proved(entry, proofs)),
        "## Sources",
        "\n".join(f"- {source.strip()}" for source in entry.source.split(";")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """A sentence of the registry as Markdown: what looks like a tag or like bold type is none."""
    parts = text.split("`")
    return "`".join(part if at % 2 else re.sub(r"([<*])", r"\\\1", part) for at, part in enumerate(parts))


def _unlabelled(section: str) -> str:
    """A section of a README without its name, where the name is no part of a sentence."""
    text = re.sub(r"^\*\*[^*]+[.:]\*\*\s*", "", section)
    return text[:1].upper() + text[1:]


def _summary(entry: Recommendation, readme: Readme) -> str:
    rows = {
        "area": f"[{AREA_TITLES[entry.area]}](README.md#{_anchor(AREA_TITLES[entry.area])}); "
        f"`@{entry.area}` in `vmguest_only` and `vmguest_skip`",
        "role": f"[`{entry.role}`](../../roles/{entry.role}/README.md)",
        "severity": entry.severity.value,
        **{heading: cell for heading, cell in readme.rows.get(entry.id, {}).items() if not heading.startswith("in `")},
        "needs a reboot": _reboot(entry),
    }
    for does in MODES:
        names = [f"`{name}`" for name, profile in profiles().items() if effective(profile, entry) == does]
        if names:
            rows[f"{DOES[does]} in profile"] = ", ".join(names)
    return "| property | value |\n|---|---|\n" + "\n".join(f"| {name} | {text} |" for name, text in rows.items())


def _reboot(entry: Recommendation) -> str:
    """Whether its remedy takes effect at the next boot only."""
    if not (entry.reboot or entry.reboot_when):
        return "no"
    return f"{entry.reboot_when or 'yes'}: `vmguest.linux.reboot` reboots the guests that wait for it"


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _not_applicable(reasons: tuple[str, ...]) -> Iterator[str]:
    yield "- the machine is no VMware guest, or what is audited is a container."
    yield from (f"- {_sentence(reason)}" for reason in reasons)


def _sentence(reason: str) -> str:
    """A verdict's reason as an item of a list, as findings have it."""
    text = _plain(reason)
    return text if text.endswith((".", "?")) else text + "."


def _answers(said: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """What else an audit may answer. Where nothing stands, it cannot."""
    if said["manual"]:
        yield "A person must act (`manual`) where one of these is found; `…` is what was found:"
        yield "\n".join(f"- {_sentence(reason)}" for reason in said["manual"])
    if said["unknown"]:
        yield "It is `unknown`, and never taken for compliant, where:"
        yield "\n".join(f"- {_sentence(reason)}" for reason in said["unknown"])


def _reads(reads: tuple[Read, ...]) -> Iterator[str]:
    for read in (read for read in reads if read not in BASE_READS):
        if isinstance(read, Files):
            yield f"the files {_code(read.globs)}" + (
                f" (secrets taken out: {read.redact.value})" if read.redact else ""
            )
        elif isinstance(read, Lines):
            yield f"lines that match `{read.pattern}` of {_code(read.globs)}"
        elif isinstance(read, Entries):
            yield f"type, mode, owner, size and target of {_code(read.globs)}"
        elif isinstance(read, Command):
            yield f"what {_command(read)} says"
        elif isinstance(read, Images):
            yield f"whether images {_code(read.globs)} hold {_code(read.modules)}"


def _command(read: Command) -> str:
    script = "\n" in read.argv[-1]
    return f"a script of `{read.argv[0]}`, {read.name}," if script else _code((" ".join(read.argv),))


def _code(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _folded(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    return "\n".join([f"<details><summary>{title}</summary>", "", *(f"- {line}" for line in lines), "", "</details>"])


def _changed(entry: Recommendation, readme: Readme) -> Iterator[str]:
    if not has_remedy(entry.assess):
        yield "Nothing. It is only audited: what is to be done is in the finding, and a person or vCenter does it."
        if entry.no_remedy:
            yield f"**Why it has no remedy.** {_plain(entry.no_remedy)}"
        yield readme.say(LEFT, entry.id)
    else:
        yield _unlabelled(readme.say(CHANGED, entry.id))
        yield readme.say(LEFT, entry.id)
    yield f"Options of the role (`{entry.role}_*`). The audit reads them, too:"
    yield "\n".join(["| variable | default | meaning |", "|---|---|---|", *_options(SPECS[entry.role])])
    of_parts = tuple(name for name, option in SPECS[entry.role].items() if "options" in option)
    examples = [example for example in readme.examples if example.lstrip().startswith(of_parts)] if of_parts else []
    if examples:
        yield "For example:"
        yield "\n".join(example.rstrip() for example in examples)


def _options(options: Mapping[str, Any], of: str = "") -> Iterator[str]:
    """Rows of a table: options, and below one that is made of parts, its parts."""
    for name, option in options.items():
        shown = "must be given" if option.get("required") else _default(option.get("default"))
        yield f"| `{of}{name}` | {shown} | {_markup(option['description'])}{_choices(option)} |"
        if "options" in option:
            yield from _options(option["options"], f"{of}{name}{'[]' if option.get('type') == 'list' else ''}.")


def _default(default: Any) -> str:
    """A default as it is written in YAML, in one line."""
    if default is None or default == "":
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default}`"


def _choices(option: Mapping[str, Any]) -> str:
    """What an option may be: whole numbers that follow one another by the first and the last."""
    choices = option.get("choices", [])
    numbers = all(isinstance(choice, int) and not isinstance(choice, bool) for choice in choices)
    if numbers and len(choices) > 2 and choices == list(range(choices[0], choices[-1] + 1)):
        return f" (`{choices[0]}` to `{choices[-1]}`)"
    return f" ({', '.join(f'`{choice}`' for choice in choices)})" if choices else ""


def _markup(description: str | list[str]) -> str:
    """Ansible's markup as Markdown's, in one cell of a table."""
    text = description if isinstance(description, str) else " ".join(description)
    text = re.sub(r"\b[COVEP]\(((?:[^()\\]|\\.)*(?:\([^()]*\))?[^()]*)\)", r"`\1`", text)
    text = re.sub(r"\b[MI]\(([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\bB\(([^)]*)\)", r"**\1**", text)
    return " ".join(text.split()).replace("|", "\\|")


def _undone(entry: Recommendation, readme: Readme) -> Iterator[str]:
    if not has_remedy(entry.assess):
        yield "There is nothing to undo."
        return
    yield f"    ansible-playbook vmguest.linux.revert -i inventory -e vmguest_only={entry.id}"
    said = readme.say(UNDONE, entry.id)
    yield _unlabelled(said)
    if entry.reboot or "next boot" in said:
        yield "After a revert no finding is `pending_reboot`. Where the revert waits for the next boot, ask for that boot yourself:"
        yield "    ansible-playbook vmguest.linux.reboot -i inventory --limit GUEST -e vmguest_reboot=always"


def _proved(entry: Recommendation, proofs: Proofs) -> Iterator[str]:
    yield f"- Rule (`tests/unit/recommendations`): {_code(proofs.rules)}."
    loop = (
        "audit, remediation, proof, second run and revert, byte for byte" if has_remedy(entry.assess) else "the audit"
    )
    yield f"- Guest trees (`tests/guests`, `tests/unit/test_guests.py`): {loop}; [how many cases](../coverage.md)."
    if proofs.containers:
        yield f"- Containers (`molecule/default`): {_code(proofs.containers)}."
    if proofs.machines:
        yield f"- Virtual machines (`tests/vm`): {_code(proofs.machines)}."
    for claim in CLAIMS:
        if claim.recommendation == entry.id and claim.title in proofs.measured:
            yield f"- Measured: [{claim.title}](../proof.md#{re.sub(r'[^a-z0-9 -]', '', claim.title.lower()).replace(' ', '-')})."


# ---- the index -------------------------------------------------------------------------------------------------------


def index() -> str:
    """docs/recommendations/README.md: every recommendation by area, and by profile."""
    return "\n\n".join([*_by_area(), *_by_profile()]) + "\n"


def _by_area() -> Iterator[str]:
    yield MADE
    yield "# The manual"
    yield (
        f"{len(RECOMMENDATIONS)} recommendations, a page each: what it is, why, when it does not apply, what is checked and "
        "changed, how to undo it and how it is proved. [Profiles](../profiles.md) say who enforces what and "
        "why, [what is covered](../coverage.md) counts the tests."
    )
    for area, entries in by_area().items():
        yield f"## {AREA_TITLES[area]}"
        yield "\n".join(
            [
                "| recommendation | is about | severity | in `baseline` | changes the guest |",
                "|---|---|---|---|---|",
                *(
                    f"| {_link(entry)} | {_plain(entry.title)} | {entry.severity.value} | "
                    f"{DOES[effective(profiles()['baseline'], entry)]} | {'yes' if has_remedy(entry.assess) else 'no'} |"
                    for entry in entries
                ),
            ]
        )


def _by_profile() -> Iterator[str]:
    yield "## By profile"
    names = [name for name in profiles() if name != "everything"]
    rows = [f"| recommendation | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for entry in RECOMMENDATIONS.values():
        cells = [CELLS[effective(profiles()[name], entry)] for name in names]
        rows.append(f"| {_link(entry)} | {' | '.join(cells)} |")
    yield "**E**: enforced. A: audited. Empty: off. `everything` enforces all that has a remedy."
    yield "\n".join(rows)


def _link(entry: Recommendation) -> str:
    return f"[`{entry.id}`]({entry.id}.md)"
