# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network: the guest's cards, their drivers and settings, whether the guest forwards, and who sets a card's options at boot.

Offloads and rings are not in sysfs. ethtool is asked for them: for vmxnet3 cards only (a VM has ten at most), all in one shell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Assignment
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, Output, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Lines, Read, entries, files

_CLASS = "/sys/class/net"
#: Where ethtool is: a udev rule must name it by its path.
ETHTOOL = ("/usr/sbin/ethtool", "/sbin/ethtool", "/usr/bin/ethtool")

#: In a guest tree the probe stands in its root; on a guest anywhere. `net:eth0` is how kernels before 2.6.22 name the card.
#: A pipe into one grep: ethtool -S has forty counters for each queue.
#: `stack:` is the card and all that stands on it (bonds, VLANs, bridges), each with its net.ipv4.conf.*.forwarding. Kernels before
#: 3.14 have no upper_* links: there a bond is the master of its cards, and a file lists the VLANs.
_ETHTOOL = r"""[ -e proc/1 ] || cd /
[ -d sys/bus/pci/drivers/vmxnet3 ] || exit 0
seen=0
stack() {
left=200
while [ "$#" -gt 0 ] && [ "$left" -gt 0 ]; do
left=$((left - 1)) one=$1 ups='' forwarding=''
shift
read -r forwarding <"proc/sys/net/ipv4/conf/$one/forwarding"
echo "stack: $one $forwarding"
for up in "sys/class/net/$one"/upper_*; do
[ ! -e "$up" ] || ups="$ups ${up##*/upper_}"
done
if [ -z "$ups" ]; then
[ ! -e "sys/class/net/$one/master" ] || { up=$(cd -P "sys/class/net/$one/master" && pwd) && ups=${up##*/}; }
[ ! -r proc/net/vlan/config ] || while IFS=' |' read -r up _ lower; do
[ "$lower" != "$one" ] || ups="$ups $up"
done <proc/net/vlan/config
fi
for up in $ups; do set -- "$@" "$up"; done
done
}
for path in sys/bus/pci/drivers/vmxnet3/*/net/* sys/bus/pci/drivers/vmxnet3/*/net:*; do
[ -e "$path" ] && [ "$seen" -lt 10 ] || continue
seen=$((seen + 1)) nic=${path##*/} && nic=${nic#net:}
echo "nic: $nic"
stack "$nic"
ethtool -k "$nic"
ethtool -g "$nic"
ethtool -c "$nic"
ethtool -S "$nic"
done 2>/dev/null | grep -e '^nic: ' -e '^stack: ' -e 'segmentation' -e '^large-receive' -e 'checksumming:' -e '^scatter' \
-e '^[RT]X' -e '^Adaptive' -e '^[rt]x-usecs:' -e '^[rt]x-frames:' -e 'maximums' -e 'hardware settings' -e 'ucast pkts rx' \
-e '[Oo][Oo][Bb]' -e '[Oo]ut [Oo]f [Bb]uf'"""

#: The counter of packets without a buffer (pktsRxOutOfBuf in vmxnet3_ethtool.c): ``pkts rx OOB``, in Linux's first drivers and in
#: VMware Tools' ``pkts rx out of buf``. Whether another name means it is not known.
_OUT_OF_BUFFERS = re.compile(r"\boob\b|\bout of buf", re.IGNORECASE)

READS: tuple[Read, ...] = (
    entries(
        f"{_CLASS}/*",
        f"{_CLASS}/*/device/driver",
        f"{_CLASS}/*/master",
        f"{_CLASS}/*/brport",
        f"{_CLASS}/e*/queues/rx-*",
        *ETHTOOL,
    ),
    files(
        f"{_CLASS}/*/device/vendor",
        f"{_CLASS}/*/device/device",
        f"{_CLASS}/*/uevent",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/conf/e*/forwarding",
        "/proc/sys/net/ipv6/conf/all/forwarding",
        "/sys/devices/system/cpu/online",
    ),
    Command("nic_settings", ("sh", "-c", _ETHTOOL), needs="ethtool"),
    # Lines, not files: NetworkManager's and wicked's hold passphrases.
    Lines(
        "nic_owners",
        r"^[[:blank:]]*\(feature-\|ring-\|coalesce-\|offload-\|hardware-\)\|^[^#]*ethtool \|^ETHTOOL_OPT"
        r"\|ReceiveOffload *=\|SegmentationOffload *=\|Coalesce[A-Za-z]* *="
        r"\|BufferSize *=\|receive-offload:\|segmentation-offload:\|^ *options *vmxnet3",
        (
            "/etc/NetworkManager/system-connections/*",
            "/etc/NetworkManager/dispatcher.d/*",
            "/etc/sysconfig/network-scripts/ifcfg-*",
            "/etc/sysconfig/network/ifcfg-*",
            "/etc/netplan/*.yaml",
            "/etc/systemd/network/*.link",
            "/etc/systemd/network/*.link.d/*.conf",
            "/etc/network/interfaces",
            "/etc/network/interfaces.d/*",
            "/etc/rc.local",
            "/etc/rc.d/rc.local",
            "/sbin/ifup-local",
            "/etc/udev/rules.d/*.rules",
            "/etc/modprobe.d/*.conf",
            "/etc/modprobe.conf",
        ),
    ),
)


@dataclass(frozen=True)
class Nic:
    """A network card. ``id`` is PCI vendor and device, such as ``15ad:07b0``, empty where it cannot be read.

    Of a vmxnet3 card, where ethtool answered: ``features`` by ethtool's names to ``on`` or ``off``, with what stands after
    them (``off [fixed]``); ``coalescing`` by ethtool's names (Adaptive RX, rx-usecs…) to a word or number; ``rings`` and
    ``rings_at_most`` by ethtool's names (RX, RX Jumbo, TX) to descriptors; packets ``received`` and ``out_of_buffers``,
    which the host had and the guest had no room for, since the driver was loaded, None where no such counter is shown;
    ``stack``: the card and the devices that stand on it (bonds, VLANs, bridges), each to its net.ipv4.conf.*.forwarding, empty
    where it has none.
    ``receive_queues`` is 0 where the kernel does not show them.
    """

    name: str
    driver: str
    id: str
    master: str
    bridge_port: bool
    receive_queues: int
    features: dict[str, str] = field(default_factory=dict)
    coalescing: dict[str, str] = field(default_factory=dict)
    rings: dict[str, int] = field(default_factory=dict)
    rings_at_most: dict[str, int] = field(default_factory=dict)
    received: int | None = None
    out_of_buffers: int | None = None
    stack: dict[str, str] = field(default_factory=dict)

    @property
    def is_vmxnet3(self) -> bool:
        """True for VMware's paravirtual card."""
        return self.driver == "vmxnet3"


@dataclass(frozen=True)
class Network:
    """``nics`` are cards with a driver of their own; ``overlays`` tunnel devices (vxlan, geneve) by name to kind.

    ``forwards`` says why the guest forwards packets, None where nothing shows that it does; ``forwards_above``: only because of a
    device that stands on a card.
    """

    nics: tuple[Nic, ...]
    overlays: dict[str, str]
    forwards: str | None
    forwards_above: bool
    cpus: int
    ethtool: str | None
    owners: tuple[Line, ...]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Network:
        """Read it from the probe's output."""
        settings = _settings(probe.command("nic_settings"))
        names = [entry.path.rpartition("/")[2] for entry in probe.entries(f"{_CLASS}/*")]
        nics = tuple(nic for name in names if (nic := _nic(probe, name, settings.get(name, []))))
        directly = _forwards(probe, nics)
        above = None if directly else _forwards_above(probe, nics)
        return cls(
            nics=nics,
            overlays=_overlays(probe),
            forwards=directly or above,
            forwards_above=above is not None,
            cpus=_count(probe.file("/sys/devices/system/cpu/online").value),
            ethtool=next((path for path in ETHTOOL if probe.entry(path)), None),
            owners=tuple(line for line in probe.lines("nic_owners") if not line.text.lstrip().startswith("#")),
        )

    @property
    def vmxnet3(self) -> tuple[Nic, ...]:
        """The vmxnet3 cards."""
        return tuple(nic for nic in self.nics if nic.is_vmxnet3)

    def setting(self, feature: str) -> list[Assignment]:
        """Who sets a feature (``lro``, ``tso``, ``tx-udp_tnl-segmentation``) at boot: ``on`` or ``off``, for some card or all.

        NetworkManager, ifcfg files of Red Hat and SUSE, netplan, systemd's .link, ifupdown, scripts, udev rules and options
        of VMware Tools' own driver. They are in no order of effect: where they differ, nobody knows here who wins.
        """
        found = []
        for line in self.owners:
            value = next(
                (match[1].lower() for pattern in _patterns(feature) if (match := pattern.search(line.text))), None
            )
            if value is not None:
                word = {"true": "on", "yes": "on", "false": "off", "no": "off", "1": "off", "0": "on"}.get(value, value)
                found.append(Assignment(f"{line.path}:{line.number}", word))
        return found


#: systemd's and netplan's names of the features that have one.
_LINK_NAMES = {"lro": "LargeReceiveOffload", "tso": "TCPSegmentationOffload"}
_NETPLAN_NAMES = {"lro": "large-receive-offload", "tso": "tcp-segmentation-offload"}


def _patterns(feature: str) -> list[re.Pattern[str]]:
    word = re.escape(feature)
    patterns = [
        rf"^\s*feature-{word}\s*=\s*(true|false|on|off)",
        rf"^\s*offload-{word}\s+(on|off)",
        # ETHTOOL_OPTS="-K eth0 lro off", RUN+="/sbin/ethtool -K eth0 lro off", post-up ethtool …
        rf"(?:ethtool|ETHTOOL_OPT\w*).*[^\w-](?:-K|--offload|--features)\s.*\b{word}\s+(on|off)",
    ]
    if feature in _LINK_NAMES:
        patterns.append(rf"^\s*{_LINK_NAMES[feature]}\s*=\s*(true|false|yes|no|on|off)")
        patterns.append(rf"^\s*{_NETPLAN_NAMES[feature]}:\s*(true|false|yes|no|on|off)")
    if feature == "lro":
        patterns.append(r"^\s*options\s+vmxnet3\s.*\bdisable_lro=([01])")
    return [re.compile(pattern, re.IGNORECASE) for pattern in patterns]


def _nic(probe: ProbeOutput, name: str, settings: list[str]) -> Nic | None:
    driver = probe.entry(f"{_CLASS}/{name}/device/driver")
    if driver is None:
        return None
    vendor = probe.file(f"{_CLASS}/{name}/device/vendor").value.removeprefix("0x")
    device = probe.file(f"{_CLASS}/{name}/device/device").value.removeprefix("0x")
    master = probe.entry(f"{_CLASS}/{name}/master")
    features, coalescing, rings, most, received, missed = _card(settings)
    return Nic(
        name=name,
        driver=(driver.target or "").rpartition("/")[2],
        id=f"{vendor}:{device}" if vendor and device else "",
        master=(master.target or "").rpartition("/")[2] if master else "",
        bridge_port=probe.entry(f"{_CLASS}/{name}/brport") is not None,
        receive_queues=len(probe.entries(f"{_CLASS}/{name}/queues/rx-*")),
        features=features,
        coalescing=coalescing,
        rings=rings,
        rings_at_most=most,
        received=received,
        out_of_buffers=missed,
        stack=_stack(settings),
    )


def _stack(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if line.startswith("stack: "):
            name, dummy, forwarding = line[7:].strip().partition(" ")
            found[name] = forwarding.strip()
    return found


def _settings(output: Output) -> dict[str, list[str]]:
    """The lines of each card."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in output.lines:
        if line.startswith("nic: "):
            current = found.setdefault(line[5:].strip(), [])
        else:
            current.append(line)
    return found


def _card(
    lines: list[str],
) -> tuple[dict[str, str], dict[str, str], dict[str, int], dict[str, int], int | None, int | None]:
    """Features, coalescing, rings now and at most, packets received, packets that found no buffer."""
    features: dict[str, str] = {}
    coalescing: dict[str, str] = {}
    rings: dict[str, int] = {}
    most: dict[str, int] = {}
    received: int | None = None
    missed: int | None = None
    section = most
    for line in lines:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if key == "stack":
            continue
        if "maximums" in key:
            section = most
        elif "hardware settings" in key:
            section = rings
        elif key.startswith(("RX", "TX")) and value.isdigit():
            section[key] = int(value)
        elif key == "Adaptive RX" or re.fullmatch(r"[rt]x-(usecs|frames)", key):
            coalescing[key] = value.split()[0] if value else ""
        elif _OUT_OF_BUFFERS.search(key) and value.isdigit():
            missed = (missed or 0) + int(value)
        elif "ucast pkts rx" in key and value.isdigit():
            received = (received or 0) + int(value)
        elif colon and value.startswith(("on", "off")):
            # Old ones have blanks in their names: "tcp segmentation offload".
            features[key.replace(" ", "-")] = value
    return features, coalescing, rings, most, received, missed


def _overlays(probe: ProbeOutput) -> dict[str, str]:
    found = {}
    for file in probe.glob(f"{_CLASS}/*/uevent"):
        kind = next((line.partition("=")[2] for line in file.lines if line.startswith("DEVTYPE=")), "")
        if kind in ("vxlan", "geneve"):
            found[file.path.split("/")[4]] = kind
    return found


def _forwards(probe: ProbeOutput, nics: tuple[Nic, ...]) -> str | None:
    for path in ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"):
        if probe.file(path).value not in ("", "0"):
            return f"{path} is {probe.file(path).value}"
    for nic in nics:
        path = f"/proc/sys/net/ipv4/conf/{nic.name}/forwarding"
        if nic.stack.get(nic.name) == "1" or (nic.name.startswith("e") and probe.file(path).value == "1"):
            return f"{path} is 1"
        if nic.bridge_port:
            return f"{nic.name} is a port of bridge {nic.master}".rstrip()
        if nic.master == "ovs-system":
            return f"{nic.name} is a port of Open vSwitch"
    return None


def _forwards_above(probe: ProbeOutput, nics: tuple[Nic, ...]) -> str | None:
    for nic in nics:
        for name in {nic.master: None, **nic.stack}:
            if not name or name == nic.name:
                continue
            if nic.stack.get(name) == "1":
                return f"/proc/sys/net/ipv4/conf/{name}/forwarding is 1, and {name} stands on {nic.name}"
            if probe.entry(f"{_CLASS}/{name}/brport"):
                return f"{name}, which stands on {nic.name}, is a port of a bridge"
            master = probe.entry(f"{_CLASS}/{name}/master")
            if master and (master.target or "").endswith("/ovs-system"):
                return f"{name}, which stands on {nic.name}, is a port of Open vSwitch"
    return None


def _count(ranges: str) -> int:
    """How many a list such as ``0-3,8`` names; 0 where it is empty."""
    total = 0
    for part in ranges.split(","):
        first, dash, last = part.partition("-")
        if first.isdigit():
            total += int(last) - int(first) + 1 if dash and last.isdigit() else 1
    return total
