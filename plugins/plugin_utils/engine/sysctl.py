# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sysctls: the verdict on one, and the steps that set some, now and at boot.

Where the boot reads drop-ins, a role's values are its own file there. A line of /etc/sysctl.conf that comes after it, and all on
systems without drop-ins, is edited in place. Where tuned's profile comes after, tuned gets a profile of ours that comes after that.
What else comes after is somebody's decision: the verdict names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    Edit,
    EditFile,
    ReplaceLine,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tuned_child import READS as TUNED_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tuned_child import child_of, child_profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import winner
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import (
    READS as SYSCTL_READS,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import (
    SYSCTL_CONF,
    drop_in,
    kernel_file,
    same,
    tuned_reads_again,
)


def reads(role: str, *keys: str) -> tuple[Read, ...]:
    """What a recommendation that sets ``keys`` reads: both sides of them."""
    return (*SYSCTL_READS, *TUNED_READS, files(*(kernel_file(key) for key in keys)), files(drop_in(role)))


@dataclass(frozen=True)
class Rule:
    """What is wanted of one sysctl.

    ``value`` is what a remedy sets, ``accepts`` says whether another value is as good, ``default`` is the kernel's own, which
    holds at boot where nobody sets it. ``desired`` says in words what is accepted.
    """

    key: str
    value: str
    accepts: Callable[[str], bool]
    default: str
    desired: str


def unreadable(evidence: Evidence, *keys: str) -> Verdict | None:
    """The verdict where the kernel has no such sysctl, or one of the sides cannot be read; None where both can."""
    for key in keys:
        file = evidence.file(kernel_file(key))
        if file.state is State.MISSING:
            return not_applicable(f"this kernel has no {key} ({file.path} is not there)")
        if evidence.sysctl.now(key) is None:
            return unknown(f"{file.path} could not be read")
    if evidence.sysctl.unreadable:
        return unknown(
            f"what the next boot sets is not known: {', '.join(evidence.sysctl.unreadable)} could not be read"
        )
    return None


def assess_sysctl(
    evidence: Evidence, role: str, rule: Rule, right: Callable[[str], str], wrong: Callable[[str], str]
) -> Verdict:
    """The verdict on one sysctl, both sides. ``right`` and ``wrong`` say of a value why it is, for a person."""
    closed = unreadable(evidence, rule.key)
    if closed:
        return closed
    now = evidence.sysctl.now(rule.key) or ""
    boot = winner(evidence.sysctl.at_boot(rule.key, rule.default))
    at_boot = boot.value if boot else rule.default
    owner = boot.owner if boot else "the kernel's default"
    sides = {"runtime": now, "persistent": at_boot, "desired": rule.desired, "owner": owner}
    well_now = rule.accepts(now)
    well_at_boot = rule.accepts(at_boot) and (boot is None or boot.certain)
    if well_now and well_at_boot:
        return compliant(right(now), **sides)
    doubtful = boot is not None and not boot.certain and rule.accepts(at_boot)
    steps, obstacle = remedy(evidence, role, {rule.key: rule.value}, {rule.key: rule.default}, keep=well_at_boot)
    reason = (
        f"{rule.key} is {now}: {wrong(now)}"
        if not well_now
        else f"{rule.key} is {now} now, but whether {owner} sets {at_boot} at the next boot is not known"
        if doubtful
        else f"{rule.key} is {now} now, but {owner} sets {at_boot} at the next boot: {wrong(at_boot)}"
    )
    if obstacle:
        return manual(f"{reason}; {obstacle}", **sides)
    if not well_now:
        return noncompliant(reason, remedy=steps, **sides)
    return not_persistent(reason, remedy=steps, **sides)


def remedy(
    evidence: Evidence, role: str, wanted: Mapping[str, str], defaults: Mapping[str, str], *, keep: bool = False
) -> tuple[tuple[Step, ...], str | None]:
    """The steps that set all of ``wanted``, in their order, at boot and now; or the obstacle, as a sentence.

    What a side has already is left alone; ``keep`` leaves all of the boot's side alone.
    """
    sysctl = evidence.sysctl
    ours: dict[str, str] = {}
    conf: dict[str, str] = {}
    child: dict[str, str] = {}
    owner = ""
    steps: list[Step] = []
    for key, value in wanted.items() if not keep else ():
        boot = winner(sysctl.at_boot(key, defaults[key]))
        if (boot is None and same(defaults[key], value)) or (boot and boot.certain and same(boot.value, value)):
            continue
        if not sysctl.reads_drop_ins:
            conf[key] = value
            continue
        late = winner(sysctl.after(key, value, drop_in(role)))
        if late is None or (late.certain and same(late.value, value)):
            ours[key] = value
        elif late.owner.startswith(SYSCTL_CONF + ":"):
            conf[key] = value
        elif late.owner.startswith("tuned profile"):
            if tuned_reads_again(evidence) is None and any(entry.key == key for entry in sysctl.settings):
                return (), (
                    f"{late.owner} sets {late.value}, and /etc/tuned/tuned-main.conf does not say whether sysctl.d is read "
                    "after it: set reapply_sysctl there"
                )
            child[key] = value
            owner = late.owner
        else:
            return (), f"{late.owner} sets {late.value} after {drop_in(role)} would: change or remove that line"
    if child:
        added, hindrance = child_profile(
            evidence, role, "sysctl", child, lambda key, value: same(value.strip("\"'"), child[key])
        )
        if hindrance:
            return (), _where_tuned_wins(owner, child, hindrance)
        steps += added
    if ours:
        # All of the role's values stand in its file, also those that others set as well: it is whole by itself.
        lines = "".join(f"{key} = {value}\n" for key, value in wanted.items() if key not in {**conf, **child})
        present = evidence.file(drop_in(role))
        steps.append(WriteFile(drop_in(role), f"# vmguest.linux, {role}\n{lines}", present.text if present else None))
    if conf:
        steps.append(_conf(evidence, conf))
    for key, value in wanted.items():
        if not same(sysctl.now(key), value):
            steps.append(WriteKernel(kernel_file(key), evidence.file(kernel_file(key)).value, value))
    return tuple(steps), None


def _where_tuned_wins(owner: str, wanted: Mapping[str, str], hindrance: str) -> str:
    """What a person has to do where tuned wins and cannot be given a profile of ours."""
    return (
        f"{owner} comes after all that could be written: make {child_of(owner, wanted)} in its [sysctl] section and choose it, or "
        f"set reapply_sysctl = 1 in /etc/tuned/tuned-main.conf. It is not done here: {hindrance}"
    )


def _conf(evidence: Evidence, wanted: Mapping[str, str]) -> Step:
    """Lines of /etc/sysctl.conf: the last one that sets the value is changed, or one is added at the end."""
    present = evidence.file(SYSCTL_CONF)
    if not present:
        return WriteFile(SYSCTL_CONF, "".join(f"{key} = {value}\n" for key, value in wanted.items()))
    edits: list[Edit] = []
    for key, value in wanted.items():
        # Not like any line that is there: an edit is taken back by its text.
        new = next(
            text for text in (f"{key} = {value}", f"{key}={value}", f"{key} =  {value}") if text not in present.lines
        )
        last = evidence.sysctl.conf_lines(key)[-1:]
        once = bool(last) and present.lines.count(last[0].text) == 1
        edits.append(ReplaceLine(last[0].text, new) if once else AppendLine(new))
    return EditFile(SYSCTL_CONF, tuple(edits))
