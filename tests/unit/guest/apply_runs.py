# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of apply.sh on a small guest tree, and moments at which to cut them."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import need

#: /bin/sh of the distributions; where it is bash, it is in POSIX mode.
SHELLS = {"dash": (), "bash": ("--posix",), "busybox": ("sh",), "mksh": ()}
NOW = "2026-11-24T02:00:00Z"
STATE = "var/lib/vmguest"

#: Functions and commands of apply.sh that change something.
MUTATING = ("put", "fill", "edit_into", "end_line", "add_file", "without_last_line", "add_without_end", "kernel_write")
COMMANDS = ("chmod", "cp", "ln", "mkdir", "mv", "rm", "rmdir", "sync")
#: The bodies of those functions whose write may be torn: half of what was meant is there when the power goes.
TORN = {
    "put": 'printf "%s" "${2%????}" >"$1"',
    "fill": 'sed 1q "$1" >"$2"',
    "edit_into": 'printf "torn" >"$1"',
}


#: Nothing is gained by waiting in a test. (Heartbeats of a run that was killed go on until they notice.)
QUICK = "sync() { :; }\nsleep() { command sleep 0.1; }\nbetween_signs_of_life() { exec sleep 0.1; }\n"


def cut_at(counter: Path, torn: bool = False) -> str:
    """Shell text that kills the run at the n-th change, n being in file ``counter``: before it, or in its middle."""
    lines = [
        QUICK,
        "cut_here() {",
        "cut_left=",
        f'{{ read -r cut_left <"{counter}"; }} 2>/dev/null || return 0',
        f'echo $((cut_left - 1)) >"{counter}"',
        '[ "$cut_left" -eq 1 ]',
        "}",
        # What kills a shell does not kill its $( ): that one leaves by itself.
        "cut_off() { kill -9 $$; exit 9; }",
    ]
    bodies = {
        "put": 'printf "%s" "$2" >"$1"',
        "fill": 'cat "$1" >"$2"',
        "edit_into": 'cut_result=$1 cut_work=$2; shift 2; sed "$@" "$cut_work" >"$cut_result"',
        "kernel_write": 'printf "%s\\n" "$2" >"$1"',
        "end_line": 'printf "\\n" >>"$1"',
        "add_file": 'cat "$2" >>"$1"',
        "without_last_line": 'sed "\\$d" "$1" >"$2"',
        "add_without_end": 'printf "%s" "$2" >>"$1"',
    }
    for name, body in bodies.items():
        half = TORN.get(name, ":") if torn else ":"
        lines.append(f"{name}() {{ if cut_here; then {half}; cut_off; fi; {body}; }}")
    for name in COMMANDS:
        work = "" if name == "sync" else f'command {name} "$@"'
        lines.append(f"{name}() {{ if cut_here; then cut_off; fi; {work or ':'}; }}")
    return "\n".join(lines) + "\n"


def argv(shell: str) -> list[str]:
    """How a shell is started that reads its script from standard input."""
    return [need(shell), *SHELLS[shell], "-s"]


@dataclass
class Ran:
    """What one run printed, without the nonce, and how it ended."""

    lines: list[str]
    status: int
    text: str

    def said(self, word: str) -> list[str]:
        """The structural lines that begin with ``word``, without it."""
        return [line[len(word) + 1 :] for line in self.lines if line.split(" ")[0] == word]

    @property
    def outcomes(self) -> dict[str, str]:
        """Recommendation to how it ended."""
        return {line.split(" ")[0]: line.split(" ")[1] for line in self.said("outcome")}

    @property
    def whole(self) -> bool:
        """The frame was closed."""
        return self.lines[-1:] == ["end"] and self.lines[:1] == ["begin apply 1"]

    @property
    def detail(self) -> list[str]:
        """What commands printed."""
        return [line for line in self.text.splitlines() if not line.startswith(self.text[:32])]


@dataclass
class SmallGuest:
    """A root directory, and runs of apply.sh on it."""

    root: Path
    shell: str = "dash"
    extra: str = QUICK
    runs: int = 0
    wait: int = 300

    def write(self, path: str, content: bytes | str, mode: int = 0o644) -> Path:
        """Make a file, with its folders."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        return (self.root / path.lstrip("/")).read_bytes()

    def payload(
        self, *transactions: tuple[str, Sequence[Step]] | Transaction, extra: str | None = None, run: str = ""
    ) -> str:
        """The program for transactions, each a recommendation's id and its steps, or more than that."""
        self.runs += 1
        return apply_payload(
            secrets.token_hex(16),
            run or f"run{self.runs}",
            NOW,
            [
                entry if isinstance(entry, Transaction) else Transaction(entry[0], tuple(entry[1]))
                for entry in transactions
            ],
            root=str(self.root),
            extra=self.extra if extra is None else extra,
            wait=self.wait,
        )

    def apply(self, *transactions: tuple[str, Sequence[Step]] | Transaction, extra: str | None = None) -> Ran:
        """Apply transactions."""
        return self.execute(self.payload(*transactions, extra=extra))

    def revert(self, *receipts: str, extra: str | None = None) -> Ran:
        """Revert receipts, in this order."""
        self.runs += 1
        return self.execute(
            revert_payload(
                secrets.token_hex(16),
                f"run{self.runs}",
                NOW,
                receipts,
                root=str(self.root),
                extra=self.extra if extra is None else extra,
                wait=self.wait,
            )
        )

    def execute(self, payload: str, shell: str | None = None) -> Ran:
        """Pipe a payload to the shell."""
        done = subprocess.run(
            argv(shell or self.shell),
            input=payload.encode("utf-8", "surrogateescape"),
            capture_output=True,
            env={"PATH": os.environ["PATH"]},
            cwd="/",
            check=False,
        )
        text = done.stdout.decode("utf-8", "surrogateescape")
        if done.returncode >= 0:
            assert not done.stderr, done.stderr.decode("utf-8", "replace") + text
        nonce = payload[len("NONCE=") :][:32]
        lines = [line[33:] for line in text.split("\n") if line.startswith(nonce + " ")]
        return Ran(lines, done.returncode, text)

    def start(self, payload: str) -> subprocess.Popen[bytes]:
        """Begin a run and leave it alone."""
        process = subprocess.Popen(
            argv(self.shell), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
        )
        assert process.stdin is not None
        process.stdin.write(payload.encode("utf-8", "surrogateescape"))
        process.stdin.close()
        process.stdin = None
        return process

    @property
    def receipts(self) -> dict[str, str]:
        """Name to state of each receipt."""
        return {path.parent.name: path.read_text().strip() for path in self.root.glob(f"{STATE}/receipts/*/state")}

    def snapshot(self) -> dict[str, tuple[object, ...]]:
        """Everything of the guest but its receipts: kind, mode, owner, content."""
        found: dict[str, tuple[object, ...]] = {}
        for folder, folders, files in os.walk(os.fsencode(self.root)):
            if os.path.relpath(folder, os.fsencode(self.root)) == STATE.encode():
                folders[:] = []
                continue
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = b""
                if stat.S_ISREG(status.st_mode):
                    with open(path, "rb") as file:
                        content = file.read()
                elif stat.S_ISLNK(status.st_mode):
                    content = os.readlink(path)
                shown = os.path.relpath(path, os.fsencode(self.root)).decode("utf-8", "surrogateescape")
                # Folders on the way to the receipts are made by the first run, and stay.
                if shown not in ("var", "var/lib", STATE):
                    found[shown] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, content)
        return found
