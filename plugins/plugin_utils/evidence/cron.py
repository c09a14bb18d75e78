# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cron and anacron: which jobs are configured, and when they fire.

cron has no runtime side of its own: it looks at its files every minute and takes up what changed. Sources: crontab(5), cron(8)
and anacrontab(5) of cronie and of Debian's cron.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import File, ProbeOutput, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, Redaction, entries, files

#: Names that Debian's cron, as run-parts, takes.
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")
#: Crontabs with a user field. cron.d's are those whose names cron takes.
SYSTEM_CRONTABS = ("/etc/crontab", "/etc/cron.d/*")
#: Crontabs of users: Red Hat and Photon, Debian, SUSE.
USER_CRONTABS = ("/var/spool/cron/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/tabs/*")
ANACRONTAB = "/etc/anacrontab"
#: What cronie runs anacron by, every hour. Other anacrons know no RANDOM_DELAY (Debian's 2.3 has not even the word).
CRONIE_ANACRON = "/etc/cron.hourly/0anacron"
#: What tells that there is a cron: its program, its unit, its init script; its crontab, which comes with it; and systemd-cron,
#: which makes timers of the same files. Files of cron.d alone do not: packages leave them with no regard to cron.
TRACES = (
    "/usr/sbin/cron",
    "/usr/sbin/crond",
    "/usr/lib/systemd/system/cron.service",
    "/usr/lib/systemd/system/crond.service",
    "/lib/systemd/system/cron.service",
    "/etc/init.d/cron",
    "/etc/init.d/crond",
    "/etc/crontab",
    "/usr/lib/systemd/system-generators/systemd-crontab-generator",
    "/lib/systemd/system-generators/systemd-crontab-generator",
)

READS: tuple[Read, ...] = (
    files(*SYSTEM_CRONTABS, ANACRONTAB, *USER_CRONTABS, redact=Redaction.CRONTAB),
    files("/etc/debian_version"),
    entries(*TRACES, CRONIE_ANACRON),
)

#: What a nickname stands for (crontab(5)). @reboot fires at no time of day.
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Name, lowest and highest number, names and the number of the first one.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], int], ...] = (
    ("minute", 0, 59, (), 0),
    ("hour", 0, 23, (), 0),
    ("day of month", 1, 31, (), 0),
    ("month", 1, 12, _MONTHS, 1),
    ("day of week", 0, 7, _WEEKDAYS, 0),
)
_PART = re.compile(
    r"(?P<star>\*)(?:/(?P<star_step>\d+))?\Z"
    r"|(?P<from>\w+)-(?P<to>\w+)(?:/(?P<step>\d+))?\Z"
    r"|(?P<low>\w*)~(?P<high>\w*)\Z"
    r"|(?P<one>\w+)\Z",
    re.ASCII,
)


@dataclass(frozen=True)
class Schedule:
    """When a job fires. ``fields`` are the five fields as written, or a nickname's; none for ``@reboot``.

    ``random`` says that cronie picks a time of its own (``~``) when it reads the crontab.
    """

    fields: tuple[str, ...]
    minutes: frozenset[int]
    hours: frozenset[int]
    random: bool = False

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Parse five blank-separated fields, or a nickname.

        :raises ValueError: what cron would refuse, too; the message says what is wrong.
        """
        words = text.split()
        if words == ["@reboot"]:
            return cls((), frozenset(), frozenset())
        if len(words) == 1 and words[0] in NICKNAMES:
            words = NICKNAMES[words[0]].split()
        if len(words) != len(_FIELDS):
            raise ValueError(f"a schedule has {len(_FIELDS)} fields, this one {len(words)}")
        values = [_field(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
        return cls(tuple(words), values[0], values[1], any("~" in word for word in words))

    @property
    def text(self) -> str:
        """The fields with one blank between them."""
        return " ".join(self.fields) or "@reboot"

    @property
    def firing_minutes(self) -> frozenset[int]:
        """The minutes of a day (0 to 1439) at which it fires, on the days on which it does."""
        return frozenset(hour * 60 + minute for hour in self.hours for minute in self.minutes)

    @property
    def gap(self) -> int | None:
        """Minutes between two firings, see :func:`even_gap`."""
        return even_gap(self.minutes)


def even_gap(minutes: Iterable[int]) -> int | None:
    """Minutes between two firings where these are spread evenly over the hour (60 for one), else None.

    ``*/7`` fires at 56 and again at 0: a shorter gap over the hour's end is still even, a longer one is not.
    """
    ordered = sorted(minutes)
    if not ordered:
        return None
    over_the_hour = ordered[0] + 60 - ordered[-1]
    gaps = {after - before for before, after in pairwise(ordered)} or {over_the_hour}
    gap = gaps.pop()
    return gap if not gaps and over_the_hour <= gap else None


def _field(word: str, name: str, low: int, high: int, names: tuple[str, ...], first: int) -> frozenset[int]:
    """The numbers that a field stands for; :raises ValueError: where cron would refuse it."""

    def number(text: str) -> int:
        value = names.index(text.lower()[:3]) + first if text.lower() in names else int(text) if text.isdigit() else -1
        if not low <= value <= high:
            raise ValueError(f"'{text}' is no {name}")
        return value

    found: set[int] = set()
    for part in word.split(","):
        match = _PART.match(part)
        if not match:
            raise ValueError(f"'{part}' is no {name}")
        start, end, step = low, high, 1
        if match["star"]:
            step = int(match["star_step"] or 1)
        elif match["from"]:
            start, end, step = number(match["from"]), number(match["to"]), int(match["step"] or 1)
        elif match["one"]:
            start = end = number(match["one"])
        else:
            start = number(match["low"]) if match["low"] else low
            end = number(match["high"]) if match["high"] else high
        if step < 1 or start > end:
            raise ValueError(f"'{part}' is an empty {name}")
        found.update(range(start, end + 1, step))
    return frozenset(found)


@dataclass(frozen=True)
class Job:
    """One line of a crontab.

    ``text`` is the line as the probe shows it, ``lead`` what stands before the schedule (blanks, and the ``-`` by which cronie logs
    nothing), ``written`` the schedule with its own blanks. ``command`` is what the probe leaves of it: all of what
    distributions ship, of other commands the first word. ``random`` says that cron delays it by a random time itself, ``delay``
    by how many minutes at most, where that is said by RANDOM_DELAY and not by the schedule.
    """

    path: str
    number: int
    text: str
    lead: str
    written: str
    schedule: Schedule
    user: str
    command: str
    random: bool
    delay: int = 0

    def rewritten(self, schedule: str) -> tuple[str, str]:
        """The beginning of the line as it is, and as it is to be for ``schedule``: the rest stays as it is."""
        return self.lead + self.written, self.lead + schedule


@dataclass(frozen=True)
class Crontab:
    """A crontab. ``system`` ones have a user field. ``odd`` are the numbers of lines that are no job, variable or comment: cron
    refuses them, too. Where a folder of crontabs may not be looked into, it stands for them."""

    path: str
    state: State
    system: bool
    lines: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    odd: tuple[int, ...] = ()


_VARIABLE = re.compile(r"""\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"'=@*]+))\s*=\s*(?P<value>.*)""")
_JOB = re.compile(r"(?P<lead>\s*-?)(?P<written>@\w+|\S+(?:\s+\S+){4})(?P<blank>\s+)(?P<rest>\S.*)", re.DOTALL)


def _variable(line: str) -> tuple[str, str] | None:
    found = _VARIABLE.match(line)
    if not found:
        return None
    return next(name for name in found.group("double", "single", "plain") if name is not None), found[
        "value"
    ].strip().strip("\"'")


def parse_crontab(file: File, system: bool) -> Crontab:
    """Parse a crontab; ``system`` ones have a user before the command."""
    jobs: list[Job] = []
    odd: list[int] = []
    delay = 0
    for number, line in enumerate(file.lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        variable = _variable(line)
        if variable:
            # cronie's crond: "RANDOM_DELAY ... allows delaying job startups by random amount of minutes" (crontab(5)).
            if variable[0] == "RANDOM_DELAY":
                delay = int(variable[1]) if variable[1].isdigit() else 0
            continue
        found = _JOB.match(line)
        try:
            schedule = Schedule.parse(found["written"]) if found else None
        except ValueError:
            schedule = None
        user, dummy, command = (
            found["rest"].partition(" ") if found and system else ("", "", found["rest"] if found else "")
        )
        if found and system and "\t" in user:
            user, dummy, command = found["rest"].partition("\t")
        if not found or schedule is None or not command.strip():
            odd.append(number)
            continue
        jobs.append(
            Job(
                path=file.path,
                number=number,
                text=line,
                lead=found["lead"],
                written=found["written"],
                schedule=schedule,
                user=user,
                command=command.strip(),
                random=schedule.random or delay > 0,
                delay=delay,
            )
        )
    return Crontab(file.path, file.state, system, file.lines, tuple(jobs), tuple(odd))


@dataclass(frozen=True)
class AnacronJob:
    """A job of anacron: it begins ``delay`` minutes after anacron was started, and up to ``random`` minutes later."""

    name: str
    delay: int
    random: int = 0


@dataclass(frozen=True)
class Anacrontab:
    """An anacrontab. ``random_delay`` is the greatest random delay in minutes that holds for its jobs, 0 for none.

    It holds for the jobs below its line only: anacron adds it to a job's delay as it reads the job. ``assignment`` is
    that line, None where there is none above the first job; ``room`` the last blank line above it, by number and text.
    ``hours`` are those of the day in which a job may begin.
    """

    state: State
    jobs: tuple[AnacronJob, ...] = ()
    random_delay: int = 0
    assignment: str | None = None
    room: tuple[int, str] | None = None
    hours: frozenset[int] = frozenset(range(24))

    @property
    def has_jobs(self) -> bool:
        """True where it has a job that anacron understands."""
        return bool(self.jobs)

    def delayed(self, minutes: int) -> Anacrontab:
        """The same with a random delay for the jobs that have none."""
        jobs = (job if job.random else replace(job, random=minutes) for job in self.jobs)
        return replace(self, jobs=tuple(jobs), random_delay=self.random_delay or minutes)


_ANACRON_JOB = re.compile(r"\s*(?:\d+|@\S+)\s+(?P<delay>\d{1,9})\s+(?P<name>[^\s/]+)\s+\S")
_HOURS_RANGE = re.compile(r"(\d{1,3})-(\d{1,3})", re.ASCII)


def parse_anacrontab(file: File, cronie: bool = True) -> Anacrontab:
    """Parse what matters of an anacrontab. Other anacrons than cronie's do not know its variables."""
    found = Anacrontab(file.state)
    random, ranged, preferred = 0, found.hours, found.hours
    for number, line in enumerate(file.lines, 1):
        variable = _variable(line) if cronie and not line.lstrip().startswith("#") else None
        # cronie takes digits right after the equals sign, and nothing else (anacron/readtab.c).
        name, value = (variable[0], line.partition("=")[2]) if variable else ("", "")
        job = _ANACRON_JOB.match(line)
        if name == "RANDOM_DELAY":
            random = int(value[:9]) if value.isdigit() else random
            if not found.jobs:
                found = replace(found, random_delay=random if value.isdigit() else 0, assignment=line)
        elif name == "START_HOURS_RANGE" and (limits := _HOURS_RANGE.fullmatch(value)):
            # From 22 to 3 is none to it, and then no hour is in the range (anacron/lock.c, consider_job).
            ranged = frozenset(range(int(limits[1]), min(int(limits[2]), 24)))
        elif name == "PREFERRED_HOUR" and value.isdigit() and int(value[:9]) <= 24:
            preferred = frozenset({int(value)})
        elif not line.strip() and not found.jobs:
            found = replace(found, room=(number, line))
        elif job:
            found = replace(found, jobs=(*found.jobs, AnacronJob(job["name"], int(job["delay"]), random)))
    return replace(found, hours=ranged & preferred)


@dataclass(frozen=True)
class Cron:
    """cron and anacron of a guest. ``installed`` says that there is a cron daemon. ``anacron`` is cronie's anacrontab,
    ``other_anacron`` that of Debian's own anacron, which has no random delay and is started by its timer.
    """

    installed: bool
    system: tuple[Crontab, ...]
    user: tuple[Crontab, ...]
    anacron: Anacrontab | None
    other_anacron: Anacrontab | None

    @property
    def crontabs(self) -> tuple[Crontab, ...]:
        """Those of the system and those of users."""
        return self.system + self.user

    @classmethod
    def of(cls, probe: ProbeOutput) -> Cron:
        """Read it from the probe's output."""
        debian = probe.file("/etc/debian_version").exists
        anacrontab = probe.file(ANACRONTAB)
        cronie = probe.entry(CRONIE_ANACRON) is not None
        return cls(
            installed=any(probe.entry(path) for path in TRACES) or probe.file("/etc/crontab").exists,
            system=_crontabs(probe, SYSTEM_CRONTABS, system=True, debian=debian),
            user=_crontabs(probe, USER_CRONTABS, system=False, debian=debian),
            anacron=parse_anacrontab(anacrontab) if cronie and anacrontab.exists else None,
            other_anacron=parse_anacrontab(anacrontab, cronie=False)
            if debian and not cronie and anacrontab.exists
            else None,
        )


def is_crontab_name(path: str, debian: bool) -> bool:
    """True where cron takes a file of cron.d, or of a spool folder, for a crontab.

    Debian's cron takes names of letters, digits, underscores and hyphens only (cron(8)); cronie leaves out what editors and
    packages leave behind (database.c, not_a_crontab). Spool folders hold names of users.
    """
    name = path.rpartition("/")[2]
    if debian and path.startswith("/etc/cron.d/"):
        return _RUN_PARTS.fullmatch(name) is not None
    return not (name.startswith((".", "#")) or name.endswith(("~", ".rpmsave", ".rpmorig", ".rpmnew", ".cfsaved")))


def _crontabs(probe: ProbeOutput, patterns: Iterable[str], *, system: bool, debian: bool) -> tuple[Crontab, ...]:
    found: dict[str, File] = {}
    for pattern in patterns:
        folder = probe.files.get(pattern.rpartition("/")[0])
        if folder is not None and folder.state is State.DENIED:
            found[folder.path] = folder
        found.update((file.path, file) for file in probe.glob(pattern) if file.state is not State.DIRECTORY)
    return tuple(
        parse_crontab(file, system)
        for path, file in found.items()
        if path == "/etc/crontab" or is_crontab_name(path, debian)
    )


def busiest_minute(firing: Iterable[frozenset[int]]) -> tuple[int, int]:
    """The herd: the minute of the day at which most jobs fire together, and how many.

    ``firing`` holds the firing minutes of every job of every guest. The earliest of several such minutes; (0, 0) for no jobs.
    """
    counted = Counter(minute for minutes in firing for minute in minutes)
    return min(counted.items(), key=lambda entry: (-entry[1], entry[0]), default=(0, 0))
