# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parser of the probe's output, from literal text. (Together with the probe: tests/unit/guest/test_probe.py.)"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import (
    Entry,
    File,
    Line,
    Output,
    ProbeError,
    ProbeOutput,
    State,
    framed,
    parse,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Lines, Read, entries, files

NONCE = "0123456789abcdef0123456789abcdef"
READS: tuple[Read, ...] = (
    files("/etc/one", "/etc/*", "/var/spool/cron/*", "/sys/*/speed"),
    Lines("kconfig", "^CONFIG", ("/boot/config-*",)),
    Lines("pci", "=", ("/sys/bus/pci/devices/*/uevent",)),
    entries("/dev/*", "/etc/[ab]"),
    Command("rpm", ("rpm", "-q", "x")),
)


def output(*lines: str) -> str:
    """A frame; ``@`` at the beginning of a line is the nonce and a blank."""
    whole = ["@begin probe 1", *lines, "@end"]
    return "".join((f"{NONCE} {line[1:]}" if line.startswith("@") else line) + "\n" for line in whole)


def found(*lines: str) -> ProbeOutput:
    return parse(output(*lines), NONCE, READS)


# ---- files -----------------------------------------------------------------------------------------------------------


def test_files_with_their_lines() -> None:
    result = found(
        "@file denied /etc/shadow",
        "@file read /etc/empty",
        "@file read /etc/one",
        "@file read /etc/two words",
        "@data",
        "/etc/one:first: line",
        "/etc/one:",
        "/etc/two words: \udcff",
    )
    assert result.file("/etc/one") == File("/etc/one", State.READ, ("first: line", ""))
    assert result.file("/etc/one").text == "first: line\n\n"
    assert result.file("/etc/two words").lines == (" \udcff",)
    assert result.file("/etc/two words").value == "\udcff"
    assert result.file("/etc/empty")
    assert result.file("/etc/empty").value == ""
    assert not result.file("/etc/shadow")
    assert result.file("/etc/shadow").exists
    assert result.file("/etc/other") == File("/etc/other", State.MISSING)
    assert not result.file("/etc/other").exists


def test_several_data_sections() -> None:
    result = found("@file read /etc/a", "@data", "/etc/a:1", "@file read /etc/a:b", "@data", "/etc/a:b:2", "/etc/a:b:")
    assert result.file("/etc/a").lines == ("1",)
    assert result.file("/etc/a:b").lines == ("2", "")


def test_what_lies_in_a_folder_that_was_denied_is_denied() -> None:
    result = found("@file denied /var/spool/cron")
    assert result.file("/var/spool/cron/root").state is State.DENIED
    assert result.file("/etc/root").state is State.MISSING


def test_files_by_glob_in_the_order_of_their_paths() -> None:
    result = found(
        "@file missing /etc/gone", "@file denied /etc/d", "@file read /etc/c", "@file read /etc/a", "@file read /etc/.b", "@data"
    )  # fmt: skip
    assert [file.path for file in result.glob("/etc/*")] == ["/etc/a", "/etc/c", "/etc/d"]
    assert [file.path for file in result.glob("/etc/c")] == ["/etc/c"]
    assert result.glob("/etc/gone") == []
    assert result.glob("/et") == []


def test_to_ask_for_what_nobody_declared_is_an_error_of_the_program() -> None:
    result = found()
    for ask in (
        lambda: result.file("/proc/cpuinfo"),
        lambda: result.file("/etc/sub/folder"),
        lambda: result.lines("other"),
        lambda: result.entry("/etc/c"),
        lambda: result.command("other"),
    ):
        with pytest.raises(LookupError, match="no recommendation declares"):
            ask()


def test_files_whose_lines_were_not_all_printed_are_not_read() -> None:
    """Given that what prints or redacts them was not there, or was killed, none of a section is read; the others are."""
    first = ("@file read /etc/one", "@file missing /etc/gone", "@data", "/etc/one:x")
    for rest in (("", "@failed"), ("/etc/one:hal", "@failed", "/etc/two:y", "@failed"), ("@failed",)):
        result = found(*first, "@file read /etc/one", "@file read /etc/two", "@data", *rest, "@file missing /etc/no")
        assert {path: (file.state, file.lines) for path, file in result.files.items()} == {
            "/etc/one": (State.DENIED, ()),
            "/etc/gone": (State.MISSING, ()),
            "/etc/two": (State.DENIED, ()),
            "/etc/no": (State.MISSING, ()),
        }


# ---- lines, entries, commands ----------------------------------------------------------------------------------------


def test_lines() -> None:
    result = found(
        "@lines kconfig",
        "/boot/config-6.1:3:CONFIG_A=y",
        "/boot/config-6.1:14:CONFIG_B=1:2:3",
        "/boot/config-5:7:",
        "@lines pci",
        "/sys/bus/pci/devices/0000:00:15.0/uevent:1:DRIVER=a:2:b",
        "/sys/bus/pci/devices/0000:00:15.0/uevent:2:X=",
        "@lines kconfig",
        "/boot/config-7:1:second call",
    )
    assert result.lines("kconfig") == (
        Line("/boot/config-6.1", 3, "CONFIG_A=y"),
        Line("/boot/config-6.1", 14, "CONFIG_B=1:2:3"),
        Line("/boot/config-5", 7, ""),
        Line("/boot/config-7", 1, "second call"),
    )
    assert result.lines("pci") == (
        Line("/sys/bus/pci/devices/0000:00:15.0/uevent", 1, "DRIVER=a:2:b"),
        Line("/sys/bus/pci/devices/0000:00:15.0/uevent", 2, "X="),
    )


ENTRIES = [
    ("-rw-r--r-- 1 0 0 1234 Nov 24 01:06 /dev/file", Entry("/dev/file", "-", "rw-r--r--", 1, 0, 0, 1234)),
    ("drwxr-xr-t+ 12 1000 100 4096 Jan  1  1970 /dev/x y", Entry("/dev/x y", "d", "rwxr-xr-t", 12, 1000, 100, 4096)),
    ("-rwsr-x---. 2 0 0 0 Jan  1 00:00 /etc/a", Entry("/etc/a", "-", "rwsr-x---", 2, 0, 0, 0)),
    ("brw-rw---- 1 0 6 8, 0 Nov 24 01:05 /dev/sda", Entry("/dev/sda", "b", "rw-rw----", 1, 0, 6, 0)),
    (
        "crw-rw-rw-    1 0        0           1,   3 Nov 24 01:05 /dev/null",
        Entry("/dev/null", "c", "rw-rw-rw-", 1, 0, 0, 0),
    ),
    ("brw-rw---- 1 0 6 259,12 Nov 24 01:05 /dev/nvme0n1", Entry("/dev/nvme0n1", "b", "rw-rw----", 1, 0, 6, 0)),
    (
        "lrwxrwxrwx 1 0 0 0 Nov 24 01:05 /dev/sdb -> ../devices/pci0000:00/x",
        Entry("/dev/sdb", "l", "rwxrwxrwx", 1, 0, 0, 0, "../devices/pci0000:00/x"),
    ),
    ("lrwxrwxrwx 1 0 0 6 Nov 24 01:05 /dev/a -> b -> c", Entry("/dev/a", "l", "rwxrwxrwx", 1, 0, 0, 6, "b -> c")),
    (
        "lrwxrwxrwx 1 0 0 3 Nov 24 01:05 /dev/a -> b -> \udcffé",
        Entry("/dev/a -> b", "l", "rwxrwxrwx", 1, 0, 0, 3, "\udcffé"),
    ),
]


@pytest.mark.parametrize(("line", "entry"), ENTRIES, ids=[entry.path for dummy, entry in ENTRIES])
def test_entries(line: str, entry: Entry) -> None:
    assert found("@entries", line).directory_entries == {entry.path: entry}


def test_entries_by_glob_and_lines_that_are_none() -> None:
    result = found("@entries", ENTRIES[0][0], "", "a target's second line", "total 0", ENTRIES[2][0])
    assert [entry.path for entry in result.entries("/*/*")] == ["/dev/file", "/etc/a"]
    assert result.entry("/etc/b") is None


def test_commands() -> None:
    assert found("@command rpm", "one", "", "@status rpm 0").command("rpm") == Output("rpm", 0, ("one", ""))
    assert found("@command rpm", "@status rpm 3").command("rpm") == Output("rpm", 3)
    assert found("@command rpm", "@status rpm absent").command("rpm").absent
    assert found().command("rpm").absent


def test_a_command_that_ends_without_a_line_end() -> None:
    result = found("@command rpm", "whole", f"half{NONCE} status rpm 1", "@file read /etc/one", "@data", "/etc/one:x")
    assert result.command("rpm") == Output("rpm", 1, ("whole", "half"))
    assert result.file("/etc/one").value == "x"


# ---- the frame -------------------------------------------------------------------------------------------------------

SMALL = output("@file read /etc/one", "@data", "/etc/one:x")


@pytest.mark.parametrize(
    "text",
    [
        "Welcome!\nAuthorised users only\n" + SMALL,
        "no line end at the banner: " + SMALL,
        SMALL + "Connection closed\n",
        f"stdout of .bashrc\nan older {NONCE} end\n" + SMALL + f"{NONCE} begin probe 1\n",
        SMALL.replace("\n", "\r\n"),
        "banner\r\n" + SMALL.replace("\n", "\r\n"),
    ],
    ids=["banner", "banner without a line end", "after the end", "stray marks", "terminal", "terminal with banner"],
)
def test_noise_around_the_frame_is_no_data(text: str) -> None:
    result = parse(text, NONCE, READS)
    assert result.files == {"/etc/one": File("/etc/one", State.READ, ("x",))}


def test_a_carriage_return_of_the_file_is_kept() -> None:
    text = output("@file read /etc/one", "@data", "/etc/one:x\r")
    assert parse(text, NONCE, READS).file("/etc/one").lines == ("x\r",)
    assert parse(text.replace("\n", "\r\n"), NONCE, READS).file("/etc/one").lines == ("x\r",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it answered nothing"),
        ("  \n", "it answered nothing"),
        ("sh: not found\n", "it answered 'sh: not found'"),
        (SMALL.replace(NONCE, NONCE[::-1]), "did not run the probe program"),
        (SMALL[: -len(f"{NONCE} end\n")], "was cut after 3 lines"),
        (SMALL[:-2], "was cut"),
        (SMALL.replace("begin probe", "begin apply"), "did not run the probe program"),
        (output("/etc/one:x"), "begins with '/etc/one:x'"),
        (output("@file read /etc/one", "/etc/one:x", "@data"), "comes '/etc/one:x'"),
        (output("@file read /etc/one", "@data", "/etc/two:x"), "a line of no file that it named: '/etc/two:x'"),
        (output("@file read /etc/one", "@data", "kernel: hello"), "a line of no file that it named"),
        (output("@file read /etc/a", "@file read /etc/b", "@data", "/etc/b:1", "/etc/a:2"), "a line of no file"),
        (output("@file read /etc/one", "@data", "/etc/one:1", f"noise {NONCE} entries"), "a line begins with 'noise"),
        (output("@file eaten /etc/one"), "eaten"),
        (output("@lines kconfig", "no line at all"), "a line of no file that was asked for"),
        (output("@lines kconfig", "/etc/passwd:1:x"), "a line of no file that was asked for"),
        (output("@command rpm", "@status rpm many"), "many"),
        # One line is lost; the next command's output would be the one's before it.
        (
            output("@command rpm", "x", "@command dpkg", "y", "@status dpkg 0"),
            "'command dpkg' comes after 'command rpm'",
        ),
        (output("@command rpm", "x", "y", "@status dpkg 0"), "'status dpkg 0' comes after 'command rpm'"),
        (output("@status rpm 0"), "'status rpm 0' comes after"),
        (output("@command rpm", "x"), "after 'command rpm' comes nothing"),
        (output("@command rpm", "x", "@file missing /etc/one"), "'file missing /etc/one' comes after 'command rpm'"),
        (
            output("@image /boot/a", "@unpacked 0 gzip", "@unpacked 0 xz"),
            "'unpacked 0 xz' comes after 'unpacked 0 gzip'",
        ),
        (output("@data", "/etc/one:x"), "'data' comes after"),
        (output("@file read /etc/one"), "comes nothing"),
        (output("@failed"), "'failed' comes after"),
        (output("@lines kconfig", "", "@failed"), "program for its lines is missing, or was killed"),
        (output("@entries", "", "@failed", "@failed"), "program for its entries is missing, or was killed"),
        (output("@surprise"), "a section 'surprise'"),
    ],
)
def test_what_cannot_be_believed(text: str, sentence: str) -> None:
    with pytest.raises(ProbeError, match="(?s)" + sentence.replace("(", r"\(")):
        parse(text, NONCE, READS)


@given(
    st.lists(
        st.sampled_from(["a\n", f"{NONCE} ", "end\n", "begin probe 1\n", "file read /x\n", "data\n", "/x:y\n", "\r"])
    )
)
def test_any_text_is_parsed_or_refused(parts: list[str]) -> None:
    """Nothing but a ProbeError comes out of a broken output."""
    with contextlib.suppress(ProbeError):
        assert parse(f"{NONCE} begin probe 1\n" + "".join(parts), NONCE, READS).declared == READS


def test_the_frame_of_another_program() -> None:
    text = f"x\n{NONCE} begin apply 1\n{NONCE} alive\n{NONCE} end\n{SMALL}"
    assert framed(text, NONCE, "apply") == [f"{NONCE} alive"]
    assert parse(text, NONCE, READS).file("/etc/one").value == "x"
