# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMware Tools on a guest: which flavours are there, and by what that is told.

*open-vm-tools* is the distribution's package. *OSPs* are packages of VMware for one operating system, the *tarball* is its
installer (vmware-install.pl 10.1), which keeps a database of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import NAMES, VMWARE_TOOLS, Packages
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import READS as PACKAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries

DAEMONS = ("/usr/bin/vmtoolsd", "/usr/sbin/vmtoolsd", "/usr/sbin/vmware-guestd")
CONFIGURATION = "/etc/vmware-tools"
LOCATIONS = "/etc/vmware-tools/locations"
LIBRARY = "/usr/lib/vmware-tools"
#: OSPs have a `locations` too, and this file, by which VMware's installer tells them from its own work.
OSP_MARK = "/usr/lib/vmware-tools/dsp"
UNINSTALLER = "/usr/bin/vmware-uninstall-tools.pl"

READS: tuple[Read, ...] = (
    *PACKAGE_READS,
    entries(*DAEMONS, CONFIGURATION, LOCATIONS, LIBRARY, OSP_MARK, UNINSTALLER),
    Lines("tarball_answers", "^answer \\|^remove_answer ", (LOCATIONS,)),
)


@dataclass(frozen=True)
class Tools:
    """The flavours of Tools on a guest, each with the evidence for it; empty where it has none."""

    flavours: dict[str, str]

    @property
    def legacy(self) -> str | None:
        """The flavour of VMware's own making, None where there is none."""
        return next((name for name in ("tarball", "OSP") if name in self.flavours), None)

    @property
    def summary(self) -> str:
        """For a person: `open-vm-tools (12.2.0)`; `none`."""
        return ", ".join(f"{flavour} ({what})" for flavour, what in self.flavours.items()) or "none"


def tools_of(probe: ProbeOutput, package: str = "open-vm-tools") -> Tools:
    """Which flavours are there. ``package`` is the name under which the distribution's own one is looked for."""
    flavours = {}
    versions = Packages.of(probe).versions
    osp = [name for name in VMWARE_TOOLS if name in versions]
    daemon = next((path for path in DAEMONS if probe.entry(path)), None)
    if package in versions:
        flavours["open-vm-tools"] = versions[package]
    if osp:
        flavours["OSP"] = osp[0]
    elif not probe.entry(OSP_MARK):
        if probe.entry(UNINSTALLER):
            flavours["tarball"] = UNINSTALLER
        elif probe.entry(LOCATIONS) and probe.entry(LIBRARY):
            flavours["tarball"] = LOCATIONS
    if daemon and not flavours:
        # Under another package's name, or built from source: there, and somebody else's to keep current.
        flavours["open-vm-tools" if package not in NAMES else "unpackaged"] = daemon
    return Tools(flavours)


def tarball_answers(probe: ProbeOutput) -> dict[str, str]:
    """The answers that hold in the tarball's database; later lines take back earlier ones."""
    answers: dict[str, str] = {}
    for line in probe.lines("tarball_answers"):
        verb, name, value = [*line.text.split(None, 2), "", ""][:3]
        if verb == "remove_answer" or value in ("", "no"):
            answers.pop(name, None)
        else:
            answers[name] = value
    return answers
