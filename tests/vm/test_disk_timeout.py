# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeout of VMware's disks: live, on a disk that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

ONLY: dict[str, Any] = {"vmguest_only": ["scsi_disk_timeout"], "disk_timeout_mode": "enforce"}
KERNELS_OWN, DESIRED = "30", "180"


def timeout(vm: VM, disk: str) -> str:
    """Seconds that a disk may be silent."""
    return vm.read_of_disk(disk, "device/timeout")


@pytest.mark.claim("timeout", "a disk on LSI, and others plugged into pvscsi while the guest runs")
def test_a_disk_may_be_silent_for_three_minutes(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(data_controller="pvscsi"))
    vm.add_disk(1, 64)
    before = timeout(vm, "sda"), timeout(vm, "sdb")
    proof.fact("seconds before, of the disk and of one plugged in", ", ".join(before))
    assert before == (KERNELS_OWN, KERNELS_OWN)
    assert play("audit", vm, ONLY).status_of("scsi_disk_timeout") == "noncompliant"

    assert play("remediate", vm, ONLY).status_of("scsi_disk_timeout") == "compliant"
    live = timeout(vm, "sda"), timeout(vm, "sdb")
    proof.fact("after remediation, live", ", ".join(live))
    assert live == (DESIRED, DESIRED)
    vm.add_disk(2, 64)
    proof.fact("of a disk plugged in after that", timeout(vm, "sdc"))
    assert timeout(vm, "sdc") == DESIRED

    vm.restart()
    proof.fact("after a reboot", timeout(vm, "sda"))
    assert timeout(vm, "sda") == DESIRED
    assert play("audit", vm, ONLY).status_of("scsi_disk_timeout") == "compliant"

    play("revert", vm, {})
    proof.fact("after revert, live", timeout(vm, "sda"))
    assert timeout(vm, "sda") == KERNELS_OWN
    vm.add_disk(3, 64)
    proof.fact("of a disk plugged in after the revert", timeout(vm, "sdb"))
    assert timeout(vm, "sdb") == KERNELS_OWN
