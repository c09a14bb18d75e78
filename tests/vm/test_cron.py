# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The herd: jobs of many guests that begin in the same minute, before and after cron_scatter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.proof import herd
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import evidence, play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

ONLY: dict[str, Any] = {"vmguest_only": ["cron_scatter", "timer_scatter"], "cron_scatter_mode": "enforce"}
GUESTS = 24
#: When systemd starts each timer next, as systemd itself says: "Fri 2026-11-27 00:00:00 UTC".
NEXT = "systemctl show --property=NextElapseUSecRealtime '*.timer'"


def shown(found: herd.Herd) -> str:
    """The busiest minute, for a person."""
    return f"{round(found.jobs, 1):g} of {found.total} jobs at {found.clock}"


@pytest.mark.sample(1)
@pytest.mark.claim("cron", "two dozen guests of all families (guest trees)")
def test_a_fleet(proof: Recorder) -> None:
    before, after, names = herd.measure(GUESTS)
    proof.fact("guests", f"{len(names)}: {', '.join(sorted(set(names)))}")
    proof.fact("busiest minute before", shown(before))
    proof.fact("busiest minute after", shown(after))
    assert before.total == after.total
    assert before.jobs >= GUESTS / 2
    assert after.jobs < before.jobs / 4


def together(vms: list[VM]) -> int:
    """The most timers of all guests that systemd will start in one minute."""
    lines = [line for vm in vms for line in vm.tell(NEXT).splitlines()]
    minutes = [found[1] for line in lines if (found := re.search(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d", line))]
    return max(Counter(minutes).values())


@pytest.mark.claim("cron", "two running guests, clones of one image")
def test_two_running_guests(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vms = [make_vm("debian", Hardware(memory_mib=384, number=number)) for number in (1, 2)]
    before = herd.herd(evidence(vm) for vm in vms)
    proof.fact("busiest minute before", shown(before))
    herded = together(vms)
    proof.fact("timers that systemd starts in the same minute next, before", herded)
    assert herded >= 2
    play("remediate", vms, ONLY)
    after = herd.herd(evidence(vm) for vm in vms)
    proof.fact("busiest minute after", shown(after))
    scattered = together(vms)
    proof.fact("timers that systemd starts in the same minute next, after", scattered)
    assert scattered < herded
    assert before.total == after.total
    assert before.jobs >= 2
    # Each job begins some time; no two do together.
    assert after.jobs < 2
