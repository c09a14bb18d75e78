# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reboot: how it was asked for, what needs it, what forbids it and what proves it. Pure; guest_reboot talks to the guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, seconds
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import not_proved
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence

#: When a guest is rebooted: where a finding waits for it, whatever the findings say, not at all.
WHEN = ("needed", "always", "never")

#: The variables that shape a reboot, with their defaults. Times are in seconds.
VARIABLES: dict[str, Any] = {
    "vmguest_reboot": "needed",
    "vmguest_reboot_timeout": 600,
    "vmguest_reboot_delay": 5,
    "vmguest_reboot_settle": 60,
    "vmguest_reboot_message": "Reboot by Ansible (vmguest.linux)",
    "vmguest_reboot_test": "",
    "vmguest_reboot_unproved": False,
}


@dataclass(frozen=True)
class RebootPolicy:
    """How guests are rebooted. Times are in seconds.

    ``timeout`` is how long a guest may take to come back, ``delay`` how long nobody asks it, ``settle`` how long its findings
    may take to be as desired once it is back. ``test`` is a shell command that must succeed before it counts as back.
    ``unproved`` allows what cannot be proved to boot.
    """

    when: str
    timeout: int
    delay: int
    settle: int
    message: str
    test: str
    unproved: bool


def resolve_reboot(given: Mapping[str, Any]) -> RebootPolicy:
    """The settings in ``given``, which has a value for every variable.

    :raises InputError: in one sentence, for anything that is not understood.
    """
    when = given["vmguest_reboot"]
    if when not in WHEN:
        try:
            when = "needed" if boolean(when) else "never"
        except TypeError:
            raise InputError(f"'vmguest_reboot' is {when!r}; expected one of: {', '.join(WHEN)}.") from None
    try:
        unproved = boolean(given["vmguest_reboot_unproved"])
    except TypeError:
        found = given["vmguest_reboot_unproved"]
        raise InputError(f"'vmguest_reboot_unproved' must be true or false; found {found!r}.") from None
    return RebootPolicy(
        when=when,
        timeout=seconds(given, "vmguest_reboot_timeout", 1),
        delay=seconds(given, "vmguest_reboot_delay", 0),
        settle=seconds(given, "vmguest_reboot_settle", 0),
        message=_text(given, "vmguest_reboot_message"),
        test=_text(given, "vmguest_reboot_test"),
        unproved=unproved,
    )


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not (value.isprintable() or name.endswith("_test")) or "\0" in value:
        raise InputError(f"'{name}' must be a text of one line; found {value!r}.")
    return value


def pending(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that a reboot is to make compliant."""
    return [finding for finding in findings if finding.status is Status.PENDING_REBOOT]


def left_alone(findings: Sequence[Finding], policy: RebootPolicy) -> str | None:
    """Why the guest is not rebooted though nothing is wrong with that; None where it is to be rebooted."""
    if policy.when == "never":
        waiting = ", ".join(finding.recommendation for finding in pending(findings))
        return "vmguest_reboot is 'never'" + (f"; {waiting} still waits for a reboot" if waiting else "")
    if policy.when == "needed" and not pending(findings):
        return "no reboot is needed: no finding waits for one"
    return None


def because(findings: Sequence[Finding]) -> str:
    """Why a guest is rebooted, as the end of a sentence."""
    return ", ".join(finding.recommendation for finding in pending(findings)) or "vmguest_reboot is 'always'"


@dataclass(frozen=True)
class Target:
    """What the guest boots next, as far as it is known: absolute paths; ``unknown`` says why that is not known."""

    kernel: str = ""
    image: str = ""
    unknown: str | None = None


def target(evidence: Evidence) -> Target:
    """What the default entry of the boot loader boots. Whether it is there is looked at on the guest, right before.

    LILO boots what it wrote down when it ran last, whatever its configuration says now, and a transactional system a snapshot
    that may not be the running one. Of several images the last is the one with the drivers; microcode comes before it.
    """
    boot = evidence.boot
    entry = boot.default
    if entry is None or boot.loader in (Loader.LILO, Loader.TRANSACTIONAL):
        return Target(unknown=boot.problem or "which entry of its boot loader boots by itself could not be found out")
    return Target(entry.kernel, entry.images[-1] if entry.images else "")


def obstacle(evidence: Evidence, policy: RebootPolicy) -> str | None:
    """What forbids to reboot the guest, as far as the evidence tells; None where nothing does."""
    container = evidence.platform.container
    if container:
        return f"it is a container (evidence: {container}), whose kernel belongs to its host"
    unfinished = [receipt for receipt in receipts(evidence) if receipt.interrupted and not receipt.after_reboot]
    if unfinished:
        names = ", ".join(f"{receipt.name} of run {receipt.run}" for receipt in unfinished)
        return f"a transaction on it is unfinished ({names}); vmguest.linux.remediate completes or undoes it, reboot it after that"
    unknown = target(evidence).unknown
    if unknown and not policy.unproved:
        return f"{unknown}, so that it boots cannot be proved; to reboot it all the same set vmguest_reboot_unproved to true"
    return None


def unproved(before: Sequence[Finding], after: Sequence[Finding]) -> dict[str, str]:
    """Recommendation to what was expected and found: of each finding that the reboot was to make compliant and did not, and
    of each that was compliant and was lost."""
    now = {finding.recommendation: finding for finding in after}
    problems = {}
    for finding in before:
        found = now[finding.recommendation]
        if finding.status is Status.PENDING_REBOOT and found.status is not Status.COMPLIANT:
            problems[finding.recommendation] = not_proved(found)
        elif finding.status is Status.COMPLIANT and found.status in REMEDIABLE | {Status.PENDING_REBOOT}:
            problems[finding.recommendation] = f"it was compliant before the reboot; {not_proved(found)}"
    return problems
