# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a script gets to a guest's shell, and what is said where it does not. Whole runs: tests/unit/playbooks."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import (
    ARGUMENT_LIMIT,
    Transport,
    TransportError,
    Unreachable,
    Way,
    argument_command,
    way_for,
)

NONCE = "0123456789abcdef0123456789abcdef"
SCRIPT = "main() {\nsome='thing'\n}\nmain </dev/null\n"


def become(name: str, **attributes: Any) -> SimpleNamespace:
    """A become plugin."""
    return SimpleNamespace(name=name, **attributes)


@dataclass
class Connection:
    """A connection plugin that is asked what it can."""

    transport: str = "ssh"
    has_pipelining: bool = True
    become: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    _shell: Any = field(default_factory=SimpleNamespace)
    supports_persistence: bool = False

    def get_option(self, name: str) -> Any:
        """As Ansible's: KeyError for what the plugin does not have."""
        return self.options[name]


@pytest.mark.parametrize(
    ("connection", "way"),
    [
        (Connection(), Way.STDIN),
        # ssh takes standard input whatever ansible_pipelining says, which is off by default.
        (Connection(options={"pipelining": False}, become=become("sudo")), Way.STDIN),
        (Connection("containers.podman.podman"), Way.STDIN),
        (Connection("community.docker.docker", become=become("sudo")), Way.STDIN),
        (Connection("community.general.chroot"), Way.STDIN),
        (Connection("paramiko", has_pipelining=False), Way.ARGUMENT),
        (Connection("community.vmware.vmware_tools", has_pipelining=False), Way.ARGUMENT),
        # ansible-core 2.16 does not say so of su; later ones do.
        (Connection(become=become("su")), Way.ARGUMENT),
        (Connection(become=become("community.general.sudosu")), Way.ARGUMENT),
        (Connection(become=become("another", pipelining=False)), Way.ARGUMENT),
        (Connection(become=become("community.general.machinectl", require_tty=True)), Way.ARGUMENT),
        (Connection("local"), Way.STDIN),
        (Connection("local", options={"pipelining": False}), Way.STDIN),
        (Connection("local", options={"pipelining": True}, become=become("sudo")), Way.STDIN),
        (Connection("local", options={"pipelining": False}, become=become("sudo")), Way.ARGUMENT),
        (Connection("local", become=become("sudo")), Way.ARGUMENT),
    ],
    ids=lambda value: (
        "" if isinstance(value, Way) else f"{value.transport}-{value.become and value.become.name}-{value.options}"
    ),
)
def test_the_way_is_chosen_by_what_the_connection_allows(connection: Connection, way: Way) -> None:
    assert way_for(connection) is way


class TestArgument:
    @pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "mksh"])
    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "it's",
            'say "x"',
            "back\\slash \\n \\0101 \\c",
            "a\nb\n",
            "100%s %b",
            "$(id) `id` $HOME",
            "!!",
            "\udcff\udc80\u00e9",
            "\t\r",
        ],
    )
    def test_arrives_as_it_was_through_every_shell_on_its_way(self, shell: str, text: str) -> None:
        """Quoted three times, as with sudo: for the login's shell, for Ansible's, for become's."""
        command = argument_command(f"printf '%s.' {shlex.quote(text)}")
        for _shell in range(3):
            command = f"/bin/sh -c {shlex.quote(command)}"
        program = shutil.which(shell)
        assert program, f"{shell} is not installed"
        words = [program, *(["ash"] if shell == "busybox" else []), "-c", command]
        done = subprocess.run(
            [word.encode("utf-8", "surrogateescape") for word in words], capture_output=True, check=True
        )
        assert done.stdout == text.encode("utf-8", "surrogateescape") + b"."

    @given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
    def test_gives_no_shell_anything_to_look_at(self, text: str) -> None:
        """Broken on purpose by leaving a quote, a newline or an exclamation mark as it is."""
        encoded = argument_command(text).rpartition(" sh ")[2]
        assert encoded[0] == encoded[-1] == "'"
        assert not set(encoded[1:-1]) & set("'\n!")
        assert "\\\\" not in encoded, "fish takes two backslashes for one"
        assert encoded.isascii()

    def test_grows_little_however_often_it_is_quoted(self) -> None:
        command = argument_command("x='y'\n" * 1000)
        quoted = shlex.quote(shlex.quote(shlex.quote(command)))
        assert len(quoted) - len(command) < 1024


class Action:
    """An action plugin whose connection answers what it is told, call after call."""

    def __init__(self, *answers: Any, connection: Connection | None = None, environment: str = "") -> None:
        self._connection = connection or Connection(become=become("sudo"))
        self.answers = list(answers)
        self.environment = environment
        self.sent: list[tuple[str, bytes | None]] = []

    def _compute_environment_string(self) -> str:
        return self.environment

    def get_become_option(self, _name: str) -> str:
        return "root"

    def _low_level_execute_command(
        self, command: str, in_data: bytes | None = None, encoding_errors: str = ""
    ) -> dict[str, Any]:
        assert encoding_errors == "surrogateescape"
        self.sent.append((command, in_data))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        status, stdout, stderr = answer
        return {"rc": status, "stdout": stdout, "stderr": stderr}


GOOD = (0, f"{NONCE} begin probe 1\n{NONCE} end\n", "")
TTY = (1, "", "sudo: sorry, you must have a tty to run sudo\n")


class TestRun:
    def test_sends_the_script_to_standard_input(self) -> None:
        action = Action(GOOD)
        assert Transport(action).run(SCRIPT, NONCE) == GOOD[1]
        assert action.sent == [("/bin/sh -s", SCRIPT.encode())]

    def test_keeps_the_tasks_environment(self) -> None:
        """Package managers behind a proxy need it."""
        action = Action(GOOD, environment="http_proxy=http://proxy:3128")
        Transport(action).run(SCRIPT, NONCE)
        assert action.sent[0][0] == "http_proxy=http://proxy:3128 /bin/sh -s"

    def test_goes_the_other_way_once_where_sudo_asks_for_a_terminal(self) -> None:
        action = Action(TTY, GOOD, GOOD)
        transport = Transport(action)
        assert transport.run(SCRIPT, NONCE) == GOOD[1]
        assert transport.way is Way.ARGUMENT
        transport.run(SCRIPT, NONCE)
        assert [data is None for _command, data in action.sent] == [False, True, True]

    def test_gives_up_where_there_is_no_terminal_either_way(self) -> None:
        action = Action(TTY, TTY)
        with pytest.raises(TransportError, match="asks for a terminal"):
            Transport(action).run(SCRIPT, NONCE)
        assert len(action.sent) == 2

    def test_what_worked_before_in_the_run_is_tried_first(self) -> None:
        action = Action(GOOD)
        Transport(action, Way.ARGUMENT).run(SCRIPT, NONCE)
        assert action.sent[0][1] is None

    def test_streams_are_not_glued_together(self) -> None:
        action = Action((0, f"{NONCE} begin probe 1\n{NONCE} end", "a warning\n"))
        assert f"{NONCE} end\n" in Transport(action).run(SCRIPT, NONCE)

    def test_refuses_a_script_that_is_no_argument(self) -> None:
        action = Action(connection=Connection("paramiko", has_pipelining=False))
        with pytest.raises(
            TransportError,
            match="the script of 128 KiB is more than the 128 KiB of an argument, and connection 'paramiko'",
        ):
            Transport(action).run("x" * ARGUMENT_LIMIT, NONCE)
        assert action.sent == []

    @pytest.mark.parametrize(
        "connection",
        [
            Connection("winrm", _shell=SimpleNamespace(_IS_WINDOWS=True)),
            Connection("network_cli", supports_persistence=True),
        ],
    )
    def test_sends_nothing_to_what_is_no_linux_guest(self, connection: Connection) -> None:
        """A network connection would run it on the controller."""
        action = Action(connection=connection)
        with pytest.raises(TransportError, match="does not lead to the shell of a Linux guest"):
            Transport(action).run(SCRIPT, NONCE)
        assert action.sent == []


PASSWORD = "sudo needs a password to become root; run with -K (--ask-become-pass), or allow sudo without a password"
WRONG = "sudo did not accept the password to become root; run with -K and give the right one"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((1, "", "sudo: a password is required\n"), PASSWORD),
        ((1, "", "sudo: no tty present and no askpass program specified\n"), PASSWORD),
        ((1, "", "sudo: a terminal is required to read the password; either use the -S option\n"), PASSWORD),
        (AnsibleError("Missing sudo password"), PASSWORD),
        (
            AnsibleError(
                "Premature end of stream waiting for become success.\n>>> Standard Error\nsudo: a password is required"
            ),
            PASSWORD,
        ),
        (AnsibleError("Incorrect sudo password"), WRONG),
        ((1, "", "Sorry, try again.\nsudo: 3 incorrect password attempts\n"), WRONG),
        (
            (1, "", "audit is not allowed to execute '/bin/sh' as root on db1.\n"),
            "sudo refused to become root; allow it to the user that Ansible logs in as, or log in as root; "
            "it said: audit is not allowed to execute '/bin/sh' as root on db1.",
        ),
        (
            AnsibleConnectionFailure("Timeout (12s) waiting for privilege escalation prompt: "),
            "sudo did not become root in time; if it needs a password, run with -K; "
            "it said: Timeout (12s) waiting for privilege escalation prompt:",
        ),
        (
            (127, "", "/bin/sh: sudo: not found\n"),
            "sudo cannot be run on the guest; install it, set ansible_become_method, or log in as root; "
            "it said: /bin/sh: sudo: not found",
        ),
        (
            (127, "", "bash: /bin/sh: No such file or directory\n"),
            "the guest has no usable /bin/sh for this login; it said: bash: /bin/sh: No such file or directory",
        ),
        (
            (1, "This account is currently not available.\r\n", "Shared connection to 192.0.2.7 closed.\r\n"),
            "the login did not lead to a shell that runs /bin/sh (exit status 1); check the login's shell; "
            "it said: This account is currently not available.",
        ),
        (
            (0, "", ""),
            "the login did not lead to a shell that runs /bin/sh (exit status 0); check the login's shell; it said: nothing",
        ),
    ],
    ids=str,
)
def test_each_failure_is_one_sentence(answer: Any, sentence: str) -> None:
    with pytest.raises(TransportError) as caught:
        Transport(Action(answer)).run(SCRIPT, NONCE)
    assert str(caught.value) == sentence
    assert not isinstance(caught.value, Unreachable)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: ssh: connect to host 192.0.2.7 port 22: Connection refused"
            ),
            "no connection over ssh: ssh: connect to host 192.0.2.7 port 22: Connection refused",
        ),
        (
            AnsibleConnectionFailure(
                "Failed to connect to the host via ssh: Warning: Permanently added 'db1' (ED25519) to the list of known hosts.\n"
                "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 192.0.2.7 port 22"
            ),
            "no connection over ssh: kex_exchange_identification: read: Connection reset by peer "
            "Connection reset by 192.0.2.7 port 22",
        ),
        (
            AnsibleConnectionFailure(
                'Data could not be sent to remote host "db1". Make sure this host can be reached over ssh: '
                "root@db1: Permission denied (publickey)."
            ),
            "no connection over ssh: root@db1: Permission denied (publickey).",
        ),
        ((255, "", "connection closed\n"), "no connection over ssh: connection closed"),
    ],
    ids=str,
)
def test_without_a_connection_the_guest_is_unreachable(answer: Any, sentence: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Transport(Action(answer)).run(SCRIPT, NONCE)
    assert str(caught.value) == sentence


def test_messages_hold_no_control_characters_and_have_an_end() -> None:
    with pytest.raises(TransportError) as caught:
        Transport(Action((1, "\x1b[31m\udcff" + "x" * 5000, ""))).run(SCRIPT, NONCE)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 600
