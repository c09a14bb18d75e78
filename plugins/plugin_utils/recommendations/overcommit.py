# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""overcommit_policy: promise programs no more memory than there is, memory and swap together.

With vm.overcommit_memory=2 a program that asks for too much is told so, where otherwise the OOM killer ends some program later.
The kernel promises at most

    CommitLimit = swap + vm.overcommit_ratio % of (memory - huge pages)

(Documentation/mm/overcommit-accounting.rst; huge pages of every size, by vm_commit_limit() in mm/util.c). The kernel's own ratio,
50, gives half of the memory away, so that ratio and policy are set together, and only where the limit leaves room above what is
promised now. Opt-in: programs that reserve much and touch little (Java, Go, Redis' fork, container hosts) fail under it, and a
guest with one of those is left alone.
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
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.sysctl import reads, remedy, unreadable
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import huge_pages_kib, meminfo
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import winner
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import kernel_file

POLICY, RATIO = "vm.overcommit_memory", "vm.overcommit_ratio"
#: Since 3.14 an absolute amount in place of the ratio; writing one of the two sets the other to 0.
KBYTES = "vm.overcommit_kbytes"
DEFAULTS = {POLICY: "0", RATIO: "50", KBYTES: "0"}
STRICT = "2"

#: A guest of 2 GiB, less what firmware and kernel keep: below, half a memory of slack is too little to be strict about.
SMALLEST_KIB = 1792 * 1024
MIB = 1024  # KiB

#: What relies on promises that are never called in, by the file that gives it away.
RELIES_ON_OVERCOMMIT = {
    "/usr/bin/kubelet": "a kubelet, which sets vm.overcommit_memory=1",
    "/usr/local/bin/kubelet": "a kubelet, which sets vm.overcommit_memory=1",
    "/var/lib/kubelet/config.yaml": "a kubelet, which sets vm.overcommit_memory=1",
    "/usr/bin/dockerd": "Docker, whose containers nobody knows beforehand",
    "/usr/bin/containerd": "containerd, whose containers nobody knows beforehand",
    "/usr/bin/crio": "CRI-O, whose containers nobody knows beforehand",
    "/usr/bin/podman": "Podman, whose containers nobody knows beforehand",
    "/usr/bin/redis-server": "Redis, which forks to save and wants vm.overcommit_memory=1",
    "/usr/local/bin/redis-server": "Redis, which forks to save and wants vm.overcommit_memory=1",
    "/usr/bin/valkey-server": "Valkey, which forks to save and wants vm.overcommit_memory=1",
    "/usr/bin/mongod": "MongoDB, which maps more than it touches",
    "/usr/bin/java": "Java, which reserves its whole heap",
    "/usr/bin/node": "Node.js, which reserves more than it touches",
    "/etc/oratab": "an Oracle database",
    "/usr/sap": "SAP",
    "/var/opt/mssql": "SQL Server",
}


@dataclass(frozen=True)
class Side:
    """One side, now or at the next boot: the kernel's values, and the swap that goes with them."""

    policy: str
    ratio: int
    kbytes: int
    swap_kib: int
    memory_kib: int

    @property
    def limit_kib(self) -> int:
        """CommitLimit under the strict policy. zram is left out of the swap: it is the same memory once more."""
        return self.swap_kib + (self.kbytes or self.memory_kib * self.ratio // 100)

    def strict(self, needed_kib: int) -> bool:
        """True where the policy is strict and leaves the room that is needed."""
        return self.policy == STRICT and self.limit_kib >= needed_kib

    def __str__(self) -> str:
        amount = f"{self.kbytes // MIB} MiB" if self.kbytes else f"{self.ratio} %"
        return f"{self.policy} ({amount} of memory, {_mib(self.swap_kib)} of swap)"


def assess(evidence: Evidence, options: Options) -> Verdict:
    """The policy now and at boot, and whether it leaves room."""
    relying = next((why for path, why in RELIES_ON_OVERCOMMIT.items() if evidence.entry(path)), None)
    if relying:
        return not_applicable(f"this guest has {relying}")
    closed = unreadable(evidence, POLICY, RATIO)
    if closed:
        return closed
    amounts, memory = meminfo(evidence), evidence.memory
    if "MemTotal" not in amounts or "Committed_AS" not in amounts:
        return unknown("/proc/meminfo does not tell MemTotal and Committed_AS")
    if memory.swaps is None or memory.swaps_at_boot is None:
        return unknown("/proc/swaps or /etc/fstab could not be read, and swap is part of the limit")
    if amounts["MemTotal"] < SMALLEST_KIB:
        return not_applicable(f"its memory, {_mib(amounts['MemTotal'])}, is too small to be strict about")
    usable = amounts["MemTotal"] - huge_pages_kib(evidence)
    now = _side(evidence, usable, memory.swap_kib, at_boot=False)
    boot = _side(evidence, usable, memory.swap_at_boot_kib, at_boot=True)
    committed = amounts["Committed_AS"]
    needed = committed * (100 + options["overcommit_headroom"]) // 100
    owner = winner(evidence.sysctl.at_boot(POLICY, DEFAULTS[POLICY]))
    sides = {
        "runtime": str(now),
        "persistent": str(boot),
        "desired": f"2, with a limit of at least {_mib(needed)}",
        "owner": owner.owner if owner else "the kernel's default",
    }
    if now.strict(needed) and boot.strict(needed):
        room = f"{_mib(now.limit_kib)} are promised at most, {_mib(committed)} are promised now"
        return compliant(f"programs are told when memory is short: {room}", **sides)
    ratio = options["overcommit_ratio"]
    reason = f"the policy is {now}, at the next boot {boot}"
    if now.kbytes or boot.kbytes:
        amount = winner(evidence.sysctl.at_boot(KBYTES))
        if boot.kbytes and amount:
            sides["owner"] = amount.owner
        return manual(
            f"{reason}; vm.overcommit_kbytes is somebody's choice: set it so that swap and it make {_mib(needed)}, with "
            "vm.overcommit_memory=2, or take it out",
            **sides,
        )
    limit = min(now.swap_kib, boot.swap_kib) + usable * ratio // 100
    if limit < needed:
        return manual(
            f"{reason}; with vm.overcommit_ratio={ratio} the limit would be {_mib(limit)}, and {_mib(committed)} are promised "
            f"already, of which {options['overcommit_headroom']} % more are wanted: add swap or memory",
            **sides,
        )
    wanted = {RATIO: str(ratio), POLICY: STRICT}
    steps, obstacle = remedy(evidence, "overcommit", wanted, DEFAULTS, keep=boot.strict(needed))
    if obstacle:
        return manual(f"{reason}; {obstacle}", **sides)
    if now.strict(needed):
        return not_persistent(reason, remedy=steps, **sides)
    return noncompliant(reason, remedy=steps, **sides)


def _side(evidence: Evidence, usable_kib: int, swap_kib: int, *, at_boot: bool) -> Side:
    values = {}
    for key, default in DEFAULTS.items():
        boot = winner(evidence.sysctl.at_boot(key, default))
        values[key] = (boot.value if boot else default) if at_boot else evidence.sysctl.now(key) or default
    return Side(values[POLICY], _number(values[RATIO]), _number(values[KBYTES]), swap_kib, usable_kib)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _mib(kib: int) -> str:
    return f"{kib // MIB} MiB"


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    for name, low, high in (("overcommit_ratio", 1, 100), ("overcommit_headroom", 0, 400)):
        if not low <= options[name] <= high:
            return f"{name} is {options[name]}: expected {low} to {high}"
    return None


RECOMMENDATIONS = (
    Recommendation(
        id="overcommit_policy",
        area="memory",
        title="Promise no more memory than there is",
        severity=Severity.LOW,
        baseline="off",
        talk="Avoid OOM killing by disabling memory over-commit in the guest beyond the swap capacity.",
        today=(
            "The mechanism is the same, vm.overcommit_memory=2, but the ratio must be computed: at the kernel's default of 50, "
            "half of the memory cannot be promised. For guests of one known purpose, such as PostgreSQL; not for Java, Redis or "
            "containers."
        ),
        risk=(
            "A program that reserves more than it touches is refused memory that is free. The limit does not follow the balloon: "
            "have swap for what it can take (swap_size)."
        ),
        source="Linux Documentation/mm/overcommit-accounting.rst; Documentation/admin-guide/sysctl/vm.rst",
        reads=(
            *reads("overcommit", POLICY, RATIO),
            *MEMORY,
            files(kernel_file(KBYTES)),
            entries(*RELIES_ON_OVERCOMMIT),
        ),
        assess=assess,
    ),
)
