# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners: who sets a kernel argument, a udev attribute or a module option, and who would win at the next boot.

Every function answers with the assignments in the order in which they take effect, the last one winning. A remedy goes
where it wins, or the finding names the owner in the way.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, configured_arguments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, ProbeOutput, once
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Lines,
    Read,
    entries,
    files,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import Services

#: systemd's version, in the name of the library that all its programs share.
_LIBRARY_VERSION = re.compile(r"-shared-(\d+)")

#: Folders of drop-ins, strongest first: a file hides those of the same name in the folders after its own
#: (sysctl.d(5), modprobe.d(5), udev(7)).
SYSCTL_FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
MODPROBE_FOLDERS = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
UDEV_FOLDERS = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)

#: What tuned takes for yes (profiles/unit.py), in small letters.
_TRUE = ("true", "1")
#: A comment after a value: tuned's parser ends a line there.
_INLINE_COMMENT = re.compile(r"(^|\s)#.*")
#: What the names of our own profiles of tuned begin with.
OUR_PROFILES = "vmguest-"

#: Attributes that some recommendation sets by udev: the probe selects the rules that name one of them, and lines that go on.
UDEV_PATTERN = r"queue/\|[/{]timeout\|queue_depth\|{online}=\|{state}=\|\\$"
#: The library that systemd's own programs share, which has its version in its name since 231.
UDEV_LIBRARIES = tuple(
    f"{folder}/libsystemd-shared-*.so"
    for folder in ("/usr/lib/systemd", "/usr/lib64/systemd", "/lib/systemd", "/usr/lib/*/systemd")
)

READS: tuple[Read, ...] = (
    *BOOT_READS,
    *SERVICE_READS,
    files(
        "/etc/sysctl.conf",
        *(f"{folder}/*.conf" for folder in SYSCTL_FOLDERS),
        "/etc/modprobe.conf",
        *(f"{folder}/*.conf" for folder in MODPROBE_FOLDERS),
        # EL5 and SLES 11 have names without a suffix there too.
        "/etc/modprobe.d/*",
        "/etc/tuned/active_profile",
        "/etc/tuned/profile_mode",
        "/run/tuned/tuned.pid",
        "/var/run/tuned/tuned.pid",
        "/etc/tune-profiles/active-profile",
    ),
    Lines(
        "udev_rules",
        UDEV_PATTERN,
        tuple(f"{folder}/*.rules" for folder in UDEV_FOLDERS),
        alone=True,  # it takes every line that goes on in the next one
    ),
    entries(*(f"{folder}/*.rules" for folder in UDEV_FOLDERS)),
    entries(*UDEV_LIBRARIES),
    files("/proc/sys/kernel/osrelease"),
    Lines(
        "tuned_profiles",
        r"^\[\|^ *include *=\|^ *elevator *=\|^ *cmdline\|^ *vm\.\|^ *net\.\|^ *kernel\.\|^ *dirty_"
        r"\|^ *transparent_hugepages\{0,1\} *="
        # What decides where and whether a section is in force.
        r"\|^ *type *=\|^ *enabled *=\|^ *uname_regex *=\|^ *cpuinfo_regex *=\|^ *replace *=",
        (
            "/etc/tuned/*/tuned.conf",
            "/etc/tuned/profiles/*/tuned.conf",
            "/usr/lib/tuned/*/tuned.conf",
            "/usr/lib/tuned/profiles/*/tuned.conf",
        ),
    ),
)


@dataclass(frozen=True)
class Assignment:
    """One place that sets a value. ``owner`` names it for a person: ``/etc/sysctl.d/90-x.conf:3``, ``tuned profile x``.

    ``certain`` is False where it depends on something that the evidence does not show.
    """

    owner: str
    value: str
    certain: bool = True


def winner(assignments: Sequence[Assignment]) -> Assignment | None:
    """The assignment that holds in the end, None where nobody sets the value."""
    return assignments[-1] if assignments else None


def in_order(paths: Iterable[str], folders: Sequence[str]) -> list[str]:
    """Drop-ins in the order in which they are read: by file name; of one name only the strongest folder's.

    A path in a folder that is not listed is left out.
    """
    strongest: dict[str, tuple[int, str]] = {}
    for path in paths:
        folder, dummy, name = path.rpartition("/")
        if folder in folders:
            rank = folders.index(folder)
            if name not in strongest or rank < strongest[name][0]:
                strongest[name] = (rank, path)
    return [strongest[name][1] for name in sorted(strongest)]


# --- tuned ------------------------------------------------------------------------------------------------------------


def tuned_profile(probe: ProbeOutput) -> str | None:
    """tuned's active profile, or profiles, a blank apart; None where tuned has none.

    Profiles of our own count only where somebody's choice holds: in the mode ``auto`` tuned takes what it recommends itself.
    """
    for path in ("/etc/tuned/active_profile", "/etc/tune-profiles/active-profile"):
        value = probe.file(path).value
        if value and value not in ("off", "none"):
            automatic = probe.file("/etc/tuned/profile_mode").value == "auto"
            return (" ".join(foreign_profiles(value)) or None) if automatic else value
    return None


def foreign_profiles(active: str) -> list[str]:
    """The names in ``active`` that are no profile of our own."""
    return [name for name in active.split() if not name.startswith(OUR_PROFILES)]


@dataclass(frozen=True)
class TunedSetting:
    """A line of a profile: ``[section] key = value``, in the file ``path``."""

    path: str
    section: str
    key: str
    value: str


def tuned_settings(probe: ProbeOutput) -> list[TunedSetting]:
    """The lines of tuned's active profile and of all that it includes, parents first: of one key in one section the last holds
    (tuned, profiles/merger.py)."""
    found: list[TunedSetting] = []
    for name in (tuned_profile(probe) or "").split():
        found += _with_parents(probe, name, ())
    return found


def tuned_starts(probe: ProbeOutput) -> bool | None:
    """Whether the next boot starts tuned. None where that is not known: systemd did not answer, or somebody started by hand what
    no boot starts, and may again."""
    services = Services.of(probe)
    if services.units is None:
        return None
    unit = services.unit("tuned")
    if unit is None or unit.enabled:
        return unit is not None
    return None if unit.running else False


def tuned_assignments(probe: ProbeOutput, plugin: str, key: str) -> list[Assignment]:
    """What tuned's active profile sets at the next boot, from its parents down: ``key = value`` of a unit of ``plugin``."""
    starts = tuned_starts(probe)
    if starts is False:
        return []
    active = tuned_profile(probe)
    units: dict[str, list[TunedSetting]] = {}
    for entry in tuned_settings(probe):
        units.setdefault(entry.section, []).append(entry)
    found: list[Assignment] = []
    for name, unit in units.items():
        if next((entry.value for entry in reversed(unit) if entry.key == "type"), name) == plugin:
            in_force, certain = _in_force(unit)
            found += [
                Assignment(f"tuned profile {active} ({entry.path})", entry.value, certain and starts is True)
                for entry in in_force
                if entry.key == key
            ]
    return found


def _in_force(unit: list[TunedSetting]) -> tuple[list[TunedSetting], bool]:
    """The lines of a unit, parents first, that are left after its ``replace`` and ``enabled``, and whether that is certain.

    ``replace`` drops what the parents have in the unit of that name. Versions differ in what another value than true means, and in
    whether a child turns on again what its parent turned off (profiles/merger.py).
    """
    certain = not any(entry.key in ("uname_regex", "cpuinfo_regex") for entry in unit)
    for entry in [entry for entry in unit if entry.key == "replace"]:
        if entry.value.lower() in _TRUE and entry in unit:
            first = next(index for index, other in enumerate(unit) if other.path == entry.path)
            unit = unit[first:]
        else:
            certain = False
    switch = next((entry for entry in reversed(unit) if entry.key == "enabled"), None)
    if switch is None or switch.value.lower() in _TRUE:
        return unit, certain
    return ([] if certain and switch.path == unit[-1].path and "$" not in switch.value else unit), False


def tuned_family(probe: ProbeOutput) -> frozenset[str]:
    """The names of tuned's active profile and of all that it includes."""
    found: set[str] = set()
    waiting = (tuned_profile(probe) or "").split()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _parents(_tuned_settings(probe, name))
    return frozenset(found)


def _with_parents(probe: ProbeOutput, name: str, seen: tuple[str, ...]) -> list[TunedSetting]:
    if name in seen:
        return []
    own = _tuned_settings(probe, name)
    inherited: list[TunedSetting] = []
    for parent in _parents(own):
        inherited += _with_parents(probe, parent, (*seen, name))
    return inherited + own


def _tuned_settings(probe: ProbeOutput, name: str) -> list[TunedSetting]:
    """The lines of one profile, from the strongest folder that has it."""
    lines: Sequence[Line] = ()
    for folder in ("/etc/tuned", "/etc/tuned/profiles", "/usr/lib/tuned", "/usr/lib/tuned/profiles"):
        lines = [line for line in probe.lines("tuned_profiles") if line.path == f"{folder}/{name}/tuned.conf"]
        if lines:
            break
    found = []
    section = ""
    for line in lines:
        text = _INLINE_COMMENT.sub("", line.text).strip()
        if text.startswith("["):
            section = text.strip("[]").strip()
            continue
        word, dummy, value = (part.strip() for part in text.partition("="))
        found.append(TunedSetting(line.path, section, word, value))
    return found


def _parents(settings: Sequence[TunedSetting]) -> list[str]:
    return [
        parent
        for entry in settings
        if entry.section == "main" and entry.key == "include"
        for parent in re.split(r"[,;\s]+", entry.value)
    ]


# --- kernel arguments -------------------------------------------------------------------------------------------------


def kernel_argument_assignments(probe: ProbeOutput, name: str) -> list[Assignment]:
    """Where the kernel argument ``name`` stands for the next boot, with its value ("" for a bare word).

    Of the entry that boots by itself. Where that is not known: of what entries are made from, then of all entries.
    """
    known = getattr(probe, "boot", None)  # Evidence keeps it
    boot = known if isinstance(known, Boot) else Boot.of(probe)
    if boot.default is not None:
        words = list(zip(boot.default.origins, boot.default.arguments, strict=True))
    else:
        words = [(argument.origin, argument.word) for argument in configured_arguments(probe)]
        words += [pair for entry in boot.entries for pair in zip(entry.origins, entry.arguments, strict=True)]
    found = []
    for origin, word in words:
        key, dummy, value = word.partition("=")
        if key.replace("-", "_") == name.replace("-", "_"):
            found.append(Assignment(origin, value))
    return found


# --- module options ---------------------------------------------------------------------------------------------------


def modprobe_files(probe: ProbeOutput) -> list[str]:
    """modprobe's configuration files in the order in which it reads them."""
    paths = [file.path for folder in MODPROBE_FOLDERS for file in probe.glob(f"{folder}/*.conf")]
    old = [file.path for file in probe.glob("/etc/modprobe.d/*") if file and not file.path.endswith(".conf")]
    # Without a suffix only module-init-tools reads them (EL5, SLES 11), which has no kmod's .conf rule.
    legacy = [path for path in old if "." not in path.rpartition("/")[2]] if not paths else []
    return [
        *in_order(paths, MODPROBE_FOLDERS),
        *sorted(legacy),
        *(["/etc/modprobe.conf"] if probe.file("/etc/modprobe.conf") else []),
    ]


def modprobe_assignments(probe: ProbeOutput, module: str, option: str) -> list[Assignment]:
    """Which ``options`` lines of modprobe.d(5) set an option of a kernel module."""
    found: list[Assignment] = []
    for path in modprobe_files(probe):
        for number, line in enumerate(probe.file(path).lines, 1):
            words = line.split()
            if len(words) > 2 and words[0] == "options" and words[1].replace("-", "_") == module.replace("-", "_"):
                found += [
                    Assignment(f"{path}:{number}", word.partition("=")[2])
                    for word in words[2:]
                    if word.partition("=")[0] == option
                ]
    return found


# --- udev attributes --------------------------------------------------------------------------------------------------

#: A device as rules see it: match key (``KERNEL``, ``ATTR{queue/rotational}``) to its values; a missing key is not known.
Device = dict[str, tuple[str, ...]]


class Udev(Enum):
    """What a guest's udev understands.

    Renamed keys and assignments to attributes came with 098, RUN with 055 (udev's ChangeLog). The old keys are gone from
    systemd's. Since 243, systemd refuses what looks like a substitution and is none: the ``$DEVPATH`` of open-vm-tools 10.2 to
    11.0.1 (issues 371 and 396 there), which older ones left to the shell.
    """

    NO_RUN = "before 055"
    OLD_KEYS = "055 to 097"
    BOTH_KEYS = "098 to 182"
    LENIENT = "of systemd before 243"
    STRICT = "of systemd 243 or later"
    UNKNOWN = "of an unknown version"

    @property
    def has_new_keys(self) -> bool:
        """True where rules know :data:`_NEW_KEYS`, and so can set attributes."""
        return self not in (Udev.NO_RUN, Udev.OLD_KEYS)

    @classmethod
    def of(cls, probe: ProbeOutput) -> Udev:
        """By the library of systemd's; elsewhere by the kernel: no distribution joined a kernel to an udev years apart from it
        (EL4: 2.6.9 and 039, SLES 10: 2.6.16 and 085, EL5: 2.6.18 and 095, SLES 11 and EL6: 2.6.27, 2.6.32 and 147)."""
        versions = [
            int(found[1])
            for pattern in UDEV_LIBRARIES
            for entry in probe.entries(pattern)
            if (found := _LIBRARY_VERSION.search(entry.path))
        ]
        if versions:
            return cls.STRICT if max(versions) >= 243 else cls.LENIENT
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", probe.file("/proc/sys/kernel/osrelease").value)
        kernel = (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)
        if kernel < (2, 6, 0):
            return cls.UNKNOWN
        if kernel < (2, 6, 16):
            return cls.NO_RUN
        if kernel < (2, 6, 19):
            return cls.OLD_KEYS
        # EL7's 219 has no such library; 231 is of July 2016, as is kernel 4.7.
        if kernel < (4, 7, 0):
            return cls.LENIENT if kernel >= (3, 4, 0) else cls.BOTH_KEYS
        return cls.UNKNOWN


#: Match keys that udev 098 renamed.
_OLD_KEYS = {"BUS": "SUBSYSTEMS", "SYSFS": "ATTRS", "ID": "KERNELS"}
#: Keys that no udev before 098 has. It says "unknown key", and takes the rest of the line as if that were all
#: (add_to_rules in its udev_rules_parse.c); older ones leave the line out.
_NEW_KEYS = ("ATTR", "ATTRS", "SUBSYSTEMS", "KERNELS", "DRIVERS", "TEST")
#: Events of a disk that appears, and of one that is looked at again.
_ACTIONS = ("add", "change")
_UDEV_TOKEN = re.compile(
    r"""(?P<key>[A-Z]+(?:\{[^}]*\})?)\s*(?P<operator>==|!=|\+=|-=|:=|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*,?\s*"""
)
#: What udev(7) substitutes. Anything else after a $ or a % is none.
_SUBSTITUTION = re.compile(
    r"\$(?:\$|devnode|tempnode|attr\{|sysfs\{|env\{|kernel|number|driver|devpath|id|major|minor|result|parent|name|links|root|sys)"
    r"|%(?:%|[NsEknpbdMmcPDLrS])"
)
#: A shell's write to a file, and the ways to name the event's device in its path.
_SHELL_WRITE = re.compile(r"""echo\s+(?:-n\s+)?["']?(?P<value>[^\s"'>]+)["']?\s*>\s*["']?(?P<path>[^\s"';]+)""")
_DEVICE_IN_SYSFS = re.compile(
    r"(?:/sys|%S|\$sys)/?(?:\$env\{DEVPATH\}|%E\{DEVPATH\}|\$devpath|%p|\${1,2}DEVPATH|\${1,2}\{DEVPATH\}"
    r"|/?(?:block|class/block)/(?:%k|\$kernel|\$name))"
)


def udev_assignments(
    probe: ProbeOutput, device: Device, attribute: str, ours: tuple[str, str] | None = None
) -> list[Assignment]:
    """Which udev rules set ``attribute`` (as in ``ATTR{…}``) of ``device``, in the order in which they run.

    ATTR assignments count, and RUN programs that write to the attribute's file (these run after all rules). A rule whose match
    keys cannot all be judged from what is known of the device is given as not certain; one that this guest's udev does not
    understand is left out. Rules that an earlier GOTO of their file would skip are given all the same.

    ``ours`` is a file (path, content) as a remedy would write it: the answer tells who would win then.
    """
    shown = [entry for folder in UDEV_FOLDERS for entry in probe.entries(f"{folder}/*.rules")]
    masked = {entry.path for entry in shown if entry.target == "/dev/null"}
    by_path = dict(once(probe, "udev_lines", _udev_lines))
    paths = {entry.path for entry in shown} or set(by_path)
    if ours:
        masked.discard(ours[0])
        paths.add(ours[0])
        by_path[ours[0]] = [Line(ours[0], number, text) for number, text in enumerate(ours[1].splitlines(), 1)]
    udev = Udev.of(probe)
    found: list[Assignment] = []
    run: list[Assignment] = []
    for path in in_order(paths, UDEV_FOLDERS):
        for line in () if path in masked else by_path.get(path, ()):
            rule = _udev_rule(line, device, attribute, udev)
            if rule:
                (run if rule[0].startswith("RUN") else found).append(rule[1])
    return found + run


def _udev_lines(probe: ProbeOutput) -> dict[str, list[Line]]:
    """The rules of each file; one that goes on over several lines is one, by the number of its last."""
    by_path: dict[str, list[Line]] = {}
    begun: Line | None = None
    for line in probe.lines("udev_rules"):
        text = line.text
        if begun and (begun.path, begun.number + 1) == (line.path, line.number):
            text = begun.text + text
        if text.endswith("\\"):
            begun = Line(line.path, line.number, text[:-1])
        else:
            begun = None
            by_path.setdefault(line.path, []).append(Line(line.path, line.number, text))
    return by_path


def _udev_rule(line: Line, device: Device, attribute: str, udev: Udev) -> tuple[str, Assignment] | None:
    """The key by which a rule sets the attribute of the device, and to what; None where it does not."""
    text = line.text.strip()
    # Every way to set an attribute names it.
    if text.startswith("#") or attribute not in text:
        return None
    by, value, certain = "", "", True
    for token in _UDEV_TOKEN.finditer(text):
        key, operator, operand = token["key"], token["operator"], token["value"]
        name, brace, rest = key.partition("{")
        if name in _OLD_KEYS:
            if udev in (Udev.LENIENT, Udev.STRICT):
                return None  # "unknown key": the whole line is left out
            certain = certain and udev is not Udev.UNKNOWN
            key = _OLD_KEYS[name] + brace + rest
        elif name in _NEW_KEYS and not udev.has_new_keys:
            certain = False
            continue
        if operator in ("==", "!="):
            if key == f"ATTR{{{attribute}}}" or name == "TEST":
                # The attribute itself is what we ask about; TEST is for a file of the device.
                continue
            known = _ACTIONS if key == "ACTION" else device.get(key)
            if known is None:
                certain = False
            elif _udev_match(operand, known) != (operator == "=="):
                return None
        elif key == f"ATTR{{{attribute}}}":
            by, value = key, operand
        elif name == "RUN" and attribute in operand:
            if udev is Udev.STRICT and re.search(r"[$%]", _SUBSTITUTION.sub("", operand)):
                continue  # "invalid substitution type", ignored
            written = _SHELL_WRITE.search(operand)
            if written and written["path"].endswith("/" + attribute):
                place = written["path"].removesuffix("/" + attribute)
                if place.endswith("/device") and _DEVICE_IN_SYSFS.fullmatch(place.removesuffix("/device")):
                    continue  # an attribute of the device below this one
                by, value = key, written["value"]
                certain = (
                    certain
                    and _DEVICE_IN_SYSFS.fullmatch(place) is not None
                    and (udev is not Udev.UNKNOWN or not re.search(r"\$\{?DEVPATH", place.replace("$$", "")))
                )
    return (by, Assignment(f"{line.path}:{line.number}", value, certain)) if by else None


def _udev_match(pattern: str, values: tuple[str, ...]) -> bool:
    """True where one of ``values``, known without the blanks at their end, matches: udev strips them, too, unless the pattern
    has some."""
    return any(
        _name_match(value, part) or (part != part.rstrip() and _name_match(value, part.rstrip()))
        for part in pattern.split("|")
        for value in values
    )


def _name_match(value: str, pattern: str) -> bool:
    """fnmatch's answer. Most patterns are a word, or a word and a star, and for those it would compile a regular expression in
    each guest's process."""
    word = pattern.removesuffix("*")
    if not any(char in word for char in "*?["):
        return value == pattern if word == pattern else value.startswith(word)
    return fnmatch.fnmatchcase(value, pattern)
