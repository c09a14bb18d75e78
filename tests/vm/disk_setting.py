# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A setting that each disk has: live, on a disk that is plugged in later, after a reboot, and taken back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM


@dataclass(frozen=True)
class DiskSetting:
    """What a recommendation makes of an attribute of each disk (below ``/sys/block/DISK``), and what the kernel had."""

    recommendation: str
    attribute: str
    former: str
    desired: str
    variables: dict[str, Any]

    @property
    def only(self) -> dict[str, Any]:
        """Variables of a run that looks at this recommendation only."""
        return {"vmguest_only": [self.recommendation], **self.variables}

    def of(self, vm: VM, disk: str) -> str:
        """What a disk has."""
        return vm.read_of_disk(disk, self.attribute)

    def see(self, proof: Recorder, vm: VM, when: str, disks: Sequence[str], expected: str) -> None:
        """Take down what disks have, which is what is expected of each."""
        found = [self.of(vm, disk) for disk in disks]
        proof.fact(when, ", ".join(found))
        assert found == [expected] * len(disks)

    def prove(self, proof: Recorder, vm: VM, disks: Sequence[str], plug: Callable[[int], None]) -> None:
        """Remediate and revert a guest whose disks have the former; ``plug`` gives it one more, by a number.

        Disks that were plugged in are gone after a reboot: the first of the disks stands for all then.
        """
        assert play("audit", vm, self.only).status_of(self.recommendation) == "noncompliant"

        assert play("remediate", vm, self.only).status_of(self.recommendation) == "compliant"
        self.see(proof, vm, "after remediation, live", disks, self.desired)
        self.see(proof, vm, "of a disk plugged in after that", [_plugged_in(vm, plug, 2)], self.desired)

        vm.restart()
        self.see(proof, vm, "after a reboot", disks[:1], self.desired)
        assert play("audit", vm, self.only).status_of(self.recommendation) == "compliant"

        play("revert", vm, {})
        self.see(proof, vm, "after revert, live", disks[:1], self.former)
        self.see(proof, vm, "of a disk plugged in after the revert", [_plugged_in(vm, plug, 3)], self.former)


def _plugged_in(vm: VM, plug: Callable[[int], None], number: int) -> str:
    """The name of a disk that the guest gets now."""
    there = vm.tell("udevadm settle; ls /sys/block")
    plug(number)
    changed = f'[ "$(ls /sys/block)" = {shlex.quote(there)} ]'
    now = vm.tell(f"for second in $(seq 30); do {changed} || break; sleep 1; done; ls /sys/block")
    (name,) = set(now.split()) - set(there.split())
    return name
