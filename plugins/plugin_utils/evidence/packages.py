# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages: which of those that recommendations ask for are installed, from the distribution's own database.

One process for dpkg, one for rpm, each only where the guest has it. A recommendation that asks for another package adds
its name to :data:`NAMES`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, once
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Read

#: The distributions' VMware Tools: the same names in all families.
OPEN_VM_TOOLS = ("open-vm-tools", "open-vm-tools-desktop")
#: VMware's own packages of its Tools: operating system specific packages (OSP) for ESX 5 and later, 4.x, 3.5 (names:
#: VMware Tools Installation Guide for Operating System Specific Packages), and the RPM from the installer's ISO image.
#: A guest has several of them; any one tells.
VMWARE_TOOLS = (
    "vmware-tools-foundation",
    "vmware-tools-core",
    "vmware-tools-services",
    "vmware-tools-esx-nox",
    "vmware-tools-esx",
    "vmware-tools-nox",
    "vmware-open-vm-tools-common",
    "vmware-open-vm-tools-nox",
    "VMwareTools",
)
#: The time client that role guest_time can install.
CHRONY = "chrony"
NAMES = (*OPEN_VM_TOOLS, *VMWARE_TOOLS, CHRONY)

READS: tuple[Read, ...] = (
    # ${Status} and not ${db:Status-Status}, which dpkg before 1.17 (Debian 7) does not know.
    Command("dpkg_packages", ("dpkg-query", "-W", "-f=${Package}\\t${Status}\\t${Version}\\n", *NAMES), single=True),
    Command("rpm_packages", ("rpm", "-q", "--qf", "%{NAME}\\t%{VERSION}-%{RELEASE}\\n", *NAMES), single=True),
)


@dataclass(frozen=True)
class Packages:
    """The packages of :data:`NAMES`.

    ``database`` is ``dpkg`` or ``rpm``, None where neither answered: then nothing is known. ``versions`` has the
    installed ones. ``states`` has dpkg's words for those that dpkg knows but that are not properly installed: removed
    with their configuration left (``deinstall ok config-files``), or half-way.

    A damaged rpm database answers that nothing is installed, and no exit status tells; rpm then refuses to install.
    """

    database: str | None
    versions: dict[str, str]
    states: dict[str, str]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Packages:
        """Read from the probe's output. Where a guest has both commands, the distribution's own one counts."""
        return once(probe, "packages", cls._of)

    @classmethod
    def _of(cls, probe: ProbeOutput) -> Packages:
        readers = {"dpkg": _dpkg, "rpm": _rpm}
        order = ("dpkg", "rpm") if Platform.of(probe).distribution.family == "debian" else ("rpm", "dpkg")
        for database in order:
            found = readers[database](probe)
            if found is not None:
                return cls(database, *found)
        return cls(None, {}, {})

    def interrupted(self, name: str) -> str | None:
        """dpkg's words for a package that it has begun and not finished with, else None."""
        state = self.states.get(name, "")
        return None if not state or state.endswith(("config-files", "not-installed")) else state


def _dpkg(probe: ProbeOutput) -> tuple[dict[str, str], dict[str, str]] | None:
    """Exit status 1 says that some names are not known, 2 that the database cannot be read (dpkg-query(1))."""
    output = probe.command("dpkg_packages")
    if output.status not in (0, 1):
        return None
    versions, states = {}, {}
    for line in output.lines:
        name, tab, rest = line.partition("\t")
        state, dummy, version = rest.partition("\t")
        if tab and state.endswith(" ok installed"):
            versions[name] = version
        elif tab:
            states[name] = state
    return versions, states


def _rpm(probe: ProbeOutput) -> tuple[dict[str, str], dict[str, str]] | None:
    """rpm's exit status is the number of names that it did not find; each gets a line, found or not."""
    output = probe.command("rpm_packages")
    if output.status is None or len(output.lines) < len(NAMES):
        return None
    return {name: version for name, tab, version in (line.partition("\t") for line in output.lines) if tab}, {}
