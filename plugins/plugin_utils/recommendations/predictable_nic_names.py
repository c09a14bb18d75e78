# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""predictable_nic_names: a card keeps its name when another is added.

systemd names a card after its slot (ens192), which the VM's configuration keeps. The kernel's own eth0 and eth1 are given in the
order in which cards are found: with two of them a new card, another driver or another hardware version may swap them. Audited
only: to rename an interface is to cut the branch that the connection sits on.
"""

from __future__ import annotations

import re

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import READS as BINDING_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import (
    Binding,
    addresses,
    bindings,
    renames_by_ifcfg,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import kernel_argument_assignments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines

_PIN = re.compile(r"""\bName\s*=\s*(\S+)|\bNAME\s*=\s*"([^"]+)\"""")


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Names by slot, or names that a file binds to an address."""
    if not evidence.platform.systemd:
        return not_applicable("it has no systemd, which names cards by their slot")
    nics = evidence.network.nics
    if not nics:
        return not_applicable("it has no network card with a driver")
    names = [nic.name for nic in nics]
    pins = {(found[1] or found[2]) for line in evidence.lines("nic_names") if (found := _PIN.search(line.text))}
    by_kernel = [name for name in names if re.fullmatch(r"eth\d+", name)]
    cards, configured = addresses(evidence, nics), bindings(evidence)
    bound = {
        one.device for one in configured.bindings if one.mac == cards.own.get(one.device) and _is_heeded(evidence, one)
    }
    loose = [name for name in by_kernel if name not in pins | bound]
    arguments = [entry for entry in kernel_argument_assignments(evidence, "net.ifnames") if entry.value == "0"]
    sides = {
        "runtime": " ".join(names),
        "persistent": "net.ifnames=0" if arguments else "by slot",
        "desired": "names by slot, or bound to an address",
        "owner": arguments[-1].owner if arguments else "systemd",
    }
    if not loose:
        return compliant("names are bound to an address" if by_kernel else "names come from the slot", **sides)
    if len(names) == 1:
        return compliant(f"{loose[0]} is the kernel's name, and there is no second card to swap it with", **sides)
    hidden = [name for name in cards.hidden if name in loose and any(one.device == name for one in configured.bindings)]
    problem = cards.problem or configured.problem
    if hidden:
        problem = f"{' '.join(hidden)} was given another address than its own, which `ethtool -P` tells"
    if problem:
        return unknown(f"whether names are bound to an address is not known: {problem}", **sides)
    if len(by_kernel) < len(names):
        return manual(
            f"{' '.join(loose)} beside {' '.join(name for name in names if name not in by_kernel)}: some cards are named by the "
            "kernel, some by systemd. Bind every name to its address in "
            "/etc/systemd/network/10-*.link ([Match] MACAddress=, [Link] Name=)",
            **sides,
        )
    because = f" ({arguments[-1].owner} says net.ifnames=0)" if arguments else ""
    return manual(
        f"{' '.join(loose)} are named in the order in which the kernel finds them{because}: a new card may swap them. Bind "
        "every name to its address in a file /etc/systemd/network/10-*.link ([Match] MACAddress=, [Link] Name=)",
        **sides,
    )


def _is_heeded(evidence: Evidence, binding: Binding) -> bool:
    """True where somebody gives the card the name: netplan does, and of Red Hat's ifcfg files udev does by initscripts' rule."""
    return "/ifcfg-" not in binding.path or renames_by_ifcfg(evidence)


RECOMMENDATIONS = (
    Recommendation(
        id="predictable_nic_names",
        area="network",
        title="A card keeps its name when another is added",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Not in the talk.",
        today=(
            "systemd names cards by slot: ens192 is the first VMXNET3 of a VM. net.ifnames=0, still common in templates, gives "
            "that up; with one card that does no harm."
        ),
        risk="None: it is only looked at. A name that is bound to an address must be changed in every clone (clone_nic_binding).",
        no_remedy=(
            "Another name takes the card's configuration with it: where a file of it is missed, the guest comes up without "
            "network."
        ),
        source=(
            "systemd.net-naming-scheme(7), systemd.link(5); leapp-repository, persistentnetnames; initscripts, rename_device.c; "
            "netplan(5), set-name"
        ),
        reads=(
            *BINDING_READS,
            Lines(
                "nic_names",
                '^ *Name *=\\|NAME *= *"',
                (
                    "/etc/systemd/network/*.link",
                    "/etc/udev/rules.d/*persistent-net*.rules",
                    "/etc/udev/rules.d/*net*.rules",
                ),
            ),
        ),
        assess=assess,
    ),
)
