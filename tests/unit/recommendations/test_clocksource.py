# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clocksource_cost: given this clock and these arguments, the audit says this, and only a choice by hand is remedied."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import AVAILABLE, CURRENT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.clocksource import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

GRUB = "/etc/default/grub"
MENU = "/boot/grub2/grub.cfg"


def verdict(
    current="tsc",
    available="tsc acpi_pm",
    *,
    cmdline="ro quiet",
    grub="",
    kernel="6.1.0",
    machine="x86_64",
    writers=(),
    menu="menuentry 'Linux' {\n linux /vmlinuz ro quiet\n}",
) -> Verdict:
    """The verdict on a guest with this clock source."""
    evidence = evidence_of(
        {
            "/proc/sys/kernel/osrelease": kernel,
            "/proc/cmdline": cmdline,
            GRUB: f'GRUB_CMDLINE_LINUX="{grub}"',
            MENU: menu,
            CURRENT: current,
            AVAILABLE: available,
        },
        commands={"machine": (0, machine)},
        lines={"clock_writers": writers},
    )
    return assess(evidence, {})


@pytest.mark.parametrize(
    ("current", "available", "machine", "kernel", "status"),
    [
        ("tsc", "tsc acpi_pm", "x86_64", "6.1.0", Status.COMPLIANT),
        ("tsc", "tsc hpet acpi_pm", "x86_64", "2.6.32-754.el6", Status.COMPLIANT),
        ("arch_sys_counter", "arch_sys_counter", "aarch64", "6.1.0", Status.COMPLIANT),
        # a lab guest under KVM
        ("kvm-clock", "kvm-clock tsc acpi_pm", "x86_64", "6.1.0", Status.COMPLIANT),
        ("acpi_pm", "tsc acpi_pm", "x86_64", "6.1.0", Status.NONCOMPLIANT),
        ("hpet", "tsc hpet acpi_pm", "i686", "3.0.101", Status.NONCOMPLIANT),
        # the kernel dropped tsc from its list: it is unstable
        ("acpi_pm", "acpi_pm", "x86_64", "6.1.0", Status.MANUAL),
        ("hpet", "hpet acpi_pm", "x86_64", "3.10.0", Status.MANUAL),
        ("jiffies", "jiffies", "x86_64", "2.6.18-398.el5", Status.NOT_APPLICABLE),
        ("acpi_pm", "acpi_pm jiffies tsc pit", "i686", "2.6.18-398.el5", Status.NOT_APPLICABLE),
        ("timebase", "timebase", "ppc64le", "6.1.0", Status.UNKNOWN),
        (State.DENIED, State.DENIED, "x86_64", "6.1.0", Status.UNKNOWN),
        (State.MISSING, State.MISSING, "x86_64", "6.1.0", Status.UNKNOWN),
    ],
)
def test_a_clock(current, available, machine, kernel, status):
    found = verdict(current, available, machine=machine, kernel=kernel)
    assert found.status is status, found.reason


@pytest.mark.parametrize("menu", [State.MISSING, State.DENIED])
def test_what_the_next_boot_counts_by_is_not_inferred_from_now(menu):
    """Law 9: an argument that keeps the kernel from tsc may be there, where its entries cannot be read."""
    found = verdict(menu=menu)
    assert (found.status, found.runtime, found.persistent) == (Status.UNKNOWN, "tsc", None)
    assert "what the next boot's arguments are cannot be told" in found.reason


def test_a_choice_by_hand_is_taken_back_at_once():
    found = verdict("acpi_pm")
    assert found.remedy == (WriteKernel(CURRENT, "acpi_pm", "tsc"),)
    assert (found.runtime, found.persistent, found.desired) == ("acpi_pm", "the kernel's choice", "tsc")


@pytest.mark.parametrize(
    "argument", ["clocksource=acpi_pm", "clock=pmtmr", "notsc", "tsc=unstable", "clocksource=hpet"]
)
class TestAnArgument:
    def test_of_the_boot_loader_is_named_and_left_to_its_own_recommendation(self, argument):
        found = verdict("acpi_pm", cmdline=f"ro {argument}", grub=argument, menu=State.MISSING)
        assert found.status is Status.MANUAL
        assert f"{GRUB}:1" in found.reason
        assert argument in found.reason
        assert "timekeeping_cmdline" in found.reason

    def test_that_only_the_next_boot_has_is_no_less_wrong(self, argument):
        assert verdict("tsc", grub=argument, menu=State.MISSING).status is Status.MANUAL

    def test_that_is_out_of_the_boot_loader_waits_for_a_reboot(self, argument):
        found = verdict("acpi_pm", cmdline=f"ro {argument}")
        assert found.status is Status.PENDING_REBOOT
        assert argument in found.reason


@pytest.mark.parametrize("argument", ["clocksource=tsc", "tsc=reliable", "tsc=nowatchdog", "nohz=off", "hpet=disable"])
def test_an_argument_that_does_not_avoid_tsc_is_nobodys_concern_here(argument):
    assert verdict("tsc", cmdline=argument, grub=argument).status is Status.COMPLIANT


def test_without_a_one_shot_tick_the_list_says_nothing_of_trust():
    found = verdict("acpi_pm", cmdline="nohz=off highres=off")
    assert found.status is Status.MANUAL
    assert "highres=off nohz=off" in found.reason
    assert verdict("acpi_pm", cmdline="highres=off").status is Status.NONCOMPLIANT


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("echo acpi_pm > /sys/devices/system/clocksource/clocksource0/current_clocksource", Status.MANUAL),
        ("w /sys/devices/system/clocksource/clocksource0/current_clocksource - - - - acpi_pm", Status.MANUAL),
        ('SUBSYSTEM=="clocksource", ATTR{current_clocksource}="acpi_pm"', Status.MANUAL),
        ('echo "$CLOCK" >/sys/devices/system/clocksource/clocksource0/current_clocksource', Status.MANUAL),
        ("echo tsc >/sys/devices/system/clocksource/clocksource0/current_clocksource", Status.COMPLIANT),
        ("#echo acpi_pm > /sys/devices/system/clocksource/clocksource0/current_clocksource", Status.COMPLIANT),
    ],
)
def test_a_script_that_chooses_at_boot(line, status):
    found = verdict("tsc", writers=[("/etc/rc.local", 7, line)])
    assert found.status is status, found.reason
    assert ("/etc/rc.local:7" in found.reason) == (status is Status.MANUAL)
