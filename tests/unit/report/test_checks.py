# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a whole fleet: what only the records of all guests together tell."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import (
    IDENTITIES,
    NAMED,
    FleetChecks,
    FleetFinding,
)


def record(host: str, **fleet: Any) -> dict[str, Any]:
    """A guest's record."""
    return {"host": host, "state": "ok", "profile": "baseline", "findings": [], "fleet": fleet}


def guest(host: str, **identity: Any) -> dict[str, Any]:
    """A guest with identities: all that are not given are read, and there are none."""
    return record(host, identity={**{kind.name: [] for kind in IDENTITIES}, **identity})


def results(*records: dict[str, Any]) -> dict[str, FleetFinding]:
    """The findings of a fleet by their ids."""
    checks = FleetChecks()
    for entry in records:
        checks.add(entry)
    return {finding.id: finding for finding in checks.results()}


# ---- identity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", IDENTITIES, ids=lambda kind: kind.name)
def test_guests_that_share_an_identity_are_named_with_what_to_do(kind: Any) -> None:
    found = results(
        guest("web1", **{kind.name: ["same", "own1"]}),
        guest("web2", **{kind.name: ["own2"]}),
        guest("web3", **{kind.name: ["same"]}),
    )[f"fleet_{kind.name}"]
    assert (found.status, found.guests) == ("manual", ("web1", "web3"))
    assert found.reason.startswith(f"2 guests share their {kind.what}: web1, web3.")
    assert kind.do in found.reason
    assert found.detail["shared"] == [{"value": "same", "count": 2, "guests": ["web1", "web3"]}]


def test_nobody_shares_anything() -> None:
    found = results(guest("a", mac=["1", "2"]), guest("b", mac=["3"]))["fleet_mac"]
    assert (found.status, found.reason) == ("compliant", "none of 2 guests shares its MAC address with another")


def test_who_does_not_tell_makes_it_unknown_and_is_named() -> None:
    found = results(guest("a", mac=["1"]), guest("b", mac=["2"]), guest("c", mac=None))["fleet_mac"]
    assert found.status == "unknown"
    assert found.reason.startswith("1 guest did not tell their MAC address: c;")
    old = {"host": "old", "state": "ok", "findings": [{"recommendation": "x", "status": "compliant"}]}
    assert results(guest("a", mac=["1"]), old)["fleet_mac"].detail["silent"] == {"count": 1, "guests": ["old"]}


def test_what_is_shared_counts_more_than_who_did_not_tell() -> None:
    found = results(guest("a", mac=["1"]), guest("b", mac=["1"]), guest("c", mac=None))["fleet_mac"]
    assert found.status == "manual"
    assert "1 guest did not tell (c)" in found.reason


def test_one_guest_and_guests_without_that_identity_are_nothing_to_compare() -> None:
    assert results(guest("a", mac=["1"]))["fleet_mac"].status == "not_applicable"
    assert results(guest("a"), guest("b"))["fleet_iscsi_iqn"].status == "not_applicable"
    assert {finding.status for finding in results().values()} == {"not_applicable"}


def test_guests_that_gave_no_evidence_are_no_part_of_it() -> None:
    gone = {"host": "gone", "state": "unreachable", "message": "timed out", "findings": []}
    assert results(guest("a", mac=["1"]), guest("b", mac=["2"]), gone)["fleet_mac"].status == "compliant"


def test_a_guest_that_lists_a_value_twice_shares_it_with_nobody() -> None:
    assert results(guest("a", mac=["1", "1"]), guest("b", mac=["2"]))["fleet_mac"].status == "compliant"


def test_many_clones_are_counted_and_some_are_named() -> None:
    found = results(*(guest(f"clone{number:04}", ssh_host_keys=["rsa", "ed25519"]) for number in range(500)))[
        "fleet_ssh_host_keys"
    ]
    assert len(found.guests) == NAMED
    assert [(entry["count"], len(entry["guests"])) for entry in found.detail["shared"]] == [(500, NAMED)] * 2
    # The two keys are shared by the same guests, who are named once.
    assert found.reason.count("clone0000") == 1
    assert len(found.reason) < 1000
