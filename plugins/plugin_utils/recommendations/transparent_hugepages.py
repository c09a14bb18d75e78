# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""transparent_hugepages: large pages for those who ask, where the workload wants it so.

Transparent huge pages can be split and swapped, so that they keep nothing from the balloon: as a rule every setting is right.
Databases that manage their memory themselves want none or only where they ask (``madvise``), and what waits for single milliseconds
wants none (``never``; tuned's network-latency).

At boot the kernel's own default comes first, then its argument, then tmpfiles.d, then tuned's profile (which steps back where the
argument is given, plugin_vm.py), then units and rc.local. A tmpfiles.d line takes effect without a reboot of its own; where tuned
comes after it, tuned gets a profile of ours.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tuned_child import READS as TUNED_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tuned_child import child_of, child_profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_option
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    kernel_argument_assignments,
    tuned_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, entries, files

#: What is chosen stands in brackets among all that could be.
_CHOSEN = re.compile(r"\[(\w+)\]")
#: The kernel's file; RHEL 6 has its backport under a name of its own.
ENABLED = ("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/redhat_transparent_hugepage/enabled")
OURS = "/etc/tmpfiles.d/vmguest-transparent-hugepages.conf"
_TMPFILES = ("/etc/tmpfiles.d/*.conf", "/run/tmpfiles.d/*.conf", "/usr/lib/tmpfiles.d/*.conf")
#: Run last at boot without systemd: Red Hat's, SUSE's. Debian's /etc/rc.local ends with exit.
LOCAL_SCRIPTS = ("/etc/rc.d/rc.local", "/etc/init.d/boot.local")

_TUNED_FILES = ("/etc/tuned/active_profile", "/etc/tuned/profile_mode")
#: The option of tuned's [vm], and its other name: whoever uses both sets one after the other.
_TUNED_OPTIONS = ("transparent_hugepages", "transparent_hugepage")

_WRITERS = Lines(
    "transparent_hugepage_writers",
    r"transparent_hugepage\|^[[:blank:]]*exit",
    ("/etc/rc.local", *LOCAL_SCRIPTS, "/etc/init.d/after.local", "/etc/systemd/system/*.service", *_TMPFILES),
)
_WRITE = re.compile(r"echo\s+[\"']?(\w+)[\"']?\s*(?:>|\|\s*(?:/usr/bin/)?tee)[^>|]*transparent_hugepage/enabled")
_TMPFILES_LINE = re.compile(r"\s*w[+!-]*\s+\S*transparent_hugepage/enabled\s+\S+\s+\S+\s+\S+\s+\S+\s+(\w+)")

#: What a policy accepts; the first is what a remedy sets.
ACCEPTED = {"any": ("always", "madvise", "never"), "madvise": ("madvise", "never"), "never": ("never",)}


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The setting now and at boot, against ``transparent_hugepages_policy``."""
    path = next((file for file in ENABLED if evidence.file(file).exists), None)
    if path is None:
        return not_applicable("this kernel has no transparent huge pages")
    now = _chosen(evidence.file(path).value)
    if now is None:
        return unknown(f"{path} could not be read")
    if any(evidence.file(name).state is State.DENIED for name in (*_TUNED_FILES, OURS)):
        return unknown("what the next boot sets is not known: tuned's profile or our own file could not be read")
    policy = options["transparent_hugepages_policy"]
    accepted = ACCEPTED[policy]
    boot = winner(_at_boot(evidence, accepted))
    sides = {
        "runtime": now,
        "persistent": boot.value if boot else "the kernel's default, which is not known",
        "desired": " or ".join(accepted),
        "owner": boot.owner if boot else "the kernel's default",
    }
    if policy == "any":
        return compliant(
            f"{now}: any setting is right for the balloon; transparent_hugepages_policy asks for none", **sides
        )
    well_at_boot = boot is not None and boot.value in accepted
    obstacle = _obstacle(evidence, accepted)
    if now in accepted and well_at_boot and not obstacle:
        return compliant(f"{now}, as transparent_hugepages_policy asks", **sides)
    wrong_now = f"transparent huge pages are '{now}' and transparent_hugepages_policy asks for {accepted[0]}"
    reason = wrong_now if now not in accepted else f"'{now}' now, but the next boot sets '{sides['persistent']}'"
    if obstacle:
        return manual(f"{reason}; {obstacle}", **sides)
    steps: list[Step] = []
    if not well_at_boot:
        added, hindrance = _persist(evidence, path, accepted)
        if hindrance:
            return manual(f"{reason}; {hindrance}", **sides)
        steps += added
    if now in accepted:
        return not_persistent(reason, remedy=tuple(steps), **sides)
    steps.append(WriteKernel(path, now, accepted[0]))
    return noncompliant(reason, remedy=tuple(steps), **sides)


def _chosen(text: str) -> str | None:
    """The word in brackets of ``always [madvise] never``."""
    found = _CHOSEN.search(text)
    return found[1] if found else None


def _at_boot(evidence: Evidence, accepted: tuple[str, ...]) -> list[Assignment]:
    """Who sets it at boot for certain, in order."""
    found = [
        Assignment("the kernel's default", name)
        for name in ("always", "madvise", "never")
        if kernel_option(evidence, f"TRANSPARENT_HUGEPAGE_{name.upper()}") == "y"
    ]
    argument = kernel_argument_assignments(evidence, "transparent_hugepage")
    found += argument
    for line in _writers(evidence):
        match = _TMPFILES_LINE.match(line.text) if evidence.platform.systemd else None
        if match and "/tmpfiles.d/" in line.path:
            found.append(Assignment(f"{line.path}:{line.number}", match[1]))
    if not argument:
        found += _tuned(evidence, accepted)
    local = {line.path: line for line in _writers(evidence) if line.path in LOCAL_SCRIPTS and _runs(evidence, line)}
    if not evidence.platform.systemd:
        found += [Assignment(f"{path}:{line.number}", _written(line) or "") for path, line in local.items()]
    return found


def _tuned(evidence: Evidence, accepted: tuple[str, ...]) -> list[Assignment]:
    """What tuned's profile sets. What it may set or not counts where that would be wrong."""
    found = [entry for name in _TUNED_OPTIONS for entry in tuned_assignments(evidence, "vm", name)]
    return [entry for entry in found if entry.certain or entry.value not in accepted]


def _writers(evidence: Evidence) -> list[Line]:
    return [
        line
        for line in evidence.lines(_WRITERS.name)
        if not line.text.lstrip().startswith(("#", "exit")) and "transparent_hugepage" in line.text
    ]


def _written(line: Line) -> str | None:
    found = _WRITE.search(line.text)
    return found[1] if found else None


def _runs(evidence: Evidence, line: Line) -> bool:
    """True for a line of a script that is reached: no exit before it, and it says what it writes."""
    exits = [entry.number for entry in evidence.lines(_WRITERS.name) if entry.path == line.path and _is_exit(entry)]
    return _written(line) is not None and all(number > line.number for number in exits)


def _is_exit(line: Line) -> bool:
    return line.text.lstrip().startswith("exit")


def _obstacle(evidence: Evidence, accepted: tuple[str, ...]) -> str | None:
    """Which line sets another value after ours would, or beside it."""
    for line in _writers(evidence):
        match = _TMPFILES_LINE.match(line.text) if "/tmpfiles.d/" in line.path else None
        value = match[1] if match else _written(line)
        if value is not None and value not in accepted and line.path != OURS:
            return f"{line.path}:{line.number} sets {value}: change that line to {accepted[0]}"
    return None


def _persist(evidence: Evidence, path: str, accepted: tuple[str, ...]) -> tuple[tuple[Step, ...], str | None]:
    """The steps for the next boots, or what is in their way."""
    value = accepted[0]
    profile = winner(_tuned(evidence, accepted))
    argument = kernel_argument_assignments(evidence, "transparent_hugepage")
    if profile and profile.value not in accepted and not argument:
        used = [name for name in _TUNED_OPTIONS if tuned_assignments(evidence, "vm", name)]
        steps, hindrance = child_profile(
            evidence,
            "transparent_hugepages",
            "vm",
            dict.fromkeys(used, value),
            lambda dummy, other: other in accepted,
        )
        return steps, hindrance and (
            f"{profile.owner} sets {profile.value} at every start of tuned: "
            f"make {child_of(profile.owner, {'transparent_hugepages': value})} in its [vm] section and choose it. "
            f"It is not done here: {hindrance}"
        )
    if evidence.platform.systemd:
        present = evidence.file(OURS)
        content = f"# vmguest.linux, transparent_hugepages\nw {path} - - - - {value}\n"
        return (WriteFile(OURS, content, present.text if present else None),), None
    for script in LOCAL_SCRIPTS:
        entry = evidence.entry(script)
        if entry is None or entry.kind != "-" or "x" not in entry.mode[:3]:
            continue
        if any(line.path == script and _is_exit(line) for line in evidence.lines(_WRITERS.name)):
            break
        return (EditFile(script, (AppendLine(f"[ ! -w {path} ] || echo {value} >{path}"),)),), None
    return (), f"no script at boot can take a line: add transparent_hugepage={value} to the boot options"


RECOMMENDATIONS = (
    Recommendation(
        id="transparent_hugepages",
        area="memory",
        title="Transparent huge pages as the workload wants them",
        severity=Severity.LOW,
        baseline="off",
        talk="VMware supports large pages; they improve performance greatly and should be used judiciously.",
        today=(
            "The kernel makes large pages by itself since 2.6.38. They can be split and swapped, so the balloon does not mind; "
            "databases want them where they ask (madvise) or not at all, and what must not wait wants none."
        ),
        risk="Programs that profit from huge pages without asking for them get slower; TLB misses cost more in a guest.",
        source="Linux Documentation/admin-guide/mm/transhuge.rst; tuned plugin_vm.py; tmpfiles.d(5)",
        reads=(files(*ENABLED, OURS), *KCONFIG, *BOOT, *TUNED_READS, _WRITERS, entries(*LOCAL_SCRIPTS)),
        assess=assess,
    ),
)
