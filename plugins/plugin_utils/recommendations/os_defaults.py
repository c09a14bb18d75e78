# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""os_defaults: a kernel's update may change what this manual rests on: the tick, the scheduler, the clock, congestion control.

An audit looks at one moment and keeps nothing on the guest. Two things can be judged from it: whether the kernel that boots next
was built with other defaults than the one that runs, and whether the facts are those that somebody wrote down as accepted. What
changed between two audits, their records tell.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import did_you_mean
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import READS as CLOCK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_options, tickless
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import READS as PACKAGE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"
#: What is compared, by the names that os_defaults_expected takes.
FACTS = ("kernel", "hz", "tickless", "scheduler", "clocksource", "congestion_control", "open_vm_tools")


def wrong_options(options: Options) -> str | None:
    """Names that are no fact."""
    unknown_names = sorted(set(options["os_defaults_expected"] or {}) - set(FACTS))
    if not unknown_names:
        return None
    return f"os_defaults_expected names '{unknown_names[0]}'; {did_you_mean(str(unknown_names[0]), list(FACTS))}"


def _facts(evidence: Evidence) -> dict[str, str | None]:
    """Each fact as the guest shows it now; None where it does not show it."""
    release = evidence.platform.kernel.release
    built = kernel_options(evidence, release)
    schedulers = sorted({disk.scheduler for disk in evidence.storage.disks if disk.scheduler})
    return {
        "kernel": release or None,
        "hz": (built or {}).get("HZ"),
        "tickless": tickless(built),
        "scheduler": " ".join(schedulers) or None,
        "clocksource": evidence.clock.current,
        "congestion_control": evidence.file(CONGESTION).value or None,
        "open_vm_tools": evidence.packages.versions.get("open-vm-tools"),
    }


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The facts against those that were accepted, and the running kernel's defaults against those of the next."""
    expected = {name: str(value) for name, value in (options["os_defaults_expected"] or {}).items()}
    facts = _facts(evidence)
    default = evidence.boot.default
    sides = {
        "runtime": ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None),
        "persistent": f"kernel {default.release or default.kernel}" if default else None,
        "desired": ", ".join(f"{name} {value}" for name, value in expected.items())
        or "the same defaults after the next boot",
        "owner": default.source if default else None,
    }
    other = [
        f"{name} is {facts[name]}, accepted was {value}"
        for name, value in expected.items()
        if facts[name] not in (None, value)
    ]
    if other:
        return manual(
            f"{'; '.join(other)}: read the findings that rest on it, then accept it in os_defaults_expected, or put it back",
            **sides,
        )
    unread = [name for name in expected if facts[name] is None]
    if unread:
        return unknown(f"{', '.join(unread)} cannot be read, and os_defaults_expected names it", **sides)
    return _next_boot(evidence, sides)


def _next_boot(evidence: Evidence, sides: dict[str, str | None]) -> Verdict:
    """What the kernel that boots next does otherwise."""
    running, default = evidence.platform.kernel.release, evidence.boot.default
    if evidence.boot.problem or default is None:
        return unknown(
            f"which kernel boots next is not known: {evidence.boot.problem or 'no entry is the default'}", **sides
        )
    if not default.release or not running:
        return unknown(
            f"the release of the kernel that boots next ({default.kernel}), or of the running one, is not known",
            **sides,
        )
    if default.release == running:
        return compliant("the kernel that runs is the one that boots next.", **sides)
    now, then = kernel_options(evidence, running), kernel_options(evidence, default.release)
    if now is None or then is None:
        missing = running if now is None else default.release
        return unknown(
            f"what kernel {missing} was built with is not known: its configuration is not in /boot or /lib/modules",
            **sides,
        )
    changes = [
        f"CONFIG_{name} {now.get(name, 'not set')} -> {then.get(name, 'not set')}"
        for name in sorted({*now, *then})
        if now.get(name) != then.get(name)
    ]
    if changes:
        return manual(
            f"the next boot is into kernel {default.release}, with other defaults: {', '.join(changes)}. Audit it again after the "
            "reboot, first on one guest of its kind",
            **sides,
        )
    return compliant(f"kernel {default.release}, which boots next, was built with the same defaults.", **sides)


RECOMMENDATIONS = (
    Recommendation(
        id="os_default_drift",
        area="platform",
        title="Know when an update changes what the guest's settings rest on",
        severity=Severity.INFO,
        baseline="audit",
        talk="Kernel changes and certain OS default settings can affect virtual environments.",
        today="Right: CONFIG_HZ, schedulers and congestion control have changed with releases since.",
        risk="None: it is only looked at, and nothing is kept on the guest.",
        no_remedy="A changed default is no fault by itself: somebody decides whether it is accepted or put back.",
        source="Linux kernel/Kconfig.hz, kernel/time/Kconfig, block/Kconfig.iosched, net/ipv4/Kconfig",
        reads=(*BOOT_READS, *CLOCK_READS, *KCONFIG_READS, *PACKAGE_READS, files(CONGESTION)),
        assess=assess,
    ),
)
