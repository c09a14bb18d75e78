# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""queue_depth: given these depths, these options and this adapter, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.queue_depth import (
    COMMANDS_PER_LUN,
    RING_PAGES,
    RULE,
    USE_BLK_MQ,
    assess_blk_mq,
    assess_lsi,
    assess_pvscsi,
    assess_ring_pages,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of
from ansible_collections.vmguest.linux.tests.unit.guest_tree import TODAY

WAY = "../devices/pci0000:00/0000:00:15.0/0000:03:00.0/host0/target0:0:0/0:0:0:0/block/sda"


def verdict(
    assess=assess_pvscsi,
    depth="254",
    files=None,
    rules=(),
    *,
    commands=254,
    pci="15ad07c0",
    kernel="6.1.0",
    default="254",
    pages="8",
    cmdline="",
    ring_pages=0,
    blk_mq=False,
    another=False,
) -> Verdict:
    """The verdict on a guest with one disk of this depth, and another one whose controller nothing tells."""
    found = {
        "/proc/sys/kernel/osrelease": kernel,
        "/proc/cmdline": f"ro quiet {cmdline}".strip(),
        "/proc/bus/pci/devices": "\t".join(["0300", pci, "12", *["0"] * 14, "x"]),
        "/sys/block/sda/device/vendor": "VMware",
        "/sys/block/sda/device/model": "Virtual disk",
        "/sys/block/sda/device/queue_depth": depth,
        COMMANDS_PER_LUN: default,
        RING_PAGES: pages,
        **(files or {}),
    }
    ways = {"sda": WAY, **({"sdb": "../devices/elsewhere/block/sdb"} if another else {})}
    evidence = evidence_of(
        {path: text for path, text in found.items() if text is not None},
        lines={"udev_rules": [(path, number, line) for number, (path, line) in enumerate(rules, 1)]},
        entries=[Entry(f"/sys/block/{name}", "l", "rwxrwxrwx", 1, 0, 0, 0, way) for name, way in ways.items()],
    )
    options = {
        "queue_depth_commands": commands,
        "queue_depth_ring_pages": ring_pages,
        "queue_depth_blk_mq": blk_mq,
    }
    return assess(evidence, options)


OPTION = {"/etc/modprobe.d/site.conf": "options vmw_pvscsi cmd_per_lun=64"}
ENOUGH = {"/etc/modprobe.d/site.conf": "options vmw_pvscsi cmd_per_lun=254"}
SITE = "/etc/udev/rules.d/50-site.rules"


@pytest.mark.parametrize(
    ("depth", "default", "files", "status", "steps"),
    [
        ("254", "254", {}, Status.COMPLIANT, []),
        ("64", "64", {}, Status.NONCOMPLIANT, [WriteFile, WriteKernel]),
        ("64", "254", {}, Status.NONCOMPLIANT, [WriteKernel]),
        ("254", "64", {}, Status.NOT_PERSISTENT, [WriteFile]),
        # An option decides at the next boot, whatever the parameter is now.
        ("254", "254", OPTION, Status.NOT_PERSISTENT, [WriteFile]),
        ("254", None, {}, Status.NOT_PERSISTENT, [WriteFile]),
        # One that has not reached the driver may be missing in its boot image; one that has decides.
        ("254", "64", ENOUGH, Status.NOT_PERSISTENT, [WriteFile]),
        ("64", "64", ENOUGH, Status.NONCOMPLIANT, [WriteFile, WriteKernel]),
        ("254", "254", ENOUGH, Status.COMPLIANT, []),
        ("", "254", {}, Status.UNKNOWN, []),
    ],
)
def test_now_and_at_boot(depth, default, files, status, steps):
    found = verdict(depth=depth, default=default, files=files)
    assert (found.status, [type(step) for step in found.remedy]) == (status, steps), found.reason


def test_an_option_that_has_not_reached_the_driver_is_not_told_as_persistent():
    found = verdict(depth="64", default="64", files=ENOUGH)
    assert (found.persistent, found.owner) == ("64", "the driver vmw_pvscsi")
    found = verdict(files=ENOUGH)
    assert (found.persistent, found.owner) == ("254", "/etc/modprobe.d/site.conf:1")


def test_a_parameter_of_this_boots_command_line_is_no_default():
    found = verdict(cmdline="ro vmw_pvscsi.cmd_per_lun=254")
    assert found.status is Status.NOT_PERSISTENT


def test_the_remedy():
    rule, live = verdict(depth="64", default="64").remedy
    assert rule.path == RULE
    assert 'ATTRS{vendor}=="VMware*", ATTR{device/queue_depth}="254"' in rule.content
    assert live == WriteKernel("/sys/block/sda/device/queue_depth", "64", "254")
    rules = [(RULE, line) for line in rule.content.splitlines()]
    assert verdict(default="64", files={RULE: rule.content}, rules=rules).status is Status.COMPLIANT


def test_an_adapter_that_takes_less_is_asked_for_no_more():
    """With active memory encryption the ring is one page of 32 commands."""
    found = verdict(depth="16", default="16", pages="1")
    assert found.desired == "32 or more"
    assert found.remedy[1].new == "32"


@pytest.mark.parametrize(("pages", "told"), [("8", "pvscsi_ring_pages"), ("32", "1024 together).")])
def test_the_adapters_limit_is_told(pages, told):
    assert told in verdict(pages=pages).reason


def test_a_rule_that_runs_after_ours_is_in_the_way():
    found = verdict(
        depth="32", rules=[("/etc/udev/rules.d/90-array.rules", 'KERNEL=="sd*", ATTR{device/queue_depth}="32"')]
    )
    assert found.status is Status.MANUAL
    assert "/etc/udev/rules.d/90-array.rules:1" in found.reason


def test_a_rule_before_ours_is_not():
    found = verdict(depth="32", rules=[(SITE, 'KERNEL=="sd*", ATTR{device/queue_depth}="32"')])
    assert found.status is Status.NONCOMPLIANT


@pytest.mark.parametrize("assess", [assess_pvscsi, assess_ring_pages, assess_lsi, assess_blk_mq])
def test_disks_of_unknown_controllers(assess):
    assert verdict(assess, files={"/proc/bus/pci/devices": None}).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("pci", "depth", "status"),
    [
        ("10000030", "32", Status.COMPLIANT),
        ("10000054", "64", Status.COMPLIANT),
        ("10000030", "7", Status.MANUAL),
        ("10000030", "", Status.UNKNOWN),
        ("15ad07c0", "7", Status.NOT_APPLICABLE),
    ],
)
def test_lsi_queue_depth(pci, depth, status):
    assert verdict(assess_lsi, pci=pci, depth=depth).status is status


#: A boot menu that is made from what configures it, and one that gives the argument.
MENU = {
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"',
    "/boot/grub2/grub.cfg": "### BEGIN /etc/grub.d/10_linux ###\nmenuentry x {\n\tlinux /boot/vmlinuz-3.10 ro quiet\n}\n"
    "### END /etc/grub.d/10_linux ###",
}
ARGUMENT = {"/boot/loader/entries/a.conf": "linux /vmlinuz\noptions ro scsi_mod.use_blk_mq=1"}


@pytest.mark.parametrize(
    ("kernel", "value", "files", "cmdline", "status"),
    [
        ("3.10.0", "N", MENU, "", Status.MANUAL),
        ("3.10.0", "N", {}, "", Status.UNKNOWN),
        ("4.12.14", "Y", {}, "", Status.COMPLIANT),
        ("3.10.0", "Y", ARGUMENT, "scsi_mod.use_blk_mq=1", Status.COMPLIANT),
        ("3.10.0", "N", ARGUMENT, "", Status.PENDING_REBOOT),
        # Somebody gave it at this boot only.
        ("3.10.0", "Y", MENU, "scsi_mod.use_blk_mq=1", Status.MANUAL),
        ("3.10.0", None, {}, "", Status.NOT_APPLICABLE),
        ("3.10.0", "", {}, "", Status.UNKNOWN),
        ("5.14.0", "N", {}, "", Status.NOT_APPLICABLE),
    ],
)
def test_scsi_blk_mq(kernel, value, files, cmdline, status):
    found = verdict(assess_blk_mq, kernel=kernel, files={USE_BLK_MQ: value, **files}, cmdline=cmdline)
    assert found.status is status, found.reason


def test_the_argument_of_blk_mq_where_it_is_asked_for():
    found = verdict(assess_blk_mq, kernel="3.10.0", files={USE_BLK_MQ: "N", **MENU}, blk_mq=True)
    assert (found.status, found.group) == (Status.NONCOMPLIANT, "boot_entries")
    assert [edit.new for edit in found.remedy[0].edits] == ['GRUB_CMDLINE_LINUX="quiet scsi_mod.use_blk_mq=1"']


@pytest.mark.parametrize(
    ("wanted", "pages", "files", "status"),
    [
        (0, "8", MENU, Status.COMPLIANT),
        (32, "8", MENU, Status.NONCOMPLIANT),
        (32, "32", MENU, Status.COMPLIANT),
        (16, "32", MENU, Status.COMPLIANT),
        (32, "1", MENU, Status.NOT_APPLICABLE),
        (32, "", MENU, Status.UNKNOWN),
        (0, None, MENU, Status.UNKNOWN),
        (32, "8", {"/etc/modprobe.d/site.conf": "options vmw_pvscsi ring_pages=16", **MENU}, Status.MANUAL),
    ],
)
def test_ring_pages(wanted, pages, files, status):
    found = verdict(assess_ring_pages, pages=pages, files=files, ring_pages=wanted)
    assert found.status is status, found.reason


def test_ring_pages_of_a_guest_without_such_an_adapter():
    assert verdict(assess_ring_pages, pci="10000030", ring_pages=32).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("commands", "pages", "named"),
    [
        (254, 32, None),
        (254, 0, None),
        (255, 0, "queue_depth_commands"),
        (254, 33, "ring_pages"),
        (254, -1, "ring_pages"),
    ],
)
def test_what_is_out_of_range_is_named(commands, pages, named):
    said = wrong_options({"queue_depth_commands": commands, "queue_depth_ring_pages": pages})
    assert said is None if named is None else named in said


def test_baseline_leaves_it_and_io_intensive_wants_it():
    assert resolve_policy({}, TODAY).mode("scsi_queue_depth") == "off"
    assert resolve_policy({"vmguest_profile": "io_intensive"}, TODAY).mode("scsi_queue_depth") == "enforce"
    assert resolve_policy({"vmguest_profile": "database"}, TODAY).mode("scsi_blk_mq") == "audit"
    assert resolve_policy({}, TODAY).options["queue_depth_ring_pages"] == 0
    # 8 pages are the driver's own, and not enough for such guests.
    for profile in ("io_intensive", "database"):
        assert resolve_policy({"vmguest_profile": profile}, TODAY).options["queue_depth_ring_pages"] == 32


@pytest.mark.parametrize(
    ("assess", "pci"),
    [
        (assess_pvscsi, "15ad07c0"),
        (assess_ring_pages, "15ad07c0"),
        (assess_lsi, "10000030"),
        (assess_blk_mq, "15ad07c0"),
    ],
)
def test_one_disk_of_an_unknown_controller_is_enough_for_unknown(assess, pci):
    sdb = {"/sys/block/sdb/device/vendor": "VMware", "/sys/block/sdb/device/model": "Virtual disk"}
    found = verdict(assess, files=sdb, pci=pci, another=True)
    assert found.status is Status.UNKNOWN
    assert "serves sdb" in found.reason
