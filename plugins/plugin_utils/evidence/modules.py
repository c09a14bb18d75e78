# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules: VMware's drivers in the running kernel, those that it could load, and what forbids to load them.

Runtime: /sys/module. Persistent: the kernel's own lists (modules.builtin, modules.dep), and modprobe.d.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import MODULES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    kernel_argument_assignments,
    modprobe_files,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries

#: The kernel's drivers for VMware's devices, and those that only VMware Tools had before the kernel did.
NAMES = (
    "vmw_balloon",
    "vmware_balloon",
    "vmmemctl",
    "vmw_pvscsi",
    "pvscsi",
    "vmxnet3",
    "vmxnet",
    "vmw_vmci",
    "vmci",
    "vmhgfs",
)

#: What the kernels' own lists say of VMware's drivers, and of those that images are searched for: one search for both.
_OTHERS = "\\|".join(name.replace("_", "[-_]") for name in MODULES if not name.startswith("vm"))
LISTED = Lines(
    "vmware_modules",
    rf"^[^:]*/vm[whmcx][^/:]*\.ko\|^[^:]*/\({_OTHERS}\)\.ko",
    ("/lib/modules/*/modules.dep", "/lib/modules/*/modules.builtin"),
)
_VMWARE = re.compile(r"[^:]*/(vm[whmcx][^/:]*|pvscsi)\.ko")

READS: tuple[Read, ...] = (
    entries(*(f"/sys/module/{name}" for name in NAMES)),
    entries("/lib/modules/*/modules.dep"),
    LISTED,
)


@dataclass(frozen=True)
class Block:
    """A line that keeps a module from being loaded. ``text`` is the whole line; ``path`` is None in a boot entry."""

    owner: str
    text: str
    path: str | None


@dataclass(frozen=True)
class Modules:
    """VMware's drivers and the running kernel.

    ``loaded``: of :data:`NAMES`. ``listed`` is False where the running kernel's modules.dep is not there, so that
    nothing can be said of what it could load. ``files``: module to its files as modules.dep has them, more than one
    where VMware Tools brought another; ``requires``: module to those that it brings; ``built_in``: parts of the kernel.
    """

    loaded: frozenset[str]
    listed: bool
    files: dict[str, tuple[str, ...]]
    requires: dict[str, tuple[str, ...]]
    built_in: frozenset[str]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Modules:
        """Read from the probe's output."""
        release = probe.file("/proc/sys/kernel/osrelease").value
        folder = f"/lib/modules/{release}"
        files: dict[str, tuple[str, ...]] = {}
        requires: dict[str, tuple[str, ...]] = {}
        built_in = set()
        for line in probe.lines(LISTED.name):
            if not _VMWARE.match(line.text):
                continue
            file, dummy, needed = line.text.partition(":")
            if line.path == f"{folder}/modules.builtin":
                built_in.add(_name(file))
            elif line.path == f"{folder}/modules.dep":
                files[_name(file)] = (*files.get(_name(file), ()), file)
                requires[_name(file)] = tuple(_name(word) for word in needed.split())
        return cls(
            loaded=frozenset(name for name in NAMES if probe.entry(f"/sys/module/{name}")),
            listed=bool(release and probe.entry(f"{folder}/modules.dep")),
            files=files,
            requires=requires,
            built_in=frozenset(built_in),
        )

    def own(self, name: str) -> bool:
        """True where the kernel itself ships the driver: built in, or below its folder kernel/."""
        return name in self.built_in or any(_is_own(file) for file in self.files.get(name, ()))

    @property
    def foreign(self) -> tuple[str, ...]:
        """Files of VMware's drivers that the kernel does not ship: they hide its own, and no update renews them."""
        return tuple(file for dummy, files in sorted(self.files.items()) for file in files if not _is_own(file))


def _is_own(file: str) -> bool:
    """modules.dep has paths below the kernel's folder; before 2.6.29 (EL5) it had whole ones."""
    return re.match(r"(/lib/modules/[^/]+/)?kernel/", file) is not None


def _name(file: str) -> str:
    """``kernel/drivers/misc/vmw-balloon.ko.xz`` is module ``vmw_balloon``."""
    return file.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def is_built_in(probe: ProbeOutput, module: str) -> bool:
    """True for one of the modules in :data:`LISTED` that is a part of the running kernel, by its own list (since 2.6.33)."""
    path = f"/lib/modules/{probe.file('/proc/sys/kernel/osrelease').value}/modules.builtin"
    return any(line.path == path and _name(line.text) == module for line in probe.lines(LISTED.name))


def blocks(probe: ProbeOutput, module: str) -> tuple[Block, ...]:
    """What keeps ``module`` from being loaded at the next boot.

    ``blacklist`` and ``install`` lines of modprobe.d(5), module_blacklist= and modprobe.blacklist= of the boot entries.
    """
    found = []
    for path in modprobe_files(probe):
        for number, line in enumerate(probe.file(path).lines, 1):
            words = line.split()
            if len(words) < 2 or words[1].replace("-", "_") != module:
                continue
            # An install command that ends in loading the module after all is somebody's way to do more, not less.
            if words[0] == "blacklist" or (words[0] == "install" and words[2:] and "--ignore-install" not in words):
                found.append(Block(f"{path}:{number}", line, path))
    for argument in ("module_blacklist", "modprobe.blacklist"):
        for assignment in kernel_argument_assignments(probe, argument):
            if module in assignment.value.replace("-", "_").split(","):
                found.append(Block(assignment.owner, f"{argument}={assignment.value}", None))
    return tuple(found)
