# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that is moved from LSI to pvscsi: without the driver in its boot images the guest does not boot, with it it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import DRIVERS, Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM, BootError

ONLY: dict[str, Any] = {"vmguest_only": ["pvscsi_initrd"], "pvscsi_initrd_mode": "enforce"}
IMAGES = ["debian", "dracut"]


def booted(vm: VM) -> str:
    """The kernel that runs, and the driver that serves its disk."""
    return vm.tell('echo "$(uname -r) by $(cat /sys/class/scsi_host/host*/proc_name | grep -v ata_piix)"')


def kernels(vm: VM) -> list[str]:
    """The releases of all installed kernels."""
    return vm.tell("ls /lib/modules").split()


def boot_next(vm: VM, kernel: str) -> None:
    """Have GRUB boot this kernel at the next boot, and that one only."""
    vm.run(f"grub-reboot gnulinux-{kernel}-advanced-$(findmnt --noheadings --output UUID /)")


@pytest.mark.claim("pvscsi", "the negative control, with {name}'s images: nothing was done")
@pytest.mark.parametrize("name", IMAGES)
def test_unprepared_it_does_not_boot(proof: Recorder, make_vm: Callable[..., VM], name: str) -> None:
    vm = make_vm(name)
    audit = play("audit", vm, ONLY)
    proof.fact("audit, on LSI", f"{audit.status_of('pvscsi_initrd')}: {audit.finding('pvscsi_initrd')['reason']}")
    assert audit.status_of("pvscsi_initrd") == "noncompliant"
    with pytest.raises(BootError) as failed:
        vm.restart(controller="pvscsi")
    proof.fact("moved to pvscsi, its console says", failed.value.why)
    proof.fact("moved back to LSI, it boots", booted_on(vm, "lsi"))


def booted_on(vm: VM, controller: str) -> str:
    """Boot it on this controller after it was killed, or shut down; what runs then, which is the controller's driver."""
    if vm.alive and "login:" not in vm.console:
        vm.kill()
    vm.restart(controller=controller)
    found = booted(vm)
    assert found.endswith(f"by {DRIVERS[controller]}")
    return found


@pytest.mark.claim("pvscsi", "{name}'s images, two kernels")
@pytest.mark.parametrize("name", IMAGES)
def test_prepared_it_boots(proof: Recorder, make_vm: Callable[..., VM], name: str) -> None:
    vm = make_vm(name, Hardware(), at_login=True)
    assert play("audit", vm, ONLY).status_of("pvscsi_initrd") == "noncompliant"
    remediated = play("remediate", vm, ONLY)
    proof.fact("after remediation", remediated.finding("pvscsi_initrd")["reason"])
    assert remediated.status_of("pvscsi_initrd") == "compliant"
    for controller in ("pvscsi", "lsi"):
        for kernel in kernels(vm):
            boot_next(vm, kernel)
            found = booted_on(vm, controller)
            proof.fact(f"booted on {controller}", found)
            assert found.startswith(f"{kernel} ")
        if controller == "pvscsi":
            # The old images would not boot it from there.
            refused = play("revert", vm, {}, check=False)
            assert refused.status != 0
            assert "its old image lacks vmw_pvscsi" in refused.output, refused.output
            proof.fact("a revert while the disk is on pvscsi", "refused: the old images lack vmw_pvscsi")
    audit = play("audit", vm, ONLY)
    assert audit.status_of("pvscsi_initrd") == "compliant"
    play("revert", vm, {})
    same = vm.run("cd /boot && sha256sum --check /root/boot.sums", check=False)
    proof.fact("after revert", ", ".join(same.stdout.split("\n")).strip(", "))
    assert same.returncode == 0
