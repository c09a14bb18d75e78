# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones: of a guest whose network is bound to its card they have none, and all of them share what makes one guest."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import Play, play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import BOOT_SECONDS, VM, VmError

MAC = "00:50:56:00:00:01"
NETWORK = {"vmguest_only": ["clone_nic_binding", "clone_persistent_net_rules"]}
TEMPLATE = {"clone_readiness_template": True}

RULES = "/etc/udev/rules.d/70-persistent-net.rules"
LINK, NETWORKD = "/etc/systemd/network/10-lan.link", "/etc/systemd/network/20-lan.network"
INTERFACES = "/etc/network/interfaces"
STATIC = "auto {0}\niface {0} inet static\n    address 10.0.2.15/24\n"
#: Some time after its boot the guest says on its console which addresses its cards have: there may be no other way to ask it.
SAYS = """[Unit]
After=multi-user.target ssh.service

[Service]
ExecStart=/bin/sh -c 'sleep 30; for card in /sys/class/net/e* /sys/class/net/lan*; do \
[ ! -e "$card" ] || echo "card $${card##*/} has: $$(ip -brief -4 address show dev "$${card##*/}")"; done >/dev/ttyS0; \
echo "cards: all told" >/dev/ttyS0'

[Install]
WantedBy=multi-user.target
"""


def write(vm: VM, files: Mapping[str, str]) -> None:
    """Files of the guest, by their paths."""
    for path, text in files.items():
        quoted = text.replace("'", "'\\''")
        vm.run(f"printf '%s' '{quoted}' >{path}")


def found_in(audit: Play, recommendation: str) -> str:
    """A finding of the one guest, in words."""
    return f"{audit.status_of(recommendation)}: {audit.finding(recommendation)['reason']}"


def cards(vm: VM) -> str:
    """What the guest says of its cards on its console, once it does.

    :raises VmError: where it says nothing.
    """
    end = time.monotonic() + BOOT_SECONDS
    while "cards: all told" not in vm.console:
        if time.monotonic() > end or not vm.alive:
            raise VmError(f"{vm.name} said nothing of its cards on its console")
        time.sleep(1)
    found = re.findall(r"card (\S+) has: *([^\r\n]*)", vm.console)
    return ", ".join(f"{name}: {' '.join(rest.split()[2:]) or 'no address'}" for name, rest in found)


@contextmanager
def clone(original: VM, number: int) -> Iterator[VM]:
    """A VM with a copy of this one's disk as it is now, and with a network card and a UUID of its own: as vCenter makes it of a
    guest that runs. It ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="vmguest-vm-"))
    original.run("sync")
    # QEMU writes down all that it holds of the disk when it stops.
    original.qmp("stop")
    try:
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", original.disk, folder / "disk.qcow2"], check=True)
    finally:
        original.qmp("cont")
    copy = VM(f"{original.name}-clone-{number}", original.disk, Hardware(number=number), folder=folder)
    try:
        yield copy
    finally:
        copy.destroy()


#: What binds the network to one card; the files; the service that reads them; the recommendation and the line that names it; what
#: mends it, by the finding's advice.
BOUND = [
    pytest.param(
        {
            RULES: f'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{{address}}=="{MAC}", NAME="eth0"\n',
            INTERFACES: STATIC.format("eth0"),
        },
        "networking.service",
        "clone_persistent_net_rules",
        RULES,
        f"rm {RULES}; sed -i s/eth0/ens3/ {INTERFACES}",
        id="udev's 70-persistent-net.rules, and interfaces",
    ),
    pytest.param(
        {
            LINK: f"[Match]\nMACAddress={MAC}\n[Link]\nName=lan0\n",
            NETWORKD: "[Match]\nName=lan0\n[Network]\nAddress=10.0.2.15/24\n",
        },
        "systemd-networkd.service",
        "clone_persistent_net_rules",
        LINK,
        f"rm {LINK}; sed -i s/lan0/ens3/ {NETWORKD}",
        id="a .link file, and systemd-networkd",
    ),
    pytest.param(
        {NETWORKD: f"[Match]\nMACAddress={MAC}\n[Network]\nAddress=10.0.2.15/24\n"},
        "systemd-networkd.service",
        "clone_nic_binding",
        NETWORKD,
        f"sed -i s/MACAddress=.*/Name=ens3/ {NETWORKD}",
        id="systemd-networkd's settings for an address",
    ),
]


@pytest.mark.parametrize(("files", "service", "recommendation", "names", "mend"), BOUND)
@pytest.mark.proves("clone_persistent_net_rules", "clone_nic_binding")
@pytest.mark.claim("clone", "the network is bound to the card's address by {names}")
def test_a_clone_without_network(
    proof: Recorder,
    make_vm: Callable[..., VM],
    files: Mapping[str, str],
    service: str,
    recommendation: str,
    names: str,
    mend: str,
) -> None:
    vm = make_vm("debian", at_login=True)
    write(vm, {**files, "/etc/systemd/system/say-cards.service": SAYS})
    vm.run(f"rm /etc/udev/rules.d/90-network.rules; systemctl --quiet enable {service} say-cards.service")
    vm.restart()
    proof.fact("the original, after a reboot", f"{MAC}, {cards(vm)}")
    assert "10.0.2.15/24" in cards(vm)
    audit = play("audit", vm, NETWORK)
    proof.fact(f"audit of it, {recommendation}", found_in(audit, recommendation))
    assert audit.status_of("clone_persistent_net_rules") == audit.status_of("clone_nic_binding") == "compliant"
    audit = play("audit", vm, {**NETWORK, **TEMPLATE})
    found = audit.finding(recommendation)
    proof.fact("audit of it, as what is to be cloned", found_in(audit, recommendation))
    proof.fact("which names", found["owner"])
    (other,) = {"clone_persistent_net_rules", "clone_nic_binding"} - {recommendation}
    assert (found["status"], found["owner"].partition(":")[0]) == ("manual", names)
    assert audit.status_of(other) == "compliant"

    with clone(vm, 2) as bad:
        bad.start()
        proof.fact("the negative control: its clone, on its console", told := f"00:50:56:00:00:02, {cards(bad)}")
        assert told.endswith("no address")
        assert bad.run("true", check=False, seconds=15).returncode != 0

    vm.run(mend)
    audit = play("audit", vm, {**NETWORK, **TEMPLATE})
    proof.fact("the original mended: audit", audit.status_of(recommendation))
    assert audit.status_of("clone_persistent_net_rules") == audit.status_of("clone_nic_binding") == "compliant"
    with clone(vm, 3) as good:
        good.boot()
        proof.fact("its clone", f"{good.tell('cat /sys/class/net/ens3/address')}, {cards(good)}")
        assert "10.0.2.15/24" in cards(good)


#: A service of one's own that makes the keys of a clone, which Debian has not.
KEYGEN = """[Unit]
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=ssh.service
"""
SEAL = "truncate -s 0 /etc/machine-id; rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_*"


#: The recommendation that one guest's audit has, and the check of all records that belongs to it.
KINDS = {"clone_machine_id": "fleet_machine_id", "clone_ssh_host_keys": "fleet_ssh_host_keys"}
IDENTITY = {"vmguest_only": list(KINDS)}


@pytest.mark.proves("clone_machine_id", "clone_ssh_host_keys")
@pytest.mark.claim("clone", "two clones, and two of the original once it is sealed")
def test_clones_are_one_guest(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    audit = play("audit", vm, {**IDENTITY, **TEMPLATE})
    for name in KINDS:
        proof.fact(f"audit of what is to be cloned, {name}", found_in(audit, name))
        assert audit.status_of(name) == "manual"
    for sealed in (False, True):
        if sealed:
            write(vm, {"/etc/systemd/system/ssh-keygen.service": KEYGEN})
            vm.run(f"systemctl --quiet enable ssh-keygen.service; {SEAL}")
            audit = play("audit", vm, {**IDENTITY, **TEMPLATE})
            for name in KINDS:
                proof.fact(f"sealed, audit of it, {name}", found_in(audit, name))
                assert audit.status_of(name) == "compliant"
        with clone(vm, 2) as one, clone(vm, 3) as other:
            for copy in (one, other):
                copy.start()
            for copy in (one, other):
                copy.wait()
            audit = play("audit", [one, other], IDENTITY)
            fleet = FleetChecks()
            for record in audit.records.values():
                fleet.add(record)
            said = {check.id: check for check in fleet.results()}
            for name, check in KINDS.items():
                assert {audit.status_of(name, copy.name) for copy in (one, other)} == {"compliant"}
                of_one, of_other = (str(audit.finding(name, copy.name)["persistent"]) for copy in (one, other))
                same = "the same on both" if of_one == of_other else "different"
                proof.fact(
                    f"{'sealed' if sealed else 'as it was'}, two clones: {name}", f"{same}: {of_one}; {of_other}"
                )
                proof.fact(f"the report on both, {check}", f"{said[check].status.value}: {said[check].reason}")
                assert (of_one == of_other) is not sealed
                assert said[check].status.value == ("compliant" if sealed else "manual")
