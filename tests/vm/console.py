# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest's serial console says. Pure."""

from __future__ import annotations

import re

#: Where a boot has ended for good, in the words of initramfs-tools, dracut, the kernel, systemd, GRUB and the BIOS.
_FAILED = re.compile(
    r"ALERT!.*does not exist|Gave up waiting for (?:root|suspend)[^.\r\n]*"
    r"|dracut-initqueue[^\r\n]*(?:[Tt]imeout|does not exist)[^\r\n]*|dracut Warning: Could not boot|Entering emergency mode"
    r"|Kernel panic - not syncing[^\r\n]*|You are in (?:rescue|emergency) mode|Give root password for maintenance"
    r"|grub rescue>|error: file [^\r\n]* not found|Error \d+: [^\r\n]*|No bootable device|Boot failed[^\r\n]*"
)


_KILLED = "Out of memory: Killed process"


def failure(console: str) -> str | None:
    """The words that tell that this boot will not come to a login; None where there are none."""
    found = _FAILED.search(console)
    return found[0].strip() if found else None


def killed(console: str) -> list[str]:
    """What the kernel says of each process that its OOM killer ended, in order."""
    lines = (line.rpartition(_KILLED) for line in console.splitlines() if _KILLED in line)
    return [f"{_KILLED}{rest}".strip() for dummy, dummy, rest in lines]


def tail(console: str, lines: int = 25) -> str:
    """The end of a console's log, for a person: no escape sequences, no empty lines."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x00-\x08\x0b-\x1f]", "", console.replace("\r", "\n"))
    return "\n".join([line.rstrip() for line in text.split("\n") if line.strip()][-lines:])
