# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""jumbo_frames: only what is declared, only what is proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.jumbo_frames import (
    RULE,
    assess,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

ROUTES = "/proc/net/route"
TABLE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "ens192\t00000000\t0100140A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "ens192\t0000140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
STORAGE = {"network": "10.20.0.0/24", "mtu": 9000, "peer": "10.20.0.1"}
MTU, ADDRESS = "/sys/class/net/ens192/mtu", "/sys/class/net/ens192/address"
PING = Entry("/usr/bin/ping", "-", "rwxr-xr-x", 1, 0, 0, 9)


def link(path: str, target: str) -> Entry:
    return Entry(path, "l", "rwxrwxrwx", 1, 0, 0, 0, target)


CARD = (link("/sys/class/net/ens192", "../x"), link("/sys/class/net/ens192/device/driver", "../drivers/vmxnet3"))
BOND = (*CARD, link("/sys/class/net/ens192/master", "../bond0"))


def verdict(files=None, *, networks=(STORAGE,), entries=(*CARD, PING), owners=()) -> Verdict:
    found = {ROUTES: TABLE, MTU: "1500", ADDRESS: "00:50:56:A1:B2:C3", **(files or {})}
    evidence = evidence_of(
        {path: text for path, text in found.items() if text is not None},
        entries=entries,
        lines={"mtu_owners": [(path, 3, text) for path, text in owners]},
    )
    return assess(evidence, {"jumbo_frames_networks": list(networks)})


NM = "/etc/NetworkManager/system-connections/ens192.nmconnection"


@pytest.mark.parametrize(
    ("facts", "status", "word"),
    [
        ({"networks": ()}, Status.NOT_APPLICABLE, "declares no network"),
        ({"networks": ({"network": "10.30.0.0/24", "mtu": 9000},)}, Status.NOT_APPLICABLE, "none of the networks"),
        ({}, Status.NONCOMPLIANT, "ens192 has 1500"),
        ({"files": {MTU: "9000"}}, Status.NOT_PERSISTENT, "nothing sets it"),
        ({"files": {MTU: "9000"}, "owners": [(NM, "mtu=9000")]}, Status.COMPLIANT, ""),
        ({"files": {MTU: "9000"}, "owners": [(NM, "mtu=1500")]}, Status.MANUAL, "sets another MTU"),
        ({"owners": [("/etc/netplan/1.yaml", "      mtu: 1500")]}, Status.MANUAL, "/etc/netplan/1.yaml:3"),
        ({"owners": [("/etc/network/interfaces", "\tmtu 1400")]}, Status.MANUAL, "/etc/network/interfaces:3"),
        ({"owners": [("/etc/network/interfaces", "  mtu 1400")]}, Status.MANUAL, "/etc/network/interfaces:3"),
        ({"owners": [("/etc/sysconfig/network/ifcfg-eth0", "MTU='1400'")]}, Status.MANUAL, "ifcfg-eth0:3"),
        ({"owners": [("/etc/systemd/network/1.network", "# MTUBytes=1400")]}, Status.NONCOMPLIANT, ""),
        ({"networks": ({"network": "10.20.0.0/24", "mtu": 9000},)}, Status.MANUAL, "names no peer"),
        ({"entries": CARD}, Status.MANUAL, "ping is not installed"),
        ({"entries": (*BOND, PING)}, Status.MANUAL, "no card by itself"),
        ({"entries": (PING,)}, Status.MANUAL, "no card by itself"),
        ({"files": {ROUTES: State.DENIED}}, Status.UNKNOWN, ""),
        ({"files": {MTU: State.DENIED}}, Status.UNKNOWN, ""),
        ({"files": {ADDRESS: None}}, Status.UNKNOWN, ""),
    ],
)
def test_what_is_declared(facts, status, word):
    found = verdict(**facts)
    assert found.status is status, found.reason
    assert word in found.reason


@pytest.mark.parametrize(
    ("facts", "status", "word"),
    [
        ({}, Status.MANUAL, "MTU=9000 for ens192 in the interface's own configuration"),
        ({"files": {MTU: "9000"}}, Status.MANUAL, "nothing sets it"),
        (
            {"files": {MTU: "9000"}, "owners": [("/etc/sysconfig/network/ifcfg-eth0", "MTU='9000'")]},
            Status.COMPLIANT,
            "",
        ),
    ],
)
def test_an_udev_before_098_is_given_no_rule(facts, status, word):
    kernel = {"/proc/sys/kernel/osrelease": "2.6.18-398.el5"}
    rule = {RULE: verdict().remedy[0].content}
    for files in (kernel, {**kernel, **rule}):
        found = verdict(**{**facts, "files": {**facts.get("files", {}), **files}})
        assert (found.status, found.remedy) == (status, ()), found.reason
        assert word in found.reason


def test_the_rule_is_for_the_card_and_the_proof_comes_last():
    rule, mtu, proof = verdict().remedy
    assert isinstance(rule, WriteFile)
    assert rule.path == RULE
    assert 'ATTR{address}=="00:50:56:a1:b2:c3", ATTR{mtu}="9000"' in rule.content
    assert mtu == WriteKernel(MTU, "1500", "9000")
    assert isinstance(proof, Run)
    assert proof.proof == "ping -M do -c 10 -W 1 -s 8972 10.20.0.1"
    assert verdict({RULE: rule.content, MTU: "9000"}).status is Status.COMPLIANT
    # Another card since: a clone.
    assert verdict({RULE: rule.content, MTU: "9000", ADDRESS: "00:50:56:00:00:01"}).status is Status.NOT_PERSISTENT


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (STORAGE, False),
        ({"network": "10.20.0.0/24", "mtu": 9000}, False),
        ({"network": "10.20.0.0/24", "mtu": 1500}, True),
        ({"network": "10.20.0.0/24", "mtu": 65535}, True),
        ({"network": "10.20.0.7/24", "mtu": 9000}, True),
        ({"network": "storage", "mtu": 9000}, True),
        ({"network": "fd00::/64", "mtu": 9000}, True),
        ({"network": "10.20.0.0/24", "mtu": 9000, "peer": "10.30.0.1"}, True),
        ({"network": "10.20.0.0/24", "mtu": 9000, "peer": "array"}, True),
    ],
)
def test_declarations(entry, wrong):
    assert bool(wrong_options({"jumbo_frames_networks": [entry]})) is wrong


def test_what_does_not_arrive_is_put_back(tmp_path: Path):
    """A switch on the way takes 1500 bytes: as before, byte for byte, and the finding says so."""
    answer = {"output": "10 packets transmitted, 0 received, 100% packet loss", "status": 1}
    lost = {"commands": {"ping": {"-M do -c 10 -W 1 -s 8972 10.20.0.1": answer}}}
    guest = guest_tree.load("debian12", "jumbo_network").edited(lost)
    tree = guest_tree.materialise(guest, tmp_path / "root")
    found = guest_tree.audit(tree)["jumbo_frames"]
    before = guest_tree.snapshot(tree)
    applied = guest_tree.execute(tree, apply_payload, make_plan([found]).transactions)
    assert applied.results == {"jumbo_frames": "undone"}
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
