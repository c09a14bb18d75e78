# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe as one text for ``sh -s``: the script's functions, what is to be read, and the line that starts it.

docs/architecture.md has the format, ``probe.sh`` the verbs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import beginning, glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Entries,
    Files,
    Images,
    Lines,
    Read,
    Redaction,
)


def minified(script: str) -> str:
    """A script without its comment lines, blank lines and indentation; strings in it must be able to bear that."""
    lines = (line.strip(" \t") for line in script.split("\n"))
    return "".join(line + "\n" for line in lines if line and not line.startswith("#"))


def guest_script(name: str) -> str:
    """The script of this folder with that name, minified."""
    return minified((Path(__file__).resolve().parent / name).read_text(encoding="utf-8"))


#: The functions of images.sh.
IMAGES = guest_script("images.sh")
#: The functions of settle.sh and compare.sh, for apply.sh.
SETTLE_AND_COMPARE = guest_script("settle.sh") + guest_script("compare.sh")
#: The function of on_disk.sh, for commands that write files which apply.sh does not know of.
ON_DISK = guest_script("on_disk.sh")
#: The functions of in_place.sh, and those that it calls, for commands that write what boots.
IN_PLACE = SETTLE_AND_COMPARE + ON_DISK + guest_script("in_place.sh")
#: The functions of probe.sh, and those of images.sh, which it calls.
PROBE = guest_script("probe.sh") + IMAGES

_NONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII)
#: Words in double quotes cost less than in single ones where the payload is itself an argument in single quotes.
_NOT_IN_DOUBLE_QUOTES = re.compile(r'[$`"\\!\n]')
#: Terminals cut input lines at 4095 bytes.
_LINE_LENGTH = 1000


def probe_payload(nonce: str, reads: Iterable[Read], root: str = "") -> str:
    """The complete probe. ``root`` is the directory of a guest tree without a trailing slash, empty on a guest.

    :raises ValueError: where ``nonce`` is not 32 hexadecimal digits, ``root`` is not as above, or two reads contradict.
    """
    return head(nonce, root) + probe_program(reads)


def probe_program(reads: Iterable[Read]) -> str:
    """The probe without its head: the same for all guests.

    :raises ValueError: where two reads contradict.
    """
    return f"{PROBE}{reads_function(reads)}main() {{ probe_main; }}\nmain </dev/null\n"


def head(nonce: str, root: str) -> str:
    """The variables that both scripts know.

    :raises ValueError: where ``nonce`` is not 32 hexadecimal digits, or ``root`` not empty or absolute.
    """
    if not _NONCE.fullmatch(nonce):
        raise ValueError(f"a nonce is 32 hexadecimal digits, not '{nonce}'")
    if root and (not root.startswith("/") or root.endswith("/")):
        raise ValueError(f"a root directory is absolute and has no trailing slash: '{root}'")
    return f"NONCE={nonce}\nROOT={_quoted(root) if root else ''}\n"


def reads_function(reads: Iterable[Read]) -> str:
    """The shell function ``reads``: all reads merged, in a stable order, every word quoted.

    A path that is declared with and without a redaction is redacted.

    :raises ValueError: where two reads of one name differ, a file would be redacted in two ways, or what is asked for
        cannot be asked of the guest's shell.
    """
    return _composed(tuple(reads))


@lru_cache(maxsize=8)
def _composed(reads: tuple[Read, ...]) -> str:
    calls = [call for group in _merged(reads) for call in group]
    return "reads() {\n" + "".join(_call(words) for words in calls or [(":",)]) + "}\n"


def _merged(reads: Sequence[Read]) -> Iterator[Iterator[tuple[str, ...]]]:
    yield _file_calls([read for read in reads if isinstance(read, Files)])
    yield _lines_calls([read for read in reads if isinstance(read, Lines)])
    yield _entries_calls([read for read in reads if isinstance(read, Entries)])
    yield _command_calls([read for read in reads if isinstance(read, Command)])
    yield _images_calls([read for read in reads if isinstance(read, Images)])


# ---- files -----------------------------------------------------------------------------------------------------------


def _file_calls(reads: Sequence[Files]) -> Iterator[tuple[str, ...]]:
    kinds: dict[str, Redaction | None] = {}
    for read in reads:
        for glob in read.globs:
            _check_glob(glob)
            known = kinds.get(glob)
            if known and read.redact and known is not read.redact:
                raise ValueError(f"{glob} is declared with redactions {known.value} and {read.redact.value}")
            kinds[glob] = known or read.redact
    redacted = [glob for glob, kind in kinds.items() if kind]
    for glob, kind in list(kinds.items()):
        for other in redacted:
            if kind is kinds[other] or not _overlap(glob, other):
                continue
            if kind is None and not beginning(glob)[1]:
                kinds[glob] = kinds[other]
                break
            raise ValueError(f"what both {glob} and {other} match would be redacted in two ways: declare one redaction")
    for call in _rounds(glob for glob, kind in kinds.items() if kind is None):
        yield from _twins_apart(("read_files", "none"), call, kinds)
    # All that is redacted goes together: it costs a grep and a sed, once.
    rounds = {kind: _rounds(glob for glob, one in kinds.items() if one is kind) for kind in Redaction}
    for number in range(max(map(len, rounds.values()))):
        words = [
            word for kind in Redaction for call in rounds[kind][number : number + 1] for word in (kind.value, *call)
        ]
        yield ("read_files", *words)


def _rounds(globs: Iterable[str]) -> list[list[str]]:
    """Globs, without those that others cover, such that within one round no file is matched twice."""
    rounds: list[list[str]] = []
    # Round by round, and by depth: only what is equally deep can meet.
    levels: list[dict[int, list[str]]] = []
    for glob in _needed(globs):
        depth = glob.count("/")
        for members, level in zip(rounds, levels, strict=True):  # noqa: B007 (it is used after the loop)
            if not any(_overlap(glob, member) for member in level.get(depth, ())):
                break
        else:
            members, level = [], {}
            rounds.append(members)
            levels.append(level)
        members.append(glob)
        level.setdefault(depth, []).append(glob)
    return rounds


def _needed(globs: Iterable[str]) -> list[str]:
    """Globs without those that others cover."""
    ordered = list(dict.fromkeys(globs))
    wide: dict[int, list[str]] = {}
    for glob in ordered:
        if beginning(glob)[1]:
            wide.setdefault(glob.count("/"), []).append(glob)
    return [
        glob
        for glob in ordered
        if not any(other != glob and _covers(other, glob) for other in wide.get(glob.count("/"), ()))
    ]


def _twins_apart(verb: tuple[str, ...], globs: Sequence[str], asked: Container[str]) -> Iterator[tuple[str, ...]]:
    """The call of a verb, and before it one for those in /lib whose like in /usr/lib is ``asked`` for, too."""
    twins = [glob for glob in globs if glob.startswith("/lib/") and f"/usr{glob}" in asked]
    if twins:
        yield ("read_twins", *twins)
    yield (*verb, *(glob for glob in globs if glob not in twins))


def _covers(wide: str, narrow: str) -> bool:
    """True where all that ``narrow`` matches is matched by ``wide``; it may be False for some such globs."""
    if not narrow.startswith(beginning(wide)[0]):
        return False
    if not beginning(narrow)[1]:
        return beginning(wide)[1] and glob_match(wide, narrow)
    parts, others = wide.split("/"), narrow.split("/")
    return len(parts) == len(others) and all(
        part == one or (part == "*" and not one.startswith(".")) for part, one in zip(parts, others, strict=True)
    )


def _overlap(glob: str, other: str) -> bool:
    """True where one file may be matched by both; a bracket counts as any character."""
    one, two = beginning(glob)[0], beginning(other)[0]
    # Most do not even begin alike, and all pairs are asked about.
    if not one.startswith(two) and not two.startswith(one):
        return False
    if not beginning(glob)[1]:
        return glob_match(other, glob)
    if not beginning(other)[1]:
        return glob_match(glob, other)
    parts, others = glob.split("/"), other.split("/")
    return len(parts) == len(others) and all(_meet(*pair) for pair in zip(parts, others, strict=True))


@cache
def _meet(one: str, two: str) -> bool:
    """True where two names' globs may match the same name."""
    one, two = re.sub(r"\[.[^]]*\]", "?", one), re.sub(r"\[.[^]]*\]", "?", two)
    if not one or not two:
        return not (one + two).strip("*")
    if two[0] == "*":
        one, two = two, one
    if one[0] == "*":
        return _meet(one[1:], two) or _meet(one, two[1:])
    return (one[0] == two[0] or "?" in (one[0], two[0])) and _meet(one[1:], two[1:])


# ---- the rest --------------------------------------------------------------------------------------------------------


def _lines_calls(reads: Sequence[Lines]) -> Iterator[tuple[str, ...]]:
    known: dict[str, Lines] = {}
    for read in reads:
        _check_name(read.name)
        if known.setdefault(read.name, read) != read:
            raise ValueError(f"lines '{read.name}' are declared in two ways")
        if "\n" in read.pattern:
            raise ValueError(f"the pattern of lines '{read.name}' has a newline")
        for glob in read.globs:
            _check_glob(glob)
    shared = [read for read in known.values() if not read.alone and not any(map(_of_kernel, read.globs))]
    alone = [[read] for read in known.values() if read.alone]
    # The kernel's lines are few and hold no secrets: they go with what is alone.
    kernel = [read for read in known.values() if not read.alone and read not in shared]
    for together in [shared, *alone[1:], [*(alone[0] if alone else []), *kernel]]:
        names = ",".join(read.name for read in together)
        pattern = r"\|".join(dict.fromkeys(read.pattern for read in together))
        # A file that two globs match is searched twice, and its lines counted once.
        globs = _needed(glob for read in together for glob in read.globs)
        if globs:
            yield from _twins_apart(("read_lines", names, pattern), globs, globs)


def _of_kernel(glob: str) -> bool:
    return glob.startswith(("/proc/", "/sys/"))


def _entries_calls(reads: Sequence[Entries]) -> Iterator[tuple[str, ...]]:
    globs = [glob for read in reads for glob in read.globs]
    for glob in globs:
        _check_glob(glob)
    if globs:
        yield from _twins_apart(("read_entries",), _needed(globs), globs)


def _command_calls(reads: Sequence[Command]) -> Iterator[tuple[str, ...]]:
    known: dict[str, Command] = {}
    for read in reads:
        _check_name(read.name)
        if known.setdefault(read.name, read) != read:
            raise ValueError(f"command '{read.name}' is declared in two ways")
        if not read.argv or not _NAME.fullmatch(read.argv[0]):
            raise ValueError(f"command '{read.name}' must begin with a name that is looked up in PATH")
        if read.unless:
            _check_glob(read.unless)
        if read.needs and not _NAME.fullmatch(read.needs):
            raise ValueError(f"what command '{read.name}' needs must be a name that is looked up in PATH")
        if read.seconds < 1:
            raise ValueError(f"command '{read.name}' needs a time limit of a second or more")
    for read in known.values():
        verb = "read_single" if read.single else "read_command"
        call = (verb, read.name, str(read.seconds), *read.argv)
        call = ("read_where", read.needs, *call) if read.needs else call
        yield ("read_unless", read.unless, *call) if read.unless else call


def _images_calls(reads: Sequence[Images]) -> Iterator[tuple[str, ...]]:
    modules = sorted({module for read in reads for module in read.modules})
    globs = list(_needed(glob for read in reads for glob in read.globs))
    for glob in globs:
        _check_glob(glob)
    for module in modules:
        if not re.fullmatch(r"\w+", module, re.ASCII):
            raise ValueError(f"a module's name is made of letters, digits and '_': '{module}'")
    for call in _rounds(globs):
        yield ("read_images", modules_pattern(modules), *call)


def modules_pattern(modules: Iterable[str]) -> str:
    """Names of modules as alternatives of a basic regular expression; a file's name may have a hyphen for each underscore."""
    return r"\|".join(module.replace("_", "[-_]") for module in sorted(modules))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a read's name is made of letters, digits, '_', '.' and '-': '{name}'")


def _check_glob(glob: str) -> None:
    """Refuse what shells do not agree on, or what is no absolute path."""
    if not re.fullmatch(r"(/[^/\n\\]+)+", glob) or re.search(r"/\.\.?(/|\Z)", glob):
        raise ValueError(f"what is read is an absolute path or glob, without '.', '..' and backslashes: '{glob}'")
    if re.search(r"\[\^|\[[^]/]*\[[.:=]|[?*+@!]\(", glob):
        raise ValueError(f"shells do not agree on what this glob matches (use '[!', no classes): '{glob}'")


# ---- words -----------------------------------------------------------------------------------------------------------


def _quoted(word: str) -> str:
    if _PLAIN_WORD.fullmatch(word):
        return word
    return shlex.quote(word) if _NOT_IN_DOUBLE_QUOTES.search(word) else f'"{word}"'


def _call(words: Sequence[str]) -> str:
    """A call of a verb, on as many lines as it needs."""
    lines, line = [], ""
    for word in map(_quoted, words):
        if line and len(line) + len(word) > _LINE_LENGTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return " \\\n".join([*lines, line]) + "\n"
