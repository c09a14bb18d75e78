# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NIC bindings: hardware addresses in configuration files, and those that the guest's cards really have.

A clone gets new addresses from vCenter; files that name the old ones no longer match, or give two guests the same address. Only
single lines are read, by patterns that no passphrase can match: these files hold keys of wireless networks and of 802.1X.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import Nic
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import (
    Entry,
    Line,
    ProbeOutput,
    State,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries, files

_CLASS = "/sys/class/net"
#: The generator of rules by address (udev before systemd 197); a link to /dev/null of the same name in /etc masks it.
GENERATOR = "/lib/udev/rules.d/75-persistent-net-generator.rules"
GENERATOR_MASK = "/etc/udev/rules.d/75-persistent-net-generator.rules"

#: initscripts' rule: what it runs gives a card the DEVICE= of the file whose HWADDR= is the card's (initscripts, rename_device.c).
_RENAMES = ("/etc/udev/rules.d/60-net.rules", "/usr/lib/udev/rules.d/60-net.rules")

_IFCFG = ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*")
_KEYFILES = "/etc/NetworkManager/system-connections/*"
_NETPLAN = "/etc/netplan/*.yaml"
_NETWORKD = ("/etc/systemd/network/*.network", "/etc/systemd/network/*.link")
_IFUPDOWN = ("/etc/network/interfaces", "/etc/network/interfaces.d/*")
_CONFIGURATION = (*_IFCFG, _KEYFILES, _NETPLAN, *_NETWORKD, *_IFUPDOWN)
_GLOBS = (*_CONFIGURATION, "/etc/udev/rules.d/*.rules", "/etc/iftab")

_PATTERN = "\\|".join(
    (
        # ifcfg files of Red Hat and SUSE.
        r"^[[:blank:]]*\(HWADDR\|MACADDR\|LLADDR\|UUID\|DEVICE\)=",
        # NetworkManager's keyfiles, and the sections of all files that have such.
        r"^ *\(cloned-\)*mac-address *=",
        r"^ *uuid *=",
        r"^\[[A-Za-z0-9-]*\]",
        # systemd-networkd.
        r"^ *\(Permanent\)*MACAddress *=",
        # netplan: addresses, names for the cards that have them, and the keys above, which have no value of their own.
        r"^ *macaddress:",
        r"^ *set-name:",
        r"^ *match: *{[^{}]*} *$",
        r"^ *[A-Za-z0-9_.-]*: *$",
        # ifupdown.
        r"^[[:blank:]]*\(iface\|hwaddress\)[[:blank:]]",
        # udev's rules, and iftab of Ubuntu before 8.04.
        r"^[^#]*\(ATTRS*\|SYSFS\){address}==",
        r"^[^#]* mac [0-9A-Fa-f]",
    )
)

READS: tuple[Read, ...] = (
    *NETWORK_READS,
    files(
        f"{_CLASS}/*/address",
        f"{_CLASS}/*/addr_assign_type",
        f"{_CLASS}/*/bonding_slave/perm_hwaddr",
        "/proc/net/bonding/*",
    ),
    entries(*_CONFIGURATION, GENERATOR, GENERATOR_MASK, *_RENAMES),
    Lines("nic_bindings", _PATTERN, _GLOBS),
)

_MAC = re.compile(r"(?<![0-9a-f:-])[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}(?![0-9a-f:-])", re.IGNORECASE)
#: Copies that editors and packages leave; no tool takes them for configuration.
_COPY = re.compile(r"(~|\.(bak|orig|old|save|rpmsave|rpmnew|rpmorig|dpkg-\w+))$")


def macs_in(text: str) -> tuple[str, ...]:
    """All hardware addresses in a text, as ``00:50:56:8f:1a:2b``."""
    return tuple(found.lower().replace("-", ":") for found in _MAC.findall(text))


# ---- what the guest has ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Addresses:
    """``own``: each card's own address, by its name, or the one it has now where its own is hidden.

    ``all`` are those of bridges, bonds and VLANs, too. ``hidden`` are cards that were given another address, by somebody or by
    the bond they are part of, so that their own is not known. ``problem`` says why nothing is known.
    """

    own: dict[str, str]
    all: frozenset[str]
    hidden: tuple[str, ...] = ()
    problem: str | None = None


#: include/uapi/linux/netdevice.h: the address was set by user space.
_NET_ADDR_SET = "3"


def addresses(probe: ProbeOutput, nics: Sequence[Nic]) -> Addresses:
    """The addresses of these cards, and of all else that has one."""
    permanent = _permanent(probe)
    own, hidden = {}, []
    for nic in nics:
        now = macs_in(probe.file(f"{_CLASS}/{nic.name}/address").value)
        if not now:
            return Addresses({}, frozenset(), (), f"{_CLASS}/{nic.name}/address cannot be read")
        own[nic.name] = permanent.get(nic.name, now[0])
        assigned = probe.file(f"{_CLASS}/{nic.name}/addr_assign_type").value
        if nic.name not in permanent and (nic.master.startswith("bond") or assigned == _NET_ADDR_SET):
            hidden.append(nic.name)
    everybody = {mac for file in probe.glob(f"{_CLASS}/*/address") for mac in macs_in(file.value)}
    return Addresses(own, frozenset(everybody | set(own.values())), tuple(hidden))


def _permanent(probe: ProbeOutput) -> dict[str, str]:
    """What a bond tells of its members: they all have the bond's address while they are in it."""
    found = {}
    for file in probe.glob(f"{_CLASS}/*/bonding_slave/perm_hwaddr"):
        for mac in macs_in(file.value):
            found[file.path.split("/")[4]] = mac
    for file in probe.glob("/proc/net/bonding/*"):
        member = ""
        for line in file.lines:
            key, dummy, value = line.partition(": ")
            if key == "Slave Interface":
                member = value.strip()
            elif key == "Permanent HW addr":
                for mac in macs_in(value):
                    found[member] = mac
    return found


# ---- what files say --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Binding:
    """An address in a file. ``owner`` is ``path:line``, or the path where its name has the address.

    ``sets`` is True where a card is given the address, False where the file is for the card that has it. ``names``: such a
    card gets a fixed name, and the file is for nothing else; ``device``: the name that a configuration gives to it, empty where it
    gives none. Of Red Hat's ifcfg files that takes :func:`renames_by_ifcfg`.
    """

    mac: str
    owner: str
    sets: bool = False
    names: bool = False
    device: str = ""

    @property
    def path(self) -> str:
        """The file."""
        return self.owner.partition(":")[0]


@dataclass(frozen=True)
class Bindings:
    """All addresses in files, and ``uuids`` of connections to the files that have them. ``problem``: what could not be read."""

    bindings: tuple[Binding, ...]
    uuids: dict[str, tuple[str, ...]]
    problem: str | None = None


def bindings(probe: ProbeOutput) -> Bindings:
    """Read from the probe's output."""
    found: list[Binding] = []
    uuids: dict[str, list[str]] = {}
    read = set()
    for path, group in groupby(probe.lines("nic_bindings"), key=lambda line: line.path):
        if _COPY.search(path):
            continue
        lines = list(group)
        read.add(path)
        found += _READERS[_kind(path)](lines)
        for line in lines:
            key, equals, value = line.text.strip().partition("=")
            if equals and key.strip().lower() == "uuid" and _kind(path) in ("ifcfg", "keyfile"):
                uuids.setdefault(value.strip().strip("\"'").lower(), []).append(path)
    there = [entry for glob in _CONFIGURATION for entry in probe.entries(glob) if not _COPY.search(entry.path)]
    for entry in there:
        # SLES 10: ifcfg-eth-id-00:50:56:8f:1a:2b.
        found += [Binding(mac, entry.path) for mac in macs_in(entry.path.partition("-id-")[2])]
    return Bindings(
        tuple(found),
        {uuid: tuple(dict.fromkeys(paths)) for uuid, paths in uuids.items()},
        _unread(probe, there, read),
    )


def stale(bound: Sequence[Binding], cards: Addresses) -> tuple[Binding, ...]:
    """Those of lines that name no address of this guest: a line with several matches by any one of them."""
    living = {entry.owner for entry in bound if entry.mac in cards.all}
    return tuple(entry for entry in bound if entry.owner not in living)


def renames_by_ifcfg(probe: ProbeOutput) -> bool:
    """True where udev has that rule; a link to /dev/null of its name in /etc masks it."""
    rule = next((entry for path in _RENAMES if (entry := probe.entry(path))), None)
    return rule is not None and rule.target != "/dev/null"


def only_root(probe: ProbeOutput) -> bool:
    """True where the probe did not run as root, so that files of root's own are hidden from it."""
    return probe.file("/sys/class/dmi/id/product_uuid").state is State.DENIED


def _unread(probe: ProbeOutput, there: list[Entry], read: set[str]) -> str | None:
    """Lines do not tell a file that may not be read from one without such lines."""
    if only_root(probe):
        return "it takes root to read the network's configuration, and the probe does not run as root"
    for entry in there:
        if _kind(entry.path) == "netplan" and entry.size and entry.path not in read:
            return f"{entry.path} is not written in YAML's block style, and is not understood"
    return None


def _kind(path: str) -> str:
    if "/ifcfg-" in path:
        return "ifcfg"
    if path.startswith("/etc/NetworkManager/"):
        return "keyfile"
    if path.startswith("/etc/netplan/"):
        return "netplan"
    if path.startswith("/etc/systemd/network/"):
        return path.rpartition(".")[2]
    return "ifupdown" if path.startswith("/etc/network/") else "rules"


def _ifcfg(lines: list[Line]) -> Iterator[Binding]:
    keys = [line.text.strip().partition("=")[::2] for line in lines]
    device = next((value.strip().strip("\"'") for key, value in keys if key == "DEVICE"), "")
    for line, (key, value) in zip(lines, keys, strict=True):
        for mac in macs_in(value):
            finds = key == "HWADDR"
            yield Binding(mac, f"{line.path}:{line.number}", sets=not finds, device=device if finds else "")


def _keyfile(lines: list[Line]) -> Iterator[Binding]:
    for line in lines:
        key = line.text.partition("=")[0].strip()
        if key.endswith("mac-address"):
            for mac in macs_in(line.text):
                yield Binding(mac, f"{line.path}:{line.number}", sets=key.startswith("cloned-"))


def _networkd(lines: list[Line]) -> Iterator[Binding]:
    """``[Match]`` finds a card by its address, ``[Link]`` gives it one. A .link file gives names, a .network file settings."""
    section = ""
    for line in lines:
        if line.text.startswith("["):
            section = line.text.strip()
        for mac in macs_in(line.text):
            names = section == "[Match]" and line.path.endswith(".link")
            yield Binding(mac, f"{line.path}:{line.number}", sets=section == "[Link]", names=names)


def _netplan(lines: list[Line]) -> Iterator[Binding]:
    """``macaddress`` below ``match`` finds a card, which ``set-name`` beside it names; elsewhere it is given to the device.

    Indentation tells what is below what.
    """
    above: list[tuple[int, str]] = []
    found: list[tuple[tuple[str, ...], Binding]] = []
    names: dict[tuple[str, ...], str] = {}
    for line in lines:
        text = line.text.strip()
        indentation = len(line.text) - len(line.text.lstrip())
        while above and above[-1][0] >= indentation:
            above.pop()
        key, dummy, value = text.partition(":")
        keys = tuple(one for dummy, one in above)
        matches = key == "match" or keys[-1:] == ("match",)
        for mac in macs_in(text):
            device = keys[:-1] if keys[-1:] == ("match",) else keys
            found.append((device, Binding(mac, f"{line.path}:{line.number}", sets=not matches)))
        if key == "set-name":
            names[keys] = value.partition("#")[0].strip().strip("\"'")
        above.append((indentation, key))
    for keys, binding in found:
        yield binding if binding.sets else replace(binding, device=names.get(keys, ""))


def _ifupdown(lines: list[Line]) -> Iterator[Binding]:
    for line in lines:
        if line.text.split()[0] == "hwaddress":
            for mac in macs_in(line.text):
                yield Binding(mac, f"{line.path}:{line.number}", sets=True)


def _rules(lines: list[Line]) -> Iterator[Binding]:
    """udev's rules that name a card, and iftab, which does nothing else."""
    for line in lines:
        if line.path == "/etc/iftab" or re.search(r'\bNAME[:=]|rename_netiface|SUBSYSTEM=="net"', line.text):
            for mac in macs_in(line.text):
                yield Binding(mac, f"{line.path}:{line.number}", names=True)


_READERS = {
    "ifcfg": _ifcfg,
    "keyfile": _keyfile,
    "network": _networkd,
    "link": _networkd,
    "netplan": _netplan,
    "ifupdown": _ifupdown,
    "rules": _rules,
}
