# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that reboots a guest, in every shell and with stand-ins for all that reboots; and the wait, on a clock of its own."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.reboot import VARIABLES, RebootPolicy, resolve_reboot
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeError
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest import reboot
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.reboot import Answer, Back, NotBack, await_boot
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.transport import TransportError
from ansible_collections.vmguest.linux.tests.unit.boot_image import boot_image
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import (
    NONCE,
    SHELLS,
    let_through,
    need,
    put,
    shell_argv,
)

BOOT = "0b2c8f66-9a2b-4f5e-8b57-6d1c5e0f3a11"
OTHER = "5d1e6f0a-3c44-4d3e-b0ab-2f0d7c1d9e42"
KERNEL, IMAGE = "/boot/vmlinuz", "/boot/initrd.img"
X86 = bytes(514) + b"HdrS" + bytes(600)
#: What the program may use of the machine that runs the tests; what reboots is no part of it. mksh has no printf of its own.
TOOLS = (
    *("printf", "od", "tr", "uname", "mv", "cat", "ls", "grep", "sed", "awk", "head", "tail"),
    *("gzip", "xz", "bzip2"),
)


class Guest:
    """A root directory and its programs."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.programs = folder / "programs"
        self.log = folder / "log"
        self.programs.mkdir()
        for tool in TOOLS:
            (self.programs / tool).symlink_to(need(tool))
        # With a /proc of its own, what other tests run at this moment is no business of this guest's.
        put(self.root, {"/proc/locks": "", "/proc/sys/kernel/random/boot_id": f"{BOOT}\n"})
        put(self.root, {KERNEL: X86, IMAGE: gzip.compress(b"0707")})

    def program(self, name: str, body: str = "exit 0") -> None:
        """A stand-in that logs its call whole, before its body."""
        path = self.programs / name
        path.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >'{self.log}.{name}'; mv '{self.log}.{name}' '{self.log}'\n{body}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, payload: str, shell: str = "dash", before: Sequence[str] = ()) -> Answer:
        """What the program answers."""
        script = payload.replace("\nROOT=\n", f"\nROOT={self.root}\n", 1).replace('sleep "$1"; shutdown', "shutdown")
        # No applet may answer for a stand-in.
        argv = [*before, *shell_argv(shell)] if shell != "busybox" else [*before, need("busybox"), "sh"]
        done = subprocess.run(
            [*argv, "-s"],
            input=script.encode(),
            capture_output=True,
            check=False,
            env={"PATH": str(self.programs)},
            timeout=60,
        )
        return reboot.parse_answer(done.stdout.decode(), NONCE)

    def called(self) -> str:
        """What was called in the end; waits for it, since it comes after the answer."""
        deadline = time.monotonic() + 30
        while not self.log.exists():
            assert time.monotonic() < deadline, "nothing that reboots was called"
            time.sleep(0.01)
        return self.log.read_text().strip()


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A guest without a program that reboots it."""
    return Guest(tmp_path)


def look(kernel: str = KERNEL, image: str = IMAGE, controller: str = "") -> str:
    return reboot.look_payload(NONCE, controller, kernel, image)


def schedule(message: str = "now") -> str:
    return reboot.schedule_payload(NONCE, "", KERNEL, IMAGE, message)


# ---- who reboots -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize(
    ("programs", "called"),
    [
        (("shutdown", "systemctl", "reboot"), "shutdown -r now it's"),
        (("systemctl", "reboot"), "systemctl reboot"),
        (("reboot", "telinit"), "reboot "),
        (("telinit",), "telinit 6"),
        (("busybox",), "busybox reboot"),
    ],
)
def test_the_first_program_that_the_guest_has(guest: Guest, shell: str, programs: Sequence[str], called: str) -> None:
    for name in programs:
        guest.program(name)
    answer = guest.run(schedule("it's"), shell)
    assert (answer.boot, answer.scheduled, answer.refused) == (BOOT, programs[0], None)
    assert guest.called() == called.strip()


def test_one_that_fails_leaves_it_to_the_next(guest: Guest) -> None:
    guest.program("reboot")
    (guest.programs / "shutdown").write_text("#!/bin/sh\nexit 1\n")
    (guest.programs / "shutdown").chmod(0o755)
    guest.run(schedule())
    assert guest.called() == "reboot"


def test_systemd_does_it_outside_of_the_session(guest: Guest) -> None:
    guest.program("shutdown")
    guest.program("systemd-run")
    (guest.root / "run/systemd/system").mkdir(parents=True)
    guest.run(schedule("bye"))
    assert guest.called().startswith("systemd-run /bin/sh -c ")
    assert guest.called().endswith(f" sh {reboot.GRACE} bye")


def reboots_after_its_session(guest: Guest, shell: str, before: str, waits: str) -> bool:
    """Whether a guest is rebooted whose session ends at once: ``before`` in the program, which reboots, is one that ``waits``."""
    guest.program("shutdown")
    gate = guest.root / "gate"
    os.mkfifo(gate)
    script = schedule().replace("\nROOT=\n", f"\nROOT={guest.root}\n", 1)
    assert script.count(before) == 1
    session = subprocess.Popen(
        [*shell_argv(shell), "-s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": str(guest.programs)},
        start_new_session=True,
    )
    script = script.replace(before, waits.replace("GATE", str(gate)))
    output, dummy = session.communicate(script.encode(), timeout=60)
    assert reboot.parse_answer(output.decode(), NONCE).scheduled == "shutdown"
    try:
        os.killpg(session.pid, signal.SIGHUP)
        let_through(gate)
    except OSError:
        return False
    return guest.called() == "shutdown -r now now"


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
def test_it_outlives_the_session(guest: Guest, shell: str) -> None:
    """Its own session where there is setsid, and deaf to HUP where there is none: the answer comes at once, the rest later."""
    assert reboots_after_its_session(guest, shell, 'sleep "$1"; shutdown', 'read -r dummy <"GATE"; shutdown')


# mksh keeps the session's output open here, which a shell that goes on to run a program does not.
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_it_outlives_a_session_that_ends_before_it_has_done_anything(guest: Guest, shell: str) -> None:
    words = '$apart /bin/sh -c "$reboot_then" sh "$1" "$2"'
    assert reboots_after_its_session(guest, shell, words, f'(read -r dummy <"GATE"; {words})')


@pytest.mark.parametrize("shell", SHELLS)
def test_a_look_calls_nobody(guest: Guest, shell: str) -> None:
    guest.program("shutdown")
    before = sorted(path.name for path in guest.root.rglob("*"))
    answer = guest.run(look(), shell)
    assert (answer.ready, answer.refused, answer.scheduled) == ("shutdown", None, None)
    assert not guest.log.exists()
    assert sorted(path.name for path in guest.root.rglob("*")) == before


# ---- what forbids it -------------------------------------------------------------------------------------------------


def prepare(name: str, guest: Guest) -> None:
    """The guest as the case needs it."""
    root = guest.root
    if name == "no program":
        for program in ("shutdown",):
            (guest.programs / program).unlink()
    elif name == "locked":
        since = Path("/proc/self/stat").read_text("utf-8").rpartition(") ")[2].split()[19]
        claim = f"{os.getpid()},{since},{BOOT},x,2026-11-24T02:00:00Z,77aa"
        (root / "var/lib/vmguest/lock" / claim).mkdir(parents=True)
    elif name == "apt":
        put(root, {"/var/lib/dpkg/lock-frontend": "", "/proc/4711/stat": "4711 (apt-get) S 1\n"})
        inode = (root / "var/lib/dpkg/lock-frontend").stat().st_ino
        put(root, {"/proc/locks": f"1: POSIX  ADVISORY  WRITE 4711 08:01:{inode} 0 EOF\n"})
    elif name == "dracut":
        words = {"/proc/4711/stat": "4711 (dracut) R 1\n", "/proc/4711/cmdline": "dracut\0-f\0"}
        put(root, {"/proc/locks": "", **words})
    elif name == "no boot id":
        (root / "proc/sys/kernel/random/boot_id").unlink()
    elif name == "no kernel":
        (root / KERNEL[1:]).unlink()
    elif name == "empty kernel":
        put(root, {KERNEL: b""})
    elif name == "a folder as kernel":
        (root / KERNEL[1:]).unlink()
        (root / KERNEL[1:]).mkdir()
    elif name == "dead link":
        (root / KERNEL[1:]).unlink()
        (root / KERNEL[1:]).symlink_to("vmlinuz-gone")
    elif name == "text as kernel":
        put(root, {KERNEL: "x" * 2000})
    elif name == "text as image":
        put(root, {IMAGE: "<html>"})
    elif name == "no image":
        (root / IMAGE[1:]).unlink()
    elif name == "no od":
        (guest.programs / "od").unlink()
    elif name == "cut gzip":
        put(root, {IMAGE: gzip.compress(os.urandom(4000))[:2000]})
    elif name == "cut xz":
        put(root, {IMAGE: lzma.compress(os.urandom(4000))[:2000]})
    elif name == "cut bzip2":
        put(root, {IMAGE: bz2.compress(os.urandom(4000))[:2000]})
    elif name == "cut cpio":
        put(root, {IMAGE: boot_image({}, "6.1", "none")[:-700]})
    elif name == "cut behind microcode":
        put(root, {IMAGE: boot_image({}, "6.1", "gzip", early=True)[:-20]})
    else:
        raise AssertionError(name)


_OF_KERNEL = f"the kernel of its default boot entry, {KERNEL},"
_OF_IMAGE = f"the image of its default boot entry, {IMAGE},"


@pytest.mark.parametrize("shell", ["dash", "mksh"])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no program", "it has no program that reboots it: neither shutdown nor systemctl nor reboot nor telinit"),
        ("locked", "another run of vmguest.linux is changing it (process PID)"),
        ("apt", "apt-get (process 4711) holds /var/lib/dpkg/lock-frontend; try again when it has ended"),
        ("dracut", "dracut (process 4711) is running; try again when it has ended"),
        (
            "no boot id",
            "it tells no boot id (/proc/sys/kernel/random/boot_id), so that nobody could tell whether it was rebooted",
        ),
        ("no kernel", f"{_OF_KERNEL} is not there"),
        ("empty kernel", f"{_OF_KERNEL} is empty"),
        ("a folder as kernel", f"{_OF_KERNEL} is not there"),
        ("dead link", f"{_OF_KERNEL} is not there"),
        ("text as kernel", f"{_OF_KERNEL} is none that a boot loader can start"),
        ("text as image", f"{_OF_IMAGE} is none that a kernel can unpack (it begins with 3c68746d6c3e)"),
        ("no image", f"{_OF_IMAGE} is not there"),
        ("no od", "it has no program od, with which the kernel of its default boot entry could be looked at"),
        ("cut gzip", f"{_OF_IMAGE} is damaged: gzip cannot read it to its end"),
        ("cut xz", f"{_OF_IMAGE} is damaged: xz cannot read it to its end"),
        ("cut bzip2", f"{_OF_IMAGE} is damaged: bzip2 cannot read it to its end"),
        ("cut cpio", f"{_OF_IMAGE} is damaged: it ends within an archive"),
        ("cut behind microcode", f"{_OF_IMAGE} is damaged: gzip cannot read it to its end"),
    ],
)
def test_refused(guest: Guest, shell: str, name: str, reason: str) -> None:
    guest.program("shutdown")
    prepare(name, guest)
    for payload in (look(), schedule()):
        answer = guest.run(payload, shell)
        expected = reason.replace("PID", str(os.getpid()))
        assert (answer.refused, answer.ready, answer.scheduled) == (expected, None, None)


def test_the_controller_is_refused(guest: Guest) -> None:
    guest.program("shutdown")
    assert guest.run(look(controller=OTHER)).refused is None
    assert "the one that Ansible runs on" in str(guest.run(look(controller=BOOT)).refused)


def test_a_claim_whose_number_another_process_has_by_now_is_no_lock(guest: Guest) -> None:
    guest.program("shutdown")
    (guest.root / "var/lib/vmguest/lock" / f"{os.getpid()},1,{BOOT},x,2026-11-24T02:00:00Z,77aa").mkdir(parents=True)
    assert guest.run(look()).refused is None


def test_a_claim_of_another_boot_or_of_a_dead_process_is_no_lock(guest: Guest) -> None:
    guest.program("shutdown")
    dead = subprocess.run([shutil.which("sh") or "sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    for claim in (f"{os.getpid()},1,{OTHER},x,y,z", f"{dead.stdout.strip()},1,{BOOT},x,y,z"):
        (guest.root / "var/lib/vmguest/lock" / claim).mkdir(parents=True)
    assert guest.run(look()).refused is None


@pytest.mark.parametrize("kernel", [X86, b"MZ" + X86[2:]])
def test_kernels_that_start(guest: Guest, kernel: bytes) -> None:
    guest.program("shutdown")
    put(guest.root, {KERNEL: kernel})
    assert guest.run(look()).refused is None


@pytest.mark.parametrize(
    "image",
    [
        gzip.compress(b"0707"),
        gzip.compress(b"0707") + bytes(512),
        lzma.compress(b"0707", check=lzma.CHECK_CRC32),
        bz2.compress(b"0707"),
        boot_image({}, "6.1", "none"),
        boot_image({}, "6.1", "gzip", early=True),
        boot_image({}, "6.1", "zstd", early=True),
        # The machine need not have the tools of these.
        b"\x28\xb5\x2f\xfd" + bytes(100),
        b"\x02\x21\x4c\x18" + bytes(100),
    ],
    ids=["gzip", "gzip filled up", "xz", "bzip2", "cpio", "microcode", "microcode and zstd", "zstd", "lz4"],
)
def test_images_that_a_kernel_unpacks(guest: Guest, image: bytes) -> None:
    guest.program("shutdown")
    put(guest.root, {IMAGE: image})
    assert guest.run(look()).refused is None


def test_an_entry_without_an_image_may_be_rebooted(guest: Guest) -> None:
    guest.program("reboot")
    assert guest.run(reboot.look_payload(NONCE, "", KERNEL, "")).ready == "reboot"


def test_what_is_not_known_is_not_looked_at(guest: Guest) -> None:
    guest.program("shutdown")
    (guest.root / KERNEL[1:]).unlink()
    assert guest.run(look("", "")).ready == "shutdown"


# ---- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("boot", "test", "tested"),
    [(OTHER, "", None), (BOOT, "exit 3", None), (OTHER, "exit 3", 3), (OTHER, "[ \"it's\" = 'it'\"'\"'s' ]", 0)],
)
def test_the_test_is_for_another_boot(guest: Guest, shell: str, boot: str, test: str, tested: int | None) -> None:
    answer = guest.run(reboot.answer_payload(NONCE, boot, test), shell)
    assert (answer.boot, answer.tested) == (BOOT, tested)


def test_output_that_was_cut_is_not_believed() -> None:
    with pytest.raises(ProbeError, match="cut"):
        reboot.parse_answer(f"{NONCE} begin reboot 1\n{NONCE} boot {BOOT}\n", NONCE)
    with pytest.raises(ProbeError, match="unknown line"):
        reboot.parse_answer(f"{NONCE} begin reboot 1\n{NONCE} sorry\n{NONCE} end\n", NONCE)


# ---- the wait --------------------------------------------------------------------------------------------------------


class Clock:
    """Time passes by sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds


def policy(**values: object) -> RebootPolicy:
    return resolve_reboot({**VARIABLES, **{f"vmguest_reboot_{name}": value for name, value in values.items()}})


def guest_that(*looks: Answer | Exception, costs: float = 0, clock: Clock) -> Callable[[], Answer]:
    """A guest that answers so, one look after the other and the last for ever; each takes ``costs`` seconds."""
    script = list(looks)

    def ask() -> Answer:
        clock.time += costs
        look = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(look, Exception):
            raise look
        return look

    return ask


GONE = TransportError("no connection over ssh: timed out")
SAME, NEW, STARTING = Answer(boot=BOOT), Answer(boot=OTHER), Answer(boot=OTHER, tested=1)


def test_back_with_another_boot_id() -> None:
    clock = Clock()
    ask = guest_that(SAME, GONE, ProbeError("cut"), NEW, clock=clock)
    assert await_boot(BOOT, ask, policy(delay=7), clock) == Back(OTHER, 16)
    assert clock.sleeps == [7, 3, 3, 3]


def test_back_once_its_test_succeeds() -> None:
    clock = Clock()
    assert await_boot(BOOT, guest_that(GONE, STARTING, NEW, clock=clock), policy(test="true", delay=0), clock) == Back(
        OTHER, 6
    )


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ([SAME], "did not go down: its boot id is still "),
        ([GONE], "did not come back within 60 seconds; the last attempt: no connection over ssh: timed out"),
        ([SAME, GONE], "did not come back within 60 seconds"),
        ([GONE, SAME], "came back with the same boot id "),
        ([GONE, Answer(boot="")], "came back with the same boot id "),
        ([GONE, STARTING], r"within 60 seconds the test 'true' did not succeed \(exit status 1\)"),
    ],
)
def test_not_back_in_time(looks: list[Answer | Exception], sentence: str) -> None:
    clock = Clock()
    with pytest.raises(NotBack, match=sentence):
        await_boot(BOOT, guest_that(*looks, clock=clock), policy(timeout=60, test="true"), clock)
    assert clock.time - 1000 < 60 + 3 + 1


def test_a_look_that_takes_longer_than_there_is_time_still_counts() -> None:
    clock = Clock()
    assert await_boot(BOOT, guest_that(NEW, costs=90, clock=clock), policy(timeout=60), clock) == Back(OTHER, 95)
