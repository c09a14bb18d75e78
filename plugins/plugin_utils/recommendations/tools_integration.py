# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role tools_integration: VMware Tools that are new enough, whose drivers the next kernel has, and that the host can talk to.

What installs them and has their service run is role open_vm_tools. An update of them is the patch process's: an older package may
not be there any more to go back to, so that nothing is updated here.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.file_modes import executable, mode_step
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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tools_offers import offer_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import (
    CONTROLLERS,
    TOOLS_NAMES,
    drivers_of_disks,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import READS as CONTROLLER_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.host import READS as HOST_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import READS as IMAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import (
    Builder,
    Case,
    Images,
    Kernel,
    case_of,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import LISTED
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import CONFIGURATION, LOCATIONS, tools_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import READS as TOOLS_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import READS as CONF_READS

_NO_TOOLS = "there are no VMware Tools: see tools_present"


# --- tools_current ----------------------------------------------------------------------------------------------------

#: What a version brought, for whoever still lacks it (open-vm-tools: git log, tools.conf, release notes).
GATES = (
    ((10, 2, 0), "the udev rule for SCSI timeouts"),
    ((11, 0, 5), "a udev rule that systemd 243 and later do not reject"),
    ((12, 3, 0), "quiescing beside frozen file systems"),
    ((13, 1, 0), "time synchronisation by tools.conf"),
)
#: The last of VMware's own packages and tarball.
LAST_OF_VMWARE = (10, 3, 0)
_VERSION = re.compile(r"(?:\d+:)?(\d+)\.(\d+)(?:\.(\d+))?")


def _numbers(text: str | None) -> tuple[int, int, int] | None:
    """``2:12.2.0-1+deb12u2`` is (12, 2, 0)."""
    found = _VERSION.match(text or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def assess_current(evidence: Evidence, options: Options) -> Verdict:
    """VMware Tools are no older than asked for."""
    if evidence.packages.database is None:
        return unknown("neither dpkg nor rpm answered, so which VMware Tools are installed is not known")
    tools = tools_of(evidence)
    if not tools.flavours:
        return not_applicable(_NO_TOOLS)
    texts = {
        "open-vm-tools": evidence.packages.versions.get("open-vm-tools"),
        "OSP": evidence.packages.versions.get(tools.flavours.get("OSP", "")),
        "tarball": evidence.host.tools,
    }
    flavour, text = next(((name, texts[name]) for name in texts if name in tools.flavours), ("", None))
    version = _numbers(text)
    # VMware's own end with 10.3; where there is nothing else, that is the newest.
    legacy = flavour != "open-vm-tools" and offer_of(evidence.platform.distribution) is None
    oldest = min(_oldest(options), LAST_OF_VMWARE) if legacy else _oldest(options)
    sides: dict[str, Any] = {"desired": f"{_dotted(oldest)} or later"}
    if version is None:
        return unknown(f"the version of VMware Tools ({tools.summary}) cannot be told", **sides)
    sides["persistent"] = f"{flavour} {_dotted(version)}"
    lacking = [what for first, what in GATES if version < first]
    rest = f" Newer ones have {', '.join(lacking)}." if lacking and not legacy else ""
    if version >= oldest:
        return compliant(f"{flavour} {_dotted(version)} is recent enough.{rest}", **sides)
    if flavour == "open-vm-tools":
        return manual(f"open-vm-tools {_dotted(version)} is old: update the package.{rest}", **sides)
    if legacy:
        return manual(f"{flavour} {_dotted(version)} is old: install that of VMware Tools 10.3, the last", **sides)
    return manual(
        f"{flavour} {_dotted(version)} is old, and no newer one will come: tools_single_flavour says how to replace it",
        **sides,
    )


def _oldest(options: Options) -> tuple[int, int, int]:
    return _numbers(options["tools_integration_oldest"]) or (0, 0, 0)


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(str(number) for number in version)


# --- tools_kmods_after_kernel_update ----------------------------------------------------------------------------------

#: Drivers of VMware's devices that Tools brought to kernels without them, by either name, and which name stands in for it.
_DRIVERS = {"vmw_pvscsi": ("vmw_pvscsi", TOOLS_NAMES["vmw_pvscsi"]), "vmxnet3": ("vmxnet3",), "vmxnet": ("vmxnet",)}
#: Those of them that a root may be on.
_OF_DISKS = _DRIVERS["vmw_pvscsi"]
CONFIG_TOOL = "/usr/bin/vmware-config-tools.pl"


def assess_kmods(evidence: Evidence, options: Options) -> Verdict:
    """The kernel that boots next has every driver of VMware's that disks and cards are on now, and its image that of the disks."""
    if evidence.packages.database is None and not evidence.entry(LOCATIONS):
        return unknown("neither dpkg nor rpm answered, so which VMware Tools are installed is not known")
    tools = tools_of(evidence)
    if not tools.legacy:
        return not_applicable(
            "only VMware's own packages and tarball bring drivers; open-vm-tools leaves them to the kernel"
        )
    used = {*drivers_of_disks(evidence), *(nic.driver for nic in evidence.network.nics)}
    needed = [name for name, others in _DRIVERS.items() if used & set(others)]
    sides: dict[str, Any] = {
        "runtime": ", ".join(needed) or "no driver of VMware's",
        "desired": "in the kernel that boots next",
    }
    if not needed:
        return compliant("no disk and no card is on a driver that VMware Tools bring.", **sides)
    entry = evidence.boot.default
    if entry is None or not entry.release:
        return unknown(
            f"which kernel the next boot starts cannot be told: {evidence.boot.problem or (entry and entry.source)}",
            **sides,
        )
    kernel = entry.release
    sides.update(persistent=kernel, owner=entry.source)
    if not evidence.entry(f"/lib/modules/{kernel}/modules.dep"):
        return unknown(
            f"what kernel {kernel} has is not known: /lib/modules/{kernel}/modules.dep is not there", **sides
        )
    has = _drivers_of(evidence, kernel)
    missing = [name for name in needed if not has & set(_DRIVERS[name])]
    how = (
        f"{CONFIG_TOOL} -d -k {kernel}"
        if tools.legacy == "tarball"
        else "install VMware's package of drivers for that kernel"
    )
    if missing:
        return manual(
            f"kernel {kernel} boots next and has no {' and no '.join(missing)}: without it disks or network are lost. Before the "
            f"next reboot: {how}",
            **sides,
        )
    if used & set(_OF_DISKS):
        return _assess_image(evidence, kernel, how, sides)
    return compliant(f"kernel {kernel}, which boots next, has them too.", **sides)


def _assess_image(evidence: Evidence, kernel: str, how: str, sides: dict[str, Any]) -> Verdict:
    """Judge the image by which the kernel boots that is next: a root on VMware's controller is found by the driver in it only."""
    found = evidence.initramfs
    booted = [one for one in found.kernels if one.default and any(one.has(name) for name in _OF_DISKS)]
    if not booted:
        return unknown(f"the image by which kernel {kernel} boots next is not known", **sides)
    cases = [_by_either_name(found, one) for one in booted]
    riddle = next((case.riddle for case in cases if case.riddle), None)
    if riddle:
        return unknown(f"whether the next boot finds its disks is not known. {riddle}", **sides)
    hopeless = next((case.hopeless for case in cases if case.hopeless), None)
    if hopeless:
        return manual(hopeless, **sides)
    lacking = next((case for case in cases if case.missing), None)
    if lacking is None:
        return compliant(f"kernel {kernel}, which boots next, has them too, and so has its image.", **sides)
    image, names = lacking.kernel.image, ", ".join(lacking.missing)
    if found.builder is Builder.NASH:
        with_them = " ".join(f"--with={name}" for name in lacking.missing)
        how = f"{how}, or mkinitrd -f {with_them} {image} {kernel}"
    others = set(drivers_of_disks(evidence)) & set(CONTROLLERS) - set(_OF_DISKS)
    if others and not case_of(found, lacking.kernel, others).missing:
        return unknown(
            f"{image}, by which kernel {kernel} boots next, lacks {names}, and which disks hold what the boot needs is not known: "
            f"where it is one on VMware's controller, before the next reboot: {how}",
            **sides,
        )
    return manual(
        f"{image}, by which kernel {kernel} boots next, lacks {names}: the guest would not find its disks. Before the next reboot: "
        f"{how}",
        **sides,
    )


def _by_either_name(found: Images, kernel: Kernel) -> Case:
    """What the kernel's image lacks of the controller's driver: by one of its names is enough."""
    cases = (case_of(found, kernel, [name]) for name in _OF_DISKS if kernel.has(name))
    return min(cases, key=lambda case: len(case.missing))


def _drivers_of(evidence: Evidence, kernel: str) -> set[str]:
    lists = (f"/lib/modules/{kernel}/modules.dep", f"/lib/modules/{kernel}/modules.builtin")
    return {
        line.text.partition(":")[0].rpartition("/")[2].partition(".ko")[0].replace("-", "_")
        for line in evidence.lines(LISTED.name)
        if line.path in lists
    }


# --- tools_power_ops --------------------------------------------------------------------------------------------------

_DEFAULTS = {
    name: f"{name.partition('-')[0]}-vm-default"
    for name in ("poweron-script", "poweroff-script", "suspend-script", "resume-script")
}


def assess_power(evidence: Evidence, options: Options) -> Verdict:
    """Scripts of power operations are there and can be run: VMware Tools do what is asked for only where they succeed."""
    if not tools_of(evidence).flavours:
        return not_applicable(_NO_TOOLS)
    conf = evidence.tools_conf
    if conf.lines is None:
        return unknown("/etc/vmware-tools/tools.conf cannot be read, so which scripts are run is not known")
    sides = {"desired": "a script for each of power on, power off, suspend, resume, that can be run"}
    elsewhere, missing, stopped = [], [], []
    for key, default in _DEFAULTS.items():
        setting = conf.setting("powerops", key)
        name = setting.value if setting else default
        path = name if name.startswith("/") else f"{CONFIGURATION}/{name}"
        if not name:
            continue  # none shall be run
        folder, dummy, base = path.rpartition("/")
        if folder != CONFIGURATION or " " in base:
            elsewhere.append(path)
            continue
        script = evidence.entry(path)
        if script is None:
            missing.append(path)
        elif script.kind == "-" and not executable(script):
            stopped.append(script)
    if missing:
        return manual(
            f"{', '.join(missing)} missing: the first request to shut down, or to suspend, fails. Reinstall the package of VMware "
            "Tools, or correct [powerops] in tools.conf",
            persistent=f"no {', '.join(missing)}",
            **sides,
        )
    if stopped:
        names = ", ".join(script.path for script in stopped)
        return noncompliant(
            f"{names} cannot be run: the first request to shut down, or to suspend, fails",
            remedy=tuple(mode_step(script, "rwxr-xr-x", f"make {script.path} executable") for script in stopped),
            persistent=f"{names} {stopped[0].mode}",
            **sides,
        )
    if elsewhere:
        return unknown(f"tools.conf names {', '.join(elsewhere)}, which is not looked at here: can it be run?", **sides)
    return compliant("every script is there and can be run.", **sides)


# --- ovf_environment --------------------------------------------------------------------------------------------------

#: The image by which vSphere hands it over where the appliance asked for that.
OVF_DISK = "/dev/disk/by-label/OVF*ENV*"
CLOUD_INIT = "/usr/bin/cloud-init"
_SECRET = re.compile(r"pass|pwd|secret", re.IGNORECASE)


def assess_ovf(evidence: Evidence, options: Options) -> Verdict:
    """The OVF environment, where the VM has one, is read by somebody, and keeps no password."""
    host = evidence.host
    disk = evidence.entries(OVF_DISK)
    if not host.asked:
        return unknown("there are no VMware Tools, which would tell the OVF environment")
    properties = host.ovf_properties
    if properties is None:
        if disk:
            return unknown(f"the OVF environment is on a disk ({disk[0].path}), which is not read")
        return not_applicable("the VM has no OVF environment: no vApp options, or another transport")
    sides = {
        "runtime": ", ".join(properties) or "no properties",
        "desired": "read at the first boot, without passwords",
    }
    secrets = [name for name, filled in properties.items() if filled and _SECRET.search(name)]
    if secrets:
        return manual(
            f"{', '.join(secrets)} has a value, and every program in the guest may read it (vmtoolsd --cmd 'info-get "
            "guestinfo.ovfEnv'): empty that property in the VM's vApp options",
            **sides,
        )
    if evidence.entry(CLOUD_INIT):
        return compliant("cloud-init reads it (data sources OVF and VMware).", **sides)
    return unknown("who reads it is not known: cloud-init is not installed; a unit of the appliance's own may", **sides)


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    oldest = options["tools_integration_oldest"]
    if not _VERSION.fullmatch(oldest):
        return f"tools_integration_oldest is '{oldest}': expected a version such as 11.0.5"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="tools_current",
        area="tools",
        title="Keep VMware Tools updated",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="New enhancements to VMware Tools are constantly made.",
        today="Right: by the distribution's updates. VMware's own packages and tarball end with 10.3.",
        risk="An update restarts the service. It is not done here: an older package may not be there to go back to.",
        no_remedy="A repository may not keep the older package, so that an update could not be taken back.",
        source="open-vm-tools git log, ReleaseNotes.md, tools.conf; VMware Tools 11.1.5 release notes",
        reads=(*TOOLS_READS, *HOST_READS),
        assess=assess_current,
    ),
    Recommendation(
        id="tools_kmods_after_kernel_update",
        area="tools",
        title="Have the tarball's drivers in the kernel that boots next",
        severity=Severity.CRITICAL,
        baseline="audit",
        talk="A kernel update breaks binary drivers: vmware-config-tools.pl needs to be run after it.",
        today="Gone with open-vm-tools, which brings no drivers. On RHEL 5 disks and network still depend on the tarball.",
        risk="vmware-config-tools.pl compiles drivers and builds an initrd, which nothing takes back: it is left to a person.",
        no_remedy="vmware-config-tools.pl compiles drivers and writes an initrd, and has no way back.",
        source="VMware, vSphere 4 documentation, Configure Disks to Use VMware Paravirtual SCSI Adapters; open-vm-tools README",
        reads=(*TOOLS_READS, *MODULE_READS, *CONTROLLER_READS, *NETWORK_READS, *BOOT_READS, *IMAGE_READS),
        assess=assess_kmods,
    ),
    Recommendation(
        id="tools_power_ops",
        area="tools",
        title="Keep the scripts of power operations runnable",
        severity=Severity.LOW,
        baseline="audit",
        talk="Soft power operations are one of VMware Tools' components.",
        today="Right. The daemon carries a request out when its script succeeds, or when it is asked a second time.",
        risk="None: a package's script gets back the mode that it came with.",
        source="open-vm-tools services/plugins/powerOps/powerOps.c, scripts/Makefile.am, tools.conf",
        reads=(*TOOLS_READS, *CONF_READS, entries(f"{CONFIGURATION}/*")),
        assess=assess_power,
    ),
    Recommendation(
        id="ovf_environment",
        area="tools",
        title="Have the OVF environment read, and no password in it",
        severity=Severity.LOW,
        baseline="off",
        talk="Open Virtual Machine Format.",
        today="Right for appliances: guestinfo.ovfEnv, which cloud-init reads.",
        risk="None: only the names of properties are read.",
        no_remedy="The properties are the VM's vApp options, which a guest can read and vCenter alone can empty.",
        source="cloud-init DataSourceOVF.py, DataSourceVMware.py; DMTF DSP0243",
        reads=(*HOST_READS, entries(CLOUD_INIT, OVF_DISK)),
        assess=assess_ovf,
    ),
)
