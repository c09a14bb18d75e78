# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real guest whose power is cut while it is remediated: images built by initramfs-tools, grub.cfg by GRUB's own tool.

The moment is a flush of its disk, counted by QEMU: a measure of progress that does not depend on how fast the machine is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import Play, play
from ansible_collections.vmguest.linux.tests.vm.qmp import QmpError
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

SEED = 3
CUTS = 6
BOTH: dict[str, Any] = {
    "vmguest_only": ["timer_interrupt_rate", "timekeeping_cmdline", "pvscsi_initrd"],
    "timer_interrupts_mode": "enforce",
    "pvscsi_initrd_mode": "enforce",
}
#: Flushes count here, and what was not flushed is lost.
HARDWARE = Hardware(cache="writeback")
WHOLE = """
for image in /boot/initrd.img-*; do lsinitramfs "$image" >/dev/null || exit 1; done
grub-script-check /boot/grub/grub.cfg
"""


def flushes(vm: VM) -> int:
    """How often the guest has flushed its disk since power on."""
    (disk,) = (entry for entry in vm.qmp("query-blockstats") if entry["qdev"].endswith("sd0") or entry["qdev"] == "sd0")
    return int(disk["stats"]["flush_operations"])


def remediate_until(vm: VM, flush: int | None, variables: Mapping[str, Any]) -> Play | None:
    """Remediate, and cut the power at that flush after the beginning; None where it was cut."""
    first = flushes(vm)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(play, "remediate", vm, variables, check=False)
        while flush is not None and not running.done():
            try:
                if flushes(vm) - first >= flush:
                    vm.kill()
                    break
            except QmpError:
                break
            time.sleep(0.01)
        done = running.result()
    return done if vm.alive else None


def receipts(vm: VM) -> str:
    """What the guest's own log of transactions says: receipt and state."""
    return vm.tell("cd /var/lib/vmguest/receipts 2>/dev/null && grep -s . */state | tr '\\n' ' ' || echo none")


@pytest.mark.claim("power", "killed at flushes of its disk, seed {seed}, {cuts} moments")
@pytest.mark.parametrize(("seed", "cuts"), [pytest.param(SEED, 1, marks=pytest.mark.sample), (SEED + 1, CUTS)])
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
