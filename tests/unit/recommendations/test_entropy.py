# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""entropy: kernels on which a reader may wait, and whether one would."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.entropy import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of


@pytest.mark.parametrize(
    ("release", "bits", "status"),
    [
        ("6.1.0-28-amd64", "256", Status.COMPLIANT),
        ("5.6.0", "10", Status.COMPLIANT),
        ("5.5.0", "10", Status.MANUAL),
        ("4.18.0-553.el8_10.x86_64", "63", Status.MANUAL),
        ("4.18.0-553.el8_10.x86_64", "64", Status.COMPLIANT),
        ("4.18.0", "3000", Status.COMPLIANT),
        ("4.18.0", "", Status.UNKNOWN),
        ("4.18.0", State.DENIED, Status.UNKNOWN),
        ("4.18.0", State.MISSING, Status.NOT_APPLICABLE),
        ("", "256", Status.UNKNOWN),
    ],
)
def test_who_waits(release, bits, status):
    files = {"/proc/sys/kernel/osrelease": release, "/proc/sys/kernel/random/entropy_avail": bits}
    assert assess(evidence_of(files), {}).status is status
