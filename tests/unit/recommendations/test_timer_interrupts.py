# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timer_interrupts: given this release, these arguments and this boot loader, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import rewritten
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import KB_1006427, named, row
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations import timer_interrupts
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.timer_interrupts import (
    assess_rate,
    assess_timekeeping,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

OPTIONS = {
    "timer_interrupts_divider": 10,
    "timer_interrupts_divider_below_58": False,
    "timer_interrupts_keep": [],
    "timer_interrupts_unverified": False,
}


#: How Debian builds its kernel.
TICKLESS = ("CONFIG_HZ=250", "CONFIG_NO_HZ_COMMON=y", "CONFIG_NO_HZ_IDLE=y")


def guest(
    files=None,
    *,
    release="",
    kernel="6.1.0-28-amd64",
    running="",
    machine="x86_64",
    entries=(),
    built=TICKLESS,
    **others,
):
    """``built`` is the configuration of its kernel, ``others`` those of other kernels."""
    base = {**VMWARE, "/proc/sys/kernel/osrelease": kernel, "/proc/cmdline": f"ro quiet {running}".strip()}
    if release:
        base.pop("/etc/os-release")
        base["/etc/redhat-release" if "release " in release else "/etc/SuSE-release"] = release
    configurations = {f"/boot/config-{kernel}": built, **others}
    return evidence_of(
        files or {},
        base=base,
        entries=entries,
        commands={"machine": (0, machine)},
        lines={
            "kconfig": [
                (path, number, line) for path, found in configurations.items() for number, line in enumerate(found, 1)
            ]
        },
    )


def rhel(version, kernel, arguments="ro quiet", running="", machine="i686", built=()):
    menu = f"default=0\ntitle x\n\tkernel /vmlinuz-{kernel} {arguments}\n\tinitrd /initrd-{kernel}.img"
    release = f"Red Hat Enterprise Linux Server release {version} (Tikanga)"
    return guest(
        {"/boot/grub/grub.conf": menu}, release=release, kernel=kernel, running=running, machine=machine, built=built
    )


def modern(arguments, running="", kernel="6.1.0-28-amd64", built=TICKLESS, others=None, **more):
    """A Debian whose grub.cfg is made from nothing that has the arguments."""
    menu = (
        "### BEGIN /etc/grub.d/10_linux ###\n"
        f"menuentry x {{\n\tlinux /boot/vmlinuz-6.1 ro {arguments}\n}}\n### END /etc/grub.d/10_linux ###\n"
    )
    return guest({"/boot/grub/grub.cfg": menu, **more}, running=running, kernel=kernel, built=built, **(others or {}))


def lines(verdict):
    """The edits of a remedy."""
    return [
        (step.path, edit.old, edit.new) for step in verdict.remedy if isinstance(step, EditFile) for edit in step.edits
    ]


# ---- timer_interrupt_rate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "kernel", "arguments", "running", "below_58", "status"),
    [
        ("5.11", "2.6.18-398.el5", "ro", "", False, Status.NONCOMPLIANT),
        ("5.8", "2.6.18-308.el5", "ro", "", False, Status.NONCOMPLIANT),
        ("5.11", "2.6.18-398.el5", "ro divider=10", "", False, Status.PENDING_REBOOT),
        ("5.11", "2.6.18-398.el5", "ro divider=10", "divider=10", False, Status.COMPLIANT),
        ("5.11", "2.6.18-398.el5", "ro divider=5", "divider=5", False, Status.NONCOMPLIANT),
        ("5.11", "2.6.18-398.el5", "ro", "divider=10", False, Status.NOT_PERSISTENT),
        # Red Hat's veto.
        ("5.7", "2.6.18-274.el5", "ro", "", False, Status.NOT_APPLICABLE),
        ("5.7", "2.6.18-274.el5", "ro", "", True, Status.NONCOMPLIANT),
        ("4.9", "2.6.9-100.EL", "ro", "", False, Status.NOT_APPLICABLE),
        ("4.9", "2.6.9-100.EL", "ro", "", True, Status.NONCOMPLIANT),
        # Before divider=.
        ("5.0", "2.6.18-8.el5", "ro", "", True, Status.NOT_APPLICABLE),
        ("4.6", "2.6.9-67.EL", "ro", "", True, Status.NOT_APPLICABLE),
        # A kernel before 5.8 on a guest that has newer packages otherwise, and a Xen kernel.
        ("5.11", "2.6.18-194.el5", "ro", "", False, Status.UNKNOWN),
        ("5.11", "2.6.18-398.el5xen", "ro", "", False, Status.UNKNOWN),
    ],
)
def test_divider(version, kernel, arguments, running, below_58, status):
    options = {**OPTIONS, "timer_interrupts_divider_below_58": below_58}
    assert assess_rate(rhel(version, kernel, arguments, running), options).status is status


def test_the_divider_is_added_to_the_entrys_line_and_replaces_another():
    found = assess_rate(rhel("5.11", "2.6.18-398.el5", "ro divider=5 quiet"), OPTIONS)
    assert lines(found) == [
        (
            "/boot/grub/grub.conf",
            "\tkernel /vmlinuz-2.6.18-398.el5 ro divider=5 quiet",
            "\tkernel /vmlinuz-2.6.18-398.el5 ro quiet divider=10",
        )
    ]
    assert (found.group, found.commit) == ("", ())


@pytest.mark.parametrize(
    ("arguments", "running", "status"),
    [
        ("quiet", "", Status.COMPLIANT),
        ("quiet nohz=off", "", Status.NOT_PERSISTENT),
        ("quiet nohz=off", "nohz=off", Status.NONCOMPLIANT),
        ("quiet highres=0", "highres=0", Status.NONCOMPLIANT),
        ("quiet divider=10", "divider=10", Status.NONCOMPLIANT),
        ("quiet", "nohz=off", Status.PENDING_REBOOT),
        ("quiet nohz=on nohz_full=1-3", "nohz=on", Status.COMPLIANT),
    ],
)
def test_newer_kernels_rest_unless_they_are_told_not_to(arguments, running, status):
    assert assess_rate(modern(arguments, running), OPTIONS).status is status


@pytest.mark.parametrize(
    ("kernel", "built", "status", "word"),
    [
        # The kernel's own configuration decides, however new or old it is.
        ("6.1.0-28-amd64", ("CONFIG_HZ=1000",), Status.MANUAL, "was built to tick 1000 times a second"),
        ("6.1.0-28-amd64", ("CONFIG_HZ=250", "CONFIG_NO_HZ=y"), Status.COMPLIANT, "stops its tick"),
        ("6.1.0-28-amd64", ("CONFIG_HZ=250", "CONFIG_HZ_PERIODIC=y", "CONFIG_NO_HZ=y"), Status.MANUAL, "250 times"),
        ("6.1.0-28-amd64", ("CONFIG_HZ=1000", "CONFIG_NO_HZ_FULL=y"), Status.COMPLIANT, "stops its tick"),
        ("6.1.0-28-amd64", ("CONFIG_HZ=100", "CONFIG_HZ_PERIODIC=y"), Status.COMPLIANT, "ticks 100 times a second"),
        ("2.6.24-19-server", ("CONFIG_HZ=100", "CONFIG_NO_HZ=y"), Status.COMPLIANT, "stops its tick"),
        ("2.6.16.60-0.54-smp", ("CONFIG_HZ=250",), Status.MANUAL, "a newer release"),
        # Without it: what vendors say of theirs, and nothing of others.
        ("2.6.32-754.el6.x86_64", (), Status.COMPLIANT, "config"),
        ("5.14.0-427.13.1.el9_4.x86_64", (), Status.COMPLIANT, "kernels of RHEL since 6 and of Photon stop their tick"),
        ("6.1.10-11.ph5-esx", (), Status.COMPLIANT, "of Photon"),
        ("6.1.0-28-amd64", (), Status.UNKNOWN, "the configuration of its kernel 6.1.0-28-amd64 is not in /boot"),
        ("5.15.0-206.153.7.1.el8uek.x86_64", (), Status.UNKNOWN, "whether it stops its tick"),
        ("2.6.18-398.el5", (), Status.UNKNOWN, "whether it stops its tick"),
        ("2.6.16.60-0.54-smp", (), Status.UNKNOWN, "whether it stops its tick"),
        # Every configuration has CONFIG_HZ: this is only a part of one.
        ("6.1.0-28-amd64", ("CONFIG_NO_HZ_IDLE=y",), Status.UNKNOWN, "whether it stops its tick"),
        ("", (), Status.UNKNOWN, "osrelease"),
    ],
)
def test_the_kernels_own_configuration_says_whether_it_stops_its_tick(kernel, built, status, word):
    found = assess_rate(modern("quiet", kernel=kernel, built=built), OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


@pytest.mark.parametrize(
    ("kernel", "status"), [("5.14.0-427.13.1.el9_4.x86_64", Status.MANUAL), ("6.1.0-28-amd64", Status.UNKNOWN)]
)
def test_without_the_kernels_configuration_nothing_is_changed(kernel, status):
    found = assess_rate(modern("nohz=off", "nohz=off", kernel=kernel, built=()), OPTIONS)
    assert (found.status, found.remedy, found.commit) == (status, (), ())
    assert "nohz=off in 1 of 1 boot entries" in found.reason


def test_a_kernel_that_ticks_until_the_next_boot():
    next_kernel = {"others": {"/boot/config-6.1": TICKLESS}}
    found = assess_rate(modern("quiet", built=("CONFIG_HZ=1000",), **next_kernel), OPTIONS)
    assert (found.status, found.persistent) == (Status.PENDING_REBOOT, "kernel 6.1")


def test_a_newer_kernel_on_an_old_release_is_not_given_a_divider():
    found = assess_rate(rhel("5.11", "3.2.100-1.el5.elrepo", built=TICKLESS), OPTIONS)
    assert found.status is Status.COMPLIANT


# ---- timekeeping_cmdline ---------------------------------------------------------------------------------------------

SUSE10 = "SUSE Linux Enterprise Server 10 (i586)\nVERSION = 10\nPATCHLEVEL = {}"


def sles10(pack, argument=""):
    """SLES 10 with this service pack, running and booting with this argument."""
    menu = f"default 0\ntitle x\n kernel /boot/vmlinuz quiet {argument}"
    return guest(
        {"/boot/grub/menu.lst": menu},
        release=SUSE10.format(pack),
        kernel="2.6.16.21-0.8",
        running=argument,
        machine="i686",
    )


@pytest.mark.parametrize(
    ("evidence", "status", "added"),
    [
        (rhel("5.11", "2.6.18-398.el5"), Status.COMPLIANT, None),
        (rhel("5.3", "2.6.18-128.el5"), Status.NONCOMPLIANT, "clocksource=acpi_pm"),
        (rhel("5.0", "2.6.18-8.el5"), Status.NONCOMPLIANT, "clocksource=acpi_pm"),
        (rhel("4.9", "2.6.9-100.EL"), Status.NONCOMPLIANT, "clock=pmtmr"),
        (rhel("4.9", "2.6.9-100.EL", "ro clock=pmtmr", "clock=pmtmr"), Status.COMPLIANT, None),
        (rhel("4.9", "2.6.9-100.EL", "ro clock=pit"), Status.NONCOMPLIANT, "clock=pmtmr"),
        (rhel("5.11", "2.6.18-398.el5", machine="x86_64"), Status.UNKNOWN, None),
        (rhel("5.3", "2.6.18-128.el5", machine="x86_64"), Status.UNKNOWN, None),
        (rhel("5.3", "2.6.18-128.el5", machine="s390x"), Status.NOT_APPLICABLE, None),
        (rhel("5.3", "2.6.18-128.el5", machine=""), Status.UNKNOWN, None),
        # SLES 10 without a service pack: clock=hpet on AMD's revision F. With the first there is no choice.
        (sles10(0), Status.NONCOMPLIANT, "clock=pmtmr"),
        (sles10(0, "clock=pmtmr"), Status.COMPLIANT, None),
        (sles10(0, "clock=hpet"), Status.COMPLIANT, None),
        (sles10(0, "clock=pit"), Status.NONCOMPLIANT, "clock=pmtmr"),
        (sles10(1, "clock=hpet"), Status.NONCOMPLIANT, "clock=pmtmr"),
        (sles10(3, "clock=hpet"), Status.COMPLIANT, None),
        (
            guest(
                {"/boot/grub/menu.lst": "default 0\ntitle x\n kernel /boot/vmlinuz quiet"},
                release=SUSE10.format(1),
                kernel="2.6.16.46-0.12",
                machine="i686",
            ),
            Status.NONCOMPLIANT,
            "clock=pmtmr",
        ),
    ],
)
def test_the_table(evidence, status, added):
    found = assess_timekeeping(evidence, OPTIONS)
    assert found.status is status
    if added:
        ((_path, old, new),) = lines(found)
        assert new.split()[-1] == added
        assert set(new.split()) - set(old.split()) == {added}


def test_a_relative_that_counts_from_one_again_is_no_old_release():
    micro = 'ID="sle-micro"\nID_LIKE="suse"\nVERSION_ID="5.5"\nPRETTY_NAME="SUSE Linux Enterprise Micro 5.5"'
    menu = "### BEGIN /etc/grub.d/10_linux ###\nmenuentry x {\n\tlinux /boot/vmlinuz ro\n}\n### END /etc/grub.d/10_linux ###\n"
    evidence = guest({"/etc/os-release": micro, "/boot/grub2/grub.cfg": menu}, kernel="5.14.21-150500.55.68-default")
    assert assess_timekeeping(evidence, OPTIONS).status is Status.COMPLIANT


def test_what_is_from_memory_rests_nothing_unless_it_is_allowed():
    evidence = rhel("5.3", "2.6.18-128.el5", machine="x86_64")
    assert assess_timekeeping(evidence, OPTIONS).remedy == ()
    found = assess_timekeeping(evidence, {**OPTIONS, "timer_interrupts_unverified": True})
    assert [new.split()[-1] for dummy_path, dummy_old, new in lines(found)] == ["notsc"]


def test_every_release_of_the_table_has_one_row():
    for minor in range(12):
        for family, major in (("redhat", 4), ("redhat", 5), ("suse", 9), ("suse", 10)):
            for bits in (32, 64):
                found = [
                    entry
                    for entry in KB_1006427
                    if (entry.family, entry.major, entry.bits) == (family, major, bits)
                    and entry.first <= minor <= entry.last
                ]
                assert len(found) <= 1
                assert (row(family, major, minor, bits) is None) is (not found)
    assert {entry.bits for entry in KB_1006427 if not entry.verified} == {64}
    assert {entry.bits for entry in KB_1006427 if entry.verified} == {32}


@pytest.mark.parametrize(
    ("word", "harmful"),
    [
        ("notsc", True),
        ("clocksource=acpi_pm", True),
        ("clocksource=tsc", False),
        ("clock=pit", True),
        ("lpj=2394000", True),
        ("tsc=unstable", True),
        ("tsc=reliable", False),
        ("hpet=disable", False),
        ("no_vmw_sched_clock", True),
        ("no-vmw-sta", False),
        ("notsc_sync", False),
    ],
)
def test_harmful_arguments(word, harmful):
    assert (assess_timekeeping(modern(word, word), OPTIONS).status is Status.NONCOMPLIANT) is harmful
    assert named(word, timer_interrupts.HARMFUL) is harmful


@pytest.mark.parametrize(("keep", "status"), [("notsc", Status.COMPLIANT), ("noapic", Status.NONCOMPLIANT)])
def test_what_is_kept_is_left_alone(keep, status):
    assert assess_timekeeping(modern("notsc", "notsc"), {**OPTIONS, "timer_interrupts_keep": [keep]}).status is status


# ---- boot loaders ----------------------------------------------------------------------------------------------------


def test_grub2_edits_what_the_menu_is_made_from_and_makes_it_once():
    default = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet notsc nohz=off"\nGRUB_CMDLINE_LINUX="lpj=1"'
    evidence = modern("lpj=1 quiet notsc nohz=off", "notsc", **{"/etc/default/grub": default})
    found = assess_timekeeping(evidence, OPTIONS)
    assert lines(found) == [
        (
            "/etc/default/grub",
            'GRUB_CMDLINE_LINUX_DEFAULT="quiet notsc nohz=off"',
            'GRUB_CMDLINE_LINUX_DEFAULT="quiet nohz=off"',
        ),
        ("/etc/default/grub", 'GRUB_CMDLINE_LINUX="lpj=1"', 'GRUB_CMDLINE_LINUX=""'),
    ]
    assert found.group == "boot_entries"
    assert found.commit == assess_rate(evidence, OPTIONS).commit


def test_two_recommendations_that_edit_one_line_are_composed():
    """The plan's second edit expects what the first leaves, and leaves what neither wants."""
    default = 'GRUB_CMDLINE_LINUX="notsc quiet nohz=off"'
    evidence = modern("notsc quiet nohz=off", "", **{"/etc/default/grub": default})
    findings = [
        Finding(
            name, "timer_interrupts", "time", "", Severity.LOW, "", "enforce", verdict.status, "",
            remedy=verdict.remedy, commit=verdict.commit, group=verdict.group,
        )
        for name, verdict in (
            ("timer_interrupt_rate", assess_rate(evidence, OPTIONS)),
            ("timekeeping_cmdline", assess_timekeeping(evidence, OPTIONS)),
        )
    ]  # fmt: skip
    edits = [edit for entry in make_plan(findings).transactions for step in entry.steps for edit in step.edits]
    assert edits == [
        ReplaceLine(default, 'GRUB_CMDLINE_LINUX="notsc quiet"'),
        ReplaceLine('GRUB_CMDLINE_LINUX="notsc quiet"', 'GRUB_CMDLINE_LINUX="quiet"'),
    ]


BLS = {
    "/boot/grub2/grub.cfg": "load_env\nset default=0\nblscfg",
    "/boot/loader/entries/m-6.1.conf": "title x\nlinux /vmlinuz-6.1\noptions $kernelopts $tuned_params",
}


def test_grubenv_keeps_its_size():
    text = "# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro notsc quiet\n"
    evidence = guest({**BLS, "/boot/grub2/grubenv": text.ljust(1024, "#")}, running="notsc")
    found = assess_timekeeping(evidence, OPTIONS)
    before = evidence.file("/boot/grub2/grubenv").lines
    changed = {old: new for dummy_path, old, new in lines(found)}
    after = "\n".join(changed.get(line, line) for line in before)
    assert len(after) == 1024
    assert "kernelopts=root=/dev/sda1 ro quiet\n" in after


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (
            guest({"/etc/lilo.conf": 'image=/boot/vmlinuz\nlabel=x\nappend="notsc"'}),
            "run /sbin/lilo",
        ),
        (
            guest(
                {"/boot/efi/loader/entries/a.conf": "title x\nlinux /x\noptions notsc"},
                entries=[Entry("/sys/firmware/efi", "d", "rwxr-xr-x", 1, 0, 0, 0)],
            ),
            "kernel-install, sdbootutil",
        ),
        (
            guest(running="notsc", entries=[Entry("/efi/EFI/Linux/a.efi", "-", "rw-r--r--", 1, 0, 0, 1)]),
            "inside the image",
        ),
        (
            guest(
                {"/run/ostree-booted": "", "/boot/loader/entries/ostree-1.conf": "version 1\nlinux /x\noptions notsc"}
            ),
            "rpm-ostree kargs",
        ),
        (
            guest(
                {"/boot/efi/EFI/redhat/grub.cfg": "menuentry x { linux /x notsc }"},
                entries=[Entry("/sys/firmware/efi", "d", "rwxr-xr-x", 1, 0, 0, 0)],
            ),
            "on the EFI system partition",
        ),
        (
            guest({"/boot/grub/grub.cfg": "### BEGIN /etc/grub.d/40_custom ###\nmenuentry x { linux /x notsc }"}),
            "/boot/grub/grub.cfg:2 is not made from /etc/default/grub",
        ),
        (
            guest({**BLS, "/boot/grub2/grub.cfg": "set tuned_params=notsc\nset default=0\nblscfg"}),
            "tuned's profile",
        ),
        (
            guest(
                {**BLS, "/boot/grub2/grubenv": "kernelopts=ro notsc"},
                entries=[Entry("/boot/grub2/grubenv", "l", "rwxrwxrwx", 1, 0, 0, 1, "../efi/EFI/redhat/grubenv")],
            ),
            "on another file system",
        ),
        (
            guest({"/boot/grub/menu.lst": "title x\nkernel /x ro password=<redacted> notsc"}),
            "holds a password",
        ),
    ],
)
def test_what_a_person_must_edit(evidence, reason):
    found = assess_timekeeping(evidence, OPTIONS)
    assert (found.status, found.remedy) == (Status.MANUAL, ())
    assert reason in found.reason


@pytest.mark.parametrize(
    "files",
    [
        {"/boot/grub/grub.cfg": State.DENIED},
        {"/boot/grub/grub.cfg": "menuentry x { linux /x ro }", "/etc/default/grub": State.DENIED},
        {**BLS, "/boot/loader/entries/m-6.0.conf": State.DENIED},
        {**BLS, "/boot/grub2/grubenv": State.DENIED},
        {"/boot/grub/grub.cfg": "menuentry x { linux /x ro }", "/proc/cmdline": State.DENIED},
        {},
    ],
)
def test_what_cannot_be_read_is_unknown(files):
    for assess in (assess_rate, assess_timekeeping):
        assert assess(guest(files), OPTIONS).status is Status.UNKNOWN


def test_entries_for_repairs_are_left_alone():
    menu = "title Linux\nkernel /vmlinuz ro\ntitle Failsafe\nkernel /vmlinuz ro notsc nohz=off"
    evidence = guest({"/boot/grub/menu.lst": menu})
    assert assess_timekeeping(evidence, OPTIONS).status is Status.COMPLIANT
    assert assess_rate(evidence, OPTIONS).status is Status.COMPLIANT


@pytest.mark.parametrize(
    ("line", "remove", "add", "new"),
    [
        ("kernel /x ro notsc quiet", ["notsc"], [], "kernel /x ro quiet"),
        ("kernel /x ro  notsc", ["notsc"], [], "kernel /x ro"),
        ("kernel /x ro notsc notsc x", ["notsc"], [], "kernel /x ro x"),
        ("kernel /x notsc_more ro", ["notsc"], [], "kernel /x notsc_more ro"),
        ("kernel /x ro x.notsc", ["notsc"], [], "kernel /x ro x.notsc"),
        ('A="notsc"', ["notsc"], [], 'A=""'),
        ('A="notsc quiet"', ["notsc"], [], 'A="quiet"'),
        ("A='quiet notsc'", ["notsc"], [], "A='quiet'"),
        ("user_cmdline=notsc quiet", ["notsc"], [], "user_cmdline=quiet"),
        ("user_cmdline=notsc", ["notsc"], [], "user_cmdline="),
        ("A=notsc", ["notsc"], [], "A="),
        ("kernel /x ro", [], ["divider=10"], "kernel /x ro divider=10"),
        ("kernel /x ro divider=5  ", ["divider=5"], ["divider=10"], "kernel /x ro divider=10  "),
        ('append="quiet"', [], ["a=1", "b"], 'append="quiet a=1 b"'),
        ("kernel /x ro\tclock=a+b quiet", ["clock=a+b"], [], "kernel /x ro quiet"),
    ],
)
def test_rewritten(line, remove, add, new):
    assert rewritten(line, remove, add) == new


@pytest.mark.parametrize(
    ("divider", "wrong"), [(10, False), (2, False), (1, True), (3, True), (1000, True), (-10, True)]
)
def test_options(divider, wrong):
    assert (wrong_options({**OPTIONS, "timer_interrupts_divider": divider}) is not None) is wrong
