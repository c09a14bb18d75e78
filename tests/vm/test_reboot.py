# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`vmguest.linux.reboot` on a real guest: it comes back, it does not come back, and it is not sent where it could not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

BOOT_ID = "/proc/sys/kernel/random/boot_id"
ALWAYS = {"vmguest_only": ["io_scheduler"], "vmguest_reboot": "always", "vmguest_reboot_timeout": 600}


@pytest.mark.claim("reboot", "a guest that comes back")
def test_it_comes_back(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", at_login=True)
    before = vm.read(BOOT_ID).strip()
    record = play("reboot", vm, ALWAYS).records[vm.name]
    proof.fact("the playbook", record["message"].partition(" after")[0])
    after = vm.read(BOOT_ID).strip()
    proof.fact("boot id before and after", f"{before}, {after}")
    assert (record["boot_id_before"], record["boot_id_after"]) == (before, after)
    assert before != after
    assert vm.console.count("Loading Linux") >= 1, "the boot loader has not been seen"


@pytest.mark.claim("reboot", "a guest that does not come back")
def test_it_does_not_come_back(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    """Its network is gone after the boot, as with a renamed card or a lost address."""
    vm = make_vm("debian", at_login=True)
    vm.run("rm /etc/udev/rules.d/90-network.rules")
    run = play("reboot", vm, {**ALWAYS, "vmguest_reboot_timeout": 90}, check=False)
    assert run.status != 0
    message = run.records[vm.name]["message"]
    proof.fact("the playbook fails with", message)
    assert "did not come back within 90 seconds" in message


@pytest.mark.claim("reboot", "a guest that could not come back: {damage} on its image")
@pytest.mark.parametrize("damage", ["truncate -s 1M", "rm"])
def test_it_is_not_sent(proof: Recorder, make_vm: Callable[..., VM], damage: str) -> None:
    vm = make_vm("debian", at_login=True)
    before = vm.read(BOOT_ID)
    vm.run(f"{damage} /boot/initrd.img-$(uname -r)")
    run = play("reboot", vm, ALWAYS, check=False)
    assert run.status != 0
    message = run.records[vm.name]["message"]
    proof.fact(f"after '{damage}' on the image of its default entry, the playbook", message)
    assert "image of its default boot entry" in message
    assert vm.read(BOOT_ID) == before
