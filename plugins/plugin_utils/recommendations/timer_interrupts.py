# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""timer_interrupt_rate and timekeeping_cmdline: the kernel's arguments that have to do with timers.

A kernel that ticks 1000 times a second on each virtual CPU keeps the hypervisor busy with an idle guest. RHEL 4.7 and 5.1 got
``divider=10``, which makes it 100. Kernels since then are tickless, and need to be left alone: what is harmful there is the
advice of those days that stayed behind. VMware's table of arguments (KB 1006427) is for the old ones only.

Both are boot arguments. Persistent is what every entry of the boot menu, those for repairs left out, will boot with, and what
entries to come are made from; runtime is /proc/cmdline.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import GROUP, make_menu
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import (
    HARMFUL,
    LAST_IN_TABLE,
    TICKING,
    named,
    row,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, Run, Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import (
    DEFAULT_GRUB,
    DEFAULT_GRUB_DROP_INS,
    KERNEL_COMMAND_LINE,
    SUSE_BOOTLOADER,
    Boot,
    BootEntry,
    Loader,
    configured_arguments,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import glob_match

X86 = ("x86_64", "i386", "i486", "i586", "i686")
#: The first mainline kernel of which every distribution that is left built a tickless one on both x86 architectures (EL6 has
#: 2.6.32, SLES 11 2.6.27; NO_HZ came to i386 with 2.6.21, to x86_64 with 2.6.24).
FIRST_TICKLESS = (2, 6, 27)
#: The build of the kernel of RHEL 5.8 (2.6.18-308.el5): before it Red Hat's kernels may panic with divider= (BZ 698842).
FIRST_SAFE_BUILD = 308

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
_TOLD_ENOUGH = (Loader.LILO, Loader.SYSTEMD_BOOT, Loader.TRANSACTIONAL)


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
class _Wish:
    """What every command line shall be: no ``bad`` argument, all ``wanted`` ones. ``entries`` are those that it is about."""

    bad: Callable[[str], bool]
    wanted: tuple[str, ...]
    entries: tuple[BootEntry, ...]

    def wrong(self, words: Sequence[str]) -> list[str]:
        """The bad arguments, then the missing ones with a minus before them."""
        return [word for word in words if self.bad(word)] + [f"-{word}" for word in self.wanted if word not in words]


class _Remedy:
    """The edits that make a wish true, or ``blocked``: why they cannot be made, and what to do."""

    def __init__(self, evidence: Evidence, wish: _Wish) -> None:
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
        found += [entry.source for entry in self.wrong if any(word not in entry.arguments for word in self.wish.wanted)]
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
        if not config.startswith(("/boot/grub/", "/boot/grub2/")):
            self.blocked = (
                f"its menu {config} is on the EFI system partition, where no file can be replaced safely: edit /etc/default/grub "
                f"and run grub2-mkconfig -o {config}"
            )
            return
        if any("DO NOT OVERWRITE" in line for line in self.evidence.file(config).lines[:20]):
            self.blocked = f"{config} says that it must not be generated: edit it by hand"
            return
        foreign = [
            origin
            for entry in self.wrong
            for origin, word in zip(entry.origins, entry.arguments, strict=True)
            if self.wish.bad(word) and not self._generated(origin)
        ]
        if foreign:
            self.blocked = f"{', '.join(dict.fromkeys(foreign))} is not made from /etc/default/grub: edit it by hand"
            return
        sites = [(argument.origin, argument.word, True) for argument in self.configured]
        self._edit(sites)
        drop_ins = self.evidence.platform.distribution.family == "debian"
        self.commit = (make_menu(config, drop_ins),)

    def _generated(self, origin: str) -> bool:
        """True for a line of grub.cfg that 10_linux made."""
        path, dummy, number = origin.rpartition(":")
        if path != self.boot.config:
            return False
        before = self.evidence.file(path).lines[: int(number)]
        marks = [line for line in before if line.startswith(("### BEGIN ", "### END "))]
        return bool(marks) and marks[-1].startswith("### BEGIN ") and "10_linux" in marks[-1]

    def _sites(self) -> list[tuple[str, str, bool]]:
        """Each argument to remove (True) or to add (False), and where."""
        sites = [
            (origin, word, True)
            for entry in self.wrong
            for origin, word in zip(entry.origins, entry.arguments, strict=True)
            if self.wish.bad(word)
        ]
        sites += [
            (entry.source, word, False)
            for entry in self.wrong
            for word in self.wish.wanted
            if word not in entry.arguments
        ]
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


def _verdict(evidence: Evidence, wish: _Wish, desired: str, right: str) -> Verdict:
    """Both sides of a wish. ``right`` is the reason where all is as desired."""
    boot = evidence.boot
    running = evidence.platform.command_line
    wrong_now = wish.wrong(running)
    remedy = _Remedy(evidence, wish)
    wrong_at_boot = [word for entry in remedy.wrong for word in wish.wrong(entry.arguments)]
    wrong_at_boot += [argument.word for argument in remedy.configured]

    def shown(words: Sequence[str]) -> str:
        distinct = list(dict.fromkeys(words))
        return " ".join(f"no {word[1:]}" if word.startswith("-") else word for word in distinct) or desired

    if not running:
        return unknown("the running kernel's arguments cannot be read in /proc/cmdline", desired=desired)
    unread = next(
        (path for path in _configuring(evidence) if evidence.file(path).exists and not evidence.file(path)), None
    )
    problem = f"{unread} may not be read; become root" if unread else boot.problem
    if not wish.entries and not problem:
        problem = "no entry of the boot menu is for this"
    told = problem is None or (boot.loader in _TOLD_ENOUGH and not unread)
    if not (wish.entries and told) and not (boot.loader is Loader.UKI and wrong_now):
        return unknown(
            f"what the next boot's arguments are cannot be told: {problem}", runtime=shown(wrong_now), desired=desired
        )
    sides = {
        "runtime": shown(wrong_now),
        "persistent": shown(wrong_at_boot),
        "desired": desired,
        "owner": remedy.places or (boot.default.source if boot.default else boot.config),
    }
    if boot.loader is Loader.UKI:
        return manual(f"the kernel runs with {shown(wrong_now)}; {_NO_EDIT[boot.loader]}", **sides)
    if not wrong_at_boot:
        if wrong_now:
            return pending_reboot(f"{shown(wrong_now)} is in force until the next boot", **sides)
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


def _configuring(evidence: Evidence) -> list[str]:
    """The files that configure entries to come, with the drop-ins that are there."""
    globs = CONFIGURED_BY.get(evidence.boot.loader, ())
    return [path for glob in globs for path in ([file.path for file in evidence.glob(glob)] if "*" in glob else [glob])]


def _kept(word: str, options: Options) -> bool:
    """True for an argument that the options say is wanted, whole or by its name."""
    return any(word == kept or word.partition("=")[0] == kept for kept in options["timer_interrupts_keep"])


def _normal(boot: Boot) -> tuple[BootEntry, ...]:
    return tuple(entry for entry in boot.entries if not entry.rescue)


# ---- timer_interrupt_rate --------------------------------------------------------------------------------------------


def assess_rate(evidence: Evidence, options: Options) -> Verdict:
    """RHEL 4 and 5: the tick divided. Newer kernels: nothing that keeps them ticking."""
    platform = evidence.platform
    distribution, version = platform.distribution, platform.kernel.version
    if distribution.family == "redhat" and distribution.major in (4, 5):
        return _assess_divider(evidence, options)
    if version == (0, 0, 0):
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    if version < FIRST_TICKLESS:
        return not_applicable(
            f"its kernel {platform.kernel.release} neither stops its tick when idle nor knows divider=; upgrade the guest"
        )
    wish = _Wish(lambda word: named(word, TICKING) and not _kept(word, options), (), _normal(evidence.boot))
    return _verdict(
        evidence,
        wish,
        "no argument that keeps the tick",
        "its kernel stops its tick when it is idle, and no argument keeps it from that.",
    )


def _assess_divider(evidence: Evidence, options: Options) -> Verdict:
    distribution = evidence.platform.distribution
    minor = distribution.minor
    if minor < (7 if distribution.major == 4 else 1):
        return not_applicable(
            f"its kernel does not know divider=, which came with RHEL 4.7 and 5.1 (this is {distribution.version})"
        )
    below_58 = distribution.major == 4 or minor < 8
    if below_58 and not options["timer_interrupts_divider_below_58"]:
        return not_applicable(
            f"divider= would help it, but Red Hat advises against it before RHEL 5.8, where the kernel may panic (BZ 698842; "
            f"this is {distribution.version}); timer_interrupts_divider_below_58 allows it"
        )
    wanted = f"divider={options['timer_interrupts_divider']}"
    entries = tuple(
        entry
        for entry in _normal(evidence.boot)
        if not entry.release.endswith("xen")
        and (options["timer_interrupts_divider_below_58"] or _is_safe(entry.release))
    )
    wish = _Wish(lambda word: word.startswith("divider=") and word != wanted, (wanted,), entries)
    return _verdict(evidence, wish, wanted, "its kernel ticks 1000 times a second, divided.")


def _is_safe(release: str) -> bool:
    """True for a kernel of RHEL 5.8 or later, by its build; and for a name that tells none."""
    found = re.match(r"2\.6\.18-(\d+)", release)
    return found is None or int(found[1]) >= FIRST_SAFE_BUILD


# ---- timekeeping_cmdline ---------------------------------------------------------------------------------------------


def assess_timekeeping(evidence: Evidence, options: Options) -> Verdict:
    """Old releases: VMware's table. Newer kernels: none of what it once asked for."""
    platform = evidence.platform
    distribution, version = platform.distribution, platform.kernel.version
    if not platform.machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if platform.machine not in X86:
        return not_applicable(f"these arguments are about the timers of a PC (this is {platform.machine})")
    if distribution.major and distribution.major <= LAST_IN_TABLE.get(distribution.family, 0):
        return _assess_table(evidence, options)
    if version == (0, 0, 0):
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    if version < FIRST_TICKLESS:
        return unknown(f"VMware's table of arguments (KB 1006427) has no row for {distribution.name}")
    wish = _Wish(lambda word: named(word, HARMFUL) and not _kept(word, options), (), _normal(evidence.boot))
    return _verdict(
        evidence,
        wish,
        "no argument about timers",
        "the hypervisor tells the kernel its clock, and no argument says otherwise.",
    )


def _assess_table(evidence: Evidence, options: Options) -> Verdict:
    platform = evidence.platform
    distribution = platform.distribution
    bits = 64 if platform.machine == "x86_64" else 32
    name = f"{distribution.name} ({bits} bits)"
    found = row(distribution.family, distribution.major, distribution.minor, bits)
    if found is None:
        return unknown(f"VMware's table of arguments (KB 1006427) has no row for {name}")
    if not found.verified and not options["timer_interrupts_unverified"]:
        return unknown(
            f"what VMware's table of arguments (KB 1006427) asked of {name} could not be confirmed; see its archive, and set "
            "timer_interrupts_unverified where it says " + (" ".join(found.required) or "nothing")
        )
    # divider= is timer_interrupt_rate's.
    required = tuple(word for word in found.required if not word.startswith("divider="))
    names = {word.partition("=")[0] for word in required}
    wish = _Wish(
        lambda word: word.partition("=")[0] in names and word not in required and not _kept(word, options),
        required,
        _normal(evidence.boot),
    )
    return _verdict(
        evidence,
        wish,
        " ".join(required) or "nothing",
        f"VMware's table of arguments (KB 1006427) asks for {' '.join(required) or 'nothing'} on {name}.",
    )


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    divider = options["timer_interrupts_divider"]
    if not 2 <= divider <= 100 or 1000 % divider:
        return f"timer_interrupts_divider is {divider}: expected a number from 2 to 100 that divides 1000"
    return None


_SOURCE = (
    "VMware KB 1006427 (now 310053), vmware_timekeeping.pdf; Red Hat BZ 698842; Linux "
    "Documentation/admin-guide/kernel-parameters.txt"
)

RECOMMENDATIONS = (
    Recommendation(
        id="timer_interrupt_rate",
        area="time",
        title="Let an idle guest's timer rest",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="1000 timer interrupts a second on each CPU are overhead; RHEL 4.7 and 5.1 know divider=, newer kernels are tickless.",
        today=(
            "RHEL 4 and 5 were never tickless: divider=10 from 5.8 on, where Red Hat found it safe. Everything since 2.6.27 stops "
            "its tick; divider= is unknown there, and nohz=off or highres=off undo what was gained."
        ),
        risk=(
            "With divider= timers are 10 ms apart: multimedia and usleep suffer. Before RHEL 5.8 the kernel may panic. A boot "
            "argument takes effect at the next boot."
        ),
        source=_SOURCE,
        reads=BOOT_READS,
        assess=assess_rate,
        reboot=True,
    ),
    Recommendation(
        id="timekeeping_cmdline",
        area="time",
        title="Boot with the timer arguments of this release, and no others",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="See VMware's table of kernel arguments for timekeeping (KB 1006427).",
        today=(
            "The table is for kernels before 2009. Since then the hypervisor tells the kernel its clock, and arguments such as "
            "notsc or clocksource=acpi_pm make every look at the clock an exit."
        ),
        risk=(
            "An argument may have been given for a reason that is not the clock (noapic): timer_interrupts_keep leaves it. It "
            "takes effect at the next boot."
        ),
        source=_SOURCE,
        reads=BOOT_READS,
        assess=assess_timekeeping,
        reboot=True,
    ),
)
