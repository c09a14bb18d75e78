# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change windows: when they are open, on the clock of their own zone; and one sentence for what is none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import DAYS, closed, parse_windows

NAME = "vmguest_change_window"
#: 2026-11-28 is a Saturday.
MIDNIGHT = datetime(2026, 11, 28, tzinfo=timezone.utc)


def is_open(windows, now):
    """Whether one of the windows is open at a time in UTC, as ``2026-11-28 22:00``."""
    return closed(parse_windows(windows, NAME), datetime.fromisoformat(now + "+00:00")) is None


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        ("Sat 22:00-23:00 UTC", "2026-11-28 21:59:59", False),
        ("Sat 22:00-23:00 UTC", "2026-11-28 22:00:00", True),
        ("Sat 22:00-23:00 UTC", "2026-11-28 22:59:59", True),
        ("Sat 22:00-23:00 UTC", "2026-11-28 23:00:00", False),
        ("Sat 22:00-23:00 UTC", "2026-11-27 22:30:00", False),
        # Over midnight it belongs to the day on which it begins.
        ("Sat 22:00-04:00 UTC", "2026-11-29 03:59:59", True),
        ("Sat 22:00-04:00 UTC", "2026-11-29 04:00:00", False),
        ("Sat 22:00-04:00 UTC", "2026-11-28 03:00:00", False),
        ("Sun 22:00-04:00 UTC", "2026-11-30 01:00:00", True),
        ("Sat 22:00-24:00 UTC", "2026-11-28 23:59:59", True),
        ("Sat 22:00-24:00 UTC", "2026-11-29 00:00:00", False),
        ("Sat 22:00-00:00 UTC", "2026-11-28 23:59:59", True),
        ("Sat 22:00-00:00 UTC", "2026-11-29 00:00:00", False),
        ("Sat 00:00-24:00 UTC", "2026-11-28 12:00:00", True),
        ("daily 1:00-03:30 UTC", "2026-11-25 03:29:00", True),
        ("mon-thu 01:00-03:00 UTC", "2026-11-27 02:00:00", False),
        ("Mon-Thu 01:00-03:00 UTC", "2026-11-26 02:00:00", True),
        ("Fri-Mon 01:00-03:00 UTC", "2026-11-29 02:00:00", True),
        ("Fri-Mon 01:00-03:00 UTC", "2026-11-25 02:00:00", False),
        ("Tue,Sat 01:00-03:00 UTC", "2026-11-28 02:00:00", True),
        # In winter Berlin is an hour ahead of UTC, in summer two.
        ("Sat 22:00-23:00 Europe/Berlin", "2026-11-28 21:30:00", True),
        ("Sat 22:00-23:00 Europe/Berlin", "2026-07-25 20:30:00", True),
        ("Sat 22:00-23:00 Europe/Berlin", "2026-07-25 21:30:00", False),
        # The day is that of the zone, too.
        ("Sun 08:00-09:00 Asia/Tokyo", "2026-11-28 23:30:00", True),
        # On 2026-10-25 Berlin's clock goes from 03:00 back to 02:00: the hour comes twice, and the window with it.
        ("Sun 02:00-02:30 Europe/Berlin", "2026-10-25 00:15:00", True),
        ("Sun 02:00-02:30 Europe/Berlin", "2026-10-25 00:45:00", False),
        ("Sun 02:00-02:30 Europe/Berlin", "2026-10-25 01:15:00", True),
        # On 2026-03-29 it goes from 02:00 on to 03:00: that hour does not come, and what goes on after it does.
        ("Sun 02:00-02:30 Europe/Berlin", "2026-03-29 01:00:00", False),
        ("Sun 02:30-03:30 Europe/Berlin", "2026-03-29 00:59:59", False),
        ("Sun 02:30-03:30 Europe/Berlin", "2026-03-29 01:00:00", True),
        (["Sat 22:00-23:00 UTC", "Sun 22:00-23:00 UTC"], "2026-11-29 22:30:00", True),
        ([], "2026-11-29 22:30:00", True),
        ("", "2026-11-29 22:30:00", True),
    ],
)
def test_open(window, now, expected):
    assert is_open(window, now) is expected


def test_a_closed_one_says_which_and_when_it_opens():
    windows = parse_windows(["Sat  22:00-04:00 Europe/Berlin", "Wed 01:00-02:00 UTC"], NAME)
    assert closed(windows, MIDNIGHT) == (
        "outside its change window (Sat 22:00-04:00 Europe/Berlin; Wed 01:00-02:00 UTC), which opens on Sat 2026-11-28 22:00 "
        "Europe/Berlin"
    )


@given(
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 24 * 60 - 1),
    st.integers(0, 24 * 60),
    st.sampled_from(("UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")),
    st.integers(0, 366 * 24 * 60),
)
def test_it_opens_when_it_says_and_not_before(days, start, end, zone, minutes):
    """Red where a window over midnight forgets the day before, or the next day is looked for in UTC."""
    if start == end:
        end = (end + 1) % (24 * 60)
    text = f"{','.join(sorted(days))} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02} {zone}"
    (window,) = parse_windows(text, NAME)
    now = MIDNIGHT + timedelta(minutes=minutes)
    begin = window.opens(now)
    assert now < begin <= now + timedelta(days=8)
    assert (begin.hour * 60 + begin.minute, DAYS[begin.weekday()] in days) == (start, True)
    if not window.is_open(now):
        # Every quarter of an hour until then, but for the hour that a clock shows twice or not at all.
        between = [
            now + timedelta(minutes=15 * step)
            for step in range(1, 4 * 24 * 8)
            if now + timedelta(minutes=15 * step + 120) < begin
        ]
        assert not [moment for moment in between if window.is_open(moment)]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ("Sat 22:00-04:00", ["must be days, from and to, and a time zone", "'Sat 22:00-04:00'"]),
        ("22:00-04:00 UTC", ["must be days, from and to"]),
        ("Sat 22-04 UTC", ["must be days, from and to"]),
        ("Sut 22:00-04:00 UTC", ["unknown day 'Sut'", "Mon, Tue, Wed, Thu, Fri, Sat, Sun"]),
        ("Sat 22:00-24:01 UTC", ["time '24:01'", "00:00 to 24:00"]),
        ("Sat 22:60-23:00 UTC", ["time '22:60'"]),
        ("Sat 22:00-22:00 UTC", ["begins when it ends", "00:00-24:00"]),
        ("Sat 24:00-02:00 UTC", ["begins when it ends"]),
        ("Sat 22:00-04:00 Europe/Berlim", ["unknown time zone 'Europe/Berlim'", "did you mean 'Europe/Berlin'?"]),
        ("Sat 22:00-04:00 CETUS", ["unknown time zone 'CETUS'"]),
        ("Sat 22:00-04:00 ../../etc/passwd", ["unknown time zone"]),
        ("Sat 22:00-04:00 Europe", ["unknown time zone 'Europe'"]),
        ("Mon-Tue-Wed 22:00-04:00 UTC", ["a day or two"]),
        (["Sat 22:00-04:00 UTC", 5], ["must be days, from and to", "found 5"]),
        (5, ["a window or a list of windows", "found 5"]),
        ({"Sat": "22:00"}, ["a window or a list of windows"]),
    ],
)
def test_what_is_none_is_one_clear_sentence(given_, words):
    with pytest.raises(InputError) as error:
        parse_windows(given_, NAME)
    message = str(error.value)
    assert NAME in message
    assert "\n" not in message
    for word in words:
        assert word in message
