# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The registry: every recommendation, found by looking into ``plugin_utils/recommendations``.

A file there is named after its role and holds ``RECOMMENDATIONS``. Nothing else lists them. It may hold ``wrong_options``: from the
role's options to a sentence about what argument_specs cannot express (a range, a path), None where all is well.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import READS as RECEIPT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import (
    AREAS,
    Options,
    Recommendation,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import READS as OWNER_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import READS as PLATFORM_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import READS as STORAGE_READS

_PACKAGE = "ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations"
#: What facts and every recommendation get, whatever is selected.
BASE_READS: tuple[Read, ...] = PLATFORM_READS + STORAGE_READS + MEMORY_READS + OWNER_READS + RECEIPT_READS


def _modules() -> dict[str, ModuleType]:
    folder = Path(__file__).resolve().parent.parent / "recommendations"
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    return {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in names}


_MODULES = _modules()
#: Role to its recommendations.
ROLES: dict[str, tuple[Recommendation, ...]] = {
    name: tuple(replace(entry, role=name) for entry in module.RECOMMENDATIONS) for name, module in _MODULES.items()
}
#: Role to its check of options.
WRONG_OPTIONS: dict[str, Callable[[Options], str | None]] = {
    name: module.wrong_options for name, module in _MODULES.items() if hasattr(module, "wrong_options")
}
#: Id to recommendation, in the order in which areas and then roles are shown.
RECOMMENDATIONS: dict[str, Recommendation] = {
    entry.id: entry
    for entry in sorted(
        (entry for entries in ROLES.values() for entry in entries),
        key=lambda entry: (AREAS.index(entry.area), entry.role),
    )
}


def _reads() -> tuple[Read, ...]:
    seen: dict[Read, None] = dict.fromkeys(BASE_READS)
    for entry in RECOMMENDATIONS.values():
        seen.update(dict.fromkeys(entry.reads))
    return tuple(seen)


#: All that one probe reads.
READS: tuple[Read, ...] = _reads()
