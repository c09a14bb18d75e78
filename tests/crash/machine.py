# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small virtual machine: Debian's kernel, an initramfs of this machine's shells and tools, one disk, one job.

It boots in seconds under emulation, runs the job (shell text, see ``init.sh``), prints to its serial console and powers
itself off. It needs no root, no KVM and no network.
"""

from __future__ import annotations

import fcntl
import lzma
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vmguest.linux.tests.crash.cpio import Entry, archive, file, folder, link
from ansible_collections.vmguest.linux.tests.crash.guest import BootParts, image_base

HERE = Path(__file__).resolve().parent
#: Debian's smallest kernel package with what a virtual disk needs: this one names the current version.
KERNEL_PACKAGE = "linux-image-cloud-amd64"
#: In the order of their dependencies; what a kernel has built in is not there as a file.
MODULES = (
    "crc32c-intel",
    "libcrc32c",
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "loop",
    "xfs",
)
#: What apply.sh and the steps of roles call, as a distribution ships it: GNU tools and a real shell.
GNU_TOOLS = [
    *(
        "awk",
        "bash",
        "cat",
        "chmod",
        "chown",
        "cksum",
        "cmp",
        "cp",
        "cut",
        "dash",
        "date",
        "dd",
        "df",
        "diff",
        "dirname",
        "env",
    ),
    *(
        "expr",
        "false",
        "find",
        "grep",
        "grub-script-check",
        "gzip",
        "head",
        "id",
        "ln",
        "ls",
        "mkdir",
        "mkswap",
        "mv",
        "od",
        "printf",
        "readlink",
        "rm",
    ),
    *("rmdir", "sed", "sleep", "sort", "stat", "sync", "tail", "touch", "tr", "true", "uname", "wc", "xfs_io"),
]


#: Arguments of the machine's own kernel. On a busy host an emulated timer fails the kernel's check.
APPEND = "console=ttyS0 quiet no_timer_check panic=-1 mitigations=off nokaslr tsc=unstable random.trust_cpu=on"


class MachineError(Exception):
    """The machine did not come up, or did not end by itself. The text is what its console shows last."""


@dataclass(frozen=True)
class Kernel:
    """A kernel image and the modules that go into the initramfs."""

    image: Path
    modules: tuple[Path, ...]

    @property
    def boot_parts(self) -> BootParts:
        """What the small guest is made bootable with: this kernel, and the machine's busybox."""
        return BootParts(self.image.read_bytes(), Path(need("busybox")).read_bytes())


def prepare(cache: Path) -> tuple[Kernel, Path]:
    """Kernel and initramfs, made in ``cache`` unless they are there.

    :raises MachineError: where Debian's package or a tool cannot be had.
    """
    cache.mkdir(parents=True, exist_ok=True)
    unpacked = cache / "kernel"
    with (cache / "lock").open("w") as lock:
        # Tests run several at a time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.is_dir():
            _fetch_kernel(cache, unpacked)
        images = sorted(unpacked.glob("boot/vmlinuz-*"))
        if not images:
            raise MachineError(f"no kernel in {unpacked}: remove that folder and try again")
        found = {path.name.split(".ko")[0]: path for path in unpacked.rglob("*.ko*")}
        kernel = Kernel(images[-1], tuple(found[name] for name in MODULES if name in found))
        initramfs = cache / "initramfs.cpio"
        whole = archive(_base_files(kernel, kernel.boot_parts))
        if not initramfs.is_file() or initramfs.read_bytes() != whole:
            part = initramfs.with_suffix(".part")
            part.write_bytes(whole)
            part.rename(initramfs)
    return kernel, initramfs


def _fetch_kernel(cache: Path, unpacked: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder_name:
        depends = _output(["apt-cache", "depends", "--important", KERNEL_PACKAGE], may_fail=True)
        if KERNEL_PACKAGE not in depends and os.geteuid() == 0:
            # A container's image comes without the lists of packages.
            _output(["apt-get", "-q", "update"])
            depends = _output(["apt-cache", "depends", "--important", KERNEL_PACKAGE], may_fail=True)
        match = re.search(r"Depends: (linux-image-\S+)", depends)
        if not match:
            raise MachineError(f"apt knows no {KERNEL_PACKAGE}: run apt-get update")
        _output(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", match[1]], folder_name)
        package = next(Path(folder_name).glob("*.deb"))
        part = Path(folder_name) / "unpacked"
        _output(["dpkg-deb", "-x", str(package), str(part)])
        part.rename(unpacked)


def _output(words: Sequence[str], folder_name: str | None = None, may_fail: bool = False) -> str:
    done = subprocess.run([need(words[0]), *words[1:]], cwd=folder_name, check=False, capture_output=True, text=True)
    if done.returncode != 0 and not may_fail:
        raise MachineError(f"'{' '.join(words)}' ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def _script(path: Path) -> Entry:
    """A program of the small machine."""
    return file(b"#!/bin/busybox sh\n" + path.read_bytes(), 0o755)


def _base_files(kernel: Kernel, parts: BootParts) -> dict[str, Entry]:
    files: dict[str, Entry] = {
        name: folder() for name in ("proc", "sys", "dev", "tmp", "guest", "job", "etc", "bb", "gnu", "modules")
    }
    files["init"] = _script(HERE / "init.sh")
    for number, module in enumerate(kernel.modules):
        content = module.read_bytes()
        if module.suffix == ".xz":
            # As Debian ships them since 13.
            content = lzma.decompress(content)
        files[f"modules/{number:02d}-{module.name.removesuffix('.xz')}"] = file(content)
    busybox = Path(need("busybox"))
    if _libraries(busybox):
        raise MachineError(f"{busybox} is not static: install busybox-static")
    files["bin/busybox"] = file(busybox.read_bytes(), 0o755)
    for applet in _output([str(busybox), "--list"]).split():
        if applet != "busybox":
            files[f"bb/{applet}"] = link("/bin/busybox")
    libraries: set[Path] = set()
    for name in GNU_TOOLS:
        path = Path(need(name))
        files[f"gnu/{name}"] = file(path.resolve().read_bytes(), 0o755)
        libraries.update(_libraries(path))
    files["gnu/sh"] = link("dash")
    for stand_in in sorted((HERE / "stand_ins").glob("*.sh")):
        files[f"stand-in/{stand_in.stem}"] = _script(stand_in)
    # Debian's busybox lacks it; others have it.
    files["stand-in/cksum"] = link("/gnu/cksum")
    # A guest with xfs has it.
    files["stand-in/xfs_io"] = link("/gnu/xfs_io")
    files["stand-in/image-base"] = file(image_base(parts))
    # For injected bugs: these do nothing.
    for name in ("broken/sync", "unfrozen/xfs_io", "unfrozen/ln"):
        files[name] = file(b"#!/bin/busybox true\n", 0o755)
    # The kernel and scripts start /bin/sh.
    files["bin/sh"] = link("/gnu/dash")
    for path in sorted(libraries):
        files[str(path).lstrip("/")] = file(path.resolve().read_bytes(), 0o755)
    return files


def _wait(process: subprocess.Popen[bytes], seconds: int, console: Path, kill_after: Sequence[str]) -> str:
    """How the process ended, in words."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            dummy, error = process.communicate(timeout=0.02 if kill_after else deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            if kill_after and console.is_file():
                shown = console.read_text(errors="replace")
                if any(text in shown for text in kill_after):
                    process.kill()
            continue
        return (
            "ended" if process.returncode == 0 else f"ended with {process.returncode}: {error.decode(errors='replace')}"
        )
    process.kill()
    process.communicate()
    return f"did not end within {seconds} s"


def need(name: str) -> str:
    """Where a program is; :raises MachineError: where it is not."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise MachineError(f"{name} is needed: make setup installs it")
    return path


def _libraries(program: Path) -> set[Path]:
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return {Path(word) for word in re.findall(r"(?:=> )?(/\S+) \(0x", done.stdout)}


@dataclass(frozen=True)
class Machine:
    """What every run shares."""

    kernel: Kernel
    initramfs: Path
    memory_mib: int = 512

    def run(
        self,
        job: Mapping[str, str],
        drives: Iterable[str],
        seconds: int,
        console: Path,
        kill_after: str = "",
    ) -> list[str]:
        """Boot, run the job's ``job.sh`` (the other files lie beside it in /job), and return the console's lines.

        ``drives`` are values of QEMU's ``-drive``, without ``if=``. Where there is ``kill_after``, the machine is killed, as by a
        power cut, as soon as the console shows a line that holds it.

        :raises MachineError: where the job did not come to its end within ``seconds``.
        """
        extra = archive({f"job/{name}": file(text.encode("utf-8", "surrogateescape")) for name, text in job.items()})
        with tempfile.NamedTemporaryFile(prefix="vmguest-crash-", suffix=".cpio") as initrd:
            initrd.write(self.initramfs.read_bytes() + extra)
            initrd.flush()
            words = ["-kernel", str(self.kernel.image), "-initrd", initrd.name, "-append", APPEND, *_drives(drives)]
            for dummy in range(2):
                how, lines = self._start(words, seconds, console, (kill_after,) if kill_after else ())
                # A machine that did not come so far as to see its disk may try again.
                if "== job begins" in lines:
                    break
        if "== job ended 0" not in lines and not kill_after:
            raise MachineError(f"the machine {how}; its console ({console}) ends:\n" + "\n".join(lines[-25:]))
        return lines

    def boot(self, drive: str, seconds: int, console: Path) -> list[str]:
        """Boot from the disk itself, by its own boot loader, and return the console's lines up to where it is plain how
        that ends."""
        ends = ("== image booted", "error: ", "Kernel panic", "grub rescue>", "grub> ", "No bootable device")
        return self._start(_drives([drive]), seconds, console, ends)[1]

    def _start(
        self, words: Sequence[str], seconds: int, console: Path, kill_after: Sequence[str]
    ) -> tuple[str, list[str]]:
        """How it ended, and the console's lines."""
        console.unlink(missing_ok=True)
        with subprocess.Popen(
            [*self._words(console), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            how = _wait(process, seconds, console, kill_after)
        text = console.read_text(encoding="utf-8", errors="surrogateescape") if console.is_file() else ""
        return how, text.replace("\r", "").split("\n")

    def _words(self, console: Path) -> Iterator[str]:
        yield need("qemu-system-x86_64")
        yield from ("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
        yield from ("-machine", "pc", "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max", "-smp", "1")
        yield from ("-m", f"{self.memory_mib}", "-serial", f"file:{console}")


def _drives(drives: Iterable[str]) -> Iterator[str]:
    for drive in drives:
        yield from ("-drive", f"if=virtio,{drive}")
