# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""Identity: what every guest must have of its own, and several have."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status, listed
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import (
    LISTED,
    NAMED,
    Few,
    FleetFinding,
    GuestTraits,
    guests_,
)


@dataclass(frozen=True)
class Identity:
    """A kind of identity that every guest must have of its own: ``name`` in records, ``what`` in sentences, and what to ``do``
    where several guests have the same."""

    name: str
    title: str
    what: str
    severity: Severity
    do: str
    source: str


IDENTITIES = (
    Identity(
        "machine_id",
        "Every guest has a machine id of its own",
        "machine id",
        Severity.HIGH,
        "on all of them but one: `rm -f /etc/machine-id /var/lib/dbus/machine-id`, `systemd-machine-id-setup` (without systemd "
        "`dbus-uuidgen --ensure`), then a reboot; the DHCP lease may change. In the template: `truncate -s 0 /etc/machine-id`",
        "machine-id(5)",
    ),
    Identity(
        "ssh_host_keys",
        "Every guest has SSH host keys of its own",
        "SSH host key",
        Severity.CRITICAL,
        "on each of them, also on the one that they were made on, for whoever is root on one can take the part of all: `rm "
        "/etc/ssh/ssh_host_*`, `ssh-keygen -A`, restart sshd, and tell those who know the old keys. In the template: remove them",
        "ssh-keygen(1); sshd(8)",
    ),
    Identity(
        "dhcp_duid",
        "Every guest has a DHCP identifier of its own",
        "DHCP identifier (DUID)",
        Severity.HIGH,
        "on all of them but one: stop the DHCP client, remove its leases and its DUID (the finding clone_dhcp_identity names the "
        "files), start it again; the address may change",
        "RFC 8415, section 11",
    ),
    Identity(
        "mac",
        "Every network card has an address of its own",
        "MAC address",
        Severity.HIGH,
        "look in vCenter which of them was given its address by hand or was copied as files, and have vCenter make a new one",
        "vSphere Networking, MAC addresses",
    ),
    Identity(
        "dmi_uuid",
        "Every guest has a BIOS UUID of its own",
        "BIOS UUID",
        Severity.MEDIUM,
        "a VM that was copied as files was answered 'I moved it': change uuid.bios of all but one while they are off. Until then "
        "backup, monitoring, licensing and cron_scatter take them for one",
        "VMware KB 1541 (now Broadcom 320246), changing or keeping a UUID for a moved virtual machine",
    ),
    Identity(
        "iscsi_iqn",
        "Every iSCSI initiator has a name of its own",
        "iSCSI initiator name",
        Severity.CRITICAL,
        "at once, for a target takes them for one and may give both the same disk: log out, write a new name (`iscsi-iname`) into "
        "/etc/iscsi/initiatorname.iscsi of all but one, allow it on the target, log in again",
        "RFC 7143, section 4.2.7; iscsi-iname(8)",
    ),
    Identity(
        "nvme_hostnqn",
        "Every NVMe host has a name of its own",
        "NVMe host name (NQN)",
        Severity.CRITICAL,
        "at once where NVMe over Fabrics is used, for a subsystem takes them for one host and may give both the same namespace: "
        "disconnect, write a new name (`nvme gen-hostnqn`) into /etc/nvme/hostnqn, and a new `uuidgen` into /etc/nvme/hostid, of "
        "all but one, allow it on the subsystem, connect again",
        "NVM Express Base Specification, NVMe Qualified Names; nvme-gen-hostnqn(1)",
    ),
)  # fmt: skip


class IdentityCheck:
    """Who shares one kind of identity. Keeps one name for each value that is not shared."""

    def __init__(self, kind: Identity) -> None:
        self.kind = kind
        self.owners: dict[str, str | set[str]] = {}
        self.known = 0
        self.silent = Few()

    def add(self, guest: GuestTraits) -> None:
        """One more guest."""
        values = guest.texts(self.kind.name, guest.identity)
        if values is None:
            self.silent.add(guest.host)
            return
        self.known += bool(values)
        for value in set(values):
            owner = self.owners.get(value)
            if owner is None:
                self.owners[value] = guest.host
            elif isinstance(owner, set):
                owner.add(guest.host)
            elif owner != guest.host:
                self.owners[value] = {owner, guest.host}

    def finding(self) -> FleetFinding:
        """What is to be said when all have come."""
        shared = sorted(
            ((value, owners) for value, owners in self.owners.items() if isinstance(owners, set)),
            key=lambda entry: (-len(entry[1]), entry[0]),
        )
        everyone = sorted({name for _value, owners in shared for name in owners})
        detail = {
            "kind": self.kind.name,
            "guests": self.known,
            "silent": self.silent.record(),
            "shared": [
                {"value": value, "count": len(owners), "guests": sorted(owners)[:NAMED]}
                for value, owners in shared[:LISTED]
            ],
            "shared_values": len(shared),
            "sharing_guests": len(everyone),
        }
        status, reason = self._said(shared, everyone)
        kind = self.kind
        return FleetFinding(
            f"fleet_{kind.name}",
            kind.title,
            kind.severity,
            status,
            reason,
            kind.source,
            tuple(everyone[:NAMED]),
            detail,
        )

    def _said(self, shared: list[tuple[str, set[str]]], everyone: list[str]) -> tuple[Status, str]:
        what, silent = self.kind.what, self.silent
        not_told = f"; {guests_(silent.count)} did not tell ({silent.text})" if silent.count else ""
        if shared:
            # Clones share several keys: each set of guests is named once.
            groups = list(dict.fromkeys(tuple(sorted(owners)) for _value, owners in shared))
            named = "; ".join(listed(group, 8) for group in groups[:3])
            more = f"; and {len(groups) - 3} more groups" if len(groups) > 3 else ""
            return (
                Status.MANUAL,
                f"{guests_(len(everyone))} share their {what}: {named}{more}. Where these are several guests and not one under "
                f"several names: {self.kind.do}{not_told}",
            )
        if silent.count:
            return (
                Status.UNKNOWN,
                f"{guests_(silent.count)} did not tell their {what}: {silent.text}; audit them again as root. "
                f"The other {guests_(self.known)} share none",
            )
        if self.known < 2:
            return (
                Status.NOT_APPLICABLE,
                f"{guests_(self.known)} with this kind of identity: there is nothing to compare",
            )
        return Status.COMPLIANT, f"none of {guests_(self.known)} shares its {what} with another"
