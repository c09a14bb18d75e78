# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's playbooks and its probe, run on VMs as a user runs them: over SSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import evidence_of
from ansible_collections.vmguest.linux.tests.vm.vm import TOP, VM, VmError


@dataclass(frozen=True)
class Play:
    """How a playbook ended, what it printed, and the record of each guest."""

    status: int
    output: str
    records: Mapping[str, Mapping[str, Any]]

    def finding(self, recommendation: str, host: str | None = None) -> Mapping[str, Any]:
        """The finding of a recommendation on a guest, of which there is one unless it is named."""
        record = self.records[host] if host else next(iter(self.records.values()))
        found: list[Mapping[str, Any]] = [
            entry for entry in record["findings"] if entry["recommendation"] == recommendation
        ]
        assert len(found) == 1, f"{len(found)} findings of {recommendation} in:\n{self.output}"
        return found[0]

    def status_of(self, recommendation: str, host: str | None = None) -> str:
        """The status of that finding."""
        return str(self.finding(recommendation, host)["status"])


def inventory(vms: Sequence[VM], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The VMs for Ansible, which takes their OpenSSH configuration and needs no more."""
    hosts = {vm.name: {"ansible_ssh_args": f"-F {vm.ssh_config}"} for vm in vms}
    # The login is root; a modern Ansible warns of nothing then.
    return {"all": {"hosts": hosts, "vars": {"ansible_become": False, **variables}}}


def play(
    name: str,
    vms: VM | Sequence[VM],
    variables: Mapping[str, Any],
    *arguments: str,
    check: bool = True,
    seconds: float = 1800,
) -> Play:
    """Run a playbook of the collection on VMs, with these variables in the inventory.

    :raises VmError: where it fails, unless not to ``check``, or is not done after so many seconds.
    """
    vms = [vms] if isinstance(vms, VM) else list(vms)
    folder = vms[0].folder
    written = folder / "inventory.json"
    reports = folder / f"reports-{uuid.uuid4().hex[:8]}"
    written.write_text(json.dumps(inventory(vms, {**variables, "vmguest_reports": str(reports)})), encoding="utf-8")
    try:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                f"vmguest.linux.{name}",
                "-i",
                str(written),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            cwd=folder,
            env=environment(folder),
        )
    except subprocess.TimeoutExpired as error:
        raise VmError(f"the playbook {name} was not done after {seconds:.0f} s:\n{error.stdout!r}") from None
    if check and done.returncode:
        raise VmError(f"the playbook {name} ended with {done.returncode}:\n{done.stdout}")
    return Play(done.returncode, done.stdout, _records(reports))


def environment(folder: Path) -> dict[str, str]:
    """What an ansible-playbook is to find: this collection, nothing of the user's."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".build/import"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_PIPELINING": "true",
        # A guest that is short of memory or boots takes its time.
        "ANSIBLE_TIMEOUT": "60",
    }


def _records(reports: Path) -> dict[str, Mapping[str, Any]]:
    read = (json.loads(path.read_text(encoding="utf-8")) for path in reports.glob("*/hosts/*.json"))
    return {record["host"]: record for record in read}


def evidence(vm: VM) -> Evidence:
    """What the probe finds on a running guest.

    :raises VmError: where it does not answer.
    """
    nonce = uuid.uuid4().hex
    done = subprocess.run(
        ["ssh", "-F", str(vm.ssh_config), vm.name, "sh -s"],
        input=probe_payload(nonce, READS),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if done.returncode:
        raise VmError(f"{vm.name}: the probe ended with {done.returncode}: {done.stderr}")
    return evidence_of(done.stdout, nonce)
