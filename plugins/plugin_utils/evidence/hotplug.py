# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hot-plug: CPUs and memory that are there and not used, and who brings online what is added to the running guest.

Sources: Linux Documentation/core-api/cpu_hotplug.rst, Documentation/admin-guide/mm/memory-hotplug.rst, and udev rules as
distributions ship them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_option
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kernel_lines import KERNEL_LINES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Device,
    kernel_argument_assignments,
    udev_assignments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import File, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files

_CPU = "/sys/devices/system/cpu"
_MEMORY = "/sys/devices/system/memory"
#: The CPUs that there may ever be, present or not.
POSSIBLE = f"{_CPU}/possible"
PRESENT = f"{_CPU}/present"
#: Is there where the kernel knows memory that comes and goes.
BLOCK_SIZE = f"{_MEMORY}/block_size_bytes"
#: What the kernel does with memory that is added (since 4.7): online, offline and so on.
AUTO_ONLINE = f"{_MEMORY}/auto_online_blocks"

READS: tuple[Read, ...] = (
    *KCONFIG,
    files(POSSIBLE, PRESENT, BLOCK_SIZE, AUTO_ONLINE),
    KERNEL_LINES,
)

#: Ubuntu's rules, whose first lines (GOTO) leave them to Hyper-V and Xen.
_FOR_OTHERS = "/40-vm-hotadd.rules:"
_ADDED_CPU: Device = {
    "SUBSYSTEM": ("cpu",),
    "KERNEL": ("cpu1",),
    "DEVPATH": ("/devices/system/cpu/cpu1",),
    "ATTR{online}": ("0",),
}
_ADDED_BLOCK: Device = {
    "SUBSYSTEM": ("memory",),
    "KERNEL": ("memory1",),
    "DEVPATH": ("/devices/system/memory/memory1",),
    "ATTR{state}": ("offline",),
}


@dataclass(frozen=True)
class Hotplug:
    """``cpus_offline`` and ``blocks_offline`` name what is there and not used (``cpu1``, ``memory32``).

    ``possible`` and ``present`` are the kernel's lists of CPUs. ``memory`` is the kernel file that is there where memory can be
    added. ``auto_online`` is what the kernel does with it now, empty where it has no such choice; ``auto_online_at_boot`` who
    has it do so at the next boot, None where nobody does.
    """

    cpus_offline: tuple[str, ...]
    blocks_offline: tuple[str, ...]
    possible: File
    present: File
    memory: File
    auto_online: str
    auto_online_at_boot: str | None

    @classmethod
    def of(cls, probe: ProbeOutput) -> Hotplug:
        """Read it from the probe's output."""
        names = [line.path.split("/")[5] for line in probe.lines(KERNEL_LINES.name) if line.path.startswith("/sys/")]
        return cls(
            cpus_offline=tuple(name for name in names if name.startswith("cpu")),
            blocks_offline=tuple(name for name in names if name.startswith("memory")),
            possible=probe.file(POSSIBLE),
            present=probe.file(PRESENT),
            memory=probe.file(BLOCK_SIZE),
            auto_online=probe.file(AUTO_ONLINE).value,
            auto_online_at_boot=_auto_online_at_boot(probe),
        )


def _auto_online_at_boot(probe: ProbeOutput) -> str | None:
    arguments = kernel_argument_assignments(probe, "memhp_default_state")
    if arguments:
        return arguments[-1].owner if arguments[-1].value.startswith("online") else None
    built = ("MEMORY_HOTPLUG_DEFAULT_ONLINE", "MHP_DEFAULT_ONLINE_TYPE_ONLINE_AUTO")
    return next((f"CONFIG_{name}" for name in built if kernel_option(probe, name) == "y"), None)


def cpu_rules(probe: ProbeOutput) -> list[Assignment]:
    """udev rules that bring an added CPU online, the winner last."""
    return _rules(probe, _ADDED_CPU, "online", ("1",))


def memory_rules(probe: ProbeOutput) -> list[Assignment]:
    """udev rules that bring an added block of memory online, the winner last. Red Hat's computes the word."""
    return _rules(probe, _ADDED_BLOCK, "state", ("online", "online_movable", "online_kernel", "$env{.state}"))


def _rules(probe: ProbeOutput, device: Device, attribute: str, words: tuple[str, ...]) -> list[Assignment]:
    found = [
        entry
        for entry in udev_assignments(probe, device, attribute)
        if entry.value in words and _FOR_OTHERS not in entry.owner
    ]
    return [entry for entry in found if entry.certain]
