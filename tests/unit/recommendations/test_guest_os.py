# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_os: given this release, this day, this kernel and this boot menu, the audit says this."""

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.support_dates import (
    DISTRIBUTIONS,
    HOSTS,
    host_release,
    release_of,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.calendar import today
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cpu import FEATURES, MODALIAS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.guest_os import (
    assess_4g4g,
    assess_64bit,
    assess_current,
    assess_portable,
    assess_vmi,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

OPTIONS = {"guest_os_extended_support": False, "guest_os_kernel": "", "guest_os_keep_arguments": []}
CONTRACT = {**OPTIONS, "guest_os_extended_support": True}
#: 24 November 2026.
BOOTED = 1795500000
CMDLINE = "BOOT_IMAGE=/boot/vmlinuz-6.1.0-28-amd64 root=/dev/sda1 ro quiet"
MENU = """\
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Linux' {
  linux /boot/vmlinuz-KERNEL root=/dev/sda1 ro quiet
  initrd /boot/initrd.img
}
### END /etc/grub.d/10_linux ###"""


def os_release(identity: str, version: str) -> str:
    return f'ID={identity}\nVERSION_ID="{version}"\nPRETTY_NAME="{identity} {version}"'


def guest(
    files=None, *, machine="x86_64", kernel="6.1.0-28-amd64", boots=None, booted=BOOTED, entries=(), cpu="", **more
):
    """Evidence of a guest that was booted a day ago, with one boot entry."""
    commands = {"machine": (0, machine)} if machine else {}
    if cpu:
        commands["first_cpu"] = (0, f"processor\t: 0\nflags\t\t: fpu {cpu}")
    found = {
        "/proc/sys/kernel/osrelease": kernel,
        "/proc/uptime": "86400.00 1.00",
        "/proc/cmdline": CMDLINE,
        "/boot/grub/grub.cfg": MENU.replace("KERNEL", boots or kernel),
        **(files or {}),
    }
    return evidence_of(
        {path: text for path, text in found.items() if text is not None},
        lines={"kernel_lines": [("/proc/stat", 9, f"btime {booted}")] if booted else []},
        entries=entries,
        commands=commands,
        **more,
    )


# ---- guest_os_current ------------------------------------------------------------------------------------------------


def test_the_guests_own_day():
    assert today(guest()) == date(2026, 11, 25)
    assert today(guest(booted=0)) is None
    assert today(guest({"/proc/uptime": State.DENIED})) is None


@pytest.mark.parametrize(
    ("identity", "version", "options", "status", "word"),
    [
        ("rhel", "9.4", OPTIONS, Status.COMPLIANT, "gets updates, and"),
        ("rhel", "7.9", OPTIONS, Status.MANUAL, "ended on 2024-06-30"),
        ("rhel", "7.9", OPTIONS, Status.MANUAL, "guest_os_extended_support"),
        ("rhel", "7.9", CONTRACT, Status.COMPLIANT, "gets updates until 2029-05-31"),
        ("rhel", "6.10", CONTRACT, Status.MANUAL, "ended on 2024-06-30"),
        # Volunteers make Debian's LTS for everybody.
        ("debian", "12", OPTIONS, Status.COMPLIANT, "gets updates until 2028-06-30"),
        ("debian", "11", OPTIONS, Status.MANUAL, "ended on 2026-08-31"),
        ("ubuntu", "22.04", OPTIONS, Status.COMPLIANT, "until 2027-04-01"),
        ("ubuntu", "24.04", OPTIONS, Status.COMPLIANT, "gets updates, and"),
        ("sles", "15.7", OPTIONS, Status.COMPLIANT, "gets updates, and"),
        ("sles", "15.6", OPTIONS, Status.MANUAL, "2025-12-31"),
        ("sles", "15", OPTIONS, Status.MANUAL, "2019-12-31"),
        ("photon", "5.0", OPTIONS, Status.COMPLIANT, ""),
        ("photon", "3.0", OPTIONS, Status.MANUAL, ""),
        ("amzn", "2023", OPTIONS, Status.COMPLIANT, ""),
        ("arch", "", OPTIONS, Status.UNKNOWN, "not known here"),
    ],
)
def test_until_when_a_release_gets_updates(identity, version, options, status, word):
    found = assess_current(guest({"/etc/os-release": os_release(identity, version)}), options)
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_every_release_is_found_by_what_os_release_says():
    for release in DISTRIBUTIONS:
        major, dummy, minor = release.cycle.partition(".")
        assert release_of(release.id, int(major), int(minor or 0)) is release
        assert release.extended is None or (release.end is not None and release.extended > release.end)
    assert host_release(8, 0) in HOSTS
    assert host_release(4, 1) is None


@pytest.mark.parametrize("mark", ["/run/reboot-required", "/run/reboot-needed"])
def test_updates_that_wait_for_a_reboot(mark):
    found = assess_current(guest(entries=[Entry(mark, "-", "rw-r--r--", 1, 0, 0, 9)]), OPTIONS)
    assert (found.status, found.owner) == (Status.PENDING_REBOOT, mark)


def test_a_kernel_that_waits_for_a_reboot():
    found = assess_current(guest(boots="6.1.0-30-amd64"), OPTIONS)
    assert (found.status, found.persistent) == (Status.PENDING_REBOOT, "6.1.0-30-amd64")


def installed(release):
    """A kernel in /boot, and its modules."""
    paths = (f"/boot/vmlinuz-{release}", f"/lib/modules/{release}/modules.dep")
    return [Entry(path, "-", "rw-r--r--", 1, 0, 0, 9) for path in paths]


def menu_of(*releases):
    """GRUB 2's menu with these kernels, of which the first boots by itself."""
    return "\n".join(MENU.replace("KERNEL", release) for release in releases)


APPROVED_28 = {**OPTIONS, "guest_os_kernel": "6.1.0-28-amd64"}


@pytest.mark.parametrize(
    ("menu", "running", "images", "options", "status", "word"),
    [
        (["6.1.0-28-amd64", "6.1.0-40-amd64"], "6.1.0-28-amd64", [], OPTIONS, Status.MANUAL, "make it the entry that boots"),
        (["6.1.0-28-amd64"], "6.1.0-28-amd64", ["6.1.0-40-amd64"], OPTIONS, Status.MANUAL, "which lacks it"),
        # The newest runs, and the next boot goes back.
        (["6.1.0-28-amd64", "6.1.0-40-amd64"], "6.1.0-40-amd64", [], OPTIONS, Status.MANUAL, "kernel 6.1.0-40-amd64 is"),
        (["6.1.0-40-amd64", "6.1.0-28-amd64"], "6.1.0-28-amd64", [], OPTIONS, Status.PENDING_REBOOT, ""),
        (["6.1.0-40-amd64", "6.1.0-28-amd64"], "6.1.0-40-amd64", [], OPTIONS, Status.COMPLIANT, ""),
        # 9 is older than 28.
        (["6.1.0-28-amd64", "6.1.0-9-amd64"], "6.1.0-28-amd64", ["5.10.0-33-amd64"], OPTIONS, Status.COMPLIANT, ""),
        # Of another kind, for repairs, or no kernel that a package brought.
        (["6.1.0-28-amd64", "6.1.0-40-cloud-amd64"], "6.1.0-28-amd64", [], OPTIONS, Status.COMPLIANT, ""),
        (["2.6.18-398.el5", "2.6.18-412.el5xen"], "2.6.18-398.el5", [], OPTIONS, Status.COMPLIANT, ""),
        (["5.15.0-1.el8uek.x86_64"], "5.15.0-1.el8uek.x86_64", ["6.2.0-1.el8.x86_64"], OPTIONS, Status.COMPLIANT, ""),
        (["6.1.0-28-amd64"], "6.1.0-28-amd64", ["0-rescue-0a1b", "6.1.0-40-amd64.old"], OPTIONS, Status.COMPLIANT, ""),
        # As rpm counts: an update of a build comes after it.
        (["5.14.0-427.el9.x86_64"], "5.14.0-427.el9.x86_64", ["5.14.0-427.5.1.el9_4.x86_64"], OPTIONS, Status.MANUAL, ""),
        (["5.14.0-427.5.1.el9_4.x86_64"], "5.14.0-427.5.1.el9_4.x86_64", ["5.14.0-427.el9.x86_64"], OPTIONS, Status.COMPLIANT, ""),
        # Somebody approved the older one.
        (["6.1.0-28-amd64", "6.1.0-40-amd64"], "6.1.0-28-amd64", [], APPROVED_28, Status.COMPLIANT, ""),
    ],
)  # fmt: skip
def test_the_newest_kernel_that_is_installed(menu, running, images, options, status, word):
    entries = [entry for release in images for entry in installed(release)]
    found = assess_current(guest({"/boot/grub/grub.cfg": menu_of(*menu)}, kernel=running, entries=entries), options)
    assert (found.status, word in found.reason) == (status, True), found.reason
    assert found.remedy == ()


BLS = {
    "/boot/grub/grub.cfg": None,
    "/boot/grub2/grub.cfg": "set default=0\nblscfg",
    "/boot/loader/entries/a-6.1.0-28-amd64.conf": "title x\nversion 6.1.0-28-amd64\nlinux /vmlinuz-6.1.0-28-amd64\noptions ro",
}


def test_an_entry_that_cannot_be_read_may_be_a_newer_kernels():
    assert assess_current(guest(BLS), OPTIONS).status is Status.COMPLIANT
    denied = {**BLS, "/boot/loader/entries/a-6.1.0-40-amd64.conf": State.DENIED}
    assert assess_current(guest(denied), OPTIONS).status is Status.UNKNOWN


def test_what_is_left_of_a_kernel_that_was_removed_is_none():
    assert assess_current(guest(entries=installed("6.1.0-40-amd64")[:1]), OPTIONS).status is Status.COMPLIANT


def test_a_name_that_links_to_the_kernel():
    link = Entry("/boot/vmlinuz", "l", "rwxrwxrwx", 1, 0, 0, 9, "vmlinuz-6.1.0-28-amd64")
    menu = MENU.replace("vmlinuz-KERNEL", "vmlinuz")
    assert assess_current(guest({"/boot/grub/grub.cfg": menu}, entries=[link]), OPTIONS).status is Status.COMPLIANT
    assert assess_current(guest({"/boot/grub/grub.cfg": menu}), OPTIONS).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "evidence",
    [
        guest(booted=0),
        guest({"/proc/sys/kernel/osrelease": State.DENIED}),
        guest({"/boot/grub/grub.cfg": None}),
        guest({"/boot/grub/grub.cfg": State.DENIED}),
    ],
)
def test_what_cannot_be_read_is_unknown(evidence):
    assert assess_current(evidence, OPTIONS).status is Status.UNKNOWN


def approved(release):
    return {**OPTIONS, "guest_os_kernel": release}


DEBIAN = {"/etc/os-release": os_release("debian", "12")}


@pytest.mark.parametrize("release", ["6.1.0-28-amd64", "6.1.0-9-amd64", "5.10.0-33-amd64"])
def test_a_newer_kernel_is_as_good_as_the_approved_one(release):
    assert assess_current(guest(DEBIAN), approved(release)).status is Status.COMPLIANT


@pytest.mark.parametrize("release", ["6.1.0-29-amd64", "6.1.0-100-amd64", "6.12.9+bpo-amd64", "6.12.117+deb12-amd64"])
def test_an_approved_kernel_is_added(release):
    found = assess_current(guest(DEBIAN), approved(release))
    assert (found.status, found.desired, found.reboot) == (Status.NONCOMPLIANT, release, True)
    (step,) = found.remedy
    assert step.what == f"install kernel {release} beside the others with apt-get, and make /boot/grub/grub.cfg anew"
    assert step.alone_from == ("packages", "boot")


def test_updates_that_wait_for_a_reboot_come_first():
    mark = Entry("/run/reboot-required", "-", "rw-r--r--", 1, 0, 0, 9)
    assert assess_current(guest(DEBIAN, entries=[mark]), approved("6.1.0-29-amd64")).status is Status.PENDING_REBOOT


@pytest.mark.parametrize(
    ("release", "wrong"),
    [
        ("", False),
        ("6.1.0-28-amd64", False),
        ("6.12.117+deb12-amd64", False),
        ("5.14.0-503.el9.x86_64", False),
        ("6.4.0-150600.23.47-default", False),
        ("6.1.0-28-amd64; reboot", True),
        ("--help", True),
        ("newest", True),
        ("6.1.0-28-amd64\n", True),
        ("6.1.0 28", True),
    ],
)
def test_what_is_no_release_is_not_given_to_apt(release, wrong):
    assert bool(wrong_options(approved(release))) is wrong


DKMS_MODULE = Entry("/var/lib/dkms/zfs", "d", "rwxr-xr-x", 1, 0, 0, 9)
THERE = Entry("/boot/vmlinuz-6.1.0-29-amd64", "-", "rw-r--r--", 1, 0, 0, 9)
OWN_ENTRY = MENU.replace("10_linux", "09_own")
TWO = MENU.replace(
    "### END", "menuentry 'other' {\n  linux /boot/vmlinuz-6.9.0-1-amd64 root=/dev/sda1 ro quiet\n}\n### END"
)


@pytest.mark.parametrize(
    ("release", "files", "more", "word"),
    [
        ("6.1.0-29-amd64", {"/etc/os-release": os_release("rhel", "9.4")}, {}, "before the image is proved"),
        ("6.1.0-29-amd64", {"/etc/os-release": os_release("sles", "15.7")}, {}, "before the image is proved"),
        ("6.1.0-29-amd64", {"/etc/default/grub": "GRUB_DEFAULT=saved"}, {}, "GRUB_DEFAULT=saved"),
        ("6.1.0-29-amd64", {"/etc/default/grub.d/x.cfg": "GRUB_DEFAULT='1>2'"}, {}, "GRUB_DEFAULT=1>2"),
        ("6.1.0-29-amd64", {"/boot/grub/grub.cfg": OWN_ENTRY}, {}, "an entry of one's own"),
        ("6.1.0-29-amd64", {"/boot/grub/grub.cfg": "# DO NOT OVERWRITE\n" + MENU}, {}, "must not be generated"),
        ("6.1.0-29-cloud-amd64", {}, {}, "of another flavour"),
        ("6.1.0-29-rt-amd64", {}, {}, "of another flavour"),
        ("6.1.0-29", {}, {}, "of another flavour"),
        ("6.1.0-29-amd64", {"/boot/grub/grub.cfg": TWO}, {}, "6.9.0-1-amd64 is in the menu"),
        ("6.1.0-29-amd64", {}, {"entries": [THERE]}, "the menu does not start it"),
        ("6.1.0-29-amd64", {}, {"entries": [DKMS_MODULE]}, "/var/lib/dkms/zfs is built for each kernel"),
    ],
)
def test_why_a_kernel_is_not_added(release, files, more, word):
    files = {path: text.replace("KERNEL", "6.1.0-28-amd64") for path, text in files.items()}
    found = assess_current(guest({**DEBIAN, **files}, **more), approved(release))
    assert (found.status, bool(found.owner), word in found.reason) == (Status.MANUAL, True, True), found.reason


# ---- 32 bits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "cpu", "status"),
    [
        ("x86_64", "", Status.COMPLIANT),
        ("aarch64", "", Status.COMPLIANT),
        ("i686", "sse2 lm", Status.MANUAL),
        ("i686", "sse2", Status.NOT_APPLICABLE),
        ("i686", "", Status.UNKNOWN),
        ("ppc64le", "", Status.NOT_APPLICABLE),
        ("", "", Status.UNKNOWN),
    ],
)
def test_64_bits_where_the_processor_has_them(machine, cpu, status):
    assert assess_64bit(guest(machine=machine, cpu=cpu), OPTIONS).status is status


GRUB_LEGACY = "default=0\ntitle x\n\troot (hd0,0)\n\tkernel /vmlinuz-KERNEL ro root=/dev/sda2\n\tinitrd /initrd.img\n"


def old(
    kernel,
    boots=None,
    memory="4000000",
    machine="i686",
    release="Red Hat Enterprise Linux AS release 4 (Nahant Update 9)",
):
    """Evidence of a 32-bit guest with GRUB legacy."""
    base = {path: text for path, text in VMWARE.items() if path != "/etc/os-release"}
    files = {
        "/proc/sys/kernel/osrelease": kernel,
        "/etc/redhat-release": release,
        "/proc/cmdline": "ro root=/dev/sda2",
        "/boot/grub/grub.conf": GRUB_LEGACY.replace("KERNEL", boots or kernel),
        **({"/proc/meminfo": f"MemTotal: {memory} kB"} if memory else {}),
    }
    return evidence_of(files, base=base, commands={"machine": (0, machine)} if machine else {})


SMP, HUGEMEM = "2.6.9-100.ELsmp", "2.6.9-100.ELhugemem"


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (old(SMP), Status.COMPLIANT),
        (old(HUGEMEM), Status.MANUAL),
        (old(SMP, boots=HUGEMEM), Status.MANUAL),
        (old(HUGEMEM, boots=SMP), Status.MANUAL),
        # Red Hat advises it from 8 GB on, and the smp kernel ends at 16.
        (old(HUGEMEM, memory="12000000"), Status.COMPLIANT),
        (old(HUGEMEM, memory="32000000"), Status.COMPLIANT),
        (old(HUGEMEM, memory=""), Status.UNKNOWN),
        (old("", boots=SMP), Status.UNKNOWN),
        (old(SMP, machine=""), Status.UNKNOWN),
        (old(SMP, machine="x86_64"), Status.NOT_APPLICABLE),
        (old("2.6.18-398.el5", release="Red Hat Enterprise Linux Server release 5.11"), Status.NOT_APPLICABLE),
    ],
)
def test_a_kernel_with_4_gb_each(evidence, status):
    assert assess_4g4g(evidence, OPTIONS).status is status


CLOCK = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
SLES10 = "SUSE Linux Enterprise Server 10 (i586)\nVERSION = 10\nPATCHLEVEL = 3"


def vmi(kernel, files=None, machine="i686"):
    """Evidence of a 32-bit guest with this kernel."""
    return guest(files, kernel=kernel, machine=machine)


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (vmi("2.6.32-754.el6.i686"), Status.COMPLIANT),
        (vmi("2.6.32-754.el6.i686", {CLOCK: "vmi-timer"}), Status.MANUAL),
        (vmi("2.6.24-19-vmi"), Status.MANUAL),
        (vmi("2.6.16.60-0.54-vmipae", {"/etc/os-release": None, "/etc/SuSE-release": SLES10}), Status.NOT_APPLICABLE),
        (vmi("2.6.37-1-686"), Status.NOT_APPLICABLE),
        (vmi("2.6.18-398.el5"), Status.NOT_APPLICABLE),
        (vmi("2.6.32-754.el6.x86_64", machine="x86_64"), Status.NOT_APPLICABLE),
        (vmi("2.6.32-754.el6.i686", machine=""), Status.UNKNOWN),
        (vmi("2.6.32-754.el6.i686", {"/boot/grub/grub.cfg": None}), Status.UNKNOWN),
        (vmi("", {"/proc/sys/kernel/osrelease": State.DENIED}), Status.UNKNOWN),
    ],
)
def test_vmi_is_gone(evidence, status):
    assert assess_vmi(evidence, OPTIONS).status is status


def test_sles_10_had_vmi_before_mainline():
    base = {path: text for path, text in VMWARE.items() if path != "/etc/os-release"}
    kernel = "2.6.16.60-0.54-vmipae"
    files = {
        "/etc/SuSE-release": SLES10,
        "/proc/sys/kernel/osrelease": kernel,
        "/proc/cmdline": "root=/dev/sda2",
        "/boot/grub/menu.lst": GRUB_LEGACY.replace("KERNEL", kernel),
    }
    found = assess_vmi(evidence_of(files, base=base, commands={"machine": (0, "i686")}), OPTIONS)
    assert found.status is Status.MANUAL


# ---- kernel_portable -------------------------------------------------------------------------------------------------


def with_arguments(words: str):
    """Evidence of a guest that runs and boots with them."""
    return guest(
        {
            "/proc/cmdline": f"{CMDLINE} {words}",
            "/boot/grub/grub.cfg": MENU.replace("KERNEL", "6.1.0-28-amd64").replace("quiet", f"quiet {words}"),
            "/etc/default/grub": f'GRUB_CMDLINE_LINUX_DEFAULT="quiet {words}"',
        }
    )


@pytest.mark.parametrize(
    ("words", "kept", "status"),
    [
        ("splash", [], Status.COMPLIANT),
        ("mem=4G", [], Status.NONCOMPLIANT),
        ("memmap=4G", [], Status.COMPLIANT),
        ("maxcpus=2", [], Status.NONCOMPLIANT),
        ("intel_idle.max_cstate=0", [], Status.NONCOMPLIANT),
        ("intel_idle.use_acpi=1", [], Status.NONCOMPLIANT),
        ("processor.ignore_ppc=1", [], Status.NONCOMPLIANT),
        ("dis_ucode_ldr", [], Status.NONCOMPLIANT),
        ("clearcpuid=514 noxsave", [], Status.NONCOMPLIANT),
        # Somebody else's business: security, and the clock.
        ("mitigations=off nopti lpj=2394000", [], Status.COMPLIANT),
        ("mem=4G", ["mem"], Status.COMPLIANT),
        ("maxcpus=2", ["maxcpus=2"], Status.COMPLIANT),
        ("maxcpus=2", ["maxcpus=4"], Status.NONCOMPLIANT),
    ],
)
def test_arguments_of_one_machine(words, kept, status):
    found = assess_portable(with_arguments(words), {**OPTIONS, "guest_os_keep_arguments": kept})
    assert found.status is status, found.reason
    assert found.reboot == (status is Status.NONCOMPLIANT)


def flavour(kernel, boots=None, memory=2000000, machine="i686"):
    """Evidence of a guest with this kernel and so many KiB of memory."""
    return guest(
        {"/proc/meminfo": f"MemTotal: {memory} kB" if memory else ""}, kernel=kernel, boots=boots, machine=machine
    )


@pytest.mark.parametrize(
    ("evidence", "status", "word"),
    [
        (flavour("2.6.18-6-k7"), Status.MANUAL, "AMD's K7"),
        (flavour("2.6.18-6-686"), Status.MANUAL, "Pentium Pro"),
        (flavour("2.6.18-398.el5xen"), Status.MANUAL, "Xen"),
        (flavour("2.6.18-398.el5xen", machine="x86_64"), Status.MANUAL, "Xen"),
        (flavour("2.6.16.60-0.21-xen"), Status.MANUAL, "Xen"),
        (flavour("2.6.18-398.el5PAE"), Status.MANUAL, "more than 4 GB"),
        (flavour("3.0.101-63-pae"), Status.MANUAL, "more than 4 GB"),
        (flavour("3.2.0-4-686-pae"), Status.MANUAL, "more than 4 GB"),
        (flavour("2.6.16.60-0.21-bigsmp"), Status.MANUAL, "more than 4 GB"),
        (flavour("2.6.9-100.ELhugemem"), Status.MANUAL, "much memory"),
        # What the memory asks for is right.
        (flavour("2.6.18-398.el5PAE", memory=6000000), Status.COMPLIANT, ""),
        (flavour("2.6.16.60-0.21-bigsmp", memory=6000000), Status.COMPLIANT, ""),
        (flavour("2.6.9-100.ELhugemem", memory=6000000), Status.MANUAL, "much memory"),
        (flavour("2.6.9-100.ELhugemem", memory=12000000), Status.COMPLIANT, ""),
        (flavour("2.6.18-398.el5PAE", memory=0), Status.UNKNOWN, "/proc/meminfo"),
        (flavour("", boots="2.6.18-398.el5"), Status.UNKNOWN, "osrelease"),
        # The next boot's kernel, too, and it alone decides what is left to do.
        (flavour("2.6.18-398.el5", boots="2.6.18-398.el5PAE"), Status.MANUAL, "el5PAE was made for"),
        (flavour("2.6.18-398.el5PAE", boots="2.6.18-398.el5"), Status.PENDING_REBOOT, "2.6.18-398.el5 boots next"),
        (flavour("2.6.18-398.el5"), Status.COMPLIANT, ""),
        (flavour("2.6.32-754.el6.i686"), Status.COMPLIANT, ""),
        (flavour("6.1.0-28-amd64", machine="x86_64"), Status.COMPLIANT, ""),
    ],
)
def test_kernels_for_one_kind_of_machine(evidence, status, word):
    found = assess_portable(evidence, OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_what_the_next_boot_starts_with_is_not_guessed():
    assert assess_portable(guest({"/boot/grub/grub.cfg": None}), OPTIONS).status is Status.UNKNOWN


V1 = "lm"
V2 = f"{V1} pni ssse3 sse4_1 sse4_2 cx16 popcnt lahf_lm"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("names", "level"), [("sse2", 0), (V1, 1), (V2, 2), (V3, 3), (V4, 4), (V4.replace(" avx2", ""), 2)]
)
def test_the_level_of_the_processor(names, level):
    numbers = "".join(f",{FEATURES[name]:04X}" for name in names.split() if name in FEATURES)
    for mark in ("cpu:type:x86,ven0000fam0006mod004F:feature:", "x86cpu:vendor:0000:family:0006:model:002C:feature:"):
        assert guest({MODALIAS: mark + ",0000" + numbers}).cpu.level == level
    assert guest(cpu=names).cpu.level == level
    assert guest({MODALIAS: "cpu:type:aarch64:feature:,0000,0001"}).cpu.level is None


def test_the_level_is_told():
    files = {"/etc/os-release": os_release("rhel", "9.4")}
    assert "offers x86-64-v3, rhel 9.4 asks for v2." in assess_portable(guest(files, cpu=V3), OPTIONS).reason
    assert "x86-64" not in assess_portable(guest(files), OPTIONS).reason
