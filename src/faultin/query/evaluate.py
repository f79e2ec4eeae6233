# SPDX-License-Identifier: Apache-2.0
"""Evaluate: the plain back end, against which the others are tested.

In: an expression, compiled once to nested functions; then rows. Out: its value, or for
`decided` whether a condition can still become true. What each node means is said in
tree.py; here is nothing but that.
"""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Protocol

from faultin.query.arithmetic import PLAIN, calculated
from faultin.query.globs import matcher
from faultin.query.networks import is_in
from faultin.query.tree import (
    And, Arithmetic, Binary, Compare, Const, Expr, Field, InNetworks, Item, Length, Match, Matching,
    Missing, Not, Or, Relation, Slice, Unknown, slots,
)  # fmt: skip
from faultin.query.types import MISSING, UNKNOWN, Cut, CutList, Type, wrapped


class Row(Protocol):
    """The values of one call, by slot, in the ranges of their types (types.py)."""

    def value(self, slot: int) -> Any: ...


Function = Callable[[Row], Any]
Decision = Callable[[Row], bool | None]
_RELATIONS = {
    Relation.EQ: eq, Relation.NE: ne, Relation.LT: lt, Relation.LE: le, Relation.GT: gt,
    Relation.GE: ge,
}  # fmt: skip


def evaluate(expr: Expr, row: Row) -> Any:
    """The value of an expression in a row; MISSING if it has none."""
    return compiled(expr)(row)


def compiled(expr: Expr) -> Function:
    """What gives the value of an expression for a row."""
    return _COMPILERS[type(expr)](expr)


def decided(expr: Expr) -> Decision:
    """What gives True or False if a condition is so whatever is still UNKNOWN, else None.

    Unknown nodes are not known, nor is a condition with a slot whose value is UNKNOWN.
    """
    match expr:
        case And():
            return _kleene([decided(each) for each in expr.operands], False)
        case Or():
            return _kleene([decided(each) for each in expr.operands], True)
        case Not():
            inner = decided(expr.operand)
            return lambda row: None if (found := inner(row)) is None else not found
        case Unknown():
            return lambda row: None
    function, used = compiled(expr), tuple(slots(expr))

    def decide(row: Row) -> bool | None:
        if any(row.value(slot) is UNKNOWN for slot in used):
            return None
        return bool(function(row))

    return decide


def _kleene(operands: list[Decision], deciding: bool) -> Decision:
    """And (False decides) or Or (True decides) of three values."""

    def decide(row: Row) -> bool | None:
        found = [operand(row) for operand in operands]
        if deciding in found:
            return deciding
        return None if None in found else not deciding

    return decide


# Values


def _const(expr: Const) -> Function:
    value = expr.value
    return lambda row: value


def _field(expr: Field) -> Function:
    slot = expr.slot
    return lambda row: row.value(slot)


def _binary(expr: Binary) -> Function:
    left, right, op, type_ = compiled(expr.left), compiled(expr.right), expr.op, expr.type
    plain = PLAIN[op]
    if op in _PARTIAL or expr.left.type is not type_ or expr.right.type is not type_:

        def calculate(row: Row) -> Any:
            first, second = left(row), right(row)
            if first is MISSING or second is MISSING:
                return MISSING
            found = calculated(op, type_, first, second)
            return MISSING if found is None else found

        return calculate

    def total(row: Row) -> Any:
        first, second = left(row), right(row)
        if first is MISSING or second is MISSING:
            return MISSING
        return wrapped(plain(first, second), type_)

    return total


_PARTIAL = (Arithmetic.DIV, Arithmetic.MOD, Arithmetic.LEFT, Arithmetic.RIGHT)


def _full(value: bytes) -> int:
    """The length of what was passed."""
    return value.length if isinstance(value, Cut) else len(value)


def _slice(expr: Slice) -> Function:
    subject, wanted = compiled(expr.subject), slice(expr.start, expr.stop)

    def cut(row: Row) -> Any:
        value = subject(row)
        if type(value) is bytes:
            return value[wanted]
        if value is MISSING:
            return MISSING
        start, stop, _ = wanted.indices(value.length)
        if start < stop and stop > len(value):
            return MISSING
        return bytes(value)[start : max(start, stop)]

    return cut


def _item(expr: Item) -> Function:
    subject, index = compiled(expr.subject), expr.index

    def item(row: Row) -> Any:
        value = subject(row)
        return MISSING if value is MISSING or index >= len(value) else value[index]

    return item


def _length(expr: Length) -> Function:
    subject = compiled(expr.subject)

    def length(row: Row) -> Any:
        value = subject(row)
        if value is MISSING or isinstance(value, CutList):
            return MISSING
        return _full(value) if isinstance(value, bytes) else len(value)

    return length


# Conditions


def _compare(expr: Compare) -> Function:
    left, right = compiled(expr.left), compiled(expr.right)
    relation = _RELATIONS[expr.relation]
    if expr.left.type is Type.BYTES:
        return _compare_bytes(left, right, expr.relation is Relation.EQ)

    def compare(row: Row) -> bool:
        first, second = left(row), right(row)
        if first is MISSING or second is MISSING:
            return False
        return bool(relation(first, second))

    return compare


def _compare_bytes(left: Function, right: Function, wanted: bool) -> Function:
    def compare(row: Row) -> bool:
        first, second = left(row), right(row)
        if first is MISSING or second is MISSING:
            return False
        if _full(first) != _full(second):
            return not wanted
        if isinstance(first, Cut) or isinstance(second, Cut):
            return False
        return (first == second) is wanted

    return compare


def _match(expr: Match) -> Function:
    subject, constants = compiled(expr.subject), expr.constants
    test = _MATCHES[expr.how](constants)

    def match(row: Row) -> bool:
        value = subject(row)
        return value is not MISSING and test(value)

    return match


def _contains(constants: tuple[bytes, ...]) -> Callable[[Any], bool]:
    constant = constants[0]
    return lambda value: constant in value


def _prefix(constants: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    return lambda value: value.startswith(constants)


def _suffix(constants: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    return lambda value: not isinstance(value, Cut) and value.endswith(constants)


def _glob(constants: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    match, is_open = matcher(constants[0]), constants[0].endswith(b"*")
    return lambda value: (is_open or not isinstance(value, Cut)) and match(value) is not None


_MATCHES: dict[Matching, Callable[[tuple[bytes, ...]], Callable[[Any], bool]]] = {
    Matching.CONTAINS: _contains,
    Matching.ITEM: _contains,
    Matching.PREFIX: _prefix,
    Matching.SUFFIX: _suffix,
    Matching.GLOB: _glob,
}


def _in_networks(expr: InNetworks) -> Function:
    subject, networks = compiled(expr.subject), expr.networks

    def test(row: Row) -> bool:
        value = subject(row)
        return value is not MISSING and any(is_in(value, network) for network in networks)

    return test


def _missing(expr: Missing) -> Function:
    operand = compiled(expr.operand)
    return lambda row: operand(row) is MISSING


def _not(expr: Not) -> Function:
    operand = compiled(expr.operand)
    return lambda row: not operand(row)


def _and(expr: And) -> Function:
    operands = [compiled(each) for each in expr.operands]
    return lambda row: all(operand(row) for operand in operands)


def _or(expr: Or) -> Function:
    operands = [compiled(each) for each in expr.operands]
    return lambda row: any(operand(row) for operand in operands)


def _unknown(expr: Unknown) -> Function:
    raise TypeError("an Unknown has no value: see decided()")


_COMPILERS: dict[type, Callable[[Any], Function]] = {
    Const: _const, Field: _field, Binary: _binary, Slice: _slice, Item: _item, Length: _length,
    Compare: _compare, Match: _match, InNetworks: _in_networks, Missing: _missing, Not: _not,
    And: _and, Or: _or, Unknown: _unknown,
}  # fmt: skip
