# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that reboots a guest, what it answers, and the wait for the guest to be back.

``reboot.sh`` has the verbs, docs/architecture.md the format of what it prints.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import RebootPolicy
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError, framed
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import BUSY
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import IMAGES, guest_script, head
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import TransportError

#: The functions of busy.sh, images.sh and reboot.sh.
REBOOT = BUSY + IMAGES + guest_script("reboot.sh")

#: Seconds between the answer of the program and the reboot: time for the connection to close.
GRACE = 2
#: Seconds between two looks at a guest that is not as it should be.
PAUSE = 3


class Clock(Protocol):
    """What waiting needs."""

    def now(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class _SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


#: The clock of all waiting; tests put their own here.
CLOCK: Clock = _SystemClock()


# ---- the program -----------------------------------------------------------------------------------------------------


def look_payload(nonce: str, controller: str, kernel: str = "", image: str = "") -> str:
    """Looks whether the guest may be rebooted: not one whose boot id is ``controller``. Without ``kernel``, what it boots is
    not looked at.

    :raises ValueError: where ``nonce`` is not 32 hexadecimal digits.
    """
    return _payload(nonce, "look", controller, kernel, image)


def schedule_payload(nonce: str, controller: str, kernel: str, image: str, message: str) -> str:
    """Looks the same, and has the guest rebooted; ``message`` is for who is logged in there.

    :raises ValueError: where ``nonce`` is not 32 hexadecimal digits.
    """
    return _payload(nonce, "schedule", controller, kernel, image, str(GRACE), message)


def answer_payload(nonce: str, boot: str, test: str = "") -> str:
    """Tells the boot id; where that is not ``boot``, runs the shell command ``test``.

    :raises ValueError: where ``nonce`` is not 32 hexadecimal digits.
    """
    return _payload(nonce, "answer", boot, test)


def _payload(nonce: str, *words: str) -> str:
    call = " ".join(["reboot_main", *map(shlex.quote, words)])
    return f"{head(nonce, '')}{REBOOT}main() {{ {call}; }}\nmain </dev/null\n"


@dataclass
class Answer:
    """What the program said. ``boot`` is the boot id, empty where the guest tells none; ``scheduled`` and ``ready`` name
    the program that reboots; ``tested`` is the test's exit status, None where it was not run."""

    boot: str = ""
    ready: str | None = None
    scheduled: str | None = None
    refused: str | None = None
    tested: int | None = None


def parse_answer(output: str, nonce: str) -> Answer:
    """Parse what the program printed.

    :raises ProbeError: where it was cut, or is not as expected.
    """
    answer = Answer()
    for line in framed(output, nonce, "reboot"):
        dummy, dummy, said = line.partition(nonce + " ")
        word, dummy, rest = said.partition(" ")
        if word == "boot":
            answer.boot = rest
        elif word == "ready":
            answer.ready = rest
        elif word == "scheduled":
            answer.scheduled = rest
        elif word == "refused":
            answer.refused = rest
        elif word == "tested" and rest.isdecimal():
            answer.tested = int(rest)
        else:
            raise ProbeError(f"the reboot program answered with an unknown line '{line[:80]}'")
    return answer


# ---- the wait --------------------------------------------------------------------------------------------------------


class NotBack(Exception):
    """The guest was not seen rebooted in time. The message is the end of a sentence that begins with the guest."""


@dataclass(frozen=True)
class Back:
    """A guest that is back: its new boot id, and after how many seconds it was seen."""

    boot: str
    seconds: int


def await_boot(boot: str, ask: Callable[[], Answer], policy: RebootPolicy, clock: Clock) -> Back:
    """Wait until the guest whose boot id was ``boot`` tells another one, and its test succeeds.

    ``ask`` asks it over a new connection.

    :raises NotBack: where that is not so after ``policy.timeout`` seconds.
    """
    began = clock.now()
    was_gone = False
    clock.sleep(policy.delay)
    while True:
        try:
            answer = ask()
        except (TransportError, ProbeError) as error:
            was_gone = True
            problem = f"did not come back within {policy.timeout} seconds; the last attempt: {error}"
        else:
            if answer.boot in ("", boot):
                problem = _not_rebooted(boot, policy, was_gone)
            elif answer.tested:
                problem = (
                    f"was rebooted, but within {policy.timeout} seconds the test '{policy.test}' did not succeed "
                    f"(exit status {answer.tested})"
                )
            else:
                return Back(answer.boot, round(clock.now() - began))
        if clock.now() - began >= policy.timeout:
            raise NotBack(problem)
        clock.sleep(PAUSE)


def _not_rebooted(boot: str, policy: RebootPolicy, was_gone: bool) -> str:
    if was_gone:
        return (
            f"could not be reached for a while and came back with the same boot id {boot}: it was not rebooted "
            f"within {policy.timeout} seconds"
        )
    return (
        f"did not go down: its boot id is still {boot} after {policy.timeout} seconds; see on the guest what keeps it "
        "from shutting down (systemctl list-jobs, the console)"
    )
