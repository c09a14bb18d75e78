# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmxnet3_coalescing: what the driver asks of its cards."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.vmxnet3_coalescing import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of


def link(path: str, target: str) -> Entry:
    return Entry(path, "l", "rwxrwxrwx", 1, 0, 0, 0, target)


ETHTOOL = Entry("/usr/sbin/ethtool", "-", "rwxr-xr-x", 1, 0, 0, 9)
NONE = "Adaptive RX: off  TX: n/a\nrx-usecs: 0\nrx-frames: 0\ntx-frames: n/a"


def verdict(shown=NONE, *, driver="vmxnet3", ethtool=True, owners=()) -> Verdict:
    evidence = evidence_of(
        entries=[
            link("/sys/class/net/ens192", "../x"),
            link("/sys/class/net/ens192/device/driver", f"../drivers/{driver}"),
            *([ETHTOOL] if ethtool else []),
        ],
        commands={"nic_settings": (0, f"nic: ens192\nlarge-receive-offload: on\n{shown}")},
        lines={"nic_owners": [(path, 2, text) for path, text in owners]},
    )
    return assess(evidence, {})


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, Status.COMPLIANT),
        ({"shown": NONE.replace("off  TX", "on  TX")}, Status.NONCOMPLIANT),
        ({"shown": NONE.replace("rx-usecs: 0", "rx-usecs: 250")}, Status.NONCOMPLIANT),
        ({"shown": ""}, Status.UNKNOWN),
        ({"ethtool": False}, Status.UNKNOWN),
        ({"driver": "e1000"}, Status.NOT_APPLICABLE),
        (
            {
                "shown": NONE.replace("rx-usecs: 0", "rx-usecs: 9"),
                "owners": [("/etc/x.nmconnection", "coalesce-rx-usecs=9")],
            },
            Status.MANUAL,
        ),
        # Another of ethtool's settings.
        (
            {"shown": NONE.replace("rx-usecs: 0", "rx-usecs: 9"), "owners": [("/etc/x.nmconnection", "ring-rx=4096")]},
            Status.NONCOMPLIANT,
        ),
    ],
)
def test_what_is_asked_of_the_card(facts, status):
    found = verdict(**facts)
    assert found.status is status, found.reason


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("coalesce-adaptive-rx=1", Status.MANUAL),
        ("    hardware-irq-coalesce-rx-usecs 64", Status.MANUAL),
        ("RxCoalesceSec=64us", Status.MANUAL),
        ("UseAdaptiveRxCoalesce=yes", Status.MANUAL),
        ('ETHTOOL_OPTS="-C ens192 adaptive-rx off rx-usecs 64"', Status.MANUAL),
        ('ETHTOOL_OPTS="-C ens192 adaptive-rx off rx-usecs 0"', Status.COMPLIANT),
        ("coalesce-rx-usecs=0", Status.COMPLIANT),
        ("hardware-irq-coalesce-tx-usecs 64", Status.COMPLIANT),
        ("ethtool -G ens192 rx 4096", Status.COMPLIANT),
    ],
)
def test_what_comes_at_the_next_boot_counts_whatever_is_so_now(line, status):
    found = verdict(owners=[("/etc/x", line)])
    assert found.status is status, found.reason
    assert ("from the next boot on" in found.reason, found.owner == "/etc/x:2") == ((status is Status.MANUAL,) * 2)


def test_who_sets_nothing_is_not_in_the_way():
    found = verdict(NONE.replace("rx-usecs: 0", "rx-usecs: 9"), owners=[("/etc/x", "coalesce-rx-usecs=0")])
    assert found.status is Status.NONCOMPLIANT


def test_only_what_was_asked_is_taken_back_and_put_back():
    (step,) = verdict(NONE.replace("rx-frames: 0", "rx-frames: 8").replace("off  TX", "on  TX")).remedy
    assert isinstance(step, Run)
    assert step.do == "ethtool -C ens192 adaptive-rx off rx-frames 0"
    assert step.undo.endswith(" || ethtool -C ens192 adaptive-rx on rx-frames 8")
    assert [word in step.proof for word in ("Adaptive RX", "rx-frames", "rx-usecs")] == [True, True, False]
