# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role guest_time: one time client, synchronised, that bears the jumps of a virtual machine's life.

VMware recommends NTP in the guest in place of VMware Tools' periodic synchronisation (KB 310053): two that correct one clock
work against each other. Tools' synchronisation at single events (resume, a snapshot's revert, vMotion) is another matter, and
stays: those are the moments that NTP is slow to notice.

Tools' periodic synchronisation is turned off only where a client says that it is synchronised. It would be the last thing
that keeps the time elsewhere.

A client that is installed and does not run is started. That counts once it says that it is synchronised; one that has reached no
server within two minutes is stopped again, and all is as before. Where none is installed, chrony is, but only where that is asked
for: the servers of its package may not be those that a site wants, or not to be reached.
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import install_step, manager_of, no_packages
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.service_steps import run_unit_step, with_restart
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Run,
    Step,
    sh,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import CHRONY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import READS as PACKAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Unit
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.time_clients import (
    ADJTIME,
    CHRONY_FILES,
    CHRONYS_OWN_CLOCK,
    KINDS,
    NTP_FILES,
    TIMESYNCD_MARK,
    TimeClient,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.time_clients import READS as TIME_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools_conf import READS as TOOLS_CONF_READS

#: How a person asks a client whether it is synchronised, and why not.
ASK = {
    "chrony": "chronyc tracking and chronyc sources",
    "ntp": "ntpq -p",
    "ntpsec": "ntpq -p",
    "systemd-timesyncd": "timedatectl and journalctl -u systemd-timesyncd",
    "openntpd": "ntpctl -s all",
    "ntpd-rs": "ntp-ctl status",
    "PTP": "journalctl -u ptp4l -u phc2sys",
}
#: The files of a client, by how their paths begin; those of others are not read here.
FILES = {"chrony": ("/etc/chrony",), "ntp": ("/etc/ntp.conf",), "ntpsec": ("/etc/ntpsec/", "/etc/ntp.conf")}

#: Ends with 0 where the client says that it is synchronised: the same questions and words as in evidence/time_clients.py.
_NTP_ANSWERS = (
    "case $(ntpq -n -c rv 127.0.0.1) in *leap_alarm*|*sync_unspec*|*sync_local*) false ;; *sync_*) ;; *) false ;; esac"
)
ANSWERS = {
    "chrony": (
        "tracking=$(chronyc -h 127.0.0.1 -n tracking) || tracking=; "
        f"case $tracking in {'|'.join(f'*{own}*' for own in CHRONYS_OWN_CLOCK)}|*'Not synchronised'*) false ;; "
        "*'Leap status'*) ;; *) false ;; esac"
    ),
    "ntp": _NTP_ANSWERS,
    "ntpsec": _NTP_ANSWERS,
    "systemd-timesyncd": f'[ -e "$ROOT"{TIMESYNCD_MARK} ]',
    "openntpd": "ntpctl -s status | grep -q 'clock synced'",
}

#: What a person does where no client is installed.
INSTALL = "Install and enable the distribution's own, with three servers or more"
#: chrony's unit by family, and from which major version on it is the family's own client; Debian has it in every one with systemd.
CHRONY_UNITS = {"debian": ("chrony", 0), "redhat": ("chronyd", 7), "amazon": ("chronyd", 2), "suse": ("chronyd", 15)}

#: A client that was started is asked so often, every two seconds, before it is given up. With iburst ten seconds are enough.
TRIES = 60

# --- time_sync_source -------------------------------------------------------------------------------------------------


def _tools(synchronising: bool | None) -> str:
    return {True: "on", False: "off", None: "not known"}[synchronising]


def _tools_sync(evidence: Evidence) -> bool | None:
    """VMware Tools' periodic synchronisation: what the host has, where tools.conf does not turn it off."""
    return False if _by_settings(evidence) else evidence.time_clients.tools_sync


def _by_settings(evidence: Evidence) -> str:
    """The end of a reason, where tools.conf turns Tools' periodic synchronisation off; older ones do not know these settings."""
    version = re.match(r"(?:\d+:)?(\d+)\.(\d+)", evidence.packages.versions.get("open-vm-tools", ""))
    if not version or (int(version[1]), int(version[2])) < (13, 1):
        return ""
    found = (evidence.tools_conf.setting("timeSync", key) for key in ("disable-all", "disable-periodic"))
    return next((f" ({entry.owner}: {entry.key})" for entry in found if entry and entry.is_true), "")


def _turn_tools_off() -> Run:
    """VMware Tools keep this setting in the VM's configuration on the host (tools.syncTime)."""
    status = sh("vmware-toolbox-cmd", "timesync", "status")
    return Run(
        what="turn VMware Tools' periodic time synchronisation off",
        do=sh("vmware-toolbox-cmd", "timesync", "disable"),
        undo=sh("vmware-toolbox-cmd", "timesync", "enable"),
        # 69 (EX_UNAVAILABLE) is how it says disabled.
        proof=f'state=$({status}); [ "$?" -eq 69 ] && [ "$state" = Disabled ]',
        ask=(
            "command -v vmware-toolbox-cmd >/dev/null || { echo 'VMware Tools were removed since, and nothing else in the guest "
            "turns this on again: install them first'; exit 1; }"
        ),
    )


def assess_source(evidence: Evidence, options: Options) -> Verdict:
    """One client steers the clock, it is synchronised, and VMware Tools leave the clock alone."""
    clients = evidence.time_clients
    tools_sync = _tools_sync(evidence)
    tools = _tools(tools_sync)
    if evidence.platform.systemd and evidence.services.units is None:
        return unknown("systemctl did not answer, so which time client runs is not known")
    sides: dict[str, Any] = {
        "runtime": f"{_names(clients.running)}; Tools' periodic sync {tools}",
        "persistent": _at_boot(clients.running),
        "desired": "one client, synchronised; Tools' periodic sync off",
    }
    if not clients.running:
        return _nobody(evidence, options, sides)
    if len(clients.running) > 1:
        return manual(
            f"{' and '.join(client.kind for client in clients.running)} steer one clock and work against each other: "
            "keep the one that the distribution recommends, stop and disable the others",
            **sides,
        )
    (client,) = clients.running
    ask = ASK[client.kind]
    if client.synchronised is False:
        rest = " VMware Tools keep the time meanwhile." if tools_sync else ""
        return manual(
            f"{client.kind} runs and is not synchronised: see {ask}; are its servers configured, and is UDP port 123 open?{rest}",
            **sides,
        )
    if client.synchronised is None:
        return unknown(
            f"{client.kind} runs, and whether it is synchronised is not to be seen from here: see {ask}", **sides
        )
    if tools_sync is None:
        return unknown(
            f"{client.kind} is synchronised, but vmware-toolbox-cmd timesync status did not say whether VMware Tools "
            "steer the clock, too",
            **sides,
        )
    unit = (evidence.services.units or {}).get(client.service)
    enable: tuple[Step, ...] = ()
    if not client.starts_at_boot:
        if unit is None or unit.mask or unit.load != "loaded":
            return manual(
                f"{client.kind} runs, and nothing starts it at the next boot: enable the service {client.service}",
                **sides,
            )
        enable = (run_unit_step(unit),)
    if tools_sync:
        return noncompliant(
            f"{client.kind} is synchronised, and VMware Tools correct the same clock every minute: they work against each other",
            remedy=(_turn_tools_off(), *enable),
            **sides,
        )
    if enable:
        return not_persistent(
            f"{client.kind} is synchronised, and nothing starts it at the next boot", remedy=enable, **sides
        )
    return compliant(
        f"{client.kind} is synchronised, and VMware Tools leave the clock alone{_by_settings(evidence)}", **sides
    )


def _names(clients: tuple[TimeClient, ...]) -> str:
    state = {True: "synchronised", False: "not synchronised", None: "synchronisation not known"}
    return ", ".join(f"{client.kind} {state[client.synchronised]}" for client in clients) or "no client"


def _at_boot(clients: tuple[TimeClient, ...]) -> str:
    return ", ".join(client.service for client in clients if client.starts_at_boot) or "none"


def _nobody(evidence: Evidence, options: Options, sides: dict[str, Any]) -> Verdict:
    clients = evidence.time_clients
    if clients.strays:
        return unknown(
            f"a process {clients.strays[0]} runs, but no service of a time client that is known here: it may be a container's, or "
            "started by hand",
            **sides,
        )
    rest = {
        True: "but VMware Tools' periodic synchronisation is what keeps the time",
        False: "and VMware Tools' periodic synchronisation is off: nothing keeps the time",
        None: "and whether VMware Tools keep the time is not known",
    }[_tools_sync(evidence)]
    nobody = f"no time client runs ({', '.join(kind.name for kind in KINDS)}), {rest}."
    if evidence.platform.container:
        return manual(f"{nobody} A container has the clock of its host, and starts no client", **sides)
    if not clients.idle:
        remedy = _installation(evidence, options)
        if isinstance(remedy, str):
            return manual(f"{nobody} {remedy}", **sides)
        return noncompliant(
            f"{nobody} None is installed, and guest_time_install_client asks for chrony", remedy=remedy, **sides
        )
    client = _to_be_started(evidence)
    if isinstance(client, str):
        return manual(f"{nobody} {client}", **sides)
    unit = (evidence.services.units or {})[client.service]
    return noncompliant(
        f"{nobody} {client.kind} is installed and {'enabled' if unit.enabled else 'disabled'}",
        remedy=_start(client, run_unit_step(unit), evidence),
        **{**sides, "owner": next(iter(unit.links), None)},
    )


def _to_be_started(evidence: Evidence) -> TimeClient | str:
    """The one client that is installed, where no other runs; else why none is started here, with what to do instead."""
    clients = evidence.time_clients
    units = evidence.services.units or {}
    free = [client for client in clients.idle if not units[client.service].masked]
    if not clients.idle:
        return INSTALL
    if not free:
        masked = clients.idle[0].service
        return f"{masked} is masked: somebody decided so; `systemctl unmask {masked}` undoes it"
    if len(free) > 1:
        return f"{' and '.join(client.kind for client in free)} are installed: enable and start the distribution's own"
    (client,) = free
    active = units[client.service].active
    if active != "inactive":
        return f"{client.service} is {active}: see systemctl status {client.service}"
    start = f"enable and start {client.service}"
    if not client.answers or any(line.text.split()[1:2] == ["0"] for line in clients.lines("cmdport", "/etc/chrony")):
        return f"Whether {client.kind} is synchronised could not be seen from here: {start}, and see {ASK[client.kind]}"
    if client.kind in FILES and not any(
        clients.lines(word, *FILES[client.kind]) for word in ("server", "pool", "peer", "refclock")
    ):
        return f"{client.kind} is installed, and no server is configured where it is read here: name three or more, {start}"
    if _tools_sync(evidence) is None:
        return f"See vmware-toolbox-cmd timesync status; {start}"
    return client


def _installation(evidence: Evidence, options: Options) -> tuple[Step, ...] | str:
    """Install chrony and start it, where no client is; else why that is not done, with what to do instead."""
    platform, packages, clients = evidence.platform, evidence.packages, evidence.time_clients
    distribution = platform.distribution
    unit, oldest = CHRONY_UNITS.get(distribution.family, ("", 0))
    if not unit or distribution.major < oldest or not platform.systemd:
        return INSTALL
    if not options["guest_time_install_client"]:
        return f"{INSTALL}, or set guest_time_install_client to have chrony installed, with the servers of its package"
    hindrance = no_packages(evidence)
    if hindrance:
        return f"No client is installed, and {hindrance}"
    if packages.database is None:
        return f"Neither dpkg nor rpm answered, so none is installed by this role. {INSTALL}"
    if packages.interrupted(CHRONY):
        return f"dpkg has begun and not finished with chrony ({packages.interrupted(CHRONY)}): run dpkg --configure -a"
    if CHRONY in packages.versions:
        return f"The package chrony is installed, and systemd knows no {unit}.service: reinstall it"
    if _tools_sync(evidence) is None:
        return f"See vmware-toolbox-cmd timesync status. {INSTALL}"
    manager = manager_of(distribution.family, distribution.major)
    if manager is None:
        raise AssertionError("no_packages found a package manager")
    kept = any(path in clients.configured for path in CHRONY_FILES)
    start = run_unit_step(Unit(unit, "loaded", "inactive", (), None))
    purged = distribution.family == "debian" and not kept
    return (
        install_step(manager, (CHRONY,), keep_configuration=kept),
        *((_KEEP_CHANGES,) if purged else ()),
        *_start(TimeClient("chrony", unit, None, False), start, evidence),
    )


#: Debian's chrony takes all of /etc/chrony with it when it is purged: files that dpkg knows nothing of, and those of others.
_SUMS = 'cd "$ROOT"/etc/chrony && find . -type f -exec cksum {} + | sort'
_KEEP_CHANGES = Run(
    what="note what is in /etc/chrony, lest a revert remove what somebody changes there",
    do=f'({_SUMS}) >"$NOTES/sums"',
    undo="true",
    proof='[ -s "$NOTES/sums" ]',
    ask=(
        f'now=$({_SUMS} 2>/dev/null) && [ -s "$NOTES/sums" ] || exit 0\n'
        '[ "$now" = "$(cat "$NOTES/sums")" ] || { '
        'echo "files of /etc/chrony were changed since, and would be lost with the package: remove it by hand"; exit 1; }'
    ),
)


def _start(client: TimeClient, start: Run, evidence: Evidence) -> tuple[Step, ...]:
    """Start a client, and turn Tools' synchronisation off once it has reached its servers."""
    name = client.service
    complaint = f"{name} has reached no server: see {ASK[client.kind]}; is UDP port 123 open?"
    wait = Run(
        what=f"wait until {name} says that it is synchronised, {TRIES * 2} seconds at most",
        do=_wait(client, f"echo '{complaint}'; exit 1"),
        undo="true",
        proof=ANSWERS[client.kind],
    )
    return (start, wait, *([_turn_tools_off()] if _tools_sync(evidence) else []))


def _wait(client: TimeClient, give_up: str) -> str:
    return "\n".join(
        [
            f"tries={TRIES}",
            f"until {{ {ANSWERS[client.kind]}; }} 2>/dev/null; do",
            "  tries=$((tries - 1))",
            f'  [ "$tries" -gt 0 ] || {{ {give_up}; }}',
            "  sleep 2",
            "done",
        ]
    )


# --- ntp_vm_settings --------------------------------------------------------------------------------------------------


def assess_settings(evidence: Evidence, options: Options) -> Verdict:
    """The client that runs, or that time_sync_source would start, follows a large jump instead of giving up."""
    running = {client.kind: client for client in evidence.time_clients.running}
    if not running and not evidence.time_clients.strays and not evidence.platform.container:
        idle = _to_be_started(evidence)
        running = {} if isinstance(idle, str) else {idle.kind: idle}
    if "ntp" in running or "ntpsec" in running:
        return _assess_ntp(evidence, running.get("ntp") or running["ntpsec"])
    if "chrony" in running:
        return _assess_chrony(evidence, options, running["chrony"])
    if "systemd-timesyncd" in running:
        return compliant(
            f"systemd-timesyncd follows a jump of any size, and has no setting for it.{_advice(evidence, 'systemd-timesyncd')}"
        )
    if "ntpd-rs" in running:
        return unknown(
            "ntpd-rs gives up at a jump over single-step-panic-threshold, and its file is not read here: see [synchronization] "
            "in /etc/ntpd-rs/ntp.toml"
        )
    if running:
        return not_applicable(f"{next(iter(running))} has no setting for large jumps")
    return not_applicable("no time client runs: see time_sync_source")


def _panic(line: Line) -> str | None:
    """The value after ``panic`` of a ``tinker`` line."""
    words = line.text.split("#")[0].split()
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "panic"), None)


def _assess_ntp(evidence: Evidence, client: TimeClient) -> Verdict:
    """``tinker panic 0``. VMware's KB wants it as the first line; ntpd has read all of its file before it talks to anybody, so
    that any line will do, and an appended one is easier to take back."""
    clients = evidence.time_clients
    folder = "/etc/ntpsec/" if "/etc/ntpsec/ntp.conf" in clients.configured else "/etc/ntp.conf"
    path = next((path for path in reversed(NTP_FILES) if path in clients.configured), None)
    if path is None:
        return unknown(f"{client.kind} runs, and there is none of {', '.join(NTP_FILES)}: its settings are elsewhere")
    settings = [(line, value) for line in clients.lines("tinker", folder) if (value := _panic(line)) is not None]
    line, value = settings[-1] if settings else (None, None)
    sides: dict[str, Any] = {
        "persistent": ", ".join([f"panic {value or '1000 (the default)'}", *_others(evidence, client.kind)]),
        "desired": "panic 0",
        "owner": f"{line.path}:{line.number}" if line else path,
    }
    note = _local_clock(evidence, folder) + _advice(evidence, client.kind)
    if value is not None and value.strip("0.") == "":
        return compliant(f"{client.kind} follows a jump of any size.{note}", **sides)
    edit: EditFile
    if line is None:
        edit = EditFile(path, (AppendLine("tinker panic 0"),))
    else:
        if [other.text for other, dummy in settings if other.path == line.path].count(line.text) > 1:
            return manual(f"{line.path} has the line '{line.text}' twice: leave one, with panic 0.{note}", **sides)
        edit = EditFile(line.path, (ReplaceLine(line.text, _with_panic_0(line.text)),))
    return noncompliant(
        f"{client.kind} gives up and ends when the clock is off by more than {value or 1000} s, as after a resume or a revert "
        f"of a snapshot.{note}",
        remedy=_read_anew(edit, client, evidence),
        **sides,
    )


def _others(evidence: Evidence, kind: str) -> list[str]:
    """Settings of the hardware clock and of leap seconds, as they stand in its files."""
    words = ("rtcsync", "rtcfile", "leapsectz", "leapseclist", "leapfile")
    return [" ".join(line.text.split()) for word in words for line in evidence.time_clients.lines(word, *FILES[kind])]


def _advice(evidence: Evidence, kind: str) -> str:
    """The end of a reason: what else is good for a virtual machine. It decides nothing: without it a jump is followed as well."""
    clients, advice = evidence.time_clients, ""
    files = FILES.get(kind, ())
    servers = {
        name
        for word in ("server", "peer")
        for line in clients.lines(word, *files)
        for name in line.text.split()[1:2]
        if not name.startswith("127.127.")
    }
    if 0 < len(servers) < 3 and not clients.lines("pool", *files) and not clients.lines("refclock", *files):
        number = "1 server" if len(servers) == 1 else "2 servers"
        advice += f" Its files name {number}: of three or more it can tell which one is wrong."
    if kind == "chrony" and not clients.lines("rtcsync", *files) and not clients.lines("rtcfile", *files):
        advice += " Without rtcsync the hardware clock, from which the next boot has its time, is not kept right."
    if clients.local_time:
        advice += (
            f" {ADJTIME} has the hardware clock in local time: in UTC no boot is hours off (hwclock --systohc --utc)."
        )
    return advice


def _read_anew(edit: EditFile, client: TimeClient, evidence: Evidence) -> tuple[Step, ...]:
    """The edit, and what has the client read it. Restarted, one that was synchronised needs some time to be so again: what is
    looked at next, by time_sync_source too, should find it as it was."""
    restarted = with_restart((edit,), client.service, evidence.platform.systemd)
    if client not in evidence.time_clients.running:
        # It reads its file when time_sync_source starts it, whose turn is later. Only an undo may have to restart it.
        return restarted[:-1]
    if not client.synchronised:
        return restarted
    again = Run(
        what=f"wait until {client.service} is synchronised again, {TRIES * 2} seconds at most",
        do=_wait(client, "exit 0"),
        undo="true",
        # Its restart is proved. Without iburst ntpd takes longer than this.
        proof="true",
    )
    return (*restarted, again)


def _with_panic_0(text: str) -> str:
    """A line with another value of ``panic``, its blanks as they were."""
    head, word, tail = text.partition("panic")
    blanks = tail[: len(tail) - len(tail.lstrip())]
    rest = tail.lstrip()
    value = rest.split()[0]
    return f"{head}{word}{blanks}0{rest[len(value) :]}"


def _local_clock(evidence: Evidence, folder: str) -> str:
    """The end of a reason: the undisciplined local clock as a server. EL4 to EL6.2 shipped it; where it serves others in an
    isolated network it is meant, so it is only reported."""
    for line in evidence.time_clients.lines("server", folder):
        if line.text.split()[1:2] and line.text.split()[1].startswith("127.127.1."):
            return (
                f" {line.path}:{line.number} makes the clock its own server: unless this guest serves time to an isolated network, "
                "comment that line and its fudge out."
            )
    return ""


def _assess_chrony(evidence: Evidence, options: Options, client: TimeClient) -> Verdict:
    """``makestep`` lets chrony step, ``maxchange`` lets it give up; without either it slews, an hour takes half a day."""
    clients = evidence.time_clients
    path = next((path for path in CHRONY_FILES if path in clients.configured), None)
    if path is None:
        return unknown(f"chrony runs, and there is none of {', '.join(CHRONY_FILES)}: its settings are elsewhere")
    steps = [line for line in clients.lines("makestep", "/etc/chrony") if len(line.text.split()) >= 3]
    limits = [line for line in clients.lines("maxchange", "/etc/chrony") if line.text.split()[3:4] != ["-1"]]
    always = options["guest_time_step_always"]
    current = steps[-1] if steps else None
    sides: dict[str, Any] = {
        "persistent": ", ".join(
            [" ".join(current.text.split()) if current else "no makestep", *_others(evidence, client.kind)]
        ),
        "desired": "makestep 1.0 -1" if always else "makestep, and no maxchange that ends it",
        "owner": f"{current.path}:{current.number}" if current else path,
    }
    if limits:
        return manual(
            f"{limits[-1].path}:{limits[-1].number} has chronyd end after jumps ('{limits[-1].text.strip()}'), as a resume or a "
            "revert of a snapshot makes them: take that line out",
            **sides,
        )
    steps_always = current is not None and current.text.split()[2].startswith("-")
    if current is not None and (steps_always or not always):
        how = "at any time" if steps_always else f"in its first {current.text.split()[2]} updates; later it slews"
        return compliant(f"chrony steps the clock {how}.{_advice(evidence, client.kind)}", **sides)
    if not always:
        return manual(
            f"{path} has no makestep: chrony slews whatever the clock is off by, and an hour takes half a day. Add "
            "'makestep 1.0 3', or set guest_time_step_always where the guest is suspended or reverted",
            **sides,
        )
    if current is None:
        edit = EditFile(path, (AppendLine("makestep 1.0 -1"),))
    else:
        if [line.text for line in steps if line.path == current.path].count(current.text) > 1:
            return manual(f"{current.path} has the line '{current.text}' twice: leave one", **sides)
        edit = EditFile(current.path, (ReplaceLine(current.text, f"makestep {current.text.split()[1]} -1"),))
    return noncompliant(
        "chrony steps the clock only after its start, and guest_time_step_always asks for any time",
        remedy=_read_anew(edit, client, evidence),
        **sides,
    )


# --- ptp_precision_clock ----------------------------------------------------------------------------------------------


def assess_precision_clock(evidence: Evidence, options: Options) -> Verdict:
    """VMware's precision clock, where the VM has one, is what chrony listens to."""
    clients = evidence.time_clients
    devices = [name for name, clock in clients.ptp_clocks.items() if clock == "ptp_vmw"]
    if not devices and not clients.precision_clock:
        return not_applicable(
            "the VM has no precision clock: vCenter adds one (device Precision Clock, hardware version 17 and ESXi 7.0 or newer)"
        )
    sides: dict[str, Any] = {
        "runtime": f"/dev/{devices[0]}" if devices else "no driver",
        "desired": "chrony refclock PHC",
    }
    if not devices:
        return manual(
            "the VM has a precision clock (ACPI VMW0005), and no driver for it is loaded: modprobe ptp_vmw, or a kernel with "
            "CONFIG_PTP_1588_CLOCK_VMW",
            **sides,
        )
    device = f"/dev/{devices[0]}"
    if not any(client.kind == "chrony" for client in clients.running):
        if any(client.kind == "PTP" for client in clients.running):
            return unknown(f"phc2sys or ptp4l runs; whether it listens to {device} is not read here", **sides)
        return manual(
            f"{device} is there, and nothing listens to it: chrony can, with 'refclock PHC {device} poll 0'", **sides
        )
    used = next(
        (line for line in clients.lines("refclock", "/etc/chrony") if line.text.split()[1:2] == ["PHC"]),
        None,
    )
    sides["persistent"] = " ".join(used.text.split()) if used else "not configured"
    if used and used.text.split()[2:3] and used.text.split()[2].split(":")[0] in (device, "/dev/ptp_vmw"):
        return compliant(f"chrony listens to {device} ({used.path}:{used.number})", **sides)
    return manual(
        f"{device} is there, and chrony does not listen to it: add 'refclock PHC {device} poll 0' to its configuration. The "
        "host must itself be synchronised",
        **sides,
    )


RECOMMENDATIONS = (
    # Before time_sync_source, which starts a client: that reads its settings once.
    Recommendation(
        id="ntp_vm_settings",
        area="time",
        title="The time client bears large jumps",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="See also: timekeeping in VMware virtual machines.",
        today=(
            "ntpd ends when the clock is off by 1000 seconds, which a resume or a snapshot's revert makes; tinker panic 0 "
            "forbids that. chrony, now the usual one, never ends by itself, and systemd-timesyncd always steps."
        ),
        risk="A client that bears any jump follows a server that is wrong by any amount, too: have three servers or more.",
        source="VMware KB 310053 (1006427); ntpd miscopt(5), tinker; chrony.conf(5), makestep and maxchange",
        reads=TIME_READS,
        assess=assess_settings,
    ),
    Recommendation(
        id="time_sync_source",
        area="time",
        title="One time client, and VMware Tools leave the clock alone",
        severity=Severity.HIGH,
        baseline="enforce",
        talk="Time synchronisation is one of VMware Tools' components.",
        today=(
            "NTP in the guest is what VMware recommends, in place of Tools' periodic synchronisation; every distribution "
            "brings a client. Tools' synchronisation at a resume or a snapshot's revert stays useful."
        ),
        risk=(
            "Without Tools' periodic synchronisation the client is alone: it is turned off only where the client says that it is "
            "synchronised. A client that is started may step the clock, also backwards, which nothing takes back; where it reaches "
            "no server within two minutes it is stopped again."
        ),
        source="VMware KB 310053 (1006427); open-vm-tools services/plugins/timeSync, toolbox/toolboxcmd-timesync.c, tools.conf",
        reads=(*TIME_READS, *PACKAGE_READS, *TOOLS_CONF_READS),
        assess=assess_source,
    ),
    Recommendation(
        id="ptp_precision_clock",
        area="time",
        title="Listen to the VM's precision clock",
        severity=Severity.LOW,
        baseline="off",
        talk="Not in the talk.",
        today=(
            "Since ESXi 7.0 a VM can have a precision clock, which the kernel's ptp_vmw shows as /dev/ptp0: microseconds where NTP "
            "over a network has milliseconds."
        ),
        risk="It is as right as the host's clock: the host must be synchronised by PTP or NTP.",
        no_remedy="What the clock tells is only as right as the host's own, which a guest cannot see.",
        source="Linux drivers/ptp/ptp_vmw.c; vSphere documentation, Precision Clock; chrony.conf(5), refclock PHC",
        reads=TIME_READS,
        assess=assess_precision_clock,
    ),
)
