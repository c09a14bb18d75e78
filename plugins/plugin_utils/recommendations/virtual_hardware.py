# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role virtual_hardware: what the host gives to this VM. A guest can only look; a person, or vCenter, changes it.

Some of it no guest can see: the version of the virtual hardware, the guest type, snapshots. Where the inventory knows them (one of
vCenter's, or a lookup), variables of this role take them, and they are judged; without them they are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.support_dates import HOSTS, host_release
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.calendar import READS as CALENDAR_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.calendar import today
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.host import READS as HOST_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.pci_ids import NVME, PVSCSI, VMXNET3
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import X86, Distribution
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import READS as STORAGE_READS

_VERSION = re.compile(r"(?:vmx-)?0*(\d+)")


# ---- host_current ----------------------------------------------------------------------------------------------------


def assess_host(evidence: Evidence, options: Options) -> Verdict:
    """The host's release gets updates, and is no older than asked for."""
    host = evidence.host
    wanted = options["virtual_hardware_oldest_host"]
    if host.release is None:
        return unknown("what its host runs is told only to VMware Tools, by ESX 6.0 or later, and was not told")
    sides = {
        "runtime": host.name,
        "desired": f"ESXi {wanted} or later, with updates" if wanted else "a host with updates",
    }
    if wanted and host.release < tuple(int(number) for number in wanted.split(".")):
        return manual(
            f"its host runs {host.name}: expected {wanted} or later. Have it upgraded, or the VM moved", **sides
        )
    known = host_release(*host.release)
    if known is None:
        newest = max(tuple(int(number) for number in entry.cycle.split(".")) for entry in HOSTS)
        if host.release > newest:
            return compliant(f"its host runs {host.name}, newer than what is known here.", **sides)
        return unknown(f"until when {host.name} gets updates is not known here (engine/support_dates.py)", **sides)
    day = today(evidence)
    if day is None:
        return unknown("the guest's own date cannot be read in /proc/stat and /proc/uptime", **sides)
    if known.end and known.end < day:
        return manual(
            f"its host runs {host.name}, whose updates ended on {known.end}: have it upgraded, or the VM moved", **sides
        )
    return compliant(f"its host runs {host.name}, which gets updates until {known.end}.", **sides)


# ---- hw_version ------------------------------------------------------------------------------------------------------

#: PCI devices, and the first version of the virtual hardware that has them (vSphere documentation: hardware features by
#: compatibility; ESX 4.0 release notes).
BOUNDS = {
    NVME: (13, "a virtual NVMe controller"),
    PVSCSI: (7, "a PVSCSI controller"),
    VMXNET3: (7, "a vmxnet3 card"),
}


def assess_version(evidence: Evidence, options: Options) -> Verdict:
    """The virtual hardware is as new as asked for: by the inventory's word, else by a device that older ones do not have."""
    minimum = options["virtual_hardware_minimum_version"]
    sides: dict[str, Any] = {"desired": f"version {minimum} or later"}
    given = _VERSION.fullmatch(options["virtual_hardware_version"])
    if given:
        version = int(given[1])
        sides["runtime"] = f"version {version}"
        if version >= minimum:
            return compliant(f"the virtual hardware has version {version}.", **sides)
        return manual(
            f"the virtual hardware has version {version}: power the VM off, take a snapshot, upgrade its compatibility. It is "
            "like another motherboard: cards may get other names, and there is no way back but the snapshot",
            **sides,
        )
    present = {device.id for device in evidence.storage.pci.values()}
    least, device = max((BOUNDS[name] for name in present & set(BOUNDS)), default=(0, ""))
    product = f" ({evidence.platform.product})" if evidence.platform.product else ""
    if least:
        sides["runtime"] = f"version {least} or later{product}"
    if least >= minimum:
        return compliant(f"it has {device}, which came with version {least}.", **sides)
    return unknown(
        "a guest cannot see the version of its virtual hardware: set virtual_hardware_version from vCenter (config.version)",
        **sides,
    )


# ---- guest_id_match --------------------------------------------------------------------------------------------------

#: Guest types of the vSphere API (VirtualMachineGuestOsIdentifier) that have no number: for 32 and for 64 bits.
_UNNUMBERED = {
    "rocky": {64: "rockylinux_64Guest"},
    "almalinux": {64: "almalinux_64Guest"},
    "fedora": {32: "fedoraGuest", 64: "fedora64Guest"},
    "opensuse-leap": {32: "opensuseGuest", 64: "opensuse64Guest"},
    "opensuse-tumbleweed": {32: "opensuseGuest", 64: "opensuse64Guest"},
    "ubuntu": {32: "ubuntuGuest", 64: "ubuntu64Guest"},
    "photon": {64: "vmwarePhoton64Guest"},
}


@dataclass(frozen=True)
class _Numbered:
    """Guest types with the number of a major release, and the releases that have one for 32 and for 64 bits. ``before``: those
    before the first number share a type without one."""

    name: str
    bits_32: Container[int]
    bits_64: Container[int]
    before: int = 0

    def type_of(self, major: int, bits: int) -> str | None:
        """``rhel6Guest``, ``rhel6_64Guest``; before the numbers ``centosGuest``, ``centos64Guest``."""
        if 0 < major < self.before:
            return f"{self.name}{'64' if bits == 64 else ''}Guest"
        if major not in (self.bits_64 if bits == 64 else self.bits_32):
            return None
        return f"{self.name}{major}{'_64' if bits == 64 else ''}Guest"


_SLES = _Numbered("sles", range(10, 13), (10, 11, 12, 15, 16), before=10)
_NUMBERED = {
    "rhel": _Numbered("rhel", range(2, 8), range(3, 11)),
    "centos": _Numbered("centos", range(6, 8), range(6, 10), before=6),
    "ol": _Numbered("oracleLinux", range(6, 8), range(6, 11), before=6),
    "sles": _SLES,
    "sles_sap": _SLES,
    "debian": _Numbered("debian", range(4, 14), range(4, 14)),
}
#: Amazon counts its releases 2 and 2023, the API 2 and 3.
_AMAZON = {2: "amazonlinux2_64Guest", 2023: "amazonlinux3_64Guest"}


def _guest_id(distribution: Distribution, bits: int) -> str | None:
    """The API's guest type for a distribution; None where it has none, or none is known here."""
    if distribution.id == "amzn":
        return _AMAZON.get(distribution.major) if bits == 64 else None
    numbered = _NUMBERED.get(distribution.id)
    if numbered:
        return numbered.type_of(distribution.major, bits)
    return _UNNUMBERED.get(distribution.id, {}).get(bits)


def assess_guest_id(evidence: Evidence, options: Options) -> Verdict:
    """The VM's guest type is that of what runs in it."""
    platform = evidence.platform
    if not platform.machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if platform.machine not in X86:
        return not_applicable(f"guest types of {platform.machine} are not known here")
    bits = 64 if platform.machine == "x86_64" else 32
    wanted = _guest_id(platform.distribution, bits)
    if wanted is None:
        return unknown(
            f"vSphere has no guest type for {platform.distribution.name} with {bits} bits, or none that is known here"
        )
    found = options["virtual_hardware_guest_id"]
    if not found:
        return unknown(
            "a guest cannot see the guest type of its VM: set virtual_hardware_guest_id from vCenter (config.guestId)",
            desired=wanted,
        )
    sides = {"runtime": found, "desired": wanted}
    if found == wanted:
        return compliant("the VM's guest type is that of its guest.", **sides)
    if ("64" in found) != (bits == 64):
        return manual(
            f"the VM's guest type {found} is not for a kernel of {bits} bits: power the VM off and set {wanted}",
            **sides,
        )
    return manual(
        f"the VM's guest type is {found}: devices, limits and customization follow it. Power it off and set {wanted}",
        **sides,
    )


# ---- guest_stats -----------------------------------------------------------------------------------------------------


def assess_stats(evidence: Evidence, options: Options) -> Verdict:
    """The host takes nothing back now, and no limit is below what the guest was given."""
    host = evidence.host
    if not host.asked:
        return not_applicable("there are no VMware Tools to ask: see tools_present")
    stats = host.stats
    missing = [name for name in ("balloon", "swap", "memlimit") if name not in stats]
    if missing:
        return unknown(
            f"vmware-toolbox-cmd stat {missing[0]} did not answer: VMware Tools do not run, or the host is no ESX",
            desired="no balloon, no swapping by the host, no limits",
        )
    sides = {
        "runtime": ", ".join(
            f"{name} {amount} {'MHz' if name == 'cpulimit' else 'MiB'}" for name, amount in _shown(stats)
        ),
        "desired": "no balloon, no swapping by the host, no limits",
    }
    found = [text for text in (_limited_memory(evidence), _limited_cpu(evidence)) if text]
    if stats["swap"]:
        found.append(
            f"the host has swapped out {stats['swap']} MiB of it: give the host memory, or reserve it for this VM"
        )
    if stats["balloon"]:
        found.append(f"the balloon holds {stats['balloon']} MiB: the host is, or was, short of memory")
    if found:
        return manual("; ".join(found), **sides)
    return compliant("the host takes nothing back and sets no limit.", **sides)


def _shown(stats: dict[str, int]) -> list[tuple[str, int]]:
    """What is news: a limit that is none is a very large number."""
    return [(name, amount) for name, amount in stats.items() if name != "speed" and amount < 2**31]


def _limited_memory(evidence: Evidence) -> str | None:
    limit, total = evidence.host.stats["memlimit"], evidence.memory.total_kib
    if not limit or total is None or limit * 1024 >= total:
        return None
    return (
        f"a limit of {limit} MiB is below its {total // 1024} MiB of memory: the host takes the rest by balloon and swap for ever. "
        "Take the limit out in the VM's settings"
    )


def _limited_cpu(evidence: Evidence) -> str | None:
    limit, speed = evidence.host.stats.get("cpulimit"), evidence.host.stats.get("speed")
    cpus = evidence.network.cpus
    if not limit or not speed or not cpus or limit >= speed * cpus:
        return None
    return f"a limit of {limit} MHz is below its {cpus} CPUs of {speed} MHz: take it out in the VM's settings"


# ---- snapshot_awareness ----------------------------------------------------------------------------------------------


def assess_snapshot(evidence: Evidence, options: Options) -> Verdict:
    """No snapshot stays for longer than it is needed."""
    oldest, days = options["virtual_hardware_oldest_snapshot"], options["virtual_hardware_snapshot_days"]
    sides = {"desired": f"no snapshot older than {days} days"}
    if not oldest:
        return unknown(
            "a guest cannot see snapshots of its VM: set virtual_hardware_oldest_snapshot from vCenter (a date, or 'none')",
            **sides,
        )
    if oldest == "none":
        return compliant("the VM has no snapshot.", runtime="none", **sides)
    day = today(evidence)
    if day is None:
        return unknown("the guest's own date cannot be read in /proc/stat and /proc/uptime", **sides)
    if day - date.fromisoformat(oldest) <= timedelta(days=days):
        return compliant(f"the oldest snapshot is of {oldest}.", runtime=oldest, **sides)
    return manual(
        f"the oldest snapshot is of {oldest}: its disks are chains of deltas, which are slower and grow. Delete it, or make it a "
        "backup",
        runtime=oldest,
        **sides,
    )


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    version, host = options["virtual_hardware_version"], options["virtual_hardware_oldest_host"]
    snapshot = options["virtual_hardware_oldest_snapshot"]
    if version and not _VERSION.fullmatch(version):
        return f"virtual_hardware_version is '{version}': expected vCenter's vmx-19, or 19"
    if host and not re.fullmatch(r"\d+\.\d+", host):
        return f"virtual_hardware_oldest_host is '{host}': expected a release such as 8.0"
    if snapshot and snapshot != "none":
        try:
            date.fromisoformat(snapshot)
        except ValueError:
            return f"virtual_hardware_oldest_snapshot is '{snapshot}': expected a date (2026-11-24), or none"
    if options["virtual_hardware_snapshot_days"] < 0:
        return f"virtual_hardware_snapshot_days is {options['virtual_hardware_snapshot_days']}: expected 0 or more"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="host_current",
        area="platform",
        title="Run on a host that gets updates",
        severity=Severity.INFO,
        baseline="audit",
        talk="Newer CPUs have less overhead, and the hypervisor is constantly improved.",
        today="Right. The guest can only report it: ESX tells its version to VMware Tools.",
        risk="None: it is only looked at.",
        no_remedy="The host is another machine, and a guest cannot upgrade it or leave it.",
        source="vSphere Guest SDK, Tools for Extended Guest Statistics; endoflife.date, vmware-esxi",
        reads=(*HOST_READS, *CALENDAR_READS),
        assess=assess_host,
    ),
    Recommendation(
        id="hw_version",
        area="platform",
        title="Give the VM recent virtual hardware",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="A newer virtual hardware version is a new motherboard: hot-add, pvscsi, vmxnet3.",
        today=(
            "Right: version 7 brought pvscsi and vmxnet3, 11 UNMAP, 13 NVMe and the steal clock. A guest cannot see which it has."
        ),
        risk=(
            "Cards and disks may change their names; there is no way back but a snapshot, and older hosts can no longer run the VM."
        ),
        no_remedy="The version is the VM's configuration, raised while it is off, and only a snapshot brings it back.",
        source="vSphere documentation, Hardware Features Available with Virtual Machine Compatibility Settings; KB 2007240",
        reads=STORAGE_READS,
        assess=assess_version,
    ),
    Recommendation(
        id="guest_id_match",
        area="platform",
        title="Set the VM's guest type to what runs in it",
        severity=Severity.LOW,
        baseline="audit",
        talk="Some optimizations are based on the guest OS type.",
        today="Right for devices, limits and customization; no longer for timers.",
        risk="The VM is powered off for it. New disks and cards may get other devices by default.",
        no_remedy="The guest type is the VM's configuration, and changes only while the VM is off.",
        source="vSphere Web Services API, VirtualMachineGuestOsIdentifier (vmware/govmomi, vim25/types/enum.go)",
        reads=(),
        assess=assess_guest_id,
    ),
    Recommendation(
        id="guest_stats",
        area="platform",
        title="Let no host limit or pressure go unseen",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="The Guest API tells a VM how much CPU and memory the host really gives it.",
        today="Right: vmware-toolbox-cmd stat. A forgotten memory limit makes a guest swap that has memory to spare.",
        risk="None: it is only looked at, at one moment.",
        no_remedy="Reservations, limits and the host's memory are vCenter's.",
        source="vSphere Guest SDK; open-vm-tools toolbox/toolboxcmd-stat.c",
        reads=(*HOST_READS, *NETWORK_READS),
        assess=assess_stats,
        measures=True,
    ),
    Recommendation(
        id="snapshot_awareness",
        area="platform",
        title="Keep no old snapshots",
        severity=Severity.INFO,
        baseline="audit",
        talk="Not in the talk.",
        today="Disks with deltas lose what pvscsi gains, and grow until the datastore is full. Only vCenter sees them.",
        risk="None: it is only looked at.",
        no_remedy="Snapshots are vCenter's, and a deleted one is gone.",
        source="vSphere documentation, VMware Paravirtual SCSI Adapters; VMware KB 1025279",
        reads=CALENDAR_READS,
        assess=assess_snapshot,
    ),
)
