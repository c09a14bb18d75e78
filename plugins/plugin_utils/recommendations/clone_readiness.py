# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_readiness: what a clone needs to boot where it comes to lie, and to be given a name and an address of its own.

Disks change their order and their controller, so file systems are named by what is in them, and a template's boot images hold
every driver. LVM and multipath keep lists of the disks that they use, and a clone has others. The sysprep of Linux is VMware Tools'
plugin deployPkg with Perl scripts, or cloud-init. Audited only.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    listed,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import is_template, only_for_templates
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import READS as IMAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Builder, Images, Kernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import READS as PACKAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, entries, files

# ---- clone_block_identity --------------------------------------------------------------------------------------------

#: Named by the order in which they are found; an NVMe namespace, too.
_BY_ORDER = re.compile(r"/dev/([hsv]d|xvd)[a-z]+\d*|/dev/nvme\d+n\d+(p\d+)?")
#: Named by where they are attached, or by an identity of the VMDK, which a clone's does not have.
_BY_PLACE = re.compile(r"/dev/disk/by-path/.*|/dev/disk/by-id/(scsi|wwn|ata|nvme)-.*")
_CRYPTTAB = Lines("crypttab", r"^[A-Za-z0-9_.-][A-Za-z0-9_.-]*[[:blank:]][[:blank:]]*/dev/[dhnsvx]", ("/etc/crypttab",))


def _named(evidence: Evidence) -> list[tuple[str, str]]:
    """(device, where it is named) of fstab, crypttab, and every boot entry that is not for repairs only."""
    found = []
    for number, line in enumerate(evidence.file("/etc/fstab").lines, 1):
        fields = line.split()
        if fields and not fields[0].startswith("#"):
            found.append((fields[0], f"/etc/fstab:{number}"))
    found += [(line.text.split()[1], f"{line.path}:{line.number}") for line in evidence.lines(_CRYPTTAB.name)]
    for entry in evidence.boot.entries:
        if not entry.rescue:
            found += _arguments(entry.arguments, entry.source)
    return found + _arguments(evidence.platform.command_line, "/proc/cmdline")


def _arguments(words: tuple[str, ...], owner: str) -> list[tuple[str, str]]:
    return [(word.partition("=")[2], owner) for word in words if word.startswith(("root=", "resume="))]


def _missing_resume(evidence: Evidence) -> str | None:
    """The file system that a sleeping guest would wake from, where it is not there: the boot waits for it."""
    resume = evidence.platform.argument("resume") or ""
    names = {entry.path for entry in evidence.entries("/dev/disk/by-uuid/*")}
    uuid = resume.removeprefix("UUID=")
    return resume if names and uuid != resume and f"/dev/disk/by-uuid/{uuid}" not in names else None


def assess_block_identity(evidence: Evidence, options: Options) -> Verdict:
    """File systems by UUID, label or volume: never by order, by place, or by an identity of the VMDK."""
    if not evidence.storage.disks:
        return not_applicable("it has no disk")
    if not evidence.file("/etc/fstab"):
        return unknown("/etc/fstab cannot be read")
    named: dict[str, list[str]] = {}
    for device, owner in dict.fromkeys(_named(evidence)):
        named.setdefault(device, []).append(owner)
    by_order = [f"{device} ({', '.join(named[device])})" for device in named if _BY_ORDER.fullmatch(device)]
    by_place = [f"{device} ({', '.join(named[device])})" for device in named if _BY_PLACE.fullmatch(device)]
    wrong = [device for device in named if _BY_ORDER.fullmatch(device) or _BY_PLACE.fullmatch(device)]
    sides = {
        "persistent": " ".join(wrong) or "by UUID, label or volume",
        "desired": "by UUID, label or volume",
        "owner": named[wrong[0]][0] if wrong else None,
    }
    what = []
    if by_order:
        what.append(
            f"{', '.join(by_order)}: another controller or another disk changes the order in which they are found"
        )
    if by_place:
        what.append(f"{', '.join(by_place)}: another controller, or a clone's disk, has another name")
    resume = _missing_resume(evidence)
    if resume:
        what.append(f"resume={resume}: no such file system is there, and every boot waits for it")
    if what:
        return manual(
            "; ".join(what)
            + ". Put UUID=… there, which `blkid` tells (of boot entries by the distribution's own tool), and try "
            "`findmnt --verify` and a boot",
            **sides,
        )
    if evidence.boot.problem:
        return unknown(f"whether boot entries name a disk by its order is not known: {evidence.boot.problem}", **sides)
    return compliant("file systems are named by what is in them.", **sides)


# ---- clone_initramfs_generic -----------------------------------------------------------------------------------------

#: Drivers of the controllers that a VM may be given.
CONTROLLERS = ("vmw_pvscsi", "nvme", "ahci", "mptspi", "mptsas", "ata_piix")
_GENERIC = {
    Builder.DRACUT: 'hostonly="no" in a file of /etc/dracut.conf.d, then `dracut -f --regenerate-all`',
    Builder.INITRAMFS_TOOLS: "MODULES=most in /etc/initramfs-tools/initramfs.conf, then `update-initramfs -u -k all`",
    Builder.SUSE: "the drivers in INITRD_MODULES of /etc/sysconfig/kernel, then `mkinitrd`",
    Builder.NASH: "lines `alias scsi_hostadapterN DRIVER` in /etc/modprobe.conf, then `mkinitrd -f IMAGE RELEASE`",
}


#: The disks that LVM uses, and those that multipath does, where such a file is there.
LVM_DEVICES, MULTIPATH_WWIDS = "/etc/lvm/devices/system.devices", "/etc/multipath/wwids"
#: Types of LVM's that are an identity of the VMDK; others are of what is on the disk, or its name, by which LVM looks further
#: (lvmdevices(8), device ID types).
_IDENTITY = re.compile(r"IDTYPE=(?:sys_wwid|sys_serial|wwid_\w+|nvme_\w+) IDNAME=(\S+)")
#: By this newer LVM notices another machine, and looks for its volumes on all disks (device ID refresh).
_MACHINE = "PRODUCT_UUID="


def _disks_listed(evidence: Evidence) -> list[str]:
    """Identities of this VM's disks by which LVM or multipath knows them, each with its line."""
    devices = evidence.file(LVM_DEVICES).lines
    refreshed = any(line.startswith(_MACHINE) for line in devices)
    found = [
        f"{identity[1]} ({LVM_DEVICES}:{number})"
        for number, line in enumerate(devices, 1)
        if not refreshed and (identity := _IDENTITY.match(line))
    ]
    return found + [
        f"{line.strip().strip('/')} ({MULTIPATH_WWIDS}:{number})"
        for number, line in enumerate(evidence.file(MULTIPATH_WWIDS).lines, 1)
        if line.startswith("/")
    ]


def assess_initramfs(evidence: Evidence, options: Options) -> Verdict:
    """A template's images must hold the drivers of all controllers that its kernels have, those to come, too; and its disks are not
    known by what a clone's do not have."""
    if not is_template(options):
        return only_for_templates()
    found = evidence.initramfs
    if not found.kernels:
        return unknown("no installed kernel was found in /boot, nor named by the boot loader")
    riddle = next((problem for kernel in found.kernels if (problem := _riddle(found, kernel))), None)
    if riddle:
        return unknown(riddle)
    closed = [path for path in (LVM_DEVICES, MULTIPATH_WWIDS) if evidence.file(path).exists and not evidence.file(path)]
    if closed:
        return unknown(f"{closed[0]} cannot be read")
    disks = _disks_listed(evidence)
    lacks = "; ".join(text for kernel in found.kernels if (text := _lacking(found, kernel)))
    future = _future(found, sorted({module for kernel in found.kernels for module in kernel.needs(CONTROLLERS)}))
    sides = {
        "runtime": lacks or "every image holds the drivers of all controllers",
        "persistent": "; ".join(
            [future or "images to come hold them", *([f"disks known as {', '.join(disks)}"] if disks else [])]
        ),
        "desired": f"{', '.join(CONTROLLERS)}, as far as the kernel has them",
    }
    what = []
    if lacks or future:
        how = _GENERIC.get(found.builder, "the drivers in the configuration of what makes images")
        what.append(f"a clone on another controller may not boot: {lacks or future}. Expected: {how}")
    if disks:
        what.append(
            f"a clone's disks may have other identities than {listed(disks)}, and its volume groups may then not be activated. See "
            "before you clone whether these lines can go: without its file LVM uses all disks that its filter lets through"
        )
    if what:
        return manual(". Besides, ".join(what), **sides)
    return compliant("every image boots from any controller that a VM has.", **sides)


def _riddle(found: Images, kernel: Kernel) -> str | None:
    """Why it is not known what a kernel boots with."""
    if not kernel.listed:
        return f"what kernel {kernel.release} has is not known: /lib/modules/{kernel.release}/modules.dep is not there"
    image = found.images.get(kernel.image) if kernel.image else None
    if kernel.image and image is None and kernel.needs(CONTROLLERS):
        return f"{kernel.image}, the image of kernel {kernel.release} ({kernel.entry}), was not found"
    return f"{image.path}: {image.problem}" if image and image.problem else None


def _lacking(found: Images, kernel: Kernel) -> str:
    needed = kernel.needs(CONTROLLERS)
    held = found.images[kernel.image].held if kernel.image and needed else frozenset()
    missing = [module for module in needed if module not in held]
    return f"{kernel.image or kernel.path} lacks {', '.join(missing)}" if missing else ""


def _future(found: Images, needed: list[str]) -> str:
    """What the builder's configuration would leave out of the next image."""
    configuration = found.configuration
    omitted = [f"{module} ({configuration.omitted[module]})" for module in needed if module in configuration.omitted]
    if omitted:
        return f"images to come are kept without {', '.join(omitted)}"
    unnamed = [module for module in needed if module in CONTROLLERS and module not in configuration.named]
    if configuration.host_only and unnamed:
        return f"images to come hold only what this hardware needs ({configuration.host_only})"
    return ""


# ---- guest_customization_ready ---------------------------------------------------------------------------------------

_PLUGIN = "libdeployPkgPlugin.so"
_PLUGINS = (
    f"/usr/lib*/open-vm-tools/plugins/vmsvc/{_PLUGIN}",
    f"/usr/lib/*/open-vm-tools/plugins/vmsvc/{_PLUGIN}",
    f"/usr/lib/vmware-tools/plugins*/vmsvc/{_PLUGIN}",
)
_PERL, _CLOUD_INIT = "/usr/bin/perl", "/usr/bin/cloud-init"
#: VMware Tools read the switch in this file alone, and nowhere in cloud.cfg.d (cloud-init's documentation, datasource VMware).
CLOUD_CFG = "/etc/cloud/cloud.cfg"
_TOOLS_CONF = "/etc/vmware-tools/tools.conf"
#: deployPkg unpacks and starts its scripts here where it is there, else in /tmp.
_IMC = "/run/vmware-imc"
_SETTINGS = Lines(
    "customization",
    r"^ *disable_vmware_customization *:\|^ *datasource_list *:\|^ *enable-customization *=",
    (CLOUD_CFG, "/etc/cloud/cloud.cfg.d/*.cfg", _TOOLS_CONF),
)
#: open-vm-tools from here on bear a comment on that line (issue 763).
_COMMENT_UNDERSTOOD = (13, 1)


def assess_customization(evidence: Evidence, options: Options) -> Verdict:
    """VMware Tools' plugin, with Perl scripts or cloud-init to do what it asks for."""
    if not is_template(options):
        return only_for_templates()
    plugin = next((found.path for glob in _PLUGINS for found in evidence.entries(glob)), None)
    perl, cloud_init = evidence.entry(_PERL), evidence.entry(_CLOUD_INIT)
    settings = evidence.lines(_SETTINGS.name)
    switches = [line for line in settings if "disable_vmware_customization" in line.text]
    ours = [line for line in switches if line.path == CLOUD_CFG]
    by_cloud_init = bool(cloud_init and ours and _value(ours[-1].text) == "false")
    wrong = []
    if not plugin:
        wrong.append(
            f"VMware Tools have no {_PLUGIN}: install open-vm-tools (on Photon open-vm-tools-gosc besides), or Tools with deployPkg"
        )
    for line in settings:
        if line.path == _TOOLS_CONF and line.text.partition("=")[2].strip().lower() in ("false", "0"):
            wrong.append(f"{line.path}:{line.number} switches customization off")
    if not perl and not by_cloud_init:
        wrong.append(
            "neither Perl nor cloud-init does it: install perl, or cloud-init with `disable_vmware_customization: false` in "
            f"{CLOUD_CFG}"
        )
    if cloud_init and switches and not ours:
        wrong.append(f"{switches[0].path} is not read by VMware Tools: put the line into {CLOUD_CFG}")
    if by_cloud_init:
        wrong += _cloud_init_problems(evidence)
    temporary = next((found for found in evidence.memory.file_systems if found.mount_point == "/tmp"), None)
    if temporary and "noexec" in temporary.options and not evidence.entry(_IMC):
        wrong.append(f"/tmp is mounted noexec, and {_IMC} is not there: scripts cannot be started")
    sides = {
        "persistent": ", ".join(
            [plugin or "no deployPkg", "perl" if perl else "no perl", "cloud-init" if cloud_init else "no cloud-init"]
        ),
        "desired": "deployPkg, and Perl or cloud-init",
        "owner": f"{ours[-1].path}:{ours[-1].number}" if ours else None,
    }
    if wrong:
        return manual("; ".join(wrong), **sides)
    return compliant(f"vCenter can customize a clone, by {'cloud-init' if by_cloud_init else 'Perl scripts'}.", **sides)


def _value(text: str) -> str:
    """What a line of YAML sets, without a comment, in lower case."""
    return text.partition(":")[2].partition("#")[0].strip().strip("\"'").lower()


def _upstream(version: str) -> tuple[int, ...]:
    """The first two numbers of a package's version, without dpkg's epoch; empty where it is not known."""
    return tuple(int(number) for number in re.findall(r"\d+", version.rpartition(":")[2])[:2])


def _cloud_init_problems(evidence: Evidence) -> list[str]:
    found = []
    settings = evidence.lines(_SETTINGS.name)
    switch = [line for line in settings if line.path == CLOUD_CFG and "disable_vmware" in line.text][-1]
    version = _upstream(evidence.packages.versions.get("open-vm-tools", ""))
    if "#" in switch.text and (not version or version < _COMMENT_UNDERSTOOD):
        found.append(
            f"the comment on {switch.path}:{switch.number} makes open-vm-tools before 13.1 misread the line: put it elsewhere"
        )
    for line in settings:
        value = line.text.partition(":")[2].partition("#")[0].strip()
        if "datasource_list" in line.text and value and not re.search(r"\b(VMware|OVF)\b", value):
            found.append(f"{line.path}:{line.number} leaves out the datasource VMware: {value}")
    return found


RECOMMENDATIONS = (
    Recommendation(
        id="clone_block_identity",
        area="cloning",
        title="Name file systems by UUID, label or volume",
        severity=Severity.HIGH,
        baseline="audit",
        talk="The talk's slide on the paravirtual controller asks for it.",
        today="Right for every change of controllers and for clones; installers have used UUIDs since 2008.",
        risk="None: it is only looked at. A wrong line in fstab keeps a guest from booting.",
        no_remedy="A wrong line in fstab or in a boot entry keeps the guest from booting: each is to be tried before a reboot.",
        source="fstab(5); bootparam(7); udev's 60-persistent-storage.rules",
        reads=(*BOOT_READS, _CRYPTTAB),
        assess=assess_block_identity,
    ),
    Recommendation(
        id="clone_initramfs_generic",
        area="cloning",
        title="Give a template boot images for any controller",
        severity=Severity.HIGH,
        baseline="audit",
        talk="Install-time configuration does not suit clones.",
        today="dracut of EL 7 and later and of SLES 12 and later makes images for the hardware at hand; LVM of EL 9 and later "
        "lists its disks by an identity, where they show one.",
        risk="None: it is only looked at. Generic images are larger.",
        no_remedy=(
            "How large a template's images may be, and for which controllers, is its builder's choice; pvscsi_initrd adds "
            "VMware's driver."
        ),
        source="dracut.conf(5), hostonly; initramfs.conf(5), MODULES; lvmdevices(8); multipath(8), /etc/multipath/wwids",
        reads=(*IMAGE_READS, files(LVM_DEVICES, MULTIPATH_WWIDS)),
        assess=assess_initramfs,
    ),
    Recommendation(
        id="guest_customization_ready",
        area="cloning",
        title="Have what vCenter needs to customize a clone",
        severity=Severity.HIGH,
        baseline="off",
        talk="Guest reconfiguration, sysprep's equivalent: there is no single standard.",
        today="VMware Tools' deployPkg with Perl scripts, or with cloud-init.",
        risk="None: it is only looked at.",
        no_remedy="Packages, a mount option and cloud-init's configuration belong to how a template is built.",
        source="cloud-init's documentation, datasource VMware; open-vm-tools, libDeployPkg and issue 763",
        reads=(*PACKAGE_READS, entries(*_PLUGINS, _PERL, _CLOUD_INIT, _IMC), _SETTINGS),
        assess=assess_customization,
    ),
)
