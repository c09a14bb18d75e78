# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MTU: how large the frames of each interface are, which networks it is on, and who sets its MTU at boot.

Networks by /proc/net/route, the kernel's main table: a route without a gateway is a network that the interface is on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Assignment
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, files

_ROUTES = "/proc/net/route"
_UP, _GATEWAY = 0x1, 0x2

READS: tuple[Read, ...] = (
    files(_ROUTES, "/sys/class/net/*/mtu", "/sys/class/net/*/address"),
    Lines(
        "mtu_owners",
        "^[[:blank:]]*MTU *=\\|^[[:blank:]]*mtu[[:blank:]=:]\\|MTUBytes *=\\|ip link .* mtu \\|ifconfig .* mtu ",
        (
            "/etc/NetworkManager/system-connections/*",
            "/etc/NetworkManager/dispatcher.d/*",
            "/etc/sysconfig/network-scripts/ifcfg-*",
            "/etc/sysconfig/network/ifcfg-*",
            "/etc/netplan/*.yaml",
            "/etc/systemd/network/*",
            "/etc/network/interfaces",
            "/etc/network/interfaces.d/*",
            "/etc/rc.local",
            "/etc/rc.d/rc.local",
        ),
    ),
)
_VALUE = re.compile(r"(?:MTU|mtu|MTUBytes)\s*[=:\s]\s*[\"']?(\d+)")


@dataclass(frozen=True)
class Interface:
    """An interface with the networks that it is on. ``mtu`` is in bytes, None where it cannot be read."""

    name: str
    mtu: int | None
    address: str
    networks: tuple[IPv4Network, ...]

    @property
    def mtu_file(self) -> str:
        """The kernel file that sets the MTU."""
        return f"/sys/class/net/{self.name}/mtu"


def interfaces(probe: ProbeOutput) -> tuple[Interface, ...] | None:
    """Those that are on some IPv4 network, by name; None where the table cannot be read."""
    table = probe.file(_ROUTES)
    if not table:
        return None
    networks: dict[str, list[IPv4Network]] = {}
    for line in table.lines[1:]:
        words = line.split()
        if len(words) >= 8 and int(words[3], 16) & (_UP | _GATEWAY) == _UP and int(words[7], 16):
            found = IPv4Network((_address(words[1]), bin(int(words[7], 16)).count("1")), strict=False)
            networks.setdefault(words[0], []).append(found)
    return tuple(_interface(probe, name, tuple(found)) for name, found in sorted(networks.items()))


def _address(text: str) -> IPv4Address:
    """An address as the kernel's bytes lie in memory: little end first, on all that VMware runs."""
    return IPv4Address(bytes.fromhex(text.zfill(8))[::-1])


def _interface(probe: ProbeOutput, name: str, networks: tuple[IPv4Network, ...]) -> Interface:
    mtu = probe.file(f"/sys/class/net/{name}/mtu").value
    return Interface(
        name=name,
        mtu=int(mtu) if mtu.isdecimal() else None,
        address=probe.file(f"/sys/class/net/{name}/address").value.lower(),
        networks=networks,
    )


def mtu_owners(probe: ProbeOutput) -> list[Assignment]:
    """Lines of the network's configuration that set an MTU. Which interface it is for, only some of these files tell."""
    found = []
    for line in probe.lines("mtu_owners"):
        value = _VALUE.search(line.text)
        if value and not line.text.lstrip().startswith("#"):
            found.append(Assignment(f"{line.path}:{line.number}", value[1]))
    return found
