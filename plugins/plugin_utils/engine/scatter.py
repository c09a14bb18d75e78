# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scatter: a time of its own for every guest, the same one at every run.

Hashed from what tells a guest from its clones and from the job's name; evenly spread over guests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cron import Schedule, even_gap
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import Calendar

#: 02:00 to 02:59 is skipped, or comes twice, where daylight saving time begins and ends in most zones.
DAYLIGHT_SAVING_HOUR = 2
#: The OUIs of VMware: what a NIC's address begins with that vCenter or ESXi gave it.
VMWARE_OUIS = ("00:50:56:", "00:0c:29:", "00:05:69:")
_PUNCTUATION = re.compile(r"[\s{}-]")
_UUID = re.compile(r"[0-9a-f]{32}")


def canonical_uuid(text: str) -> str | None:
    """A DMI UUID as 32 lower-case hex digits, None for what is no identity (all zeros, all ones, a phrase).

    SMBIOS 2.6 turned the byte order of the first three groups round: dmidecode, the kernel, vCenter and other virtual
    hardware versions show the same UUID in two ways. The lesser of the two stands for both.
    """
    digits = _PUNCTUATION.sub("", text).lower()
    if not _UUID.fullmatch(digits) or digits in ("0" * 32, "f" * 32):
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
    dummy, hour, *days = schedule.fields
    if len(schedule.minutes) > 1:
        return " ".join([f"{_first_minute(len(schedule.minutes), gap, seed, job)}-59/{gap}", hour, *days])
    if len(schedule.hours) > 1 or not hours:
        return " ".join([str(chosen(seed, job, 60)), hour, *days])
    minute_of_window = chosen(seed, job, 60 * len(hours))
    return " ".join([str(minute_of_window % 60), str(hours[minute_of_window // 60]), *days])


def _first_minute(count: int, gap: int, seed: str, job: str) -> int:
    """The first of ``count`` firings in an hour. There are as many as before: */7 has nine, 4-59/7 would have eight."""
    return chosen(seed, job, min(gap, 60 - (count - 1) * gap))


def scattered_calendar(calendar: Calendar, seed: str, job: str, hours: Sequence[int] = ()) -> str | None:
    """This guest's OnCalendar for a timer, moved as :func:`scattered` does; None where its minutes are not evenly apart."""
    gap = even_gap(calendar.minutes)
    if gap is None:
        return None
    if len(calendar.minutes) > 1:
        return calendar.at(_first_minute(len(calendar.minutes), gap, seed, job), every=gap)
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
