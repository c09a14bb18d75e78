# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that takes memory back from a busy guest: without swap a process is killed, with swap_size applied none is."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.console import killed
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

MIB = 1024 * 1024
#: What the process holds, and what the host leaves to the guest, of 512 MiB: a bit less than the process and the system need.
HELD_MIB = 200
LEFT_MIB = 200
#: Holds memory that cannot be shared or compressed, touches all of it again and again, and counts how often.
HOLDER = f"""
my @held = map {{ my $block = pack 'L*', map {{ int rand 4294967296 }} 1 .. 16384; $block x 16 }} 1 .. {HELD_MIB};
for (my $round = 1; ; $round++) {{
    for my $block (@held) {{
        for (my $at = 0; $at < length $block; $at += 4096) {{ substr($block, $at, 1) = chr($round & 255) }}
    }}
    open my $beat, '>', '/run/holder.beat'; print $beat $round; close $beat;
    select undef, undef, undef, 0.2;
}}
"""
ONLY: dict[str, Any] = {"vmguest_only": ["swap_size"], "swap_size_mode": "enforce"}


def hold(vm: VM) -> None:
    """Start the process, and wait until it holds its memory."""
    vm.run(f"printf %s {shlex.quote(HOLDER)} >/run/holder.pl; systemd-run --quiet --unit=holder perl /run/holder.pl")
    vm.run("for second in $(seq 120); do [ ! -s /run/holder.beat ] || exit 0; sleep 1; done; exit 1")


def inflate(vm: VM) -> tuple[str, int]:
    """Have the host take memory until the guest is at its target, or a process is killed. Returns "killed" or "alive", and the
    MiB that the guest has left."""
    vm.qmp("balloon", value=LEFT_MIB * MIB)
    # A guest that swaps, on a machine that emulates two, is slow.
    end = time.monotonic() + 600
    left = vm.hardware.memory_mib
    while time.monotonic() < end and left > LEFT_MIB and not killed(vm.console):
        time.sleep(2)
        left = vm.qmp("query-balloon")["actual"] // MIB
    time.sleep(5)  # the console's word may come after the balloon's
    return ("killed" if killed(vm.console) else "alive"), left


def next_round(vm: VM, rounds: int) -> int:
    """How often the process has been through its memory, once it was so more often than ``rounds``; ten minutes at most."""
    wait = f"for second in $(seq 600); do [ $(cat /run/holder.beat) -le {rounds} ] || break; sleep 1; done"
    return int(vm.tell(f"{wait}; cat /run/holder.beat"))


def swapped(vm: VM) -> int:
    """MiB of swap in use."""
    return sum(int(line.split()[3]) for line in vm.read("/proc/swaps").splitlines()[1:]) // 1024


@pytest.mark.claim("balloon", "512 MiB of memory, a process of 200 MiB, the host leaves 200 MiB")
def test_swap_keeps_the_oom_killer_away(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    audit = play("audit", vm, ONLY)
    proof.fact("swap found, and the audit", f"{audit.finding('swap_size')['runtime']}: {audit.status_of('swap_size')}")
    assert audit.status_of("swap_size") == "noncompliant"
    hold(vm)
    outcome, left = inflate(vm)
    proof.fact("without swap, the balloon inflates to leave", f"{left} MiB")
    told = killed(vm.console)
    proof.fact("the guest's console", told[0] if told else "nothing of a killed process")
    assert outcome == "killed"
    assert "(perl)" in told[0]
    vm.close()

    vm = make_vm("debian", at_login=True)
    remediated = play("remediate", vm, ONLY)
    proof.fact(
        "after remediation", f"{remediated.finding('swap_size')['runtime']}: {remediated.status_of('swap_size')}"
    )
    assert remediated.status_of("swap_size") == "compliant"
    hold(vm)
    outcome, left = inflate(vm)
    assert outcome == "alive"
    assert left == LEFT_MIB, f"the balloon took too little to prove anything: {left} MiB are left"
    before = int(vm.tell("cat /run/holder.beat"))
    rounds = next_round(vm, before) - before
    proof.fact("with swap, the balloon inflates to leave", f"{left} MiB")
    proof.fact("swapped out", f"{swapped(vm)} MiB")
    proof.fact("the process", f"{vm.tell('systemctl is-active holder')}, and it goes on touching all of its memory")
    assert vm.tell("systemctl is-active holder") == "active"
    assert rounds > 0
    assert swapped(vm) > 0
    assert "Out of memory" not in vm.console
