# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""appliance: a virtual appliance starts from a minimal base, with VMware's drivers and Tools, and is checked as it is built.

The talk trimmed kernels. Today distributions do it for clouds, and some of those kernels lack VMware's drivers: what the running
kernel has is looked at, not what it is called. Audited only, for removing packages is whoever builds the image's.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import is_template, only_for_templates
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import LISTED
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import X86
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.programs import FIRMWARE, PROGRAMS, programs
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.programs import READS as PROGRAM_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import READS as TOOLS_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import tools_of

# ---- appliance_jeos --------------------------------------------------------------------------------------------------


def assess_jeos(evidence: Evidence, options: Options) -> Verdict:
    """Nothing for hardware or uses that an appliance has not got, but what its builder keeps."""
    if not is_template(options):
        return only_for_templates()
    kept = options["appliance_keep"]
    found = [name for name in programs(evidence) if name not in kept]
    firmware = evidence.entry(FIRMWARE) is not None and "linux-firmware" not in kept
    shown = [f"{name} ({PROGRAMS[name]})" for name in found]
    shown += [f"linux-firmware ({FIRMWARE}: firmware of cards that no VM has)"] if firmware else []
    sides = {
        "persistent": " ".join(found + (["linux-firmware"] if firmware else [])) or "nothing of the list",
        "desired": "a minimal base",
    }
    if shown:
        return manual(
            f"it has more than a base installation needs: {', '.join(shown)}. Remove the packages, or name in `appliance_keep` "
            "what the appliance is for",
            **sides,
        )
    return compliant("it has nothing of what a base installation does without.", **sides)


# ---- appliance_kernel_trim -------------------------------------------------------------------------------------------

#: Without one of these a VM's disks, network or balloon are not served; names that older kernels have. The balloon's driver is for
#: x86 alone (Linux drivers/misc/Kconfig, VMWARE_BALLOON depends on X86).
NEEDED = {
    "disks": ("vmw_pvscsi", "pvscsi", "nvme"),
    "network": ("vmxnet3",),
    "balloon": ("vmw_balloon", "vmware_balloon", "vmmemctl"),
}
_WANTED = ("vmw_vmci", "vmwgfx")
#: The first kernel with all of NEEDED (vmxnet3 2.6.32, vmw_pvscsi 2.6.33, vmware_balloon 2.6.34).
#: Distributions brought them earlier.
_FIRST = (2, 6, 34)


def assess_kernel(evidence: Evidence, options: Options) -> Verdict:
    """The running kernel has VMware's drivers, built in or as modules; whose kernel it is does not matter."""
    modules, kernel = evidence.modules, evidence.platform.kernel
    if not modules.listed:
        return unknown(
            f"what kernel {kernel.release or '(its release cannot be read)'} has is not known: its modules.dep is not there"
        )
    has = set(modules.files) | modules.built_in | _nvme(evidence, kernel.release)
    needed = {
        what: names for what, names in NEEDED.items() if what != "balloon" or evidence.platform.machine in ("", *X86)
    }
    missing = {what: names for what, names in needed.items() if not has & set(names)}
    sides = {
        "runtime": " ".join(name for names in (*needed.values(), _WANTED) for name in names if name in has)
        or "none of VMware's drivers",
        "desired": ", ".join(f"{what}: {' or '.join(names)}" for what, names in needed.items()),
        "owner": kernel.release,
    }
    if missing and kernel.version < _FIRST:
        return not_applicable(
            f"kernel {kernel.release} is older than VMware's drivers in Linux, which are VMware Tools' there"
        )
    if missing:
        what = "; ".join(f"{what}: none of {', '.join(names)}" for what, names in missing.items())
        return manual(
            f"kernel {kernel.release} was trimmed of VMware's drivers ({what}): install the distribution's kernel for all VMs "
            "(Debian linux-image-amd64, Ubuntu linux-image-virtual, SUSE kernel-default, Photon linux-esx), and boot it",
            **sides,
        )
    return compliant("the kernel has VMware's drivers.", **sides)


def _nvme(evidence: Evidence, release: str) -> set[str]:
    """``nvme``, where the kernel's lists name it: it is no driver of VMware's, and not among the others."""
    folder = f"/lib/modules/{release}/"
    lines = (line.text for line in evidence.lines(LISTED.name) if line.path.startswith(folder))
    return {"nvme"} if any("/nvme.ko" in text.partition(":")[0] for text in lines) else set()


# ---- appliance_bundle_ovt --------------------------------------------------------------------------------------------


def assess_tools(evidence: Evidence, options: Options) -> Verdict:
    """Tools of any flavour: whoever deploys an appliance should not have to install them. Which is best, tools_present says."""
    if not is_template(options):
        return only_for_templates()
    if evidence.packages.database is None:
        return unknown("neither dpkg nor rpm answered, so whether VMware Tools are installed is not known")
    package = options["open_vm_tools_package"]
    tools = tools_of(evidence, package)
    sides = {"persistent": tools.summary, "desired": package}
    if tools.flavours:
        return compliant("VMware Tools are in the image.", **sides)
    return manual(
        "VMware Tools are not in the image, and every host would have to ask for them: recommendation tools_present installs them, "
        "by role open_vm_tools, when the image is built",
        **sides,
    )


# ---- appliance_best_practices ----------------------------------------------------------------------------------------

REPORTS = "/usr/share/vmguest/*"


def assess_practices(evidence: Evidence, options: Options) -> Verdict:
    """The report of the image's own build is in the image."""
    if not is_template(options):
        return only_for_templates()
    reports = [entry.path for entry in evidence.entries(REPORTS) if entry.size]
    runs = sorted({receipt.run for receipt in receipts(evidence) if receipt.state == "done"})
    sides = {
        "persistent": ", ".join([*reports, *(f"run {run}" for run in runs)]) or "no report, and nothing applied",
        "desired": f"a report in {REPORTS.rpartition('/')[0]}",
        "owner": reports[0] if reports else None,
    }
    if reports:
        return compliant("the report of its build is in the image.", **sides)
    return manual(
        f"nobody who deploys this appliance can see how it was built: run `vmguest.linux.remediate` with profile `template` as the "
        f"last step of the build, and copy the record of this guest into {REPORTS.rpartition('/')[0]}"
        + (" (something was applied, but no report is there)" if runs else ""),
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="appliance_jeos",
        area="platform",
        title="Build an appliance from a minimal base",
        severity=Severity.LOW,
        baseline="off",
        talk="Start with a base installation (JeOS).",
        today="Right. Minimal installations still bring firmware, and agents for hardware that no VM has.",
        risk="None: it is only looked at. What an application needs must be named in appliance_keep.",
        no_remedy="What an application needs is not in the guest's evidence, and a removed package may take others with it.",
        source="VMware Studio's manual; distributions' lists of minimal groups",
        reads=PROGRAM_READS,
        assess=assess_jeos,
    ),
    Recommendation(
        id="appliance_kernel_trim",
        area="platform",
        title="Run a kernel that has VMware's drivers",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="You could trim down the Linux kernel: remove irrelevant features.",
        today="Changed: take the distribution's own kernel for VMs, for some trimmed ones lack VMware's drivers.",
        risk="None: it is only looked at. Another kernel takes a reboot.",
        no_remedy="A kernel with the drivers is another package, whose choice is the distribution's and the builder's.",
        source="Linux drivers/net/vmxnet3, drivers/scsi/vmw_pvscsi.c, drivers/misc/vmw_balloon.c; modules.dep(5)",
        reads=MODULE_READS,
        assess=assess_kernel,
    ),
    Recommendation(
        id="appliance_bundle_ovt",
        area="platform",
        title="Bring VMware Tools in an appliance",
        severity=Severity.HIGH,
        baseline="off",
        talk="Bundle open-vm-tools.",
        today="Right; tools_present asks the same of every guest.",
        risk="None: it is only looked at.",
        no_remedy="Recommendation tools_present installs them; this one only says that a template must not leave it to its hosts.",
        source="open-vm-tools README",
        reads=TOOLS_READS,
        assess=assess_tools,
    ),
    Recommendation(
        id="appliance_best_practices",
        area="platform",
        title="Check an appliance when it is built, and put the report into it",
        severity=Severity.LOW,
        baseline="off",
        talk="Best practices can be followed when the appliance is built, once for all who deploy it.",
        today="Right: the report of the build is in the image.",
        risk="None: it is only looked at.",
        no_remedy="The report of a build is made where Ansible runs, after the last change, and is copied in by the build.",
        source="this collection's docs/architecture.md, Runs, records, totals",
        reads=(entries(REPORTS),),
        assess=assess_practices,
    ),
)
