# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_cpu: idle=poll, stolen time, interrupts of cards, and weaknesses of the CPU."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.guest_cpu import (
    assess_irqbalance,
    assess_mitigations,
    assess_power,
    assess_steal,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

FORBIDDEN, ALLOWED = {"guest_cpu_idle_poll": False}, {"guest_cpu_idle_poll": True}


@pytest.mark.parametrize(
    ("arguments", "options", "status"),
    [
        ("idle=poll", ALLOWED, Status.COMPLIANT),
        ("quiet", ALLOWED, Status.COMPLIANT),
        # Nobody knows here what the next boot's arguments are.
        ("idle=poll", FORBIDDEN, Status.UNKNOWN),
    ],
)
def test_idle_poll(arguments, options, status):
    found = assess_power(evidence_of({"/proc/cmdline": f"ro {arguments}"}), options)
    assert found.status is status, found.reason


X86 = {"machine": (0, "x86_64\n")}


@pytest.mark.parametrize(
    ("release", "arguments", "stat", "status"),
    [
        ("6.1.0", "ro", "cpu  1 0 1 99 0 0 0 0 0 0", Status.NOT_APPLICABLE),
        ("6.1.0", "ro", "cpu  1 0 1 99 0 0 0 77 0 0", Status.COMPLIANT),
        # Nobody knows here what the next boot's arguments are: on trees it is taken out.
        ("6.1.0", "ro no-steal-acc", "cpu  1 0 1 99 0 0 0 0 0 0", Status.UNKNOWN),
        ("6.1.0", "ro", "cpu  1 0 1 99", Status.UNKNOWN),
        ("6.1.0", "ro", None, Status.UNKNOWN),
        ("5.6.0", "ro", "cpu  1 0 1 99 0 0 0 0 0 0", Status.NOT_APPLICABLE),
        ("", "ro", "cpu  1 0 1 99 0 0 0 0 0 0", Status.UNKNOWN),
    ],
)
def test_stolen_time(release, arguments, stat, status):
    evidence = evidence_of(
        {"/proc/sys/kernel/osrelease": release, "/proc/cmdline": arguments},
        commands=X86,
        lines={"kernel_lines": [("/proc/stat", 1, stat)] if stat else []},
    )
    found = assess_steal(evidence, {})
    assert found.status is status, found.reason


def test_another_architecture_cannot_see_it():
    evidence = evidence_of(commands={"machine": (0, "aarch64\n")})
    assert assess_steal(evidence, {}).status is Status.NOT_APPLICABLE


SPREAD = [" 24:  900000  800000  PCI-MSI-X  ens192-rxtx-0", " 25:  700000  900000  PCI-MSI-X  ens192-rxtx-1"]
ON_ONE = [" 24:  900000      10  PCI-MSI-X  ens192-rxtx-0", " 25:  700000       2  PCI-MSI-X  ens192-rxtx-1"]
FEW = [" 24:  900  1  PCI-MSI-X  ens192-rxtx-0", " 25:  700  2  PCI-MSI-X  ens192-rxtx-1"]


@pytest.mark.parametrize(
    ("online", "rows", "runs", "status", "word"),
    [
        ("0-1", SPREAD, False, Status.COMPLIANT, "spread"),
        ("0-1", ON_ONE, False, Status.MANUAL, "install irqbalance"),
        ("0-1", ON_ONE, True, Status.MANUAL, "leaves them there"),
        ("0-1", FEW, False, Status.COMPLIANT, "too few"),
        ("0-1", SPREAD[:1], False, Status.NOT_APPLICABLE, "more than one queue"),
        ("0", ON_ONE, False, Status.NOT_APPLICABLE, "one CPU"),
        (State.DENIED, ON_ONE, False, Status.UNKNOWN, ""),
    ],
)
def test_interrupts(online, rows, runs, status, word):
    evidence = evidence_of(
        {"/sys/devices/system/cpu/online": online},
        lines={
            "kernel_lines": [("/proc/interrupts", number, row) for number, row in enumerate(rows, 1)],
            "daemons": [("/proc/9/stat", 1, "9 (irqbalance) S 1")] if runs else [],
        },
    )
    found = assess_irqbalance(evidence, {})
    assert found.status is status, found.reason
    assert word in found.reason


FOLDER = "/sys/devices/system/cpu/vulnerabilities"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({}, Status.UNKNOWN),
        ({f"{FOLDER}/mds": "Not affected", f"{FOLDER}/l1tf": "Mitigation: PTE Inversion"}, Status.COMPLIANT),
        # A word in the middle is about something else.
        ({f"{FOLDER}/mds": "Mitigation: Clear CPU buffers; SMT vulnerable"}, Status.COMPLIANT),
        ({f"{FOLDER}/mds": "Vulnerable: Clear CPU buffers attempted, no microcode"}, Status.MANUAL),
        ({f"{FOLDER}/mds": State.DENIED}, Status.UNKNOWN),
    ],
)
def test_weaknesses(files, status):
    assert assess_mitigations(evidence_of(files), {}).status is status


def isolated(flags, arguments="ro", machine="x86_64", meltdown="Mitigation: PTI"):
    """Evidence of a guest whose kernel isolates page tables; ``flags`` of its first CPU, None where they cannot be read."""
    commands = {"machine": (0, machine)}
    if flags is not None:
        commands["first_cpu"] = (0, f"processor\t: 0\nflags\t\t: fpu {flags}")
    return evidence_of({f"{FOLDER}/meltdown": meltdown, "/proc/cmdline": arguments}, commands=commands)


@pytest.mark.parametrize(
    ("evidence", "status", "word"),
    [
        (isolated("pcid invpcid"), Status.COMPLIANT, "none is open"),
        (isolated("pcid"), Status.MANUAL, "no invpcid"),
        (isolated("lm"), Status.MANUAL, "the VM sees no pcid, no invpcid"),
        (isolated("lm"), Status.MANUAL, "hardware version"),
        (isolated("lm", "ro nopcid"), Status.MANUAL, "nopcid among the boot options"),
        (isolated("lm", machine=""), Status.MANUAL, "no pcid"),
        (isolated(None), Status.UNKNOWN, "pcid and invpcid"),
        (isolated("lm", meltdown="Not affected"), Status.COMPLIANT, ""),
        (isolated("lm", meltdown="Vulnerable"), Status.MANUAL, "meltdown: the VM may not see"),
        # A 32-bit kernel cannot use them: kernel_64bit.
        (isolated("pae", machine="i686"), Status.COMPLIANT, ""),
    ],
)
def test_page_table_isolation_at_little_cost(evidence, status, word):
    found = assess_mitigations(evidence, {})
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_mitigations_that_somebody_turned_off_are_named():
    found = assess_mitigations(evidence_of({f"{FOLDER}/mds": "Vulnerable", "/proc/cmdline": "ro mitigations=off"}), {})
    assert found.owner == "mitigations=off"
