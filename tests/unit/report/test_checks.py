# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a whole fleet: what only the records of all guests together tell."""

from __future__ import annotations

import json
import tracemalloc
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.report.checks import FleetChecks, FleetFinding
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.fleet_finding import NAMED
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.identity_check import IDENTITIES
from ansible_collections.vmguest.linux.tests.unit.examples import examples


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


# ---- the herd --------------------------------------------------------------------------------------------------------


def herd(*records: dict[str, Any]) -> FleetFinding:
    """The finding of the herd."""
    return results(*records)["fleet_herd"]


def test_a_herd_is_found_with_its_minute_its_guests_and_what_scatter_would_make_of_it() -> None:
    found = herd(
        *(
            record(f"g{number:02}", starts="17+60*24 385", starts_scattered=f"{number}+60*24 {385 + number}")
            for number in range(20)
        )
    )
    assert found.status == "manual"
    assert found.reason == (
        "at 00:17 20 jobs begin, on 20 of 20 guests; evenly spread it were 0.3 in every minute. Enforce cron_scatter and "
        "timer_scatter: the largest minute would be 00:00, with 1 job"
    )
    assert found.detail["now"]["largest"] == {"minute": 17, "clock": "00:17", "starts": 20, "guests": 20}
    assert [found.detail["now"]["starts"][minute] for minute in (16, 17, 385, 386)] == [0, 20, 20, 0]
    assert len(found.detail["now"]["starts"]) == 1440


def test_scattered_guests_are_compliant_and_remediation_shows_what_it_did() -> None:
    guests = [
        record(f"g{number:02}", starts=f"{number}+60*24", starts_scattered=f"{number}+60*24", starts_before="17+60*24")
        for number in range(30)
    ]
    found = herd(*guests)
    assert found.status == "compliant"
    assert found.detail["before"]["largest"]["starts"] == 30
    assert found.detail["after"]["largest"]["starts"] == 1
    assert "on the 30 guests that were remediated the largest minute went from 30 to 1" in found.reason


def test_own_jobs_that_scatter_would_not_move_are_to_be_listed() -> None:
    found = herd(*(record(f"g{number}", starts="0", starts_scattered="0") for number in range(12)))
    assert found.reason.endswith(
        "No job of a distribution makes it: list your own in cron_scatter_own_jobs and cron_scatter_own_timers"
    )


def test_random_delays_spread_over_midnight_and_no_guest_counts_for_certain() -> None:
    largest = herd(*(record(f"g{number}", starts="1439~2") for number in range(3))).detail["now"]
    assert (largest["starts"][1439], largest["starts"][0], largest["starts"][1]) == (1.5, 1.5, 0)
    assert largest["largest"]["guests"] == 0


def test_jobs_of_every_minute_are_no_herd() -> None:
    assert herd(*(record(f"g{number:03}", starts="0+1*1440") for number in range(100))).status == "compliant"


@pytest.mark.parametrize("told", [None, "1440", "17+0*3", "17~0", "no start", "1+60*25", 7], ids=str)
def test_starts_that_nobody_of_us_wrote_are_not_told(told: Any) -> None:
    found = herd(record("a", starts="17"), record("b", starts="18"), record("c", starts=told))
    assert (found.status, found.detail["silent"]) == ("unknown", {"count": 1, "guests": ["c"]})


def test_jobs_that_are_not_understood_are_counted() -> None:
    assert herd(record("a", starts="17 ?"), record("b", starts="18 ? ?")).detail["not_understood"] == 3


# ---- like guests -----------------------------------------------------------------------------------------------------


def alike(host: str, groups: tuple[str, ...] = (), release: str = "debian 12", **statuses: str) -> dict[str, Any]:
    """A guest with findings."""
    findings = [{"recommendation": name, "status": status} for name, status in statuses.items()]
    return {**record(host, release=release), "groups": ["all", *groups], "findings": findings}


def test_a_guest_that_differs_from_nearly_all_guests_alike_is_named_with_what_they_have() -> None:
    found = results(
        *(alike(f"web{number:02}", swappiness="compliant", entropy="compliant") for number in range(20)),
        alike("odd", swappiness="noncompliant", entropy="compliant"),
        # Another distribution is not alike.
        *(alike(f"old{number:02}", release="rhel 6", swappiness="noncompliant") for number in range(20)),
    )["fleet_outliers"]
    assert (found.status, found.guests) == ("manual", ("odd",))
    assert found.reason == (
        "1 finding differs from those of nearly all guests alike, on 1 guest: swappiness is noncompliant on odd, compliant on 20 "
        "of 21 guests like it (debian 12, profile baseline). See what is different there, and whether it is meant to be"
    )


def test_groups_tell_guests_apart_where_enough_share_them() -> None:
    fleet = [alike(f"db{number:02}", ("db",), swappiness="noncompliant") for number in range(10)]
    fleet += [alike(f"web{number:03}", ("web",), swappiness="compliant") for number in range(200)]
    # Nine of ten databases and all of two hundred web servers: only within their group are databases the usual.
    assert results(*fleet[1:])["fleet_outliers"].detail["outliers"][0]["count"] == 9
    fleet[0] = alike("db00", ("db",), swappiness="compliant")
    rows = results(*fleet)["fleet_outliers"].detail["outliers"]
    assert [(row["guests"], row["like"]) for row in rows if row["count"] == 1] == [
        (["db00"], "debian 12, profile baseline, groups db")
    ]


@pytest.mark.parametrize(
    ("usual", "odd", "status"),
    [
        ("compliant", "not_applicable", "compliant"),
        ("not_applicable", "compliant", "compliant"),
        ("noncompliant", "compliant", "manual"),
        ("not_applicable", "unknown", "manual"),
    ],
)
def test_a_difference_counts_where_somebody_has_to_act(usual: str, odd: str, status: str) -> None:
    fleet = [alike(f"g{number:02}", entropy=usual) for number in range(20)]
    assert results(*fleet, alike("odd", entropy=odd))["fleet_outliers"].status == status


def test_few_guests_alike_and_guests_of_two_minds_have_no_outlier() -> None:
    few = [alike(f"g{number}", entropy="compliant") for number in range(8)]
    assert results(*few, alike("odd", entropy="manual"))["fleet_outliers"].status == "not_applicable"
    two = [alike(f"g{number:02}", entropy="manual" if number % 5 else "compliant") for number in range(20)]
    assert results(*two)["fleet_outliers"].status == "compliant"


def test_more_groups_than_are_kept_leave_groups_out() -> None:
    fleet = [alike(f"g{number:04}", (f"group{number}",), entropy="compliant") for number in range(250)]
    found = results(*fleet, alike("odd", ("group3",), entropy="manual"))["fleet_outliers"]
    assert found.guests == ("odd",)
    assert found.detail["by_group"] is False


def test_versions_that_differ_within_a_distribution() -> None:
    def of(host: str, release: str, kernel: str) -> dict[str, Any]:
        return record(host, release=release, kernel=kernel, tools="none")

    found = results(
        of("a", "debian 12", "6.1.0-28"), of("b", "debian 12", "6.1.0-28"), of("c", "debian 12", "6.1.0-9"),
        of("d", "rhel 9", "5.14.0"),
    )  # fmt: skip
    assert (found["fleet_kernel_versions"].status, found["fleet_kernel_versions"].guests) == ("manual", ("c",))
    assert found["fleet_kernel_versions"].reason.startswith(
        "different kernels: debian 12 has 2 on 3 guests, most often 6.1.0-28 (2)."
    )
    assert found["fleet_tools_versions"].status == "compliant"
    assert results(of("a", "x", "1"), of("b", "y", "2"))["fleet_kernel_versions"].status == "not_applicable"
    assert results(of("a", "x", "1"), record("b", release="x"))["fleet_kernel_versions"].status == "unknown"


# ---- whatever the records are, and whatever their order ----------------------------------------------------------------

HOSTILE = st.text(
    alphabet=st.sampled_from("ab\n\x00\x1b<>&\"'{}%/\udcff\u202e€"), min_size=0, max_size=6
) | st.sampled_from(["a" * 3000, "<script>alert(1)</script>"])
PLAIN = st.none() | st.booleans() | st.integers() | HOSTILE
STARTS = st.lists(
    st.builds("{}".format, st.integers(0, 1500))
    | st.builds("{}+{}*{}".format, st.integers(0, 60), st.integers(0, 60), st.integers(0, 30))
    | st.builds("{}~{}".format, st.integers(0, 1439), st.integers(0, 1500))
    | st.just("?"),
    max_size=4,
).map(" ".join)
FINDINGS = st.lists(
    st.fixed_dictionaries(
        {"recommendation": st.sampled_from(["a", "b"]) | HOSTILE, "status": st.sampled_from(["compliant", "manual"])}
    )
    | PLAIN,
    max_size=3,
)
FLEET = st.fixed_dictionaries(
    {},
    optional={
        "release": st.sampled_from(["debian 12", "rhel 9"]) | PLAIN,
        "kernel": st.sampled_from(["1", "2"]) | PLAIN,
        "tools": PLAIN,
        "starts": STARTS | PLAIN,
        "starts_scattered": STARTS | PLAIN,
        "starts_before": STARTS | PLAIN,
        "identity": st.dictionaries(
            st.sampled_from([kind.name for kind in IDENTITIES]), st.lists(st.sampled_from("xyz") | PLAIN, max_size=3)
        )
        | PLAIN,
    },
)
RECORD = st.fixed_dictionaries(
    {"findings": FINDINGS | PLAIN, "fleet": FLEET | PLAIN},
    optional={"groups": st.lists(st.sampled_from(["web", "db"]) | PLAIN, max_size=2) | PLAIN, "profile": PLAIN},
)


def _fleet(bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A fleet: every guest once, some with names that are no words."""
    return [{**body, "host": f"{number:02}\x1b<b>'"} for number, body in enumerate(bodies)]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(RECORD, max_size=30), st.randoms(use_true_random=False))
def test_neither_order_nor_content_of_records_matters(bodies: list[dict[str, Any]], random: Random) -> None:
    """Any records give plain data, the same in any order."""
    fleet = _fleet(bodies)
    found = [finding.record() for finding in results(*fleet).values()]
    json.dumps(found)
    random.shuffle(fleet)
    assert [finding.record() for finding in results(*fleet).values()] == found


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.integers(0, 300), min_size=180, max_size=230), st.randoms(use_true_random=False))
def test_the_bound_on_groups_does_not_depend_on_the_order(groups: list[int], random: Random) -> None:
    fleet = [
        alike(f"g{number:03}", (f"group{group}",), entropy="manual" if number % 40 == 0 else "compliant")
        for number, group in enumerate(groups)
    ]
    found = results(*fleet)["fleet_outliers"].record()
    random.shuffle(fleet)
    assert results(*fleet)["fleet_outliers"].record() == found


def test_ten_thousand_guests_take_little_memory() -> None:
    """Whatever is in them: all different, in many groups, and all the same."""
    checks = FleetChecks()

    def one(number: int) -> dict[str, Any]:
        own = {kind.name: [f"{kind.name}-{number:032}"] for kind in IDENTITIES}
        findings = [
            {"recommendation": f"r{which}", "status": "compliant" if number % 97 else "manual"} for which in range(97)
        ]
        told = {
            "release": "debian 12",
            "kernel": f"6.1.0-{number}",
            "identity": own,
            "starts": f"{number % 60}+60*24 0~720",
        }
        return {
            "host": f"guest-{number:05}.example.org",
            "groups": [f"group{number % 300}"],
            "findings": findings,
            "fleet": told,
        }

    tracemalloc.start()
    try:
        for number in range(2000):
            checks.add(one(number))
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000, 4000):
            checks.add(one(number))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown / 2000 < 3500, "bytes for each further guest"
    assert before < 12_000_000
