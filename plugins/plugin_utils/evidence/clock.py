# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's clock source: which one counts time now, which others it offers, and who chooses at boot.

The kernel takes the best-rated source that it trusts. Arguments overrule it (owners.py has their boot loader files), and so do
scripts, udev rules and tmpfiles lines that write ``current_clocksource``; these are read here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import Assignment
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, files

_FOLDER = "/sys/devices/system/clocksource/clocksource0"
CURRENT = f"{_FOLDER}/current_clocksource"
AVAILABLE = f"{_FOLDER}/available_clocksource"

READS: tuple[Read, ...] = (
    files(CURRENT, AVAILABLE),
    Lines(
        "clock_writers",
        "current_clocksource",
        (
            "/etc/rc.local",
            "/etc/rc.d/rc.local",
            "/etc/init.d/boot.local",
            "/etc/init.d/after.local",
            "/etc/sysfs.conf",
            "/etc/sysfs.d/*.conf",
            "/etc/tmpfiles.d/*.conf",
            "/usr/lib/tmpfiles.d/*.conf",
            "/etc/udev/rules.d/*.rules",
            "/usr/lib/udev/rules.d/*.rules",
            "/lib/udev/rules.d/*.rules",
            "/etc/systemd/system/*.service",
        ),
    ),
)


@dataclass(frozen=True)
class Clock:
    """``current`` source and those ``available``: of a kernel with high-resolution timers, only the ones that it still trusts
    (kernel/time/clocksource.c: a source that its watchdog found unstable is left out of the list).

    ``writers`` are what writes another choice at boot, in no certain order; each value is the source's name.
    """

    current: str | None
    available: tuple[str, ...]
    writers: tuple[Assignment, ...]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Clock:
        """Read it from the probe's output. ``current`` is None where the kernel does not show it."""
        available = tuple(probe.file(AVAILABLE).value.split())
        return cls(
            current=probe.file(CURRENT).value or None,
            available=available,
            writers=tuple(found for line in probe.lines("clock_writers") if (found := _writer(line, available))),
        )


def _writer(line: Line, available: tuple[str, ...]) -> Assignment | None:
    """The source that a line names, as a word of its own; "" where it is none that this kernel offers."""
    text = line.text.strip()
    if text.startswith("#"):
        return None
    for mark in "\"'=;>,":
        text = text.replace(mark, " ")
    named = [word for word in text.split() if word in available]
    return Assignment(f"{line.path}:{line.number}", named[0] if named else "", bool(named))
