# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sysctl: what the kernel does now, what the next boot sets, and who has the last word.

Which files a boot reads is the guest's own evidence, not its version number:

- systemd-sysctl reads the drop-ins of :data:`~owners.SYSCTL_FOLDERS` by file name, one of the same name in a stronger folder hiding
  the others. It reads /etc/sysctl.conf only through a link among them (99-sysctl.conf; Debian 13 has none any more).
- Other boots run procps' sysctl from a script: where that names sysctl.d or ``--system`` (EL6, Debian), drop-ins come first and
  /etc/sysctl.conf last; elsewhere (EL4, EL5, SLES 10 and 11) there is only /etc/sysctl.conf.
- SUSE's kernels bring /boot/sysctl.conf-RELEASE, which is read before all else.
- tuned sets its profile's [sysctl] after them; with ``reapply_sysctl`` (shipped as 1) it then reads /run/sysctl.d, /etc/sysctl.d
  and /etc/sysctl.conf again, so that these win over the profile.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    SYSCTL_FOLDERS,
    Assignment,
    in_order,
    tuned_assignments,
    tuned_profile,
    tuned_starts,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read, entries, files

#: The administrator's own file, older than drop-ins.
SYSCTL_CONF = "/etc/sysctl.conf"
_TUNED_MAIN = "/etc/tuned/tuned-main.conf"
#: What runs sysctl at boot without systemd: Red Hat's, SUSE's, Debian's, upstart's.
_BOOT_SCRIPTS = (
    "/etc/rc.d/rc.sysinit",
    "/etc/init.d/functions",
    "/etc/init.d/boot.sysctl",
    "/etc/init.d/procps",
    "/etc/init/procps.conf",
)
#: Two for one amount: the kernel sets the other to 0 when one is written (mm/page-writeback.c, mm/util.c).
_TWINS = {
    one: other
    for pair in (
        ("vm.dirty_ratio", "vm.dirty_bytes"),
        ("vm.dirty_background_ratio", "vm.dirty_background_bytes"),
        ("vm.overcommit_ratio", "vm.overcommit_kbytes"),
    )
    for one, other in (pair, pair[::-1])
}
#: Numbers, and what is none of them behind.
_NUMBERS = re.compile(r"(-?\d+(?: -?\d+)*) [#;].*")
#: Folders that tuned reads again (plugin_sysctl.py), strongest first.
_REAPPLIED = ("/run/sysctl.d", "/etc/sysctl.d")

READS: tuple[Read, ...] = (
    files("/boot/sysctl.conf-*", _TUNED_MAIN),
    # Links: to /dev/null, which masks, and to /etc/sysctl.conf.
    entries(*(f"{folder}/*.conf" for folder in SYSCTL_FOLDERS)),
    Lines("sysctl_at_boot", r"sysctl\.d\|sysctl .*--system", _BOOT_SCRIPTS),
)


def kernel_file(key: str) -> str:
    """The kernel file of a sysctl: ``vm.swappiness`` is /proc/sys/vm/swappiness."""
    return "/proc/sys/" + key.replace(".", "/")


def drop_in(role: str) -> str:
    """Our drop-in. After the distributions' own (10 to 50) and most of an administrator's, before 99-sysctl.conf."""
    return f"/etc/sysctl.d/90-vmguest-{role.replace('_', '-')}.conf"


def same(one: str | None, other: str | None) -> bool:
    """True for the same value, however its numbers are spaced."""
    return one is not None and other is not None and one.split() == other.split()


@dataclass(frozen=True)
class Setting:
    """A line that sets a sysctl. ``path`` is the file to edit, a link's target; ``name`` the file name that gives the order.

    ``note`` tells where the line sets another one, and this one only thereby.
    """

    path: str
    number: int
    key: str
    value: str
    name: str
    text: str
    note: str = ""

    @property
    def assignment(self) -> Assignment:
        """For a person: where it stands, and what it sets."""
        return Assignment(f"{self.path}:{self.number}{self.note}", self.value)


@dataclass(frozen=True)
class Sysctl:
    """Every line that sets a sysctl at boot, in the order in which they take effect.

    ``reads_drop_ins``: the boot reads /etc/sysctl.d. ``reapplied``: what tuned sets again after its profile, None where it does
    not, or where tuned has no profile. ``unreadable``: configuration that could not be read.
    """

    probe: ProbeOutput
    settings: tuple[Setting, ...]
    reads_drop_ins: bool
    reapplied: tuple[Setting, ...] | None
    unreadable: tuple[str, ...]

    @classmethod
    def of(cls, probe: ProbeOutput) -> Sysctl:
        """Read it from the probe's output."""
        platform = Platform.of(probe)
        reads_drop_ins = platform.systemd or any(
            not line.text.lstrip().startswith("#") for line in probe.lines("sysctl_at_boot")
        )
        settings = _settings(probe, f"/boot/sysctl.conf-{platform.kernel.release}")
        for path in in_order(_drop_ins(probe) if reads_drop_ins else (), SYSCTL_FOLDERS):
            settings += _settings(probe, path)
        if not platform.systemd:
            settings += _settings(probe, SYSCTL_CONF)
        return cls(
            probe,
            tuple(settings),
            reads_drop_ins,
            _reapplied(probe),
            tuple(_unreadable(probe)),
        )

    def now(self, key: str) -> str | None:
        """The kernel's value, its numbers one blank apart; None where it cannot be read."""
        return " ".join(self.probe.file(kernel_file(key)).value.split()) or None

    def at_boot(self, key: str, default: str | None = None) -> list[Assignment]:
        """Who sets ``key`` at the next boot, the winner last. ``default`` is the kernel's value before all of them."""
        found = [setting.assignment for setting in _of_key(self.settings, key)]
        again = self._again(winner(found), _of_key(self.reapplied or (), key))
        for profile in _by_tuned(self.probe, key):
            found.append(_modified(profile, found[-1].value if found else default))
        return found + again

    def after(self, key: str, value: str, path: str) -> list[Assignment]:
        """Who sets ``key`` after our drop-in ``path`` would set it to ``value``, in the same order."""
        name = path.rpartition("/")[2]
        late = [entry.assignment for entry in _of_key(self.settings, key) if entry.name > name]
        if self.reapplied is None:
            return late + [_modified(profile, value) for profile in _by_tuned(self.probe, key)]
        again = self._again(winner(late), [entry for entry in _of_key(self.reapplied, key) if entry.name > name])
        # Without tuned nothing is read again, and what comes late has the last word.
        return again if tuned_starts(self.probe) else late + again

    def _again(self, before: Assignment | None, read_again: list[Setting]) -> list[Assignment]:
        """What tuned sets again. Where it may not start, that is certain only if ``before``, which holds without, sets the same."""
        certain = tuned_starts(self.probe) is True
        return [
            replace(entry, certain=certain or (before is not None and same(before.value, entry.value)))
            for entry in (setting.assignment for setting in read_again)
        ]

    def conf_lines(self, key: str) -> list[Setting]:
        """The lines of /etc/sysctl.conf that set ``key``, themselves or by its twin."""
        return _of_key(_settings(self.probe, SYSCTL_CONF), key)


def _drop_ins(probe: ProbeOutput) -> list[str]:
    seen = {file.path for folder in SYSCTL_FOLDERS for file in probe.glob(f"{folder}/*.conf")}
    return sorted(seen | {entry.path for folder in SYSCTL_FOLDERS for entry in probe.entries(f"{folder}/*.conf")})


def _target(probe: ProbeOutput, path: str) -> str:
    """The file itself, where a drop-in is a link to /etc/sysctl.conf (``../sysctl.conf``, ``../../../etc/sysctl.conf``)."""
    entry = probe.directory_entries.get(path)
    linked = entry is not None and entry.target is not None and entry.target.endswith("/sysctl.conf")
    return SYSCTL_CONF if linked else path


def _taken(value: str) -> str:
    """What the kernel takes of a value: of numbers all up to what is none, such as a comment, which no tool cuts off. Words, such
    as congestion controls, it takes whole, or not at all."""
    numbers = _NUMBERS.match(value)
    return numbers[1] if numbers else value


def _settings(probe: ProbeOutput, path: str) -> list[Setting]:
    """The lines of a file that set something: sysctl.d(5), sysctl.conf(5). ``-key = value`` only ignores errors."""
    entry = probe.directory_entries.get(path)
    if entry is not None and entry.target == "/dev/null":
        return []
    # sysctl.conf without a link is read after all drop-ins: its name sorts after theirs.
    name = path.rpartition("/")[2] if path != SYSCTL_CONF else "~"
    name = "" if path.startswith("/boot/") else name
    found = []
    for number, line in enumerate(probe.file(path).lines, 1):
        key, equals, value = line.strip().partition("=")
        if equals and key[:1] not in ("#", ";"):
            key = key.strip().lstrip("-").strip().replace("/", ".")
            found.append(Setting(_target(probe, path), number, key, _taken(" ".join(value.split())), name, line))
    return found


def _of_key(settings: list[Setting] | tuple[Setting, ...], key: str) -> list[Setting]:
    """Those that set ``key``, or its twin, and so ``key`` to 0. systemd knows patterns, which yield to the key's own lines
    (sysctl.d(5))."""
    patterns = [entry for entry in settings if "*" in entry.key and fnmatch.fnmatchcase(key, entry.key)]
    twin = _TWINS.get(key)
    return patterns + [
        entry if entry.key == key else replace(entry, value="0", note=f" ({entry.key} = {entry.value})")
        for entry in settings
        if entry.key == key or (entry.key == twin and entry.value != "0")
    ]


def _by_tuned(probe: ProbeOutput, key: str) -> list[Assignment]:
    """What tuned's profile sets ``key`` to, its parents first.

    One of two twins stands in [vm], too, where ``dirty_bytes=10%`` is a ratio. Where a profile has both, an absolute amount is
    taken to win: the distributions' profiles have ratios, and the child comes after them.
    """
    twin = _TWINS.get(key)
    if twin is None:
        return tuned_assignments(probe, "sysctl", key)
    found = []
    for name in sorted((key, twin), key=lambda name: not name.endswith("_ratio")):
        plugin = tuned_assignments(probe, "vm", name.removeprefix("vm."))
        for entry in (*tuned_assignments(probe, "sysctl", name), *plugin):
            percent = entry.value.endswith("%")
            sets = (name if name.endswith("_ratio") else _TWINS[name]) if percent else name
            value = entry.value.rstrip("% ")
            if sets == key:
                found.append(replace(entry, value=value))
            elif value != "0":
                found.append(replace(entry, owner=f"{entry.owner} ({name} = {entry.value})", value="0"))
    return found


def _modified(profile: Assignment, before: str | None) -> Assignment:
    """tuned's value; ``>30`` sets it only where it is smaller before, ``<30`` where it is larger, variables are not known here."""
    value = profile.value.strip("\"'")
    found = re.fullmatch(r"([<>])\s*(\d+)", value)
    if not found:
        return replace(profile, value=value, certain=profile.certain and "$" not in value)
    if before is None or not before.isdigit():
        return Assignment(profile.owner, found[2], certain=False)
    pick = max if found[1] == ">" else min
    return replace(profile, value=str(pick(int(before), int(found[2]))))


def tuned_reads_again(probe: ProbeOutput) -> bool | None:
    """Whether tuned is told to read sysctl.d again after its profile; None where its version decides."""
    given = tuned_option(probe, "reapply_sysctl")
    return None if given is None else given.lower() in ("1", "true", "yes", "on")


def tuned_option(probe: ProbeOutput, name: str) -> str | None:
    """An option of tuned-main.conf, None where it is not given."""
    words = [line.partition("=") for line in probe.file(_TUNED_MAIN).lines if not line.lstrip().startswith("#")]
    return next((value.strip() for word, dummy, value in reversed(words) if word.strip() == name), None)


def _reapplied(probe: ProbeOutput) -> tuple[Setting, ...] | None:
    # Where it is not known, the profile is taken to win, so that no remedy is lost to it.
    if tuned_profile(probe) is None or not tuned_reads_again(probe) or tuned_starts(probe) is False:
        return None
    found: list[Setting] = []
    for path in in_order(_drop_ins(probe), _REAPPLIED):
        found += _settings(probe, path)
    return tuple(found + _settings(probe, SYSCTL_CONF))


def _unreadable(probe: ProbeOutput) -> list[str]:
    tuned = ("/etc/tuned/active_profile", "/etc/tuned/profile_mode", "/etc/tune-profiles/active-profile")
    paths = [SYSCTL_CONF, _TUNED_MAIN, *tuned, *_drop_ins(probe)]
    unread = (State.DENIED, State.TOO_LARGE, State.ODD_NAME)
    return [path for path in paths if probe.file(path).state in unread]
