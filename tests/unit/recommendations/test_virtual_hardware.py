# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""virtual_hardware: given what the host answers and what the inventory knows, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.host import READS as HOST_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.virtual_hardware import (
    assess_guest_id,
    assess_host,
    assess_snapshot,
    assess_stats,
    assess_version,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

OPTIONS = {
    "virtual_hardware_version": "",
    "virtual_hardware_minimum_version": 13,
    "virtual_hardware_guest_id": "",
    "virtual_hardware_oldest_host": "",
    "virtual_hardware_oldest_snapshot": "",
    "virtual_hardware_snapshot_days": 3,
}
#: Of a host without limits: a limit that is none is the largest number.
STATS = {"balloon": 0, "swap": 0, "memlimit": 4294967295, "cpulimit": 4294967295, "speed": 2394}


def options(**given):
    return {**OPTIONS, **{f"virtual_hardware_{name}": value for name, value in given.items()}}


def answers(host="VMware ESXi 8.0.3", **stats) -> str:
    """What the script of evidence/host.py prints; a stat that is None did not answer."""
    lines = []
    for name, amount in {**STATS, **stats}.items():
        lines.append(f"stat {name}")
        if amount is not None:
            lines.append(f"{amount} {'MHz' if name in ('cpulimit', 'speed') else 'MB'}")
    return "\n".join([*lines, *([f"host {host}"] if host else [])])


def guest(files=None, *, answer=None, status=0, machine="x86_64", day=True):
    """Evidence of a guest of 4 GB and two CPUs on 25 November 2026."""
    found = {
        "/proc/uptime": "86400.00 1.00",
        "/proc/meminfo": "MemTotal: 4028400 kB",
        "/sys/devices/system/cpu/online": "0-1",
        **(files or {}),
    }
    commands = {"host_answers": (status, answers() if answer is None else answer)}
    if machine:
        commands["machine"] = (0, machine)
    return evidence_of(
        found, lines={"kernel_lines": [("/proc/stat", 9, "btime 1795500000")] if day else []}, commands=commands
    )


# ---- host_current ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "oldest", "status", "word"),
    [
        ("VMware ESXi 8.0.3", "", Status.COMPLIANT, "until 2027-10-11"),
        ("VMware ESX 9.0.0", "", Status.COMPLIANT, "until 2027-09-17"),
        ("VMware ESXi 6.7.0", "", Status.MANUAL, "ended on 2022-10-15"),
        ("VMware ESXi 8.0.3", "9.0", Status.MANUAL, "expected 9.0 or later"),
        ("VMware ESXi 9.0.1", "9.0", Status.COMPLIANT, ""),
        ("VMware ESX 11.0.0", "", Status.COMPLIANT, "newer than what is known"),
        ("VMware ESXi 4.1.0", "", Status.UNKNOWN, "support_dates"),
        ("", "", Status.UNKNOWN, "was not told"),
    ],
)
def test_the_hosts_release(host, oldest, status, word):
    found = assess_host(guest(answer=answers(host)), options(oldest_host=oldest))
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_without_a_day_or_without_tools_it_is_unknown():
    assert assess_host(guest(day=False), OPTIONS).status is Status.UNKNOWN
    assert assess_host(guest(answer="", status=127), OPTIONS).status is Status.UNKNOWN


# ---- hw_version ------------------------------------------------------------------------------------------------------

PVSCSI = "0300\t15ad07c0\t12"
NVME = "1300\t15ad07f0\t13"


@pytest.mark.parametrize(
    ("version", "devices", "status", "runtime"),
    [
        ("vmx-19", "", Status.COMPLIANT, "version 19"),
        ("19", "", Status.COMPLIANT, "version 19"),
        ("vmx-08", NVME, Status.MANUAL, "version 8"),
        ("", NVME, Status.COMPLIANT, "version 13 or later (VMware7,1)"),
        ("", f"{PVSCSI}\n{NVME}", Status.COMPLIANT, "version 13 or later (VMware7,1)"),
        ("", PVSCSI, Status.UNKNOWN, "version 7 or later (VMware7,1)"),
        ("", "", Status.UNKNOWN, None),
        ("", State.DENIED, Status.UNKNOWN, None),
    ],
)
def test_the_version_of_the_virtual_hardware(version, devices, status, runtime):
    found = assess_version(guest({"/proc/bus/pci/devices": devices}), options(version=version))
    assert (found.status, found.runtime) == (status, runtime)


def test_an_old_version_may_be_enough():
    files = {"/proc/bus/pci/devices": PVSCSI}
    assert assess_version(guest(files), options(minimum_version=7)).status is Status.COMPLIANT


# ---- guest_id_match --------------------------------------------------------------------------------------------------


#: What the vSphere API calls Linux guests: VirtualMachineGuestOsIdentifier in vim25/types/enum.go of vmware/govmomi, commit
#: fd06160642a8c3609c0cd86e2bc25f2b4e974631 (August 2026).
_NAMES = """
redhatGuest rhel2Guest rhel3Guest rhel3_64Guest rhel4Guest rhel4_64Guest rhel5Guest rhel5_64Guest rhel6Guest
rhel6_64Guest rhel7Guest rhel7_64Guest rhel8_64Guest rhel9_64Guest rhel10_64Guest centosGuest centos64Guest centos6Guest
centos6_64Guest centos7Guest centos7_64Guest centos8_64Guest centos9_64Guest oracleLinuxGuest oracleLinux64Guest
oracleLinux6Guest oracleLinux6_64Guest oracleLinux7Guest oracleLinux7_64Guest oracleLinux8_64Guest oracleLinux9_64Guest
oracleLinux10_64Guest suseGuest suse64Guest slesGuest sles64Guest sles10Guest sles10_64Guest sles11Guest sles11_64Guest
sles12Guest sles12_64Guest sles15_64Guest sles16_64Guest nld9Guest oesGuest sjdsGuest mandrakeGuest mandrivaGuest
mandriva64Guest turboLinuxGuest turboLinux64Guest ubuntuGuest ubuntu64Guest debian4Guest debian4_64Guest debian5Guest
debian5_64Guest debian6Guest debian6_64Guest debian7Guest debian7_64Guest debian8Guest debian8_64Guest debian9Guest
debian9_64Guest debian10Guest debian10_64Guest debian11Guest debian11_64Guest debian12Guest debian12_64Guest
debian13Guest debian13_64Guest asianux3Guest asianux3_64Guest asianux4Guest asianux4_64Guest asianux5_64Guest
asianux7_64Guest asianux8_64Guest asianux9_64Guest miraclelinux_64Guest pardus_64Guest opensuseGuest opensuse64Guest
fedoraGuest fedora64Guest coreos64Guest vmwarePhoton64Guest other24xLinuxGuest other26xLinuxGuest otherLinuxGuest
other3xLinuxGuest other4xLinuxGuest other5xLinuxGuest other6xLinuxGuest other7xLinuxGuest genericLinuxGuest
other24xLinux64Guest other26xLinux64Guest other3xLinux64Guest other4xLinux64Guest other5xLinux64Guest
other6xLinux64Guest other7xLinux64Guest otherLinux64Guest amazonlinux2_64Guest amazonlinux3_64Guest crxPod1Guest
crxSys1Guest rockylinux_64Guest almalinux_64Guest fusionos_64Guest prolinux_64Guest kylinlinux_64Guest
"""
GUEST_TYPES = frozenset(_NAMES.split())


def guest_type(identity, version, machine="x86_64"):
    """The guest type that is expected for a distribution, None where there is none."""
    evidence = guest({"/etc/os-release": f'ID={identity}\nVERSION_ID="{version}"'}, machine=machine)
    return assess_guest_id(evidence, OPTIONS).desired


IDENTITIES = [
    "rhel",
    "centos",
    "rocky",
    "almalinux",
    "ol",
    "fedora",
    "amzn",
    "sles",
    "sles_sap",
    "sled",
    "opensuse-leap",
    "opensuse-tumbleweed",
    "debian",
    "ubuntu",
    "photon",
]


@pytest.mark.parametrize("identity", IDENTITIES)
@pytest.mark.parametrize("machine", ["x86_64", "i686"])
def test_no_guest_type_is_asked_for_that_vsphere_does_not_have(identity, machine):
    wanted = {guest_type(identity, version, machine) for version in [*range(31), 2023]}
    assert wanted - {None} <= GUEST_TYPES


@pytest.mark.parametrize(
    "prefix", ["rhel", "centos", "oracleLinux", "sles", "debian", "ubuntu", "fedora", "opensuse", "amazonlinux"]
)
def test_every_guest_type_of_a_distribution_is_that_of_a_release(prefix):
    wanted = {
        guest_type(identity, version, machine)
        for identity in IDENTITIES
        for version in [*range(31), 2023]
        for machine in ("x86_64", "i686")
    }
    assert {name for name in GUEST_TYPES if name.startswith(prefix)} <= wanted


@pytest.mark.parametrize(
    ("identity", "version", "machine"),
    [
        ("rhel", "11.0", "x86_64"),
        ("rhel", "8.10", "i686"),
        ("centos", "10", "x86_64"),
        ("debian", "14", "x86_64"),
        ("sles", "13", "x86_64"),
        ("sled", "15.6", "x86_64"),
        ("photon", "5.0", "i686"),
        ("amzn", "2", "i686"),
        ("arch", "", "x86_64"),
    ],
)
def test_what_vsphere_has_no_guest_type_for_is_unknown(identity, version, machine):
    evidence = guest({"/etc/os-release": f'ID={identity}\nVERSION_ID="{version}"'}, machine=machine)
    found = assess_guest_id(evidence, options(guest_id="otherGuest64"))
    assert (found.status, found.desired) == (Status.UNKNOWN, None)


@pytest.mark.parametrize(
    ("identity", "version", "machine", "wanted"),
    [
        ("centos", "5.11", "x86_64", "centos64Guest"),
        ("centos", "5.11", "i686", "centosGuest"),
        ("centos", "6.10", "i686", "centos6Guest"),
        ("ol", "5.11", "x86_64", "oracleLinux64Guest"),
        ("sles", "9.4", "i686", "slesGuest"),
        ("sles", "10.3", "i686", "sles10Guest"),
        ("rhel", "2.1", "i686", "rhel2Guest"),
        ("rhel", "9.4", "x86_64", "rhel9_64Guest"),
        ("rhel", "6.10", "i686", "rhel6Guest"),
        ("rocky", "9.4", "x86_64", "rockylinux_64Guest"),
        ("ol", "8.9", "x86_64", "oracleLinux8_64Guest"),
        ("sles", "15.6", "x86_64", "sles15_64Guest"),
        ("ubuntu", "24.04", "x86_64", "ubuntu64Guest"),
        ("ubuntu", "14.04", "i686", "ubuntuGuest"),
        ("debian", "12", "x86_64", "debian12_64Guest"),
        ("photon", "5.0", "x86_64", "vmwarePhoton64Guest"),
        ("amzn", "2023", "x86_64", "amazonlinux3_64Guest"),
    ],
)
def test_every_distributions_guest_type(identity, version, machine, wanted):
    evidence = guest({"/etc/os-release": f'ID={identity}\nVERSION_ID="{version}"'}, machine=machine)
    assert assess_guest_id(evidence, OPTIONS).status is Status.UNKNOWN
    assert assess_guest_id(evidence, OPTIONS).desired == wanted
    assert assess_guest_id(evidence, options(guest_id=wanted)).status is Status.COMPLIANT
    assert assess_guest_id(evidence, options(guest_id="other6xLinux64Guest")).status is Status.MANUAL


def test_the_number_of_bits_is_named():
    assert "64 bits" in assess_guest_id(guest(), options(guest_id="debian12Guest")).reason


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (guest({"/etc/os-release": "ID=arch"}), Status.UNKNOWN),
        (guest({"/etc/os-release": "ID=debian\nPRETTY_NAME=testing"}), Status.UNKNOWN),
        (guest(machine=""), Status.UNKNOWN),
        (guest(machine="aarch64"), Status.NOT_APPLICABLE),
    ],
)
def test_guest_types_that_are_not_known(evidence, status):
    assert assess_guest_id(evidence, options(guest_id="otherGuest")).status is status


# ---- guest_stats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stats", "status", "word"),
    [
        ({}, Status.COMPLIANT, "takes nothing back"),
        ({"memlimit": 4096}, Status.COMPLIANT, ""),
        ({"memlimit": 2048}, Status.MANUAL, "2048 MiB is below its 3933 MiB"),
        # A limit of nothing is no answer.
        ({"memlimit": 0}, Status.COMPLIANT, ""),
        ({"cpulimit": 4788}, Status.COMPLIANT, ""),
        ({"cpulimit": 1000}, Status.MANUAL, "1000 MHz is below its 2 CPUs"),
        ({"cpulimit": None, "speed": None}, Status.COMPLIANT, ""),
        ({"balloon": 512}, Status.MANUAL, "balloon holds 512 MiB"),
        ({"swap": 100, "balloon": 5}, Status.MANUAL, "swapped out 100 MiB"),
        ({"balloon": None}, Status.UNKNOWN, "stat balloon did not answer"),
        ({"memlimit": None}, Status.UNKNOWN, "stat memlimit did not answer"),
    ],
)
def test_what_the_host_takes(stats, status, word):
    found = assess_stats(guest(answer=answers(**stats)), OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_without_tools_there_is_nobody_to_ask():
    assert assess_stats(guest(answer="", status=127), OPTIONS).status is Status.NOT_APPLICABLE


# ---- snapshot_awareness ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oldest", "status"),
    [
        ("", Status.UNKNOWN),
        ("none", Status.COMPLIANT),
        ("2026-11-22", Status.COMPLIANT),
        ("2026-11-21", Status.MANUAL),
    ],
)
def test_the_oldest_snapshot(oldest, status):
    assert assess_snapshot(guest(), options(oldest_snapshot=oldest)).status is status


def test_a_snapshots_age_needs_a_day():
    assert assess_snapshot(guest(day=False), options(oldest_snapshot="2026-11-22")).status is Status.UNKNOWN


# ---- options and evidence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, None),
        ({"version": "vmx-19", "oldest_host": "8.0", "oldest_snapshot": "2026-11-24"}, None),
        ({"version": "ESXi 8"}, "virtual_hardware_version"),
        ({"oldest_host": "8"}, "virtual_hardware_oldest_host"),
        ({"oldest_snapshot": "yesterday"}, "virtual_hardware_oldest_snapshot"),
        ({"snapshot_days": -1}, "virtual_hardware_snapshot_days"),
    ],
)
def test_options_that_argument_specs_cannot_express(given, wrong):
    found = wrong_options(options(**given))
    assert found is None if wrong is None else found is not None and found.startswith(wrong)


OVF = """<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1">
   <PropertySection>
         <Property oe:key="hostname" oe:value="web1"/>
         <Property oe:key="root_password" oe:value="s3cret"/>
         <Property oe:key="admin_password" oe:value=""/>
   </PropertySection>
</Environment>"""


def test_no_value_of_the_ovf_environment_leaves_the_guest(tmp_path):
    """The script itself, with stand-ins for VMware Tools."""
    tools = {
        "vmware-toolbox-cmd": 'case "$*" in "stat raw"*) echo "version = VMware ESXi 8.0.3" ;; '
        '"stat cpulimit"|"stat speed") echo "2000 MHz" ;; stat*) echo "7 MB" ;; -v) echo "10.3.10.12406962 (build-1)" ;; esac',
        "vmtoolsd": f"cat <<'OVF'\n{OVF}\nOVF",
    }
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "etc" / "vmware-tools").mkdir(parents=True)
    (tmp_path / "etc/vmware-tools/locations").write_text("")
    (command,) = HOST_READS
    done = subprocess.run(
        command.argv,
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "s3cret" not in done.stdout
    host = guest(answer=done.stdout).host
    assert (host.asked, host.release, host.tools) == (True, (8, 0), "10.3.10.12406962")
    assert host.stats == {"balloon": 7, "swap": 7, "memlimit": 7, "cpulimit": 2000, "speed": 2000}
    assert host.ovf_properties == {"hostname": True, "root_password": True, "admin_password": False}
