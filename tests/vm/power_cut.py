# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The power of a guest, cut while it is remediated.

The moment is a flush of its disk, counted by QEMU: a measure of progress that does not depend on how fast the machine is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import Play, play
from ansible_collections.vmguest.linux.tests.vm.qmp import QmpError
from ansible_collections.vmguest.linux.tests.vm.vm import VM

#: Flushes count here, and what was not flushed is lost.
HARDWARE = Hardware(cache="writeback")
#: Fails where an image or the menu is not whole.
WHOLE = """
for image in /boot/initrd.img-*; do lsinitramfs "$image" >/dev/null || exit 1; done
grub-script-check /boot/grub/grub.cfg
"""


def flushes(vm: VM) -> int:
    """How often the guest has flushed its disk since power on."""
    (disk,) = (entry for entry in vm.qmp("query-blockstats") if entry["qdev"].endswith("sd0") or entry["qdev"] == "sd0")
    return int(disk["stats"]["flush_operations"])


def remediate_until(vm: VM, flush: int | None, variables: Mapping[str, Any]) -> Play | None:
    """Remediate, and cut the power at that flush after the beginning; None where it was cut."""
    first = flushes(vm)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(play, "remediate", vm, variables, check=False)
        while flush is not None and not running.done():
            try:
                if flushes(vm) - first >= flush:
                    vm.kill()
                    break
            except QmpError:
                break
            time.sleep(0.01)
        done = running.result()
    return done if vm.alive else None


def receipts(vm: VM) -> str:
    """What the guest's own log of transactions says: receipt and state."""
    return vm.tell("cd /var/lib/vmguest/receipts 2>/dev/null && grep -s . */state | tr '\\n' ' ' || echo none")
