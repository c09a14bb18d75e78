# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest's own calendar: the day on which it was probed, by its clock."""

from __future__ import annotations

from datetime import date, datetime, timezone

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kernel_lines import KERNEL_LINES, STAT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files

READS: tuple[Read, ...] = (files("/proc/uptime"), KERNEL_LINES)


def today(probe: ProbeOutput) -> date | None:
    """The day in UTC, as the kernel counts it (when it was booted, and how long ago); None where it does not tell."""
    uptime = probe.file("/proc/uptime").value.partition(".")[0]
    stat = (line.text.split() for line in probe.lines(KERNEL_LINES.name) if line.path == STAT)
    booted = next((words[1] for words in stat if len(words) == 2 and words[0] == "btime"), "")
    if not uptime.isdecimal() or not booted.isdecimal():
        return None
    return datetime.fromtimestamp(int(booted) + int(uptime), tz=timezone.utc).date()
