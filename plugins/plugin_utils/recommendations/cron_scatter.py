# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cron_scatter and timer_scatter: no two guests' jobs in the same minute.

Every guest of a distribution rotates its logs, scrubs its disks and updates its indexes at the same minute of the same clock; on
one host that is a storm of I/O every night. Each guest gets a time of its own, the same one at every run: hashed from what
tells it from its clones (the DMI UUID that the hypervisor gives it) and from the job's name. A job keeps its period and its day,
and a daily one stays within a window after its hour.

Only times that a distribution shipped are moved. One that an administrator chose is left alone. Own jobs are reported, and
moved within their hour where they are listed in ``cron_scatter_own_jobs`` and ``cron_scatter_own_timers``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    Edit,
    EditFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    sh,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import (
    ANACRONTAB,
    Anacrontab,
    Cron,
    Crontab,
    Job,
    Schedule,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import READS as CRON_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State, glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import (
    ADMINISTRATORS,
    DROP_IN,
    Calendar,
    Timer,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import READS as TIMER_READS

#: A timer's random delay of at least so many seconds scatters it well enough.
ENOUGH_DELAY = 15 * 60
#: Minutes at which people put their jobs.
POPULAR_MINUTES = frozenset({0, 1, 5, 10, 15, 30, 45})
#: 02:00 to 02:59 is skipped, or comes twice, where daylight saving time begins and ends in most zones.
DAYLIGHT_SAVING_HOUR = 2
#: The OUIs of VMware: what a NIC's address begins with that vCenter or ESXi gave it.
VMWARE_OUIS = ("00:50:56:", "00:0c:29:", "00:05:69:")


# ---- what distributions ship -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShippedJob:
    """A crontab line of a distribution: its ``name``, ``command`` as a regular expression, the times at which it is shipped.

    ``stays`` says why it is not moved, if it is not. One that is ``idle_under_systemd`` does nothing where systemd is process 1.
    """

    name: str
    command: str
    schedules: tuple[str, ...]
    origin: str
    stays: str = ""
    idle_under_systemd: bool = False


def _run_parts(folder: str) -> str:
    """run-parts as Red Hat has it, and as Debian has it: in older releases with parentheses, now with braces."""
    run = rf"(cd / && )?run-parts (--report )?/etc/cron\.{folder}"
    return rf"(test -x /usr/sbin/anacron \|\| )?([({{] ?)?{run}(;? ?[)}}])?"


SHIPPED_JOBS = (
    ShippedJob(
        "cron.hourly", _run_parts("hourly"), ("1 * * * *", "17 * * * *"), "crontabs of EL4/5, cronie; cron of Debian"
    ),
    ShippedJob("cron.daily", _run_parts("daily"), ("2 4 * * *", "25 6 * * *"), "crontabs of EL4/5; cron of Debian"),
    ShippedJob("cron.weekly", _run_parts("weekly"), ("22 4 * * 0", "47 6 * * 7"), "crontabs of EL4/5; cron of Debian"),
    ShippedJob(
        "cron.monthly", _run_parts("monthly"), ("42 4 1 * *", "52 6 1 * *"), "crontabs of EL4/5; cron of Debian"
    ),
    ShippedJob(
        "run-crons",
        r"test -x /usr/lib/cron/run-crons && /usr/lib/cron/run-crons >/dev/null 2>&1",
        ("*/15 * * * *",),
        "cron and cronie of SLES",
    ),
    ShippedJob("sa1", r"/usr/lib(64)?/sa/sa1( -[A-Z]( [A-Z]+)?)* 1 1", ("*/10 * * * *",), "sysstat of EL5 to EL7"),
    ShippedJob(
        "debian-sa1",
        r"command -v debian-sa1 ?> ?/dev/null && debian-sa1 1 1",
        ("5-55/10 * * * *",),
        "sysstat of Debian",
    ),
    ShippedJob(
        "debian-sa1 rotation",
        r"command -v debian-sa1 ?> ?/dev/null && debian-sa1 60 2",
        ("59 23 * * *",),
        "sysstat of Debian",
        stays="it closes the day's statistics before midnight",
    ),
    ShippedJob(
        "sa2",
        r"/usr/lib(64)?/sa/sa2 -A",
        ("53 23 * * *",),
        "sysstat of EL5 to EL7",
        stays="it sums up the day before midnight",
    ),
    ShippedJob("raid-check", r"/usr/sbin/raid-check", ("0 1 * * Sun",), "mdadm of EL6 to EL8"),
    ShippedJob(
        "checkarray",
        r"(if )?\[ -x /usr/share/mdadm/checkarray \] && (\[ \$\(date \+\\%d\) -le 7 \](; then| &&) )?"
        r"/usr/share/mdadm/checkarray --cron --all (--idle )?--quiet(; fi)?",
        ("57 0 * * 0",),
        "mdadm of Debian to 12",
    ),
    ShippedJob(
        "e2scrub_all",
        r"test -e /run/systemd/system \|\| SERVICE_MODE=1 /usr/lib/\S+/e2fsprogs/e2scrub_all_cron",
        ("30 3 * * 0",),
        "e2fsprogs of Debian",
        idle_under_systemd=True,
    ),
    ShippedJob(
        "e2scrub_all -r",
        r"test -e /run/systemd/system \|\| SERVICE_MODE=1 (/usr)?/sbin/e2scrub_all -A -r",
        ("10 3 * * *",),
        "e2fsprogs of Debian",
        idle_under_systemd=True,
    ),
    ShippedJob(
        "sessionclean",
        r"\[ -x /usr/lib/php/sessionclean \] && if \[ ! -d /run/systemd/system \]; then /usr/lib/php/sessionclean; fi",
        ("9,39 * * * *",),
        "php-common of Debian",
        idle_under_systemd=True,
    ),
    ShippedJob(
        "anacron",
        r"\[ -x /etc/init\.d/anacron \] && if \[ ! -d /run/systemd/system \]; "
        r"then /usr/sbin/invoke-rc\.d anacron start >/dev/null; fi",
        ("30 7-23 * * *", "30 7 * * *"),
        "anacron of Debian",
        idle_under_systemd=True,
    ),
    ShippedJob(
        "certbot",
        r"test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl -e 'sleep int\(rand\(43200\)\)' && certbot -q renew"
        r"( --no-random-sleep-on-renew)?",
        ("0 */12 * * *",),
        "certbot of Debian",
        stays="it sleeps for a random time itself",
    ),
)
_COMMANDS = tuple((re.compile(job.command), job) for job in SHIPPED_JOBS)


def shipped_job(job: Job) -> ShippedJob | None:
    """What distribution's job this line is, None for an own one. Blanks do not count."""
    command = " ".join(job.command.split())
    return next((shipped for pattern, shipped in _COMMANDS if pattern.fullmatch(command)), None)


# ---- what tells a guest from its clones --------------------------------------------------------------------------------


def canonical_uuid(text: str) -> str | None:
    """A DMI UUID as 32 lower-case hex digits, None for what is no identity (all zeros, all ones, a phrase).

    SMBIOS 2.6 turned the byte order of the first three groups round: dmidecode, the kernel, vCenter and other virtual
    hardware versions show the same UUID in two ways. The lesser of the two stands for both.
    """
    digits = re.sub(r"[\s{}-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{32}", digits) or digits in ("0" * 32, "f" * 32):
        return None
    raw = bytes.fromhex(digits)
    turned = raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]
    return min(raw, turned).hex()


def guest_seed(evidence: Evidence) -> str | None:
    """What tells this guest from its clones; None where nothing does.

    The DMI UUID, which vCenter makes new for a clone. Kernels without DMI in sysfs and without dmidecode (EL4, some EL5): the
    lowest MAC address that VMware gave it, new for a clone as well. Last, a host name that somebody gave it. Never the machine id:
    it is copied with the disk.
    """
    platform = evidence.platform
    uuid = canonical_uuid(platform.uuid or "")
    if uuid:
        return f"uuid {uuid}"
    if evidence.file("/sys/class/dmi/id/product_uuid").state is State.DENIED:
        return None  # another seed than root's would move every job
    addresses = sorted(file.value.lower() for file in evidence.glob("/sys/class/net/*/address") if file)
    address = next((address for address in addresses if address.startswith(VMWARE_OUIS)), None)
    if address:
        return f"mac {address}"
    name = platform.hostname.lower()
    return f"name {name}" if name and not name.startswith(("localhost", "(none)")) else None


NO_SEED = (
    "nothing tells this guest from its clones: its DMI UUID (/sys/class/dmi/id/product_uuid, or dmidecode -s system-uuid) cannot "
    "be read; run as root, or install dmidecode"
)


def chosen(seed: str, job: str, choices: int) -> int:
    """This guest's choice for a job, one of ``choices`` numbers from 0: the same at every run, evenly spread over guests."""
    return (
        int.from_bytes(hashlib.sha256(f"{seed}\0{job}".encode("utf-8", "surrogateescape")).digest()[:8], "big")
        % choices
    )


# ---- new times ---------------------------------------------------------------------------------------------------------


def window(hour: int, options: Options) -> list[int]:
    """The hours in which a job of ``hour`` may run once a day: the window's, without the one of daylight saving time.

    A window ends at midnight at the latest, so that a job stays on its day.
    """
    start = hour if options.get("cron_scatter_window_start") is None else int(options["cron_scatter_window_start"])
    hours = range(start, min(24, start + int(options["cron_scatter_window_hours"])))
    return [hour for hour in hours if hour != DAYLIGHT_SAVING_HOUR] or [start]


def scattered(schedule: Schedule, seed: str, job: str, hours: Sequence[int] = ()) -> str | None:
    """This guest's schedule for a job, as five fields; None where its minutes are not evenly apart.

    Of several firings in an hour the first is moved and the gap kept; of one the minute, and where it fires once a day
    and ``hours`` are given, the hour to one of these.
    """
    gap = schedule.gap
    if gap is None or not schedule.fields:
        return None
    _, hour, *days = schedule.fields
    count = len(schedule.minutes)
    if count > 1:
        # As many firings in an hour as before: */7 has nine, 4-59/7 would have eight.
        first = chosen(seed, job, min(gap, 60 - (count - 1) * gap))
        return " ".join([f"{first}-59/{gap}", hour, *days])
    if len(schedule.hours) > 1 or not hours:
        return " ".join([str(chosen(seed, job, 60)), hour, *days])
    minute_of_window = chosen(seed, job, 60 * len(hours))
    return " ".join([str(minute_of_window % 60), str(hours[minute_of_window // 60]), *days])


def scattered_calendar(calendar: Calendar, seed: str, job: str, hours: Sequence[int] = ()) -> str | None:
    """This guest's OnCalendar for a timer; None for one that fires more than once in an hour, which is left alone."""
    if len(calendar.minutes) > 1:
        return None
    if len(calendar.hours) > 1 or not hours:
        return calendar.at(chosen(seed, job, 60))
    minute_of_window = chosen(seed, job, 60 * len(hours))
    return calendar.at(minute_of_window % 60, hours[minute_of_window // 60])


def same_time(one: Schedule, other: Schedule) -> bool:
    """True where two schedules mean the same, however their minutes and hours are written."""
    return (one.minutes, one.hours, [name.lower() for name in one.fields[2:]]) == (
        other.minutes,
        other.hours,
        [name.lower() for name in other.fields[2:]],
    )


# ---- our mark ----------------------------------------------------------------------------------------------------------

# A comment in the crontab says what we moved. It tells a time that a clone got from its original, which is to be hashed again,
# from one that an administrator chose, which is not; and it tells the administrator why.
_MARK = re.compile(r"# vmguest\.linux cron_scatter: (?P<name>.+) moved from '(?P<shipped>[^']+)' to '(?P<moved>[^']+)'")


def _mark(name: str, shipped: str, moved: str) -> str:
    return f"# vmguest.linux cron_scatter: {name} moved from '{shipped}' to '{moved}'"


@dataclass(frozen=True)
class _Mark:
    line: str
    shipped: Schedule
    moved: Schedule


def _marks(crontab: Crontab) -> dict[str, _Mark]:
    marks = {}
    for line in crontab.lines:
        found = _MARK.fullmatch(line)
        if found:
            try:
                marks[found["name"]] = _Mark(line, Schedule.parse(found["shipped"]), Schedule.parse(found["moved"]))
            except ValueError:
                continue
    return marks


# ---- cron --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Move:
    """A job that is to fire at another time; ``mark`` is the comment to be written, ``old_mark`` the one that it replaces."""

    name: str
    job: Job
    schedule: str
    mark: str | None = None
    old_mark: str | None = None


@dataclass
class _Survey:
    """What a guest's crontabs come to."""

    moves: list[_Move] = field(default_factory=list)
    ours: list[Job] = field(default_factory=list)
    chosen_by_admin: list[Job] = field(default_factory=list)
    popular: list[Job] = field(default_factory=list)
    uneven: list[Job] = field(default_factory=list)


def _where(job: Job) -> str:
    return f"{_shown(job.path)}:{job.number}"


def _shown(text: str) -> str:
    """A name for people: bytes that are no UTF-8 as \\udcXX."""
    return text.encode("utf-8", "backslashreplace").decode()


def _survey(evidence: Evidence, seed: str, options: Options) -> _Survey:
    survey = _Survey()
    for crontab in evidence.cron.crontabs:
        marks = _marks(crontab)
        seen: dict[str, int] = {}
        for job in crontab.jobs:
            shipped = shipped_job(job) if crontab.system else None
            if shipped and (shipped.stays or (shipped.idle_under_systemd and evidence.platform.systemd)):
                continue
            if job.random:
                continue
            # The second of two equal jobs in a file gets a time of its own.
            identity = shipped.name if shipped else f"{job.path} {job.user} {job.command}"
            seen[identity] = seen.get(identity, 0) + 1
            if seen[identity] > 1:
                identity = f"{identity} #{seen[identity]}"
            if shipped:
                _survey_shipped(survey, shipped, identity, job, marks.get(identity), seed, options)
            elif _opted_in(job, options):
                _survey_own(survey, identity, job, seed)
            elif job.schedule.gap == 60 and job.schedule.minutes <= POPULAR_MINUTES:
                survey.popular.append(job)
    return survey


def _survey_shipped(
    survey: _Survey, shipped: ShippedJob, identity: str, job: Job, mark: _Mark | None, seed: str, options: Options
) -> None:
    if mark and same_time(job.schedule, mark.moved):
        base = mark.shipped
    elif any(same_time(job.schedule, Schedule.parse(text)) for text in shipped.schedules):
        base = job.schedule
    else:
        survey.chosen_by_admin.append(job)
        return
    wanted = scattered(base, seed, identity, window(min(base.hours), options))
    if wanted is None or same_time(Schedule.parse(wanted), job.schedule):
        survey.ours.append(job)
        return
    survey.moves.append(_Move(identity, job, wanted, _mark(identity, base.text, wanted), mark.line if mark else None))


def _opted_in(job: Job, options: Options) -> bool:
    return any(
        glob_match(entry["file"], job.path) and re.search(entry["match"], job.command)
        for entry in options["cron_scatter_own_jobs"]
    )


def _survey_own(survey: _Survey, identity: str, job: Job, seed: str) -> None:
    """An own job keeps its hours: its minute is all that is known not to matter."""
    wanted = scattered(job.schedule, seed, identity)
    if wanted is None:
        survey.uneven.append(job)
    elif same_time(Schedule.parse(wanted), job.schedule):
        survey.ours.append(job)
    else:
        survey.moves.append(_Move(identity, job, wanted))


def _edits(crontab: Crontab, moves: Sequence[_Move]) -> EditFile:
    edits: list[Edit] = []
    for move in moves:
        old, new = move.job.rewritten(move.schedule)
        if move.mark and crontab.lines.count(move.job.text) == 1:
            # The whole line is known, for it is one that distributions ship: it is found again wherever it stands.
            edits.append(ReplaceLine(move.job.text, new + move.job.text[len(old) :]))
        else:
            edits.append(ReplacePrefix(move.job.number, old, new))
        if move.mark and move.mark != move.old_mark:
            edits.append(ReplaceLine(move.old_mark, move.mark) if move.old_mark else AppendLine(move.mark))
    return EditFile(crontab.path, tuple(edits))


def _anacron_herds(cron: Cron) -> bool:
    """cronie's anacron has jobs, and no random delay that holds for them."""
    return cron.anacron is not None and cron.anacron.has_jobs and not cron.anacron.random_delay


def _anacron_edit(anacron: Anacrontab, options: Options) -> EditFile | None:
    """RANDOM_DELAY for anacron; None where there is no room for it.

    It must stand above the jobs: anacron adds it to the delay of those that it reads later (register_job in readtab.c). A line
    appended would have no effect, so it goes where a blank line is.
    """
    assignment = _random_delay(options)
    if anacron.assignment is not None:
        return EditFile(ANACRONTAB, (ReplaceLine(anacron.assignment, assignment),))
    if anacron.room is not None:
        return EditFile(ANACRONTAB, (ReplacePrefix(*anacron.room, assignment),))
    return None


def _random_delay(options: Options) -> str:
    return f"RANDOM_DELAY={options['cron_scatter_random_delay']}"


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    if int(options["cron_scatter_random_delay"]) < 1:
        return "cron_scatter_random_delay must be at least 1 minute"
    for entry in options["cron_scatter_own_jobs"]:
        try:
            re.compile(entry["match"])
        except re.error as error:
            return f"cron_scatter_own_jobs: '{entry['match']}' is no regular expression: {error}"
    return None


def _unread(cron: Cron, options: Options) -> list[str]:
    """The crontabs that matter and could not be read: a distribution's job may stand in any of the system's."""
    own = [entry["file"] for entry in options["cron_scatter_own_jobs"]]

    def matters(crontab: Crontab) -> bool:
        inside = f"{crontab.path}/"
        return crontab.system or any(glob_match(pattern, crontab.path) or pattern.startswith(inside) for pattern in own)

    found = [
        f"{_shown(crontab.path)} ({crontab.state.value.replace('_', ' ')})"
        for crontab in cron.crontabs
        if crontab.state is not State.READ and matters(crontab)
    ]
    if cron.anacron and cron.anacron.state is not State.READ:
        found.append(f"{ANACRONTAB} ({cron.anacron.state.value.replace('_', ' ')})")
    return found


def _listed(words: Sequence[str], most: int = 4) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _jobs(number: int, what: str) -> str:
    return f"{number} job{'' if number == 1 else 's'} {what}"


def _notes(survey: _Survey, cron: Cron) -> list[str]:
    notes = []
    if survey.chosen_by_admin:
        notes.append(
            f"left alone, for an administrator chose its time: {_listed([_where(job) for job in survey.chosen_by_admin])}"
        )
    if survey.popular:
        notes.append(
            f"own jobs at popular minutes: {_listed([_where(job) for job in survey.popular])}; "
            "cron_scatter_own_jobs moves those that you list"
        )
    if survey.uneven:
        notes.append(
            f"not moved, for its minutes are not evenly apart: {_listed([_where(job) for job in survey.uneven])}"
        )
    odd = [f"{_shown(crontab.path)}:{number}" for crontab in cron.crontabs for number in crontab.odd]
    if odd:
        notes.append(f"no valid crontab line: {_listed(odd)}")
    return notes


def assess_cron(evidence: Evidence, options: Options) -> Verdict:
    """The distributions' cron jobs, those of the administrator that are listed, and anacron's random delay."""
    cron = evidence.cron
    if not cron.installed:
        return not_applicable("no cron daemon is installed")
    unread = _unread(cron, options)
    if unread:
        return unknown(f"not every crontab could be read: {_listed(unread)}")
    seed = guest_seed(evidence)
    if seed is None:
        return unknown(NO_SEED)
    survey = _survey(evidence, seed, options)
    notes = _notes(survey, cron)
    herds = _anacron_herds(cron)
    sides = _cron_sides(survey, cron, herds, options)
    if not survey.moves and not herds:
        own = _jobs(len(survey.ours), "at this guest's own time")
        reasons = [own if survey.ours else "no job at a time that a distribution shipped"]
        return compliant("; ".join(reasons + notes), **sides)
    reasons = []
    if survey.moves:
        places = _listed([_where(move.job) for move in survey.moves])
        reasons.append(_jobs(len(survey.moves), f"at the same time on every guest: {places}"))
    if herds:
        reasons.append(f"anacron has no RANDOM_DELAY above its jobs in {ANACRONTAB}")
    steps: list[Step] = [
        _edits(crontab, moves)
        for crontab in cron.crontabs
        if (moves := [move for move in survey.moves if move.job.path == crontab.path])
    ]
    if herds and cron.anacron is not None:
        edit = _anacron_edit(cron.anacron, options)
        if edit is None:
            how = f"no blank line is there to take it: write {_random_delay(options)} above the first job"
            return manual("; ".join([*reasons, how, *notes]), **sides)
        steps.append(edit)
    return noncompliant("; ".join(reasons + notes), remedy=tuple(steps), **sides)


def _cron_sides(survey: _Survey, cron: Cron, herds: bool, options: Options) -> dict[str, Any]:
    """cron has no runtime side: it reads its files every minute."""
    now = [f"{_shown(move.name)} {move.job.schedule.text}" for move in survey.moves]
    wanted = [f"{_shown(move.name)} {move.schedule}" for move in survey.moves]
    if herds:
        now.append("anacron without RANDOM_DELAY")
        wanted.append(_random_delay(options))
    jobs = [*(move.job for move in survey.moves), *survey.ours, *survey.chosen_by_admin]
    owners = dict.fromkeys(_shown(job.path) for job in jobs)
    if cron.anacron is not None and cron.anacron.has_jobs:
        owners[ANACRONTAB] = None
    return {
        "persistent": ", ".join(now) or _jobs(len(survey.ours), "scattered"),
        "desired": ", ".join(wanted) or None,
        "owner": ", ".join(owners) or None,
    }


# ---- timers ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TimerCase:
    """A timer whose calendar is to be this guest's own: ``wanted``, as written into our drop-in."""

    timer: Timer
    wanted: tuple[str, ...]

    @property
    def configured(self) -> bool:
        """The unit files say so."""
        return _same_calendars(self.timer.settings.calendars, self.wanted)

    @property
    def running(self) -> bool:
        """The manager has loaded it. Where it shows no calendars (systemd 219), our drop-in is among what it has loaded."""
        if self.timer.loaded_calendars is not None:
            return _same_calendars(self.timer.loaded_calendars, self.wanted)
        return self.timer.drop_in_path in self.timer.drop_ins and not self.timer.needs_reload

    @property
    def drop_in(self) -> str:
        """Our drop-in. An empty assignment resets the monotonic timers, too, so these are said again."""
        lines = [
            "# vmguest.linux, timer_scatter: this guest's own time, hashed from its DMI UUID.",
            "[Timer]",
            "OnCalendar=",
            *(f"OnCalendar={calendar}" for calendar in self.wanted),
            *self.timer.shipped.monotonic,
        ]
        return "\n".join(lines) + "\n"

    @property
    def overridden(self) -> str | None:
        """The drop-in that sets calendars after ours would, None where ours has the last word."""
        path = self.timer.shipped.calendar_path
        return path if ".timer.d/" in path and path.rpartition("/")[2] > DROP_IN else None


def _same_calendars(one: Sequence[str], other: Sequence[str]) -> bool:
    def meanings(calendars: Sequence[str]) -> list[object]:
        found: list[object] = []
        for text in calendars:
            try:
                found.append(Calendar.parse(text).same)
            except ValueError:
                found.append(text)
        return sorted(found, key=repr)

    return meanings(one) == meanings(other)


def _matches(timer: str, patterns: Sequence[str]) -> bool:
    return any(glob_match(pattern if pattern.endswith(".timer") else f"{pattern}.timer", timer) for pattern in patterns)


def _calendars(timer: Timer, seed: str, options: Options, own: bool) -> Iterator[str]:
    """The calendars of this guest for a timer; :raises ValueError: for one that is not understood."""
    for number, text in enumerate(timer.shipped.calendars):
        calendar = Calendar.parse(text)
        hours = () if own or len(calendar.hours) > 1 else window(min(calendar.hours), options)
        yield scattered_calendar(calendar, seed, f"{timer.name} {number}", hours) or text


def _scatters_itself(timer: Timer) -> bool:
    """A random delay, long enough, in the files and in the manager. systemd before 229 shows none, for it knows none."""
    return min(timer.settings.delay, timer.loaded_delay or 0) >= ENOUGH_DELAY


def _reload(cases: Sequence[_TimerCase]) -> tuple[Step, Step]:
    """Have the manager read its files: after they are written, and after an undo has taken them away again.

    Steps are undone last first. So the first step of the transaction does nothing but reload when it is undone.
    """
    reload = sh("systemctl", "daemon-reload")
    loaded = " && ".join(
        f"{sh('systemctl', 'show', '-p', 'DropInPaths', case.timer.name)} | {sh('grep', '-q', '-F', case.timer.drop_in_path)}"
        for case in cases
    )
    stale = sh("systemctl", "show", "-p", "NeedDaemonReload", *(case.timer.name for case in cases))
    return (
        Run(what="reload systemd when this is undone", do="true", undo=reload, proof="true"),
        Run(what="reload systemd's unit files", do=reload, undo="true", proof=f"{loaded} && ! {stale} | grep -q =yes"),
    )


def assess_timers(evidence: Evidence, options: Options) -> Verdict:
    """The distributions' calendar timers that run on this guest, and own ones that are listed."""
    if not evidence.platform.systemd:
        return not_applicable("systemd is not its process 1")
    timers = evidence.timers
    if not timers.asked:
        return unknown("systemctl show '*.timer' was not answered")
    seed = guest_seed(evidence)
    if seed is None:
        return unknown(NO_SEED)
    cases: list[_TimerCase] = []
    good: list[str] = []
    notes: list[str] = []
    puzzling: list[str] = []
    overridden: list[str] = []
    for timer in timers.timers:
        own = _matches(timer.name, options["cron_scatter_own_timers"])
        known = _matches(timer.name, options["cron_scatter_timers"])
        if not (own or known) or _matches(timer.name, options["cron_scatter_timers_skip"]):
            continue
        if not (timer.active or timer.enabled) or not timer.shipped.calendars:
            continue
        if not own and timer.shipped.calendar_path.startswith(ADMINISTRATORS):
            notes.append(
                f"left alone, for an administrator chose its time: {timer.name} ({_shown(timer.shipped.calendar_path)})"
            )
            continue
        if _scatters_itself(timer):
            good.append(f"{timer.name} (a random delay of up to {timer.settings.delay // 60} min)")
            continue
        try:
            case = _TimerCase(timer, tuple(_calendars(timer, seed, options, own)))
        except ValueError:
            puzzling.append(f"{timer.name} ({', '.join(timer.shipped.calendars)})")
            continue
        if _same_calendars(case.wanted, timer.shipped.calendars) and timer.drop_in is None:
            continue  # more often than hourly
        if case.overridden:
            overridden.append(f"{timer.name} (by {case.overridden})")
            continue
        cases.append(case)
        if case.configured and case.running:
            good.append(f"{timer.name} ({', '.join(case.wanted)})")
    bad = [case for case in cases if not (case.configured and case.running)]
    sides = _timer_sides(cases, bad)
    skip = "list it in cron_scatter_timers_skip to leave it alone"
    if puzzling:
        return unknown(f"a calendar that is not understood: {_listed(puzzling)}; {skip}", **sides)
    if overridden:
        return manual(
            f"a drop-in of ours would be overridden: {_listed(overridden)}; change that file, or {skip}", **sides
        )
    if bad:
        unconfigured = [case for case in bad if not case.configured]
        undo, reload = _reload(bad)
        steps: tuple[Step, ...] = tuple(
            WriteFile(case.timer.drop_in_path, case.drop_in, case.timer.drop_in) for case in unconfigured
        )
        names = _listed([case.timer.name for case in bad])
        what = (
            f"at the same time on every guest: {names}"
            if unconfigured
            else f"systemd has not loaded the times of {names} yet"
        )
        return noncompliant("; ".join([what, *notes]), remedy=(undo, *steps, reload) if steps else (reload,), **sides)
    reason = f"scattered: {_listed(good)}" if good else "no timer that is to be scattered runs here"
    return compliant("; ".join([reason, *notes]), **sides)


def _timer_sides(cases: Sequence[_TimerCase], bad: Sequence[_TimerCase]) -> dict[str, Any]:
    shown = bad or cases
    return {
        "runtime": _times(
            [(case.timer.name, case.timer.loaded_calendars or ("not shown by this systemd",)) for case in shown]
        ),
        "persistent": _times([(case.timer.name, case.timer.settings.calendars) for case in shown]),
        "desired": _times([(case.timer.name, case.wanted) for case in shown]),
        "owner": ", ".join(dict.fromkeys(_shown(case.timer.settings.calendar_path) for case in shown)) or None,
    }


def _times(entries: Sequence[tuple[str, Sequence[str]]]) -> str | None:
    return ", ".join(f"{name} {' + '.join(calendars)}" for name, calendars in entries) or None


_IDENTITY_READS: tuple[Read, ...] = (files("/sys/class/net/*/address"),)

RECOMMENDATIONS = (
    Recommendation(
        id="cron_scatter",
        area="scheduling",
        title="Scatter cron jobs",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Scatter cron jobs to avoid consuming resources at the same time.",
        today=(
            "Right, and more so with more guests on a host. Each guest gets its own minute, hashed from its DMI UUID: the same at "
            "every run, unlike cronie's ~ and RANDOM_DELAY, which are accepted where they are."
        ),
        risk=(
            "A job that counts on the time of another (a backup after a dump, statistics closed before midnight) may come too "
            "early or late. rpm -V and debsums show the edited crontabs as changed."
        ),
        source="The Missing VMware Manual for Linux; Performance Best Practices for VMware vSphere; crontab(5), anacrontab(5)",
        reads=CRON_READS + _IDENTITY_READS,
        assess=assess_cron,
    ),
    Recommendation(
        id="timer_scatter",
        area="scheduling",
        title="Scatter systemd timers",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Scatter cron jobs to avoid consuming resources at the same time.",
        today=(
            "systemd's form of the same herd: OnCalendar=daily is midnight on every guest, and AccuracySec does not scatter it. A "
            "RandomizedDelaySec of 15 minutes or more is accepted. The remedy is a hashed OnCalendar: it works from systemd 219 "
            "on, and for clones, too, whose equal machine ids give FixedRandomDelay the same delay."
        ),
        risk=(
            "A timer whose new time has passed today already runs once when systemd is reloaded. A job that counts on the time of "
            "another may come too early or late."
        ),
        source="systemd.timer(5), systemd.time(7)",
        reads=TIMER_READS + _IDENTITY_READS,
        assess=assess_timers,
    ),
)
