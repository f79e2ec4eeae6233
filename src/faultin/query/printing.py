# SPDX-License-Identifier: Apache-2.0
"""Printing: an expression as text.

In: an expression. Out: text in the query language, which parses to the same expression
again in the same scope.
"""

from ipaddress import ip_address

from faultin.query.tree import (
    And, Binary, Compare, Const, Expr, Field, InNetworks, Item, Length, Match, Matching, Missing,
    Not, Or, Slice, Unknown,
)  # fmt: skip


def printed(expr: Expr) -> str:
    """The expression as a user would write it, with more parentheses."""
    match expr:
        case Const():
            return _constant(expr.value)
        case Field():
            return expr.name
        case Binary():
            return f"({printed(expr.left)} {expr.op.value} {printed(expr.right)})"
        case Slice():
            start = "" if expr.start is None else expr.start
            stop = "" if expr.stop is None else expr.stop
            return f"{printed(expr.subject)}[{start}:{stop}]"
        case Item():
            return f"{printed(expr.subject)}[{expr.index}]"
        case Length():
            return f"len({printed(expr.subject)})"
        case Compare():
            return f"{printed(expr.left)} {expr.relation.value} {printed(expr.right)}"
        case Match():
            return _match(expr)
        case InNetworks():
            networks = [f"'{ip_address(base)}/{bits}'" for base, bits in expr.networks]
            return f"{printed(expr.subject)} in {_some(networks)}"
        case Missing():
            return f"missing({printed(expr.operand)})"
        case Not():
            return f"not {_inside(expr.operand)}"
        case And():
            return " and ".join([_inside(operand) for operand in expr.operands])
        case Or():
            return " or ".join([_inside(operand) for operand in expr.operands])
        case Unknown():
            return "?"


def _inside(expr: Expr) -> str:
    text = printed(expr)
    return f"({text})" if isinstance(expr, And | Or | Not) else text


def _some(items: list[str]) -> str:
    return f"({', '.join(items)})" if len(items) > 1 else items[0]


def _constant(value: int | bytes) -> str:
    """Text as text, if it is UTF-8."""
    if isinstance(value, int):
        return str(value)
    try:
        return repr(value.decode())
    except UnicodeDecodeError:
        return repr(value)


def _match(expr: Match) -> str:
    subject, constants = printed(expr.subject), [_constant(each) for each in expr.constants]
    match expr.how:
        case Matching.CONTAINS | Matching.ITEM:
            return f"{constants[0]} in {subject}"
        case Matching.GLOB:
            return f"glob({subject}, {constants[0]})"
    return f"{subject}.{expr.how.value}({_some(constants)})"
