# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Law 1, an audit never writes, and the probe's budget of processes: both by what the kernel was asked for.

strace sees every system call of the probe and of all that it starts. To see the tests turn red: put a heredoc or
``>/tmp/x`` into a verb of probe.sh (under bash a heredoc is a temporary file), or one ``$( )`` per file.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Files, Lines, Redaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import (
    NONCE,
    PATH,
    SHELLS,
    need,
    put,
    run_script,
    stand_in,
)

four_shells = pytest.mark.parametrize("shell", SHELLS)

#: A guest with something of every kind that is read, and what is odd.
TREE: dict[str, str | bytes] = {
    "/etc/fstab": "UUID=1-2 / ext4 defaults 0 1\n",
    "/etc/crontab": "17 * * * * root run-parts /etc/cron.hourly\n",
    "/etc/cron.d/job": "0 0 * * * root /opt/job\n",
    "/etc/anacrontab": "RANDOM_DELAY=45\n",
    "/var/spool/cron/root": "0 0 * * * /opt/own\n",
    "/etc/os-release": "ID=rhel\n",
    "/proc/meminfo": "MemTotal: 4028400 kB\n",
    "/proc/cmdline": "ro quiet\n",
    "/proc/sys/kernel/osrelease": "5.14.0\n",
    "/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
    "/sys/block/sda/queue/scheduler": "[mq-deadline] none\n",
    "/etc/cron.d/new\nline": "odd\n",
    "/etc/cron.d/large": b"#\n" * 200_000,
    "/boot/grub2/grub.cfg": "linux /vmlinuz\n",
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
}

#: Calls that change something, whatever their arguments; descriptors of the probe's own are not files.
CHANGING = (
    "mkdir|mkdirat|rename|renameat|renameat2|unlink|unlinkat|rmdir|link|linkat|symlink|symlinkat|chmod|fchmod|fchmodat"
    "|fchmodat2|chown|fchown|lchown|fchownat|utime|utimes|utimensat|futimesat|truncate|ftruncate|setxattr|lsetxattr"
    "|fsetxattr|removexattr|lremovexattr|fremovexattr|mknod|mknodat|creat|memfd_create|mount|umount2|swapon|swapoff"
    "|sethostname|init_module|finit_module|delete_module|reboot|settimeofday|clock_settime|adjtimex|clock_adjtime"
    "|fallocate"
)


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """A root directory, and every command that is declared as a stand-in that starts nothing."""
    root = tmp_path / "root"
    put(root, TREE)
    for read in READS:
        if isinstance(read, Command):
            stand_in(tmp_path / "bin", read.argv[0], "echo answer")
    return root


def traced(calls: str, guest: Path, shell: str) -> list[str]:
    """The system calls of one probe of all that is declared, as strace shows them."""
    log = guest.parent / "strace"
    payload = probe_payload(NONCE, READS, str(guest))
    path = f"{guest.parent / 'bin'}:{PATH}"
    output = run_script(payload, shell, path, [need("strace"), "-f", "-qq", "-e", f"trace={calls}", "-o", str(log)])
    found = parse(output.decode("utf-8", "surrogateescape"), NONCE, READS)
    # It was the whole probe that was traced.
    assert found.file("/sys/class/dmi/id/sys_vendor").value == "VMware, Inc."
    assert found.file("/etc/fstab")
    return log.read_text(encoding="utf-8", errors="replace").splitlines()


@four_shells
def test_nothing_is_written(guest: Path, shell: str) -> None:
    """No call that changes anything, and no file opened for writing but /dev/null."""
    lines = traced(f"open,openat,openat2,?{CHANGING.replace('|', ',?')}", guest, shell)

    opened = [line for line in lines if re.search(r"\bopen(at2?)?\(", line)]
    writing = [line for line in opened if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)\b", line)]
    assert opened
    # bash and mksh look for a terminal that they might control.
    assert [line for line in writing if '"/dev/null"' not in line and '"/dev/tty"' not in line] == []
    assert [line for line in lines if re.match(rf"\d+ +({CHANGING})\(", line)] == []


@four_shells
def test_the_tree_is_byte_for_byte_what_it_was(guest: Path, shell: str) -> None:
    def snapshot() -> dict[str, tuple[int, int, int]]:
        status = {path: path.lstat() for path in (guest, *guest.rglob("*"))}
        return {str(path): (one.st_mtime_ns, one.st_ctime_ns, one.st_ino) for path, one in status.items()}

    before = snapshot()
    run_script(probe_payload(NONCE, READS, str(guest)), shell, f"{guest.parent / 'bin'}:{PATH}")
    assert snapshot() == before


@four_shells
def test_at_most_25_processes(guest: Path, shell: str) -> None:
    """All that is declared, with every command that one guest may have: forks of the shell, its subshells, and what they start.

    No guest has two package managers or two time clients, and dmidecode and /proc/cpuinfo are asked only where a kernel does not
    tell. What a command starts is its own affair: busybox answers for rpm and sh itself, whatever stands in for them. And only
    in a tree a sed each makes names absolute again: on a guest there is none.
    """
    for name in ("dpkg-query" if shell == "busybox" else "rpm", "ntpq", "ntpctl"):
        (guest.parent / "bin" / name).unlink()
    put(guest, {"/sys/class/dmi/id/product_uuid": "564d0001\n", "/sys/devices/system/cpu/modalias": "cpu:type:x86\n"})
    lines = traced("clone,clone3,?fork,?vfork,execve", guest, shell)
    commands = {line.split()[0] for line in lines if re.match(r'\d+ +execve\(.*\["sh", "-c"', line)}
    # Each child once: threads are none of it, and an interrupted call is reported when it is resumed.
    forks = [line for line in lines if re.search(r"(clone3?|v?fork)(\(| resumed).*= [1-9]\d*$", line)]
    of_trees = [
        line
        for line in lines
        if re.search(r'\["sed", "s(/\^|, )', line) and not line.endswith("ENOENT (No such file or directory)")
    ]
    assert of_trees
    assert 0 < len([line for line in forks if line.split()[0] not in commands]) - len(of_trees) <= 25


def test_another_file_or_glob_costs_no_process(guest: Path) -> None:
    """What a recommendation adds as files is free. (The clock's sleeps depend on the machine's speed.)"""
    started = []
    for reads in (READS, (*READS, Files(tuple(f"/etc/more/{number}" for number in range(50)), None))):
        log = guest.parent / "strace"
        payload = probe_payload(NONCE, reads, str(guest))
        before = [need("strace"), "-f", "-qq", "-e", "trace=execve", "-o", str(log)]
        put(guest, {f"/etc/more/{number}": "x\n" for number in range(50)})
        run_script(payload, "dash", f"{guest.parent / 'bin'}:{PATH}", before)
        called = re.findall(r'execve\([^[]*\["([^"]*)"', log.read_text(encoding="utf-8"))
        started.append(sorted(name for name in called if name != "sleep"))
    assert "grep" in started[0]
    assert started[0] == started[1]


def test_what_is_declared_can_be_asked_in_one_payload() -> None:
    """All recommendations' reads go together, and into 48 KiB."""
    assert len(probe_payload(NONCE, READS)) < 48 * 1024
    redacted = {
        glob for read in READS if isinstance(read, Files) and read.redact is Redaction.CRONTAB for glob in read.globs
    }
    assert "/etc/crontab" in redacted
    assert all(read.name for read in READS if isinstance(read, Lines))
