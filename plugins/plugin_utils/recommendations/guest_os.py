# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role guest_os: a release that still gets updates, the kernel that they brought, and one that runs on any host.

Drivers, timers and what the kernel knows of VMware come with the kernel, no longer with VMware Tools: an old one has old answers.
Updates themselves are the patch process's: nothing is replaced here, and an older package may not be there any more to go back to.
A kernel that somebody has approved (guest_os_kernel) is added beside the others, which stay.

Three questions are of 32-bit days: a 64-bit kernel, no kernel with 4 GB for each of user and kernel (hugemem), no kernel that
counts on VMI, the paravirtual interface that ESXi 5 no longer has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import (
    TOLD_ENOUGH,
    Wish,
    generated,
    no_new_menu,
    normal_entries,
    wish_verdict,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_arguments import PINNED, kept, named
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.kernel_package import add_kernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import no_packages
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.support_dates import Release, release_of
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import BootEntry, Loader, configured_default
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.calendar import READS as CALENDAR_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.calendar import today
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.clock import READS as CLOCK_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.cpu import READS as CPU_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import READS as MODULE_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import X86_32
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries

#: Left by package managers until the next boot: update-notifier (Debian, Ubuntu), zypper.
REBOOT_MARKS = ("/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed")
#: Drivers that are built on the guest, for each of its kernels.
DKMS = "/var/lib/dkms/*"
#: An end of support is named in the reason this long before.
SOON = timedelta(days=180)


# ---- guest_os_current ------------------------------------------------------------------------------------------------


def assess_current(evidence: Evidence, options: Options) -> Verdict:
    """The release gets updates, and its newest kernel here is the one that the boot loader starts by itself, and that runs."""
    platform = evidence.platform
    distribution, running = platform.distribution, platform.kernel.release
    release = release_of(distribution.id, distribution.major, distribution.minor)
    if release is None:
        return unknown(f"when support of {distribution.name} ends is not known here (engine/support_dates.py)")
    day = today(evidence)
    if day is None:
        return unknown("the guest's own date cannot be read in /proc/stat and /proc/uptime")
    if not running:
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    ended = _ended(release, day, options["guest_os_extended_support"])
    sides = {"runtime": running, "desired": "a supported release, and its newest kernel"}
    if ended:
        return manual(
            f"updates for {distribution.name} ended on {ended}. Move to a release that gets them{_contract(release, day)}",
            **sides,
        )
    wanted = options["guest_os_kernel"]
    mark = next((path for path in REBOOT_MARKS if evidence.entry(path)), None)
    if mark:
        return pending_reboot(f"{mark} says that updates wait for a reboot", owner=mark, **sides)
    entry = evidence.boot.default
    next_release = _release(evidence, entry) if entry else ""
    if entry is None or not next_release:
        problem = evidence.boot.problem or "the boot loader's default entry does not name a release"
        return unknown(f"which kernel the next boot starts cannot be told: {problem}", **sides)
    if wanted and _order(next_release) < _order(wanted):
        return _kernel_verdict(evidence, wanted, entry, next_release)
    newest = _newest(evidence, next_release)
    # An approved kernel is what somebody wants to boot, whatever else is there.
    approved = wanted and _order(next_release) == _order(wanted)
    in_menu = newest in [_release(evidence, other) for other in evidence.boot.entries]
    # It was in the menu when it was started: one that runs and is no more was taken out, by a revert or by its package's removal.
    taken_out = newest == running and not in_menu
    if _order(newest) > _order(next_release) and not approved and not taken_out:
        how = "make it the entry that boots by itself" if in_menu else "have the boot menu made anew, which lacks it"
        return manual(
            f"kernel {newest} is installed, and the next boot starts {next_release}: {how}; where the older one was chosen on "
            "purpose, waive this, or name it in guest_os_kernel",
            **{**sides, "persistent": next_release, "desired": newest, "owner": entry.source},
        )
    if next_release != running:
        return pending_reboot(
            f"the next boot starts kernel {next_release}", persistent=next_release, owner=entry.source, **sides
        )
    boot = evidence.boot
    if boot.problem and boot.loader not in TOLD_ENOUGH and not approved:
        return unknown(
            f"whether a newer kernel is installed cannot be told: {boot.problem}", persistent=next_release, **sides
        )
    return compliant(
        f"{distribution.name} gets updates{_until(release, day)}, and the kernel that runs is the one that boots.",
        persistent=next_release,
        **sides,
    )


#: A kernel's release: its version, and its flavour where it has one (``6.8.0-1020-aws``, ``5.14.0-503.el9.x86_64``).
_KERNEL = re.compile(
    r"(?P<version>[0-9]+\.[0-9]+[0-9A-Za-z.+~_]*(?:-[0-9][0-9A-Za-z.+~_]*)?)(?:-(?P<flavour>[a-z][a-z0-9-]*))?\Z"
)


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    wanted = options["guest_os_kernel"]
    if wanted and not _KERNEL.match(wanted):
        return (
            f"'guest_os_kernel' is '{wanted}'; expected the release of a kernel, as uname -r tells it, such as "
            "6.1.0-40-amd64."
        )
    return None


def _order(release: str) -> tuple[tuple[int, str], ...]:
    """What a release's version is compared by: of two kernels of one distribution the newer one's is greater. A number is newer
    than a word, as rpm has it: 5.14.0-427.5.1.el9_4 comes after 5.14.0-427.el9."""
    match = _KERNEL.match(release)
    words = re.findall(r"[0-9]+|[A-Za-z]+", match["version"] if match else release)
    return tuple((int(word), "") if word.isdigit() else (-1, word) for word in words)


def _kind(release: str) -> list[str]:
    """The words of a release, which are those of its distribution and flavour: ``el``, ``uek``, ``x``; ``cloud``, ``amd``."""
    return re.findall(r"[A-Za-z]+", release)


def _newest(evidence: Evidence, release: str) -> str:
    """The newest kernel of the same kind that is in the boot menu, or in /boot with modules to it."""
    image = "/boot/vmlinuz-"
    images = [found.path.removeprefix(image) for found in evidence.entries("/boot/*") if found.path.startswith(image)]
    installed = [_release(evidence, entry) for entry in normal_entries(evidence.boot)]
    installed += [name for name in images if evidence.entry(f"/lib/modules/{name}/modules.dep")]
    return max((other for other in installed if _kind(other) == _kind(release)), key=_order, default=release)


def _flavour(release: str) -> str | None:
    match = _KERNEL.match(release)
    return match["flavour"] if match else None


def _kernel_verdict(evidence: Evidence, wanted: str, entry: BootEntry, next_release: str) -> Verdict:
    """The approved kernel is newer than the one that boots."""
    reason = f"the next boot starts kernel {next_release}, and guest_os_kernel asks for {wanted}"
    sides = {
        "runtime": evidence.platform.kernel.release,
        "persistent": next_release,
        "desired": wanted,
        "owner": entry.source,
    }
    hindrance = _no_kernel(evidence, wanted, entry)
    if hindrance:
        return manual(f"{reason}. It is not installed by this role: {hindrance}", **sides)
    return noncompliant(reason, remedy=(add_kernel(wanted, evidence.boot.config),), reboot=True, **sides)


def _no_kernel(evidence: Evidence, wanted: str, entry: BootEntry) -> str | None:
    """Why the approved kernel is not installed here, with what to do instead."""
    platform, boot = evidence.platform, evidence.boot
    hindrance = no_packages(evidence)
    if hindrance:
        return hindrance
    if platform.distribution.family != "debian":
        return (
            f"{platform.distribution.name}'s packages write the boot loader's entries before the image is proved. Install it by "
            "the package manager, and reboot"
        )
    if boot.loader is not Loader.GRUB2:
        return f"with {boot.loader.value} the next boot is not changed here. Install it by apt, and reboot"
    if boot.problem:
        return f"the boot menu is not wholly understood ({boot.problem}). Install it by apt, and reboot"
    hindrance = no_new_menu(evidence)
    if hindrance:
        return hindrance
    default = configured_default(evidence, drop_ins=True)
    if default != "0" or entry is not boot.entries[0] or not generated(evidence, entry.source):
        return (
            f"GRUB_DEFAULT={default} or an entry of one's own says what boots, not the kernel's age. Install it by apt"
        )
    if evidence.entry(f"/boot/vmlinuz-{wanted}"):
        return f"/boot/vmlinuz-{wanted} is there, and the menu does not start it: run update-grub"
    # What runs has the drivers of this machine: Debian's kernel for clouds has none of VMware's.
    if _flavour(wanted) != _flavour(platform.kernel.release):
        return f"{platform.kernel.release} runs, of another flavour: take the package of that one"
    newer = [other.release for other in boot.entries if _order(other.release) >= _order(wanted)]
    if newer:
        return f"{newer[0]} is in the menu, and would still be the first"
    built = [*evidence.modules.foreign, *(module.path for module in evidence.entries(DKMS) if module.kind == "d")]
    if built:
        return f"{built[0]} is built for each kernel, and may not build for this one. Install it by apt"
    return None


def _last_day(release: Release, contract: bool) -> date | None:
    """The last day of updates, with those of a contract (or for everybody) where there are such."""
    return release.extended if release.extended and (contract or release.free) else release.end


def _ended(release: Release, day: date, contract: bool) -> date | None:
    end = _last_day(release, contract)
    return end if end and end < day else None


def _contract(release: Release, day: date) -> str:
    if release.extended and not release.free and release.extended >= day:
        return (
            f"; the vendor sells updates until {release.extended}: where there is such a contract, set "
            "guest_os_extended_support"
        )
    return ""


def _until(release: Release, day: date) -> str:
    """When that ends, where it is soon, or where the usual end is past."""
    past = release.end is not None and release.end < day
    end = _last_day(release, contract=past)
    if end is None or (not past and end - day > SOON):
        return ""
    return f" until {end}"


def _release(evidence: Evidence, entry: BootEntry) -> str:
    """The release of an entry's kernel, by its name or by the name that it links to."""
    if entry.release:
        return entry.release
    if entry.kernel.startswith("/boot/") and entry.kernel.count("/") == 2:
        link = evidence.entry(entry.kernel)
        if link and link.target:
            return link.target.rpartition("/")[2].partition("-")[2]
    return ""


# ---- kernel_64bit ----------------------------------------------------------------------------------------------------


def assess_64bit(evidence: Evidence, options: Options) -> Verdict:
    """A 64-bit kernel where the processor has that mode."""
    machine = evidence.platform.machine
    sides = {"runtime": machine, "desired": "x86_64"}
    if not machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if machine in ("x86_64", "aarch64"):
        return compliant("the kernel is a 64-bit one.", **{**sides, "desired": machine})
    if machine not in X86_32:
        return not_applicable(f"it is about kernels of the i386 family (this is {machine})")
    if evidence.cpu.long_mode is None:
        return unknown("whether the processor has a 64-bit mode cannot be read in /proc/cpuinfo", **sides)
    if not evidence.cpu.long_mode:
        return not_applicable("its processor has no 64-bit mode")
    return manual(
        "the kernel has 32 bits on a processor of 64: memory above 896 MiB is reached by detours. It cannot be upgraded in place: "
        "install a 64-bit guest and move to it",
        **sides,
    )


# ---- kernel_no_4g4g --------------------------------------------------------------------------------------------------

#: Red Hat recommends hugemem above this; the smp kernel ends at the second.
HUGEMEM_ADVISED_KIB, SMP_LIMIT_KIB = 8 * 1024 * 1024, 16 * 1024 * 1024


def assess_4g4g(evidence: Evidence, options: Options) -> Verdict:
    """Neither the kernel that runs nor the one that boots is a hugemem kernel."""
    platform = evidence.platform
    distribution = platform.distribution
    if not platform.machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if platform.machine not in X86_32 or distribution.family != "redhat" or distribution.major not in (3, 4):
        return not_applicable("only 32-bit RHEL 3 and 4 had such a kernel (kernel-hugemem)")
    entry = evidence.boot.default
    at_boot = entry.release if entry else ""
    running = platform.kernel.release
    if not running or not at_boot:
        return unknown(
            evidence.boot.problem or "which kernel runs, or which the boot loader starts, cannot be told",
            runtime=running or None,
        )
    sides = {
        "runtime": running,
        "persistent": at_boot,
        "desired": "the smp kernel",
        "owner": entry.source if entry else None,
    }
    if not running.endswith("hugemem") and not at_boot.endswith("hugemem"):
        return compliant("no kernel with 4 GB for each of user and kernel.", **sides)
    total = evidence.memory.total_kib
    if total is None:
        return unknown("how much memory it has cannot be read in /proc/meminfo", **sides)
    if total > HUGEMEM_ADVISED_KIB:
        why = "the smp kernel ends at 16 GB" if total > SMP_LIMIT_KIB else "Red Hat advises hugemem from 8 GB on"
        return compliant(f"{why}: kernel_64bit says what is better.", **sides)
    smp = at_boot.removesuffix("hugemem") + "smp"
    return manual(
        f"each call of the kernel changes page tables, which a VM pays for several times. Install kernel-smp, then "
        f"grubby --set-default=/boot/vmlinuz-{smp}, and reboot",
        **sides,
    )


# ---- kernel_no_vmi ---------------------------------------------------------------------------------------------------

#: The kernels that had VMI: mainline, and SLES 10 from service pack 2 on.
VMI_FIRST, VMI_LAST = (2, 6, 21), (2, 6, 36)
_VMI_FLAVOURS = ("vmi", "vmipae")


def assess_vmi(evidence: Evidence, options: Options) -> Verdict:
    """Nothing that runs or boots counts on VMI."""
    platform = evidence.platform
    distribution, version = platform.distribution, platform.kernel.version
    if not platform.machine:
        return unknown("its architecture is not known: uname -m did not answer")
    if platform.machine not in X86_32:
        return not_applicable("VMI was for 32-bit kernels only")
    if version == (0, 0, 0):
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    sles10 = distribution.family == "suse" and distribution.major == 10 and distribution.minor >= 2
    if not sles10 and not VMI_FIRST <= version <= VMI_LAST:
        return not_applicable(f"kernel {platform.kernel.release} has no VMI")
    entry = evidence.boot.default
    if entry is None:
        return unknown(f"which kernel the next boot starts cannot be told: {evidence.boot.problem}")
    running, at_boot = platform.kernel.release, entry.release
    sides = {"runtime": running, "persistent": at_boot, "desired": "a kernel without VMI", "owner": entry.source}
    if any(name.endswith(tuple("-" + flavour for flavour in _VMI_FLAVOURS)) for name in (running, at_boot)):
        return manual(
            "a kernel made for VMI, which ESXi 5 and later do not have: install kernel-pae (or -smp), make it the default entry, "
            "and reboot",
            **sides,
        )
    if evidence.clock.current == "vmi-timer":
        return manual(
            "the kernel counts time by VMI: no ESXi from 5 on has it. Set vmi.present = FALSE in the VM's configuration, and "
            "upgrade the guest",
            **sides,
        )
    return compliant("nothing counts on VMI.", **sides)


# ---- kernel_portable -------------------------------------------------------------------------------------------------

_4_GB = 4 * 1024 * 1024


@dataclass(frozen=True)
class _Flavour:
    """A kernel that an installer chose for the machine that it ran on: the end of its release, in small letters; what it was made
    for; and the memory from which on it is needed, where that was the reason."""

    end: str
    made_for: str
    needed_from_kib: int | None = None


_FLAVOURS = (
    _Flavour("-k7", "AMD's K7"),
    _Flavour("-686", "Intel's processors since the Pentium Pro"),
    _Flavour("xen", "Xen"),
    _Flavour("hugemem", "much memory", HUGEMEM_ADVISED_KIB),
    _Flavour("pae", "more than 4 GB of memory", _4_GB),
    _Flavour("bigsmp", "more than 4 GB of memory", _4_GB),
)
#: The level of x86-64 that a distribution was compiled for.
_COMPILED_FOR = {("redhat", 9): 2, ("redhat", 10): 3, ("suse", 16): 2}


def assess_portable(evidence: Evidence, options: Options) -> Verdict:
    """The kernel is one for every host, and no argument holds it to the machine that it was installed on."""
    if not evidence.platform.kernel.release:
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease")
    found = _assess_flavour(evidence)
    if found is not None:
        return found
    return wish_verdict(
        evidence,
        Wish(
            lambda word: named(word, PINNED) and not kept(word, options["guest_os_keep_arguments"]),
            (),
            normal_entries(evidence.boot),
        ),
        "no argument that holds it to one machine",
        "no argument holds it to one machine." + _level(evidence),
    )


def _flavour_of(evidence: Evidence, release: str) -> _Flavour | None:
    """Of 32-bit kernels all of them; Xen's had 64 bits, too."""
    ends = _FLAVOURS if evidence.platform.machine in (*X86_32, "") else [one for one in _FLAVOURS if one.end == "xen"]
    return next((one for one in ends if release.lower().endswith(one.end)), None)


def _assess_flavour(evidence: Evidence) -> Verdict | None:
    """A kernel that runs or boots was chosen for one machine, and this one does not need it; None where none was."""
    default = evidence.boot.default
    running, at_boot = evidence.platform.kernel.release, default.release if default else ""
    now, then = _flavour_of(evidence, running), _flavour_of(evidence, at_boot)
    sides = {
        "runtime": running,
        "persistent": at_boot or None,
        "desired": "a kernel for every host",
        "owner": default.source if default else None,
    }
    total = evidence.memory.total_kib
    for release, flavour in ((at_boot, then), (running, now)):
        if flavour is None:
            continue
        if flavour.needed_from_kib is not None:
            if total is None:
                return unknown(
                    f"its kernel {release} is for {flavour.made_for}, and how much it has cannot be read in /proc/meminfo",
                    **sides,
                )
            if total >= flavour.needed_from_kib:
                continue
        reason = f"kernel {release} was made for {flavour.made_for}, as the machine had that it was installed on"
        if release == running and at_boot and then is None:
            return pending_reboot(f"{reason}; {at_boot} boots next", **sides)
        return manual(
            f"{reason}: install the distribution's general kernel, make it the default entry, and reboot; on a 64-bit processor a "
            "64-bit guest is the better way",
            **sides,
        )
    return None


def _level(evidence: Evidence) -> str:
    """What the VM offers, and what is asked of it: with less than that the guest would not run, so it is news, no finding."""
    distribution, level = evidence.platform.distribution, evidence.cpu.level
    if not level or evidence.platform.machine != "x86_64":
        return ""
    asked = _COMPILED_FOR.get((distribution.family, distribution.major))
    wants = f", {distribution.name} asks for v{asked}" if asked else ""
    return f" The VM offers x86-64-v{level}{wants}."


RECOMMENDATIONS = (
    Recommendation(
        id="guest_os_current",
        area="platform",
        title="Run a release that gets updates, and its newest kernel",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Upgrade! Performance issues are often ironed out in patch and update releases of the guest.",
        today=(
            "More so: since kernel 3.10 VMware's drivers come with the kernel, and an update of it is an update of them."
        ),
        risk=(
            "Updates are the patch process's business: this only reports. With guest_os_kernel it adds that kernel on Debian and "
            "Ubuntu, which starts at the next boot; the older ones stay in the menu."
        ),
        source="open-vm-tools README; endoflife.date and the vendors' pages that it links",
        reads=(*BOOT_READS, *CALENDAR_READS, *MODULE_READS, entries(*REBOOT_MARKS, DKMS)),
        assess=assess_current,
        reboot=True,
    ),
    Recommendation(
        id="kernel_64bit",
        area="platform",
        title="Run a 64-bit kernel",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="The 64-bit kernel will generally give better performance.",
        today="Settled: RHEL since 7 and SLES since 12 have no other.",
        risk="None: it is only looked at. The way is a new guest.",
        no_remedy="A 32-bit system cannot become a 64-bit one in place: a new guest is installed, and the data moved.",
        source="the talk; x86-64 psABI; Linux arch/x86/include/asm/cpufeatures.h",
        reads=CPU_READS,
        assess=assess_64bit,
    ),
    Recommendation(
        id="kernel_no_4g4g",
        area="platform",
        title="Run no hugemem kernel",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Avoid kernels with 4G/4G for 32-bit VMs.",
        today="Gone with RHEL 4. It changes page tables at every crossing between user and kernel.",
        risk="The smp kernel ends at 16 GB, and databases with more than 8 GB need hugemem's room for the kernel.",
        no_remedy="A database with more than 8 GB may need hugemem's room for the kernel, and another kernel must come first.",
        source="Red Hat, Tuning and Optimizing Red Hat Enterprise Linux for Oracle, hugemem kernel",
        reads=BOOT_READS,
        assess=assess_4g4g,
    ),
    Recommendation(
        id="kernel_no_vmi",
        area="platform",
        title="Do not rely on VMI",
        severity=Severity.LOW,
        baseline="audit",
        talk="CPU paravirtualisation (VMI) no longer gains anything, and will be deprecated.",
        today="It was taken out of ESXi 5.0 and of the kernel; the old advice to use a VMI kernel (KB 1006427) is now wrong.",
        risk="None: it is only looked at.",
        no_remedy="Another kernel is a package of its own and takes a reboot, and vmi.present is the VM's configuration.",
        source="VMware KB 1006427 and its notes; ESXi 5.0 release notes; Linux arch/x86/kernel/vmiclock_32.c",
        reads=(*BOOT_READS, *CLOCK_READS),
        assess=assess_vmi,
    ),
    Recommendation(
        id="kernel_portable",
        area="platform",
        title="Do not tie the kernel to one machine",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Distributions choose a kernel for the processor and memory that they are installed on; a VM moves to others.",
        today=(
            "Such kernels (PAE, bigsmp, 686, K7, Xen) are gone with 32 bits. What is left are arguments of one "
            "machine (mem=, maxcpus=, clearcpuid=), often from before a P2V, which keep what is added later from being used."
        ),
        risk=(
            "An argument may be wanted (maxcpus= for a licence, mem= in a test): guest_os_keep_arguments leaves it. It takes "
            "effect at the next boot."
        ),
        source="Linux Documentation/admin-guide/kernel-parameters.txt; x86-64 psABI, micro-architecture levels",
        reads=(*BOOT_READS, *CPU_READS, *MEMORY_READS),
        assess=assess_portable,
        reboot=True,
    ),
)
