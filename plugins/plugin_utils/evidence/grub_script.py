# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB 2's scripts, run as far as a boot menu needs: variables, conditions, functions, menu entries.

A grub.cfg is a program (GNU GRUB manual, "Writing full configuration files directly"). Which entry boots by itself, and with
which arguments, is known only after it ran: so it runs here, without a machine. Commands that draw, load modules or search for
devices do nothing. A condition that depends on what is not known takes its first branch, and the entries in it are doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Word:
    """A word after expansion, and where it stands: ``path:line``."""

    text: str
    origin: str


@dataclass(frozen=True)
class _Part:
    """A piece of a word: literal text, or a variable's name. What is quoted is not split at blanks."""

    text: str
    variable: bool
    quoted: bool


@dataclass(frozen=True)
class _Token:
    """A word of the script, or (without parts) what ends a command: a line end or ``;``."""

    parts: tuple[_Part, ...]
    origin: str

    @property
    def bare(self) -> str | None:
        """Its text, where it is one literal without quotes: only such a word can be a keyword."""
        alone = len(self.parts) == 1 and not self.parts[0].variable and not self.parts[0].quoted
        return self.parts[0].text if alone else None


_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[^}]*)\}|(?P<bare>\w+|[?@#*]))")
_NAME = re.compile(r"[A-Za-z_]\w*\Z")


def _tokens(path: str, lines: Sequence[str]) -> Iterator[_Token]:
    parts: list[_Part] = []
    quote = ""
    started = False
    origin = ""

    def add(text: str, variable: bool = False) -> None:
        if parts and not variable and not parts[-1].variable and parts[-1].quoted == bool(quote):
            parts[-1] = _Part(parts[-1].text + text, False, bool(quote))
        else:
            parts.append(_Part(text, variable, bool(quote)))

    for number, line in enumerate(lines, 1):
        at = 0
        while at < len(line):
            char = line[at]
            found = _VARIABLE.match(line, at) if char == "$" and quote != "'" else None
            if not started and not char.isspace() and char != ";":
                if char == "#":
                    break
                started, origin = True, f"{path}:{number}"
            if quote and char == quote:
                quote = ""
            elif not quote and char in "'\"":
                # Even an empty pair of quotes makes a word.
                quote = char
                add("")
            elif found:
                add(found["braced"] or found["bare"] or "", variable=True)
                at = found.end() - 1
            elif char == "\\" and quote != "'":
                at += 1
                if at < len(line):
                    # Between double quotes only these lose their backslash.
                    add(line[at] if not quote or line[at] in '$"\\' else char + line[at])
                elif not quote:
                    break  # the line goes on
            elif not quote and (char.isspace() or char in ";&|<>"):
                if started:
                    yield _Token(tuple(parts), origin)
                    parts, started = [], False
                if char == ";":
                    yield _Token((), f"{path}:{number}")
            else:
                add(char)
            at += 1
        else:
            if quote:
                add("\n")
                continue
            if started:
                yield _Token(tuple(parts), origin)
                parts, started = [], False
            yield _Token((), f"{path}:{number}")
            continue
        if at < len(line) and line[at] == "#":
            yield _Token((), f"{path}:{number}")
    if started:
        yield _Token(tuple(parts), origin)


# ---- statements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Command:
    words: tuple[_Token, ...]
    body: tuple[_Statement, ...] = ()


@dataclass(frozen=True)
class _If:
    branches: tuple[tuple[tuple[_Statement, ...], tuple[_Statement, ...]], ...]
    otherwise: tuple[_Statement, ...]


@dataclass(frozen=True)
class _Function:
    name: str
    body: tuple[_Statement, ...]


_Statement = _Command | _If | _Function


class _Parser:
    """Recursive descent. What it does not understand (a loop) it skips."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def block(self, *ends: str) -> tuple[tuple[_Statement, ...], str]:
        """Statements up to one of the keywords ``ends``, which is read too and given back ("" at the end of the text)."""
        statements: list[_Statement] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            word = token.bare
            self.at += 1
            if not token.parts:
                continue
            if word in ends:
                return tuple(statements), word or ""
            if word == "if":
                statements.append(self._if())
            elif word == "function":
                statements.append(self._function())
            elif word in ("while", "until", "for"):
                self.block("done")
            elif word in ("then", "do", "{", "}"):
                continue  # out of its place
            else:
                self.at -= 1
                statements.append(self._command())
        return tuple(statements), ""

    def _if(self) -> _If:
        branches = []
        otherwise: tuple[_Statement, ...] = ()
        end = "elif"
        while end == "elif":
            condition, dummy = self.block("then")
            body, end = self.block("elif", "else", "fi")
            branches.append((condition, body))
        if end == "else":
            otherwise, dummy = self.block("fi")
        return _If(tuple(branches), otherwise)

    def _function(self) -> _Function:
        name = self.tokens[self.at].bare or "" if self.at < len(self.tokens) else ""
        self.at += 1
        while self.at < len(self.tokens) and self.tokens[self.at].bare != "{":
            self.at += 1
        self.at += 1
        body, dummy = self.block("}")
        return _Function(name, body)

    def _command(self) -> _Command:
        words: list[_Token] = []
        while self.at < len(self.tokens) and self.tokens[self.at].parts:
            token = self.tokens[self.at]
            if token.bare == "{" and words and words[0].bare in ("menuentry", "submenu"):
                self.at += 1
                body, dummy = self.block("}")
                return _Command(tuple(words), body)
            if token.bare == "}":
                break
            self.at += 1
            words.append(token)
        return _Command(tuple(words))


# ---- running ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """A line of the menu: an entry, a submenu, or the place where the boot loader specification's entries go (``bls``)."""

    title: str
    id: str
    origin: str
    body: tuple[_Statement, ...] = ()
    submenu: bool = False
    bls: bool = False
    doubtful: bool = False


@dataclass
class Loaded:
    """What an entry loads: the words after ``linux`` and ``initrd``."""

    linux: tuple[Word, ...] = ()
    initrd: tuple[Word, ...] = ()


@dataclass
class Script:
    """A GRUB script that runs.

    ``read`` gives the lines of a file that it names, None where they are not known; ``exists`` whether a file is there, None
    where that is not known. After :meth:`run` the menu is in ``items``, the variables in ``variables``.
    """

    read: Callable[[str], tuple[str, Sequence[str]] | None]
    exists: Callable[[str], bool | None]
    variables: dict[str, Word] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    _functions: dict[str, tuple[_Statement, ...]] = field(default_factory=dict)
    _loaded: Loaded = field(default_factory=Loaded)
    _doubtful: bool = False
    _depth: int = 0

    def value(self, name: str) -> str:
        """The value of a variable, empty where it is not set."""
        found = self.variables.get(name)
        return found.text if found else ""

    def run(self, path: str, lines: Sequence[str]) -> None:
        """Run a file."""
        statements, dummy = _Parser(list(_tokens(path, lines))).block()
        self._run(statements)

    def opened(self, item: Item) -> Script:
        """The menu as it is after ``item``, a submenu, was chosen."""
        return self._after(item)

    def loaded(self, item: Item) -> Loaded:
        """What ``item`` loads. Its commands run with the variables as they are when the menu is shown."""
        return self._after(item)._loaded

    def words(self, path: str, line: int, text: str) -> list[Word]:
        """A line of words with variables, expanded (a boot loader specification entry's options)."""
        found = [word for token in _tokens(path, [text]) if token.parts for word in self._expanded(token)]
        own, here = f"{path}:1", f"{path}:{line}"
        return [Word(word.text, here if word.origin == own else word.origin) for word in found]

    def _after(self, item: Item) -> Script:
        inside = Script(self.read, self.exists, dict(self.variables))
        inside._functions = dict(self._functions)
        inside._run(item.body)
        return inside

    def _run(self, statements: Sequence[_Statement]) -> bool | None:
        """Run statements. The last one's exit status: None where it cannot be known."""
        status: bool | None = True
        if self._depth > 50:
            return None
        self._depth += 1
        for statement in statements:
            if isinstance(statement, _Function):
                self._functions[statement.name] = statement.body
            elif isinstance(statement, _If):
                self._if(statement)
                status = True
            else:
                status = self._command(statement)
        self._depth -= 1
        return status

    def _if(self, statement: _If) -> None:
        before = self._doubtful
        for condition, body in statement.branches:
            holds = self._run(condition)
            if holds is None:
                self._doubtful = True
            if holds is not False:
                self._run(body)
                self._doubtful = before
                return
        self._run(statement.otherwise)
        self._doubtful = before

    def _command(self, command: _Command) -> bool | None:
        first = command.words[0] if command.words else None
        assignment = _assigned(first)
        if first is not None and assignment:
            return self._set(first)
        words = [word for token in command.words for word in self._expanded(token)]
        if not words:
            return True
        name, arguments = words[0].text, words[1:]
        texts = [word.text for word in arguments]
        if name == "!":
            status = self._command(_Command(command.words[1:]))
            return None if status is None else not status
        if name in self._functions:
            return self._call(name, arguments)
        if name == "set":
            return self._set(command.words[1]) if command.words[1:] else True
        if name in ("[", "test"):
            return _tested([text for text in texts if text != "]"] if name == "[" else texts, self.exists)
        if name in ("true", "false"):
            return name == "true"
        if name in ("menuentry", "submenu"):
            self._add(name == "submenu", arguments, command)
        elif name == "blscfg":
            self.items.append(Item("", "", words[0].origin, bls=True, doubtful=self._doubtful))
        elif name in ("linux", "linux16", "linuxefi"):
            self._loaded.linux = tuple(arguments)
            self._loaded.initrd = ()
        elif name in ("initrd", "initrd16", "initrdefi"):
            self._loaded.initrd = tuple(word for word in arguments if not word.text.startswith("-"))
        elif name == "load_env":
            self._load_env(texts)
        elif name in ("source", "."):
            found = self.read(texts[0]) if texts else None
            if found:
                self.run(*found)
        elif name == "unset" and texts:
            self.variables.pop(texts[0], None)
        else:
            return None
        return True

    def _call(self, name: str, arguments: Sequence[Word]) -> bool | None:
        before = dict(self.variables)
        self.variables.update({str(number): word for number, word in enumerate(arguments, 1)})
        status = self._run(self._functions[name])
        for number in range(1, len(arguments) + 1):
            if str(number) in before:
                self.variables[str(number)] = before[str(number)]
            else:
                self.variables.pop(str(number), None)
        return status

    def _set(self, token: _Token) -> bool:
        text = "".join(self._part(part) for part in token.parts)
        name, equals, value = text.partition("=")
        if equals:
            self.variables[name] = Word(value, token.origin)
        return bool(equals)

    def _add(self, submenu: bool, arguments: Sequence[Word], command: _Command) -> None:
        """``menuentry TITLE [--class NAME] [--id ID]…``. All entries of a grub.cfg give the id by a variable that holds --id."""
        title, identity = "", ""
        words = iter(arguments)
        for word in words:
            if word.text in ("--id", "--class", "--users", "--hotkey", "--source"):
                value = next(words, word).text
                identity = value if word.text == "--id" else identity
            elif word.text.startswith("--id="):
                identity = word.text[5:]
            elif not word.text.startswith("--") and not title:
                title = word.text
        self.items.append(
            Item(title, identity, command.words[0].origin, command.body, submenu, doubtful=self._doubtful)
        )

    def _load_env(self, texts: Sequence[str]) -> None:
        """``load_env [-f FILE] [NAME…]``: the environment block, which has a line ``name=value`` for each variable."""
        path = f"{self.value('prefix')}/grubenv"
        names = list(texts)
        for option in ("-f", "--file"):
            if option in names:
                at = names.index(option)
                path = (names[at + 1 : at + 2] or [path])[0]
                del names[at : at + 2]
        names = [name for name in names if not name.startswith("-")]
        found = self.read(path)
        if found:
            self.variables.update(
                {name: word for name, word in environment(*found).items() if not names or name in names}
            )

    def _part(self, part: _Part) -> str:
        return self.value(part.text) if part.variable else part.text

    def _expanded(self, token: _Token) -> Iterator[Word]:
        """A word of the script as the words that it becomes: variables without quotes are split at blanks."""
        text, origin, any_text = "", token.origin, False
        for part in token.parts:
            if not part.variable or part.quoted:
                text += self._part(part)
                any_text = any_text or not part.variable or part.quoted
                continue
            found = self.variables.get(part.text)
            pieces = found.text.split() if found else []
            for number, piece in enumerate(pieces):
                if number:
                    yield Word(text, origin)
                    text = ""
                if not text and found:
                    origin = found.origin
                text, any_text = text + piece, True
        if any_text:
            yield Word(text, origin)


def environment(path: str, lines: Sequence[str]) -> dict[str, Word]:
    """GRUB's environment block: variable to value."""
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.partition("=")
        if equals and _NAME.match(name):
            found[name] = Word(re.sub(r"\\(.)", r"\1", value), f"{path}:{number}")
    return found


def _assigned(token: _Token | None) -> bool:
    """True for ``name=value`` as the first word of a command."""
    if token is None or not token.parts or token.parts[0].variable or token.parts[0].quoted:
        return False
    name, equals, dummy = token.parts[0].text.partition("=")
    return bool(equals and _NAME.match(name))


def _tested(words: list[str], exists: Callable[[str], bool | None]) -> bool | None:
    """``test``: GRUB's knows -a, -o and !, without parentheses here. None where it depends on what is not known."""
    for operator in ("-o", "-a"):
        if operator in words[1:-1]:
            at = words.index(operator, 1)
            sides = _tested(words[:at], exists), _tested(words[at + 1 :], exists)
            decides = operator == "-o"
            if decides in sides:
                return decides
            return None if None in sides else not decides
    if words and words[0] == "!":
        inner = _tested(words[1:], exists)
        return None if inner is None else not inner
    if len(words) == 3 and words[1] in ("=", "=="):
        return words[0] == words[2]
    if len(words) == 3 and words[1] == "!=":
        return words[0] != words[2]
    if len(words) == 2 and words[0] in ("-n", "-z"):
        return (words[1] != "") is (words[0] == "-n")
    if len(words) == 2 and words[0] in ("-e", "-f", "-s", "-d"):
        return exists(words[1])
    if len(words) == 1:
        # `[ -n $unset ]` is the word -n alone, which is not empty.
        return words[0] != ""
    if not words or words[0] in ("=", "=="):
        return False  # an unset variable without quotes leaves nothing before the operator
    return None
