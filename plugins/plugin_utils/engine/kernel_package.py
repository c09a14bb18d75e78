# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kernel of Debian's family, installed beside those that are there, as a step that can be undone.

What boots is not left to the package's scripts: they rewrite GRUB's menu in place, and a power cut in that moment leaves none.
While they run GRUB's own tools do nothing (they are hidden in a mount namespace). Only when the kernel is there, its image unpacks
and holds the drivers of the disks, and all of it is on the disk, the menu is made anew, proved and renamed into place, as
:mod:`boot_entries` does. Until then the guest boots what it booted before.

Only the kernel's own packages are added. Where apt would replace or remove another one, nothing is done: an older one may not be
there any more to go back to. For the same reason the package that follows the newest kernel (linux-image-amd64) stays as it is.

The undo takes the entries out of the menu first, then removes the packages. Where the kernel runs, it does the first and asks for
a reboot; the next run does the rest.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import menu_functions
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import IMAGE_PROOF, MARGIN_KIB
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import APT_GET, add_with_apt
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, run_sharing, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import MODULES
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import (
    IMAGES,
    guest_script,
    modules_pattern,
)

#: The functions of kernel_package.sh.
_KERNEL_PACKAGE = guest_script("kernel_package.sh")

_PROOF = """\
case $(dpkg-query -W -f='${Status}' "linux-image-$release") in *" ok installed") ;; *) exit 1 ;; esac
kernels "$config" | grep -q "/vmlinuz-$release\\$" || fail "GRUB's menu has no entry for it"\
"""


def add_kernel(release: str, config: str) -> Run:
    """Install kernel ``release`` (as uname -r tells it) beside the others, and make ``config``, GRUB's menu, anew.

    :raises ValueError: for a menu that may not be made anew (:func:`boot_entries.menu_functions`).
    """
    add, remove, ask = add_with_apt("$packages")
    functions = (
        f"release={sh(release)} margin={MARGIN_KIB} NONCE=image\nmodules={sh(modules_pattern(MODULES))}\n"
        # What packages there were has the name `before`.
        f"{menu_functions(config)}kept=$NOTES/menu\n{IMAGES}{IMAGE_PROOF}{_KERNEL_PACKAGE}"
        f'apt() {{\nmenu_left_alone env {APT_GET} "$@"\n}}\ndpkg() {{\nmenu_left_alone dpkg "$@"\n}}\n'
    )
    do = f"can_install\nnote\npackages=$(packages)\n{add} || exit 1\nprove_kernel\nbuild"
    undo = (
        '[ -e "$NOTES/before" ] || exit 0\nwithout=vmlinuz-$release hide=kernel_hidden\n'
        f"leave_menu\nnot_running\nclaim_links\n{remove} || exit 1\nleave_files"
    )
    return run_sharing(
        functions,
        what=f"install kernel {release} beside the others with apt-get, and make {config} anew",
        do=do,
        undo=undo,
        proof=_PROOF,
        alone_from=("packages", "boot"),
        ask=ask,
    )
