# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What guests of a fleet are compared by: the key ``fleet`` of a record. Pure, evidence in, plain data out.

None stands for what could not be read, an empty list for what a guest has not. Nothing is read for it that recommendations do
not read already, but NVMe's host name, a file of one line. Identities that are confidential or could be misused are hashes: two
guests with the same one have the same hash.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import canonical_uuid
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.dhcp_identity import duids
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.identity import (
    DBUS_ID,
    HOST_NQN,
    MACHINE_ID,
    host_keys,
    is_machine_id,
    shown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import addresses, only_root
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import starts_of, starts_text
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import tools_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.cron_scatter import scattered_starts


def comparable(evidence: Evidence, options: Options, before: Evidence | None = None) -> dict[str, Any]:
    """The key ``fleet`` of a guest's record; ``before`` is the evidence before a remediation, where there was one."""
    platform = evidence.platform
    now = starts(evidence)
    found: dict[str, Any] = {
        "release": f"{platform.distribution.id} {platform.distribution.major or ''}".strip(),
        "kernel": platform.kernel.release or None,
        "tools": tools(evidence),
        "identity": identity(evidence),
        "starts": now,
        "starts_scattered": scattered(evidence, options) if now is not None else None,
        "receipts": newest_receipts(evidence),
    }
    if before is not None:
        found["starts_before"] = starts(before)
    return found


def tools(evidence: Evidence) -> str | None:
    """The flavours of VMware Tools with their versions, ``none``, None where the packages are not known."""
    return tools_of(evidence).summary if evidence.packages.database else None


# ---- identity --------------------------------------------------------------------------------------------------------


def identity(evidence: Evidence) -> dict[str, list[str] | None]:
    """What tells this guest from all others, by kind. A container's BIOS is its host's, and no identity of it."""
    return {
        "machine_id": _machine_id(evidence),
        "ssh_host_keys": _ssh_host_keys(evidence),
        "dhcp_duid": None if only_root(evidence) else list(duids(evidence)),
        "mac": _macs(evidence),
        "dmi_uuid": [] if evidence.platform.container else _dmi_uuid(evidence),
        "iscsi_iqn": _initiators(evidence),
        "nvme_hostnqn": _host_nqn(evidence),
    }


def _machine_id(evidence: Evidence) -> list[str] | None:
    found = [evidence.file(MACHINE_ID), evidence.file(DBUS_ID)]
    if any(file.state is State.DENIED for file in found):
        return None
    # D-Bus' own one counts where systemd has none: a guest has one id.
    ids = [file.value for file in found if is_machine_id(file.value)]
    return [shown(ids[0])] if ids else []


def _ssh_host_keys(evidence: Evidence) -> list[str] | None:
    keys = host_keys(evidence)
    if keys.problem or (keys.private and not keys.public):
        return None
    return sorted(f"{key.kind} {key.fingerprint}" for key in keys.public)


def _macs(evidence: Evidence) -> list[str] | None:
    cards = addresses(evidence, evidence.network.nics)
    if cards.problem:
        return None
    # What somebody set, or a bond lends its members, may well be on another card, too.
    return sorted({mac for name, mac in cards.own.items() if name not in cards.hidden})


def _dmi_uuid(evidence: Evidence) -> list[str] | None:
    uuid = canonical_uuid(evidence.platform.uuid or "")
    return [uuid] if uuid else None


def _initiators(evidence: Evidence) -> list[str] | None:
    if only_root(evidence):
        return None
    names = {line.text.partition("=")[2].strip() for line in evidence.lines("initiator")}
    return sorted(shown(name) for name in names if name)


def _host_nqn(evidence: Evidence) -> list[str] | None:
    name = evidence.file(HOST_NQN)
    if name.state is State.DENIED:
        return None
    return [shown(name.value)] if name.value else []


# ---- starts of jobs --------------------------------------------------------------------------------------------------


def starts(evidence: Evidence) -> str | None:
    """When the guest's jobs begin, None where not every crontab, or no timer, could be read."""
    cron, systemd = evidence.cron, evidence.platform.systemd
    states = [crontab.state for crontab in cron.crontabs]
    states += [table.state for table in (cron.anacron, cron.other_anacron) if table]
    if any(state is not State.READ for state in states) or (systemd and not evidence.timers.asked):
        return None
    return starts_text(starts_of(evidence))


def scattered(evidence: Evidence, options: Options) -> str | None:
    """When they would begin with cron_scatter and timer_scatter applied."""
    jobs = scattered_starts(evidence, options)
    return None if jobs is None else starts_text(jobs)


# ---- what was done ---------------------------------------------------------------------------------------------------


def newest_receipts(evidence: Evidence) -> dict[str, dict[str, str]]:
    """The newest receipt of each recommendation: what our own runs did last, whatever became of their records."""
    return {
        receipt.recommendation: {"name": receipt.name, "run": receipt.run, "state": receipt.state}
        for receipt in sorted(receipts(evidence), key=lambda receipt: receipt.name)
        if not receipt.members
    }
