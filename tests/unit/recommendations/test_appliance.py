# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""appliance: given these programs, drivers, packages and reports, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import resolve
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import OPTION
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.programs import FIRMWARE, PROGRAMS
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.appliance import (
    assess_jeos,
    assess_kernel,
    assess_practices,
    assess_tools,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

GUEST = resolve({})
TEMPLATE = {**GUEST, OPTION: True}
RELEASE = "6.1.0-28-amd64"


def entry(path, size=100):
    return Entry(path, "-", "rwxr-xr-x", 1, 0, 0, size)


@pytest.mark.parametrize("assess", [assess_jeos, assess_tools, assess_practices])
def test_what_is_no_template_is_left_alone(assess):
    assert assess(evidence_of(entries=[entry("/usr/bin/gcc")]), GUEST).status is Status.NOT_APPLICABLE


# ---- appliance_jeos --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_program_counts_wherever_it_is_unless_it_is_kept(name):
    for folder in ("/usr/bin", "/usr/sbin"):
        evidence = evidence_of(entries=[entry(f"{folder}/{name}")])
        found = assess_jeos(evidence, TEMPLATE)
        assert found.status is Status.MANUAL
        assert f"{name} ({PROGRAMS[name]})" in found.reason
        assert assess_jeos(evidence, {**TEMPLATE, "appliance_keep": [name]}).status is Status.COMPLIANT


def test_firmware_and_a_program_of_old():
    assert FIRMWARE in assess_jeos(evidence_of(entries=[entry(FIRMWARE)]), TEMPLATE).reason
    keep = {**TEMPLATE, "appliance_keep": ["linux-firmware"]}
    assert assess_jeos(evidence_of(entries=[entry(FIRMWARE)]), keep).status is Status.COMPLIANT
    assert assess_jeos(evidence_of(entries=[entry("/sbin/biosdevname")]), TEMPLATE).persistent == "biosdevname"
    assert assess_jeos(evidence_of(), TEMPLATE).status is Status.COMPLIANT


# ---- appliance_kernel_trim -------------------------------------------------------------------------------------------


def kernel(*modules, built_in=(), release=RELEASE, listed=True, machine="x86_64"):
    folder = f"/lib/modules/{release}"
    lines = [(f"{folder}/modules.dep", number, f"kernel/{name}.ko.xz:") for number, name in enumerate(modules, 1)]
    lines += [(f"{folder}/modules.builtin", number, f"kernel/{name}.ko") for number, name in enumerate(built_in, 1)]
    return evidence_of(
        {"/proc/sys/kernel/osrelease": release},
        base={**VMWARE},
        lines={"vmware_modules": lines},
        entries=[entry(f"{folder}/modules.dep")] if listed else [],
        commands={"machine": (0, machine)},
    )


NETWORK, BALLOON = "drivers/net/vmxnet3/vmxnet3", "drivers/misc/vmw_balloon"


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (kernel("drivers/scsi/vmw_pvscsi", NETWORK, BALLOON), Status.COMPLIANT, ""),
        (kernel("drivers/nvme/host/nvme", NETWORK, BALLOON), Status.COMPLIANT, ""),
        (kernel(BALLOON, built_in=("drivers/scsi/vmw_pvscsi", NETWORK)), Status.COMPLIANT, ""),
        (kernel("drivers/scsi/vmw_pvscsi", "drivers/misc/vmware_balloon", NETWORK), Status.COMPLIANT, ""),
        (kernel("drivers/scsi/vmw_pvscsi", BALLOON), Status.MANUAL, "network: none of vmxnet3"),
        (kernel(NETWORK, BALLOON), Status.MANUAL, "disks: none of"),
        (kernel("drivers/scsi/vmw_pvscsi", NETWORK), Status.MANUAL, "balloon: none of"),
        (kernel("drivers/scsi/vmw_pvscsi", NETWORK, machine=""), Status.MANUAL, "balloon: none of"),
        # Linux has no balloon driver for VMware but on x86.
        (kernel("drivers/nvme/host/nvme", NETWORK, machine="aarch64"), Status.COMPLIANT, ""),
        (kernel("drivers/nvme/host/nvme", BALLOON, machine="aarch64"), Status.MANUAL, "network: none of vmxnet3"),
        (kernel(), Status.MANUAL, "disks"),
        (kernel(release="2.6.18-398.el5"), Status.NOT_APPLICABLE, "VMware Tools'"),
        (kernel(listed=False), Status.UNKNOWN, "modules.dep"),
    ],
)
def test_the_running_kernel(evidence, status, words):
    for options in (GUEST, TEMPLATE):
        found = assess_kernel(evidence, options)
        assert found.status is status, found.reason
        assert words in found.reason


# ---- appliance_bundle_ovt --------------------------------------------------------------------------------------------


def packages(text, status=0):
    return evidence_of(commands={"dpkg_packages": (status, text)} if text is not None else None)


def test_tools_in_a_template():
    there = packages("open-vm-tools\tinstall ok installed\t2:12.2.0-1")
    assert assess_tools(there, TEMPLATE).status is Status.COMPLIANT
    found = assess_tools(packages("", 1), TEMPLATE)
    assert found.status is Status.MANUAL
    assert "tools_present" in found.reason
    assert assess_tools(packages(None), TEMPLATE).status is Status.UNKNOWN


# ---- appliance_best_practices ----------------------------------------------------------------------------------------


def test_the_report_of_the_build():
    report = entry("/usr/share/vmguest/template.json")
    assert assess_practices(evidence_of(entries=[report]), TEMPLATE).status is Status.COMPLIANT
    assert assess_practices(evidence_of(entries=[entry(report.path, size=0)]), TEMPLATE).status is Status.MANUAL
    found = assess_practices(evidence_of(), TEMPLATE)
    assert found.status is Status.MANUAL
    assert "something was applied" not in found.reason
    folder = "/var/lib/vmguest/receipts/000001-swappiness"
    applied = {
        f"{folder}/state": "done",
        f"{folder}/meta": "recommendation=swappiness\nrun=ab12\ntime=2026-11-26T08:00:00Z",
    }
    found = assess_practices(evidence_of(applied), TEMPLATE)
    assert found.status is Status.MANUAL
    assert "something was applied" in found.reason
    assert "ab12" in (found.persistent or "")
