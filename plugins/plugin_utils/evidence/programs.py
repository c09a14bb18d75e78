# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that a guest has little use for, by where they are: the same places in all distributions, and no package manager to ask.

Also what starts at boot, by the links of systemd's multi-user.target and of runlevels.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries

#: How init's links begin.
_START_ORDER = re.compile(r"^S\d\d")

#: Program to what it is for.
PROGRAMS = {
    "Xorg": "a desktop",
    "gcc": "compiling",
    "cupsd": "printers",
    "bluetoothctl": "Bluetooth",
    "avahi-daemon": "announcing services in a home network",
    "ModemManager": "modems",
    "wpa_supplicant": "wireless networks",
    "smartd": "health of physical disks",
    "mcelog": "errors of physical CPUs and memory",
    "rasdaemon": "errors of physical CPUs and memory",
    "sensors": "temperatures and fans",
    "cpupower": "frequencies of physical CPUs",
    "thermald": "heat of physical CPUs",
    "powertop": "power of physical machines",
    "biosdevname": "names by slots of a physical machine's BIOS",
}
#: A folder of linux-firmware that every distribution's has; a VM has no such card.
FIRMWARE = "/lib/firmware/amdgpu"

_STARTS = ("/etc/systemd/system/multi-user.target.wants/*", "/etc/rc[23].d/S*", "/etc/init.d/rc3.d/S*")

READS: tuple[Read, ...] = (
    entries(*(f"/usr/*bin/{name}" for name in PROGRAMS), "/sbin/biosdevname", FIRMWARE),
    entries(*_STARTS),
)


def programs(probe: ProbeOutput) -> tuple[str, ...]:
    """Those of :data:`PROGRAMS` that the guest has."""
    found = [name for name in PROGRAMS if probe.entries(f"/usr/*bin/{name}")]
    if "biosdevname" not in found and probe.entry("/sbin/biosdevname"):
        found.append("biosdevname")
    return tuple(found)


def started_at_boot(probe: ProbeOutput) -> dict[str, str]:
    """Service to the link that starts it, without ``.service`` or ``S12``."""
    found: dict[str, str] = {}
    for glob in _STARTS:
        for entry in probe.entries(glob):
            name = entry.path.rpartition("/")[2]
            found.setdefault(_START_ORDER.sub("", name.removesuffix(".service")), entry.path)
    return found
