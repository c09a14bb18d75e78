# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot: given these files, this boot loader and these entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, Loader, configured_arguments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

#: How the running kernel was started.
BY_GRUB2 = {"/proc/cmdline": "BOOT_IMAGE=/vmlinuz-6 root=/dev/sda1 ro"}
BY_LEGACY = {"/proc/cmdline": "ro root=/dev/sda1"}
OWN_BOOT = {"/proc/mounts": "/dev/sda2 / ext4 rw 0 0\n/dev/sda1 /boot ext4 rw 0 0"}
ONE_ROOT = {"/proc/mounts": "/dev/sda1 / ext4 rw 0 0"}
UEFI = Entry("/sys/firmware/efi", "d", "rwxr-xr-x", 2, 0, 0, 0)


def there(*paths: str) -> list[Entry]:
    return [Entry(path, "-", "rw-r--r--", 1, 0, 0, 1) for path in paths]


def boot_of(files: Mapping[str, str | State], entries: Iterable[Entry] = ()) -> Boot:
    return evidence_of(files, base={}, entries=entries).boot


def short(boot: Boot) -> list[str]:
    """An entry a line: ``*`` the default, ``R`` for repairs, kernel, images, arguments."""
    return [
        " ".join(
            [
                ("*" if entry.default else "") + ("R" if entry.rescue else "") or "-",
                entry.kernel,
                *entry.images,
                "|",
                *entry.arguments,
            ]
        )
        for entry in boot.entries
    ]


# ---- GRUB legacy -----------------------------------------------------------------------------------------------------

LEGACY = """\
# default=7
default={default}
timeout=5
title Two (2.6.18-2)
\troot (hd0,0)
\tkernel /vmlinuz-2.6.18-2 ro root=/dev/sda2 quiet
\tinitrd /initrd-2.6.18-2.img
title Windows
\trootnoverify (hd0,1)
\tchainloader +1
title One (2.6.18-1)
\troot (hd0,0)
\tkernel --no-mem-option (hd0,0)/vmlinuz-2.6.18-1 ro root=/dev/sda2
\tinitrd /initrd-2.6.18-1.img
"""
TWO = "/boot/vmlinuz-2.6.18-2 /boot/initrd-2.6.18-2.img | ro root=/dev/sda2 quiet"
ONE = "/boot/vmlinuz-2.6.18-1 /boot/initrd-2.6.18-1.img | ro root=/dev/sda2"


@pytest.mark.parametrize(
    ("default", "saved", "entries", "problem"),
    [
        ("0", None, [f"* {TWO}", f"- {ONE}"], None),
        ("2", None, [f"- {TWO}", f"* {ONE}"], None),
        ("saved", "2\n#\n#\n# WARNING: If you want to edit this file", [f"- {TWO}", f"* {ONE}"], None),
        ("saved", None, [f"* {TWO}", f"- {ONE}"], None),
        (
            "1",
            None,
            [f"- {TWO}", f"- {ONE}"],
            "the default entry of /boot/grub/menu.lst, 'Windows', starts no Linux kernel",
        ),
        (
            "3",
            None,
            [f"- {TWO}", f"- {ONE}"],
            "the default entry of /boot/grub/menu.lst is '3', and there is none of that number",
        ),
    ],
)
def test_grub_legacy_counts_every_title(default, saved, entries, problem):
    files = {**OWN_BOOT, **BY_LEGACY, "/boot/grub/menu.lst": LEGACY.format(default=default)}
    boot = boot_of({**files, **({"/boot/grub/default": saved} if saved else {})})
    assert (boot.loader, short(boot), boot.problem) == (Loader.GRUB_LEGACY, entries, problem)
    assert [entry.source for entry in boot.entries] == ["/boot/grub/menu.lst:6", "/boot/grub/menu.lst:13"]


@pytest.mark.parametrize(
    ("mounts", "listed", "named", "path"),
    [
        (OWN_BOOT, (), "/vmlinuz", "/boot/vmlinuz"),
        (ONE_ROOT, (), "/boot/vmlinuz", "/boot/vmlinuz"),
        (ONE_ROOT, (), "(hd0,0)/boot/vmlinuz", "/boot/vmlinuz"),
        # /boot/boot is a link to /boot, so that either way of writing serves.
        (OWN_BOOT, ("/boot/vmlinuz",), "/boot/vmlinuz", "/boot/vmlinuz"),
        # The mounts could not be read, the folder could.
        ({}, ("/boot/vmlinuz",), "/vmlinuz", "/boot/vmlinuz"),
        (ONE_ROOT, (), "/@/boot/vmlinuz", "/boot/vmlinuz"),
        (ONE_ROOT, (), "/vmlinuz", "/vmlinuz"),
    ],
)
def test_a_path_is_as_the_guest_sees_it(mounts, listed, named, path):
    menu = f"default 0\ntitle x\n kernel {named} ro\n"
    assert boot_of({**mounts, "/boot/grub/menu.lst": menu}, there(*listed)).default.kernel == path


def test_grub_legacy_of_xen_starts_linux_as_a_module():
    menu = "default=0\ntitle Xen\n\tkernel /xen.gz dom0\n\tmodule /vmlinuz-2.6.18xen ro\n\tmodule /initrd.img\n"
    assert short(boot_of({**OWN_BOOT, "/boot/grub/grub.conf": menu})) == [
        "* /boot/vmlinuz-2.6.18xen /boot/initrd.img | ro"
    ]


def test_menu_lst_counts_where_grub_conf_is_not_its_target_and_not_red_hats():
    one, two = (f"default=0\ntitle x\n kernel /boot/{name} ro\n" for name in ("one", "two"))
    files = {**ONE_ROOT, "/boot/grub/grub.conf": one, "/boot/grub/menu.lst": two}
    assert boot_of({**files, "/etc/debian_version": "4.0"}).config == "/boot/grub/menu.lst"
    assert boot_of({**files, "/etc/redhat-release": "CentOS release 5.11 (Final)"}).config == "/boot/grub/grub.conf"


def test_grub_legacy_on_uefi_reads_the_vendors_menu():
    menu = "default=0\ntitle x\n kernel /vmlinuz ro\n"
    files = {**OWN_BOOT, "/boot/efi/EFI/redhat/grub.conf": menu, "/boot/grub/grub.conf": menu}
    assert boot_of(files, [UEFI]).config == "/boot/efi/EFI/redhat/grub.conf"
    assert boot_of(files).config == "/boot/grub/grub.conf"


# ---- GRUB 2 ----------------------------------------------------------------------------------------------------------

HEADER = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="DEFAULT"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
"""
MENU = """\
menuentry 'Linux' --class gnu-linux $menuentry_id_option 'simple' {
\tlinux\t/boot/vmlinuz-2 root=/dev/sda1 ro  quiet
\tinitrd\t/boot/microcode.cpio /boot/initrd-2
}
submenu 'Advanced' $menuentry_id_option 'advanced' {
\tmenuentry 'Linux 2' $menuentry_id_option 'two' {
\t\tlinux\t/boot/vmlinuz-2 root=/dev/sda1 ro  quiet
\t\tinitrd\t/boot/initrd-2
\t}
\tmenuentry 'Linux 2 (recovery mode)' $menuentry_id_option 'two-recovery' {
\t\tlinux\t/boot/vmlinuz-2 root=/dev/sda1 ro single
\t\tinitrd\t/boot/initrd-2
\t}
\tmenuentry 'Linux 1' $menuentry_id_option 'one' {
\t\tlinux\t/boot/vmlinuz-1 root=/dev/sda1 ro  quiet
\t}
}
menuentry 'Memory test' { linux16 /boot/memtest86+.bin }
"""


@pytest.mark.parametrize(
    ("default", "environment", "chosen"),
    [
        ("0", "", 0),
        ("1>2", "", 3),
        ("1", "", 1),
        ("advanced>one", "", 3),
        ("Advanced>Linux 1", "", 3),
        ("simple", "", 0),
        ("${saved_entry}", "saved_entry=advanced>one", 3),
        ("${saved_entry}", "saved_entry=gone", 0),
        ("${saved_entry}", "", 0),
        ("0", "next_entry=advanced>one", 3),
        ("9", "", 0),
        ("2", "", None),
    ],
)
def test_grub2_default(default, environment, chosen):
    files = {
        **BY_GRUB2,
        **ONE_ROOT,
        "/boot/grub/grub.cfg": HEADER.replace("DEFAULT", default) + MENU,
        "/boot/grub/grubenv": "# GRUB Environment Block\n" + environment + "\n####",
    }
    boot = boot_of(files)
    assert boot.loader is Loader.GRUB2
    assert [number for number, entry in enumerate(boot.entries) if entry.default] == (
        [] if chosen is None else [chosen]
    )
    assert (boot.problem is None) is (chosen is not None)
    assert [line.lstrip("*R- ") for line in short(boot)] == [
        "/boot/vmlinuz-2 /boot/microcode.cpio /boot/initrd-2 | root=/dev/sda1 ro quiet",
        "/boot/vmlinuz-2 /boot/initrd-2 | root=/dev/sda1 ro quiet",
        "/boot/vmlinuz-2 /boot/initrd-2 | root=/dev/sda1 ro single",
        "/boot/vmlinuz-1 | root=/dev/sda1 ro quiet",
    ]
    assert [entry.rescue for entry in boot.entries] == [False, False, True, False]


@pytest.mark.parametrize(
    ("files", "entries", "config"),
    [
        ({"/boot/grub/grub.cfg": MENU}, [], "/boot/grub/grub.cfg"),
        ({"/boot/grub2/grub.cfg": MENU}, [], "/boot/grub2/grub.cfg"),
        (
            {"/boot/grub2/grub.cfg": MENU, "/boot/efi/EFI/redhat/grub.cfg": MENU},
            [UEFI],
            "/boot/efi/EFI/redhat/grub.cfg",
        ),
        # An EFI system partition that is mounted on a BIOS machine is not what boots.
        ({"/boot/grub2/grub.cfg": MENU, "/boot/efi/EFI/redhat/grub.cfg": MENU}, [], "/boot/grub2/grub.cfg"),
        # Debian's and EL9's file there only hands over.
        (
            {
                "/boot/grub/grub.cfg": MENU,
                "/boot/efi/EFI/debian/grub.cfg": "search.fs_uuid 1-2 root hd0,gpt2 \nset prefix=($root)'/boot/grub'\n"
                "configfile $prefix/grub.cfg",
            },
            [UEFI],
            "/boot/grub/grub.cfg",
        ),
        (
            {"/boot/efi/EFI/old/grub.cfg": MENU, "/boot/efi/EFI/redhat/grub.cfg": MENU},
            [UEFI, Entry("/etc/grub2-efi.cfg", "l", "rwxrwxrwx", 1, 0, 0, 1, "../boot/efi/EFI/redhat/grub.cfg")],
            "/boot/efi/EFI/redhat/grub.cfg",
        ),
    ],
)
def test_which_grub_cfg_is_read(files, entries, config):
    assert boot_of({**BY_GRUB2, **ONE_ROOT, **files}, entries).config == config


def test_an_entry_whose_presence_is_not_known_leaves_the_default_open():
    menu = "if sleep --interruptible 1; then\nmenuentry 'Maybe' { linux /boot/vmlinuz-9 }\nfi\n" + MENU
    boot = boot_of({**BY_GRUB2, **ONE_ROOT, "/boot/grub/grub.cfg": menu})
    assert boot.default is None
    assert boot.problem == (
        "whether 'Maybe' (/boot/grub/grub.cfg:2) is in the menu depends on what GRUB finds when it starts, and with it which "
        "entry boots by itself"
    )


def test_custom_cfg_is_read_too():
    menu = MENU + "if [ -f  $prefix/custom.cfg ]; then\n  source $prefix/custom.cfg\nfi\n"
    custom = "menuentry Mine { linux /boot/vmlinuz-mine x }"
    boot = boot_of({**BY_GRUB2, **ONE_ROOT, "/boot/grub/grub.cfg": menu, "/boot/grub/custom.cfg": custom})
    assert (boot.entries[-1].kernel, boot.entries[-1].source) == ("/boot/vmlinuz-mine", "/boot/grub/custom.cfg:1")


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (State.TOO_LARGE, "/boot/grub/grub.cfg is over 256 KiB, and was not read"),
        (State.DENIED, "/boot/grub/grub.cfg may not be read; become root"),
    ],
)
def test_a_menu_that_could_not_be_read(state, problem):
    boot = boot_of({**BY_GRUB2, "/boot/grub/grub.cfg": state})
    assert (boot.loader, boot.entries, boot.problem) == (Loader.GRUB2, (), problem)


# ---- the boot loader specification -----------------------------------------------------------------------------------

BLS_MENU = HEADER.replace("DEFAULT", "${saved_entry}") + (
    'if [ -z "${kernelopts}" ]; then\n  set kernelopts="root=/dev/fallback ro"\nfi\nset tuned_params="skew_tick=1"\n'
    "insmod blscfg\nblscfg\n"
)
NEW, OLD, RESCUE = "m-4.18.0-553.el8.x86_64", "m-4.18.0-80.el8.x86_64", "m-0-rescue"


def bls(version: str, options: str | None) -> str:
    return (
        f"title Linux ({version})\nversion {version}\nlinux /vmlinuz-{version}\n"
        f"initrd /initramfs-{version}.img $tuned_initrd\n" + (f"options {options}\n" if options is not None else "")
    )


def bls_guest(environment: str, options: str | None = "$kernelopts $tuned_params") -> Boot:
    return boot_of(
        {
            **BY_GRUB2,
            **OWN_BOOT,
            "/boot/grub2/grub.cfg": BLS_MENU,
            "/boot/grub2/grubenv": "# GRUB Environment Block\n" + environment,
            **{f"/boot/loader/entries/{name}.conf": bls(name[2:], options) for name in (OLD, NEW, RESCUE)},
        }
    )


def test_bls_newest_first_with_the_variables_of_grubenv():
    boot = bls_guest(f"saved_entry={NEW}\nkernelopts=root=/dev/mapper/rhel-root ro quiet")
    assert boot.loader is Loader.BLS
    assert [entry.id for entry in boot.entries] == [NEW, OLD, RESCUE]
    assert short(boot)[0] == (
        "* /boot/vmlinuz-4.18.0-553.el8.x86_64 /boot/initramfs-4.18.0-553.el8.x86_64.img | "
        "root=/dev/mapper/rhel-root ro quiet skew_tick=1"
    )
    assert [entry.rescue for entry in boot.entries] == [False, False, True]
    assert boot.default.origins == (*["/boot/grub2/grubenv:3"] * 3, "/boot/grub2/grub.cfg:17")
    assert boot.default.source == f"/boot/loader/entries/{NEW}.conf:5"


@pytest.mark.parametrize(
    ("environment", "default"),
    [
        (f"saved_entry={OLD}", OLD),
        ("saved_entry=1", OLD),
        (f"saved_entry=Linux ({OLD[2:]})", OLD),
        ("saved_entry=gone", NEW),
        ("", NEW),
        (f"saved_entry={NEW}\nnext_entry={OLD}", OLD),
    ],
)
def test_bls_default(environment, default):
    assert bls_guest(environment).default.id == default


def test_bls_without_kernelopts_in_grubenv_takes_the_one_of_grub_cfg():
    assert bls_guest("").default.arguments == ("root=/dev/fallback", "ro", "skew_tick=1")


def test_entries_that_grub_cfg_does_not_ask_for_do_not_count():
    boot = boot_of(
        {**BY_GRUB2, **OWN_BOOT, "/boot/grub2/grub.cfg": MENU, f"/boot/loader/entries/{NEW}.conf": bls(NEW[2:], "ro")}
    )
    assert boot.loader is Loader.GRUB2
    assert not any("loader" in entry.source for entry in boot.entries)


# ---- the others ------------------------------------------------------------------------------------------------------

LILO = """\
boot=/dev/sda
default=new
append="quiet"
image=/boot/vmlinuz-2.6.9-1
\tlabel=old
\tinitrd=/boot/initrd-1.img
\tread-only
\troot=/dev/sda2
image=/boot/vmlinuz-2.6.9-2
\tlabel=new
\tinitrd=/boot/initrd-2.img
\tread-only
\troot=/dev/sda2
\tappend="quiet divider=10"
other=/dev/sda1
\tlabel=dos
"""


def test_lilo():
    boot = boot_of({"/etc/lilo.conf": LILO, "/proc/cmdline": "auto BOOT_IMAGE=new ro root=802 quiet"})
    assert boot.loader is Loader.LILO
    assert short(boot) == [
        "- /boot/vmlinuz-2.6.9-1 /boot/initrd-1.img | root=/dev/sda2 ro quiet",
        "* /boot/vmlinuz-2.6.9-2 /boot/initrd-2.img | root=/dev/sda2 ro quiet divider=10",
    ]
    assert "what it wrote last, and boots, is not read" in boot.problem


def test_grub_wins_over_an_old_lilo_conf_unless_lilo_started_the_kernel():
    files = {"/etc/lilo.conf": LILO, "/boot/grub/menu.lst": LEGACY.format(default=0)}
    assert boot_of({**files, **BY_LEGACY}).loader is Loader.GRUB_LEGACY
    assert boot_of({**files, "/proc/cmdline": "BOOT_IMAGE=old ro"}).loader is Loader.LILO


def test_a_guest_with_two_menus_is_told_by_how_its_kernel_was_started():
    files = {**ONE_ROOT, "/boot/grub/menu.lst": LEGACY.format(default=0), "/boot/grub/grub.cfg": MENU}
    assert boot_of({**files, **BY_LEGACY}).loader is Loader.GRUB_LEGACY
    assert boot_of({**files, **BY_GRUB2}).loader is Loader.GRUB2
    neither = boot_of(files)
    assert (neither.loader, neither.entries) == (Loader.UNKNOWN, ())
    assert neither.problem == (
        "/proc/cmdline cannot be read, and nothing else tells which of /boot/grub/grub.cfg and /boot/grub/menu.lst is in use"
    )


def test_unified_kernel_images():
    image = "/boot/efi/EFI/Linux/m-6.1.0.efi"
    boot = boot_of({"/proc/cmdline": "root=/dev/sda2 ro"}, [UEFI, *there(image)])
    assert (boot.loader, boot.default, [entry.kernel for entry in boot.entries]) == (Loader.UKI, None, [image])
    assert "EFI variables, which are not read" in boot.problem
    # One that lies there while GRUB 2 starts the kernels is not in use.
    assert boot_of({**BY_GRUB2, "/boot/grub/grub.cfg": MENU}, [UEFI, *there(image)]).loader is Loader.GRUB2


SYSTEMD_BOOT = "title Linux\nlinux /m/6.1.0/linux\ninitrd /m/6.1.0/initrd\noptions root=/dev/sda2 ro\n"


def test_systemd_boot():
    files = {"/proc/cmdline": "root=/dev/sda2 ro", "/boot/efi/loader/entries/m-6.1.0.conf": SYSTEMD_BOOT}
    boot = boot_of(files, [UEFI])
    assert boot.loader is Loader.SYSTEMD_BOOT
    assert short(boot) == ["* /boot/efi/m/6.1.0/linux /boot/efi/m/6.1.0/initrd | root=/dev/sda2 ro"]
    two = boot_of({**files, "/boot/efi/loader/entries/m-6.1.1.conf": SYSTEMD_BOOT}, [UEFI])
    assert two.default is None
    assert "EFI variables" in two.problem
    chosen = {
        "/boot/efi/loader/entries/m-6.1.1.conf": SYSTEMD_BOOT,
        "/boot/efi/loader/loader.conf": "default m-6.1.0.conf",
    }
    assert boot_of({**files, **chosen}, [UEFI]).default.id == "m-6.1.0"


def test_ostree_boots_the_highest_version():
    entry = "title Fedora CoreOS ({0})\nversion {0}\nlinux /ostree/f-{0}/vmlinuz-6.1\ninitrd /ostree/f-{0}/initramfs-6.1.img\n"
    files = {
        **BY_GRUB2,
        **OWN_BOOT,
        "/run/ostree-booted": "",
        "/boot/loader/entries/ostree-1.conf": entry.format(1) + "options root=x ostree=/old\n",
        "/boot/loader/entries/ostree-2.conf": entry.format(2) + "options root=x ostree=/new\n",
    }
    boot = boot_of(files)
    assert (boot.loader, boot.problem) == (Loader.OSTREE, None)
    assert short(boot)[0] == "* /boot/ostree/f-2/vmlinuz-6.1 /boot/ostree/f-2/initramfs-6.1.img | root=x ostree=/new"


def test_a_transactional_system_has_grubs_entries():
    files = {**BY_GRUB2, "/proc/mounts": "/dev/sda3 / btrfs ro,relatime 0 0", "/boot/grub2/grub.cfg": MENU}
    boot = boot_of(files, there("/usr/sbin/transactional-update"))
    assert boot.loader is Loader.TRANSACTIONAL
    assert boot.default.kernel == "/boot/vmlinuz-2"
    assert boot.problem.startswith("it boots the snapshot that is the default by then")
    assert boot_of(files).loader is Loader.GRUB2
    writable = {**files, "/proc/mounts": "/dev/sda3 / btrfs rw,relatime 0 0"}
    assert boot_of(writable, there("/usr/sbin/transactional-update")).loader is Loader.GRUB2


def test_a_system_that_may_be_transactional_is_taken_for_it():
    """Given /proc/mounts that cannot be read, a menu that the next snapshot replaces is not taken for the one to edit."""
    files = {**BY_GRUB2, "/boot/grub2/grub.cfg": MENU}
    assert boot_of(files, there("/usr/sbin/transactional-update")).loader is Loader.TRANSACTIONAL


def test_nothing_found():
    boot = boot_of({})
    assert (boot.loader, boot.entries, boot.default) == (Loader.UNKNOWN, (), None)
    assert boot.problem.startswith("no boot loader's menu was found")


def test_the_release_is_in_the_kernels_name():
    assert bls_guest("").default.release == "4.18.0-553.el8.x86_64"


# ---- what entries are made from --------------------------------------------------------------------------------------


def test_configured_arguments():
    files = {
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX="a b"  # why\n#GRUB_CMDLINE_LINUX="no"\nGRUB_CMDLINE_LINUX_DEFAULT=c\n',
        "/etc/default/grub.d/50-cloud.cfg": "GRUB_CMDLINE_LINUX_DEFAULT='d'",
        "/etc/kernel/cmdline": "e",
        "/etc/sysconfig/bootloader": 'DEFAULT_APPEND="f"',
    }
    assert [(found.word, found.origin) for found in configured_arguments(evidence_of(files))] == [
        ("a", "/etc/default/grub:1"),
        ("b", "/etc/default/grub:1"),
        ("c", "/etc/default/grub:3"),
        ("d", "/etc/default/grub.d/50-cloud.cfg:1"),
        ("f", "/etc/sysconfig/bootloader:1"),
        ("e", "/etc/kernel/cmdline:1"),
    ]


# ---- guest trees -----------------------------------------------------------------------------------------------------

LOADERS = {
    "photon4": Loader.PHOTON,
    "photon5": Loader.PHOTON,
    **dict.fromkeys(
        ("rhel4", "rhel46", "rhel5", "rhel53", "rhel6", "rhel62", "sles10sp3", "sles11sp4"), Loader.GRUB_LEGACY
    ),
    **dict.fromkeys(("rhel8", "rhel9", "rhel92", "rhel96_uefi", "rhel10", "oracle8_uek", "amazon2023"), Loader.BLS),
    **dict.fromkeys(("database", "template"), Loader.BLS),
}
#: Whose entries are not read: each change is a new snapshot.
TRANSACTIONAL = {"sle_micro55"}
#: A newer kernel is the default, and was not booted yet.
BETWEEN_KERNELS = {"rhel92"}


@pytest.mark.parametrize("name", sorted(TRANSACTIONAL))
def test_a_transactional_system_is_told(name: str, tmp_path: Path) -> None:
    evidence = guest_tree.probe(guest_tree.materialise(guest_tree.load(name), tmp_path / "root"))
    assert evidence.boot.loader is Loader.TRANSACTIONAL
    assert evidence.boot.problem


@pytest.mark.parametrize("name", sorted(set(guest_tree.names()) - TRANSACTIONAL))
def test_every_guest_tree_boots_what_it_runs(name: str, tmp_path: Path) -> None:
    """The default entry is the running kernel, with its files there and the arguments that /proc/cmdline shows."""
    tree = guest_tree.materialise(guest_tree.load(name), tmp_path / "root")
    evidence = guest_tree.probe(tree)
    boot = evidence.boot
    assert (boot.loader, boot.problem) == (LOADERS.get(name, Loader.GRUB2), None)
    assert boot.default
    assert (boot.default.release == evidence.platform.kernel.release) is (name not in BETWEEN_KERNELS)
    for path in (boot.default.kernel, *boot.default.images):
        assert tree.path(path).exists(), path
    running = [word for word in evidence.platform.command_line if not word.startswith("BOOT_IMAGE=")]
    assert list(boot.default.arguments) == running


@pytest.mark.parametrize("name", ["debian12", "ubuntu2204", "ubuntu2404", "rhel7", "sles15sp6"])
def test_the_trees_grub_mkconfig_makes_the_grub_cfg_that_they_have(name: str, tmp_path: Path) -> None:
    tree = guest_tree.materialise(guest_tree.load(name), tmp_path / "root")
    config = guest_tree.probe(tree).boot.config
    command = "grub-mkconfig" if config.startswith("/boot/grub/") else "grub2-mkconfig"
    assert tree.call(command).stdout.decode() == tree.read(config)
    assert tree.call(command.replace("mkconfig", "script-check"), str(tree.path(config))).returncode == 0
