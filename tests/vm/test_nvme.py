# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeout of NVMe disks: live, of one that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.vmguest.linux.tests.vm.disk_setting import DiskSetting
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: Milliseconds that a disk may be silent.
TIMEOUT = DiskSetting("nvme_io_timeout", "queue/io_timeout", "30000", "180000", {"disk_timeout_mode": "enforce"})


@pytest.mark.claim("nvme", "NVMe disks, one of them plugged in while the guest runs")
def test_an_nvme_disk_may_be_silent_for_three_minutes(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(nvme_disks=1))
    proof.fact("model of the disk", vm.read_of_disk("nvme0n1", "device/model").strip())
    TIMEOUT.see(proof, vm, "milliseconds before", ["nvme0n1"], TIMEOUT.former)
    TIMEOUT.prove(proof, vm, ["nvme0n1"], vm.add_nvme_disk)
