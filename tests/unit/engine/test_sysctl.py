# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that set sysctls: where they go on this guest, and who is in the way."""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Run,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import remedy
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

CONF = "/etc/sysctl.conf"
DROP_IN = "/etc/sysctl.d/90-vmguest-swappiness.conf"
LIVE = WriteKernel("/proc/sys/vm/swappiness", "60", "1")
OLD = {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}
LINK = Entry("/etc/sysctl.d/99-sysctl.conf", "l", "rwxrwxrwx", 1, 0, 0, 0, "../sysctl.conf")


UNIT = (0, "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=active")


def steps(files, *, base=None, entries=(), tuned=(), units=(1, ""), keep=False):
    """The steps that set swappiness to 1, and the obstacle."""
    evidence = evidence_of(
        {"/proc/sys/vm/swappiness": "60", **files},
        base=base,
        entries=entries,
        lines={"tuned_profiles": tuned},
        commands={"units": units},
    )
    return remedy(evidence, "swappiness", {"vm.swappiness": "1"}, {"vm.swappiness": "60"}, keep=keep)


def test_a_drop_in_and_the_live_value():
    content = "# vmguest.linux, swappiness\nvm.swappiness = 1\n"
    assert steps({}) == ((WriteFile(DROP_IN, content), LIVE), None)


def test_our_drop_in_of_before_is_rewritten():
    found, obstacle = steps({DROP_IN: "vm.swappiness = 10"})
    assert isinstance(found[0], WriteFile)
    assert (found[0].before, obstacle) == ("vm.swappiness = 10\n", None)


def test_what_is_right_at_boot_already_is_left_alone():
    assert steps({"/etc/sysctl.d/1.conf": "vm.swappiness=1"}) == ((LIVE,), None)
    assert steps({}, keep=True) == ((LIVE,), None)


def test_a_line_of_sysctl_conf_that_comes_after_the_drop_in_is_changed_in_place():
    text = "a = 1\nvm.swappiness=0"
    found = steps({CONF: text, "/etc/sysctl.d/99-sysctl.conf": text}, entries=[LINK])
    assert found == ((EditFile(CONF, (ReplaceLine("vm.swappiness=0", "vm.swappiness = 1"),)), LIVE), None)


def test_a_sysctl_conf_that_nobody_reads_is_left_alone():
    found, _obstacle = steps({CONF: "vm.swappiness=0"})
    assert isinstance(found[0], WriteFile)


def test_without_drop_ins_sysctl_conf_is_edited():
    assert steps({CONF: "vm.swappiness = 0"}, base=OLD)[0][0] == EditFile(
        CONF, (ReplaceLine("vm.swappiness = 0", "vm.swappiness = 1"),)
    )
    assert steps({CONF: "a = 1"}, base=OLD)[0][0] == EditFile(CONF, (AppendLine("vm.swappiness = 1"),))
    assert steps({}, base=OLD)[0][0] == WriteFile(CONF, "vm.swappiness = 1\n")


def test_an_edit_is_like_no_line_that_is_there():
    """Red where the text of a new line is not compared with the file's: the revert could not tell them apart."""
    twice = "vm.swappiness = 1\nvm.swappiness = 0\nvm.swappiness = 0"
    assert steps({CONF: twice}, base=OLD)[0][0] == EditFile(CONF, (AppendLine("vm.swappiness=1"),))


def test_a_later_drop_in_is_in_the_way():
    found, obstacle = steps({"/etc/sysctl.d/95-site.conf": "vm.swappiness=0"})
    assert found == ()
    assert obstacle is not None
    assert "/etc/sysctl.d/95-site.conf:1 sets 0" in obstacle


def test_a_tuned_profile_is_in_the_way_unless_sysctl_d_is_read_again():
    tuned = [("/etc/tuned/a/tuned.conf", 1, "[sysctl]"), ("/etc/tuned/a/tuned.conf", 2, "vm.swappiness=0")]
    active = {"/etc/tuned/active_profile": "a"}
    found, obstacle = steps(active, tuned=tuned)
    assert found == ()
    assert obstacle is not None
    assert "child profile with include=a and vm.swappiness=1 in its [sysctl] section" in obstacle
    assert "tuned.service is not enabled" in obstacle
    found, obstacle = steps({**active, "/etc/tuned/tuned-main.conf": "reapply_sysctl = 1"}, tuned=tuned)
    assert [type(step) for step in found] == [WriteFile, WriteKernel]


def test_tuned_gets_a_profile_of_ours_where_its_own_comes_last():
    """Red where a drop-in is written that tuned's profile wins over."""
    tuned = [("/etc/tuned/a/tuned.conf", 1, "[sysctl]"), ("/etc/tuned/a/tuned.conf", 2, "vm.swappiness=0")]
    wanted = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")
    active = {"/etc/tuned/active_profile": "a", "/etc/tuned/profile_mode": "manual"}
    found, obstacle = steps(active, tuned=tuned, entries=[wanted], units=UNIT)
    assert ([type(step) for step in found], obstacle) == ([WriteFile, Run, WriteKernel], None)
    assert isinstance(found[0], WriteFile)
    assert found[0].path == "/etc/tuned/vmguest-swappiness/tuned.conf"


def test_a_tuned_that_may_read_sysctl_d_again_is_left_to_a_person():
    """Given a drop-in, and a tuned that does not say whether it reads that after its profile, nobody knows which value holds.

    Red where the profile is taken to win.
    """
    tuned = [("/etc/tuned/a/tuned.conf", 1, "[sysctl]"), ("/etc/tuned/a/tuned.conf", 2, "vm.swappiness=0")]
    wanted = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")
    active = {"/etc/tuned/active_profile": "a", "/etc/tuned/profile_mode": "manual"}
    drop_in = {"/etc/sysctl.d/10-site.conf": "vm.swappiness=60"}
    found, obstacle = steps({**active, **drop_in}, tuned=tuned, entries=[wanted], units=UNIT)
    assert found == ()
    assert obstacle is not None
    assert "set reapply_sysctl there" in obstacle
    off = {"/etc/tuned/tuned-main.conf": "reapply_sysctl = 0"}
    assert steps({**active, **drop_in, **off}, tuned=tuned, entries=[wanted], units=UNIT)[1] is None
