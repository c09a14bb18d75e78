# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_controllers: which virtual controllers the disks are on, and whether the disks can be told apart by their own names.

All of it is decided in vCenter while the VM is off; the guest can only say what it sees and what to do. By PCI id, not by
driver, for BusLogic's registers none.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.pci_ids import (
    AHCI,
    BUSLOGIC,
    LSI_PARALLEL,
    LSI_SAS,
    NVME,
    PIIX,
    PVSCSI,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Disk

#: Controllers that VMware offers or offered.
NAMES = {
    PVSCSI: "a paravirtual controller (PVSCSI)",
    NVME: "a virtual NVMe controller",
    AHCI: "a SATA controller (AHCI)",
    LSI_PARALLEL: "an LSI Logic parallel controller",
    LSI_SAS: "an LSI Logic SAS controller",
    BUSLOGIC: "a BusLogic controller",
    PIIX: "an IDE controller",
}
PARAVIRTUAL = (PVSCSI, NVME)
LSI = {LSI_PARALLEL: "mptspi", LSI_SAS: "mptsas"}
#: From here on Red Hat calls mptspi and mptsas unmaintained (leapp-repository, device_driver_deprecation_data.json).
RED_HAT_UNMAINTAINED = 8
_PCI_LIST = "/proc/bus/pci/devices"


def wrong_options(options: Options) -> str | None:
    """Ranges that argument_specs cannot express."""
    most = options["disk_controllers_most_disks"]
    return None if most >= 1 else f"'disk_controllers_most_disks' is {most}; expected 1 or more."


def _on(disk: Disk) -> str:
    """On what kind of controller a disk is, for a person."""
    if disk.controller is None:
        return "an unknown controller"
    return NAMES.get(disk.controller.id, f"PCI device {disk.controller.id}")


def _summary(disks: Iterable[Disk]) -> str:
    """`sda on a paravirtual controller (PVSCSI); sdb, sdc on …`."""
    kinds: dict[str, list[str]] = {}
    for disk in disks:
        kinds.setdefault(_on(disk), []).append(disk.name)
    return "; ".join(f"{', '.join(names)} on {kind}" for kind, names in kinds.items())


def assess_pvscsi(evidence: Evidence, options: Options) -> Verdict:
    """Every VMDK on a paravirtual controller, where the kernel has a driver for one."""
    disks = evidence.storage.virtual_disks
    if not disks:
        return not_applicable("it has no disk that reports itself as VMware's")
    sides = {"runtime": _summary(disks), "desired": "a paravirtual controller (PVSCSI), or a virtual NVMe one"}
    known = [disk for disk in disks if disk.controller]
    emulated = [disk for disk in known if disk.controller and disk.controller.id not in PARAVIRTUAL]
    if not emulated:
        if len(known) < len(disks):
            return unknown(
                "neither /sys/block nor /proc/bus/pci/devices tells which controller serves every disk", **sides
            )
        return compliant("the controller knows that it is virtual.", **sides)
    modules = evidence.modules
    if not modules.listed:
        return unknown(
            "the running kernel's modules.dep cannot be read, so whether it has a driver is not known", **sides
        )
    if not modules.own("vmw_pvscsi"):
        return not_applicable("its kernel has no driver for a paravirtual controller (2.6.33 and later have)")
    return manual(
        f"{_summary(emulated)}, which costs more CPU and queues less: have vmw_pvscsi in the initramfs (and keep the old driver "
        "there), switch the VM off, change the controller's type in vCenter, data disks first. Names like /dev/sdb may change",
        **sides,
    )


def assess_no_buslogic(evidence: Evidence, options: Options) -> Verdict:
    """No BusLogic controller, with or without disks."""
    if not evidence.storage.pci:
        return unknown(f"{_PCI_LIST} cannot be read, so which controllers there are is not known")
    found = [device.address for device in evidence.storage.pci.values() if device.id == BUSLOGIC]
    if not found:
        return compliant("there is no BusLogic controller.", runtime="none", desired="none")
    return manual(
        f"there is a BusLogic controller (PCI {', '.join(found)}), which 64-bit guests are not supported on, and whose driver many "
        "kernels no longer have: switch the VM off and change its type to LSI Logic or PVSCSI in vCenter, with that driver in "
        "the initramfs first",
        runtime=f"PCI {', '.join(found)}",
        desired="none",
    )


def assess_lsi(evidence: Evidence, options: Options) -> Verdict:
    """LSI controllers have a driver, now and after the next upgrade of the distribution."""
    if not evidence.storage.pci:
        return unknown(f"{_PCI_LIST} cannot be read, so which controllers there are is not known")
    found = [device for device in evidence.storage.pci.values() if device.id in LSI]
    if not found:
        return not_applicable("it has no LSI Logic controller")
    sides = {
        "runtime": ", ".join(
            f"{NAMES[device.id]} served by {device.driver or 'no driver that is shown'}" for device in found
        ),
        "desired": "a driver that the distribution maintains",
    }
    if any(not device.driver for device in found):
        return unknown("no driver is shown for an LSI Logic controller, so what an upgrade does is not known", **sides)
    distribution = evidence.platform.distribution
    if distribution.family == "redhat" and distribution.major >= RED_HAT_UNMAINTAINED:
        drivers = ", ".join(sorted({device.driver for device in found}))
        return manual(
            f"Red Hat does not maintain {drivers} any more (from release {RED_HAT_UNMAINTAINED} on): move disks to a paravirtual "
            "controller; for disks that a cluster shares, ask for support first",
            **sides,
        )
    return compliant("its driver is maintained here; look again before the distribution is upgraded.", **sides)


def assess_spread(evidence: Evidence, options: Options) -> Verdict:
    """Not too many disks on one controller's queue."""
    disks = evidence.storage.virtual_disks
    if not disks:
        return not_applicable("it has no disk that reports itself as VMware's")
    groups: dict[str, list[str]] = {}
    for disk in disks:
        place = disk.host or (disk.controller.address if disk.controller else "")
        groups.setdefault(place, []).append(disk.name)
    most = options["disk_controllers_most_disks"]
    sides = {
        "runtime": "; ".join(f"{place or 'unknown'}: {', '.join(names)}" for place, names in sorted(groups.items())),
        "desired": f"at most {most} disks on a controller",
    }
    crowded = {place: names for place, names in groups.items() if place and len(names) > most}
    if crowded:
        where = "; ".join(f"{place} serves {', '.join(names)}" for place, names in sorted(crowded.items()))
        return manual(
            f"{where}, all through one queue: a VM may have four controllers; switch it off and move busy disks to others in "
            "vCenter. Names like /dev/sdb may change",
            **sides,
        )
    if "" in groups and len(groups[""]) > 1:
        return unknown("/sys/block does not tell which controller serves which disk", **sides)
    return compliant("no controller's queue is crowded.", **sides)


def assess_uuid(evidence: Evidence, options: Options) -> Verdict:
    """Every SCSI VMDK tells an identity of its own (VPD page 0x83)."""
    disks = [disk for disk in evidence.storage.virtual_disks if disk.is_scsi]
    if not disks:
        return not_applicable("it has no SCSI disk that reports itself as VMware's")
    names = evidence.memory.device_names
    identities = {disk.name: _identity(evidence, names, disk) for disk in disks}
    without = [name for name, identity in identities.items() if identity is None]
    sides = {
        "runtime": ", ".join(f"{name} {identity or 'has none'}" for name, identity in identities.items()),
        "desired": "an identity for every disk",
    }
    if not without:
        return compliant("disks can be told apart by names that stay.", **sides)
    if not any(name.startswith("/dev/disk/") for name in names):
        return unknown("there are no names in /dev/disk, so what the disks tell is not known", **sides)
    return manual(
        f"{', '.join(without)} tells no identity, so there is no /dev/disk/by-id/wwn-* for Kubernetes, clusters or multipath: set "
        "disk.EnableUUID=TRUE in the VM's advanced configuration while it is off",
        **sides,
    )


def _identity(evidence: Evidence, names: dict[str, str], disk: Disk) -> str | None:
    """What the kernel shows, else what udev made a name of."""
    wwid = evidence.file(f"/sys/block/{disk.name}/device/wwid").value
    if wwid.startswith(("naa.", "eui.")):
        return wwid
    for name, device in sorted(names.items()):
        if device == f"/dev/{disk.name}" and name.startswith(("/dev/disk/by-id/wwn-", "/dev/disk/by-id/scsi-3")):
            return name
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="pvscsi_controller",
        area="storage",
        title="Have disks on a paravirtual controller",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="The pvscsi adapter is paravirtual and gives I/O intensive guests the best performance; in the kernel since 2.6.33.",
        today="Right, and long since what vCenter chooses for Linux. A virtual NVMe controller is as good.",
        risk=(
            "The new driver must be in the initramfs before the controller changes, and the old one stay there for the way back. "
            "Names like /dev/sdb may change: fstab and boot loader must use UUIDs or volumes."
        ),
        no_remedy="The controller's type is the VM's configuration, and changes only while the VM is off.",
        source="VMware vSphere documentation, About VMware Paravirtual SCSI Controllers; Linux drivers/scsi/vmw_pvscsi.c",
        reads=MODULE_READS,
        assess=assess_pvscsi,
    ),
    Recommendation(
        id="no_buslogic",
        area="storage",
        title="Have no BusLogic controller",
        severity=Severity.HIGH,
        baseline="audit",
        talk="LSI Logic was added later to work around issues with the legacy BusLogic driver.",
        today="The device is obsolete: not supported for 64-bit guests, no large disks, no driver in many kernels.",
        risk="The new controller's driver must be in the initramfs before the type changes.",
        no_remedy="The controller's type is the VM's configuration, and changes only while the VM is off.",
        source="VMware vSphere documentation, SCSI controller configuration; Linux drivers/scsi/BusLogic.c",
        reads=(),
        assess=assess_no_buslogic,
    ),
    Recommendation(
        id="lsi_legacy_ready",
        area="storage",
        title="Keep LSI Logic controllers only where their driver is maintained",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="LSI Logic is better than BusLogic, and pvscsi better than both.",
        today="Red Hat has the drivers still, but does not maintain them; an upgrade of the distribution may leave them out.",
        risk="Disks that a cluster shares may need LSI Logic SAS.",
        no_remedy=(
            "Disks are moved to another controller in vCenter, while the VM is off; a cluster's shared ones may have to stay."
        ),
        source="oamg/leapp-repository, device_driver_deprecation_data.json",
        reads=(),
        assess=assess_lsi,
    ),
    Recommendation(
        id="disk_controller_spread",
        area="storage",
        title="Spread disks over several controllers",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk.",
        today="All disks of a controller share its queue; a VM may have four.",
        risk="Names like /dev/sdb may change. Nothing is gained by moving disks that are seldom busy.",
        no_remedy="Which controller a disk is on is the VM's configuration, and changes only while the VM is off.",
        source="VMware KB 435544",
        reads=(),
        assess=assess_spread,
    ),
    Recommendation(
        id="disk_enable_uuid",
        area="storage",
        title="Have disks tell their identity",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="Kubernetes, clusters and multipath know a disk by its identity; the VM must be told to show it.",
        risk="Names in /dev/disk/by-id change with it, and with a clone.",
        no_remedy="disk.EnableUUID is a parameter of the VM, which vCenter sets while the VM is off.",
        source="vSphere CSI driver documentation (disk.EnableUUID); Linux scsi_sysfs.c (wwid)",
        reads=(files("/sys/block/*/device/wwid"),),
        assess=assess_uuid,
    ),
)
