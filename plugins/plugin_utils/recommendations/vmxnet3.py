# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role vmxnet3: VMware's paravirtual network card, and its offloads, rings and queues.

What ethtool changes lasts until the driver is loaded again. Where a change must last, a udev rule of ours repeats it for every
vmxnet3 card that appears, by driver and not by name or address: so it holds for clones, renamed and hot-added cards, whatever
configures the network. What a network stack's own configuration says otherwise comes after udev and is named, not overruled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.card_step import card_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import Nic
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Assignment, Udev
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, files

#: Cards that VMware emulates, by PCI id, and the name that vCenter has for them. Others are passed through from the host.
EMULATED = {
    "8086:100f": "E1000",
    "8086:10d3": "E1000E",
    "1022:2000": "Flexible (vlance)",
    "15ad:0720": "Flexible (vmxnet)",
}
#: The cards that change into one another when a driver of VMware Tools is loaded.
MORPHING = ("1022:2000", "15ad:0720")
#: In mainline since 2.6.32.
FIRST_WITH_VMXNET3 = (2, 6, 32)

#: After 80-net-setup-link.rules: udev fills in $name when it reads the rule, and before that one it is the kernel's (eth0), which
#: no card has any more when the program runs (systemd issue 13685).
LRO_RULE = "/etc/udev/rules.d/90-vmguest-vmxnet3-lro.rules"
OVERLAY_RULE = "/etc/udev/rules.d/90-vmguest-vmxnet3-overlay.rules"
RING_RULE = "/etc/udev/rules.d/90-vmguest-vmxnet3-rings.rules"

#: The first kernel that turns LRO off below all that forwards, bonds included (dev_disable_lro in net/core/dev.c). Which older ones
#: of distributions do so is not known.
FIRST_BELOW_ALL = (3, 19, 0)

LRO = "large-receive-offload"
#: ethtool's short name to the name under which it shows the feature.
TSO = {"tso": "tcp-segmentation-offload", "sg": "scatter-gather", "tx": "tx-checksumming", "rx": "rx-checksumming"}
OVERLAY = ("tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation")

#: Packets without a buffer in a million that are taken for a burst at boot, and no more.
FEW_IN_A_MILLION = 10

READS: tuple[Read, ...] = (
    *NETWORK_READS,
    files(LRO_RULE, OVERLAY_RULE, RING_RULE),
    Lines(
        "nic_aliases",
        r"^ *alias  *eth[0-9]*  *\(vmxnet\|pcnet32\|vmxnet2\) *$",
        ("/etc/modprobe.conf", "/etc/modprobe.d/*"),
    ),
)


# --- steps ------------------------------------------------------------------------------------------------------------


def _switch(nic: Nic, old: dict[str, str], new: dict[str, str], shown: dict[str, str]) -> Run:
    """Set features of a card. ``shown``: how ethtool shows each; old ones with blanks for hyphens."""
    what = f"{' '.join(f'{word} {value}' for word, value in new.items())} on {nic.name}"
    return card_step(nic.name, "-K", old, new, {word: name.replace("-", "[- ]") for word, name in shown.items()}, what)


def _rule(evidence: Evidence, path: str, words: str) -> tuple[Step, ...]:
    """The udev rule that runs ethtool for every vmxnet3 card, where it is not there already."""
    content = (
        "# vmguest.linux, role vmxnet3: for every card of this driver, whatever its name.\n"
        f'ACTION=="add", SUBSYSTEM=="net", DRIVERS=="vmxnet3", RUN+="{evidence.network.ethtool} {words}"\n'
    )
    present = evidence.file(path)
    if present and present.text == content:
        return ()
    return (WriteFile(path, content, present.text if present else None),)


def _others(assignments: list[Assignment], rule: str, value: str) -> Assignment | None:
    """Somebody else who sets another value at boot, None where nobody does."""
    return next((entry for entry in assignments if entry.value != value and not entry.owner.startswith(rule)), None)


def _not_asked(evidence: Evidence, what: str) -> Verdict | None:
    """The verdict where there is no vmxnet3 card, or ethtool did not tell about one."""
    network = evidence.network
    if not network.vmxnet3:
        return not_applicable("it has no vmxnet3 card")
    if network.ethtool is None:
        return unknown(f"{what} is shown by ethtool only, which is not installed: install ethtool")
    silent = [nic.name for nic in network.vmxnet3 if not nic.features]
    if silent:
        return unknown(f"ethtool -k {silent[0]} did not answer")
    return None


def _not_shown(nics: tuple[Nic, ...], names: Iterable[str]) -> Verdict | None:
    """Unknown, where ethtool answered for a card and did not show one of these features."""
    for nic in nics:
        missing = [name for name in names if name not in nic.features]
        if missing:
            return unknown(f"ethtool -k {nic.name} does not show {', '.join(missing)}")
    return None


def _sides(nics: tuple[Nic, ...], values: list[str], desired: str, owner: str, persistent: str) -> dict[str, Any]:
    """What a finding shows of both sides: one value where all cards agree."""
    shown = (
        values[0]
        if len(set(values)) == 1
        else ", ".join(f"{nic.name} {value}" for nic, value in zip(nics, values, strict=True))
    )
    return {"runtime": shown, "persistent": persistent, "desired": desired, "owner": owner}


# --- vmxnet3_nic, no_nic_morphing -------------------------------------------------------------------------------------


def assess_nic(evidence: Evidence, options: Options) -> Verdict:
    """No card that VMware emulates after a physical model."""
    nics = evidence.network.nics
    if not nics:
        return not_applicable("it has no network card with a driver")
    old = [nic for nic in nics if nic.id in EMULATED]
    unread = [nic.name for nic in nics if not nic.id and not nic.is_vmxnet3]
    sides = {"runtime": ", ".join(f"{nic.name} {nic.driver}" for nic in nics), "desired": "vmxnet3"}
    if old:
        kernel = evidence.platform.kernel.version
        cards = ", ".join(f"{nic.name} is emulated ({EMULATED[nic.id]})" for nic in old)
        where = "" if kernel >= FIRST_WITH_VMXNET3 else " (this kernel needs VMware Tools' driver for it)"
        return manual(
            f"{cards}: in vCenter add a VMXNET3 adapter{where} with "
            "the same MAC address in its place. Before, bind the interface's configuration to its MAC: its name may change",
            **sides,
        )
    if unread:
        return unknown(f"the PCI id of {', '.join(unread)} cannot be read in /sys/class/net/*/device", **sides)
    others = [f"{nic.name} ({nic.driver})" for nic in nics if not nic.is_vmxnet3]
    if others:
        return compliant(f"no emulated card; {', '.join(others)} is passed through from the host", **sides)
    return compliant("every card is a vmxnet3", **sides)


def assess_morphing(evidence: Evidence, options: Options) -> Verdict:
    """No card that changes its kind with the driver, and no line that asks for one's driver."""
    if not evidence.network.nics:
        return not_applicable("it has no network card with a driver")
    cards = [nic for nic in evidence.network.nics if nic.id in MORPHING]
    sides = {"runtime": ", ".join(f"{nic.name} {nic.driver}" for nic in evidence.network.nics), "desired": "vmxnet3"}
    if cards:
        return manual(
            f"{cards[0].name} is a Flexible adapter ({cards[0].driver}), whose vmxnet driver left VMware Tools years ago: replace "
            "it by a VMXNET3 adapter in vCenter (vmxnet3_nic says how)",
            **sides,
        )
    aliases = evidence.lines("nic_aliases")
    if aliases:
        return manual(
            f"{aliases[0].path}:{aliases[0].number} still binds an interface to the driver of a Flexible adapter "
            f"('{aliases[0].text.strip()}'): take the line out",
            **sides,
        )
    unread = [nic.name for nic in evidence.network.nics if not nic.id and not nic.is_vmxnet3]
    if unread:
        return unknown(f"the PCI id of {', '.join(unread)} cannot be read in /sys/class/net/*/device", **sides)
    return compliant("no Flexible adapter, and no line asks for its driver", **sides)


# --- vmxnet3_tso ------------------------------------------------------------------------------------------------------


def assess_tso(evidence: Evidence, options: Options) -> Verdict:
    """Segmentation and checksums are the card's: the driver has them on; somebody turned them off, by hand or at boot."""
    closed = _not_asked(evidence, "segmentation offload")
    if closed:
        return closed
    network = evidence.network
    nics = network.vmxnet3
    wrong = {
        nic.name: [short for short, shown in TSO.items() if nic.features.get(shown, "").startswith("off")]
        for nic in nics
    }
    setters = [entry for short in TSO for entry in network.setting(short) if entry.value == "off"]
    sides = _sides(
        nics,
        [f"{' '.join(wrong[nic.name])} off" if wrong[nic.name] else "on" for nic in nics],
        "on",
        setters[0].owner if setters else "the driver",
        "off" if setters else "the driver's default",
    )
    if setters:
        return manual(
            f"{setters[0].owner} turns an offload off at boot: take that out, unless somebody had a reason (overlay networks: "
            "vmxnet3_overlay_offload is the narrower way)",
            **sides,
        )
    hidden = _not_shown(nics, TSO.values())
    if hidden:
        return hidden
    if not any(wrong.values()):
        return compliant("segmentation and checksums are the card's", **sides)
    fixed = next(
        (nic.name for nic in nics for short in wrong[nic.name] if "[" in nic.features[TSO[short]]),
        None,
    )
    if fixed:
        return manual(
            f"ethtool -k {fixed} shows an offload that is off and [fixed]: the host or another setting forbids it",
            **sides,
        )
    if network.overlays:
        return manual(
            f"an offload is off on a guest with an overlay network ({', '.join(network.overlays)}): whether that was to work "
            "around lost packets cannot be seen here; try tx-udp_tnl-segmentation off in its place (vmxnet3_overlay_offload)",
            **sides,
        )
    remedy = tuple(
        # Segmentation needs the other two.
        _switch(
            nic,
            {short: "off" for short in ("tso", "rx", "tx", "sg") if short in wrong[nic.name]},
            {short: "on" for short in ("sg", "tx", "rx", "tso") if short in wrong[nic.name]},
            TSO,
        )
        for nic in nics
        if wrong[nic.name]
    )
    names = ", ".join(f"{name}: {' '.join(off)}" for name, off in wrong.items() if off)
    return noncompliant(
        f"somebody turned offloads off ({names}): the guest's CPU segments and checksums what the card could",
        remedy=remedy,
        **sides,
    )


# --- vmxnet3_lro ------------------------------------------------------------------------------------------------------


def assess_lro(evidence: Evidence, options: Options) -> Verdict:
    """Large receive offload merges packets for this host. What is merged cannot be forwarded: a forwarder has it off."""
    closed = _not_asked(evidence, "large receive offload")
    if closed:
        return closed
    network = evidence.network
    nics = network.vmxnet3
    off = options["vmxnet3_lro"] == "off" or network.forwards is not None
    values = [nic.features.get(LRO, "unknown").split()[0] for nic in nics]
    setters = network.setting("lro")
    rule_there = bool(evidence.file(LRO_RULE))
    # Since 2.6.27 the kernel turns it off itself for cards that forward (dev_disable_lro in devinet.c, br_if.c, Open vSwitch).
    kernel = network.forwards is not None and not (
        network.forwards_above and evidence.platform.kernel.version < FIRST_BELOW_ALL
    )
    owner = setters[0].owner if setters else "the kernel, as the guest forwards" if kernel else "the driver"
    at_boot = setters[0].value if setters else "off" if kernel else "on"
    sides = _sides(nics, values, "off" if off else "on or off", owner, at_boot)
    if not off:
        return compliant(
            "nothing shows that the guest forwards (IPVS and macvtap are not looked at): merged packets are for itself",
            **sides,
        )
    why = f"the guest forwards ({network.forwards})" if network.forwards else "vmxnet3_lro asks for it"
    other = _others(setters, LRO_RULE, "off")
    if other:
        return manual(f"{other.owner} turns LRO on at boot, and {why}: set it off there", **sides)
    hidden = _not_shown(nics, (LRO,))
    if hidden:
        return hidden
    wrong = [nic for nic, value in zip(nics, values, strict=True) if value != "off"]
    lasting = rule_there or bool(setters) or (kernel and not wrong)
    if not wrong and lasting:
        return compliant(f"LRO is off: {why}", **sides)
    if evidence.platform.kernel.version < FIRST_WITH_VMXNET3:
        return manual(
            f"LRO is on and {why}: 'options vmxnet3 disable_lro=1' in /etc/modprobe.conf turns it off for VMware Tools' driver",
            **sides,
        )
    remedy = (
        *_rule(evidence, LRO_RULE, "-K $name lro off"),
        *(_switch(nic, {"lro": "on"}, {"lro": "off"}, {"lro": LRO}) for nic in wrong),
    )
    if not remedy:
        return compliant(f"LRO is off: {why}", **sides)
    if wrong:
        return noncompliant(f"LRO is on ({', '.join(nic.name for nic in wrong)}), and {why}", remedy=remedy, **sides)
    return not_persistent(f"LRO is off now, and nothing keeps it off at the next boot; {why}", remedy=remedy, **sides)


# --- vmxnet3_overlay_offload ------------------------------------------------------------------------------------------


def assess_overlay(evidence: Evidence, options: Options) -> Verdict:
    """Offload of tunnels loses packets where the host expects another UDP port than the overlay network uses."""
    closed = _not_asked(evidence, "offload of tunnels")
    if closed:
        return closed
    network = evidence.network
    nics = network.vmxnet3
    if not network.overlays:
        return not_applicable("it has no vxlan or geneve device")
    values = [
        "on" if any(nic.features.get(name, "off").startswith("on") for name in OVERLAY) else "off" for nic in nics
    ]
    set_at_boot = {name: network.setting(name) for name in OVERLAY}
    setters = [entry for name in OVERLAY for entry in set_at_boot[name]]
    sides = _sides(
        nics,
        values,
        "off",
        setters[0].owner if setters else "the driver",
        setters[0].value if setters else "the driver's default",
    )
    names = ", ".join(f"{name} ({kind})" for name, kind in network.overlays.items())
    other = _others(setters, OVERLAY_RULE, "off")
    if other:
        return manual(
            f"{other.owner} turns the offload of tunnels on at boot, on a guest with {names}: set it off there", **sides
        )
    wrong = [nic for nic, value in zip(nics, values, strict=True) if value == "on"]
    lasting = all(
        set_at_boot[name] or all("[fixed]" in nic.features.get(name, "[fixed]") for nic in nics) for name in OVERLAY
    )
    remedy: list[Step] = list(_rule(evidence, OVERLAY_RULE, "-K $name " + " ".join(f"{name} off" for name in OVERLAY)))
    if not wrong and (lasting or not remedy):
        return compliant(f"{names}, and the card leaves tunnels to the guest", **sides)
    if not wrong:
        return not_persistent(
            f"the card leaves tunnels of {names} to the guest now, and nothing that is read here keeps it so at the next boot; "
            "Calico does so by itself whenever it starts",
            remedy=tuple(remedy),
            **sides,
        )
    for nic in wrong:
        on = [name for name in OVERLAY if nic.features.get(name, "off").startswith("on")]
        remedy.append(_switch(nic, dict.fromkeys(on, "on"), dict.fromkeys(on, "off"), {name: name for name in on}))
    return noncompliant(
        f"the card handles tunnels of {names}: packets are lost where the host expects another UDP port than the overlay uses "
        "(8472 without NSX, 4789 with it)",
        remedy=tuple(remedy),
        **sides,
    )


# --- vmxnet3_rings ----------------------------------------------------------------------------------------------------


def _drops(nic: Nic) -> bool:
    """True where more packets found no buffer than come in a burst at boot."""
    missed, received = nic.out_of_buffers or 0, nic.received or 0
    return missed * 1_000_000 > FEW_IN_A_MILLION * max(received, 1) and missed >= FEW_IN_A_MILLION


def _second_ring(nics: Iterable[Nic]) -> str:
    """Of cards that drop packets, the ring for those that take more than one buffer; the counter does not tell which was full."""
    for nic in nics:
        now, most = nic.rings.get("RX Jumbo", 0), nic.rings_at_most.get("RX Jumbo", 0)
        if now < most:
            return f", or a larger second ring for long packets (ethtool -G {nic.name} rx-jumbo {most}, now {now}),"
    return ""


def assess_rings(evidence: Evidence, options: Options) -> Verdict:
    """Larger receive rings, where packets came and found no buffer.

    Other counters tell nothing that a ring cures: ``drv dropped rx total`` is of damaged packets and of a guest out of memory, and
    where the transmit ring is full (``ring full``) the packets wait in the queue before it (vmxnet3_drv.c).
    """
    closed = _not_asked(evidence, "the receive ring")
    if closed:
        return closed
    nics = evidence.network.vmxnet3
    if any("RX" not in nic.rings for nic in nics):
        return unknown("ethtool -g did not show the receive ring")
    uncounted = [nic.name for nic in nics if nic.received is None or nic.out_of_buffers is None]
    if uncounted:
        return unknown(
            f"ethtool -S {uncounted[0]} did not show how many packets came and how many found no buffer (pkts rx OOB)"
        )
    wanted = {nic.name: min(options["vmxnet3_rings_rx"], nic.rings_at_most.get("RX", nic.rings["RX"])) for nic in nics}
    dropping = [nic for nic in nics if _drops(nic)]
    setters = [
        line
        for line in evidence.network.owners
        if any(mark in line.text for mark in ("ring-rx", "RxBufferSize", "-G "))
    ]
    others = [line for line in setters if line.path != RING_RULE]
    sides = _sides(
        nics,
        # Not how many: a counter is another one at every look, and would be told as drift.
        [f"{nic.rings['RX']}{', packets dropped' if nic in dropping else ''}" for nic in nics],
        f"{max(wanted.values())} where packets are dropped",
        f"{setters[0].path}:{setters[0].number}" if setters else "the driver",
        setters[0].text.strip() if setters else "the driver's default",
    )
    small = [nic for nic in dropping if nic.rings["RX"] < wanted[nic.name]]
    if not dropping:
        return compliant("next to no packet found the receive ring full", **sides)
    if not small:
        return compliant(
            "packets found the receive ring full, and it is as large as it gets: more receive queues (rss_multiqueue) or CPUs"
            f"{_second_ring(dropping)} are what is left",
            **sides,
        )
    if others:
        return manual(
            f"{small[0].name} drops packets for want of buffers, and {others[0].path}:{others[0].number} sets its ring: set "
            f"{wanted[small[0].name]} there",
            **sides,
        )
    reason = f"{', '.join(f'{nic.name} dropped {nic.out_of_buffers} packets' for nic in small)} for want of buffers"
    udev = Udev.of(evidence)
    if not udev.has_new_keys:
        first = small[0].name
        return manual(
            f"{reason}; its udev ({udev.value}) obeys no rule for the cards of a driver: run `ethtool -G {first} rx "
            f"{wanted[first]}` now, and from a script of every boot such as /etc/rc.d/rc.local",
            **sides,
        )
    steps: list[Step] = list(_rule(evidence, RING_RULE, f"-G $name rx {max(wanted.values())}"))
    for nic in small:
        new, old = str(wanted[nic.name]), str(nic.rings["RX"])
        what = f"receive ring of {nic.name} from {old} to {new}"
        steps.append(card_step(nic.name, "-G", {"rx": old}, {"rx": new}, {"rx": "RX"}, what))
    return noncompliant(reason, remedy=tuple(steps), **sides)


# --- rss_multiqueue ---------------------------------------------------------------------------------------------------


def assess_queues(evidence: Evidence, options: Options) -> Verdict:
    """As many receive queues as virtual CPUs, to eight: the driver makes a power of two of them when it is loaded."""
    network = evidence.network
    nics = network.vmxnet3
    if not nics:
        return not_applicable("it has no vmxnet3 card")
    if network.cpus < 2:
        return (
            not_applicable("it has one CPU")
            if network.cpus
            else unknown("/sys/devices/system/cpu/online cannot be read")
        )
    if any(nic.receive_queues == 0 for nic in nics):
        return unknown("this kernel does not show receive queues in /sys/class/net/*/queues")
    wanted = 1 << (min(network.cpus, 8).bit_length() - 1)
    few = [nic for nic in nics if nic.receive_queues < wanted]
    sides = _sides(
        nics,
        [str(nic.receive_queues) for nic in nics],
        f"{wanted} or more",
        "the driver",
        "as the driver finds at boot",
    )
    if not few:
        return compliant(f"{network.cpus} CPUs can receive at once", **sides)
    return manual(
        f"{few[0].name} has {few[0].receive_queues} receive queues for {network.cpus} CPUs. CPUs that were added since the boot "
        "count from the next boot on; else the VM has no MSI-X (an old hardware version), or ethtool -L or the VM's configuration "
        "limits the queues",
        **sides,
    )


_SOURCE = "VMware KB 318877 (2055140); Linux drivers/net/vmxnet3/vmxnet3_drv.c"

RECOMMENDATIONS = (
    Recommendation(
        id="vmxnet3_nic",
        area="network",
        title="Use the paravirtual network card",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="vmxnet3 is NAPI compliant and knows TSO, LRO and jumbo frames; its driver is in Linux since 2.6.32.",
        today="Right, and the default for current guest types. RHEL has called e1000 unmaintained since 7.",
        risk="Another card has another address and name: DHCP reservations, licences and interface files are bound to them.",
        no_remedy="The adapter's type is the VM's configuration: vCenter adds another adapter, with another name in the guest.",
        source="VMware KB 318877 (2055140), 1001805; Linux drivers/net/vmxnet3",
        reads=READS,
        assess=assess_nic,
    ),
    Recommendation(
        id="no_nic_morphing",
        area="network",
        title="No Flexible adapter, which changes with its driver",
        severity=Severity.HIGH,
        baseline="audit",
        talk="The default card is a pcnet32, which morphs into a vmxnet when that driver is loaded.",
        today="Obsolete: vmxnet was never in Linux and has left VMware Tools; a card that is left so runs as a slow pcnet32.",
        risk="Another card has another address and name; a dead alias in modprobe's files does no harm until the card is replaced.",
        no_remedy=(
            "The adapter's type is the VM's configuration, and until it is replaced its alias in modprobe's files does no "
            "harm."
        ),
        source="open-vm-tools release notes 10.x; SUSE's open-vm-tools spec (50-vmnics.conf)",
        reads=READS,
        assess=assess_morphing,
    ),
    Recommendation(
        id="vmxnet3_tso",
        area="network",
        title="Leave segmentation and checksums to the card",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="vmxnet3 supports TSO.",
        today="Right, and on by default in driver and host.",
        risk="Somebody may have turned it off to work around lost packets of an overlay network; the link pauses for a moment.",
        source=_SOURCE,
        reads=READS,
        assess=assess_tso,
    ),
    Recommendation(
        id="vmxnet3_lro",
        area="network",
        title="Large receive offload for hosts, never for forwarders",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="vmxnet3 supports LRO.",
        today=(
            "Right for a guest that receives for itself. Merged packets cannot be forwarded: routers, bridges, container hosts "
            "have it off. The kernel sees to that since 2.6.27, unless somebody turns it on again."
        ),
        risk="Without LRO receiving costs more CPU; a change resets the card for a moment.",
        source=_SOURCE + "; Linux net/core/dev.c, dev_disable_lro; VMware KB 1027511",
        reads=READS,
        assess=assess_lro,
    ),
    Recommendation(
        id="vmxnet3_rings",
        area="network",
        title="Receive rings that hold a burst",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk, but what NAPI and throughput rest on.",
        today="The driver starts with 1024 descriptors (older ones 256) and takes 4096; only drops are a reason to change it.",
        risk="Memory for each queue, and longer waits in a full ring; a change resets the card for a moment.",
        source="Linux drivers/net/vmxnet3/vmxnet3_int.h, vmxnet3_ethtool.c; VMware KB 2039495",
        reads=READS,
        assess=assess_rings,
    ),
    Recommendation(
        id="vmxnet3_overlay_offload",
        area="network",
        title="No offload of tunnels on overlay networks",
        severity=Severity.HIGH,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "Since revision 4 the card handles VXLAN and Geneve, for the UDP port that the host expects. On another port all "
            "but ICMP is lost between pods; Calico turns the offload off by itself."
        ),
        risk="A little CPU for each packet of a tunnel.",
        source="projectcalico/calico 4727, 9433; siderolabs/talos 10238; Linux drivers/net/vmxnet3/vmxnet3_ethtool.c",
        reads=READS,
        assess=assess_overlay,
    ),
    Recommendation(
        id="rss_multiqueue",
        area="network",
        title="A receive queue for every CPU",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="The driver makes as many queues as there are CPUs, up to eight, rounded down to a power of two, where it has MSI-X.",
        risk="None: it is only looked at.",
        no_remedy=(
            "The number of queues is settled when the driver loads, by the VM's CPUs, its hardware version and its "
            "configuration."
        ),
        source="Linux drivers/net/vmxnet3/vmxnet3_drv.c, vmxnet3_int.h",
        reads=READS,
        assess=assess_queues,
    ),
)
