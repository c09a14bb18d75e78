# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The laws of docs/architecture.md, on random guests in random states.

Each test's docstring names a break of the code that turns it red. What is random is so by hypothesis: guests, drift from a
pool of edits that people and packages make, the recommendations that are selected, their modes, the order of a revert, and
the moment at which the power goes.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan_file import (
    choose,
    make_plan_file,
    read_plan_file,
    write_plan_file,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS, RECOMMENDATIONS, ROLES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    EditFile,
    RemoveFile,
    Run,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import File, Output, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.examples import EVERY_MOMENT, examples
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS, Guest, Tree

pytestmark = pytest.mark.slow

GUESTS = {str(guest): guest for guest in guest_tree.every_guest()}
#: As they are shipped, and a few that somebody has been at: enough where a test needs only what the probe found.
SOME = [name for name in GUESTS if name.endswith("-base")] + [
    "debian12-everything_wrong",
    "debian12-early_rule",
    "rhel5-tarball_stopped",
    "rhel7-tuned_deadline_strict",
    "sles15sp6-none_by_hand",
    "ubuntu2204-swap_file_forgotten",
]

#: What people and packages do to guests: edits in the format of a variant. Where a guest has no such thing they add it.
DRIFT: dict[str, Mapping[str, Any]] = {
    "bfq": {"files": {"/sys/block/sda/queue/scheduler": "none mq-deadline [bfq]"}},
    "cfq": {"files": {"/sys/block/sda/queue/scheduler": "noop deadline [cfq]"}},
    "noop by hand": {"files": {"/sys/block/sda/queue/scheduler": "[noop] deadline cfq"}},
    "a router": {"files": {"/proc/sys/net/ipv4/ip_forward": "1"}},
    "drops, offloads off, tunnels": {
        "files": {
            "/.state/ethtool/ens192": "large-receive-offload off\ntcp-segmentation-offload off\nscatter-gather off\n"
            "tx-checksumming on\nrx-checksumming on\ntx-udp_tnl-segmentation on\ntx-udp_tnl-csum-segmentation on\n"
            "ring 256\nmost 4096\nreceived 1000000\nOOB 5000",
            "/sys/devices/virtual/net/lo/uevent": "INTERFACE=lo\nDEVTYPE=vxlan",
        }
    },
    "LRO by NetworkManager": {
        "files": {"/etc/NetworkManager/system-connections/ens192.nmconnection": "[ethtool]\nfeature-lro=true"}
    },
    "ntpd that panics": {
        "files": {
            "/etc/rc.d/init.d/ntpd": "#!/bin/sh",
            "/usr/lib/systemd/system/ntpd.service": "[Service]\nExecStart=/usr/sbin/ntpd\n[Install]\nWantedBy=multi-user.target",
            "/etc/ntp.conf": "driftfile /var/lib/ntp/drift\n\ttinker  step 0.5 panic 300 # site",
        },
        "systemd": {"version": 252, "started": ["ntpd.service"], "stopped": ["chronyd.service"]},
    },
    "tools keep the time": {
        "packages": {"open-vm-tools": {"version": "12.0-1", "programs": {"vmware-toolbox-cmd": "toolbox"}}},
        "files": {"/.state/host/tools_sync": "Enabled"},
    },
    "acpi_pm by hand": {
        "files": {
            "/sys/devices/system/clocksource/clocksource0/current_clocksource": "acpi_pm",
            "/sys/devices/system/clocksource/clocksource0/available_clocksource": "tsc acpi_pm",
        }
    },
    "late rule": {
        "files": {"/etc/udev/rules.d/99-site.rules": 'KERNEL=="sd*", SUBSYSTEM=="block", ATTR{queue/scheduler}="bfq"'}
    },
    "early rule": {
        "files": {"/etc/udev/rules.d/55-site.rules": 'KERNEL=="sd*", SUBSYSTEM=="block", ATTR{queue/scheduler}="bfq"'}
    },
    "our rule, edited": {
        "files": {"/etc/udev/rules.d/66-vmguest-io-scheduler.rules": "# vmguest.linux\n# nothing here any more"}
    },
    "no swap": {
        "files": {
            "/etc/fstab": "# nothing",
            "/proc/swaps": "Filename\t\t\t\tType\t\tSize\tUsed\tPriority",
            "/proc/meminfo": "MemTotal:        4014124 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB",
        }
    },
    "fstab without an end": {"files": {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n"}, "unended": ["/etc/fstab"]},
    "more memory": {
        "files": {
            # Whatever swap there is: /proc/swaps tells.
            "/proc/meminfo": "MemTotal:       16014124 kB"
        }
    },
    "a swap file of ours in the way": {"files": {"/swapfile.vmguest": "somebody's"}},
    "the crontab of EL5": {
        "files": {
            "/etc/crontab": "01 * * * * root run-parts /etc/cron.hourly\n02 4 * * * root run-parts /etc/cron.daily"
        }
    },
    "an own job": {"files": {"/etc/cron.d/site": "0 2 * * * root /opt/site/backup --password=secret"}},
    "a crontab without an end": {
        "files": {"/etc/cron.d/0hourly": "01 * * * * root run-parts /etc/cron.hourly\n"},
        "unended": ["/etc/cron.d/0hourly"],
    },
    "names with blanks": {"files": {"/etc/cron.d/two words": "0 1 * * * root x", "/etc/udev/rules.d/a b.rules": "# x"}},
    "names with colons": {"files": {"/etc/cron.d/a:12:b": "0 1 * * * root x", "/etc/modprobe.d/x:1:y.conf": "# x"}},
    "bytes that are no UTF-8": {"files": {"/etc/cron.d/latin": "# caf\udce9\n0 3 * * * root /opt/caf\udce9"}},
    "swappiness 0": {"files": {"/proc/sys/vm/swappiness": "0"}},
    "swappiness 0 at boot": {"files": {"/etc/sysctl.conf": "kernel.sysrq = 0\nvm.swappiness=0\n"}},
    "swappiness 0 in a drop-in": {"files": {"/etc/sysctl.d/80-site.conf": "vm.swappiness=0"}},
    "vegas by hand": {"files": {"/proc/sys/net/ipv4/tcp_congestion_control": "vegas"}},
    "no overcommit": {"files": {"/etc/sysctl.d/60-x.conf": "vm.overcommit_memory=2"}},
    "carriage returns": {"files": {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\r\n"}},
    "an empty crontab": {"files": {"/etc/crontab": ""}},
    "no anacron delay": {"files": {"/etc/anacrontab": "1\t5\tcron.daily\tnice run-parts /etc/cron.daily"}},
    "balloon blacklisted": {"files": {"/etc/modprobe.d/site.conf": "# site\nblacklist vmw_balloon\nblacklist floppy"}},
    "balloon kept out": {"files": {"/etc/modprobe.d/site.conf": "install vmw_balloon /bin/true"}},
    "another job at midnight": {
        "files": {"/etc/systemd/system/site.timer": "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target"}
    },
    "a drop-in of the site": {
        "files": {"/etc/systemd/system/logrotate.timer.d/site.conf": "[Timer]\nOnCalendar=\nOnCalendar=04:30"}
    },
    "stale timers configured": {"files": {"/etc/default/grub": 'GRUB_CMDLINE_LINUX="notsc quiet nohz=off"'}},
    "stale timers in use": {"files": {"/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro nohz=off lpj=1"}},
    "no tools": {"packages": {"open-vm-tools": {"version": "12.0-1", "installed": False}}},
    "toolbox does not answer": {
        "packages": {
            "open-vm-tools": {
                "version": "12.0-1",
                "commands": {
                    "vmware-toolbox-cmd": {"*": {"status": 1, "output": "The sessionid value could not be read"}}
                },
            }
        }
    },
}

#: Trees are too slow to look for the smallest example that fails: the first one has to do.
TREES = settings(phases=(Phase.explicit, Phase.generate))

drifts = st.lists(st.sampled_from(sorted(DRIFT)), max_size=4, unique=True)
guests = st.sampled_from(sorted(GUESTS))
#: Modes of roles, and a selection of recommendations.
modes = st.fixed_dictionaries(
    {}, optional={f"{role}_mode": st.sampled_from(("enforce", "audit", "off")) for role in ROLES}
)
selections: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"vmguest_only": st.lists(st.sampled_from(sorted(RECOMMENDATIONS)), min_size=1, unique=True)}
    ),
    st.fixed_dictionaries({"vmguest_skip": st.lists(st.sampled_from(sorted(RECOMMENDATIONS)), unique=True)}),
    st.fixed_dictionaries({"vmguest_profile": st.sampled_from(("baseline", "density", "io_intensive", "everything"))}),
)
policies = st.builds(lambda some, more: {**some, **more}, modes, selections)
shells = st.sampled_from([shell for shell in SHELLS if shutil.which(shell)])


def drifted(name: str, changes: list[str]) -> Guest:
    """A guest after some changes."""
    guest = GUESTS[name]
    for change in changes:
        edits = {key: value for key, value in DRIFT[change].items() if key != "unended"}
        guest = guest.edited(edits, f"{guest.variant} + {change}")
    return guest


@contextmanager
def standing(guest: Guest, changes: list[str] | None = None) -> Iterator[Tree]:
    """The guest as a tree, for as long as one example takes."""
    directory = Path(tempfile.mkdtemp(prefix="vmguest-"))
    try:
        tree = guest_tree.materialise(guest, directory / "root")
        for change in changes or ():
            for path in DRIFT[change].get("unended", ()):
                tree.write(path, tree.read(path).rstrip("\n"))
        yield tree
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def open_ones(findings: Mapping[str, Finding]) -> list[str]:
    """What the audit says is enforceable."""
    return [name for name, found in findings.items() if found.enforceable]


def as_promised(found: Finding, now: Finding) -> bool:
    """Compliant after its remedy; or, where that takes effect at the next boot only, waiting for it."""
    return now.status is Status.COMPLIANT or (found.reboot and now.status is Status.PENDING_REBOOT)


def changed_paths(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Paths that are new, gone or different."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def newest_first(evidence: Evidence | None) -> list[str]:
    """Receipts that can be reverted."""
    assert evidence is not None
    return [receipt.name for receipt in reversed(receipts(evidence)) if receipt.revertable]


@pytest.fixture(scope="module")
def evidence_of() -> dict[str, tuple[Guest, Evidence]]:
    """What the probe finds on some guests, read once."""
    found = {}
    for name in SOME:
        with standing(GUESTS[name]) as tree:
            found[name] = GUESTS[name], guest_tree.probe(tree)
    return found


@pytest.fixture(scope="module")
def plans(evidence_of: dict[str, tuple[Guest, Evidence]]) -> list[tuple[str, Plan, dict[str, Finding]]]:
    """The plans of these guests with everything enforced, and the findings that they come from."""
    made = []
    for name, (guest, evidence) in evidence_of.items():
        found = {
            entry.recommendation: entry
            for entry in assess(evidence, guest_tree.policy(Tree(guest, Path("/nonexistent"))))
        }
        made.append((name, make_plan(list(found.values())), found))
    return made


# ---- 1 ---------------------------------------------------------------------------------------------------------------


def everything_about(root: Path) -> dict[str, tuple[Any, ...]]:
    """Of every path below ``root``, all that a write would change: times included, for content may be written back."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path)] = (
            status.st_ino,
            status.st_mode,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_nlink,
        )
    return found


#: The log of stand-ins, and what their own shells need: no part of the guest.
OF_THE_HARNESS = f"/{guest_tree.STATE}"


@settings(TREES, max_examples=examples(25))
@given(guests, drifts, shells)
def test_law_1_an_audit_never_writes(name: str, changes: list[str], shell: str) -> None:
    """Not one byte, not one time stamp, no command that could, and no temporary file.

    Red where probe.sh's `probe_guest` begins with `: >"$ROOT/tmp/vmguest"; rm "$ROOT/tmp/vmguest"`.
    """
    with standing(drifted(name, changes), changes) as tree:
        guest_tree.run(tree, ":", shell)  # makes the shell's own link
        before = everything_about(tree.root)
        guest_tree.probe(tree, shell)
        after = everything_about(tree.root)
        assert {path for path in changed_paths(before, after) if OF_THE_HARNESS not in path} == set()
        declared = {" ".join(read.argv) for read in READS if isinstance(read, Command)}
        # One command asks for every card, one Tools for all that they tell, one systemd for the units that are there and for its
        # timers: questions, each of them.
        asked = (
            r"(ethtool -[cgkS] \w+|vmware-toolbox-cmd stat [a-z ]+|vmtoolsd --cmd info-get [\w.]+"
            r"|systemctl show( -p [A-Za-z]+)+( [\w-]+\.service)+ \*\.timer)\Z"
        )
        calls = {call for call in tree.calls if not re.match(asked, call)}
        # A guest without systemd starts its services when it is made.
        assert {call for call in calls if not re.match(r"service [\w-]+ start\Z", call)} <= declared


# ---- 2 and 3 ---------------------------------------------------------------------------------------------------------


@settings(TREES, max_examples=examples(45))
@given(guests, drifts, policies, shells)
def test_laws_2_and_3_one_truth_and_a_second_apply_is_empty(
    name: str, changes: list[str], variables: dict[str, Any], shell: str
) -> None:
    """Audit says enforceable ⇔ check mode has a plan ⇔ apply changes the guest; then compliant, with nothing left to do.

    Law 2 is red where `make_plan` asks for a remedy instead of `enforceable`, or `io_scheduler._remedy` has no WriteKernel.
    Law 3 is red where `apply_main` calls `apply_exclusively` for an empty plan, too.
    """
    with standing(drifted(name, changes), changes) as tree:
        before = guest_tree.snapshot(tree)
        found = guest_tree.audit(tree, variables, shell)
        plan = make_plan(list(found.values()))
        # What is committed for several comes last.
        assert sorted(entry.recommendation for entry in plan.transactions) == sorted(open_ones(found))

        applied = guest_tree.execute(tree, apply_payload, plan.transactions, shell)
        results = {name: result for name, result in applied.results.items() if name in found}
        done = {name for name, result in results.items() if result == "done"}
        refused = {name for name, result in results.items() if result != "done"}
        after = guest_tree.snapshot(tree)
        assert bool(changed_paths(before, after)) == bool(done)
        assert applied.evidence is not None
        now = guest_tree.findings(tree, applied.evidence, variables)
        assert [name for name in done if not as_promised(found[name], now[name])] == []
        # What was refused says why, and is as it was.
        assert all(outcome.reason for outcome in applied.output.outcomes if outcome.recommendation in refused)
        assert {name: now[name].status for name in refused} == {name: found[name].status for name in refused}

        # Law 3. What was refused is tried again, and refused again: nothing moves.
        again = make_plan(list(now.values()))
        assert {entry.recommendation for entry in again.transactions} - refused == set()
        kept = everything_about(tree.path("/var/lib/vmguest"))
        second = guest_tree.execute(tree, apply_payload, (), shell)
        assert second.problems == []
        assert everything_about(tree.path("/var/lib/vmguest")) == kept
        assert changed_paths(after, guest_tree.snapshot(tree)) == set()


@settings(TREES, max_examples=examples(20))
@given(guests, drifts, policies, st.data())
def test_law_2_a_plan_that_is_applied_at_once_does_what_remediation_does(
    name: str, changes: list[str], variables: dict[str, Any], data: st.DataObject
) -> None:
    """Written to a file, read back and looked for on the guest anew, the plan is the same; cut down, it is what is left.

    Red where `_canonical` has `id(value)`, or `choose` compares digests of transactions that are composed already.
    """
    with standing(drifted(name, changes), changes) as tree:
        found = list(guest_tree.audit(tree, variables).values())
        file = read_plan_file(write_plan_file(make_plan_file("guest", "run", "now", "profile", found)), "guest.yml")
        again = list(guest_tree.audit(tree, variables).values())
        chosen = choose(file, again, "profile")
        assert (chosen.refused, chosen.held, chosen.met, chosen.beyond) == ({}, {}, {}, ())
        plan = make_plan(chosen.findings)
        assert plan == make_plan(again)

        kept = data.draw(st.sets(st.sampled_from([entry.recommendation for entry in file.changes]))) if plan else set()
        cut = replace(file, changes=tuple(entry for entry in file.changes if entry.recommendation in kept))
        part = choose(cut, again, "profile")
        assert part.refused == {}
        before = guest_tree.snapshot(tree)
        applied = guest_tree.execute(tree, apply_payload, make_plan(part.findings).transactions)
        assert set(applied.results) == kept
        done = {name for name, result in applied.results.items() if result == "done"}
        assert bool(changed_paths(before, guest_tree.snapshot(tree))) == bool(done)
        # And what was done is met: the plan as a whole asks for the rest only.
        assert applied.evidence is not None
        later = choose(file, list(guest_tree.findings(tree, applied.evidence, variables).values()), "profile")
        assert done <= set(later.met)
        assert not {finding.recommendation for finding in later.findings} & done


@pytest.mark.parametrize(
    "name",
    [
        "debian12-everything_wrong",
        "debian12-early_rule",
        "debian12-swappiness_zero",
        "debian12-swappiness_zero_early",
        "debian12-huge_pages_madvise",
        "rhel6-huge_pages_never",
        "rhel9-huge_pages_count",
        "debian12-no_overcommit_by_hand",
        "debian12-vegas",
        "debian12-nvme_option_built_in",
        "sles15sp6-none_by_hand",
        "rhel5-no_swap",
        "rhel5-swappiness_highest",
        "rhel9-zram_only",
        "rhel9-strict",
        "photon5-no_tools",
        "debian12-no_time_client",
        "debian12-timesyncd_disabled",
        "rhel7-ntpd_disabled",
        "rhel9-chrony_disabled",
        "rhel9-no_time_client",
        "sles15sp6-chrony_disabled",
        "ubuntu2204-swap_file_forgotten",
        "rhel4-base",
        "rhel5-base",
        "sles10sp3-base",
        "debian12-stale_timers",
        "debian12-stale_timers_drop_in",
        "rhel7-stale_timers",
        "rhel8-stale_timers",
        "rhel9-stale_timers",
        "sles11sp4-stale_timers",
        "sles15sp6-stale_timers",
        "photon5-stale_timers",
        "ubuntu2204-stale_timers",
        "debian12-console_wanted",
        "debian12-large_and_slow",
        "debian12-large_and_slow_by_sysctl_conf",
        "rhel7-kdump_stopped",
        "rhel7-no_memory_for_a_dump_yet",
    ],
)
def test_law_2_holds_after_a_reboot(name: str) -> None:
    """What apply made compliant is compliant after the next boot: the persistent side is real.

    Red where `io_scheduler._remedy` leaves out the WriteFile, or `swap_size` the line of fstab.
    """
    with standing(GUESTS[name]) as tree:
        found = guest_tree.audit(tree)
        assert guest_tree.apply(tree).problems == []
        guest_tree.reboot(tree)
        now = guest_tree.audit(tree)
        assert {name: now[name].status for name in open_ones(found)} == dict.fromkeys(
            open_ones(found), Status.COMPLIANT
        )


# ---- 4 ---------------------------------------------------------------------------------------------------------------


@settings(TREES, max_examples=examples(15))
@given(guests, drifts, shells, st.randoms(use_true_random=False))
def test_law_4_reverting_in_any_order_restores_every_byte(
    name: str, changes: list[str], shell: str, random: Any
) -> None:
    """One recommendation's revert takes back its own part and nobody else's; all of them, everything.

    Red where `ready_undo_kernel` compares with `old` instead of `new`, or `remove_own_folders` does nothing.
    """
    with standing(drifted(name, changes), changes) as tree:
        before = guest_tree.snapshot(tree)
        found = guest_tree.audit(tree, shell=shell)
        applied = guest_tree.execute(tree, apply_payload, make_plan(list(found.values())).transactions, shell)
        names = newest_first(applied.evidence)
        random.shuffle(names)
        left = {receipt.partition("-")[2] for receipt in names}
        for receipt in names:
            undone = guest_tree.execute(tree, revert_payload, [receipt], shell)
            if undone.problems and "revert that first" in str(undone.output.reverted):
                # The boot arguments of two recommendations stand in one line: the later goes first.
                names.append(receipt)
                continue
            assert undone.problems == []
            recommendation = receipt.partition("-")[2]
            left.discard(recommendation)
            assert undone.evidence is not None
            now = guest_tree.findings(tree, undone.evidence)
            # What is left may bring it about, too (the package of the Tools has a rule for the disks' timeout), or tell that it is
            # not needed (Tools know what memory the host reserved).
            by_others = [Status.COMPLIANT, Status.NOT_APPLICABLE] if left else []
            assert now[recommendation].status in (found[recommendation].status, *by_others)
            assert [name for name in left if not as_promised(found[name], now[name])] == []
        assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


#: What happens to a living guest by writing files: no package comes or goes.
MEANWHILE = sorted(name for name, edits in DRIFT.items() if edits.keys() == {"files"})


@settings(TREES, max_examples=examples(15))
@given(
    guests,
    drifts,
    st.lists(st.sampled_from(MEANWHILE), min_size=1, max_size=3, unique=True),
    st.booleans(),
    shells,
    st.randoms(use_true_random=False),
)
def test_law_4_on_a_guest_that_went_on_living_a_revert_is_done_or_refused(
    name: str, changes: list[str], meanwhile: list[str], rebooted: bool, shell: str, random: Any
) -> None:
    """Given files that others wrote since, some of ours among them, and perhaps a reboot, each revert is done, or refused with
    its reason; none is begun and left open but to be ended by a reboot, and what they wrote stays.

    Red where `ready_undo_file` takes what is there for what it left.
    """
    with standing(drifted(name, changes), changes) as tree:
        before = guest_tree.snapshot(tree)
        found = newest_first(guest_tree.apply(tree, shell=shell).evidence)
        if rebooted:
            guest_tree.reboot(tree)
        theirs = set()
        for change in meanwhile:
            guest_tree.put(tree.root, DRIFT[change])
            theirs |= {f"/{tree.path(path).resolve().relative_to(tree.root)}" for path in DRIFT[change]["files"]}
        applied = guest_tree.snapshot(tree)
        both = [
            path
            for path in changed_paths(before, applied) - theirs
            if path[:5] == "/etc/" and path in applied and applied[path][0][0] == "-"
        ]
        shared = set(random.sample(sorted(both), min(len(both), 3)))
        for path in shared:
            tree.write(path, tree.read(path) + "# theirs\n")
        written = guest_tree.snapshot(tree)
        names = random.sample(found, len(found))
        refused = []
        for receipt in names:
            undone = guest_tree.execute(tree, revert_payload, [receipt], shell)
            if "reboot the guest, then run this again" in str(undone.problems):
                # The kernel that was added runs.
                guest_tree.reboot(tree)
                assert guest_tree.execute(tree, apply_payload, (), shell).problems == []
                continue
            assert {entry[2] for entry in undone.output.reverted} <= {"done", "refused"}, undone.problems
            if undone.problems and "revert that first" in undone.problems[0] and names.count(receipt) < len(found):
                names.append(receipt)
            elif undone.problems:
                refused.append(receipt)
        after = guest_tree.snapshot(tree)
        for path in theirs:
            # Of a value that has our own nobody can tell whose it is.
            if not path.startswith(("/proc/", "/sys/", "/.state/ethtool/")):
                assert after[path] == written[path]
        # When a package goes, rpm puts edited configuration aside.
        kept = {path: after.get(path) or after[f"{path}.rpmsave"] for path in shared}
        assert all(what[-1].endswith("# theirs\n") for what in kept.values())
        if not refused and not rebooted:
            beside = {f"{path}.rpmsave" for path in shared}
            with_folders = {
                above for path in theirs | shared | beside for above in (path, *map(str, Path(path).parents))
            }
            # When systemd reads its files anew, it reads theirs, too.
            changed = {path for path in changed_paths(before, after) if "/systemd/loaded/" not in path}
            assert changed <= with_folders


def test_law_4_a_revert_leaves_what_others_wrote_into_the_same_file() -> None:
    """A line that somebody added to a file which we edited too stays, in its place.

    Red where `ready_undo_file` puts the backup back instead of calling `take_out_edits`.
    """
    with standing(GUESTS["rhel5-no_swap"]) as tree:
        before = guest_tree.snapshot(tree)
        assert guest_tree.apply(tree).problems == []
        added = {"/etc/crontab": "5 5 * * * root /opt/site/report\n", "/etc/fstab": "nas:/data /data nfs noauto 0 0\n"}
        for path, line in added.items():
            tree.write(path, tree.read(path) + line)
        assert guest_tree.revert(tree).problems == []
        after = guest_tree.snapshot(tree)
        assert changed_paths(before, after) == set(added)
        for path, line in added.items():
            assert after[path] == (*before[path][:-1], before[path][-1] + line)


def test_law_4_what_somebody_changed_since_is_refused_with_a_reason() -> None:
    """Our own file, edited by hand, and a kernel value that somebody set since: all of that recommendation stays.

    Red where `ready_undo_file` removes a new file without comparing it with `after`.
    """
    with standing(GUESTS["debian12-bfq"]) as tree:
        assert guest_tree.apply(tree, {"vmguest_only": ["io_scheduler"]}).problems == []
        rule = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"
        tree.write(rule, tree.read(rule) + "# mine now\n")
        before = guest_tree.snapshot(tree)
        undone = guest_tree.revert(tree)
        assert [entry[2] for entry in undone.output.reverted] == ["refused"]
        assert rule in undone.output.reverted[0][3]
        assert changed_paths(before, guest_tree.snapshot(tree)) == set()


# ---- 5 ---------------------------------------------------------------------------------------------------------------


def mended(
    tree: Tree, before: Mapping[str, Any], wanted: Mapping[str, Any], found: Mapping[str, Finding], shell: str
) -> None:
    """After a cut: the next remediation leads where the first would have, and its revert back to the beginning."""
    next_run = guest_tree.apply(tree, shell=shell)
    assert next_run.problems == []
    assert guest_tree.differences(wanted, guest_tree.snapshot(tree)) == []
    assert next_run.evidence is not None
    now = guest_tree.findings(tree, next_run.evidence)
    assert [name for name in open_ones(found) if not as_promised(found[name], now[name])] == []
    undone = guest_tree.execute(tree, revert_payload, newest_first(next_run.evidence), shell, then_probe=False)
    assert undone.problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
    assert not list(tree.root.rglob(".vmguest-*"))


def whole_run(guest: Guest) -> tuple[Plan, dict[str, Any], dict[str, Any], dict[str, Finding], int]:
    """The plan of a guest, the guest before and after it, what the audit found, and how many changes the run is made of."""
    with standing(guest) as tree:
        before = guest_tree.snapshot(tree)
        found = guest_tree.audit(tree)
        plan = make_plan(list(found.values()))
        applied = guest_tree.execute(tree, apply_payload, plan.transactions, kill_at=1_000_000, then_probe=False)
        assert applied.problems == []
        return plan, before, guest_tree.snapshot(tree), found, applied.moments


#: Guest, what is selected there, and before every how many changes it is cut. VMGUEST_EVERY_MOMENT=1: before each.
CUTS: list[tuple[str, dict[str, Any], int]] = [
    ("rhel5-base", {}, 17),
    ("debian12-everything_wrong", {}, 97),
    ("debian12-balloon_blacklisted", {"vmguest_only": ["balloon_driver"]}, 3),
    ("debian12-stale_timers", {"vmguest_only": ["timer_interrupt_rate", "timekeeping_cmdline"]}, 43),
    ("debian12-large_and_slow", {"vmguest_only": ["dirty_writeback"]}, 5),
]


@pytest.mark.parametrize(("name", "variables", "stride"), CUTS, ids=[name for name, *_rest in CUTS])
def test_law_5_cut_anywhere_and_mended_by_the_next_run(name: str, variables: dict[str, Any], stride: int) -> None:
    """The power goes before some change of the run, in the shell or in a command: the next run mends it.

    Red where `recover` is not called, where `commit_run` runs the command before it marks it as started, or where
    `transaction` never sets the state `committing`.
    """
    guest = GUESTS[name].edited({"variables": variables}, name)
    plan, before, wanted, found, moments = whole_run(guest)
    assert moments > 30
    shells_in_turn = [shell for shell in SHELLS if shutil.which(shell)]
    for number, moment in enumerate(range(1, moments + 1, 1 if EVERY_MOMENT else stride)):
        shell = shells_in_turn[number % len(shells_in_turn)]
        with standing(guest) as tree:
            cut = guest_tree.execute(tree, apply_payload, plan.transactions, shell, kill_at=moment, then_probe=False)
            assert cut.killed or number, f"the run was not cut before change {moment}"
            mended(tree, before, wanted, found, shell)


def test_law_5_a_recovery_that_is_cut_is_recovered() -> None:
    """The power goes again while the next run mends what the first left.

    Red where `undo_receipt` sets the state `undone` before it begins.
    """
    guest = GUESTS["rhel5-base"]
    plan, before, wanted, found, moments = whole_run(guest)
    for first in (moments // 2, moments - 5):  # while it prepares, while it commits
        for second in range(5, 29, 1 if EVERY_MOMENT else 5):
            with standing(guest) as tree:
                assert guest_tree.execute(
                    tree, apply_payload, plan.transactions, kill_at=first, then_probe=False
                ).killed
                guest_tree.execute(tree, apply_payload, plan.transactions, kill_at=second, then_probe=False)
                mended(tree, before, wanted, found, "dash")


def test_law_5_a_revert_that_is_cut_is_finished_by_the_next_run() -> None:
    """The power goes while a revert runs: the next run finishes it.

    Red where `ready_undo_kernel` refuses a value that is the old one already.
    """
    guest = GUESTS["rhel5-base"]
    with standing(guest) as tree:
        assert guest_tree.apply(tree).problems == []
        names = newest_first(guest_tree.probe(tree))
        moments = guest_tree.execute(tree, revert_payload, names, kill_at=1_000_000, then_probe=False).moments
    for moment in range(2, moments, 1 if EVERY_MOMENT else 17):
        with standing(guest) as tree:
            before = guest_tree.snapshot(tree)
            applied = guest_tree.apply(tree)
            names = newest_first(applied.evidence)
            assert guest_tree.execute(tree, revert_payload, names, kill_at=moment, then_probe=False).killed
            finished = guest_tree.execute(tree, apply_payload, ())
            assert finished.problems == []
            rest = guest_tree.execute(tree, revert_payload, newest_first(finished.evidence), then_probe=False)
            assert rest.problems == []
            assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


# ---- 6 ---------------------------------------------------------------------------------------------------------------

#: What a guest boots from. An initramfs or a boot loader needs more than these steps: backup, proof, a copy beside.
BOOT_PATH = (
    "/boot/",
    "/efi/",
    "/etc/default/grub",
    "/etc/grub",
    "/etc/lilo",
    "/etc/kernel/",
    "/etc/dracut",
    "/etc/initramfs",
)


def test_law_6_no_plan_touches_what_a_guest_boots_from(plans: list[tuple[str, Plan, dict[str, Finding]]]) -> None:
    """Only what says that it waits for a reboot takes the boot path, and in profile baseline none does.

    Red where `io_scheduler._remedy` writes a file below /boot.
    """
    touched = []
    for name, plan, found in plans:
        for transaction in plan.transactions:
            if found[transaction.recommendation].reboot:
                assert RECOMMENDATIONS[transaction.recommendation].baseline != "enforce"
                continue
            for step in transaction.steps:
                if isinstance(step, Run):
                    commands = f"{step.do}\n{step.undo}\n{step.proof}"
                    words = (*BOOT_PATH, "reboot", "shutdown", "dracut", "mkinitrd", "update-initramfs", "grub")
                    touched += [
                        f"{name}: {step.what}: {word}"
                        for word in words
                        if f"$ROOT{word}" in commands or f"{word} -" in commands
                    ]
                elif step.path.startswith(BOOT_PATH):
                    touched.append(f"{name}: {step.sentence}")
    assert touched == []
    assert sum(len(plan.transactions) for dummy_name, plan, dummy_found in plans) > 25


# ---- 7 ---------------------------------------------------------------------------------------------------------------


def declared_by(plan: Plan) -> set[str]:
    """The files that a plan names: of a command, those that it names with ROOT before them."""
    paths = set()
    for transaction in plan.transactions:
        for step in transaction.steps:
            if isinstance(step, (WriteFile, EditFile, RemoveFile, WriteKernel)):
                paths.add(step.path)
    return paths


@pytest.mark.parametrize(
    "name", ["rhel5-base", "rhel9-base", "sles15sp6-base", "debian12-bfq", "rhel6-no_random_delay"]
)
def test_law_7_apply_leaves_the_configuration_and_receipts_and_nothing_else(name: str) -> None:
    """Every path that differs afterwards is one that the plan names, or a folder above it; receipts are root's alone.

    Red where `finish_transaction` does not call `remove_beside`.
    """
    with standing(GUESTS[name]) as tree:
        before = guest_tree.snapshot(tree)
        plan = guest_tree.plan_of(tree)
        assert guest_tree.execute(tree, apply_payload, plan.transactions).problems == []
        named = declared_by(plan)
        changed = changed_paths(before, guest_tree.snapshot(tree))
        kernel = {path for path in changed if path.startswith("/sys/devices/")}
        folders = {path for path in changed if any(file.startswith(path + "/") for file in named)}
        state = {path for path in changed if path.startswith(OF_THE_HARNESS)}
        assert changed - kernel - folders - state <= named
        assert {path.rpartition("/")[2] for path in kernel} <= {path.rpartition("/")[2] for path in named}
        assert tree.path("/var/lib/vmguest").stat().st_mode & 0o077 == 0


def test_law_7_no_line_of_python_runs_on_a_guest(plans: list[tuple[str, Plan, dict[str, Finding]]]) -> None:
    """No tree has an interpreter but its shell, awk and sed, every loop runs on them, and no command asks for one.

    Red where `timer_scatter` reloads by python3.
    """
    interpreters = {"python", "python2", "python3", "perl", "ruby", "bash"}
    assert not interpreters & set(guest_tree.TOOLS)
    for plan in (entry[1] for entry in plans):
        for transaction in plan.transactions:
            for step in transaction.steps:
                text = f"{step.do}\n{step.undo}\n{step.proof}" if isinstance(step, Run) else ""
                assert not interpreters & set(text.split())


# ---- 8 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["debian12-base", "rhel9-base", "sles15sp6-base", "photon5-base", "rhel5-base"])
def test_law_8_an_audit_costs_the_same_however_many_recommendations(name: str) -> None:
    """One exec reads for all: the same few commands, each once, whether one recommendation is selected or every one.

    Red where two reads run the same command. Some of these are asked by one command of the probe: VMware Tools answer one
    question at a time.
    """
    costs = []
    for selected in (["io_scheduler"], sorted(RECOMMENDATIONS)):
        with standing(GUESTS[name]) as tree:
            started = len(tree.calls)
            guest_tree.audit(tree, {"vmguest_only": selected})
            costs.append(tree.calls[started:])
    assert costs[0] == costs[1]
    assert len(set(costs[0])) == len(costs[0]) <= 20


def test_law_8_a_remediation_is_one_exec_whatever_the_plan() -> None:
    """Apply and the probe after it are one text for one shell; what is done for one transaction is not done for each.

    Red where `apply_payload` names `probe_main` twice.
    """
    with standing(GUESTS["debian12-everything_wrong"]) as tree:
        applied = guest_tree.apply(tree)
        assert applied.evidence is not None
        done = receipts(applied.evidence)
        assert len(done) >= 5
        assert len({receipt.run for receipt in done}) == 1
        assert applied.text.count("begin apply 1") == applied.text.count("begin probe 1") == 1


# ---- 9 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["not_vmware-base", "container-base"])
def test_law_9_nothing_is_said_of_guests_that_are_none(name: str) -> None:
    """Not on VMware, or in a container: not applicable, with the reason, and an empty plan, whatever is wrong there.

    Red where `gate` does not ask for a container.
    """
    with standing(GUESTS[name].edited({"files": {"/sys/block/sda/queue/scheduler": "mq-deadline [bfq] none"}})) as tree:
        found = guest_tree.audit(tree)
        assert {entry.status for entry in found.values()} == {Status.NOT_APPLICABLE}
        assert all(entry.reason for entry in found.values())
        assert not make_plan(list(found.values()))


def without(evidence: Evidence, paths: set[str], commands: set[str], state: State) -> Evidence:
    """The same evidence, with some files denied or missing and some commands absent."""
    return replace(
        evidence,
        files={path: File(path, state) if path in paths else file for path, file in evidence.files.items()},
        selections={
            name: tuple(line for line in lines if line.path not in paths) for name, lines in evidence.selections.items()
        },
        commands={
            name: Output(name, None) if name in commands else output for name, output in evidence.commands.items()
        },
    )


@settings(max_examples=examples(300))
@given(st.data())
def test_law_9_what_cannot_be_read_is_never_compliant(
    evidence_of: dict[str, tuple[Guest, Evidence]], data: st.DataObject
) -> None:
    """Any files denied, any commands absent: a verdict all the same, with a reason, and none turns compliant by it.

    Red where `assess_present` takes it for compliant that neither dpkg nor rpm answers.
    """
    name = data.draw(st.sampled_from(SOME))
    guest, evidence = evidence_of[name]
    readable = sorted(path for path, file in evidence.files.items() if file)
    denied = data.draw(st.sets(st.sampled_from(readable), max_size=6))
    absent = data.draw(st.sets(st.sampled_from(sorted(evidence.commands)), max_size=3))
    policy = guest_tree.policy(Tree(guest, Path("/nonexistent")))
    before = {found.recommendation: found for found in assess(evidence, policy)}
    poorer = without(evidence, denied, absent, State.DENIED)
    for found in assess(poorer, policy):
        assert found.reason
        if found.status is Status.COMPLIANT:
            assert before[found.recommendation].status is Status.COMPLIANT, found


@settings(max_examples=examples(300))
@given(st.data())
def test_law_9_what_is_missing_breaks_nothing(
    evidence_of: dict[str, tuple[Guest, Evidence]], data: st.DataObject
) -> None:
    """Any files missing: a verdict with a reason for every recommendation, and a plan that can be sent.

    Red where `Storage.of` takes `chosen[0]` of a scheduler file that may be missing.
    """
    name = data.draw(st.sampled_from(SOME))
    guest, evidence = evidence_of[name]
    readable = sorted(path for path, file in evidence.files.items() if file)
    gone = data.draw(st.sets(st.sampled_from(readable), max_size=12))
    absent = data.draw(st.sets(st.sampled_from(sorted(evidence.commands)), max_size=4))
    policy = guest_tree.policy(Tree(guest, Path("/nonexistent")))
    found = assess(without(evidence, gone, absent, State.MISSING), policy)
    assert [entry.recommendation for entry in found] == list(RECOMMENDATIONS)
    assert all(entry.reason for entry in found)
    apply_payload(guest_tree.NONCE, "run", "now", make_plan(found).transactions)
