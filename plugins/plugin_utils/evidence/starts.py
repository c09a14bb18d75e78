# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts: at which minutes of the day a guest's jobs begin, of its cron, its anacron and its timers together.

Counted are the minutes of the guest's own clock, on the days on which a job runs, of a guest that is up all day. One text stands
for all starts of a guest, short enough for a record:

    242                 once, at minute 242 of the day (04:02)
    1+60*24             24 times, 60 minutes apart, first at minute 1
    0~720               once, by a random delay at any of the 720 minutes from minute 0 on
    ?                   a job whose times are not understood
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import (
    AnacronJob,
    Anacrontab,
    Job,
    Schedule,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import Calendar

#: Minutes of a day.
DAY = 24 * 60
#: How Debian's crontabs leave a job to systemd's timer: such a line does nothing where systemd runs.
_LEFT_TO_SYSTEMD = re.compile(r"^test -e /run/systemd/system \|\||! -d /run/systemd/system\b")
#: How cron starts cronie's anacron (/etc/cron.hourly/0anacron), once an hour until it has run that day.
_HOURLY = re.compile(r"\brun-parts (--\S+ )*/etc/cron\.hourly\b")
#: What starts Debian's, and what its crontab leaves to it.
_ANACRON_TIMER = "anacron.timer"
_LEFT_TO_ANACRON = re.compile(r"^test -x /usr/sbin/anacron \|\|")
_WORD = re.compile(r"(\d{1,4})(?:\+(\d{1,4})\*(\d{1,4}))?(?:~(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True)
class Start:
    """``count`` starts, ``gap`` minutes apart, the first at ``first``; each of them at any of ``spread`` minutes from then on."""

    first: int
    gap: int = 0
    count: int = 1
    spread: int = 1

    @property
    def minutes(self) -> range:
        """The minutes of the day at which it begins without its random delay."""
        return (
            range(self.first, self.first + self.gap * self.count, self.gap)
            if self.count > 1
            else range(self.first, self.first + 1)
        )

    @property
    def text(self) -> str:
        """As in a record."""
        several = f"+{self.gap}*{self.count}" if self.count > 1 else ""
        return f"{self.first}{several}" + (f"~{self.spread}" if self.spread > 1 else "")


#: What stands for a job whose times are not understood.
NOT_UNDERSTOOD = "?"


def starts_of(
    evidence: Evidence,
    schedules: Mapping[Job, Schedule] | None = None,
    calendars: Mapping[str, Sequence[str]] | None = None,
    anacron: Anacrontab | None = None,
) -> list[tuple[Start, ...]]:
    """For each job its starts, none for one that is not understood.

    ``schedules`` (by job), ``calendars`` (by timer) and ``anacron`` (cronie's) stand for those that the guest has: what would be if
    it had them.
    """
    cron = evidence.cron
    timers = {
        timer.name: [
            _of_calendar(text, timer.settings.delay)
            for text in (calendars or {}).get(timer.name, timer.settings.calendars)
        ]
        for timer in evidence.timers.timers
        if timer.active or timer.enabled
    }
    by_timer = timers.get(_ANACRON_TIMER) if cron.other_anacron else None
    jobs = {
        job: _of_cron(job, (schedules or {}).get(job, job.schedule))
        for crontab in cron.crontabs
        for job in crontab.jobs
        if job.schedule.fields
        and not (evidence.platform.systemd and _LEFT_TO_SYSTEMD.search(job.command))
        and not (by_timer and _LEFT_TO_ANACRON.search(job.command))
    }
    found = [*jobs.values(), *(starts for starts_ in timers.values() for starts in starts_)]
    if cron.anacron:
        by_cron = [starts for job, starts in jobs.items() if _HOURLY.search(job.command)]
        found += _of_anacron(anacron or cron.anacron, by_cron)
    elif cron.other_anacron and by_timer:
        found += _of_anacron(cron.other_anacron, by_timer)
    return found


def _of_calendar(text: str, delay: int) -> tuple[Start, ...]:
    """``delay`` is the timer's random one, in seconds."""
    try:
        minutes = Calendar.parse(text).firing_minutes
    except ValueError:
        return ()
    return tuple(progressions(minutes, min(max(1, delay // 60), DAY)))


def _of_anacron(anacron: Anacrontab, by: Sequence[Sequence[Start]]) -> list[tuple[Start, ...]]:
    """The starts of anacron's jobs; ``by`` is those of what starts anacron itself.

    Not understood where nothing is known to start it; a job whose hours it can never meet has none.
    """
    if not by or not all(by):
        return [() for _job in anacron.jobs]
    moments = sorted((minute, start.spread) for starts in by for start in starts for minute in start.minutes)
    found = (_first_of_the_day(job, moments, anacron.hours) for job in anacron.jobs)
    return [(start,) for start in found if start is not None]


def _first_of_the_day(job: AnacronJob, moments: Iterable[tuple[int, int]], hours: frozenset[int]) -> Start | None:
    """When anacron, started at ``moments`` (minute, and of how many minutes from then on), has begun a job that is due that day.

    It takes the job where the minute at which it would begin, with a random delay of that moment, is in ``hours``; else the
    next moment tries again. Counted is every minute at which it may begin, all the same.
    """
    first, last = -1, -1
    for minute, spread in moments:
        # cronie draws from 0 to RANDOM_DELAY, both of them (unbiased_rand in anacron/readtab.c).
        begins = range(minute + job.delay, minute + job.delay + spread + min(job.random, DAY))
        taken = [begin for begin in begins if begin // 60 % 24 in hours]
        if taken:
            first, last = taken[0] if first < 0 else first, taken[-1]
        if len(taken) == len(begins):
            break
    return Start(first % DAY, spread=min(last - first + 1, DAY)) if first >= 0 else None


def _of_cron(job: Job, schedule: Schedule) -> tuple[Start, ...]:
    if not schedule.random:
        return tuple(progressions(schedule.firing_minutes, min(max(1, job.delay), DAY)))
    # cronie's ~ is one minute of all those, in every hour; where the hour is random, too, in all of them together.
    spread = max(schedule.minutes) - min(schedule.minutes) + 1
    if "~" in schedule.fields[1]:
        return (Start(min(schedule.hours) * 60 + min(schedule.minutes), spread=60 * len(schedule.hours)),)
    return tuple(progressions((hour * 60 + min(schedule.minutes) for hour in schedule.hours), spread))


def progressions(minutes: Iterable[int], spread: int = 1) -> Iterator[Start]:
    """Minutes of the day as few starts: runs that are evenly apart, from the first minute on."""
    ordered = sorted(set(minutes))
    position = 0
    while position < len(ordered):
        first = ordered[position]
        count, gap = 1, 0
        if position + 1 < len(ordered):
            gap = ordered[position + 1] - first
            while position + count < len(ordered) and ordered[position + count] == first + gap * count:
                count += 1
        if count < 3:
            count, gap = 1, 0
        yield Start(first, gap, count, spread)
        position += count


def starts_text(jobs: Iterable[Sequence[Start]]) -> str:
    """All starts of a guest as one text."""
    return " ".join(word for job in jobs for word in ([start.text for start in job] or [NOT_UNDERSTOOD]))


def parse_starts(text: str) -> tuple[list[Start], int]:
    """What :func:`starts_text` has written: starts, and how many jobs are not understood.

    :raises ValueError: for what it would not write.
    """
    found, puzzling = [], 0
    for word in text.split():
        match = _WORD.fullmatch(word)
        if word == NOT_UNDERSTOOD:
            puzzling += 1
            continue
        if not match:
            raise ValueError(f"'{word[:40]}' is no start of a job")
        start = Start(int(match[1]), int(match[2] or 0), int(match[3] or 1), int(match[4] or 1))
        if (
            start.minutes[-1] >= DAY
            or start.count < 1
            or not 1 <= start.spread <= DAY
            or (start.count > 1 and not start.gap)
        ):
            raise ValueError(f"'{word}' is no start within a day")
        found.append(start)
    return found, puzzling
