# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeout of NVMe disks: live, of one that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

ONLY: dict[str, Any] = {"vmguest_only": ["nvme_io_timeout"], "disk_timeout_mode": "enforce"}
KERNELS_OWN, DESIRED = "30000", "180000"


def timeout(vm: VM, disk: str) -> str:
    """Milliseconds that a disk may be silent."""
    return vm.read_of_disk(disk, "queue/io_timeout")


@pytest.mark.claim("nvme", "NVMe disks, one of them plugged in while the guest runs")
def test_an_nvme_disk_may_be_silent_for_three_minutes(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(nvme_disks=1))
    proof.fact("model of the disk", vm.read_of_disk("nvme0n1", "device/model").strip())
    proof.fact("milliseconds before", timeout(vm, "nvme0n1"))
    assert timeout(vm, "nvme0n1") == KERNELS_OWN
    assert play("audit", vm, ONLY).status_of("nvme_io_timeout") == "noncompliant"

    assert play("remediate", vm, ONLY).status_of("nvme_io_timeout") == "compliant"
    proof.fact("after remediation, live", timeout(vm, "nvme0n1"))
    assert timeout(vm, "nvme0n1") == DESIRED
    vm.add_nvme_disk(2)
    proof.fact("of a disk plugged in after that", timeout(vm, "nvme1n1"))
    assert timeout(vm, "nvme1n1") == DESIRED

    vm.restart()
    proof.fact("after a reboot", timeout(vm, "nvme0n1"))
    assert timeout(vm, "nvme0n1") == DESIRED
    assert play("audit", vm, ONLY).status_of("nvme_io_timeout") == "compliant"

    play("revert", vm, {})
    proof.fact("after revert, live", timeout(vm, "nvme0n1"))
    assert timeout(vm, "nvme0n1") == KERNELS_OWN
    vm.add_nvme_disk(2)
    proof.fact("of a disk plugged in after the revert", timeout(vm, "nvme1n1"))
    assert timeout(vm, "nvme1n1") == KERNELS_OWN
