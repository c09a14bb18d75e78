# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small virtual machine: Debian's kernel, an initramfs of this machine's shells and tools, one disk, one job.

It boots in seconds under emulation, runs the job (shell text, see ``init.sh``), prints to its serial console and powers
itself off. It needs no root, no KVM and no network.
"""

from __future__ import annotations

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
    *("expr", "false", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mkswap", "mv", "printf", "readlink", "rm"),
    *("rmdir", "sed", "sleep", "sort", "stat", "sync", "tail", "touch", "tr", "true", "uname", "wc"),
]


class MachineError(Exception):
    """The machine did not come up, or did not end by itself. The text is what its console shows last."""


@dataclass(frozen=True)
class Kernel:
    """A kernel image and the modules that go into the initramfs."""

    image: Path
    modules: tuple[Path, ...]


def prepare(cache: Path) -> tuple[Kernel, Path]:
    """Kernel and initramfs, made in ``cache`` unless they are there.

    :raises MachineError: where Debian's package or a tool cannot be had.
    """
    cache.mkdir(parents=True, exist_ok=True)
    unpacked = cache / "kernel"
    if not unpacked.is_dir():
        _fetch_kernel(cache, unpacked)
    images = sorted(unpacked.glob("boot/vmlinuz-*"))
    if not images:
        raise MachineError(f"no kernel in {unpacked}: remove that folder and try again")
    found = {path.stem: path for path in unpacked.rglob("*.ko")}
    kernel = Kernel(images[-1], tuple(found[name] for name in MODULES if name in found))
    initramfs = cache / "initramfs.cpio"
    whole = archive(_base_files(kernel))
    if not initramfs.is_file() or initramfs.read_bytes() != whole:
        initramfs.write_bytes(whole)
    return kernel, initramfs


def _fetch_kernel(cache: Path, unpacked: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder_name:
        depends = _output(["apt-cache", "depends", "--important", KERNEL_PACKAGE])
        match = re.search(r"Depends: (linux-image-\S+)", depends)
        if not match:
            raise MachineError(f"apt knows no {KERNEL_PACKAGE}: run apt-get update")
        subprocess.run(
            ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", match[1]],
            cwd=folder_name,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        package = next(Path(folder_name).glob("*.deb"))
        part = Path(folder_name) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", str(package), str(part)], check=True)
        part.rename(unpacked)


def _output(words: Sequence[str]) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def _base_files(kernel: Kernel) -> dict[str, Entry]:
    files: dict[str, Entry] = {
        name: folder() for name in ("proc", "sys", "dev", "tmp", "guest", "job", "etc", "bb", "gnu", "modules")
    }
    files["init"] = file((HERE / "init.sh").read_bytes(), 0o755)
    for number, module in enumerate(kernel.modules):
        files[f"modules/{number:02d}-{module.name}"] = file(module.read_bytes())
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
    # For an injected bug: flushes nothing.
    files["broken/sync"] = link("/bb/true")
    # The kernel and scripts start /bin/sh.
    files["bin/sh"] = link("/gnu/dash")
    for path in sorted(libraries):
        files[str(path).lstrip("/")] = file(path.resolve().read_bytes(), 0o755)
    return files


def _wait(process: subprocess.Popen[bytes], seconds: int, console: Path, kill_after: str) -> str:
    """How the process ended, in words."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            dummy, error = process.communicate(timeout=0.02 if kill_after else deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            if kill_after and console.is_file() and kill_after in console.read_text(errors="replace"):
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
            words = list(self._words(initrd.name, drives, console))
            console.unlink(missing_ok=True)
            with subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            ) as process:
                how = _wait(process, seconds, console, kill_after)
        text = console.read_text(encoding="utf-8", errors="surrogateescape") if console.is_file() else ""
        lines = text.replace("\r", "").split("\n")
        if "== job ended 0" not in lines and not kill_after:
            raise MachineError(f"the machine {how}; its console ({console}) ends:\n" + "\n".join(lines[-25:]))
        return lines

    def _words(self, initrd: str, drives: Iterable[str], console: Path) -> Iterator[str]:
        yield need("qemu-system-x86_64")
        yield from ("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
        yield from ("-machine", "pc", "-accel", "tcg,thread=multi,tb-size=128", "-cpu", "max", "-smp", "1")
        yield from ("-m", f"{self.memory_mib}", "-kernel", str(self.kernel.image), "-initrd", initrd)
        yield from ("-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=unstable random.trust_cpu=on")
        yield from ("-serial", f"file:{console}")
        for drive in drives:
            yield from ("-drive", f"if=virtio,{drive}")
