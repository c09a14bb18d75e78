# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real guest whose power is cut while it is remediated: images built by initramfs-tools, grub.cfg by GRUB's own tool."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.power_cut import HARDWARE, WHOLE, flushes, receipts, remediate_until
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

SEED = 3
CUTS = 6
BOTH: dict[str, Any] = {
    "vmguest_only": ["timer_interrupt_rate", "timekeeping_cmdline", "pvscsi_initrd"],
    "timer_interrupts_mode": "enforce",
    "pvscsi_initrd_mode": "enforce",
}


@pytest.mark.claim("power", "killed at flushes of its disk, seed {seed}, {cuts} moments")
@pytest.mark.parametrize(("seed", "cuts"), [(SEED, 1), (SEED + 1, CUTS)])
def test_it_boots_and_the_next_run_mends_it(proof: Recorder, make_vm: Callable[..., VM], seed: int, cuts: int) -> None:
    vm = make_vm("debian", HARDWARE, at_login=True)
    first = flushes(vm)
    assert remediate_until(vm, None, BOTH)
    total = flushes(vm) - first
    vm.close()
    proof.fact("flushes of a remediation that nobody cuts off", total)
    assert total > 10
    # One moment in each part of the run, so that its phases are all met.
    chosen = random.Random(seed)
    moments = [chosen.randrange(1 + total * number // cuts, 1 + total * (number + 1) // cuts) for number in range(cuts)]
    for number, moment in enumerate(moments):
        vm = make_vm("debian", HARDWARE, at_login=True)
        assert remediate_until(vm, moment, BOTH) is None, f"it was done before flush {moment}"
        vm.boot()
        found = receipts(vm)
        vm.run(WHOLE)
        if number % 2:
            play("remediate", vm, BOTH)
            mended = "remediates: " + play("audit", vm, BOTH).status_of("pvscsi_initrd")
            assert mended.endswith("compliant")
        play("revert", vm, {})
        same = vm.run("cd /boot && sha256sum --check --quiet /root/boot.sums", check=False)
        proof.fact(
            f"cut at flush {moment}", f"it boots; receipts: {found}; the next run {mended if number % 2 else 'reverts'}"
        )
        assert same.returncode == 0, same.stdout
        assert vm.tell("find / -xdev -name '.vmguest*'") == ""
        vm.close()
