# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Assess: evidence and policy in, findings out. Pure; audit, check mode and apply all start here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    REMEDIABLE,
    WAIVABLE,
    Finding,
    Status,
    Verdict,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence

LAB = "lab guest: "


def gate(evidence: Evidence, lab_guest: bool) -> Verdict | None:
    """The verdict of every recommendation on a guest that is none of ours, None for a VMware guest.

    A container on a VMware VM sees the VM's DMI, so it is asked first. ``lab_guest`` opens the gate.
    """
    if lab_guest:
        return None
    platform = evidence.platform
    if platform.container:
        return not_applicable(f"it is a container (evidence: {platform.container}), whose kernel belongs to its host")
    if platform.is_vmware is None:
        return unknown(
            "neither the DMI system vendor nor dmidecode could be read, so whether this is a VMware guest is not known"
        )
    if not platform.is_vmware:
        return not_applicable(f"it is not a VMware guest: the system vendor is '{platform.vendor}'")
    return None


def assess(
    evidence: Evidence, policy: Policy, recommendations: Mapping[str, Recommendation] = RECOMMENDATIONS
) -> list[Finding]:
    """The finding of every recommendation whose mode is not off, in the order of the registry."""
    closed = gate(evidence, policy.lab_guest)
    return [
        _finding(entry, closed or entry.assess(evidence, policy.options), policy)
        for entry in recommendations.values()
        if policy.mode(entry.id) != "off"
    ]


def _finding(entry: Recommendation, verdict: Verdict, policy: Policy) -> Finding:
    finding = Finding(
        recommendation=entry.id,
        role=entry.role,
        area=entry.area,
        title=entry.title,
        severity=entry.severity,
        source=entry.source,
        mode=policy.mode(entry.id),
        status=verdict.status,
        reason=LAB + verdict.reason if policy.lab_guest else verdict.reason,
        runtime=verdict.runtime,
        persistent=verdict.persistent,
        desired=verdict.desired,
        owner=verdict.owner,
        reboot=verdict.reboot or entry.reboot,
        remedy=verdict.remedy,
        commit=verdict.commit,
        group=verdict.group,
    )
    waiver = policy.waivers.get(entry.id)
    if waiver is None or verdict.status not in WAIVABLE:
        return finding
    finding = replace(finding, waiver=waiver)
    if not waiver.expired(policy.today):
        return finding.became(
            Status.WAIVED,
            f"{waiver.reason} (until {waiver.expires}); without the waiver {verdict.status}: {finding.reason}",
        )
    # Somebody once decided against the change: an expired waiver is reported, and it takes a person to go on.
    expired = f"its waiver expired on {waiver.expires} ({waiver.reason}): renew or remove it; {finding.reason}"
    if verdict.status in REMEDIABLE:
        return replace(finding, mode="audit", reason=expired)
    return replace(finding, reason=expired)
