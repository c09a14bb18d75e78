# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""guest_facts: the evidence as ansible_facts.vmguest, from one exec that writes nothing there."""

from __future__ import annotations

from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.facts import facts
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.session import GuestAction


class ActionModule(GuestAction):
    def session(self) -> dict[str, Any]:
        self.connect()
        return {"changed": False, "ansible_facts": {"vmguest": facts(self.probe())}}
