# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that start, enable and restart services, and take back no more than they did."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Unit

#: Steps are undone last first: as the first step of a transaction this has systemd read its files when they are as before.
RELOAD_WHEN_UNDONE = Run(
    what="have systemd reload its unit files, should this be undone",
    do="true",
    undo=sh("systemctl", "daemon-reload"),
    proof="true",
)


def run_unit_step(unit: Unit) -> Run:
    """What is not so yet of a service of systemd: enabled, started. The undo takes back no more than that."""
    return unit_step(unit.name + ".service", unit.enabled, unit.running)


def unit_step(name: str, enabled: bool, running: bool, reload: bool = False) -> Run:
    """The same for a unit of any kind, by its full name; ``reload``: after systemd has read its files anew."""
    verbs = [verb for verb, done in (("enable", enabled), ("start", running)) if not done]
    first = [sh("systemctl", "daemon-reload")] if reload else []
    # The unit's own file may be gone, where its package went first.
    undo = {"enable": sh("systemctl", "disable", name), "start": sh("systemctl", "stop", name)}
    proof = {"enable": sh("systemctl", "-q", "is-enabled", name), "start": sh("systemctl", "-q", "is-active", name)}
    known = f"systemctl show -p LoadState {sh(name)} | grep -q not-found"
    return Run(
        what=f"{' and '.join(verbs)} {name}",
        do=" && ".join([*first, *(sh("systemctl", verb, name) for verb in verbs)]),
        undo=f"{known} || {{ {' && '.join(undo[verb] for verb in reversed(verbs))}; }}",
        proof=" && ".join(proof[verb] for verb in verbs),
    )


def with_restart(steps: Sequence[Step], name: str, systemd: bool) -> tuple[Step, ...]:
    """Steps that edit the configuration of a service that runs, and have it read that: now, and after an undo.

    Steps are undone last first. So the first step of the transaction does nothing but restart when it is undone: what somebody
    stopped since, or whose package went, is left alone. What our edit brought down is `failed`, or starting again and again.
    """
    if systemd:
        unit = f"{name}.service"
        restart, runs = sh("systemctl", "restart", unit), sh("systemctl", "-q", "is-active", unit)
        idle = f"systemctl show -p ActiveState {sh(unit)} | grep -q '=inactive$'"
    else:
        # Here nothing tells a daemon that somebody stopped from one that did not start.
        restart, runs = sh("service", name, "restart"), sh("service", name, "status")
        idle = " && ".join(
            f'[ ! -e "$ROOT"{sh(f"{folder}/{name}")} ]' for folder in ("/etc/init.d", "/etc/rc.d/init.d")
        )
    return (
        Run(what=f"restart {name}, should this be undone", do="true", undo=f"{{ {idle}; }} || {restart}", proof="true"),
        *steps,
        Run(what=f"restart {name}, which reads its configuration when it starts", do=restart, undo="true", proof=runs),
    )
