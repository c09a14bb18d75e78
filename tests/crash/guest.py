# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guest whose changes are cut off: its files, the transactions that change them, and which file belongs to which.

The transactions are of the shape that roles plan: crontab and a drop-in of cron; a swap file and its line of fstab; boot
images and grub.cfg, each the commit of a group with two members, by the very commands of the roles.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import make_menu
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import Rebuild, rebuild
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Builder
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import ON_DISK
from ansible_collections.vmguest.linux.tests.crash.cpio import archive, file

KERNELS = ("5.10.0-8-amd64", "5.10.0-9-amd64")
SWAP_FILE_KIB = 1024
#: Arguments of the guest's kernel at first.
CONSOLE = "quiet console=ttyS0 no_timer_check"


@dataclass(frozen=True)
class GuestFile:
    """A file's content and mode."""

    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class BootParts:
    """What makes the guest a machine that boots: a kernel, and a static busybox for its images."""

    kernel: bytes
    busybox: bytes


#: What an image does when it is booted: tell that it is whole, and of its modules; then power off.
_INIT = b"""#!/bin/busybox sh
/bin/busybox sed 's/^/== image holds /' /conf/modules
echo "== image booted"
/bin/busybox poweroff -f
"""

_OLD_MODULES = b"# modules for the initramfs\nsym53c8xx\n"


_LINES_OF_MODULES = (b"vmw_pvscsi\n", b"options vmw_pvscsi ring_pages=32\n")


def images() -> list[list[str]]:
    """What an image may tell of itself when it is booted: the old one, the new one, and that of either member of the group
    alone."""
    first, second = _LINES_OF_MODULES
    found = [_OLD_MODULES, _OLD_MODULES + first, _OLD_MODULES + second, _OLD_MODULES + first + second]
    return [content.decode().splitlines() for content in found]


def image_base(parts: BootParts) -> bytes:
    """The part of every image that is the same: the kernel checks its checksum as it unpacks it. The modules come after it."""
    return gzip.compress(archive({"bin/busybox": file(parts.busybox, 0o755), "init": file(_INIT, 0o755)}), mtime=0)


def _grub_cfg(arguments: str, separate_boot: bool) -> str:
    """What the machine's grub-mkconfig writes."""
    folder = "" if separate_boot else "/boot"
    lines = ["# It is generated: edit /etc/default/grub", "set default=0", "set timeout=0"]
    lines += ["### BEGIN /etc/grub.d/10_linux ###"]
    for kernel in reversed(KERNELS):
        lines += [
            f"menuentry 'Linux {kernel}' {{",
            f"\tlinux {folder}/vmlinuz-{kernel} root=UUID=1234 ro {arguments}",
            f"\tinitrd {folder}/initrd.img-{kernel}",
            "}",
        ]
    lines += ["### END /etc/grub.d/10_linux ###"]
    return "\n".join(lines) + "\n"


def files(parts: BootParts, separate_boot: bool) -> dict[str, GuestFile]:
    """The guest as it was, by path. The newer kernel is the one that is booted."""
    random = Random(5)
    found = {
        "/etc/crontab": GuestFile(
            b"SHELL=/bin/sh\n17 * * * * root cd / && run-parts /etc/cron.hourly\n# the end", 0o600
        ),
        "/etc/cron.d/obsolete": GuestFile(b"0 * * * * root /opt/obsolete\n"),
        "/etc/fstab": GuestFile(b"UUID=1234 / ext4 errors=remount-ro 0 1\n"),
        "/etc/default/grub": GuestFile(
            f'GRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="{CONSOLE}"\nGRUB_CMDLINE_LINUX=""\n'.encode()
        ),
        "/etc/initramfs-tools/modules": GuestFile(_OLD_MODULES),
        "/boot/grub/grub.cfg": GuestFile(_grub_cfg(CONSOLE, separate_boot).encode(), 0o444),
        "/boot/grub/unicode.pf2": GuestFile(random.randbytes(20_000)),
    }
    modules = {"conf/modules": file(_OLD_MODULES), "usr/lib/modules/any/sym53c8xx.ko": file(b"a module")}
    image = image_base(parts) + gzip.compress(archive(modules), mtime=0)
    for kernel in KERNELS:
        newest = kernel == KERNELS[-1]
        found[f"/boot/vmlinuz-{kernel}"] = GuestFile(parts.kernel if newest else random.randbytes(120_000))
        found[f"/boot/initrd.img-{kernel}"] = GuestFile(image, 0o600)
    return found


#: Folders of the guest that hold no file at first.
FOLDERS = ("/etc/modprobe.d", "/var/lib", "/boot/efi")


def _lines(*lines: str) -> str:
    # In a subshell of its own: `exit` ends it alone.
    return "(\n" + "\n".join(lines) + "\n)"


#: What the members of the two groups share, as their roles have it: the very commands.
IMAGES = rebuild(
    Builder.INITRAMFS_TOOLS,
    [
        Rebuild(f"/boot/initrd.img-{kernel}", kernel, f"/boot/vmlinuz-{kernel}", ("sym53c8xx", "vmw_pvscsi"))
        for kernel in reversed(KERNELS)
    ],
    [f"/boot/initrd.img-{kernel}" for kernel in KERNELS],
)
MENU = make_menu("/boot/grub/grub.cfg", drop_ins=True)


def _swap_file() -> Run:
    size = SWAP_FILE_KIB * 1024
    return Run(
        "create the swap file",
        do=_lines(
            ON_DISK.rstrip(),
            "umask 077",
            'rm -f "$ROOT/swapfile.part"',
            f'dd if=/dev/zero of="$ROOT/swapfile.part" bs=1024 count={SWAP_FILE_KIB} 2>/dev/null || exit 1',
            'mkswap -L vmguest "$ROOT/swapfile.part" >/dev/null || exit 1',
            # Every time the same UUID, so that bytes can be compared.
            'dd if=/dev/zero of="$ROOT/swapfile.part" bs=1 seek=1036 count=16 conv=notrunc 2>/dev/null || exit 1',
            "printf 'vmguest swap_size' | dd of=\"$ROOT/swapfile.part\" conv=notrunc 2>/dev/null || exit 1",
            'on_disk "$ROOT/swapfile.part"',
            'mv "$ROOT/swapfile.part" "$ROOT/swapfile"',
        ),
        undo='rm -f "$ROOT/swapfile.part" "$ROOT/swapfile"',
        proof=_lines(
            'set -- $(ls -ln "$ROOT/swapfile")',
            f'[ "$5" = {size} ] && [ "$(dd if="$ROOT/swapfile" bs=17 count=1 2>/dev/null)" = "vmguest swap_size" ]',
        ),
    )


def transactions() -> list[Transaction]:
    """What is applied, and reverted again."""
    return [
        Transaction(
            "cron_scatter",
            (
                EditFile("/etc/crontab", (ReplacePrefix(2, "17 *", "23 *"), AppendLine("5 4 * * * root own"))),
                WriteFile("/etc/cron.d/new/folder/vmguest", "MAILTO=root\n"),
                RemoveFile("/etc/cron.d/obsolete", "0 * * * * root /opt/obsolete\n"),
            ),
        ),
        Transaction("swap_size", (_swap_file(), EditFile("/etc/fstab", (AppendLine("/swapfile none swap sw 0 0"),)))),
        Transaction(
            "pvscsi_initrd",
            (EditFile("/etc/initramfs-tools/modules", (AppendLine("vmw_pvscsi"),)),),
            group="boot_images",
            commit=(IMAGES,),
        ),
        Transaction(
            "module_options",
            (WriteFile("/etc/modprobe.d/vmguest.conf", "options vmw_pvscsi ring_pages=32\n"),),
            group="boot_images",
            commit=(IMAGES,),
        ),
        Transaction(
            "timer_interrupts",
            (
                EditFile(
                    "/etc/default/grub", (ReplaceLine('GRUB_CMDLINE_LINUX=""', 'GRUB_CMDLINE_LINUX="divider=10"'),)
                ),
            ),
            group="boot_entries",
            commit=(MENU,),
        ),
        Transaction(
            "boot_timeout",
            (EditFile("/etc/default/grub", (ReplaceLine("GRUB_TIMEOUT=0", "GRUB_TIMEOUT=1"),)),),
            group="boot_entries",
            commit=(MENU,),
        ),
    ]


#: Receipts in the order in which the transactions above make them: members before what they share.
RECEIPTS = (
    "000001-cron_scatter",
    "000002-swap_size",
    "000003-pvscsi_initrd",
    "000004-module_options",
    "000005-boot_images",
    "000006-timer_interrupts",
    "000007-boot_timeout",
    "000008-boot_entries",
)
#: What a person reverts, newest first; what is shared goes with its last member.
TO_REVERT = tuple(name for name in reversed(RECEIPTS) if not name.endswith(("-boot_images", "-boot_entries")))

#: Paths that are old or new together, by the receipt that says which. Folders that a transaction makes are listed, too.
UNITS: Mapping[str, tuple[str, ...]] = {
    "000001-cron_scatter": (
        "/etc/crontab",
        "/etc/cron.d/new",
        "/etc/cron.d/new/folder",
        "/etc/cron.d/new/folder/vmguest",
        "/etc/cron.d/obsolete",
    ),
    "000002-swap_size": ("/swapfile", "/etc/fstab"),
    "000005-boot_images": (
        "/etc/initramfs-tools/modules",
        "/etc/modprobe.d/vmguest.conf",
        *(f"/boot/initrd.img-{kernel}" for kernel in KERNELS),
    ),
    "000008-boot_entries": ("/etc/default/grub", "/boot/grub/grub.cfg"),
}


def boot_paths() -> Iterator[str]:
    """What the guest boots by, all of which it has at any time: kernels, images, the boot loader's configuration."""
    for kernel in KERNELS:
        yield from (f"/boot/vmlinuz-{kernel}", f"/boot/initrd.img-{kernel}")
    yield from ("/boot/grub/grub.cfg", "/boot/grub/unicode.pf2")
