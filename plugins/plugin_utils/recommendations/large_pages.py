# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""large_pages: huge pages set aside with judgement.

Pages of hugetlbfs are locked: they cannot be swapped, the balloon cannot take them, and programs that do not ask for them cannot
use them. So they must leave the rest of the guest room, be used, be backed by a reservation, and come again at the next boot.
Whether a guest should have them is its application's question: ``large_pages_count`` sets them aside; without it only what is
there is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import reads, remedy, unreadable
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import huge_pages_kib, meminfo
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    kernel_argument_assignments,
    winner,
)

KEY = "vm.nr_hugepages"
MIB = 1024  # KiB

#: The part of memory that huge pages may hold, in per cent: the kernel, its caches and every other program live in the rest.
MOST = 80
#: Pages that nobody uses or has reserved, in per cent of all: a few are the application's rounding.
UNUSED = 5


@dataclass(frozen=True)
class Pages:
    """Huge pages of the default size: ``total``, ``free``, ``reserved`` are numbers of pages (/proc/meminfo).

    ``others_kib`` is what pages of other sizes hold, of which neither vm.nr_hugepages nor those numbers tell.
    """

    size_kib: int
    total: int
    free: int
    reserved: int
    others_kib: int

    @property
    def unused(self) -> int:
        """Pages that no program has, and none has been promised."""
        return max(0, self.free - self.reserved)

    @property
    def in_use(self) -> int:
        """Pages that cannot be given back now."""
        return self.total - self.unused

    @property
    def others(self) -> str:
        """Pages of other sizes, as the end of a sentence; nothing where there are none."""
        return f", and {self.others_kib // MIB} MiB in pages of other sizes" if self.others_kib else ""

    def mib(self, pages: int) -> int:
        """A number of pages in MiB."""
        return pages * self.size_kib // MIB

    def held_kib(self, pages: int) -> int:
        """What so many pages of the default size hold together with those of other sizes."""
        return pages * self.size_kib + self.others_kib


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The pages that are there now and at boot; and those that ``large_pages_count`` asks for."""
    amounts = meminfo(evidence)
    if "MemTotal" not in amounts:
        return unknown("/proc/meminfo could not be read")
    if not amounts.get("Hugepagesize"):
        return not_applicable("this kernel has no hugetlb pages")
    closed = unreadable(evidence, KEY)
    if closed:
        return closed
    total, free = amounts.get("HugePages_Total", 0), amounts.get("HugePages_Free", 0)
    size = amounts["Hugepagesize"]
    others_kib = max(0, huge_pages_kib(evidence) - total * size)
    pages = Pages(size, total, free, amounts.get("HugePages_Rsvd", 0), others_kib)
    at_boot, owner = _at_boot(evidence)
    now = int(evidence.sysctl.now(KEY) or 0)
    count = options["large_pages_count"]
    sides = {
        "runtime": f"{now} pages of {size} KiB, {pages.unused} of them unused{pages.others}",
        "persistent": "set by size in the boot options" if at_boot is None else f"{at_boot} pages",
        "desired": "what is set aside is used, reserved and comes again" if count is None else f"{count} pages",
        "owner": owner,
    }
    if count is None and not now and not others_kib and at_boot == 0:
        return compliant("no memory is set aside in huge pages", **sides)
    wanted = now if count is None else count
    trouble = _too_much(evidence, options, pages, wanted, amounts["MemTotal"])
    if trouble:
        return manual(trouble, **sides)
    if count is None:
        return _judged(pages, now, at_boot, owner, sides)
    if count < pages.in_use:
        return manual(
            f"large_pages_count is {count} and {pages.in_use} are in use: stop what uses them first, or raise the count",
            **sides,
        )
    if at_boot is None:
        return manual(
            "the boot options set huge pages by their size (hugepagesz=): a number of pages beside them is theirs",
            **sides,
        )
    if now == count == at_boot:
        return compliant(f"{count} pages are set aside, as large_pages_count asks", **sides)
    lacking = (count - now) * size
    if lacking > amounts.get("MemAvailable", lacking):
        return manual(
            f"{lacking // MIB} MiB more in huge pages are more than is available now: set vm.nr_hugepages={count} in sysctl.d and "
            "reboot, so that they are set aside while memory is whole",
            **sides,
        )
    steps, obstacle = remedy(evidence, "large_pages", {KEY: str(count)}, {KEY: str(at_boot) if at_boot else "0"})
    if obstacle:
        return manual(f"{now} pages now, {at_boot} at the next boot; {obstacle}", **sides)
    if now == count:
        return not_persistent(f"{now} pages now, and {at_boot} at the next boot ({owner})", remedy=steps, **sides)
    return noncompliant(f"{now} pages are set aside, large_pages_count asks for {count}", remedy=steps, **sides)


def _at_boot(evidence: Evidence) -> tuple[int | None, str]:
    """The number at the next boot and who sets it; None where the boot options give sizes of their own."""
    numbers = kernel_argument_assignments(evidence, "hugepages")
    by_size = kernel_argument_assignments(evidence, "hugepagesz")
    argument = winner(numbers)
    boot = winner(evidence.sysctl.at_boot(KEY))
    if boot and boot.value.isdigit():
        return int(boot.value), boot.owner
    # hugepagesz= without a number sets none: its pages are asked for later.
    if by_size and any(number.value.strip("0") for number in numbers):
        return None, by_size[-1].owner
    if argument and argument.value.isdigit():
        return int(argument.value), argument.owner
    return 0, "the kernel's default"


def _too_much(evidence: Evidence, options: Options, pages: Pages, wanted: int, memory_kib: int) -> str | None:
    """Why so many pages are too many for this guest, None where they are not."""
    held = pages.held_kib(wanted)
    if held * 100 > memory_kib * MOST:
        return (
            f"{held // MIB} of {memory_kib // MIB} MiB in huge pages: more than {MOST} % leaves kernel and other programs too "
            "little; give the guest more memory or set fewer aside"
        )
    reserved = evidence.memory.reservation_mib
    if options["large_pages_require_reservation"] and reserved is not None and held // MIB > reserved:
        return (
            f"the balloon cannot take {held // MIB} MiB in huge pages, and {reserved} MiB are reserved: reserve at least "
            f"{held // MIB} MiB for this guest in vCenter, or set large_pages_require_reservation to false"
        )
    return None


def _judged(pages: Pages, now: int, at_boot: int | None, owner: str, sides: dict[str, str]) -> Verdict:
    """What somebody has set aside, judged without knowing for whom. Who uses pages of other sizes is not asked."""
    if at_boot is None and not pages.held_kib(now):
        return manual(
            f"{owner} sets huge pages by their size, and the kernel has none. Where the guest was booted since, look for HugeTLB "
            "in its log: memory may not have been there in one piece, and pages of 1 GiB need the CPU feature pdpe1gb",
            **sides,
        )
    if at_boot is not None and now < at_boot:
        return pending_reboot(
            f"{owner} sets {at_boot} pages and the kernel found room for {now}: memory was fragmented, and is not after a boot",
            **sides,
        )
    if at_boot is not None and now > at_boot:
        return manual(
            f"{now} pages are set aside and the next boot sets {at_boot} ({owner}): set large_pages_count to {now} to keep them",
            **sides,
        )
    if pages.unused * 100 > pages.total * UNUSED:
        return manual(
            f"{pages.unused} of {pages.total} huge pages ({pages.mib(pages.unused)} MiB) are used by no program and can be used by "
            "no other: if what they are for is running, set fewer aside",
            **sides,
        )
    return compliant(f"{now} pages are set aside and used{pages.others}", **sides)


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    count = options["large_pages_count"]
    return f"large_pages_count is {count}: expected 0 or more" if count is not None and count < 0 else None


RECOMMENDATIONS = (
    Recommendation(
        id="large_pages",
        area="memory",
        title="Huge pages set aside with judgement",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk=(
            "VMware supports large pages, which improves performance greatly. They should be used judiciously: Linux locks them, "
            "and they cannot be swapped or used for other purposes."
        ),
        today=(
            "Right. What is set aside must leave the rest of the guest room, be used, be reserved on the host, because the balloon "
            "cannot take it, and come again at the next boot."
        ),
        risk="Too many starve the rest of the guest. Pages that are asked for long after the boot may not be found in one piece.",
        source="Linux Documentation/admin-guide/mm/hugetlbpage.rst; VMware vSphere Resource Management (memory balloon)",
        reads=(*reads("large_pages", KEY), *MEMORY, *BOOT),
        assess=assess,
        measures=True,
    ),
)
