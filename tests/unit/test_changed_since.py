# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reverts on guests that went on living: what their undo needs is gone, is not wanted any more, or would undo another's work."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Tree

pytestmark = pytest.mark.slow


def remedied(tmp_path: Path, name: str, variant: str, recommendation: str) -> Tree:
    """A guest on which one recommendation was remedied."""
    tree = guest_tree.materialise(guest_tree.load(name, variant), tmp_path / "root")
    variables = {"vmguest_only": [recommendation]}
    assert guest_tree.apply(tree, variables).results == {recommendation: "done"}
    return tree


def test_a_service_that_somebody_stopped_since_stays_stopped(tmp_path: Path) -> None:
    """Given a time client that was stopped, for another has its place, its configuration is as before and it is not started.

    Red where `with_restart` restarts whatever it finds.
    """
    tree = remedied(tmp_path, "rhel9", "step_always", "ntp_vm_settings")
    assert tree.call("systemctl", "stop", "chronyd.service").returncode == 0
    assert guest_tree.revert(tree).problems == []
    assert tree.call("systemctl", "is-active", "chronyd.service").returncode == 3
    assert tree.read("/etc/chrony.conf") == guest_tree.load("rhel9", "step_always").data["files"]["/etc/chrony.conf"]


def test_a_service_that_runs_reads_its_former_configuration(tmp_path: Path) -> None:
    """Given a time client that runs, a revert restarts it.

    Red where `with_restart` takes a unit that is active for one that is not.
    """
    tree = remedied(tmp_path, "rhel9", "step_always", "ntp_vm_settings")
    (tree.state / "calls").unlink()
    assert guest_tree.revert(tree).problems == []
    assert "systemctl restart chronyd.service" in tree.calls


@pytest.mark.parametrize(
    ("name", "variant", "recommendation"),
    [
        ("rhel9", "drops", "vmxnet3_rings"),
        ("rhel9", "lro_never", "vmxnet3_lro"),
    ],
)
def test_a_card_that_is_gone_has_nothing_to_set_back(
    tmp_path: Path, name: str, variant: str, recommendation: str
) -> None:
    """Given a card that was taken out, the revert takes its rule away and is done.

    Red where `card_step` does not look for the card.
    """
    tree = remedied(tmp_path, name, variant, recommendation)
    tree.path("/sys/class/net/ens192").unlink()
    (tree.state / "ethtool/ens192").unlink()
    assert guest_tree.revert(tree).problems == []


def test_without_tools_their_setting_is_not_reverted_and_the_reason_says_so(tmp_path: Path) -> None:
    """Given VMware Tools that were removed, nothing is begun; once they are back, the revert is done.

    Red where `_turn_tools_off` does not ask.
    """
    tree = remedied(tmp_path, "rhel9", "tools_sync_on", "time_sync_source")
    toolbox = tree.state / "bin/vmware-toolbox-cmd"
    toolbox.rename(tree.state / "removed")
    refused = guest_tree.revert(tree)
    assert len(refused.problems) == 1
    assert "VMware Tools were removed since" in refused.problems[0]
    (tree.state / "removed").rename(toolbox)
    assert guest_tree.revert(tree).problems == []
    assert (tree.state / "host/tools_sync").read_text().strip() == "Enabled"


# ---- what only a command sets ----------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Setting:
    """Something that a recommendation sets, on a guest where it does, with a ``third`` value that somebody else may give it,
    ``ours``, and the ``former`` one, by words of a command; ``show`` is a command that tells what it has."""

    guest: str
    variant: str
    recommendation: str
    third: tuple[str, ...]
    ours: tuple[str, ...]
    former: tuple[str, ...]
    show: tuple[str, ...]


def mode(recommendation: str, path: str, *, third: str, ours: str, former: str) -> Setting:
    """A file's mode, where Tools were neglected."""
    third_ours_former = (("chmod", value, path) for value in (third, ours, former))
    return Setting("debian12", "tools_neglected", recommendation, *third_ours_former, show=("stat", "-c", "%a", path))


RING = Setting(
    "rhel9",
    "drops",
    "vmxnet3_rings",
    third=("ethtool", "-G", "ens192", "rx", "2048"),
    ours=("ethtool", "-G", "ens192", "rx", "4096"),
    former=("ethtool", "-G", "ens192", "rx", "1024"),
    show=("ethtool", "-g", "ens192"),
)
SETTINGS = (
    RING,
    Setting(
        "debian12",
        "coalescing",
        "vmxnet3_coalescing",
        third=("ethtool", "-C", "ens192", "rx-usecs", "8"),
        ours=("ethtool", "-C", "ens192", "rx-usecs", "0"),
        former=("ethtool", "-C", "ens192", "rx-usecs", "64", "adaptive-rx", "on"),
        show=("ethtool", "-c", "ens192"),
    ),
    mode("tools_power_ops", "/etc/vmware-tools/poweroff-vm-default", third="0700", ours="0755", former="0644"),
    mode("quiesce_scripts", "/etc/vmware-tools/backupScripts.d/10-db", third="0750", ours="0755", former="0775"),
    Setting(
        "debian12",
        "from_a_laptop",
        "no_idle_x_server",
        third=("systemctl", "set-default", "rescue.target"),
        ours=("systemctl", "set-default", "multi-user.target"),
        former=("rm", "/etc/systemd/system/default.target"),
        show=("readlink", "/etc/systemd/system/default.target"),
    ),
)


def call(tree: Tree, words: tuple[str, ...]) -> str:
    """What a command prints, a stand-in of the guest or else the machine's; its files are those of the tree."""
    own = [f"{tree.root}{word}" if word.startswith("/") else word for word in words]
    stands_in = (tree.state / "bin" / words[0]).exists()
    done = tree.call(*own) if stands_in else subprocess.run(own, capture_output=True, check=False)
    # readlink fails where there is no link.
    assert done.returncode == 0 or words[0] == "readlink", done
    return done.stdout.decode()


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.recommendation)
def test_what_a_command_of_somebody_else_set_since_stays_and_the_revert_is_refused(
    tmp_path: Path, setting: Setting
) -> None:
    """Given a third value, nothing of the receipt is reverted; once it has ours again, all of it is.

    Red where the step does not `ask`, or asks for the former value alone.
    """
    tree = guest_tree.materialise(guest_tree.load(setting.guest, setting.variant), tmp_path / "root")
    former, before = call(tree, setting.show), guest_tree.snapshot(tree)
    guest_tree.apply(tree, {"vmguest_only": [setting.recommendation]})
    remedied = call(tree, setting.show)
    call(tree, setting.third)
    third, then = call(tree, setting.show), guest_tree.snapshot(tree)
    assert len({former, remedied, third}) == 3
    (problem,) = guest_tree.revert(tree).problems
    assert "changed since: expected " in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    call(tree, setting.ours)
    assert call(tree, setting.show) == remedied
    assert guest_tree.revert(tree).problems == []
    assert call(tree, setting.show) == former
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.recommendation)
def test_what_somebody_else_set_back_before_us_is_reverted(tmp_path: Path, setting: Setting) -> None:
    """Given the former value again, there is nothing to refuse.

    Red where the step asks for our value alone.
    """
    tree = guest_tree.materialise(guest_tree.load(setting.guest, setting.variant), tmp_path / "root")
    before = guest_tree.snapshot(tree)
    guest_tree.apply(tree, {"vmguest_only": [setting.recommendation]})
    call(tree, setting.former)
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


def test_another_value_after_a_reboot_is_the_guests_own(tmp_path: Path) -> None:
    """Given a ring that the next boot made another, the revert takes the rule away and leaves the ring alone.

    Red where `card_step` does not look at SAME_BOOT, or apply.sh always sets it.
    """
    tree = remedied(tmp_path, "rhel9", "drops", "vmxnet3_rings")
    guest_tree.reboot(tree)
    call(tree, RING.third)
    third = call(tree, RING.show)
    assert guest_tree.revert(tree).problems == []
    assert call(tree, RING.show) == third
    assert not tree.path("/etc/udev/rules.d/90-vmguest-vmxnet3-rings.rules").exists()


def test_our_value_after_a_reboot_is_set_back(tmp_path: Path) -> None:
    """Given a ring to which our rule gave its size at boot, a revert gives it the former one now.

    Red where `card_step` does nothing after a reboot.
    """
    tree = guest_tree.materialise(guest_tree.load("rhel9", "drops"), tmp_path / "root")
    former = call(tree, RING.show)
    guest_tree.apply(tree, {"vmguest_only": ["vmxnet3_rings"]})
    guest_tree.reboot(tree)
    assert guest_tree.revert(tree).problems == []
    assert call(tree, RING.show) == former


def test_what_a_failed_command_left_half_done_is_undone_all_the_same(tmp_path: Path) -> None:
    """Given a driver that takes another size than it was told, the remedy fails and the ring is as before.

    Red where the undo of `card_step` leaves alone in the same boot what is not ours.
    """
    tree = guest_tree.materialise(guest_tree.load("rhel9", "drops"), tmp_path / "root")
    former = call(tree, RING.show)
    ethtool = tree.state / "bin/ethtool"
    rounds_down = ethtool.read_text("utf-8").replace('change ring "$4"', "change ring $(($4 > 3000 ? 2048 : $4))")
    ethtool.unlink()
    ethtool.write_text(rounds_down, "utf-8")
    ethtool.chmod(0o755)
    failed = guest_tree.apply(tree, {"vmguest_only": ["vmxnet3_rings"]})
    assert failed.results == {"vmxnet3_rings": "undone"}
    assert call(tree, RING.show) == former


def test_without_ethtool_a_card_is_not_set_back_and_the_reason_says_so(tmp_path: Path) -> None:
    """Given ethtool that was removed, nothing is begun.

    Red where `card_step` does not ask for it.
    """
    tree = remedied(tmp_path, "rhel9", "drops", "vmxnet3_rings")
    (tree.state / "bin/ethtool").unlink()
    (problem,) = guest_tree.revert(tree).problems
    assert "ethtool was removed since" in problem


def test_runlevels_that_somebody_chose_since_are_kept(tmp_path: Path) -> None:
    """Given an init script that somebody took out of a runlevel, the revert is refused; in all again, it is done.

    Red where the step of `_script_steps` does not ask.
    """
    tree = guest_tree.materialise(guest_tree.load("rhel5", "tarball_stopped"), tmp_path / "root")
    assert tree.call("chkconfig", "vmware-tools", "off").returncode == 0
    before = guest_tree.snapshot(tree)
    applied = guest_tree.apply(tree, {"vmguest_only": ["tools_service_running"]})
    assert applied.results == {"tools_service_running": "done"}
    link = tree.path("/etc/rc.d/rc4.d/S90vmware-tools")
    link.unlink()
    (problem,) = guest_tree.revert(tree).problems
    assert "changed since: expected " in problem
    link.symlink_to("../init.d/vmware-tools")
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []


# ---- packages --------------------------------------------------------------------------------------------------------


def test_a_tarball_that_was_installed_again_is_not_overwritten(tmp_path: Path) -> None:
    """Given a tarball of VMware Tools in the place of the one that was kept, nothing is begun.

    Red where `removal` does not ask.
    """
    tree = remedied(tmp_path, "rhel9", "tarball", "tools_single_flavour")
    tree.write("/etc/vmware-tools/locations", "answer LIBDIR /opt/newer\n")
    then = guest_tree.snapshot(tree)
    (problem,) = guest_tree.revert(tree).problems
    assert "the tarball was installed again since" in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    tree.path("/etc/vmware-tools/locations").unlink()
    assert guest_tree.revert(tree).problems == []


def test_a_kernel_that_a_package_needs_by_now_stays_in_the_menu(tmp_path: Path) -> None:
    """Given somebody's package that needs the kernel, nothing is begun; without it, the revert is done.

    Red where `add_kernel` does not ask.
    """
    needs = {"site-kernel": {"version": "1", "requires": ["linux-image-5.15.0-130-generic"]}}
    guest = guest_tree.load("ubuntu2204", "kernel_approved").edited({"packages": needs})
    tree = guest_tree.materialise(guest, tmp_path / "root")
    before = guest_tree.snapshot(tree)
    assert guest_tree.apply(tree, {"vmguest_only": ["guest_os_current"]}).results == {"guest_os_current": "done"}
    assert tree.call("apt-get", "-y", "install", "site-kernel").returncode == 0
    then = guest_tree.snapshot(tree)
    (problem,) = guest_tree.revert(tree).problems
    assert "site-kernel depends on linux-image-5.15.0-130-generic" in problem
    assert guest_tree.differences(then, guest_tree.snapshot(tree)) == []
    assert tree.call("dpkg", "--purge", "site-kernel").returncode == 0
    assert guest_tree.revert(tree).problems == []
    assert guest_tree.differences(before, guest_tree.snapshot(tree)) == []
