# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each step: what it does, what its undo leaves, and what it refuses with which sentence.

To see these red: let ``replaceable`` return at once, or ``build`` copy without ``-a``.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import parse_apply
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    Edit,
    EditFile,
    RemoveFile,
    ReplaceLine,
    ReplacePrefix,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import QUICK, STATE, Ran, SmallGuest
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import need, without

pytestmark = pytest.mark.slow

#: Lines with all that a shell, sed or grep might take for something else. One is no UTF-8.
ODD = b"  \t*/5 * * * * root \\n %H $(reboot) `x` & \\1 [a-z] ^.*$ ' \" \xff\xfe"
QUEUE = "/sys/block/sda/queue/scheduler"

#: A kernel that shows a choice in brackets, rounds numbers to tens, and refuses words that it does not know.
KERNEL = (
    QUICK
    + """
kernel_write() {
    case $1:$2 in
    */scheduler:noop) printf "[noop] deadline cfq\\n" >"$1" ;;
    */scheduler:deadline) printf "noop [deadline] cfq\\n" >"$1" ;;
    */scheduler:*) echo "write error: Invalid argument" >&2; return 1 ;;
    */rounding:[0-9]*[1-9]) printf "%s0\\n" "${2%?}" >"$1" ;;
    *) printf "%s\\n" "$2" >"$1" ;;
    esac
}
"""
)


def refused(ran: Ran) -> str:
    """The sentence of the only step, which was refused."""
    assert list(ran.outcomes.values()) == ["refused"], ran.lines
    number_and_verdict, dummy, sentence = ran.said("step")[0].partition(" refused ")
    assert number_and_verdict == "1"
    return sentence


# ---- Doing and undoing -----------------------------------------------------------------------------------------------


def test_a_new_file_has_its_mode_and_goes_with_the_folders_that_were_made_for_it(small_guest: SmallGuest) -> None:
    """Given no such file and no such folder, both are made for all to read, and both go with the revert."""
    (small_guest.root / "etc").mkdir()
    before = small_guest.snapshot()
    ran = small_guest.apply(("one", [WriteFile("/etc/a b/c/new.conf", "x\n", mode="0640")]))
    assert ran.lines[1:-1] == [
        "transaction one 000001-one",
        "step 1 done wrote /etc/a b/c/new.conf",
        "outcome one done steps: 1",
    ]
    after = small_guest.snapshot()
    assert after["etc/a b/c/new.conf"] == ("-rw-r-----", os.getuid(), os.getgid(), b"x\n")
    assert after["etc/a b/c"][0] == "drwxr-xr-x"
    assert len(after) == len(before) + 3
    assert small_guest.revert("000001-one").said("reverted") == ["000001-one one done as before"]
    assert small_guest.snapshot() == before
    assert small_guest.receipts == {"000001-one": "reverted"}


def test_folders_that_two_recommendations_use_go_with_the_last(small_guest: SmallGuest) -> None:
    """Given a folder that the first made and the second uses, it stays with the second and goes after it."""
    (small_guest.root / "etc").mkdir()
    before = small_guest.snapshot()
    small_guest.apply(("one", [WriteFile("/etc/d/1", "1\n")]), ("two", [WriteFile("/etc/d/2", "2\n")]))
    small_guest.revert("000001-one")
    assert small_guest.read("/etc/d/2") == b"2\n"
    small_guest.revert("000002-two")
    assert small_guest.snapshot() == before


def test_a_folder_that_somebody_else_uses_stays(dash_guest: SmallGuest) -> None:
    """Given another's file in a folder of ours, the revert leaves both."""
    (dash_guest.root / "etc").mkdir()
    dash_guest.apply(("one", [WriteFile("/etc/d/1", "1\n")]))
    dash_guest.write("/etc/d/theirs", "x")
    dash_guest.revert("000001-one")
    assert set(dash_guest.snapshot()) == {"etc", "etc/d", "etc/d/theirs"}


@pytest.mark.parametrize("ending", ["\n", ""], ids=["ended", "not ended"])
def test_a_rewritten_file_keeps_mode_and_owner(small_guest: SmallGuest, ending: str) -> None:
    """Given a file, with or without an end of its last line, its content changes and nothing else, and comes back."""
    path = small_guest.write("/etc/f", "old\nlast" + ending, mode=0o604)
    os.chown(path, 12, 34)
    before = small_guest.snapshot()
    assert small_guest.apply(("one", [WriteFile("/etc/f", "new\n", before="old\nlast\n")])).outcomes == {"one": "done"}
    assert small_guest.snapshot()["etc/f"] == ("-rw----r--", 12, 34, b"new\n")
    assert set(small_guest.snapshot()) == set(before)
    small_guest.revert("000001-one")
    assert small_guest.snapshot() == before


def test_a_removed_file_comes_back_as_it_was(small_guest: SmallGuest) -> None:
    """Given a file that is removed, its revert restores content, mode and owner."""
    path = small_guest.write("/etc/f", "old\n", mode=0o705)
    os.chown(path, 12, 34)
    before = small_guest.snapshot()
    assert small_guest.apply(("one", [RemoveFile("/etc/f", "old\n")])).outcomes == {"one": "done"}
    assert set(small_guest.snapshot()) == {"etc"}
    small_guest.revert("000001-one")
    assert small_guest.snapshot() == before


#: A file, what is edited in it, and the file afterwards.
EDITS: tuple[tuple[bytes, tuple[Edit, ...], bytes], ...] = (
    (b"a\nb\nc\n", (ReplaceLine("b", "B"),), b"a\nB\nc\n"),
    (b"a\nb", (ReplaceLine("b", "B"),), b"a\nB"),
    (b"a\n\nb\n", (ReplaceLine("", "x"),), b"a\nx\nb\n"),
    (b"a\nb\n", (ReplaceLine("a", ""),), b"\nb\n"),
    (b"a\n", (AppendLine("b"),), b"a\nb\n"),
    (b"a", (AppendLine("b"),), b"a\nb\n"),
    (b"", (AppendLine("b"),), b"b\n"),
    (b"a\n\n\n", (AppendLine("b"),), b"a\n\n\nb\n"),
    (b"a\r\nb\r\n", (ReplaceLine("b\r", "c\r"),), b"a\r\nc\r\n"),
    (b"x 1\nx 2\n", (ReplacePrefix(2, "x", "yy"),), b"x 1\nyy 2\n"),
    (b"-n x\n-e y\n", (ReplaceLine("-n x", "-e"), AppendLine("-n")), b"-e\n-e y\n-n\n"),
    (
        b"1\n2\n3\n4\n",
        (ReplaceLine("4", "four"), ReplacePrefix(1, "1", "one"), AppendLine("5"), AppendLine("6")),
        b"one\n2\n3\nfour\n5\n6\n",
    ),
    (ODD + b"\n" + ODD, (ReplacePrefix(2, "  \t*/5", "  \t7"),), ODD + b"\n" + ODD.replace(b"*/5", b"7")),
    (
        b"x\n" + ODD + b"\n",
        (ReplaceLine(ODD.decode("utf-8", "surrogateescape"), "& \\1 \\n /"), AppendLine("\\t%s \\c  ")),
        b"x\n& \\1 \\n /\n\\t%s \\c  \n",
    ),
)


def test_edits_change_their_lines_only_and_come_back(small_guest: SmallGuest) -> None:
    """Given lines with any bytes, each edit changes its own, and the revert restores every byte."""
    for number, (before, _edits, _after) in enumerate(EDITS):
        small_guest.write(f"/etc/{number}", before)
    ran = small_guest.apply(
        *(
            (f"case_{number}", [EditFile(f"/etc/{number}", edits)])
            for number, (_before, edits, _after) in enumerate(EDITS)
        )
    )
    assert set(ran.outcomes.values()) == {"done"}, ran.lines
    assert [small_guest.read(f"/etc/{number}") for number in range(len(EDITS))] == [
        after for _before, _edits, after in EDITS
    ]
    small_guest.revert(*small_guest.receipts)
    assert [small_guest.read(f"/etc/{number}") for number in range(len(EDITS))] == [
        before for before, _edits, _after in EDITS
    ]


def test_a_file_of_ten_megabytes_is_edited(dash_guest: SmallGuest) -> None:
    """Given 10 MB of crontab, one line changes."""
    content = b"".join(b"%d * * * * user command %d\n" % (number % 60, number) for number in range(330000))
    assert len(content) > 10_000_000
    dash_guest.write("/etc/crontab", content)
    dash_guest.apply(("one", [EditFile("/etc/crontab", (ReplacePrefix(300000, "59 ", "7 "),))]))
    assert dash_guest.read("/etc/crontab") == content.replace(
        b"59 * * * * user command 299999\n", b"7 * * * * user command 299999\n"
    )
    dash_guest.revert("000001-one")
    assert dash_guest.read("/etc/crontab") == content


def test_a_kernel_choice_is_written_read_back_and_put_back(small_guest: SmallGuest) -> None:
    """Given a kernel file that shows a choice, the word in brackets is its value."""
    small_guest.write(QUEUE, "noop [deadline] cfq\n")
    ran = small_guest.apply(("one", [WriteKernel(QUEUE, "deadline", "noop")]), extra=KERNEL)
    assert ran.said("step") == [f"1 done set {QUEUE} from deadline to noop"]
    assert small_guest.read(QUEUE) == b"[noop] deadline cfq\n"
    small_guest.revert("000001-one", extra=KERNEL)
    assert small_guest.read(QUEUE) == b"noop [deadline] cfq\n"


def test_blanks_in_a_kernel_value_do_not_matter(small_guest: SmallGuest) -> None:
    """Given a value of several numbers, tabs and blanks between them are the same."""
    path = "/proc/sys/net/ipv4/tcp_rmem"
    small_guest.write(path, "4096\t131072\t6291456\n")
    ran = small_guest.apply(("one", [WriteKernel(path, "4096 131072 6291456", "4096  87380 6291456")]))
    assert ran.outcomes == {"one": "done"}
    small_guest.revert("000001-one")
    assert small_guest.read(path) == b"4096 131072 6291456\n"


def test_a_kernel_value_that_is_there_already_is_nobodys_change(small_guest: SmallGuest) -> None:
    """Given the new value already there, it stays, at the revert too."""
    small_guest.write(QUEUE, "[noop] deadline cfq\n")
    assert small_guest.apply(("one", [WriteKernel(QUEUE, "deadline", "noop")]), extra=KERNEL).outcomes == {
        "one": "done"
    }
    small_guest.revert("000001-one", extra=KERNEL)
    assert small_guest.read(QUEUE) == b"[noop] deadline cfq\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "sentence"),
    [
        (QUEUE, "deadline", "kyber", "the kernel refused kyber: Invalid argument"),
        ("/proc/sys/rounding", "10", "25", "expected 25 after writing it, found 20"),
    ],
)
def test_what_the_kernel_does_not_take_is_put_back(
    small_guest: SmallGuest, path: str, old: str, new: str, sentence: str
) -> None:
    """Given a kernel that refuses or rounds, the old value is there afterwards."""
    small_guest.write(path, "noop [deadline] cfq\n" if path == QUEUE else old + "\n")
    before = small_guest.snapshot()
    ran = small_guest.apply(("one", [WriteKernel(path, old, new)]), extra=KERNEL)
    assert ran.outcomes == {"one": "undone"}
    assert ran.said("step") == [f"1 failed {path}: {sentence}"]
    assert small_guest.snapshot() == before


def test_a_command_is_run_without_input_and_its_last_lines_are_shown(small_guest: SmallGuest) -> None:
    """Given a command that prints much, control characters too, the last 20 lines come back clean, and no more is kept open."""
    step = Run(
        "say much",
        do='cat; i=0; while [ $i -lt 50 ]; do i=$((i + 1)); echo "line $i"; done; printf "\\033[1mbold\\r42%%\\n"; umask >&2',
        undo="true",
        proof="true",
    )
    ran = small_guest.apply(("one", [step]))
    assert ran.outcomes == {"one": "done"}
    assert ran.detail == [*(f"line {number}" for number in range(34, 51)), "[1mbold", "42%", "0022"]


def test_a_long_command_gives_signs_of_life(small_guest: SmallGuest) -> None:
    """Given a command that takes its time, `alive` is said meanwhile."""
    waits = 'until [ -s "$ROOT/seen" ]; do sleep 0.1; done'
    small_guest.write("/seen", "")
    extra = small_guest.extra + 'between_signs_of_life() { echo x >"$ROOT/seen"; exec sleep 0.1; }\n'
    ran = small_guest.apply(("one", [Run("wait", do=waits + "; sleep 0.3", undo="true", proof="true")]), extra=extra)
    assert ran.outcomes == {"one": "done"}
    assert "alive" in ran.lines


def test_what_is_printed_is_what_the_controller_parses(dash_guest: SmallGuest) -> None:
    """Given done, undone and refused transactions and a revert, the parser of engine/receipts.py reads all of them."""
    fails = Run("fail", do="echo why; exit 4", undo="true", proof="true")
    ran = dash_guest.apply(
        ("one", [WriteFile("/etc/x", "x\n")]), ("two", [fails]), ("three", [RemoveFile("/etc/none", "x\n")])
    )
    parsed = parse_apply(ran.text, ran.text[:32])
    assert [(found.recommendation, found.result) for found in parsed.outcomes] == [
        ("one", "done"),
        ("two", "undone"),
        ("three", "refused"),
    ]
    assert parsed.outcomes[1].detail == ["why"]
    assert parsed.outcomes[2].reason == "/etc/none: expected a regular file, found none"
    reverted = dash_guest.revert("000001-one")
    assert parse_apply(reverted.text, reverted.text[:32]).reverted == [("000001-one", "one", "done", "as before")]


# ---- Keeping what a file is ------------------------------------------------------------------------------------------


def test_access_control_lists_and_attributes_are_kept(dash_guest: SmallGuest) -> None:
    """Given an ACL and a user attribute, an edited file and a removed one that comes back have both."""
    need("setfacl")
    need("setfattr")
    shown = []
    for name in ("edited", "removed"):
        path = dash_guest.write(f"/etc/{name}", "a\n")
        subprocess.run(["setfacl", "-m", "u:12:rw", path], check=True)
        subprocess.run(["setfattr", "-n", "user.origin", "-v", "site", path], check=True)

    def attributes() -> list[bytes]:
        paths = [str(path) for path in sorted((dash_guest.root / "etc").iterdir())]
        return [subprocess.check_output([tool, *paths], stderr=subprocess.DEVNULL) for tool in ("getfacl", "getfattr")]

    shown.append(attributes())
    assert b"user:12:rw" in shown[0][0]
    edit = EditFile("/etc/edited", (AppendLine("b"),))
    dash_guest.apply(("one", [edit]))
    shown.append(attributes())
    dash_guest.apply(("two", [RemoveFile("/etc/removed", "a\n")]))
    dash_guest.revert("000002-two", "000001-one")
    shown.append(attributes())
    assert shown[0] == shown[1] == shown[2]


def test_a_list_that_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    """Given an ACL, and busybox's cp, which loses it, the file is left alone."""
    need("setfacl")
    (tmp_path / "root").mkdir()
    guest = SmallGuest(tmp_path / "root", "busybox")
    path = guest.write("/etc/f", "a\n")
    subprocess.run(["setfacl", "-m", "u:12:rw", path], check=True)
    assert "access control list cannot be kept" in refused(
        guest.apply(("one", [EditFile("/etc/f", (AppendLine("b"),))]))
    )
    assert guest.read("/etc/f") == b"a\n"


def test_selinux_contexts_are_copied_where_selinux_is_on(dash_guest: SmallGuest) -> None:
    """Given SELinux, chcon gives a file beside the old one's context, and restorecon a new file its own."""
    dash_guest.write("/sys/fs/selinux/enforce", "1")
    dash_guest.write("/etc/f", "a\n")
    extra = QUICK + "".join(f'{name}() {{ echo {name} "$@" >>"$ROOT/labels"; }}\n' for name in ("chcon", "restorecon"))
    dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("b"),)), WriteFile("/etc/new", "x\n")]), extra=extra)
    said = dash_guest.read("/labels").decode().replace(str(dash_guest.root), "")
    assert "chcon --reference=/etc/f /etc/.vmguest-run1-000001-one-001/new\n" in said
    assert said.endswith("restorecon /etc/new\n")


def test_no_daemon_ever_sees_a_half_written_file_or_a_name_that_it_reads(dash_guest: SmallGuest) -> None:
    """Given a run that lists the folder before each of its changes: only the file, old or new, and our dotted folder."""
    dash_guest.write("/etc/cron.d/job", "old\n")
    (dash_guest.root / "seen").mkdir()
    spy = QUICK + "".join(
        f"""{name}() {{
            ls -A "$ROOT/etc/cron.d" >>"$ROOT/seen/names"; cat "$ROOT/etc/cron.d/job" >>"$ROOT/seen/content"
            command {name} "$@"; }}\n"""
        for name in ("mv", "rm", "mkdir", "cp", "chmod", "rmdir")
    )
    dash_guest.apply(("one", [WriteFile("/etc/cron.d/job", "new\nlines\n", before="old\n")]), extra=spy)
    assert set(dash_guest.read("/seen/names").decode().split()) == {"job", ".vmguest-run1-000001-one-001"}
    content = dash_guest.read("/seen/content").decode()
    assert content.replace("old\n", "").replace("new\nlines\n", "") == ""
    assert "old\nnew\n" in content


# ---- Refusing --------------------------------------------------------------------------------------------------------


def hard_link(path: Path) -> None:
    os.link(path, path.parent / "other name")


def symbolic_link(path: Path) -> None:
    path.rename(path.parent / "real")
    path.symlink_to("real")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def special(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def mounted(path: Path) -> None:
    proc = path.parent.parent / "proc"
    proc.mkdir()
    (proc / "mounts").write_text(
        f"/dev/sda1 / ext4 rw 0 0\ntmpfs /etc/{path.name.replace(' ', chr(92) + '040')} tmpfs rw 0 0\n"
    )


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "step",
    [
        WriteFile("/etc/a file", "new\n", before="old\n"),
        EditFile("/etc/a file", (ReplaceLine("old", "new"),)),
        RemoveFile("/etc/a file", "old\n"),
    ],
    ids=lambda step: type(step).__name__,
)
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (hard_link, "/etc/a file has 2 hard links, and replacing it would part them"),
        (symbolic_link, "/etc/a file: expected a regular file, found a symbolic link"),
        (folder, "/etc/a file: expected a regular file, found a folder"),
        (special, "/etc/a file: expected a regular file, found a special file"),
        (mounted, "/etc/a file is a mount point, and cannot be replaced"),
        (gone, "/etc/a file: expected a regular file, found none"),
    ],
)
def test_what_cannot_be_replaced_safely_is_refused(
    dash_guest: SmallGuest, step: Step, spoil: Callable[[Path], None], sentence: str
) -> None:
    """Given a file that is not simply a file, the step is refused with the reason, and nothing has changed."""
    spoil(dash_guest.write("/etc/a file", "old\n"))
    before = dash_guest.snapshot()
    assert refused(dash_guest.apply(("one", [step]))) == sentence
    assert dash_guest.snapshot() == before
    assert dash_guest.receipts == {}


@contextmanager
def attribute(path: Path, letter: str) -> Iterator[None]:
    """The file with one of chattr's attributes."""
    done = subprocess.run(["chattr", f"+{letter}", path], capture_output=True, check=False)
    if done.returncode:
        no = "the file system of the temporary folder has no such attributes: set TMPDIR to one of ext4 or XFS"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(no)
    try:
        yield
    finally:
        subprocess.run(["chattr", f"-{letter}", path], check=True)


@pytest.mark.parametrize(("letter", "word"), [("i", "immutable"), ("a", "append-only")])
def test_what_is_locked_by_chattr_is_refused(dash_guest: SmallGuest, letter: str, word: str) -> None:
    """Given an immutable or append-only file, it is left alone."""
    path = dash_guest.write("/etc/f", "a\n")
    with attribute(path, letter):
        sentence = refused(dash_guest.apply(("one", [EditFile("/etc/f", (AppendLine("b"),))])))
    assert sentence == f"/etc/f is {word} (chattr +{letter})"


@pytest.mark.parametrize("target", ["/tmp", "elsewhere"])
def test_a_planted_link_on_the_way_is_not_followed(small_guest: SmallGuest, target: str) -> None:
    """Given a symbolic link in the place of the folder, nothing is written through it."""
    (small_guest.root / "etc/elsewhere").mkdir(parents=True)
    (small_guest.root / "etc/d").symlink_to(target)
    before = small_guest.snapshot()
    sentence = refused(small_guest.apply(("one", [WriteFile("/etc/d/x.conf", "x\n")])))
    assert sentence.startswith("/etc/d/x.conf: its folder is reached through a symbolic link and is really ")
    assert small_guest.snapshot() == before


@pytest.mark.parametrize("planted", ["link to a folder", "dangling link", "file", "folder"])
def test_what_is_planted_under_the_name_beside_is_neither_used_nor_removed(
    small_guest: SmallGuest, planted: str
) -> None:
    """Given something at the name that a run would use beside the file, the step is refused and that thing stays."""
    small_guest.write("/etc/victim/new", "precious\n")
    beside = small_guest.root / "etc/.vmguest-run1-000001-one-001"
    if planted == "file":
        beside.write_text("x")
    elif planted == "folder":
        beside.mkdir(0o755)
        (beside / "new").write_text("precious\n")
    else:
        beside.symlink_to("victim" if planted == "link to a folder" else "nowhere")
    before = small_guest.snapshot()
    sentence = refused(small_guest.apply(("one", [WriteFile("/etc/x", "x\n")])))
    assert sentence.startswith("/etc/x: cannot make /etc/.vmguest-run1-000001-one-001 beside it: ")
    assert small_guest.snapshot() == before


#: A file, a step that expected another, and what the refusal says.
SURPRISES: tuple[tuple[bytes, Step, str], ...] = (
    (b"old\nother\n", WriteFile("/etc/f", "new\n", before="old\n"), "is not as the audit saw it"),
    (
        b"one\ntwo\n",
        WriteFile("/etc/f", "new\n", before="one\n2\n"),
        "is not as the audit saw it (line 2): somebody changed",
    ),
    (b"old\n", WriteFile("/etc/f", "new\n"), ": expected no such file, found one"),
    (b"other\n", RemoveFile("/etc/f", "old\n"), "is not as the audit saw it (line 1)"),
    (
        b"a\nb\na\n",
        EditFile("/etc/f", (ReplaceLine("a", "x"),)),
        "expected exactly one line as the audit saw it, found 2 (lines 1 3)",
    ),
    (
        b"a\n",
        EditFile("/etc/f", (ReplaceLine("b", "x"),)),
        "edit 1 expected exactly one line as the audit saw it, found 0",
    ),
    (b" a\n", EditFile("/etc/f", (ReplaceLine("a", "x"),)), "found 0"),
    (b"abc\n", EditFile("/etc/f", (ReplaceLine("a.c", "x"),)), "found 0"),
    (b"a\nb\n", EditFile("/etc/f", (ReplacePrefix(2, "a", "x"),)), ": line 2 does not begin as the audit saw it"),
    (b"a\n", EditFile("/etc/f", (ReplacePrefix(7, "a", "x"),)), ": line 7 does not begin as the audit saw it"),
    (b"a\nb\n", EditFile("/etc/f", (AppendLine("a"),)), ": the line to append is already there (line 1)"),
    (b"a\n", EditFile("/etc/f", (ReplaceLine("a", "b"), ReplacePrefix(1, "a", "c"))), ": two edits of line 1"),
    (b"a\n\0\n", EditFile("/etc/f", (AppendLine("b"),)), " holds NUL bytes: it is no text"),
)


def test_what_is_not_as_the_audit_saw_it_is_refused(small_guest: SmallGuest) -> None:
    """Given another content than expected, the reason says where, without showing what stands there."""
    transactions = []
    for number, (content, step, _sentence) in enumerate(SURPRISES):
        small_guest.write(f"/etc/{number}/f", content)
        transactions.append((f"case_{number}", [replace(step, path=f"/etc/{number}/f")]))
    ran = small_guest.apply(*transactions)
    assert set(ran.outcomes.values()) == {"refused"}
    for number, (content, _step, sentence) in enumerate(SURPRISES):
        assert sentence in ran.said("step")[number]
        assert small_guest.read(f"/etc/{number}/f") == content
    assert small_guest.receipts == {}


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        (QUEUE, "[bfq] none\n", f"{QUEUE}: expected deadline, found bfq"),
        (QUEUE, None, f"{QUEUE}: there is no such kernel file, or it cannot be read"),
        ("/etc/passwd", "deadline\n", "/etc/passwd is no kernel file"),
        ("/proc/../etc/passwd", "deadline\n", "/proc/../etc/passwd is no kernel file"),
    ],
)
def test_a_kernel_file_that_is_not_as_expected_is_refused(
    small_guest: SmallGuest, path: str, content: str | None, sentence: str
) -> None:
    """Given another value, or no such file, nothing is written."""
    if content:
        (small_guest.root / "proc").mkdir()
        small_guest.write(os.path.normpath(path), content)
    before = small_guest.snapshot()
    assert refused(small_guest.apply(("one", [WriteKernel(path, "deadline", "noop")]))) == sentence
    assert small_guest.snapshot() == before


def test_a_refusal_leaves_the_earlier_steps_undone_and_the_next_transaction_goes_on(small_guest: SmallGuest) -> None:
    """Given a second step that is refused, the first was not done either; the outcome is `refused`."""
    ran = small_guest.apply(
        ("one", [WriteFile("/etc/d/x", "x\n"), RemoveFile("/etc/none", "")]), ("two", [WriteFile("/etc/y", "y\n")])
    )
    assert ran.outcomes == {"one": "refused", "two": "done"}
    assert set(small_guest.snapshot()) == {"etc", "etc/y"}


# ---- The state folder ------------------------------------------------------------------------------------------------


def test_an_empty_plan_writes_nothing(small_guest: SmallGuest) -> None:
    """Given nothing to do, not even the state folder is made."""
    assert small_guest.apply().lines == ["begin apply 1", "end"]
    assert list(small_guest.root.iterdir()) == []


def test_receipts_are_for_root_only(small_guest: SmallGuest) -> None:
    """Given a file that others may not read, nor may they its backup."""
    small_guest.write("/etc/secret", "password\n", mode=0o600)
    old = os.umask(0)
    try:
        small_guest.apply(("one", [EditFile("/etc/secret", (AppendLine("more"),))]))
    finally:
        os.umask(old)
    state = small_guest.root / STATE
    assert state.stat().st_mode & 0o777 == 0o700
    assert all(not path.stat().st_mode & 0o077 for path in state.rglob("*"))


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (lambda state: state.symlink_to("/tmp"), "/var/lib/vmguest must be a folder, and is a link or a file"),
        (lambda state: state.write_text(""), "/var/lib/vmguest must be a folder, and is a link or a file"),
        (lambda state: (state.mkdir(), os.chown(state, 12, 12)), "/var/lib/vmguest belongs to user 12, expected 0"),
    ],
)
def test_a_state_folder_that_is_not_ours_is_refused(
    small_guest: SmallGuest, plant: Callable[[Path], object], sentence: str
) -> None:
    """Given a link, a file or another's folder in its place, nothing is done at all."""
    state = small_guest.root / STATE
    state.parent.mkdir(parents=True)
    plant(state)
    ran = small_guest.apply(("one", [WriteFile("/etc/x", "x\n")]))
    assert ran.lines == ["begin apply 1", f"refused {sentence}", "end"]
    assert not (small_guest.root / "etc").exists()


def test_sentences_are_one_clean_line(dash_guest: SmallGuest) -> None:
    """Given a folder's name with an escape sequence and a newline, what is said of it has neither."""
    (dash_guest.root / "etc").mkdir()
    (dash_guest.root / "etc/d").symlink_to("\033[31m\nred")
    (dash_guest.root / "etc/\033[31m\nred").mkdir()
    sentence = refused(dash_guest.apply(("one", [WriteFile("/etc/d/x", "x\n")])))
    assert sentence.startswith("/etc/d/x: ")
    assert sentence.endswith("/etc/ [31m red: name that one")


def test_a_socket_and_a_lost_reader_change_nothing(dash_guest: SmallGuest) -> None:
    """Given a connection that is gone when the first line is said, the run goes on to its end."""
    ours, theirs = socket.socketpair()
    payload = dash_guest.payload(("one", [WriteFile("/etc/x", "x\n"), Run("wait", "sleep 0.2", "true", "true")]))
    theirs.close()
    done = subprocess.run(
        [shutil.which("dash") or "dash", "-s"], input=payload.encode(), stdout=ours.fileno(), check=False
    )
    ours.close()
    assert done.returncode == 0
    assert dash_guest.receipts == {"000001-one": "done"}


# ---- Programs that a guest lacks -------------------------------------------------------------------------------------


def test_without_cmp_files_are_compared_all_the_same(
    dash_guest: SmallGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photon's appliance has no diffutils: what is done is done and comes out, and what somebody changed is refused."""
    guest = dash_guest
    guest.write("/etc/fstab", "a\nb\n")
    guest.write("/etc/old", "old\n")
    guest.write("/etc/gone", "gone")
    before = guest.snapshot()
    monkeypatch.setenv("PATH", without(tmp_path / "bin", "cmp", "diff"))
    steps = [
        EditFile("/etc/fstab", (AppendLine("c"),)),
        WriteFile("/etc/old", "new\n", "old\n"),
        WriteFile("/etc/new", "new\n"),
        RemoveFile("/etc/gone", "gone\n"),
    ]
    assert guest.apply(("files", steps)).outcomes == {"files": "done"}
    assert guest.read("/etc/fstab") == b"a\nb\nc\n"
    guest.write("/etc/old", "theirs\n")
    ran = guest.revert("000001-files")
    assert ran.said("reverted") == ["000001-files files refused /etc/old: changed since it was written"]
    guest.write("/etc/old", "new\n")
    assert guest.revert("000001-files").said("reverted") == ["000001-files files done as before"]
    assert guest.snapshot() == before
    stale = guest.apply(("stale", [WriteFile("/etc/old", "new\n", "other\n")]))
    assert refused(stale) == "/etc/old is not as the audit saw it: somebody changed it since; run again"


@pytest.mark.parametrize("programs", [("cmp", "sha256sum"), ("tr",), ("grep",)], ids=["what compares", "tr", "grep"])
def test_without_a_program_that_is_needed_nothing_is_begun(
    dash_guest: SmallGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PATH", without(tmp_path / "bin", *programs))
    ran = dash_guest.apply(("one", [WriteFile("/etc/new", "new\n")]))
    (sentence,) = ran.said("refused")
    assert sentence.startswith(f"it has no program {programs[0]}, ")
    assert list(dash_guest.root.iterdir()) == []


@pytest.mark.parametrize(("mode", "refuses"), [(0o664, True), (0o640, True), (0o600, False), (0o644, False)])
def test_a_mask_that_may_be_an_access_lists_is_refused_where_nothing_tells(
    dash_guest: SmallGuest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, refuses: bool
) -> None:
    """busybox's cp and ls know nothing of access lists, and a copy gives the group what the list's mask allows to others."""
    guest = replace(dash_guest, shell="busybox")
    need("busybox")
    guest.write("/etc/fstab", "a\n", mode=mode)
    path = without(tmp_path / "bin", "getfacl", "cp", "ls")
    for applet in ("cp", "ls"):
        (tmp_path / "bin" / applet).symlink_to("/bin/busybox")
    monkeypatch.setenv("PATH", path)
    ran = guest.apply(("one", [EditFile("/etc/fstab", (AppendLine("b"),))]))
    assert ran.outcomes == {"one": "refused" if refuses else "done"}, ran.lines
    if refuses:
        assert refused(ran).endswith("cannot be told: install getfacl")
        assert guest.read("/etc/fstab") == b"a\n"
