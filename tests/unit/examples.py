# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many examples a property is tried on, and at how many moments a run is cut off."""

from __future__ import annotations

import os

#: 1: the same examples at every run. More: so many times as many, other ones at each run (`make search`).
TIMES = int(os.environ.get("EXAMPLES", "1"))
#: A run is cut off before each of its changes; without it before some, spread evenly.
EVERY_MOMENT = bool(os.environ.get("VMGUEST_EVERY_MOMENT"))


def examples(usual: int) -> int:
    """So many examples as usual, or as ``make search`` asks for."""
    return usual * TIMES
