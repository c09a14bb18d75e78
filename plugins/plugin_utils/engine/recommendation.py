# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recommendation: one entry of the manual, as code.

Each file of ``plugin_utils/recommendations`` is named after a role and holds that role's ``RECOMMENDATIONS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read

#: The options of a role, resolved and validated: name as in its argument_specs (with the role's prefix) to value.
Options = Mapping[str, Any]

AREAS = ("tools", "storage", "network", "memory", "time", "scheduling", "boot", "cloning", "platform", "security")


@dataclass(frozen=True)
class Recommendation:
    """One entry of the manual.

    ``assess`` is pure: evidence and options in, verdict (with its remedy) out. It is called only for a VMware guest that
    is no container. ``reads`` names all that it looks at, beyond what every recommendation gets.
    ``reboot`` says that its remedy takes effect at the next boot; ``reboot_when`` is in which case, for people, where that is not
    always so. It decides nothing: the verdict says whether this remedy does.
    ``measures`` says that its runtime side is a measurement that is another one at every look: such a difference is no drift.
    ``no_remedy`` is why the guest is not changed, a sentence, where ``assess`` never gives a remedy; empty where it does.
    ``baseline`` is its mode in profile ``baseline``: enforce, audit or off.
    """

    id: str
    area: str
    title: str
    severity: Severity
    baseline: str
    talk: str
    today: str
    risk: str
    source: str
    reads: tuple[Read, ...]
    assess: Callable[[Evidence, Options], Verdict]
    reboot: bool = False
    reboot_when: str = ""
    role: str = ""
    measures: bool = False
    no_remedy: str = ""
