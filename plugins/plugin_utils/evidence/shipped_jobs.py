# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shipped jobs: which lines of a crontab are a distribution's, and at what times it ships them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import Job


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
