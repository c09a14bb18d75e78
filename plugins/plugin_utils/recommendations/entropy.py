# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""entropy: nobody waits for random numbers.

Since Linux 5.6 /dev/random waits only until the generator was seeded once, in the first seconds of the boot. Before, it waited
whenever its pool was low, which a guest without disk noise, keyboard and RDRAND filled slowly. Where that is so now, a daemon or
RDRAND (hidden by an old EVC baseline) helps.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

_AVAILABLE = "/proc/sys/kernel/random/entropy_avail"
#: Bits below which readers of /dev/random waited (random(4), read_wakeup_threshold).
ENOUGH = 64
#: The first kernel whose /dev/random waits no more once it was seeded.
NEVER_WAITS = (5, 6, 0)


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Bits in the pool, on kernels where a reader may wait for them."""
    kernel = evidence.platform.kernel
    if kernel.version == (0, 0, 0):
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    file = evidence.file(_AVAILABLE)
    if file.state is State.MISSING:
        return not_applicable(f"this kernel does not tell how much it has ({_AVAILABLE} is not there)")
    if not file.value.isdigit():
        return unknown(f"{_AVAILABLE} could not be read")
    sides = {"runtime": f"{file.value} bits", "desired": f"{ENOUGH} bits or more", "owner": "the kernel"}
    if kernel.version >= NEVER_WAITS:
        return compliant(
            "this kernel waits for no entropy once it has booted: haveged and rngd are not needed", **sides
        )
    if int(file.value) >= ENOUGH:
        return compliant(f"{file.value} bits: nobody waits", **sides)
    return manual(
        f"{file.value} bits: programs that read /dev/random wait (keys, TLS, sshd's first start). Install rng-tools or haveged, or "
        "where the CPU flag rdrand is hidden, raise the EVC baseline and power the VM off and on",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="entropy",
        area="platform",
        title="Nobody waits for random numbers",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today="No question since Linux 5.6; before, a guest without RDRAND could stand still at boot, or whenever it made keys.",
        risk="None: it is only looked at.",
        no_remedy=(
            "A daemon that fills the pool is a package of its own, and the CPU's rdrand is shown or hidden by the VM's "
            "configuration."
        ),
        source="random(4); Linux commit 30c08efec888 (random: make /dev/random be almost like /dev/urandom)",
        reads=(files(_AVAILABLE),),
        assess=assess,
        measures=True,
    ),
)
