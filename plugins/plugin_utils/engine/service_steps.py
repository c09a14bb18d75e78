# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that start, enable and restart services, and take back no more than they did."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Unit


def run_unit_step(unit: Unit) -> Run:
    """What is not so yet of a unit of systemd: enabled, started. The undo takes back no more than that."""
    name = unit.name + ".service"
    verbs = [verb for verb, done in (("enable", unit.enabled), ("start", unit.running)) if not done]
    # The unit's own file may be gone, where its package went first.
    undo = {"enable": sh("systemctl", "disable", name), "start": sh("systemctl", "stop", name)}
    proof = {"enable": sh("systemctl", "-q", "is-enabled", name), "start": sh("systemctl", "-q", "is-active", name)}
    known = f"systemctl show -p LoadState {sh(name)} | grep -q not-found"
    return Run(
        what=f"{' and '.join(verbs)} {name}",
        do=" && ".join(sh("systemctl", verb, name) for verb in verbs),
        undo=f"{known} || {{ {' && '.join(undo[verb] for verb in reversed(verbs))}; }}",
        proof=" && ".join(proof[verb] for verb in verbs),
    )


def with_restart(steps: Sequence[Step], name: str, systemd: bool) -> tuple[Step, ...]:
    """Steps that edit the configuration of a service that runs, and have it read that: now, and after an undo.

    Steps are undone last first. So the first step of the transaction does nothing but restart when it is undone.
    """
    restart = sh("systemctl", "restart", f"{name}.service") if systemd else sh("service", name, "restart")
    runs = sh("systemctl", "-q", "is-active", f"{name}.service") if systemd else sh("service", name, "status")
    return (
        Run(what=f"restart {name}, should this be undone", do="true", undo=restart, proof="true"),
        *steps,
        Run(what=f"restart {name}, which reads its configuration when it starts", do=restart, undo="true", proof=runs),
    )
