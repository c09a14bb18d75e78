# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Findings as a table for a terminal: pure, text out.

Findings come as plain data (:meth:`Finding.record`). Colour is the caller's: ``paint`` takes a text and a colour's name.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import printable

Paint = Callable[[str, str], str]

#: Ansible's names of colours.
COLOURS = {
    "compliant": "green",
    "noncompliant": "red",
    "pending_reboot": "yellow",
    "not_persistent": "yellow",
    "failed": "bright red",
    "not_applicable": "dark gray",
    "unknown": "purple",
    "manual": "yellow",
    "waived": "cyan",
}
#: Marks findings that remediation would change.
MARK = "*"
_SIDES = 44
_REASON_AT_LEAST = 30


def plain(text: str, _colour: str) -> str:
    """No colour."""
    return text


def one_line(text: object) -> str:
    """A value on one line."""
    return " ".join(str(printable(str(text))).split())


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def enforceable(finding: Mapping[str, Any]) -> bool:
    """True where remediation would change something: only then a finding of an enforced recommendation has a remedy."""
    return finding["mode"] == "enforce" and bool(finding["remedy"])


def sides(finding: Mapping[str, Any]) -> str:
    """``now / at boot → desired``; one value where both sides agree or only one exists; nothing where none is known.

    What is desired is left out where that is so: it may be one of several.
    """
    runtime, persistent, desired = (
        None if finding[side] is None else one_line(finding[side]) for side in ("runtime", "persistent", "desired")
    )
    known = [side for side in (runtime, persistent) if side is not None]
    if not known:
        return ""
    found = known[0] if len(set(known)) == 1 else " / ".join(known)
    return found if desired in (None, found) or finding["status"] == "compliant" else f"{found} → {desired}"


def findings_table(
    findings: Sequence[Mapping[str, Any]], width: int, paint: Paint = plain, show_not_applicable: bool = False
) -> list[str]:
    """The lines of the table: grouped by area, columns aligned, the reason wrapped to ``width``."""
    shown = [entry for entry in findings if show_not_applicable or entry["status"] != "not_applicable"]
    lines: list[str] = []
    if shown:
        status = max(len(entry["status"]) for entry in shown)
        name = max(len(entry["recommendation"]) for entry in shown)
        side = min(max(len(sides(entry)) for entry in shown), _SIDES)
        indent = 2 + status + 1 + len(MARK) + 1 + name + 2 + (side + 2 if side else 0)
        # On a narrow terminal the reason goes below.
        below = width - indent < _REASON_AT_LEAST
        area = None
        for entry in shown:
            if entry["area"] != area:
                area = entry["area"]
                lines.append(area)
            mark = MARK if enforceable(entry) else " "
            head = (
                f"  {paint(entry['status'], COLOURS[entry['status']])}{' ' * (status - len(entry['status']))} {mark} "
            )
            head += f"{entry['recommendation']:{name}}  " + (
                f"{shortened(sides(entry), side):{side}}  " if side else ""
            )
            hang = 6 if below else indent
            reason = textwrap.wrap(
                one_line(entry["reason"]), max(width - hang, _REASON_AT_LEAST), break_on_hyphens=False
            )
            if below or not reason:
                lines.append(head.rstrip())
            else:
                lines.append(head + reason.pop(0))
            lines += [" " * hang + part for part in reason]
    if len(shown) < len(findings):
        lines += _not_applicable([entry for entry in findings if entry["status"] == "not_applicable"], width)
    return lines


def _not_applicable(findings: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """One sentence for all of them; with the reason where they share it."""
    reasons = {one_line(entry["reason"]) for entry in findings}
    names = ", ".join(entry["recommendation"] for entry in findings)
    because = f", because {reasons.pop()}" if len(reasons) == 1 else ""
    return textwrap.wrap(
        f"not applicable: {names}{because}",
        width,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def summary(findings: Sequence[Mapping[str, Any]]) -> str:
    """How many findings have which status, and how many of them remediation would change."""
    counts = Counter(entry["status"] for entry in findings)
    text = (
        ", ".join(f"{counts[status]} {status}" for status in COLOURS if counts[status]) or "no recommendation selected"
    )
    marked = sum(enforceable(entry) for entry in findings)
    return text + (f"; {MARK} remediation changes {marked}" if marked else "")


def guest_table(
    host: str,
    about: str,
    findings: Sequence[Mapping[str, Any]],
    width: int,
    paint: Paint = plain,
    show_not_applicable: bool = False,
) -> str:
    """One guest's findings under its name, ready to print."""
    title = f"{one_line(host)}: {one_line(about)}" if about else one_line(host)
    body = findings_table(findings, width, paint, show_not_applicable)
    return "\n".join([paint(title, "bright blue"), *body, f"  {summary(findings)}"])
