# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCP identity: by which identifiers a guest tells DHCP servers who it is, and where they are kept.

A client makes its DUID once, of an address that a card has then (RFC 8415, 11.2 and 11.4), and keeps it for ever: a clone
has the one of the guest that it was made of, and both get the same lease.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries

_WICKED = "/var/lib/wicked/duid.xml"
_DHCPCD = ("/var/lib/dhcpcd/duid", "/etc/dhcpcd.duid")
_DHCLIENT = ("/var/lib/dhclient/*", "/var/lib/dhcp/*", "/var/lib/dhcp3/*")
_CONFIGURED = (
    "/etc/dhcp/dhclient*.conf",
    "/etc/dhclient*.conf",
    "/etc/NetworkManager/system-connections/*",
    "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network/ifcfg-*",
    "/etc/systemd/network/*.network",
)
#: What a clone must not inherit: leases, and what identifiers are made of.
STATE = (
    *_DHCLIENT,
    "/var/lib/NetworkManager/*.lease",
    "/var/lib/NetworkManager/secret_key",
    "/var/lib/NetworkManager/timestamps",
    "/var/lib/wicked/*.xml",
    "/var/lib/dhcpcd/*",
    "/etc/dhcpcd.duid",
)

READS: tuple[Read, ...] = (
    entries(*STATE),
    Lines(
        "dhcp_identity",
        r"^ *default-duid \|^[^#]*dhcp-client-identifier \|^DHCP_CLIENT_ID=\|^DHCLIENT_CLIENT_ID=\|^ *dhcp-client-id *="
        r"\|^ *DUIDRawData *=\|<duid>\|^[0-9A-Fa-f][0-9A-Fa-f]\(:[0-9A-Fa-f][0-9A-Fa-f]\)*$",
        (*_DHCLIENT, _WICKED, *_DHCPCD, *_CONFIGURED),
    ),
)


@dataclass(frozen=True)
class Identifier:
    """An identifier in a file. ``mac`` is the hardware address that it was made of, None where it was made of something else."""

    owner: str
    mac: str | None


#: RFC 8415, 11.2 to 11.5: of an address and the time, of an enterprise, of an address, of a UUID. The type takes two octets.
_DUID_TYPES = (b"\x01", b"\x02", b"\x03", b"\x04")
_SHORTEST_DUID = 8
_PAIRS = re.compile(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5,}(?![0-9A-Fa-f:])")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\([0-7]{3})|\\(.)|(.)", re.DOTALL)


def identifiers(probe: ProbeOutput) -> tuple[Identifier, ...]:
    """All that files have, in their order; equal ones of one file (dhclient adds them again and again) once."""
    found: dict[tuple[str, str | None], Identifier] = {}
    for line in probe.lines("dhcp_identity"):
        octets = _octets(line.text)
        if octets:
            mac = _mac(octets)
            found.setdefault((line.path, mac), Identifier(f"{line.path}:{line.number}", mac))
    return tuple(found.values())


def duids(probe: ProbeOutput) -> tuple[str, ...]:
    """Hashes of the DUIDs that files have, each once: by itself, or in a client identifier (RFC 4361: ff, four octets, a DUID).

    A DUID may be made of the machine id, which is confidential: a hash tells as well whether two guests have the same.
    """
    found = set()
    for line in probe.lines("dhcp_identity"):
        octets = _octets(line.text)
        duid = octets[5:] if octets[:1] == b"\xff" else octets
        if duid[:1] == b"\x00" and duid[1:2] in _DUID_TYPES and len(duid) >= _SHORTEST_DUID:
            found.add("sha256:" + hashlib.sha256(duid).hexdigest()[:16])
    return tuple(sorted(found))


def state(probe: ProbeOutput) -> tuple[str, ...]:
    """The files that a clone must not inherit."""
    return tuple(
        dict.fromkeys(entry.path for glob in STATE for entry in probe.entries(glob) if entry.kind == "-" and entry.size)
    )


def _octets(text: str) -> bytes:
    """``00:01:…``, or dhclient's string of octal escapes and characters."""
    pairs = _PAIRS.search(text)
    if pairs:
        return bytes(int(pair, 16) for pair in pairs[0].split(":"))
    quoted = _QUOTED.search(text)
    if not quoted:
        return b""
    return b"".join(
        bytes([int(octal, 8) & 255]) if octal else (escaped or plain).encode("utf-8", "surrogateescape")
        for octal, escaped, plain in _ESCAPED.findall(quoted[1])
    )


def _mac(octets: bytes) -> str | None:
    """The address in a DUID-LLT (type 1), a DUID-LL (type 3), or a client identifier of Ethernet (01 and the address)."""
    if octets[:4] == b"\x00\x01\x00\x01" and len(octets) == 14:
        address = octets[8:]
    elif octets[:4] == b"\x00\x03\x00\x01" and len(octets) == 10:
        address = octets[4:]
    elif octets[:1] == b"\x01" and len(octets) == 7:
        address = octets[1:]
    else:
        return None
    return ":".join(f"{octet:02x}" for octet in address)
