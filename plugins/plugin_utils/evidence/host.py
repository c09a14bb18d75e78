# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host tells VMware Tools of itself and of this VM: its version, limits, and what it has taken back.

One process of sh asks VMware Tools' own programs one after another. Of the OVF environment only names of properties leave the
guest, and whether they have a value: it may hold passwords.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Read

_SCRIPT = r"""[ -e proc/1 ] || cd /
for stat in balloon swap memlimit cpulimit speed; do
echo "stat $stat"
vmware-toolbox-cmd stat $stat
done
vmware-toolbox-cmd stat raw text session | while IFS=' =' read -r key value; do
[ "$key" != version ] || echo "host $value"
done
[ ! -e etc/vmware-tools/locations ] || echo "tools $(vmware-toolbox-cmd -v)"
vmtoolsd --cmd 'info-get guestinfo.ovfEnv' | if IFS= read -r line; then
case $line in *"<Environment"*) echo ovf ;; esac
exec sed -n -e 's/.*<Environment.*/ovf/p' \
-e 's/.*:key="\([^"]*\)" *[a-z]*:value="".*/empty \1/p' \
-e 's/.*:key="\([^"]*\)" *[a-z]*:value="..*/filled \1/p'
fi
:"""

READS: tuple[Read, ...] = (Command("host_answers", ("sh", "-c", _SCRIPT), needs="vmware-toolbox-cmd"),)

_HOST = re.compile(r"host (VMware ESXi? (\d+)\.(\d+)\S*)")
_AMOUNT = re.compile(r"\s*(\d+) M(?:B|Hz)\s*")


@dataclass(frozen=True)
class Host:
    """``asked`` is False where there are no VMware Tools to ask. What was not answered is None.

    ``name``, ``release``: of an ESX host (``VMware ESXi 8.0.3``, (8, 0)); others do not tell. ``stats``: balloon, swap,
    memlimit in MiB, cpulimit and speed of one CPU in MHz. ``tools`` is the version of the tarball's VMware Tools.
    ``ovf_properties``: names of the OVF environment's, and whether they have a value.
    """

    asked: bool
    name: str | None
    release: tuple[int, int] | None
    stats: dict[str, int]
    tools: str | None
    ovf_properties: dict[str, bool] | None

    @classmethod
    def of(cls, probe: ProbeOutput) -> Host:
        """Read from the probe's output."""
        output = probe.command("host_answers")
        stats: dict[str, int] = {}
        properties: dict[str, bool] | None = None
        name, release, tools, asking = None, None, None, ""
        for line in output.lines:
            word, dummy, rest = line.partition(" ")
            host = _HOST.match(line)
            amount = _AMOUNT.fullmatch(line)
            if host:
                name, release = host[1], (int(host[2]), int(host[3]))
            elif amount and asking:
                stats[asking] = int(amount[1])
            elif word == "tools" and rest[:1].isdigit():
                tools = rest.split()[0]
            elif word == "ovf":
                properties = properties or {}
            elif word in ("empty", "filled") and properties is not None:
                properties[rest] = word == "filled"
            asking = rest if word == "stat" else ""
        return cls(output.status not in (None, 127), name, release, stats, tools, properties)
