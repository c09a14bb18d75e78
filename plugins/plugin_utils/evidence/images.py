# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images: every installed kernel, the image of the early user space (initramfs, initrd) that it boots with, what that holds,
and what makes the next one.

Runtime side: what is in the images now. Persistent side: the builder's configuration, by which future images are made. Neither
is inferred from the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import MODULES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import LISTED
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import in_order
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, Unpacked
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Images as ReadImages
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, entries, files

#: SCSI controllers' disks need this module besides; nothing depends on it.
SCSI_DISK = "sd_mod"
_NOT_SCSI = ("nvme", "virtio_blk")

DRACUT_FOLDERS = ("/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d")
INITRAMFS_TOOLS_MODULES = "/etc/initramfs-tools/modules"

READS: tuple[Read, ...] = (
    ReadImages(
        (
            "/boot/initrd.img-*",
            "/boot/initramfs-*",
            "/boot/initrd-*",
            # Where boot loader entries are kept by machine (kernel-install).
            "/boot/*/*/initrd*",
        ),
        MODULES,
    ),
    entries("/boot/vmlinu[xz]*", "/boot/initrd*", "/boot/initramfs*", "/initrd.img*", "/vmlinuz*"),
    entries("/lib/modules/*/modules.dep", "/lib/modules/*/modules.builtin"),
    LISTED,
    entries(
        "/usr/bin/dracut",
        "/usr/sbin/dracut",
        "/sbin/dracut",
        "/usr/sbin/mkinitramfs",
        "/sbin/mkinitrd",
        "/sbin/nash",
        "/lib/mkinitrd/scripts",
        "/usr/bin/mkinitcpio",
        "/usr/bin/booster",
        "/etc/kernel/postinst.d/dracut",
    ),
    files(
        "/etc/dracut.conf",
        *(f"{folder}/*.conf" for folder in DRACUT_FOLDERS),
        INITRAMFS_TOOLS_MODULES,
        "/usr/share/initramfs-tools/modules.d/*",
        "/etc/initramfs-tools/initramfs.conf",
        "/usr/share/initramfs-tools/conf.d/*",
        "/etc/initramfs-tools/conf.d/*",
        "/etc/modprobe.conf",
        "/etc/sysconfig/kernel",
    ),
)


class Builder(str, Enum):
    """What makes images on this guest."""

    DRACUT = "dracut"
    INITRAMFS_TOOLS = "initramfs-tools"
    NASH = "mkinitrd with nash"
    SUSE = "SUSE's mkinitrd"
    MKINITCPIO = "mkinitcpio"
    BOOSTER = "booster"
    NONE = "nothing that is known"


@dataclass(frozen=True)
class Image:
    """An image. ``held``: of :data:`MODULES`, those that it holds and, where a list in it says what is loaded, that it loads.

    ``problem`` says why that is not known; then ``held`` is not to be believed.
    """

    path: str
    held: frozenset[str]
    problem: str | None = None


@dataclass(frozen=True)
class Kernel:
    """An installed kernel. ``image`` is the path of the one that it boots with, None where it has none.

    Of :data:`MODULES`, ``ships`` tells module to those that it needs, ``built_in`` what needs no file. ``listed`` is False where
    its own lists of modules are not there, so that nothing can be said of these. ``entry`` says where its image is named.
    """

    release: str
    path: str
    image: str | None
    entry: str
    default: bool
    ships: dict[str, tuple[str, ...]]
    built_in: frozenset[str]
    listed: bool

    def has(self, module: str) -> bool:
        """True where it could use the module at all."""
        return module in self.built_in or module in self.ships

    def needs(self, drivers: Iterable[str]) -> tuple[str, ...]:
        """The modules that its image must hold so that it can boot by each of these drivers that it ships; sorted.

        A driver's own needs are among them, as far as they are modules.
        """
        wanted = list(drivers)
        if any(name in self.ships or name in self.built_in for name in wanted if name not in _NOT_SCSI):
            wanted.append(SCSI_DISK)
        found: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name in self.ships and name not in self.built_in and name not in found:
                found.add(name)
                wanted += self.ships[name]
        return tuple(sorted(found))


@dataclass(frozen=True)
class Configuration:
    """What the builder's configuration says of future images.

    ``named``: module to the line that puts it in; ``omitted``: to the line that keeps it out. ``host_only`` says why only drivers
    of this hardware go in; None where those of all disks do.
    """

    named: dict[str, str]
    omitted: dict[str, str]
    host_only: str | None


@dataclass(frozen=True)
class Images:
    """All kernels with their images, in the order of the boot menu; and what makes images."""

    kernels: tuple[Kernel, ...]
    images: dict[str, Image]
    builder: Builder
    configuration: Configuration

    @classmethod
    def of(cls, probe: ProbeOutput, boot: Boot) -> Images:
        """Read it from the probe's output, and what boots from the boot loader's entries."""
        builder = _builder(probe)
        return cls(
            _kernels(probe, boot),
            {path: _image(found) for path, found in probe.images.items()},
            builder,
            _configuration(probe, builder),
        )


@dataclass(frozen=True)
class Case:
    """A kernel, and which modules its image must hold and does not; or why that is not known, or cannot be."""

    kernel: Kernel
    missing: tuple[str, ...] = ()
    riddle: str | None = None
    hopeless: str | None = None


def case_of(found: Images, kernel: Kernel, drivers: Iterable[str]) -> Case:
    """Whether the kernel's image holds these drivers, as far as the kernel has them, with all that they need."""
    needed = kernel.needs(drivers)
    if not needed:
        return Case(kernel)
    if kernel.image is None:
        return Case(
            kernel,
            hopeless=f"kernel {kernel.release} ({kernel.entry}) boots without an image, so {', '.join(needed)} cannot be loaded: "
            "give it one",
        )
    image = found.images.get(kernel.image)
    if image is None:
        return Case(
            kernel, riddle=f"{kernel.image}, the image of kernel {kernel.release} ({kernel.entry}), was not found"
        )
    if image.problem:
        return Case(kernel, riddle=f"{image.path}: {image.problem}")
    return Case(kernel, tuple(module for module in needed if module not in image.held))


# ---- images ----------------------------------------------------------------------------------------------------------

_HEADER = re.compile(r"07070[12](?P<fields>[0-9A-Fa-f]{104})(?P<name>.*)", re.DOTALL)
_INSMOD = re.compile(r"insmod /lib/(?P<file>\S*)")
_NAME_SIZE = slice(88, 96)
_WORDS = {
    "absent": "there is no program to unpack it ({format})",
    "denied": "it cannot be read",
    "unknown": "it is in no format that a kernel is known to unpack",
    "cut": "it is damaged: it ends within an archive",
    "": "reading it was cut off",
}


def _image(found: Unpacked) -> Image:
    held, loaded, flat = set(), set(), True
    ended = False
    for line in found.lines:
        header = _HEADER.fullmatch(line)
        if header:
            name = header["name"]
            # What is no header, but only looks like one, is betrayed by the length of the name.
            if int(header["fields"][_NAME_SIZE], 16) != len(name.encode("utf-8", "surrogateescape")) + 1:
                continue
            if name == "TRAILER!!!":
                ended = True
                continue
            held.add(module_name(name))
            flat = flat and re.fullmatch(r"(\./)?lib/[^/]*", name) is not None
        else:
            command = _INSMOD.fullmatch(line)
            if command:
                loaded.add(module_name(command["file"]))
    if held and flat:
        # Red Hat's nash has no udev and no modprobe: what its script does not load is not loaded.
        held &= loaded
    return Image(found.path, frozenset(held), _problem(found, ended))


def _problem(found: Unpacked, ended: bool) -> str | None:
    status = found.status
    # gzip's 2 is a warning: of padding after the archive.
    if status in ("0", "stamped") or (status == "2" and found.format == "gzip"):
        return None if ended else "it is damaged: its archive has no end"
    if not status.isdecimal():
        return _WORDS.get(status, f"it could not be read ({status})").format(format=found.format)
    if int(status) > 128:
        return f"unpacking it took too long, and was ended ({found.format}, status {status})"
    return f"it is damaged: {found.format.partition('-')[0]} ended with status {status}"


def module_name(path: str) -> str:
    """``kernel/drivers/nvme/host/nvme-core.ko.xz`` is module ``nvme_core``."""
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


# ---- kernels ---------------------------------------------------------------------------------------------------------

#: Where the image of a kernel is that no boot entry names.
_CONVENTIONS = (
    "/boot/initrd.img-{}",
    "/boot/initramfs-{}.img",
    "/boot/initrd-{}",
    "/boot/initrd-{}.img",
    "/boot/initramfs-{}",
)
_KERNEL_FILE = re.compile(r"/boot/vmlinu[xz]-(?P<release>[^/]+)")
_NO_KERNEL = re.compile(r"\.(hmac|old|bak|gz|rpmsave)$|~$|rescue|kdump")
_MICROCODE = re.compile(r"ucode|microcode")


def _kernels(probe: ProbeOutput, boot: Boot) -> tuple[Kernel, ...]:
    listed = {entry.path.split("/")[3] for entry in probe.entries("/lib/modules/*/modules.dep")}
    ships: dict[str, dict[str, tuple[str, ...]]] = {}
    built_in: dict[str, set[str]] = {}
    for line in probe.lines(LISTED.name):
        dummy, dummy, dummy, release, kind = line.path.split("/")
        file, dummy, needed = line.text.partition(":")
        if module_name(file) not in MODULES:
            continue
        if kind == "modules.dep":
            ships.setdefault(release, {})[module_name(file)] = tuple(module_name(word) for word in needed.split())
        else:
            built_in.setdefault(release, set()).add(module_name(file))

    found: dict[tuple[str, str | None], Kernel] = {}

    def add(release: str, path: str, image: str | None, entry: str, default: bool) -> None:
        known = found.get((release, image))
        if known is None:
            known = Kernel(
                release,
                path,
                image,
                entry,
                default,
                ships.get(release, {}),
                frozenset(built_in.get(release, ())),
                release in listed,
            )
        found[release, image] = known

    for entry in sorted(boot.entries, key=lambda one: not one.default):
        if entry.rescue:
            continue
        path = _target(probe, entry.kernel)
        images = [_target(probe, image) for image in entry.images if not _MICROCODE.search(image)]
        for image in (*images,) or (None,):
            add(_release(path), path, image, entry.source, entry.default)
    seen = {release for release, dummy in found}
    for installed in probe.entries("/boot/vmlinu[xz]*"):
        match = _KERNEL_FILE.fullmatch(installed.path)
        if not match or installed.kind != "-" or _NO_KERNEL.search(installed.path) or match["release"] in seen:
            continue
        release = match["release"]
        conventional = next((path for form in _CONVENTIONS if (path := form.format(release)) in probe.images), None)
        add(release, installed.path, conventional, installed.path, False)
    return tuple(found.values())


def _target(probe: ProbeOutput, path: str) -> str:
    """Where a link in /boot or / leads; other paths as they are."""
    entry = probe.directory_entries.get(path)
    if entry is None or entry.kind != "l" or not entry.target:
        return path
    if entry.target.startswith("/"):
        return entry.target
    return f"{path.rpartition('/')[0]}/{entry.target.removeprefix('./')}"


def _release(path: str) -> str:
    folder, dummy, name = path.rpartition("/")
    # /boot/vmlinuz-RELEASE; by kernel-install /boot/MACHINE/RELEASE/linux.
    return name.partition("-")[2] or folder.rpartition("/")[2]


# ---- what makes images -----------------------------------------------------------------------------------------------


def _builder(probe: ProbeOutput) -> Builder:
    def there(*paths: str) -> bool:
        return any(probe.entry(path) for path in paths)

    dracut = there("/usr/bin/dracut", "/usr/sbin/dracut", "/sbin/dracut")
    if there("/usr/bin/booster"):
        return Builder.BOOSTER
    if there("/usr/bin/mkinitcpio"):
        return Builder.MKINITCPIO
    if there("/usr/sbin/mkinitramfs"):
        # Debian's dracut takes the place of initramfs-tools, but leaves this program and even the hook that calls it. Only where
        # dracut's own hook is there do new kernels get their image from it.
        if dracut and there("/etc/kernel/postinst.d/dracut"):
            return Builder.DRACUT
        return Builder.INITRAMFS_TOOLS
    if dracut:  # before mkinitrd, whose name is dracut's second one on EL6 to 8 and SLES 12 and 15
        return Builder.DRACUT
    if there("/lib/mkinitrd/scripts"):
        return Builder.SUSE
    if there("/sbin/mkinitrd") and there("/sbin/nash"):
        return Builder.NASH
    return Builder.NONE


_ASSIGNMENT = re.compile(r"""\s*(?P<name>\w+)(?P<more>\+?)=(?P<quote>["']?)(?P<value>.*?)(?P=quote)\s*(?:#.*)?""")


def _configuration(probe: ProbeOutput, builder: Builder) -> Configuration:
    if builder is Builder.DRACUT:
        return _dracut(probe)
    if builder is Builder.INITRAMFS_TOOLS:
        return _initramfs_tools(probe)
    if builder is Builder.NASH:
        return Configuration(_aliases(probe), {}, "mkinitrd takes what /etc/modprobe.conf names")
    if builder is Builder.SUSE:
        return Configuration(_initrd_modules(probe), {}, "mkinitrd takes what /etc/sysconfig/kernel names")
    return Configuration({}, {}, None)


def _dracut(probe: ProbeOutput) -> Configuration:
    """dracut.conf(5): the main file first, then drop-ins by name, those of /etc in the place of the distribution's."""
    named: dict[str, str] = {}
    omitted: dict[str, str] = {}
    host_only: str | None = None
    paths = [file.path for folder in DRACUT_FOLDERS for file in probe.glob(f"{folder}/*.conf")]
    for path in ["/etc/dracut.conf", *in_order(paths, DRACUT_FOLDERS)]:
        for number, line in enumerate(probe.file(path).lines, 1):
            match = _ASSIGNMENT.fullmatch(line)
            if not match:
                continue
            owner, words = f"{path}:{number}", [module_name(word) for word in match["value"].split()]
            if match["name"] in ("add_drivers", "force_drivers", "drivers"):
                if not match["more"] and match["name"] == "add_drivers":
                    named = {}
                named.update(dict.fromkeys(words, owner))
            elif match["name"] == "omit_drivers":
                omitted.update(dict.fromkeys(words, owner))
            elif match["name"] == "hostonly":
                host_only = owner if match["value"] == "yes" else None
    return Configuration(named, omitted, host_only)


def _initramfs_tools(probe: ProbeOutput) -> Configuration:
    """initramfs.conf(5): drop-ins of conf.d win. MODULES=most, the default, takes all drivers of disks."""
    named: dict[str, str] = {}
    for path in [
        INITRAMFS_TOOLS_MODULES,
        *(file.path for file in probe.glob("/usr/share/initramfs-tools/modules.d/*")),
    ]:
        for number, line in enumerate(probe.file(path).lines, 1):
            words = line.split()
            if words and not words[0].startswith("#"):
                named[module_name(words[0])] = f"{path}:{number}"
    value, owner = "most", ""
    drop_ins = [
        file.path
        for folder in ("/usr/share/initramfs-tools/conf.d", "/etc/initramfs-tools/conf.d")
        for file in probe.glob(f"{folder}/*")
    ]
    for path in ["/etc/initramfs-tools/initramfs.conf", *drop_ins]:
        for number, line in enumerate(probe.file(path).lines, 1):
            match = _ASSIGNMENT.fullmatch(line)
            if match and match["name"] == "MODULES":
                value, owner = match["value"], f"{path}:{number}"
    return Configuration(named, {}, None if value == "most" else owner)


_ALIAS = re.compile(r"\s*alias\s+scsi_hostadapter\d*\s+(?P<module>\S+)")


def _aliases(probe: ProbeOutput) -> dict[str, str]:
    found = {}
    for number, line in enumerate(probe.file("/etc/modprobe.conf").lines, 1):
        match = _ALIAS.match(line)
        if match:
            found[module_name(match["module"])] = f"/etc/modprobe.conf:{number}"
    return found


def _initrd_modules(probe: ProbeOutput) -> dict[str, str]:
    found = {}
    for number, line in enumerate(probe.file("/etc/sysconfig/kernel").lines, 1):
        match = _ASSIGNMENT.fullmatch(line)
        if match and match["name"] == "INITRD_MODULES":
            found = {module_name(word): f"/etc/sysconfig/kernel:{number}" for word in match["value"].split()}
    return found
