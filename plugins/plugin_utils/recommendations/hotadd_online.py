# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hotadd_online: CPUs and memory that vCenter adds to the running guest are used.

The kernel finds what is added and leaves it offline; a udev rule brings it online. Photon and Red Hat ship one, Debian and SUSE do
not, and Ubuntu's is for Hyper-V and Xen only. Memory the kernel can bring online by itself, where it was built or told to.
Where the boot keeps CPUs back (``maxcpus=``, ``nosmt``) they stay so: a rule would undo that at every boot.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    listed,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.hotplug import READS, cpu_rules, memory_rules
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Assignment, Udev, winner
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

RULE = "/etc/udev/rules.d/71-vmguest-hotadd.rules"
_COMMENT = "# vmguest.linux, role hotadd_online: what is added to the running guest is used.\n"
_CPU_LINE = 'ACTION=="add", SUBSYSTEM=="cpu", TEST=="online", ATTR{online}=="0", ATTR{online}="1"\n'
_MEMORY_LINE = 'ACTION=="add", SUBSYSTEM=="memory", TEST=="state", ATTR{state}=="offline", ATTR{state}="online"\n'
#: Boot arguments that keep CPUs offline on purpose.
KEEP_BACK = ("maxcpus", "nosmt")

# The loops may meet thousands of blocks. To give memory back is the kernel's to refuse, or to try for ever: each gets some seconds,
# and after the first that stays, all others stay, too.
_BLOCKS = '"$ROOT"/sys/devices/system/memory/memory[0-9]*/state'
_ONLINE = f"""(
set +f
for state in {_BLOCKS}; do
read -r now <"$state"
[ "$now" = offline ] || continue
echo "$state" >>"$NOTES/blocks"
echo online >"$state" || exit 1
done
)"""
_OFFLINE = """(
[ -e "$NOTES/blocks" ] || exit 0
while read -r state; do
timeout 10 sh -c 'echo offline >"$1"' sh "$state" 2>/dev/null </dev/null || exit 0
done <"$NOTES/blocks"
)"""
_ALL_ONLINE = f"""(
set +f
! grep -q '^offline' {_BLOCKS}
)"""


@dataclass(frozen=True)
class _Part:
    """CPUs, or memory: what is offline now, who brings online what is added, our line of the rule file."""

    name: str
    offline: tuple[str, ...]
    owner: str | None
    line: str


def _cpus(evidence: Evidence, options: Options) -> _Part | str | None:
    """The part of CPUs; a word on why it is left alone; None where nobody asks for it."""
    if not options["hotadd_online_cpus"]:
        return None
    hotplug = evidence.hotplug
    kept = next((name for name in KEEP_BACK if evidence.platform.argument(name) is not None), None)
    if kept:
        return f"{kept} in the boot arguments keeps CPUs back on purpose"
    if hotplug.possible and hotplug.possible.value == hotplug.present.value and not hotplug.cpus_offline:
        return f"no CPU can be added while it runs ({hotplug.possible.value} are all that may be)"
    return _Part("CPU", hotplug.cpus_offline, _owner(cpu_rules(evidence)), _CPU_LINE)


def _memory(evidence: Evidence, options: Options) -> _Part | str | None:
    """The part of memory, as :func:`_cpus`."""
    if not options["hotadd_online_memory"]:
        return None
    hotplug = evidence.hotplug
    if not hotplug.memory:
        return "this kernel knows no memory that comes and goes"
    by_kernel = hotplug.auto_online_at_boot if hotplug.auto_online.startswith("online") else None
    return _Part("memory", hotplug.blocks_offline, by_kernel or _owner(memory_rules(evidence)), _MEMORY_LINE)


def _owner(rules: list[Assignment]) -> str | None:
    found = winner(rules)
    return found.owner if found else None


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Nothing is offline, and what is added will not be."""
    hotplug = evidence.hotplug
    for file in (hotplug.possible, hotplug.present, hotplug.memory):
        if file.exists and not file:
            return unknown(f"{file.path} could not be read")
    if hotplug.possible.state is State.MISSING:
        return not_applicable(
            f"this kernel does not tell which CPUs may be added ({hotplug.possible.path} is not there)"
        )
    asked = [part for part in (_cpus(evidence, options), _memory(evidence, options)) if part is not None]
    parts = [part for part in asked if isinstance(part, _Part)]
    left = [part for part in asked if isinstance(part, str)]
    if not parts:
        return not_applicable("; ".join(left) or "hotadd_online_cpus and hotadd_online_memory are false")
    offline = [name for part in parts for name in part.offline]
    uncovered = [part for part in parts if part.owner is None]
    sides = {
        "runtime": f"offline: {listed(offline)}" if offline else "nothing is offline",
        "persistent": ", ".join(f"{part.name} added: {'online' if part.owner else 'offline'}" for part in parts),
        "desired": "nothing is offline, and what is added comes online",
        "owner": ", ".join(dict.fromkeys(part.owner for part in parts if part.owner)) or "the kernel",
    }
    notes = "".join(f"; {note}" for note in left)
    if not offline and not uncovered:
        return compliant(f"what is added to the running guest is used{notes}", **sides)
    rule = tuple(_rule(evidence, parts)) if uncovered else ()
    reasons = [f"{listed(offline)} is there and not used"] if offline else []
    reasons += [f"no udev rule brings {' or '.join(part.name for part in uncovered)} online that is added"] * bool(rule)
    reason = "; ".join(reasons) + notes
    if rule and not Udev.of(evidence).has_new_keys:
        if not offline:
            return not_applicable(f"its udev, {Udev.of(evidence).value}, cannot set an attribute of what is added")
        how = "write 1 into /sys/devices/system/cpu/*/online, online into /sys/devices/system/memory/*/state after each addition"
        return manual(f"{reason}; its udev cannot set attributes: {how}", **sides)
    if uncovered and not rule:
        return unknown(f"{RULE} has the expected content, but the probe did not return its lines", **sides)
    if not offline:
        return not_persistent(reason, remedy=rule, **sides)
    return noncompliant(reason, remedy=(*rule, *_now(hotplug.cpus_offline, hotplug.blocks_offline, parts)), **sides)


def _rule(evidence: Evidence, parts: list[_Part]) -> list[Step]:
    """Our rule file, with a line for each part that nobody else sees to; nothing where it is there already."""
    content = _COMMENT + "".join(part.line for part in parts if part.owner is None or part.owner.startswith(RULE))
    present = evidence.file(RULE)
    if present and present.text == content:
        return []
    return [WriteFile(RULE, content, present.text if present else None)]


def _now(cpus: tuple[str, ...], blocks: tuple[str, ...], parts: list[_Part]) -> list[Step]:
    asked = {part.name for part in parts}
    steps: list[Step] = []
    if "CPU" in asked:
        steps += [WriteKernel(f"/sys/devices/system/cpu/{name}/online", "0", "1") for name in cpus]
    if "memory" in asked and blocks:
        steps.append(Run(f"bring {listed(blocks)} online", do=_ONLINE, undo=_OFFLINE, proof=_ALL_ONLINE))
    return steps


RECOMMENDATIONS = (
    Recommendation(
        id="hotadd_online",
        area="platform",
        title="Bring CPUs and memory online that are added to the running guest",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="Upgrading the virtual hardware makes a VM capable of hot-add.",
        today=(
            "The kernel leaves an added CPU offline, and added memory unless it was built otherwise; Photon and Red Hat ship udev "
            "rules that bring them online, Debian and SUSE none, Ubuntu's are for Hyper-V and Xen."
        ),
        risk=(
            "A CPU that somebody took offline by hand comes back, unless hotadd_online_cpus is false. Memory that is in use stays "
            "online when this is reverted."
        ),
        source="vmware/photon, 99-vmware-hotplug.rules; Linux Documentation/admin-guide/mm/memory-hotplug.rst, cpu_hotplug.rst",
        reads=(*READS, files(RULE)),
        assess=assess,
    ),
)
