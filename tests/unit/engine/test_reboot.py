# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest boots next: given these files, this kernel and image, or the reason why that is not known."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import target
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

MENU = "menuentry x {\n linux /boot/vmlinuz ro\n INITRD\n}\n"
SNAPSHOTS = Entry("/usr/sbin/transactional-update", "-", "rwxr-xr-x", 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("initrd", "image"),
    [("initrd /boot/initrd", "/boot/initrd"), ("initrd /boot/microcode /boot/initrd", "/boot/initrd"), ("", "")],
)
def test_the_default_entrys_kernel_and_image(initrd, image):
    found = target(evidence_of({"/boot/grub/grub.cfg": MENU.replace("INITRD", initrd)}))
    assert (found.kernel, found.image, found.unknown) == ("/boot/vmlinuz", image, None)


@pytest.mark.parametrize(
    ("files", "entries", "reason"),
    [
        ({}, [], "no boot loader's menu was found"),
        (
            {"/boot/grub/menu.lst": "default 3\ntitle x\nkernel /x"},
            [],
            "the default entry of /boot/grub/menu.lst is '3'",
        ),
        (
            {"/etc/lilo.conf": "image=/boot/vmlinuz\nlabel=x"},
            [],
            "/etc/lilo.conf says what /sbin/lilo writes when it runs next",
        ),
        (
            {"/boot/grub/grub.cfg": MENU, "/proc/mounts": "/dev/sda1 / btrfs ro 0 0"},
            [SNAPSHOTS],
            "it boots the snapshot that is the default by then",
        ),
    ],
)
def test_what_cannot_be_known(files, entries, reason):
    found = target(evidence_of(files, entries=entries))
    assert (found.kernel, found.image) == ("", "")
    assert found.unknown.startswith(reason)
