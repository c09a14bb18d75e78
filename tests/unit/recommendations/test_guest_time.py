# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_time: given this client and these settings, the audit says this; Tools' sync goes only where a client is synchronised."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Run,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import UNITS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.time_clients import (
    CHRONY_FILES,
    NTP_FILES,
    TIMESYNCD_MARK,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.guest_time import (
    assess_precision_clock,
    assess_settings,
    assess_source,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

TRACKING = "Reference ID    : C0A80A01 (192.168.10.1)\nStratum         : 3\nLeap status     : {}\n"
RV = 'associd=0 status=0615 {}, 1 event, clock_sync,\nversion="ntpd 4.2.8p15", leap=00, stratum=3\n'
CHRONY_OK = {"chrony_tracking": (0, TRACKING.format("Normal"))}
NTP_OK = {"ntp_variables": (0, RV.format("leap_none, sync_ntp"))}
OFF, ON = (69, "Disabled"), (0, "Enabled")


def evidence(
    *running,
    conf=(),
    settings=(),
    tools=OFF,
    commands=None,
    enabled=True,
    systemd=True,
    aliases=None,
    files=None,
    entries=(),
):
    """A guest on which these services run; ``conf``: main files that exist; ``settings``: their lines."""
    units = "\n\n".join(
        f"Id={name}.service\nNames={name}.service {(aliases or {}).get(name, '')}\nLoadState=loaded\n"
        f"ActiveState={'active' if name in running else 'inactive'}"
        for name in UNITS
        if name in running
    )
    links = [f"/etc/systemd/system/multi-user.target.wants/{name}.service" for name in running if enabled]
    scripts = [f"/etc/init.d/{name}" for name in running]
    starts = [f"/etc/rc3.d/S20{name}" for name in running if enabled]
    present = [*conf, *entries, *(["/run/systemd/system", *links] if systemd else [*scripts, *starts])]
    base = VMWARE if systemd else {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}
    return evidence_of(
        files,
        base=base,
        entries=[Entry(path, "-", "rw-r--r--", 1, 0, 0, 0) for path in present],
        lines={
            "time_settings": settings,
            "daemons": []
            if systemd
            else [(f"/proc/7{at}/stat", 1, f"7{at} ({name}) S 1") for at, name in enumerate(running)],
        },
        commands={
            **({"units": (0, units)} if systemd else {}),
            **({"tools_periodic_sync": tools} if tools else {}),
            **(commands or {}),
        },
    )


def source(*running, **rest) -> Verdict:
    """The verdict of time_sync_source."""
    return assess_source(evidence(*running, **rest), {})


class TestTheSource:
    @pytest.mark.parametrize(
        ("running", "commands", "status"),
        [
            (["chronyd"], CHRONY_OK, Status.COMPLIANT),
            (["chrony"], CHRONY_OK, Status.COMPLIANT),
            (["chronyd"], {"chrony_tracking": (0, TRACKING.format("Insert second"))}, Status.COMPLIANT),
            (["chronyd"], {"chrony_tracking": (0, TRACKING.format("Not synchronised"))}, Status.MANUAL),
            (["chronyd"], {"chrony_tracking": (1, "506 Cannot talk to daemon")}, Status.UNKNOWN),
            (["chronyd"], {}, Status.UNKNOWN),
            (["ntpd"], NTP_OK, Status.COMPLIANT),
            (["ntp"], {"ntp_variables": (0, "assID=0 status=0644 leap_none, sync_udp, 4 events,")}, Status.COMPLIANT),
            (["ntpsec"], NTP_OK, Status.COMPLIANT),
            (["ntpd"], {"ntp_variables": (0, RV.format("leap_alarm, sync_unspec"))}, Status.MANUAL),
            # its own clock is no server
            (["ntpd"], {"ntp_variables": (0, RV.format("leap_none, sync_local"))}, Status.MANUAL),
            (["ntpd"], {"ntp_variables": (0, RV.format("leap_none, sync_local_proto"))}, Status.MANUAL),
            (["ntpd"], {"ntp_variables": (124, "")}, Status.UNKNOWN),
            (["openntpd"], {"openntpd_status": (0, "4/4 peers valid, clock synced, stratum 3")}, Status.COMPLIANT),
            (["openntpd"], {"openntpd_status": (0, "0/4 peers valid, clock unsynced")}, Status.MANUAL),
            (["ntpd-rs"], {}, Status.UNKNOWN),
            (["phc2sys", "ptp4l"], {}, Status.UNKNOWN),
            (["chronyd", "ntpd"], {**CHRONY_OK, **NTP_OK}, Status.MANUAL),
            (["chrony", "systemd-timesyncd"], CHRONY_OK, Status.MANUAL),
            ([], {}, Status.MANUAL),
        ],
    )
    def test_of_a_client(self, running, commands, status):
        found = source(*running, commands=commands)
        assert found.status is status, found.reason

    @pytest.mark.parametrize(
        ("release", "marked", "status"),
        [
            ("debian 12", True, Status.COMPLIANT),
            ("debian 12", False, Status.MANUAL),
            ("ubuntu 24.04", False, Status.MANUAL),
            # systemd before 239 leaves no mark
            ("ubuntu 18.04", False, Status.UNKNOWN),
            ("debian 9", False, Status.UNKNOWN),
        ],
    )
    def test_of_timesyncd_is_its_mark(self, release, marked, status):
        name, version = release.split()
        found = source(
            "systemd-timesyncd",
            files={"/etc/os-release": f"ID={name}\nID_LIKE=debian\nVERSION_ID={version}"},
            entries=[TIMESYNCD_MARK] if marked else [],
        )
        assert found.status is status, found.reason

    def test_tools_are_turned_off_where_a_client_is_synchronised(self):
        found = source("chronyd", commands=CHRONY_OK, tools=ON)
        assert found.status is Status.NONCOMPLIANT
        (step,) = found.remedy
        assert (step.do, step.undo) == ("vmware-toolbox-cmd timesync disable", "vmware-toolbox-cmd timesync enable")

    @pytest.mark.parametrize(
        ("running", "commands"),
        [
            ([], {}),
            (["chronyd"], {"chrony_tracking": (0, TRACKING.format("Not synchronised"))}),
            (["chronyd"], {}),
            (["ntpd"], {"ntp_variables": (0, RV.format("leap_none, sync_local"))}),
            (["chronyd", "ntpd"], {**CHRONY_OK, **NTP_OK}),
            (["ntpd-rs"], {}),
        ],
    )
    def test_tools_are_left_alone_where_nobody_else_is_known_to_keep_the_time(self, running, commands):
        assert source(*running, commands=commands, tools=ON).remedy == ()

    @pytest.mark.parametrize("answer", [(69, "Error"), (0, ""), (75, "Disabled"), (124, "")])
    def test_tools_that_do_not_answer_are_not_taken_for_off(self, answer):
        assert source("chronyd", commands=CHRONY_OK, tools=answer).status is Status.UNKNOWN

    def test_without_tools_nothing_is_on(self):
        assert source("chronyd", commands=CHRONY_OK, tools=None).status is Status.COMPLIANT

    def test_a_client_that_is_not_enabled_is(self):
        found = source("chronyd", commands=CHRONY_OK, enabled=False)
        assert found.status is Status.NOT_PERSISTENT
        assert [step.do for step in found.remedy] == ["systemctl enable chronyd.service"]
        both = source("chronyd", commands=CHRONY_OK, enabled=False, tools=ON)
        assert [step.do for step in both.remedy] == [
            "vmware-toolbox-cmd timesync disable",
            "systemctl enable chronyd.service",
        ]

    def test_without_systemd_the_process_tells_and_the_links(self):
        assert source("ntpd", commands=NTP_OK, systemd=False).status is Status.COMPLIANT
        assert source("ntpd", commands=NTP_OK, systemd=False, enabled=False).status is Status.MANUAL

    def test_one_service_under_two_names_is_one_client(self):
        found = source("ntpsec", commands=NTP_OK, aliases={"ntpsec": "ntp.service ntpd.service"})
        assert found.status is Status.COMPLIANT
        assert found.runtime.startswith("ntpsec synchronised")

    def test_a_process_of_nobody_is_not_taken_for_a_service(self):
        found = assess_source(
            evidence_of(
                entries=[Entry("/run/systemd/system", "d", "rwxr-xr-x", 1, 0, 0, 0)],
                commands={
                    "units": (0, "Id=chronyd.service\nNames=chronyd.service\nLoadState=not-found\nActiveState=inactive")
                },
                lines={"daemons": [("/proc/9/stat", 1, "9 (chronyd) S 1")]},
            ),
            {},
        )
        assert found.status is Status.UNKNOWN

    def test_a_systemctl_that_does_not_answer_is_unknown(self):
        entries = [Entry("/run/systemd/system", "d", "rwxr-xr-x", 1, 0, 0, 0)]
        assert assess_source(evidence_of(entries=entries), {}).status is Status.UNKNOWN


def settings_of(*running, lines=(), always=False, conf=None, **rest) -> Verdict:
    """The verdict of ntp_vm_settings; ``lines`` are those of the client's own file."""
    path = (CHRONY_FILES if "chrony" in running[0] else NTP_FILES)[0]
    found = evidence(
        *running,
        conf=[path] if conf is None else conf,
        settings=[(path, number, text) for number, text in enumerate(lines, 1)],
        **rest,
    )
    return assess_settings(found, {"guest_time_step_always": always})


class TestNtp:
    @pytest.mark.parametrize(
        ("lines", "status"),
        [
            (["tinker panic 0", "server a"], Status.COMPLIANT),
            (["server a", "tinker step 0.5 panic 0"], Status.COMPLIANT),
            (["tinker panic 500", "tinker panic 0"], Status.COMPLIANT),
            (["tinker panic 0", "tinker panic 500"], Status.NONCOMPLIANT),
            (["tinker step 0.5"], Status.NONCOMPLIANT),
            (["server a"], Status.NONCOMPLIANT),
            ([], Status.NONCOMPLIANT),
            (["tinker panic 500", "tinker panic 500"], Status.MANUAL),
        ],
    )
    def test_settings(self, lines, status):
        found = settings_of("ntpd", lines=lines)
        assert found.status is status, found.reason

    def test_the_missing_line_is_appended_and_ntpd_restarted_now_and_after_an_undo(self):
        first, edit, restart = settings_of("ntpd", lines=["server a"]).remedy
        assert edit == EditFile("/etc/ntp.conf", (AppendLine("tinker panic 0"),))
        assert first.do == "true"
        assert first.undo.endswith(" || systemctl restart ntpd.service")
        assert (restart.do, restart.undo) == ("systemctl restart ntpd.service", "true")

    def test_another_value_is_replaced_in_its_place(self):
        edit = settings_of("ntpd", lines=["\ttinker  step 0.5 panic  300 # site"]).remedy[1]
        old = "\ttinker  step 0.5 panic  300 # site"
        assert edit.edits == (ReplaceLine(old, "\ttinker  step 0.5 panic  0 # site"),)

    def test_without_systemd_the_init_script_restarts(self):
        restart = settings_of("ntpd", systemd=False).remedy[-1]
        assert isinstance(restart, Run)
        assert restart.do == "service ntpd restart"

    def test_ntpsec_has_a_file_of_its_own(self):
        found = settings_of("ntpsec", conf=["/etc/ntpsec/ntp.conf", "/etc/ntp.conf"])
        assert found.remedy[1].path == "/etc/ntpsec/ntp.conf"

    def test_a_file_elsewhere_is_not_guessed(self):
        assert settings_of("ntpd", conf=[]).status is Status.UNKNOWN

    def test_the_local_clock_is_reported_and_left(self):
        found = settings_of("ntpd", lines=["tinker panic 0", "server 127.127.1.0 # local clock"])
        assert found.status is Status.COMPLIANT
        assert "/etc/ntp.conf:2 makes the clock its own server" in found.reason


class TestChrony:
    @pytest.mark.parametrize(
        ("lines", "always", "status"),
        [
            (["makestep 1.0 3"], False, Status.COMPLIANT),
            (["makestep 1.0 3"], True, Status.NONCOMPLIANT),
            (["makestep 1 -1"], True, Status.COMPLIANT),
            ([], True, Status.NONCOMPLIANT),
            ([], False, Status.MANUAL),
            (["makestep 1 3", "maxchange 1000 1 2"], False, Status.MANUAL),
            (["makestep 1 3", "maxchange 1000 1 -1"], False, Status.COMPLIANT),
            (["makestep 1 3", "makestep 1 3"], True, Status.MANUAL),
        ],
    )
    def test_settings(self, lines, always, status):
        found = settings_of("chronyd", lines=lines, always=always)
        assert found.status is status, found.reason

    def test_the_threshold_stays(self):
        first, edit, restart = settings_of("chronyd", lines=["makestep 0.5 3"], always=True).remedy
        assert edit == EditFile("/etc/chrony.conf", (ReplaceLine("makestep 0.5 3", "makestep 0.5 -1"),))
        assert first.do == "true"
        assert first.undo.endswith(" || systemctl restart chronyd.service")
        assert (restart.do, restart.undo) == ("systemctl restart chronyd.service", "true")


@pytest.mark.parametrize(
    ("running", "status"),
    [
        ("systemd-timesyncd", Status.COMPLIANT),
        ("openntpd", Status.NOT_APPLICABLE),
        ("ntpd-rs", Status.UNKNOWN),
    ],
)
def test_clients_without_such_settings(running, status):
    assert settings_of(running).status is status


def test_without_a_client_there_is_nothing_to_set():
    assert assess_settings(evidence(), {"guest_time_step_always": False}).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("clock", "device", "running", "line", "status"),
    [
        (None, False, ["chronyd"], "refclock PHC /dev/ptp0", Status.NOT_APPLICABLE),
        (None, True, ["chronyd"], "", Status.MANUAL),
        ("ptp_vmw", True, ["chronyd"], "refclock PHC /dev/ptp0 poll 0", Status.COMPLIANT),
        ("ptp_vmw", True, ["chronyd"], "refclock PHC /dev/ptp1 poll 0", Status.MANUAL),
        ("ptp_vmw", True, ["chronyd"], "refclock SHM 0", Status.MANUAL),
        ("ptp_vmw", True, ["chronyd"], "", Status.MANUAL),
        ("ptp_vmw", True, ["ntpd"], "", Status.MANUAL),
        ("ptp_vmw", True, ["phc2sys"], "", Status.UNKNOWN),
        # the clock of a network card is not the VM's
        ("mlx5_ptp", False, ["chronyd"], "refclock PHC /dev/ptp0", Status.NOT_APPLICABLE),
    ],
)
def test_the_precision_clock(clock, device, running, line, status):
    found = evidence(
        *running,
        settings=[("/etc/chrony.conf", 1, line)] if line else [],
        files={"/sys/class/ptp/ptp0/clock_name": clock} if clock else {},
        entries=["/sys/bus/acpi/devices/VMW0005:00"] if device else [],
    )
    verdict = assess_precision_clock(found, {})
    assert verdict.status is status, verdict.reason
