# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe on directories with hostile names and contents, under four shells: parsed, it is what is there."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import (
    Line,
    ProbeError,
    State,
    parse,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Lines,
    Read,
    Redaction,
    entries,
    files,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload
from ansible_collections.vmguest.linux.tests.unit.examples import examples
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import (
    NONCE,
    PATH,
    SHELLS,
    lines_of,
    probe,
    put,
    run_probe,
    run_script,
    shell_argv,
    stand_in,
)

four_shells = pytest.mark.parametrize("shell", SHELLS)
KIB = 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A guest's root directory, with a blank and glob characters in its name."""
    path = tmp_path / "a guest's [root] *"
    path.mkdir()
    return path


# ---- contents --------------------------------------------------------------------------------------------------------

CONTENTS = {
    "empty": b"",
    "one line": b"mq-deadline\n",
    "no line end": b"first\nsecond",
    "only line ends": b"\n\n\n",
    "dos": b"first\r\nsecond\r\n",
    "no utf-8": b"caf\xe9 \xff\xfe\n\xc3\xa9\n",
    "control characters": b"\x01\x1b[31m\x7f\x85\x0b\x0c\x1c\n",
    "blanks": b"  leading\ttab  \n \n",
    "what shells expand": b"$HOME `id` \\n %s * ~ -n\n",
    "looks like the frame": b"deadbeef end\n0123 begin probe 1\n",
    "looks like another file": b"/etc/hosts:1\n/files/empty:x\n",
    "a long line": b"x" * 200_000 + b"\n",
}


@four_shells
def test_contents_come_through(root: Path, shell: str) -> None:
    put(root, {f"/files/{name}": content for name, content in CONTENTS.items()})

    found = probe(root, [files("/files/*")], shell)

    assert {file.path: file.lines for file in found.glob("/files/*")} == {
        f"/files/{name}": lines_of(content) for name, content in CONTENTS.items()
    }


@four_shells
def test_nul_bytes_do_not_hide_the_file(root: Path, shell: str) -> None:
    put(root, {"/etc/odd": b"before\nwith\0nul\nafter\n"})

    found = probe(root, [files("/etc/odd")], shell).file("/etc/odd")

    # busybox's grep ends a line at a NUL.
    assert found.lines in (("before", "with\0nul", "after"), ("before", "with", "after"))


NAMES = st.text(st.sampled_from("ab:1 \n\t*?[]!-.'\"\\$`(){}~#=,é\udcff"), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..")
)
BODIES = st.binary(max_size=40).map(lambda body: body.replace(b"\0", b":"))


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.dictionaries(NAMES, BODIES, max_size=8),
    literal=st.dictionaries(NAMES.filter(lambda name: not set(name) & set("\n\\*?[(")), BODIES, max_size=3),
    shell=st.sampled_from(SHELLS),
)
@example(tree={"a": b"b:1\nb:2\n", "a:b": b"1\n", "a:b:1": b""}, literal={}, shell="dash")
@example(tree={"a": b"", "a:": b":\n", "a::": b"x", "a:1:": b"y"}, literal={"-e": b"-"}, shell="mksh")
def test_round_trip(tree: dict[str, bytes], literal: dict[str, bytes], shell: str) -> None:
    """Random names and contents: exactly these contents, by exactly these names."""
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), {f"/glob/{name}": body for name, body in tree.items()})
        put(Path(folder), {f"/literal/{name}": body for name, body in literal.items()})
        os.makedirs(f"{folder}/glob", exist_ok=True)

        found = probe(Path(folder), [files("/glob/*", *(f"/literal/{name}" for name in literal))], shell)

    seen = {name: body for name, body in tree.items() if not name.startswith(".")}
    assert {file.path: file.lines for file in found.files.values() if file} == {
        **{f"/glob/{name}": lines_of(body) for name, body in seen.items() if "\n" not in name},
        **{f"/literal/{name}": lines_of(body) for name, body in literal.items()},
    }
    assert {file.path for file in found.files.values() if file.state is State.ODD_NAME} == {
        f"/glob/{name}".replace("\n", "?") for name in seen if "\n" in name
    } - {f"/glob/{name}" for name in seen}


@four_shells
def test_redacted_files_have_any_name_but_one_that_cannot_be_told_apart(root: Path, shell: str) -> None:
    names = ("plain", "with blank", "a:b", "a", "12:x", "caf\udce9", "-e", "it's", "back\\slash", "q$x", "a&b", "=:")
    put(root, {f"/etc/cron.d/{name}": f"# {name.encode('utf-8', 'surrogateescape').hex()}\n" for name in names})
    put(root, {"/etc/cron.d/a:1:b": "# never read\n"})

    found = probe(root, [files("/etc/cron.d/*", redact=Redaction.CRONTAB)], shell)

    assert {file.path: file.lines for file in found.files.values() if file} == {
        f"/etc/cron.d/{name}": (f"# {name.encode('utf-8', 'surrogateescape').hex()}",) for name in names
    }
    assert found.file("/etc/cron.d/a:1:b").state is State.ODD_NAME


@four_shells
def test_more_files_than_fit_into_one_command_line(root: Path, shell: str) -> None:
    """1200 names of 150 bytes are 180 KB; EL4 takes 128 KiB of arguments."""
    folder = "d" * 120
    names = [f"/etc/{folder}/{number:020d}" for number in range(1200)]
    put(root, {name: name[-4:] + "\n" for name in names})

    reads: list[Read] = [
        files(f"/etc/{folder}/*"),
        entries(f"/etc/{folder}/*"),
        Lines("lines", "7$", (f"/etc/{folder}/*",)),
    ]
    # With a stack of 512 KiB, Linux allows 128 KiB of arguments, as EL4 always does.
    before = ["sh", "-c", 'ulimit -s 512 && exec "$@"', "sh"]

    found = parse(run_script(probe_payload(NONCE, reads, str(root)), shell, before=before).decode(), NONCE, reads)

    assert {file.path: file.value for file in found.glob(f"/etc/{folder}/*")} == {name: name[-4:] for name in names}
    assert sorted(entry.path for entry in found.entries(f"/etc/{folder}/*")) == names
    assert [line.path for line in found.lines("lines")] == [name for name in names if name.endswith("7")]


# ---- states ----------------------------------------------------------------------------------------------------------


@four_shells
def test_states(root: Path, shell: str) -> None:
    put(root, {"/etc/here": "x\n", "/etc/large": b"y" * 255 + b"\n", "/etc/d/sub/file": "z\n", "/etc/new\nline": "n\n"})
    put(root, {"/etc/full": (b"x" * 63 + b"\n") * (4 * KIB), "/etc/over": (b"x" * 63 + b"\n") * (4 * KIB) + b"\n"})
    (root / "etc/link to over").symlink_to("over")
    (root / "etc/link").symlink_to("here")
    (root / "etc/dangling").symlink_to("nowhere")
    (root / "etc/masked").symlink_to("/dev/null")
    (root / "etc/zero").symlink_to("/dev/zero")
    os.mkfifo(root / "etc/fifo")
    reads: list[Read] = [
        files("/etc/*", "/etc/gone", "/etc/no/folder", "/run/none/*.conf", "/etc/d/*.conf", "/etc/d/*/none")
    ]

    found = probe(root, reads, shell)

    assert {path: file.state.value for path, file in found.files.items()} == {
        "/etc/here": "read",
        "/etc/link": "read",
        "/etc/large": "read",
        "/etc/full": "read",
        "/etc/over": "too_large",
        "/etc/link to over": "too_large",
        "/etc/d": "directory",
        "/etc/dangling": "missing",
        "/etc/masked": "read",
        "/etc/zero": "denied",
        "/etc/fifo": "denied",
        "/etc/new?line": "odd_name",
        "/etc/no/folder": "missing",
        "/run/none": "missing",
    }
    assert found.file("/etc/gone").state is State.MISSING
    assert found.file("/etc/link").value == "x"
    assert found.file("/etc/masked").lines == ()
    assert len(found.file("/etc/full").lines) == 4 * KIB


@four_shells
@pytest.mark.parametrize("redaction", [None, *Redaction])
def test_ten_megabytes_are_not_read(root: Path, shell: str, redaction: Redaction | None) -> None:
    put(root, {"/etc/crontab": b"0 0 * * * root /opt/job\n" * 430_000, "/etc/cron.d/next": "# next\n"})
    put(root, {"/etc/cron.d/co:lon": b"#\n" * KIB * 200})

    output = run_probe(root, [files("/etc/crontab", "/etc/cron.d/*", redact=redaction)], shell)

    found = parse(output, NONCE, [])
    assert len(output) < 1000
    assert found.files["/etc/crontab"].state is State.TOO_LARGE
    assert found.files["/etc/cron.d/co:lon"].state is State.TOO_LARGE
    assert found.files["/etc/cron.d/next"].lines == ("# next",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@four_shells
def test_what_another_user_may_not_read_is_denied_and_not_missing(shell: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        put(root, {"/etc/shadow": "secret\n", "/var/spool/tabs/root": "x\n", "/var/list/a": "x\n", "/etc/open": "y\n"})
        for path, mode in {"": 0o755, "etc/shadow": 0o600, "var/spool/tabs": 0o700, "var/list": 0o711}.items():
            (root / path).chmod(mode)
        reads: list[Read] = [
            files("/etc/*", "/var/spool/tabs/*", "/var/spool/tabs/root", "/var/spool/tabs/x/y", "/var/list/*")
        ]
        payload = probe_payload(NONCE, [*reads, Lines("lines", "x", ("/var/spool/tabs/root",))], folder)
        done = subprocess.run(
            [*shell_argv(shell), "-s"], input=payload.encode(), capture_output=True, check=True, user=65534, group=65534
        )
        found = parse(done.stdout.decode(), NONCE, reads)

    assert {path: file.state.value for path, file in found.files.items()} == {
        "/etc/shadow": "denied",
        "/etc/open": "read",
        "/var/spool/tabs": "denied",
        "/var/spool/tabs/x/y": "denied",
        "/var/list": "denied",
    }
    # Covered by a glob of the same read, so it is known by its folder.
    assert found.file("/var/spool/tabs/root").state is State.DENIED


NO_BUSYBOX = pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
REDACTED = files("/etc/fstab", redact=Redaction.FSTAB)


def tools(folder: Path, *programs: str) -> Path:
    """A folder for PATH with these of the machine's programs."""
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(f"/usr/bin/{program}")
    return folder


@NO_BUSYBOX
@pytest.mark.parametrize("lacks", ["grep", "sed"])
def test_what_no_program_has_printed_is_not_read(root: Path, tmp_path: Path, shell: str, lacks: str) -> None:
    """Given a guest without grep or sed, its files are not without lines: they count as not read."""
    put(root, {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n", "/etc/hosts": "x\n"})
    path = tools(tmp_path / "tools", *({"grep", "sed", "ls", "find"} - {lacks}))

    found = probe(root, [REDACTED, files("/etc/hosts", "/etc/gone")], shell, str(path))

    assert {name: found.file(name).state.value for name in ("/etc/fstab", "/etc/hosts", "/etc/gone")} == {
        "/etc/fstab": "denied",
        "/etc/hosts": "denied",
        "/etc/gone": "missing",
    }


@NO_BUSYBOX
@pytest.mark.parametrize(
    ("program", "body"),
    [("grep", "printf ./etc/fst; kill -9 $$"), ("sed", "head -c 9; kill -9 $$"), ("sed", "exit 4")],
    ids=["grep", "sed", "sed that cannot write"],
)
def test_what_was_cut_off_is_not_read(root: Path, tmp_path: Path, shell: str, program: str, body: str) -> None:
    put(root, {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n" * 3})
    stand_in(tmp_path / "bin", program, body)

    assert probe(root, [REDACTED], shell, f"{tmp_path / 'bin'}:{PATH}").file("/etc/fstab").state is State.DENIED


@NO_BUSYBOX
@pytest.mark.parametrize(
    ("lacks", "read", "what"),
    [("grep", Lines("lines", "x", ("/etc/*",)), "lines"), ("ls", entries("/etc/*"), "entries")],
)
def test_without_what_prints_lines_or_entries_nothing_is_believed(
    root: Path, tmp_path: Path, shell: str, lacks: str, read: Read, what: str
) -> None:
    put(root, {"/etc/hosts": "x\n"})
    path = tools(tmp_path / "tools", *({"grep", "sed", "ls", "find"} - {lacks}))

    with pytest.raises(ProbeError, match=f"the guest's program for its {what} is missing, or was killed"):
        probe(root, [read], shell, str(path))


SECRET = b"//nas/x /x cifs password=hunter2 0 0\n//nas/y /y cifs a\0,password=hunter2 0 0\n"


@NO_BUSYBOX
@pytest.mark.parametrize("reaches", [True, False], ids=["a sed that reaches over a NUL", "one that does not"])
def test_toybox_without_tr(root: Path, tmp_path: Path, shell: str, reaches: bool) -> None:
    """Given Photon's toybox, which has no tr: a file with a NUL is redacted all the same, or nothing of it is read."""
    put(root, {"/etc/fstab": SECRET})
    path = tools(tmp_path / "tools", "grep", "ls", "find", *(["sed"] if reaches else ["cat"]))
    stand_in(path, "toybox", "exit 1")
    # mksh has no printf of its own, and the guest has none where it does not stand here.
    (path / "printf").symlink_to("/usr/bin/printf")
    if not reaches:
        stand_in(path, "sed", "exec cat")

    output = run_probe(root, [REDACTED], shell, str(path))

    assert "hunter2" not in output
    found = parse(output, NONCE, [REDACTED]).file("/etc/fstab")
    assert (found.state, len(found.lines)) == ((State.READ, 2) if reaches else (State.DENIED, 0))


@pytest.mark.parametrize("tr", [True, False])
def test_toybox_itself(root: Path, tmp_path: Path, tr: bool) -> None:
    toybox = Path(__file__).resolve().parents[3] / ".build/toybox/bin/toybox"
    if not toybox.exists():
        if os.environ.get("CI"):
            pytest.fail("toybox is not there: make setup fetches it")
        pytest.skip("toybox is not there: make setup fetches it")
    put(root, {"/etc/fstab": SECRET + b"# caf\xc3\xa9\r\n"})
    path = tools(tmp_path / "tools", *(["tr"] if tr else []))
    for program in ("toybox", "grep", "sed", "ls", "find"):
        (path / program).symlink_to(toybox)

    found = probe(root, [REDACTED], "dash", str(path)).file("/etc/fstab")

    assert found.lines == (
        "//nas/x /x cifs password=<redacted> 0 0",
        "//nas/y /y cifs a?,password=<redacted> 0 0",
        "# café\r",
    )


@four_shells
def test_a_line_that_no_expression_reaches_over_is_never_printed(root: Path, shell: str) -> None:
    """Given a sed to which all is UTF-8, and a line that is none, nothing is believed but what has no secret to hide."""
    put(root, {"/etc/fstab": b"//nas/x /x cifs password=hunter2\xe9\xff,password=hunter2 0 0\n", "/etc/hosts": "x\n"})
    reads = [REDACTED, files("/etc/hosts")]
    for locale in ("LC_ALL=C", "LC_ALL=C.UTF-8"):
        script = probe_payload(NONCE, reads, str(root)).replace("LC_ALL=C SYSTEMD", f"{locale} SYSTEMD")
        assert locale in script
        output = run_script(script, shell)
        assert b"hunter2" not in output
        assert parse(output.decode("utf-8", "surrogateescape"), NONCE, reads).file("/etc/hosts").value == "x"


# ---- globs -----------------------------------------------------------------------------------------------------------

GLOB_NAMES = (
    ".dot", "a", "b", "ab", "a.conf", "b.conf", ".conf", "-", "!", "^", "]", "[", "a]", "é", "\udcff", "a b", "*", "{a,b}",
    "a{b", "+(a)", "@(a)", "~", "~root", "$x", "0", "9", "A", "z", "a-z", "&&", "||", "a\\b",
)  # fmt: skip
GLOBS = (
    "*", ".*[!.]", "?", "??", "*.conf", "*.*", "[ab]", "[!ab]", "[a-z]", "[!a-z]*", "[]a]", "[!]a]*", "[-a]", "[a-]*",
    "[", "[a", "a]", "*[*", "[.]*", "[!.]*", "[a-z][a-z]", "[&&]*", "[||]*", "[~]*", "*[]]", "?*?", "[0-9]", "{a,b}", "~*",
    "[!", "a[", "*\udcff", "é*", "+*", "[[]", "[!!]", "[A-Z]",
)  # fmt: skip


@four_shells
def test_globs_match_what_glob_match_says(root: Path, shell: str) -> None:
    put(root, {f"/glob/{name}": "" for name in GLOB_NAMES})
    for glob in GLOBS:
        found = probe(root, [files(f"/glob/{glob}")], shell)
        expected = {f"/glob/{name}" for name in GLOB_NAMES if glob_match(f"/glob/{glob}", f"/glob/{name}")}
        assert {file.path for file in found.files.values() if file} == expected, glob


@four_shells
def test_a_wildcard_stays_within_its_folder(root: Path, shell: str) -> None:
    put(root, {"/sys/block/sda/queue/scheduler": "none\n", "/sys/block/sda/sda1/queue/scheduler": "x\n"})
    (root / "sys/block/.hidden/queue").mkdir(parents=True)
    put(root, {"/sys/block/.hidden/queue/scheduler": "y\n"})

    found = probe(root, [files("/sys/block/*/queue/scheduler")], shell)

    assert set(found.files) == {"/sys/block/sda/queue/scheduler"}


# ---- lines and entries -----------------------------------------------------------------------------------------------


@four_shells
def test_lines_by_pattern_with_their_numbers(root: Path, shell: str) -> None:
    put(
        root,
        {"/boot/config-6.1": "# CONFIG_A is not set\nCONFIG_B=y\n\nCONFIG_C=m\n", "/boot/config-none": "nothing\n"},
    )
    put(root, {"/boot/config-a:b": "CONFIG_B=1:2:n\n", "/boot/config-a:1:b": "CONFIG_B=its name is a riddle\n"})
    put(root, {"/sys/bus/pci/devices/0000:00:15.0/uevent": "A=1\nDRIVER=vmw:1:pvscsi\nDRIVER=x\n"})
    reads: list[Read] = [
        Lines("kconfig", r"^CONFIG_[BC]=\|not here", ("/boot/config-*",)),
        Lines("dash", "-e.*'\"$x", ("/boot/config-*",)),
        Lines("drivers", "^DRIVER", ("/sys/bus/pci/devices/*/uevent",)),
        Lines("blank", "is not", ("/boot/config-6.1", "/boot/gone")),
    ]

    found = probe(root, reads, shell)

    assert found.lines("kconfig") == (
        Line("/boot/config-6.1", 2, "CONFIG_B=y"),
        Line("/boot/config-6.1", 4, "CONFIG_C=m"),
        Line("/boot/config-a:b", 1, "CONFIG_B=1:2:n"),
    )
    assert found.lines("drivers") == (
        Line("/sys/bus/pci/devices/0000:00:15.0/uevent", 2, "DRIVER=vmw:1:pvscsi"),
        Line("/sys/bus/pci/devices/0000:00:15.0/uevent", 3, "DRIVER=x"),
    )
    assert found.lines("dash") == ()
    assert found.lines("blank") == (Line("/boot/config-6.1", 1, "# CONFIG_A is not set"),)


@four_shells
@pytest.mark.parametrize("merged", [True, False])
def test_what_is_below_lib_is_read_once_where_usr_is_merged(root: Path, shell: str, merged: bool) -> None:
    put(root, {"/usr/lib/a/x.conf": "key\n", "/usr/lib/b": "key\n"})
    if merged:
        (root / "lib").symlink_to("usr/lib")
    else:
        put(root, {"/lib/a/x.conf": "key\n", "/lib/b": "key\n"})
    asked = ("/usr/lib/a/*.conf", "/lib/a/*.conf", "/lib/b")

    found = probe(root, [files(*asked), Lines("key", "^k", asked), entries(*asked)], shell)

    wanted = ["/lib/b", "/usr/lib/a/x.conf"] if merged else ["/lib/a/x.conf", "/lib/b", "/usr/lib/a/x.conf"]
    assert sorted(path for path, file in found.files.items() if file) == wanted
    assert sorted(line.path for line in found.lines("key")) == wanted
    assert sorted(found.directory_entries) == wanted


@four_shells
def test_entries(root: Path, shell: str) -> None:
    put(root, {"/etc/file": "12345", "/etc/two words": "", "/etc/ ./odd": "1"})
    (root / "etc/file").chmod(0o4750)
    (root / "etc/link").symlink_to("../x -> y")
    (root / "etc/here -> there").symlink_to("./z")
    (root / "etc/dangling").symlink_to("/no\\where")
    os.mkfifo(root / "etc/fifo")

    found = probe(root, [entries("/etc/*", "/etc/gone", "/etc/ */*", "/etc")], shell)

    file = found.entry("/etc/file")
    assert file is not None
    assert (file.kind, file.mode, file.links, file.uid, file.gid, file.size) == (
        "-", "rwsr-x---", 1, os.geteuid(), os.getegid(), 5,
    )  # fmt: skip
    assert {entry.path: (entry.kind, entry.target) for entry in found.entries("/etc/*")} == {
        "/etc/file": ("-", None),
        "/etc/two words": ("-", None),
        "/etc/ .": ("d", None),
        "/etc/link": ("l", "../x -> y"),
        "/etc/here -> there": ("l", "./z"),
        "/etc/dangling": ("l", "/no\\where"),
        "/etc/fifo": ("p", None),
    }
    assert found.entry("/etc/gone") is None
    assert found.entry("/etc/ ./odd") is not None
    assert [entry.path for entry in found.entries("/etc")] == ["/etc"]


# ---- commands --------------------------------------------------------------------------------------------------------


@four_shells
@pytest.mark.parametrize("also", [("sleep", "setsid"), ("sleep",), ()], ids=["all tools", "no setsid", "no sleep"])
def test_commands(root: Path, tmp_path: Path, shell: str, also: tuple[str, ...]) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("grep", "sed", "ls", "find", "cat", *also):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    stand_in(tools, "lspci", 'printf "%s|" "$@"; exit 3')
    stand_in(tools, "reads-stdin", "cat; echo done")
    stand_in(tools, "noisy", "echo out; echo err >&2")
    stand_in(tools, "silent", ":")
    reads: list[Read] = [
        Command("pci", ("lspci", "a b", "*", "", "$x")),
        Command("stdin", ("reads-stdin",)),
        Command("noise", ("noisy",)),
        Command("silence", ("silent",)),
        Command("absence", ("no-such-command", "x")),
        files("/etc/after"),
    ]
    put(root, {"/etc/after": "x\n"})

    found = probe(root, reads, shell, str(tools))

    assert (found.command("pci").status, found.command("pci").lines) == (3, ("a b|*||$x|",))
    assert (found.command("stdin").status, found.command("stdin").lines) == (0, ("done",))
    assert (found.command("noise").status, found.command("noise").lines) == (0, ("out",))
    assert (found.command("silence").status, found.command("silence").lines) == (0, ())
    assert found.command("absence").absent
    assert found.file("/etc/after").value == "x"


@four_shells
@pytest.mark.parametrize(("present", "lines"), [(True, ()), (False, ("asked",))])
def test_a_command_is_not_run_where_a_file_tells_as_much(
    root: Path, tmp_path: Path, shell: str, present: bool, lines: tuple[str, ...]
) -> None:
    stand_in(tmp_path / "bin", "dmi", "echo asked")
    put(root, {"/sys/id": "x"} if present else {"/sys/other": "x"})
    found = probe(root, [Command("dmi", ("dmi",), unless="/sys/id")], shell, f"{tmp_path / 'bin'}:{PATH}").command(
        "dmi"
    )
    assert (found.absent, found.lines) == (present, lines)


@four_shells
def test_a_command_is_ended_after_its_time_with_all_that_it_started(root: Path, tmp_path: Path, shell: str) -> None:
    """Were one of them left, the probe's output would stay open, and reading it would take ten minutes."""
    stand_in(tmp_path / "bin", "hangs", "echo begun; sleep 600; echo woken")
    stand_in(tmp_path / "bin", "slow", "sleep 1.5; echo done; exit 7")
    stand_in(tmp_path / "bin", "quick", "echo quick; exit 9")
    reads: list[Read] = [
        Command("hung", ("hangs",), seconds=1),
        Command("slow", ("slow",)),
        Command("quick", ("quick",)),
    ]

    found = probe(root, reads, shell, f"{tmp_path / 'bin'}:{PATH}")

    assert (found.command("hung").status, found.command("hung").lines) == (124, ("begun",))
    assert (found.command("slow").status, found.command("slow").lines) == (7, ("done",))
    assert (found.command("quick").status, found.command("quick").lines) == (9, ("quick",))


@four_shells
def test_a_single_command_or_script_is_ended_after_its_time(root: Path, tmp_path: Path, shell: str) -> None:
    reads: list[Read] = [
        Command("program", ("sleep", "600"), seconds=1, single=True),
        Command(
            "script", ("sh", "-c", "words='a  b'\nset -- $words x*y\necho \"$# $1\"\nexec sleep 600"), 1, single=True
        ),
        Command("exits", ("sh", "-c", "cd /\n[ -e dev ] && exit 5\nexec false"), single=True),
        Command("quick", ("uname",), single=True),
    ]

    found = probe(root, reads, shell)

    assert (found.command("program").status, found.command("program").lines) == (124, ())
    assert (found.command("script").status, found.command("script").lines) == (124, ("3 a",))
    assert (found.command("exits").status, found.command("exits").lines) == (5, ())
    assert (found.command("quick").status, found.command("quick").lines) == (0, ("Linux",))


@four_shells
def test_no_line_is_lost_while_nobody_reads(root: Path, tmp_path: Path, shell: str) -> None:
    """Given a pipe that is full while the clock ticks, what the shell writes then waits until somebody reads."""
    room = 4096 - len(f"{NONCE} begin probe 1\n{NONCE} command fills\n")
    stand_in(tmp_path / "bin", "fills", f"printf %{room - 9}s; echo")
    stand_in(tmp_path / "bin", "follows", "echo here")
    reads: list[Read] = [Command("fills", ("fills",)), Command("follows", ("follows",))]
    payload = probe_payload(NONCE, reads, str(root))
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    with open(out, encoding="ascii") as reader:
        child = subprocess.Popen(
            [*shell_argv(shell), "-c", payload], stdin=subprocess.DEVNULL, stdout=into,
            env={"PATH": f"{tmp_path / 'bin'}:{PATH}"},
        )  # fmt: skip
        os.close(into)
        time.sleep(1.8)
        output = reader.read()
    assert child.wait() == 0

    found = parse(output, NONCE, reads)

    assert (found.command("fills").status, len(found.command("fills").lines)) == (0, 1)
    assert (found.command("follows").status, found.command("follows").lines) == (0, ("here",))


# ---- the frame -------------------------------------------------------------------------------------------------------

READS: list[Read] = [
    files("/etc/*"),
    files("/etc/cron.d/*", redact=Redaction.CRONTAB),
    Lines("lines", "o", ("/etc/one",)),
    entries("/etc/*"),
    Command("command", ("uname", "-s")),
]


@pytest.fixture
def small(root: Path) -> Path:
    """A guest with a little of everything."""
    put(
        root, {"/etc/one": "one\n", "/etc/two": b"two\r\n\xff\n", "/etc/cron.d/job": "# a job\n", "/etc/name\r": "cr\n"}
    )
    (root / "etc/with blank").symlink_to("target 'quoted' \x01")
    return root


@four_shells
def test_a_terminal_changes_nothing(small: Path, shell: str) -> None:
    """Where the script is an argument and a terminal turns every line end into CR LF."""
    expected = probe(small, READS, shell)
    main, terminal = pty.openpty()
    child = subprocess.Popen(
        [*shell_argv(shell), "-c", probe_payload(NONCE, READS, str(small))],
        stdin=terminal, stdout=terminal, stderr=terminal, env={"PATH": PATH},
    )  # fmt: skip
    os.close(terminal)
    output = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    os.close(main)
    assert child.wait() == 0
    assert b"end\r\n" in output

    assert parse(output.decode("utf-8", "surrogateescape"), NONCE, READS) == expected


@four_shells
def test_a_cut_script_does_nothing(small: Path, shell: str) -> None:
    """Whatever part of the script arrives: unless it is all of it, the shell prints nothing."""
    payload = probe_payload(NONCE, READS, str(small))
    lines = payload.splitlines(keepends=True)
    for end in range(0, len(lines), 7 if shell == "dash" else 41):
        assert run_script("".join(lines[:end]), shell) == b"", f"cut before line {end + 1}"
    # The last line itself: `main` without what follows would read from the script, so all of it counts.
    assert run_script(payload[: -len("main </dev/null\n")], shell) == b""


def test_cut_output_is_not_believed(small: Path) -> None:
    output = run_probe(small, READS)
    lines = output.splitlines(keepends=True)
    assert parse(output, NONCE, READS).files
    for end in range(len(lines)):
        with pytest.raises(ProbeError, match=r"cut after|answered nothing"):
            parse("".join(lines[:end]), NONCE, READS)
    for end in range(1, len("end\n")):
        with pytest.raises(ProbeError, match="cut after"):
            parse(output[: -1 - end], NONCE, READS)


@four_shells
def test_the_tree_is_left_by_no_name(small: Path, shell: str) -> None:
    """A root directory bounds the probe: what it prints has no path of the machine."""
    assert str(small) not in run_probe(small, READS, shell)


@pytest.mark.skipif(shutil.which("uname") is None, reason="uname is everywhere")
@four_shells
def test_on_a_guest_without_a_root_directory(shell: str) -> None:
    """ROOT empty, the search path extended, not replaced: reads a few files of the machine itself."""
    reads: list[Read] = [
        files("/proc/sys/kernel/osrelease", "/proc/self/comm", "/no/such/file"),
        entries("/proc", "/et[c]"),
    ]
    output = run_script(probe_payload(NONCE, reads), shell, "/nonexistent")

    found = parse(output.decode(), NONCE, reads)

    assert found.file("/proc/sys/kernel/osrelease").value == os.uname().release
    # It is grep that reads.
    assert found.file("/proc/self/comm").value in ("grep", "busybox")
    assert found.file("/no/such/file").state is State.MISSING
    assert [entry.path for entry in found.entries("/*")] == ["/etc", "/proc"]
