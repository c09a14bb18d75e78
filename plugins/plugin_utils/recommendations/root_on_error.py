# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""root_on_error: a file system that found itself damaged is written to no more.

After the loss of all paths to a datastore a guest's writes fail. ext4 does then what its superblock or fstab says: ``continue`` (as
mke2fs makes it) goes on writing into a journal that was aborted, or metadata that is wrong; ``remount-ro`` (as Debian's installer
writes into fstab) stops, and monitoring sees it. XFS and btrfs stop by themselves. Audited only: which of the two is a decision.
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
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import READS as MEMORY
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.memory import FileSystem
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files

#: ext4's options, those of the superblock too, which /proc/mounts leaves out (fs/ext4/super.c, since 3.4).
_OPTIONS = "/proc/fs/ext4/*/options"
_EXT = ("ext2", "ext3", "ext4")


def assess(evidence: Evidence, options: Options) -> Verdict:
    """What ext file systems do after an error."""
    mounted = {found.device: found for found in evidence.memory.file_systems if found.type in _EXT}
    root = next((found for found in reversed(evidence.memory.file_systems) if found.mount_point == "/"), None)
    if root is None:
        return unknown("/proc/mounts does not tell what the root file system is")
    if not mounted:
        return not_applicable(
            f"its root is {root.type}, which stops by itself after an error, and nothing else is ext4"
        )
    words = {found.mount_point: _on_error(evidence, found) for found in mounted.values()}
    fstab = _in_fstab(evidence)
    unknown_of = sorted(point for point, word in words.items() if word is None)
    sides = {
        "runtime": ", ".join(f"{point} {word or 'not known'}" for point, word in sorted(words.items())),
        "persistent": ", ".join(f"{point} {fstab.get(point, 'as its superblock says')}" for point in sorted(words)),
        "desired": "remount-ro or panic",
        "owner": "/etc/fstab, else the superblock",
    }
    going_on = sorted(point for point, word in words.items() if word == "continue")
    if going_on:
        return manual(
            f"{', '.join(going_on)} goes on being written to after an error: put errors=remount-ro among its options in /etc/fstab "
            f"and `mount -o remount,errors=remount-ro {going_on[0]}`, and have monitoring look for read-only file systems",
            **sides,
        )
    if unknown_of:
        return unknown(
            f"what {', '.join(unknown_of)} does after an error is in its superblock, which this kernel does not show: see "
            "`tune2fs -l` for 'Errors behavior'",
            **sides,
        )
    return compliant("a file system that found an error is written to no more", **sides)


def _on_error(evidence: Evidence, found: FileSystem) -> str | None:
    """continue, remount-ro or panic; None where neither the kernel's list nor the mount's options tell."""
    device = evidence.memory.device(found.device).rpartition("/")[2]
    shown = next((file for file in evidence.glob(_OPTIONS) if file.path.split("/")[4] == device), None)
    for option in (*(shown.lines if shown else ()), *found.options):
        name, dummy, value = option.strip().partition("=")
        if name == "errors":
            return "remount-ro" if value == "ro" else value
    return None


def _in_fstab(evidence: Evidence) -> dict[str, str]:
    """Mount point to its errors= option."""
    found = {}
    for line in evidence.file("/etc/fstab").lines:
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#"):
            words = [word.partition("=")[2] for word in fields[3].split(",") if word.startswith("errors=")]
            if words:
                found[fields[1]] = words[-1]
    return found


RECOMMENDATIONS = (
    Recommendation(
        id="root_on_error",
        area="storage",
        title="Stop writing to a file system that found an error",
        severity=Severity.LOW,
        baseline="audit",
        talk="Not in the talk, but its longer disk timeout (scsi_disk_timeout) is there to avoid such errors.",
        today="Debian's installer writes errors=remount-ro for the root; elsewhere ext4 goes on, as its superblock says.",
        risk="A guest whose root is read-only still answers, but does no work: monitoring must notice it.",
        no_remedy=(
            "A file system that goes read-only stops the guest's work: that is the owner's choice, and monitoring must know "
            "of it."
        ),
        source="ext4(5), mke2fs(8); Linux fs/ext4/super.c",
        reads=(*MEMORY, files(_OPTIONS)),
        assess=assess,
    ),
)
