# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook on a simulated fleet, and what they cost the controller: seconds, processor, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[2]
#: Seconds between two looks at the memory of all processes of a run.
LOOK = 0.5
MIB = 1024 * 1024


class FleetError(Exception):
    """The bench cannot go on; the message is for a person."""


@dataclass(frozen=True)
class Cost:
    """What one run cost. Memory in MiB.

    ``main``: the highest resident set of Ansible's main process. ``fork``: that of its largest fork, which shares most of it
    with the main process. ``together``: the highest sum of all processes at one time, what is shared counted once (PSS).
    """

    seconds: float
    processor: float
    main: float
    fork: float
    together: float


def inventory(file: Path, guests: int, recordings: Path, seconds: float = 0.0, first: int = 1) -> None:
    """An inventory of so many guests that answer with recordings; INI, which Ansible reads faster than YAML."""
    file.write_text(
        f"guest[{first:05}:{first + guests - 1:05}]\n\n[all:vars]\nansible_connection=recorded\nansible_become=false\n"
        f"recorded_folder={recordings}\nrecorded_seconds={seconds}\nvmguest_profile=everything\n",
        encoding="utf-8",
    )


def environment(scratch: Path, forks: int) -> dict[str, str]:
    """What a run inherits: nothing of this machine's own settings."""
    settings = scratch / "ansible.cfg"
    if not settings.exists():
        settings.write_text("[defaults]\n", encoding="utf-8")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": f"{TOP}/.build/import:{TOP}/.build/collections",
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_HOME": str(scratch / "ansible"),
        "ANSIBLE_PIPELINING": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"{TOP}/.build/import",
    }


def play(
    playbook: str,
    inventory_file: Path,
    scratch: Path,
    forks: int,
    variables: Mapping[str, str] | None = None,
    samples: Path | None = None,
) -> Cost:
    """Run a playbook, its output into a file; with ``samples``, what each process does with its time into that folder.

    :raises FleetError: where it failed.
    """
    program = "from ansible.cli.playbook import main; main()"
    if samples:
        # By its file: what is imported as a part of a collection before Ansible has set up its loader breaks that.
        found = f"import pathlib, sys; sys.path.insert(0, {str(HERE)!r}); from sampler import Sampler; del sys.path[0]"
        program = f"{found}; Sampler(pathlib.Path({str(samples)!r})).begin(); {program}"
    words = [sys.executable, "-c", program, "-i", str(inventory_file), playbook]
    for name, value in (variables or {}).items():
        words += ["-e", f"{name}={value}"]
    log = scratch / "output"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(words, env=environment(scratch, forks), cwd=scratch, stdout=output, stderr=output)
        watch = Watch(process.pid)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.end()
    if process.returncode != 0:
        raise FleetError(f"{playbook} ended with {process.returncode}; the end of its output:\n{_tail(log)}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, watch.main / MIB, watch.fork / MIB, watch.together / MIB)


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]


class Watch(threading.Thread):
    """Looks at the memory of a process and all that it started, until :meth:`end`. Bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.main = self.fork = self.together = 0
        self._ended = threading.Event()
        self.start()

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Look, wait, look."""
        while not self._ended.wait(LOOK):
            self.main = max(self.main, _field(f"/proc/{self.pid}/status", "VmHWM:"))
            together = 0
            for pid in _descendants(self.pid):
                together += _field(f"/proc/{pid}/smaps_rollup", "Pss:")
                if pid != self.pid:
                    self.fork = max(self.fork, _field(f"/proc/{pid}/status", "VmHWM:"))
            self.together = max(self.together, together)


def _descendants(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from _descendants(int(child))


def _field(file: str, name: str) -> int:
    """Bytes of a line of KiB in one of /proc's files; 0 for a process that is gone."""
    try:
        for line in Path(file).read_text(encoding="ascii").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0
