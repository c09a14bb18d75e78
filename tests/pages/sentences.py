# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recommendation's rule may say of a guest: the sentences of its verdicts, read from its code.

So a page cannot promise what the rule does not do. Functions are followed from ``assess`` through this collection's own code; what
is only known on a guest is shown as ``…``. A verdict that a page has to show and whose reason cannot be read here is an error: the
page would say that the rule never gives it.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any, get_args, get_type_hints

_OURS = "ansible_collections.vmguest.linux.plugins.plugin_utils."
#: Functions that make a verdict; each one's first argument is the reason.
VERDICTS = (
    "compliant",
    "noncompliant",
    "not_persistent",
    "pending_reboot",
    "not_applicable",
    "unknown",
    "manual",
)
#: Those of which a page shows every reason.
SHOWN = ("not_applicable", "unknown", "manual")
#: What is only known on a guest.
UNKNOWN_PART = "…"
#: How many names and calls a reason is followed through.
_DEEPEST = 8
#: With fewer words of its own, a text says nothing that a person could use.
_FEWEST_WORDS = 3


@cache
def sentences(assess: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """Verdict to the reasons that may be given with it, in the order of the code.

    :raises ValueError: a reason that a page shows and that cannot be read from the code.
    """
    found: dict[str, dict[str, None]] = {name: {} for name in VERDICTS}
    functions = _reachable(assess)
    for function in functions:
        for verdict, call in _calls(function):
            said = _said(call.args[0], _Reader(function, functions, whole=verdict == "manual")) if call.args else []
            if not said and verdict in SHOWN:
                raise ValueError(
                    f"{function.__module__.removeprefix(_OURS)}.{function.__name__}: no sentence is found for "
                    f"{ast.unparse(call)}; write its reason so that tests/pages/sentences.py can follow it"
                )
            found[verdict].update(dict.fromkeys(said))
    return {name: tuple(texts) for name, texts in found.items()}


@cache
def has_remedy(assess: Callable[..., Any]) -> bool:
    """True where the rule can give a verdict with a remedy: those verdicts cannot be made without one."""
    return any(
        name in ("noncompliant", "not_persistent")
        for function in _reachable(assess)
        for name in _names(function.__code__)
    )


def _reachable(assess: Callable[..., Any]) -> list[FunctionType]:
    """``assess`` and all functions of this collection that it may call, in the order in which they are met."""
    found: dict[FunctionType, None] = {}
    waiting = [_plain(assess)]
    while waiting:
        function = waiting.pop(0)
        if function is None or function in found:
            continue
        found[function] = None
        named = (function.__globals__.get(name) for name in _names(function.__code__))
        waiting += [_plain(thing) for thing in named if callable(thing)]
    return list(found)


def _plain(thing: Any) -> FunctionType | None:
    """The function itself, of what is wrapped around it; None for what is not ours, or makes verdicts itself."""
    while True:
        if isinstance(thing, partial):
            thing = thing.func
        elif hasattr(thing, "__wrapped__"):
            thing = thing.__wrapped__
        else:
            break
    ours = isinstance(thing, FunctionType) and thing.__module__.startswith(_OURS)
    return thing if ours and not thing.__module__.endswith(".finding") else None


def _names(code: CodeType) -> Iterator[str]:
    """Names that a function looks up among its module's, those of functions inside it besides."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@cache
def _tree(function: FunctionType) -> ast.AST:
    """A function's own code; nothing for a lambda in the middle of an expression, and for what a dataclass makes itself."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (SyntaxError, OSError):
        return ast.Module([], [])


@cache
def _nodes(function: FunctionType) -> tuple[ast.AST, ...]:
    """All parts of a function's code."""
    return tuple(ast.walk(_tree(function)))


@cache
def _functions(module: str) -> tuple[FunctionType, ...]:
    """All functions of a module, and those of its classes."""
    things = vars(sys.modules[module]).values()
    inside = [thing for kind in things if inspect.isclass(kind) for thing in vars(kind).values()]
    plain = (
        _plain(getattr(thing, "fget", None) or getattr(thing, "func", None) or getattr(thing, "__func__", thing))
        for thing in (*things, *inside)
    )
    return tuple(dict.fromkeys(function for function in plain if function and function.__module__ == module))


def _calls(function: FunctionType) -> Iterator[tuple[str, ast.Call]]:
    """Every verdict that a function makes, and the call that makes it."""
    for node in _nodes(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in VERDICTS:
            yield node.func.id, node


def _said(reason: ast.expr, reader: _Reader) -> list[str]:
    """The sentences that a reason may be."""
    return [text for text in dict.fromkeys(text.strip() for text in reader.texts(reason)) if _speaks(text)]


def _speaks(text: str) -> bool:
    """True for a text with words of its own, beside what it quotes."""
    words = re.sub(r"`[^`]*`", "", text).split()
    return sum(1 for word in words if re.search(r"[^\W\d_]{2,}", word)) >= _FEWEST_WORDS


class _Reader:
    """Reads expressions of one function, among those that a rule reaches.

    ``whole``: the end of a text is followed into what was found on a guest, too, for there stands what is to be done.
    ``evidence`` is False where what was found on a guest is not followed, for the text says enough without it.
    """

    def __init__(
        self,
        function: FunctionType,
        reachable: Sequence[FunctionType],
        depth: int = 0,
        *,
        whole: bool = False,
        evidence: bool = True,
    ) -> None:
        self.function, self.reachable, self.depth = function, reachable, depth
        self.whole, self.evidence = whole, evidence

    def _deeper(self, function: FunctionType | None = None) -> _Reader:
        return _Reader(
            function or self.function, self.reachable, self.depth + 1, whole=self.whole, evidence=self.evidence
        )

    def _briefly(self) -> _Reader:
        return _Reader(self.function, self.reachable, self.depth, whole=self.whole, evidence=False)

    def texts(self, node: ast.expr) -> list[str]:
        """What an expression may be as text, one or several, None left out; :data:`UNKNOWN_PART` is known on a guest only."""
        if self.depth > _DEEPEST:
            return [UNKNOWN_PART]
        if isinstance(node, ast.Constant):
            return [] if node.value is None else [str(node.value)]
        if _put_together(node):
            return self._written(node)
        constant = self._constant(node)
        if constant is not None:
            return [constant]
        option = _option(node)
        return [option] if option else self._followed(node) or [UNKNOWN_PART]

    def _written(self, node: ast.expr) -> list[str]:
        """A text that is put together. What was found on a guest is left out of it where it says enough by itself."""
        pieces = list(_pieces(node))
        brief = [self._briefly()._part(piece) for piece in pieces]
        if self.whole and pieces:
            brief[-1] = self._part(pieces[-1])
        texts = _joined(brief)
        return texts if any(map(_speaks, texts)) or not self.evidence else _joined([*map(self._part, pieces)])

    def _part(self, node: ast.expr) -> list[str]:
        """A piece of a text: itself where it is written there, else the sentences that it stands for."""
        texts = list(dict.fromkeys(self.texts(node)))
        if isinstance(node, ast.Constant) or self._constant(node) is not None or _option(node):
            return texts
        spoken = [text for text in texts if _speaks(text)]
        silent = [text for text in texts if text and not _speaks(text)]
        if not spoken or (len(spoken) == 1 and silent):
            return [UNKNOWN_PART]
        # An ending that may be left out is.
        return [""] if "" in texts and all(re.match(r"[\s;,.(]", text) for text in spoken) else spoken

    def _followed(self, node: ast.expr) -> list[str]:
        """What an expression is made of that is no text itself."""
        return [text for part, reader in self._parts(node) for text in reader.texts(part)]

    def _parts(self, node: ast.expr) -> Iterator[tuple[ast.expr, _Reader]]:
        """The expressions that an expression stands for, and the readers of the functions that they stand in."""
        found: list[ast.expr] = []
        if isinstance(node, ast.IfExp):
            found = [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            found = node.values if isinstance(node.op, ast.Or) else node.values[-1:]
        elif isinstance(node, (ast.List, ast.Tuple)):
            # What is written there is said always, and what is added to it only sometimes.
            always = [part for part in node.elts if not isinstance(part, ast.Starred)]
            found = always or [part.value for part in node.elts if isinstance(part, ast.Starred)]
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            found = [node.elt]
        elif isinstance(node, ast.Starred):
            found = [node.value]
        elif isinstance(node, ast.Name):
            found = list(_assigned(node.id, self.function))
            if not found:
                yield from self._given(node.id)
        elif isinstance(node, ast.Subscript):
            yield from self._elements(node.value, node.slice)
        elif isinstance(node, ast.Attribute) and self.evidence:
            yield from self._kept(node)
        elif isinstance(node, ast.Call):
            yield from self._called(node)
        yield from ((part, self._deeper()) for part in found)

    def _called(self, node: ast.Call) -> Iterator[tuple[ast.expr, _Reader]]:
        """What a call gives back."""
        method = isinstance(node.func, ast.Attribute) and node.func.attr == "join"
        if method or ast.unparse(node.func) in ("next", "filter", "list", "tuple", "sorted"):
            yield from ((part, self._deeper()) for part in node.args)
        elif isinstance(node.func, ast.Name):
            called = _plain(self.function.__globals__.get(node.func.id))
            if called is not None:
                reader = self._deeper(called)
                yield from ((value, reader) for value in _returned(called))

    def _elements(self, node: ast.expr, which: ast.expr) -> Iterator[tuple[ast.expr, _Reader]]:
        """One element of several values that a function returns."""
        at = which.value if isinstance(which, ast.Constant) and isinstance(which.value, int) else 0
        for part, reader in self._parts(node):
            if isinstance(part, ast.Tuple):
                yield from ((value, reader) for value in part.elts[at : at + 1])

    def _given(self, name: str) -> Iterator[tuple[ast.expr, _Reader]]:
        """What a parameter is, where the rule calls the function."""
        names = list(inspect.signature(self.function).parameters)
        if name not in names:
            return
        for caller in self.reachable:
            for node in _nodes(caller):
                called = caller.__globals__.get(ast.unparse(node.func)) if isinstance(node, ast.Call) else None
                if isinstance(node, ast.Call) and called is not None and _plain(called) is self.function:
                    given = _arguments(names, node)
                    if name in given:
                        yield given[name], self._deeper(caller)

    def _kept(self, node: ast.Attribute) -> Iterator[tuple[ast.expr, _Reader]]:
        """What an attribute is, where an object of its class is made, in the module of that class."""
        kind = self._kind(node.value)
        if not inspect.isclass(kind) or not kind.__module__.startswith(_OURS):
            return
        fields = list(inspect.signature(kind).parameters)
        for function in _functions(kind.__module__):
            yield from ((value, self._deeper(function)) for value in _assigned(f"self.{node.attr}", function))
            for call in _nodes(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in (kind.__name__, "cls", "replace"):
                    given = _arguments([] if ast.unparse(call.func) == "replace" else fields, call)
                    if node.attr in given:
                        yield given[node.attr], self._deeper(function)

    def _kind(self, node: ast.expr, depth: int = 0) -> Any:
        """The type that an expression is of, by annotations; None where they do not tell."""
        if depth > _DEEPEST:
            return None
        if isinstance(node, ast.Name):
            hint = _hints(self.function).get(node.id)
            if hint is not None:
                return hint
            for value in _assigned(node.id, self.function):
                return self._kind(value, depth + 1)
            for over in _iterated(node.id, self.function):
                return _element(self._kind(over, depth + 1))
        elif isinstance(node, ast.Attribute):
            kind = self._kind(node.value, depth + 1)
            return _hint_of(kind, node.attr) if inspect.isclass(kind) else None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = self.function.__globals__.get(node.func.id)
            return called if inspect.isclass(called) else _hints(_plain(called)).get("return")
        elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return list[self._kind(node.elt, depth + 1)]  # type: ignore[misc]
        return None

    def _constant(self, node: ast.expr) -> str | None:
        """The value of an expression of the module's constants alone, as text."""
        names = self.function.__globals__
        bound = {
            name.id
            for part in ast.walk(node)
            if isinstance(part, ast.comprehension)
            for name in ast.walk(part.target)
            if isinstance(name, ast.Name)
        }
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - bound
        if not used or not all(name.isupper() and name in names for name in used):
            return None
        return str(eval(compile(ast.Expression(node), "<constant>", "eval"), dict(names)))


def _arguments(names: Sequence[str], call: ast.Call) -> dict[str, ast.expr]:
    """What a call gives for each of these parameters and for those that it names."""
    return {
        **dict(zip(names, call.args, strict=False)),
        **{word.arg: word.value for word in call.keywords if word.arg},
    }


def _put_together(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add))


def _pieces(node: ast.expr) -> Iterator[ast.expr]:
    """The expressions that make a text one after the other."""
    if isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield part.value if isinstance(part, ast.FormattedValue) else part
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _pieces(node.left)
        yield from _pieces(node.right)
    else:
        yield node


def _joined(pieces: Sequence[Sequence[str]]) -> list[str]:
    """The texts that pieces make one after the other.

    A piece that may be this or that is shown in all its forms where it ends the sentence, for there stands what is to be done.
    What comes first says what was found.
    """
    texts = [""]
    for piece in reversed(pieces):
        shown = [UNKNOWN_PART] if len(piece) > 1 and any(map(_speaks, texts)) else piece
        texts = [text + after for text in shown for after in texts]
    return texts


@cache
def _assigned(name: str, function: FunctionType) -> tuple[ast.expr, ...]:
    """What a function assigns to a name, or adds to a list of that name."""
    return tuple(_assignments(name, function))


def _assignments(name: str, function: FunctionType) -> Iterator[ast.expr]:
    for node in _nodes(function):
        if isinstance(node, (ast.Assign, ast.NamedExpr, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if ast.unparse(target) == name and node.value is not None:
                    yield node.value
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.expr):
                    yield from _unpacked(name, target, node.value)
        elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name:
            if not isinstance(node.value, (ast.Constant, ast.JoinedStr)):  # that is the end of a sentence
                yield node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (f"{name}.append", f"{name}.extend"):
            yield node.args[0]


def _unpacked(name: str, target: ast.Tuple, value: ast.expr) -> Iterator[ast.expr]:
    """A name's part of several values that are assigned at once."""
    for index, element in enumerate(target.elts):
        if ast.unparse(element) == name:
            if isinstance(value, ast.Tuple):
                yield value.elts[index]
            else:
                yield ast.Subscript(value, ast.Constant(index), ast.Load())


def _iterated(name: str, function: FunctionType) -> Iterator[ast.expr]:
    """What a loop's name goes over."""
    for node in _nodes(function):
        if isinstance(node, (ast.comprehension, ast.For)) and ast.unparse(node.target) == name:
            yield node.iter


def _returned(function: FunctionType) -> Iterator[ast.expr]:
    """What a function returns."""
    for node in _nodes(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


@cache
def _hints(thing: Any) -> dict[str, Any]:
    """Annotations of a function or a class; none where they name what is only imported for type checkers."""
    try:
        return get_type_hints(thing)
    except (NameError, TypeError):
        return {}


def _hint_of(kind: type, name: str) -> Any:
    """The type of an attribute of a class, of a property what it returns."""
    found = inspect.getattr_static(kind, name, None)
    made = getattr(found, "fget", None) or getattr(found, "func", None)
    return _hints(made).get("return") if made else _hints(kind).get(name)


def _element(kind: Any) -> Any:
    """The type of what a list, a tuple or the like holds."""
    return next(iter(get_args(kind)), None)


def _option(node: ast.expr) -> str:
    """An option's name, where an expression is its value."""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "options"
    ):
        return f"`{node.slice.value!s}`"
    return ""
