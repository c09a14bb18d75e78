# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with one guest: what the action plugins share. Settings in, scripts over the transport, records and tables out.

Imported when Ansible loads the action plugins in its main process, so that no guest pays for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import SPECS, InputError, did_you_mean
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import (
    VARIABLES,
    Policy,
    report_formats,
    resolve_policy,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, Receipt, parse_apply
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError, declared, parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import head, probe_program
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import (
    Transport,
    TransportError,
    Unreachable,
    Way,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report import run
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.comparable import comparable
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.drift import history, previous_record
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import (
    RecordError,
    Records,
    merged,
    printable,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.table import guest_table

# Composed in the main process, once for all guests.
_PROBE_PROGRAM = probe_program(READS)
declared(READS)  # remembered

#: Options of modules that stand for the variable ``vmguest_<option>``.
POLICY_OPTIONS = ("profile", "only", "skip", "waivers", "lab_guest", "reports")


class TaskFailed(Exception):
    """The task fails with this sentence; ``result`` goes with it."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


def plain_data(value: Any) -> Any:
    """A templated value as plain data: newer releases of Ansible hand out tagged and lazy ones, older ones what a vault holds as
    no text, which would be shown where it is refused."""
    if isinstance(value, Mapping):
        return {plain_data(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)[:]
    if getattr(value, "__ENCRYPTED__", False):
        return str(value)
    return value


class GuestAction(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Base of the action plugins. ``OPTIONS`` are the module's own ones beside ``root``."""

    OPTIONS: tuple[str, ...] = ()
    #: Those of them that stand for a variable.
    VARIABLES: Mapping[str, str] = {
        option: f"vmguest_{option}"
        for option in (*POLICY_OPTIONS, "fail_on", "wait", "plan", "resume", "change_window", "max_changes")
    }
    #: Whether the guest gets a record, and what it says was done.
    DOES: str | None = None

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = True
    TRANSFERS_FILES = False

    task_vars: dict[str, Any]
    transport: Transport
    records: Records | None = None

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task; whatever goes wrong is one sentence in ``msg``."""
        self.task_vars = task_vars or {}
        self.host = str(self.task_vars.get("inventory_hostname", ""))
        try:
            self._refuse()
            returns_findings = self.returns_findings
            super().run(tmp, task_vars)
            result = self.session()
        except Unreachable as error:
            ends = {"failed": True} if self.ends_its_batch else {"unreachable": True}
            return self._ended("unreachable", str(error), {**ends, "changed": False})
        except TaskFailed as failure:
            return self._ended("failed", str(failure), {"failed": True, "changed": False, **failure.result})
        except (InputError, ProbeError, RecordError, TransportError) as error:
            return self._ended("failed", str(error), {"failed": True, "changed": False})
        except Exception as error:
            # A defect of ours: Ansible reports it, and the report has the guest.
            self._ended("failed", f"unexpected {type(error).__name__}: {error}", {})
            raise
        # A strategy keeps the results of a task until the last guest has answered: thousands of findings lists are gigabytes.
        if not returns_findings:
            result.pop("findings", None)
        return dict(printable(result))

    def session(self) -> dict[str, Any]:
        """What the module does; its result."""
        raise NotImplementedError

    # ---- settings ----------------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        module = self._task.action
        if self._task.delegate_to:
            raise TaskFailed(
                f"{module} looks at the guest that the task is for and cannot be delegated to another; remove delegate_to"
            )
        if self._task.async_val:
            raise TaskFailed(
                f"{module} does not run with async: it would need Python on the guest; remove async and poll"
            )
        known = [*self.OPTIONS, "root"]
        for option in self._task.args:
            if option not in known:
                raise TaskFailed(f"{module} has no option '{option}'; {did_you_mean(str(option), sorted(known))}")

    def argument(self, name: str) -> Any:
        """A module option as plain data, None where it is not given."""
        return plain_data(self._task.args.get(name))

    @property
    def root(self) -> str:
        """The option ``root`` as the scripts take it: empty for ``/``, without a slash at the end.

        :raises InputError: where it is no absolute path.
        """
        root = self.argument("root")
        if root is None:
            return ""
        if not isinstance(root, str) or not root.startswith("/") or "\n" in root:
            raise InputError(f"'root' must be an absolute path on the guest, such as /mnt/image; found {root!r}.")
        return root.rstrip("/")

    @property
    def returns_findings(self) -> bool:
        """The option ``return_findings``.

        :raises InputError: where it is no boolean.
        """
        given = self.argument("return_findings")
        try:
            return given is None or bool(boolean(given))
        except TypeError:
            raise InputError(f"'return_findings' must be true or false; found {given!r}.") from None

    @property
    def ends_its_batch(self) -> bool:
        """True where no batch may follow one in which a guest could not be reached. To Ansible that is no failure: it goes on, and
        where a guest of the same batch failed, too, even that does not end the play."""
        return False

    @property
    def check_mode(self) -> bool:
        """True where nothing may be changed."""
        return bool(self._task.check_mode)

    def refuse_in_inventory(self, name: str) -> None:
        """Plays are made before there are guests: whom they take, and in what batches, would silently count for nothing in the
        inventory.

        :raises InputError: where the variable is set there.
        """
        play = self._task.get_play()
        if name in self.task_vars and name not in load_extra_vars(self._loader) and name not in (play.vars or {}):
            raise InputError(
                f"'{name}' is set in the inventory, where the play does not see it; give it with -e. No guest was touched."
            )

    def policy(self, role: str | None = None) -> Policy:
        """The policy for this guest, from variables and module options.

        Role defaults are not asked: they are the defaults of argument_specs, which hold for every way to get here.

        :raises InputError: in one sentence, before the guest is touched.
        """
        self.refuse_in_inventory("vmguest_hosts")
        prefixes = ("vmguest_", *(f"{name}_" for name in SPECS))
        variables = {}
        for name, value in self.task_vars.items():
            if isinstance(name, str) and name.startswith(prefixes):
                try:
                    variables[str(name)] = plain_data(self._templar.template(value))
                except AnsibleError as error:
                    raise InputError(f"the variable '{name}' cannot be resolved: {printable(str(error))}") from None
        for option, variable in self.VARIABLES.items():
            if option in self.OPTIONS and self.argument(option) is not None:
                variables[variable] = self.argument(option)
        return resolve_policy(variables, datetime.now(timezone.utc).date(), role)

    # ---- the guest ---------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Choose the way to the guest: the one that worked for it before in this run, if there was one."""
        earlier = self.records.read(self.host) if self.records else None
        # Not standard input: another play of this run may become root in another way.
        way = Way.ARGUMENT if (earlier or {}).get("transport") == str(Way.ARGUMENT) else None
        self.transport = Transport(self, way)

    def probe(self) -> Evidence:
        """Read the guest: one exec.

        :raises TransportError, ProbeError: where that failed.
        """
        nonce = secrets.token_hex(16)
        return evidence_of(self.transport.run(head(nonce, self.root) + _PROBE_PROGRAM, nonce), nonce)

    def changed(self, script: str, nonce: str) -> tuple[ApplyOutput, Evidence]:
        """Run an apply or revert, and the probe after it: one exec.

        :raises TaskFailed: where the guest refused to begin.
        :raises TransportError, ProbeError: where the output was cut.
        """
        until_then = (
            "What was done until then is in the guest's receipts, and the next remediation completes or undoes it."
        )
        try:
            output = self.transport.run(script, nonce)
            applied = parse_apply(output, nonce)
        except Unreachable as error:
            raise Unreachable(f"{error}. {until_then}") from None
        except ProbeError as error:
            raise TaskFailed(f"{error} {until_then}", changed=True) from None
        if applied.locked is not None:
            run_id, process, since = ([*applied.locked.split(" ", 2), "", ""])[:3]
            raise TaskFailed(
                f"another run of vmguest.linux is changing this guest: run {run_id}, process {process}, since {since}; "
                "nothing was done, try again when it has ended"
            )
        if applied.refused is not None:
            raise TaskFailed(f"the guest refused to be changed, and nothing was done: {applied.refused}")
        return applied, evidence_of(output, nonce)

    # ---- what is kept and shown --------------------------------------------------------------------------------------

    def open_records(self, policy: Policy) -> None:
        """Begin this guest's record: what cannot be written is said before the guest is touched, and a task that is killed
        leaves word of it.

        :raises RecordError: where it cannot be written.
        """
        records = self.records = run.records(policy.reports, policy.report_formats)
        try:
            records.prepare()
            kept = _kept(records.read(self.host))
            self.record(
                state="interrupted", message="the task was ended before the guest answered", findings=[], **kept
            )
        except RecordError as error:
            self.records = None
            raise RecordError(f"{error}. The guest was not touched.") from error

    def record(self, **fields: Any) -> str:
        """Write this guest's record; its path.

        :raises RecordError: where it cannot be written.
        """
        if self.records is None:
            raise AssertionError("a record before open_records")
        record = {
            "run": run.RUN,
            "time": run.now(),
            "host": self.host,
            "action": self.DOES,
            "check": self.check_mode,
            "state": "ok",
            "message": None,
            "groups": self._groups(),
            **fields,
        }
        whole = merged(self.records.read(self.host), record)
        if whole["findings"]:
            whole["history"] = history(previous_record(self.records.folder, self.host), whole)
        return str(self.records.write(self.host, whole))

    def record_guest(self, evidence: Evidence, policy: Policy, before: Evidence | None = None, **fields: Any) -> str:
        """Write the record of a guest that answered; its path. ``before`` is what it was like before it was changed.

        :raises RecordError: where it cannot be written.
        """
        return self.record(
            profile=policy.profile,
            guest=about(evidence),
            fleet=comparable(evidence, policy.options, before),
            transport=str(self.transport.way),
            **fields,
        )

    def _groups(self) -> list[str]:
        """The inventory's groups that the guest is in, without those that say nothing."""
        return sorted(
            str(group) for group in self.task_vars.get("group_names") or () if group not in ("all", "ungrouped")
        )

    def _ended(self, state: str, message: str, result: dict[str, Any]) -> dict[str, Any]:
        """The result of a task that came to no good end, and its record, where none is complete."""
        message = str(printable(message))
        if self.records is None and self.DOES is not None:
            self._begin_records()
        if self.records is not None and "record" not in result:
            try:
                result["record"] = self.record(
                    state=state, message=message, findings=[], **_kept(self.records.read(self.host))
                )
            except RecordError as error:
                message = f"{message}; and {error}"
        return {**dict(printable(result)), "msg": message}

    def _begin_records(self) -> None:
        """The place for the record of a guest whose settings cannot be used: it would be missing from the totals. Where even
        that cannot be had, the sentence for the task says so already.
        """
        reports = self.argument("reports") if "reports" in self.OPTIONS else None
        reports = reports or self._variable("vmguest_reports")
        formats = self._variable("vmguest_report_formats")
        try:
            formats = report_formats(VARIABLES["vmguest_report_formats"] if formats is None else formats)
        except InputError:
            # Those that the other guests ask for are made.
            formats = ()
        folder = reports if isinstance(reports, str) and reports.strip() else VARIABLES["vmguest_reports"]
        records = run.records(folder, formats)
        with suppress(RecordError):
            records.prepare()
            self.records = records

    def _variable(self, name: str) -> Any:
        """A variable as plain data, None where it cannot be had."""
        with suppress(AnsibleError):
            return plain_data(self._templar.template(self.task_vars.get(name)))
        return None

    def show(self, lines: Sequence[str]) -> None:
        """Print lines for a person."""
        if not self._task.no_log:
            run.show("\n".join(printable(line) for line in lines))

    def show_findings(
        self, evidence: Evidence, policy: Policy, rows: Sequence[Mapping[str, Any]], more: Sequence[str] = ()
    ) -> None:
        """Print the guest's table, of findings as plain data, and ``more`` lines under it."""
        if self._task.no_log:
            return
        platform = evidence.platform
        about = f"{platform.distribution.name}, kernel {platform.kernel.release}, profile {policy.profile}"
        everything = Display().verbosity > 0
        tail = "".join(f"\n{printable(line)}" for line in more)
        run.show(lambda paint: guest_table(self.host, about, rows, run.WIDTH, paint, everything) + tail)


def evidence_of(output: str, nonce: str) -> Evidence:
    """The evidence in the output of a probe.

    :raises ProbeError: where it was cut.
    """
    found = parse(output, nonce, READS)
    return Evidence(
        found.declared, found.files, found.selections, found.directory_entries, found.commands, found.images
    )


def receipt_record(receipt: Receipt) -> dict[str, Any]:
    """A receipt as plain data."""
    return {
        "name": receipt.name,
        "recommendation": receipt.recommendation,
        "run": receipt.run,
        "time": receipt.time,
        "state": receipt.state,
    }


def about(evidence: Evidence) -> dict[str, Any]:
    """What a record says of the guest itself."""
    platform = evidence.platform
    return {
        "distribution": platform.distribution.name,
        "kernel": platform.kernel.release,
        "vendor": platform.vendor,
        "uuid": platform.uuid,
    }


def _kept(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """What outlives a record that is written again in the same run."""
    return {name: (record or {})[name] for name in ("transport", "guest", "fleet") if name in (record or {})}
