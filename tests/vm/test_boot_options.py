# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Timer arguments, from the boot loader's configuration to /proc/cmdline and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

STALE = "divider=10"
ONLY: dict[str, Any] = {
    "vmguest_only": ["timer_interrupt_rate", "timekeeping_cmdline"],
    "timer_interrupts_mode": "enforce",
}
#: Counts each making of an image, and of grub.cfg, on the guest itself.
COUNT_IMAGES = """
PREREQ=''
[ "${1:-}" != prereqs ] || exit 0
echo "$version" >>/run/images.made
"""
COUNT_MENUS = "echo one >>/run/menus.made"


def command_line(vm: VM) -> str:
    """What the kernel was booted with."""
    return vm.read("/proc/cmdline").strip()


@pytest.mark.parametrize(
    ("name", "loader"),
    [("debian", "GRUB 2"), ("grub-legacy", "GRUB legacy")],
)
@pytest.mark.claim("boot", "a stale argument is taken out, and brought back: {loader}")
def test_a_stale_argument(proof: Recorder, make_vm: Callable[..., VM], name: str, loader: str) -> None:
    vm = make_vm(name, at_login=True)
    before = command_line(vm)
    proof.fact("/proc/cmdline before", before)
    assert STALE in before.split()
    audit = play("audit", vm, ONLY)
    proof.fact("audit", f"{audit.status_of('timer_interrupt_rate')}: {audit.finding('timer_interrupt_rate')['reason']}")
    assert audit.status_of("timer_interrupt_rate") == "noncompliant"

    remediated = play("remediate", vm, ONLY)
    proof.fact("after remediation, before the reboot", remediated.status_of("timer_interrupt_rate"))
    assert remediated.status_of("timer_interrupt_rate") == "pending_reboot"
    rebooted = play("reboot", vm, ONLY)
    proof.fact("after vmguest.linux.reboot", rebooted.status_of("timer_interrupt_rate"))
    assert rebooted.status_of("timer_interrupt_rate") == "compliant"
    after = command_line(vm)
    proof.fact("/proc/cmdline", after)
    assert after.split() == [word for word in before.split() if word != STALE]

    play("revert", vm, {})
    assert vm.run("cd /boot && sha256sum --check --quiet /root/boot.sums", check=False).returncode == 0
    play("reboot", vm, {**ONLY, "vmguest_reboot": "always"})
    proof.fact("/proc/cmdline after revert and reboot", command_line(vm))
    assert command_line(vm) == before


@pytest.mark.claim("boot", "arguments and images in one run: each is made once")
def test_each_is_made_once(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    for path, script in (("/etc/initramfs-tools/hooks/count", COUNT_IMAGES), ("/etc/grub.d/99_count", COUNT_MENUS)):
        vm.run(
            f"printf '#!/bin/sh\\n%s\\n' '{script.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' >{path}; chmod 755 {path}"
        )
    both = {**ONLY, "vmguest_only": [*ONLY["vmguest_only"], "pvscsi_initrd"], "pvscsi_initrd_mode": "enforce"}
    remediated = play("remediate", vm, both)
    assert remediated.status_of("pvscsi_initrd") == "compliant"
    assert remediated.status_of("timer_interrupt_rate") == "pending_reboot"
    images, menus = vm.tell("sort /run/images.made").split(), vm.tell("cat /run/menus.made").split()
    proof.fact("images made, by kernel", ", ".join(images))
    proof.fact("grub.cfg made", f"{len(menus)} time")
    assert images == sorted(vm.tell("ls /lib/modules").split())
    assert len(menus) == 1
