# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""page_sharing, zram_swap, dirty_writeback, numa_visibility: settings of memory that a person should look at. Audit only.

- page_sharing: hosts share pages between guests no more (VMware KB 2080735), and a guest that shares its own (KSM) spends CPU on
  what the host would not see.
- zram_swap: swap in compressed memory gives the balloon nothing.
- dirty_writeback: how much a program may write before it has to wait for the disk; of much memory the kernel's per cent are much.
- numa_visibility: from 9 vCPUs on a guest sees the host's nodes; ``numa=off`` hides them.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    kernel_argument_assignments,
    tuned_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import READS as SYSCTL
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import kernel_file

MIB = 1024  # KiB
KSM = "/sys/kernel/mm/ksm/run"
#: Where it is, the guest runs guests of its own, for which KSM was made.
HYPERVISOR = "/dev/kvm"

RATIO, BYTES = "vm.dirty_ratio", "vm.dirty_bytes"
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
    """How much may be dirty, against ``memory_settings_dirty_highest``."""
    total = evidence.memory.total_kib
    if total is None:
        return unknown("/proc/meminfo could not be read")
    if total < MUCH_MEMORY_KIB:
        return not_applicable(f"it has {total // MIB} MiB of memory, of which the kernel's per cent are little")
    now = [evidence.sysctl.now(key) for key in (RATIO, BYTES)]
    if now[0] is None or not now[0].isdigit():
        return unknown(f"{kernel_file(RATIO)} could not be read")
    absolute = int(now[1]) if now[1] and now[1].isdigit() else 0
    limit = absolute // (MIB * 1024) if absolute else total * int(now[0]) // 100 // MIB
    boot = _dirty_at_boot(evidence)
    highest = options["memory_settings_dirty_highest"]
    sides = {
        "runtime": f"{limit} MiB" + ("" if absolute else f" ({now[0]} % of memory)"),
        "persistent": f"{boot.value} ({boot.owner})" if boot else None,
        "desired": f"at most {highest} MiB" if highest is not None else None,
        "owner": boot.owner if boot else "the kernel's default",
    }
    if highest is None or limit <= highest:
        return compliant(f"up to {limit} MiB may wait to be written before programs do", **sides)
    return manual(
        f"up to {limit} MiB may wait to be written, then every program that writes waits for the disk; "
        f"memory_settings_dirty_highest allows {highest} MiB: set vm.dirty_bytes={highest * MIB * 1024} and "
        "vm.dirty_background_bytes to a quarter of it, in a child profile where tuned is the owner",
        **sides,
    )


def _dirty_at_boot(evidence: Evidence) -> Assignment | None:
    """Who sets the limit at the next boot: a sysctl, or tuned's [vm] after it, where ``dirty_bytes=10%`` is a ratio.

    With reapply_sysctl, tuned reads the administrator's sysctls once more, after its profile.
    """
    sysctl = winner(evidence.sysctl.at_boot(BYTES)) or winner(evidence.sysctl.at_boot(RATIO))
    tuned = winner(
        [*tuned_assignments(evidence, "vm", "dirty_ratio"), *tuned_assignments(evidence, "vm", "dirty_bytes")]
    )
    again = any(setting.key in (BYTES, RATIO) for setting in evidence.sysctl.reapplied or ())
    return sysctl if tuned is None or again else tuned


def assess_numa_visibility(evidence: Evidence, options: Options) -> Verdict:
    """Whether numa=off hides the nodes of a guest that has some."""
    cpus = _count(evidence.file(CPUS).value)
    if cpus is None:
        return unknown(f"{CPUS} could not be read")
    if cpus <= ONE_NODE:
        return not_applicable(f"it has {cpus} vCPUs, which are one node")
    nodes = len(evidence.entries(NODES))
    boot = [entry for entry in kernel_argument_assignments(evidence, "numa") if entry.value == "off"]
    off_now = evidence.platform.argument("numa") == "off"
    sides = {
        "runtime": f"{nodes} nodes" + (", numa=off" if off_now else ""),
        "persistent": "numa=off" if boot else "no numa=off",
        "desired": "no numa=off",
        "owner": boot[-1].owner if boot else None,
    }
    if off_now or boot:
        where = f" ({boot[-1].owner})" if boot else ""
        return manual(
            f"numa=off{where} hides the nodes of {cpus} vCPUs, so that memory is taken from whichever: take it out of the boot "
            "options and reboot",
            **sides,
        )
    return compliant(
        f"{cpus} vCPUs and {nodes} node{'s' if nodes != 1 else ''}; what the host shows is vCenter's to say", **sides
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
        title="No page sharing in the guest, and none counted on",
        severity=Severity.INFO,
        baseline="audit",
        talk="Memory savings with page sharing.",
        today=(
            "Between guests it is off by default since ESXi 6.0 and updates of 5.x (VMware KB 2080735): identical guests no longer "
            "save host memory. In the guest KSM is for hypervisors."
        ),
        risk="None: audit only.",
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
        risk="None: audit only.",
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
        reads=(*SYSCTL, *MEMORY, files(kernel_file(RATIO), kernel_file(BYTES))),
        assess=assess_dirty_writeback,
    ),
    Recommendation(
        id="numa_visibility",
        area="memory",
        title="Nodes of memory are seen where there are some",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk: guests had 8 vCPUs at most.",
        today="vSphere shows its nodes to guests of 9 vCPUs and more; numa=off, from old guides for databases, hides them.",
        risk="Taking numa=off out changes where a database's memory lies: at its next maintenance.",
        source="VMware vSphere Resource Management (virtual NUMA); Linux Documentation/admin-guide/kernel-parameters.txt",
        reads=(*BOOT, files(CPUS), entries(NODES)),
        assess=assess_numa_visibility,
    ),
)
