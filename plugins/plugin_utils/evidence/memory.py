# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory and swap: what the kernel uses now, what the next boot brings, and where a swap file could go.

The two sides of swap have their own sources and are never inferred from one another: ``/proc/swaps`` for now,
``/etc/fstab`` and systemd's swap units for the next boot. Only the *size* of an area that the configuration names is
looked up where it can be found. zram never counts: it compresses memory into the same memory, so it gives nothing to
the balloon.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import (
    File,
    ProbeOutput,
    State,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Read,
    Redaction,
    entries,
    files,
)

#: Made at every boot by systemd-gpt-auto-generator(8), for swap partitions that the partition table alone names.
_GPT_AUTO_UNITS = "/run/systemd/generator.late/*.swap"
_UNITS = "/etc/systemd/system/*.swap"
#: Where swap files usually are, to know the size of one that is off.
_SWAP_FILES = ("/swap*", "/swap/*", "/var/swap*", "/var/lib/swap*")
#: How many huge pages there are of each size that the kernel has (since 2.6.27; before, there was one size).
_HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-*kB/nr_hugepages"

#: What Tools answer when asked how much memory there is.
_MEGABYTES = re.compile(r"\s*(\d+)\s*MB")

READS: tuple[Read, ...] = (
    files("/proc/meminfo", "/proc/swaps", "/proc/partitions", "/proc/mounts", _UNITS, _GPT_AUTO_UNITS, _HUGE_PAGES),
    files("/etc/fstab", redact=Redaction.FSTAB),
    # Names of devices, to tell that UUID=… of fstab is /dev/dm-1 of /proc/swaps.
    entries("/dev/disk/by-*/*", "/dev/mapper/*"),
    entries(*_SWAP_FILES),
    # Which swap units are enabled, which are masked.
    entries(_UNITS, "/etc/systemd/system/swap.target", "/etc/systemd/system/*.wants/*.swap"),
    entries("/etc/systemd/system/*.requires/*.swap"),
    Command("memory_reservation", ("vmware-toolbox-cmd", "stat", "memres"), single=True),
    # Of these mounts, not of all: a dead NFS server would hold up each probe.
    Command("free_space", ("df", "-Pk", "/", "/var", "/boot"), single=True),
)


_AMOUNT = re.compile(r"([\w()]+):\s+(\d+)(?: kB)?$")
_OCTAL = re.compile(r"\\([0-7]{3})")
_PAGE_SIZE = re.compile(r"/hugepages-(\d+)kB/")
_ZRAM = re.compile(r"/dev/zram\d+")
_VOLUME = re.compile(r"/dev/([^/]+)/([^/]+)")
_DF_ROW = re.compile(r".+?\s+\d+\s+\d+\s+(-?\d+)\s+(?:\d+%|-)\s+(/.*)")


@dataclass(frozen=True)
class Swap:
    """A swap area in use, by its line of /proc/swaps. ``removed``: its file was deleted since."""

    path: str
    kind: str
    size_kib: int
    used_kib: int
    removed: bool = False

    @property
    def is_file(self) -> bool:
        """True for a swap file, False for a partition or volume."""
        return self.kind == "file"


@dataclass(frozen=True)
class SwapAtBoot:
    """A swap area that the configuration turns on at the next boot.

    ``spec`` is as written (``UUID=…``), ``path`` the device or file behind it, ``owner`` the line or unit that says so.
    ``size_kib`` is 0 where no such device or file is there, None where its size cannot be known. ``masked_by`` names
    the masked unit that keeps systemd from turning it on, None where nothing does.
    """

    spec: str
    path: str
    size_kib: int | None
    owner: str
    masked_by: str | None = None


@dataclass(frozen=True)
class FileSystem:
    """A mounted file system. ``free_kib`` is what df calls available, None where it was not asked for this one."""

    device: str
    mount_point: str
    type: str
    options: tuple[str, ...]
    free_kib: int | None = None


@dataclass(frozen=True)
class Memory:
    """Memory and swap of a guest.

    ``total_kib`` is MemTotal, ``reservation_mib`` the memory that the host guarantees to this guest. ``swaps`` and
    ``swaps_at_boot`` leave zram out. Each of these is None where it could not be read. ``all_swap_masked``: systemd turns
    no swap on at boot, whatever fstab says. ``device_names``: links under /dev/disk and /dev/mapper, to their devices.
    """

    total_kib: int | None
    reservation_mib: int | None
    swaps: tuple[Swap, ...] | None
    swaps_at_boot: tuple[SwapAtBoot, ...] | None
    zram_kib: int
    all_swap_masked: bool
    file_systems: tuple[FileSystem, ...]
    device_names: dict[str, str]

    READS = READS

    @classmethod
    def of(cls, probe: ProbeOutput) -> Memory:
        """Read from the probe's output."""
        names = _device_names(probe)
        listed = _swaps(probe.file("/proc/swaps"))
        swaps = None if listed is None else tuple(swap for swap in listed if not _is_zram(swap.path))
        return cls(
            total_kib=meminfo(probe).get("MemTotal"),
            reservation_mib=_reservation_mib(probe),
            swaps=swaps,
            swaps_at_boot=_swaps_at_boot(probe, names, swaps or ()),
            zram_kib=sum(swap.size_kib for swap in listed or () if _is_zram(swap.path)),
            all_swap_masked="swap.target" in _masked_units(probe),
            file_systems=_file_systems(probe),
            device_names=names,
        )

    @property
    def swap_kib(self) -> int:
        """Swap in use by the kernel now, zram left out."""
        return sum(swap.size_kib for swap in self.swaps or ())

    @property
    def swap_at_boot_kib(self) -> int:
        """Swap that the next boot brings for certain: masked areas and those of unknown size count nothing."""
        return sum(swap.size_kib or 0 for swap in self.swaps_at_boot or () if swap.masked_by is None)

    def file_system_of(self, path: str) -> FileSystem | None:
        """The file system that holds (or would hold) ``path``; of mounts one over another the last, the visible one."""
        best: FileSystem | None = None
        for found in self.file_systems:
            inside = found.mount_point == "/" or f"{path}/".startswith(found.mount_point + "/")
            if inside and (best is None or len(found.mount_point) >= len(best.mount_point)):
                best = found
        return best

    def device(self, path: str) -> str:
        """The device or file itself, where ``path`` may be a link to it."""
        return self.device_names.get(path, path)

    def stable_name(self, path: str) -> str | None:
        """A name for a device that holds at the next boot too, unlike /dev/sdb: its UUID, its volume, or None."""
        if path.startswith("/dev/mapper/"):
            return path
        for folder, prefix in (("/dev/disk/by-uuid/", "UUID="), ("/dev/mapper/", "/dev/mapper/")):
            for name, device in sorted(self.device_names.items()):
                if device == path and name.startswith(folder):
                    return prefix + posixpath.basename(name)
        return None


def meminfo(probe: ProbeOutput) -> dict[str, int]:
    """/proc/meminfo by name: KiB, or a number of pages where it gives no unit (HugePages_Total). Empty where unreadable."""
    found = (_AMOUNT.match(line.rstrip()) for line in probe.file("/proc/meminfo").lines)
    return {amount[1]: int(amount[2]) for amount in found if amount}


def huge_pages_kib(probe: ProbeOutput) -> int:
    """Memory that hugetlb pages of all sizes hold, in use or not; HugePages_Total counts those of the default size alone.

    ``Hugetlb`` of /proc/meminfo is the sum (since 4.16, "mm: show total hugetlb memory consumption in /proc/meminfo"). Older
    kernels tell each size in sysfs. What CommitLimit leaves over would be rounded, needs a ratio, which may be 0, and before 3.9
    does not tell: there hugetlb_total_pages(), which it takes off, counts the default size alone.
    """
    amounts = meminfo(probe)
    if "Hugetlb" in amounts:
        return amounts["Hugetlb"]
    by_size = (
        int(size[1]) * int(file.value)
        for file in probe.glob(_HUGE_PAGES)
        if file.value.isdigit() and (size := _PAGE_SIZE.search(file.path))
    )
    return sum(by_size) or amounts.get("HugePages_Total", 0) * amounts.get("Hugepagesize", 0)


def _reservation_mib(probe: ProbeOutput) -> int | None:
    """``vmware-toolbox-cmd stat memres`` prints ``1024 MB``; it fails where the host does not tell."""
    output = probe.command("memory_reservation")
    found = _MEGABYTES.match("\n".join(output.lines)) if output else None
    return int(found[1]) if found else None


def _unescaped(name: str) -> str:
    """A name as the kernel and fstab write it: blank, tab, newline and backslash as octal escapes."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), name)


def _is_zram(path: str) -> bool:
    return _ZRAM.fullmatch(path) is not None


def _swaps(listing: File) -> tuple[Swap, ...] | None:
    if not listing:
        # A kernel without swap support has no /proc/swaps: it uses none. What may not be read is not known.
        return () if listing.state is State.MISSING else None
    found = []
    for line in listing.lines[1:]:
        fields = line.split()
        if len(fields) < 4 or not (fields[2].isdigit() and fields[3].isdigit()):
            continue
        name = _unescaped(fields[0])
        path = name.removesuffix(" (deleted)")
        found.append(Swap(path, fields[1], int(fields[2]), int(fields[3]), removed=path != name))
    return tuple(found)


def _device_names(probe: ProbeOutput) -> dict[str, str]:
    """Every link under /dev/disk and /dev/mapper, to the device that it names."""
    return {
        entry.path: posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target))
        for pattern in ("/dev/disk/by-*/*", "/dev/mapper/*")
        for entry in probe.entries(pattern)
        if entry.target
    }


_TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}


def _udev_escaped(value: str) -> str:
    """As udev writes a label in a link's name: all but letters, digits and ``#+-.:=@_`` as ``\\x2f``."""
    return re.sub(r"[^A-Za-z0-9_#+.:=@-]", lambda found: "".join(f"\\x{b:02x}" for b in found[0].encode()), value)


def _device(spec: str, names: dict[str, str]) -> str:
    """The path behind a spec of fstab; the spec itself where no name leads on."""
    tag, equals, value = spec.partition("=")
    if equals and tag in _TAGS:
        link = f"/dev/disk/{_TAGS[tag]}/{_udev_escaped(value.strip(chr(34)))}"
        return names.get(link, spec)
    volume = _VOLUME.fullmatch(spec)
    if volume and volume[1] not in ("mapper", "disk", "block"):
        # LVM: /dev/group/volume is /dev/mapper/group-volume, hyphens of either doubled.
        mapped = f"/dev/mapper/{volume[1].replace('-', '--')}-{volume[2].replace('-', '--')}"
        return names.get(mapped, mapped)
    return names.get(spec, spec)


def _unit_name(path: str) -> str:
    """The name of the unit for a path, as ``systemd-escape --path --suffix=swap`` makes it."""
    out = []
    for position, char in enumerate(path.strip("/")):
        if char == "/":
            out.append("-")
        elif (char.isascii() and char.isalnum()) or char in ":_" or (char == "." and position):
            out.append(char)
        else:
            out.append("".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape")))
    return "".join(out) + ".swap"


def _swaps_at_boot(
    probe: ProbeOutput, names: dict[str, str], active: tuple[Swap, ...]
) -> tuple[SwapAtBoot, ...] | None:
    fstab = probe.file("/etc/fstab")
    if not fstab and fstab.exists:
        return None
    in_use = {names.get(swap.path, swap.path): swap.size_kib for swap in active if not swap.removed}
    masked = _masked_units(probe)
    found: dict[str, SwapAtBoot] = {}
    for spec, owner in (*_fstab(fstab), *_units(probe)):
        path = _device(spec, names)
        if _is_zram(path) or path in found:
            continue
        tag, equals, value = spec.partition("=")
        unit = _unit_name(f"/dev/disk/{_TAGS[tag]}/{value}" if equals and tag in _TAGS else spec)
        masked_by = next((name for name in ("swap.target", unit) if name in masked), None)
        size = in_use[path] if path in in_use else _size_when_off(path, probe, names)
        found[path] = SwapAtBoot(spec, path, size, owner, masked_by)
    return tuple(found.values())


def _fstab(fstab: File) -> list[tuple[str, str]]:
    """(spec, owner) of each line of fstab that turns swap on at boot."""
    found = []
    for number, line in enumerate(fstab.lines, 1):
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or fields[2] != "swap":
            continue
        if "noauto" not in (fields[3].split(",") if len(fields) > 3 else ()):
            found.append((_unescaped(fields[0]), f"{fstab.path}:{number}"))
    return found


def _units(probe: ProbeOutput) -> list[tuple[str, str]]:
    """(spec, owner) of each enabled swap unit, and of those that systemd made of the partition table."""
    enabled = {
        posixpath.basename(entry.path)
        for kind in ("wants", "requires")
        for entry in probe.entries(f"/etc/systemd/system/*.{kind}/*.swap")
    }
    units = [unit for unit in probe.glob(_UNITS) if posixpath.basename(unit.path) in enabled]
    found = []
    for unit in (*units, *probe.glob(_GPT_AUTO_UNITS)):
        what = next((line.partition("=")[2].strip() for line in unit.lines if line.startswith("What=")), "")
        if what:
            found.append((what, unit.path))
    return found


def _masked_units(probe: ProbeOutput) -> set[str]:
    return {
        posixpath.basename(entry.path)
        for pattern in (_UNITS, "/etc/systemd/system/swap.target")
        for entry in probe.entries(pattern)
        if entry.target == "/dev/null"
    }


def _size_when_off(path: str, probe: ProbeOutput, names: dict[str, str]) -> int | None:
    """KiB of a device or file that is not in use, 0 where it is certain that there is none, else None."""
    if not path.startswith("/"):
        # UUID=…, which no name leads to. Where udev names any device by UUID, it would name this one.
        tag = _TAGS.get(path.partition("=")[0])
        return 0 if tag and any(name.startswith(f"/dev/disk/{tag}/") for name in names) else None
    if path.startswith("/dev/"):
        devices = dict(_partitions(probe.file("/proc/partitions")))
        if path in devices:
            return devices[path]
        linked = not path.startswith("/dev/mapper/") or any(name.startswith("/dev/mapper/") for name in names)
        return 0 if devices and linked else None
    if any(glob_match(pattern, path) for pattern in _SWAP_FILES):
        entry = probe.entry(path)
        return entry.size // 1024 if entry else 0
    return None


def _partitions(listing: File) -> list[tuple[str, int]]:
    """(device, KiB) of every block device that the kernel knows."""
    rows = (line.split() for line in listing.lines)
    return [("/dev/" + row[3], int(row[2])) for row in rows if len(row) == 4 and row[2].isdigit()]


def _file_systems(probe: ProbeOutput) -> tuple[FileSystem, ...]:
    # df exits 1 where one of its arguments is not there, and still prints the others.
    free = {}
    for line in probe.command("free_space").lines:
        row = _DF_ROW.match(line)
        if row:
            free[row[2]] = max(int(row[1]), 0)
    found = []
    for line in probe.file("/proc/mounts").lines:
        fields = line.split()
        if len(fields) >= 4:
            point = _unescaped(fields[1])
            found.append(
                FileSystem(_unescaped(fields[0]), point, fields[2], tuple(fields[3].split(",")), free.get(point))
            )
    return tuple(found)
