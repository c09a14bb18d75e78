# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look at the clock costs under each clock source, and how often an idle guest's timer wakes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

SOURCES = "/sys/devices/system/clocksource/clocksource0"
COST: dict[str, Any] = {"vmguest_only": ["clocksource_cost"], "clocksource_mode": "enforce"}
RATE: dict[str, Any] = {"vmguest_only": ["timer_interrupt_rate"], "timer_interrupts_mode": "enforce"}
LOOKS = 50_000
ROUNDS = 5
#: Looks at the clock in a loop; prints the nanoseconds of each, without those of the loop but with what Perl takes for a call, and
#: the kernel's percentage of the time.
LOOK = f"""use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
my $began = clock_gettime(CLOCK_MONOTONIC);
1 for 1 .. {LOOKS};
my $loop = clock_gettime(CLOCK_MONOTONIC) - $began;
my ($user, $kernel) = times;
$began = clock_gettime(CLOCK_MONOTONIC);
clock_gettime(CLOCK_MONOTONIC) for 1 .. {LOOKS};
my $looks = clock_gettime(CLOCK_MONOTONIC) - $began;
my ($user2, $kernel2) = times;
printf "%.0f %.0f", ($looks - $loop) / {LOOKS} * 1e9, 100 * ($kernel2 - $kernel) / ($user2 + $kernel2 - $user - $kernel || 1);"""
IDLE_SECONDS = 20


@dataclass(frozen=True)
class Look:
    """One look at the clock: its nanoseconds, and the kernel's percentage of the time that a loop of looks takes."""

    nanoseconds: int
    in_kernel: int


def look(vm: VM, source: str) -> Look:
    """The cheapest of some loops under this clock source: the others shared their processor."""
    vm.run(f"echo {source} >{SOURCES}/current_clocksource")
    assert vm.tell(f"cat {SOURCES}/current_clocksource") == source
    loops = f"for round in $(seq {ROUNDS}); do perl -e '{LOOK}'; echo; done"
    return min(
        (Look(*map(int, line.split())) for line in vm.tell(loops).splitlines()), key=lambda found: found.nanoseconds
    )


@pytest.mark.claim("clock", "tsc, hpet and acpi_pm, chosen one after the other")
def test_a_look_at_the_clock(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    offered = vm.tell(f"cat {SOURCES}/available_clocksource").split()
    proof.fact("clock sources that the kernel offers", ", ".join(offered))
    proof.fact("the kernel's own choice", vm.tell(f"cat {SOURCES}/current_clocksource"))
    assert offered == ["tsc", "hpet", "acpi_pm"]
    assert vm.tell(f"cat {SOURCES}/current_clocksource") == "tsc"
    cheapest = look(vm, "tsc")
    for source in offered:
        found = cheapest if source == "tsc" else look(vm, source)
        audit = play("audit", vm, COST).finding("clocksource_cost")
        times = "1 (what is compared with)" if source == "tsc" else f"{found.nanoseconds / cheapest.nanoseconds:.1f}"
        proof.fact(f"{source}: a call from Perl takes, in calls by tsc", times)
        proof.fact(f"{source}: of its time, in the kernel", f"{found.in_kernel} %")
        proof.fact(f"{source}: audit", f"{audit['status']}: {audit['reason']}")
        if source == "tsc":
            assert audit["status"] == "compliant"
            assert found.in_kernel < 10
        else:
            assert audit["status"] == "noncompliant"
            assert found.nanoseconds > 1.2 * cheapest.nanoseconds
            assert found.in_kernel > 10

    assert play("remediate", vm, COST).status_of("clocksource_cost") == "compliant"
    proof.fact("after remediation", vm.tell(f"cat {SOURCES}/current_clocksource"))
    assert vm.tell(f"cat {SOURCES}/current_clocksource") == "tsc"
    play("revert", vm, {})
    proof.fact("after revert, live: as it was found", vm.tell(f"cat {SOURCES}/current_clocksource"))
    assert vm.tell(f"cat {SOURCES}/current_clocksource") == "acpi_pm"
    vm.restart()
    proof.fact("after a reboot, the kernel's own choice", vm.tell(f"cat {SOURCES}/current_clocksource"))
    assert vm.tell(f"cat {SOURCES}/current_clocksource") == "tsc"


def timer_interrupts(vm: VM) -> float:
    """Interrupts of the local timer in a second, of a guest with nothing to do."""
    vm.run("systemctl is-system-running --wait || :")
    count = "sed -n 's/^ *LOC: *\\([0-9]*\\) .*/\\1/p' /proc/interrupts; cut -d ' ' -f 1 /proc/uptime"
    first, began, last, ended = vm.tell(f"sleep 5; {count}; sleep {IDLE_SECONDS}; {count}").split()
    return (int(last) - int(first)) / (float(ended) - float(began))


def argument(vm: VM, old: str, new: str) -> None:
    """Have the guest boot with another argument, as an administrator does."""
    vm.run(f"sed -i 's/\\b{old}\\b/{new}/' /etc/default/grub && update-grub")
    vm.restart()
    assert new in vm.read("/proc/cmdline").split()


@pytest.mark.claim("idle", "nohz=off, given and taken out")
def test_an_idle_guests_timer_rests(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    own = timer_interrupts(vm)
    proof.fact("timer interrupts a second, idle, with divider=10, which this kernel does not know", f"{own:.0f}")
    argument(vm, "divider=10", "nohz=off")
    ticking = timer_interrupts(vm)
    proof.fact("booted with nohz=off in its place", f"{ticking:.0f}")
    assert ticking > 3 * own
    audit = play("audit", vm, RATE).finding("timer_interrupt_rate")
    proof.fact("audit", f"{audit['status']}: {audit['reason']}")
    assert audit["status"] == "noncompliant"
    assert "nohz=off" in audit["reason"]

    assert play("remediate", vm, RATE).status_of("timer_interrupt_rate") == "pending_reboot"
    assert play("reboot", vm, RATE).status_of("timer_interrupt_rate") == "compliant"
    resting = timer_interrupts(vm)
    proof.fact("after remediation and a reboot", f"{resting:.0f}")
    assert ticking > 3 * resting
    play("revert", vm, {})
    vm.restart()
    again = timer_interrupts(vm)
    proof.fact("after revert and another reboot", f"{again:.0f}")
    assert again > 3 * resting
