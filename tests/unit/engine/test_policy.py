# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policy: modes, selections and waivers, and one clear sentence for whatever is not understood."""

from __future__ import annotations

from datetime import date

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess, gate
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import PROFILES, resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

TODAY = date(2026, 11, 24)
BFQ = {"/sys/block/sda/queue/scheduler": "[bfq] none", "/sys/block/sda/device/vendor": "VMware"}
SDA = [Entry("/sys/block/sda", "l", "rwxrwxrwx", 1, 0, 0, 0, "../x")]


def policy(role=None, **variables):
    return resolve_policy(variables, TODAY, role)


def finding(**variables):
    """The finding of io_scheduler on a guest whose disk uses bfq."""
    (found,) = assess(evidence_of(BFQ, entries=SDA), policy(vmguest_only=["io_scheduler"], **variables))
    return found


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({}, "enforce"),
        ({"io_scheduler_mode": "audit"}, "audit"),
        ({"io_scheduler_mode": "off"}, "off"),
        ({"vmguest_skip": ["io_scheduler"]}, "off"),
        ({"vmguest_skip": "@storage"}, "off"),
        ({"vmguest_only": ["@storage"]}, "enforce"),
        ({"vmguest_only": ["tools_present"]}, "off"),
        ({"vmguest_profile": "everything"}, "enforce"),
    ],
)
def test_modes(variables, mode):
    assert policy(**variables).mode("io_scheduler") == mode


def test_everything_enforces_everything():
    everything = policy(vmguest_profile="everything")
    assert {everything.mode(entry) for entry in RECOMMENDATIONS} == {"enforce"}


def test_a_role_by_its_own_name_enforces_unless_its_mode_says_otherwise():
    assert policy("swap_size").modes == {"swap_size": "enforce"}
    assert policy("swap_size", swap_size_mode="audit").modes == {"swap_size": "audit"}


def test_a_profile_may_extend_another_and_set_options():
    assert policy(vmguest_profile="io_intensive").options["io_scheduler_strict"] is True
    assert policy(vmguest_profile="latency_sensitive").options["vmxnet3_lro"] == "off"
    assert policy(vmguest_profile="network_forwarder").mode("vmxnet3_rings") == "enforce"
    assert policy(vmguest_profile="io_intensive", io_scheduler_strict=False).options["io_scheduler_strict"] is False


def test_a_users_own_profile_extends_a_shipped_one():
    own = {
        "ours": {
            "extends": "database",
            "recommendations": {"swap_size": "enforce", "cron_scatter": False},
            "options": {"disk_timeout_seconds": 300, "swappiness_highest": 5},
        },
        "quiet": {"extends": "ours", "default": "audit", "recommendations": {"swap_size": "audit"}},
    }
    ours = policy(vmguest_profiles=own, vmguest_profile="ours")
    assert ours.profile == "ours"
    assert [ours.mode(name) for name in ("swap_size", "cron_scatter", "large_pages")] == ["enforce", "off", "enforce"]
    assert (ours.options["disk_timeout_seconds"], ours.options["swappiness_highest"]) == (300, 5)
    assert ours.options["io_scheduler_strict"] is True, "of io_intensive, which database extends"
    assert (
        policy(vmguest_profiles=own, vmguest_profile="ours", disk_timeout_seconds=60).options["disk_timeout_seconds"]
        == 60
    )
    quiet = policy(vmguest_profiles=own, vmguest_profile="quiet")
    assert [quiet.mode(name) for name in ("swap_size", "tools_present", "large_pages")] == ["audit", "audit", "enforce"]
    assert policy(vmguest_profiles=own).mode("swap_size") == "audit", "what is only defined is not in force"


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_resolves_and_names_known_recommendations(name):
    assert set(PROFILES[name].recommendations) <= set(RECOMMENDATIONS)
    assert PROFILES[name].description
    policy(vmguest_profile=name)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"vmguest_profile": "basline"}, ["basline", "did you mean 'baseline'"]),
        ({"vmguest_profile": ["baseline"]}, ["unknown profile", "did you mean 'baseline'"]),
        ({"vmguest_profiles": ["ours"]}, ["vmguest_profiles", "mapping", "list"]),
        ({"vmguest_profiles": {"database": {}}}, ["'database'", "another name", "extends: database"]),
        ({"vmguest_profiles": {"ours": {"extend": "database"}}}, ["'ours'", "'extend'", "did you mean 'extends'"]),
        ({"vmguest_profiles": {"ours": "database"}}, ["'ours'", "mapping"]),
        ({"vmguest_profiles": {"ours": {"extends": "databas"}}}, ["'databas'", "did you mean 'database'"]),
        ({"vmguest_profiles": {"a": {"extends": "b"}, "b": {"extends": "a"}}}, ["extends itself", "a -> b -> a"]),
        ({"vmguest_profiles": {"ours": {"recommendations": {"swap_sise": "off"}}}}, ["did you mean 'swap_size'"]),
        ({"vmguest_profiles": {"ours": {"recommendations": {"swap_size": "on"}}}}, ["'on'", "enforce, audit, off"]),
        ({"vmguest_profiles": {"ours": {"recommendations": ["swap_size"]}}}, ["recommendations", "mapping"]),
        ({"vmguest_profiles": {"ours": {"default": "on"}}}, ["default", "enforce, audit, off"]),
        (
            {"vmguest_profiles": {"ours": {"options": {"swap_size_fractoin": 0.5}}}},
            ["swap_size_fractoin", "did you mean 'swap_size_fraction'"],
        ),
        (
            {"vmguest_profiles": {"ours": {"options": {"disk_timeout_seconds": "long"}}}, "vmguest_profile": "ours"},
            ["disk_timeout_seconds", "int", "no guest was touched"],
        ),
        ({"vmguest_only": ["io_schedular"]}, ["io_schedular", "did you mean 'io_scheduler'", "no guest was touched"]),
        ({"vmguest_only": ["@storrage"]}, ["@storrage", "did you mean 'storage'"]),
        (
            {"vmguest_only": ["guest_os"]},
            ["names the role 'guest_os'", "guest_os_current, kernel_64bit", "no guest was touched"],
        ),
        (
            {"guest_os_kernel": "newest"},
            ["'guest_os_kernel' is 'newest'", "as uname -r tells it", "no guest was touched"],
        ),
        ({"vmguest_skip": 5}, ["vmguest_skip", "list"]),
        ({"vmguest_fail_on": "terrible"}, ["terrible", "expected one of: info, low, medium, high, critical"]),
        ({"vmguest_lab_guest": "perhaps"}, ["vmguest_lab_guest", "true or false"]),
        ({"vmguest_wait": "soon"}, ["vmguest_wait", "whole seconds from 0 to 86400", "soon"]),
        ({"vmguest_wait": -1}, ["vmguest_wait", "whole seconds from 0 to 86400"]),
        ({"vmguest_profil": "baseline"}, ["vmguest_profil", "did you mean 'vmguest_profile'"]),
        ({"vmguest_reports": ""}, ["vmguest_reports"]),
        ({"io_scheduler_strikt": True}, ["io_scheduler_strikt", "did you mean 'io_scheduler_strict'"]),
        ({"io_scheduler_strict": "perhaps"}, ["io_scheduler", "boolean", "no guest was touched"]),
        ({"io_scheduler_mode": "force"}, ["io_scheduler_mode", "enforce"]),
        ({"vmguest_waivers": "all"}, ["vmguest_waivers", "list"]),
        ({"vmguest_waivers": [{"recommendation": "x"}]}, ["unknown recommendation 'x'"]),
        (
            {"vmguest_waivers": [{"recommendation": ["io_scheduler"]}]},
            ["must name one recommendation", "an entry for each"],
        ),
        ({"vmguest_only": [["io_scheduler"]]}, ["unknown recommendation '['io_scheduler']'"]),
        ({"vmguest_profiles": {"ours": {"extends": ["baseline"]}}}, ["must extend one profile", "['baseline']"]),
        ({"vmguest_serial": 1}, ["'vmguest_serial' is no variable"]),
        ({"vmguest_waivers": [{"recommendation": "io_scheduler", "expires": "2027-01-01"}]}, ["no reason"]),
        (
            {"vmguest_waivers": [{"recommendation": "io_scheduler", "reason": "r", "expires": "soon"}]},
            ["2027-03-31", "soon"],
        ),
        ({"vmguest_waivers": [{"recommendation": "io_scheduler", "reason": "r"}]}, ["must expire"]),
        (
            {"vmguest_waivers": [{"recommendation": "io_scheduler", "reason": "r", "expire": 1}]},
            ["unknown key 'expire'"],
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(variables, words):
    with pytest.raises(InputError) as error:
        policy(**variables)
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def waiver(expires):
    return [{"recommendation": "io_scheduler", "reason": "container host, io.weight (ops-7)", "expires": expires}]


def test_a_waiver_changes_audit_and_remediation():
    found = finding(vmguest_waivers=waiver("2026-11-24"))
    assert found.status is Status.WAIVED
    assert "ops-7" in found.reason
    assert "2026-11-24" in found.reason
    assert not make_plan([found])
    assert found.record()["waiver"] == {"reason": "container host, io.weight (ops-7)", "expires": "2026-11-24"}


def test_an_expired_waiver_is_a_finding_and_nothing_is_changed():
    found = finding(vmguest_waivers=waiver("2026-11-23"))
    assert found.status is Status.NONCOMPLIANT
    assert "expired on 2026-11-23" in found.reason
    assert not make_plan([found])
    assert found.record()["waiver"]["expires"] == "2026-11-23"


def test_a_waiver_of_what_is_compliant_changes_nothing():
    evidence = evidence_of({**BFQ, "/sys/block/sda/queue/scheduler": "[none]"}, entries=SDA)
    (found,) = assess(evidence, policy(vmguest_only=["io_scheduler"], vmguest_waivers=waiver("2027-01-01")))
    assert found.status is Status.COMPLIANT
    assert found.record()["waiver"] is None


def test_audit_mode_reports_and_plans_nothing():
    found = finding(io_scheduler_mode="audit")
    assert found.status is Status.NONCOMPLIANT
    assert not found.enforceable
    assert not make_plan([found])
    assert make_plan([finding()]).sentences[1] == "io_scheduler: set /sys/block/sda/queue/scheduler from bfq to none"


def test_severities_are_ordered():
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("files", "entries", "status", "words"),
    [
        (
            {"/sys/class/dmi/id/sys_vendor": "QEMU"},
            [],
            Status.NOT_APPLICABLE,
            "not a VMware guest: the system vendor is 'QEMU'",
        ),
        ({"/sys/class/dmi/id/sys_vendor": State.DENIED}, [], Status.UNKNOWN, "could be read"),
        ({}, [Entry("/.dockerenv", "-", "rwxr-xr-x", 1, 0, 0, 0)], Status.NOT_APPLICABLE, "container"),
        ({"/proc/1/cgroup": "0::/kubepods/burstable/x"}, [], Status.NOT_APPLICABLE, "container"),
    ],
)
def test_the_gate(files, entries, status, words):
    evidence = evidence_of({**VMWARE, **files}, entries=entries)
    closed = gate(evidence, lab_guest=False)
    assert closed is not None
    assert closed.status is status
    assert words in closed.reason
    assert gate(evidence, lab_guest=True) is None


def test_a_lab_guest_says_so_in_every_finding():
    evidence = evidence_of({**BFQ, "/sys/class/dmi/id/sys_vendor": "QEMU"}, entries=SDA)
    (found,) = assess(evidence, policy(vmguest_only=["io_scheduler"], vmguest_lab_guest=True))
    assert found.reason.startswith("lab guest")
    assert found.enforceable
