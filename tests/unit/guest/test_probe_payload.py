# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From declared reads to the text that the guest's shell gets."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Lines,
    Read,
    Redaction,
    entries,
    files,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import (
    PROBE,
    minified,
    probe_payload,
    reads_function,
)
from ansible_collections.vmguest.linux.tests.unit.guest.probe_runs import NONCE


def calls(*reads: Read) -> list[list[str]]:
    """The calls of a reads function as words."""
    text = reads_function(reads)
    assert text.startswith("reads() {\n")
    assert text.endswith("\n}\n")
    body = text[len("reads() {\n") : -len("}\n")].replace("\\\n", "")
    return [shlex.split(line) for line in body.splitlines()]


def test_one_call_for_all_that_is_redacted() -> None:
    assert calls(
        files("/etc/fstab", redact=Redaction.FSTAB),
        files("/etc/os-release", "/proc/cmdline"),
        files("/etc/crontab", redact=Redaction.CRONTAB),
        files("/proc/meminfo", "/proc/cmdline"),
    ) == [
        ["read_files", "none", "/etc/os-release", "/proc/cmdline", "/proc/meminfo"],
        ["read_files", "crontab", "/etc/crontab", "fstab", "/etc/fstab"],
    ]


@pytest.mark.parametrize("order", [1, -1], ids=["careless first", "careful first"])
def test_a_redaction_wins(order: int) -> None:
    reads = [files("/etc/cron.d/*", "/etc/crontab"), files("/etc/crontab", "/etc/cron.d/*", redact=Redaction.CRONTAB)]

    (call,) = calls(*reads[::order])

    assert call[:2] == ["read_files", "crontab"]
    assert set(call[2:]) == {"/etc/crontab", "/etc/cron.d/*"}


def test_a_path_that_a_redacted_glob_matches_is_redacted() -> None:
    assert calls(files("/etc/cron.d/raid-check", "/etc/cron.x"), files("/etc/cron.d/*", redact=Redaction.CRONTAB)) == [
        ["read_files", "none", "/etc/cron.x"],
        ["read_files", "crontab", "/etc/cron.d/*"],
    ]


def test_what_another_glob_matches_is_read_once() -> None:
    assert calls(files("/etc/a.d/x.conf", "/etc/a.d/*.conf", "/etc/a.d/*", "/etc/a.d/.hidden", "/etc/*/*/c")) == [
        ["read_files", "none", "/etc/a.d/*", "/etc/a.d/.hidden", "/etc/*/*/c"]
    ]


def test_globs_that_may_match_the_same_file_do_not_share_a_call() -> None:
    """grep would print that file twice, and nobody could tell where the first one ends."""
    assert calls(files("/etc/a*", "/etc/b*", "/etc/*b", "/etc/cc?x", "/etc/e")) == [
        ["read_files", "none", "/etc/a*", "/etc/b*", "/etc/cc?x", "/etc/e"],
        ["read_files", "none", "/etc/*b"],
    ]


def test_lines_entries_and_commands_are_united() -> None:
    kconfig = Lines("kconfig", "^CONFIG_HZ=", ("/boot/config-*", "/boot/config-6"))
    df = Command("df", ("df", "-Pk", "/"), 5)
    assert calls(kconfig, entries("/a", "/b/*"), df, entries("/b/*", "/b/c"), kconfig, df) == [
        ["read_lines", "kconfig", "^CONFIG_HZ=", "/boot/config-*"],
        ["read_entries", "/a", "/b/*"],
        ["read_command", "df", "5", "df", "-Pk", "/"],
    ]


def test_a_command_may_be_for_guests_without_a_file_only() -> None:
    assert calls(Command("dmi", ("dmidecode",), 5, unless="/sys/class/dmi/id")) == [
        ["read_unless", "/sys/class/dmi/id", "read_command", "dmi", "5", "dmidecode"],
    ]


def test_a_command_may_need_a_program() -> None:
    assert calls(Command("units", ("sh", "-c", "exec systemctl show"), needs="systemctl")) == [
        ["read_where", "systemctl", "read_command", "units", "10", "sh", "-c", "exec systemctl show"],
    ]
    with pytest.raises(ValueError, match="looked up in PATH"):
        calls(Command("units", ("sh",), needs="/bin/systemctl"))


def test_what_is_in_lib_and_in_usr_lib_is_told_apart() -> None:
    asked = ("/usr/lib/a/*.conf", "/lib/a/*.conf", "/lib/b")
    assert calls(files(*asked), Lines("x", "^x", asked), entries(*asked)) == [
        [verb, *words]
        for call in (["read_files", "none"], ["read_lines", "x", "^x"], ["read_entries"])
        for verb, *words in (["read_twins", "/lib/a/*.conf"], [*call, "/usr/lib/a/*.conf", "/lib/b"])
    ]


def test_lines_of_the_kernel_go_with_what_is_alone() -> None:
    """Its pattern is for udev's rules, not for files with secrets."""
    disk, kernel = Lines("disk", "^a", ("/etc/a",)), Lines("kernel", "^b", ("/proc/stat", "/sys/x*"))
    alone, other = Lines("alone", "^c", ("/etc/c",), alone=True), Lines("other", "^d", ("/etc/d",), alone=True)
    assert calls(kernel, alone, disk, other) == [
        ["read_lines", "disk", "^a", "/etc/a"],
        ["read_lines", "other", "^d", "/etc/d"],
        ["read_lines", "alone,kernel", r"^c\|^b", "/etc/c", "/proc/stat", "/sys/x*"],
    ]
    assert calls(kernel) == [["read_lines", "kernel", "^b", "/proc/stat", "/sys/x*"]]


def test_a_command_may_be_one_process() -> None:
    assert calls(Command("df", ("df", "-Pk"), single=True)) == [["read_single", "df", "10", "df", "-Pk"]]


def test_words_stay_words() -> None:
    words = (
        "x",
        "two words",
        "$HOME",
        "`id`",
        "it's",
        'a "b"',
        "back\\slash",
        "",
        "*",
        "~",
        ";",
        "new\nline",
        "!",
        "é",
    )
    text = reads_function([Command("c", words)])
    assert shlex.split(text[len("reads() {\n") : -2].replace("\\\n", ""))[3:] == list(words)


def test_no_line_is_longer_than_a_terminal_takes() -> None:
    text = reads_function([files(*(f"/etc/some/file/number-{number}" for number in range(500)))])
    assert max(map(len, text.splitlines())) < 1200
    assert len(calls(files(*(f"/etc/some/file/number-{number}" for number in range(500))))[0]) == 502


def test_a_probe_of_nothing_is_a_probe() -> None:
    assert reads_function([]) == "reads() {\n:\n}\n"


@pytest.mark.parametrize(
    ("reads", "sentence"),
    [
        ([files("/a", redact=Redaction.FSTAB), files("/a", redact=Redaction.CRONTAB)], "redactions fstab and crontab"),
        ([files("/a/*", redact=Redaction.FSTAB), files("/a/b*")], "redacted in two ways"),
        ([files("/a/*", redact=Redaction.FSTAB), files("/*/b", redact=Redaction.CRONTAB)], "redacted in two ways"),
        ([Lines("l", "a", ("/x",)), Lines("l", "b", ("/x",))], "lines 'l' are declared in two ways"),
        ([Lines("l", "a\nb", ("/x",))], "newline"),
        ([Lines("l m", "a", ("/x",))], "a read's name"),
        ([Command("c", ("a",)), Command("c", ("a", "b"))], "command 'c' is declared in two ways"),
        ([Command("c", ("a",), 1), Command("c", ("a",), 2)], "command 'c' is declared in two ways"),
        ([Command("c", ())], "looked up in PATH"),
        ([Command("c", ("/usr/bin/a",))], "looked up in PATH"),
        ([Command("c", ("a",), 0)], "time limit"),
        ([files("etc/fstab")], "absolute path"),
        ([files("/etc/../x")], "absolute path"),
        ([files("/etc/./x")], "absolute path"),
        ([files("/etc//x")], "absolute path"),
        ([files("/etc/")], "absolute path"),
        ([entries("/etc/new\nline")], "absolute path"),
        ([entries("/etc/back\\slash")], "absolute path"),
        ([entries("/etc/[^a]")], "shells do not agree"),
        ([entries("/etc/[[:digit:]]")], "shells do not agree"),
        ([files("/etc/@(a)")], "shells do not agree"),
    ],
)  # fmt: skip
def test_contradictions_and_what_no_shell_could_be_asked(reads: list[Read], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        reads_function(reads)


@pytest.mark.parametrize(
    "nonce", ["", "abc", NONCE + "0", NONCE[:-1] + "g", NONCE.upper(), f"'{NONCE}", NONCE[:-1] + "\n"]
)
def test_a_nonce_is_32_hexadecimal_digits(nonce: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        probe_payload(nonce, [])


@pytest.mark.parametrize("root", ["/", "relative", "/tree/"])
def test_a_root_directory_is_absolute_without_a_trailing_slash(root: str) -> None:
    with pytest.raises(ValueError, match="root directory"):
        probe_payload(NONCE, [], root)


def test_the_payload_ends_with_the_only_line_that_does_something() -> None:
    payload = probe_payload(NONCE, [files("/etc/fstab", redact=Redaction.FSTAB)])
    assert payload.startswith(f"NONCE={NONCE}\nROOT=\n")
    assert payload.endswith("\n}\nmain() { probe_main; }\nmain </dev/null\n")


def test_the_payload_is_small() -> None:
    """It goes into an argument of 128 KiB where stdin cannot be used, perhaps quoted twice on the way."""
    many = [files(*(f"/sys/class/some/folder/*/attribute-{number}" for number in range(300)))]
    payload = probe_payload(NONCE, many)
    assert len(payload) < 48 * 1024
    assert len(shlex.quote(shlex.quote(payload))) < 64 * 1024


def test_comments_and_indentation_stay_at_home() -> None:
    assert minified("#!/bin/sh\n# why\n\nf() {\n\t  g # not stripped\n  # gone\n}\n") == "f() {\ng # not stripped\n}\n"
    assert "\n#" not in PROBE
    assert "\n " not in PROBE
    # A process each. Three for images, of which each is a dozen anyway, one for find, one where toybox has no tr.
    assert PROBE.replace("$((", "").count("$(") == 5
    assert "<<" not in PROBE
