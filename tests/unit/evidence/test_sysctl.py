# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sysctl: which files a boot reads, in which order, and what tuned does after them."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

KEY = "vm.swappiness"
TUNED = "/usr/lib/tuned/site/tuned.conf"
OLD = {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}


def link(path, target):
    """A symbolic link among the drop-ins."""
    return Entry(path, "l", "rwxrwxrwx", 1, 0, 0, 0, target)


def at_boot(files, *, entries=(), base=None, script=(), tuned=(), default=None):
    """(owner, value) of everything that sets swappiness at boot, the winner last."""
    lines = {
        "sysctl_at_boot": [("/etc/init.d/functions", number, text) for number, text in enumerate(script, 1)],
        "tuned_profiles": [(TUNED, number, text) for number, text in enumerate(tuned, 1)],
    }
    found = evidence_of(files, entries=entries, base=base, lines=lines).sysctl.at_boot(KEY, default)
    return [(entry.owner, entry.value) for entry in found]


def test_drop_ins_go_by_name_and_etc_hides_usr():
    files = {
        "/usr/lib/sysctl.d/50-default.conf": "# vm.swappiness=1\nvm.swappiness = 60",
        "/usr/lib/sysctl.d/70-vendor.conf": "vm.swappiness=70",
        "/etc/sysctl.d/70-vendor.conf": "vm.dirty_ratio=5",
        "/run/sysctl.d/80-run.conf": "vm.swappiness=80",
        "/etc/sysctl.d/60-x.conf": "-vm/swappiness=20\nvm.dirty_ratio=5",
    }
    assert at_boot(files) == [
        ("/usr/lib/sysctl.d/50-default.conf:2", "60"),
        ("/etc/sysctl.d/60-x.conf:1", "20"),
        ("/run/sysctl.d/80-run.conf:1", "80"),
    ]


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("10   # search", "10"),
        ("4096  87380 16777216 ; ours", "4096 87380 16777216"),
        ("vegas # x", "vegas # x"),
        ("-1 # off", "-1"),
    ],
)
def test_the_kernel_takes_of_numbers_what_comes_before_a_comment(written, taken):
    assert at_boot({"/etc/sysctl.d/50-x.conf": f"vm.swappiness = {written}"}) == [("/etc/sysctl.d/50-x.conf:1", taken)]


def test_a_link_to_dev_null_masks():
    files = {"/usr/lib/sysctl.d/50-default.conf": "vm.swappiness = 60"}
    assert at_boot(files, entries=[link("/etc/sysctl.d/50-default.conf", "/dev/null")]) == []


@pytest.mark.parametrize("target", ["../sysctl.conf", "/etc/sysctl.conf", "../../../etc/sysctl.conf"])
def test_systemd_reads_sysctl_conf_through_its_link_only(target):
    text = "vm.swappiness=30"
    files = {"/etc/sysctl.conf": text, "/etc/sysctl.d/99-z.conf": "vm.swappiness=40"}
    assert at_boot(files) == [("/etc/sysctl.d/99-z.conf:1", "40")]
    linked = {**files, "/etc/sysctl.d/99-sysctl.conf": text}
    assert at_boot(linked, entries=[link("/etc/sysctl.d/99-sysctl.conf", target)]) == [
        ("/etc/sysctl.conf:1", "30"),
        ("/etc/sysctl.d/99-z.conf:1", "40"),
    ]


@pytest.mark.parametrize(
    ("script", "drop_ins"),
    [
        ((), False),
        (("    # for file in /etc/sysctl.d/* ; do",), False),
        (("    for file in /etc/sysctl.d/* ; do",), True),
        (("\t$DAEMON $QUIET_SYSCTL --system || STATUS=$?",), True),
    ],
)
def test_without_systemd_the_boot_script_tells_whether_drop_ins_are_read(script, drop_ins):
    files = {"/etc/sysctl.conf": "vm.swappiness=30", "/etc/sysctl.d/99-z.conf": "vm.swappiness=40"}
    expected = [("/etc/sysctl.d/99-z.conf:1", "40")] if drop_ins else []
    assert at_boot(files, base=OLD, script=script) == [*expected, ("/etc/sysctl.conf:1", "30")]


def test_suse_reads_its_kernels_own_file_first():
    files = {"/boot/sysctl.conf-6.1.0-28-amd64": "vm.swappiness=1", "/boot/sysctl.conf-other": "vm.swappiness=2"}
    assert at_boot(files) == [("/boot/sysctl.conf-6.1.0-28-amd64:1", "1")]


def test_a_pattern_yields_to_the_keys_own_line():
    assert at_boot({"/etc/sysctl.d/1.conf": "vm.swappiness=1\nvm.swap*=2"}) == [
        ("/etc/sysctl.d/1.conf:2", "2"),
        ("/etc/sysctl.d/1.conf:1", "1"),
    ]


PROFILE = ("[sysctl]", "vm.swappiness = 30")


INACTIVE = "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=inactive"


@pytest.mark.parametrize(
    ("units", "files", "winner", "certain"),
    [
        ((0, INACTIVE), {"/etc/sysctl.d/1.conf": "vm.swappiness=1"}, "1", True),
        # /etc/sysctl.conf without a link: tuned alone would read it.
        (
            (0, INACTIVE),
            {"/usr/lib/sysctl.d/1.conf": "vm.swappiness=1", "/etc/sysctl.conf": "vm.swappiness=9"},
            "1",
            True,
        ),
        ((1, ""), {"/usr/lib/sysctl.d/1.conf": "vm.swappiness=1", "/etc/sysctl.conf": "vm.swappiness=9"}, "9", False),
        ((1, ""), {"/etc/sysctl.d/1.conf": "vm.swappiness=1"}, "1", True),
    ],
)
def test_what_a_tuned_that_may_not_start_reads_again(units, files, winner, certain):
    """Red where a boot is taken to read what tuned would read, were it enabled."""
    evidence = evidence_of(
        {"/etc/tuned/active_profile": "site", "/etc/tuned/tuned-main.conf": "reapply_sysctl = 1", **files},
        lines={"tuned_profiles": [(TUNED, number, text) for number, text in enumerate(PROFILE, 1)]},
        commands={"units": units},
    )
    last = evidence.sysctl.at_boot(KEY)[-1]
    assert (last.value, last.certain) == (winner, certain)
    # Our drop-in is the last word, or somebody is named who has it.
    after = evidence.sysctl.after(KEY, "5", "/etc/sysctl.d/90-ours.conf")
    assert [(entry.value, entry.certain) for entry in after] == ([("9", False)] if winner == "9" else [])


@pytest.mark.parametrize("text", ["=10", "=>10"])
def test_what_a_tuned_that_may_not_start_sets_is_not_certain(text):
    """Red where the reading of the value makes it certain."""
    lines = {
        "tuned_profiles": [(TUNED, 1, "[sysctl]"), (TUNED, 2, f"vm.swappiness{text}"), (TUNED, 3, "vm.dirty_ratio=5")]
    }
    sysctl = evidence_of({"/etc/tuned/active_profile": "site"}, lines=lines, commands={"units": (1, "")}).sysctl
    found = [*sysctl.at_boot(KEY, "60"), *sysctl.at_boot("vm.dirty_ratio"), *sysctl.at_boot("vm.dirty_bytes")]
    assert [entry.certain for entry in found] == [False, False, False]


def test_tuned_comes_last():
    files = {"/etc/tuned/active_profile": "site", "/etc/sysctl.d/1.conf": "vm.swappiness=1"}
    assert at_boot(files, tuned=PROFILE) == [("/etc/sysctl.d/1.conf:1", "1"), (f"tuned profile site ({TUNED})", "30")]


@pytest.mark.parametrize(
    ("main", "last"),
    [
        ("reapply_sysctl = 1", "1"),
        ("reapply_sysctl=True", "1"),
        ("reapply_sysctl = 0", "30"),
        ("#reapply_sysctl = 1", "30"),
    ],
)
def test_tuned_that_reads_sysctl_d_again_loses_against_it(main, last):
    files = {
        "/etc/tuned/active_profile": "site",
        "/etc/tuned/tuned-main.conf": main,
        "/etc/sysctl.d/1.conf": "vm.swappiness=1",
        "/usr/lib/sysctl.d/9.conf": "vm.swappiness=99",
    }
    assert at_boot(files, tuned=PROFILE)[-1][1] == last


@pytest.mark.parametrize(("text", "value"), [("=>30", "60"), ("=>70", "70"), ("=<30", "30"), ('="10"', "10")])
def test_tuneds_modifiers_look_at_the_value_before(text, value):
    found = at_boot({"/etc/tuned/active_profile": "site"}, tuned=("[sysctl]", f"vm.swappiness{text}"), default="60")
    assert [entry[1] for entry in found] == [value]


def test_a_variable_of_tuned_is_not_certain():
    lines = {"tuned_profiles": [(TUNED, 1, "[sysctl]"), (TUNED, 2, "vm.swappiness=${mine}")]}
    (found,) = evidence_of({"/etc/tuned/active_profile": "site"}, lines=lines).sysctl.at_boot(KEY)
    assert not found.certain


def test_what_cannot_be_read_is_named():
    files = {"/etc/sysctl.d/1.conf": State.DENIED, "/etc/sysctl.conf": State.TOO_LARGE}
    assert evidence_of(files).sysctl.unreadable == ("/etc/sysctl.conf", "/etc/sysctl.d/1.conf")


def test_numbers_are_compared_however_they_are_spaced():
    assert evidence_of({"/proc/sys/vm/swappiness": "1\t2  3"}).sysctl.now(KEY) == "1 2 3"
    assert evidence_of({}).sysctl.now(KEY) is None
