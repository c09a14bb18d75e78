# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot: the boot loader in use and its entries, each with its kernel, images and arguments.

Several boot loaders' files may lie about on one guest. Which one is in use is told by what they are and by how the kernel was
started: GRUB 2 puts ``BOOT_IMAGE=<path>`` before the arguments, LILO ``BOOT_IMAGE=<label>``, GRUB legacy and EFI nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.grub_script import (
    Item,
    Script,
    Word,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import (
    OSTREE,
    TRANSACTIONAL,
    Platform,
    mount_options,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import READS as PLATFORM_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import File, ProbeOutput, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, Redaction, entries, files

#: Menus of GRUB legacy: Red Hat's name, then everybody else's. On UEFI (EL6) it is on the EFI system partition.
LEGACY_MENUS = ("/boot/grub/grub.conf", "/boot/grub/menu.lst")
_EFI_LEGACY = "/boot/efi/EFI/*/grub.conf"
#: Folders of GRUB 2: Debian's, everybody else's, and a vendor's on the EFI system partition.
GRUB2_FOLDERS = ("/boot/grub", "/boot/grub2")
_EFI_GRUB2 = "/boot/efi/EFI/*"
LOADER_ENTRIES = "/boot/loader/entries/*.conf"
#: Where the EFI system partition may be mounted.
_ESPS = ("/boot/efi", "/efi", "/boot")
#: Photon: files of variables that its grub.cfg loads.
PHOTON_ENVIRONMENTS = ("/boot/photon.cfg", "/boot/systemd.cfg", "/boot/user.cfg")
LILO = "/etc/lilo.conf"
#: What entries are made from: by grub-mkconfig, by kernel-install, by SUSE's tools.
DEFAULT_GRUB = "/etc/default/grub"
DEFAULT_GRUB_DROP_INS = "/etc/default/grub.d/*.cfg"
KERNEL_COMMAND_LINE = "/etc/kernel/cmdline"
SUSE_BOOTLOADER = "/etc/sysconfig/bootloader"

READS: tuple[Read, ...] = (
    *PLATFORM_READS,
    files("/proc/mounts", "/boot/grub/default"),
    files(
        *LEGACY_MENUS,
        _EFI_LEGACY,
        *(
            f"{folder}/{name}"
            for folder in (*GRUB2_FOLDERS, _EFI_GRUB2)
            for name in ("grub.cfg", "grubenv", "custom.cfg")
        ),
        LOADER_ENTRIES,
        *(f"{esp}/loader/entries/*.conf" for esp in _ESPS[:2]),
        *(f"{esp}/loader/loader.conf" for esp in _ESPS),
        *PHOTON_ENVIRONMENTS,
        LILO,
        DEFAULT_GRUB,
        DEFAULT_GRUB_DROP_INS,
        KERNEL_COMMAND_LINE,
        SUSE_BOOTLOADER,
        redact=Redaction.BOOTLOADER,
    ),
    entries(
        "/boot/*",
        "/boot/grub/*",
        "/boot/grub2/*",
        "/etc/grub2.cfg",
        "/etc/grub2-efi.cfg",
        "/sys/firmware/efi",
        *(f"{esp}/EFI/Linux/*.efi" for esp in _ESPS),
    ),
)


class Loader(str, Enum):
    """What starts the kernel, and where its arguments are kept."""

    GRUB_LEGACY = "GRUB legacy"
    GRUB2 = "GRUB 2"
    BLS = "GRUB 2 with boot loader specification entries"
    PHOTON = "Photon's GRUB 2"
    LILO = "LILO"
    SYSTEMD_BOOT = "systemd-boot"
    UKI = "a unified kernel image"
    OSTREE = "ostree"
    TRANSACTIONAL = "a transactional, read-only system"
    UNKNOWN = "an unknown boot loader"


@dataclass(frozen=True)
class BootEntry:
    """An entry of the boot menu.

    ``kernel`` and ``images`` are absolute paths as the running guest sees them (``/boot/vmlinuz-…``, wherever /boot is mounted
    from); microcode images, where they stand apart, are among ``images``. ``arguments`` are those that the kernel will get, with
    the loader's variables resolved, and ``origins`` says of each where it stands (``path:line``). ``source`` is ``path:line`` of
    the line that has the arguments. ``rescue`` marks one for repairs only. ``id`` is GRUB 2's name for it, empty elsewhere.
    """

    title: str
    kernel: str
    images: tuple[str, ...]
    arguments: tuple[str, ...]
    default: bool
    source: str
    rescue: bool = False
    origins: tuple[str, ...] = ()
    id: str = ""

    @property
    def release(self) -> str:
        """The kernel release that its name tells (``5.14.0-427.el9.x86_64``), empty where it tells none."""
        return self.kernel.rpartition("/")[2].partition("-")[2]


@dataclass(frozen=True)
class Boot:
    """The boot loader and its entries, in the order of the menu. ``problem`` says why that is not known (or not all of it).

    ``config`` is the file that the loader reads its menu from, empty where there is none. Entries that start no Linux
    kernel are left out.
    """

    loader: Loader
    entries: tuple[BootEntry, ...]
    problem: str | None = None
    config: str = ""

    @property
    def default(self) -> BootEntry | None:
        """The entry that boots by itself, None where that is not known."""
        return next((entry for entry in self.entries if entry.default), None)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Boot:
        """Read it from the probe's output."""
        return _Reader(probe).boot()


@dataclass(frozen=True)
class ConfiguredArgument:
    """An argument in a file that boot entries are made from, or that LILO's map is made from."""

    word: str
    origin: str


_QUOTED = re.compile(
    r"""^\s*(?:export\s+)?(?P<name>[A-Z_a-z0-9]+)=(?P<quote>["']?)(?P<value>.*?)(?P=quote)\s*(?:#.*)?$"""
)


def configured_arguments(probe: ProbeOutput) -> list[ConfiguredArgument]:
    """The arguments that entries to come will have, by what configures them: /etc/default/grub and its drop-ins, SUSE's
    /etc/sysconfig/bootloader, /etc/kernel/cmdline."""
    found: list[ConfiguredArgument] = []
    for path in [DEFAULT_GRUB, *(file.path for file in probe.glob(DEFAULT_GRUB_DROP_INS))]:
        for number, value in _shell_values(probe.file(path), "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"):
            found += _configured(f"{path}:{number}", value)
    for number, value in _shell_values(probe.file(SUSE_BOOTLOADER), "DEFAULT_APPEND"):
        found += _configured(f"{SUSE_BOOTLOADER}:{number}", value)
    for number, line in enumerate(probe.file(KERNEL_COMMAND_LINE).lines, 1):
        if not line.lstrip().startswith("#"):
            found += _configured(f"{KERNEL_COMMAND_LINE}:{number}", line)
    return found


def arguments_line(probe: ProbeOutput, drop_ins: bool) -> str | None:
    """``path:line`` of the line that gives all entries of GRUB 2's menu their arguments, the last ``GRUB_CMDLINE_LINUX="…"`` of
    /etc/default/grub, and of its ``drop_ins`` where this grub-mkconfig reads them. None where there is none, or its value is not
    in quotes that end the line: such a line cannot be added to without rewriting it."""
    paths = [DEFAULT_GRUB, *(file.path for file in probe.glob(DEFAULT_GRUB_DROP_INS) if drop_ins)]
    found = None
    for path in paths:
        for number, line in enumerate(probe.file(path).lines, 1):
            match = _QUOTED.match(line)
            if match and match["name"] == "GRUB_CMDLINE_LINUX":
                quote = match["quote"]
                found = f"{path}:{number}" if quote and line.rstrip().endswith(quote) else None
    return found


def configured_default(probe: ProbeOutput, drop_ins: bool) -> str:
    """GRUB_DEFAULT of /etc/default/grub and of its ``drop_ins`` where this grub-mkconfig reads them; without it ``0``, the first
    entry."""
    found = "0"
    for path in [DEFAULT_GRUB, *(file.path for file in probe.glob(DEFAULT_GRUB_DROP_INS) if drop_ins)]:
        for dummy, value in _shell_values(probe.file(path), "GRUB_DEFAULT"):
            found = value
    return found


def _shell_values(file: File, *names: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.lines, 1):
        match = _QUOTED.match(line)
        if match and match["name"] in names:
            yield number, match["value"]


def _configured(origin: str, text: str) -> list[ConfiguredArgument]:
    return [ConfiguredArgument(word, origin) for word in text.replace('"', " ").split()]


# ---- paths -----------------------------------------------------------------------------------------------------------

#: What stands before a path in a boot loader's file: a device, or the variable that holds it.
_DEVICE = re.compile(r"^\([^)]*\)")
_RESCUE = re.compile(r"rescue|failsafe|recovery mode|single[- ]user|emergency", re.IGNORECASE)
_RESCUE_ARGUMENTS = frozenset(
    ["single", "S", "1", "recovery", "emergency", "systemd.unit=rescue.target", "systemd.unit=emergency.target"]
)


def _numbers(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None


class _Reader:
    """Reads one guest's boot loader."""

    def __init__(self, probe: ProbeOutput) -> None:
        self.probe = probe
        self.platform = Platform.of(probe)
        self.mounts = mount_options(probe)
        self.boot_listed = {entry.path for entry in probe.entries("/boot/*")}
        self.efi = probe.entry("/sys/firmware/efi") is not None
        #: Files that are there, that the loader reads, and that the probe could not.
        self.unread: list[File] = []

    # ---- which ---------------------------------------------------------------------------------------------------

    def boot(self) -> Boot:
        found = self._ostree() if self.platform.immutable == OSTREE else self._classic()
        if self.unread and found.problem is None:
            found = replace(found, problem=_unreadable(self.unread[0]))
        if self.platform.immutable == TRANSACTIONAL:
            problem = (
                "it boots the snapshot that is the default by then, which may not be the running one and is not read"
            )
            return Boot(Loader.TRANSACTIONAL, found.entries, found.problem or problem, found.config)
        return found

    def _classic(self) -> Boot:
        """By how the running kernel was started; where that cannot be read, by the only menu that is there."""
        image = self.platform.argument("BOOT_IMAGE")
        lilo = self.probe.file(LILO)
        menu, legacy = self._grub2_menu(), self._legacy_menu()
        if image and "/" not in image and image in _labels(lilo):
            return self._lilo(lilo)
        if not self.platform.command_line:
            found = [file.path for file in (menu, legacy, lilo if lilo.exists else None) if file is not None]
            if len(found) > 1:
                problem = (
                    f"/proc/cmdline cannot be read, and nothing else tells which of {' and '.join(found)} is in use"
                )
                return Boot(Loader.UNKNOWN, (), problem)
        if image and menu is not None:
            return self._grub2(menu)
        unified = self._unified_images()
        if unified and (self.platform.command_line or menu is None):
            return self._unified(unified)
        if legacy is not None:
            return self._legacy(legacy)
        specified = self._specified_on_esp(beside_grub=menu is not None)
        if specified:
            return specified
        if menu is not None:
            return self._grub2(menu)
        if lilo.exists:
            return self._lilo(lilo)
        return Boot(
            Loader.UNKNOWN,
            (),
            "no boot loader's menu was found: neither GRUB's in /boot/grub, /boot/grub2 or /boot/efi/EFI, nor /etc/lilo.conf, "
            "nor entries of the boot loader specification",
        )

    # ---- paths ---------------------------------------------------------------------------------------------------

    def path(self, named: str) -> str:
        """A path of a boot loader as the guest sees it: relative to the partition that has /boot, or is it."""
        bare = _DEVICE.sub("", named)
        bare = "/" + bare.lstrip("/")
        # On btrfs the name of a subvolume may come first (/@/boot/…).
        candidates = [bare[bare.index("/boot/") :]] if "/boot/" in bare else [bare]
        below = "/boot" + bare
        candidates = [below, *candidates] if "/boot" in self.mounts else [*candidates, below]
        return next((path for path in candidates if path in self.boot_listed), candidates[0])

    def exists(self, named: str) -> bool | None:
        """Whether a file that a GRUB script asks for is there; None where that is not known."""
        if named.startswith("/"):
            known = self._known(named)
            if known:
                return True
        path = self.path(named)
        if self._known(path):
            return True
        folder = path.rpartition("/")[0]
        listed = self.boot_listed if folder == "/boot" else {e.path for e in self.probe.entries(f"{folder}/*")}
        return False if listed and folder in ("/boot", *GRUB2_FOLDERS) else None

    def _known(self, path: str) -> bool:
        return path in self.probe.directory_entries or (path in self.probe.files and self.probe.files[path].exists)

    def read(self, named: str) -> tuple[str, Sequence[str]] | None:
        """A file that a GRUB script reads, if the probe read it too."""
        for path in (named, self.path(named)):
            file = self.probe.files.get(path)
            if file:
                return path, file.lines
            if file is not None and file.exists:
                self.unread.append(file)
        return None

    # ---- GRUB legacy ---------------------------------------------------------------------------------------------

    def _legacy_menu(self) -> File | None:
        found = [file for file in (self.probe.file(path) for path in LEGACY_MENUS) if file.exists]
        on_esp = self.probe.glob(_EFI_LEGACY)
        if self.efi and on_esp:
            return on_esp[0]
        if len(found) == 2:
            # Red Hat has menu.lst as a link to grub.conf, others have no grub.conf.
            link = self.probe.entry(LEGACY_MENUS[1])
            if self.platform.distribution.family != "redhat" and not (link and link.kind == "l"):
                return found[1]
        return found[0] if found else None

    def _legacy(self, menu: File) -> Boot:
        refused = _unreadable(menu)
        if refused:
            return Boot(Loader.GRUB_LEGACY, (), refused, menu.path)
        default, stanzas = "0", list[list[tuple[int, str, str]]]()
        for number, line in enumerate(menu.lines, 1):
            word, value = _legacy_words(line)
            if word == "title":
                stanzas.append([(number, word, value)])
            elif stanzas:
                stanzas[-1].append((number, word, value))
            elif word == "default":
                default = value
        problem = None
        if default == "saved":
            # What `savedefault` and grub-set-default write: the number, then a warning not to edit the file.
            saved = self.probe.file("/boot/grub/default")
            default = saved.value or "0"
            self.unread += [saved] if saved.exists and not saved else []
        chosen = _numbers(default)
        if chosen is None or chosen >= len(stanzas):
            problem = f"the default entry of {menu.path} is '{default}', and there is none of that number"
        entries: list[BootEntry] = []
        for number, stanza in enumerate(stanzas):
            entry = self._legacy_entry(menu.path, stanza, number == chosen)
            if entry is not None:
                entries.append(entry)
            elif number == chosen:
                problem = f"the default entry of {menu.path}, '{stanza[0][2]}', starts no Linux kernel"
        if not stanzas:
            problem = f"{menu.path} has no entries"
        return Boot(Loader.GRUB_LEGACY, tuple(entries), problem, menu.path)

    def _legacy_entry(self, path: str, stanza: list[tuple[int, str, str]], default: bool) -> BootEntry | None:
        title = stanza[0][2]
        # Under Xen the hypervisor is the kernel, and Linux the first module.
        modules = [(number, value) for number, word, value in stanza if word == "module"]
        kernels = modules[:1] or [(number, value) for number, word, value in stanza if word == "kernel"]
        if not kernels:
            return None
        number, value = kernels[-1]
        words = [word for word in value.split() if not word.startswith("--")]
        images = [value for dummy, value in modules[1:]] or [value for dummy, word, value in stanza if word == "initrd"]
        return self.entry(
            title,
            words[0] if words else "",
            [word for value in images for word in value.split()],
            [Word(word, f"{path}:{number}") for word in words[1:]],
            default,
            f"{path}:{number}",
        )

    def entry(
        self,
        title: str,
        kernel: str,
        images: Iterable[str],
        arguments: Sequence[Word],
        default: bool,
        source: str,
        identity: str = "",
    ) -> BootEntry | None:
        """An entry, None where it is memtest's or another's that is no Linux."""
        name = kernel.rpartition("/")[2]
        if not name or name.startswith("memtest"):
            return None
        words = tuple(word.text for word in arguments)
        return BootEntry(
            title=title,
            kernel=self.path(kernel),
            images=tuple(self.path(image) for image in images),
            arguments=words,
            default=default,
            source=source,
            rescue=bool(_RESCUE.search(title) or "-0-rescue" in name or _RESCUE_ARGUMENTS & set(words)),
            origins=tuple(word.origin for word in arguments),
            id=identity,
        )

    # ---- GRUB 2 --------------------------------------------------------------------------------------------------

    def _grub2_menu(self) -> File | None:
        """The grub.cfg that GRUB reads. On UEFI it is the vendor's on the EFI system partition, unless that only hands over to
        the one in /boot (Debian, EL9), or there is none (SUSE)."""
        if self.efi:
            menus = [file for file in self.probe.glob(f"{_EFI_GRUB2}/grub.cfg") if not _hands_over(file)]
            link = self.probe.entry("/etc/grub2-efi.cfg")
            named = [file for file in menus if link and link.target and link.target.endswith(file.path)]
            if menus:
                return (named or menus)[0]
        # Debian has /boot/grub, the others /boot/grub2; on Photon one is a link to the other.
        folders = GRUB2_FOLDERS if self.platform.distribution.family == "debian" else GRUB2_FOLDERS[::-1]
        found = [self.probe.file(f"{folder}/grub.cfg") for folder in folders]
        return next((file for file in found if file.exists), None)

    def _grub2(self, menu: File) -> Boot:
        refused = _unreadable(menu)
        if refused:
            return Boot(Loader.GRUB2, (), refused, menu.path)
        folder = menu.path.rpartition("/")[0]
        script = Script(self.read, self.exists)
        given = {
            "prefix": folder,
            "config_directory": folder,
            "grub_platform": "efi" if self.efi else "pc",
            "feature_menuentry_id": "y",
            "feature_platform_search_hint": "y",
            "feature_default_font_path": "y",
            "feature_all_video_module": "y",
            "feature_timeout_style": "y",
        }
        script.variables = {name: Word(value, menu.path) for name, value in given.items()}
        script.run(menu.path, menu.lines)
        reader = _MenuReader(self, script, menu.path)
        reader.read(script.value("default"))
        loader = Loader.BLS if reader.bls else Loader.GRUB2
        if any("photon_linux" in line for line in menu.lines):
            loader = Loader.PHOTON
        return Boot(loader, tuple(reader.entries), reader.problem, menu.path)

    def specified(self, pattern: str) -> list[_Specified]:
        """The entries of the boot loader specification, in the order of the menu."""
        files = self.probe.glob(pattern)
        self.unread += [file for file in files if not file]
        found = [_Specified.of(file) for file in files]
        return sorted(found, key=lambda entry: _version_key(entry.id), reverse=True)

    def specified_entry(
        self, entry: _Specified, default: bool, script: Script | None = None, below: str = ""
    ) -> BootEntry | None:
        """One of them. GRUB expands variables in it (EL8's ``$kernelopts``, tuned's ``$tuned_params``). Paths are ``below`` the
        partition's mount point, where that is not /boot."""

        def words(number: int, text: str) -> list[Word]:
            if script:
                return script.words(entry.path, number, text)
            return [Word(word, f"{entry.path}:{number}") for word in text.split()]

        options = entry.values("options")
        arguments = [word for number, text in options for word in words(number, text)]
        if script and not options:
            fallback = script.variables.get("default_kernelopts")
            arguments = [Word(word, fallback.origin) for word in fallback.text.split()] if fallback else []
        images = [word.text for number, text in entry.values("initrd") for word in words(number, text)]
        source = f"{entry.path}:{options[-1][0]}" if options else entry.path
        kernel = entry.value("linux")
        found = self.entry(entry.value("title"), kernel, images, arguments, default, source, entry.id)
        if found is None or not below:
            return found
        return replace(found, kernel=below + kernel, images=tuple(below + image for image in images))

    # ---- the others ----------------------------------------------------------------------------------------------

    def _ostree(self) -> Boot:
        """ostree writes an entry per deployment; the one to boot has the highest ``version``."""
        found = [_Specified.of(file) for file in self.probe.glob(LOADER_ENTRIES)]
        found.sort(key=lambda entry: _numbers(entry.value("version")) or 0, reverse=True)
        entries = [self.specified_entry(entry, number == 0) for number, entry in enumerate(found)]
        kept = tuple(entry for entry in entries if entry is not None)
        problem = None if kept else "it is an ostree system, and no entry was found in /boot/loader/entries"
        return Boot(Loader.OSTREE, kept, problem, "/boot/loader/entries")

    def _specified_on_esp(self, beside_grub: bool) -> Boot | None:
        """Entries that a boot loader reads without a menu of its own: systemd-boot, or SUSE's GRUB built for them. Those in
        /boot may be GRUB's."""
        for esp in _ESPS[:2] if beside_grub else _ESPS:
            found = self.specified(f"{esp}/loader/entries/*.conf")
            if not found:
                continue
            settings = dict(
                line.split(None, 1) for line in self.probe.file(f"{esp}/loader/loader.conf").lines if " " in line
            )
            normal = [entry for entry in found if not _RESCUE.search(entry.value("title") + entry.id)]
            default = normal[0].id if len(normal) == 1 else settings.get("default", "").strip().removesuffix(".conf")
            entries = [self.specified_entry(entry, entry.id == default, below=esp) for entry in found]
            kept = tuple(entry for entry in entries if entry is not None)
            problem = None
            if not any(entry.default for entry in kept):
                problem = (
                    f"which of {len(found)} entries in {esp}/loader/entries boots by itself is kept in EFI variables, "
                    "which are not read"
                )
            return Boot(Loader.SYSTEMD_BOOT, kept, problem, f"{esp}/loader/entries")
        return None

    def _unified_images(self) -> list[str]:
        return [entry.path for esp in _ESPS for entry in self.probe.entries(f"{esp}/EFI/Linux/*.efi")]

    def _unified(self, images: Sequence[str]) -> Boot:
        problem = (
            f"its kernel is in a unified kernel image ({', '.join(images)}), which holds the arguments, and the firmware "
            "chooses it by EFI variables, which are not read"
        )
        entries = tuple(
            BootEntry(path.rpartition("/")[2].removesuffix(".efi"), path, (), (), False, path) for path in images
        )
        return Boot(Loader.UKI, entries, problem, images[0].rpartition("/")[0])

    def _lilo(self, file: File) -> Boot:
        refused = _unreadable(file)
        if refused:
            return Boot(Loader.LILO, (), refused, LILO)
        common: dict[str, tuple[int, str]] = {}
        sections: list[dict[str, tuple[int, str]]] = []
        for number, line in enumerate(file.lines, 1):
            name, value = _lilo_setting(line)
            if name in ("image", "other"):
                sections.append({})
            if name:
                (sections[-1] if sections else common)[name] = (number, value)
        default = common.get("default", (0, ""))[1]
        entries: list[BootEntry] = []
        for position, section in enumerate(sections):
            image = section.get("image")
            if image is None:
                continue
            merged = {**common, **section}
            label = section.get("label", (0, image[1].rpartition("/")[2]))[1]
            words = [Word(f"root={value}", f"{LILO}:{number}") for number, value in _of(merged, "root")]
            words += [Word("ro", f"{LILO}:{number}") for number, dummy in _of(merged, "read-only")]
            words += [
                Word(word, f"{LILO}:{number}")
                for name in ("append", "addappend")
                for number, value in _of(merged, name)
                for word in value.split()
            ]
            entry = self.entry(
                label,
                image[1],
                [],
                words,
                label == default if default else position == 0,
                f"{LILO}:{merged.get('append', image)[0]}",
                label,
            )
            if entry is not None:
                # LILO's paths are the running guest's own.
                images = tuple(value for dummy, value in _of(merged, "initrd"))
                entries.append(replace(entry, kernel=image[1], images=images))
        problem = f"{LILO} says what /sbin/lilo writes when it runs next; what it wrote last, and boots, is not read"
        return Boot(Loader.LILO, tuple(entries), problem, LILO)


class _MenuReader:
    """From the items of a GRUB 2 menu to entries, with submenus' in their place."""

    def __init__(self, reader: _Reader, script: Script, path: str) -> None:
        self.reader = reader
        self.script = script
        self.path = path
        self.entries: list[BootEntry] = []
        self.problem: str | None = None
        self.bls = False

    def read(self, default: str) -> None:
        self._menu(self.script, default, True)
        if not self.entries:
            self.problem = f"{self.path} has no entry that starts a Linux kernel"
        elif self.problem is None and not any(entry.default for entry in self.entries):
            self.problem = f"the default entry of {self.path}, '{default}', starts no Linux kernel"

    def _menu(self, script: Script, default: str, here: bool) -> None:
        """A menu, or a submenu. ``here``: the default entry is in it, by its number, id or title; of what is not found, the first
        (get_entry_number in grub-core/normal/menu.c)."""
        lines: list[Item | _Specified] = []
        for item in script.items:
            if item.bls:
                self.bls = True
                lines += self.reader.specified(LOADER_ENTRIES)
            else:
                lines.append(item)
        first, dummy, rest = re.sub(">>", "\0", default).partition(">")
        first = first.replace("\0", ">")
        chosen = _numbers(first.strip())
        if chosen is None:
            named = [number for number, line in enumerate(lines) if first and first in _names(line)]
            chosen = named[0] if named else 0
        chosen = chosen if chosen < len(lines) else 0
        for number, line in enumerate(lines):
            is_default = here and number == chosen
            if isinstance(line, _Specified):
                self._keep(self.reader.specified_entry(line, is_default, script))
                continue
            if line.doubtful and (is_default or number < chosen) and here:
                self.problem = (
                    f"whether '{line.title}' ({line.origin}) is in the menu depends on what GRUB finds when it starts, and with it "
                    "which entry boots by itself"
                )
                is_default = False
            if line.submenu:
                self._menu(script.opened(line), rest, is_default)
                continue
            loaded = script.loaded(line)
            if loaded.linux:
                kernel, *arguments = loaded.linux
                images = [word.text for word in loaded.initrd]
                source = (
                    kernel.origin if kernel.origin.startswith(f"{self.path}:") else _first_here(loaded.linux, self.path)
                )
                self._keep(
                    self.reader.entry(
                        line.title, kernel.text, images, arguments, is_default, source or line.origin, line.id
                    )
                )

    def _keep(self, entry: BootEntry | None) -> None:
        if entry is not None:
            self.entries.append(entry)


def _first_here(words: Iterable[Word], path: str) -> str | None:
    return next((word.origin for word in words if word.origin.startswith(f"{path}:")), None)


def _names(line: Item | _Specified) -> tuple[str, ...]:
    """What GRUB knows a line of the menu by."""
    if isinstance(line, _Specified):
        return line.id, f"{line.id}.conf", line.value("title")
    return tuple(name for name in (line.id, line.title) if name)


@dataclass(frozen=True)
class _Specified:
    """An entry of the boot loader specification (uapi-group.org, "Type #1"): a file of lines ``key value``."""

    path: str
    lines: tuple[tuple[int, str, str], ...]

    @classmethod
    def of(cls, file: File) -> _Specified:
        lines = []
        for number, line in enumerate(file.lines, 1):
            words = line.strip().split(None, 1)
            if words and not words[0].startswith("#"):
                lines.append((number, words[0], words[1] if len(words) > 1 else ""))
        return cls(file.path, tuple(lines))

    @property
    def id(self) -> str:
        """The file's name without its suffix: what grubenv's saved_entry holds."""
        return self.path.rpartition("/")[2].removesuffix(".conf")

    def values(self, key: str) -> list[tuple[int, str]]:
        """The lines of a key that may stand several times."""
        return [(number, value) for number, name, value in self.lines if name == key]

    def value(self, key: str) -> str:
        """The last value of a key, empty where there is none."""
        return next((value for dummy, name, value in reversed(self.lines) if name == key), "")


def _version_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as rpm compares versions, by which GRUB orders entries (Red Hat's blscfg.c): pieces of digits count as numbers and
    are newer than pieces of letters, a tilde is older than the end."""
    key: list[tuple[int, int, str]] = []
    for piece in re.findall(r"\d+|[A-Za-z]+|~", name):
        if piece == "~":
            key.append((-1, 0, ""))
        elif piece.isdecimal():
            key.append((2, int(piece), ""))
        else:
            key.append((1, 0, piece))
    return (*key, (0, 0, ""))


def _hands_over(file: File) -> bool:
    """True for a grub.cfg on the EFI system partition that only finds the one in /boot and goes on there."""
    text = file.text
    return "configfile" in text and "menuentry" not in text and "blscfg" not in text


def _unreadable(file: File) -> str | None:
    """Why a file that is there was not read."""
    if file.state is State.TOO_LARGE:
        return f"{file.path} is over 256 KiB, and was not read"
    if file.state is State.DENIED:
        return f"{file.path} may not be read; become root"
    return None if file else f"{file.path} could not be read ({file.state.value})"


def _legacy_words(line: str) -> tuple[str, str]:
    """A line of GRUB legacy: a command and the rest, with a blank or ``=`` between them. A comment is no command."""
    match = re.match(r"\s*(\w+)(?:\s*=\s*|\s+)?(.*?)\s*$", line)
    return (match[1], match[2]) if match else ("", "")


def _lilo_setting(line: str) -> tuple[str, str]:
    """A line of lilo.conf: ``name=value``, ``name="a value"`` or ``name``; nothing for a comment."""
    match = re.match(r"""\s*([\w-]+)\s*(?:=\s*(?:"([^"]*)"|(\S+)).*)?""", line)
    return (match[1], match[2] or match[3] or "") if match else ("", "")


def _of(settings: dict[str, tuple[int, str]], name: str) -> list[tuple[int, str]]:
    return [settings[name]] if name in settings else []


def _labels(file: File) -> list[str]:
    return [value for name, value in map(_lilo_setting, file.lines) if name == "label"]
