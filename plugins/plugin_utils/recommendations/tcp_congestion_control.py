# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tcp_congestion_control: none that takes a busy host for a busy network.

Vegas and its kin measure round trips and take a longer one for a full queue. In a guest a round trip is also longer where the vCPU
waited for its turn, so that they narrow the window without cause. What reacts to loss (cubic, reno…), and bbr, which takes the
shortest of many round trips, is not misled: every algorithm but those of :data:`MISLED` is accepted. So is Westwood: it probes as
reno does, and only what it falls back to after a loss rests on the bandwidth that it measured and the shortest round trip
(tcp_westwood.c). Where the vCPU waited, it measures less than there is, which no source says to cost more than reno's half.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import Rule, assess_sysctl, reads
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_option
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

KEY = "net.ipv4.tcp_congestion_control"
#: The algorithms that this kernel has loaded; it loads others, which are modules, when they are asked for.
AVAILABLE = "/proc/sys/net/ipv4/tcp_available_congestion_control"

#: Algorithms that are steered by delay, with what they take it for (net/ipv4/tcp_*.c, each file's head).
MISLED = {
    "vegas": "it takes delay for a queue (tcp_vegas.c)",
    "nv": "it is Vegas for data centres (tcp_nv.c)",
    "yeah": "it decongests by delay, as Vegas does (tcp_yeah.c)",
    "veno": "it tells losses apart by Vegas' measure of delay (tcp_veno.c)",
    "illinois": "it sets its pace by delay (tcp_illinois.c)",
    "lp": "it yields as soon as the one-way delay grows (tcp_lp.c)",
    "cdg": "it backs off by the gradient of delay (tcp_cdg.c)",
}

#: The kernel's choice where its configuration cannot be read: cubic since 2.6.19, bic before, reno where there is neither.
_CUBIC_SINCE = (2, 6, 19)


def kernels_default(evidence: Evidence) -> str:
    """What the running kernel starts with: CONFIG_DEFAULT_TCP_CONG, else what its version tells."""
    configured = kernel_option(evidence, "DEFAULT_TCP_CONG")
    if configured:
        return configured
    return "cubic" if evidence.platform.kernel.version >= _CUBIC_SINCE else "bic"


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The algorithm of new connections, now and at boot."""
    misled = {name: why for name, why in MISLED.items() if name not in options["tcp_congestion_control_accept"]}
    default = kernels_default(evidence)
    known = evidence.file(AVAILABLE).value.split()
    target = options["tcp_congestion_control_target"]
    if target is None:
        # The kernel's own is built in; reno always is.
        target = next(
            name
            for name in (default, "cubic", "reno")
            if name not in misled and (not known or name in (*known, "reno"))
        )

    def right(value: str) -> str:
        return f"{value} is not steered by delay"

    def wrong(value: str) -> str:
        return f"{misled[value]}, and in a guest delay is also the wait for a physical CPU"

    rule = Rule(KEY, target, lambda value: value not in misled, default, "any but " + ", ".join(sorted(misled)))
    return assess_sysctl(evidence, "tcp_congestion_control", rule, right, wrong)


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    target = options["tcp_congestion_control_target"]
    if target is not None and not re.fullmatch(r"[a-z0-9_]{1,15}", target):
        return f"tcp_congestion_control_target is {target!r}: expected the name of an algorithm, such as cubic"
    if target in MISLED and target not in options["tcp_congestion_control_accept"]:
        return (
            f"tcp_congestion_control_target is {target}: {MISLED[target]}; choose another, or name it in "
            "tcp_congestion_control_accept"
        )
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="tcp_congestion_control",
        area="network",
        title="No congestion control that takes a busy host for a busy network",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="Some congestion control algorithms are very sensitive to latency and constrict the TCP window aggressively.",
        today=(
            "Right, and every distribution ships one that is not: cubic, or bbr, which takes the shortest of many round trips. "
            "Only a guest where somebody chose Vegas or its kin is changed."
        ),
        risk=(
            "Established connections keep their algorithm. Containers have a value of their own, which is not looked at. A route's "
            "congctl, and a program's TCP_CONGESTION, win over the sysctl."
        ),
        source="Linux net/ipv4/tcp_vegas.c and its kin; Documentation/networking/ip-sysctl.rst",
        reads=(*reads("tcp_congestion_control", KEY), files(AVAILABLE), *KCONFIG),
        assess=assess,
    ),
)
