# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""conversion_residue: what a physical machine leaves in the VM that it was converted to.

Agents of its vendor poll hardware that is not there, drivers of its controllers are kept in boot images, mirrors and bonds double
what the host does already. Audited only: who installed an agent must say that it may go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import READS as IMAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.programs import READS as PROGRAM_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.programs import started_at_boot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, entries, files

#: Where agents of hardware vendors are: the programs of all of them are in folders of their own.
AGENTS = {
    "HP or HPE": ("/opt/hp/*", "/opt/smartstorageadmin", "/sbin/hpasmcli", "/sbin/amsHelper"),
    "Dell OpenManage": ("/opt/dell/srvadmin",),
    "IBM Director": ("/opt/ibm/director",),
    "MegaRAID": ("/opt/MegaRAID/*",),
}
#: Drivers of controllers and adapters that no VM has but by passthrough.
ADAPTERS = frozenset(
    (
        *("qla2xxx", "qla2300", "qla2400", "lpfc", "bfa", "cciss", "hpsa", "megaraid", "megaraid_mbox", "megaraid_sas"),
        *("mpt2sas", "mpt3sas", "aacraid", "ips", "3w_9xxx", "cpqarray"),
    )
)
_IPMI_DEVICES = ("/dev/ipmi0", "/dev/ipmi/0")
_IPMI = frozenset(("ipmi", "ipmievd", "openipmi", "ipmidetectd"))
#: Services that distributions start by themselves; they do no harm.
_HARMLESS = frozenset(
    ("mcelog", "mcelogd", "smartd", "smartmontools", "lm_sensors", "lm-sensors", "rasdaemon", "cpuspeed")
)
#: biosdevname's names: on board, and in a slot.
_BY_BIOS = re.compile(r"/ifcfg-((?:em\d+|p\d+p\d+)(?:_\d+)?)$")
_PHYSICAL_DEVICE = re.compile(r"/dev/(cciss|ida|i2o|rd)/\S+")
_MIRROR = re.compile(r"raid(1|4|5|6|10)")
_XORG = Lines(
    "xorg",
    '^[[:blank:]]*Driver[[:blank:]]*"\\(nv\\|nvidia\\|nouveau\\|ati\\|radeon\\|fglrx\\|mga\\|intel\\)"',
    ("/etc/X11/xorg.conf",),
)
_IFCFG = "/etc/sysconfig/network-scripts/ifcfg-*"


class _Left(NamedTuple):
    """What is left, where that is, and what to do."""

    what: str
    where: str
    how: str


def _agents(evidence: Evidence) -> Iterator[_Left]:
    for vendor, globs in AGENTS.items():
        paths = [found.path for glob in globs for found in evidence.entries(glob)]
        if paths:
            yield _Left(f"agents of {vendor}", ", ".join(paths[:2]), "uninstall them")
    started = started_at_boot(evidence)
    if not any(evidence.entry(path) for path in _IPMI_DEVICES):
        for name in sorted(_IPMI & set(started)):
            yield _Left(f"{name}, for a controller that is not there", started[name], "disable it")


def _drivers(evidence: Evidence) -> Iterator[_Left]:
    """Drivers in the configuration of boot images, for cards that are not there."""
    present = {device.driver.replace("-", "_") for device in evidence.storage.pci.values()}
    for module, owner in evidence.initramfs.configuration.named.items():
        if module in ADAPTERS - present:
            yield _Left(f"driver {module} in boot images, for a card that is not there", owner, "take it out")


def _devices(evidence: Evidence) -> Iterator[_Left]:
    for number, line in enumerate(evidence.file("/etc/fstab").lines, 1):
        found = _PHYSICAL_DEVICE.match(line)
        if found:
            yield _Left(
                f"{found[0]}, a disk of a controller that no VM has",
                f"/etc/fstab:{number}",
                "name the file system by UUID",
            )
    virtual = {disk.name for disk in evidence.storage.virtual_disks} == {disk.name for disk in evidence.storage.disks}
    for level in evidence.glob("/sys/block/md*/md/level"):
        if virtual and _MIRROR.fullmatch(level.value):
            name = level.path.split("/")[3]
            yield _Left(
                f"{name}, {level.value} over virtual disks, whose array does that",
                level.path,
                "move the data to one disk",
            )


def _network(evidence: Evidence) -> Iterator[_Left]:
    for file in evidence.glob("/proc/net/bonding/*"):
        members = [line for line in file.lines if line.startswith("Slave Interface:")]
        if len(members) < 2:
            name = file.path.rpartition("/")[2]
            yield _Left(
                f"{name} with {len(members)} card, where the virtual switch has the uplinks",
                file.path,
                "configure the card itself",
            )
    names = {nic.name for nic in evidence.network.nics}
    for entry in evidence.entries(_IFCFG):
        found = _BY_BIOS.search(entry.path)
        if found and found[1] not in names:
            yield _Left(f"configuration of {found[1]}, a physical machine's card", entry.path, "remove it")


def _display(evidence: Evidence) -> Iterator[_Left]:
    for line in evidence.lines(_XORG.name):
        yield _Left("driver of a graphics card that no VM has", f"{line.path}:{line.number}", "remove the file")


def assess(evidence: Evidence, options: Options) -> Verdict:
    """All that is left, each with what to do."""
    if not evidence.file("/etc/fstab") or not evidence.file("/proc/bus/pci/devices"):
        return unknown(
            "/etc/fstab or /proc/bus/pci/devices cannot be read, so what is left of a physical machine is not known"
        )
    found = [left for look in (_agents, _drivers, _devices, _network, _display) for left in look(evidence)]
    harmless = sorted(_HARMLESS & set(started_at_boot(evidence)))
    sides = {
        "persistent": "; ".join(left.what for left in found) or "nothing",
        "desired": "nothing of a physical machine",
        "owner": found[0].where if found else None,
    }
    if found:
        return manual(
            "left of a physical machine: " + "; ".join(f"{left.what} ({left.where}): {left.how}" for left in found),
            **sides,
        )
    idle = f" {', '.join(harmless)} look after hardware that no VM has, and may be disabled." if harmless else ""
    return compliant(f"nothing that is looked for is left of a physical machine.{idle}", **sides)


RECOMMENDATIONS = (
    Recommendation(
        id="p2v_residue",
        area="platform",
        title="Leave nothing of the physical machine behind",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not said; VMware Converter is shown, and what it converts brings this along.",
        today="As right as then. It is rare in VMs that were installed as such.",
        risk="None: it is only looked at. A driver that is taken out too early keeps a guest from booting.",
        no_remedy=(
            "Agents of hardware and drivers of old disks are other vendors' packages; one that goes too early keeps a guest "
            "from booting."
        ),
        source="virt-v2v(1), what it removes; VMware vCenter Converter's user guide",
        reads=(
            *IMAGE_READS,
            *NETWORK_READS,
            *PROGRAM_READS,
            entries(*(glob for globs in AGENTS.values() for glob in globs), *_IPMI_DEVICES, _IFCFG),
            files("/proc/net/bonding/*", "/sys/block/md*/md/level"),
            _XORG,
        ),
        assess=assess,
    ),
)
