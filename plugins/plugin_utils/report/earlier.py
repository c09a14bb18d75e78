# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an earlier run left on the controller for this one: its plan files, its records."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan_file import PlanFile, read_plan_file
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import Records, file_name, printable

SUFFIX = ".yml"


def find_plan(places: Sequence[str], host: str) -> tuple[Path, PlanFile] | None:
    """The plan of ``host`` in ``places``, which are folders and files; None where there is none.

    :raises InputError: where a place cannot be read, holds no plan at all, or one that is not as it was written or of another
        guest; or two places have a plan of ``host``.
    """
    found = [entry for entry in (_in_place(place, host) for place in places) if entry]
    if len(found) > 1:
        raise InputError(
            f"'vmguest_plan' has two plans of {host}: '{found[0][0]}' and '{found[1][0]}'; take one of them out. "
            "The guest was not touched."
        )
    return found[0] if found else None


def _in_place(place: str, host: str) -> tuple[Path, PlanFile] | None:
    path = _absolute(place)
    name = str(printable(host))
    try:
        if path.is_dir():
            folder = path / "plan" if (path / "plan").is_dir() else path
            file = folder / file_name(host, SUFFIX)
            if not file.exists():
                if not any(entry.name.endswith(SUFFIX) for entry in os.scandir(folder)):
                    raise InputError(
                        f"'vmguest_plan': there is no plan file in '{folder}'; expected the folder that vmguest.linux.plan wrote. "
                        "No guest was touched."
                    )
                return None
            plan = read_plan_file(file.read_text(encoding="utf-8"), str(file))
            if plan.guest != name:
                raise InputError(
                    f"the plan file '{file}' is named after {host} and is a plan of {plan.guest}: a plan holds for its own guest "
                    "only. Make one for this guest with vmguest.linux.plan. The guest was not touched."
                )
            return file, plan
        plan = read_plan_file(path.read_text(encoding="utf-8"), str(path))
        return (path, plan) if plan.guest == name else None
    except UnicodeDecodeError:
        raise InputError(f"the plan file of {host} in '{path}' is no UTF-8 text. The guest was not touched.") from None
    except OSError as error:
        raise InputError(
            f"'vmguest_plan': '{path}' cannot be read: {error.strerror}; expected a folder of vmguest.linux.plan, or one of its "
            "files. The guest was not touched."
        ) from None


def earlier_record(folder: str, host: str) -> dict[str, Any] | None:
    """The record of ``host`` in the run's ``folder``; None where that run has none that is whole.

    :raises InputError: where it is no folder of a run.
    """
    path = _absolute(folder)
    if not (path / "hosts").is_dir():
        raise InputError(
            f"'vmguest_resume': '{path}' is no folder of a run; expected one below vmguest_reports with a folder 'hosts', such as "
            "reports/20261124T022021Z-5f2c1a. No guest was touched."
        )
    return Records(path).read(host)


def _absolute(place: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(place)))
