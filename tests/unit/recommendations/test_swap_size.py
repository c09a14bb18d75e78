# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""swap_size: given this guest, the audit says this, and the remedy is that."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, resolve
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import AppendLine, EditFile, Run, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import SwapAtBoot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.swap_size import (
    RECOMMENDATIONS,
    SIGNATURE,
    assess,
    need_kib,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS, Tree, load, materialise
from ansible_collections.vmguest.linux.tests.unit.guest_tree import run as run_in_tree

GIB = 1048576  # KiB
SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
ROOT_LINE = "UUID=3255683f-53a2-4fdf-91cf-b4c1041e2a62 / ext4 errors=remount-ro 0 1\n"
OURS = "/swapfile.vmguest none swap sw 0 0"
#: 4 GiB of memory need 65 % of it, 2662.4 MiB; a new file for all of that has 2664 MiB.
NEEDED_MIB = 2662


def swap(path: str, kib: int, kind: str = "partition") -> str:
    return f"{path} {kind} {kib} 0 -2\n"


def link(path: str, target: str) -> Entry:
    return Entry(path, "l", "rwxrwxrwx", 1, 0, 0, len(target), target)


def plain(path: str, kib: int = 0) -> Entry:
    return Entry(path, "-", "rw-------", 1, 0, 0, kib * 1024)


#: sda2 as udev names it, and a logical volume.
LINKS = [
    link("/dev/disk/by-uuid/5a5a", "../../sda2"),
    link("/dev/disk/by-label/swap\\x2f1", "../../sda2"),
    link("/dev/disk/by-uuid/c0de", "../../dm-1"),
    link("/dev/mapper/rhel--9-the--swap", "../dm-1"),
]
PARTITIONS = "major minor  #blocks  name\n\n   8  0  41943040 sda\n   8  2  4194304 sda2\n 253  1  4194304 dm-1\n"


def assess_guest(
    *,
    swaps: str | State = "",
    fstab: str | State = "",
    memory_kib: int = 4 * GIB,
    reserved: tuple[int, str] | None = (0, "0 MB\n"),
    root: str = "ext4",
    root_options: str = "rw,relatime",
    free_kib: int = 30 * GIB,
    mounts: str = "",
    kernel: str = "6.1.0-28-amd64",
    files: Mapping[str, str | State] | None = None,
    links: tuple[Entry, ...] = (),
    lines: Mapping[str, list[tuple[str, int, str]]] | None = None,
    **options: Any,
) -> Verdict:
    """The verdict on a guest of 4 GiB without swap and reservation, as far as nothing else is said."""
    df = f"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 41943040 1 {free_kib} 9% /\n"
    evidence = evidence_of(
        {
            "/proc/meminfo": f"MemTotal:     {memory_kib} kB\nMemFree: 1 kB\n",
            "/proc/swaps": swaps if isinstance(swaps, State) else SWAPS + swaps,
            "/proc/partitions": PARTITIONS,
            "/proc/mounts": f"rootfs / rootfs rw 0 0\n/dev/sda1 / {root} {root_options} 0 0\n{mounts}",
            "/etc/fstab": fstab if isinstance(fstab, State) else ROOT_LINE + fstab,
            "/proc/sys/kernel/osrelease": kernel,
            **(files or {}),
        },
        base=VMWARE,
        entries=[*LINKS, *links],
        lines=lines,
        commands={"free_space": (1, df), **({"memory_reservation": reserved} if reserved else {})},
    )
    return assess(evidence, {**resolve({}, roles=("swap_size",)), **options})


def told(verdict: Verdict) -> list[str]:
    """The remedy as its sentences, lines of fstab written out."""
    found = []
    for step in verdict.remedy:
        if isinstance(step, EditFile):
            found += [f"{step.path}: {edit.line}" for edit in step.edits if isinstance(edit, AppendLine)]
        else:
            found.append(step.sentence)
    return found


# ---- how much --------------------------------------------------------------------------------------------------------

memory = st.integers(min_value=64 * 1024, max_value=24 * 1024 * GIB)
fractions = st.floats(min_value=0, max_value=1)


@given(memory, memory, fractions)
def test_the_need_is_never_negative_and_never_above_the_fraction(total: int, reserved: int, fraction: float) -> None:
    assert 0 <= need_kib(total, reserved, fraction) <= total * fraction


@given(memory, memory, memory, fractions)
def test_a_larger_reservation_never_needs_more_swap(total: int, one: int, other: int, fraction: float) -> None:
    assert need_kib(total, max(one, other), fraction) <= need_kib(total, min(one, other), fraction)


@given(memory, memory, memory, fractions)
def test_more_memory_never_needs_less_swap(one: int, other: int, reserved: int, fraction: float) -> None:
    assert need_kib(min(one, other), reserved, fraction) <= need_kib(max(one, other), reserved, fraction)


@pytest.mark.parametrize(
    ("total", "reserved", "need"),
    [
        pytest.param(1000, 0, 650, id="nothing reserved: what the balloon takes at most"),
        pytest.param(1000, 300, 650, id="a small reservation does not matter"),
        pytest.param(1000, 600, 400, id="a large one leaves less to take"),
        pytest.param(1000, 1000, 0, id="all of it"),
        pytest.param(1000, 1024, 0, id="more than MemTotal, which is less than the VM's memory"),
    ],
)
def test_need(total: int, reserved: int, need: int) -> None:
    assert need_kib(total, reserved, 0.65) == need


@given(
    st.integers(min_value=1024, max_value=16 * 1024 * GIB),
    st.integers(min_value=0, max_value=16 * 1024 * GIB),
    st.integers(min_value=0, max_value=16 * 1024 * GIB),
)
def test_after_the_remedy_the_audit_says_compliant(memory_kib: int, now_kib: int, unlisted_kib: int) -> None:
    """Law 2, for any memory and any swap: some is in fstab and on, some is on only."""
    fstab = "/swapfile none swap sw 0 0\n" if now_kib else ""
    swaps = (swap("/swapfile", now_kib, "file") if now_kib else "") + (
        swap("/swap.tmp", unlisted_kib, "file") if unlisted_kib else ""
    )
    before = assess_guest(memory_kib=memory_kib, swaps=swaps, fstab=fstab, free_kib=1 << 60)
    assert before.status in (Status.COMPLIANT, Status.NONCOMPLIANT, Status.NOT_PERSISTENT)
    for step in before.remedy:
        if isinstance(step, Run) and step.what.startswith("create"):
            mib = int(step.what.split(" MiB")[0].split()[-1])
            swaps += swap("/swapfile.vmguest", mib * 1024 - 64, "file")
        elif isinstance(step, EditFile):
            fstab += "".join(edit.line + "\n" for edit in step.edits if isinstance(edit, AppendLine))
    after = assess_guest(memory_kib=memory_kib, swaps=swaps, fstab=fstab, free_kib=1 << 60)
    assert after.status is Status.COMPLIANT


# ---- what the audit says ---------------------------------------------------------------------------------------------

ON = swap("/dev/sda2", 4 * GIB - 4)
SMALL = swap("/dev/sda2", GIB)
KUBELET = (plain("/var/lib/kubelet/config.yaml"),)


@pytest.mark.parametrize(
    ("guest", "status", "says"),
    [
        pytest.param({}, Status.NONCOMPLIANT, "swap is 0 MiB of the 2662 MiB", id="no swap"),
        pytest.param({"swaps": ON, "fstab": "/dev/sda2 none swap sw 0 0\n"}, Status.COMPLIANT, "", id="by device"),
        pytest.param({"swaps": ON, "fstab": "UUID=5a5a swap swap defaults 0 0\n"}, Status.COMPLIANT, "", id="by UUID"),
        pytest.param({"swaps": ON, "fstab": 'LABEL="swap/1" none swap sw\n'}, Status.COMPLIANT, "", id="by label"),
        pytest.param(
            {"swaps": swap("/dev/dm-1", 4 * GIB), "fstab": "/dev/rhel-9/the-swap none swap sw 0 0\n"},
            Status.COMPLIANT,
            "",
            id="a logical volume by its group",
        ),
        pytest.param(
            {
                "swaps": swap("/dev/mapper/VolGroup00-LogVol01", 4 * GIB),
                "fstab": "/dev/VolGroup00/LogVol01 swap swap defaults\n",
            },
            Status.COMPLIANT,
            "",
            id="a logical volume on EL5, whose kernel uses the mapper's name",
        ),
        pytest.param(
            {"swaps": swap("/dev/sda2", int(2662.4 * 1024 * 0.96)), "fstab": "/dev/sda2 none swap sw 0 0\n"},
            Status.COMPLIANT,
            "",
            id="less by no more than the tolerance",
        ),
        pytest.param(
            {"swaps": swap("/dev/sda2", int(2662.4 * 1024 * 0.94)), "fstab": "/dev/sda2 none swap sw 0 0\n"},
            Status.NONCOMPLIANT,
            "of the 2662 MiB",
            id="less by more than the tolerance",
        ),
        pytest.param({"swaps": ON}, Status.NOT_PERSISTENT, "the next boot brings 0 MiB", id="on, but not in fstab"),
        pytest.param(
            {"swaps": ON, "fstab": "#/dev/sda2 none swap sw 0 0\n"}, Status.NOT_PERSISTENT, "0 MiB", id="commented out"
        ),
        pytest.param(
            {"swaps": ON, "fstab": "/dev/sda2 none swap noauto 0 0\n"}, Status.NOT_PERSISTENT, "0 MiB", id="noauto"
        ),
        pytest.param(
            {"fstab": "UUID=5a5a none swap sw 0 0\n"}, Status.NONCOMPLIANT, "configured is off", id="in fstab, but off"
        ),
        pytest.param(
            {"swaps": swap("/dev/zram0", 4 * GIB)}, Status.NONCOMPLIANT, "swap is 0 MiB", id="zram does not count"
        ),
        pytest.param({"reserved": (0, "8192 MB\n")}, Status.NOT_APPLICABLE, "8192 MiB are reserved", id="all reserved"),
        pytest.param(
            {"reserved": (0, "3072 MB\n"), "swaps": SMALL, "fstab": "/dev/sda2 none swap sw 0 0\n"},
            Status.COMPLIANT,
            "3072 MiB are reserved",
            id="1 GiB of swap for the 1 GiB that is not reserved",
        ),
        pytest.param({"reserved": None}, Status.NONCOMPLIANT, "unknown reservation counts as 0", id="no tools"),
        pytest.param(
            {"reserved": (1, "")}, Status.NONCOMPLIANT, "unknown reservation counts as 0", id="the host is silent"
        ),
        pytest.param(
            {"swap_size_host_never_overcommits": True},
            Status.NOT_APPLICABLE,
            "never takes memory",
            id="no overcommitment",
        ),
        pytest.param({"swap_size_target": 0}, Status.NOT_APPLICABLE, "swap_size_target", id="none wanted"),
        pytest.param({"swap_size_target": 8192}, Status.NONCOMPLIANT, "8192 MiB", id="a target of one's own"),
        pytest.param({"links": KUBELET}, Status.MANUAL, "reservation of the whole 4096 MiB", id="Kubernetes"),
        pytest.param(
            {"links": KUBELET, "swaps": ON, "fstab": "/dev/sda2 none swap sw 0 0\n"},
            Status.COMPLIANT,
            "",
            id="Kubernetes with enough swap",
        ),
        pytest.param(
            {"links": KUBELET, "lines": {"fail_swap_on": [("/var/lib/kubelet/config.yaml", 9, "failSwapOn: false")]}},
            Status.NONCOMPLIANT,
            "",
            id="Kubernetes that bears swap",
        ),
        pytest.param(
            {"links": KUBELET, "lines": {"fail_swap_on": [("/var/lib/kubelet/config.yaml", 9, "# failSwapOn: false")]}},
            Status.MANUAL,
            "kubelet",
            id="Kubernetes that would bear swap but for the comment sign",
        ),
        pytest.param(
            {
                "links": KUBELET,
                "lines": {
                    "fail_swap_on": [
                        ("/var/lib/kubelet/config.yaml", 9, "failSwapOn: false"),
                        ("/etc/default/kubelet", 1, "KUBELET_EXTRA_ARGS=--fail-swap-on=true"),
                    ]
                },
            },
            Status.MANUAL,
            "kubelet",
            id="Kubernetes whose command line overrides its file",
        ),
        pytest.param({"swaps": State.MISSING}, Status.MANUAL, "this kernel cannot swap", id="a kernel without swap"),
        pytest.param({"swaps": State.DENIED}, Status.UNKNOWN, "/proc/swaps could not be read (denied)", id="denied"),
        pytest.param(
            {"fstab": State.DENIED}, Status.UNKNOWN, "/etc/fstab could not be read (denied)", id="fstab denied"
        ),
        pytest.param(
            {"files": {"/proc/meminfo": State.MISSING}},
            Status.UNKNOWN,
            "/proc/meminfo could not be read",
            id="no meminfo",
        ),
        pytest.param(
            {"swaps": ON, "fstab": "/data/swap none swap sw 0 0\n"},
            Status.UNKNOWN,
            "how much /data/swap (/etc/fstab:2) brings",
            id="enough now, but by a swap file of unknown size at boot",
        ),
        pytest.param(
            {"fstab": "/data/swap none swap sw 0 0\n"},
            Status.MANUAL,
            "off and of unknown size",
            id="off and of unknown size",
        ),
        pytest.param(
            {"fstab": "UUID=dead none swap sw 0 0\n"},
            Status.NONCOMPLIANT,
            "swap is 0 MiB",
            id="fstab names what is gone",
        ),
        pytest.param(
            {"swaps": ON, "links": (link("/etc/systemd/system/swap.target", "/dev/null"),)},
            Status.MANUAL,
            "systemctl unmask swap.target",
            id="all swap is masked",
        ),
        pytest.param(
            {
                "swaps": ON,
                "fstab": "/dev/sda2 none swap sw 0 0\n",
                "links": (link("/etc/systemd/system/dev-sda2.swap", "/dev/null"),),
            },
            Status.NOT_PERSISTENT,
            "the next boot brings 0 MiB",
            id="this swap is masked",
        ),
    ],
)
def test_verdict(guest: dict[str, Any], status: Status, says: str) -> None:
    verdict = assess_guest(**guest)
    assert (verdict.status, says in verdict.reason) == (status, True), verdict.reason


def test_both_sides_and_the_owner_are_told_apart() -> None:
    verdict = assess_guest(swaps=swap("/dev/zram0", GIB) + SMALL, fstab="UUID=c0de none swap sw 0 0\n")
    assert verdict.runtime == "1024 MiB (/dev/sda2); zram of 1024 MiB does not count"
    assert verdict.persistent == "4096 MiB (UUID=c0de 4096 MiB)"
    assert verdict.desired == "at least 2662 MiB"
    assert verdict.owner == "/etc/fstab:2"


@pytest.mark.parametrize(
    ("files", "links", "owner"),
    [
        pytest.param(
            {"/etc/systemd/system/dev-sda2.swap": "[Swap]\nWhat=/dev/sda2\n[Install]\nWantedBy=swap.target\n"},
            (link("/etc/systemd/system/swap.target.wants/dev-sda2.swap", "../dev-sda2.swap"),),
            "/etc/systemd/system/dev-sda2.swap",
            id="an enabled unit",
        ),
        pytest.param(
            {"/etc/systemd/system/dev-sda2.swap": "[Swap]\nWhat=/dev/sda2\n"}, (), None, id="a unit that is not enabled"
        ),
        pytest.param(
            {"/run/systemd/generator.late/dev-sda2.swap": "[Swap]\nWhat=/dev/disk/by-uuid/5a5a\n"},
            (),
            "/run/systemd/generator.late/dev-sda2.swap",
            id="a partition that the partition table names",
        ),
    ],
)
def test_units_are_the_persistent_side_too(files: dict[str, str], links: tuple[Entry, ...], owner: str | None) -> None:
    verdict = assess_guest(swaps=ON, files=files, links=links)
    assert (verdict.owner, verdict.status) == (owner, Status.COMPLIANT if owner else Status.NOT_PERSISTENT)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("swap_size_path", "swapfile", "expected an absolute path"),
        ("swap_size_path", "/swap file", "expected an absolute path"),
        ("swap_size_path", "/swap\nfile", "expected an absolute path"),
        ("swap_size_path", "/swap;reboot", "expected an absolute path"),
        ("swap_size_path", "/var/../swap", "expected an absolute path"),
        ("swap_size_fraction", 1.5, "at least 0 and at most 1"),
        ("swap_size_tolerance", -1.0, "at least 0 and at most 50"),
        ("swap_size_reserve_free", -1, "at least 0"),
        ("swap_size_target", -5, "at least 0"),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_any_guest_is_touched(
    option: str, value: object, says: str
) -> None:
    with pytest.raises(InputError) as refused:
        resolve_policy({option: value}, date(2026, 11, 24))
    assert option in str(refused.value)
    assert says in str(refused.value)


# ---- what would be done ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guest", "remedy"),
    [
        pytest.param(
            {},
            [
                "create the swap file /swapfile.vmguest of 2664 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest",
                f"/etc/fstab: {OURS}",
            ],
            id="no swap: a file, on now and at boot",
        ),
        pytest.param({"swaps": ON}, ["/etc/fstab: UUID=5a5a none swap sw 0 0"], id="a partition that is on only"),
        pytest.param(
            {"swaps": swap("/swap.img", 4 * GIB, "file")},
            ["/etc/fstab: /swap.img none swap sw 0 0"],
            id="a file that is on only",
        ),
        pytest.param({"fstab": "UUID=5a5a none swap sw 0 0\n"}, ["turn on swap in /dev/sda2"], id="configured but off"),
        pytest.param(
            {"swaps": SMALL, "fstab": "/dev/sda2 none swap sw 0 0\n"},
            [
                "create the swap file /swapfile.vmguest of 1640 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest",
                f"/etc/fstab: {OURS}",
            ],
            id="too little: a file for what lacks",
        ),
        pytest.param(
            {"swaps": SMALL},
            [
                "create the swap file /swapfile.vmguest of 1640 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest",
                "/etc/fstab: UUID=5a5a none swap sw 0 0",
                f"/etc/fstab: {OURS}",
            ],
            id="too little, and that on only: both lines",
        ),
        pytest.param(
            {"swaps": swap("/swapfile.vmguest", GIB, "file"), "fstab": OURS + "\n"},
            [
                "create the swap file /swapfile.vmguest.2 of 1640 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest.2",
                "/etc/fstab: /swapfile.vmguest.2 none swap sw 0 0",
            ],
            id="memory was added: a second file, no swapoff",
        ),
        pytest.param(
            {"swaps": swap("/dev/sdb1", 4 * GIB)},
            [
                "create the swap file /swapfile.vmguest of 2664 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest",
                f"/etc/fstab: {OURS}",
            ],
            id="a device without a lasting name is not put into fstab",
        ),
        pytest.param(
            {"swaps": swap("/swap.img\\040(deleted)", 4 * GIB, "file")},
            [
                "create the swap file /swapfile.vmguest of 2664 MiB, for root alone and without holes",
                "turn on swap in /swapfile.vmguest",
                f"/etc/fstab: {OURS}",
            ],
            id="a removed file cannot come back at boot",
        ),
        pytest.param({"fstab": State.MISSING, "swaps": ON}, ["create /etc/fstab"], id="no fstab: it is made"),
    ],
)
def test_remedy(guest: dict[str, Any], remedy: list[str]) -> None:
    assert told(assess_guest(**guest)) == remedy


def test_a_name_that_is_taken_is_left_alone() -> None:
    verdict = assess_guest(links=(plain("/swapfile.vmguest", GIB), plain("/swapfile.vmguest.2")))
    assert told(verdict)[1] == "turn on swap in /swapfile.vmguest.3"


def test_a_new_fstab_holds_the_line() -> None:
    step = assess_guest(fstab=State.MISSING, swaps=ON).remedy[0]
    assert isinstance(step, WriteFile)
    assert (step.content, step.before) == ("UUID=5a5a none swap sw 0 0\n", None)


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        pytest.param({"root": "overlay"}, "a layer over an image", id="overlay"),
        pytest.param({"root": "tmpfs"}, "in memory", id="tmpfs"),
        pytest.param({"root": "nfs4"}, "on the network", id="nfs"),
        pytest.param({"root": "zfs"}, "deadlock", id="zfs"),
        pytest.param({"root": "vfat"}, "not known to hold swap files safely", id="a file system without owners"),
        pytest.param({"root_options": "ro"}, "/ (ext4) is mounted read-only", id="read-only"),
        pytest.param(
            {"root": "btrfs", "kernel": "4.12.14-122.37-default"}, "since kernel 5.0, this is 4.12", id="old btrfs"
        ),
        pytest.param({"root": "btrfs"}, "snapshots of the root subvolume", id="root on btrfs"),
        pytest.param(
            {"free_kib": 3 * GIB},
            "a swap file of 2664 MiB at /swapfile.vmguest has no room: / (ext4) has 3072 MiB free",
            id="no room",
        ),
        pytest.param({"files": {"/proc/mounts": ""}}, "/proc/mounts does not tell", id="no mounts"),
        pytest.param({"files": {"/run/ostree-booted": ""}}, "is immutable", id="ostree"),
    ],
)
def test_where_no_swap_file_can_be_a_person_is_told_why(guest: dict[str, Any], says: str) -> None:
    verdict = assess_guest(**guest)
    assert (verdict.status, says in verdict.reason) == (Status.MANUAL, True), verdict.reason


def test_room_is_measured_with_what_must_stay_free() -> None:
    """2664 MiB for the file and 1024 MiB that stay free, to the KiB."""
    enough = (2664 + 1024) * 1024
    assert assess_guest(free_kib=enough).status is Status.NONCOMPLIANT
    assert assess_guest(free_kib=enough - 1).status is Status.MANUAL


def script(root: str, kernel: str, mounts: str = "", **options: Any) -> str:
    step = assess_guest(root=root, kernel=kernel, mounts=mounts, **options).remedy[0]
    assert isinstance(step, Run)
    return step.do


@pytest.mark.parametrize(
    ("root", "kernel", "preallocated"),
    [
        ("ext4", "6.1.0", True),
        ("ext4", "4.18.0-553.el8", True),
        ("xfs", "4.18.0-553.el8", True),
        ("xfs", "3.10.0-1160.el7", False),
        ("ext4", "2.6.32-754.el6", False),
        ("ext3", "5.10.0", False),
        ("ext3", "2.6.9-89.EL", False),
    ],
)
def test_a_file_is_preallocated_only_where_swapon_takes_that(root: str, kernel: str, preallocated: bool) -> None:
    do = script(root, kernel)
    assert ("fallocate" in do, "dd if=/dev/zero" in do) == (preallocated, True)


def test_on_btrfs_copy_on_write_is_off_before_the_file_has_content() -> None:
    do = script("ext4", "6.1.0", "/dev/sda3 /var btrfs rw 0 0\n", swap_size_path="/var/swapfile.vmguest")
    assert 0 < do.index("chattr +C") < do.index("dd if=/dev/zero")
    assert "fallocate" not in do


def test_the_signature_is_on_disk_before_the_file_has_its_name() -> None:
    """Else a power cut leaves a file of that name that the undo takes for somebody else's."""
    do = script("ext4", "6.1.0")
    assert do.index(SIGNATURE) < do.index("\non_disk ") < do.index("\nmv ")


def test_selinux_knows_the_file_as_swap() -> None:
    do = script("xfs", "5.14.0", "selinuxfs /sys/fs/selinux selinuxfs rw 0 0\n")
    assert do.index("chcon -t swapfile_t") < do.index("mv ")
    assert "chcon" not in script("xfs", "5.14.0")


# ---- the commands, run -----------------------------------------------------------------------------------------------
#
# In a guest tree, whose shells find stand-ins only for what would touch the machine (swapon above all: Debian's busybox
# has one of its own, which comes before PATH, and the tree's busybox has not). What makes the file is the real program.

REAL = ("dd", "fallocate", "mkswap")
#: Nothing runs where a name leads elsewhere: a real swapon would use this machine's kernel, whatever its root directory.
ONLY_STAND_INS = """for name in swapon swapoff; do
  case $(command -v $name) in "$ROOT"/.state/bin/*) ;; *) echo "$name is no stand-in"; exit 97 ;; esac
done"""
#: 40 MiB of memory: a file of 27 MiB, so that nothing has to pretend.
SMALL_GUEST = {"memory_kib": 40 * 1024, "swap_size_reserve_free": 0}
FILE = "/swapfile.vmguest"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = materialise(load("debian12"), tmp_path / "guest")
    for name in REAL:
        found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert found, f"this machine has no {name}: install util-linux and coreutils"
        replace_command(made, name).symlink_to(found)
    return made


def replace_command(tree: Tree, name: str, body: str | None = None) -> Path:
    """The stand-in ``name`` becomes ``body``, or makes room for something else."""
    stand_in = tree.state / "bin" / name
    stand_in.unlink(missing_ok=True)
    if body is not None:
        stand_in.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        stand_in.chmod(0o755)
    return stand_in


def run(tree: Tree, shell: str, line: str) -> tuple[int, str]:
    """Exit status and output of a step's command line, run as apply.sh runs it: ROOT is set."""
    script = f"ROOT={tree.root}; export ROOT; set -u\n{ONLY_STAND_INS}\n{line}\n"
    done = run_in_tree(tree, script, shell)
    return done.returncode, done.stdout.decode()


def steps(**guest: Any) -> tuple[Run, Run]:
    create, turn_on, _fstab = assess_guest(**SMALL_GUEST, **guest).remedy
    assert isinstance(create, Run)
    assert isinstance(turn_on, Run)
    return create, turn_on


def names(tree: Tree) -> list[str]:
    return sorted(path.name for path in tree.root.iterdir())


@pytest.mark.parametrize("shell", SHELLS)
def test_without_stand_ins_nothing_is_run(tree: Tree, shell: str) -> None:
    replace_command(tree, "swapon")
    assert run(tree, shell, "echo ran") == (97, "swapon is no stand-in\n")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("kernel", ["6.1.0", "2.6.9-89.EL"], ids=["preallocated", "written"])
def test_the_swap_file_is_made_turned_on_and_undone(tree: Tree, shell: str, kernel: str) -> None:
    create, turn_on = steps(kernel=kernel)
    swaps, content, file = tree.read("/proc/swaps"), names(tree), tree.path(FILE)
    assert run(tree, shell, create.proof)[0] != 0

    assert run(tree, shell, create.do) == (0, "")
    assert run(tree, shell, create.proof) == (0, "")
    state = file.stat()
    assert (oct(state.st_mode), state.st_size) == ("0o100600", 27 * 1024 * 1024)
    assert state.st_blocks * 512 >= state.st_size, "it has holes"
    with open(file, "rb") as opened:
        header = opened.read(4096)
    assert (header[: len(SIGNATURE)], header[4086:]) == (SIGNATURE.encode(), b"SWAPSPACE2")
    assert not tree.path(FILE + ".part").exists()

    assert run(tree, shell, turn_on.proof)[0] != 0
    assert run(tree, shell, turn_on.do)[0] == 0
    assert run(tree, shell, turn_on.proof) == (0, "")
    assert run(tree, shell, create.undo) == (1, f"{FILE} is in use as swap\n")
    assert run(tree, shell, turn_on.undo)[0] == 0
    assert run(tree, shell, create.undo) == (0, "")
    assert (tree.read("/proc/swaps"), names(tree)) == (swaps, content)
    assert [call.split()[0] for call in tree.calls if call.startswith("swap")] == ["swapon", "swapoff"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_undo_of_what_was_never_done_does_nothing(tree: Tree, shell: str) -> None:
    tree.write(FILE, "somebody's")
    # The dot of the name is a dot.
    tree.path("/proc/swaps").chmod(0o644)
    tree.write("/proc/swaps", SWAPS + swap("/swapfileXvmguest", GIB, "file"))
    before = names(tree)
    for step in steps():
        assert run(tree, shell, step.undo) == (0, "")
    assert (names(tree), tree.read(FILE)) == (before, "somebody's")
    assert not [call for call in tree.calls if call.startswith("swap")]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_undo_of_a_half_made_file_removes_it(tree: Tree, shell: str) -> None:
    before = names(tree)
    tree.write(FILE + ".part", "half")
    assert run(tree, shell, steps()[0].undo) == (0, "")
    assert names(tree) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_that_the_disk_did_not_take_gets_no_name(tree: Tree, shell: str) -> None:
    """Its proof reads from memory: only sync tells."""
    replace_command(
        tree, "sync", "case $* in *.part) echo \"sync: error syncing '$2': Input/output error\" >&2; exit 1 ;; esac"
    )
    before, create = names(tree), steps()[0]
    assert run(tree, shell, create.do) == (1, f"a write to disk failed: {tree.path(FILE)}.part\n")
    assert not tree.path(FILE).exists()
    assert run(tree, shell, create.undo) == (0, "")
    assert names(tree) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_of_that_name_is_not_touched(tree: Tree, shell: str) -> None:
    tree.write(FILE, "somebody's")
    create = steps()[0]
    assert run(tree, shell, create.do) == (1, f"{FILE} is there already: remove it, or set swap_size_path to another\n")
    assert run(tree, shell, create.undo) == (0, "")
    assert tree.read(FILE) == "somebody's"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_planted_link_is_not_followed(tree: Tree, shell: str) -> None:
    tree.path(FILE).symlink_to(tree.path("/elsewhere"))
    assert run(tree, shell, steps()[0].do)[0] == 1
    assert not tree.path("/elsewhere").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_link_planted_in_the_place_of_the_unfinished_file_is_replaced(tree: Tree, shell: str) -> None:
    tree.write("/victim", "somebody's")
    tree.path(FILE + ".part").symlink_to(tree.path("/victim"))
    assert run(tree, shell, steps()[0].do)[0] == 0
    assert tree.read("/victim") == "somebody's"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("free", "status"),
    [(27 * 1024, 0), (27 * 1024 - 1, 1), (0, 1), (3 << 40, 0)],
    ids=["room", "no room", "none", "3 PiB"],
)
def test_room_that_went_since_the_audit_stops_it_before_a_byte_is_written(
    tree: Tree, shell: str, free: int, status: int
) -> None:
    (tree.state / "filesystems").write_text(f"/ /dev/sda1 ext4 {8 << 40} {free}\n")
    before = names(tree)
    done = run(tree, shell, steps()[0].do)
    assert done == (status, f"27 MiB of swap file and 0 MiB to stay free do not go into {free} KiB\n" if status else "")
    assert status == 0 or names(tree) == before


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("command", "kernel"), [("mkswap", "6.1.0"), ("dd", "6.1.0"), ("dd", "2.6.32"), ("fallocate", "6.1.0")]
)
def test_a_command_that_fails_fails_the_step_and_the_undo_cleans_up(
    tree: Tree, shell: str, command: str, kernel: str
) -> None:
    replace_command(tree, command, "exit 1")
    before = names(tree)
    create = steps(kernel=kernel)[0]
    # Without fallocate the file is written.
    assert run(tree, shell, create.do)[0] == (0 if command == "fallocate" else 1)
    if command != "dd":  # the undo needs dd, to know its file
        assert run(tree, shell, create.undo) == (0, "")
        assert names(tree) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_folder_is_named(tree: Tree, shell: str) -> None:
    create = steps(swap_size_path="/srv/swap/file")[0]
    assert run(tree, shell, create.do) == (1, "there is no folder /srv/swap\n")


def test_it_only_reports_unless_asked_for_more() -> None:
    assert [(entry.id, entry.baseline, entry.area) for entry in RECOMMENDATIONS] == [("swap_size", "audit", "memory")]


def test_a_swap_at_boot_tells_what_it_is() -> None:
    """The facts show these fields."""
    assert list(SwapAtBoot.__dataclass_fields__) == ["spec", "path", "size_kib", "owner", "masked_by"]
