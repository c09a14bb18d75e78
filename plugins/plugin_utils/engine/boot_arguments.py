# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel's command line shall be, at every next boot: found out, judged, and edited where the boot loader lets it.

Persistent is what every entry of the boot menu, those for repairs left out, will boot with, and what entries to come are made
from; runtime is /proc/cmdline.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import GROUP, make_menu
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_persistent,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, Run, Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import (
    DEFAULT_GRUB,
    DEFAULT_GRUB_DROP_INS,
    KERNEL_COMMAND_LINE,
    SUSE_BOOTLOADER,
    Boot,
    BootEntry,
    Loader,
    arguments_line,
    configured_arguments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import glob_match

#: What configures entries to come, by boot loader.
CONFIGURED_BY = {
    Loader.GRUB2: (DEFAULT_GRUB, DEFAULT_GRUB_DROP_INS),
    Loader.BLS: (DEFAULT_GRUB, KERNEL_COMMAND_LINE),
    Loader.GRUB_LEGACY: (SUSE_BOOTLOADER,),
}
_NO_EDIT = {
    Loader.LILO: "edit append= in /etc/lilo.conf and run /sbin/lilo",
    Loader.SYSTEMD_BOOT: "edit /etc/kernel/cmdline and have the distribution's tool (kernel-install, sdbootutil) make the entries "
    "anew",
    Loader.UKI: "the arguments are inside the image: have it built anew without them",
    Loader.OSTREE: "use rpm-ostree kargs or bootc, which make a new deployment",
    Loader.TRANSACTIONAL: "use transactional-update, which makes a new snapshot",
    Loader.UNKNOWN: "edit its configuration by hand",
}

#: Loaders of which the entries are known though something else about them is not.
TOLD_ENOUGH = (Loader.LILO, Loader.SYSTEMD_BOOT, Loader.TRANSACTIONAL)


# ---- lines -----------------------------------------------------------------------------------------------------------


def rewritten(line: str, remove: Sequence[str], add: Sequence[str]) -> str:
    """A boot loader's or a shell's line without and with these arguments; all other bytes stay.

    An argument goes with the blanks before it. A new one comes last, within the quotes where the line ends in one.
    """
    for word in remove:
        line = re.sub(rf"""[ \t]+{re.escape(word)}(?=[\s"']|$)""", "", line)
        line = re.sub(rf"""(["'=]){re.escape(word)}(?:[ \t]+|(?=["']|$))""", r"\1", line)
    for word in add:
        match = re.search(r"""["']?\s*$""", line)
        at = match.start() if match else len(line)
        line = f"{line[:at]} {word}{line[at:]}"
    return line


@dataclass(frozen=True)
class _Site:
    """A line to edit."""

    path: str
    number: int
    remove: tuple[str, ...]
    add: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """What every command line shall be: no ``bad`` argument, all ``wanted`` ones. ``entries`` are those that it is about.

    ``meets(word, wanted)`` tells where an argument is as good as a wanted one; by default only itself is.
    """

    bad: Callable[[str], bool]
    wanted: tuple[str, ...]
    entries: tuple[BootEntry, ...]
    meets: Callable[[str, str], bool] = str.__eq__

    def missing(self, words: Sequence[str]) -> list[str]:
        """The wanted arguments that none of ``words`` meets."""
        return [wanted for wanted in self.wanted if not any(self.meets(word, wanted) for word in words)]

    def wrong(self, words: Sequence[str]) -> list[str]:
        """The bad arguments, then the missing ones with a minus before them."""
        return [word for word in words if self.bad(word)] + [f"-{word}" for word in self.missing(words)]


class _Remedy:
    """The edits that make a wish true, or ``blocked``: why they cannot be made, and what to do."""

    def __init__(self, evidence: Evidence, wish: Wish) -> None:
        self.evidence = evidence
        self.boot: Boot = evidence.boot
        self.wish = wish
        self.blocked: str | None = None
        self.steps: tuple[Step, ...] = ()
        self.commit: tuple[Run, ...] = ()
        self.wrong = [entry for entry in wish.entries if wish.wrong(entry.arguments)]
        patterns = CONFIGURED_BY.get(self.boot.loader, ())
        self.configured = [
            argument
            for argument in configured_arguments(evidence)
            if wish.bad(argument.word)
            and any(glob_match(glob, argument.origin.rpartition(":")[0]) for glob in patterns)
        ]
        if self.wrong or self.configured:
            self._make()

    @property
    def places(self) -> str:
        """Where the wrong arguments stand, or where one is missing, for a person."""
        found = [
            origin
            for entry in self.wrong
            for origin, word in zip(entry.origins, entry.arguments, strict=True)
            if self.wish.bad(word)
        ]
        found += [entry.source for entry in self.wrong if self.wish.missing(entry.arguments)]
        found += [argument.origin for argument in self.configured]
        return ", ".join(dict.fromkeys(found))

    def _make(self) -> None:
        loader = self.boot.loader
        if loader in _NO_EDIT:
            self.blocked = f"with {loader.value} this collection does not edit them: {_NO_EDIT[loader]}"
        elif loader is Loader.GRUB2:
            self._by_menu()
        else:
            self._edit(self._sites())

    def _by_menu(self) -> None:
        """GRUB 2's menu is generated: edit what it is made from, and make it anew."""
        config = self.boot.config
        self.blocked = no_new_menu(self.evidence)
        if self.blocked:
            return
        foreign = [
            origin
            for entry in self.wrong
            for origin, word in zip(entry.origins, entry.arguments, strict=True)
            if self.wish.bad(word) and not generated(self.evidence, origin)
        ]
        if foreign:
            self.blocked = f"{', '.join(dict.fromkeys(foreign))} is not made from /etc/default/grub: edit it by hand"
            return
        drop_ins = self.evidence.platform.distribution.family == "debian"
        sites = [(argument.origin, argument.word, True) for argument in self.configured]
        # What is configured already is missing in the menu only because that was not made since.
        words = [argument.word for argument in configured_arguments(self.evidence)]
        missing = self.wish.missing(words) if any(self.wish.missing(entry.arguments) for entry in self.wrong) else []
        place = arguments_line(self.evidence, drop_ins) if missing else None
        if missing and place is None:
            self.blocked = f'no line GRUB_CMDLINE_LINUX="…" in {DEFAULT_GRUB} could be added to: edit it by hand'
            return
        sites += [(place, word, False) for word in missing if place]
        self._edit(sites)
        self.commit = (make_menu(config, drop_ins),)

    def _sites(self) -> list[tuple[str, str, bool]]:
        """Each argument to remove (True) or to add (False), and where."""
        sites = [
            (origin, word, True)
            for entry in self.wrong
            for origin, word in zip(entry.origins, entry.arguments, strict=True)
            if self.wish.bad(word)
        ]
        sites += [(entry.source, word, False) for entry in self.wrong for word in self.wish.missing(entry.arguments)]
        return sites + [(argument.origin, argument.word, True) for argument in self.configured]

    def _edit(self, sites: Sequence[tuple[str, str, bool]]) -> None:
        lines: dict[tuple[str, int], _Site] = {}
        for origin, word, removes in dict.fromkeys(sites):
            path, dummy, number = origin.rpartition(":")
            place = (path, int(number))
            known = lines.get(place, _Site(path, int(number), (), ()))
            lines[place] = _Site(
                path,
                int(number),
                (*known.remove, word) if removes else known.remove,
                known.add if removes else (*known.add, word),
            )
        files: dict[str, list[ReplaceLine]] = {}
        for site in lines.values():
            real = self._real(site.path)
            if real is None:
                return
            files.setdefault(real, []).extend(self._edits(site))
        if self.blocked is None:
            self.steps = tuple(EditFile(path, tuple(edits)) for path, edits in files.items())

    def _real(self, path: str) -> str | None:
        """The file itself, None (and ``blocked``) where it must not be edited."""
        if path == self.boot.config and self.boot.loader is Loader.BLS:
            self.blocked = f"{path} sets them (tuned's profile, or a fallback of its own): change that by its own tool"
            return None
        entry = self.evidence.entry(path) if path.startswith("/boot/") and path.count("/") <= 3 else None
        if entry and entry.kind == "l" and entry.target:
            folder = path.rpartition("/")[0]
            if "/" in entry.target.removeprefix("./"):
                self.blocked = (
                    f"{path} is a link to {entry.target}, on another file system, where it cannot be replaced safely: use "
                    "grubby or grub2-editenv"
                )
                return None
            path = f"{folder}/{entry.target.removeprefix('./')}"
        if path.startswith("/boot/efi/"):
            self.blocked = (
                f"{path} is on the EFI system partition, where no file can be replaced safely: edit it by hand"
            )
            return None
        return path

    def _edits(self, site: _Site) -> list[ReplaceLine]:
        file = self.evidence.file(site.path)
        old = file.lines[site.number - 1]

        def rewrite(line: str) -> str:
            return rewritten(line, site.remove, site.add)

        new = rewrite(old)
        if "<redacted>" in old:
            self.blocked = f"{site.path}:{site.number} holds a password, which was not read: edit the line by hand"
        elif new == old or file.lines.count(old) > 1:
            self.blocked = f"{site.path}:{site.number} is written in a way that is not understood: edit it by hand"
        edits = [ReplaceLine(old, new, rewrite)]
        # GRUB's environment block has 1024 bytes, filled up with #.
        last = file.lines[-1]
        if site.path.endswith("/grubenv") and last and not last.strip("#"):
            less = len(old.encode("utf-8", "surrogateescape")) - len(new.encode("utf-8", "surrogateescape"))

            def fill(line: str) -> str:
                return line + "#" * less if less > 0 else line[: len(line) + less]

            edits.append(ReplaceLine(last, fill(last), fill))
        return edits


@dataclass(frozen=True)
class InForce:
    """What the kernel says of a wish by something else than its command line: whether it is met now, and the value."""

    met: bool
    value: str


def wish_verdict(evidence: Evidence, wish: Wish, desired: str, right: str, in_force: InForce | None = None) -> Verdict:
    """Both sides of a wish. ``right`` is the reason where all is as desired. The side of now is the running kernel's command line,
    or what is ``in_force``."""
    boot = evidence.boot
    running = evidence.platform.command_line
    wrong_now = wish.wrong(running)
    if in_force is not None:
        wrong_now = [] if in_force.met else [f"-{word}" for word in wish.wanted]
    remedy = _Remedy(evidence, wish)
    wrong_at_boot = [word for entry in remedy.wrong for word in wish.wrong(entry.arguments)]
    wrong_at_boot += [argument.word for argument in remedy.configured]

    def shown(words: Sequence[str]) -> str:
        distinct = list(dict.fromkeys(words))
        return " ".join(f"no {word[1:]}" if word.startswith("-") else word for word in distinct) or desired

    if not running:
        return unknown("the running kernel's arguments cannot be read in /proc/cmdline", desired=desired)
    problem = untold(evidence, wish.entries)
    if problem and not (boot.loader is Loader.UKI and wrong_now):
        return unknown(
            problem,
            runtime=in_force.value if in_force else shown(wrong_now),
            desired=desired,
        )
    sides = {
        "runtime": in_force.value if in_force else shown(wrong_now),
        "persistent": shown(wrong_at_boot),
        "desired": desired,
        "owner": remedy.places or (boot.default.source if boot.default else boot.config),
    }
    if boot.loader is Loader.UKI:
        return manual(f"the kernel runs with {shown(wrong_now)}; {_NO_EDIT[boot.loader]}", **sides)
    if not wrong_at_boot:
        if wrong_now:
            return pending_reboot(f"{sides['runtime']} is in force until the next boot", **sides)
        return compliant(right, **sides)
    count = (
        f"{len(remedy.wrong)} of {len(wish.entries)} boot entries"
        if remedy.wrong
        else "what entries to come are made from"
    )
    found = f"{shown(wrong_at_boot)} in {count}"
    if remedy.blocked:
        return manual(f"{found} ({remedy.places}); {remedy.blocked}", **sides)
    group = GROUP if remedy.commit else ""
    make = not_persistent if not wrong_now else noncompliant
    return make(found, remedy=remedy.steps, commit=remedy.commit, group=group, reboot=True, **sides)


def untold(evidence: Evidence, entries: Sequence[BootEntry]) -> str | None:
    """That it cannot be told what arguments the next boot has, where it starts one of ``entries``, and why; None where it can."""
    unread = next(
        (path for path in _configuring(evidence) if evidence.file(path).exists and not evidence.file(path)), None
    )
    if unread:
        problem: str | None = f"{unread} may not be read; become root"
    elif not entries:
        problem = evidence.boot.problem or "no entry of the boot menu is for this"
    else:
        problem = None if evidence.boot.loader in TOLD_ENOUGH else evidence.boot.problem
    return problem and f"what the next boot's arguments are cannot be told: {problem}"


def _configuring(evidence: Evidence) -> list[str]:
    """The files that configure entries to come, with the drop-ins that are there."""
    globs = CONFIGURED_BY.get(evidence.boot.loader, ())
    return [path for glob in globs for path in ([file.path for file in evidence.glob(glob)] if "*" in glob else [glob])]


def no_new_menu(evidence: Evidence) -> str | None:
    """Why GRUB 2's menu is not made anew here, with what to do instead; None where it may be."""
    config = evidence.boot.config
    if not config.startswith(("/boot/grub/", "/boot/grub2/")):
        return (
            f"its menu {config} is on the EFI system partition, where no file can be replaced safely: edit /etc/default/grub "
            f"and run grub2-mkconfig -o {config}"
        )
    menu = evidence.entry(config)
    if menu and menu.target:
        return (
            f"its menu {config} is a link to {menu.target}, which GRUB may read under that name: edit /etc/default/grub and run "
            f"grub2-mkconfig -o with the name that is meant"
        )
    if any("DO NOT OVERWRITE" in line for line in evidence.file(config).lines[:20]):
        return f"{config} says that it must not be generated: edit it by hand"
    return None


def generated(evidence: Evidence, origin: str) -> bool:
    """True for ``path:line`` of a line of grub.cfg that 10_linux made."""
    path, dummy, number = origin.rpartition(":")
    if path != evidence.boot.config:
        return False
    before = evidence.file(path).lines[: int(number)]
    marks = [line for line in before if line.startswith(("### BEGIN ", "### END "))]
    return bool(marks) and marks[-1].startswith("### BEGIN ") and "10_linux" in marks[-1]


def normal_entries(boot: Boot) -> tuple[BootEntry, ...]:
    """The entries of the boot menu that are not for repairs."""
    return tuple(entry for entry in boot.entries if not entry.rescue)
