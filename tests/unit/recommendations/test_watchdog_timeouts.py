# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""watchdog_timeouts: nothing by itself; a threshold and the NMI watchdog where they are asked for."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.watchdog_timeouts import (
    assess,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

THRESHOLD, NMI = "/proc/sys/kernel/watchdog_thresh", "/proc/sys/kernel/nmi_watchdog"
SITE = "/etc/sysctl.d/10-site.conf"


def verdict(files=None, *, threshold=None, no_nmi=False) -> Verdict:
    found = {THRESHOLD: "10", NMI: "1", **(files or {})}
    evidence = evidence_of({path: text for path, text in found.items() if text is not None})
    return assess(evidence, {"watchdog_timeouts_threshold": threshold, "watchdog_timeouts_no_nmi": no_nmi})


@pytest.mark.parametrize(
    ("files", "threshold", "no_nmi", "status"),
    [
        ({}, None, False, Status.COMPLIANT),
        ({THRESHOLD: None}, None, False, Status.NOT_APPLICABLE),
        ({THRESHOLD: State.DENIED}, None, False, Status.UNKNOWN),
        ({}, 10, False, Status.COMPLIANT),
        ({}, 20, False, Status.NONCOMPLIANT),
        ({THRESHOLD: "20"}, 20, False, Status.NOT_PERSISTENT),
        ({SITE: "kernel.watchdog_thresh=30"}, 20, False, Status.NONCOMPLIANT),
        ({THRESHOLD: "30", SITE: "kernel.watchdog_thresh=30"}, 20, False, Status.COMPLIANT),
        # Off is never in the way.
        ({THRESHOLD: "0", SITE: "kernel.watchdog_thresh=0"}, 20, False, Status.COMPLIANT),
        ({}, None, True, Status.NONCOMPLIANT),
        ({NMI: "0"}, None, True, Status.NOT_PERSISTENT),
        ({NMI: "0", SITE: "kernel.nmi_watchdog=0"}, None, True, Status.COMPLIANT),
        ({NMI: None}, None, True, Status.NOT_APPLICABLE),
        ({NMI: None}, None, False, Status.COMPLIANT),
        ({"/etc/sysctl.conf": State.DENIED}, 20, False, Status.UNKNOWN),
        ({"/etc/sysctl.d/99-late.conf": "kernel.watchdog_thresh=10"}, 20, False, Status.MANUAL),
    ],
)
def test_what_is_asked(files, threshold, no_nmi, status):
    found = verdict(files, threshold=threshold, no_nmi=no_nmi)
    assert found.status is status, found.reason


def test_both_are_set_in_one_file():
    drop_in, *kernel = verdict(threshold=20, no_nmi=True).remedy
    assert isinstance(drop_in, WriteFile)
    assert drop_in.path == "/etc/sysctl.d/90-vmguest-watchdog-timeouts.conf"
    assert "kernel.watchdog_thresh = 20\nkernel.nmi_watchdog = 0\n" in drop_in.content
    assert kernel == [WriteKernel(THRESHOLD, "10", "20"), WriteKernel(NMI, "1", "0")]


def test_a_boot_that_gives_more_is_left_alone():
    assert verdict({SITE: "kernel.watchdog_thresh=30"}, threshold=20).remedy == (WriteKernel(THRESHOLD, "10", "30"),)


def test_the_kernel_takes_60_at_most():
    assert wrong_options({"watchdog_timeouts_threshold": 61})
    assert wrong_options({"watchdog_timeouts_threshold": None}) is None
