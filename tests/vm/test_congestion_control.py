# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What steers a new TCP connection of the guest: as the kernel tells the socket, not as the sysctl reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

ONLY: dict[str, Any] = {"vmguest_only": ["tcp_congestion_control"], "tcp_congestion_control_mode": "enforce"}
CHOSEN = "/etc/sysctl.d/50-somebody.conf"
#: Both ends of a connection to itself.
CONNECT = """use Socket;
my ($server, $client, $served);
socket($server, PF_INET, SOCK_STREAM, 0) and bind($server, sockaddr_in(0, INADDR_LOOPBACK)) and listen($server, 1) or die $!;
socket($client, PF_INET, SOCK_STREAM, 0) and connect($client, getsockname($server)) and accept($served, $server) or die $!;"""
#: getsockopt(…, IPPROTO_TCP, TCP_CONGESTION) of both.
ASK = """print join " and ", map { (getsockopt($_, 6, 13) or die $!) =~ s/\\0.*//sr } $client, $served;"""
KEPT = "/run/kept-connection"


def new_connection(vm: VM) -> str:
    """What steers the two ends of a connection that is made now."""
    return vm.tell(f"perl -e '{CONNECT} {ASK}'")


def keep_connection(vm: VM) -> None:
    """Have the guest make a connection and keep it."""
    vm.run(f"setsid perl -e '{CONNECT} sleep 1 until -e \"{KEPT}.ask\"; {ASK}' >{KEPT} </dev/null 2>&1 &")


def kept_connection(vm: VM) -> str:
    """What steers that connection now; it is closed then."""
    return vm.tell(f"touch {KEPT}.ask; for second in $(seq 60); do [ ! -s {KEPT} ] || break; sleep 1; done; cat {KEPT}")


@pytest.mark.claim("congestion", "a guest for which somebody chose vegas")
def test_no_algorithm_that_is_steered_by_delay(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    proof.fact("a new connection, as the kernel has it", new_connection(vm))
    assert new_connection(vm) == "cubic and cubic"
    assert play("audit", vm, ONLY).status_of("tcp_congestion_control") == "compliant"

    vm.run(f"echo 'net.ipv4.tcp_congestion_control = vegas' >{CHOSEN} && sysctl --quiet --load={CHOSEN}")
    proof.fact("vegas is chosen, in a file; a new connection", new_connection(vm))
    assert new_connection(vm) == "vegas and vegas"
    keep_connection(vm)
    audit = play("audit", vm, ONLY)
    found = audit.finding("tcp_congestion_control")
    proof.fact("audit", f"{found['status']}: {found['reason']}")
    assert found["status"] == "noncompliant"

    assert play("remediate", vm, ONLY).status_of("tcp_congestion_control") == "compliant"
    proof.fact("after remediation, a new connection", new_connection(vm))
    assert new_connection(vm) == "cubic and cubic"
    proof.fact("one that was there before", kept := kept_connection(vm))
    assert kept == "vegas and vegas"
    vm.restart()
    proof.fact("after a reboot, a new connection", new_connection(vm))
    assert new_connection(vm) == "cubic and cubic"
    assert play("audit", vm, ONLY).status_of("tcp_congestion_control") == "compliant"

    play("revert", vm, {})
    proof.fact("after revert, a new connection", new_connection(vm))
    assert new_connection(vm) == "vegas and vegas"
    vm.restart()
    proof.fact("after another reboot", new_connection(vm))
    assert new_connection(vm) == "vegas and vegas"
