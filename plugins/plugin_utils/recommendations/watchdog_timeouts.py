# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""watchdog_timeouts: the kernel's watchdogs know that a guest may stand still for a while.

At the end of a vMotion, and while a snapshot with memory is taken or merged, a guest does not run. The soft lockup detector
reports a CPU that was gone for twice ``kernel.watchdog_thresh`` seconds (10 as shipped). How long such pauses are is a matter of
the site, so nothing is asked by itself: ``watchdog_timeouts_threshold`` says how many seconds are expected. The hard lockup
detector (``kernel.nmi_watchdog``) takes a performance counter, whose interrupts cost an exit each; ``watchdog_timeouts_no_nmi``.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_persistent,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import reads, remedy, unreadable
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import winner

THRESHOLD, NMI = "kernel.watchdog_thresh", "kernel.nmi_watchdog"
DEFAULTS = {THRESHOLD: "10", NMI: "1"}  # kernel/watchdog.c


def assess(evidence: Evidence, options: Options) -> Verdict:
    """What is asked for, now and at boot."""
    threshold = options["watchdog_timeouts_threshold"]
    asked = {THRESHOLD: str(threshold)} if threshold is not None else {}
    if options["watchdog_timeouts_no_nmi"]:
        asked[NMI] = "0"
    closed = unreadable(evidence, *(asked or [THRESHOLD]))
    if closed:
        return closed
    keys = [key for key in DEFAULTS if key in asked or evidence.sysctl.now(key) is not None]
    boot = {key: winner(evidence.sysctl.at_boot(key, DEFAULTS[key])) for key in keys}
    now = {key: evidence.sysctl.now(key) or "" for key in keys}
    then = {key: entry.value if entry else DEFAULTS[key] for key, entry in boot.items()}
    owners = dict.fromkeys(entry.owner for entry in boot.values() if entry)
    sides = {
        "runtime": _shown(now),
        "persistent": _shown(then),
        "desired": _shown(asked) or "nothing is asked",
        "owner": ", ".join(owners) or "the kernel's default",
    }
    if not asked:
        return compliant(
            f"nothing is asked ({_shown(now)}): watchdog_timeouts_threshold says how long a guest may stand still here",
            **sides,
        )
    right_now = {key: _enough(key, now[key], value) for key, value in asked.items()}
    right_then = {
        key: _enough(key, then[key], value) and ((entry := boot[key]) is None or entry.certain)
        for key, value in asked.items()
    }
    if all(right_now.values()) and all(right_then.values()):
        return compliant("the watchdogs wait for a guest that stands still", **sides)
    # A boot that gives more than is asked is left alone, and is what the kernel gets now.
    wanted = {
        key: then[key] if right_then[key] else value
        for key, value in asked.items()
        if not (right_now[key] and right_then[key])
    }
    steps, obstacle = remedy(evidence, "watchdog_timeouts", wanted, DEFAULTS)
    reason = f"{_shown(asked)} is asked, and it is {_shown(now)} now, {_shown(then)} at the next boot"
    if obstacle:
        return manual(f"{reason}; {obstacle}", **sides)
    return (not_persistent if all(right_now.values()) else noncompliant)(reason, remedy=steps, **sides)


def _enough(key: str, value: str, asked: str) -> bool:
    """A threshold of at least so much; 0, which turns the soft lockup detector off, is never in the way."""
    if key == THRESHOLD:
        return value.isdigit() and (int(value) >= int(asked) or int(value) == 0)
    return value == asked


def _shown(values: dict[str, str]) -> str:
    return ", ".join(f"{key.removeprefix('kernel.')} {value}" for key, value in values.items())


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    threshold = options["watchdog_timeouts_threshold"]
    if threshold is not None and not 1 <= threshold <= 60:
        return f"watchdog_timeouts_threshold is {threshold}: expected 1 to 60 (the kernel takes no more)"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="watchdog_timeouts",
        area="scheduling",
        title="No watchdog alarm while the guest is paused",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "vMotion and snapshots with memory pause a guest; the soft lockup detector reports it after twice "
            "kernel.watchdog_thresh, 20 seconds as shipped. tuned's network-latency turns nmi_watchdog off. How much is right is "
            "the site's to say: watchdog_timeouts_threshold, watchdog_timeouts_no_nmi."
        ),
        risk="A CPU that really hangs is reported later, or, without nmi_watchdog, not at all.",
        source="Linux Documentation/admin-guide/lockup-watchdogs.rst, sysctl/kernel.rst; tuned, network-latency",
        reads=reads("watchdog_timeouts", THRESHOLD, NMI),
        assess=assess,
    ),
)
