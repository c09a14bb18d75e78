# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""page_sharing, zram_swap, dirty_writeback, numa_visibility: settings of memory.

- page_sharing: hosts share pages between guests no more (VMware KB 2080735), and a guest that shares its own (KSM) spends CPU on
  what the host would not see.
- zram_swap: swap in compressed memory gives the balloon nothing.
- dirty_writeback: how much a program may write before it has to wait for the disk; of much memory the kernel's per cent are much.
  How much is right the site says, by ``memory_settings_dirty_highest``.
- numa_visibility: from 9 vCPUs on a guest sees the host's nodes; ``numa=off`` hides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import (
    Wish,
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
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import reads, remedy, unreadable
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import winner
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import kernel_file

MIB = 1024  # KiB
KSM = "/sys/kernel/mm/ksm/run"
#: Where it is, the guest runs guests of its own, for which KSM was made.
HYPERVISOR = "/dev/kvm"

RATIO, BYTES = "vm.dirty_ratio", "vm.dirty_bytes"
BACKGROUND_RATIO, BACKGROUND_BYTES = "vm.dirty_background_ratio", "vm.dirty_background_bytes"
#: Writing one of the two sets the other to 0.
RATIOS = {BYTES: RATIO, BACKGROUND_BYTES: BACKGROUND_RATIO}
#: The kernel's own (mm/page-writeback.c).
DIRTY = {RATIO: "20", BYTES: "0", BACKGROUND_RATIO: "10", BACKGROUND_BYTES: "0"}
#: Below this much memory the kernel's per cent are what a disk writes in a moment.
MUCH_MEMORY_KIB = 15 * 1024 * MIB

CPUS = "/sys/devices/system/cpu/online"
NODES = "/sys/devices/system/node/node[0-9]*"
#: vSphere shows nodes to guests with more vCPUs than these.
ONE_NODE = 8


def assess_page_sharing(evidence: Evidence, options: Options) -> Verdict:
    """Whether KSM runs in a guest that has no guests."""
    file = evidence.file(KSM)
    if file.state is State.MISSING:
        return not_applicable("this kernel shares no pages (no KSM)")
    if file.value not in ("0", "1", "2"):
        return unknown(f"{KSM} could not be read")
    sides = {"runtime": file.value, "desired": "0 or 2"}
    if file.value != "1":
        return compliant(
            "KSM does not run; the host shares pages within this guest only: plan its memory without", **sides
        )
    if evidence.entry(HYPERVISOR):
        return compliant("KSM runs, and this guest can run guests of its own, for which it was made", **sides)
    return manual(
        "KSM runs: it spends CPU to share pages that the host would not see. Stop what starts it (systemctl disable --now ksm "
        f"ksmtuned) and give the pages back with 2 in {KSM}",
        **sides,
    )


def assess_zram_swap(evidence: Evidence, options: Options) -> Verdict:
    """Whether there is swap beside zram."""
    memory = evidence.memory
    if memory.swaps is None:
        return unknown("/proc/swaps could not be read")
    if not memory.zram_kib:
        return not_applicable("it has no swap in zram")
    sides = {
        "runtime": f"zram {memory.zram_kib // MIB} MiB, other swap {memory.swap_kib // MIB} MiB",
        "desired": "other swap beside zram",
    }
    if memory.swap_kib:
        return compliant("there is swap beside zram; swap_size says whether it is enough", **sides)
    return manual(
        "all swap is zram, which compresses memory into the same memory and gives the balloon nothing: add swap on disk (role "
        "swap_size), or reserve the memory in vCenter",
        **sides,
    )


def assess_dirty_writeback(evidence: Evidence, options: Options) -> Verdict:
    """How much may be dirty, now and at the next boot, against ``memory_settings_dirty_highest``."""
    total = evidence.memory.total_kib
    if total is None:
        return unknown("/proc/meminfo could not be read")
    if total < MUCH_MEMORY_KIB:
        return not_applicable(f"it has {total // MIB} MiB of memory, of which the kernel's percentages are little")
    closed = unreadable(evidence, RATIO)
    if closed:
        return closed
    sysctl = evidence.sysctl
    ratio, absolute = (winner(sysctl.at_boot(key, DIRTY[key])) for key in (RATIO, BYTES))
    now = _dirty(sysctl.now(RATIO), sysctl.now(BYTES), total)
    then = _dirty(ratio.value if ratio else DIRTY[RATIO], absolute.value if absolute else None, total)
    if now is None:
        return unknown(f"{kernel_file(RATIO)} could not be read")
    boot = absolute if absolute and absolute.value != "0" else ratio
    owner = boot.owner if boot else "the kernel's default"
    highest = options["memory_settings_dirty_highest"]
    sides = {
        "runtime": str(now),
        "persistent": str(then) if then else boot and boot.value,
        "desired": f"at most {highest} MiB" if highest is not None else None,
        "owner": owner,
    }
    well_now = highest is None or now.mib <= highest
    well_then = highest is None or (then is not None and then.mib <= highest and (boot is None or boot.certain))
    if well_now and well_then:
        return compliant(f"up to {now.mib} MiB may wait to be written before programs do", **sides)
    reason = (
        f"up to {now.mib} MiB may wait to be written, then every program that writes waits for the disk; "
        f"memory_settings_dirty_highest allows {highest} MiB"
        if not well_now
        else f"{now.mib} MiB may wait to be written now, but at the next boot {sides['persistent']} ({owner}); "
        f"memory_settings_dirty_highest allows {highest} MiB"
    )
    if sysctl.now(BYTES) is None:
        return manual(
            f"{reason}: this kernel has no {BYTES}; lower {RATIO}, of which one per cent is {total // 100 // MIB} MiB",
            **sides,
        )
    # The kernel's threads begin to write at a quarter, so that no program has to wait as long as they keep up.
    wanted = {BYTES: str(highest * MIB * 1024), BACKGROUND_BYTES: str(highest * MIB * 1024 // 4)}
    wanted = {key: value for key, value in wanted.items() if sysctl.now(key) is not None}
    steps, obstacle = remedy(evidence, "memory_settings", wanted, DIRTY, keep=well_then)
    if obstacle:
        return manual(f"{reason}; {obstacle}", **sides)
    steps = (*steps, *_ratios_given_up(evidence, wanted))
    return (not_persistent if well_now else noncompliant)(reason, remedy=steps, **sides)


@dataclass(frozen=True)
class _Dirty:
    """How many MiB may be dirty, and by which per cent of memory, None where the amount is absolute."""

    mib: int
    percent: int | None

    def __str__(self) -> str:
        return f"{self.mib} MiB" + (f" ({self.percent} % of memory)" if self.percent is not None else "")


def _dirty(ratio: str | None, absolute: str | None, total_kib: int) -> _Dirty | None:
    """From the two sysctls, of which one is 0; None where they are no numbers."""
    if absolute and absolute.isdigit() and int(absolute):
        return _Dirty(int(absolute) // (MIB * 1024), None)
    if ratio is None or not ratio.isdigit():
        return None
    return _Dirty(total_kib * int(ratio) // 100 // MIB, int(ratio))


def _ratios_given_up(evidence: Evidence, wanted: Mapping[str, str]) -> list[WriteKernel]:
    """The way back from bytes to per cent: after bytes were written their ratio is 0 already, and these steps write nothing.

    Undone, and that is first of all, they write the ratio, by which the kernel takes its bytes back: it refuses to have 0 of
    them written (mm/page-writeback.c).
    """
    pairs = [(RATIOS[key], evidence.sysctl.now(RATIOS[key])) for key in wanted]
    return [WriteKernel(kernel_file(ratio), now, "0") for ratio, now in pairs if now not in (None, "0")]


def assess_numa_visibility(evidence: Evidence, options: Options) -> Verdict:
    """Whether numa=off hides the nodes of a guest that has some."""
    cpus = _count(evidence.file(CPUS).value)
    if cpus is None:
        return unknown(f"{CPUS} could not be read")
    if cpus <= ONE_NODE:
        return not_applicable(f"it has {cpus} vCPUs, which are one node")
    nodes = len(evidence.entries(NODES))
    wish = Wish(lambda word: word == "numa=off", (), normal_entries(evidence.boot))
    return wish_verdict(
        evidence,
        wish,
        "no numa=off",
        f"{cpus} vCPUs and {nodes} node{'s' if nodes != 1 else ''}; what the host shows is vCenter's to say",
    )


def _count(ranges: str) -> int | None:
    """``0-3,8`` is 5."""
    total = 0
    for part in ranges.split(","):
        first, dummy, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            return None
        total += int(last or first) - int(first) + 1
    return total


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    highest = options["memory_settings_dirty_highest"]
    wrong = highest is not None and highest < 1
    return f"memory_settings_dirty_highest is {highest}: expected 1 or more" if wrong else None


RECOMMENDATIONS = (
    Recommendation(
        id="page_sharing",
        area="memory",
        title="No page sharing in the guest, and no reliance on the host's",
        severity=Severity.INFO,
        baseline="audit",
        talk="Memory savings with page sharing.",
        today=(
            "Between guests it is off by default since ESXi 6.0 and updates of 5.x (VMware KB 2080735): identical guests no longer "
            "save host memory. In the guest KSM is for hypervisors."
        ),
        risk="None: it is only looked at.",
        no_remedy=(
            "What started KSM (a service, a script, an administrator) is not told by the kernel's switch, and would start it again."
        ),
        source="VMware KB 2080735; Linux Documentation/admin-guide/mm/ksm.rst",
        reads=(files(KSM), entries(HYPERVISOR)),
        assess=assess_page_sharing,
    ),
    Recommendation(
        id="zram_swap",
        area="memory",
        title="Swap beside zram",
        severity=Severity.INFO,
        baseline="audit",
        talk="Correct sizing of swap is important to avoid the OOM killer when the balloon driver kicks in.",
        today="Fedora and Photon swap to compressed memory, which is no relief when the balloon takes memory.",
        risk="None: it is only looked at.",
        no_remedy=(
            "Its remedy is another recommendation's: swap_size adds swap on disk where there is room, or a reservation in "
            "vCenter does it."
        ),
        source="Linux Documentation/admin-guide/blockdev/zram.rst",
        reads=MEMORY,
        assess=assess_zram_swap,
    ),
    Recommendation(
        id="dirty_writeback",
        area="memory",
        title="No more unwritten data than the disk writes in a moment",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk: guests had few GB then.",
        today=(
            "The kernel's limit is a part of memory, and tuned's virtual-guest raises it to 30 %: on a guest with much memory many "
            "seconds of writing, in which all writers wait. How much is right depends on the datastore: "
            "memory_settings_dirty_highest."
        ),
        risk="A low limit makes programs wait sooner that now write in bursts.",
        source="Linux Documentation/admin-guide/sysctl/vm.rst (dirty_ratio, dirty_bytes); tuned virtual-guest",
        reads=(*reads("memory_settings", RATIO, BYTES, BACKGROUND_RATIO, BACKGROUND_BYTES), *MEMORY),
        assess=assess_dirty_writeback,
    ),
    Recommendation(
        id="numa_visibility",
        area="memory",
        title="Let a large guest see its NUMA nodes",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk: guests had 8 vCPUs at most.",
        today="vSphere shows its nodes to guests of 9 vCPUs and more; numa=off, from old guides for databases, hides them.",
        risk="Taking numa=off out moves a database's memory to other nodes: do it in a maintenance window. It takes a reboot.",
        source="VMware vSphere Resource Management (virtual NUMA); Linux Documentation/admin-guide/kernel-parameters.txt",
        reads=(*BOOT, files(CPUS), entries(NODES)),
        assess=assess_numa_visibility,
        reboot=True,
    ),
)
