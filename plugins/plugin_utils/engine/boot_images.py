# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot images: the command that builds images of the early user space anew, for all recommendations that change what goes in.

It is what the group :data:`GROUP` commits. Recommendations that ask for the same images and modules share one build.

Each image is built beside the old one, in a folder of our own on the same file system, by the distribution's tool and from the
guest's configuration alone; proved: it unpacks to its end, holds every module that was asked for (the new driver's and those of
the disks' driver now), and is not absurdly small; given the old one's owner, mode and SELinux context; and renamed into its place.

The old image is kept in the step's notes, in the receipt: /boot is often small, and must not be filled with copies that no kernel
package ever removes. A copy, not a hard link: some tools write into an image in place. With it go the check sums of all that we put
in its place, by which the undo knows whether somebody else built one since.

The stamp, ``/var/lib/vmguest/images``, notes what all images hold, so that an audit need not unpack them; guest/probe.sh reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, run_sharing, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import MODULES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Builder
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import (
    IMAGES,
    IN_PLACE,
    guest_script,
    modules_pattern,
)

GROUP = "boot_images"
STAMP = "/var/lib/vmguest/images"
#: KiB that stay free where an image is built or kept.
MARGIN_KIB = 8192
#: How many times smaller a new image may be: a host-only image in the place of a generic one is a fifth of it.
SMALLEST = 10

#: The functions of image_proof.sh: what an image must hold.
IMAGE_PROOF = guest_script("image_proof.sh")
#: Those and the functions of boot_images.sh.
BOOT_IMAGES = IMAGE_PROOF + guest_script("boot_images.sh")

#: The tool of each builder that can be told where to write; "$out" is that place, "$kernel" the kernel's file.
_TOOLS = {
    Builder.DRACUT: 'dracut -f "$out" "$release"',
    Builder.INITRAMFS_TOOLS: 'mkinitramfs -o "$out" "$release"',
    Builder.NASH: 'mkinitrd -f "$out" "$release"',
    # Without -B it would write the boot loader's configuration, too.
    Builder.SUSE: 'mkinitrd -B -k "$kernel" -i "$out"',
}


@dataclass(frozen=True)
class Rebuild:
    """An image to build anew: for which kernel (its release, its file), and the modules that it must hold."""

    image: str
    release: str
    kernel: str
    modules: tuple[str, ...]


def can_rebuild(builder: Builder) -> bool:
    """True for the builders that :func:`rebuild` knows."""
    return builder in _TOOLS


def room_kib(size: int) -> int:
    """KiB that must be free where an image of about ``size`` bytes is to be built or kept."""
    return size // 1024 * 5 // 4 + MARGIN_KIB


def rebuild(builder: Builder, images: Sequence[Rebuild], all_images: Iterable[str]) -> Run:
    """Build ``images`` anew, one after the other, and write the stamp for ``all_images``.

    :raises KeyError: for a builder that cannot.
    """
    numbered = list(enumerate(images, 1))
    names = ", ".join(one.image for one in images)
    keep = [f"keep {number} {sh(_relative(one.image))}" for number, one in numbered]
    build = [
        "build "
        + sh(str(number), _relative(one.image), one.release, _relative(one.kernel), *map(_file_name, one.modules))
        for number, one in numbered
    ]
    ask, would_boot = (
        "\n".join(f"{question} {number} {sh(_relative(one.image))}" for number, one in numbered)
        for question in ("ask", "would_boot")
    )
    put_back = ["put_back " + sh(str(number), _relative(one.image), one.release) for number, one in reversed(numbered)]
    functions = (
        f'NONCE=image stamp="$ROOT{STAMP}" margin={MARGIN_KIB} smallest={SMALLEST}\nmodules={sh(modules_pattern(MODULES))}\n'
        f"{IN_PLACE}{IMAGES}{BOOT_IMAGES}build_with_tool() {{\n{_TOOLS[builder]}\n}}\n"
    )
    write_stamp = "write_stamp " + sh(*(_relative(path) for path in all_images))
    return run_sharing(
        functions,
        what=f"build {names} anew with {builder.value}",
        do="\n".join([*keep, *build, write_stamp]),
        undo="\n".join([would_boot, 'rm -f "$stamp" "$stamp.new"', *put_back]),
        proof="\n".join(f"stamped {sh(_relative(one.image))}" for one in images),
        # Two builders at a time hinder one another, and one that a package started is about to replace what we look at.
        alone_from=("boot", "packages"),
        ask=ask,
    )


def _relative(path: str) -> str:
    """A path below "$ROOT/"."""
    return path.lstrip("/")


def _file_name(module: str) -> str:
    """A module as a pattern of the shell for its file's name, which may have a hyphen for each underscore."""
    return module.replace("_", "[-_]")
