# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware's network card under its own driver: who cuts packets, who merges them, and how many find room."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.vmxnet3 import FEW_IN_A_MILLION
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

CARD = "ens3"
#: The one that is plugged in.
SECOND = {"driver": "vmxnet3", "id": "nic1", "netdev": "net1", "mac": "00:50:56:00:00:c8", "romfile": ""}
SMALLEST_RING, SOMEBODYS_RING, LARGEST_RING = 32, 2048, 4096
MEGABYTES = 4
#: What a forwarder is made of.
ROUTES = "echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-router.conf; sysctl -q -p /etc/sysctl.d/90-router.conf"
#: In one go, and by nobody who could be cut off: the guest's address moves from the card to the bridge.
BRIDGES = (
    f"setsid sh -c 'ip link add br0 type bridge; ip address flush dev {CARD}; ip link set {CARD} master br0; "
    "ip address add 10.0.2.15/24 dev br0; ip link set br0 up' </dev/null >/dev/null 2>&1"
)


def only(recommendation: str, **options: Any) -> dict[str, Any]:
    """The variables that enforce one recommendation of the role."""
    return {"vmguest_only": [recommendation], "vmxnet3_mode": "enforce", **options}


def feature(vm: VM, name: str, card: str = CARD) -> str:
    """``on`` or ``off``, as ethtool shows it."""
    return vm.tell(f"udevadm settle; ethtool -k {card} | sed -n 's/^{name}: //p'").split()[0]


def counter(vm: VM, name: str) -> int:
    """A counter of the driver's, since the card was last reset."""
    return int(vm.tell(f"ethtool -S {CARD} | sed -n 's/^ *{name}: //p'"))


def ring(vm: VM) -> int:
    """Descriptors of the receive ring."""
    return int(vm.tell(f"ethtool -g {CARD} | sed -n '/^Current/,$s/^RX:[[:space:]]*//p'"))


def cut_by_the_card(vm: VM) -> int:
    """The guest sends some megabytes; returns how many packets larger than the wire's it left to the card to cut."""
    before = counter(vm, "TSO pkts tx")
    vm.run(f"head -c {MEGABYTES}M /dev/zero")
    return counter(vm, "TSO pkts tx") - before


def found_no_room(vm: VM, transfers: int, enough: int) -> int:
    """The guest receives by several connections at once, so many times or until ``enough`` packets found no room; how many did."""
    before = counter(vm, "pkts rx OOB")
    apart = ["ssh", "-F", str(vm.ssh_config), "-o", "ControlPath=none", vm.name, "cat >/dev/null"]
    for dummy in range(transfers):
        sent = bytes(MEGABYTES << 20)
        senders = [subprocess.Popen(apart, stdin=subprocess.PIPE) for dummy in range(3)]
        for sender in senders:
            assert sender.stdin
            sender.stdin.write(sent)
            sender.stdin.close()
        assert [sender.wait(300) for sender in senders] == [0, 0, 0]
        if counter(vm, "pkts rx OOB") - before >= enough:
            break
    return counter(vm, "pkts rx OOB") - before


@pytest.mark.claim("vmxnet3", "segmentation that somebody turned off")
def test_the_card_cuts_packets(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    only_tso = only("vmxnet3_tso")
    tso = "tcp-segmentation-offload"
    drivers = cut_by_the_card(vm)
    proof.fact(f"as the driver has it ({feature(vm, tso)}), {MEGABYTES} MiB sent: packets that the card cut", drivers)
    assert drivers > 0
    assert play("audit", vm, only_tso).status_of("vmxnet3_tso") == "compliant"

    vm.run(f"ethtool -K {CARD} tso off")
    audit = play("audit", vm, only_tso)
    proof.fact("after ethtool -K tso off, packets that the card cut", cut_by_the_card(vm))
    assert cut_by_the_card(vm) == 0
    proof.fact("audit", f"{audit.status_of('vmxnet3_tso')}: {audit.finding('vmxnet3_tso')['reason']}")
    assert audit.status_of("vmxnet3_tso") == "noncompliant"

    assert play("remediate", vm, only_tso).status_of("vmxnet3_tso") == "compliant"
    proof.fact(f"after remediation ({feature(vm, tso)}), packets that the card cut", cut := cut_by_the_card(vm))
    assert cut > 0
    play("revert", vm, {})
    proof.fact("after revert", feature(vm, tso))
    assert feature(vm, tso) == "off"
    vm.restart()
    proof.fact("after a reboot, as the driver has it", feature(vm, tso))
    assert feature(vm, tso) == "on"


@pytest.mark.claim("vmxnet3", "a receive ring that packets find full")
def test_packets_find_room(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    only_rings = only("vmxnet3_rings")
    started = ring(vm)
    proof.fact("descriptors of the receive ring, as the driver has it", started)
    vm.run(f"ethtool -G {CARD} rx {SMALLEST_RING}")
    dropped = found_no_room(vm, 40, 3 * FEW_IN_A_MILLION)
    proof.fact(f"with {ring(vm)}, packets that found no room", dropped)
    audit = play("audit", vm, only_rings)
    proof.fact("audit", f"{audit.status_of('vmxnet3_rings')}: {audit.finding('vmxnet3_rings')['reason']}")
    assert audit.status_of("vmxnet3_rings") == "noncompliant"

    assert play("remediate", vm, only_rings).status_of("vmxnet3_rings") == "compliant"
    assert ring(vm) == LARGEST_RING
    proof.fact(f"after remediation, with {ring(vm)}, packets that found no room", found_no_room(vm, 5, 1))
    assert counter(vm, "pkts rx OOB") == 0

    vm.run(f"ethtool -G {CARD} rx {SOMEBODYS_RING}")
    refused = play("revert", vm, {}, check=False)
    proof.fact(f"revert, where somebody made {ring(vm)} of it since", "refused" if refused.status else "done")
    assert refused.status
    assert f"changed since: expected rx {LARGEST_RING}, found {SOMEBODYS_RING}" in refused.output
    assert ring(vm) == SOMEBODYS_RING
    vm.run(f"ethtool -G {CARD} rx {LARGEST_RING}")
    vm.restart()
    proof.fact("after a reboot", ring(vm))
    assert ring(vm) == LARGEST_RING

    play("revert", vm, {})
    proof.fact("after revert, live: as it was found", ring(vm))
    assert ring(vm) == SMALLEST_RING
    vm.restart()
    proof.fact("after another reboot, as the driver has it", ring(vm))
    assert ring(vm) == started


LRO = "large-receive-offload"


@pytest.mark.claim("vmxnet3", "a guest that becomes a router")
def test_a_router_does_not_merge_packets(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    only_lro = only("vmxnet3_lro")
    remediated = play("remediate", vm, only_lro)
    proof.fact("merging, where the guest receives for itself", feature(vm, LRO))
    assert "changed=0" in remediated.output
    assert feature(vm, LRO) == "on"

    vm.run(ROUTES)
    audit = play("audit", vm, only_lro)
    proof.fact("once it forwards, the kernel itself turns it", feature(vm, LRO))
    assert (feature(vm, LRO), audit.status_of("vmxnet3_lro")) == ("off", "compliant")
    vm.run(f"ethtool -K {CARD} lro on")
    audit = play("audit", vm, only_lro)
    proof.fact("somebody turns it on again, and the kernel lets it be", feature(vm, LRO))
    proof.fact("audit", f"{audit.status_of('vmxnet3_lro')}: {audit.finding('vmxnet3_lro')['reason']}")
    assert (feature(vm, LRO), audit.status_of("vmxnet3_lro")) == ("on", "noncompliant")

    assert play("remediate", vm, only_lro).status_of("vmxnet3_lro") == "compliant"
    proof.fact("after remediation", feature(vm, LRO))
    assert feature(vm, LRO) == "off"
    play("revert", vm, {})
    proof.fact("after revert, live: as it was found", feature(vm, LRO))
    assert feature(vm, LRO) == "on"
    assert play("remediate", vm, only_lro).status_of("vmxnet3_lro") == "compliant"
    vm.restart()
    proof.fact("remediated again and rebooted", feature(vm, LRO))
    assert feature(vm, LRO) == "off"
    assert play("audit", vm, only_lro).status_of("vmxnet3_lro") == "compliant"


@pytest.mark.claim("vmxnet3", "a guest that becomes a bridge")
def test_a_bridge_does_not_merge_packets(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    only_lro = only("vmxnet3_lro")
    vm.run(BRIDGES)
    proof.fact("the card", vm.tell("ip -brief link show master br0 | cut -d ' ' -f 1") + " is a port of br0")
    proof.fact("merging, which the kernel turned", feature(vm, LRO))
    assert feature(vm, LRO) == "off"
    refused = vm.run(f"ethtool -K {CARD} lro on", check=False)
    proof.fact(
        "turned on again, which the kernel refuses", f"ends with {refused.returncode}, and it is {feature(vm, LRO)}"
    )
    assert (refused.returncode != 0, feature(vm, LRO)) == (True, "off")
    remediated = play("remediate", vm, only_lro)
    found = remediated.finding("vmxnet3_lro")
    proof.fact("remediation changes nothing", f"{found['status']}: {found['reason']}")
    assert remediated.status_of("vmxnet3_lro") == "compliant"
    assert "changed=0" in remediated.output


@pytest.mark.claim("vmxnet3", "a guest that forwards nothing, and is to merge nothing: our rule alone")
def test_a_rule_for_all_cards(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    never = only("vmxnet3_lro", vmxnet3_lro="off")
    # The guest's address is its first card's only, by whatever name the kernel calls it while it boots.
    vm.run(
        f'own=$(cat /sys/class/net/{CARD}/address); sed -i "s/KERNEL!=.lo./ATTR{{address}}==\\"$own\\"/" '
        "/etc/udev/rules.d/90-network.rules; grep -q ATTR.address /etc/udev/rules.d/90-network.rules"
    )
    assert play("audit", vm, never).status_of("vmxnet3_lro") == "noncompliant"
    assert play("remediate", vm, never).status_of("vmxnet3_lro") == "compliant"
    proof.fact("merging, after remediation with vmxnet3_lro: off", feature(vm, LRO))
    assert feature(vm, LRO) == "off"
    plug(vm)
    proof.fact("of a card that is plugged in", feature(vm, LRO, other_card(vm)))
    assert feature(vm, LRO, other_card(vm)) == "off"

    vm.restart()
    proof.fact("after a reboot", feature(vm, LRO))
    assert feature(vm, LRO) == "off"
    assert play("audit", vm, never).status_of("vmxnet3_lro") == "compliant"
    play("revert", vm, {})
    proof.fact("after revert", feature(vm, LRO))
    assert feature(vm, LRO) == "on"
    plug(vm)
    proof.fact("of a card that is plugged in after the revert", feature(vm, LRO, other_card(vm)))
    assert feature(vm, LRO, other_card(vm)) == "on"


def plug(vm: VM) -> None:
    """Plug a second card in while the guest runs."""
    vm.qmp("netdev_add", type="user", id="net1", restrict=True)
    vm.qmp("device_add", **SECOND)


def other_card(vm: VM) -> str:
    """The name of the second card, once the guest has it."""
    there = f"ls /sys/class/net | grep -v -e lo -e {CARD}"
    return vm.tell(f'for second in $(seq 30); do [ ! "$({there})" ] || break; sleep 1; done; udevadm settle; {there}')
