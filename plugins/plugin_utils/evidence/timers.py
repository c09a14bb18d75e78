# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemd's calendar timers: what the running manager has loaded, and what the unit files say.

Sources: systemd.timer(5), systemd.time(7), systemd.unit(5). RandomizedDelaySec= came with systemd 229, FixedRandomDelay= with 247.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import ASK_SYSTEMD, shown_units

#: Where unit files lie, what wins first (systemd.unit(5)). /lib is the same as /usr/lib where /usr is merged.
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
#: The folders that belong to the administrator, not to the distribution.
ADMINISTRATORS = ("/etc/", "/run/", "/usr/local/")
#: Our own drop-in of a timer.
DROP_IN = "50-vmguest-scatter.conf"

READS: tuple[Read, ...] = (
    Lines(
        "timers",
        # OnCalendar and its monotonic relatives, AccuracySec, RandomizedDelaySec, FixedRandomDelay.
        "^[[:blank:]]*[OARF][nacri][A-Za-z]*[[:blank:]]*=",
        tuple(
            f"{folder}/{name}" for folder in UNIT_FOLDERS for name in ("*.timer", "*.timer.d/*.conf", "timer.d/*.conf")
        ),
    ),
    files(f"/etc/systemd/system/*.timer.d/{DROP_IN}"),
    # A link to /dev/null masks a timer or a drop-in; a file of /etc without any of those lines still replaces the one of /usr/lib.
    entries(
        *(f"{folder}/{name}" for folder in UNIT_FOLDERS[:2] for name in ("*.timer", "*.timer.d/*.conf")),
    ),
    ASK_SYSTEMD,
)

#: systemd.time(7), "The special expressions"; as systemd-analyze calendar writes them.
SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "biannually": "*-01,07-01 00:00:00",
    "bi-annually": "*-01,07-01 00:00:00",
    "semi-annually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "anually": "*-01-01 00:00:00",
}
_DATE = re.compile(r"[\d*][\d*,./~]*-[\d*,./~]+(-[\d*,./~]+)?\Z")
_TIME = re.compile(r"([\d*,./]+):([\d*,./]+)(?::([\d*,./]+))?\Z")
_WEEKDAYS = re.compile(r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*(?:\.\.|-|,)?)+\Z", re.IGNORECASE)
_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")
_DAY_NAME = re.compile(r"([A-Za-z]{3})[A-Za-z]*")
_SPAN = re.compile(r"\s*(\d+)(?:\.\d+)?\s*([a-z]*)")
_SHOWN_CALENDAR = re.compile(r"{ OnCalendar=(.*?) ;")
_TIME_UNITS = {
    "usec": 0, "us": 0, "msec": 0, "ms": 0,
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1,
    "m": 60, "min": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip


@dataclass(frozen=True)
class Calendar:
    """A calendar event expression. ``days`` is what stands before the time, ``zone`` what stands behind it, both as written."""

    days: str
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: str
    hours_written: str
    zone: str

    @classmethod
    def parse(cls, text: str) -> Calendar:
        """Parse an expression.

        :raises ValueError: where it is none, or one of the rare forms (dates relative to the month's end with a time zone, ``@…``).
        """
        first, dummy, rest = text.strip().partition(" ")
        words = f"{SHORTHANDS.get(first.lower(), first)} {rest}".split()
        count = len(words)
        weekdays = words.pop(0) if words and _WEEKDAYS.match(words[0]) else ""
        date = words.pop(0) if words and _DATE.match(words[0]) else "*-*-*"
        time = _TIME.match(words.pop(0) if words and ":" in words[0] else "00:00:00")
        zone = words.pop(0) if words and len(words) < count and re.match(r"[A-Za-z][\w/+-]*\Z", words[0]) else ""
        if not time or words or not count:
            raise ValueError(f"'{text}' is no calendar event that is understood")
        return cls(
            days=f"{weekdays} {date}".strip(),
            hours=_component(time[1], 23),
            minutes=_component(time[2], 59),
            seconds=time[3] or "00",
            hours_written=time[1],
            zone=zone,
        )

    def at(self, minute: int, hour: int | None = None, *, every: int | None = None) -> str:
        """The expression with another minute, and hour where one is given; on the same days, in the same time zone.

        With ``every`` it fires in an hour again after so many minutes.
        """
        hours = self.hours_written if hour is None else f"{hour:02d}"
        minutes = f"{minute:02d}" if every is None else f"{minute:02d}/{every}"
        return f"{self.days} {hours}:{minutes}:00 {self.zone}".strip()

    @property
    def same(self) -> tuple[object, ...]:
        """What two expressions have in common that mean the same, however they are written."""
        days = _LEADING_ZEROS.sub("", _DAY_NAME.sub(r"\1", self.days).lower())
        return (days, self.hours, self.minutes, self.seconds.lstrip("0"), self.zone)

    @property
    def firing_minutes(self) -> frozenset[int]:
        """The minutes of a day (0 to 1439) at which it fires, on the days on which it does."""
        return frozenset(hour * 60 + minute for hour in self.hours for minute in self.minutes)


def _component(text: str, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dots, last = span.partition("..")
        if (
            (slash and not (step.isdigit() and int(step)))
            or not (first == "*" or first.isdigit())
            or (dots and not last.isdigit())
        ):
            raise ValueError(f"'{part}' is no part of a time")
        start = 0 if first == "*" else int(first)
        end = int(last) if dots else high if first == "*" or slash else start
        if start > end or end > high:
            raise ValueError(f"'{part}' is no part of a time")
        found.update(range(start, end + 1, int(step) if slash else 1))
    return frozenset(found)


def seconds_of(text: str) -> int | None:
    """A time span (systemd.time(7): ``12h``, ``1h 30min``, ``6000``) in whole seconds, None where it is none."""
    parts = _SPAN.findall(text)
    if text.strip() == "infinity":
        return None
    if not parts or re.sub(r"\s*(\d+)(?:\.\d+)?\s*([a-z]*)", "", text).strip():
        return None
    if any(unit not in _TIME_UNITS for dummy, unit in parts):
        return None
    return sum(int(number) * _TIME_UNITS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Settings:
    """What the unit files of a timer come to. ``calendars`` as written, ``monotonic`` the assignments beside them.

    ``calendar_path`` is the file that the last calendar comes from, ``delay`` the RandomizedDelaySec in seconds.
    """

    calendars: tuple[str, ...] = ()
    calendar_path: str = ""
    monotonic: tuple[str, ...] = ()
    delay: int = 0
    delay_path: str = ""
    fixed_delay: bool = False

    def assigned(self, path: str, text: str) -> Settings:
        """These settings after one more line."""
        key, dummy, value = (word.strip() for word in text.partition("="))
        if key == "OnCalendar" and value:
            return replace(self, calendars=(*self.calendars, value), calendar_path=path)
        if key.startswith("On") and key.endswith("Sec") and value:
            return replace(self, monotonic=(*self.monotonic, f"{key}={value}"))
        if key == "OnCalendar" or (key.startswith("On") and key.endswith("Sec")):
            # "If the empty string is assigned to any of these options, the list of timers is reset (both monotonic timers and
            # OnCalendar= timers)" (systemd.timer(5)).
            return replace(self, calendars=(), calendar_path=path, monotonic=())
        if key == "RandomizedDelaySec":
            return replace(self, delay=seconds_of(value) or 0, delay_path=path)
        if key == "FixedRandomDelay":
            return replace(self, fixed_delay=value.lower() in ("1", "yes", "y", "true", "t", "on"))
        return self


@dataclass(frozen=True)
class Timer:
    """A timer unit that the manager has loaded.

    Runtime: ``active``, ``enabled``, and what the manager has loaded: ``loaded_calendars`` and ``loaded_delay`` in seconds
    (None where this systemd does not show them), ``drop_ins``, and whether it ``needs_reload`` because files changed since.
    Persistent: ``settings`` of all unit files, ``shipped`` the same without our drop-in, whose text is ``drop_in``, None where
    there is none.
    """

    name: str
    active: bool
    enabled: bool
    needs_reload: bool
    loaded_calendars: tuple[str, ...] | None
    loaded_delay: int | None
    drop_ins: tuple[str, ...]
    settings: Settings
    shipped: Settings
    drop_in: str | None

    @property
    def drop_in_path(self) -> str:
        """Where our drop-in is, or would be."""
        return f"/etc/systemd/system/{self.name}.d/{DROP_IN}"


@dataclass(frozen=True)
class Timers:
    """The timers of a guest. ``asked`` says that the manager answered."""

    asked: bool
    timers: tuple[Timer, ...]

    @property
    def knows_random_delay(self) -> bool:
        """True where a loaded timer shows one, be it 0: systemd knows RandomizedDelaySec= since 229."""
        return any(timer.loaded_delay is not None for timer in self.timers)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Timers:
        """Read them from the probe's output."""
        asked = bool(probe.command(ASK_SYSTEMD.name))
        units = _UnitFiles(probe)
        # The manager's own order is another one after a boot or a reload.
        found = sorted(
            (unit for unit in shown_units(probe) if unit["Id"][0].endswith(".timer")),
            key=lambda unit: unit["Id"][0],
        )
        return cls(asked, tuple(_timer(unit, units) for unit in found))


def settings_of(probe: ProbeOutput, name: str) -> Settings:
    """What the unit files of timer ``name`` come to, whether the manager has loaded it or not."""
    return _UnitFiles(probe).settings(name)


def _timer(unit: dict[str, list[str]], units: _UnitFiles) -> Timer:
    name = unit["Id"][0]
    shown = [found for text in unit.get("TimersCalendar", ()) for found in _SHOWN_CALENDAR.findall(text)]
    drop_in = units.ours.get(name)
    return Timer(
        name=name,
        active=unit.get("ActiveState", [""])[0] == "active",
        enabled=unit.get("UnitFileState", [""])[0].startswith("enabled"),
        needs_reload=unit.get("NeedDaemonReload", ["no"])[0] == "yes",
        # EL7's 219 prints no calendars here.
        loaded_calendars=tuple(shown) if shown else None,
        loaded_delay=seconds_of(unit.get("RandomizedDelayUSec", [""])[0]),
        drop_ins=tuple(" ".join(unit.get("DropInPaths", ())).split()),
        settings=units.settings(name),
        shipped=units.settings(name, without=DROP_IN),
        drop_in=drop_in,
    )


class _UnitFiles:
    """The lines of timer units, by file, and systemd's order among those files."""

    def __init__(self, probe: ProbeOutput) -> None:
        self.lines: dict[str, list[Line]] = {}
        for line in probe.lines("timers"):
            self.lines.setdefault(line.path, []).append(line)
        self.entries = {
            entry.path: entry for folder in UNIT_FOLDERS for entry in probe.entries(f"{folder}/*.timer")
        } | {entry.path: entry for folder in UNIT_FOLDERS for entry in probe.entries(f"{folder}/*.timer.d/*.conf")}
        self.paths = set(self.lines) | set(self.entries)
        self.ours = {
            file.path.split("/")[-2].removesuffix(".d"): file.text
            for file in probe.glob(f"/etc/systemd/system/*.timer.d/{DROP_IN}")
            if file
        }

    def masked(self, path: str) -> bool:
        """True for a link to /dev/null."""
        entry = self.entries.get(path)
        return entry is not None and entry.target == "/dev/null"

    def settings(self, name: str, without: str = "") -> Settings:
        """What the files of timer ``name`` come to, leaving out the drop-in named ``without``."""
        fragment = next((f"{folder}/{name}" for folder in UNIT_FOLDERS if f"{folder}/{name}" in self.paths), None)
        if fragment is not None and self.masked(fragment):
            return Settings()
        drop_ins: dict[str, str] = {}
        for directory in (f"{name}.d", "timer.d"):
            for folder in UNIT_FOLDERS:
                prefix = f"{folder}/{directory}/"
                for path in self.paths:
                    if path.startswith(prefix):
                        # Of drop-ins with one name the first wins: the unit's folder before the type's, /etc before /usr/lib.
                        drop_ins.setdefault(path[len(prefix) :], path)
        settings = Settings()
        in_order = [path for drop_in, path in sorted(drop_ins.items()) if drop_in != without]
        for path in ([fragment] if fragment else []) + in_order:
            if not self.masked(path):
                for line in self.lines.get(path, ()):
                    settings = settings.assigned(line.path, line.text)
        return settings
