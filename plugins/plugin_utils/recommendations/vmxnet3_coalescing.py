# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmxnet3_coalescing: for those who count microseconds, the driver asks the card to hold no interrupt back.

The driver starts without asking for anything, and shows zeros (default_coal_mode in vmxnet3_drv.c). What the host then does by
itself, which is to adapt, a guest neither sees nor changes: that is ``ethernetX.coalescingScheme = "disabled"`` in the VM's
configuration.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.card_step import card_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import READS as NETWORK
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.network import Nic
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line

#: How ethtool shows what it sets.
_SHOWN = {"adaptive-rx": "Adaptive RX", "rx-usecs": "rx-usecs", "rx-frames": "rx-frames", "tx-frames": "tx-frames"}


#: How files of network stacks have it: ethtool's words, with a prefix of NetworkManager's or of Debian's, or systemd's own.
_SET = re.compile(
    r"(?:adaptive-rx|rx-usecs|rx-frames|tx-frames|UseAdaptiveRxCoalesce|RxCoalesceSec|[RT]xMaxCoalescedFrames)[ \t=]+(\w+)"
)
_NOTHING = ("0", "0s", "0us", "off", "no", "false")


def _sets(line: Line) -> bool:
    """True where a line has a card hold interrupts back from the next boot on."""
    return any(value.lower() not in _NOTHING for value in _SET.findall(line.text))


def _held_back(nic: Nic) -> dict[str, str]:
    """What the driver asks of the card, by ethtool's words for setting it."""
    return {
        word: value
        for word, shown in _SHOWN.items()
        if (value := nic.coalescing.get(shown, "")) and value not in ("0", "off", "n/a")
    }


def assess(evidence: Evidence, options: Options) -> Verdict:
    """No vmxnet3 card is asked to hold interrupts back."""
    network = evidence.network
    if not network.vmxnet3:
        return not_applicable("it has no vmxnet3 card")
    if network.ethtool is None:
        return unknown("what the driver asks for is shown by ethtool only, which is not installed: install ethtool")
    silent = [nic.name for nic in network.vmxnet3 if not nic.coalescing]
    if silent:
        return unknown(
            f"ethtool -c {silent[0]} did not answer: the card's revision is below 3, or the driver is too old"
        )
    held = {nic.name: _held_back(nic) for nic in network.vmxnet3}
    setters = [line for line in network.owners if _sets(line)]
    sides = {
        "runtime": ", ".join(f"{name} {_shown(words)}" for name, words in held.items()),
        "persistent": setters[0].text.strip() if setters else "the driver's default",
        "desired": "nothing is asked for",
        "owner": f"{setters[0].path}:{setters[0].number}" if setters else "the driver",
    }
    if setters:
        when = "" if any(held.values()) else " from the next boot on"
        return manual(f"{sides['owner']} has the card hold interrupts back{when}: take that out", **sides)
    if not any(held.values()):
        return compliant(
            "the driver asks for nothing; the host's own way is ethernetX.coalescingScheme in the VM's configuration",
            **sides,
        )
    steps = tuple(_switch(name, words) for name, words in held.items() if words)
    names = ", ".join(f"{name} ({_shown(words)})" for name, words in held.items() if words)
    return noncompliant(f"somebody has the card hold interrupts back: {names}", remedy=steps, **sides)


def _shown(words: dict[str, str]) -> str:
    return " ".join(f"{word} {value}" for word, value in words.items()) or "asks for nothing"


def _switch(name: str, words: dict[str, str]) -> Run:
    none = {word: "off" if word == "adaptive-rx" else "0" for word in words}
    return card_step(name, "-C", words, none, _SHOWN, what=f"{_shown(none)} on {name}")


RECOMMENDATIONS = (
    Recommendation(
        id="vmxnet3_coalescing",
        area="network",
        title="No interrupt of a card is held back",
        severity=Severity.LOW,
        baseline="off",
        talk="Not in the talk.",
        today="For latency only. The driver asks for nothing by itself; the host's own scheme is set in the VM's configuration.",
        risk="More interrupts, and more CPU for each packet.",
        source="Linux drivers/net/vmxnet3/vmxnet3_ethtool.c, vmxnet3_drv.c; Best Practices for Performance Tuning of "
        "Latency-Sensitive Workloads in vSphere VMs",
        reads=NETWORK,
        assess=assess,
    ),
)
