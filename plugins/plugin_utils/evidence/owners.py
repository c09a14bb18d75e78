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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, configured_arguments
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Line, ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Lines,
    Read,
    entries,
    files,
)

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

#: Attributes that some recommendation sets by udev: the probe selects the rules that name one of them.
UDEV_PATTERN = r"queue/\|device/timeout\|device/queue_depth\|queue_depth"

READS: tuple[Read, ...] = (
    *BOOT_READS,
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
    ),
    entries(*(f"{folder}/*.rules" for folder in UDEV_FOLDERS)),
    Lines(
        "tuned_profiles",
        r"^\[\|^ *include *=\|^ *elevator *=\|^ *cmdline\|^ *vm\.\|^ *net\.\|^ *kernel\.\|^ *transparent_hugepages\{0,1\} *=",
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
    """tuned's active profile, None where tuned has none."""
    for path in ("/etc/tuned/active_profile", "/etc/tune-profiles/active-profile"):
        value = probe.file(path).value
        if value and value not in ("off", "none"):
            return value
    return None


def tuned_assignments(probe: ProbeOutput, section: str, key: str) -> list[Assignment]:
    """What tuned's active profile sets, from its parents down: ``[section] key = value``."""
    active = tuned_profile(probe)
    if not active:
        return []
    found: list[Assignment] = []
    for name in active.split():
        found += _tuned_profile(probe, name, section, key, ())
    return [Assignment(f"tuned profile {active}" + (f" ({a.owner})" if a.owner else ""), a.value) for a in found]


def _tuned_profile(probe: ProbeOutput, name: str, section: str, key: str, seen: tuple[str, ...]) -> list[Assignment]:
    if name in seen:
        return []
    lines: Sequence[Line] = ()
    for folder in ("/etc/tuned", "/etc/tuned/profiles", "/usr/lib/tuned", "/usr/lib/tuned/profiles"):
        lines = [line for line in probe.lines("tuned_profiles") if line.path == f"{folder}/{name}/tuned.conf"]
        if lines:
            break
    inherited: list[Assignment] = []
    own: list[Assignment] = []
    current = ""
    for line in lines:
        text = line.text.strip()
        if text.startswith("["):
            current = text.strip("[]").strip()
            continue
        word, dummy, value = (part.strip() for part in text.partition("="))
        if word == "include" and current == "main":
            for parent in re.split(r"[,;\s]+", value):
                inherited += _tuned_profile(probe, parent, section, key, (*seen, name))
        elif word == key and (current == section or current.startswith(section + "_")):
            own.append(Assignment(line.path, value))
    return inherited + own


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


def module_option_assignments(probe: ProbeOutput, module: str, option: str) -> list[Assignment]:
    """Who sets an option of a kernel module: ``options`` lines of modprobe.d(5), then ``module.option=`` on the kernel's
    command line, which wins over them for a built-in module and is added by modprobe for others."""
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
    return found + kernel_argument_assignments(probe, f"{module}.{option}")


# --- udev attributes --------------------------------------------------------------------------------------------------

#: A device as rules see it: match key (``KERNEL``, ``ATTR{queue/rotational}``) to its values; a missing key is not known.
Device = dict[str, tuple[str, ...]]

_UDEV_TOKEN = re.compile(
    r"""(?P<key>[A-Z]+(?:\{[^}]*\})?)\s*(?P<operator>==|!=|\+=|-=|:=|=)\s*"(?P<value>(?:[^"\\]|\\.)*)"\s*,?\s*"""
)


def udev_assignments(probe: ProbeOutput, device: Device, attribute: str) -> list[Assignment]:
    """Which udev rules set ``attribute`` (as in ``ATTR{…}``) of ``device``, in the order in which they run.

    ATTR assignments count, and RUN programs that write to the attribute's file (these run after all rules). A rule whose match
    keys cannot all be judged from what is known of the device is given as not certain.
    """
    shown = [entry for folder in UDEV_FOLDERS for entry in probe.entries(f"{folder}/*.rules")]
    masked = {entry.path for entry in shown if entry.target == "/dev/null"}
    order = in_order((entry.path for entry in shown), UDEV_FOLDERS)
    by_path: dict[str, list[Line]] = {}
    for line in probe.lines("udev_rules"):
        by_path.setdefault(line.path, []).append(line)
    found: list[Assignment] = []
    run: list[Assignment] = []
    for path in order or in_order(by_path, UDEV_FOLDERS):
        if path in masked:
            continue
        for line in by_path.get(path, ()):
            found_here = _udev_rule(line, device, attribute)
            if found_here is not None:
                (
                    run if "RUN" in line.text and f"ATTR{{{attribute}}}=" not in line.text.replace(" ", "") else found
                ).append(found_here)
    return found + run


def _udev_rule(line: Line, device: Device, attribute: str) -> Assignment | None:
    text = line.text.strip()
    if text.startswith("#"):
        return None
    value: str | None = None
    certain = True
    for token in _UDEV_TOKEN.finditer(text):
        key, operator, operand = token["key"], token["operator"], token["value"]
        if operator in ("==", "!="):
            if key == f"ATTR{{{attribute}}}" or key.startswith("TEST") or key == "ACTION":
                # The attribute itself is what we ask about; TEST is for a file of the device; add and change both come.
                continue
            known = device.get(key)
            if known is None:
                certain = False
            elif _udev_match(operand, known) != (operator == "=="):
                return None
        elif key == f"ATTR{{{attribute}}}":
            value = operand
        elif key.startswith("RUN") and attribute in operand:
            written = re.search(r"echo\s+(?:-n\s+)?(\S+)\s*>", operand)
            value = written[1] if written else None
            certain = certain and written is not None
    return None if value is None else Assignment(f"{line.path}:{line.number}", value, certain)


def _udev_match(pattern: str, values: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(value, part) for part in pattern.split("|") for value in values)


#: Asks for the assignments of one kind: sysctl key, kernel argument…
Owners = Callable[[ProbeOutput, str], list[Assignment]]
