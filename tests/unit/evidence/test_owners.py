# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners: who sets a value now, and who wins at the next boot."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    SYSCTL_FOLDERS,
    in_order,
    kernel_argument_assignments,
    tuned_assignments,
    tuned_profile,
    tuned_starts,
    udev_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of


def owners(assignments):
    return [(entry.owner, entry.value) for entry in assignments]


def test_a_file_in_etc_hides_its_namesake_and_names_decide_the_order():
    paths = ["/usr/lib/sysctl.d/50-a.conf", "/etc/sysctl.d/50-a.conf", "/usr/lib/sysctl.d/10-z.conf", "/opt/x.conf"]
    assert in_order(paths, SYSCTL_FOLDERS) == ["/usr/lib/sysctl.d/10-z.conf", "/etc/sysctl.d/50-a.conf"]


def test_tuned_profiles_that_include_each_other_end():
    lines = [
        ("/etc/tuned/a/tuned.conf", 1, "[main]"),
        ("/etc/tuned/a/tuned.conf", 2, "include=b"),
        ("/etc/tuned/b/tuned.conf", 1, "[main]"),
        ("/etc/tuned/b/tuned.conf", 2, "include=a"),
        ("/etc/tuned/b/tuned.conf", 3, "[sysctl]"),
        ("/etc/tuned/b/tuned.conf", 4, "vm.x=1"),
    ]
    evidence = evidence_of({"/etc/tuned/active_profile": "a"}, lines={"tuned_profiles": lines})
    assert winner(tuned_assignments(evidence, "sysctl", "vm.x")).value == "1"


UNIT = "Id=tuned.service\nNames=tuned.service\nLoadState={}\nActiveState={}"
WANTED = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")
MASK = Entry("/etc/systemd/system/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "/dev/null")
SITE, BASE = "/etc/tuned/site/tuned.conf", "/usr/lib/tuned/base/tuned.conf"


@pytest.mark.parametrize(
    ("units", "entries", "starts"),
    [
        ((0, UNIT.format("loaded", "active")), [WANTED], True),
        ((0, UNIT.format("loaded", "inactive")), [WANTED], True),
        ((0, UNIT.format("loaded", "inactive")), [], False),
        ((0, UNIT.format("masked", "inactive")), [WANTED, MASK], False),
        ((0, "Id=chronyd.service\nNames=chronyd.service\nLoadState=loaded\nActiveState=active"), [], False),
        # Somebody started it by hand.
        ((0, UNIT.format("loaded", "active")), [], None),
        ((1, ""), [WANTED], None),
    ],
)
def test_a_profile_counts_at_boot_where_the_boot_starts_tuned(units, entries, starts):
    """Red where a profile is taken to be set by a tuned that is disabled, or where that is taken for known."""
    evidence = evidence_of(
        {"/etc/tuned/active_profile": "site"},
        lines={"tuned_profiles": [(SITE, 1, "[sysctl]"), (SITE, 2, "vm.x=1")]},
        entries=entries,
        commands={"units": units},
    )
    assert tuned_starts(evidence) is starts
    assert tuned_profile(evidence) == "site"
    expected = [] if starts is False else [starts is True]
    assert [entry.certain for entry in tuned_assignments(evidence, "sysctl", "vm.x")] == expected


@pytest.mark.parametrize(
    ("base", "site", "expected"),
    [
        (["[sysctl]", "vm.x=1"], ["[sysctl] # of the DBA", "vm.x = 10   # DBA"], [("1", True), ("10", True)]),
        (["[sysctl]", "vm.x=1#2"], [], [("1#2", True)]),
        ([], ["[dba]", "type=sysctl", "vm.x=10"], [("10", True)]),
        ([], ["[dba]", "type=vm", "vm.x=10"], []),
        ([], ["[sysctl_dba]", "vm.x=10"], []),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "vm.x=10", "replace=1"], [("10", True)]),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "replace=True"], []),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "replace=no"], [("1", False)]),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "enabled=false"], []),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "enabled=true"], [("1", True)]),
        (["[sysctl]", "vm.x=1"], ["[sysctl]", "enabled=${on}"], [("1", False)]),
        # Whether the child turns it on again is the version's.
        (["[sysctl]", "vm.x=1", "enabled=0"], ["[sysctl]", "vm.x=10"], [("1", False), ("10", False)]),
        (["[sysctl]", "vm.x=1"], ["[old]", "type=sysctl", "uname_regex=2[.]6", "vm.x=5"], [("1", True), ("5", False)]),
    ],
)
def test_what_of_a_profile_is_in_force(base, site, expected):
    """Red where a comment is part of a value, a section is known by its name alone, or what a child dropped still counts."""
    lines = [(BASE, number, text) for number, text in enumerate(base, 1)]
    lines += [(SITE, number, text) for number, text in enumerate(["[main]", "include=base # ours", *site], 1)]
    evidence = evidence_of(
        {"/etc/tuned/active_profile": "site"},
        lines={"tuned_profiles": lines},
        entries=[WANTED],
        commands={"units": (0, UNIT.format("loaded", "active"))},
    )
    found = tuned_assignments(evidence, "sysctl", "vm.x")
    assert [(entry.value, entry.certain) for entry in found] == expected


@pytest.mark.parametrize("text", ["", "off", "none"])
def test_tuned_without_a_profile(text):
    assert tuned_profile(evidence_of({"/etc/tuned/active_profile": text})) is None


def test_profiles_of_ours_hold_only_where_somebody_chose():
    """Given the mode `auto`, tuned takes what it recommends, whatever stands beside it.

    Red where `tuned_profile` does not look at the mode.
    """
    ours = {"/etc/tuned/active_profile": "virtual-guest vmguest-swappiness"}
    assert tuned_profile(evidence_of({**ours, "/etc/tuned/profile_mode": "auto"})) == "virtual-guest"
    assert tuned_profile(evidence_of(ours)) == "virtual-guest vmguest-swappiness"


BLS_MENU = "set default=0\nload_env\nblscfg"


@pytest.mark.parametrize(
    ("path", "text", "others"),
    [
        ("/boot/grub/grub.conf", "default=0\ntitle x\n\tkernel /vmlinuz ro divider=10", {}),
        ("/boot/grub/grub.cfg", "set default=0\nmenuentry x {\n  linux /boot/vmlinuz ro divider=10\n}", {}),
        (
            "/boot/loader/entries/a.conf",
            "title x\nlinux /vmlinuz\noptions root=/dev/sda1 divider=10 $tuned_params",
            {"/boot/grub2/grub.cfg": BLS_MENU},
        ),
        (
            "/boot/grub2/grubenv",
            "# GRUB Environment Block\nsaved_entry=a\nkernelopts=root=/dev/sda1 divider=10",
            {"/boot/grub2/grub.cfg": BLS_MENU, "/boot/loader/entries/a.conf": "linux /vmlinuz\noptions $kernelopts"},
        ),
    ],
)
def test_kernel_arguments_of_the_default_entry(path, text, others):
    evidence = evidence_of({path: text, "/etc/default/grub": 'GRUB_CMDLINE_LINUX="divider=7"', **others})
    assert owners(kernel_argument_assignments(evidence, "divider")) == [(f"{path}:3", "10")]


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("/etc/default/grub", 'GRUB_CMDLINE_LINUX="quiet divider=10"', "10"),
        ("/etc/default/grub.d/50-cloud.cfg", 'GRUB_CMDLINE_LINUX_DEFAULT="divider=10"', "10"),
        ("/etc/kernel/cmdline", "root=/dev/sda1 divider=10", "10"),
        ("/etc/sysconfig/bootloader", 'DEFAULT_APPEND="divider=10"', "10"),
    ],
)
def test_kernel_arguments_configured_where_no_entry_is_known(path, text, value):
    assert owners(kernel_argument_assignments(evidence_of({path: text}), "divider")) == [(f"{path}:1", value)]


def test_a_comment_sets_no_kernel_argument():
    evidence = evidence_of(
        {
            "/etc/default/grub": '#GRUB_CMDLINE_LINUX="divider=10"',
            "/boot/grub/menu.lst": "title x\n# kernel x divider=10\nkernel /x ro",
        }
    )
    assert kernel_argument_assignments(evidence, "divider") == []


DISK = {"KERNEL": ("sda",), "SUBSYSTEM": ("block",), "ENV{DEVTYPE}": ("disk",), "ATTRS{vendor}": ("VMware  ",)}


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ('KERNEL=="sd*", ATTR{queue/scheduler}="bfq"', "bfq"),
        ('ACTION=="add|change", KERNEL=="sd[a-z]|vd*", ATTRS{vendor}=="VMware*", ATTR{queue/scheduler}="none"', "none"),
        ('KERNEL=="sda", RUN+="/bin/sh -c \'echo noop > /sys/$devpath/queue/scheduler\'"', "noop"),
        ('KERNEL=="vd*", ATTR{queue/scheduler}="bfq"', None),
        ('KERNEL!="sd*", ATTR{queue/scheduler}="bfq"', None),
        ('KERNEL=="sd*", ATTR{queue/scheduler}=="bfq"', None),
        ('# KERNEL=="sd*", ATTR{queue/scheduler}="bfq"', None),
    ],
)
def test_udev_rules_that_set_an_attribute(rule, value):
    path = "/etc/udev/rules.d/60-x.rules"
    found = winner(udev_assignments(evidence_of(lines={"udev_rules": [(path, 7, rule)]}), DISK, "queue/scheduler"))
    assert (found.value if found else None) == value


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        # udev 095 passes over what it does not know: nothing is assigned, and the program runs for more disks than were meant.
        ('KERNEL=="sd*", ATTR{queue/scheduler}="noop"', []),
        (
            'KERNEL=="sd*", TEST=="queue/scheduler", RUN+="/bin/sh -c \'echo noop > /sys/%p/queue/scheduler\'"',
            [("noop", False)],
        ),
        ('ATTRS{vendor}=="IBM", RUN+="/bin/sh -c \'echo cfq > /sys/%p/queue/scheduler\'"', [("cfq", False)]),
        ('SYSFS{vendor}=="VMware*", RUN+="/bin/sh -c \'echo noop > /sys/%p/queue/scheduler\'"', [("noop", True)]),
        ('SYSFS{vendor}=="IBM", RUN+="/bin/sh -c \'echo cfq > /sys/%p/queue/scheduler\'"', []),
    ],
)
def test_keys_that_came_with_udev_098_are_none_before(rule, found):
    evidence = evidence_of(
        {"/proc/sys/kernel/osrelease": "2.6.18-398.el5"},
        lines={"udev_rules": [("/etc/udev/rules.d/60-x.rules", 7, rule)]},
    )
    assert [(one.value, one.certain) for one in udev_assignments(evidence, DISK, "queue/scheduler")] == found


def test_an_unknown_match_key_makes_a_rule_uncertain():
    rule = 'KERNEL=="sd*", ATTR{queue/rotational}=="1", ATTR{queue/scheduler}="bfq"'
    (found,) = udev_assignments(
        evidence_of(lines={"udev_rules": [("/etc/udev/rules.d/6.rules", 1, rule)]}), DISK, "queue/scheduler"
    )
    assert not found.certain


def test_a_masked_rules_file_sets_nothing():
    rule = 'KERNEL=="sd*", ATTR{queue/scheduler}="bfq"'
    evidence = evidence_of(
        lines={"udev_rules": [("/usr/lib/udev/rules.d/60-x.rules", 1, rule)]},
        entries=[
            Entry("/usr/lib/udev/rules.d/60-x.rules", "-", "rw-r--r--", 1, 0, 0, 9),
            Entry("/etc/udev/rules.d/60-x.rules", "l", "rwxrwxrwx", 1, 0, 0, 9, "/dev/null"),
        ],
    )
    assert udev_assignments(evidence, DISK, "queue/scheduler") == []
