# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role vmware_devices: VMCI, shared folders, graphics; and no X server that nobody looks at."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, Run, Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tools_offers import offer_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.host import READS as HOST_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import blocks
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import READS as OWNER_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import READS as PACKAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.pci_ids import SVGA, VMCI
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import READS as STORAGE_READS

_FSTAB = "/etc/fstab"


def _device(evidence: Evidence, identity: str) -> bool | None:
    """Whether the VM has a PCI device; None where that cannot be read."""
    if not evidence.storage.pci:
        return None
    return any(device.id == identity for device in evidence.storage.pci.values())


# --- vmci_vsock -------------------------------------------------------------------------------------------------------


def assess_vmci(evidence: Evidence, options: Options) -> Verdict:
    """The VMCI device has its driver, by which guest operations and sockets to the host go."""
    present = _device(evidence, VMCI)
    if present is None:
        return unknown("/proc/bus/pci/devices tells no device, so whether the VM has VMCI is not known")
    if not present:
        return not_applicable("the VM has no VMCI device")
    modules = evidence.modules
    if "vmw_vmci" in modules.built_in:
        return compliant("vmw_vmci is part of the kernel.", runtime="built in", persistent="built in", desired="loaded")
    loaded = next((name for name in ("vmw_vmci", "vmci") if name in modules.loaded), None)
    found = blocks(evidence, "vmw_vmci")
    sides: dict[str, Any] = {
        "runtime": f"{loaded} loaded" if loaded else "no driver",
        "persistent": f"blocked by {found[0].owner}" if found else "loaded at boot",
        "desired": "loaded",
        "owner": found[0].owner if found else None,
    }
    if found:
        return manual(
            f"{found[0].owner} keeps vmw_vmci out, and guest operations with it: take the line out, unless a security baseline "
            "wants it",
            **sides,
        )
    if loaded:
        return compliant(f"{loaded} serves the VMCI device.", **sides)
    if not modules.listed:
        return unknown("the running kernel's modules.dep is missing, so its drivers are not known", **sides)
    if not modules.own("vmw_vmci"):
        return not_applicable("this kernel has no driver for VMCI of its own")
    return manual("nothing has loaded vmw_vmci for the VMCI device: modprobe vmw_vmci, and see dmesg", **sides)


# --- hgfs_shared_folders ----------------------------------------------------------------------------------------------


_HOST_UNKNOWN = "whether the host is ESX is not known: it tells that to VMware Tools, and did not"


def assess_hgfs(evidence: Evidence, options: Options) -> Verdict:
    """No shared folder is mounted at boot on ESX, which has none; elsewhere by FUSE."""
    fstab = evidence.file(_FSTAB)
    if fstab.exists and not fstab:
        return unknown(f"{_FSTAB} cannot be read")
    rows = [(number, line) for number, line in enumerate(fstab.lines, 1) if _is_shared_folder(line)]
    esx = evidence.host.release is not None
    sides: dict[str, Any] = {
        "persistent": "; ".join(" ".join(line.split()[:3]) for dummy, line in rows) or "no shared folder",
        "desired": "no shared folder on ESX" if esx else "by vmhgfs-fuse",
        "owner": f"{_FSTAB}:{rows[0][0]}" if rows else None,
    }
    if not rows:
        if "vmhgfs" not in evidence.modules.loaded:
            return compliant("no shared folder is mounted at boot.", **sides)
        if not esx:
            return unknown(f"vmhgfs is loaded, which ESX has no use for, and {_HOST_UNKNOWN}", **sides)
        return manual(
            "vmhgfs is loaded, which only the tarball brings and ESX has no use for: see tools_single_flavour", **sides
        )
    if esx:
        twice = [line for dummy, line in rows if fstab.lines.count(line) > 1 or "<redacted>" in line]
        if twice:
            return manual(f"take '{twice[0].strip()}' out of {_FSTAB}: ESX has no shared folders", **sides)
        return noncompliant(
            f"{sides['owner']} mounts a shared folder, which ESX has not: the boot waits for it, or stops",
            remedy=(
                EditFile(
                    _FSTAB, tuple(ReplaceLine(line, f"# vmguest hgfs_shared_folders: {line}") for dummy, line in rows)
                ),
            ),
            **sides,
        )
    old = [line for dummy, line in rows if line.split()[2] == "vmhgfs"]
    if old:
        return manual(
            f"'{old[0].strip()}' needs a driver that kernels do not have any more: 'vmhgfs-fuse {old[0].split()[1]} fuse "
            "defaults,allow_other 0 0' takes its place",
            **sides,
        )
    # Without a server on the host vmhgfs-fuse ends before it mounts anything.
    if any(found.type == "fuse.vmhgfs-fuse" for found in evidence.memory.file_systems):
        return compliant("shared folders are mounted by FUSE, and the host serves them.", **sides)
    return unknown(f"{sides['owner']} mounts a shared folder, which ESX has not, and {_HOST_UNKNOWN}", **sides)


def _is_shared_folder(line: str) -> bool:
    words = line.split()
    if len(words) < 3 or words[0].startswith("#"):
        return False
    return words[2] in ("vmhgfs", "fuse.vmhgfs-fuse") or words[0] == "vmhgfs-fuse"


# --- graphics ---------------------------------------------------------------------------------------------------------

DEFAULT_TARGET = "/etc/systemd/system/default.target"
_SHIPPED_TARGETS = ("/usr/lib/systemd/system/default.target", "/lib/systemd/system/default.target")
#: The alias that a display manager gets where it is enabled; SUSE ships a unit of that name, which the target then wants.
_DISPLAY_MANAGERS = (
    "/etc/systemd/system/display-manager.service",
    "/etc/systemd/system/graphical.target.wants/display-manager.service",
)
INITTAB = "/etc/inittab"
X_SOCKETS = "/tmp/.X11-unix/X*"
_VMWGFX = ("/sys/module/vmwgfx", "/sys/bus/pci/drivers/vmwgfx")
_RUNLEVEL = re.compile(r"id:(\d):initdefault:")

_GRAPHICS_READS: tuple[Read, ...] = (
    entries(DEFAULT_TARGET, *_SHIPPED_TARGETS, *_DISPLAY_MANAGERS, X_SOCKETS, *_VMWGFX),
    Lines("runlevel", "^id:[0-9]:initdefault:", (INITTAB,)),
)


def _boots_graphically(evidence: Evidence) -> tuple[bool | None, str, str]:
    """Whether the next boot starts a display manager, what says so, and where. None: nothing tells.

    Debian, Ubuntu and SUSE ship graphical.target as the default of servers, too: without a display manager it is the same as
    multi-user.target.
    """
    for line in evidence.lines("runlevel"):
        level = _RUNLEVEL.match(line.text)
        if level and not evidence.platform.systemd:
            return level[1] == "5", f"runlevel {level[1]}", f"{line.path}:{line.number}"
    for path in (DEFAULT_TARGET, *_SHIPPED_TARGETS):
        link = evidence.entry(path)
        if link and link.target:
            target = link.target.rpartition("/")[2]
            manager = any(evidence.entry(unit) for unit in _DISPLAY_MANAGERS)
            return target in ("graphical.target", "runlevel5.target") and manager, target, path
    return None, "", ""


def assess_svga(evidence: Evidence, options: Options) -> Verdict:
    """A guest with a desktop has VMware's graphics driver and the desktop part of Tools; another needs neither."""
    if evidence.packages.database is None:
        return unknown(
            "neither dpkg nor rpm answered, so whether the desktop part of VMware Tools is installed is not known"
        )
    graphical, default, owner = _boots_graphically(evidence)
    if graphical is None:
        return unknown("neither systemd's default.target nor /etc/inittab tells whether a desktop is started")
    desktop = "open-vm-tools-desktop" in evidence.packages.versions
    sides = {"persistent": f"{default}{', open-vm-tools-desktop' if desktop else ''}", "owner": owner}
    if not graphical:
        sides["desired"] = "no desktop part of VMware Tools"
        if desktop:
            return manual("open-vm-tools-desktop is installed, and no desktop is started: remove that package", **sides)
        return compliant("no desktop is started, and VMware Tools have no desktop part.", **sides)
    sides["desired"] = "vmwgfx, open-vm-tools-desktop"
    if _device(evidence, SVGA) and not any(evidence.entry(path) for path in _VMWGFX):
        return manual(
            "a desktop is started, and the kernel's driver vmwgfx does not serve the VM's graphics: modprobe vmwgfx",
            **sides,
        )
    offer = offer_of(evidence.platform.distribution)
    if not desktop and offer and offer.desktop:
        return manual(
            f"a desktop is started, and {offer.desktop} is not installed, which resizes it and shares the clipboard "
            "(open_vm_tools_desktop)",
            **sides,
        )
    return compliant("the desktop has VMware's driver and the desktop part of Tools.", **sides)


def assess_x_server(evidence: Evidence, options: Options) -> Verdict:
    """A server starts no display manager."""
    graphical, default, owner = _boots_graphically(evidence)
    if graphical is None:
        return unknown("neither systemd's default.target nor /etc/inittab tells whether an X server is started")
    running = bool(evidence.entries(X_SOCKETS))
    sides = {
        "runtime": "an X server runs" if running else "no X server",
        "persistent": default,
        "desired": "a desktop" if options["vmware_devices_guest"] == "desktop" else "multi-user.target",
        "owner": owner,
    }
    if options["vmware_devices_guest"] == "desktop":
        return compliant("it is a desktop (vmware_devices_guest).", **sides)
    if not graphical:
        if running and options["vmware_devices_guest"] == "server":
            return pending_reboot("an X server runs until the next boot", **sides)
        return compliant("the next boot starts no display manager.", **sides)
    reason = f"{owner} starts a display manager, whose X server draws for nobody, screen savers and all"
    if options["vmware_devices_guest"] == "any":
        return manual(f"{reason}: if that is so, set vmware_devices_guest to server, else to desktop", **sides)
    make = noncompliant if running else not_persistent
    return make(reason, remedy=(_without_display_manager(evidence),), **sides)


_SET_DEFAULT = """\
link="$ROOT"/etc/systemd/system/default.target
if [ -h "$link" ]; then cp -P "$link" "$NOTES/link"; else : >"$NOTES/none"; fi && sync &&
systemctl set-default multi-user.target"""
_UNSET_DEFAULT = """\
link="$ROOT"/etc/systemd/system/default.target
if [ -h "$NOTES/link" ]; then
  rm -f "$link" && cp -P "$NOTES/link" "$link"
elif [ -e "$NOTES/none" ]; then
  rm -f "$link"
fi"""
_DEFAULT_IS_OURS = """\
link="$ROOT"/etc/systemd/system/default.target
now=$(readlink "$link") || [ ! -e "$link" ] || now='a file'
case $now in "$(readlink "$NOTES/link")" | */multi-user.target) ;; *)
  echo "changed since: expected multi-user.target, found ${now:-the default that the system came with}"; exit 1
esac"""


def _without_display_manager(evidence: Evidence) -> Step:
    line = next((line.text for line in evidence.lines("runlevel") if _RUNLEVEL.match(line.text)), "")
    if line and not evidence.platform.systemd:
        return EditFile(INITTAB, (ReplaceLine(line, line.replace("id:5:", "id:3:", 1)),))
    return Run(
        what="have the next boot start multi-user.target",
        do=_SET_DEFAULT,
        undo=_UNSET_DEFAULT,
        proof='[ "$(systemctl get-default)" = multi-user.target ]',
        ask=_DEFAULT_IS_OURS,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="vmci_vsock",
        area="tools",
        title="Have a driver for VMCI",
        severity=Severity.LOW,
        baseline="audit",
        talk="VMCI sockets are similar to Unix and BSD sockets.",
        today="Between guest and host only: guest operations and AF_VSOCK go over it. The driver is the kernel's.",
        risk="None: it is only looked at. Some security baselines keep vsock out on purpose.",
        no_remedy="A security baseline may keep vsock out on purpose, and nothing in the guest tells a decision from an oversight.",
        source="Linux drivers/misc/vmw_vmci; open-vm-tools README",
        reads=(*STORAGE_READS, *MODULE_READS, *OWNER_READS),
        assess=assess_vmci,
    ),
    Recommendation(
        id="hgfs_shared_folders",
        area="tools",
        title="Mount no shared folder where there is none",
        severity=Severity.LOW,
        baseline="audit",
        talk="HGFS is like a network file system that needs no network.",
        today="On Workstation and Fusion only, and by vmhgfs-fuse. On ESX such a line in fstab is left over from a VM on a laptop.",
        risk="The line stays as a comment.",
        source="open-vm-tools README and ReleaseNotes.md (13.1.0), Shared Folders; VMware KB 60262",
        reads=(*MEMORY_READS, *HOST_READS, *MODULE_READS),
        assess=assess_hgfs,
    ),
    Recommendation(
        id="svga_graphics",
        area="tools",
        title="Have VMware's graphics where there is a desktop",
        severity=Severity.LOW,
        baseline="audit",
        talk="The SVGA driver works out of the box, and Gallium3D is on its way.",
        today="Long done: vmwgfx and Mesa. Resizing and the clipboard need open-vm-tools-desktop.",
        risk="None: it is only looked at.",
        no_remedy="Nothing in the guest says whether a desktop is wanted, and a desktop's packages bring many others with them.",
        source="Linux drivers/gpu/drm/vmwgfx; open-vm-tools ReleaseNotes.md (13.1.0)",
        reads=(*STORAGE_READS, *PACKAGE_READS, *_GRAPHICS_READS),
        assess=assess_svga,
    ),
    Recommendation(
        id="no_idle_x_server",
        area="platform",
        title="Start no X server that nobody looks at",
        severity=Severity.LOW,
        baseline="audit",
        talk="Disable screen savers, and the X server where it is not required.",
        today="Right, above all where many guests share a host.",
        risk="Anyone who opens the console sees a text login. It takes effect at the next boot.",
        source="VMware, Performance Best Practices for vSphere 4.0, page 29; systemctl(1), set-default; inittab(5)",
        reads=_GRAPHICS_READS,
        assess=assess_x_server,
        reboot=True,
    ),
)
