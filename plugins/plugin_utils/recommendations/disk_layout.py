# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_layout: where data begins on a disk, and whether what was deleted there goes back to the datastore.

Installers of the RHEL 5 era began at sector 63, so that every block of the array's was two of the guest's: reads and writes
double. Installers since util-linux 2.17 and parted 2 begin at 1 MiB. It cannot be mended in place; LVM can move to a new disk.
"""

from __future__ import annotations

from collections.abc import Iterable

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
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.service_steps import RELOAD_WHEN_UNDONE, unit_step
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Step, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.partitions import READS as PARTITION_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.partitions import Partition, partitions
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import entries, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import (
    ADMINISTRATORS,
    UNIT_FOLDERS,
    settings_of,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.timers import READS as TIMER_READS

#: Below 8 MiB it is a boot loader's (BIOS boot, PReP): nobody waits for it.
SMALLEST = 8 * 1024 * 2
MIB, ARRAY_BLOCK, PAGE = 1024 * 1024, 64 * 1024, 4096

_TIMER = "fstrim.timer"
_DROP_IN = f"/etc/systemd/system/{_TIMER}.d/50-vmguest-fstrim.conf"
#: util-linux ships this delay since 2.37; timer_scatter, too, takes it for a time of the guest's own.
_DELAY = "# vmguest.linux, fstrim_unmap: not at the same time on every guest.\n[Timer]\nRandomizedDelaySec=6000\n"
_ENOUGH_DELAY = 15 * 60
#: What Ubuntu had before systemd.
_CRON_SCRIPT = "/etc/cron.weekly/fstrim"
_FSTAB = "/etc/fstab"
#: The mount option discard is not for kernels of the 2.6 series (RHEL 6): it came to them late, and a freed block waits for it.
FIRST_TO_DISCARD = (3, 0, 0)
#: File systems that can tell the disk what they no longer use.
_TRIMMED = ("ext4", "xfs", "btrfs", "f2fs", "jfs")


# ---- partition_alignment ---------------------------------------------------------------------------------------------


def _quality(partition: Partition) -> str:
    """aligned, acceptable (an array's 64 KiB), weak (4 KiB), or misaligned."""
    start = partition.data_start_bytes or 0
    if partition.alignment_offset:
        return "misaligned"
    for size, word in ((MIB, "aligned"), (ARRAY_BLOCK, "acceptable"), (PAGE, "weak")):
        if start % size == 0:
            return word
    return "misaligned"


def assess_alignment(evidence: Evidence, options: Options) -> Verdict:
    """Every partition of a VMDK, with LVM's and md's data in it."""
    disks = {disk.name for disk in evidence.storage.virtual_disks}
    if not disks:
        return not_applicable("it has no disk that reports itself as VMware's")
    if not evidence.file("/proc/partitions"):
        return unknown("/proc/partitions cannot be read, so whether partitions are missing below is not known")
    found = [entry for entry in partitions(evidence) if entry.disk in disks]
    unread = [
        entry.name for entry in found if entry.start is None or entry.size is None or entry.alignment_offset is None
    ]
    shown = {file.path.split("/")[3] for file in evidence.glob("/sys/block/*/*/start")}
    listed = {line.split()[-1] for line in evidence.file("/proc/partitions").lines if line.split()}
    hidden = [disk for disk in disks - shown if any(name.startswith(disk) for name in listed - disks)]
    if unread or hidden:
        which = ", ".join(unread) or f"partitions of {', '.join(sorted(hidden))}"
        return unknown(f"the start of {which} cannot be read in /sys/block/*/*/start")
    judged = [(entry, _quality(entry)) for entry in found if (entry.size or 0) >= SMALLEST]
    sides = {
        "runtime": ", ".join(f"{entry.name} at {(entry.data_start_bytes or 0) // 512} {word}" for entry, word in judged)
        or "no partitions",
        "desired": "data begins at a multiple of 1 MiB (2048 sectors)",
    }
    bad = [entry.name for entry, word in judged if word == "misaligned"]
    if bad:
        return manual(
            f"{', '.join(bad)}: every block of the array is two of the guest's. It cannot be mended in place: add a disk with "
            "partitions at 1 MiB, and move the data (pvmove, rsync, or a new VM)",
            **sides,
        )
    weak = [entry.name for entry, word in judged if word == "weak"]
    if weak:
        return compliant(f"{', '.join(weak)} is aligned to 4 KiB only: enough for most arrays.", **sides)
    return compliant("data begins where blocks of the array do.", **sides)


# ---- fstrim_unmap ----------------------------------------------------------------------------------------------------


def assess_fstrim(evidence: Evidence, options: Options) -> Verdict:
    """Disks that take UNMAP are told what is free: by fstrim's timer, by cron, or by the mount option discard."""
    disks = evidence.storage.virtual_disks
    if not disks:
        return not_applicable("it has no disk that reports itself as VMware's")
    limits = {disk.name: evidence.file(f"/sys/block/{disk.name}/queue/discard_max_bytes") for disk in disks}
    denied = [name for name, limit in limits.items() if limit.exists and not limit.value.isdecimal()]
    if denied:
        return unknown(
            f"whether {', '.join(denied)} takes UNMAP cannot be read in /sys/block/*/queue/discard_max_bytes"
        )
    taking = [name for name, limit in limits.items() if limit and int(limit.value) > 0]
    if not taking:
        return not_applicable("no disk takes UNMAP: it is thick, or the hardware version is below 11")
    mounts = evidence.file("/proc/mounts")
    if not mounts:
        return unknown("/proc/mounts cannot be read, so which file systems tell the disk what is free is not known")
    fstab = evidence.file(_FSTAB)
    if fstab.exists and not fstab:
        return unknown(f"{_FSTAB} cannot be read, so which file systems will tell the disk what is free is not known")
    mounted = [found for found in evidence.memory.file_systems if found.type in _TRIMMED]
    online = {found.mount_point for found in mounted if _discards(found.options)}
    at_boot = _discarded_at_boot(fstab.lines)
    sides = {"desired": "fstrim runs every week, or every file system is mounted with discard"}
    if (online or at_boot) and not evidence.platform.kernel.release:
        return unknown("its kernel release cannot be read in /proc/sys/kernel/osrelease", **sides)
    if (online or at_boot) and evidence.platform.kernel.version < FIRST_TO_DISCARD:
        return manual(
            f"kernel {evidence.platform.kernel.release} is too old for the mount option discard, by which each freed block waits "
            f"for the array: take it out of the options of {', '.join(sorted(online | at_boot))} in {_FSTAB}, and have cron run "
            "`fstrim` every week",
            runtime=", ".join(sorted(online)) or "no discard",
            persistent=", ".join(sorted(at_boot)) or "no discard",
            owner=_FSTAB,
            **sides,
        )
    if mounted and online == {found.mount_point for found in mounted} and online <= at_boot:
        return compliant(
            "every file system tells the disk at once what is free.",
            runtime="discard",
            persistent="discard",
            owner=_FSTAB,
            **sides,
        )
    if not evidence.platform.systemd:
        if evidence.entry(_CRON_SCRIPT):
            return compliant("cron runs fstrim every week.", persistent=_CRON_SCRIPT, **sides)
        return manual(
            f"{', '.join(taking)} takes UNMAP, and nothing tells it what is free: expected a weekly `fstrim` of every mount by "
            "cron, at a time of this guest's own",
            persistent="nothing",
            **sides,
        )
    return _assess_timer(evidence, taking, sides)


def _discards(options: Iterable[str]) -> bool:
    """``discard``, or ``discard=async`` of btrfs."""
    return any(word.partition("=")[0] == "discard" for word in options)


def _discarded_at_boot(fstab: Iterable[str]) -> set[str]:
    """The mount points that fstab gives the option discard."""
    rows = [fields for line in fstab if len(fields := line.split()) > 3 and not line.lstrip().startswith("#")]
    return {fields[1] for fields in rows if fields[2] in _TRIMMED and _discards(fields[3].split(","))}


def _assess_timer(evidence: Evidence, taking: list[str], sides: dict[str, str]) -> Verdict:
    units = [found for folder in UNIT_FOLDERS if (found := evidence.entry(f"{folder}/{_TIMER}"))]
    wants = [found for folder in UNIT_FOLDERS for found in evidence.entries(f"{folder}/*.wants/{_TIMER}")]
    masked = bool(units) and units[0].target == "/dev/null"
    enabled = bool(wants) and not masked
    if not evidence.timers.asked:
        return unknown("systemctl did not answer, so whether fstrim.timer runs is not known", **sides)
    active = any(timer.name == _TIMER and timer.active for timer in evidence.timers.timers)
    sides = {
        **sides,
        "runtime": f"{_TIMER} {'active' if active else 'inactive'}",
        "persistent": "masked" if masked else "enabled" if enabled else "disabled" if units else "no such unit",
    }
    if active and enabled:
        return compliant("fstrim tells the disk every week what is free.", **sides)
    if masked:
        return manual(
            f"{units[0].path} masks {_TIMER}: somebody decided so; `systemctl unmask {_TIMER}` undoes it", **sides
        )
    what = ", ".join(taking)
    if not units:
        return manual(
            f"{what} takes UNMAP, and nothing tells it what is free: expected {_TIMER} of util-linux", **sides
        )
    settings = settings_of(evidence, _TIMER)
    # A time that an administrator, or timer_scatter, chose is one of the guest's own.
    scattered = settings.delay >= _ENOUGH_DELAY or settings.calendar_path.startswith(ADMINISTRATORS)
    if not scattered and not evidence.timers.knows_random_delay:
        return manual(
            f"{what} takes UNMAP, and {_TIMER} is {'not active' if enabled else 'not enabled'}. This systemd knows no "
            f"RandomizedDelaySec=, so all guests would begin at midnight: `systemctl enable --now {_TIMER}`, then timer_scatter",
            **sides,
        )
    steps = _enable(evidence, enabled, active, scattered)
    if active:
        return not_persistent(f"{_TIMER} runs, and the next boot does not start it", remedy=steps, **sides)
    return noncompliant(
        f"{what} takes UNMAP, and {_TIMER} is {'not active' if enabled else 'not enabled'}", remedy=steps, **sides
    )


def _enable(evidence: Evidence, enabled: bool, active: bool, scattered: bool) -> tuple[Step, ...]:
    """What is missing of: a delay of the guest's own, the timer enabled, the timer started."""
    enable = unit_step(_TIMER, enabled, active, reload=True)
    if scattered:
        return (enable,)
    present = evidence.file(_DROP_IN)
    return (
        RELOAD_WHEN_UNDONE,
        WriteFile(_DROP_IN, _DELAY, present.text if present else None),
        enable,
    )


# ---- disk_wipe_shrink ------------------------------------------------------------------------------------------------


def assess_shrink(evidence: Evidence, options: Options) -> Verdict:
    """VMware Tools' wipe and shrink have no use on vSphere."""
    return not_applicable(
        "VMware Tools shrink disks of Workstation and Fusion only; on vSphere a wipe would fill a thin disk to its full size, and "
        "fstrim_unmap gives free space back"
    )


RECOMMENDATIONS = (
    Recommendation(
        id="partition_alignment",
        area="storage",
        title="Have data begin where blocks of the array do",
        severity=Severity.MEDIUM,
        baseline="audit",
        talk="Misaligned partitions double the I/O and can cost up to 30 % of performance.",
        today="Right for images of the RHEL 5 era; installers since begin at 1 MiB.",
        risk="None: it is only looked at. Moving data to a new disk has its own.",
        no_remedy="A partition cannot begin elsewhere without all its data being moved, which takes another disk.",
        source="NetApp TR-3747; util-linux 2.17 and parted 2 release notes; Linux Documentation/ABI/stable/sysfs-block",
        reads=PARTITION_READS,
        assess=assess_alignment,
    ),
    Recommendation(
        id="fstrim_unmap",
        area="storage",
        title="Give free space back to the datastore",
        severity=Severity.LOW,
        baseline="audit",
        talk="VMware Tools wipe and shrink disks.",
        today=(
            "Thin disks of hardware version 11 and later take UNMAP; not all distributions enable the timer for fstrim. The remedy "
            "enables it, with a random delay where it has none."
        ),
        risk="Many guests at once load the array; snapshots grow by it; encrypted volumes must allow discards.",
        source="VMware vSphere documentation, Space Reclamation Requests from Guest Operating Systems; fstrim(8); Red Hat, Storage "
        "Administration Guide (6, 7), Discard Unused Blocks",
        reads=(
            *TIMER_READS,
            *MEMORY_READS,
            files("/sys/block/*/queue/discard_max_bytes", _DROP_IN),
            entries(
                _CRON_SCRIPT,
                *(f"{folder}/{_TIMER}" for folder in UNIT_FOLDERS),
                *(f"{folder}/*.wants/{_TIMER}" for folder in UNIT_FOLDERS),
            ),
        ),
        assess=assess_fstrim,
    ),
    Recommendation(
        id="disk_wipe_shrink",
        area="storage",
        title="Do not wipe and shrink",
        severity=Severity.INFO,
        baseline="off",
        talk="VMware Tools wipe and shrink disks.",
        today="Replaced by UNMAP on vSphere (fstrim_unmap).",
        risk="None: there is nothing to look at.",
        no_remedy="There is nothing to do on vSphere, where VMware Tools shrink no disks; fstrim_unmap gives space back.",
        source="VMware vSphere documentation, Space Reclamation Requests from Guest Operating Systems",
        reads=(),
        assess=assess_shrink,
    ),
)
