# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_network: given these cards and these files, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import OPTION
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.basic_regex import python_pattern
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.clone_network import (
    assess_binding,
    assess_dhcp,
    assess_rules,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

MINE, OTHERS = "00:50:56:8f:1a:2b", "00:50:56:8f:77:01"
GUEST, TEMPLATE = {OPTION: False}, {OPTION: True}
CLASS = "/sys/class/net"
KEYFILE = "/etc/NetworkManager/system-connections/lan.nmconnection"
NETPLAN = "/etc/netplan/50-cloud-init.yaml"


def entry(path, target=None, size=100):
    return Entry(path, "l" if target else "-", "rw-------", 1, 0, 0, size, target)


def guest(configuration=None, *, kept=None, files=None, entries=(), cards=("ens192",), master=None):
    """Evidence of a guest with one card, these files of configuration, and these of DHCP clients."""
    configuration, kept = configuration or {}, kept or {}
    links = [entry(f"{CLASS}/{name}", "../x") for name in cards]
    links += [entry(f"{CLASS}/{name}/device/driver", "../../bus/pci/drivers/vmxnet3") for name in cards]
    if master:
        links.append(entry(f"{CLASS}/{cards[0]}/master", f"../{master}"))
    found = {**{f"{CLASS}/{name}/address": MINE for name in cards}, **(files or {})}
    return evidence_of(
        {path: text for path, text in found.items() if text is not None},
        lines={
            "nic_bindings": [
                (path, number, line)
                for path, text in configuration.items()
                for number, line in enumerate(text.split("\n"), 1)
            ],
            "dhcp_identity": [
                (path, number, line) for path, text in kept.items() for number, line in enumerate(text.split("\n"), 1)
            ],
        },
        entries=[*links, *(entry(path) for path in (*configuration, *kept)), *entries],
    )


# ---- clone_persistent_net_rules --------------------------------------------------------------------------------------


def rule(mac):
    return f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{mac}", ATTR{{type}}=="1", NAME="eth0"'


SLES10 = f'SUBSYSTEM=="net", SYSFS{{address}}=="{OTHERS}", IMPORT="/lib/udev/rename_netiface %k eth0"'
RULES = "/etc/udev/rules.d/70-persistent-net.rules"


@pytest.mark.parametrize(
    ("configuration", "status", "in_template"),
    [
        ({}, Status.COMPLIANT, Status.COMPLIANT),
        ({RULES: rule(MINE)}, Status.COMPLIANT, Status.MANUAL),
        ({RULES: rule(OTHERS)}, Status.MANUAL, Status.MANUAL),
        ({RULES: rule(MINE.upper())}, Status.COMPLIANT, Status.MANUAL),
        ({"/etc/udev/rules.d/30-net_persistent_names.rules": SLES10}, Status.MANUAL, Status.MANUAL),
        ({"/etc/iftab": f"eth0 mac {OTHERS} arp 1"}, Status.MANUAL, Status.MANUAL),
        ({"/etc/systemd/network/10-a.link": f"[Match]\nMACAddress={OTHERS}"}, Status.MANUAL, Status.MANUAL),
        ({"/etc/systemd/network/10-a.link": f"[Match]\nPermanentMACAddress={MINE}"}, Status.COMPLIANT, Status.MANUAL),
        # One of them is there, and that is enough.
        ({"/etc/systemd/network/10-a.link": f"[Match]\nMACAddress={OTHERS} {MINE}"}, Status.COMPLIANT, Status.MANUAL),
        # No name, and a copy that nobody reads.
        (
            {"/etc/udev/rules.d/9-usb.rules": f'ATTR{{address}}=="{OTHERS}", MODE="0600"'},
            Status.COMPLIANT,
            Status.COMPLIANT,
        ),
        ({f"{RULES}.rpmsave": rule(OTHERS)}, Status.COMPLIANT, Status.COMPLIANT),
    ],
)
def test_names_by_address(configuration, status, in_template):
    evidence = guest(configuration)
    assert assess_rules(evidence, GUEST).status is status, assess_rules(evidence, GUEST).reason
    assert assess_rules(evidence, TEMPLATE).status is in_template


def test_the_generator_is_told_of_in_a_template_unless_it_is_masked():
    path = "75-persistent-net-generator.rules"
    there, mask = entry(f"/lib/udev/rules.d/{path}"), entry(f"/etc/udev/rules.d/{path}", "/dev/null")
    assert "generator" in assess_rules(guest(entries=[there]), TEMPLATE).reason
    assert "generator" not in assess_rules(guest(entries=[there, mask]), TEMPLATE).reason


# ---- clone_nic_binding -----------------------------------------------------------------------------------------------


def netplan(mac):
    return f"network:\n  ethernets:\n    ens192:\n      match:\n        macaddress: '{mac}'"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", "HWADDR={mac}"),
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", 'HWADDR="{mac}"'),
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", "MACADDR={mac}"),
        ("/etc/sysconfig/network/ifcfg-eth0", "LLADDR='{mac}'"),
        (KEYFILE, "[ethernet]\nmac-address={mac}"),
        (KEYFILE, "[ethernet]\ncloned-mac-address = {mac}"),
        (NETPLAN, "network:\n  ethernets:\n    lan:\n      match: {{macaddress: {mac}, driver: vmxnet3}}"),
        (NETPLAN, "network:\n  ethernets:\n    lan:\n      match:\n        macaddress: {mac}"),
        (NETPLAN, "network:\n  bridges:\n    br0:\n      macaddress: {mac}"),
        ("/etc/systemd/network/10-lan.network", "[Match]\nMACAddress={mac}"),
        ("/etc/systemd/network/10-lan.network", "[Link]\nMACAddress={mac}"),
        ("/etc/network/interfaces", "iface eth0 inet dhcp\n  hwaddress ether {mac}"),
    ],
)
def test_every_way_to_name_an_address(path, text):
    for mac in (MINE, MINE.upper()):
        evidence = guest({path: text.format(mac=mac)})
        assert assess_binding(evidence, GUEST).status is Status.COMPLIANT
        assert assess_binding(evidence, TEMPLATE).status is Status.MANUAL
    found = assess_binding(guest({path: text.format(mac=OTHERS)}), GUEST)
    assert found.status is Status.MANUAL
    assert OTHERS in found.reason
    assert path in found.reason
    twin = any(word in text for word in ("MACADDR", "LLADDR", "cloned", "br0", "[Link]", "hwaddress"))
    assert ("may be another guest's" in found.reason) is twin


def test_what_names_no_address():
    configuration = {
        KEYFILE: "[connection]\nuuid=5b2f3b46-4b7e-4a60-9d1c-2b9f5f3a1c10\n[ethernet]\ncloned-mac-address=stable",
        "/etc/sysconfig/network-scripts/ifcfg-eth0": "UUID=0a7fd2c1-79b4-4b83-a2c7-6f3c9c1f9d11",
        "/etc/sysconfig/network-scripts/ifcfg-eth0.bak": f"HWADDR={OTHERS}",
        NETPLAN: "network:\n  ethernets:\n    ens192:",
    }
    assert assess_binding(guest(configuration), GUEST).status is Status.COMPLIANT
    assert assess_binding(guest(configuration), TEMPLATE).status is Status.COMPLIANT


def test_an_address_in_the_name_of_a_file():
    path = f"/etc/sysconfig/network/ifcfg-eth-id-{OTHERS}"
    found = assess_binding(guest(entries=[entry(path)]), GUEST)
    assert found.status is Status.MANUAL
    assert path in found.reason


def test_two_connections_with_one_uuid():
    found = assess_binding(guest({KEYFILE: "uuid=ab", "/etc/sysconfig/network-scripts/ifcfg-a": "UUID=AB"}), GUEST)
    assert found.status is Status.MANUAL
    assert "uuidgen" in found.reason


@pytest.mark.parametrize("assess", [assess_rules, assess_binding])
def test_a_card_whose_own_address_is_hidden(assess):
    """A member of a bond has the bond's address; what it has itself is in /proc/net/bonding, or nowhere."""
    configuration = {RULES: rule(OTHERS), "/etc/sysconfig/network-scripts/ifcfg-eth1": f"HWADDR={OTHERS}"}
    assert assess(guest(configuration, master="bond0"), GUEST).status is Status.UNKNOWN
    changed = {f"{CLASS}/ens192/addr_assign_type": "3"}
    assert assess(guest(configuration, files=changed), GUEST).status is Status.UNKNOWN
    bond = {"/proc/net/bonding/bond0": f"Slave Interface: ens192\nMII Status: up\nPermanent HW addr: {OTHERS}"}
    assert assess(guest(configuration, files=bond, master="bond0"), GUEST).status is Status.COMPLIANT
    member = {f"{CLASS}/ens192/bonding_slave/perm_hwaddr": OTHERS}
    assert assess(guest(configuration, files=member, master="bond0"), GUEST).status is Status.COMPLIANT


@pytest.mark.parametrize("assess", [assess_rules, assess_binding, assess_dhcp])
def test_what_cannot_be_read_is_unknown(assess):
    assert assess(guest(cards=()), GUEST).status is Status.NOT_APPLICABLE
    assert assess(guest(files={f"{CLASS}/ens192/address": None}), GUEST).status is Status.UNKNOWN
    not_root = {"/sys/class/dmi/id/product_uuid": State.DENIED}
    assert assess(guest(files=not_root), GUEST).status is Status.UNKNOWN
    if assess is not assess_dhcp:
        assert assess(guest(entries=[entry(NETPLAN)]), GUEST).status is Status.UNKNOWN
        # An empty file says nothing.
        assert assess(guest(entries=[entry(NETPLAN, size=0)]), GUEST).status is Status.COMPLIANT


def test_no_secret_is_asked_for():
    """Files with passphrases are searched by these patterns."""
    (lines,) = (read for read in READS if isinstance(read, Lines) and read.name == "nic_bindings")
    pattern = python_pattern(lines.pattern)
    for secret in (
        "psk=correct horse",
        "password=x",
        "wep-key0=0123456789",
        "private-key-password=x",
        "WIRELESS_WPA_PSK=x",
        "KEY=0123456789",
        '        password: "x"',
        "    wpa-psk x",
        '    match: {macaddress: "00:50:56:8f:1a:2b"}, auth: {password: x}',
        '{"network": {"wifis": {"wlan0": {"access-points": {"a": {"password": "x"}}}}}}',
    ):
        assert not pattern.search(secret), secret


# ---- clone_dhcp_identity ---------------------------------------------------------------------------------------------

LEASES = "/var/lib/dhclient/dhclient6.leases"
WICKED = "/var/lib/wicked/duid.xml"


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        # DUID-LLT, in octal escapes and as characters; DUID-LL; DUID-EN of systemd, which is made of no address.
        (LEASES, r'default-duid "\000\001\000\001,\270z\256\000PV\217\032+";', Status.COMPLIANT),
        (LEASES, r'default-duid "\000\001\000\001,\270z\256\000PV\217w\001";', Status.MANUAL),
        (LEASES, r'default-duid "\000\003\000\001\000PV\217w\001";', Status.MANUAL),
        (WICKED, f"<duid>00:03:00:01:{MINE}</duid>", Status.COMPLIANT),
        (WICKED, f"<duid>00:01:00:01:2c:b8:7a:ae:{OTHERS}</duid>", Status.MANUAL),
        (WICKED, "<duid>00:02:00:00:ab:11:8f:4d:2e:7a:90:c1:55:3b</duid>", Status.COMPLIANT),
        ("/var/lib/dhcpcd/duid", f"00:01:00:01:2c:b8:7a:ae:{OTHERS}", Status.MANUAL),
        ("/etc/dhcp/dhclient.conf", "send dhcp-client-identifier 1:0:50:56:8f:77:1;", Status.MANUAL),
        ("/etc/dhcp/dhclient.conf", 'send dhcp-client-identifier "web1";', Status.COMPLIANT),
        ("/etc/dhcp/dhclient.conf", "send dhcp-client-identifier = hardware;", Status.COMPLIANT),
        (KEYFILE, f"dhcp-client-id=01:{OTHERS}", Status.MANUAL),
        (KEYFILE, "dhcp-client-id=mac", Status.COMPLIANT),
    ],
)
def test_identifiers(path, text, status):
    found = assess_dhcp(guest(kept={path: text}), GUEST)
    assert found.status is status, found.reason
    if status is Status.MANUAL:
        assert OTHERS in found.reason


def test_an_identifier_of_a_card_whose_own_address_is_hidden():
    evidence = guest(
        kept={WICKED: f"<duid>00:03:00:01:{OTHERS}</duid>"}, files={f"{CLASS}/ens192/addr_assign_type": "3"}
    )
    assert assess_dhcp(evidence, GUEST).status is Status.UNKNOWN


def test_a_template_keeps_no_lease():
    lease = entry("/var/lib/NetworkManager/internal-ab-ens192.lease")
    assert assess_dhcp(guest(), TEMPLATE).status is Status.COMPLIANT
    assert assess_dhcp(guest(entries=[lease]), GUEST).status is Status.COMPLIANT
    found = assess_dhcp(guest(entries=[lease]), TEMPLATE)
    assert found.status is Status.MANUAL
    assert lease.path in found.reason
    mine = guest(kept={WICKED: f"<duid>00:03:00:01:{MINE}</duid>"})
    assert WICKED in assess_dhcp(mine, TEMPLATE).reason
