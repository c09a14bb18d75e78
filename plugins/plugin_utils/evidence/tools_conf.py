# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools.conf: the settings of VMware Tools, as GLib's key files have them, read again every five seconds.

Groups of one name are one group, and of one key the last line holds (GLib, gkeyfile.c). Keys and groups are case-sensitive.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files

PATH = "/etc/vmware-tools/tools.conf"

READS: tuple[Read, ...] = (files(PATH),)


@dataclass(frozen=True)
class Setting:
    """A line ``key = value`` of a group, with its number from 1."""

    group: str
    key: str
    value: str
    number: int
    text: str

    @property
    def owner(self) -> str:
        """Where it stands, for a person."""
        return f"{PATH}:{self.number}"

    @property
    def is_true(self) -> bool:
        """As GLib takes a boolean."""
        return self.value in ("true", "1")


@dataclass(frozen=True)
class ToolsConf:
    """``lines`` of the file, None where it cannot be read; empty where there is none, and then ``exists`` is False."""

    exists: bool
    lines: tuple[str, ...] | None
    settings: tuple[Setting, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, probe: ProbeOutput) -> ToolsConf:
        """Read from the probe's output."""
        file = probe.file(PATH)
        if not file:
            return cls(file.exists, None if file.exists else (), (), ())
        settings, groups, group = [], [], ""
        for number, line in enumerate(file.lines, 1):
            text = line.strip()
            if text.startswith("[") and text.endswith("]"):
                group = text[1:-1]
                groups.append(group)
            elif "=" in text and not text.startswith("#"):
                key, dummy, value = text.partition("=")
                settings.append(Setting(group, key.strip(), value.strip(), number, line))
        return cls(True, file.lines, tuple(settings), tuple(groups))

    def setting(self, group: str, key: str) -> Setting | None:
        """The line that holds, None where the default does."""
        found = [entry for entry in self.settings if (entry.group, entry.key) == (group, key)]
        return found[-1] if found else None
