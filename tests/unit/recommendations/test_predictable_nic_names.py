# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""predictable_nic_names: given these cards and what names them, the audit says this. Nothing has a remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.basic_regex import python_pattern
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.predictable_nic_names import (
    RECOMMENDATIONS,
    assess,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

LINK = "/etc/systemd/network/10-nic.link"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-{}"
NETPLAN = "/etc/netplan/50-cloud-init.yaml"
ETH = {"eth0": "00:50:56:8f:00:01", "eth1": "00:50:56:8f:00:02"}


def entry(path: str, target: str | None = None) -> Entry:
    """A directory entry."""
    return Entry(path, "l" if target else "-", "rw-r--r--", 1, 0, 0, 9, target)


RENAMES = entry("/usr/lib/udev/rules.d/60-net.rules")
MASKED = entry("/etc/udev/rules.d/60-net.rules", "/dev/null")


def verdict(
    cards: Mapping[str, str],
    configuration: Mapping[str, str] | None = None,
    entries: Sequence[Entry] = (),
    files: Mapping[str, str] | None = None,
) -> Verdict:
    """What it says of a guest with these cards (name to address) and files. Of those it sees what the guest's grep finds."""
    searches = {read.name: read for read in RECOMMENDATIONS[0].reads if isinstance(read, Lines)}
    folder = "/sys/class/net"
    evidence = evidence_of(
        {**{f"{folder}/{name}/address": mac for name, mac in cards.items() if mac}, **(files or {})},
        entries=[
            entry("/run/systemd/system"),
            *(entry(f"{folder}/{name}", "../x") for name in cards),
            *(entry(f"{folder}/{name}/device/driver", "../drivers/vmxnet3") for name in cards),
            *(entry(path) for path in configuration or {}),
            *entries,
        ],
        lines={
            name: [
                (path, number, line)
                for path, text in (configuration or {}).items()
                for number, line in enumerate(text.splitlines(), 1)
                if python_pattern(searches[name].pattern).search(line)
            ]
            for name in ("nic_names", "nic_bindings")
        },
    )
    return assess(evidence, {})


@pytest.mark.parametrize(
    ("nics", "names", "status"),
    [
        (["ens192"], [], Status.COMPLIANT),
        (["ens192", "ens224"], [], Status.COMPLIANT),
        (["eth0"], [], Status.COMPLIANT),
        (["eth0", "eth1"], [], Status.MANUAL),
        (["eth0", "ens224"], [], Status.MANUAL),
        (["eth0", "eth1"], ["Name=eth0", "Name=eth1"], Status.COMPLIANT),
        (["eth0", "eth1"], ["Name=eth0"], Status.MANUAL),
        (["eth0", "eth1"], ['ATTR{address}=="00:50:56:aa:bb:cc", NAME="eth0"', 'NAME="eth1"'], Status.COMPLIANT),
        ([], [], Status.NOT_APPLICABLE),
    ],
)
def test_names(nics: list[str], names: list[str], status: Status) -> None:
    found = verdict(dict.fromkeys(nics, "00:50:56:8f:1a:2b"), {LINK: "\n".join(names)})
    assert found.status is status, found.reason


def ifcfg(key: str = "HWADDR", **cards: str) -> dict[str, str]:
    """Red Hat's files for these cards; without more, of their own addresses and names."""
    return {IFCFG.format(name): f'DEVICE="{name}"\n{key}={mac.upper()}' for name, mac in {**ETH, **cards}.items()}


def netplan(last: str = "      set-name: eth1") -> dict[str, str]:
    """netplan's file for both cards, in both styles of match."""
    return {
        NETPLAN: "network:\n  ethernets:\n"
        f"    lan:\n      set-name: eth0 # the first\n      match: {{macaddress: {ETH['eth0']}}}\n"
        f"    san:\n      match:\n        macaddress: '{ETH['eth1']}'\n{last}"
    }


@pytest.mark.parametrize(
    ("configuration", "entries", "status"),
    [
        (ifcfg(), [RENAMES], Status.COMPLIANT),
        (ifcfg(), [], Status.MANUAL),
        (ifcfg(), [RENAMES, MASKED], Status.MANUAL),
        # For another card, without a name, with another name; a copy that no tool reads.
        (ifcfg(eth1="00:50:56:8f:00:03"), [RENAMES], Status.MANUAL),
        ({**ifcfg(), IFCFG.format("eth1"): f"HWADDR={ETH['eth1']}"}, [RENAMES], Status.MANUAL),
        ({**ifcfg(), IFCFG.format("eth1"): f"DEVICE=lan\nHWADDR={ETH['eth1']}"}, [RENAMES], Status.MANUAL),
        ({f"{path}.bak": text for path, text in ifcfg().items()}, [RENAMES], Status.MANUAL),
        # What gives a card an address does not find it by that.
        (ifcfg("MACADDR"), [RENAMES], Status.MANUAL),
        (netplan(), [], Status.COMPLIANT),
        (netplan(last=""), [], Status.MANUAL),
        (netplan(last="    other:\n      set-name: eth1"), [], Status.MANUAL),
        # What is not understood may bind them.
        ({NETPLAN: '{"network": {}}'}, [], Status.UNKNOWN),
    ],
)
def test_names_that_the_configuration_of_the_network_binds(
    configuration: dict[str, str], entries: list[Entry], status: Status
) -> None:
    found = verdict(ETH, configuration, entries)
    assert found.status is status, found.reason


def test_whether_a_name_is_bound_to_an_address_that_cannot_be_told_is_not_known() -> None:
    assert verdict(dict.fromkeys(ETH, ""), ifcfg(), [RENAMES]).status is Status.UNKNOWN
    given = {"/sys/class/net/eth1/addr_assign_type": "3"}
    found = verdict({"eth0": ETH["eth0"], "eth1": "02:00:00:00:00:01"}, ifcfg(), [RENAMES], given)
    assert (found.status, "eth1 was given another address" in found.reason) == (Status.UNKNOWN, True)
