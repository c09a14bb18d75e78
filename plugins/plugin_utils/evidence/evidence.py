# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence: what the probe found on one guest, as typed values.

Texts come from :class:`ProbeOutput`; the subjects (platform, storage, …) are read from them on first use and kept.
"""

from __future__ import annotations

from functools import cached_property

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import Memory
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Storage


class Evidence(ProbeOutput):
    """The probe's output with its subjects."""

    @cached_property
    def platform(self) -> Platform:
        """Hypervisor, distribution, kernel, init."""
        return Platform.of(self)

    @cached_property
    def storage(self) -> Storage:
        """Disks and their queues."""
        return Storage.of(self)

    @cached_property
    def memory(self) -> Memory:
        """Memory and swap."""
        return Memory.of(self)
