# SPDX-License-Identifier: Apache-2.0
"""Integers: 64-bit arithmetic, exactly as query/tree.py says, in decimals of 38 digits.

In: numbers of an engine, of any type. Out: decimals in the range of S64 or U64; null where
the value is missing. No product in between has more than 97 bits. An operand is written into
the engine's text each time that it is named here, so each is named as rarely as can be.
"""

from collections.abc import Callable

import ibis

from faultin.lowering.dialect import WIDE, Dialect, modulo, number
from faultin.lowering.values import Expr
from faultin.query.tree import Arithmetic
from faultin.query.types import Type

Operation = Callable[[Dialect, Expr, Expr, Type], Expr]


def wide(value: Expr) -> Expr:
    return value.cast(WIDE)


def constant(of: Dialect, value: int) -> Expr:
    """A constant beside columns."""
    return ibis.literal(value, type="int64") if value < 1 << 63 else of.large(value)


def wrapped(value: Expr, of: Type) -> Expr:
    """A decimal modulo 2**64, in the range of its type."""
    if of is Type.U64:
        return modulo(value, 1 << 64)
    return modulo(value + number(1 << 63), 1 << 64) - number(1 << 63)


def binary(
    engine: Dialect, op: Arithmetic, of: Type, left: tuple[Expr, Type], right: tuple[Expr, Type]
) -> Expr:
    """Of two numbers with their types, wrapped to the type first."""
    first, second = (
        wide(value) if own is of else wrapped(wide(value), of) for value, own in (left, right)
    )
    return _OPERATIONS[op](engine, first, second, of)


def _multiply(engine: Dialect, left: Expr, right: Expr, of: Type) -> Expr:
    """By the halves of the right one, of which the high one may have a sign: modulo 2**32
    that is the same."""
    bits = engine.bits(right)
    high, low = wide(bits >> 32), wide(bits & 0xFFFFFFFF)
    whole = modulo(left, 1 << 64)
    return wrapped(modulo(whole * high, 1 << 32) * number(1 << 32) + whole * low, of)


def _remainder(left: Expr, right: Expr) -> Expr:
    """With the sign of the divisor; null by 0."""
    by = right.nullif(number(0))
    return ((left % by) + by) % by


def _quotient(engine: Dialect, left: Expr, right: Expr) -> Expr:
    """Rounded down; null by 0."""
    return engine.quotient(left, right.nullif(number(0)))


def _bitwise(combine: Callable[[Expr, Expr], Expr]) -> Operation:
    return lambda engine, left, right, of: wrapped(
        wide(combine(engine.bits(left), engine.bits(right))), of
    )


_OPERATIONS: dict[Arithmetic, Operation] = {
    Arithmetic.ADD: lambda _, left, right, of: wrapped(left + right, of),
    Arithmetic.SUB: lambda _, left, right, of: wrapped(left - right, of),
    Arithmetic.MUL: _multiply,
    Arithmetic.DIV: lambda engine, left, right, of: wrapped(_quotient(engine, left, right), of),
    Arithmetic.MOD: lambda _, left, right, of: wrapped(_remainder(left, right), of),
    Arithmetic.AND: _bitwise(lambda left, right: left & right),
    Arithmetic.OR: _bitwise(lambda left, right: left | right),
    Arithmetic.XOR: _bitwise(lambda left, right: left ^ right),
    Arithmetic.LEFT: lambda engine, left, right, of: _multiply(
        engine, left, engine.power(right), of
    ),
    Arithmetic.RIGHT: lambda engine, left, right, of: wrapped(
        _quotient(engine, left, engine.power(right)), of
    ),
}
