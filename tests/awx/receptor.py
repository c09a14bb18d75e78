# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for receptor, the program that carries AWX's jobs to the nodes that run them.

It speaks what AWX says on receptor's control socket, and does what receptor does with work of type ``local``, which is
that of a node that is both controller and executor: it runs ``ansible-runner worker`` on the payload, keeps the output
in a file, and streams that back. There is no mesh, no other node, no signature and no TLS.

    receptor.py SOCKET FOLDER NODE COMMAND...       the command is `ansible-runner worker`
"""

from __future__ import annotations

import json
import secrets
import shlex
import signal
import socketserver
import subprocess
import sys
import time
from io import BufferedIOBase
from pathlib import Path
from typing import Any

#: Seconds between two looks for more output, and until a cancelled worker is killed: receptor's own.
LOOK, PATIENCE = 0.25, 10


class Unit:
    """One piece of work: a payload, the process that works on it, and what that says."""

    def __init__(self, folder: Path, words: list[str], payload: bytes) -> None:
        folder.mkdir(mode=0o700)
        self.output = folder / "stdout"
        (folder / "stdin").write_bytes(payload)
        self.params = shlex.join(words[1:])
        self.cancelled = False
        with (folder / "stdin").open("rb") as source, self.output.open("wb") as output:
            self.process = subprocess.Popen(
                words, stdin=source, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def running(self) -> bool:
        """Whether the process is still at work."""
        return self.process.poll() is None

    def status(self) -> dict[str, Any]:
        """What receptor says of a unit."""
        state = "Running" if self.running else "Succeeded" if self.process.returncode == 0 else "Failed"
        return {
            "StateName": "Canceled" if self.cancelled else state,
            "Detail": "" if self.running else f"exit status {self.process.returncode}",
            "StdoutSize": self.output.stat().st_size,
            "WorkType": "local",
            "ExtraData": {"Pid": self.process.pid, "Params": self.params},
        }

    def cancel(self) -> None:
        """Interrupt the process; kill it where that does not end it."""
        if self.running:
            self.cancelled = True
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stream(self, to: BufferedIOBase, begin: int) -> None:
        """Everything that the process says, until it ends."""
        with self.output.open("rb") as source:
            source.seek(begin)
            while True:
                last = not self.running
                while part := source.read(1 << 16):
                    to.write(part)
                    to.flush()
                if last:
                    return
                time.sleep(LOOK)


class Control(socketserver.ThreadingUnixStreamServer):
    """Receptor's control socket."""

    daemon_threads = True

    def __init__(self, file: str, folder: Path, node: str, command: list[str]) -> None:
        super().__init__(file, Session)
        self.folder, self.node, self.command = folder, node, command
        self.units: dict[str, Unit] = {}


class Session(socketserver.StreamRequestHandler):
    """One connection: a greeting, then commands, each a line."""

    server: Control

    def say(self, answer: Any) -> None:
        """A line of JSON."""
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def handle(self) -> None:
        """Greet, and answer until the other side hangs up."""
        try:
            self.wfile.write(f"Receptor Control, node {self.server.node}\n".encode())
            while line := self.rfile.readline().decode().strip():
                try:
                    if self.answer(line):
                        return
                except KeyError as error:
                    self.wfile.write(f"ERROR: unknown work unit {error.args[0]}\n".encode())
        except (BrokenPipeError, ConnectionResetError):
            pass

    def answer(self, line: str) -> bool:
        """Do what a line asks for; whether the connection is used up by it."""
        units = self.server.units
        if line.startswith("{"):
            return self.submit(json.loads(line))
        match line.split():
            case ["status"]:
                self.say({"NodeID": self.server.node, "Version": "stand-in", "Advertisements": []})
            case ["reload"]:
                self.say({"Success": True})
            case ["work", "list"]:
                self.say({name: unit.status() for name, unit in units.items()})
            case ["work", "status", name]:
                self.say(units[name].status())
            case ["work", "cancel", name]:
                units[name].cancel()
                self.say({"cancelled": name})
            case ["work", "release", name]:
                units[name].cancel()
                del units[name]
                self.say({"released": name})
            case ["work", "results", name, begin]:
                unit = units[name]
                self.wfile.write(f"Streaming results for work unit {name}\n".encode())
                unit.stream(self.wfile, int(begin))
                return True
            case _:
                self.wfile.write(b"ERROR: Unknown command\n")
        return False

    def submit(self, asked: dict[str, str]) -> bool:
        """Take a payload, and begin to work on it."""
        if asked.get("worktype") != "local" or asked.get("node") != "localhost":
            self.wfile.write(b"ERROR: the stand-in knows work of type local on localhost only\n")
            return False
        name = secrets.token_urlsafe(6)
        self.wfile.write(f"Work unit created with ID {name}. Send stdin data and EOF.\n".encode())
        words = [*self.server.command, *shlex.split(asked.get("params", ""))]
        self.server.units[name] = Unit(self.server.folder / name, words, self.rfile.read())
        self.say({"unitid": name, "result": "Job Started"})
        return True


if __name__ == "__main__":
    with Control(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]) as control:
        control.serve_forever()
