# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""QEMU's machine protocol: one command, one answer."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command, or is not there. The message is for a person."""


def execute(path: Path, command: str, seconds: float = 60, **arguments: Any) -> Any:
    """What QEMU answers to a command.

    :raises QmpError: where it refuses it or does not answer within so many seconds.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.readline()  # the greeting
                _ask(stream, "qmp_capabilities", {})
                return _ask(stream, command, arguments)
    except (OSError, ValueError) as error:
        raise QmpError(f"QEMU does not answer to {command}: {error}") from error


def monitor(path: Path, line: str, seconds: float = 60) -> str:
    """What QEMU's monitor for people prints for a command that has no machine form.

    :raises QmpError: where QEMU does not answer.
    """
    return str(execute(path, "human-monitor-command", seconds, **{"command-line": line}))


def forwarded_port(usernet: str) -> int:
    """The port of the host in "info usernet" that leads to the guest's SSH.

    :raises ValueError: where there is none.
    """
    found = re.search(r"TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+22\b", usernet)
    if not found:
        raise ValueError(f"no port is forwarded to the guest's SSH: {usernet!r}")
    return int(found[1])


def _ask(stream: Any, command: str, arguments: dict[str, Any]) -> Any:
    stream.write(json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})}) + "\n")
    stream.flush()
    while line := stream.readline():
        answer = json.loads(line)
        if "return" in answer:
            return answer["return"]
        if "error" in answer:
            raise QmpError(f"QEMU refused {command}: {answer['error']['desc']}")
    raise QmpError(f"QEMU ended while it was asked for {command}")
