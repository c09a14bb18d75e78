# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands in flight on a paravirtual controller: of a disk, live, plugged in later, after a reboot and taken back; of all
disks together, by a boot argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.disk_setting import DiskSetting
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: Debian 12's driver starts a disk with 254; older ones did with 64, and so does this guest's.
OLD_DRIVER = "/etc/modprobe.d/old-driver.conf"
#: Commands that a disk may have in flight.
DEPTH = DiskSetting("scsi_queue_depth", "device/queue_depth", "64", "254", {"queue_depth_mode": "enforce"})

RING: dict[str, Any] = {"vmguest_only": ["pvscsi_ring_pages"], "queue_depth_mode": "enforce"}
MOST = {**RING, "queue_depth_ring_pages": 32}
ARGUMENT = "vmw_pvscsi.ring_pages=32"


@pytest.mark.claim("queue_depth", "disks on pvscsi, with a driver that starts them with 64 commands as older ones did")
def test_a_disk_may_have_more_commands_in_flight(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(data_controller="pvscsi", data_disks=1))
    proof.fact("what this driver gives a disk", DEPTH.of(vm, "sdb"))
    vm.run(
        f"echo options vmw_pvscsi cmd_per_lun={DEPTH.former} >{OLD_DRIVER}; modprobe -r vmw_pvscsi; modprobe vmw_pvscsi"
    )
    DEPTH.see(proof, vm, "with the default of an older one", ["sdb"], DEPTH.former)
    found = play("audit", vm, DEPTH.only).finding("scsi_queue_depth")
    proof.fact("audit, and who gives it", f"{found['status']}, {found['owner']}")
    assert (found["status"], found["owner"]) == ("noncompliant", f"{OLD_DRIVER}:1")
    DEPTH.prove(proof, vm, ["sdb"], lambda number: vm.add_disk(number, 64))


def ring(vm: VM) -> str:
    """Pages of the adapter's ring, and the commands that the kernel gives it, once udev has loaded the driver."""
    host = "$(dirname $(grep -l vmw_pvscsi /sys/class/scsi_host/host*/proc_name))"
    return vm.tell(f"udevadm settle; cat /sys/module/vmw_pvscsi/parameters/ring_pages {host}/can_queue").replace(
        "\n", ", "
    )


def as_built(vm: VM) -> bool:
    """Whether all that boots is byte for byte as it was built."""
    return vm.run("cd /boot && sha256sum --check --quiet /root/boot.sums", check=False).returncode == 0


@pytest.mark.claim("ring_pages", "an adapter on GRUB 2, 32 pages asked for")
def test_the_ring_of_an_adapter(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(data_controller="pvscsi", data_disks=1))
    before, configured = vm.read("/proc/cmdline"), vm.read("/etc/default/grub")
    proof.fact("pages of the ring, and commands that it takes", ring(vm))
    assert ring(vm) == "8, 256"
    left = play("remediate", vm, RING)
    proof.fact("remediated without the option", left.status_of("pvscsi_ring_pages"))
    assert left.status_of("pvscsi_ring_pages") == "compliant"
    assert vm.read("/etc/default/grub") == configured
    assert as_built(vm)

    remediated = play("remediate", vm, MOST)
    proof.fact("with it, before the reboot", f"{remediated.status_of('pvscsi_ring_pages')}, {ring(vm)}")
    assert remediated.status_of("pvscsi_ring_pages") == "pending_reboot"
    rebooted = play("reboot", vm, MOST)
    proof.fact("after vmguest.linux.reboot", f"{rebooted.status_of('pvscsi_ring_pages')}, {ring(vm)}")
    assert rebooted.status_of("pvscsi_ring_pages") == "compliant"
    assert ring(vm) == "32, 1024"
    assert set(vm.read("/proc/cmdline").split()) - set(before.split()) == {ARGUMENT}

    play("revert", vm, {})
    assert vm.read("/etc/default/grub") == configured
    assert as_built(vm)
    play("reboot", vm, {**RING, "vmguest_reboot": "always"})
    proof.fact("after revert and reboot", ring(vm))
    assert ring(vm) == "8, 256"
    assert vm.read("/proc/cmdline") == before
