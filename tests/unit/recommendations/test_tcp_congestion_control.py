# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tcp_congestion_control: which algorithms are misled in a guest, and what replaces them."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.tcp_congestion_control import (
    AVAILABLE,
    KEY,
    assess,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

FILE = "/proc/sys/net/ipv4/tcp_congestion_control"
OLD = {path: text for path, text in VMWARE.items() if path != "/proc/1/comm"}


def options(target=None, accept=()):
    """The role's options."""
    return {"tcp_congestion_control_target": target, "tcp_congestion_control_accept": list(accept)}


def verdict(now, files=None, *, base=None, kernel="6.1.0-28-amd64", config=(), **given) -> Verdict:
    """The verdict on a guest that uses this algorithm now."""
    known = {FILE: now, AVAILABLE: f"reno cubic {now}", "/proc/sys/kernel/osrelease": kernel}
    evidence = evidence_of({**known, **(files or {})}, base=base, lines={"kconfig": config})
    return assess(evidence, options(**given))


@pytest.mark.parametrize("name", ["cubic", "reno", "bic", "bbr", "htcp", "dctcp", "westwood", "hybla"])
def test_what_reacts_to_loss_or_is_not_misled_is_accepted(name):
    found = verdict(name)
    assert (found.status, found.persistent) == (Status.COMPLIANT, "cubic")


@pytest.mark.parametrize("name", ["vegas", "nv", "yeah", "veno", "illinois", "lp", "cdg"])
def test_what_is_steered_by_delay_is_replaced(name):
    found = verdict(name)
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy == (WriteKernel(FILE, name, "cubic"),)


def test_accepted_is_what_the_option_accepts():
    assert verdict("vegas", accept=["vegas"]).status is Status.COMPLIANT


def test_the_target_is_the_options_or_the_kernels_own():
    assert verdict("vegas", target="bbr").remedy[-1] == WriteKernel(FILE, "vegas", "bbr")
    config = [("/boot/config-6.1.0-28-amd64", 9, 'CONFIG_DEFAULT_TCP_CONG="reno"')]
    assert verdict("vegas", config=config).remedy[-1] == WriteKernel(FILE, "vegas", "reno")
    other = [("/boot/config-5.0", 9, 'CONFIG_DEFAULT_TCP_CONG="reno"')]
    assert verdict("vegas", config=other).remedy[-1] == WriteKernel(FILE, "vegas", "cubic")


def test_a_kernel_without_cubic_gets_its_own():
    files = {AVAILABLE: State.MISSING, "/etc/sysctl.conf": f"{KEY} = vegas"}
    found = verdict("vegas", files, base=OLD, kernel="2.6.18-398.el5")
    assert [type(step) for step in found.remedy] == [EditFile, WriteKernel]
    assert found.remedy[-1] == WriteKernel(FILE, "vegas", "bic")


def test_right_now_and_configured_otherwise_is_not_persistent():
    found = verdict("cubic", {"/etc/sysctl.d/60-site.conf": f"{KEY}=vegas"})
    assert (found.status, found.owner) == (Status.NOT_PERSISTENT, "/etc/sysctl.d/60-site.conf:1")


def test_a_later_drop_in_is_in_the_way():
    assert verdict("vegas", {"/etc/sysctl.d/99-site.conf": f"{KEY}=vegas"}).status is Status.MANUAL


@pytest.mark.parametrize(("state", "status"), [(State.MISSING, Status.NOT_APPLICABLE), (State.DENIED, Status.UNKNOWN)])
def test_a_kernel_that_does_not_tell(state, status):
    assert verdict("cubic", {FILE: state}).status is status


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (options(), False),
        (options("bbr"), False),
        (options("vegas"), True),
        (options("vegas", ["vegas"]), False),
        (options("; reboot"), True),
    ],
)
def test_the_options_are_checked(given, wrong):
    assert bool(wrong_options(given)) is wrong
