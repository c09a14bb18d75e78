# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jumbo_frames: large frames on networks that are declared to carry them, and only where they are proved to arrive.

A frame that is larger than some switch, virtual switch or peer takes is lost without a word: small packets pass, and connections
hang. So nothing is asked that ``jumbo_frames_networks`` does not declare, and the remedy proves what it did: a packet of the whole
size, not to be cut, must come back from the peer that is declared with the network. Else the MTU is put back at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Any

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, WriteFile, WriteKernel, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.mtu import READS, Interface, interfaces, mtu_owners
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Udev
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files

RULE = "/etc/udev/rules.d/71-vmguest-jumbo-frames.rules"
_PING = ("/usr/bin/ping", "/bin/ping")
#: Headers of IPv4 and ICMP.
_HEADERS = 28
SMALLEST, LARGEST = 1501, 9000


@dataclass(frozen=True)
class _Case:
    """An interface on a declared network."""

    interface: Interface
    network: IPv4Network
    mtu: int
    peer: str | None

    @property
    def rule(self) -> str:
        """The line of our rule file: this card by its address, not what is made upon it."""
        card = f'ACTION=="add", SUBSYSTEM=="net", DRIVERS=="?*", ATTR{{address}}=="{self.interface.address}"'
        return f'{card}, ATTR{{mtu}}="{self.mtu}"\n'


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Every interface on a declared network has its MTU, now and at boot."""
    declared = options["jumbo_frames_networks"]
    if not declared:
        return not_applicable("jumbo_frames_networks declares no network")
    found = interfaces(evidence)
    if found is None:
        return unknown("/proc/net/route could not be read, so which networks the guest is on is not known")
    cases = [case for entry in declared for case in _cases(entry, found)]
    if not cases:
        return not_applicable("it is on none of the networks that jumbo_frames_networks declares")
    unread = [case.interface.name for case in cases if case.interface.mtu is None or not case.interface.address]
    if unread:
        return unknown(f"the MTU and the address of {', '.join(unread)} cannot be read in /sys/class/net")
    wrong = [case for case in cases if case.interface.mtu != case.mtu]
    owners = mtu_owners(evidence)
    others = [entry for entry in owners if entry.value not in {str(case.mtu) for case in cases}]
    content = "# vmguest.linux, role jumbo_frames: proved by a packet of this size when it was written.\n" + "".join(
        dict.fromkeys(case.rule for case in cases)
    )
    present = evidence.file(RULE)
    by_rule = Udev.of(evidence).has_new_keys
    lasting = bool(owners) or (by_rule and bool(present) and present.text == content)
    sides = {
        "runtime": ", ".join(f"{case.interface.name} {case.interface.mtu}" for case in cases),
        "persistent": ", ".join(f"{entry.value} ({entry.owner})" for entry in owners)
        or ("as now" if lasting else "not set"),
        "desired": ", ".join(f"{case.interface.name} {case.mtu}" for case in cases),
        "owner": owners[0].owner if owners else RULE if lasting else "the kernel's default",
    }
    if not wrong and lasting and not others:
        return compliant("frames are as large as the networks are declared to carry", **sides)
    return _mend(evidence, cases, wrong, others[0].owner if others else None, content, sides)


def _cases(entry: dict[str, Any], found: tuple[Interface, ...]) -> list[_Case]:
    network = IPv4Network(entry["network"], strict=False)
    return [
        _Case(interface, network, entry["mtu"], entry.get("peer"))
        for interface in found
        if any(network.overlaps(own) for own in interface.networks)
    ]


def _mend(
    evidence: Evidence, cases: list[_Case], wrong: list[_Case], other: str | None, content: str, sides: dict[str, Any]
) -> Verdict:
    """The verdict where something is not as declared: a remedy that can be proved, or what a person must do."""
    names = ", ".join(f"{case.interface.name} has {case.interface.mtu}, declared is {case.mtu}" for case in wrong)
    reason = names or "right now, and nothing sets it at the next boot"
    if other:
        return manual(f"{names or 'right now'}; {other} sets another MTU at boot: change it there", **sides)
    cards = {nic.name: nic for nic in evidence.network.nics}
    stacked = [
        case.interface.name for case in cases if case.interface.name not in cards or cards[case.interface.name].master
    ]
    if stacked:
        return manual(
            f"{reason}; {stacked[0]} is no card by itself (a bond, VLAN or bridge, or part of one): set the MTU in its "
            "configuration, the cards below it first",
            **sides,
        )
    udev = Udev.of(evidence)
    if not udev.has_new_keys:
        names = ", ".join(f"MTU={case.mtu} for {case.interface.name}" for case in cases)
        return manual(
            f"{reason}; its udev ({udev.value}) cannot set an MTU: {names} in the interface's own configuration (ifcfg-*) does, "
            "from its next start on",
            **sides,
        )
    blind = [str(case.network) for case in cases if not case.peer]
    if blind:
        return manual(
            f"{reason}; jumbo_frames_networks names no peer of {blind[0]} by which large frames could be proved",
            **sides,
        )
    if not any(evidence.entry(path) for path in _PING):
        return manual(f"{reason}; ping is not installed, so it could not be proved that large frames arrive", **sides)
    steps: list[Step] = []
    present = evidence.file(RULE)
    if not present or present.text != content:
        steps.append(WriteFile(RULE, content, present.text if present else None))
    steps += [WriteKernel(case.interface.mtu_file, str(case.interface.mtu), str(case.mtu)) for case in wrong]
    steps += [_proof(case) for case in cases]
    if wrong:
        return noncompliant(reason, remedy=tuple(steps), **sides)
    return not_persistent(reason, remedy=tuple(steps), **sides)


def _proof(case: _Case) -> Run:
    """Ten packets of the whole size, of which one must come back: the card is reset by the change, and may miss the first."""
    size = str(case.mtu - _HEADERS)
    return Run(
        what=f"prove that {case.mtu} bytes reach {case.peer} in one piece",
        do="true",
        undo="true",
        proof=sh("ping", "-M", "do", "-c", "10", "-W", "1", "-s", size, str(case.peer)),
    )


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    for entry in options["jumbo_frames_networks"]:
        try:
            network = IPv4Network(entry["network"])
            peer = IPv4Address(entry["peer"]) if entry.get("peer") else None
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            return f"jumbo_frames_networks: {error}: expected an IPv4 network such as 10.20.0.0/24, and an address of it as peer"
        if peer is not None and peer not in network:
            return f"jumbo_frames_networks: peer {peer} is not on {network}"
        if not SMALLEST <= entry["mtu"] <= LARGEST:
            return f"jumbo_frames_networks: mtu {entry['mtu']}: expected {SMALLEST} to {LARGEST}, which vmxnet3 takes"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="jumbo_frames",
        area="network",
        title="Large frames where they arrive",
        severity=Severity.LOW,
        baseline="off",
        talk="vmxnet3 supports jumbo frames.",
        today=(
            "Right, where all on the network takes them: cards, virtual switches, switches, storage. Only networks that "
            "jumbo_frames_networks declares are looked at, and only an MTU that was proved stays."
        ),
        risk=(
            "The card is reset for a moment. What lies behind a router that takes smaller frames, and drops the ICMP that says so, "
            "is no longer reached; the proof is for the network itself."
        ),
        source="Linux drivers/net/vmxnet3/vmxnet3_int.h (VMXNET3_MAX_MTU); vSphere Networking, Jumbo Frames; ping(8)",
        reads=(*READS, *NETWORK, files(RULE), entries(*_PING)),
        assess=assess,
    ),
)
