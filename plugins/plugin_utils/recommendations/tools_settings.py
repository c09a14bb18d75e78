# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role tools_settings: tools.conf, and the scripts that are run around a quiesced snapshot.

VMware Tools read tools.conf again within five seconds, so that an edit is in force at once and needs no restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.file_modes import (
    executable,
    mode_step,
    writable_by_others,
    written_by_owner_alone,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    Edit,
    EditFile,
    ReplaceLine,
    Step,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import READS as TOOLS_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import tools_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import PATH, ToolsConf
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import READS as CONF_READS

_NO_TOOLS = "there are no VMware Tools: see tools_present"
_UNREAD = f"{PATH} cannot be read"


# --- quiesce_scripts --------------------------------------------------------------------------------------------------

FOLDER = "/etc/vmware-tools/backupScripts.d"
LEGACY = ("/usr/sbin/pre-freeze-script", "/usr/sbin/post-thaw-script")


def assess_quiesce(evidence: Evidence, options: Options) -> Verdict:
    """A quiesced snapshot freezes what it should, and only root decides what is run for it."""
    if not tools_of(evidence).flavours:
        return not_applicable(_NO_TOOLS)
    conf = evidence.tools_conf
    if conf.lines is None:
        return unknown(_UNREAD)
    scripts = [entry for entry in evidence.entries(f"{FOLDER}/*") if entry.kind in "-l"]
    scripts += [entry for path in LEGACY if (entry := evidence.entry(path))]
    names = ", ".join(entry.path for entry in scripts)
    sides: dict[str, Any] = {
        "persistent": names or "no scripts",
        "desired": "file systems are frozen; scripts are root's, and run",
    }
    found = _switched(conf, names)
    foreign = [entry.path for entry in scripts if entry.uid != 0]
    links = [entry.path for entry in scripts if entry.kind == "l"]
    stopped = [entry.path for entry in scripts if entry.kind == "-" and not executable(entry)]
    if foreign:
        found.append(f"{', '.join(foreign)} is run as root and belongs to somebody else: chown root it")
    if stopped:
        found.append(
            f"{', '.join(stopped)} cannot be run, and every quiesced snapshot fails: make it executable, or remove it"
        )
    if links:
        found.append(f"{', '.join(links)} is a link, whose target is not looked at: put the script itself there")
    if found:
        return manual("; ".join(found), **sides)
    exposed = [entry for entry in scripts if writable_by_others(entry)]
    if exposed:
        return noncompliant(
            f"{', '.join(entry.path for entry in exposed)} is run as root, and others may write it",
            remedy=tuple(
                mode_step(
                    entry,
                    written_by_owner_alone(entry.mode),
                    f"let nobody but root write {entry.path}",
                )
                for entry in exposed
            ),
            **sides,
        )
    what = f"{names} runs before and after" if scripts else "no script is run"
    return compliant(f"file systems are frozen for a quiesced snapshot; {what}.", **sides)


def _switched(conf: ToolsConf, scripts: str) -> list[str]:
    """What tools.conf says against it."""
    found = []
    driver = conf.setting("vmbackup", "enableSyncDriver")
    if driver and not driver.is_true:
        found.append(f"{driver.owner} turns freezing off (enableSyncDriver): a snapshot is then as after a power cut")
    runs = conf.setting("vmbackup", "execScripts")
    if runs and not runs.is_true and scripts:
        found.append(f"{runs.owner} keeps {scripts} from being run (execScripts)")
    ignored = conf.setting("vmbackup", "ignoreFrozenFileSystems")
    if ignored and ignored.is_true:
        found.append(
            f"{ignored.owner} is meant only until excludedFileSystems is set (ignoreFrozenFileSystems): whoever thaws one "
            "meanwhile spoils the snapshot"
        )
    return found


# --- tools_logging ----------------------------------------------------------------------------------------------------


def assess_logging(evidence: Evidence, options: Options) -> Verdict:
    """No log at level debug, which may hold secrets, and no line that VMware Tools misread."""
    if not tools_of(evidence).flavours:
        return not_applicable(_NO_TOOLS)
    conf = evidence.tools_conf
    if conf.lines is None:
        return unknown(_UNREAD)
    sides: dict[str, Any] = {"desired": "no level debug, no blanks at the end of a line"}
    debug = [
        entry
        for entry in conf.settings
        if entry.group == "logging" and entry.key.endswith(".level") and entry.value == "debug"
    ]
    numbers = {entry.number for entry in debug}
    blanks = [
        (number, line)
        for number, line in enumerate(conf.lines, 1)
        if line != line.rstrip() and number not in numbers and line.strip() and not line.lstrip().startswith("#")
    ]
    if not debug and not blanks:
        return compliant("no log is kept at level debug.", persistent="no level debug", **sides)
    found = [f"{entry.key} is debug: logs grow fast, and may hold secrets" for entry in debug]
    found += [f"line {number} ends in blanks, which become part of its value" for number, dummy in blanks]
    sides.update(
        persistent=", ".join(
            [*(f"{entry.key} debug" for entry in debug), *(f"blanks in line {number}" for number, dummy in blanks)]
        ),
        owner=f"{PATH}:{(debug[0].number if debug else blanks[0][0])}",
    )
    edits = [ReplaceLine(entry.text, f"# vmguest tools_logging: {entry.text.strip()}") for entry in debug]
    edits += [ReplaceLine(line, line.rstrip()) for dummy, line in blanks]
    twice = next((edit.old for edit in edits if conf.lines.count(edit.old) > 1 or edit.new in conf.lines), None)
    if twice is not None:
        return manual(
            f"{'; '.join(found)}. The line '{twice.strip()}' stands in {PATH} more than once: edit it by hand", **sides
        )
    return noncompliant("; ".join(found), remedy=(EditFile(PATH, tuple(edits)),), **sides)


# --- tools_attack_surface ---------------------------------------------------------------------------------------------

PLUGINS = ("/usr/lib*/open-vm-tools/plugins/*/lib*.so", "/usr/lib/*/open-vm-tools/plugins/*/lib*.so")


@dataclass(frozen=True)
class Feature:
    """A plugin of VMware Tools, and the line of tools.conf that turns it off, written in several ways.

    A line is appended only where no other is the same, so that each has more than one spelling.
    """

    plugin: str
    group: str
    key: str
    off: tuple[str, ...]
    lines: tuple[str, ...]


_TRUE = ("true", "1")
_DISABLED = ("disabled=true", "disabled=1", "disabled = true", "disabled = 1")
FEATURES = {
    "componentmgr": Feature(
        "libcomponentMgr.so", "componentmgr", "included", ("none", ""), ("included=none", "included = none")
    ),
    "servicediscovery": Feature("libserviceDiscovery.so", "servicediscovery", "disabled", _TRUE, _DISABLED),
    "guestoperations": Feature("libvix.so", "guestoperations", "disabled", _TRUE, _DISABLED),
    "appinfo": Feature("libappInfo.so", "appinfo", "disabled", _TRUE, _DISABLED),
    "containerinfo": Feature(
        "libcontainerInfo.so", "containerinfo", "poll-interval", ("0",), ("poll-interval=0", "poll-interval = 0")
    ),
}


def assess_surface(evidence: Evidence, options: Options) -> Verdict:
    """What the policy wants off is not installed, or is off."""
    if not tools_of(evidence).flavours:
        return not_applicable(_NO_TOOLS)
    conf = evidence.tools_conf
    if conf.lines is None:
        return unknown(_UNREAD)
    wanted = options["tools_settings_off"]
    installed = {entry.path.rpartition("/")[2] for glob in PLUGINS for entry in evidence.entries(glob)}
    sides: dict[str, Any] = {"desired": f"off: {', '.join(wanted)}" if wanted else "nothing asked for"}
    if wanted and not installed:
        return unknown(
            "no plugin of VMware Tools is where open-vm-tools keeps them, so what runs is not known", **sides
        )
    there = [name for name, feature in FEATURES.items() if feature.plugin in installed]
    running = [name for name in there if not _is_off(conf, FEATURES[name])]
    sides["persistent"] = f"on: {', '.join(running)}" if running else "none of them is on"
    open_ = [name for name in running if name in wanted]
    if not open_:
        return compliant("what is wanted off is off, or not installed.", **sides)
    reason = f"{', '.join(open_)} of VMware Tools is on, and nobody asked for it"
    edits, problem = _edits(conf, [FEATURES[name] for name in open_])
    if problem:
        return manual(f"{reason}: {problem}", **sides)
    return noncompliant(reason, remedy=(_written(conf, edits),), owner=PATH if conf.exists else None, **sides)


def _is_off(conf: ToolsConf, feature: Feature) -> bool:
    found = conf.setting(feature.group, feature.key)
    return found is not None and found.value in feature.off


def _edits(conf: ToolsConf, features: list[Feature]) -> tuple[list[Edit], str | None]:
    """The edits, or why they cannot be made. What belongs to the file's last group comes first: others open new ones."""
    lines = list(conf.lines or ())
    last = conf.groups[-1] if conf.groups else ""
    edits: list[Edit] = []
    for feature in sorted(features, key=lambda feature: feature.group != last):
        line = next((text for text in feature.lines if text not in lines), None)
        present = conf.setting(feature.group, feature.key)
        if line is None or (present and lines.count(present.text) > 1):
            return [], f"edit [{feature.group}] in {PATH} by hand: '{feature.lines[0]}'"
        lines.append(line)
        if present:
            edits.append(ReplaceLine(present.text, line))
            continue
        if feature.group in conf.groups and feature.group != last:
            return [], f"add '{feature.lines[0]}' below [{feature.group}] in {PATH}"
        if feature.group not in conf.groups:
            edits.append(AppendLine(f"[{feature.group}]"))
        edits.append(AppendLine(line))
    return edits, None


def _written(conf: ToolsConf, edits: list[Edit]) -> Step:
    if conf.exists:
        return EditFile(PATH, tuple(edits))
    return WriteFile(PATH, "".join(f"{edit.line}\n" for edit in edits if isinstance(edit, AppendLine)))


RECOMMENDATIONS = (
    Recommendation(
        id="quiesce_scripts",
        area="tools",
        title="Quiesce snapshots, with scripts that only root can change",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk.",
        today="Scripts in backupScripts.d are run as root before and after the snapshot; one that cannot be run makes it fail.",
        risk="A database stands still while it is frozen. A script that others may write gives them root.",
        source="open-vm-tools tools.conf, services/plugins/vmbackup/scriptOps.c",
        reads=(*TOOLS_READS, *CONF_READS, entries(f"{FOLDER}/*", *LEGACY)),
        assess=assess_quiesce,
    ),
    Recommendation(
        id="tools_logging",
        area="tools",
        title="Keep no log of VMware Tools at level debug",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="Level debug is for a diagnosis: such a log grows fast, and may hold secrets.",
        risk="Somebody may be diagnosing a problem: the line stays as a comment.",
        source="open-vm-tools tools.conf, libvmtools/vmtoolsLog.c",
        reads=(*TOOLS_READS, *CONF_READS),
        assess=assess_logging,
    ),
    Recommendation(
        id="tools_attack_surface",
        area="security",
        title="Turn off the parts of VMware Tools that nobody uses",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "Tools since 11 and 12 look for services and containers, and install a Salt minion when the host asks. Whoever may use "
            "guest operations on the host runs programs in the guest."
        ),
        risk=(
            "Backup and automation use guest operations, VMware Aria uses service discovery, Salt the component manager: leave "
            "what they use out of tools_settings_off, which lists what is turned off."
        ),
        source="open-vm-tools tools.conf, services/plugins/componentMgr/componentMgr.c, appInfo.c, serviceDiscovery.c, vixTools.c",
        reads=(*TOOLS_READS, *CONF_READS, entries(*PLUGINS)),
        assess=assess_surface,
    ),
)
