# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_reboot: reboots a guest whose findings wait for it, and proves them afterwards. One exec where none does."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.connection import ConnectionBase

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine import reboot as decision
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, records_with_before
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.outcome import with_failures
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import closed
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest import reboot
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import (
    POLICY_OPTIONS,
    GuestAction,
    TaskFailed,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import TransportError, Unreachable

#: Connections whose commands run on the machine that Ansible runs on, under its own kernel.
_AT_HOME = frozenset({"local", "chroot", "nsenter"})
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: How ssh finds out that a guest has gone that did not close its connections.
_NOTICE_SILENCE = "-o ServerAliveInterval=5 -o ServerAliveCountMax=3"
#: Own options, and the variables that they stand for.
_OWN = {name.removeprefix("vmguest_reboot_"): name for name in decision.VARIABLES if name != "vmguest_reboot"} | {
    "when": "vmguest_reboot"
}


class ActionModule(GuestAction):
    OPTIONS = (*POLICY_OPTIONS, "return_findings", "change_window", *_OWN)
    VARIABLES = {**GuestAction.VARIABLES, **_OWN}  # noqa: RUF012 (nobody changes it)
    DOES = "reboot"

    @property
    def ends_its_batch(self) -> bool:
        return True

    def session(self) -> dict[str, Any]:
        self._refuse_to_reboot_the_controller()
        policy = self.policy()
        self.refuse_in_inventory("vmguest_reboot_batch")
        self.open_records(policy)
        self.connect()
        evidence = self.probe()
        before = assess(evidence, policy)
        idle = decision.left_alone(before, policy.reboot)
        if idle:
            return self._finished(evidence, policy, before, before, idle, changed=False)
        obstacle = decision.obstacle(evidence, policy.reboot)
        if obstacle:
            raise self._failed(evidence, policy, before, before, f"not rebooted: {obstacle}", changed=False)
        waits = closed(policy.rollout.windows, datetime.now(timezone.utc))
        if waits and not self.check_mode:
            return self._finished(
                evidence, policy, before, before, f"not rebooted: {waits}", changed=False, state="waiting"
            )
        return (self._would_reboot if self.check_mode else self._reboot)(evidence, policy, before)

    # ---- before ------------------------------------------------------------------------------------------------------

    def _refuse_to_reboot_the_controller(self) -> None:
        if self.argument("root") is not None:
            raise InputError("guest_reboot has no option 'root': a machine is rebooted as a whole.")
        if self._connection.transport.rpartition(".")[2] in _AT_HOME:
            raise TaskFailed(
                f"the connection '{self._connection.transport}' leads to the machine that Ansible runs on, and guest_reboot "
                "would reboot that; leave this host out with --limit or vmguest_hosts"
            )

    # ---- the reboot --------------------------------------------------------------------------------------------------

    def _ask(self, payload: Callable[..., str], *arguments: str) -> reboot.Answer:
        """One exec of the reboot program.

        :raises TransportError, ProbeError: where that failed.
        """
        nonce = secrets.token_hex(16)
        return reboot.parse_answer(self.transport.run(payload(nonce, *arguments), nonce), nonce)

    def _would_reboot(self, evidence: Evidence, policy: Policy, before: Sequence[Finding]) -> dict[str, Any]:
        """Check mode: looks on the guest for what forbids the reboot."""
        target = decision.target(evidence)
        answer = self._ask(reboot.look_payload, _controller(), target.kernel, target.image)
        if answer.refused is not None:
            raise self._failed(evidence, policy, before, before, f"not rebooted: {answer.refused}", changed=False)
        message = f"would be rebooted, because of {decision.because(before)}"
        return self._finished(evidence, policy, before, before, message, changed=True)

    def _reboot(self, evidence: Evidence, policy: Policy, before: Sequence[Finding]) -> dict[str, Any]:
        self.record_guest(
            evidence,
            policy,
            state="interrupted",
            message="the task was ended while the guest was being rebooted",
            findings=records_with_before(before, before),
        )
        target = decision.target(evidence)
        words = (_controller(), target.kernel, target.image, policy.reboot.message)
        try:
            answer = self._ask(reboot.schedule_payload, *words)
        except (Unreachable, ProbeError) as error:
            message = f"the connection ended while it was told to reboot, and whether it does is not known: {error}"
            raise self._failed(evidence, policy, before, before, message, changed=True) from None
        if answer.scheduled is None:
            raise self._failed(evidence, policy, before, before, f"not rebooted: {answer.refused}", changed=False)
        self.show([f"{self.host}: rebooting, because of {decision.because(before)}"])
        boots: dict[str, Any] = {"boot_id_before": answer.boot, "boot_id_after": None, "seconds": None}
        self._notice_silence()
        try:
            back = reboot.await_boot(
                answer.boot, lambda: self._ask_anew(answer.boot, policy), policy.reboot, reboot.CLOCK
            )
        except reboot.NotBack as error:
            raise self._failed(evidence, policy, before, before, str(error), changed=True, **boots) from None
        self.show([f"{self.host}: back after {back.seconds} s"])
        boots.update(boot_id_after=back.boot, seconds=back.seconds)
        return self._prove(evidence, policy, before, boots)

    def _ask_anew(self, boot: str, policy: Policy) -> reboot.Answer:
        """Ask for the boot id over a new connection: ssh would go on to use the old one, which may never answer."""
        self._reset()
        return self._ask(reboot.answer_payload, boot, policy.reboot.test)

    def _reset(self) -> None:
        connection = self._connection
        # What a connection says of its own end is no news, and some connect again at once, to a guest that is not there.
        with suppress(Exception):
            if type(connection).reset is ConnectionBase.reset:
                connection.close()
            else:
                connection.reset()

    def _notice_silence(self) -> None:
        """Have ssh give up a connection that no longer answers. What the user set stands before it, and wins."""
        if self._connection.transport == "ssh":
            given = self._connection.get_option("ssh_extra_args") or ""
            self._connection.set_option("ssh_extra_args", f"{given} {_NOTICE_SILENCE}".strip())

    # ---- after -------------------------------------------------------------------------------------------------------

    def _prove(
        self, evidence: Evidence, policy: Policy, before: Sequence[Finding], boots: dict[str, Any]
    ) -> dict[str, Any]:
        """Probe again; services may still be starting, so findings have some time to become as desired."""
        began = reboot.CLOCK.now()
        after, problems, lost = before, {}, ""
        while True:
            try:
                evidence = self.probe()
                after, lost = assess(evidence, policy), ""
                problems = decision.unproved(before, after)
            except (TransportError, ProbeError) as error:
                lost = f"it is back after its reboot, but could not be audited: {error}"
            if not problems and not lost:
                break
            if reboot.CLOCK.now() - began >= policy.reboot.settle:
                if lost:
                    raise self._failed(evidence, policy, before, before, lost, changed=True, **boots)
                message = "after the reboot " + "; ".join(f"{name}: {reason}" for name, reason in problems.items())
                failed = with_failures(after, problems)
                names = sorted(problems)
                raise self._failed(
                    evidence, policy, before, failed, message, changed=True, failed_recommendations=names, **boots
                )
            reboot.CLOCK.sleep(reboot.PAUSE)
            self._reset()
        message = f"rebooted, and back after {boots['seconds']} s"
        return self._finished(evidence, policy, before, after, message, changed=True, **boots)

    def _failed(
        self,
        evidence: Evidence,
        policy: Policy,
        before: Sequence[Finding],
        after: Sequence[Finding],
        message: str,
        changed: bool,
        **result: Any,
    ) -> TaskFailed:
        """The failure, to be raised; what is known of the guest is recorded and shown."""
        record = self._recorded(evidence, policy, before, after, "failed", message, result)["record"]
        return TaskFailed(message, changed=changed, record=record, **result)

    def _finished(
        self,
        evidence: Evidence,
        policy: Policy,
        before: Sequence[Finding],
        after: Sequence[Finding],
        message: str,
        changed: bool,
        state: str = "ok",
        **result: Any,
    ) -> dict[str, Any]:
        recorded = self._recorded(evidence, policy, before, after, state, message, result)
        return {"changed": changed, "profile": policy.profile, "msg": message, **result, **recorded}

    def _recorded(
        self,
        evidence: Evidence,
        policy: Policy,
        before: Sequence[Finding],
        after: Sequence[Finding],
        state: str,
        message: str,
        result: dict[str, Any],
    ) -> dict[str, Any]:
        rows = records_with_before(before, after)
        record = self.record_guest(
            evidence,
            policy,
            state=state,
            message=message,
            findings=rows,
            **result,
        )
        self.show_findings(evidence, policy, rows, [f"  {message}"] if state != "failed" else [])
        return {"findings": rows, "record": record}


def _controller() -> str:
    """The boot id of the machine that this runs on, empty where it has none (it is no Linux)."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""
