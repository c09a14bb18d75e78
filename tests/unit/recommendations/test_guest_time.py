# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_time: given this client and these settings, the audit says this; Tools' sync goes only where a client is synchronised."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Run,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import NAMES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import UNITS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.time_clients import (
    CHRONY_FILES,
    NTP_FILES,
    TIMESYNCD_MARK,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.guest_time import (
    ANSWERS,
    RECOMMENDATIONS,
    TRIES,
    assess_precision_clock,
    assess_settings,
    assess_source,
)
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

TRACKING = "Reference ID    : C0A80A01 (192.168.10.1)\nStratum         : 3\nLeap status     : {}\n"
RV = 'associd=0 status=0615 {}, 1 event, clock_sync,\nversion="ntpd 4.2.8p15", leap=00, stratum=3\n'
OWN_CLOCK = "Reference ID    : 7F7F0101 ()\nStratum         : 10\nLeap status     : Normal\n"
CHRONY_OK = {"chrony_tracking": (0, TRACKING.format("Normal"))}
NTP_OK = {"ntp_variables": (0, RV.format("leap_none, sync_ntp"))}
NO_INSTALLATION = {"guest_time_install_client": False}
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
    idle=(),
    state="inactive",
    load="loaded",
):
    """A guest on which these services run; ``conf``: main files that exist; ``settings``: their lines; ``idle``: units that do not
    run, disabled, with their ``state`` and ``load``."""
    units = "\n\n".join(
        f"Id={name}.service\nNames={name}.service {(aliases or {}).get(name, '')}\n"
        f"LoadState={load if name in idle else 'loaded'}\nActiveState={state if name in idle else 'active'}"
        for name in UNITS
        if name in running or name in idle
    )
    links = [f"/etc/systemd/system/multi-user.target.wants/{name}.service" for name in running if enabled]
    scripts = [f"/etc/init.d/{name}" for name in running]
    starts = [f"/etc/rc3.d/S20{name}" for name in running if enabled]
    present = [*conf, *entries, *(["/run/systemd/system", *links] if systemd else [*scripts, *starts])]
    base = VMWARE if systemd else {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}
    return evidence_of(
        files,
        base=base,
        entries=[path if isinstance(path, Entry) else Entry(path, "-", "rw-r--r--", 1, 0, 0, 0) for path in present],
        lines={
            "time_settings": settings,
            "daemons": []
            if systemd
            else [(f"/proc/7{at}/stat", 1, f"7{at} ({name}) S 1") for at, name in enumerate(running)],
        },
        commands={
            **(
                {"units": (0, units or "Id=open-vm-tools.service\nLoadState=not-found\nActiveState=inactive")}
                if systemd
                else {}
            ),
            **({"tools_periodic_sync": tools} if tools else {}),
            **(commands or {}),
        },
    )


def source(*running, **rest) -> Verdict:
    """The verdict of time_sync_source."""
    return assess_source(evidence(*running, **rest), NO_INSTALLATION)


class TestTheSource:
    @pytest.mark.parametrize(
        ("running", "commands", "status"),
        [
            (["chronyd"], CHRONY_OK, Status.COMPLIANT),
            (["chrony"], CHRONY_OK, Status.COMPLIANT),
            (["chronyd"], {"chrony_tracking": (0, TRACKING.format("Insert second"))}, Status.COMPLIANT),
            (["chronyd"], {"chrony_tracking": (0, TRACKING.format("Not synchronised"))}, Status.MANUAL),
            # `local` in its configuration, and no server that answers: its own clock is the reference.
            (["chronyd"], {"chrony_tracking": (0, OWN_CLOCK)}, Status.MANUAL),
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

    @pytest.mark.parametrize(
        ("version", "setting", "status"),
        [
            ("2:13.1.0-1", "[timeSync]\ndisable-periodic=true", Status.COMPLIANT),
            ("2:13.1.0-1", "[timeSync]\ndisable-all = true", Status.COMPLIANT),
            ("2:13.1.0-1", "[timeSync]\ndisable-periodic=false", Status.NONCOMPLIANT),
            ("2:13.1.0-1", "[logging]\ndisable-periodic=true", Status.NONCOMPLIANT),
            # Older ones do not know it.
            ("2:13.0.5-1", "[timeSync]\ndisable-periodic=true", Status.NONCOMPLIANT),
            ("", "[timeSync]\ndisable-periodic=true", Status.NONCOMPLIANT),
        ],
    )
    @pytest.mark.parametrize("tools", [ON, OFF])
    def test_tools_conf_turns_it_off_whatever_the_host_has(self, version, setting, status, tools):
        found = source(
            "chronyd",
            tools=tools,
            files={"/etc/vmware-tools/tools.conf": setting},
            commands={
                **CHRONY_OK,
                "dpkg_packages": (1, f"open-vm-tools\tinstall ok installed\t{version}" if version else ""),
            },
        )
        assert found.status is (Status.COMPLIANT if tools == OFF else status)
        assert ("tools.conf:2: disable-" in found.reason) is (status is Status.COMPLIANT)

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


#: What the probe finds where the client does not run: its command is there, and has nobody to talk to.
NO_DAEMON = {
    "chrony_tracking": (1, "506 Cannot talk to daemon"),
    "ntp_variables": (1, "ntpq: read: Connection refused"),
}
SERVER = {
    "chronyd": ("/etc/chrony.conf", 1, "pool pool.ntp.org iburst"),
    "chrony": ("/etc/chrony/chrony.conf", 1, "server ntp.example.com"),
    "ntpd": ("/etc/ntp.conf", 1, "server ntp.example.com"),
    "ntpsec": ("/etc/ntpsec/ntp.conf", 1, "pool pool.ntp.org"),
}


def idle_source(*idle, settings=None, commands=None, **rest) -> Verdict:
    """The verdict of time_sync_source where these are installed and do not run."""
    servers = [SERVER[name] for name in idle if name in SERVER]
    found = evidence(
        idle=idle,
        settings=servers if settings is None else settings,
        commands=NO_DAEMON if commands is None else commands,
        **rest,
    )
    return assess_source(found, NO_INSTALLATION)


class TestAClientThatDoesNotRun:
    @pytest.mark.parametrize("service", ["chronyd", "chrony", "ntpd", "ntpsec", "systemd-timesyncd"])
    def test_it_is_enabled_and_started_and_has_to_be_synchronised(self, service):
        found = idle_source(service)
        assert found.status is Status.NONCOMPLIANT, found.reason
        start, wait = found.remedy
        assert start.do == f"systemctl enable {service}.service && systemctl start {service}.service"
        assert start.undo.endswith(f"systemctl stop {service}.service && systemctl disable {service}.service; }}")
        assert wait.proof in wait.do
        assert wait.undo == "true"

    def test_one_that_is_enabled_and_was_stopped_is_only_started(self):
        link = "/etc/systemd/system/multi-user.target.wants/chronyd.service"
        assert idle_source("chronyd", entries=[link]).remedy[0].do == "systemctl start chronyd.service"

    def test_tools_are_turned_off_last(self):
        assert [step.do for step in idle_source("chronyd", tools=ON).remedy][2:] == [
            "vmware-toolbox-cmd timesync disable"
        ]

    @pytest.mark.parametrize(
        ("idle", "rest", "reason"),
        [
            (["chronyd"], {"load": "masked"}, "masked: somebody decided so"),
            (["chronyd"], {"state": "failed"}, "chronyd is failed"),
            (["chronyd"], {"state": "activating"}, "chronyd is activating"),
            (["chronyd", "ntpd"], {}, "chrony and ntp are installed"),
            # It cannot be learned whether they are synchronised.
            (["ntpd-rs"], {}, "could not be seen from here"),
            (["chronyd"], {"commands": {}}, "could not be seen from here"),
            (["chronyd"], {"settings": [SERVER["chronyd"], ("/etc/chrony.conf", 2, "cmdport 0")]}, "could not be seen"),
            (["systemd-timesyncd"], {"files": {"/etc/os-release": "ID=debian\nVERSION_ID=9"}}, "could not be seen"),
            (["chronyd"], {"settings": []}, "no server is configured"),
            (["chronyd"], {"settings": [SERVER["ntpd"]]}, "no server is configured"),
            (["chronyd"], {"tools": (75, "Error")}, "See vmware-toolbox-cmd timesync status"),
            # What is installed for a clock that nobody configured is no client.
            (["ptp4l", "phc2sys"], {}, "Install and enable the distribution's own"),
        ],
    )
    def test_it_is_left_where(self, idle, rest, reason):
        found = idle_source(*idle, **rest)
        assert found.status is Status.MANUAL
        assert reason in found.reason

    def test_a_container_that_is_a_lab_guest_starts_none(self):
        files = {"/run/systemd/container": "podman"}
        assert idle_source("systemd-timesyncd", files=files).status is Status.MANUAL
        assert installed(files=files).status is Status.MANUAL
        assert settings_of(idle=["systemd-timesyncd"], files=files).status is Status.NOT_APPLICABLE

    def test_one_that_is_masked_does_not_count_beside_another(self):
        mask = Entry("/etc/systemd/system/systemd-timesyncd.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "/dev/null")
        found = idle_source("chrony", "systemd-timesyncd", entries=[mask])
        assert found.status is Status.NONCOMPLIANT
        assert "start chrony.service" in found.remedy[0].do

    def test_ptp_that_is_installed_does_not_count_beside_another(self):
        assert idle_source("chronyd", "ptp4l", "phc2sys").status is Status.NONCOMPLIANT

    def test_a_client_that_runs_is_alone(self):
        found = source("chronyd", idle=["ntpd"], commands=CHRONY_OK)
        assert found.status is Status.COMPLIANT

    def test_its_settings_are_right_before_it_runs_and_do_not_start_it(self):
        found = settings_of(lines=["server ntp.example.com"], conf=[NTP_FILES[0]], idle=["ntpd"], commands=NO_DAEMON)
        assert found.status is Status.NONCOMPLIANT
        undone, edit = found.remedy
        assert edit == EditFile("/etc/ntp.conf", (AppendLine("tinker panic 0"),))
        assert undone.do == "true"
        assert undone.undo.endswith(" || systemctl restart ntpd.service")

    def test_its_settings_come_first(self):
        ids = [entry.id for entry in RECOMMENDATIONS]
        assert ids.index("ntp_vm_settings") < ids.index("time_sync_source")

    def test_the_settings_of_one_that_is_not_started_are_nobodys(self):
        assert settings_of(conf=[NTP_FILES[0]], idle=["ntpd"], state="failed").status is Status.NOT_APPLICABLE


#: dpkg knows none of the packages that it is asked for.
NO_PACKAGES = {"dpkg_packages": (1, "")}
RPM = (11, "\n".join(f"package {name} is not installed" for name in NAMES))


def installed(os_release=None, option=True, commands=None, **rest) -> Verdict:
    """The verdict of time_sync_source where no client is installed, and the option asks for one."""
    found = evidence(
        files={**({"/etc/os-release": os_release} if os_release else {}), **rest.pop("files", {})},
        commands=NO_PACKAGES if commands is None else commands,
        **rest,
    )
    return assess_source(found, {"guest_time_install_client": option})


class TestNoClientIsInstalled:
    @pytest.mark.parametrize(
        ("os_release", "commands", "manager", "unit"),
        [
            ("ID=debian\nVERSION_ID=12", NO_PACKAGES, "apt-get", "chrony"),
            ('ID=rhel\nVERSION_ID="9.4"', {"rpm_packages": RPM}, "dnf", "chronyd"),
            ('ID=centos\nID_LIKE="rhel fedora"\nVERSION_ID="7"', {"rpm_packages": RPM}, "yum", "chronyd"),
            ('ID=sles\nVERSION_ID="15.6"', {"rpm_packages": RPM}, "zypper", "chronyd"),
        ],
    )
    def test_chrony_is_installed_where_that_is_asked_for(self, os_release, commands, manager, unit):
        found = installed(os_release, commands=commands)
        assert found.status is Status.NONCOMPLIANT, found.reason
        install, *dummy, start, wait = found.remedy
        assert install.what == f"install chrony with {manager}"
        assert start.do == f"systemctl enable {unit}.service && systemctl start {unit}.service"
        assert "chronyc" in wait.proof

    def test_not_where_nobody_asks(self):
        found = installed(option=False)
        assert found.status is Status.MANUAL
        assert "set guest_time_install_client" in found.reason

    def test_tools_are_turned_off_once_it_is_synchronised(self):
        assert installed(tools=ON).remedy[-1].do == "vmware-toolbox-cmd timesync disable"

    @pytest.mark.parametrize("conf", [[], ["/etc/chrony/chrony.conf"]])
    def test_a_configuration_that_is_there_stays(self, conf):
        remedy = installed(conf=conf).remedy
        assert ("case ' chrony ' in" in remedy[0].undo) is bool(conf)
        # Then nothing is purged, and there is nothing to ask.
        assert any("/etc/chrony" in step.ask for step in remedy) is not bool(conf)

    @pytest.mark.parametrize(
        ("rest", "reason"),
        [
            # Their own client is ntpd, which would need another setting before it is right.
            ({"os_release": 'ID=sles\nVERSION_ID="12.5"', "commands": {"rpm_packages": RPM}}, "Install and enable the"),
            ({"os_release": "ID=photon\nVERSION_ID=5.0"}, "Install and enable the distribution's own"),
            ({"systemd": False}, "Install and enable the distribution's own"),
            ({"files": {"/run/ostree-booted": ""}}, "an image that is changed as a whole"),
            ({"commands": {}}, "Neither dpkg nor rpm answered"),
            ({"commands": {"dpkg_packages": (0, "chrony\tinstall ok half-configured\t4.3")}}, "dpkg has begun"),
            ({"commands": {"dpkg_packages": (0, "chrony\tinstall ok installed\t4.3")}}, "knows no chrony.service"),
            ({"tools": (75, "Error")}, "See vmware-toolbox-cmd timesync status"),
        ],
    )
    def test_it_is_not_where(self, rest, reason):
        found = installed(**rest)
        assert found.status is Status.MANUAL
        assert reason in found.reason

    def test_a_client_that_is_installed_is_not_replaced(self):
        found = installed(idle=["systemd-timesyncd"], load="masked")
        assert found.status is Status.MANUAL
        assert "masked" in found.reason


def settings_of(*running, lines=(), always=False, conf=None, **rest) -> Verdict:
    """The verdict of ntp_vm_settings; ``lines`` are those of the client's own file."""
    path = (CHRONY_FILES if running and "chrony" in running[0] else NTP_FILES)[0]
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

    def test_one_that_was_synchronised_is_given_time_to_be_so_again(self):
        wait = settings_of("ntpd", commands=NTP_OK).remedy[-1]
        assert "ntpq -n -c rv 127.0.0.1" in wait.do
        assert "exit 0" in wait.do

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


POOL = "pool pool.ntp.org iburst"


class TestAdvice:
    """What a compliant finding says besides. None of it makes a guest anything else."""

    @pytest.mark.parametrize(
        ("lines", "said", "not_said"),
        [
            ([POOL, "makestep 1 3", "rtcsync"], [], ["Its files", "rtcsync", "local time"]),
            (["server a", "makestep 1 3", "rtcsync"], ["Its files name 1 server:"], ["hardware clock"]),
            (["server a", "server b", "server a", "makestep 1 3", "rtcsync"], ["Its files name 2 servers:"], []),
            (["server a", "server b", "peer c", "makestep 1 3", "rtcsync"], [], ["Its files"]),
            # One clock of the host's is enough.
            (["refclock PHC /dev/ptp0 poll 0", "server a", "makestep 1 3", "rtcsync"], [], ["Its files"]),
            # They come by DHCP.
            (["makestep 1 3", "rtcsync"], [], ["Its files"]),
            ([POOL, "makestep 1 3"], ["Without rtcsync"], []),
            ([POOL, "makestep 1 3", "rtcfile /var/lib/chrony/rtc"], [], ["Without rtcsync"]),
        ],
    )
    def test_of_chrony(self, lines, said, not_said):
        found = settings_of("chronyd", lines=lines)
        assert found.status is Status.COMPLIANT
        assert [text for text in said if text not in found.reason] == []
        assert [text for text in not_said if text in found.reason] == []

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["tinker panic 0", "server a"], True),
            # Its own clock is none.
            (["tinker panic 0", "server a", "server b", "server 127.127.1.0"], True),
            (["tinker panic 0", "server a", "server b", "server c"], False),
            (["tinker panic 0", POOL], False),
        ],
    )
    def test_of_ntp(self, lines, said):
        found = settings_of("ntpd", lines=lines)
        assert found.status is Status.COMPLIANT
        assert ("Its files name" in found.reason) is said
        assert "rtcsync" not in found.reason

    @pytest.mark.parametrize("client", ["chronyd", "ntpd", "systemd-timesyncd"])
    @pytest.mark.parametrize(("adjtime", "said"), [("LOCAL", True), ("UTC", False), (None, False)])
    def test_of_the_hardware_clock(self, client, adjtime, said):
        files = {"/etc/adjtime": f"0.0 0 0.0\n0\n{adjtime}"} if adjtime else {}
        found = settings_of(client, lines=["tinker panic 0", "makestep 1 3"], files=files)
        assert found.status is Status.COMPLIANT
        assert ("hardware clock in local time" in found.reason) is said

    def test_leap_seconds_are_shown(self):
        lines = [POOL, "makestep 1 3", "rtcsync", "leapsectz right/UTC"]
        assert settings_of("chronyd", lines=lines).persistent == "makestep 1 3, rtcsync, leapsectz right/UTC"
        assert (
            settings_of("ntpd", lines=["tinker panic 0", "leapfile /etc/leap"]).persistent
            == "panic 0, leapfile /etc/leap"
        )


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant", "deaf", "service"),
    [
        (
            "rhel9",
            "chrony_disabled",
            {"commands": {"chronyc": {"-h 127.0.0.1 -n tracking": "Leap status     : Not synchronised"}}},
            "chronyd",
        ),
        (
            "rhel7",
            "ntpd_disabled",
            {"commands": {"ntpq": {"-n -c rv 127.0.0.1": "status=c016 leap_alarm, sync_unspec,"}}},
            "ntpd",
        ),
        ("debian12", "timesyncd_disabled", {"files": {TIMESYNCD_MARK: None}}, "systemd-timesyncd"),
    ],
)
def test_a_client_that_reaches_no_server_is_stopped_again(tmp_path, name, variant, deaf, service):
    """Given a firewall that drops what servers answer, the guest is as before, and what kept the time still does."""
    tree = guest_tree.materialise(guest_tree.load(name, variant).edited(deaf, "deaf"), tmp_path / "root")
    # The probe and apply.sh have uses of their own for longer ones.
    sleep = tree.state / "bin/sleep"
    sleep.write_text(
        f'#!/bin/sh\n[ "$1" != 2 ] || {{ echo "sleep 2" >>{tree.state}/calls; exit; }}\nexec /bin/sleep "$@"\n'
    )
    sleep.chmod(0o755)
    before = guest_tree.snapshot(tree)
    done = guest_tree.apply(tree, {"vmguest_only": ["time_sync_source"]})
    assert done.results == {"time_sync_source": "undone"}
    assert f"{service} has reached no server" in done.problems[0]
    assert tree.calls.count("sleep 2") == TRIES - 1
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


@pytest.mark.slow
def test_what_somebody_configured_since_goes_with_no_revert(tmp_path):
    """Given a site that names its own server after chrony was installed, a revert is refused, and has not begun."""
    tree = guest_tree.materialise(guest_tree.load("debian12", "no_time_client"), tmp_path / "root")
    assert guest_tree.apply(tree, {"vmguest_only": ["time_sync_source"]}).results == {"time_sync_source": "done"}
    tree.write("/etc/chrony/site.conf", "server ntp.example.com iburst\n")
    then = guest_tree.snapshot(tree)
    (problem,) = guest_tree.revert(tree).problems
    assert "files of /etc/chrony were changed since" in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    tree.path("/etc/chrony/site.conf").unlink()
    assert guest_tree.revert(tree).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_the_probe_finds_what_is_told_besides(tmp_path, shell):
    """Given a setting without a value, and a hardware clock in local time, the finding has both."""
    tree = guest_tree.materialise(guest_tree.load("rhel9"), tmp_path / "root")
    tree.write("/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n")
    found = guest_tree.audit(tree, shell=shell)["ntp_vm_settings"]
    assert found.persistent == "makestep 1.0 3, rtcsync"
    assert "/etc/adjtime has the hardware clock in local time" in found.reason


@pytest.mark.parametrize(
    ("tracking", "status", "ends"),
    [
        (TRACKING.format("Normal"), 0, 0),
        (TRACKING.format("Delete second"), 0, 0),
        (TRACKING.format("Not synchronised"), 0, 1),
        (OWN_CLOCK, 0, 1),
        ("506 Cannot talk to daemon\n", 1, 1),
        ("", 127, 1),
    ],
)
def test_the_guest_is_asked_with_the_words_of_the_audit(tracking: str, status: int, ends: int) -> None:
    """What a remedy's proof asks chrony, and what the audit reads, agree."""
    script = f"chronyc() {{ printf '%s' '{tracking}'; return {status}; }}\n{ANSWERS['chrony']}\n"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == ends
    audited = source("chronyd", commands={"chrony_tracking": (status, tracking)} if status != 127 else {})
    assert (audited.status is Status.COMPLIANT) is (ends == 0)
