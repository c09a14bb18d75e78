# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change windows: when a guest may be changed. Pure; the caller says what time it is.

The clock on the wall of the window's own time zone decides. Where it is set back, an hour comes twice and a window in it is open
twice; where it is set forward, an hour does not come and neither does a window in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, did_you_mean

#: As people write them, in the order of datetime.weekday().
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
EXAMPLE = "'Sat 22:00-04:00 Europe/Berlin'"

_WINDOW = re.compile(r"(\S+) +([0-9]{1,2}:[0-9]{2})-([0-9]{1,2}:[0-9]{2}) +(\S+)", re.ASCII)
_FORM = f"days, from and to, and a time zone, such as {EXAMPLE}, 'Mon-Thu 01:00-03:30 UTC' or 'daily 22:00-24:00 UTC'"


@dataclass(frozen=True)
class Window:
    """One window a day, on ``days`` (0 is Monday), from ``start`` until before ``end``, in minutes since midnight.

    Where ``end`` is not after ``start`` it is that of the next day; such a window belongs to the day on which it begins.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: str
    words: str

    def is_open(self, now: datetime) -> bool:
        """Whether ``now``, an aware time, is in it."""
        local = now.astimezone(ZoneInfo(self.zone))
        today, minute = local.weekday(), local.hour * 60 + local.minute
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)

    def opens(self, now: datetime) -> datetime:
        """When it opens next after ``now``, in its own zone."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for later in range(9):
            day = today + timedelta(days=later)
            begin = datetime.combine(day, time(self.start // 60, self.start % 60), zone)
            if day.weekday() in self.days and begin.timestamp() > now.timestamp():
                return begin
        raise AssertionError(f"a window without a day: {self.words}")


def parse_windows(given: Any, name: str) -> tuple[Window, ...]:
    """The windows in the variable ``name``: one text, or a list of them; none where it is empty.

    :raises InputError: in one sentence, for what is no window, a day or zone that there is not.
    """
    texts = [given] if isinstance(given, str) and given.strip() else given or []
    if not isinstance(texts, Sequence) or isinstance(texts, (str, bytes)):
        if isinstance(texts, str):
            return ()
        raise InputError(f"'{name}' must be a window or a list of windows, each {_FORM}; found {given!r}.")
    return tuple(_window(text, name) for text in texts)


def _window(text: Any, name: str) -> Window:
    parts = _WINDOW.fullmatch(text.strip()) if isinstance(text, str) else None
    if parts is None:
        raise InputError(f"'{name}' must be {_FORM}; found {text!r}. No guest was touched.")
    days, start, end, zone = parts.groups()
    _expect_zone(zone, name, text)
    first, last = _minute(start, name, text), _minute(end, name, text)
    if first == last or first == 24 * 60:
        raise InputError(
            f"'{name}' has a window that begins when it ends in {text!r}; a whole day is 00:00-24:00. No guest was touched."
        )
    return Window(_days(days, name, text), first, last, zone, " ".join(text.split()))


def _minute(word: str, name: str, text: str) -> int:
    hour, minute = (int(part) for part in word.split(":"))
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise InputError(f"'{name}' has the time '{word}' in {text!r}; expected 00:00 to 24:00. No guest was touched.")
    return hour * 60 + minute


def _days(words: str, name: str, text: str) -> frozenset[int]:
    if words.lower() == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for word in words.split(","):
        ends = [part.capitalize() for part in word.split("-")]
        for end in ends:
            if end not in DAYS:
                raise InputError(
                    f"'{name}' has the unknown day '{end}' in {text!r}; "
                    f"expected daily, or days such as Sat, Mon-Fri or Tue,Thu, of {', '.join(DAYS)}. No guest was touched."
                )
        if len(ends) > 2:
            raise InputError(f"'{name}' has '{word}' in {text!r}; expected a day or two, such as Mon-Fri.")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return frozenset(found)


def _expect_zone(zone: str, name: str, text: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(available_timezones())
        hint = (
            did_you_mean(zone, known) if get_close_matches(zone, known, n=1) else "expected one such as Europe/Berlin."
        )
        if not known:
            hint = "this controller knows no time zones at all: install its package tzdata."
        raise InputError(
            f"'{name}' has the unknown time zone '{zone}' in {text!r}; {hint} No guest was touched."
        ) from None


def closed(windows: Sequence[Window], now: datetime) -> str | None:
    """Why a guest must not be changed ``now``, as a sentence that says when it may; None where it may."""
    if not windows or any(window.is_open(now) for window in windows):
        return None
    first = min(windows, key=lambda window: window.opens(now).timestamp())
    begin = first.opens(now)
    return (
        f"outside its change window ({'; '.join(window.words for window in windows)}), "
        f"which opens on {DAYS[begin.weekday()]} {begin:%Y-%m-%d %H:%M} {first.zone}"
    )
