# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job on a VM to throw away, for a newcomer: `make demo`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.tests.vm.machine import Hardware
from ansible_collections.vmguest.linux.tests.vm.play import environment, inventory
from ansible_collections.vmguest.linux.tests.vm.progress import waiting
from ansible_collections.vmguest.linux.tests.vm.vm import TOP, VM, BootError, VmError, image

WHAT = """\
A Debian 12 guest in a VM that looks like VMware's (QEMU, emulated), thrown away at the end:

  1. Its disk is moved from an LSI controller to pvscsi, unprepared. It does not boot.
  2. On LSI again, the guest is audited. Nothing is written there.
  3. The plan: what would be done about the findings.
  4. It is remediated; the images that it boots from are built anew.
  5. Moved to pvscsi, it boots.
  6. Back on LSI it boots as well; everything is reverted and audited once more.

It takes eight to fifteen minutes, two more where the guest's image has to be built; no root, no network but for that.
"""
VARIABLES: dict[str, Any] = {
    "vmguest_profile": "everything",
    # This hypervisor has no channel that VMware Tools could use, and the guest no network to install them over.
    "open_vm_tools_mode": "audit",
}


class _Stage:
    """Numbers the headings."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, text: str) -> None:
        self.number += 1
        print(f"\n{_bold(f'{self.number}. {text}')}\n", flush=True)


def demo() -> int:
    """:returns: the exit status: 0 where all went as it was to."""
    began = time.monotonic()
    print(WHAT)
    if not (TOP / ".build/vm/debian.qcow2").exists():
        print("  The guest's image is not there yet and is built first.", flush=True)
    stage = _Stage()
    with VM("vmguest-demo", image("debian"), Hardware("pvscsi")) as vm:
        stage("Moved from LSI to pvscsi, unprepared")
        try:
            with waiting("booting on pvscsi"):
                vm.boot()
        except BootError as error:
            print(f"  as it must, on its console: {error.why}")
        else:
            raise VmError("the guest booted on pvscsi though its images should not hold the driver")
        vm.kill()
        stage("Back on LSI: what is not as it should be? (writes nothing on the guest)")
        with waiting("booting on lsi"):
            vm.boot(controller="lsi")
        _play(vm, "audit")
        stage("The plan: what would be done about it? (check mode, writes nothing either)")
        _play(vm, "remediate", "--check", "--diff")
        stage("Remediate (an emulated guest takes minutes to build its images)")
        _play(vm, "remediate")
        stage("Moved from LSI to pvscsi again")
        with waiting("shutting down, booting on pvscsi"):
            vm.restart(controller="pvscsi")
        print(f"  it boots; the driver of its disk: {vm.tell('cat /sys/class/scsi_host/host*/proc_name')}")
        _play(vm, "audit")
        stage("Back on LSI, and everything reverted")
        with waiting("shutting down, booting on lsi"):
            vm.restart(controller="lsi")
        _play(vm, "revert")
        _play(vm, "audit")
        with waiting("throwing the guest away"):
            vm.close()
    print(
        f"\nDone after {(time.monotonic() - began) / 60:.0f} minutes. `make vm-shell` lets you look around in such a guest."
    )
    return 0


def _play(vm: VM, name: str, *arguments: str) -> None:
    written = vm.folder / "inventory.json"
    written.write_text(
        json.dumps(inventory([vm], {**VARIABLES, "vmguest_reports": str(vm.folder / "reports")})), encoding="utf-8"
    )
    settings = environment(vm.folder)
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        del settings["ANSIBLE_NOCOLOR"]
        settings["ANSIBLE_FORCE_COLOR"] = "true"
    playbook = Path(sys.executable).parent / "ansible-playbook"
    print(f"$ ansible-playbook vmguest.linux.{' '.join([name, *arguments])}", flush=True)
    done = subprocess.run(
        [str(playbook), f"vmguest.linux.{name}", "-i", str(written), *arguments], check=False, env=settings
    )
    if done.returncode:
        raise VmError(f"the playbook {name} ended with {done.returncode}; what it said stands above")


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text
