# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot: the boot loader in use and its entries, each with its kernel, images and arguments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read

READS: tuple[Read, ...] = ()


class Loader(str, Enum):
    """What starts the kernel, and where its arguments are kept."""

    GRUB_LEGACY = "GRUB legacy"
    GRUB2 = "GRUB 2"
    BLS = "GRUB 2 with boot loader specification entries"
    PHOTON = "Photon's GRUB 2"
    LILO = "LILO"
    UKI = "a unified kernel image"
    OSTREE = "ostree"
    TRANSACTIONAL = "a transactional, read-only system"
    UNKNOWN = "an unknown boot loader"


@dataclass(frozen=True)
class BootEntry:
    """An entry of the boot menu.

    ``kernel`` and ``images`` are absolute paths as the running guest sees them (``/boot/vmlinuz-…``, wherever /boot is mounted
    from); microcode images, where they stand apart, are among ``images``. ``arguments`` are those that the kernel will get, with
    the loader's variables resolved. ``source`` is ``path:line`` of what says so. ``rescue`` marks one for repairs only.
    """

    title: str
    kernel: str
    images: tuple[str, ...]
    arguments: tuple[str, ...]
    default: bool
    source: str
    rescue: bool = False

    @property
    def release(self) -> str:
        """The kernel release that its name tells (``5.14.0-427.el9.x86_64``), empty where it tells none."""
        return self.kernel.rpartition("/")[2].partition("-")[2]


@dataclass(frozen=True)
class Boot:
    """The boot loader and its entries, in the order of the menu. ``problem`` says why that is not known (or not all of it)."""

    loader: Loader
    entries: tuple[BootEntry, ...]
    problem: str | None = None

    @property
    def default(self) -> BootEntry | None:
        """The entry that boots by itself, None where that is not known."""
        return next((entry for entry in self.entries if entry.default), None)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Boot:
        """Read it from the probe's output."""
        return cls(Loader.UNKNOWN, (), "no boot loader is looked for yet")
