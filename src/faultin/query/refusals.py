# SPDX-License-Identifier: Apache-2.0
"""Refusals: what Python has and the query language has not.

In: a node of Python's syntax where a value is expected. Out: the error to raise, with
what is meant, or what there is instead.
"""

import ast
from difflib import get_close_matches

from faultin.errors import QueryError
from faultin.query.syntax import Text

FUNCTIONS = ("glob", "len", "missing")
METHODS = ("startswith", "endswith")
_PYTHON = {
    ast.Lambda: "lambda", ast.IfExp: "if ... else", ast.NamedExpr: ":=",
    ast.JoinedStr: "an f-string", ast.Dict: "a dict",
    ast.ListComp: "a comprehension", ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension", ast.GeneratorExp: "a comprehension", ast.Await: "await",
    ast.Yield: "yield", ast.YieldFrom: "yield", ast.Starred: "*",
}  # fmt: skip


def no_value(text: Text, node: ast.expr) -> QueryError:
    """A node that is no value."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return text.error(node, "expected a value, this is a condition")
        case ast.Call():
            return _no_call(text, node)
        case ast.Tuple() | ast.List() | ast.Set():
            return text.error(node, "a list of values can only stand after `in`")
    name = _PYTHON.get(type(node), "this")
    why = f"{name} is not part of the query language"
    return text.error(node, why, "docs/query.md has all that there is")


def _no_call(text: Text, node: ast.Call) -> QueryError:
    func = node.func
    name = func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")
    if name in (FUNCTIONS if isinstance(func, ast.Name) else METHODS):
        return text.error(node, f"expected a value, {name}() is a condition")
    return no_function(text, func)


def no_function(text: Text, func: ast.expr) -> QueryError:
    """A function or a method that there is not."""
    match func:
        case ast.Name(id=name):
            return text.error(func, f"there is no function {name}", _like(name, FUNCTIONS))
        case ast.Attribute(value=subject, attr=name):
            return text.error_behind(subject, f"there is no method {name}", _like(name, METHODS))
    return text.error(func, "only functions and methods can be called")


def _like(name: str, known: tuple[str, ...]) -> str:
    found = get_close_matches(name, known, 1)
    return f"did you mean {found[0]}?" if found else f"there are {', '.join(known)}"
