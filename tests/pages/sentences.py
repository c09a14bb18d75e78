# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a recommendation's rule may say of a guest: the sentences of its verdicts, read from its code.

So a page cannot promise what the rule does not do. Functions are followed from ``assess`` through this collection's own code; what
is only known on a guest is shown as ``…``.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any

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
#: What is only known on a guest.
UNKNOWN_PART = "…"
#: How many names and calls a reason is followed through.
_DEEPEST = 4
#: With fewer words of its own, an expression only joins what others say.
_FEWEST_WORDS = 3


def sentences(assess: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """Verdict to the reasons that may be given with it, in the order of the code."""
    found: dict[str, dict[str, None]] = {name: {} for name in VERDICTS}
    for function in _reachable(assess):
        for verdict, reason in _calls(function):
            found[verdict].update(dict.fromkeys(_texts(reason, function)))
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
    """A function's own code; nothing for a lambda in the middle of an expression (what it calls is met by itself)."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except SyntaxError:
        return ast.Module([], [])


@cache
def _module(name: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[name]))


def _calls(function: FunctionType) -> Iterator[tuple[str, ast.expr]]:
    """Every verdict that a function makes, and the reason that it gives."""
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in VERDICTS and node.args:
            yield node.func.id, node.args[0]


def _texts(node: ast.expr, function: FunctionType, depth: int = 0) -> Iterator[str]:
    """The sentences that an expression of a function may be; where it only joins others, those."""
    if depth > _DEEPEST:
        return
    text = _text(node, function.__globals__) if _is_text(node) else ""
    if len(re.findall(r"[^\W\d_]{2,}", text)) >= _FEWEST_WORDS:
        yield text.strip()
        return
    for part, where in _parts(node, function):
        yield from _texts(part, where, depth + 1)


def _is_text(node: ast.expr) -> bool:
    """False for an expression that is no sentence itself, but stands for some."""
    return not isinstance(
        node, (ast.IfExp, ast.BoolOp, ast.Name, ast.Attribute, ast.List, ast.Tuple, ast.ListComp, ast.Call)
    )


def _parts(node: ast.expr, function: FunctionType) -> Iterator[tuple[ast.expr, FunctionType]]:
    """The expressions that an expression is made of, and the functions that they stand in."""
    if isinstance(node, ast.IfExp):
        found = [node.body, node.orelse]
    elif isinstance(node, ast.JoinedStr):
        found = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(node, ast.BinOp):
        found = [node.left, node.right]
    elif isinstance(node, ast.BoolOp):
        found = node.values
    elif isinstance(node, (ast.List, ast.Tuple)):
        found = [part.value if isinstance(part, ast.Starred) else part for part in node.elts]
    elif isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        found = [node.elt]
    elif isinstance(node, ast.Name):
        found = list(_assigned(node.id, _tree(function)))
    elif isinstance(node, ast.Attribute):
        found = list(_assigned(f"self.{node.attr}", _module(function.__module__)))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        found = node.args
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = _plain(function.__globals__.get(node.func.id))
        if called is not None:
            yield from ((value, called) for value in _returned(called))
        return
    else:
        return
    yield from ((part, function) for part in found)


def _assigned(name: str, tree: ast.AST) -> Iterator[ast.expr]:
    """What is assigned to a name, or added to a list of that name."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.NamedExpr)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(ast.unparse(to) == name for to in targets):
                yield node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == f"{name}.append":
            yield node.args[0]


def _returned(function: FunctionType) -> Iterator[ast.expr]:
    """What a function returns; of several values the first."""
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value


def _text(node: ast.expr, names: Mapping[str, Any]) -> str:
    """An expression as text; what is known on a guest only is :data:`UNKNOWN_PART`, an option is its name."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, names)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, names) + _text(node.right, names)
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value) == "options"
    ):
        return f"`{node.slice.value}`"
    return _constant(node, names) or UNKNOWN_PART


def _constant(node: ast.expr, names: Mapping[str, Any]) -> str | None:
    """The value of an expression of the module's constants alone, as text."""
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
