# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every guest of tests/guests: the audit says what its file says, and the whole loop leads there and back.

Each variant runs under dash, every guest under another shell besides, and a few under all; which, is fixed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import DANGEROUS, SHELLS, TOOLS, Guest, Tree

pytestmark = pytest.mark.slow

#: Guests that run under all shells: one of each family, something of every recommendation, new and old userland.
UNDER_ALL = {
    "debian12-everything_wrong",
    "debian12-kernel_approved",
    "photon5-base",
    "rhel5-base",
    "rhel9-no_tools",
    "sles15sp6-base",
}


def runs() -> Iterator[tuple[Guest, str]]:
    """Every variant under dash, every guest as it is shipped under one more shell in turn, and some under all."""
    others = SHELLS[1:]
    names = guest_tree.names()
    for guest in guest_tree.every_guest():
        one = (others[names.index(guest.name) % len(others)],) if guest.variant == "base" else ()
        for shell in ("dash", *(others if str(guest) in UNDER_ALL else one)):
            yield guest, shell


def require(shell: str) -> None:
    """A missing shell is skipped on a developer's machine, and fails where CI=true."""
    if shutil.which(shell) is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{shell} is not installed")


def statuses(findings: Mapping[str, Finding]) -> dict[str, str]:
    """Recommendation to status, as guest files write it."""
    return {name: found.status.value for name, found in findings.items()}


#: A path of the machine in a command: without ROOT before it, no pattern that grep looks for, no message.
_OUTSIDE = re.compile(
    r"""(?<!-F)(?:^|[\s;&|(<>=])["']?/(?:bin|boot|dev(?!/null\b|/zero\b)|etc|lib|opt|proc|root|run|sbin|swap|sys|tmp|usr|var)\b.*""",
    re.MULTILINE,
)


def outside_paths(plan: Plan) -> list[str]:
    """Where commands of a plan name a file without ROOT, or a program by its path: in a tree that would be the machine's."""
    return [
        found[0]
        for transaction in plan.transactions
        for step in transaction.steps
        for text in ((step.do, step.undo, step.proof, step.ask) if isinstance(step, Run) else ())
        for found in _OUTSIDE.finditer(re.sub(r'echo "[^"]*"', "echo", text))
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a tree goes. A name with a blank: paths of a guest are quoted, or this breaks."""
    return tmp_path / "guest root"


@pytest.mark.parametrize(("guest", "shell"), [pytest.param(*run, id=f"{run[0]}-{run[1]}") for run in runs()])
def test_the_whole_loop(guest: Guest, shell: str, root: Path) -> None:
    """Audit as expected, apply, compliant, nothing left to do, revert, byte for byte as before.

    The loop ends with the plan where a variant has no remedy of its own.
    """
    require(shell)
    tree = guest_tree.materialise(guest, root)
    before = guest_tree.snapshot(tree)

    found = guest_tree.audit(tree, shell=shell)
    assert statuses(found) == guest.expect
    for name in guest.data.get("conflicts", ()):
        assert (found[name].status, bool(found[name].owner)) == (Status.MANUAL, True), name
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == [], "the audit wrote"

    plan = make_plan(list(found.values()))
    assert outside_paths(plan) == []
    if not guest_tree.is_remedied(guest):
        return
    applied = guest_tree.execute(tree, apply_payload, plan.transactions, shell)
    assert applied.problems == []
    assert applied.evidence is not None
    after = guest_tree.findings(tree, applied.evidence)
    promised = {name: "compliant" if found[name].enforceable else found[name].status.value for name in found}
    assert statuses(after) == {**promised, **guest.after}
    assert not make_plan(list(after.values())), "a second remediation would change something"

    undone = guest_tree.execute(
        tree,
        revert_payload,
        [receipt.name for receipt in reversed(receipts(applied.evidence))],
        shell,
        then_probe=False,
    )
    assert undone.problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


# ---- the guests as a whole -------------------------------------------------------------------------------------------


def test_every_shell_sees_every_family() -> None:
    families = {
        "redhat": ("rhel",),
        "suse": ("sles",),
        "debian": ("debian", "ubuntu", "kubernetes"),
        "photon": ("photon",),
    }
    seen = {
        (family, shell) for guest, shell in runs() for family, names in families.items() if guest.name.startswith(names)
    }
    assert seen == {(family, shell) for family in families for shell in SHELLS}


def test_every_guest_runs_under_two_shells() -> None:
    shells: dict[str, set[str]] = {}
    for guest, shell in runs():
        shells.setdefault(guest.name, set()).add(shell)
    assert {name: found for name, found in shells.items() if len(found) < 2} == {}


@pytest.mark.parametrize("name", guest_tree.names())
def test_a_guest_says_where_it_comes_from_and_what_is_expected(name: str) -> None:
    guest = guest_tree.load(name)
    assert guest.data["about"]
    assert re.match(r"(hand-made|recorded)\b.*\w", guest.data["origin"])
    assert set(guest.expect) == set(RECOMMENDATIONS)
    known = {
        *(
            "name",
            "about",
            "origin",
            "files",
            "made",
            "links",
            "modes",
            "directories",
            "filesystems",
            "commands",
            "programs",
            "no_tools",
            "kernels",
        ),
        *(
            "packages",
            "systemd",
            "services",
            "stopped_services",
            "autoload",
            "variables",
            "expect",
            "expect_all",
            "after",
            "conflicts",
            "variants",
        ),
    }
    for variant in guest_tree.variants(name):
        assert set(guest_tree.load(name, variant).data) <= known
        assert guest_tree.load(name, variant).name == name


#: Advice that has gone stale for every guest on vSphere.
NEVER_APPLICABLE = {"disk_wipe_shrink"}


@pytest.mark.parametrize("recommendation", RECOMMENDATIONS)
def test_every_recommendation_is_met_in_all_its_moods(recommendation: str) -> None:
    """Compliant, to be remedied, and in somebody's hands or not applicable: each on some guest."""
    seen = {Status(guest.expect[recommendation]) for guest in guest_tree.every_guest()}
    if recommendation in NEVER_APPLICABLE:
        assert seen == {Status.NOT_APPLICABLE, Status.UNKNOWN}
        return
    assert Status.COMPLIANT in seen
    assert Status.NOT_APPLICABLE in seen
    assert Status.UNKNOWN in seen
    assert seen & (REMEDIABLE | {Status.MANUAL})


# ---- the harness -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_no_shell_of_a_tree_finds_a_command_that_would_change_the_machine(shell: str, root: Path) -> None:
    require(shell)
    tree = guest_tree.materialise(guest_tree.load("debian12"), root)
    names = sorted(DANGEROUS | {"systemctl", "python3", "perl"})
    done = guest_tree.run(tree, "".join(f"command -v {name}\n" for name in names), shell)
    found = done.stdout.decode().split("\n")[:-1]
    assert [line for line in found if not line.startswith(f"{tree.state}/bin/")] == []
    assert f"{tree.state}/bin/swapon" in found
    assert not DANGEROUS & set(TOOLS)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root the machine protects itself")
def test_a_tree_cannot_write_outside_of_itself(root: Path) -> None:
    tree = guest_tree.materialise(guest_tree.load("debian12"), root)
    done = guest_tree.run(tree, 'echo x >/etc/vmguest-test; echo x >/proc/sys/vm/swappiness; echo x >"$HOME/inside"')
    assert done.stderr.count(b"Read-only file system") == 2
    assert not Path("/etc/vmguest-test").exists()
    assert tree.read("/inside") == "x\n"


def test_the_fake_kernel_answers_as_a_kernel(root: Path) -> None:
    tree = guest_tree.materialise(guest_tree.load("debian12"), root)
    scheduler = tree.path("/sys/block/sda/queue/scheduler")
    done = guest_tree.run(
        tree, f'{guest_tree.FAKE_KERNEL}\nkernel_write "{scheduler}" none && kernel_write "{scheduler}" cfq'
    )
    assert scheduler.read_text() == "mq-deadline [none]\n"
    assert done.stderr == b"write error: Invalid argument\n"


def test_a_reboot_forgets_what_is_not_configured(root: Path) -> None:
    tree = guest_tree.materialise(guest_tree.load("debian12"), root)
    tree.write("/sys/block/sda/queue/scheduler", "mq-deadline [none]\n")
    tree.call("systemctl", "stop", "open-vm-tools.service")
    guest_tree.reboot(tree)
    assert tree.read("/sys/block/sda/queue/scheduler") == "[mq-deadline] none\n"
    assert tree.call("systemctl", "is-active", "open-vm-tools").stdout == b"active\n"
    tree.write(
        "/etc/udev/rules.d/66-vmguest-io-scheduler.rules",
        'KERNEL=="sd*", ATTRS{vendor}=="VMware*", TEST=="queue/scheduler", ATTR{queue/scheduler}="none"\n',
    )
    guest_tree.reboot(tree)
    assert tree.read("/sys/block/sda/queue/scheduler") == "mq-deadline [none]\n"


@pytest.mark.parametrize("change", ["content", "mode", "link", "gone", "new"])
def test_a_snapshot_sees(change: str, root: Path) -> None:
    tree: Tree = guest_tree.materialise(guest_tree.load("rhel5"), root)
    before = guest_tree.snapshot(tree)
    crontab, grub = tree.path("/etc/crontab"), tree.path("/etc/grub.conf")
    if change == "content":
        crontab.write_text(crontab.read_text() + "\n")
    elif change == "mode":
        crontab.chmod(0o600)
    elif change == "link":
        grub.unlink()
        grub.symlink_to("elsewhere")
    elif change == "gone":
        crontab.unlink()
    else:
        tree.path("/etc/new").mkdir()
    assert len(guest_tree.differences(before, guest_tree.snapshot(tree))) == 1
