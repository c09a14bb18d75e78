# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of guest trees, and real ansible-playbook runs against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import ansible
import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine import finding
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.window import DAYS
from ansible_collections.vmguest.linux.tests.unit.guest_tree import Guest, Tree, load, materialise

COLLECTIONS = Path(finding.__file__).parents[6]
CONNECTIONS = Path(__file__).parent / "connection"

#: What sudo does with a command; a guest's own one is put before the tree's commands.
SUDO = {
    "passwordless": 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"',
    "password": 'echo "sudo: a password is required" >&2; exit 1',
    "not_allowed": 'echo "audit is not in the sudoers file.  This incident will be reported." >&2; exit 1',
    "requiretty": 'if [ -z "$TERMINAL" ]; then echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1; fi\n'
    'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"',
}
#: su takes part in nothing but a terminal.
SU = '[ -n "$TERMINAL" ] || { echo "su: must be run from a terminal" >&2; exit 1; }\nexec /bin/sh -c "$3"'


def window(hours: int) -> str:
    """A change window of an hour, which ``hours`` from now is open for half an hour already."""
    begin = datetime.now(timezone.utc) + timedelta(hours=hours, minutes=-30)
    return f"{DAYS[begin.weekday()]} {begin:%H:%M}-{begin + timedelta(hours=1):%H:%M} UTC"


#: ansible-playbook. What is begun in the background of a shell begins with Ctrl-C ignored: here it counts all the same.
_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from ansible.cli.playbook import main; main()"
)


@dataclass
class Run:
    """What a run printed, and how it ended."""

    status: int
    output: str

    def line(self, word: str) -> str:
        """The only line with ``word``."""
        found = [line for line in self.output.splitlines() if word in line]
        assert len(found) == 1, f"{len(found)} lines with '{word}' in:\n{self.output}"
        return found[0]

    def fatal(self, host: str) -> dict[str, Any]:
        """The result of a host that failed or could not be reached."""
        line = self.line(f"fatal: [{host}]")
        return json.loads(line[line.index("=> ") + 3 :])


@dataclass
class Fleet:
    """Guests by name; ``variables`` hold for all of them."""

    folder: Path
    variables: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)

    def add(
        self,
        name: str,
        guest: str | Guest = "debian12",
        variant: str = "base",
        sudo: str = "passwordless",
        **variables: Any,
    ) -> Tree:
        """A guest whose login is no root, so that sudo is needed."""
        described = load(guest, variant) if isinstance(guest, str) else guest
        tree = materialise(described, self.folder / "trees" / f"tree{len(self.trees)}")
        for program, body in (("sudo", SUDO[sudo]), ("su", SU)):
            path = tree.state / "bin" / program
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o755)
        self.trees[name] = tree
        self.hosts[name] = {
            "ansible_connection": "tree",
            "ansible_user": "audit",
            "tree_root": str(tree.root),
            "tree_log": str(self._log(name)),
            **variables,
        }
        return tree

    def _log(self, name: str) -> Path:
        return self.folder / f"execs-{list(self.trees).index(name)}"

    def execs(self, name: str) -> list[str]:
        """The way of every exec on a guest so far."""
        log = self._log(name)
        return [json.loads(line)["way"] for line in log.read_text().splitlines()] if log.exists() else []

    def forget_execs(self) -> None:
        """Count from here."""
        for name in self.trees:
            self._log(name).unlink(missing_ok=True)

    def play(
        self,
        what: str | list[dict[str, Any]],
        *arguments: str,
        extra: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> Run:
        """Run a playbook of the collection by its name, or tasks on all hosts."""
        return ended(self.start(what, *arguments, extra=extra, **environment))

    def start(
        self,
        what: str | list[dict[str, Any]],
        *arguments: str,
        extra: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> subprocess.Popen[bytes]:
        """Begin such a run, as the leader of a process group of its own."""
        inventory = self.folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": self.hosts, "vars": self.variables}}, allow_unicode=True))
        playbook = f"vmguest.linux.{what}"
        if not isinstance(what, str):
            playbook = str(self.folder / "playbook.yml")
            (self.folder / "playbook.yml").write_text(
                yaml.safe_dump([{"hosts": "all", "gather_facts": False, "become": True, **play} for play in what])
            )
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                _PROGRAM,
                playbook,
                "-i",
                str(inventory),
                "-e",
                json.dumps(dict(extra or {})),
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(ansible.__file__).parents[1]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_FORKS": "4",
                **environment,
            },
        )

    def records(self, reports: str = "reports") -> dict[str, dict[str, Any]]:
        """Host to its record in the last run."""
        runs = sorted((self.folder / reports).iterdir(), key=lambda run: run.stat().st_mtime_ns)
        found = [json.loads(path.read_text()) for path in (runs[-1] / "hosts").glob("*.json")]
        return {record["host"]: record for record in found}

    def statuses(self, host: str) -> dict[str, str]:
        """Recommendation to status, in the host's last record."""
        return {entry["recommendation"]: entry["status"] for entry in self.records()[host]["findings"]}


def ended(process: subprocess.Popen[bytes], patience: float | None = None) -> Run:
    """What a run printed, once it has ended.

    :raises subprocess.TimeoutExpired: where it has not within ``patience`` seconds. It may be waited for again.
    """
    output, errors = process.communicate(timeout=patience)
    return Run(process.returncode, (output + errors).decode("utf-8", "replace"))
