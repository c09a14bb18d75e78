# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few lines of kernel files that are long, or many: one search for all who ask, and so one process.

- ``0`` and ``offline``: CPUs and blocks of memory that are not used (a guest has hundreds that are).
- ``cpu`` and ``btime`` of /proc/stat: the CPUs' time together, and when the guest was booted.
- ``…-rxtx-0`` and ``…-rx-0`` of /proc/interrupts: the interrupts of network cards' queues.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines

CPUS, BLOCKS = "/sys/devices/system/cpu/cpu[0-9]*/online", "/sys/devices/system/memory/memory[0-9]*/state"
STAT, INTERRUPTS = "/proc/stat", "/proc/interrupts"

KERNEL_LINES = Lines(
    "kernel_lines",
    "^0\\|^offline\\|^cpu \\|^btime \\|-rxtx-[0-9]\\|-rx-[0-9]",
    (CPUS, BLOCKS, STAT, INTERRUPTS),
)
