# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmxnet3: given these cards and owners, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.vmxnet3 import (
    LRO_RULE,
    OVERLAY_RULE,
    RING_RULE,
    assess_lro,
    assess_morphing,
    assess_nic,
    assess_overlay,
    assess_queues,
    assess_rings,
    assess_tso,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

OPTIONS = {"vmxnet3_lro": "auto", "vmxnet3_rings_rx": 4096}
VMXNET3 = ("vmxnet3", "0x15ad", "0x07b0")
E1000 = ("e1000", "0x8086", "0x100f")
FORWARDS = {"/proc/sys/net/ipv4/ip_forward": "1"}
VXLAN = {"/sys/class/net/flannel.1/uevent": "DEVTYPE=vxlan\nINTERFACE=flannel.1"}


def card(
    name="ens192",
    *,
    lro="on",
    tso="on",
    sg="on",
    tx="on",
    tunnels="off [fixed]",
    ring=1024,
    most=4096,
    received=10**7,
    oob=0,
    stack=(),
):
    """What the probe's ethtool command prints of one card."""
    return (
        f"nic: {name}\n"
        + "".join(f"stack: {line}\n" for line in stack)
        + (
            f"rx-checksumming: on\ntx-checksumming: {tx}\nscatter-gather: {sg}\ntcp-segmentation-offload: {tso}\n"
            f"large-receive-offload: {lro}\n\ttx-udp_tnl-segmentation: {tunnels}\n\ttx-udp_tnl-csum-segmentation: {tunnels}\n"
            f"Pre-set maximums:\nRX:\t\t{most}\nRX Mini:\t2048\nCurrent hardware settings:\nRX:\t\t{ring}\nRX Mini:\t128\n"
            f"       ucast pkts rx: {received // 2}\n       pkts rx OOB: {oob}\n       ucast pkts rx: {received - received // 2}\n"
        )
    )


def guest(
    nics=None,
    *cards,
    files=None,
    owners=(),
    ethtool=True,
    entries=(),
    aliases=(),
    kernel="6.1.0",
    cpus="0-1",
    queues=2,
):
    """A guest with these cards (name to driver, vendor, device) and what ethtool says of them."""
    nics = {"ens192": VMXNET3} if nics is None else nics
    found = {"/proc/sys/kernel/osrelease": kernel, "/sys/devices/system/cpu/online": cpus}
    links = [Entry("/sys/class/net/lo", "l", "rwxrwxrwx", 1, 0, 0, 0, "../../devices/virtual/net/lo")]
    for name, (driver, vendor, device) in nics.items():
        found |= {f"/sys/class/net/{name}/device/vendor": vendor, f"/sys/class/net/{name}/device/device": device}
        links.append(Entry(f"/sys/class/net/{name}", "l", "rwxrwxrwx", 1, 0, 0, 0, f"../../devices/pci/net/{name}"))
        links.append(
            Entry(
                f"/sys/class/net/{name}/device/driver", "l", "rwxrwxrwx", 1, 0, 0, 0, f"../../bus/pci/drivers/{driver}"
            )
        )
        links += [Entry(f"/sys/class/net/{name}/queues/rx-{at}", "d", "rwxr-xr-x", 1, 0, 0, 0) for at in range(queues)]
    present = ["/run/systemd/system", *(["/usr/sbin/ethtool"] if ethtool else [])]
    links += [Entry(path, "-", "rwxr-xr-x", 1, 0, 0, 0) for path in present]
    links += [Entry(path, "l", "rwxrwxrwx", 1, 0, 0, 0, target) for path, target in entries]
    return evidence_of(
        {**found, **(files or {})},
        entries=links,
        lines={"nic_owners": owners, "nic_aliases": aliases},
        commands={"nic_settings": (0, "".join(cards))} if ethtool else {},
    )


def does(verdict: Verdict) -> list[str]:
    """What a remedy's commands do, and the files that it writes."""
    return [
        step.do if isinstance(step, Run) else step.path for step in verdict.remedy if isinstance(step, (Run, WriteFile))
    ]


class TestKinds:
    @pytest.mark.parametrize(
        ("nics", "nic", "morphing"),
        [
            ({"ens192": VMXNET3}, Status.COMPLIANT, Status.COMPLIANT),
            ({"eth0": E1000}, Status.MANUAL, Status.COMPLIANT),
            ({"ens192": VMXNET3, "ens33": ("e1000e", "0x8086", "0x10d3")}, Status.MANUAL, Status.COMPLIANT),
            ({"eth0": ("pcnet32", "0x1022", "0x2000")}, Status.MANUAL, Status.MANUAL),
            ({"eth0": ("vmxnet", "0x15ad", "0x0720")}, Status.MANUAL, Status.MANUAL),
            # a virtual function that the host passes through
            ({"ens224": ("iavf", "0x8086", "0x1889")}, Status.COMPLIANT, Status.COMPLIANT),
            ({"ens224": ("something", "", "")}, Status.UNKNOWN, Status.UNKNOWN),
            ({}, Status.NOT_APPLICABLE, Status.NOT_APPLICABLE),
        ],
    )
    def test_of_cards(self, nics, nic, morphing):
        evidence = guest(nics)
        assert assess_nic(evidence, OPTIONS).status is nic
        assert assess_morphing(evidence, OPTIONS).status is morphing

    def test_a_dead_alias_is_named(self):
        found = assess_morphing(guest(aliases=[("/etc/modprobe.conf", 1, "alias eth0 vmxnet")]), OPTIONS)
        assert found.status is Status.MANUAL
        assert "/etc/modprobe.conf:1" in found.reason


class TestLro:
    @pytest.mark.parametrize(
        ("lro", "files", "option", "status"),
        [
            ("on", {}, "auto", Status.COMPLIANT),
            ("off", {}, "auto", Status.COMPLIANT),
            ("on", FORWARDS, "auto", Status.NONCOMPLIANT),
            # the kernel turned it off, and will again
            ("off", FORWARDS, "auto", Status.COMPLIANT),
            ("on", {"/proc/sys/net/ipv6/conf/all/forwarding": "1"}, "auto", Status.NONCOMPLIANT),
            ("on", {"/proc/sys/net/ipv4/conf/ens192/forwarding": "1"}, "auto", Status.NONCOMPLIANT),
            ("on", {"/proc/sys/net/ipv4/ip_forward": "0"}, "auto", Status.COMPLIANT),
            ("on", {}, "off", Status.NONCOMPLIANT),
            ("off", {}, "off", Status.NOT_PERSISTENT),
        ],
    )
    def test_one_card(self, lro, files, option, status):
        found = assess_lro(guest(None, card(lro=lro), files=files), {**OPTIONS, "vmxnet3_lro": option})
        assert found.status is status, found.reason

    @pytest.mark.parametrize(
        "entries",
        [
            [("/sys/class/net/ens192/brport", ""), ("/sys/class/net/ens192/master", "../br0")],
            [("/sys/class/net/ens192/master", "../../../virtual/net/ovs-system")],
            [("/sys/class/net/ens192/master", "../bond0"), ("/sys/class/net/bond0/brport", "")],
        ],
    )
    def test_a_port_of_a_bridge_forwards(self, entries):
        assert assess_lro(guest(None, card(), entries=entries), OPTIONS).status is Status.NONCOMPLIANT

    @pytest.mark.parametrize(
        ("stack", "entries"),
        [
            (["lan0 1"], []),
            (["lan0 0", "bond0 1"], []),
            (["lan0 0", "bond0 0", "bond0.7 1"], []),
            (["lan0 0", "lan0.7 0", "br0 0"], [("/sys/class/net/lan0.7/brport", "")]),
            (["lan0 ", "bond0 0"], [("/sys/class/net/bond0/master", "../../devices/virtual/net/ovs-system")]),
        ],
    )
    def test_what_stands_on_a_card_forwards_for_it(self, stack, entries):
        evidence = guest({"lan0": VMXNET3}, card("lan0", stack=stack), entries=entries)
        found = assess_lro(evidence, OPTIONS)
        assert found.status is Status.NONCOMPLIANT, found.reason

    @pytest.mark.parametrize("stack", [[], ["ens192 0"], ["ens192 0", "bond0 0", "bond0.7 "]])
    def test_what_does_not_forward_does_not(self, stack):
        assert assess_lro(guest(None, card(stack=stack)), OPTIONS).status is Status.COMPLIANT

    @pytest.mark.parametrize(
        ("kernel", "stack", "status"),
        [
            ("6.1.0", ["ens192 0", "bond0 1"], Status.COMPLIANT),
            # not every one of these turns it off below a bond
            ("3.10.0", ["ens192 0", "bond0 1"], Status.NOT_PERSISTENT),
            ("3.10.0", ["ens192 1", "bond0 1"], Status.COMPLIANT),
        ],
    )
    def test_whether_the_kernel_keeps_it_off(self, kernel, stack, status):
        found = assess_lro(guest(None, card(lro="off", stack=stack), kernel=kernel), OPTIONS)
        assert found.status is status, found.reason

    def test_a_bond_alone_does_not(self):
        entries = [("/sys/class/net/ens192/master", "../bond0")]
        assert assess_lro(guest(None, card(), entries=entries), OPTIONS).status is Status.COMPLIANT

    def test_what_ethtool_does_not_show_is_unknown_where_it_matters(self):
        hidden = card().replace("large-receive-offload", "another")
        assert assess_lro(guest(None, hidden, files=FORWARDS), OPTIONS).status is Status.UNKNOWN
        assert assess_lro(guest(None, hidden), OPTIONS).status is Status.COMPLIANT

    def test_the_remedy_is_a_rule_by_driver_and_the_live_value(self):
        nics = {"ens192": VMXNET3, "ens224": VMXNET3, "eth9": E1000}
        rule, live = assess_lro(guest(nics, card(lro="off"), card("ens224"), files=FORWARDS), OPTIONS).remedy
        assert (rule.path, rule.before) == (LRO_RULE, None)
        assert 'DRIVERS=="vmxnet3", RUN+="/usr/sbin/ethtool -K $name lro off"' in rule.content
        assert live.do == "ethtool -K ens224 lro off"
        assert live.undo.endswith(" || ethtool -K ens224 lro on")

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            ("/etc/NetworkManager/system-connections/a.nmconnection", "feature-lro=true"),
            ("/etc/sysconfig/network-scripts/ifcfg-ens192", 'ETHTOOL_OPTS="-K ens192 tso on lro on"'),
            ("/etc/sysconfig/network/ifcfg-eth0", "ETHTOOL_OPTIONS='-K eth0 lro on'"),
            ("/etc/netplan/50-cloud-init.yaml", "      large-receive-offload: true"),
            ("/etc/systemd/network/10-a.link", "LargeReceiveOffload=yes"),
            ("/etc/network/interfaces", "    offload-lro on"),
            ("/etc/network/interfaces", "    post-up /sbin/ethtool -K $IFACE lro on"),
            ("/etc/rc.local", "ethtool -K ens192 lro on gro on"),
            ("/etc/udev/rules.d/99-site.rules", 'SUBSYSTEM=="net", RUN+="/sbin/ethtool -K %k lro on"'),
            ("/etc/modprobe.conf", "options vmxnet3 disable_lro=0"),
        ],
    )
    def test_who_turns_it_on_at_boot_is_in_the_way(self, path, line):
        for lro in ("on", "off"):
            found = assess_lro(guest(None, card(lro=lro), files=FORWARDS, owners=[(path, 4, line)]), OPTIONS)
            assert found.status is Status.MANUAL
            assert f"{path}:4" in found.reason

    @pytest.mark.parametrize(
        "line",
        [
            "feature-lro=false",
            "#feature-lro=true",
            "feature-gro=true",
            "ethtool -K ens192 gro on",
            "ethtool -K ens192 lro off gro on",
        ],
    )
    def test_who_does_not_is_not(self, line):
        owners = [("/etc/rc.local", 4, line)]
        assert (
            assess_lro(guest(None, card(lro="off"), files=FORWARDS, owners=owners), OPTIONS).status is Status.COMPLIANT
        )

    def test_our_rule_in_place_is_enough(self):
        options = {**OPTIONS, "vmxnet3_lro": "off"}
        rule = assess_lro(guest(None, card()), options).remedy[0].content
        owners = [(LRO_RULE, 2, rule.splitlines()[1])]
        found = assess_lro(guest(None, card(lro="off"), files={LRO_RULE: rule}, owners=owners), options)
        assert found.status is Status.COMPLIANT
        assert found.owner == f"{LRO_RULE}:2"

    def test_an_old_kernel_has_the_drivers_option(self):
        found = assess_lro(guest(None, card(), files=FORWARDS, kernel="2.6.18-398.el5"), OPTIONS)
        assert found.status is Status.MANUAL
        assert "disable_lro=1" in found.reason


class TestTso:
    @pytest.mark.parametrize(
        ("said", "status"),
        [
            ({}, Status.COMPLIANT),
            ({"tso": "off"}, Status.NONCOMPLIANT),
            ({"tso": "off [requested on]", "sg": "off"}, Status.MANUAL),
            ({"tx": "off [fixed]"}, Status.MANUAL),
        ],
    )
    def test_one_card(self, said, status):
        found = assess_tso(guest(None, card(**said)), OPTIONS)
        assert found.status is status, found.reason

    def test_what_it_needs_comes_first_and_goes_last(self):
        (step,) = assess_tso(guest(None, card(tso="off", sg="off")), OPTIONS).remedy
        assert step.do == "ethtool -K ens192 sg on tso on"
        assert step.undo.endswith(" || ethtool -K ens192 tso off sg off")

    @pytest.mark.parametrize("said", [{}, {"sg": "off"}])
    @pytest.mark.parametrize("name", ["rx-checksumming", "tx-checksumming", "tcp-segmentation-offload"])
    def test_what_ethtool_does_not_show_is_not_on(self, name, said):
        found = assess_tso(guest(None, card(**said).replace(name, "another")), OPTIONS)
        assert found.status is Status.UNKNOWN
        assert name in found.reason

    @pytest.mark.parametrize(("tso", "status"), [("on", Status.COMPLIANT), ("off", Status.NONCOMPLIANT)])
    def test_an_old_ethtool_has_blanks_in_the_name(self, tso, status):
        shown = card(tso=tso).replace("tcp-segmentation-offload", "tcp segmentation offload")
        found = assess_tso(guest(None, shown), OPTIONS)
        assert found.status is status, found.reason
        assert all("tcp[- ]segmentation[- ]offload" in step.proof for step in found.remedy)

    def test_a_guest_with_an_overlay_is_for_a_person(self):
        assert assess_tso(guest(None, card(tx="off"), files=VXLAN), OPTIONS).status is Status.MANUAL

    @pytest.mark.parametrize(
        "line", ["feature-tso=false", "TCPSegmentationOffload=no", "ethtool -K ens192 tx off", "offload-tso off"]
    )
    def test_who_turns_it_off_at_boot_is_named(self, line):
        found = assess_tso(guest(None, card(), owners=[("/etc/rc.local", 2, line)]), OPTIONS)
        assert found.status is Status.MANUAL
        assert "/etc/rc.local:2" in found.reason


class TestOverlay:
    @pytest.mark.parametrize(
        ("files", "tunnels", "status"),
        [
            ({}, "on", Status.NOT_APPLICABLE),
            (VXLAN, "on", Status.NONCOMPLIANT),
            # by hand, or by Calico, which no file tells of
            (VXLAN, "off", Status.NOT_PERSISTENT),
            (VXLAN, "off [fixed]", Status.COMPLIANT),
            ({"/sys/class/net/genev_sys_6081/uevent": "DEVTYPE=geneve"}, "on", Status.NONCOMPLIANT),
            ({"/sys/class/net/br0/uevent": "DEVTYPE=bridge"}, "on", Status.NOT_APPLICABLE),
        ],
    )
    def test_one_card(self, files, tunnels, status):
        found = assess_overlay(guest(None, card(tunnels=tunnels), files=files), OPTIONS)
        assert found.status is status, found.reason

    def test_the_remedy_is_a_rule_and_the_live_values(self):
        found = assess_overlay(guest(None, card(tunnels="on"), files=VXLAN), OPTIONS)
        assert does(found) == [
            OVERLAY_RULE,
            "ethtool -K ens192 tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off",
        ]

    def test_nothing_but_the_rule_is_missing_where_it_is_off(self):
        (rule,) = assess_overlay(guest(None, card(tunnels="off"), files=VXLAN), OPTIONS).remedy
        owners = [(OVERLAY_RULE, 2, rule.content.splitlines()[1])]
        evidence = guest(None, card(tunnels="off"), files={**VXLAN, OVERLAY_RULE: rule.content}, owners=owners)
        found = assess_overlay(evidence, OPTIONS)
        assert (found.status, found.owner) == (Status.COMPLIANT, f"{OVERLAY_RULE}:2")

    @pytest.mark.parametrize(
        ("line", "status"),
        [
            ("ethtool -K ens192 tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off", Status.COMPLIANT),
            # the other one comes back
            ("feature-tx-udp_tnl-segmentation=false", Status.NOT_PERSISTENT),
            ("feature-tx-udp_tnl-csum-segmentation=true", Status.MANUAL),
        ],
    )
    def test_what_somebody_else_sets_at_boot(self, line, status):
        owners = [("/etc/rc.local", 2, line)]
        found = assess_overlay(guest(None, card(tunnels="off"), files=VXLAN, owners=owners), OPTIONS)
        assert found.status is status, found.reason
        assert found.owner == "/etc/rc.local:2"


class TestRings:
    @pytest.mark.parametrize(
        ("said", "status"),
        [
            ({"oob": 0}, Status.COMPLIANT),
            ({"oob": 9}, Status.COMPLIANT),
            ({"oob": 50}, Status.COMPLIANT),
            ({"oob": 5000}, Status.NONCOMPLIANT),
            ({"oob": 5000, "ring": 4096}, Status.COMPLIANT),
            ({"oob": 5000, "ring": 1024, "most": 1024}, Status.COMPLIANT),
            ({"oob": 5000, "received": 10**10}, Status.COMPLIANT),
        ],
    )
    def test_one_card(self, said, status):
        found = assess_rings(guest(None, card(**said)), OPTIONS)
        assert found.status is status, found.reason

    @pytest.mark.parametrize("name", ["pkts rx OOB", "pkts rx oob", "pkts rx out of buf"])
    def test_the_counter_has_had_several_names(self, name):
        shown = card(oob=5000).replace("pkts rx OOB", name)
        assert assess_rings(guest(None, shown), OPTIONS).status is Status.NONCOMPLIANT

    @pytest.mark.parametrize("gone", ["pkts rx OOB", "ucast pkts rx"])
    @pytest.mark.parametrize("oob", [0, 5000])
    def test_without_a_counter_nobody_knows(self, gone, oob):
        nics = {"ens192": VMXNET3, "ens224": VMXNET3}
        shown = card("ens224", oob=oob).replace(gone, "something else")
        found = assess_rings(guest(nics, card(), shown), OPTIONS)
        assert found.status is Status.UNKNOWN
        assert "ethtool -S ens224" in found.reason

    def test_a_ring_that_is_as_large_as_it_gets_has_a_second_one(self):
        second = "Pre-set maximums:\nRX Jumbo: 4096\nCurrent hardware settings:\nRX Jumbo: 256\n"
        for more, told in (("", False), (second, True), (second.replace("256", "4096"), False)):
            found = assess_rings(guest(None, card(oob=5000, ring=4096) + more), OPTIONS)
            assert ("rx-jumbo 4096, now 256" in found.reason) is told, found.reason

    @pytest.mark.parametrize(("oob", "runtime"), [(0, "1024"), (5000, "1024, packets dropped")])
    def test_packets_that_came_since_are_no_other_state(self, oob, runtime):
        looks = [assess_rings(guest(None, card(oob=oob + more, received=10**7 + more)), OPTIONS) for more in (0, 9)]
        assert [found.runtime for found in looks] == [runtime] * 2

    @pytest.mark.parametrize("kernel", ["2.6.16.60-0.54.5-smp", "2.6.18-398.el5"])
    def test_an_udev_before_098_is_given_no_rule(self, kernel):
        found = assess_rings(guest(None, card(oob=5000, ring=256), kernel=kernel), OPTIONS)
        assert (found.status, found.remedy) == (Status.MANUAL, ())
        assert "`ethtool -G ens192 rx 4096`" in found.reason

    def test_only_the_card_that_drops_is_changed_now(self):
        nics = {"ens192": VMXNET3, "ens224": VMXNET3}
        found = assess_rings(guest(nics, card(), card("ens224", oob=5000, ring=256)), OPTIONS)
        assert does(found) == [RING_RULE, "ethtool -G ens224 rx 4096"]
        assert found.remedy[1].undo.endswith(" || ethtool -G ens224 rx 256")

    @pytest.mark.parametrize(
        "line", ["ring-rx=1024", "\thardware-dma-ring-rx 512", "RxBufferSize=512", 'ETHTOOL_OPTS="-G ens192 rx 512"']
    )
    def test_who_sets_it_at_boot_is_in_the_way(self, line):
        found = assess_rings(guest(None, card(oob=5000), owners=[("/etc/x", 1, line)]), OPTIONS)
        assert found.status is Status.MANUAL
        assert "/etc/x:1" in found.reason


@pytest.mark.parametrize("assess", [assess_tso, assess_lro, assess_rings, assess_overlay])
class TestWithoutAnAnswer:
    def test_no_card(self, assess):
        assert assess(guest({"eth0": E1000}), OPTIONS).status is Status.NOT_APPLICABLE

    def test_no_ethtool(self, assess):
        assert assess(guest(ethtool=False, files=VXLAN), OPTIONS).status is Status.UNKNOWN

    def test_ethtool_that_says_nothing(self, assess):
        assert assess(guest(None, "nic: ens192\n", files=VXLAN), OPTIONS).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("cpus", "queues", "status"),
    [
        ("0", 1, Status.NOT_APPLICABLE),
        ("0-3", 4, Status.COMPLIANT),
        ("0-2", 2, Status.COMPLIANT),
        ("0-5,8", 4, Status.COMPLIANT),
        ("0-15", 8, Status.COMPLIANT),
        ("0-15", 4, Status.MANUAL),
        ("0-3", 1, Status.MANUAL),
        ("0-3", 0, Status.UNKNOWN),
        ("", 1, Status.UNKNOWN),
    ],
)
def test_queues(cpus, queues, status):
    found = assess_queues(guest(cpus=cpus, queues=queues), OPTIONS)
    assert found.status is status, found.reason


@pytest.mark.parametrize("path", [LRO_RULE, OVERLAY_RULE, RING_RULE])
def test_a_rule_that_names_the_card_is_read_after_the_one_that_renames_it(path):
    assert path.rpartition("/")[2] > "80-net-setup-link.rules"
