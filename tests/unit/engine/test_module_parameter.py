# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A parameter of a kernel module: given its value, modprobe.d and this boot loader, the verdict is this, the edit is that.

To see these red: have an argument added with any boot loader, without the user's leave, or twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.module_parameter import (
    ModuleParameter,
    assess_parameter,
    option_assignments,
    parameter_assignments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

PARAMETER = ModuleParameter(
    module="a_driver",
    name="ring_size",
    wanted="32",
    enough=lambda value: value.isdecimal() and int(value) >= 32,
    now="8",
    allowed=True,
    option="role_ring_size",
    right="it is enough.",
    wrong="the ring is short",
    caution="; a caution",
)
WORD = "a_driver.ring_size=32"
DEFAULT = "/etc/default/grub"
PLAIN = {DEFAULT: 'GRUB_CMDLINE_LINUX="quiet"\n'}


def menu(*arguments: str, path: str = "/boot/grub/grub.cfg") -> dict[str, str]:
    """GRUB 2's menu with an entry of each of these arguments."""
    entries = "".join(f"menuentry x {{\n\tlinux /boot/vmlinuz-6.1 ro {words}\n}}\n" for words in arguments)
    return {path: f"### BEGIN /etc/grub.d/10_linux ###\n{entries}### END /etc/grub.d/10_linux ###\n"}


def bls(options: str) -> dict[str, str]:
    """Entries of the boot loader specification."""
    return {
        "/boot/grub2/grub.cfg": "set default=0\nblscfg",
        "/boot/loader/entries/m-6.1.conf": f"title x\nlinux /vmlinuz-6.1\noptions {options}",
    }


def legacy(arguments: str) -> dict[str, str]:
    """GRUB legacy's menu."""
    return {"/boot/grub/grub.conf": f"default=0\ntitle x\n\tkernel /vmlinuz-2.6.32 {arguments}"}


def verdict(
    files: Mapping[str, str], now: str = "8", running: str = "", release: str = "", **changes: object
) -> Verdict:
    """The verdict on a guest with these files, whose kernel was started with these arguments."""
    base = {**VMWARE, "/proc/cmdline": f"ro quiet {running}".strip()}
    if release:
        base.pop("/etc/os-release")
        base["/etc/redhat-release"] = release
    return assess_parameter(evidence_of(files, base=base), replace(PARAMETER, now=now, **changes))


def edits(found: Verdict) -> list[tuple[str, str]]:
    """Files and new lines of a remedy."""
    return [(step.path, edit.new) for step in found.remedy if isinstance(step, EditFile) for edit in step.edits]


@pytest.mark.parametrize(
    ("now", "running", "entries", "status"),
    [
        ("32", "", ("quiet",), Status.COMPLIANT),
        ("8", "", ("quiet",), Status.NONCOMPLIANT),
        ("8", "", ("quiet", WORD), Status.NONCOMPLIANT),
        ("8", "", (WORD, WORD), Status.PENDING_REBOOT),
        ("32", WORD, (WORD,), Status.COMPLIANT),
        ("64", "a_driver.ring_size=64", ("a_driver.ring_size=64",), Status.COMPLIANT),
        ("64", "a-driver.ring-size=64", ("a-driver.ring-size=64",), Status.COMPLIANT),
        ("32", WORD, ("quiet",), Status.NOT_PERSISTENT),
        # By the driver's default it is enough, and the next boot has less.
        ("32", "", ("a_driver.ring_size=8",), Status.NOT_PERSISTENT),
        # The last word counts, and this is not it.
        ("8", "a_driver.ring_size=8", ("a_driver.ring_size=8",), Status.NONCOMPLIANT),
        # The driver had the argument, and has it otherwise.
        ("8", WORD, (WORD,), Status.MANUAL),
    ],
)
def test_now_and_at_boot(now: str, running: str, entries: tuple[str, ...], status: Status) -> None:
    found = verdict({**PLAIN, **menu(*entries)}, now, running)
    assert found.status is status, found.reason
    assert (found.runtime, found.desired) == (now, WORD)
    assert found.group == ("boot_entries" if found.remedy else "")


def test_what_somebody_wrote_into_sysfs_is_no_default() -> None:
    assert verdict({**PLAIN, **menu("quiet")}, "32", often_written=True).status is Status.NOT_PERSISTENT


@pytest.mark.parametrize(
    ("files", "path", "line"),
    [
        (PLAIN, DEFAULT, f'GRUB_CMDLINE_LINUX="quiet {WORD}"'),
        ({DEFAULT: "GRUB_CMDLINE_LINUX=''\n"}, DEFAULT, f"GRUB_CMDLINE_LINUX=' {WORD}'"),
        # The last assignment is the one that counts.
        (
            {DEFAULT: 'GRUB_CMDLINE_LINUX="a"\nGRUB_CMDLINE_LINUX="b"\nGRUB_CMDLINE_LINUX_DEFAULT="c"\n'},
            DEFAULT,
            f'GRUB_CMDLINE_LINUX="b {WORD}"',
        ),
        (
            {**PLAIN, "/etc/default/grub.d/site.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX x"\n'},
            "/etc/default/grub.d/site.cfg",
            f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX x {WORD}"',
        ),
        (
            {DEFAULT: 'GRUB_CMDLINE_LINUX="quiet a_driver.ring_size=16"\n'},
            DEFAULT,
            f'GRUB_CMDLINE_LINUX="quiet {WORD}"',
        ),
    ],
)
def test_where_it_is_added(files: Mapping[str, str], path: str, line: str) -> None:
    found = verdict({**files, **menu("quiet")})
    assert found.status is Status.NONCOMPLIANT, found.reason
    assert edits(found) == [(path, line)]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {DEFAULT: "GRUB_TIMEOUT=5\n"},
        {DEFAULT: "GRUB_CMDLINE_LINUX=quiet\n"},
        {DEFAULT: 'GRUB_CMDLINE_LINUX="quiet"  # by hand\n'},
    ],
)
def test_a_line_that_cannot_be_added_to(files: Mapping[str, str]) -> None:
    found = verdict({**files, **menu("quiet")})
    assert found.status is Status.MANUAL
    assert f"no {WORD} in 1 of 1 boot entries" in found.reason
    assert "edit it by hand" in found.reason


def test_what_is_configured_and_not_in_the_menu_yet_is_only_made() -> None:
    found = verdict({DEFAULT: f'GRUB_CMDLINE_LINUX="{WORD}"\n', **menu("quiet")})
    assert (found.status, found.remedy, found.group) == (Status.NONCOMPLIANT, (), "boot_entries")


def test_drop_ins_that_this_grub_mkconfig_does_not_read() -> None:
    release = "Red Hat Enterprise Linux Server release 7.9 (Maipo)"
    files = {**PLAIN, "/etc/default/grub.d/x.cfg": 'GRUB_CMDLINE_LINUX="x"\n', **menu("", path="/boot/grub2/grub.cfg")}
    assert edits(verdict(files, release=release)) == [(DEFAULT, f'GRUB_CMDLINE_LINUX="quiet {WORD}"')]


@pytest.mark.parametrize(
    ("option", "entries", "status"),
    [
        ("16", ("quiet",), Status.MANUAL),
        # The kernel's line wins over modprobe.d.
        ("16", (WORD,), Status.PENDING_REBOOT),
        # It is not in the image that the driver is loaded from, or the guest was not booted since.
        ("32", ("quiet",), Status.NONCOMPLIANT),
    ],
)
def test_modprobe_d(option: str, entries: tuple[str, ...], status: Status) -> None:
    drop_in = {"/etc/modprobe.d/site.conf": f"options a_driver ring_size={option}\n"}
    found = verdict({**PLAIN, **drop_in, **menu(*entries)})
    assert found.status is status, found.reason
    if status is Status.MANUAL:
        assert found.owner == "/etc/modprobe.d/site.conf:1"
        assert "/etc/modprobe.d/site.conf:1 gives a_driver ring_size=16" in found.reason


def test_modprobe_d_that_reached_the_driver_is_enough() -> None:
    drop_in = {"/etc/modprobe.d/site.conf": "options a_driver ring_size=32\n"}
    found = verdict({**PLAIN, **drop_in, **menu("quiet")}, "32", often_written=True)
    assert (found.status, found.owner) == (Status.COMPLIANT, "/etc/modprobe.d/site.conf:1")


#: What modprobe.d says of a driver, and what a kernel's own list says of where it is.
OPTION = {"/etc/modprobe.d/site.conf": "options vmw-pvscsi cmd_per_lun=64 ring_pages=32\n"}
BUILT_IN = ("/lib/modules/6.1.0-28-amd64/modules.builtin", 1, "kernel/drivers/scsi/vmw_pvscsi.ko")
MODULE = ("/lib/modules/6.1.0-28-amd64/modules.dep", 1, "kernel/drivers/scsi/vmw_pvscsi.ko:")
ANOTHER_KERNELS = ("/lib/modules/6.1.0-28-cloud-amd64/modules.builtin", 1, "kernel/drivers/scsi/vmw_pvscsi.ko")


@pytest.mark.parametrize(
    ("now", "running", "listed", "certain"),
    [
        # It reached the driver: it is in the boot image, or the driver is loaded after it.
        ("32", "", MODULE, [True]),
        ("32", "", ANOTHER_KERNELS, [True]),
        # Nobody built the image anew since, or rebooted.
        ("8", "", MODULE, [False]),
        # What this boot's argument set says nothing of modprobe.d.
        ("32", "vmw_pvscsi.ring_pages=32", MODULE, [False]),
        # Nobody loads it.
        ("32", "", BUILT_IN, []),
        ("8", "", BUILT_IN, []),
    ],
)
def test_which_line_of_modprobe_d_is_certain(
    now: str, running: str, listed: tuple[str, int, str], certain: list[bool]
) -> None:
    files = {**OPTION, "/proc/cmdline": f"ro {running}"}
    found = option_assignments(evidence_of(files, lines={"vmware_modules": [listed]}), "vmw_pvscsi", "ring_pages", now)
    assert [entry.certain for entry in found] == certain
    assert {(entry.owner, entry.value) for entry in found} <= {("/etc/modprobe.d/site.conf:1", "32")}


def test_options_by_file_name_and_the_kernels_line_last() -> None:
    files = {
        **OPTION,
        "/usr/lib/modprobe.d/a.conf": "options vmw_pvscsi ring_pages=4",
        **bls("vmw_pvscsi.ring_pages=16"),
    }
    found = parameter_assignments(evidence_of(files), "vmw_pvscsi", "ring_pages", "32")
    assert [(entry.owner, entry.value, entry.certain) for entry in found] == [
        ("/usr/lib/modprobe.d/a.conf:1", "4", False),
        ("/etc/modprobe.d/site.conf:1", "32", True),
        ("/boot/loader/entries/m-6.1.conf:3", "16", True),
    ]


def test_what_somebody_wrote_is_not_what_modprobe_d_has() -> None:
    drop_in = {"/etc/modprobe.d/site.conf": "options a_driver ring_size=64\n"}
    found = verdict({**PLAIN, **drop_in, **menu("quiet")}, "32", often_written=True)
    assert found.status is Status.NOT_PERSISTENT


@pytest.mark.parametrize(
    ("linux", "told"),
    [
        (
            "$photon_cmdline $systemd_cmdline $user_cmdline",
            f"expected {WORD} in user_cmdline of /boot/user.cfg, and a reboot",
        ),
        # An installation from before user.cfg. photon.cfg is another file after every update of the kernel.
        (
            "$photon_cmdline $systemd_cmdline",
            f"expected {WORD} at the end of the linux line of /boot/grub2/grub.cfg, and a reboot",
        ),
    ],
)
def test_where_photon_has_a_persons_argument(linux: str, told: str) -> None:
    files = {
        "/boot/grub2/grub.cfg": "".join(f"load_env -f /boot/{name}.cfg\n" for name in ("photon", "systemd", "user"))
        + f'menuentry "Photon" {{\n\tlinux /boot/$photon_linux root=/dev/sda2 {linux}\n}}\n',
        "/boot/photon.cfg": "photon_cmdline=ro quiet\nphoton_linux=vmlinuz-6.1.10\n",
        "/boot/systemd.cfg": "systemd_cmdline=net.ifnames=0\n",
        "/boot/user.cfg": "user_cmdline=\n",
    }
    found = verdict(files)
    assert found.status is Status.MANUAL, found.reason
    assert told in found.reason


@pytest.mark.parametrize(
    ("files", "release", "told"),
    [
        (bls("ro quiet"), "", f"grubby --update-kernel=ALL --args={WORD}"),
        (legacy("ro quiet"), "CentOS release 6.10 (Final)", f"grubby --update-kernel=ALL --args={WORD}"),
        (legacy("ro quiet"), "", f"{WORD} on the kernel's line of the boot loader"),
    ],
)
def test_other_boot_loaders_are_a_persons(files: Mapping[str, str], release: str, told: str) -> None:
    found = verdict(files, release=release)
    assert found.status is Status.MANUAL, found.reason
    assert told in found.reason
    assert found.reason.endswith("and a reboot; a caution")


def test_without_the_users_leave_it_is_a_persons() -> None:
    found = verdict({**PLAIN, **menu("quiet")}, allowed=False)
    assert found.status is Status.MANUAL
    assert found.reason == (
        f"the ring is short: expected {WORD} in GRUB_CMDLINE_LINUX of /etc/default/grub, its menu /boot/grub/grub.cfg made "
        "anew, and a reboot; role_ring_size has this collection do it; a caution"
    )


def test_a_boot_loader_that_is_not_known() -> None:
    found = verdict({})
    assert found.status is Status.UNKNOWN
    assert found.runtime == "8"
