# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_network: what ties the network's configuration to the card of one VM, so that its clones come up with none, or as a twin.

On a guest at work only what is wrong now counts: an address that no card has. Where ``clone_readiness_template`` says that it is
going to be cloned, all that names an address counts. Nothing is changed: it might cut the connection that one sits on.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import is_template
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.dhcp_identity import READS as DHCP_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.dhcp_identity import identifiers, state
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import (
    GENERATOR,
    GENERATOR_MASK,
    Addresses,
    Binding,
    addresses,
    bindings,
    only_root,
    stale,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import READS as BINDING_READS


def _all(bound: Iterable[Binding]) -> str:
    return ", ".join(f"{entry.mac} ({entry.owner})" for entry in bound)


def _sides(cards: Addresses, bound: tuple[Binding, ...], desired: str) -> dict[str, str | None]:
    return {
        "runtime": " ".join(f"{name} {mac}" for name, mac in cards.own.items()),
        "persistent": _all(bound) or "bound to no address",
        "desired": desired,
        "owner": bound[0].owner if bound else None,
    }


def _hidden(cards: Addresses, bound: Iterable[Binding]) -> Verdict:
    return unknown(
        f"{', '.join(cards.hidden)} was given another address than its own, so whether it is the card of {_all(bound)} is not "
        "known; `ethtool -P` tells"
    )


def _cards(evidence: Evidence) -> Addresses | Verdict:
    """The addresses of its cards; the verdict where it has none, or where they cannot be told."""
    nics = evidence.network.nics
    if not nics:
        return not_applicable("it has no network card with a driver")
    cards = addresses(evidence, nics)
    return unknown(cards.problem) if cards.problem else cards


# ---- clone_persistent_net_rules --------------------------------------------------------------------------------------


def assess_rules(evidence: Evidence, options: Options) -> Verdict:
    """Names given by address: every address must be that of a card, and in a template there must be none."""
    cards = _cards(evidence)
    if isinstance(cards, Verdict):
        return cards
    found = bindings(evidence)
    if found.problem:
        return unknown(found.problem)
    bound = tuple(entry for entry in found.bindings if entry.names)
    lost = stale(bound, cards)
    template = is_template(options)
    desired = "no name by address" if template else "no name for an address that no card has"
    sides = _sides(cards, bound, desired)
    if lost and cards.hidden:
        return _hidden(cards, lost)
    if lost:
        return manual(
            f"names are kept for cards that this guest has not got: {_all(lost)}. A new card gets another name (eth1), without "
            "configuration. Take these lines out, see that the configuration is that of the name to come, and reboot",
            **sides,
        )
    if bound and template:
        paths = " ".join(dict.fromkeys(entry.path for entry in bound))
        return manual(
            f"a clone's card gets another name than this one's: `rm {paths}` before the template is sealed", **sides
        )
    if bound:
        return compliant("every name that is bound to an address belongs to a card of this guest.", **sides)
    mask = evidence.entry(GENERATOR_MASK)
    if template and evidence.entry(GENERATOR) and not (mask and mask.target == "/dev/null"):
        return compliant(
            f"no name is bound to an address. udev's generator writes such rules at the next boot, though: a template that was "
            f"booted again must be sealed again, or `ln -s /dev/null {GENERATOR_MASK}`",
            **sides,
        )
    return compliant("no name is bound to an address.", **sides)


# ---- clone_nic_binding -----------------------------------------------------------------------------------------------


def assess_binding(evidence: Evidence, options: Options) -> Verdict:
    """Configuration for the card with an address: such a card must be there, and in a template no address may be named."""
    cards = _cards(evidence)
    if isinstance(cards, Verdict):
        return cards
    found = bindings(evidence)
    if found.problem:
        return unknown(found.problem)
    bound = tuple(entry for entry in found.bindings if not entry.names)
    lost = stale(bound, cards)
    doubles = {uuid: paths for uuid, paths in found.uuids.items() if len(paths) > 1}
    template = is_template(options)
    desired = (
        "no configuration by address"
        if template
        else "only addresses of this guest's cards, and a UUID of its own each"
    )
    sides = _sides(cards, bound, desired)
    if lost and cards.hidden:
        return _hidden(cards, lost)
    if lost:
        others = [entry for entry in lost if not entry.sets]
        what = (
            f"configuration is kept for cards that this guest has not got, and is not used: {_all(others)}"
            if others
            else ""
        )
        twins = [entry for entry in lost if entry.sets]
        if twins:
            what += "; " if what else ""
            what += f"a card gets an address that none has now, and that may be another guest's: {_all(twins)}"
        return manual(
            f"{what}. Take the address out of the file, or put in that of the card ({', '.join(cards.own.values())}); over a "
            "connection of another card, or at the console",
            **sides,
        )
    if doubles:
        uuid, paths = next(iter(doubles.items()))
        return manual(
            f"{' and '.join(paths)} have the same UUID {uuid}, and only one of them is used: give one of them another "
            "(`uuidgen`), or remove the copy",
            **sides,
        )
    if bound and template:
        return manual(
            "a clone has another address, and comes up without network, or with the address of this one: take the lines out before "
            "the template is sealed, and leave the name of the device, which comes from its slot",
            **sides,
        )
    if bound:
        return compliant("every address in the configuration is that of a card of this guest.", **sides)
    return compliant("the configuration names no address.", **sides)


# ---- clone_dhcp_identity ---------------------------------------------------------------------------------------------


def assess_dhcp(evidence: Evidence, options: Options) -> Verdict:
    """Identifiers made of a card's address must be of this guest's; in a template there must be no lease and no identifier."""
    cards = _cards(evidence)
    if isinstance(cards, Verdict):
        return cards
    if only_root(evidence):
        return unknown("it takes root to read what DHCP clients keep, and the probe does not run as root")
    known, kept = identifiers(evidence), state(evidence)
    template = is_template(options)
    sides = {
        "runtime": " ".join(f"{name} {mac}" for name, mac in cards.own.items()),
        "persistent": ", ".join(
            [f"{entry.owner} of {entry.mac}" if entry.mac else f"{entry.owner} of no address" for entry in known]
            or (["leases only"] if kept else ["nothing"])
        ),
        "desired": "no lease and no identifier" if template else "identifiers of this guest's own",
        "owner": known[0].owner if known else None,
    }
    foreign = [entry for entry in known if entry.mac and entry.mac not in cards.all]
    if foreign and cards.hidden:
        return unknown(
            f"{', '.join(cards.hidden)} was given another address than its own, so whether {foreign[0].mac} in "
            f"{foreign[0].owner} is its own is not known; `ethtool -P` tells"
        )
    if foreign and not template:
        return manual(
            f"a DHCP client keeps an identifier made of {foreign[0].mac} ({foreign[0].owner}), which no card of it has: that of "
            "the guest that it was cloned from, or of a card that it once had. Two guests with one identifier get one lease: "
            "remove the file, and let the client begin anew (the address may change)",
            **sides,
        )
    if template and (kept or known):
        paths = " ".join(dict.fromkeys((*kept, *(entry.owner.partition(":")[0] for entry in known))))
        return manual(f"a clone asks for this guest's lease: remove before the template is sealed: {paths}", **sides)
    if template:
        return compliant("a clone begins with no lease and no identifier of this guest.", **sides)
    if known:
        return compliant("identifiers are not made of another guest's address.", **sides)
    return compliant(
        "no identifier is kept: clients make it of the card's address, or of the machine id, which clone_machine_id is about.",
        **sides,
    )


RECOMMENDATIONS = (
    Recommendation(
        id="clone_persistent_net_rules",
        area="cloning",
        title="Keep no names for cards that are gone",
        severity=Severity.HIGH,
        baseline="audit",
        talk="Naming of devices by MAC address does not work well when the VM is cloned.",
        today="Right for udev before systemd 197 (EL 6, SLES 11, Debian 8), and for .link files that match an address.",
        risk="None: it is only looked at. Renaming cards cuts connections.",
        no_remedy="Without the rule the present card gets another name at the next boot, and with it perhaps no network.",
        source="udev's rule_generator (write_net_rules), removed in systemd 209; systemd.link(5)",
        reads=BINDING_READS,
        assess=assess_rules,
    ),
    Recommendation(
        id="clone_nic_binding",
        area="cloning",
        title="Keep no network configuration for cards that are gone",
        severity=Severity.HIGH,
        baseline="audit",
        talk="Each Linux distribution has its own way of storing configuration files; MAC addresses in them do not suit clones.",
        today="As true of NetworkManager's keyfiles, netplan, systemd-networkd and wicked as of ifcfg files.",
        risk="None: it is only looked at. A change may cut the connection that one sits on.",
        no_remedy="A wrong line cuts the guest off the network, and with it the connection by which it would be put right.",
        source="nm-settings-keyfile(5); netplan(5); systemd.network(5); ifcfg(5) of wicked; sysconfig.txt of initscripts",
        reads=BINDING_READS,
        assess=assess_binding,
    ),
    Recommendation(
        id="clone_dhcp_identity",
        area="cloning",
        title="Give every guest a DHCP identifier of its own",
        severity=Severity.HIGH,
        baseline="audit",
        talk="The talk has a slide on the problems of cloning, but does not name this one.",
        today="Clients keep a DUID; clones that inherit it get the same address.",
        risk="None: it is only looked at. With another identifier a guest may get another address.",
        no_remedy="With another identifier the server may give another address, at once or when the lease ends.",
        source="RFC 8415, section 11; dhclient.leases(5); wicked-config(5); dhcpcd(8)",
        reads=(*BINDING_READS, *DHCP_READS),
        assess=assess_dhcp,
    ),
)
