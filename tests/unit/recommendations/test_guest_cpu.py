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


def boots(arguments="ro"):
    """The file of a boot entry with these arguments."""
    return {"/boot/loader/entries/a.conf": f"linux /vmlinuz\noptions {arguments}"}


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({}, Status.UNKNOWN),
        ({f"{FOLDER}/mds": "Not affected", f"{FOLDER}/l1tf": "Mitigation: PTE Inversion"}, Status.COMPLIANT),
        # What VMs may do to their host, or to one another, no guest can cure.
        ({f"{FOLDER}/mds": "Mitigation: Clear CPU buffers; SMT vulnerable"}, Status.COMPLIANT),
        ({f"{FOLDER}/mds": "Mitigation: Clear CPU buffers; SMT Host state unknown"}, Status.COMPLIANT),
        ({f"{FOLDER}/l1tf": "Mitigation: PTE Inversion; VMX: vulnerable"}, Status.COMPLIANT),
        ({f"{FOLDER}/l1tf": "Mitigation: PTE Inversion; VMX: cache flushes, SMT vulnerable"}, Status.COMPLIANT),
        ({f"{FOLDER}/itlb_multihit": "KVM: Vulnerable"}, Status.COMPLIANT),
        ({f"{FOLDER}/srbds": "Unknown: Dependent on hypervisor status"}, Status.COMPLIANT),
        # A part of a weakness is open beside another's mitigation.
        ({f"{FOLDER}/spectre_v2": "Mitigation: Enhanced / Automatic IBRS; BHI: Vulnerable"}, Status.MANUAL),
        ({f"{FOLDER}/spectre_v2": "Mitigation: Retpolines, PBRSB-eIBRS: Vulnerable"}, Status.MANUAL),
        ({f"{FOLDER}/spectre_v2": "Mitigation: Retpolines; BHI: Vulnerable, KVM: SW loop"}, Status.MANUAL),
        ({f"{FOLDER}/spectre_v2": "Mitigation: Retpolines; BHI: SW loop, KVM: SW loop"}, Status.COMPLIANT),
        ({f"{FOLDER}/mds": "Vulnerable: Clear CPU buffers attempted, no microcode"}, Status.MANUAL),
        ({f"{FOLDER}/mds": State.DENIED}, Status.UNKNOWN),
    ],
)
def test_weaknesses(files, status):
    assert assess_mitigations(evidence_of({**boots(), **files}), {}).status is status


def isolated(flags, arguments="ro", machine="x86_64", meltdown="Mitigation: PTI"):
    """Evidence of a guest whose kernel isolates page tables; ``flags`` of its first CPU, None where they cannot be read."""
    commands = {"machine": (0, machine)}
    if flags is not None:
        commands["first_cpu"] = (0, f"processor\t: 0\nflags\t\t: fpu {flags}")
    return evidence_of({**boots(), f"{FOLDER}/meltdown": meltdown, "/proc/cmdline": arguments}, commands=commands)


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


def switched(now, at_boot=None, **values):
    """The verdict on a guest with these arguments, and with what sysfs says of its weaknesses (fine, if nothing is given)."""
    files = {f"{FOLDER}/{name}": text for name, text in (values or {"meltdown": "Not affected"}).items()}
    options = now if at_boot is None else at_boot
    return assess_mitigations(evidence_of({**files, "/proc/cmdline": f"ro {now}", **boots(f"ro {options}")}), {})


VM = "the VM may not see"
ENTRY = "/boot/loader/entries/a.conf:2"


@pytest.mark.parametrize(
    ("arguments", "values", "open_by_them"),
    [
        ("mitigations=off", {"mds": "Vulnerable"}, "mds"),
        ("mitigations=auto,nosmt,no_user_user", {"spectre_v2": "Vulnerable"}, "spectre_v2"),
        ("nopti", {"meltdown": "Vulnerable"}, "meltdown"),
        ("pti=off", {"meltdown": "Vulnerable"}, "meltdown"),
        ("nospectre_v1", {"spectre_v1": "Vulnerable: Load fences"}, "spectre_v1"),
        ("nospectre_v2", {"spectre_v2": "Vulnerable", "retbleed": "Vulnerable"}, "retbleed, spectre_v2"),
        ("spectre-v2=off", {"spectre_v2": "Vulnerable"}, "spectre_v2"),
        ("spectre_bhi=off", {"spectre_v2": "Mitigation: Retpolines; BHI: Vulnerable"}, "spectre_v2"),
        ("nospec_store_bypass_disable", {"spec_store_bypass": "Vulnerable"}, "spec_store_bypass"),
        ("tsx_async_abort=off", {"tsx_async_abort": "Vulnerable"}, "tsx_async_abort"),
        ("mmio_stale_data=off", {"mmio_stale_data": "Vulnerable"}, "mmio_stale_data"),
    ],
)
def test_mitigations_that_somebody_switched_off_are_the_arguments_and_not_the_cpu(arguments, values, open_by_them):
    found = switched(arguments, **values)
    assert (found.status, found.owner, found.persistent) == (Status.MANUAL, arguments, arguments)
    assert f"off by {arguments} ({ENTRY}), and so leave open: {open_by_them}." in found.reason
    assert VM not in found.reason


def test_what_no_argument_leaves_open_is_the_cpus():
    found = switched("nopti nospectre_v2", meltdown="Vulnerable", spectre_v2="Vulnerable", mds="Vulnerable")
    assert found.owner == "nopti nospectre_v2"
    assert "leave open: meltdown, spectre_v2." in found.reason
    assert f"Besides, mds: {VM}" in found.reason
    found = switched("quiet", meltdown="Vulnerable")
    assert (found.owner, found.reason.startswith(f"meltdown: {VM}")) == ("the CPU that the VM sees", True)


@pytest.mark.parametrize(
    "arguments",
    ["mitigations=auto", "mitigations=auto,nosmt,no_guest_host", "l1tf=off", "kvm.nx_huge_pages=off", "mds=full"],
)
def test_what_leaves_nothing_of_a_guest_open(arguments):
    assert switched(arguments).status is Status.COMPLIANT


def test_both_sides_of_what_switches_mitigations_off():
    found = switched("quiet", "mitigations=off")
    assert (found.status, f"off by mitigations=off ({ENTRY}). Take" in found.reason) == (Status.MANUAL, True)
    found = switched("mitigations=off", "quiet", mds="Vulnerable")
    assert (found.status, found.owner) == (Status.PENDING_REBOOT, "mitigations=off")
    files = {f"{FOLDER}/meltdown": "Not affected", "/proc/cmdline": "ro"}
    assert assess_mitigations(evidence_of(files), {}).status is Status.UNKNOWN
    # What is known to be wrong is said, whatever cannot be read.
    found = assess_mitigations(evidence_of({**files, "/proc/cmdline": "ro nopti"}), {})
    assert (found.status, "nopti (/proc/cmdline)" in found.reason) == (Status.MANUAL, True)
