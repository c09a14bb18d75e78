# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A profile of ours after tuned's: what it holds and where, and on which guests it is left to a person."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tuned_child import child_profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

ACTIVE, MODE = "/etc/tuned/active_profile", "/etc/tuned/profile_mode"
SITE, OURS = "/etc/tuned/site/tuned.conf", "/etc/tuned/vmguest-swappiness/tuned.conf"
UNIT = (0, "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=active")
WANTED = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")
CONTENT = """\
# vmguest.linux, swappiness
[main]
summary=vm.swappiness as vmguest.linux sets it

[sysctl]
vm.swappiness=1
"""
AUTO = CONTENT.replace("\n[main]", "\n# The mode was auto before.\n[main]")
PROFILE = ((SITE, 1, "[main]"), (SITE, 2, "include=virtual-guest"), (SITE, 3, "[sysctl]"), (SITE, 4, "vm.swappiness=0"))


def child(files=None, *, tuned=PROFILE, entries=(WANTED,), unit=UNIT):
    """The steps that have tuned set swappiness to 1, and the obstacle."""
    evidence = evidence_of(
        {ACTIVE: "site", MODE: "manual", **(files or {})},
        entries=entries,
        commands={"units": unit},
        lines={"tuned_profiles": tuned},
    )
    return child_profile(evidence, "swappiness", "sysctl", {"vm.swappiness": "1"}, lambda dummy, value: value == "1")


def test_a_profile_with_our_value_and_its_name_after_the_others():
    (file, choice), obstacle = child()
    assert (file, obstacle) == (WriteFile(OURS, CONTENT), None)
    assert isinstance(choice, Run)
    assert choice.what == "have tuned add the profile vmguest-swappiness to site when it starts"


def test_of_several_profiles_ours_is_the_last():
    (_file, choice), _obstacle = child({ACTIVE: "virtual-guest site"})
    assert choice.what.endswith("to virtual-guest site when it starts")


def test_the_mode_that_tuned_had_stands_in_our_file_for_those_who_come_later():
    """Red where only the mode of now is looked at: the second of ours finds `manual`."""
    (file, choice), _obstacle = child({MODE: "auto"})
    assert file == WriteFile(OURS, AUTO)
    assert "1s/.*/auto/" in choice.undo
    theirs = "/etc/tuned/vmguest-transparent-hugepages/tuned.conf"
    (later, undone), _obstacle = child({ACTIVE: "site vmguest-transparent-hugepages", theirs: AUTO})
    assert (later, undone.what) == (WriteFile(OURS, AUTO), choice.what)
    assert "1s/.*/auto/" in undone.undo
    assert "1s/.*/auto/" not in child()[0][1].undo


def test_our_file_of_before_is_left_alone_where_it_is_right_and_keeps_what_else_it_sets():
    """Given our profile, in force with another key, both stand in it; without its name among the active ones it is an old one.

    Red where the file is written with what is wanted now alone.
    """
    (choice,), _obstacle = child({OURS: CONTENT})
    assert isinstance(choice, Run)
    other = ((OURS, 1, "[sysctl]"), (OURS, 2, "kernel.watchdog_thresh=30"))
    (file,), _obstacle = child({ACTIVE: "site vmguest-swappiness", OURS: "# x"}, tuned=(*PROFILE, *other))
    assert (file.before, file.content.splitlines()[-2:]) == ("# x\n", ["kernel.watchdog_thresh=30", "vm.swappiness=1"])
    (file, _choice), _obstacle = child({OURS: "# x"}, tuned=(*PROFILE, *other))
    assert file == WriteFile(OURS, CONTENT, "# x\n")


def test_what_an_earlier_receipt_chose_is_not_chosen_again():
    """Red where the revert of the later one would take the name that the earlier one needs."""
    (file,), _obstacle = child({ACTIVE: "site vmguest-swappiness", OURS: "# x"})
    assert isinstance(file, WriteFile)
    in_vain = {ACTIVE: "site vmguest-swappiness", MODE: "auto", OURS: AUTO}
    assert [type(step) for step in child(in_vain)[0]] == [Run]


def test_no_name_of_a_profile_is_a_command():
    """Red where a name stands in a command as it is."""
    (_file, choice), _obstacle = child({ACTIVE: "site $(reboot)"}, tuned=())
    assert "'changed since: expected site $(reboot) as the active profile of tuned, found'" in choice.do
    assert all(text.count("$(reboot)") == text.count("site $(reboot)") for text in (choice.do, choice.undo, choice.ask))
    assert '"changed since' not in choice.do + choice.ask


def test_where_tuned_keeps_its_own_in_a_folder_of_profiles_ours_goes_into_such_a_one():
    shipped = ("/usr/lib/tuned/profiles/virtual-guest/tuned.conf", 1, "[main]")
    (file, _choice), _obstacle = child(tuned=(*PROFILE, shipped))
    assert file.path == "/etc/tuned/profiles/vmguest-swappiness/tuned.conf"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"entries": ()}, "tuned.service is not enabled"),
        ({"unit": (1, "")}, "tuned.service is not enabled"),
        ({"files": {MODE: State.MISSING}}, "not as tuned 2.9 and later write them"),
        ({"files": {MODE: "odd"}}, "not as tuned 2.9 and later write them"),
        ({"files": {ACTIVE: "site\nother"}}, "not as tuned 2.9 and later write them"),
        ({"files": {"/etc/tuned/post_loaded_profile": "cluster"}}, "comes after all others"),
        ({"files": {"/etc/tuned/post_loaded_profile": State.DENIED}}, "comes after all others"),
        ({"files": {"/etc/tuned/tuned-main.conf": "profile_dirs = /opt/tuned"}}, "other folders"),
        ({"files": {ACTIVE: "site vmguest-swappiness late"}}, "names vmguest-swappiness before others: put it last"),
        ({"files": {OURS: State.DENIED}}, f"{OURS} could not be read"),
        ({"tuned": (*PROFILE, (SITE, 5, "enabled=false"))}, "whether ours would be in force is not known"),
        ({"tuned": (*PROFILE, (SITE, 5, "uname_regex=aarch64"))}, "whether ours would be in force is not known"),
        ({"tuned": (*PROFILE, (SITE, 5, "[late]"), (SITE, 6, "vm.swappiness=0"))}, "which may come after ours"),
        ({"tuned": ((SITE, 1, "[main]"), (SITE, 2, "include=${parent}"))}, "what that includes is not known"),
    ],
)
def test_what_is_left_to_a_person(given, reason):
    steps, obstacle = child(**given)
    assert steps == ()
    assert obstacle is not None
    assert reason in obstacle


@pytest.mark.parametrize(
    "given",
    [
        # As tuned writes it where there is none; what is off; a value that is as good.
        {"files": {"/etc/tuned/post_loaded_profile": ""}},
        {"files": {"/etc/tuned/tuned-main.conf": "# profile_dirs = /usr/lib/tuned,/etc/tuned"}},
        {"tuned": (*PROFILE, (SITE, 5, "[late]"), (SITE, 6, "vm.swappiness=1"), (SITE, 7, "enabled=false"))},
    ],
)
def test_what_is_not_in_the_way(given):
    assert child(**given)[1] is None
