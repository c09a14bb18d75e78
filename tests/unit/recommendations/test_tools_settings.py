# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools_settings: given this tools.conf and these scripts, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import PATH
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.tools_settings import (
    FEATURES,
    FOLDER,
    assess_logging,
    assess_quiesce,
    assess_surface,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

OPTIONS = {"tools_settings_off": ["componentmgr", "servicediscovery"]}
LIBRARY = "/usr/lib64/open-vm-tools/plugins/vmsvc"


def guest(conf=None, *, entries=(), plugins=("libguestInfo.so",), tools=True):
    """Evidence of a guest with open-vm-tools and this tools.conf; None where it has none."""
    dpkg = "open-vm-tools\tinstall ok installed\t2:12.2.0-1" if tools else ""
    return evidence_of(
        {} if conf is None else {PATH: conf},
        entries=[*entries, *(Entry(f"{LIBRARY}/{name}", "-", "rwxr-xr-x", 1, 0, 0, 9) for name in plugins)],
        commands={"dpkg_packages": (0, dpkg)},
    )


@pytest.mark.parametrize("assess", [assess_quiesce, assess_logging, assess_surface])
def test_without_tools_or_without_reading(assess):
    assert assess(guest(tools=False), OPTIONS).status is Status.NOT_APPLICABLE
    assert assess(guest(State.DENIED), OPTIONS).status is Status.UNKNOWN
    assert assess(guest(), OPTIONS).status is Status.COMPLIANT
    assert assess(guest(""), OPTIONS).status is Status.COMPLIANT


# ---- quiesce_scripts -------------------------------------------------------------------------------------------------


def script(mode="rwxr-xr-x", uid=0, kind="-", path=f"{FOLDER}/10-db"):
    return Entry(path, kind, mode, 1, uid, 0, 9, "/opt/x" if kind == "l" else None)


@pytest.mark.parametrize(
    ("conf", "entry", "status", "word"),
    [
        ("", script(), Status.COMPLIANT, "runs before and after"),
        ("", script(path="/usr/sbin/pre-freeze-script"), Status.COMPLIANT, "pre-freeze-script runs"),
        ("", script("rwxrwxr-x"), Status.NONCOMPLIANT, "others may write"),
        ("", script("rwxr-xrwx"), Status.NONCOMPLIANT, "others may write"),
        ("", script("rw-r--r--"), Status.MANUAL, "cannot be run"),
        ("", script(uid=1000), Status.MANUAL, "belongs to somebody else"),
        ("", script(kind="l"), Status.MANUAL, "is a link"),
        ("", script("rwxr-xr-x", kind="d"), Status.COMPLIANT, "no script is run"),
        ("[vmbackup]\nenableSyncDriver=false", None, Status.MANUAL, "turns freezing off"),
        ("[vmbackup]\nexecScripts=false", script(), Status.MANUAL, "keeps"),
        ("[vmbackup]\nexecScripts=false", None, Status.COMPLIANT, ""),
        ("[vmbackup]\nignoreFrozenFileSystems=true", None, Status.MANUAL, "excludedFileSystems"),
        ("[other]\nenableSyncDriver=false", None, Status.COMPLIANT, ""),
    ],
)
def test_quiescing(conf, entry, status, word):
    found = assess_quiesce(guest(conf, entries=[entry] if entry else []), OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


# ---- tools_logging ---------------------------------------------------------------------------------------------------

DEBUG = "[logging]\nlog = true\nvmsvc.level = debug\nvmsvc.handler = file"


@pytest.mark.parametrize(
    ("conf", "status", "edits"),
    [
        (
            DEBUG,
            Status.NONCOMPLIANT,
            [ReplaceLine("vmsvc.level = debug", "# vmguest tools_logging: vmsvc.level = debug")],
        ),
        (DEBUG.replace("debug", "info"), Status.COMPLIANT, None),
        (DEBUG.replace("vmsvc.level", "#vmsvc.level"), Status.COMPLIANT, None),
        ("[vmbackup]\nvmsvc.level = debug", Status.COMPLIANT, None),
        ("[logging]\nlog = true  ", Status.NONCOMPLIANT, [ReplaceLine("log = true  ", "log = true")]),
        ("# a comment  \n\n", Status.COMPLIANT, None),
        (f"{DEBUG}\n[x]\nvmsvc.level = debug", Status.MANUAL, None),
        ("[a]\nx=1\n[b]\nx=1 ", Status.MANUAL, None),
    ],
)
def test_no_log_stays_at_debug(conf, status, edits):
    found = assess_logging(guest(conf), OPTIONS)
    assert found.status is status, found.reason
    if edits:
        assert found.remedy == (EditFile(PATH, tuple(edits)),)


# ---- tools_attack_surface --------------------------------------------------------------------------------------------

BOTH = ("libguestInfo.so", "libcomponentMgr.so", "libserviceDiscovery.so")
GROUPS = [
    AppendLine("[componentmgr]"),
    AppendLine("included=none"),
    AppendLine("[servicediscovery]"),
    AppendLine("disabled=true"),
]


@pytest.mark.parametrize(
    ("conf", "edits"),
    [
        ("", GROUPS),
        ("[logging]\nlog = true", GROUPS),
        # The last group of the file is gone on with, before others are opened.
        ("[servicediscovery]", [AppendLine("disabled=true"), *GROUPS[:2]]),
        ("[componentmgr]\nincluded=all", [ReplaceLine("included=all", "included=none"), *GROUPS[2:]]),
        # A line that is somewhere already is written in other letters.
        ("[appinfo]\ndisabled=true", [*GROUPS[:3], AppendLine("disabled=1")]),
    ],
)
def test_what_is_wanted_off_is_turned_off(conf, edits):
    found = assess_surface(guest(conf, plugins=BOTH), OPTIONS)
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy == (EditFile(PATH, tuple(edits)),)


def test_a_file_that_is_not_there_is_written():
    (step,) = assess_surface(guest(plugins=BOTH), OPTIONS).remedy
    assert step == WriteFile(PATH, "[componentmgr]\nincluded=none\n[servicediscovery]\ndisabled=true\n")


def test_a_group_in_the_middle_is_left_to_a_person():
    found = assess_surface(guest("[servicediscovery]\n[logging]\nlog=true", plugins=BOTH), OPTIONS)
    assert found.status is Status.MANUAL
    assert "add 'disabled=true' below [servicediscovery]" in found.reason


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_is_off_by_its_own_line(name):
    feature = FEATURES[name]
    wanted = {"tools_settings_off": [name]}
    assert assess_surface(guest("", plugins=(feature.plugin,)), wanted).status is Status.NONCOMPLIANT
    assert assess_surface(guest("", plugins=(feature.plugin,)), {"tools_settings_off": []}).status is Status.COMPLIANT
    for line in feature.lines:
        conf = f"[{feature.group}]\n{line}"
        assert assess_surface(guest(conf, plugins=(feature.plugin,)), wanted).status is Status.COMPLIANT, line


def test_without_any_plugin_nothing_is_known():
    assert assess_surface(guest("", plugins=()), OPTIONS).status is Status.UNKNOWN
