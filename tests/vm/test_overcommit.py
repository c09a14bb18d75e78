# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that asks for more than there is: the OOM killer ends it, or it is told so and ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.vmguest.linux.tests.vm.console import killed
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: Below 2 GiB the recommendation does not apply.
MEMORY_MIB = 2048
ONLY: dict[str, Any] = {"vmguest_only": ["overcommit_policy"], "overcommit_mode": "enforce"}
#: A line without an end, all of which tail must hold. Its words go to the disk: a file in memory would be refused its page.
SAID = "/var/tmp/said"
ASKS = f"tail -n 1 /dev/zero 2>{SAID} >/dev/null; echo $?"


@pytest.mark.claim("overcommit", "a program that asks for more than the 2 GiB that there are")
def test_a_program_is_told_where_another_would_be_killed(proof: Recorder, make_vm: Callable[..., VM]) -> None:
    vm = make_vm("debian", Hardware(memory_mib=MEMORY_MIB))
    audit = play("audit", vm, ONLY)
    proof.fact("vm.overcommit_memory found", audit.finding("overcommit_policy")["runtime"])
    assert audit.status_of("overcommit_policy") == "noncompliant"
    status = vm.tell(ASKS)
    told = killed(vm.console)
    proof.fact("the program ends with, and the guest's console says", f"{status}: {told[-1] if told else 'nothing'}")
    assert status == "137"
    assert "(tail)" in told[-1]

    remediated = play("remediate", vm, ONLY)
    proof.fact("after remediation", remediated.finding("overcommit_policy")["runtime"])
    assert remediated.status_of("overcommit_policy") == "compliant"
    told = killed(vm.console)
    status, said = vm.tell(ASKS), vm.tell(f"cat {SAID}")
    proof.fact("the program ends with, and says", f"{status}: {said}")
    assert status == "1"
    assert "memory exhausted" in said
    assert killed(vm.console) == told
