# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""transparent_hugepages: what a policy accepts, and who sets it at boot."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    Run,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.transparent_hugepages import (
    ENABLED,
    OURS,
    assess,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

OLD = {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}
TUNED = "/etc/tuned/site/tuned.conf"
UNIT = (0, "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=active")
WANTED = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")
ALWAYS = [("/boot/config-6.1.0-28-amd64", 1, "CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y")]
LOCAL = "/etc/rc.d/rc.local"
SCRIPT = [Entry(LOCAL, "-", "rwxr-xr-x", 1, 0, 0, 9)]


def enabled(chosen):
    """The kernel's file with one word in brackets."""
    return " ".join(f"[{word}]" if word == chosen else word for word in ("always", "madvise", "never"))


def verdict(
    now,
    policy,
    files=None,
    *,
    writers=(),
    tuned=(),
    base=None,
    entries=(),
    path=ENABLED[0],
    config=tuple(ALWAYS),
    units=(1, ""),
) -> Verdict:
    """The verdict on a guest with this setting, whose kernel starts with always."""
    lines = {
        "transparent_hugepage_writers": writers,
        "tuned_profiles": [(TUNED, number, text) for number, text in enumerate(tuned, 1)],
        "kconfig": config,
    }
    evidence = evidence_of(
        {path: enabled(now), **(files or {})}, lines=lines, base=base, entries=entries, commands={"units": units}
    )
    return assess(evidence, {"transparent_hugepages_policy": policy})


@pytest.mark.parametrize(
    ("now", "policy", "status"),
    [
        ("always", "any", Status.COMPLIANT),
        ("never", "any", Status.COMPLIANT),
        ("always", "madvise", Status.NONCOMPLIANT),
        ("always", "never", Status.NONCOMPLIANT),
        ("madvise", "never", Status.NONCOMPLIANT),
        ("madvise", "madvise", Status.NOT_PERSISTENT),
        ("never", "madvise", Status.NOT_PERSISTENT),
    ],
)
def test_what_a_policy_accepts(now, policy, status):
    assert verdict(now, policy).status is status


def test_the_remedy_is_a_line_of_tmpfiles_d_and_the_live_value():
    assert verdict("always", "madvise").remedy == (
        WriteFile(OURS, f"# vmguest.linux, transparent_hugepages\nw {ENABLED[0]} - - - - madvise\n"),
        WriteKernel(ENABLED[0], "always", "madvise"),
    )


@pytest.mark.parametrize(
    ("given", "owner"),
    [
        ({"writers": [(OURS, 2, f"w {ENABLED[0]} - - - - madvise")]}, f"{OURS}:2"),
        ({"config": [(ALWAYS[0][0], 1, "CONFIG_TRANSPARENT_HUGEPAGE_MADVISE=y")]}, "the kernel's default"),
        (
            {
                "tuned": ("[vm]", "transparent_hugepages=never"),
                "files": {"/etc/tuned/active_profile": "site"},
                "entries": [WANTED],
                "units": UNIT,
            },
            f"tuned profile site ({TUNED})",
        ),
    ],
)
def test_whoever_sets_it_right_at_boot_is_the_owner(given, owner):
    found = verdict("madvise", "madvise", **given)
    assert (found.status, found.owner) == (Status.COMPLIANT, owner)


@pytest.mark.parametrize("units", [UNIT, (1, ""), (0, UNIT[1].replace("=active", "=inactive"))])
def test_a_tuned_that_may_not_start_makes_no_boot_right(units):
    """Red where the profile counts though no boot starts tuned."""
    found = verdict(
        "never",
        "never",
        {"/etc/tuned/active_profile": "site"},
        tuned=("[vm]", "transparent_hugepages=never"),
        units=units,
    )
    assert (found.status, found.persistent) == (Status.NOT_PERSISTENT, "always")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/rc.local", "echo always > /sys/kernel/mm/transparent_hugepage/enabled"),
        (
            "/etc/systemd/system/thp.service",
            "ExecStart=/bin/sh -c 'echo always | tee /sys/kernel/mm/transparent_hugepage/enabled'",
        ),
        ("/etc/tmpfiles.d/site.conf", "w! /sys/kernel/mm/transparent_hugepage/enabled - - - - always"),
    ],
)
def test_who_sets_another_value_is_in_the_way(path, text):
    found = verdict("always", "never", writers=[(path, 3, text)])
    assert found.status is Status.MANUAL
    assert f"{path}:3 sets always" in found.reason


def test_a_comment_is_not_in_the_way():
    line = ("/etc/rc.local", 3, "# echo always > /sys/kernel/mm/transparent_hugepage/enabled")
    assert verdict("always", "never", writers=[line]).status is Status.NONCOMPLIANT


def test_tuned_gets_a_profile_of_ours_that_sets_what_its_own_sets():
    """Given a profile with the option's other name, ours has that one: of two names the order would decide.

    Red where ours always has `transparent_hugepages`.
    """
    files = {"/etc/tuned/active_profile": "site", "/etc/tuned/profile_mode": "manual"}
    found = verdict(
        "always", "never", files, tuned=("[vm]", "transparent_hugepage=always"), entries=[WANTED], units=UNIT
    )
    assert found.status is Status.NONCOMPLIANT
    file, choice, live = found.remedy
    assert isinstance(file, WriteFile)
    assert (file.path, file.content.splitlines()[-2:]) == (
        "/etc/tuned/vmguest-transparent-hugepages/tuned.conf",
        ["[vm]", "transparent_hugepage=never"],
    )
    assert isinstance(choice, Run)
    assert live == WriteKernel(ENABLED[0], "always", "never")


def test_tuned_is_in_the_way_unless_the_kernels_argument_stops_it():
    files = {"/etc/tuned/active_profile": "site"}
    tuned = ("[vm]", "transparent_hugepages=always")
    found = verdict("always", "never", files, tuned=tuned)
    assert found.status is Status.MANUAL
    assert "child profile with include=site and transparent_hugepages=never" in found.reason
    argued = {**files, "/etc/kernel/cmdline": "root=/dev/sda1 transparent_hugepage=madvise"}
    assert verdict("always", "never", argued, tuned=tuned).status is Status.NONCOMPLIANT


def test_rhel_6_has_its_own_file_and_a_line_of_rc_local():
    found = verdict("always", "never", base=OLD, path=ENABLED[1], entries=SCRIPT, config=())
    assert found.remedy == (
        EditFile(LOCAL, (AppendLine(f"[ ! -w {ENABLED[1]} ] || echo never >{ENABLED[1]}"),)),
        WriteKernel(ENABLED[1], "always", "never"),
    )
    line = (LOCAL, 9, f"[ ! -w {ENABLED[1]} ] || echo never >{ENABLED[1]}")
    given = {"base": OLD, "path": ENABLED[1], "entries": SCRIPT, "config": (), "writers": [line]}
    assert verdict("never", "never", **given).status is Status.COMPLIANT


def test_a_script_that_exits_takes_no_line():
    exits = [(LOCAL, 9, "exit 0")]
    found = verdict("always", "never", base=OLD, entries=SCRIPT, writers=exits)
    assert found.status is Status.MANUAL
    assert "transparent_hugepage=never to the boot options" in found.reason


@pytest.mark.parametrize(("state", "status"), [(State.MISSING, Status.NOT_APPLICABLE), (State.DENIED, Status.UNKNOWN)])
def test_a_kernel_without_them_or_that_does_not_tell(state, status):
    assert verdict("always", "never", {ENABLED[0]: state}).status is status
