# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VM that runs: its QEMU, its console, its SSH.

:class:`VM` owns a disk that is thrown away with it, an overlay over an image. It can be started again and again on that disk,
each time with other hardware. Everything it starts ends with it, also when this process is killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible_collections.vmguest.linux.tests.vm import console, machine, nvme_model, qmp
from ansible_collections.vmguest.linux.tests.vm.machine import (
    EMPTY_BYTES,
    Hardware,
    Places,
    disk_device,
    nvme_device,
    words,
)

TOP = Path(__file__).resolve().parents[2]
CACHE = TOP / ".build/vm"
KEY = CACHE / "key"
#: Seconds that a guest may take from power on to a login. An emulated one needs 30 to 60; where it will never come, the console
#: says so long before.
BOOT_SECONDS = 600

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class VmError(Exception):
    """A VM did not do what it was to. The message is for a person and has the end of the console."""


class BootError(VmError):
    """A guest did not come to a login. ``why`` is what the console said, or that nothing came."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


def image(name: str) -> Path:
    """The disk of an image, built where it is not there.

    :raises VmError: where it cannot be built.
    """
    done = subprocess.run(["sh", str(TOP / "tests/vm/images/build.sh"), name], check=False)
    if done.returncode:
        raise VmError(f"the image {name} was not built; what build.sh said stands above")
    return (CACHE / f"{name}.qcow2").resolve()


class VM:
    """A VM called ``name``; ``hardware`` is that of its next start."""

    def __init__(
        self,
        name: str,
        disk: Path,
        hardware: Hardware,
        state: str | None = None,
        folder: Path | None = None,
        outlives: bool = False,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """``disk`` is an image, never written; with ``state``, a copy of it starts there. ``folder`` is kept where it is given;
        with ``outlives`` QEMU lives on when this process ends, for an hour at most. ``say`` is told what takes a while."""
        self.name = name
        self.hardware = hardware
        # Sockets are here as well, and a socket's path has 107 characters at most.
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="vmguest-vm-"))
        self.folder.mkdir(exist_ok=True, mode=0o700)
        self.disk = self.folder / "disk.qcow2"
        self.ssh_config = self.folder / "ssh_config"
        consoles = CACHE / "consoles"
        consoles.mkdir(parents=True, exist_ok=True)
        self.places = Places(consoles / f"{name}.log", self.folder / "qmp")
        self._state = state
        self._outlives = outlives
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        if not self.disk.exists():
            self._make_disk(disk)

    def _make_disk(self, image: Path) -> None:
        if self._state:
            # The saved state is in the image itself; an overlay would not show it.
            _run("cp", "--sparse=always", "--reflink=auto", str(image), str(self.disk))
        else:
            _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(image), str(self.disk))

    def __enter__(self) -> VM:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it and throw its disk away."""
        self.kill()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def destroy(self) -> None:
        """End it and remove its folder, also where that was given."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- power -------------------------------------------------------------------------------------------------------

    def start(self, **changes: Any) -> None:
        """Power on, with these changes of the hardware. Returns at once; :meth:`wait` waits for the login.

        :raises VmError: where QEMU does not start.
        """
        self.hardware = replace(self.hardware, **changes)
        self.places.console.unlink(missing_ok=True)
        self.places.qmp.unlink(missing_ok=True)
        command = list(words(self.name, self.hardware, self.disk, self.places, self._state))
        if self.hardware.nvme_disks:
            command[0] = str(nvme_model.program(CACHE))
        self._state = None
        if self._outlives:
            command = ["timeout", "--kill-after=5", "3600", *command]
        self._began = time.monotonic()
        with (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Away from the terminal: Ctrl-C is for this process, which ends QEMU.
                start_new_session=True,
                preexec_fn=None if self._outlives else _die_with_parent,
            )
        (self.folder / "pid").write_text(f"{self._process.pid}\n", encoding="ascii")
        self._write_ssh_config(self._port())

    def _port(self) -> int:
        while True:
            try:
                return qmp.forwarded_port(qmp.monitor(self.places.qmp, "info usernet"))
            except qmp.QmpError as error:
                if not self.alive or time.monotonic() - self._began > 60:
                    said = (self.folder / "qemu.log").read_text(encoding="utf-8", errors="replace")
                    raise VmError(f"{self.name}: QEMU did not start: {said.strip() or error}") from None
                time.sleep(0.1)

    @property
    def alive(self) -> bool:
        """Whether QEMU runs."""
        if self._process is not None:
            return self._process.poll() is None
        try:
            stat = Path(f"/proc/{self._pid()}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    def _pid(self) -> int:
        try:
            return int((self.folder / "pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def kill(self) -> None:
        """Power off without a word to the guest: its memory is gone, what QEMU was told to write is not."""
        if self.ssh_config.exists():
            _run("ssh", "-F", str(self.ssh_config), "-O", "exit", self.name, check=False)
        if not self.alive:
            return
        pid = self._process.pid if self._process is not None else self._pid()
        os.killpg(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        while self.alive:
            time.sleep(0.05)

    def shut_down(self, seconds: float = 120) -> None:
        """Have the guest power itself off, and wait for it.

        :raises VmError: where it does not.
        """
        self.run("systemctl poweroff", check=False)
        end = time.monotonic() + seconds
        while self.alive and time.monotonic() < end:
            time.sleep(0.2)
        if self.alive:
            raise VmError(self._with_console(f"{self.name} did not power itself off within {seconds:.0f} s"))
        self.kill()  # the connection that was kept open

    def boot(self, **changes: Any) -> float:
        """Power on, with these changes of the hardware, and wait for the login; returns the seconds it took.

        :raises BootError: where there will be none.
        """
        self.start(**changes)
        return self.wait()

    def restart(self, **changes: Any) -> float:
        """Shut down and boot, with these changes of the hardware.

        :raises VmError: where the guest does not power itself off, or does not come to a login again.
        """
        if self.alive:
            self.shut_down()
        return self.boot(**changes)

    def wait(self, seconds: float = BOOT_SECONDS) -> float:
        """Wait for the login over SSH; returns the seconds since power on.

        :raises BootError: where the console says that there will be none, QEMU ended, or it took too long.
        """
        end = time.monotonic() + seconds
        while True:
            why = console.failure(self.console)
            if why is None and not self.alive:
                why = "it powered itself off"
            if why is None and time.monotonic() > end:
                why = f"no login within {seconds:.0f} s"
            if why:
                raise BootError(
                    why, self._with_console(f"{self.name} ({self.hardware.controller}) did not boot: {why}")
                )
            if self._answers() and self.run("true", check=False, seconds=90).returncode == 0:
                return time.monotonic() - self._began
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
                # On a machine with more to do sshd takes its time; who asks again at once only has it begin anew.
                connection.settimeout(15)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    # ---- talking to it -----------------------------------------------------------------------------------------------

    @property
    def console(self) -> str:
        """What the serial console has said since power on."""
        try:
            return self.places.console.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _with_console(self, sentence: str) -> str:
        return f"{sentence}\nThe end of its console ({self.places.console}):\n{console.tail(self.console)}"

    def run(self, command: str, check: bool = True, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a shell command there.

        :raises VmError: where it fails, unless not to ``check``, or where there is no answer within so many seconds.
        """
        try:
            done = subprocess.run(
                ["ssh", "-F", str(self.ssh_config), self.name, command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            if not check:
                return subprocess.CompletedProcess([], 255, "", f"no answer within {seconds:.0f} s")
            raise VmError(self._with_console(f"{self.name}: no answer to '{command}' within {seconds:.0f} s")) from None
        if check and done.returncode:
            raise VmError(
                f"{self.name}: '{command}' ended with {done.returncode}: {done.stderr.strip()} {done.stdout.strip()}"
            )
        return done

    def tell(self, command: str) -> str:
        """What a shell command prints there, without the last line's end.

        :raises VmError: where it fails.
        """
        return self.run(command).stdout.rstrip("\n")

    def read(self, path: str) -> str:
        """A file of the guest.

        :raises VmError: where it cannot be read.
        """
        return self.run(f"cat {shlex.quote(path)}").stdout

    def read_of_disk(self, disk: str, path: str) -> str:
        """A file of a disk in sysfs, once there is such a disk and udev is done with it.

        :raises VmError: where there is none after 30 s.
        """
        there = f"for second in $(seq 30); do [ ! -e /sys/block/{disk} ] || break; sleep 1; done"
        return self.tell(f"{there}; udevadm settle; cat /sys/block/{disk}/{path}")

    def qmp(self, command: str, **arguments: Any) -> Any:
        """What QEMU answers to a command of its machine protocol.

        :raises QmpError: where it refuses.
        """
        return qmp.execute(self.places.qmp, command, **arguments)

    def add_disk(self, number: int, mib: int) -> None:
        """Plug an empty disk into the data controller, at this SCSI id, while the guest runs.

        :raises QmpError: where QEMU refuses.
        """
        path = self.folder / f"disk{number}.qcow2"
        _run("qemu-img", "create", "-q", "-f", "qcow2", str(path), f"{mib}M")
        file = {"driver": "file", "filename": str(path)}
        self.qmp("blockdev-add", **{"driver": "qcow2", "node-name": f"disk{number}", "file": file})
        self.qmp("device_add", **disk_device(number, "scsi1"))

    def add_nvme_disk(self, number: int) -> None:
        """Plug in an NVMe controller with an empty disk while the guest runs, which was started with such a disk.

        :raises QmpError: where QEMU refuses.
        """
        self.qmp("blockdev-add", **{"driver": "null-co", "node-name": f"nvme{number}", "size": EMPTY_BYTES})
        self.qmp("device_add", **nvme_device(number))

    def save(self, state: str) -> None:
        """Save memory and devices in the disk.

        :raises VmError: where QEMU cannot.
        """
        said = qmp.monitor(self.places.qmp, f"savevm {state}", seconds=120)
        if said.strip():
            raise VmError(f"{self.name}: its state was not saved: {said.strip()}")

    # ---- SSH ---------------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port of this machine that leads to the guest's SSH."""
        return int((self.folder / "port").read_text(encoding="ascii"))

    def _write_ssh_config(self, port: int) -> None:
        (self.folder / "port").write_text(f"{port}\n", encoding="ascii")
        self.ssh_config.write_text(ssh_config(self.name, port, self.folder / "ssh"), encoding="utf-8")


def ssh_config(name: str, port: int, control: Path) -> str:
    """OpenSSH's configuration for a VM: one connection is kept open, for a handshake takes an emulated guest a second."""
    return f"""Host {name}
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {KEY}
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
  ConnectTimeout 60
  ServerAliveInterval 15
  ServerAliveCountMax 8
  ControlMaster auto
  ControlPersist 300
  ControlPath {control}
"""


def ready(name: str, hardware: Hardware, say: Callable[[str], None] = lambda text: None) -> Path:
    """An image with a saved state "ready" in it: this guest, booted on this hardware, logged in once. Made where it is not
    there, and kept: a guest that starts from it is there in seconds.

    :raises VmError: where it cannot be made.
    """
    base = image(name)
    # How the host treats the disk's file is no part of the state.
    hardware = replace(hardware, cache="unsafe")
    key = hashlib.sha256(f"{hardware!r}{machine.ICOUNT}".encode() + Path(machine.__file__).read_bytes()).hexdigest()[:8]
    path = CACHE / f"{base.stem}-ready-{key}.qcow2"
    with _locked(path.with_suffix(".lock")):
        if not path.exists():
            say(f"booting a {name} guest once, to start from")
            with VM(f"ready-{name}-{key}", base, hardware) as vm:
                vm.boot()
                vm.run("systemctl is-system-running --wait || :; sync; echo 3 >/proc/sys/vm/drop_caches")
                _run("ssh", "-F", str(vm.ssh_config), "-O", "exit", vm.name, check=False)
                time.sleep(1)
                vm.save("ready")
                vm.kill()
                for older in CACHE.glob(f"{name}-*-ready-*.qcow2"):
                    if not older.name.startswith(base.stem):
                        older.unlink()
                part = path.with_suffix(".part")
                shutil.move(vm.disk, part)
                part.rename(path)
    return path


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if check and done.returncode:
        raise VmError(f"'{' '.join(command)}' ended with {done.returncode}: {done.stderr.strip()}")
