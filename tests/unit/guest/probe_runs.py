# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the real probe on a directory, for tests of the probe itself. (Whole guests are in tests/guests.)"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload

NONCE = "0123456789abcdef0123456789abcdef"
SHELLS = ("dash", "bash", "busybox", "mksh")
#: Where the machine's own grep, sed, ls and find are.
PATH = "/usr/bin:/bin"


def need(program: str) -> str:
    """The path of a program; without it a test is skipped on a developer's machine, and fails in CI."""
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")
    return found


def shell_argv(shell: str) -> list[str]:
    """How a shell is started; busybox's finds its own grep, sed, ls and find first."""
    return [need(shell), *(["sh"] if shell == "busybox" else [])]


def put(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files of a guest, with their folders."""
    for name, content in files.items():
        path = os.fsencode(root) + name.encode("utf-8", "surrogateescape")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)


def run_script(script: str, shell: str = "dash", path: str = PATH, before: Sequence[str] = ()) -> bytes:
    """What a script prints that is piped into a shell, as the transport does it; ``before`` is a command to run it under."""
    done = subprocess.run(
        [*before, *shell_argv(shell), "-s"],
        input=script.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=False,
        timeout=60,
        cwd="/",
        env={"PATH": path},
    )
    return done.stdout


def run_probe(root: Path, reads: Sequence[Read], shell: str = "dash", path: str = PATH) -> str:
    """The probe's output as the parser gets it."""
    payload = probe_payload(NONCE, reads, str(root))
    return run_script(payload, shell, path).decode("utf-8", "surrogateescape")


def probe(root: Path, reads: Sequence[Read], shell: str = "dash", path: str = PATH) -> ProbeOutput:
    """The probe's output, parsed."""
    return parse(run_probe(root, reads, shell, path), NONCE, reads)


def lines_of(content: bytes) -> tuple[str, ...]:
    """The lines of a file as the evidence has them."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)


def stand_in(directory: Path, name: str, body: str) -> None:
    """A command for a PATH of the test's own."""
    directory.mkdir(exist_ok=True)
    script = directory / name
    script.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    script.chmod(0o755)


def let_through(gate: Path) -> None:
    """Write to a named pipe, once somebody waits at its other end; a test fails where nobody comes in half a minute."""
    deadline = time.monotonic() + 30
    end = None
    while end is None:
        try:
            end = os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    os.write(end, b"go on\n")
    os.close(end)


def without(directory: Path, *programs: str) -> str:
    """A PATH that lacks some programs."""
    directory.mkdir()
    for folder in PATH.split(":"):
        for program in Path(folder).iterdir():
            link = directory / program.name
            if program.name not in programs and not link.exists():
                link.symlink_to(program)
    return str(directory)
