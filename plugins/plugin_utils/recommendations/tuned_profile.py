# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tuned_profile: where tuned runs, it knows that this is a guest.

tuned sets sysctls, schedulers and boot arguments as its profile says, again at every start. For guests it ships virtual-guest,
which it recommends itself (recommend.conf: any hypervisor). Profiles for hosts and laptops save power that a guest has not got, or
keep the CPUs of the host busy. Other recommendations name the profile where it would win over them, and have a small one of ours
come after it (engine/tuned_child.py). Audited only: a profile changes many things at once.
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
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import READS as OWNERS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import tuned_family, tuned_profile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICES

_PROGRAMS = ("/usr/sbin/tuned", "/sbin/tuned")
_PROFILE_FILES = ("/etc/tuned/active_profile", "/etc/tune-profiles/active-profile", "/etc/tuned/profile_mode")
GUEST = "virtual-guest"
#: For machines that have a battery, a fan or guests of their own.
NOT_FOR_GUESTS = ("balanced", "powersave", "laptop-battery-powersave", "laptop-ac-powersave", "desktop", "virtual-host")


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The active profile, and whether tuned is there to apply it."""
    if not any(evidence.entry(path) for path in _PROGRAMS):
        return not_applicable("tuned is not installed")
    closed = [path for path in _PROFILE_FILES if evidence.file(path).exists and not evidence.file(path)]
    if closed:
        return unknown(f"{closed[0]} could not be read")
    profile = tuned_profile(evidence)
    family = tuned_family(evidence)
    unit = (evidence.services.units or {}).get("tuned")
    running = "tuned" in evidence.services.daemons or (unit is not None and unit.running)
    sides = {
        "runtime": "tuned runs" if running else "tuned does not run",
        "persistent": profile or "no profile",
        "desired": f"{GUEST}, or a profile that includes it",
        "owner": "tuned-adm (automatic)" if evidence.file("/etc/tuned/profile_mode").value == "auto" else "tuned-adm",
    }
    if profile is None:
        if not running:
            return not_applicable("tuned is installed, and neither runs nor has a profile")
        return manual(f"tuned runs without a profile: `tuned-adm profile {GUEST}`, or disable it", **sides)
    wrong = next((name for name in NOT_FOR_GUESTS if name in family), None)
    if wrong and GUEST not in family:
        return manual(f"profile {profile} is for machines that are no guests: `tuned-adm profile {GUEST}`", **sides)
    if not running:
        return manual(
            f"profile {profile} is chosen and tuned does not run: half of what it sets is lost at the next boot. `systemctl enable "
            "--now tuned`, or `tuned-adm off`",
            **sides,
        )
    if GUEST in family:
        return compliant(f"{profile} is for guests", **sides)
    return compliant(
        f"somebody chose {profile}, which does not include {GUEST}: it is for what this guest does", **sides
    )


RECOMMENDATIONS = (
    Recommendation(
        id="tuned_profile",
        area="platform",
        title="A tuned profile for guests",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk: tuned came a year later.",
        today=(
            "RHEL and its rebuilds run tuned, and choose virtual-guest on every hypervisor; a profile that somebody chose for the "
            "workload is as good. What else this collection sets is checked against the profile that would set it again, and where "
            "that would win a small profile of ours comes after it."
        ),
        risk="None: it is only looked at. Another profile changes many sysctls at once; a large readahead is bad for databases.",
        no_remedy=(
            "A profile sets many things at once, live, over what others set since, so that no receipt could bring them back; which "
            "one is right is the site's choice."
        ),
        source="tuned, recommend.conf, profiles/virtual-guest/tuned.conf",
        reads=(*OWNERS, *SERVICES, entries(*_PROGRAMS)),
        assess=assess,
    ),
)
