# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role open_vm_tools: VMware Tools, one flavour of them, running; and the balloon driver of the kernel.

Tools come in three flavours. *open-vm-tools* is the distribution's package and the recommended one. *OSPs* are packages
of VMware for one operating system, the *tarball* is its installer with an uninstaller of its own; both ended with
version 10.3 (open-vm-tools README; release notes of 11.1.5). Where a distribution has no open-vm-tools, they are right.

A guest with no Tools at all is tools_present's: it installs, enables and starts. tools_service_running then has nothing
to say until there is something to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import (
    PACKAGE_NAME,
    PackageManager,
    install_step,
    manager_of,
    no_packages,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.service_steps import run_unit_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, Run, Step, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tools_offers import OFFERS, Offer, offer_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tools_tarball import OUTSIDE, removal
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import Block, blocks
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import (
    TOOLS_DAEMONS,
    Script,
    Services,
    Unit,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import (
    CONFIGURATION,
    UNINSTALLER,
    Tools,
    tarball_answers,
    tools_of,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import READS as TOOLS_READS

EPEL = "/etc/yum.repos.d/epel*.repo"

#: Services in the order in which one of them is the guest's: open-vm-tools (Debian, others), tarball, OSP.
SERVICES = ("open-vm-tools", "vmtoolsd", "vmware-tools-services", "vmware-tools")
#: Started with the first ones; without it guest operations that authenticate by SAML tokens fail, nothing else.
AUTHENTICATION = ("vgauth", "vgauthd")

#: Drivers that a guest cannot do without where its disk or network is on them.
VITAL = ("vmw_pvscsi", "vmxnet3")

# --- the balloon ------------------------------------------------------------------------------------------------------

#: The kernel's driver (2.6.34, backported as vmware_balloon), and that of VMware Tools for older ones.
BALLOON = ("vmw_balloon", "vmware_balloon", "vmmemctl")

#: Commands of `install` lines that only keep a module out.
NOTHING = ("true", "false", ":", "nologin")


_READS: tuple[Read, ...] = (*TOOLS_READS, *SERVICE_READS, entries(EPEL))

# --- tools_present ----------------------------------------------------------------------------------------------------


def assess_present(evidence: Evidence, options: Options) -> Verdict:
    """VMware Tools are installed, from the distribution where it has them."""
    package = options["open_vm_tools_package"]
    platform, packages = evidence.platform, evidence.packages
    if not PACKAGE_NAME.match(package):
        return manual(f"open_vm_tools_package is '{package}', which is no package's name: correct the variable")
    if packages.database is None:
        return unknown("neither dpkg nor rpm answered, so whether VMware Tools are installed is not known")
    tools = tools_of(evidence, package)
    offer = offer_of(platform.distribution)
    wanted = _wanted(options, offer)
    sides: dict[str, Any] = {"persistent": tools.summary, "desired": " and ".join(wanted)}
    half = next((name for name in wanted if packages.interrupted(name)), None)
    if half:
        return manual(
            f"dpkg has begun and not finished with {half} ({packages.interrupted(half)}): run dpkg --configure -a",
            **sides,
        )
    if tools.legacy:
        if offer is None:
            where = platform.distribution.name
            return compliant(f"VMware Tools are installed as {tools.legacy}; {where} has no open-vm-tools", **sides)
        return manual(
            f"VMware Tools are installed as {tools.legacy}: tools_single_flavour says how to replace it", **sides
        )
    if "unpackaged" in tools.flavours:
        daemon = tools.flavours["unpackaged"]
        return compliant(f"{daemon} is of no package known here: who installed it has to keep it current", **sides)
    missing = tuple(name for name in wanted if name not in packages.versions)
    if "open-vm-tools" in tools.flavours:
        missing = tuple(name for name in missing if name != package)
    if not missing:
        return compliant(f"{package} is installed.{_no_desktop(options, offer)}", **sides)
    hindrance = _no_installation(evidence)
    if hindrance:
        return manual(f"{' and '.join(missing)} not installed, and {hindrance}", **sides)
    return noncompliant(
        f"{' and '.join(missing)} not installed: without it the host cannot shut the guest down or quiesce a snapshot",
        remedy=_installation(evidence, missing, start=package in missing),
        **sides,
    )


def _wanted(options: Options, offer: Offer | None) -> tuple[str, ...]:
    desktop = (offer.desktop,) if options["open_vm_tools_desktop"] and offer and offer.desktop else ()
    return (options["open_vm_tools_package"], *desktop)


def _no_desktop(options: Options, offer: Offer | None) -> str:
    if options["open_vm_tools_desktop"] and (offer is None or offer.desktop is None):
        return " open_vm_tools_desktop is set, but this distribution has no desktop part."
    return ""


def _no_installation(evidence: Evidence) -> str | None:
    """Why no package can be installed here by this role, with what to do instead."""
    distribution = evidence.platform.distribution
    hindrance = no_packages(evidence)
    if hindrance:
        return hindrance
    if offer_of(distribution):
        return None
    if distribution.family == "redhat" and distribution.major == 6:
        if evidence.entries(EPEL):
            return None
        return "RHEL 6 has it in EPEL only: configure that repository, or install the tarball of VMware Tools 10.3"
    return (
        f"{distribution.name} has no open-vm-tools: install the tarball (10.3 or older) from the host's image linux.iso"
    )


def _manager(evidence: Evidence) -> PackageManager | None:
    distribution = evidence.platform.distribution
    return manager_of(distribution.family, distribution.major)


def _installation(evidence: Evidence, names: tuple[str, ...], start: bool) -> tuple[Step, ...]:
    """Install, and have the service run: not every distribution enables or starts what it installs."""
    manager = _manager(evidence)
    if manager is None:
        raise AssertionError("a plan is made only where _no_installation found a package manager")
    steps = [install_step(manager, names, keep_configuration=bool(evidence.entry(CONFIGURATION)))]
    if not start:
        return tuple(steps)
    offer = OFFERS.get(evidence.platform.distribution.id) or OFFERS[evidence.platform.distribution.family]
    if evidence.platform.systemd:
        return (*steps, run_unit_step(Unit(offer.unit, "loaded", "inactive", (), None)))
    if evidence.platform.distribution.family == "debian":
        return tuple(steps)  # its packages do it themselves, by whatever init there is
    return (*steps, *_script_steps(Script(offer.unit, "/etc/init.d/" + offer.unit, (), ()), running=False))


# --- tools_service_running --------------------------------------------------------------------------------------------


def assess_service(evidence: Evidence, options: Options) -> Verdict:
    """The daemon runs, and the next boot starts it."""
    tools = tools_of(evidence, options["open_vm_tools_package"])
    if not tools.flavours:
        return not_applicable("there are no VMware Tools whose service could run: see tools_present")
    if evidence.platform.systemd:
        return _assess_unit(evidence)
    return _assess_script(evidence)


def _assess_unit(evidence: Evidence) -> Verdict:
    services = evidence.services
    if services.units is None:
        return unknown("systemctl did not answer, so whether the service runs is not known")
    unit = services.unit(*SERVICES)
    if unit is None:
        return manual(
            f"systemd knows none of {', '.join(name + '.service' for name in SERVICES)}: reinstall VMware Tools"
        )
    sides: dict[str, Any] = {
        "runtime": f"{unit.name} {unit.active}",
        "persistent": "masked" if unit.mask else "enabled" if unit.links else "disabled",
        "desired": "active and enabled",
        "owner": unit.mask or next(iter(unit.links), None),
    }
    if unit.masked:
        where = unit.mask or "a link in /run/systemd/system"
        return manual(
            f"{unit.name} is masked by {where}: somebody decided so; `systemctl unmask {unit.name}` undoes it",
            **sides,
        )
    if unit.running and unit.enabled:
        return compliant(f"{unit.name} runs and starts at boot{_stopped_authentication(services)}", **sides)
    remedy = (run_unit_step(unit),)
    if unit.running:
        return not_persistent(f"{unit.name} runs, but nothing starts it at the next boot", remedy=remedy, **sides)
    return noncompliant(
        f"{unit.name} is {unit.active}: the host takes VMware Tools for not running", remedy=remedy, **sides
    )


def _stopped_authentication(services: Services) -> str:
    """The end of a reason. VGAuth alone is nobody's loss who does not use it, so it decides nothing."""
    unit = services.unit(*AUTHENTICATION)
    return f"; {unit.name} does not run: guest operations take no SAML tokens" if unit and not unit.running else ""


def _assess_script(evidence: Evidence) -> Verdict:
    """System V init and upstart: the daemon by its process, the boot by its links."""
    services = evidence.services
    daemons = services.daemons & frozenset(TOOLS_DAEMONS)
    running = bool(daemons)
    runtime = ", ".join(sorted(daemons)) + " runs" if running else "no daemon of VMware Tools runs"
    job = next((services.jobs[name] for name in SERVICES if name in services.jobs), None)
    if job:
        name = job.rpartition("/")[2].removesuffix(".conf")
        sides = {"runtime": runtime, "persistent": "upstart job", "desired": "running, started at boot", "owner": job}
        if running:
            return compliant(f"it runs, and upstart starts it at boot by {job}", **sides)
        return manual(f"upstart has {job}, but no daemon runs: run `initctl start {name}`, see /var/log", **sides)
    script = services.script(*SERVICES)
    if script is None:
        return manual("no init script of VMware Tools was found: reinstall them", runtime=runtime)
    links = script.starts
    sides = {
        "runtime": runtime,
        "persistent": f"started by {links[0]}" if links else "not started at boot",
        "desired": "running, started at boot",
        "owner": links[0] if links else script.path,
    }
    if running and links:
        return compliant(f"it runs, and {script.path} starts it at boot", **sides)
    if not links and evidence.platform.distribution.family not in ("redhat", "suse"):
        return manual(f"nothing starts {script.path} at boot: run `update-rc.d {script.name} defaults`", **sides)
    remedy = _script_steps(script, running)
    if running:
        return not_persistent(f"it runs, but nothing starts {script.path} at boot", remedy=remedy, **sides)
    return noncompliant(f"{runtime}: the host takes VMware Tools for not running", remedy=remedy, **sides)


def _script_steps(script: Script, running: bool) -> tuple[Step, ...]:
    steps = []
    name = script.name
    if not script.starts:
        # A service that chkconfig never heard of has no links at all, not even those that stop it.
        undo = sh("chkconfig", name, "off") if script.stops else sh("chkconfig", "--del", name)
        levels = f"LC_ALL=C {sh('chkconfig', '--list', name)}"
        steps.append(
            Run(
                what=f"have {name} started at boot",
                do=" && ".join(
                    [sh("chkconfig", "--add", name), sh("chkconfig", name, "on"), f'{levels} >"$NOTES/levels"']
                ),
                undo=f'[ ! -e "$ROOT"{script.path} ] || {undo}',
                proof=sh("chkconfig", name),
                ask="\n".join(
                    [
                        f"now=$({levels}) || exit 0",
                        'case $now in "$(cat "$NOTES/levels")") ;; *:on*)',
                        '  echo "changed since: expected $(cat "$NOTES/levels"), found $now"; exit 1',
                        "esac",
                    ]
                ),
            )
        )
    if not running:
        steps.append(
            Run(
                what=f"start {name}",
                do=sh("service", name, "start"),
                undo=f'[ ! -e "$ROOT"{script.path} ] || {sh("service", name, "stop")}',
                proof=sh("service", name, "status"),
            )
        )
    return tuple(steps)


# --- tools_single_flavour ---------------------------------------------------------------------------------------------


def assess_flavour(evidence: Evidence, options: Options) -> Verdict:
    """One flavour, and that of the distribution where it has one."""
    if evidence.packages.database is None:
        return unknown("neither dpkg nor rpm answered, so which VMware Tools are installed is not known")
    tools = tools_of(evidence, options["open_vm_tools_package"])
    offer = offer_of(evidence.platform.distribution)
    foreign = evidence.modules.foreign
    sides: dict[str, Any] = {"persistent": tools.summary, "desired": "open-vm-tools alone" if offer else "one flavour"}
    stale = f" Drivers that are not the kernel's own: {', '.join(foreign)}." if foreign else ""
    if not tools.flavours:
        return not_applicable("there are no VMware Tools: see tools_present")
    if not tools.legacy:
        if foreign and offer:
            return manual(f"a legacy flavour is gone, but not all of it.{stale} Remove them, run depmod -a.", **sides)
        return compliant(f"{tools.summary} is the only flavour", **sides)
    if len(tools.flavours) == 1 and offer is None:
        name = evidence.platform.distribution.name
        return compliant(f"{tools.legacy} is the only flavour, and {name} has no other.{stale}", **sides)
    reason = f"two flavours: {tools.summary}."
    if len(tools.flavours) == 1:
        reason = f"{tools.summary} on a distribution that has open-vm-tools: no update renews it."
    hindrance = _no_removal(evidence, options, tools)
    if hindrance:
        return manual(f"{reason}{stale} Not removed by this role: {hindrance}", **sides)
    return noncompliant(
        reason + stale,
        remedy=(*removal(evidence), *_installation(evidence, _wanted(options, offer), start=True)),
        **sides,
    )


def _no_removal(evidence: Evidence, options: Options, tools: Tools) -> str | None:
    """Why the legacy flavour stays, with what to do instead."""
    lacking = [name for name in VITAL if not evidence.modules.own(name)]
    if lacking:
        return f"the running kernel has no {' and no '.join(lacking)} of its own: disks or network could be lost"
    hidden = [file for file in evidence.modules.foreign if any(f"/{name}.ko" in file for name in VITAL)]
    if hidden:
        return (
            f"{hidden[0]} hides the kernel's own driver and may be the one that runs. Remove it in a maintenance window"
        )
    if tools.legacy == "OSP":
        return (
            f"VMware's repositories of these packages are closed, so it could not be undone. Take a snapshot, remove "
            f"{tools.flavours['OSP']} and its companions by the package manager, and run this role again"
        )
    if len(tools.flavours) > 1:
        return f"it shares files with open-vm-tools. Take a snapshot, run {UNINSTALLER} and reinstall open-vm-tools"
    outside = [what for answer, what in OUTSIDE.items() if answer in tarball_answers(evidence)]
    if outside:
        return f"its uninstaller would also {' and '.join(outside)}. Take a snapshot, run {UNINSTALLER}, then this role"
    if not evidence.entry(UNINSTALLER):
        return f"{UNINSTALLER} is missing: reinstall the tarball and then run it"
    if not options["open_vm_tools_remove_legacy"]:
        return "set open_vm_tools_remove_legacy to have it replaced"
    return _no_installation(evidence)


# --- balloon_driver ---------------------------------------------------------------------------------------------------


def assess_balloon(evidence: Evidence, options: Options) -> Verdict:
    """The balloon driver is loaded, and nothing keeps it out at the next boot."""
    modules = evidence.modules
    built_in = next((name for name in BALLOON if name in modules.built_in), None)
    if built_in:
        return compliant(
            f"{built_in} is part of the kernel", runtime="built in", persistent="built in", desired="loaded"
        )
    loaded = next((name for name in BALLOON if name in modules.loaded), None)
    available = next((name for name in BALLOON if name in modules.files), None)
    module = loaded or available
    if module is None:
        return _no_balloon(evidence)
    found = blocks(evidence, module)
    sides: dict[str, Any] = {
        "runtime": f"{module} {'loaded' if loaded else 'not loaded'}",
        "persistent": f"blocked by {found[0].owner}" if found else "loaded at boot",
        "desired": "loaded",
        "owner": found[0].owner if found else None,
    }
    if loaded and not found:
        return compliant(f"{module} is loaded, and nothing keeps it from being loaded at boot", **sides)
    hindrance = next(filter(None, (_no_unblocking(evidence, block) for block in found)), None)
    if hindrance:
        return manual(f"{found[0].text.strip()} keeps {module} out: {hindrance}", **sides)
    remedy: tuple[Step, ...] = _unblock(found)
    if loaded:
        return not_persistent(
            f"{module} is loaded, but {found[0].owner} keeps it out at the next boot", remedy=remedy, **sides
        )
    why = f"{found[0].owner} keeps {module} out" if found else f"{module} is not loaded"
    return noncompliant(
        f"{why}: a host short of memory swaps out this guest's pages without asking which",
        remedy=(*remedy, _load(evidence, module)),
        **sides,
    )


def _no_balloon(evidence: Evidence) -> Verdict:
    platform = evidence.platform
    kernel = f"kernel {platform.kernel.release}"
    if not evidence.modules.listed:
        return unknown(
            f"/lib/modules/{platform.kernel.release}/modules.dep is missing, so the drivers of {kernel} are not known"
        )
    if platform.machine and not platform.machine.startswith(("x86_64", "i")):
        return not_applicable(f"Linux has no balloon driver for VMware on {platform.machine}")
    if platform.kernel.version < (2, 6, 34):
        return manual(
            f"{kernel} has no balloon driver of its own: VMware Tools (tarball or OSP) bring vmmemctl", desired="loaded"
        )
    return manual(
        f"{kernel} has no vmw_balloon: install the package with the rest of its modules, or another kernel",
        desired="loaded",
    )


def _no_unblocking(evidence: Evidence, block: Block) -> str | None:
    """Why a blocking line is not ours to take out, with what to do instead."""
    if block.path is None:
        return f"take it out of {block.owner} and of the other boot entries"
    if not block.path.startswith("/etc/"):
        return f"it is a package's; a copy of {block.path} in /etc/modprobe.d, without the line, stands in for it"
    words = block.text.split()
    if words[0] == "install" and words[2].rpartition("/")[2] not in NOTHING:
        return "its command may do more than that: take the line out by hand"
    if evidence.file(block.path).lines.count(block.text) > 1:
        return f"the line stands in {block.path} more than once: leave one of them"
    return None


def _unblock(found: tuple[Block, ...]) -> tuple[Step, ...]:
    """The lines become comments; one step for each file."""
    paths = dict.fromkeys(block.path for block in found if block.path)

    def edits(path: str) -> tuple[ReplaceLine, ...]:
        lines = (block.text for block in found if block.path == path)
        return tuple(ReplaceLine(line, f"# vmguest balloon_driver: {line}") for line in lines)

    return tuple(EditFile(path, edits(path)) for path in paths)


def _load(evidence: Evidence, module: str) -> Run:
    """modprobe brings what the driver needs; the undo takes out all that was not there before, the driver first.

    What it brought may be in use by others since: then it stays.
    """
    modules = evidence.modules
    there = modules.loaded | modules.built_in
    brought = [name for name in modules.requires.get(module, ()) if name not in there]
    return Run(
        what=f"load {module}",
        do=sh("modprobe", module),
        undo="\n".join(
            [
                f'if [ -d "$ROOT"/sys/module/{module} ]; then rmmod {module} || exit 1; fi',
                *(f'if [ -d "$ROOT"/sys/module/{name} ]; then rmmod {name} || :; fi' for name in brought),
            ]
        ),
        proof=f'[ -d "$ROOT"/sys/module/{module} ]',
    )


# --- the recommendations ----------------------------------------------------------------------------------------------


def _recommendation(assess: Callable[[Evidence, Options], Verdict], **fields: Any) -> Recommendation:
    return Recommendation(area="tools", assess=assess, **fields)


RECOMMENDATIONS = (
    _recommendation(
        assess_present,
        id="tools_present",
        title="Install VMware Tools",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="Many forget to install VMware Tools, since the guest works without them.",
        today=(
            "Right, by other means: the distribution's open-vm-tools. Drivers have come with the kernel since 3.10; Tools are "
            "for heartbeat, graceful power operations, quiesced snapshots, guest information and customization."
        ),
        risk="Guest operations let whoever may use them on the host run programs in the guest.",
        source="open-vm-tools README; VMware KB 2073803 (support for open-vm-tools)",
        reads=_READS,
    ),
    _recommendation(
        assess_service,
        id="tools_service_running",
        title="Run the service of VMware Tools",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="Soft power operations, heartbeat and guest information need the daemon.",
        today="Right. The unit is open-vm-tools on Debian and Ubuntu, vmtoolsd elsewhere.",
        risk="None beyond that of having the Tools.",
        source="open-vm-tools packages of Debian, Fedora and openSUSE",
        reads=_READS,
    ),
    _recommendation(
        assess_flavour,
        id="tools_single_flavour",
        title="Have one flavour of VMware Tools, the distribution's",
        severity=Severity.HIGH,
        baseline="audit",
        talk="Binary drivers break on kernel updates.",
        today="The tarball and VMware's packages ended with 10.3; their drivers hide newer ones of the kernel.",
        risk=(
            "Guests whose kernel has no pvscsi or vmxnet3 of its own (RHEL 5, SLES 10) live on the tarball's drivers: "
            "without them disks and network are lost."
        ),
        source="open-vm-tools README; VMware Tools 11.1.5 release notes; vmware-install.pl 10.1",
        reads=(*_READS, *MODULE_READS),
    ),
    _recommendation(
        assess_balloon,
        id="balloon_driver",
        title="Load the memory balloon driver",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="The balloon driver is part of the kernel since 2.6.34.",
        today=(
            "Right. Without it a host that is short of memory compresses and swaps out pages of the guest, knowing "
            "nothing of what they hold."
        ),
        risk=(
            "A guest without enough swap may run out of memory when the balloon inflates (swap_size); where memory is reserved in "
            "full it never does."
        ),
        source="vSphere Resource Management, Memory Balloon Driver; Linux drivers/misc/vmw_balloon.c",
        reads=MODULE_READS,
    ),
)
