# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""swappiness: low, but not 0 where 0 kills.

The talk asked for 0. Since Linux 3.5 (commit fe35004fbf9e, "avoid swapping out with swappiness==0") the kernel then swaps
nothing until free and file pages fall below a zone's high watermark, and when the balloon takes memory it ends programs although
swap is empty. RHEL 6 has that change from 2.6.32-303 to before 2.6.32-600, where "avoid OOM killing when swappiness == 0" mended
it. 1 is what 0 was meant to be. How low it should be beyond that is the workload's question: ``swappiness_highest``.
"""

from __future__ import annotations

import re

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Severity, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import Rule, assess_sysctl, reads
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Kernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

KEY = "vm.swappiness"
DEFAULT = "60"  # mm/vmscan.c

#: The first mainline kernel in which 0 keeps the kernel from swapping.
KILLS_SINCE = (3, 5, 0)
#: Builds of RHEL 6's 2.6.32 that do too: from the backport to its repair (Red Hat solution 1149413).
KILLS_IN_EL6 = range(303, 600)
_EL6 = re.compile(r"2\.6\.32-(\d+)\..*el6")

#: Groups of control groups version 1 keep the value that was in force when they were made.
GROUPS = "/sys/fs/cgroup/memory/*/memory.swappiness"


def zero_kills(kernel: Kernel) -> bool:
    """True where swappiness 0 lets the OOM killer strike while swap is free."""
    el6 = _EL6.match(kernel.release)
    return int(el6[1]) in KILLS_IN_EL6 if el6 else kernel.version >= KILLS_SINCE


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The value now and at boot: not 0 where that kills, and not above ``swappiness_highest``."""
    kernel, memory = evidence.platform.kernel, evidence.memory
    highest = options["swappiness_highest"]
    only_zram = memory.zram_kib > 0 and not memory.swap_kib and not memory.swap_at_boot_kib
    if only_zram:
        # Compressed memory is cheaper than reading a file again: distributions with zram raise the value on purpose.
        highest = None
    lowest = 1 if zero_kills(kernel) else 0

    def accepts(value: str) -> bool:
        return value.isdigit() and int(value) >= lowest and (highest is None or int(value) <= highest)

    def right(value: str) -> str:
        if value == "0":
            reason = "0 is the talk's value, and this kernel still swaps before it ends programs"
        elif only_zram:
            reason = "swap is zram only, for which no value is too high"
        else:
            reason = f"{value} lets the kernel swap before it ends programs"
        return reason + _groups(evidence, value)

    def wrong(value: str) -> str:
        if value == "0":
            return f"kernel {kernel.release} then ends programs (OOM killer) while swap is free, as when the balloon inflates"
        return f"swappiness_highest allows {highest}"

    target = "1" if highest is None else str(highest)
    desired = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
    return assess_sysctl(evidence, "swappiness", Rule(KEY, target, accepts, DEFAULT, desired), right, wrong)


def _groups(evidence: Evidence, value: str) -> str:
    """The end of a reason: groups that do not follow the sysctl."""
    own = {file.path.split("/")[-2]: file.value for file in evidence.glob(GROUPS) if file.value not in ("", value)}
    if not own:
        return ""
    return "; control groups of version 1 keep their own: " + ", ".join(f"{name} {own[name]}" for name in sorted(own))


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    highest = options["swappiness_highest"]
    if highest is not None and not 1 <= highest <= 200:
        return f"swappiness_highest is {highest}: expected 1 to 200 (0 kills on kernels since 3.5)"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="swappiness",
        area="memory",
        title="Low swappiness, but not 0 where 0 kills",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="The default is 60; performance improves by setting it to zero.",
        today=(
            "Not 0: since Linux 3.5 it lets the OOM killer strike while swap is free, which is what swap and balloon are there to "
            "prevent. 1 is what 0 was meant to be; tuned's virtual-guest has 30, databases want 1. The baseline turns a 0 that "
            "kills into 1 and leaves the rest alone, unless swappiness_highest is set."
        ),
        risk="A low value keeps programs in memory at the cost of the page cache; with a busy file cache that can be slower.",
        source=(
            "Linux commit fe35004fbf9e; Documentation/admin-guide/sysctl/vm.rst; Red Hat solution 1149413; "
            "https://www.percona.com/blog/2014/04/28/oom-relation-vm-swappiness0-new-kernel/"
        ),
        reads=(*reads("swappiness", KEY), *MEMORY, files(GROUPS)),
        assess=assess,
    ),
)
