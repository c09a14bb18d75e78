# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who else is at work on a guest: package managers by the locks they hold, builders of boot images by their names.

To see these red: let ``same_device`` believe every inode, ``of_this_guest`` every process, or ``script_of`` every word.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import BUSY
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import SHELLS, let_through, need, put, shell_argv

DPKG = "/var/lib/dpkg/lock-frontend"
STAT = "{pid} ({name}) {state} 1 {pid} {pid} 0 -1 4194560 100 0\n"
FOREIGN_MOUNTS = "22 1 0:21 / /proc rw - proc proc rw\n21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"


def ask(root: Path, *kinds: str, shell: str = "dash") -> str:
    """What at_work says; empty where nobody is."""
    script = f'ROOT={shlex.quote(str(root))}\n{BUSY}said=$(at_work {" ".join(kinds)}); echo "$? $said"\n'
    done = subprocess.run(
        [*shell_argv(shell), "-s"], input=script.encode(), capture_output=True, check=False, cwd="/", timeout=60
    )
    assert not done.stderr, done.stderr.decode()
    status, _blank, said = done.stdout.decode().rstrip("\n").partition(" ")
    assert (status == "0") == bool(said)
    return said


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A guest without a /proc of its own, whose folder has a blank in its name."""
    folder = tmp_path / "root of a guest"
    folder.mkdir()
    return folder


@contextmanager
def held(path: Path, how: str = "lockf", mode: str = "LOCK_EX") -> Iterator[int]:
    """Another process that holds a lock, as dpkg, apt and rpm do (lockf is fcntl's F_SETLK); its number."""
    program = (
        f"import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.{how}(file, fcntl.{mode}); "
        "print('held', flush=True); sys.stdin.read()"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder.pid


def fake_proc(root: Path, locks: str = "", processes: dict[int, str] | None = None, mounts: str | None = None) -> None:
    """A /proc of the guest's own; ``processes`` are their names by number."""
    put(root, {"/proc/locks": locks})
    for pid, name in (processes or {}).items():
        put(root, {f"/proc/{pid}/stat": STAT.format(pid=pid, name=name, state="S"), f"/proc/{pid}/cmdline": name})
    if mounts is not None:
        put(root, {"/proc/self/mountinfo": mounts})


# ---- package managers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "how"),
    [
        (DPKG, "lockf"),
        ("/var/lib/dpkg/lock", "lockf"),
        ("/var/lib/apt/lists/lock", "lockf"),
        ("/var/cache/apt/archives/lock", "lockf"),
        ("/var/lib/rpm/.rpm.lock", "lockf"),
        ("/usr/lib/sysimage/rpm/.rpm.lock", "lockf"),
        ("/run/dnf/rpmtransaction.lock", "lockf"),
        ("/var/run/.tdnf-instance-lockfile", "flock"),
    ],
)
def test_a_lock_that_is_really_held_names_who_holds_it(root: Path, path: str, how: str, shell: str) -> None:
    """Given a living process that holds the lock, it is named; given its end, nobody is."""
    lock = root / path[1:]
    with held(lock, how) as pid:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        assert ask(root, "packages", shell=shell) == f"{name} (process {pid}) holds {path}"
        assert ask(root, "boot", shell=shell) == ""
    assert lock.exists()
    assert ask(root, "packages", shell=shell) == ""


def test_a_lock_in_a_folder_behind_a_link_is_seen(root: Path) -> None:
    (root / "data/dpkg").mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/dpkg").symlink_to("../../data/dpkg")
    with held(root / "data/dpkg/lock-frontend") as pid:
        assert f"(process {pid}) holds {DPKG}" in ask(root, "packages")


def test_who_only_reads_and_who_only_waits_holds_nothing(root: Path) -> None:
    """Given a query of rpm (a lock for reading), and who waits for another's lock, neither is at work."""
    lock = root / "var/lib/rpm/.rpm.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    program = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.lockf(file, fcntl.LOCK_SH); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        reader.stdout.readline()
        assert f" {lock.stat().st_ino} " in Path("/proc/locks").read_text().replace(":", " ")
        assert ask(root, "packages") == ""
        reader.stdin.write(b"\n")
    inode = lock.stat().st_ino
    fake_proc(
        root, f"1: POSIX  ADVISORY  READ 7 08:01:{inode} 0 EOF\n1: -> POSIX  ADVISORY  WRITE 8 08:01:{inode} 0 EOF\n"
    )
    assert ask(root, "packages") == ""


def test_the_device_must_be_the_files_too(root: Path, shell: str) -> None:
    """Given the same inode number on another device, nobody is at work; on the file system's own, somebody is.

    mountinfo has decimal digits, /proc/locks hexadecimal ones; the longest mount point, and of those the last, counts.
    """
    put(root, {DPKG: ""})
    inode = (root / DPKG[1:]).stat().st_ino
    mounts = f"{FOREIGN_MOUNTS}30 21 8:3 / /var/li rw - x x rw\n31 21 8:4 / /var rw - x x rw\n32 21 253:10 / /var rw - x x rw\n"

    def on(device: str) -> str:
        fake_proc(root, f"1: POSIX  ADVISORY  WRITE 4711 {device}:{inode} 0 EOF\n", {4711: "apt-get"}, mounts)
        return ask(root, "packages", shell=shell)

    assert on("fd:0a") == f"apt-get (process 4711) holds {DPKG}"
    for other in ("08:01", "08:03", "08:04", "fd:10", "253:10"):
        assert on(other) == ""


def test_without_mountinfo_the_inode_has_to_do(root: Path, shell: str) -> None:
    """Given a kernel before 2.6.26, and a lock of a process that is not seen here, it is a lock all the same."""
    put(root, {DPKG: ""})
    inode = (root / DPKG[1:]).stat().st_ino
    fake_proc(root, f"7: POSIX  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF\n", {4711: "an (odd) name"})
    assert ask(root, "packages", shell=shell) == f"an (odd) name (process 4711) holds {DPKG}"
    fake_proc(root, f"7: OFDLCK ADVISORY  WRITE -1 08:01:{inode} 0 EOF\n")
    assert ask(root, "packages", shell=shell) == f"another process holds {DPKG}"


@pytest.mark.parametrize(
    "path", ["/var/run/yum.pid", "/run/zypp.pid", "/var/cache/dnf/metadata_lock.pid", "/var/lib/dnf/rpmdb_lock.pid"]
)
@pytest.mark.parametrize(
    ("content", "state", "busy"),
    [
        ("4711", "S", True),
        (" 4711\n", "D", True),
        ("4711\n", "Z", False),
        ("4712\n", "S", False),
        ("", "S", False),
        ("no number\n", "S", False),
    ],
)
def test_a_file_with_a_number_holds_while_that_process_lives(
    root: Path, path: str, content: str, state: str, busy: bool
) -> None:
    fake_proc(root)
    put(root, {path: content, "/proc/4711/stat": STAT.format(pid=4711, name="yum", state=state)})
    assert ask(root, "packages") == (f"yum (process 4711) holds {path}" if busy else "")


def test_a_lock_file_without_a_holder_and_a_guest_without_any_are_free(root: Path, shell: str) -> None:
    assert ask(root, "packages", "boot", shell=shell) == ""
    put(root, {DPKG: "", "/var/run/yum.pid": ""})
    assert ask(root, "packages", "boot", shell=shell) == ""
    fake_proc(root)
    assert ask(root, "packages", "boot", shell=shell) == ""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_a_real_dpkg_is_named_while_it_installs(root: Path, tmp_path: Path, shell: str) -> None:
    """Given dpkg in the middle of a package's preinst, it is told by its own lock; given its end, nobody is."""
    package = tmp_path / "package"
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    put(
        package,
        {
            "/DEBIAN/control": "Package: slow\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n",
            "/DEBIAN/preinst": f"#!/bin/sh\necho begun >'{gate}'\nread -r dummy <'{gate}'\n",
        },
    )
    (package / "DEBIAN/preinst").chmod(0o755)
    subprocess.run([need("dpkg-deb"), "--build", str(package)], check=True, capture_output=True)
    put(root, {"/var/lib/dpkg/status": "", "/var/lib/dpkg/available": "", "/var/lib/dpkg/updates/x": ""})
    (root / "var/lib/dpkg/updates/x").unlink()
    (root / "var/lib/dpkg/info").mkdir()
    command = [
        "dpkg",
        f"--root={root}",
        "--force-script-chrootless",
        "--log=/dev/null",
        "-i",
        str(tmp_path / "package.deb"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as dpkg:
        assert gate.read_text() == "begun\n"
        said = ask(root, "packages", "boot", shell=shell)
        let_through(gate)
        assert dpkg.stdout is not None
        output = dpkg.stdout.read()
    assert dpkg.returncode == 0, output
    assert said == f"dpkg (process {dpkg.pid}) holds {DPKG}"
    assert ask(root, "packages", "boot", shell=shell) == ""


# ---- builders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kept", "name"),
    [
        ("dracut", "dracut"),
        ("update-initramf", "update-initramfs"),
        ("mkinitramfs", "mkinitramfs"),
        ("mkinitrd", "mkinitrd"),
        ("depmod", "depmod"),
        ("grub-mkconfig", "grub-mkconfig"),
        ("grub2-mkconfig", "grub2-mkconfig"),
        ("grubby", "grubby"),
        ("new-kernel-pkg", "new-kernel-pkg"),
        ("kernel-install", "kernel-install"),
        ("update-bootload", "update-bootloader"),
        ("transactional-u", "transactional-update"),
    ],
)
def test_a_builder_is_known_by_the_name_that_the_kernel_keeps(root: Path, kept: str, name: str, shell: str) -> None:
    fake_proc(root, processes={1: "systemd", 4711: kept})
    assert ask(root, "boot", shell=shell) == f"{name} (process 4711) is running"
    assert ask(root, "packages", shell=shell) == ""


@pytest.mark.parametrize(
    ("name", "words", "found"),
    [
        ("bash", ["bash", "/usr/bin/dracut", "-f"], "dracut"),
        ("sh", ["/bin/sh", "-x", "-e", "/usr/sbin/update-initramfs", "-u"], "update-initramfs"),
        ("python3", ["/usr/bin/python3", "-s", "/usr/bin/dkms"], "dkms"),
        ("vi", ["vi", "/usr/bin/dracut"], ""),
        ("grep", ["grep", "-r", "dracut", "/etc"], ""),
        ("bash", ["bash", "-c", "tail -f /var/log/dracut"], ""),
        ("bash", ["bash", "/root/report", "dracut"], ""),
        ("sh", ["sh", "/root/dracut-notes"], ""),
        ("dracut-notes", ["dracut-notes"], ""),
        ("less", ["less"], ""),
    ],
)
def test_a_script_counts_and_a_word_among_others_does_not(
    root: Path, name: str, words: list[str], found: str, shell: str
) -> None:
    fake_proc(root, processes={4711: name})
    put(root, {"/proc/4711/cmdline": "".join(word + "\0" for word in words)})
    assert ask(root, "boot", shell=shell) == (f"{found} (process 4711) is running" if found else "")


def test_a_process_whose_words_cannot_be_read_keeps_nobody_waiting(root: Path, shell: str) -> None:
    """Given a process that hangs with its memory locked (here: a pipe that nobody writes into), only interpreters are read."""
    fake_proc(root, processes={4710: "oracle", 4711: "bash"})
    (root / "proc/4710/cmdline").unlink()
    os.mkfifo(root / "proc/4710/cmdline")
    put(root, {"/proc/4711/cmdline": "bash\0/usr/bin/dracut\0"})
    assert ask(root, "boot", shell=shell) == "dracut (process 4711) is running"


@pytest.mark.parametrize("name", ["dash", "ash", "ksh", "mksh", "perl", "python", "python3.11", "platform-python"])
def test_every_interpreter_is_asked_for_its_script(root: Path, name: str) -> None:
    fake_proc(root, processes={4711: name})
    put(root, {"/proc/4711/cmdline": f"/usr/bin/{name}\0/usr/bin/dkms\0"})
    assert ask(root, "boot") == "dkms (process 4711) is running"


def test_the_dead_do_not_work(root: Path) -> None:
    fake_proc(root)
    put(root, {"/proc/4711/stat": STAT.format(pid=4711, name="dracut", state="Z"), "/proc/4711/cmdline": ""})
    assert ask(root, "boot") == ""


def test_a_process_of_another_root_is_a_containers(root: Path, tmp_path: Path, shell: str) -> None:
    """Given the guest's /proc, who has another root directory works for a container."""
    fake_proc(root, processes={4711: "dracut"})
    (root / "proc/4711/root").symlink_to(tmp_path)
    assert ask(root, "boot", shell=shell) == ""
    (root / "proc/4711/root").unlink()
    (root / "proc/4711/root").symlink_to(root)
    assert ask(root, "boot", shell=shell) == "dracut (process 4711) is running"


def test_who_ends_while_it_is_looked_at_is_nobody(root: Path, shell: str) -> None:
    """Given a process that was at work in its entry of a moment ago, and that the kernel takes down now (a zombie, as its parent
    does not wait for it), it is not taken for the guest's: where its root was, nobody can tell any more."""
    ended = subprocess.Popen(["sh", "-c", "exit 0"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{ended.pid}/stat").exists()
    script = f"ROOT={shlex.quote(str(root))}\n{BUSY}cd /proc\nof_this_guest {ended.pid}; echo $?; of_this_guest self; echo $?\n"
    done = subprocess.run([*shell_argv(shell), "-s"], input=script, capture_output=True, text=True, check=True)
    ended.wait()
    assert (done.stdout, done.stderr) == ("1\n1\n", "")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces")
@pytest.mark.parametrize("how", ["itself", "bash", "an argument"])
def test_real_processes(tmp_path: Path, how: str, shell: str) -> None:
    """Given a script named dracut that runs, it is found by its name; a process that only has the word is not.

    In a process namespace of its own: what else this machine does is not seen.
    """
    script = tmp_path / "dracut"
    script.write_text('#!/bin/sh\necho >"${0%/*}/begun"\nwhile :; do sleep 0.1; done\n')
    script.chmod(0o755)
    word = shlex.quote(str(script))
    start = {
        "itself": f"{word} -f",
        "bash": f"bash {word} -f",
        "an argument": f"sh -c 'echo >{word}.begun; mv {word}.begun {shlex.quote(str(tmp_path / 'begun'))}; read x' {word}",
    }[how]
    ask_it = f'ROOT=\n{BUSY}said=$(at_work boot); echo "$said"\n'
    program = f"""
        mkfifo {shlex.quote(str(tmp_path / "pipe"))}
        {start} <>{shlex.quote(str(tmp_path / "pipe"))} >/dev/null 2>&1 & process=$!
        until [ -e {shlex.quote(str(tmp_path / "begun"))} ]; do sleep 0.05; done
        echo $process
        printf %s {shlex.quote(ask_it)} | {shlex.join([*shell_argv(shell), "-s"])}
        kill $process
    """
    need("unshare")
    done = subprocess.run(
        ["unshare", "--fork", "--pid", "--mount-proc", "sh", "-c", program], capture_output=True, text=True, check=True
    )
    process, _newline, said = done.stdout.partition("\n")
    assert said.strip() == ("" if how == "an argument" else f"dracut (process {process}) is running")
