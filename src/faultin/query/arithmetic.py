# SPDX-License-Identifier: Apache-2.0
"""Arithmetic: the integers of the query language.

In: typed operands, or numbers. Out: a Binary, folded if both are constants; or the
number that a Binary stands for, in plain Python. A result is U64 if all operands that
are no constants are, else S64; a constant takes the type of the result.
"""

from collections.abc import Callable

from faultin.query.tree import Arithmetic, Binary, Const, Expr
from faultin.query.types import Type, type_of_number, wrapped

_BITS = 64


class CannotFold(ValueError):
    """An operation on constants that has no value."""


def binary(op: Arithmetic, left: Expr, right: Expr) -> Expr:
    """left op right, both integers. CannotFold if both are constants without a result."""
    if isinstance(left, Const) and isinstance(right, Const):
        return _folded(op, left, right)
    types = {side.type for side in (left, right) if not isinstance(side, Const)}
    type_ = Type.U64 if types == {Type.U64} else Type.S64
    return Binary(type_, op, _adapted(left, type_), _adapted(right, type_))


def constant(value: int, beside: Type) -> Const:
    """A number of at most 64 bits as it is compared: unsigned beside an unsigned one."""
    unsigned = beside is Type.U64 and value >= 0
    return Const(Type.U64 if unsigned else type_of_number(value), value)


def _adapted(side: Expr, type_: Type) -> Expr:
    if isinstance(side, Const) and isinstance(side.value, int):
        return Const(type_, wrapped(side.value, type_))
    return side


def _folded(op: Arithmetic, left: Const, right: Const) -> Const:
    assert isinstance(left.value, int) and isinstance(right.value, int)
    if op in (Arithmetic.LEFT, Arithmetic.RIGHT) and not 0 <= right.value < _BITS:
        raise CannotFold(f"a shift by {right.value} has no value")
    if op in (Arithmetic.DIV, Arithmetic.MOD) and right.value == 0:
        raise CannotFold("a division by 0 has no value")
    value = PLAIN[op](left.value, right.value)
    try:
        return Const(type_of_number(value), value)
    except OverflowError:
        raise CannotFold("the result does not fit into 64 bits") from None


PLAIN: dict[Arithmetic, Callable[[int, int], int]] = {
    Arithmetic.ADD: int.__add__,
    Arithmetic.SUB: int.__sub__,
    Arithmetic.MUL: int.__mul__,
    Arithmetic.DIV: int.__floordiv__,
    Arithmetic.MOD: int.__mod__,
    Arithmetic.AND: int.__and__,
    Arithmetic.OR: int.__or__,
    Arithmetic.XOR: int.__xor__,
    Arithmetic.LEFT: int.__lshift__,
    Arithmetic.RIGHT: int.__rshift__,
}


def calculated(op: Arithmetic, type_: Type, left: int, right: int) -> int | None:
    """What a Binary of this type gives for two numbers; None if it is missing."""
    left, right = wrapped(left, type_), wrapped(right, type_)
    if op in (Arithmetic.DIV, Arithmetic.MOD) and right == 0:
        return None
    if op in (Arithmetic.LEFT, Arithmetic.RIGHT) and not 0 <= right < _BITS:
        return None
    return wrapped(PLAIN[op](left, right), type_)
