# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hotadd_online: what is offline, and whose udev rule brings online what is added."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.hotplug import (
    AUTO_ONLINE,
    BLOCK_SIZE,
    POSSIBLE,
    PRESENT,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.hotadd_online import RULE, assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

RULES = "/usr/lib/udev/rules.d"
PHOTON = [
    'SUBSYSTEM=="cpu", ACTION=="add", TEST=="online", ATTR{online}=="0", ATTR{online}="1"',
    'SUBSYSTEM=="memory", ACTION=="add", TEST=="state", ATTR{state}=="offline", ATTR{state}="online"',
]
REDHAT = [PHOTON[0], 'ATTR{state}=="offline", ATTR{state}="$env{.state}"']
UBUNTU = [
    'SUBSYSTEM=="memory", ACTION=="add", DEVPATH=="/devices/system/memory/memory[0-9]*", TEST=="state", '
    'ATTR{state}!="online", ATTR{state}="online"',
    'SUBSYSTEM=="cpu", ACTION=="add", DEVPATH=="/devices/system/cpu/cpu[0-9]*", TEST=="online", '
    'ATTR{online}!="1", ATTR{online}="1"',
]
#: Has CPU hot-add, and memory that comes and goes.
HOT = {POSSIBLE: "0-127", PRESENT: "0-1", BLOCK_SIZE: "8000000", AUTO_ONLINE: "offline"}


def verdict(files=None, *, rules=(), name="40-x.rules", offline=(), cpus=True, memory=True) -> Verdict:
    found = {**HOT, **(files or {})}
    evidence = evidence_of(
        {path: text for path, text in found.items() if text is not None},
        lines={
            "udev_rules": [(f"{RULES}/{name}", number, line) for number, line in enumerate(rules, 1)],
            "kernel_lines": [(path, 1, "0" if "cpu" in path else "offline") for path in offline],
        },
    )
    return assess(evidence, {"hotadd_online_cpus": cpus, "hotadd_online_memory": memory})


CPU, BLOCK = "/sys/devices/system/cpu/cpu2/online", "/sys/devices/system/memory/memory40/state"


@pytest.mark.parametrize(
    ("rules", "name", "status"),
    [
        (PHOTON, "99-vmware-hotplug.rules", Status.COMPLIANT),
        (REDHAT, "40-redhat.rules", Status.COMPLIANT),
        # For Hyper-V and Xen.
        (UBUNTU, "40-vm-hotadd.rules", Status.NOT_PERSISTENT),
        ((), "", Status.NOT_PERSISTENT),
        (PHOTON[:1], "40-cpu.rules", Status.NOT_PERSISTENT),
        (["# " + line for line in PHOTON], "40-x.rules", Status.NOT_PERSISTENT),
        # Nobody knows here whether it holds for this guest.
        (['PROGRAM=="/bin/x", ' + line for line in PHOTON], "40-x.rules", Status.NOT_PERSISTENT),
    ],
)
def test_whose_rule(rules, name, status):
    found = verdict(rules=rules, name=name)
    assert found.status is status, found.reason


def test_only_what_nobody_sees_to_is_in_our_rule():
    (step,) = verdict(rules=PHOTON[:1]).remedy
    assert isinstance(step, WriteFile)
    assert step.path == RULE
    assert 'SUBSYSTEM=="memory"' in step.content
    assert 'SUBSYSTEM=="cpu"' not in step.content


def test_what_is_offline_comes_online_now():
    found = verdict(rules=PHOTON, offline=(CPU, BLOCK))
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy[0] == WriteKernel(CPU, "0", "1")
    assert isinstance(found.remedy[1], Run)
    assert "cpu2, memory40 is there and not used" in found.reason
    both = verdict(offline=(CPU,))
    assert [type(step) for step in both.remedy] == [WriteFile, WriteKernel]


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({AUTO_ONLINE: "online", "/proc/cmdline": "ro memhp_default_state=online"}, Status.NOT_PERSISTENT),
        ({AUTO_ONLINE: "online"}, Status.NOT_PERSISTENT),
        ({AUTO_ONLINE: None}, Status.NOT_PERSISTENT),
    ],
)
def test_the_kernels_own_way_counts_only_where_the_next_boot_has_it(files, status):
    assert verdict(files, rules=PHOTON[:1]).status is status


def test_the_kernel_was_built_to_do_it():
    evidence = evidence_of(
        {**HOT, AUTO_ONLINE: "online"},
        lines={
            "udev_rules": [(f"{RULES}/x.rules", 1, PHOTON[0])],
            "kconfig": [("/boot/config-6.1.0-28-amd64", 1, "CONFIG_MEMORY_HOTPLUG_DEFAULT_ONLINE=y")],
        },
    )
    found = assess(evidence, {"hotadd_online_cpus": True, "hotadd_online_memory": True})
    assert found.status is Status.COMPLIANT
    assert "CONFIG_MEMORY_HOTPLUG_DEFAULT_ONLINE" in (found.owner or "")


@pytest.mark.parametrize(
    ("files", "offline", "word"),
    [
        ({"/proc/cmdline": "ro maxcpus=2"}, (CPU,), "maxcpus"),
        ({"/proc/cmdline": "ro nosmt"}, (CPU,), "nosmt"),
        ({POSSIBLE: "0-1"}, (), "no CPU can be added"),
    ],
)
def test_cpus_are_left_alone(files, offline, word):
    found = verdict({**files, BLOCK_SIZE: None}, offline=offline)
    assert found.status is Status.NOT_APPLICABLE
    assert word in found.reason
    with_memory = verdict(files, offline=offline, rules=PHOTON[1:])
    assert with_memory.status is Status.COMPLIANT
    assert word in with_memory.reason


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({POSSIBLE: State.DENIED}, Status.UNKNOWN),
        ({PRESENT: State.DENIED}, Status.UNKNOWN),
        ({BLOCK_SIZE: State.DENIED}, Status.UNKNOWN),
        ({POSSIBLE: None}, Status.NOT_APPLICABLE),
        # RHEL 5: its udev assigns to no attribute.
        ({"/proc/sys/kernel/osrelease": "2.6.18-398.el5"}, Status.NOT_APPLICABLE),
    ],
)
def test_what_is_not_known_or_cannot_be(files, status):
    assert verdict(files).status is status


def test_an_old_udev_leaves_it_to_a_person():
    found = verdict({"/proc/sys/kernel/osrelease": "2.6.18-398.el5"}, offline=(CPU,))
    assert found.status is Status.MANUAL
    assert "after each addition" in found.reason


def test_nothing_is_asked():
    assert verdict(offline=(CPU, BLOCK), cpus=False, memory=False).status is Status.NOT_APPLICABLE
    assert verdict(offline=(CPU,), rules=PHOTON, cpus=False).status is Status.COMPLIANT


def test_our_rule_that_is_not_among_those_read_is_no_reason_to_write_it_again():
    (step,) = verdict().remedy
    assert isinstance(step, WriteFile)
    assert verdict({RULE: step.content}).status is Status.UNKNOWN
