# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""compliance_report: reports of runs that are over, from their records. Runs on the controller; no guest is touched."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError, did_you_mean
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import (
    VARIABLES,
    known_variables,
    report_formats,
    reports_folder,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import plain_data
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet import Fleet, newest_run
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import RecordError, printable
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.run import place, report, show_report

OPTIONS = ("folders", "formats", "out", "reports")


class ActionModule(ActionBase):
    #: Once for all hosts of a play: whichever host a --limit leaves, none is asked for anything.
    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build the report; what goes wrong is one sentence in ``msg``."""
        super().run(tmp, task_vars)
        try:
            return dict(printable(self._report(task_vars or {})))
        except (InputError, RecordError) as error:
            return {"failed": True, "changed": False, "msg": str(printable(str(error)))}

    def _report(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        for option in self._task.args:
            if option not in OPTIONS:
                raise InputError(
                    f"compliance_report has no option '{option}'; {did_you_mean(str(option), sorted(OPTIONS))}"
                )
        known_variables(task_vars)
        reports = place(reports_folder(self._given("reports", "vmguest_reports", task_vars)))
        formats = report_formats(self._given("formats", "vmguest_report_formats", task_vars))
        folders = _folders(self._given("folders", None, task_vars))
        out = self._given("out", None, task_vars)
        if out is not None and (not isinstance(out, str) or not out.strip()):
            raise InputError(f"'out' must name a folder on the controller; found {out!r}.")
        fleet = Fleet(folders or [newest_run(reports)])
        folder = place(out) if out else fleet.folder or reports / f"{_compact(fleet.ended)}-merged"
        if self._task.check_mode:
            with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP) as scratch:
                built, totals = report(fleet, Path(scratch), formats, reports=folder.parent)
                files = [folder / path.name for path in built.files]
                changed = [path for path in files if not _same(Path(scratch) / path.name, path)]
        else:
            built, totals = report(fleet, folder, formats)
            files, changed = list(built.files), list(built.changed)
        show_report(fleet, folder, built, totals)
        result = {
            "changed": bool(changed),
            "guests": len(fleet),
            "runs": list(fleet.runs),
            "folder": str(folder),
            "files": [str(path) for path in files],
            "summary": asdict(built.summary),
            "passed_over": sorted(fleet.unreadable),
        }
        if built.problems:
            return {**result, "failed": True, "msg": "; ".join(built.problems)}
        return result

    def _given(self, option: str, variable: str | None, task_vars: dict[str, Any]) -> Any:
        """A module option, else the variable that it stands for, else its default; None where there is none.

        :raises InputError: for a variable that cannot be resolved.
        """
        value = plain_data(self._task.args.get(option))
        if value is not None or variable is None:
            return value
        try:
            value = plain_data(self._templar.template(task_vars.get(variable)))
        except AnsibleError as error:
            raise InputError(f"the variable '{variable}' cannot be resolved: {printable(str(error))}") from None
        return VARIABLES[variable] if value is None else value


def _folders(value: Any) -> list[Path]:
    """The option ``folders``: a list of paths, or one.

    :raises InputError: for anything else.
    """
    names = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"'folders' must be a list of folders of runs; found {value!r}.")
    return [place(name) for name in names]


def _compact(time: str) -> str:
    """A time as the folders of runs have it."""
    return time.replace("-", "").replace(":", "")


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)
