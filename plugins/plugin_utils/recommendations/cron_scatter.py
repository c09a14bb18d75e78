# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cron_scatter and timer_scatter: jobs of many guests, spread evenly over the minutes.

Every guest of a distribution rotates its logs, scrubs its disks and updates its indexes at the same minute of the same clock; on
one host that is a storm of I/O every night. Each guest gets a time of its own, the same one at every run: hashed from what
tells it from its clones (the DMI UUID that the hypervisor gives it) and from the job's name. A job keeps its period and its day,
and a daily one stays within a window after its hour.

Only times that a distribution shipped are moved. One that an administrator chose is left alone. Own jobs are reported, and
moved within their hour where they are listed in ``cron_scatter_own_jobs`` and ``cron_scatter_own_timers``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    listed,
    manual,
    noncompliant,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import (
    NO_SEED,
    guest_seed,
    same_time,
    scattered,
    scattered_calendar,
    window,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.service_steps import RELOAD_WHEN_UNDONE
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
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.shipped_jobs import (
    ShippedJob,
    shipped_job,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import Start, starts_of
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
    """cronie's anacron has jobs, and no random delay that is long enough holds for them."""
    return cron.anacron is not None and cron.anacron.has_jobs and cron.anacron.random_delay < ENOUGH_DELAY // 60


def _anacron_edit(anacron: Anacrontab, options: Options) -> EditFile | None:
    """RANDOM_DELAY for anacron; None where there is no room for it, or somebody chose a shorter one.

    It must stand above the jobs: anacron adds it to the delay of those that it reads later (register_job in readtab.c). A line
    appended would have no effect, so it goes where a blank line is.
    """
    assignment = _random_delay(options)
    if anacron.random_delay:
        return None
    if anacron.assignment is not None:
        return EditFile(ANACRONTAB, (ReplaceLine(anacron.assignment, assignment),))
    if anacron.room is not None:
        return EditFile(ANACRONTAB, (ReplacePrefix(*anacron.room, assignment),))
    return None


def _random_delay(options: Options) -> str:
    return f"RANDOM_DELAY={options['cron_scatter_random_delay']}"


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    if int(options["cron_scatter_random_delay"]) < ENOUGH_DELAY // 60:
        return f"cron_scatter_random_delay must be at least {ENOUGH_DELAY // 60} minutes"
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


def _jobs(number: int, what: str) -> str:
    return f"{number} job{'' if number == 1 else 's'} {what}"


def _notes(survey: _Survey, cron: Cron) -> list[str]:
    notes = []
    if survey.chosen_by_admin:
        notes.append(
            f"left alone, for an administrator chose its time: {listed([_where(job) for job in survey.chosen_by_admin])}"
        )
    if survey.popular:
        notes.append(
            f"own jobs at popular minutes: {listed([_where(job) for job in survey.popular])}; "
            "cron_scatter_own_jobs moves those that you list"
        )
    if survey.uneven:
        notes.append(
            f"not moved, for its minutes are not evenly apart: {listed([_where(job) for job in survey.uneven])}"
        )
    odd = [f"{_shown(crontab.path)}:{number}" for crontab in cron.crontabs for number in crontab.odd]
    if odd:
        notes.append(f"no valid crontab line: {listed(odd)}")
    return notes


def assess_cron(evidence: Evidence, options: Options) -> Verdict:
    """The distributions' cron jobs, those of the administrator that are listed, and anacron's random delay."""
    cron = evidence.cron
    if not cron.installed:
        return not_applicable("no cron daemon is installed")
    unread = _unread(cron, options)
    if unread:
        return unknown(f"not every crontab could be read: {listed(unread)}")
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
        places = listed([_where(move.job) for move in survey.moves])
        reasons.append(_jobs(len(survey.moves), f"at the same time on every guest: {places}"))
    if herds and cron.anacron is not None:
        short = cron.anacron.random_delay
        what = f"a RANDOM_DELAY of {short} minutes only" if short else "no RANDOM_DELAY above its jobs"
        reasons.append(f"anacron has {what} in {ANACRONTAB}")
    steps: list[Step] = [
        _edits(crontab, moves)
        for crontab in cron.crontabs
        if (moves := [move for move in survey.moves if move.job.path == crontab.path])
    ]
    if herds and cron.anacron is not None:
        edit = _anacron_edit(cron.anacron, options)
        if edit is None:
            why = "somebody chose it" if cron.anacron.random_delay else "no blank line is there to take it"
            how = f"{why}: write {_random_delay(options)} above the first job"
            return manual("; ".join([*reasons, how, *notes]), **sides)
        steps.append(edit)
    return noncompliant("; ".join(reasons + notes), remedy=tuple(steps), **sides)


def _cron_sides(survey: _Survey, cron: Cron, herds: bool, options: Options) -> dict[str, Any]:
    """cron has no runtime side: it reads its files every minute."""
    now = [f"{_shown(move.name)} {move.job.schedule.text}" for move in survey.moves]
    wanted = [f"{_shown(move.name)} {move.schedule}" for move in survey.moves]
    if herds and cron.anacron is not None:
        short = cron.anacron.random_delay
        now.append(f"anacron with RANDOM_DELAY={short}" if short else "anacron without RANDOM_DELAY")
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
    """Have the manager read its files: first step and last of a transaction that writes some of them."""
    reload = sh("systemctl", "daemon-reload")
    loaded = " && ".join(
        f"{sh('systemctl', 'show', '-p', 'DropInPaths', case.timer.name)} | {sh('grep', '-q', '-F', case.timer.drop_in_path)}"
        for case in cases
    )
    stale = sh("systemctl", "show", "-p", "NeedDaemonReload", *(case.timer.name for case in cases))
    return (
        RELOAD_WHEN_UNDONE,
        Run(what="reload systemd's unit files", do=reload, undo="true", proof=f"{loaded} && ! {stale} | grep -q =yes"),
    )


@dataclass
class _TimerSurvey:
    """What a guest's timers come to: ``cases`` are those that are to have times of this guest's own."""

    cases: list[_TimerCase] = field(default_factory=list)
    good: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    puzzling: list[str] = field(default_factory=list)
    overridden: list[_TimerCase] = field(default_factory=list)


def _survey_timers(evidence: Evidence, seed: str, options: Options) -> _TimerSurvey:
    survey = _TimerSurvey()
    for timer in evidence.timers.timers:
        own = _matches(timer.name, options["cron_scatter_own_timers"])
        known = _matches(timer.name, options["cron_scatter_timers"])
        if not (own or known) or _matches(timer.name, options["cron_scatter_timers_skip"]):
            continue
        if not (timer.active or timer.enabled) or not timer.shipped.calendars:
            continue
        if not own and timer.shipped.calendar_path.startswith(ADMINISTRATORS):
            survey.notes.append(
                f"left alone, for an administrator chose its time: {timer.name} ({_shown(timer.shipped.calendar_path)})"
            )
            continue
        if _scatters_itself(timer):
            survey.good.append(f"{timer.name} (a random delay of up to {timer.settings.delay // 60} min)")
            continue
        try:
            case = _TimerCase(timer, tuple(_calendars(timer, seed, options, own)))
        except ValueError:
            survey.puzzling.append(f"{timer.name} ({', '.join(timer.shipped.calendars)})")
            continue
        if _same_calendars(case.wanted, timer.shipped.calendars) and timer.drop_in is None:
            continue  # not evenly apart, every minute, or this guest's own time already
        if case.overridden:
            survey.overridden.append(case)
            continue
        survey.cases.append(case)
        if case.configured and case.running:
            survey.good.append(f"{timer.name} ({', '.join(case.wanted)})")
    return survey


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
    survey = _survey_timers(evidence, seed, options)
    cases, good, notes = survey.cases, survey.good, survey.notes
    bad = [case for case in cases if not (case.configured and case.running)]
    sides = _timer_sides(survey.overridden or bad or cases)
    skip = "list it in cron_scatter_timers_skip to leave it alone"
    if survey.puzzling:
        return unknown(f"a calendar that is not understood: {listed(survey.puzzling)}; {skip}", **sides)
    if survey.overridden:
        names = listed([f"{case.timer.name} (by {case.overridden})" for case in survey.overridden])
        return manual(f"a drop-in of ours would be overridden: {names}; change that file, or {skip}", **sides)
    if bad:
        unconfigured = [case for case in bad if not case.configured]
        undo, reload = _reload(bad)
        steps: tuple[Step, ...] = tuple(
            WriteFile(case.timer.drop_in_path, case.drop_in, case.timer.drop_in) for case in unconfigured
        )
        names = listed([case.timer.name for case in bad])
        what = (
            f"at the same time on every guest: {names}"
            if unconfigured
            else f"systemd has not loaded the times of {names} yet"
        )
        return noncompliant("; ".join([what, *notes]), remedy=(undo, *steps, reload) if steps else (reload,), **sides)
    reason = f"scattered: {listed(good)}" if good else "no timer that is to be scattered runs here"
    return compliant("; ".join([reason, *notes]), **sides)


def _timer_sides(shown: Sequence[_TimerCase]) -> dict[str, Any]:
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


# ---- what it would come to ---------------------------------------------------------------------------------------------


def scattered_starts(evidence: Evidence, options: Options) -> list[tuple[Start, ...]] | None:
    """When this guest's jobs would begin if both recommendations were applied; None where nothing tells it from its clones."""
    seed = guest_seed(evidence)
    if seed is None:
        return None
    moved = {move.job: Schedule.parse(move.schedule) for move in _survey(evidence, seed, options).moves}
    timers = {case.timer.name: case.wanted for case in _survey_timers(evidence, seed, options).cases}
    cron, anacron = evidence.cron, evidence.cron.anacron
    if anacron and _anacron_herds(cron) and _anacron_edit(anacron, options):
        anacron = anacron.delayed(int(options["cron_scatter_random_delay"]))
    return starts_of(evidence, moved, timers, anacron)


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
