# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An approved kernel: installed by a real apt beside the one that runs, booted, and taken back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.power_cut import HARDWARE, WHOLE, flushes, receipts, remediate_until
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: One kernel, the newest entry boots, and a repository with a newer one.
PREPARE = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq purge 'linux-image*-rt-amd64' >/dev/null
sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=0/' /etc/default/grub
update-grub 2>/dev/null
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/opt/kernel ./' >/etc/apt/sources.list
sync
"""
#: All of /boot, of the modules' folders, of the links in / and of what dpkg knows.
STATE = """
cd / && find boot lib/modules/ -xdev -type f -exec sha256sum {} + | sort -k 2
find / -maxdepth 1 -type l -exec ls -l {} + | sed 's/.* [0-9:]* //'
dpkg-query -W -f '${Package} ${Version} ${Status}\\n'
"""
HOOK = '[ "${1:-}" = prereqs ] || find "$DESTDIR" -name "sd_mod.ko*" -delete'


def prepared(make_vm: Callable[..., VM], hardware: Hardware | None = None) -> tuple[VM, dict[str, Any], str]:
    """A guest with one kernel, what asks for the newer one, and what it has."""
    vm = make_vm("debian", hardware, at_login=True) if hardware else make_vm("debian", at_login=True)
    vm.run(PREPARE)
    wanted = vm.tell("sed -n 's/^Package: linux-image-//p' /opt/kernel/Packages").strip()
    asked = {
        "vmguest_only": ["guest_os_current"],
        "guest_os_mode": "enforce",
        "guest_os_kernel": wanted,
        # The release of the image is out of its usual support some day.
        "guest_os_extended_support": True,
    }
    return vm, asked, vm.tell(STATE)


@pytest.mark.claim("kernel", "an approved kernel is installed beside the one that runs, booted, and taken back")
def test_an_approved_kernel(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm, asked, before = prepared(make_vm)
    wanted, old = asked["guest_os_kernel"], vm.tell("uname -r").strip()
    proof.fact("kernel that runs", old)
    proof.fact("guest_os_kernel", wanted)
    audit = play("audit", vm, asked)
    assert audit.status_of("guest_os_current") == "noncompliant"

    remediated = play("remediate", vm, asked)
    proof.fact("after remediation, before the reboot", remediated.status_of("guest_os_current"))
    assert remediated.status_of("guest_os_current") == "pending_reboot"
    vm.run(WHOLE)
    rebooted = play("reboot", vm, asked)
    proof.fact("after vmguest.linux.reboot", rebooted.status_of("guest_os_current"))
    assert rebooted.status_of("guest_os_current") == "compliant"
    assert vm.tell("uname -r").strip() == wanted
    proof.fact("uname -r", wanted)
    again = play("remediate", vm, asked)
    assert "changed=0" in again.output

    # The kernel that runs cannot be removed: its entry goes, the next boot starts the old one, and the rest is done then.
    first = play("revert", vm, {}, check=False)
    assert first.status != 0
    assert "runs still" in first.output
    no_longer_asked = {name: value for name, value in asked.items() if name != "guest_os_kernel"}
    waits = play("reboot", vm, no_longer_asked)
    proof.fact("revert while it runs, then vmguest.linux.reboot", waits.status_of("guest_os_current"))
    assert vm.tell("uname -r").strip() == old
    play("revert", vm, {})
    proof.fact("after reboot and revert", vm.tell("uname -r").strip())
    after = vm.tell(STATE)
    assert after.splitlines() == before.splitlines()
    assert vm.tell("find / -xdev -name '.vmguest*'") == ""


@pytest.mark.claim("kernel", "a kernel whose image lacks the disk's driver is taken back at once")
def test_an_image_that_would_not_boot(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    """Something on the guest, a hook of initramfs-tools, leaves sd_mod out."""
    vm, asked, before = prepared(make_vm)
    vm.run(
        f"printf '#!/bin/sh\\n%s\\n' '{HOOK}' >/etc/initramfs-tools/hooks/trim; chmod 755 /etc/initramfs-tools/hooks/trim"
    )
    remediated = play("remediate", vm, asked, check=False)
    proof.fact(
        "after remediation",
        f"{remediated.status_of('guest_os_current')}: {remediated.finding('guest_os_current')['reason']}",
    )
    assert remediated.status_of("guest_os_current") == "failed"
    assert "lacks sd_mod" in remediated.finding("guest_os_current")["reason"]
    assert vm.tell(STATE).splitlines() == before.splitlines()


@pytest.mark.claim("kernel", "power cut while a kernel is installed, {cuts} moments")
@pytest.mark.parametrize("cuts", [4])
def test_power_cuts(proof: Recorder, make_vm: Callable[..., VM], cuts: int) -> None:
    """Whenever the power is cut, the guest boots, and the next run takes back what was begun, or ends it."""
    vm, asked, before = prepared(make_vm, HARDWARE)
    first = flushes(vm)
    assert remediate_until(vm, None, asked)
    total = flushes(vm) - first
    vm.close()
    proof.fact("flushes of an installation that nobody cuts off", total)
    chosen = random.Random(5)
    moments = [chosen.randrange(1 + total * number // 4, 1 + total * (number + 1) // 4) for number in range(cuts - 1)]
    # The last is as late as can be, where the menu is put in place: how often a guest flushes differs a little from run to run.
    for moment, *earlier in [*([moment] for moment in moments), [total - 6, total - 15, total - 30]]:
        while True:
            vm, asked, before = prepared(make_vm, HARDWARE)
            if remediate_until(vm, moment, asked) is None:
                break
            assert earlier, f"it was done before flush {moment}"
            vm.close()
            moment = earlier.pop(0)
        vm.boot()
        found = receipts(vm)
        vm.run(WHOLE)
        running = vm.tell("uname -r").strip()
        if running == asked["guest_os_kernel"]:
            play("revert", vm, {}, check=False)
            play("reboot", vm, {**asked, "guest_os_kernel": ""})
        play("revert", vm, {})
        proof.fact(f"cut at flush {moment}", f"it boots {running}; receipts: {found}; the next run reverts")
        assert vm.tell(STATE).splitlines() == before.splitlines()
        assert vm.tell("find / -xdev -name '.vmguest*'") == ""
        vm.close()
