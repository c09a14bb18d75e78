# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time clients: what steers the guest's clock, whether it is synchronised, and whether VMware Tools steer it, too.

A drift file or a running daemon proves nothing: a client whose servers are behind a firewall runs for years. So chrony, ntp and
OpenNTPD are asked, each by its own command, where it is installed; systemd-timesyncd leaves a mark when it has reached a
server. ntpd-rs and PTP are not asked: that they are synchronised is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, Output, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Lines, Read, entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Services, Unit

#: Touched at every synchronisation since systemd 239, and gone with the boot.
TIMESYNCD_MARK = "/run/systemd/timesync/synchronized"
#: What chrony calls its own clock where that is its reference; the second before 2.0.
CHRONYS_OWN_CLOCK = ("7F7F0101", "127.127.1.1")
#: The main file of chrony and of ntp, Red Hat's and Debian's name; those of ntpsec.
CHRONY_FILES = ("/etc/chrony.conf", "/etc/chrony/chrony.conf")
NTP_FILES = ("/etc/ntp.conf", "/etc/ntpsec/ntp.conf")
#: Its third line says what the hardware clock is in: UTC or LOCAL (hwclock(8)). Without the file it is UTC.
ADJTIME = "/etc/adjtime"

READS: tuple[Read, ...] = (
    *SERVICE_READS,
    # By address, not by chronyd's socket: chronyc would make a socket of its own beside that one. -n asks no name server.
    Command("chrony_tracking", ("chronyc", "-h", "127.0.0.1", "-n", "tracking"), seconds=3, single=True),
    Command("ntp_variables", ("ntpq", "-n", "-c", "rv", "127.0.0.1"), seconds=3, single=True),
    Command("openntpd_status", ("ntpctl", "-s", "status"), seconds=3, single=True),
    Command("tools_periodic_sync", ("vmware-toolbox-cmd", "timesync", "status"), seconds=5, single=True),
    # Only these lines: ntp.conf may hold a password (crypto pw).
    Lines(
        "time_settings",
        "^[[:space:]]*\\(rtcsync\\|\\(tinker\\|server\\|pool\\|peer\\|fudge\\|makestep\\|maxchange\\|refclock\\|cmdport"
        "\\|rtcfile\\|leapsectz\\|leapseclist\\|leapfile\\)[[:space:]]\\)",
        (
            *CHRONY_FILES,
            *NTP_FILES,
            "/etc/chrony.d/*.conf",
            "/etc/chrony/conf.d/*.conf",
            "/etc/chrony/sources.d/*.sources",
            "/etc/ntpsec/ntp.d/*.conf",
        ),
    ),
    entries(TIMESYNCD_MARK, *CHRONY_FILES, *NTP_FILES, "/sys/bus/acpi/devices/VMW0005:*"),
    files("/sys/class/ptp/*/clock_name", ADJTIME),
)


@dataclass(frozen=True)
class Kind:
    """A time client by its name for a person, its units, and the processes by which it is known without systemd."""

    name: str
    units: tuple[str, ...]
    processes: tuple[str, ...]


#: ntpsec and OpenNTPD have processes called ntpd, too; without systemd their init scripts tell.
KINDS = (
    Kind("chrony", ("chronyd", "chrony"), ("chronyd",)),
    Kind("ntp", ("ntpd", "ntp"), ("ntpd",)),
    Kind("ntpsec", ("ntpsec",), ("ntpd",)),
    Kind("systemd-timesyncd", ("systemd-timesyncd",), ("systemd-timesyn",)),
    Kind("openntpd", ("openntpd",), ("ntpd",)),
    Kind("ntpd-rs", ("ntpd-rs",), ("ntp-daemon",)),
    Kind("PTP", ("phc2sys", "ptp4l"), ("phc2sys", "ptp4l")),
)


@dataclass(frozen=True)
class TimeClient:
    """A client. ``service`` is its unit or init script.

    Runtime: ``synchronised``, None where nothing tells, or it does not run. Persistent: ``starts_at_boot``, None where that is not
    known. ``answers``: once it runs, it can be learned whether it is synchronised.
    """

    kind: str
    service: str
    synchronised: bool | None
    starts_at_boot: bool | None
    answers: bool = True


@dataclass(frozen=True)
class TimeClients:
    """``running`` clients; ``idle``: those that systemd knows and that do not run, masked ones, too, without PTP, which is nobody's
    client by being installed; ``strays``: processes of a client that belong to no service known here (of a container, by hand).

    ``tools_sync``: VMware Tools' periodic synchronisation, None where it is not known, False also where there are no Tools.
    ``settings`` are the lines of the clients' files that recommendations ask for, ``configured`` the main files there are.
    ``local_time``: the hardware clock is in local time. ``precision_clock``: the VM has VMware's precision clock; ``ptp_clocks``
    the kernel's PTP devices to their names.
    """

    running: tuple[TimeClient, ...]
    idle: tuple[TimeClient, ...]
    strays: tuple[str, ...]
    tools_sync: bool | None
    settings: tuple[Line, ...]
    configured: frozenset[str]
    local_time: bool
    precision_clock: bool
    ptp_clocks: dict[str, str]

    @classmethod
    def of(cls, probe: ProbeOutput, platform: Platform, services: Services) -> TimeClients:
        """Read them from the probe's output."""
        running = tuple(_running(probe, platform, services))
        known = {
            process for kind in KINDS for client in running if client.kind == kind.name for process in kind.processes
        }
        processes = {process for kind in KINDS for process in kind.processes}
        return cls(
            running=running,
            idle=tuple(_idle(probe, platform, services)) if platform.systemd else (),
            strays=tuple(sorted((services.daemons & processes) - known)),
            tools_sync=_tools_sync(probe.command("tools_periodic_sync"), services),
            settings=tuple(
                Line(line.path, line.number, line.text)
                for line in probe.lines("time_settings")
                if not line.text.lstrip().startswith("#")
            ),
            configured=frozenset(path for path in (*CHRONY_FILES, *NTP_FILES) if probe.entry(path)),
            local_time=probe.file(ADJTIME).lines[2:3] == ("LOCAL",),
            precision_clock=bool(probe.entries("/sys/bus/acpi/devices/VMW0005:*")),
            ptp_clocks={file.path.split("/")[4]: file.value for file in probe.glob("/sys/class/ptp/*/clock_name")},
        )

    def lines(self, word: str, *folders: str) -> list[Line]:
        """Settings that begin with ``word``, of files whose path begins with one of ``folders``."""
        return [line for line in self.settings if line.text.split()[:1] == [word] and line.path.startswith(folders)]


def _running(probe: ProbeOutput, platform: Platform, services: Services) -> list[TimeClient]:
    found = []
    for kind in KINDS:
        if platform.systemd:
            unit = next((unit for unit in _units(kind, services) if unit.running), None)
            if unit:
                found.append(TimeClient(kind.name, unit.name, _synchronised(probe, platform, kind.name), unit.enabled))
        elif services.daemons & frozenset(kind.processes):
            script = services.script(*kind.units)
            if script:
                found.append(
                    TimeClient(kind.name, script.name, _synchronised(probe, platform, kind.name), bool(script.starts))
                )
    return found


def _idle(probe: ProbeOutput, platform: Platform, services: Services) -> Iterator[TimeClient]:
    for kind in KINDS:
        units = [unit for unit in _units(kind, services) if unit.exists]
        if units and kind.name != "PTP" and not any(unit.running for unit in units):
            yield TimeClient(kind.name, units[0].name, None, units[0].enabled, _answers(probe, platform, kind.name))


def _units(kind: Kind, services: Services) -> list[Unit]:
    """Units of systemd by their own names: Debian's ntpsec answers to ntp and ntpd, too."""
    return [unit for name in kind.units if (unit := (services.units or {}).get(name)) and unit.name in kind.units]


#: The command by which a client is asked.
_ASKED_BY = {
    "chrony": "chrony_tracking",
    "ntp": "ntp_variables",
    "ntpsec": "ntp_variables",
    "openntpd": "openntpd_status",
}


def _answers(probe: ProbeOutput, platform: Platform, kind: str) -> bool:
    if kind == "systemd-timesyncd":
        return _leaves_mark(platform)
    return kind in _ASKED_BY and not probe.command(_ASKED_BY[kind]).absent


def _leaves_mark(platform: Platform) -> bool:
    """Not so where systemd is older than 239."""
    distribution = platform.distribution
    first = {"ubuntu": (18, 10), "debian": (10, 0), "photon": (3, 0)}.get(distribution.id)
    return first is None or (distribution.major, distribution.minor) >= first


def _synchronised(probe: ProbeOutput, platform: Platform, kind: str) -> bool | None:
    if kind == "chrony":
        return _chrony_synchronised(probe.command("chrony_tracking"))
    if kind in ("ntp", "ntpsec"):
        return _ntp_synchronised(probe.command("ntp_variables"))
    if kind == "openntpd":
        text = "\n".join(probe.command("openntpd_status").lines)
        return True if "clock synced" in text else False if "clock unsynced" in text else None
    if kind == "systemd-timesyncd":
        if probe.entry(TIMESYNCD_MARK):
            return True
        return False if _leaves_mark(platform) else None
    return None


def _chrony_synchronised(output: Output) -> bool | None:
    """``Leap status     : Normal`` (or an announced leap second), else ``Not synchronised``.

    With ``local`` in its configuration it is normal where no server answers, too: then the reference is its own clock (chronyc(1)).
    """
    if not output:
        return None
    for line in output.lines:
        key, dummy, value = line.partition(":")
        if key.strip() == "Reference ID" and value.strip().startswith(CHRONYS_OWN_CLOCK):
            return False
        if key.strip() == "Leap status":
            return value.strip() != "Not synchronised"
    return None


def _ntp_synchronised(output: Output) -> bool | None:
    """The first line of ``rv``: ``… leap_none, sync_ntp, …``; leap_alarm and sync_unspec where it is not synchronised.

    sync_local is a clock that steers itself (127.127.1.0), which is no synchronisation.
    """
    words = [word.strip(",") for line in output.lines for word in line.split()]
    source = next((word for word in words if word.startswith("sync_")), None)
    if not output or source is None:
        return None
    return "leap_alarm" not in words and source != "sync_unspec" and not source.startswith("sync_local")


def _tools_sync(output: Output, services: Services) -> bool | None:
    """``Enabled``, or ``Disabled`` with exit status 69 (open-vm-tools, toolbox/toolboxcmd-timesync.c)."""
    if output.absent:
        return None if services.daemons & {"vmtoolsd", "vmware-guestd"} else False
    text = " ".join(output.lines)
    if output.status == 0 and "Enabled" in text:
        return True
    return False if output.status == 69 and "Disabled" in text else None
