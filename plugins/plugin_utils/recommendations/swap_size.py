# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""swap_size: enough swap in the guest for what the balloon can take from it.

A host that is short of memory inflates the balloon: the guest gives up to 65 % of its memory, but never what is reserved
for it. Without swap for that, the guest's OOM killer ends programs instead. So

    need = MemTotal - reservation, at least 0 and at most 65 % of MemTotal

Where the reservation cannot be read it counts as 0: the strict reading asks for too much at worst, never for too little.

What is missing is made up for in this order: swap that the configuration names but that is off is turned on; swap that
is on but lost at the next boot gets its line of /etc/fstab; what then still lacks is one more swap file. An old swap
file is never resized, for that needs a swapoff, at which a guest under pressure runs out of memory.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    Run,
    Step,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import FileSystem, Memory, SwapAtBoot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, entries
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import ON_DISK

MIB = 1024  # KiB

#: A path that needs no quoting: not in a shell, not in fstab, not in a regular expression (but for the dot).
_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+")

#: Stands in a swap file's first bytes, which the swap header leaves to boot loaders (struct swap_header in the kernel's
#: include/linux/swap.h). By it an undo knows its own file from anyone else's of the same name.
SIGNATURE = "vmguest swap_size"

#: File systems that map a file's blocks once and for all, as swap needs it.
_PLAIN = ("ext2", "ext3", "ext4", "xfs", "jfs", "reiserfs")
#: From this kernel on a swap file on these file systems may be preallocated by fallocate(1) instead of written: swapon(8),
#: "Files with holes", for XFS. ext4 took such files before; one boundary for both. Elsewhere dd, which is right
#: everywhere. Should the kernel see holes after all, swapon refuses the file and the transaction is undone.
_PREALLOCATED = ("ext4", "xfs")
_PREALLOCATED_SINCE = (4, 18, 0)
#: swapon(8), btrfs(5): since this kernel, for files without copy-on-write, on one device.
_BTRFS_SINCE = (5, 0, 0)
_UNFIT = {
    "tmpfs": "keeps its files in memory, and in swap",
    "ramfs": "keeps its files in memory",
    "overlay": "is a layer over an image, where swap files cannot be",
    "nfs": "is on the network, where swapping can deadlock",
    "nfs4": "is on the network, where swapping can deadlock",
    "cifs": "is on the network, where swapping can deadlock",
    "zfs": "moves its blocks and needs memory to write, so that swapping can deadlock",
}

_KUBELET = (
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet.conf",
    "/etc/systemd/system/kubelet.service",
    "/usr/lib/systemd/system/kubelet.service",
    "/lib/systemd/system/kubelet.service",
)
#: failSwapOn of the configuration, --fail-swap-on of the command line; no more of these files, which can hold tokens.
_FAIL_SWAP_ON = Lines(
    "fail_swap_on",
    r"fail-\{0,1\}[Ss]wap-\{0,1\}[Oo]n",
    (
        "/var/lib/kubelet/config.yaml",
        "/var/lib/kubelet/kubeadm-flags.env",
        "/etc/default/kubelet",
        "/etc/sysconfig/kubelet",
        "/etc/systemd/system/kubelet.service",
        "/etc/systemd/system/kubelet.service.d/*.conf",
        "/usr/lib/systemd/system/kubelet.service.d/*.conf",
    ),
)


def need_kib(total_kib: int, reservation_kib: int, fraction: float) -> int:
    """Swap that the balloon can make necessary: memory that is not reserved, but at most ``fraction`` of all of it."""
    return max(0, min(total_kib - reservation_kib, int(total_kib * fraction)))


@dataclass(frozen=True)
class Need:
    """How much swap is wanted, and a few words on why. ``enough_kib`` is that less the tolerance."""

    kib: int
    enough_kib: int
    why: str

    @classmethod
    def of(cls, memory: Memory, options: Options) -> Need:
        """From memory and reservation, or as ``swap_size_target`` says. Memory's total must be known."""
        total, reserved = memory.total_kib or 0, memory.reservation_mib
        if options["swap_size_target"] is not None:
            kib, why = options["swap_size_target"] * MIB, "swap_size_target"
        else:
            kib = need_kib(total, (reserved or 0) * MIB, options["swap_size_fraction"])
            held = "an unknown reservation counts as 0" if reserved is None else f"{reserved} MiB are reserved"
            why = (
                f"memory is {_mib(total)}, {held}, the balloon takes {options['swap_size_fraction'] * 100:g} % at most"
            )
        return cls(kib, int(kib * (1 - options["swap_size_tolerance"] / 100)), why)


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Compare swap now, and at the next boot, with what the balloon can take."""
    memory = evidence.memory
    if options["swap_size_host_never_overcommits"]:
        return not_applicable("swap_size_host_never_overcommits says that the host never takes memory back")
    unclear = _unreadable(evidence)
    if unclear:
        return unknown(unclear)
    need = Need.of(memory, options)
    if need.kib == 0:
        return not_applicable(f"the balloon can take nothing from this guest: {need.why}")

    sides = _sides(memory, need)
    now, at_boot = memory.swap_kib, memory.swap_at_boot_kib
    if now >= need.enough_kib and at_boot >= need.enough_kib:
        return compliant(f"swap is enough for the balloon ({need.why})", **sides)
    short = _shortage(now, at_boot, need)
    if _refuses_swap(evidence):
        return manual(
            f"{short}; a kubelet that refuses to run with swap (failSwapOn) is on this guest, so require a memory "
            f"reservation of the whole {_mib(memory.total_kib or 0)} in vCenter",
            **sides,
        )
    if evidence.file("/proc/swaps").state is State.MISSING:
        return manual(f"{short}; this kernel cannot swap (no /proc/swaps): require a memory reservation", **sides)
    if memory.all_swap_masked and at_boot < need.enough_kib:
        return manual(f"{short}; swap.target is masked: 'systemctl unmask swap.target' and audit again", **sides)
    riddle = next((swap for swap in memory.swaps_at_boot or () if swap.size_kib is None and not swap.masked_by), None)
    if riddle and now >= need.enough_kib:
        return unknown(
            f"swap is enough now; how much {riddle.spec} ({riddle.owner}) brings at boot is not known", **sides
        )
    if riddle:
        return manual(
            f"{short}; {riddle.spec} ({riddle.owner}) is off and of unknown size: turn it on with 'swapon -a', or remove "
            "it, and audit again",
            **sides,
        )

    remedy, obstacle = _remedy(evidence, options, need)
    if obstacle:
        return manual(f"{short}; {obstacle}", **sides)
    if now >= need.enough_kib:
        return not_persistent(short, remedy=remedy, **sides)
    return noncompliant(short, remedy=remedy, **sides)


def wrong_options(options: Options) -> str | None:
    """What is wrong with the options beyond their types, as a sentence."""
    path = options["swap_size_path"]
    if not _PATH.fullmatch(path) or posixpath.normpath(path) != path:
        return f"swap_size_path is {path!r}: expected an absolute path of letters, digits, '.', '_' and '-' only"
    for name, low, high in (
        ("swap_size_fraction", 0, 1),
        ("swap_size_tolerance", 0, 50),
        ("swap_size_reserve_free", 0, None),
        ("swap_size_target", 0, None),
    ):
        value = options[name]
        if value is not None and (value < low or (high is not None and value > high)):
            return f"{name} is {value}: expected at least {low}" + (f" and at most {high}" if high is not None else "")
    return None


def _unreadable(evidence: Evidence) -> str | None:
    memory = evidence.memory
    for missing, path in (
        (memory.total_kib, "/proc/meminfo"),
        (memory.swaps, "/proc/swaps"),
        (memory.swaps_at_boot, "/etc/fstab"),
    ):
        if missing is None:
            return f"{path} could not be read ({evidence.file(path).state.value})"
    return None


def _mib(kib: int) -> str:
    return f"{kib // MIB} MiB"


def _shortage(now: int, at_boot: int, need: Need) -> str:
    if now >= need.enough_kib:
        what = f"swap is enough now, but the next boot brings {_mib(at_boot)} of the {_mib(need.kib)} needed"
    elif at_boot >= need.enough_kib:
        what = f"swap is {_mib(now)} of the {_mib(need.kib)} needed, because some that is configured is off"
    else:
        what = f"swap is {_mib(now)} of the {_mib(need.kib)} that the balloon can make necessary"
    return f"{what} ({need.why})"


def _sides(memory: Memory, need: Need) -> dict[str, Any]:
    areas = ", ".join(swap.path for swap in memory.swaps or ())
    zram = f"; zram of {_mib(memory.zram_kib)} does not count" if memory.zram_kib else ""
    configured = []
    for swap in memory.swaps_at_boot or ():
        size = "size unknown" if swap.size_kib is None else _mib(swap.size_kib) if swap.size_kib else "not there"
        configured.append(f"{swap.spec} {size}" + (f", masked by {swap.masked_by}" if swap.masked_by else ""))
    return {
        "runtime": _mib(memory.swap_kib) + (f" ({areas})" if areas else "") + zram,
        "persistent": _mib(memory.swap_at_boot_kib) + (f" ({'; '.join(configured)})" if configured else ""),
        "desired": f"at least {_mib(need.kib)}",
        "owner": ", ".join(swap.owner for swap in memory.swaps_at_boot or ()) or None,
    }


def _refuses_swap(evidence: Evidence) -> bool:
    """True on a Kubernetes node whose kubelet does not start, or not again, while swap is on: its default."""
    if not any(evidence.entry(path) for path in _KUBELET):
        return False
    words = [line.text for line in evidence.lines(_FAIL_SWAP_ON.name) if not line.text.lstrip().startswith("#")]
    flags = [found[1] for text in words for found in re.finditer(r"--fail-swap-on(?:[= ]([Ff]alse|0))?", text)]
    if flags:  # the command line wins over the file
        return flags[-1] is None
    return not any(re.match(r"\s*failSwapOn:\s*false\b", text) for text in words)


def _remedy(evidence: Evidence, options: Options, need: Need) -> tuple[tuple[Step, ...], str | None]:
    """The steps that bring both sides to the need, and, where they cannot, the obstacle as a sentence."""
    memory = evidence.memory
    now, at_boot = memory.swap_kib, memory.swap_at_boot_kib
    steps: list[Step] = []
    lines: list[str] = []
    if now < need.enough_kib:
        for swap in _off(memory):
            steps.append(_turn_on(swap.path, swap.size_kib or 0))
            now += swap.size_kib or 0
    if at_boot < need.enough_kib:
        for name, kib in _unlisted(memory):
            lines.append(f"{name} none swap sw 0 0")
            at_boot += kib
    if min(now, at_boot) < need.enough_kib:
        # A page of it is the header; a MiB more covers every page size.
        mib = -(-(need.kib - min(now, at_boot)) // MIB) + 1
        path = _free_path(evidence, options["swap_size_path"])
        file_system = memory.file_system_of(path)
        obstacle = _obstacle(evidence, options, path, mib, file_system)
        if obstacle or file_system is None:
            return (), obstacle
        steps.append(_create(evidence, file_system, path, mib, options["swap_size_reserve_free"]))
        steps.append(_turn_on(path, mib * MIB))
        lines.append(f"{path} none swap sw 0 0")
    if lines:
        steps.append(_list(evidence, lines))
    return tuple(steps), None


def _off(memory: Memory) -> Iterator[SwapAtBoot]:
    """What the configuration names and the kernel does not use now."""
    in_use = {memory.device(swap.path) for swap in memory.swaps or ()}
    for swap in memory.swaps_at_boot or ():
        if swap.size_kib and swap.masked_by is None and swap.path not in in_use and _PATH.fullmatch(swap.path):
            yield swap


def _unlisted(memory: Memory) -> Iterator[tuple[str, int]]:
    """(name for fstab, KiB) of what the kernel uses now and nothing turns on at boot."""
    listed = {swap.path for swap in memory.swaps_at_boot or ()}
    for swap in memory.swaps or ():
        name = swap.path if swap.is_file else memory.stable_name(swap.path)
        if name and not swap.removed and memory.device(swap.path) not in listed and not re.search(r"[\s\\#]", name):
            yield name, swap.size_kib


def _free_path(evidence: Evidence, path: str) -> str:
    """``path``, or with the first number after it that names nothing yet: path.2, path.3, …"""
    memory = evidence.memory
    taken = {swap.path for swap in memory.swaps or ()} | {swap.path for swap in memory.swaps_at_boot or ()}
    number, candidate = 1, path
    while candidate in taken or evidence.entries(candidate):
        number += 1
        candidate = f"{path}.{number}"
    return candidate


def _obstacle(evidence: Evidence, options: Options, path: str, mib: int, file_system: FileSystem | None) -> str | None:
    """Why a swap file of ``mib`` MiB cannot be made at ``path``; None where it can."""
    elsewhere = "set swap_size_path to a file elsewhere, add a swap disk, or require a memory reservation"
    wanted = f"a swap file of {mib} MiB at {path}"
    if file_system is None:
        return f"{wanted} was not planned, because /proc/mounts does not tell which file system that is"
    where = f"{file_system.mount_point} ({file_system.type})"
    kernel = evidence.platform.kernel
    if file_system.type == "btrfs" and kernel.version < _BTRFS_SINCE:
        return f"{wanted} cannot be: btrfs takes swap files since kernel 5.0, this is {kernel.release}; {elsewhere}"
    if file_system.type == "btrfs" and file_system.mount_point == "/":
        return (
            f"{wanted} would stop snapshots of the root subvolume, which must not hold a swap file in use (btrfs(5)): "
            "set swap_size_path to a file in a subvolume that is mounted by itself and never snapshotted (on SLES, "
            "/var), add a swap disk, or require a memory reservation"
        )
    if file_system.type not in (*_PLAIN, "btrfs"):
        why = _UNFIT.get(file_system.type, "is not known to hold swap files safely")
        return f"{wanted} cannot be: {where} {why}; {elsewhere}"
    if "ro" in file_system.options:
        return f"{wanted} cannot be: {where} is mounted read-only; {elsewhere}"
    if evidence.platform.immutable and file_system.mount_point == "/":
        return f"{wanted} cannot be: the root of this {evidence.platform.immutable} system is immutable; {elsewhere}"
    reserve = options["swap_size_reserve_free"]
    if file_system.free_kib is not None and file_system.free_kib < (mib + reserve) * MIB:
        return (
            f"{wanted} has no room: {where} has {_mib(file_system.free_kib)} free, of which swap_size_reserve_free "
            f"keeps {reserve} MiB; {elsewhere}"
        )
    return None


def _in_use(path: str) -> str:
    """Shell: the line of /proc/swaps for ``path``; fails where there is none."""
    return f"""grep '^{path.replace(".", "[.]")}[[:blank:]]' "$ROOT/proc/swaps\""""


def _signed(path: str) -> str:
    """Shell: succeeds where ``path`` is a swap file that this role made."""
    return f'[ "$(dd if="$ROOT{path}" bs={len(SIGNATURE)} count=1 2>/dev/null)" = \'{SIGNATURE}\' ]'


def _create(evidence: Evidence, file_system: FileSystem, path: str, mib: int, reserve_mib: int) -> Run:
    """Make the swap file beside its place and move it there complete: what has the name is never half made."""
    folder, part, size = posixpath.dirname(path), f"{path}.part", mib * MIB * 1024
    fill = f'dd if=/dev/zero of="$ROOT{part}" bs=1048576 count={mib}'
    if file_system.type in _PREALLOCATED and evidence.platform.kernel.version >= _PREALLOCATED_SINCE:
        fill = f'fallocate -l {size} "$ROOT{part}" 2>/dev/null || {fill}'
    # No copy-on-write, which must be said while the file is empty: btrfs(5).
    no_copy_on_write = [f'chattr +C "$ROOT{part}" || exit 1'] if file_system.type == "btrfs" else []
    # A type that a relabel of the system leaves alone: it is one of the policy's customizable_types.
    selinux = any(mounted.type == "selinuxfs" for mounted in evidence.memory.file_systems)
    label = [f'chcon -t swapfile_t "$ROOT{part}" || exit 1'] if selinux else []
    do = [
        ON_DISK.rstrip(),
        f'[ -d "$ROOT{folder}" ] || {{ echo "there is no folder {folder}"; exit 1; }}',
        f'if [ -e "$ROOT{path}" ] || [ -h "$ROOT{path}" ]; then',
        f'  echo "{path} is there already: remove it, or set swap_size_path to another"; exit 1',
        "fi",
        f'set -- $(df -Pk "$ROOT{folder}" | tail -n 1)',
        # expr, for the arithmetic of some shells ends at 2 TiB.
        f'if ! expr "${{4:-0}}" ">=" {(mib + reserve_mib) * MIB} >/dev/null; then',
        f'  echo "{mib} MiB of swap file and {reserve_mib} MiB to stay free do not go into ${{4:-0}} KiB"; exit 1',
        "fi",
        f'rm -f "$ROOT{part}"',
        "umask 077",
        f'(set -C; : >"$ROOT{part}") || exit 1',
        *no_copy_on_write,
        f"{fill} || exit 1",
        f'mkswap "$ROOT{part}" >/dev/null || exit 1',
        f"printf %s '{SIGNATURE}' | dd of=\"$ROOT{part}\" conv=notrunc 2>/dev/null || exit 1",
        *label,
        # With the name comes the signature, or a power cut would leave a file that the undo does not know for its own.
        f'on_disk "$ROOT{part}"',
        f'mv "$ROOT{part}" "$ROOT{path}"',
    ]
    undo = [
        f'rm -f "$ROOT{part}"',
        f'[ -f "$ROOT{path}" ] && {_signed(path)} || exit 0',
        f'if {_in_use(path)} >/dev/null; then echo "{path} is in use as swap"; exit 1; fi',
        f'rm -f "$ROOT{path}"',
    ]
    proof = [
        f'set -- $(ls -ldn "$ROOT{path}")',
        f'[ "$1" != "${{1#-rw-------}}" ] && [ "$5" = {size} ] && {_signed(path)}',
    ]
    what = f"create the swap file {path} of {mib} MiB, for root alone and without holes"
    return Run(what, _sub(do), _sub(undo), _sub(proof))


def _turn_on(path: str, kib: int) -> Run:
    """``swapon``. Where memory cannot take back what was swapped out, the kernel refuses the undo, and swap stays on."""
    # A page of the area is its header, and pages are 64 KiB at most.
    proof = [f"set -- $({_in_use(path)})", f'[ "${{3:-0}}" -ge {max(kib - 64, 1)} ]']
    return Run(
        f"turn on swap in {path}",
        do=f'swapon "$ROOT{path}"',
        undo=_sub([f'if {_in_use(path)} >/dev/null; then swapoff "$ROOT{path}"; fi']),
        proof=_sub(proof),
    )


def _sub(lines: list[str]) -> str:
    """Shell lines as one command that can exit without ending the shell that runs it."""
    return "(\n" + "\n".join(lines) + "\n)"


def _list(evidence: Evidence, lines: list[str]) -> Step:
    """The lines of /etc/fstab. They carry no comment: fstab(5) knows comments only on lines of their own."""
    if evidence.file("/etc/fstab"):
        return EditFile("/etc/fstab", tuple(AppendLine(line) for line in lines))
    return WriteFile("/etc/fstab", "".join(line + "\n" for line in lines))


RECOMMENDATIONS = (
    Recommendation(
        id="swap_size",
        area="memory",
        title="Swap is enough for what the balloon can take",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Correct sizing is important to avoid OOM killer when the balloon driver kicks in",
        today=(
            "Valid, and quantified: guest swap of at least memory less reservation where hosts are overcommitted; the "
            "balloon takes 65 % of memory at most. zram gives the balloon nothing."
        ),
        risk=(
            "A swap file takes disk space, and a program that is swapped out is slow: where that is an outage "
            "(databases), reserve the memory instead. Storage layout is its owner's choice, so the baseline only reports."
        ),
        source="VMware vSphere Resource Management 7.0 (guest swap space, memory balloon); swapon(8); btrfs(5)",
        reads=(*MEMORY, entries(*_KUBELET), _FAIL_SWAP_ON),
        assess=assess,
    ),
)
