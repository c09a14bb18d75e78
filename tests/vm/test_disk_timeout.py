# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timeout of VMware's disks: live, on a disk that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.vmguest.linux.tests.vm.disk_setting import DiskSetting
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: Seconds that a disk may be silent.
TIMEOUT = DiskSetting("scsi_disk_timeout", "device/timeout", "30", "180", {"disk_timeout_mode": "enforce"})


@pytest.mark.claim("timeout", "a disk on LSI, and others plugged into pvscsi while the guest runs")
def test_a_disk_may_be_silent_for_three_minutes(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(data_controller="pvscsi"))
    vm.add_disk(1, 64)
    TIMEOUT.see(proof, vm, "seconds before, of the disk and of one plugged in", ["sda", "sdb"], TIMEOUT.former)
    TIMEOUT.prove(proof, vm, ["sda", "sdb"], lambda number: vm.add_disk(number, 64))
