# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_layout: given these partitions, mounts and timers, the audit says this."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.partitions import partitions
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, Line, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.disk_layout import (
    assess_alignment,
    assess_fstrim,
    assess_shrink,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

LISTING = "major minor  #blocks  name\n\n   8        0   41943040 sda\n   8        1   39844864 sda1"


def guest(files=None, *, vendor="VMware", lvm=(), entries=(), commands=None):
    """Evidence of a guest with one disk of one partition at 2048."""
    found = {
        "/proc/partitions": LISTING,
        "/proc/mounts": "/dev/sda1 / ext4 rw,relatime 0 0",
        "/sys/block/sda/device/vendor": vendor,
        "/sys/block/sda/device/model": "x",
        "/sys/block/sda/sda1/start": "2048",
        "/sys/block/sda/sda1/size": "79689728",
        "/sys/block/sda/sda1/alignment_offset": "0",
        **(files or {}),
    }
    return evidence_of(
        {path: text for path, text in found.items() if text is not None},
        lines={"lvm_layout": [("/etc/lvm/backup/vg0", number, text) for number, text in enumerate(lvm, 1)]},
        entries=[Entry("/sys/block/sda", "l", "rwxrwxrwx", 1, 0, 0, 0, "../x"), *entries],
        commands=commands,
    )


START, SIZE, OFFSET = (f"/sys/block/sda/sda1/{name}" for name in ("start", "size", "alignment_offset"))


@pytest.mark.parametrize(
    ("files", "status", "word"),
    [
        ({}, Status.COMPLIANT, "aligned"),
        ({START: "128"}, Status.COMPLIANT, "acceptable"),
        ({START: "8"}, Status.COMPLIANT, "weak"),
        ({START: "63"}, Status.MANUAL, "misaligned"),
        ({OFFSET: "3584"}, Status.MANUAL, "misaligned"),
        # Before 2.6.31 the kernel has no such file.
        ({OFFSET: None}, Status.COMPLIANT, "aligned"),
        # A boot loader's, and an extended partition.
        ({START: "63", SIZE: "2048"}, Status.COMPLIANT, "no partitions"),
        ({START: "63", SIZE: "2"}, Status.COMPLIANT, "no partitions"),
        ({START: State.DENIED}, Status.UNKNOWN, ""),
        ({SIZE: State.DENIED}, Status.UNKNOWN, ""),
        ({OFFSET: State.DENIED}, Status.UNKNOWN, ""),
        ({START: None}, Status.UNKNOWN, ""),
        ({"/proc/partitions": State.DENIED}, Status.UNKNOWN, ""),
    ],
)
def test_where_a_partition_begins(files, status, word):
    found = assess_alignment(guest(files), {})
    assert found.status is status, found.reason
    if word:
        assert (found.runtime or "").endswith(word)


def test_a_disk_without_partitions():
    files = {START: None, SIZE: None, OFFSET: None, "/proc/partitions": LISTING.rpartition("\n")[0]}
    assert assess_alignment(guest(files), {}).runtime == "no partitions"


def test_somebody_elses_disk_does_not_count():
    assert assess_alignment(guest({START: "63"}, vendor="NETAPP"), {}).status is Status.NOT_APPLICABLE
    assert assess_fstrim(guest(vendor="NETAPP"), {}).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("start", "pe_start", "status"),
    [("2048", "2048", Status.COMPLIANT), ("63", "384", Status.MANUAL), ("63", "65", Status.COMPLIANT)],
)
def test_lvm_begins_in_its_partition(start, pe_start, status):
    lvm = ['\t\t\tdevice = "/dev/sda1"\t# Hint only', f"\t\t\tpe_start = {pe_start}\t# x"]
    assert assess_alignment(guest({START: start}, lvm=lvm), {}).status is status


def test_md_begins_in_its_partition():
    (found,) = partitions(guest({START: "63", "/sys/block/md0/md/dev-sda1/offset": "1985"}))
    assert (found.inner, found.data_start_bytes) == (1985, 1024 * 1024)


# ---- fstrim ----------------------------------------------------------------------------------------------------------

THIN = {"/sys/block/sda/queue/discard_max_bytes": "4294966784"}
UNIT = Entry("/usr/lib/systemd/system/fstrim.timer", "-", "rw-r--r--", 1, 0, 0, 9)
WANTED = Entry("/etc/systemd/system/timers.target.wants/fstrim.timer", "l", "rwxrwxrwx", 1, 0, 0, 9, UNIT.path)
MASK = Entry("/etc/systemd/system/fstrim.timer", "l", "rwxrwxrwx", 1, 0, 0, 9, "/dev/null")
SYSTEMD = Entry("/run/systemd/system", "d", "rwxr-xr-x", 1, 0, 0, 9)
ACTIVE = {"units": (0, "Id=fstrim.timer\nActiveState=active\nUnitFileState=enabled\nRandomizedDelayUSec=0")}
OTHERS = {"units": (0, "Id=logrotate.timer\nActiveState=active\nUnitFileState=enabled\nRandomizedDelayUSec=1h")}
#: systemd 219, of RHEL 7, shows no random delay, for it knows none.
OLD = {"units": (0, "Id=logrotate.timer\nActiveState=active\nUnitFileState=enabled")}
DROP_IN = "/etc/systemd/system/fstrim.timer.d/50-vmguest-fstrim.conf"


def fstrim(files=None, entries=(UNIT, WANTED), commands="active", systemd=True, timer=()) -> Verdict:
    base = {} if systemd else {"/proc/1/comm": "init"}
    places = [*entries, *([SYSTEMD] if systemd else [])]
    evidence = guest(
        {**THIN, **base, **(files or {})}, entries=places, commands=ACTIVE if commands == "active" else commands
    )
    evidence.selections["timers"] = tuple(Line(path, number, text) for number, (path, text) in enumerate(timer, 1))
    return assess_fstrim(evidence, {})


@pytest.mark.parametrize(
    ("entries", "commands", "status"),
    [
        ((UNIT, WANTED), ACTIVE, Status.COMPLIANT),
        ((UNIT,), ACTIVE, Status.NOT_PERSISTENT),
        ((UNIT, WANTED), OTHERS, Status.NONCOMPLIANT),
        ((UNIT,), OTHERS, Status.NONCOMPLIANT),
        ((UNIT,), OLD, Status.MANUAL),
        ((UNIT, WANTED, MASK), OTHERS, Status.MANUAL),
        ((), OTHERS, Status.MANUAL),
        ((UNIT, WANTED), None, Status.UNKNOWN),
    ],
)
def test_the_timer(entries, commands, status):
    assert fstrim(entries=entries, commands=commands).status is status


def test_a_timer_without_a_delay_gets_one():
    again, drop_in, enable = fstrim(entries=(UNIT,), commands=OTHERS, timer=[(UNIT.path, "OnCalendar=weekly")]).remedy
    assert isinstance(again, Run)
    assert again.undo == "systemctl daemon-reload"
    assert isinstance(drop_in, WriteFile)
    assert (drop_in.path, drop_in.before) == (DROP_IN, None)
    assert "RandomizedDelaySec=6000" in drop_in.content
    assert isinstance(enable, Run)
    assert enable.do == "systemctl daemon-reload && systemctl enable fstrim.timer && systemctl start fstrim.timer"
    assert enable.undo.endswith(" || { systemctl stop fstrim.timer && systemctl disable fstrim.timer; }")


@pytest.mark.parametrize(
    ("path", "text", "steps"),
    [
        (UNIT.path, "RandomizedDelaySec=6000", 1),
        (UNIT.path, "RandomizedDelaySec=60", 3),
        # An administrator's time, or timer_scatter's.
        ("/etc/systemd/system/fstrim.timer.d/50-vmguest-scatter.conf", "OnCalendar=Mon *-*-* 03:41:00", 1),
    ],
)
def test_a_time_of_its_own_is_left_alone(path, text, steps):
    timer = [(UNIT.path, "OnCalendar=weekly"), (path, text)]
    assert len(fstrim(entries=(UNIT,), commands=OTHERS, timer=timer).remedy) == steps


def test_only_what_is_missing_is_done_and_undone():
    (*dummy, enable) = fstrim(entries=(UNIT,), commands=ACTIVE).remedy
    assert isinstance(enable, Run)
    assert enable.what == "enable fstrim.timer"
    assert enable.undo.endswith(" || { systemctl disable fstrim.timer; }")


def test_what_a_guest_cannot_do():
    assert assess_shrink(guest(), {}).status is Status.NOT_APPLICABLE


def test_the_mask_is_named():
    assert f"{MASK.path} masks fstrim.timer" in fstrim(entries=(UNIT, WANTED, MASK), commands=OTHERS).reason


DISCARDED = "/dev/sda1 / ext4 rw,discard 0 0\n/dev/sda2 /srv btrfs rw,discard=async 0 0"
DISCARD = "# /dev/x /srv ext4 rw\nUUID=1 / ext4 discard,errors=remount-ro 0 1\n/dev/sda2 /srv btrfs discard=async 0 0"
NO_DISCARD = DISCARD.replace("discard=async", "nodiscard")


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"/sys/block/sda/queue/discard_max_bytes": "0"}, Status.NOT_APPLICABLE),
        ({"/sys/block/sda/queue/discard_max_bytes": None}, Status.NOT_APPLICABLE),
        ({"/sys/block/sda/queue/discard_max_bytes": State.DENIED}, Status.UNKNOWN),
        ({"/proc/mounts": State.DENIED}, Status.UNKNOWN),
        ({"/proc/mounts": DISCARDED, "/etc/fstab": DISCARD}, Status.COMPLIANT),
        ({"/proc/mounts": DISCARDED, "/etc/fstab": State.DENIED}, Status.UNKNOWN),
        # Mounted by hand: the next boot does not.
        ({"/proc/mounts": DISCARDED, "/etc/fstab": NO_DISCARD}, Status.NONCOMPLIANT),
        ({"/proc/mounts": DISCARDED}, Status.NONCOMPLIANT),
        # Only from the next boot on.
        ({"/proc/mounts": "/dev/sda1 / ext4 rw 0 0", "/etc/fstab": DISCARD}, Status.NONCOMPLIANT),
        ({"/proc/mounts": "/dev/sda1 / ext4 rw,discard 0 0\n/dev/sda2 /srv xfs rw 0 0"}, Status.NONCOMPLIANT),
    ],
)
def test_disks_and_mounts(files, status):
    assert fstrim(files, entries=(UNIT,), commands=OTHERS).status is status


@pytest.mark.parametrize(
    ("kernel", "files", "status"),
    [
        ("2.6.32-754.el6.x86_64", {"/proc/mounts": DISCARDED, "/etc/fstab": DISCARD}, Status.MANUAL),
        ("2.6.32-754.el6.x86_64", {"/proc/mounts": DISCARDED}, Status.MANUAL),
        ("2.6.32-754.el6.x86_64", {"/proc/mounts": "/dev/sda1 / ext4 rw 0 0", "/etc/fstab": DISCARD}, Status.MANUAL),
        ("2.6.32-754.el6.x86_64", {"/proc/mounts": "/dev/sda1 / ext4 rw 0 0"}, Status.COMPLIANT),
        ("3.0.101-63-default", {"/proc/mounts": DISCARDED, "/etc/fstab": DISCARD}, Status.COMPLIANT),
    ],
)
def test_an_old_kernel_is_not_to_discard_at_once(kernel, files, status):
    script = Entry("/etc/cron.weekly/fstrim", "-", "rwxr-xr-x", 1, 0, 0, 9)
    found = fstrim({"/proc/sys/kernel/osrelease": kernel, **files}, entries=(script,), systemd=False)
    assert found.status is status
    assert ("take it out of the options of" in found.reason) is (status is Status.MANUAL)


def test_without_systemd_cron_does_it():
    assert fstrim(entries=(), systemd=False).status is Status.MANUAL
    script = Entry("/etc/cron.weekly/fstrim", "-", "rwxr-xr-x", 1, 0, 0, 9)
    assert fstrim(entries=(script,), systemd=False).status is Status.COMPLIANT
