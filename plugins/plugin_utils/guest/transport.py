# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transport: a script to the guest's ``/bin/sh`` over Ansible's own connection and become plugins, and its output back.

Two ways lead there, and neither leaves a file behind:

``stdin``
    ``/bin/sh -s`` reads the script from standard input. The way of choice: no limit that matters, and the script is in no
    process list. It has no terminal, so neither su nor a sudo with requiretty takes part in it.
``argument``
    the script is an argument of ``sh -c``. It takes part in a terminal, hence with su and requiretty, and in connections
    whose ``exec_command`` has no standard input (paramiko, VMware guest operations). An argument ends at 128 KiB.
"""

from __future__ import annotations

import re
import shlex
from enum import Enum
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError

#: What Linux takes as one argument, its final NUL included (MAX_ARG_STRLEN of include/uapi/linux/binfmts.h).
ARGUMENT_LIMIT = 128 * 1024
#: What Ansible and its become plugins put around a command, at most.
QUOTING = 1024

#: become plugins that need a terminal, or lose standard input; those of newer releases say so themselves (``pipelining``).
_NO_STDIN = frozenset({"su", "sesu", "sudosu", "machinectl", "enable", "runas"})

#: What sudo says where its configuration asks for a terminal (the default up to RHEL 6).
_REQUIRETTY = "must have a tty"

_NOT_THERE = re.compile(
    r"not found|no such file|can't execute|cannot execute|unknown command|not recognized", re.IGNORECASE
)
_NO_PASSWORD = re.compile(
    r"a password is required|no password was provided|missing \S+ password|a terminal is required to (read|authenticate)"
    r"|no tty present and no askpass|no askpass program",
    re.IGNORECASE,
)
_WRONG_PASSWORD = re.compile(
    r"incorrect \S+ password|sorry, try again|incorrect password|authentication failure|permission denied.*\bsu\b"
    r"|duplicate become password|interactive authentication required",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"is not in the sudoers file|is not allowed to (run|execute)|may not run sudo|not permitted|must be setuid root"
    r"|effective uid is not 0|permission denied \(doas\)|doas: operation not permitted",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    r"waiting for (privilege escalation|become success|become password)|privilege output closed", re.IGNORECASE
)


#: What ssh says beside the answer.
_NOISE = re.compile(
    r"^(Warning: Permanently added .*|Shared connection to .* closed\.|Connection to .* closed\.)\s*$", re.MULTILINE
)


class TransportError(Exception):
    """The script did not run on the guest. The message is one sentence: what was tried, what came back, what to do."""


class Unreachable(TransportError):
    """There is no connection to the guest."""


class Way(str, Enum):
    """How a script gets to the guest's shell."""

    STDIN = "stdin"
    ARGUMENT = "argument"

    def __str__(self) -> str:
        return self.value


def way_for(connection: Any) -> Way:
    """The way that this connection, its become plugin and the options in force allow.

    ``ansible_pipelining`` is not asked over ssh: it is off by default, and standard input works there without it.
    """
    if not connection.has_pipelining:
        return Way.ARGUMENT
    become = connection.become
    if not become:
        return Way.STDIN
    if (
        _plain_name(become) in _NO_STDIN
        or getattr(become, "require_tty", False)
        or not getattr(become, "pipelining", True)
    ):
        return Way.ARGUMENT
    if connection.transport == "local" and not _option(connection, "pipelining"):
        # To answer a password prompt it makes a terminal sudo's standard input, and the shell then waits there for ever.
        return Way.ARGUMENT
    return Way.STDIN


def _plain_name(become: Any) -> str:
    """A become plugin's name without its collection's."""
    return str(become.name).rpartition(".")[2]


def argument_command(script: str) -> str:
    """``script`` as one command line.

    Ansible quotes a command again for each shell on its way, and every quote grows fivefold each time. So all that any shell on
    that way (csh and fish as login shells among them) would look at is written in octal, and ``printf`` undoes it.
    """
    return "/bin/sh -c " + shlex.quote('eval "$(printf %b "$1")"') + " sh '" + _octal(script) + "'"


def _octal(script: str) -> str:
    plain = []
    for byte in script.encode("utf-8", "surrogateescape"):
        if byte == 0x0A:
            plain.append("\\n")
        elif 0x20 <= byte < 0x7F and byte not in b"'\\!":
            plain.append(chr(byte))
        else:
            plain.append(f"\\0{byte:03o}")
    return "".join(plain)


def printable(text: str, limit: int = 300) -> str:
    """``text`` on one line, without control characters, cut at ``limit`` characters: for messages."""
    clean = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return clean if len(clean) <= limit else clean[:limit] + "…"


class Transport:
    """Runs scripts on one guest, for one task.

    ``action`` is the task's action plugin: its connection is used. ``way`` is one that worked for this guest before, if known.
    """

    def __init__(self, action: Any, way: Way | None = None) -> None:
        self._action = action
        self._connection = action._connection
        self.way = way or way_for(self._connection)
        self.execs = 0

    def run(self, script: str, nonce: str) -> str:
        """The output of ``script``, whose frame begins with ``nonce``. Bytes that are no UTF-8 come as lone surrogates.

        :raises Unreachable: without a connection.
        :raises TransportError: where the script did not begin to run.
        """
        self._check()
        status, output = self._execute(script)
        if self.way is Way.STDIN and nonce not in output and _REQUIRETTY in output:
            self.way = Way.ARGUMENT
            status, output = self._execute(script)
        if f"{nonce} begin " not in output:
            raise self._refusal(status, output)
        return output

    def _check(self) -> None:
        connection = self._connection
        if getattr(connection._shell, "_IS_WINDOWS", False) or getattr(connection, "supports_persistence", False):
            # Connections to network devices run commands on the controller itself.
            raise TransportError(
                f"the connection '{connection.transport}' does not lead to the shell of a Linux guest; "
                "leave this host out with --limit or vmguest_hosts"
            )

    def _execute(self, script: str) -> tuple[int, str]:
        """Exit status, and standard output and error: who has a terminal gets them mixed anyway."""
        environment = self._action._compute_environment_string()
        if self.way is Way.STDIN:
            command, data = "/bin/sh -s", script.encode("utf-8", "surrogateescape")
        else:
            command, data = argument_command(script), None
        command = f"{environment} {command}" if environment else command
        if data is None and len(command) + QUOTING >= ARGUMENT_LIMIT:
            raise TransportError(
                f"the script of {len(command) // 1024} KiB is more than the {ARGUMENT_LIMIT // 1024} KiB of an argument, "
                f"and {self._method()} takes it in no other way; remediate fewer recommendations at a time with vmguest_only, "
                "or connect as root over ssh"
            )
        self.execs += 1
        try:
            answer = self._action._low_level_execute_command(command, in_data=data, encoding_errors="surrogateescape")
        except AnsibleConnectionFailure as error:
            text = str(error)
            if self._connection.become and (
                _PROMPT.search(text) or _NO_PASSWORD.search(text) or _WRONG_PASSWORD.search(text)
            ):
                return 1, text
            raise Unreachable(self._unreachable(text)) from None
        except AnsibleError as error:
            # What become plugins refuse comes as an error of some connections, and as output of the others.
            return 1, str(error)
        except OSError as error:
            return 126, str(error)
        text = answer["stdout"] if answer["stdout"].endswith("\n") or not answer["stdout"] else answer["stdout"] + "\n"
        return answer["rc"], text + answer["stderr"]

    def _unreachable(self, text: str) -> str:
        text = re.sub(
            r"^(Failed to connect to the host via \w+|Data could not be sent to remote host [^:]*):\s*",
            "",
            text.strip(),
        )
        # Warnings and banners come before what ssh finally says.
        lines = [line for line in _NOISE.sub("", text).splitlines() if line.strip()]
        return (
            f"no connection over {self._connection.transport}: {printable(' '.join(lines[-2:])) or 'it said nothing'}"
        )

    def _method(self) -> str:
        become = self._connection.become
        return f"become method '{_plain_name(become)}'" if become else f"connection '{self._connection.transport}'"

    def _refusal(self, status: int, output: str) -> TransportError:
        """Why no shell ran the script, as one sentence."""
        answer = printable(_NOISE.sub("", output)) or "nothing"
        become = self._connection.become
        if become:
            name, user = _plain_name(become), self._action.get_become_option("become_user") or "root"
            if _REQUIRETTY in output:
                return TransportError(
                    f"{name} asks for a terminal (requiretty) and this connection has none; it said: {answer}"
                )
            if _REFUSED.search(output):
                return TransportError(
                    f"{name} refused to become {user}; allow it to the user that Ansible logs in as, or log in as root; "
                    f"it said: {answer}"
                )
            if _NO_PASSWORD.search(output):
                return TransportError(
                    f"{name} needs a password to become {user}; run with -K (--ask-become-pass), or allow {name} without a password"
                )
            if _WRONG_PASSWORD.search(output):
                return TransportError(
                    f"{name} did not accept the password to become {user}; run with -K and give the right one"
                )
            if _PROMPT.search(output):
                return TransportError(
                    f"{name} did not become {user} in time; if it needs a password, run with -K; it said: {answer}"
                )
            if status in (126, 127) and re.search(rf"\b{re.escape(name)}\b", output):
                return TransportError(
                    f"{name} cannot be run on the guest; install it, set ansible_become_method, or log in as root; "
                    f"it said: {answer}"
                )
        if status in (126, 127) or _NOT_THERE.search(output):
            return TransportError(f"the guest has no usable /bin/sh for this login; it said: {answer}")
        if status == 255:
            return Unreachable(f"no connection over {self._connection.transport}: {answer}")
        return TransportError(
            f"the login did not lead to a shell that runs /bin/sh (exit status {status}); check the login's shell; "
            f"it said: {answer}"
        )


def _option(connection: Any, name: str) -> Any:
    try:
        return connection.get_option(name)
    except (KeyError, AttributeError):
        return None
