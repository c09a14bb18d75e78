# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole profile at once, then a reboot: nothing that it enforces is left undone, and what is left is told one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.vmguest.linux.tests.vm.claims import KEPT_AT_AUDIT
from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.page import only_looked_at
from ansible_collections.vmguest.linux.tests.vm.play import Play, play
from ansible_collections.vmguest.linux.tests.vm.results import Recorder
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: A guest is not left with these by a profile that enforces the recommendation.
UNDONE = {"noncompliant", "not_persistent", "pending_reboot", "failed"}


def findings(run: Play) -> list[dict[str, str]]:
    """Those of the one guest."""
    (record,) = run.records.values()
    return list(record["findings"])


def left(run: Play) -> list[str]:
    """What the profile enforces and is not done, in words."""
    return [
        f"{found['recommendation']}: {found['status']}, {found['reason']}"
        for found in findings(run)
        if found["mode"] == "enforce" and found["status"] in UNDONE
    ]


def counts(run: Play) -> str:
    """How many findings of each status."""
    counted = Counter(found["status"] for found in findings(run))
    return ", ".join(f"{number} {status}" for status, number in sorted(counted.items()))


def explained(run: Play) -> Iterator[tuple[str, str]]:
    """Each finding that is not compliant: what it is, and why."""
    for found in sorted(findings(run), key=lambda found: (found["status"], found["recommendation"])):
        if found["status"] in ("unknown", "manual"):
            yield f"{found['recommendation']} is {found['status']}", found["reason"]
        elif found["status"] in UNDONE:
            yield only_looked_at(found["recommendation"], found["status"]), found["reason"]
    others = [found for found in findings(run) if found["status"] == "not_applicable"]
    yield "not applicable", "\n".join(f"{found['recommendation']}: {found['reason']}" for found in others)


@pytest.mark.parametrize(
    "profile",
    [
        "baseline",
        pytest.param("everything", marks=pytest.mark.sample(8)),
        "io_intensive",
        "database",
        "density",
        "latency_sensitive",
        "network_forwarder",
        "legacy",
        "template",
    ],
)
@pytest.mark.claim("profiles", "profile {profile}")
def test_a_whole_profile(proof: Recorder, make_vm: Callable[..., VM], profile: str) -> None:
    vm = make_vm("debian", Hardware(memory_mib=2048), at_login=True)
    # There is no mirror to install from; the page says so.
    chosen = {"vmguest_profile": profile, f"{KEPT_AT_AUDIT}_mode": "audit"}
    before = vm.tell("cat /proc/cmdline")
    proof.fact("audit", counts(play("audit", vm, chosen)))
    remediated = play("remediate", vm, chosen)
    proof.fact("after remediation", counts(remediated))
    again = play("remediate", vm, chosen)
    assert "changed=0" in again.output, again.output
    # A reboot that no finding asks for shows as much: what is in the configuration is what comes back.
    rebooted = play("reboot", vm, {**chosen, "vmguest_reboot": "always"})
    proof.fact("after a reboot", counts(rebooted))
    assert not left(rebooted), left(rebooted)
    for what, why in explained(rebooted):
        proof.fact(what, why)

    play("revert", vm, chosen)
    reverted = play("reboot", vm, {**chosen, "vmguest_reboot": "always"})
    proof.fact("after revert and another reboot", counts(reverted))
    assert vm.tell("cat /proc/cmdline") == before
    assert not [found for found in findings(reverted) if found["status"] == "failed"]
