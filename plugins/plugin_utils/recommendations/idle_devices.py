# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""multipath_smartd and cdrom_floppy_disconnect: what a virtual machine has no use for. Audit only.

- multipath_smartd: the host sees to the paths. A map of one path over a VMDK is one layer more, which the boot then needs.
- cdrom_floppy_disconnect: a CD that is mounted in the guest is one that the VM is bound to; a driver for a floppy drive waits for
  one that nobody has.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import blocks
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import READS as OWNERS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICES

_UUIDS = "/sys/block/dm-*/dm/uuid"
_SLAVES = "/sys/block/dm-*/slaves/*"
_FLOPPY = "/sys/module/floppy"


def assess_multipath(evidence: Evidence, options: Options) -> Verdict:
    """No map of multipath's over a VMDK."""
    virtual = {disk.name for disk in evidence.storage.virtual_disks}
    if not virtual:
        return not_applicable("it has no disk that reports itself as VMware's")
    uuids = evidence.glob(_UUIDS)
    closed = [file.path for file in uuids if not file]
    if closed:
        return unknown(f"{closed[0]} could not be read")
    maps = {file.path.split("/")[3] for file in uuids if file.value.startswith("mpath-")}
    paths: dict[str, list[str]] = {name: [] for name in maps}
    for entry in evidence.entries(_SLAVES):
        name, disk = entry.path.split("/")[3], entry.path.rpartition("/")[2]
        if name in paths:
            paths[name].append(disk)
    claimed = sorted(disk for disks in paths.values() for disk in disks if disk in virtual)
    running = sorted({"multipathd", "smartd"} & evidence.services.daemons)
    sides = {
        "runtime": f"multipath has {', '.join(claimed)}" if claimed else f"{' and '.join(running) or 'neither'} runs",
        "desired": "multipath leaves VMDKs alone",
        "owner": "/etc/multipath.conf",
    }
    if claimed:
        return manual(
            f"multipath made maps over {', '.join(claimed)}, whose paths are the host's: write "
            '`blacklist { device { vendor "VMware" product "Virtual disk" } }` into /etc/multipath.conf, build the initramfs anew '
            "and reboot; where no disk of the guest has paths of its own, disable multipathd",
            **sides,
        )
    idle = {
        "multipathd": "multipathd runs and claims no VMDK",
        "smartd": "smartd runs, and virtual disks tell nothing of their health",
    }
    notes = [idle[name] for name in running]
    return compliant("; ".join(["no map over a VMDK", *notes]), **sides)


def assess_removable(evidence: Evidence, options: Options) -> Verdict:
    """No CD is mounted, and no driver for floppies is loaded."""
    if not evidence.file("/proc/mounts"):
        return unknown("/proc/mounts could not be read")
    mounted = [
        found for found in evidence.memory.file_systems if found.device.startswith(("/dev/sr", "/dev/cdrom", "/dev/fd"))
    ]
    loaded, blocked = evidence.entry(_FLOPPY) is not None, blocks(evidence, "floppy")
    sides = {
        "runtime": ", ".join(f"{found.device} on {found.mount_point}" for found in mounted)
        or f"nothing is mounted{', floppy is loaded' if loaded else ''}",
        "persistent": f"floppy is blocked by {blocked[0].owner}" if blocked else None,
        "desired": "no CD or floppy is mounted, and no driver for one that is not there",
        "owner": blocked[0].owner if blocked else None,
    }
    if mounted:
        return manual(
            f"{mounted[0].device} is mounted on {mounted[0].mount_point}: the VM is bound to that image or drive, which another "
            f"host may not have. `umount {mounted[0].mount_point}`, and disconnect the device in vCenter",
            **sides,
        )
    if not loaded:
        return compliant("no CD or floppy is mounted", **sides)
    if blocked:
        return pending_reboot(
            f"the driver floppy is loaded until the next boot: {blocked[0].owner} keeps it out from then on", **sides
        )
    return manual(
        "the driver floppy is loaded, and waits for a drive at each probe: remove the drive in the VM's configuration and its "
        "firmware, and write `blacklist floppy` into a file of /etc/modprobe.d",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="multipath_smartd",
        area="storage",
        title="No multipath over virtual disks",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "Paths to the array are the host's business. Ubuntu enables multipathd everywhere, and with disk.EnableUUID it finds "
            "an identity by which to claim a VMDK. Guests with initiators of their own (iSCSI, RDM) do need it."
        ),
        risk="None: it is only looked at. A root that lies on a map needs a new initramfs before the map goes.",
        no_remedy="A map may carry mounted file systems, the root's too, and goes only while they are off it.",
        source="multipath.conf(5); Linux Documentation/admin-guide/device-mapper; open-vm-tools, 99-vmware-scsi-udev.rules",
        reads=(*SERVICES, files(_UUIDS), entries(_SLAVES)),
        assess=assess_multipath,
    ),
    Recommendation(
        id="cdrom_floppy_disconnect",
        area="storage",
        title="No CD or floppy is left connected",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk, but in the Performance Best Practices of its time: disconnect unused devices.",
        today="Still right: a device of the host, or an image on a local datastore, keeps a VM from being moved; the floppy driver "
        "probes for a drive.",
        risk="None: it is only looked at.",
        no_remedy="Somebody may be reading it, and vCenter decides what is connected to the VM.",
        source="Performance Best Practices for VMware vSphere, Guest Operating Systems",
        reads=(*MEMORY, *OWNERS, entries(_FLOPPY)),
        assess=assess_removable,
        reboot_when="only where the driver `floppy` is loaded, and kept out from the next boot on",
    ),
)
