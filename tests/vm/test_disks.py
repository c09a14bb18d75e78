# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The I/O scheduler of VMware's disks: live, on a disk that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

ONLY: dict[str, Any] = {"vmguest_only": ["io_scheduler"], "io_scheduler_mode": "enforce", "io_scheduler_strict": True}


def scheduler(vm: VM, disk: str) -> str:
    """The scheduler that the kernel uses for a disk."""
    return vm.read_of_disk(disk, "queue/scheduler").partition("[")[2].partition("]")[0]


@pytest.mark.claim("disks", "a disk on LSI, and others plugged into pvscsi while the guest runs")
def test_the_hypervisor_orders_the_io(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(data_controller="pvscsi"))
    proof.fact(
        "vendor and model of the disk",
        " ".join(vm.tell("cat /sys/block/sda/device/vendor /sys/block/sda/device/model").split()),
    )
    vm.add_disk(1, 64)
    before = scheduler(vm, "sda"), scheduler(vm, "sdb")
    proof.fact("scheduler before, of the disk and of one plugged in", ", ".join(before))
    assert before == ("mq-deadline", "mq-deadline")
    assert play("audit", vm, ONLY).status_of("io_scheduler") == "noncompliant"

    assert play("remediate", vm, ONLY).status_of("io_scheduler") == "compliant"
    live = scheduler(vm, "sda"), scheduler(vm, "sdb")
    proof.fact("after remediation, live", ", ".join(live))
    assert live == ("none", "none")
    vm.add_disk(2, 64)
    proof.fact("of a disk plugged in after that", scheduler(vm, "sdc"))
    assert scheduler(vm, "sdc") == "none"

    vm.restart()
    proof.fact("after a reboot", scheduler(vm, "sda"))
    assert scheduler(vm, "sda") == "none"
    assert play("audit", vm, ONLY).status_of("io_scheduler") == "compliant"
    vm.add_disk(3, 64)
    assert scheduler(vm, "sdb") == "none"

    play("revert", vm, {})
    proof.fact("after revert, live", scheduler(vm, "sda"))
    assert scheduler(vm, "sda") == "mq-deadline"
    vm.add_disk(4, 64)
    proof.fact("of a disk plugged in after the revert", scheduler(vm, "sdc"))
    assert scheduler(vm, "sdc") == "mq-deadline"
