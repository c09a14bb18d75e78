# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts: the evidence as plain data with a stable schema, documented in guest_facts. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.scatter import guest_seed
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence


def facts(evidence: Evidence) -> dict[str, Any]:
    """What guest_facts sets as ``ansible_facts.vmguest``. Keys are only ever added; what could not be read is None."""
    return {
        "platform": _platform(evidence),
        "distribution": _distribution(evidence),
        "kernel": _kernel(evidence),
        "memory": _memory(evidence),
        "swap": _swap(evidence),
        "disks": _disks(evidence),
        "modules": _modules(evidence),
        "packages": _packages(evidence),
        "services": _services(evidence),
        "receipts": _receipts(evidence),
    }


def _platform(evidence: Evidence) -> dict[str, Any]:
    platform = evidence.platform
    return {
        "is_vmware": platform.is_vmware,
        "vendor": platform.vendor,
        "product": platform.product or None,
        "uuid": platform.uuid,
        "seed": guest_seed(evidence),
        "container": platform.container,
        "machine": platform.machine or None,
        "init": platform.init,
        "hostname": platform.hostname or None,
        "immutable": platform.immutable,
    }


def _distribution(evidence: Evidence) -> dict[str, Any]:
    distribution = evidence.platform.distribution
    return {
        "id": distribution.id,
        "family": distribution.family,
        "version": distribution.version or None,
        "major": distribution.major,
        "minor": distribution.minor,
        "name": distribution.name,
    }


def _kernel(evidence: Evidence) -> dict[str, Any]:
    platform = evidence.platform
    return {
        "release": platform.kernel.release or None,
        "version": list(platform.kernel.version),
        "arguments": list(platform.command_line),
    }


def _memory(evidence: Evidence) -> dict[str, Any]:
    memory = evidence.memory
    return {"total_kib": memory.total_kib, "reservation_mib": memory.reservation_mib}


def _swap(evidence: Evidence) -> dict[str, Any]:
    memory = evidence.memory
    return {
        "in_use": None
        if memory.swaps is None
        else [
            {"path": swap.path, "kind": swap.kind, "size_kib": swap.size_kib, "used_kib": swap.used_kib}
            for swap in memory.swaps
        ],
        "at_boot": None
        if memory.swaps_at_boot is None
        else [
            {
                "spec": swap.spec,
                "path": swap.path,
                "size_kib": swap.size_kib,
                "owner": swap.owner,
                "masked_by": swap.masked_by,
            }
            for swap in memory.swaps_at_boot
        ],
        "zram_kib": memory.zram_kib,
    }


def _disks(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "name": disk.name,
            "vendor": disk.vendor or None,
            "model": disk.model or None,
            "virtual": disk.is_virtual,
            "scheduler": disk.scheduler,
            "schedulers": list(disk.schedulers),
        }
        for disk in evidence.storage.disks
    ]


def _modules(evidence: Evidence) -> dict[str, Any]:
    modules = evidence.modules
    return {"loaded": sorted(modules.loaded), "built_in": sorted(modules.built_in)}


def _packages(evidence: Evidence) -> dict[str, Any]:
    packages = evidence.packages
    return {"database": packages.database, "versions": dict(sorted(packages.versions.items()))}


def _services(evidence: Evidence) -> dict[str, Any]:
    services = evidence.services
    return {
        "units": None
        if services.units is None
        else {
            name: {"active": unit.active, "running": unit.running, "enabled": unit.enabled, "masked_by": unit.mask}
            for name, unit in sorted(services.units.items())
            if unit.exists
        },
        "scripts": {
            name: {"path": script.path, "starts": list(script.starts)}
            for name, script in sorted(services.scripts.items())
        },
        "daemons": sorted(services.daemons),
    }


def _receipts(evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "name": receipt.name,
            "recommendation": receipt.recommendation,
            "run": receipt.run,
            "time": receipt.time,
            "state": receipt.state,
        }
        for receipt in receipts(evidence)
    ]
