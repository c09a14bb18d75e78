"""The guests of the bench: containers with systemd, sshd and a VMware guest's /sys, reached over warm multiplexed SSH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

TOP = Path(__file__).resolve().parents[2]
CONTAINERS = TOP / "tests/containers"
sys.path.insert(0, str(CONTAINERS))

import manifest  # noqa: E402
from manifest import Manifest  # noqa: E402

BASE = "localhost/vmguest-test/debian12:current"
IMAGE = "localhost/vmguest-test/bench:current"
PREFIX = "vmguest-bench-"
#: What Ansible's own modules leave behind, and logs of the guest's own; neither is part of an end state.
PASSING = ("root/.ansible", "tmp/", "etc/.pwd.lock")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
#: Each systemd takes about four.
INOTIFY_PER_GUEST = 12


Answer = TypeVar("Answer")


class BenchError(Exception):
    """The bench cannot go on; the message is for a person."""


def run(*command: str, input_text: str | None = None, check: bool = True) -> str:
    """Standard output of a command of ours; BenchError with all that it said where it fails."""
    done = subprocess.run(command, input=input_text, capture_output=True, text=True, errors="replace", check=False)
    if check and done.returncode != 0:
        raise BenchError(
            f"{' '.join(command[:4])} … failed ({done.returncode}): {done.stderr.strip()} {done.stdout[-2000:]}"
        )
    return done.stdout


def build_image() -> None:
    """The test guest's image, and what SSH and Ansible's modules need on top of it."""
    run("sh", str(CONTAINERS / "build.sh"), "debian12")
    run(
        "podman",
        "build",
        "--quiet",
        "--build-arg",
        f"BASE={BASE}",
        "--tag",
        IMAGE,
        str(Path(__file__).parent / "guest"),
    )


@contextmanager
def inotify_for(guests: int) -> Iterator[None]:
    """Enough inotify instances for so many systemds; the machine's own limit is put back at the end."""
    before = INOTIFY.read_text(encoding="ascii")
    wanted = guests * INOTIFY_PER_GUEST + 128
    if int(before) >= wanted:
        yield
        return
    INOTIFY.write_text(str(wanted), encoding="ascii")
    try:
        yield
    finally:
        INOTIFY.write_text(before, encoding="ascii")


class Guests:
    """So many guests, as good as new after each :meth:`renew`."""

    def __init__(self, names: list[str], scratch: Path) -> None:
        self.names = names
        #: Names of each guest in the inventory, each with a connection of its own: a large fleet on few containers.
        self.aliases = 1
        self.scratch = scratch
        self.ssh_config = scratch / "ssh_config"
        self.inventory = scratch / "inventory.yml"
        self._key = scratch / "key"
        if not self._key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(self._key))

    @property
    def targets(self) -> list[str]:
        """What the inventory holds: each guest by its name, and by as many more as it has."""
        more = [f"-{number}" for number in range(1, self.aliases)]
        return [name + suffix for suffix in ("", *more) for name in self.names]

    def named(self, aliases: int) -> None:
        """From now on each guest has so many names; returns when it answers by all of them."""
        self.disconnect()
        self.aliases = aliases
        self._write_ssh_config()
        self.write_inventory()
        self.warm()

    def renew(self) -> None:
        """Remove the guests there are and start new ones; returns when every one answers over a warm connection."""
        self.remove()
        self._each(self._start)
        self._write_ssh_config()
        self.warm()

    def remove(self) -> None:
        """Their connections and containers. Those with our names only."""
        self.disconnect()
        there = run("podman", "ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^{PREFIX}").split()
        ours = [name for name in there if name in set(self.names)]
        for first in range(0, len(ours), 10):
            run("podman", "rm", "--force", "--time", "0", *ours[first : first + 10])

    def disconnect(self) -> None:
        """End the connections that are kept open."""
        for socket in self.scratch.glob("cm-*"):
            run("ssh", "-F", str(self.ssh_config), "-O", "exit", socket.name.removeprefix("cm-"), check=False)
            socket.unlink(missing_ok=True)

    def warm(self) -> None:
        """One SSH connection to each guest, kept open for those to come."""
        # On a busy machine sshd may come up after systemd has answered.
        self._each(lambda name: run("ssh", "-o", "ConnectionAttempts=60", *self.ssh(name)[1:], "true"), self.targets)

    def ssh(self, name: str) -> list[str]:
        """The words before a command to be run on a guest over SSH."""
        return ["ssh", "-F", str(self.ssh_config), name]

    def on_each(self, script: str) -> dict[str, str]:
        """What a script for sh prints on each guest."""
        return dict(
            zip(self.names, self._each(lambda name: run(*self.ssh(name), "sh -s", input_text=script)), strict=True)
        )

    def manifests(self, names: list[str]) -> dict[str, Manifest]:
        """What each of these guests consists of, file by file, but for what passes."""
        return {
            name: {path: entry for path, entry in manifest.read(name).items() if not path.startswith(PASSING)}
            for name in names
        }

    def write_inventory(
        self, host_vars: dict[str, dict[str, object]] | None = None, more: dict[str, object] | None = None
    ) -> None:
        """For Ansible, in YAML (of which JSON is a part); ``more`` are variables of all guests."""
        guests = {name: (host_vars or {}).get(name, {}) for name in self.targets}
        settings = {
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,  # the login is root
            "vmguest_lab_guest": True,
            "vmguest_profile": "everything",
            "io_scheduler_strict": True,
            **(more or {}),
        }
        inventory = {"all": {"hosts": guests, "vars": settings}}
        self.inventory.write_text(json.dumps(inventory, indent=1), encoding="utf-8")

    def _each(self, action: Callable[[str], Answer], names: list[str] | None = None) -> list[Answer]:
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            try:
                return list(pool.map(action, names or self.names))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _start(self, name: str) -> None:
        key = f"{self._key}.pub:/root/.ssh/authorized_keys:ro"
        run(
            "podman",
            "run",
            "--detach",
            "--name",
            name,
            "--hostname",
            name,
            "--systemd",
            "always",
            "--volume",
            key,
            IMAGE,
        )
        run("podman", "exec", name, "systemctl", "is-system-running", "--wait", check=False)  # "degraded" will do
        run("sh", str(CONTAINERS / "fake_kernel.sh"), name)

    def addresses(self) -> dict[str, str]:
        """The address of each guest."""
        answer = run("podman", "inspect", "--format", "{{.Name}} {{.NetworkSettings.IPAddress}}", *self.names)
        return dict(line.split() for line in answer.splitlines())

    def _write_ssh_config(self) -> None:
        more = range(1, self.aliases)
        lines = [
            f"Host {' '.join([name, *(f'{name}-{number}' for number in more)])}\n  HostName {address}"
            for name, address in self.addresses().items()
        ]
        lines.append(
            "Host *\n"
            "  User root\n"
            f"  IdentityFile {self._key}\n"
            "  IdentitiesOnly yes\n"
            "  StrictHostKeyChecking no\n"
            "  UserKnownHostsFile /dev/null\n"
            "  LogLevel ERROR\n"
            "  ControlMaster auto\n"
            "  ControlPersist 30m\n"
            f"  ControlPath {self.scratch}/cm-%n\n"
        )
        self.ssh_config.write_text("\n".join(lines), encoding="utf-8")
