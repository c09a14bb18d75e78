# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cron_scatter and timer_scatter: given these crontabs and timers, the audit says this, the plan is that."""

from __future__ import annotations

import random
import re
import uuid
from datetime import date

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, resolve
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import (
    canonical_uuid,
    chosen,
    guest_seed,
    same_time,
    scattered,
    scattered_calendar,
    window,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import (
    CRONIE_ANACRON,
    Schedule,
    busiest_minute,
    is_crontab_name,
    parse_crontab,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, File, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.shipped_jobs import SHIPPED_JOBS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import Calendar, seconds_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.cron_scatter import (
    assess_cron,
    assess_timers,
)
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

#: Machines that run tests are slow at times.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

UUID = "/sys/class/dmi/id/product_uuid"
EL5 = (
    "SHELL=/bin/bash\nPATH=/sbin:/bin:/usr/sbin:/usr/bin\nMAILTO=root\nHOME=/\n\n# run-parts\n"
    "01 * * * * root run-parts /etc/cron.hourly\n"
    "02 4 * * * root run-parts /etc/cron.daily\n"
    "22 4 * * 0 root run-parts /etc/cron.weekly\n"
    "42 4 1 * * root run-parts /etc/cron.monthly\n"
)
DEBIAN = (
    "SHELL=/bin/sh\n"
    "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n"
    "25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }\n"
    "47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.weekly; }\n"
    "52 6\t1 * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.monthly; }\n"
)
SLES = "-*/15 * * * *   root  test -x /usr/lib/cron/run-crons && /usr/lib/cron/run-crons >/dev/null 2>&1\n"
HOURLY = "MAILTO=root\n01 * * * * root run-parts /etc/cron.hourly\n"
ANACRONTAB = (
    "SHELL=/bin/sh\nRANDOM_DELAY={delay}\nSTART_HOURS_RANGE=3-22\n\n"
    "1\t5\tcron.daily\t\tnice run-parts /etc/cron.daily\n7\t25\tcron.weekly\t\tnice run-parts /etc/cron.weekly\n"
)


def options(**given_options):
    """The role's options as the engine resolves them."""
    return resolve({f"cron_scatter_{name}": value for name, value in given_options.items()}, roles=("cron_scatter",))


def entry(path, kind="-", target=None):
    return Entry(path, kind, "rw-r--r--", 1, 0, 0, 0, target)


def cron_verdict(files, *, uuid_=None, init="init", entries=(), **given_options) -> Verdict:
    """The verdict on a guest with these crontabs; without systemd unless told."""
    base = {**VMWARE, "/proc/1/comm": init, **({UUID: uuid_} if uuid_ else {})}
    evidence = evidence_of(files, base=base, entries=[entry("/usr/sbin/crond"), *entries])
    return assess_cron(evidence, options(**given_options))


def edited(text, edit: EditFile) -> str:
    """A file after an edit, by the words of engine/step.py."""
    lines = text.splitlines()
    for change in edit.edits:
        if isinstance(change, ReplaceLine):
            assert lines.count(change.old) == 1
            lines[lines.index(change.old)] = change.new
        elif isinstance(change, ReplacePrefix):
            line = lines[change.number - 1]
            assert line.startswith(change.old)
            lines[change.number - 1] = change.new + line[len(change.old) :]
        else:
            assert isinstance(change, AppendLine)
            assert change.line not in lines
            lines.append(change.line)
    return "".join(line + "\n" for line in lines)


def after(files, verdict: Verdict):
    """The crontabs after a verdict's remedy."""
    result = dict(files)
    for step in verdict.remedy:
        assert isinstance(step, EditFile)
        result[step.path] = edited(result[step.path], step)
    return result


def jobs(text):
    """The schedules and commands of a system crontab."""
    parsed = parse_crontab(File("/etc/crontab", State.READ, tuple(text.splitlines())), system=True)
    return [(job.schedule, job.command) for job in parsed.jobs]


# ---- schedules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "minutes", "hours", "gap"),
    [
        ("01 * * * *", {1}, set(range(24)), 60),
        ("*/15 * * * *", {0, 15, 30, 45}, set(range(24)), 15),
        ("5-55/10 * * * *", {5, 15, 25, 35, 45, 55}, set(range(24)), 10),
        ("09,39 * * * *", {9, 39}, set(range(24)), 30),
        ("*/7 3 * * *", {0, 7, 14, 21, 28, 35, 42, 49, 56}, {3}, 7),
        ("10,20 3 * * *", {10, 20}, {3}, None),
        ("0 1 * * Sun", {0}, {1}, 60),
        ("30 4 1,15 jan-MAR 1-5", {30}, {4}, 60),
        ("0 6-18/6 * * *", {0}, {6, 12, 18}, 60),
        ("@daily", {0}, {0}, 60),
        ("@hourly", {0}, set(range(24)), 60),
        ("@reboot", set(), set(), None),
        ("* * * * *", set(range(60)), set(range(24)), 1),
        ("0 0 * * 7", {0}, {0}, 60),
    ],
)
def test_schedule(text, minutes, hours, gap):
    schedule = Schedule.parse(text)
    assert (schedule.minutes, schedule.hours, schedule.gap) == (minutes, hours, gap)
    assert schedule.firing_minutes == {hour * 60 + minute for hour in hours for minute in minutes}


@pytest.mark.parametrize(
    "text",
    [
        "60 * * * *",
        "5/10 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "*/0 * * * *",
        "9-5 * * * *",
        "* * * *",
        "x * * * *",
        "@often",
        "1,,2 * * * *",
        "",
    ],
)
def test_what_cron_refuses_is_no_schedule(text):
    with pytest.raises(ValueError, match=r"\w"):
        Schedule.parse(text)


@pytest.mark.parametrize("text", ["~ * * * *", "6~15 4 * * *", "0 2~5 * * *"])
def test_cronie_picks_a_random_time_itself(text):
    assert Schedule.parse(text).random


minute_fields = st.one_of(
    st.just("*"),
    st.integers(0, 59).map(str),
    st.integers(1, 59).map(lambda step: f"*/{step}"),
    st.tuples(st.integers(0, 59), st.integers(1, 30)).map(lambda pair: f"{pair[0]}-59/{pair[1]}"),
    st.lists(st.integers(0, 59), min_size=1, max_size=6).map(lambda values: ",".join(map(str, values))),
)
hour_fields = st.one_of(
    st.just("*"), st.integers(0, 23).map(str), st.integers(1, 23).map(lambda step: f"*/{step}"), st.just("7-23")
)
day_fields = st.sampled_from(["* * *", "1 * *", "* * 0", "* * Sun", "* * 1-5", "1,15 jan *"])
schedules = st.builds(lambda *fields: Schedule.parse(" ".join(fields)), minute_fields, hour_fields, day_fields)
seeds = st.uuids().map(lambda value: f"uuid {value.hex}")


@untimed
@given(schedules)
def test_a_schedule_is_the_same_after_it_was_written_and_read(schedule):
    assert Schedule.parse(schedule.text) == schedule


@untimed
@given(schedules, seeds, st.integers(0, 23), st.integers(1, 24))
def test_a_scattered_schedule_keeps_period_days_and_window_and_is_stable(schedule, seed, start, hours):
    """Red where the gap, the days or the count of firings change, or where a second run moves the job again."""
    wanted = scattered(schedule, seed, "job", allowed := window(start, options(window_start=start, window_hours=hours)))
    if schedule.gap is None:
        assert wanted is None
        return
    result = Schedule.parse(wanted)
    assert result.fields[2:] == schedule.fields[2:]
    assert len(result.minutes) == len(schedule.minutes)
    assert result.gap == schedule.gap
    if len(schedule.hours) == 1 and len(schedule.minutes) == 1:
        assert result.hours <= set(allowed)
        assert result.hours.isdisjoint({2}) or allowed == [2]
    else:
        assert result.hours == schedule.hours
    assert scattered(schedule, seed, "job", allowed) == wanted
    # An own job keeps its hour, so its new time leads to the same one again.
    own = Schedule.parse(scattered(schedule, seed, "own"))
    assert scattered(own, seed, "own") == own.text


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [(4, 3, [4, 5, 6]), (1, 3, [1, 3]), (23, 3, [23]), (2, 1, [2]), (0, 24, [0, 1, *range(3, 24)])],
)
def test_a_window_ends_at_midnight_and_leaves_out_the_hour_of_daylight_saving_time(start, hours, expected):
    assert window(9, options(window_start=start, window_hours=hours)) == expected


def test_without_a_start_the_window_begins_at_the_jobs_hour():
    assert window(6, options()) == [6, 7, 8]


def chi_square(counts, expected):
    return sum((count - expected) ** 2 / expected for count in counts)


def test_a_thousand_guests_are_spread_evenly():
    """Chi-square with 59 and 179 degrees of freedom; at 99.9 % the bounds are 98.3 and 243. Red for a hash of few bits."""
    generator = random.Random(2010)
    guests = [f"uuid {uuid.UUID(int=generator.getrandbits(128)).hex}" for dummy in range(1000)]
    hourly, daily = Schedule.parse("1 * * * *"), Schedule.parse("2 4 * * *")
    minutes = [Schedule.parse(scattered(hourly, seed, "cron.hourly")).minutes for seed in guests]
    times = [Schedule.parse(scattered(daily, seed, "cron.daily", [4, 5, 6])).firing_minutes for seed in guests]
    assert chi_square([sum(minute in found for found in minutes) for minute in range(60)], 1000 / 60) < 98.3
    assert chi_square([sum(minute in found for found in times) for minute in range(240, 420)], 1000 / 180) < 243
    assert busiest_minute([daily.firing_minutes] * 1000) == (242, 1000)
    assert busiest_minute(times)[1] < 20


def test_the_herd_of_no_jobs_is_none():
    assert busiest_minute([]) == (0, 0)


# ---- identity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown",
    [
        "564d1234-abcd-ef01-2345-6789abcdef01",
        "564D1234-ABCD-EF01-2345-6789ABCDEF01",
        "34124d56-cdab-01ef-2345-6789abcdef01",  # the byte order of SMBIOS 2.6
    ],
)
def test_a_uuid_is_the_same_however_it_is_shown(shown):
    assert canonical_uuid(shown) == canonical_uuid("564d1234-abcd-ef01-2345-6789abcdef01")


@pytest.mark.parametrize(
    "shown",
    ["", "Not Settable", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "564d"],
)
def test_what_is_no_uuid(shown):
    assert canonical_uuid(shown) is None


@pytest.mark.parametrize(
    ("files", "seed"),
    [
        ({}, f"uuid {canonical_uuid(VMWARE[UUID])}"),
        (
            {
                UUID: State.MISSING,
                "/sys/class/net/eth0/address": "00:50:56:AA:BB:CC",
                "/sys/class/net/lo/address": "00:00:00:00:00:00",
            },
            "mac 00:50:56:aa:bb:cc",
        ),
        (
            {
                UUID: State.MISSING,
                "/sys/class/net/docker0/address": "02:42:00:00:00:01",
                "/proc/sys/kernel/hostname": "Web01",
            },
            "name web01",
        ),
        ({UUID: State.MISSING, "/proc/sys/kernel/hostname": "localhost.localdomain"}, None),
        # read by another user than root: another seed would move every job
        ({UUID: State.DENIED, "/sys/class/net/eth0/address": "00:50:56:aa:bb:cc"}, None),
    ],
)
def test_what_tells_a_guest_from_its_clones(files, seed):
    assert guest_seed(evidence_of(files)) == seed


def test_without_an_identity_nothing_is_said():
    found = cron_verdict({"/etc/crontab": EL5, UUID: State.DENIED})
    assert found.status is Status.UNKNOWN
    assert "DMI UUID" in found.reason


# ---- crontabs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "system", "expected"),
    [
        ("25 6\t* * *\troot\ttest -x a || b", True, ("25 6 * * *", "root", "test -x a || b")),
        ("-*/15 * * * *   root  test -x x", True, ("*/15 * * * *", "root", "test -x x")),
        ("@daily root /bin/x", True, ("0 0 * * *", "root", "/bin/x")),
        ("@daily /bin/x y", False, ("0 0 * * *", "", "/bin/x y")),
        ("  5 4 * * sun /bin/echo joe%Joe,%%x", False, ("5 4 * * sun", "", "/bin/echo joe%Joe,%%x")),
        ("0 2 * * * root /opt/b\udce9 <redacted>", True, ("0 2 * * *", "root", "/opt/b\udce9 <redacted>")),
    ],
)
def test_a_job(line, system, expected):
    (job,) = parse_crontab(File("/etc/crontab", State.READ, (line,)), system).jobs
    assert (job.schedule.text, job.user, job.command) == expected
    old, new = job.rewritten("1 2 3 4 5")
    assert line.startswith(old)
    assert (new + line[len(old) :]).lstrip(" -").startswith("1 2 3 4 5")


@pytest.mark.parametrize(
    "line", ["", "# 0 0 * * * root x", "MAILTO=root", 'CONTENT_TYPE = "text/plain"', "  A=0 0 * * * x"]
)
def test_no_job_and_nothing_odd(line):
    parsed = parse_crontab(File("/etc/crontab", State.READ, (line,)), True)
    assert (parsed.jobs, parsed.odd) == ((), ())


@pytest.mark.parametrize("line", ["0 0 * * root", "99 * * * * root x", "<redacted>", "* * * * * root", "0 0 * * *"])
def test_what_cron_refuses_is_odd(line):
    assert parse_crontab(File("/etc/crontab", State.READ, (line,)), True).odd == (1,)


@pytest.mark.parametrize(
    ("path", "debian", "taken"),
    [
        ("/etc/cron.d/sysstat", True, True),
        ("/etc/cron.d/app.sh", True, False),
        ("/etc/cron.d/app.sh", False, True),
        ("/etc/cron.d/php.rpmnew", False, False),
        ("/etc/cron.d/php~", False, False),
        ("/etc/cron.d/with space", True, False),
        ("/var/spool/cron/crontabs/j.doe", True, True),
    ],
)
def test_which_files_cron_takes(path, debian, taken):
    assert is_crontab_name(path, debian) is taken


# ---- cron_scatter ------------------------------------------------------------------------------------------------------

CASES = [
    pytest.param({"/etc/crontab": EL5}, 4, id="EL5"),
    pytest.param({"/etc/crontab": DEBIAN, "/etc/debian_version": "12.11"}, 4, id="Debian"),
    pytest.param({"/etc/crontab": DEBIAN.replace("{", "(").replace("; }", " )")}, 4, id="older Debian"),
    pytest.param({"/etc/crontab": SLES}, 1, id="SLES"),
    pytest.param(
        {"/etc/cron.d/0hourly": HOURLY, "/etc/cron.d/raid-check": "0 1 * * Sun root /usr/sbin/raid-check\n"},
        2,
        id="EL7",
    ),
    pytest.param(
        {"/etc/cron.d/sysstat": "*/10 * * * * root /usr/lib64/sa/sa1 1 1\n53 23 * * * root /usr/lib64/sa/sa2 -A\n"},
        1,
        id="sysstat of EL",
    ),
    pytest.param(
        {
            "/etc/cron.d/sysstat": "5-55/10 * * * * root command -v debian-sa1 > /dev/null && debian-sa1 1 1\n"
            "59 23 * * * root command -v debian-sa1 > /dev/null && debian-sa1 60 2\n"
        },
        1,
        id="sysstat of Debian",
    ),
    pytest.param(
        {
            "/etc/cron.d/mdadm": "57 0 * * 0 root if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\\%d) -le 7 ]; "
            "then /usr/share/mdadm/checkarray --cron --all --idle --quiet; fi\n"
        },
        1,
        id="mdadm of Debian",
    ),
    pytest.param(
        {
            "/etc/cron.d/php": "09,39 *     * * *     root   [ -x /usr/lib/php/sessionclean ] && if [ ! -d /run/systemd/system ]; "
            "then /usr/lib/php/sessionclean; fi\n",
            "/etc/cron.d/e2scrub_all": "30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1 "
            "/usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron\n"
            "10 3 * * * root test -e /run/systemd/system || SERVICE_MODE=1 /sbin/e2scrub_all -A -r\n",
            "/etc/cron.d/anacron": "30 7-23 * * *   root\t[ -x /etc/init.d/anacron ] && if [ ! -d /run/systemd/system ]; "
            "then /usr/sbin/invoke-rc.d anacron start >/dev/null; fi\n",
        },
        4,
        id="jobs that systemd replaces",
    ),
]


@pytest.mark.parametrize(("files", "moved"), CASES)
def test_shipped_times_are_noncompliant_and_the_remedy_makes_them_compliant(files, moved):
    found = cron_verdict(files)
    assert found.status is Status.NONCOMPLIANT
    assert found.persistent.count(", ") + 1 == moved
    remedied = after(files, found)
    again = cron_verdict(remedied)
    assert (again.status, again.remedy) == (Status.COMPLIANT, ())
    for path, text in files.items():
        if path != "/etc/debian_version":
            assert [command for dummy, command in jobs(remedied[path])] == [command for dummy, command in jobs(text)]


@untimed
@given(
    st.uuids(), st.sampled_from([case.values[0] for case in CASES]), st.none() | st.integers(0, 23), st.integers(1, 24)
)
def test_for_any_guest_and_window_the_audit_after_the_edit_is_compliant(guest, files, start, hours):
    """Red where what the plan writes is not what the audit looks for."""
    given_options = {"window_start": start, "window_hours": hours}
    found = cron_verdict(files, uuid_=str(guest), **given_options)
    if found.status is Status.NONCOMPLIANT:
        files = after(files, found)
    assert cron_verdict(files, uuid_=str(guest), **given_options).status is Status.COMPLIANT


@untimed
@given(st.uuids(), st.uuids(), st.sampled_from([case.values[0] for case in CASES]))
def test_a_clone_is_scattered_again(original, clone, files):
    """A clone inherits its original's times. Red without the comment that tells them from an administrator's choice."""
    assume(original != clone)
    as_cloned = after(files, cron_verdict(files, uuid_=str(original)))
    found = cron_verdict(as_cloned, uuid_=str(clone))
    if found.status is Status.COMPLIANT:
        return  # the same times by chance
    at_once = after(files, cron_verdict(files, uuid_=str(clone)))
    rescattered = after(as_cloned, found)
    for path in files:
        for (schedule, dummy), (expected, dummy) in zip(jobs(rescattered[path]), jobs(at_once[path]), strict=True):
            assert same_time(schedule, expected)


def test_an_administrators_time_is_left_alone_even_where_the_line_is_a_distributions():
    found = cron_verdict({"/etc/crontab": EL5.replace("02 4 * * *", "13 5 * * *")})
    assert "cron.daily" not in found.desired
    assert "an administrator chose its time: /etc/crontab:8" in found.reason
    everything_moved = {"/etc/cron.d/0hourly": HOURLY.replace("01 *", "44 *")}
    assert cron_verdict(everything_moved).status is Status.COMPLIANT
    assert cron_verdict(everything_moved).owner == "/etc/cron.d/0hourly"


@pytest.mark.parametrize(
    "line", ["~ * * * * root run-parts /etc/cron.hourly", "RANDOM_DELAY=30\n01 * * * * root run-parts /etc/cron.hourly"]
)
def test_what_cronie_delays_at_random_is_accepted(line):
    assert cron_verdict({"/etc/cron.d/0hourly": line}).status is Status.COMPLIANT


def test_a_job_that_does_nothing_under_systemd_is_left_alone_there():
    files = CASES[-1].values[0]
    assert cron_verdict(files, init="systemd").status is Status.COMPLIANT


def test_a_shipped_time_that_was_put_back_is_moved_again_under_the_same_comment():
    files = {"/etc/cron.d/0hourly": HOURLY}
    scattered_once = after(files, cron_verdict(files))
    put_back = {path: HOURLY + text.splitlines()[-1] + "\n" for path, text in scattered_once.items()}
    assert after(put_back, cron_verdict(put_back)) == scattered_once


def test_the_same_line_twice_gets_two_times():
    line = "01 * * * * root run-parts /etc/cron.hourly\n"
    files = {"/etc/cron.d/0hourly": line * 2}
    found = cron_verdict(files)
    assert [type(edit) for edit in found.remedy[0].edits] == [ReplacePrefix, AppendLine] * 2
    first, second = (schedule for schedule, dummy in jobs(after(files, found)["/etc/cron.d/0hourly"]))
    assert first != second
    assert cron_verdict(after(files, found)).status is Status.COMPLIANT


def test_the_edit_of_a_known_line_finds_it_wherever_it_stands_and_says_what_it_did():
    (step,) = cron_verdict({"/etc/cron.d/0hourly": HOURLY}).remedy
    line, comment = step.edits
    minute = line.new.split()[0]
    assert line == ReplaceLine(
        "01 * * * * root run-parts /etc/cron.hourly", f"{minute} * * * * root run-parts /etc/cron.hourly"
    )
    assert comment == AppendLine(
        f"# vmguest.linux cron_scatter: cron.hourly moved from '01 * * * *' to '{minute} * * * *'"
    )


def test_sles_keeps_the_dash_by_which_nothing_is_logged():
    (step,) = cron_verdict({"/etc/crontab": SLES}).remedy
    assert step.edits[0].new.startswith("-")
    assert step.edits[0].new.split()[0].endswith("-59/15")


# own jobs

OWN = "0 2 * * * /opt/app/backup <redacted>\n*/5 * * * * /opt/app/poll\n13 3 * * * /opt/app/report\n10,20 4 * * * /opt/app/odd\n"
APP = "/var/spool/cron/crontabs/app"


def test_own_jobs_at_popular_minutes_are_reported_and_not_changed():
    found = cron_verdict({APP: OWN})
    assert found.status is Status.COMPLIANT
    assert f"own jobs at popular minutes: {APP}:1;" in found.reason


def test_a_listed_own_job_moves_within_its_hour_by_its_prefix():
    """The rest of the line is not known here: it may hold a password."""
    opted = [{"file": APP, "match": "^/opt/app/(backup|poll|odd)"}]
    found = cron_verdict({APP: OWN}, own_jobs=opted)
    assert found.status is Status.NONCOMPLIANT
    (step,) = found.remedy
    backup, poll = step.edits
    assert (backup.number, backup.old) == (1, "0 2 * * *")
    assert backup.new.split()[1:] == ["2", "*", "*", "*"]
    assert poll.new.endswith("-59/5 * * * *")
    assert f"not evenly apart: {APP}:4" in found.reason
    assert cron_verdict(after({APP: OWN}, found), own_jobs=opted).status is Status.COMPLIANT


@untimed
@given(st.uuids(), schedules)
def test_for_any_guest_a_listed_own_job_is_moved_once(guest, schedule):
    files, opted = {APP: f"{schedule.text} /opt/x\n"}, [{"file": "/var/spool/cron/*/*", "match": "x"}]
    found = cron_verdict(files, uuid_=str(guest), own_jobs=opted)
    if found.status is Status.NONCOMPLIANT:
        files = after(files, found)
    assert cron_verdict(files, uuid_=str(guest), own_jobs=opted).status is Status.COMPLIANT


def test_a_nickname_of_a_listed_job_becomes_five_fields():
    (step,) = cron_verdict({APP: "@daily /opt/x\n"}, own_jobs=[{"file": APP, "match": "x"}]).remedy
    assert step.edits[0].old == "@daily"
    assert step.edits[0].new.split()[1:] == ["0", "*", "*", "*"]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"cron_scatter_own_jobs": [{"file": APP, "match": "("}]},
            "cron_scatter_own_jobs: '(' is no regular expression",
        ),
        ({"cron_scatter_random_delay": 14}, "cron_scatter_random_delay must be at least 15 minutes"),
    ],
)
def test_wrong_options_are_refused_before_any_guest_is_touched(variables, says):
    with pytest.raises(InputError) as refused:
        resolve_policy(variables, date(2026, 11, 24))
    assert says in str(refused.value)


# what cannot be read


@pytest.mark.parametrize("state", [State.DENIED, State.TOO_LARGE, State.ODD_NAME])
@pytest.mark.parametrize("path", ["/etc/crontab", "/etc/cron.d/app"])
def test_a_system_crontab_that_cannot_be_read_makes_it_unknown(path, state):
    found = cron_verdict({path: state, "/etc/cron.d/0hourly": HOURLY})
    assert (found.status, found.remedy) == (Status.UNKNOWN, ())
    assert f"{path} ({state.value.replace('_', ' ')})" in found.reason


@pytest.mark.parametrize(
    ("folder", "own", "status"),
    [
        ("/etc/cron.d", "/x", Status.UNKNOWN),
        ("/var/spool/cron/crontabs", APP, Status.UNKNOWN),
        ("/var/spool/cron/crontabs", "/x", Status.COMPLIANT),
    ],
)
def test_a_folder_that_may_not_be_looked_into_stands_for_its_crontabs(folder, own, status):
    found = cron_verdict({folder: State.DENIED, "/etc/crontab": ""}, own_jobs=[{"file": own, "match": "x"}])
    assert found.status is status


def test_a_users_huge_crontab_does_not_hide_what_the_distribution_ships():
    files = {APP: State.TOO_LARGE, "/var/spool/cron/crontabs": State.DIRECTORY, "/etc/cron.d/0hourly": HOURLY}
    assert cron_verdict(files).status is Status.NONCOMPLIANT
    assert cron_verdict(files, own_jobs=[{"file": APP, "match": "x"}]).status is Status.UNKNOWN


def test_names_and_lines_that_are_no_utf8_are_no_obstacle():
    files = {"/etc/cron.d/b\udce9 x": "0 0 * * * root /opt/\udce9 <redacted>\n", "/etc/cron.d/0hourly": HOURLY}
    found = cron_verdict(files)
    assert found.status is Status.NONCOMPLIANT
    found.reason.encode("utf-8")


@pytest.mark.parametrize(
    ("files", "status"),
    [
        # packages leave files in cron.d whether there is a cron or not
        ({"/etc/cron.d/0hourly": HOURLY}, Status.NOT_APPLICABLE),
        ({"/etc/cron.d/0hourly": HOURLY, "/etc/crontab": ""}, Status.NONCOMPLIANT),
    ],
)
def test_without_a_cron_daemon_it_does_not_apply(files, status):
    assert assess_cron(evidence_of(files), options()).status is status


# anacron


def anacron_verdict(text, cronie=True):
    return cron_verdict({"/etc/anacrontab": text}, entries=[entry(CRONIE_ANACRON)] if cronie else [])


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (ANACRONTAB.format(delay=45), Status.COMPLIANT),
        (ANACRONTAB.format(delay=15), Status.COMPLIANT),
        # Too short to scatter, and somebody's choice.
        (ANACRONTAB.format(delay=14), Status.MANUAL),
        (ANACRONTAB.format(delay=1), Status.MANUAL),
        (ANACRONTAB.format(delay=0), Status.NONCOMPLIANT),
        # cronie takes no blank after the equals sign
        (ANACRONTAB.format(delay=" 45"), Status.NONCOMPLIANT),
        (ANACRONTAB.replace("RANDOM_DELAY={delay}\n", ""), Status.NONCOMPLIANT),
        # below the jobs it holds for none
        (ANACRONTAB.replace("RANDOM_DELAY={delay}\n", "") + "RANDOM_DELAY=45\n", Status.NONCOMPLIANT),
        (ANACRONTAB.replace("RANDOM_DELAY={delay}\n", "").replace("\n\n", "\n"), Status.MANUAL),
        ("SHELL=/bin/sh\n", Status.COMPLIANT),
    ],
)
def test_anacron_needs_a_random_delay_above_its_jobs(text, status):
    found = anacron_verdict(text)
    assert found.status is status
    if status is Status.NONCOMPLIANT:
        remedied = after({"/etc/anacrontab": text}, found)["/etc/anacrontab"]
        assert remedied.index("RANDOM_DELAY=45") < remedied.index("cron.daily")
        assert anacron_verdict(remedied).status is Status.COMPLIANT


def test_a_short_random_delay_of_anacron_is_told():
    found = anacron_verdict(ANACRONTAB.format(delay=6))
    assert "anacron has a RANDOM_DELAY of 6 minutes only in /etc/anacrontab" in found.reason
    assert "write RANDOM_DELAY=45 above the first job" in found.reason
    assert (found.persistent, found.desired) == ("anacron with RANDOM_DELAY=6", "RANDOM_DELAY=45")


def test_another_anacron_than_cronies_knows_no_random_delay():
    assert anacron_verdict(ANACRONTAB.format(delay=0), cronie=False).status is Status.COMPLIANT


# ---- calendars ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "firings"),
    [
        ("daily", "*-*-* 00:07:00", 1),
        ("weekly", "Mon *-*-* 00:07:00", 1),
        ("monthly", "*-*-01 00:07:00", 1),
        ("hourly", "*-*-* *:07:00", 24),
        ("*-*-* 6:00", "*-*-* 6:07:00", 1),
        ("*-*-* 6,18:00", "*-*-* 6,18:07:00", 2),
        ("*-*-* 07..23:30", "*-*-* 07..23:07:00", 17),
        ("Sun *-*-1..7 1:00:00", "Sun *-*-1..7 1:07:00", 1),
        (" 1:05:00", "*-*-* 1:07:00", 1),
        ("Mon..Fri 22:30 Europe/Berlin", "Mon..Fri *-*-* 22:07:00 Europe/Berlin", 1),
        ("Sat,Sun 08:05", "Sat,Sun *-*-* 08:07:00", 1),
        ("2026-12-24", "2026-12-24 00:07:00", 1),
    ],
)
def test_calendar(text, at, firings):
    calendar = Calendar.parse(text)
    assert len(calendar.firing_minutes) == firings
    assert calendar.at(7) == at
    assert Calendar.parse(at).same == Calendar.parse(calendar.at(7)).same


@pytest.mark.parametrize(
    ("text", "form", "choices"),
    [
        ("*:00/10", "*-*-* *:{:02d}/10:00", 10),
        ("*:0/7", "*-*-* *:{:02d}/7:00", 4),
        ("*-*-* *:09,39:00", "*-*-* *:{:02d}/30:00", 30),
        ("Mon 08..17:0/15 UTC", "Mon *-*-* 08..17:{:02d}/15:00 UTC", 15),
        ("minutely", "*-*-* *:{:02d}/1:00", 1),
    ],
)
def test_a_calendar_of_many_firings_in_an_hour_gets_another_first_minute(text, form, choices):
    """As many firings as before, at the same gap. Red where a firing is lost, or where all guests have one time."""
    calendar = Calendar.parse(text)
    found = {scattered_calendar(calendar, f"uuid {number}", "job") for number in range(40 * choices)}
    assert found == {form.format(minute) for minute in range(choices)}
    for moved in map(Calendar.parse, found):
        assert (len(moved.firing_minutes), moved.hours) == (len(calendar.firing_minutes), calendar.hours)


def test_a_calendar_that_is_not_even_is_left_alone():
    assert scattered_calendar(Calendar.parse("*:05,15"), "seed", "job") is None


@pytest.mark.parametrize(
    "text", ["", "sometimes", "25:00", "*-*-* 6:0x", "@1700000000", "daily 5:00", "12:60", "*-*-* 1:2:3 UTC UTC"]
)
def test_what_is_no_calendar(text):
    with pytest.raises(ValueError, match=r"\w"):
        Calendar.parse(text)


@pytest.mark.parametrize(
    ("written", "loaded"),
    [
        ("daily", "*-*-* 00:00:00"),
        ("Sun *-*-1..7 1:00:00", "Sun *-*-01..07 01:00:00"),
        ("Sunday 03:10", "Sun *-*-* 03:10:00"),
    ],
)
def test_systemd_writes_a_calendar_in_its_own_way(written, loaded):
    assert Calendar.parse(written).same == Calendar.parse(loaded).same


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12h", 43200),
        ("60m", 3600),
        ("6000", 6000),
        ("1h 30min", 5400),
        ("1h30min", 5400),
        ("0", 0),
        ("100ms", 0),
        ("infinity", None),
        ("soon", None),
        ("", None),
    ],
)
def test_time_spans(text, seconds):
    assert seconds_of(text) == seconds


# ---- timer_scatter -----------------------------------------------------------------------------------------------------

USR, ETC = "/usr/lib/systemd/system", "/etc/systemd/system"
OURS = f"{ETC}/logrotate.timer.d/50-vmguest-scatter.conf"


def show(name, calendars, *, delay="0", active="active", reload="no", drop_ins="", state="enabled"):
    """One unit of systemctl show's answer."""
    shown = "".join(f"TimersCalendar={{ OnCalendar={calendar} ; next_elapse=n/a }}\n" for calendar in calendars)
    return (
        f"Id={name}\nActiveState={active}\nUnitFileState={state}\nNeedDaemonReload={reload}\nDropInPaths={drop_ins}\n"
        f"{shown}RandomizedDelayUSec={delay}\n"
    )


def timer_verdict(
    units, answer, *, entries=(), init="systemd", files=None, uuid_=VMWARE[UUID], status=0, **given_options
):
    """The verdict on a guest with these unit files (path to text) whose manager gives this answer."""
    lines = [(path, number, line) for path, text in units.items() for number, line in enumerate(text.splitlines(), 1)]
    evidence = evidence_of(
        {"/proc/1/comm": init, UUID: uuid_, **(files or {})},
        lines={"timers": lines},
        entries=entries,
        commands={"units": (status, answer)},
    )
    return assess_timers(evidence, options(**given_options))


LOGROTATE = {f"{USR}/logrotate.timer": "OnCalendar=daily\nAccuracySec=1h\n"}
DAILY = show("logrotate.timer", ["*-*-* 00:00:00"])


def applied(units, files, verdict, loaded=()):
    """Unit files, our drop-ins and the manager's answer after a remedy."""
    written = {step.path: step.content for step in verdict.remedy if isinstance(step, WriteFile)}
    return {**units, **written}, {**files, **written}


def test_the_order_in_which_the_manager_names_its_timers_changes_nothing():
    """It is another one after every boot: that would be drift, and another plan than the one that was approved."""
    units = {f"{USR}/{name}.timer": "OnCalendar=daily\n" for name in ("logrotate", "dpkg-db-backup", "fstrim")}
    answers = [show(path.rpartition("/")[2], ["*-*-* 00:00:00"]) for path in units]
    found, other = (timer_verdict(units, "\n".join(order)) for order in (answers, answers[::-1]))
    assert found == other
    assert found.status is Status.NONCOMPLIANT
    assert found.persistent.startswith("dpkg-db-backup.timer daily, fstrim.timer ")


def answer_after(verdict, name="logrotate.timer"):
    (step,) = [step for step in verdict.remedy if isinstance(step, WriteFile)]
    calendars = [
        line.partition("=")[2] for line in step.content.splitlines() if line.startswith("OnCalendar=") and line[11:]
    ]
    return show(name, calendars, drop_ins=step.path)


def test_midnight_on_every_guest_is_noncompliant_whatever_its_accuracy():
    found = timer_verdict(LOGROTATE, DAILY)
    assert found.status is Status.NONCOMPLIANT
    assert found.runtime == "logrotate.timer *-*-* 00:00:00"
    assert found.persistent == "logrotate.timer daily"
    assert found.owner == f"{USR}/logrotate.timer"
    undo, write, reload = found.remedy
    assert (undo.undo, undo.do, reload.do) == ("systemctl daemon-reload", "true", "systemctl daemon-reload")
    assert (write.path, write.before) == (OURS, None)
    assert write.content.splitlines()[1:3] == ["[Timer]", "OnCalendar="]


@untimed
@given(st.uuids())
def test_after_the_remedy_it_is_compliant_on_both_sides(guest):
    """Red where the drop-in is not what the audit looks for."""
    found = timer_verdict(LOGROTATE, DAILY, uuid_=str(guest))
    if found.status is Status.COMPLIANT:
        return  # midnight happens to be this guest's own time
    units, files = applied(LOGROTATE, {}, found)
    assert timer_verdict(units, answer_after(found), files=files, uuid_=str(guest)).status is Status.COMPLIANT
    stale = timer_verdict(
        units, show("logrotate.timer", ["*-*-* 00:00:00"], reload="yes"), files=files, uuid_=str(guest)
    )
    assert stale.status is Status.NONCOMPLIANT
    assert [type(step) for step in stale.remedy] == [Run]
    # What the manager shows is believed, not what its list of files lets expect.
    shown = show("logrotate.timer", ["*-*-* 00:00:00"], drop_ins=OURS)
    assert timer_verdict(units, shown, files=files, uuid_=str(guest)).status is Status.NONCOMPLIANT


def test_what_runs_every_few_minutes_gets_another_first_minute():
    """sysstat's collector, which reads all counters of all guests in the same second."""
    name = "sysstat-collect.timer"
    units = {f"{USR}/{name}": "OnCalendar=*:00/10"}
    found = timer_verdict(units, show(name, ["*-*-* *:00/10:00"]))
    assert found.status is Status.NONCOMPLIANT
    (write,) = [step for step in found.remedy if isinstance(step, WriteFile)]
    assert re.fullmatch(r"#.*\n\[Timer\]\nOnCalendar=\nOnCalendar=\*-\*-\* \*:0[1-9]/10:00\n", write.content), (
        write.content
    )
    units, files = applied(units, {}, found)
    assert timer_verdict(units, answer_after(found, name), files=files).status is Status.COMPLIANT


def test_a_clone_gets_a_time_of_its_own():
    original = timer_verdict(LOGROTATE, DAILY)
    units, files = applied(LOGROTATE, {}, original)
    clone = timer_verdict(units, answer_after(original), files=files, uuid_="564d0000-1111-2222-3333-444455556667")
    assert clone.status is Status.NONCOMPLIANT
    (write,) = [step for step in clone.remedy if isinstance(step, WriteFile)]
    assert write.before == files[OURS]
    assert write.content != files[OURS]


def test_a_systemd_that_shows_no_calendars_tells_by_the_drop_ins_that_it_has_loaded():
    """systemd 219 of EL7."""
    found = timer_verdict(LOGROTATE, show("logrotate.timer", []))
    units, files = applied(LOGROTATE, {}, found)
    assert timer_verdict(units, show("logrotate.timer", [], drop_ins=OURS), files=files).status is Status.COMPLIANT
    assert (
        timer_verdict(units, show("logrotate.timer", [], drop_ins=OURS, reload="yes"), files=files).status
        is Status.NONCOMPLIANT
    )
    assert timer_verdict(units, show("logrotate.timer", []), files=files).status is Status.NONCOMPLIANT


@pytest.mark.parametrize(
    ("units", "answer", "why"),
    [
        (
            {f"{USR}/apt-daily.timer": "OnCalendar=*-*-* 6,18:00\nRandomizedDelaySec=12h"},
            show("apt-daily.timer", ["*-*-* 06,18:00:00"], delay="12h"),
            "random delay",
        ),
        (
            {f"{USR}/sysstat-collect.timer": "OnCalendar=*:05,15"},
            show("sysstat-collect.timer", ["*-*-* *:05,15:00"]),
            "no timer",
        ),
        (
            {f"{USR}/sysstat-collect.timer": "OnCalendar=minutely"},
            show("sysstat-collect.timer", ["*-*-* *:*:00"]),
            "no timer",
        ),
        (
            {f"{USR}/logrotate.timer": "OnCalendar=daily"},
            show("logrotate.timer", ["*-*-* 00:00:00"], active="inactive", state="disabled"),
            "no timer",
        ),
        (
            {f"{USR}/systemd-tmpfiles-clean.timer": "OnBootSec=15min\nOnUnitActiveSec=1d"},
            show("systemd-tmpfiles-clean.timer", []),
            "no timer",
        ),
        ({f"{USR}/own.timer": "OnCalendar=daily"}, show("own.timer", ["*-*-* 00:00:00"]), "no timer"),
        (
            {f"{ETC}/logrotate.timer": "OnCalendar=05:00", **LOGROTATE},
            show("logrotate.timer", ["*-*-* 05:00:00"]),
            "administrator",
        ),
        (
            {f"{ETC}/logrotate.timer.d/override.conf": "OnCalendar=\nOnCalendar=05:00", **LOGROTATE},
            show("logrotate.timer", ["*-*-* 05:00:00"]),
            "administrator",
        ),
    ],
)
def test_what_is_compliant(units, answer, why):
    found = timer_verdict(units, answer)
    assert found.status is Status.COMPLIANT
    assert why in found.reason


def test_a_short_random_delay_does_not_scatter():
    units = {f"{USR}/e2scrub_all.timer": "OnCalendar=Sun *-*-* 03:10:00\nRandomizedDelaySec=60"}
    found = timer_verdict(units, show("e2scrub_all.timer", ["Sun *-*-* 03:10:00"], delay="1min"))
    assert found.status is Status.NONCOMPLIANT
    assert found.desired.startswith("e2scrub_all.timer Sun *-*-* 0")


def test_a_random_delay_that_the_manager_has_not_loaded_does_not_count():
    units = {f"{ETC}/logrotate.timer.d/delay.conf": "RandomizedDelaySec=1h", **LOGROTATE}
    assert timer_verdict(units, show("logrotate.timer", ["*-*-* 00:00:00"], delay="1h")).status is Status.COMPLIANT
    assert (
        timer_verdict(units, show("logrotate.timer", ["*-*-* 00:00:00"], delay="0", reload="yes")).status
        is Status.NONCOMPLIANT
    )
    # systemd 219 does not know the setting.
    unaware = DAILY.replace("RandomizedDelayUSec=0\n", "")
    assert timer_verdict(units, unaware).status is Status.NONCOMPLIANT


def test_a_mask_hides_a_drop_in_and_a_unit():
    drop_in = f"{USR}/logrotate.timer.d/vendor.conf"
    units = {drop_in: "RandomizedDelaySec=1h", **LOGROTATE}
    masked = [entry(f"{ETC}/logrotate.timer.d/vendor.conf", "l", "/dev/null")]
    assert timer_verdict(units, DAILY.replace("USec=0", "USec=1h")).status is Status.COMPLIANT
    assert timer_verdict(units, DAILY, entries=masked).status is Status.NONCOMPLIANT
    unit = [entry(f"{ETC}/logrotate.timer", "l", "/dev/null")]
    assert (
        timer_verdict(LOGROTATE, show("logrotate.timer", [], active="inactive", state="masked"), entries=unit).status
        is Status.COMPLIANT
    )


def test_monotonic_timers_are_said_again_after_the_reset():
    """OnCalendar= resets them, too (systemd.timer(5))."""
    units = {f"{USR}/logrotate.timer": "OnBootSec=10min\nOnCalendar=daily"}
    (write,) = [step for step in timer_verdict(units, DAILY).remedy if isinstance(step, WriteFile)]
    assert write.content.splitlines()[-1] == "OnBootSec=10min"


def test_an_empty_assignment_of_another_drop_in_takes_the_calendars_away():
    units = {**LOGROTATE, f"{ETC}/logrotate.timer.d/none.conf": "OnCalendar="}
    assert timer_verdict(units, show("logrotate.timer", [])).status is Status.COMPLIANT


def test_own_timers_that_are_listed_keep_their_hour():
    units = {f"{ETC}/report.timer": "OnCalendar=Mon 05:00"}
    answer = show("report.timer", ["Mon *-*-* 05:00:00"])
    assert timer_verdict(units, answer).status is Status.COMPLIANT
    found = timer_verdict(units, answer, own_timers=["report"])
    assert found.status is Status.NONCOMPLIANT
    assert found.desired.startswith("report.timer Mon *-*-* 05:")


def test_skipped_timers_are_left_alone():
    assert timer_verdict(LOGROTATE, DAILY, timers_skip=["log*"]).status is Status.COMPLIANT


def test_a_drop_in_that_would_win_over_ours_is_for_a_person():
    units = {**LOGROTATE, f"{USR}/logrotate.timer.d/90-vendor.conf": "OnCalendar=\nOnCalendar=weekly"}
    found = timer_verdict(units, show("logrotate.timer", ["Mon *-*-* 00:00:00"]))
    assert found.status is Status.MANUAL
    assert "90-vendor.conf" in found.reason
    assert found.owner == f"{USR}/logrotate.timer.d/90-vendor.conf"


@pytest.mark.parametrize(
    ("units", "given_arguments", "status"),
    [
        (LOGROTATE, {"init": "init"}, Status.NOT_APPLICABLE),
        (LOGROTATE, {"status": 1}, Status.UNKNOWN),
        (LOGROTATE, {"uuid_": State.DENIED}, Status.UNKNOWN),
        ({f"{USR}/logrotate.timer": "OnCalendar=whenever"}, {}, Status.UNKNOWN),
    ],
)
def test_where_nothing_can_be_said(units, given_arguments, status):
    found = timer_verdict(units, DAILY, **given_arguments)
    assert found.status is status
    assert found.reason


@untimed
@given(
    st.uuids(),
    st.sampled_from(
        [
            "daily",
            "weekly",
            "monthly",
            "hourly",
            "*-*-* 6,18:00",
            "Sun *-*-1..7 1:00:00",
            "22:30 UTC",
            "*-*-* 07..23:30",
            "*:00/10",
            "*:0/7",
            "*-*-* *:09,39:00",
        ]
    ),
)
def test_a_scattered_calendar_keeps_days_period_and_zone(guest, text):
    calendar = Calendar.parse(text)
    result = Calendar.parse(
        scattered_calendar(calendar, f"uuid {guest.hex}", "job", window(min(calendar.hours), options()))
    )
    assert (result.days, result.zone, len(result.firing_minutes)) == (
        calendar.days,
        calendar.zone,
        len(calendar.firing_minutes),
    )
    if len(calendar.hours) == 1:
        assert result.hours <= set(window(min(calendar.hours), options()))
    else:
        assert result.hours == calendar.hours
    # With the same hours again it is the same minute: an own timer is moved once.
    own = Calendar.parse(scattered_calendar(calendar, "seed", "own"))
    assert Calendar.parse(scattered_calendar(own, "seed", "own")).same == own.same


# ---- with the real probe -----------------------------------------------------------------------------------------------


def test_the_probe_shows_what_distributions_ship_and_our_comments_whole(tmp_path):
    """Red where the probe's redaction and the table of shipped jobs part."""
    texts = {}
    for number, case in enumerate(CASES):
        files = case.values[0]
        for name, shown in (("shipped", files), ("remedied", after(files, cron_verdict(files)))):
            crontabs = (shown[path] for path in sorted(files) if path.startswith("/etc/cron"))
            texts.update((f"/etc/cron.d/{name}-{number}-{part}", text) for part, text in enumerate(crontabs))
    guest = guest_tree.load("rhel5").edited({"files": texts})
    evidence = guest_tree.probe(guest_tree.materialise(guest, tmp_path / "guest"))
    assert {path: evidence.file(path).text for path in texts} == texts


def test_a_password_in_an_own_job_stays_on_the_guest_and_the_job_can_be_moved(tmp_path):
    line = "0 2 * * * /opt/app/backup --password=hunter2"
    tree = guest_tree.materialise(guest_tree.load("debian12").edited({"files": {APP: f"{line}\n"}}), tmp_path / "guest")
    evidence = guest_tree.probe(tree)
    assert "hunter2" not in evidence.file(APP).text
    found = assess_cron(evidence, options(own_jobs=[{"file": APP, "match": "^/opt/app/backup"}]))
    (edit,) = [step for step in found.remedy if step.path == APP]
    assert edited(f"{line}\n", edit).endswith(" 2 * * * /opt/app/backup --password=hunter2\n")


# ---- the table of shipped jobs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shipped", SHIPPED_JOBS, ids=lambda shipped: shipped.name)
def test_a_shipped_job_has_an_origin_and_times_that_can_be_moved(shipped):
    assert shipped.origin
    for text in shipped.schedules:
        schedule = Schedule.parse(text)
        if not shipped.stays:
            result = Schedule.parse(scattered(schedule, "seed", shipped.name, window(min(schedule.hours), options())))
            assert (result.gap, result.fields[2:]) == (schedule.gap, schedule.fields[2:])


@untimed
@given(st.text(), st.text(), st.integers(1, 1440))
def test_a_choice_is_one_of_those_on_offer(seed, job, choices):
    assert 0 <= chosen(seed, job, choices) < choices
