# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan files: what would be changed on one guest, for people to read, cut down and approve. Pure; text in, text out.

A plan file selects, it does not command. What is done comes from the guest and its variables, as ever; an entry of the file says
which of that is wanted, and by its ``digest`` what exactly was agreed to. Where something else would be done now, the entry is
refused. So nothing that somebody writes into a file can make a guest do what its policy would not do without it.

An entry's ``seal`` covers its texts: whole entries may be taken out, and every other edit is seen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import unified_diff
from typing import Any

import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, did_you_mean
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import printable

#: Grows when a reader of older files would be misled.
FORMAT = 1

_HEAD = """\
# What vmguest.linux would change on this guest. Nothing was changed yet. To do this, and nothing else:
#
#   ansible-playbook vmguest.linux.remediate -i INVENTORY -e vmguest_plan=FOLDER
#
# To edit it, take out whole entries of `changes`; what is taken out is not done. Comments may be added. Any other edit is
# refused: a value is changed by its variable, and by a new plan. Where something else would have to be done by then (somebody
# changed the guest, or a variable), that entry is refused and named, and nothing of it is done.
"""


@dataclass(frozen=True)
class Entry:
    """One recommendation of a plan file: texts for a person, and ``digest``, which is of exactly what would be done.

    ``number`` counts from 1 in the plan as it was made. Those of one ``group`` are done together or not at all.
    """

    recommendation: str
    number: int
    title: str
    severity: str
    why: str
    now: Mapping[str, str | None]
    desired: str | None
    owner: str | None
    risk: str
    reboot: bool
    group: str | None
    steps: tuple[str, ...]
    diff: str
    digest: str


@dataclass(frozen=True)
class PlanFile:
    """The plan of one guest. ``proposed`` is how many entries it had when it was made."""

    guest: str
    run: str
    time: str
    profile: str
    proposed: int
    changes: tuple[Entry, ...]


# ---- making one ------------------------------------------------------------------------------------------------------


def digest(transaction: Transaction) -> str:
    """Of all that the transaction would do: every path, content, command, undo and proof, and what it expects to find.

    It is of the recommendation by itself: what a line of a shared file looks like after another entry was done to it depends on
    which others are done, and is no part of it.
    """
    return _sha256("transaction", _canonical(transaction))


def _canonical(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        own = {field.name: _canonical(getattr(value, field.name)) for field in fields(value) if field.compare}
        return {"kind": type(value).__name__, **own}
    return value


def _sha256(what: str, data: Any) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"vmguest.linux {what} {FORMAT}\n{text}".encode("ascii")).hexdigest()


def _transaction(found: Finding) -> Transaction:
    return Transaction(found.recommendation, found.remedy, found.group, found.commit)


def make_plan_file(guest: str, run: str, time: str, profile: str, findings: Sequence[Finding]) -> PlanFile:
    """The plan file of all enforceable findings; texts are made printable."""
    wanted = [found for found in findings if found.enforceable]
    entries = tuple(_entry(number, found) for number, found in enumerate(wanted, 1))
    return PlanFile(str(printable(guest)), run, time, profile, len(entries), entries)


def _entry(number: int, found: Finding) -> Entry:
    transaction = _transaction(found)
    alone = Plan((transaction,))
    texts = {
        "title": found.title,
        "severity": found.severity.value,
        "why": found.reason,
        "now": {"runtime": found.runtime, "persistent": found.persistent},
        "desired": found.desired,
        "owner": found.owner,
        "risk": RECOMMENDATIONS[found.recommendation].risk,
        "reboot": found.reboot,
        "group": found.group or None,
        "steps": [step.sentence for dummy, step in alone.steps],
        "diff": "\n".join(_diff_lines(alone)),
    }
    shown = printable(texts)
    return Entry(found.recommendation, number, digest=digest(transaction), **{**shown, "steps": tuple(shown["steps"])})


def _diff_lines(plan: Plan) -> list[str]:
    """As Ansible's --diff shows it. Line numbers are left out: of a file of which lines are edited, the others are not here."""
    lines: list[str] = []
    for part in plan.diff():
        name = part["before_header"].partition(": ")[2]
        before, after = (
            part[side].split("\n")[: -1 if part[side].endswith("\n") else None] for side in ("before", "after")
        )
        if not part["before"]:
            before = []
        compared = unified_diff(before, after, name, name, n=1, lineterm="")
        lines += ["@@" if line.startswith("@@") else line for line in compared]
    return lines


# ---- as text ---------------------------------------------------------------------------------------------------------


def write_plan_file(plan: PlanFile) -> str:
    """The file's text."""
    head = _head(plan)
    text = _HEAD + "---\n" + _yaml({**head, "seal": _sha256("head", head)})
    text += "changes:\n" if plan.changes else "changes: []\n"
    for entry in plan.changes:
        # The diff comes as it is: YAML's own writer would put a text with tabs on one line.
        shown = {name: value for name, value in _plain(entry).items() if name not in ("diff", "digest")}
        block = (
            _yaml(shown) + "diff: |2-\n" + "".join(f"  {line}\n" if line else "\n" for line in entry.diff.split("\n"))
        )
        block += _yaml({"digest": entry.digest, "seal": _seal(head, entry)})
        lines = block.removesuffix("\n").split("\n")
        text += "\n" if entry is not plan.changes[0] else ""
        text += "\n".join(["  - " + lines[0], *(f"    {line}" if line else line for line in lines[1:])]) + "\n"
    return text


def _yaml(data: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=110))


def _head(plan: PlanFile) -> dict[str, Any]:
    return {"format": FORMAT, **{name: value for name, value in asdict(plan).items() if name != "changes"}}


def _plain(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "now": dict(entry.now), "steps": list(entry.steps)}


def _seal(head: Mapping[str, Any], entry: Entry) -> str:
    return _sha256("entry", [head, _plain(entry)])


class _Loader(yaml.SafeLoader):
    """YAML in which a key stands once: of two, the reader of a file and this program would see different ones."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, dummy in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1:
                raise yaml.MarkedYAMLError(problem=f"'{name}' stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def read_plan_file(text: str, place: str) -> PlanFile:
    """The plan in ``text``, which was read from ``place``; entries that were taken out are missing.

    :raises InputError: for all else that is not as it was written.
    """
    try:
        data = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _wrong(place, f"it is no YAML that can be read{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _wrong(place, f"it is no YAML that can be read: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise _wrong(place, f"it holds no plan: expected a mapping with guest and changes, found {type(data).__name__}")
    names = ["format", *(field.name for field in fields(PlanFile) if field.name != "changes"), "seal"]
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        raise _wrong(place, f"its format is {data.get('format')!r}, and this release reads format {FORMAT}")
    _expect_keys(place, "it", data, [*names, "changes"])
    head = {name: data[name] for name in names if name != "seal"}
    if not all(isinstance(head[name], str) for name in ("guest", "run", "time", "profile")) or not _same(
        data["seal"], _sealed("head", head)
    ):
        raise _wrong(place, "its head (format to profile, or the seal there) was edited")
    if not isinstance(data["changes"], list):
        raise _wrong(place, "'changes' is no list; with nothing left to do it is 'changes: []'")
    entries = tuple(_read_entry(place, head, item) for item in data["changes"])
    numbers = [entry.number for entry in entries]
    for at, entry in enumerate(entries):
        if entry.number in numbers[:at]:
            raise _wrong(place, f"the entry '{entry.recommendation}' stands twice")
        if numbers[:at] and entry.number < max(numbers[:at]):
            raise _wrong(place, f"the entry '{entry.recommendation}' was moved")
    return PlanFile(head["guest"], head["run"], head["time"], head["profile"], head["proposed"], entries)


def _read_entry(place: str, head: Mapping[str, Any], item: Any) -> Entry:
    if not isinstance(item, dict):
        raise _wrong(place, f"'changes' has something that is no entry: {str(printable(str(item)))[:80]!r}")
    name = item.get("recommendation")
    about = f"the entry '{name}'" if isinstance(name, str) else "an entry"
    if isinstance(name, str) and name not in RECOMMENDATIONS:
        raise _wrong(
            place, f"it names the unknown recommendation '{name}'; {did_you_mean(name, list(RECOMMENDATIONS))}"
        )
    names = [field.name for field in fields(Entry)]
    _expect_keys(place, about, item, [*names, "seal"])
    given = {key: item[key] for key in names}
    if not _same(item["seal"], _sealed("entry", [head, given])):
        raise _wrong(place, f"{about} was edited")
    return Entry(**{**given, "steps": tuple(given["steps"])})


def _sealed(what: str, data: Any) -> str | None:
    """The seal of what was read, None for what no plan file ever held (a date, a set)."""
    try:
        return _sha256(what, data)
    except (TypeError, ValueError, RecursionError):
        return None


def _same(seal: Any, expected: str | None) -> bool:
    return expected is not None and isinstance(seal, str) and seal == expected


def _expect_keys(place: str, what: str, data: Mapping[Any, Any], names: list[str]) -> None:
    for key in data:
        if key not in names:
            raise _wrong(place, f"{what} has the unknown key {str(key)!r}; {did_you_mean(str(key), names)}")
    missing = [name for name in names if name not in data]
    if missing:
        raise _wrong(place, f"{what} has no '{missing[0]}'")


def _wrong(place: str, problem: str) -> InputError:
    return InputError(
        f"the plan file '{place}' cannot be used: {problem}. Whole entries may be taken out of it, and nothing else may be "
        "edited; values are changed by variables and a new plan. The guest was not touched."
    )


# ---- doing what it says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """What a plan file comes to on a guest as it is now.

    ``findings`` are those to be remedied. Of the other entries, recommendation to a sentence: ``refused``, of which something
    else would be done now; ``held``, which would be done together with one of those; ``met``, where nothing is to be done any
    more. ``beyond`` are the recommendations that would be changed, were there no plan file.
    """

    findings: tuple[Finding, ...]
    refused: Mapping[str, str]
    held: Mapping[str, str]
    met: Mapping[str, str]
    beyond: tuple[str, ...]


def choose(plan: PlanFile | None, findings: Sequence[Finding], profile: str) -> Choice:
    """What of ``findings``, made under ``profile``, is to be done by ``plan``; all that can be, where there is none."""
    if plan is None:
        return Choice(tuple(finding for finding in findings if finding.enforceable), {}, {}, {}, ())
    found = {finding.recommendation: finding for finding in findings}
    same: list[Finding] = []
    refused: dict[str, str] = {}
    met: dict[str, str] = {}
    groups: dict[str, str] = {}
    for entry in plan.changes:
        name = entry.recommendation
        now = found.get(name)
        if now is not None and now.enforceable and digest(_transaction(now)) == entry.digest:
            same.append(now)
        elif now is not None and now.status in (Status.COMPLIANT, Status.PENDING_REBOOT):
            met[name] = f"{now.status} by now, nothing was to be done: {now.reason}"
        else:
            refused[name] = _refusal(plan, entry, now, profile)
            groups.update(
                {group: name for group in (entry.group, now.group if now else None) if group is not None and group}
            )
    held = {
        finding.recommendation: f"not done: {groups[finding.group]}, with which it would be done together, is refused"
        for finding in same
        if finding.group in groups
    }
    chosen = tuple(finding for finding in same if finding.recommendation not in held)
    planned = {entry.recommendation for entry in plan.changes}
    beyond = tuple(
        finding.recommendation for finding in findings if finding.enforceable and finding.recommendation not in planned
    )
    return Choice(chosen, refused, held, met, beyond)


def _refusal(plan: PlanFile, entry: Entry, now: Finding | None, profile: str) -> str:
    """Why an entry is refused: what was so when the plan was made, and what is so now."""
    other = (
        f" (the plan was made with profile {plan.profile}, this run has {profile})" if plan.profile != profile else ""
    )
    if now is None:
        return f"it is off, or left out, by the variables of this run{other}; when the plan was made: {entry.why}"
    if not now.enforceable:
        mode = "" if now.mode == "enforce" else f", and it is only audited{other}"
        return f"when the plan was made: {entry.why}; now it is {now.status}{mode}: {now.reason}"
    fresh = _entry(entry.number, now)
    pairs = [
        ("reason", entry.why, fresh.why),
        ("runtime", entry.now.get("runtime"), fresh.now.get("runtime")),
        ("persistent", entry.now.get("persistent"), fresh.now.get("persistent")),
        ("desired", entry.desired, fresh.desired),
        ("owner", entry.owner, fresh.owner),
        ("steps", ", ".join(entry.steps), ", ".join(fresh.steps)),
    ]
    told = [f"{name}: then {then or 'none'}, now {new or 'none'}" for name, then, new in pairs if then != new]
    if not told:
        told = [_first_difference(entry.diff, fresh.diff)]
    return f"something else would be done than what was planned{other}: {'; '.join(told)}"


def _first_difference(then: str, now: str) -> str:
    if then == now:
        return "what is done is the same for a reader; how it is done, undone or proved is not (a newer release?)"
    old, new = then.split("\n"), now.split("\n")
    at = next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    line = re.sub(r"\s+", " ", old[at] if at < len(old) else "no such line")
    instead = re.sub(r"\s+", " ", new[at] if at < len(new) else "no such line")
    return f"in its diff, line {at + 1}: then '{line}', now '{instead}'"
