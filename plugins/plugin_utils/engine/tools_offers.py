# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which distributions have open-vm-tools, and what their package brings: data."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Distribution


@dataclass(frozen=True)
class Offer:
    """``first`` major version that has open-vm-tools; ``unit`` that the package brings; ``desktop`` package, if any."""

    first: int
    unit: str
    desktop: str | None


#: By distribution id, else by family. Sources: the packages' spec and control files, for the oldest VMware's guide.
#: RHEL 6 has it in EPEL only, Debian 7 in contrib. Photon and Amazon Linux have no desktop.
OFFERS = {
    "redhat": Offer(7, "vmtoolsd", "open-vm-tools-desktop"),
    "amazon": Offer(2, "vmtoolsd", None),
    "suse": Offer(12, "vmtoolsd", "open-vm-tools-desktop"),
    "debian": Offer(7, "open-vm-tools", "open-vm-tools-desktop"),
    "ubuntu": Offer(14, "open-vm-tools", "open-vm-tools-desktop"),
    "photon": Offer(1, "vmtoolsd", None),
}


def offer_of(distribution: Distribution) -> Offer | None:
    """What the distribution has, None where it has no open-vm-tools at all or is not known."""
    offer = OFFERS.get(distribution.id) or OFFERS.get(distribution.family)
    # A rolling release (Debian's testing) has no number.
    return offer if offer and (distribution.major == 0 or distribution.major >= offer.first) else None
