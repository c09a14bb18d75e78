# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services: what runs now, and what is configured to run at the next boot. The one is never inferred from the other.

Runtime: one ``systemctl show`` for all units that recommendations ask for and that the guest has; elsewhere the names of
running processes.
Persistent: the links that enable a unit, a mask, init scripts with their runlevel links, upstart's jobs.
A recommendation that asks for another service adds it to those of :data:`UNITS` and its daemon to :data:`DAEMONS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, once
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Lines, Read, entries

#: Services of VMware Tools: Debian's open-vm-tools and vgauth; vmtoolsd and vgauthd of all other distributions; the
#: installer's vmware-tools; vmware-tools-services of VMware's own packages.
TOOLS_UNITS = ("open-vm-tools", "vmtoolsd", "vgauth", "vgauthd", "vmware-tools", "vmware-tools-services")
#: Daemons by the name that the kernel keeps of them (vmware-guestd: VMware Tools before version 4).
TOOLS_DAEMONS = ("vmtoolsd", "vmware-guestd")
#: Services that keep the time; of chrony and ntp Debian's name and that of the others (evidence/time_clients.py).
TIME_UNITS = (
    *("chrony", "chronyd", "ntp", "ntpd", "ntpsec", "systemd-timesyncd", "openntpd", "ntpd-rs"),
    *("ptp4l", "phc2sys"),
)
#: The kernel keeps 15 characters of a name.
TIME_DAEMONS = ("chronyd", "ntpd", "systemd-timesyn", "ntp-daemon", "ptp4l", "phc2sys")

UNITS = TOOLS_UNITS + TIME_UNITS
#: Of these, systemd is asked whether they run, and the links of /etc whether they are enabled: no init script is looked for.
SYSTEMD_UNITS = ("irqbalance", "tuned", "kdump", "kdump-tools")
DAEMONS = (*TOOLS_DAEMONS, *TIME_DAEMONS, "irqbalance", "multipathd", "smartd", "tuned")

_SYSTEM = "/etc/systemd/system"
_UNIT_FOLDERS = (_SYSTEM, "/usr/lib/systemd/system", "/lib/systemd/system")
_LINKS = tuple(f"{folder}/*.{kind}/" for folder in _UNIT_FOLDERS for kind in ("wants", "requires"))
_SCRIPTS = ("/etc/init.d/", "/etc/rc.d/init.d/")
#: Where systemd has a unit from (systemd.unit(5), without what only a user's own systemd reads), and where it shows that a
#: unit runs whose file is gone.
_UNIT_PLACES = (
    *("etc/systemd/system", "etc/systemd/system.control", "etc/systemd/system.attached"),
    *("run/systemd/system", "run/systemd/system.control", "run/systemd/transient", "run/systemd/system.attached"),
    *("run/systemd/generator", "run/systemd/generator.early", "run/systemd/generator.late"),
    *("usr/local/lib/systemd/system", "usr/lib/systemd/system"),
    *("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice"),
)
#: systemd looks through all of these places for each unit that it does not know, which costs it more than all others
#: together: so only the units that are there are asked for, and the first one always, lest an answer were none.
_SHOW = f"""[ -e proc/1 ] || cd /
set -- {UNITS[0]}.service
places=
[ lib -ef usr/lib ] || places=lib/systemd/system
for place in {" ".join(_UNIT_PLACES)}; do
[ -d $place ] && places="$places $place"
done
for unit in {" ".join((*UNITS[1:], *SYSTEMD_UNITS))}; do
for place in $places; do
if [ -e "$place/$unit.service" ] || [ -h "$place/$unit.service" ]; then
set -- "$@" "$unit.service"
break
fi
done
done
exec systemctl show -p Id -p Names -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p DropInPaths \
-p TimersCalendar -p RandomizedDelayUSec "$@" "*.timer"
"""
#: Runlevels 2 to 5 of Debian, Red Hat and SUSE.
_RUNLEVELS = ("/etc/rc[2-5].d/", "/etc/rc.d/rc[2-5].d/", "/etc/init.d/rc[2-5].d/")
_INITIALS = "".join(sorted({unit[0] for unit in UNITS}))

#: Also what timers it has loaded (evidence/timers.py): to start systemctl costs more than to ask it for twice as much.
ASK_SYSTEMD = Command("units", ("sh", "-c", _SHOW), needs="systemctl", single=True)

READS: tuple[Read, ...] = (
    ASK_SYSTEMD,
    # The second word of /proc/PID/stat. `ps` would read three files for each process, and busybox' knows other options.
    Lines("daemons", "^[0-9]* (\\(" + "\\|".join(DAEMONS) + "\\))", ("/proc/[0-9]*/stat",)),
    entries(*(f"{folder}/{unit}.service" for unit in UNITS for folder in _UNIT_FOLDERS)),
    # Not by name: each glob would have the shell read all these folders again.
    entries(*(f"{folder}*.service" for folder in _LINKS)),
    entries(*(f"{folder}{unit}" for unit in UNITS for folder in _SCRIPTS)),
    entries(*(f"{folder}[SK]??[{_INITIALS}]*" for folder in _RUNLEVELS)),
    entries(*(f"/etc/init/{unit}.conf" for unit in UNITS)),
    entries(*(f"{_SYSTEM}/{unit}.service" for unit in SYSTEMD_UNITS)),
)


@dataclass(frozen=True)
class Unit:
    """A unit of systemd.

    Runtime: ``load`` (loaded, masked, not-found…) and ``active`` (active, inactive, failed…) as systemd has them.
    Persistent: ``links`` that start it at boot, ``mask`` the link to /dev/null that forbids it.
    """

    name: str
    load: str
    active: str
    links: tuple[str, ...]
    mask: str | None

    @property
    def exists(self) -> bool:
        """True where systemd knows the unit, masked or not."""
        return self.load in ("loaded", "masked")

    @property
    def masked(self) -> bool:
        """True where it is forbidden to start, now or from the next boot on."""
        return self.mask is not None or self.load == "masked"

    @property
    def running(self) -> bool:
        """True where it runs now."""
        return self.active == "active"

    @property
    def enabled(self) -> bool:
        """True where the next boot starts it."""
        return bool(self.links) and self.mask is None


@dataclass(frozen=True)
class Script:
    """A service that init starts by the script ``path``; its links of runlevels 2 to 5 start it or stop it."""

    name: str
    path: str
    starts: tuple[str, ...]
    stops: tuple[str, ...]


@dataclass(frozen=True)
class Services:
    """The services of :data:`UNITS` and :data:`SYSTEMD_UNITS`.

    ``units`` is None where systemd did not answer; ``jobs`` are upstart's.
    """

    units: dict[str, Unit] | None
    scripts: dict[str, Script]
    jobs: dict[str, str]
    daemons: frozenset[str]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Services:
        """Read from the probe's output."""
        return once(probe, "services", cls._of)

    @classmethod
    def _of(cls, probe: ProbeOutput) -> Services:
        return cls(
            units=_units(probe),
            scripts={name: script for name in UNITS if (script := _script(probe, name))},
            jobs={name: f"/etc/init/{name}.conf" for name in UNITS if probe.entry(f"/etc/init/{name}.conf")},
            daemons=frozenset(
                found[1] for line in probe.lines("daemons") if (found := re.match(r"\d+ \((.*)\)", line.text))
            ),
        )

    def unit(self, *names: str) -> Unit | None:
        """The first unit of these names that systemd knows."""
        return next((unit for name in names if (unit := (self.units or {}).get(name)) and unit.exists), None)

    def script(self, *names: str) -> Script | None:
        """The first init script of these names."""
        return next((self.scripts[name] for name in names if name in self.scripts), None)


def _units(probe: ProbeOutput) -> dict[str, Unit] | None:
    if not probe.command(ASK_SYSTEMD.name):
        return None
    found = {}
    for shown in shown_units(probe):
        own = shown["Id"][0].removesuffix(".service")
        if own.endswith(".timer"):
            continue
        load, active, names = (shown.get(key, [""])[0] for key in ("LoadState", "ActiveState", "Names"))
        unit = Unit(own, load, active, _links(probe, own), _mask(probe, own))
        # An alias (Debian: vmtoolsd of open-vm-tools) answers with the unit itself.
        for name in (own, *(name.removesuffix(".service") for name in names.split())):
            found[name] = unit
    return found


def shown_units(probe: ProbeOutput) -> list[dict[str, list[str]]]:
    """What systemd shows of each unit, services and timers: a property more than once where it has several values. Parsed once."""
    return once(probe, ASK_SYSTEMD.name, _shown_units)


def _shown_units(probe: ProbeOutput) -> list[dict[str, list[str]]]:
    """systemctl show's answer: units apart by an empty line."""
    units: list[dict[str, list[str]]] = [{}]
    for line in probe.command(ASK_SYSTEMD.name).lines:
        key, equals, value = line.partition("=")
        if equals:
            units[-1].setdefault(key, []).append(value)
        elif not line.strip():
            units.append({})
    return [unit for unit in units if unit.get("Id", [""])[0]]


def _links(probe: ProbeOutput, name: str) -> tuple[str, ...]:
    if name in SYSTEMD_UNITS:
        return tuple(entry.path for entry in probe.entries(f"{_SYSTEM}/*.wants/{name}.service"))
    script = _script(probe, name)
    if script and not any(probe.directory_entries.get(f"{folder}/{name}.service") for folder in _UNIT_FOLDERS):
        # No unit file: systemd makes the unit of the init script, which starts at boot by the script's own links.
        return script.starts
    return tuple(entry.path for folder in _LINKS for entry in probe.entries(f"{folder}{name}.service"))


def _mask(probe: ProbeOutput, name: str) -> str | None:
    entry = probe.directory_entries.get(f"{_SYSTEM}/{name}.service")
    return entry.path if entry and entry.target == "/dev/null" else None


def _script(probe: ProbeOutput, name: str) -> Script | None:
    path = next((folder + name for folder in _SCRIPTS if probe.entry(folder + name)), None)
    if path is None:
        return None
    links = [entry.path for folder in _RUNLEVELS for entry in probe.entries(f"{folder}[SK]??{name}")]
    starts = tuple(link for link in links if link.rpartition("/")[2].startswith("S"))
    return Script(name, path, starts, tuple(link for link in links if link not in starts))
