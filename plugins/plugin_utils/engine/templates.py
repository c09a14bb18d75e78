# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates: whether a guest is one, which nothing on it tells. Roles about clones and appliances ask here."""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Verdict, not_applicable
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options

#: Set by profile ``template``.
OPTION = "clone_readiness_template"


def is_template(options: Options) -> bool:
    """True where guests will be made of this one, as its owner says."""
    return bool(options[OPTION])


def only_for_templates() -> Verdict:
    """What a recommendation for templates says of any other guest."""
    return not_applicable(
        f"it is no template that guests are made of: {OPTION} is false, which profile `template` sets"
    )
