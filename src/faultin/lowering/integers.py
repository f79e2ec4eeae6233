# SPDX-License-Identifier: Apache-2.0
"""Integers: 64-bit arithmetic, exactly as query/tree.py says, in decimals of 38 digits.

In: numbers of an engine, of any type. Out: decimals in the range of S64 or U64; null where
the value is missing. No product in between has more than 97 bits. An operand is written into
the engine's text each time that it is named here, so each is named as rarely as can be.
"""

from collections.abc import Callable
from decimal import Decimal

import ibis

from faultin.lowering.dialect import divide
from faultin.lowering.values import Expr
from faultin.query.tree import Arithmetic
from faultin.query.types import Type

_WIDE = "decimal(38, 0)"


def wide(value: Expr) -> Expr:
    return value.cast(_WIDE)


def number(value: int) -> Expr:
    """A constant in the midst of decimals."""
    return ibis.literal(Decimal(value), type=_WIDE)


def constant(value: int) -> Expr:
    """A constant beside columns."""
    return ibis.literal(value, type="int64" if value < 1 << 63 else "uint64")


def _modulo(value: Expr, by: int) -> Expr:
    """From 0 to by - 1."""
    return ((value % number(by)) + number(by)) % number(by)


def wrapped(value: Expr, of: Type) -> Expr:
    """A decimal modulo 2**64, in the range of its type."""
    if of is Type.U64:
        return _modulo(value, 1 << 64)
    return _modulo(value + number(1 << 63), 1 << 64) - number(1 << 63)


def _bits(value: Expr) -> Expr:
    """The 64 bits of a decimal."""
    return _modulo(value, 1 << 64).cast("uint64")


def binary(op: Arithmetic, of: Type, left: tuple[Expr, Type], right: tuple[Expr, Type]) -> Expr:
    """Of two numbers with their types, wrapped to the type first."""
    first, second = (
        wide(value) if own is of else wrapped(wide(value), of) for value, own in (left, right)
    )
    return _OPERATIONS[op](first, second, of)


def _multiply(left: Expr, right: Expr, of: Type) -> Expr:
    bits = _bits(right)
    high, low = wide(bits >> 32), wide(bits & 0xFFFFFFFF)
    whole = _modulo(left, 1 << 64)
    return wrapped(_modulo(whole * high, 1 << 32) * number(1 << 32) + whole * low, of)


def _remainder(left: Expr, right: Expr) -> Expr:
    """With the sign of the divisor; null by 0."""
    by = right.nullif(number(0))
    return ((left % by) + by) % by


def _quotient(left: Expr, right: Expr) -> Expr:
    """Rounded down; null by 0. Engines divide 64-bit integers exactly if they are unsigned."""
    by = right.nullif(number(0))
    size = by.abs()
    turned = ibis.ifelse(by < number(0), -left, left)
    down = divide((size - number(1) - turned).cast("uint64"), size.cast("uint64"))
    plain = divide(turned.cast("uint64"), size.cast("uint64"))
    return ibis.ifelse(turned < number(0), -wide(down), wide(plain))


def _power(of: Expr) -> Expr:
    """2**n, null unless n is from 0 to 63. Powers of two are exact as floating numbers."""
    within = ibis.least(ibis.greatest(of, number(-1)), number(64)).cast("float64")
    found = ibis.literal(2.0) ** within
    return found.nullif(0.5).nullif(2.0**64).cast(_WIDE)


def _bitwise(combine: Callable[[Expr, Expr], Expr]) -> Callable[[Expr, Expr, Type], Expr]:
    return lambda left, right, of: wrapped(wide(combine(_bits(left), _bits(right))), of)


_OPERATIONS: dict[Arithmetic, Callable[[Expr, Expr, Type], Expr]] = {
    Arithmetic.ADD: lambda left, right, of: wrapped(left + right, of),
    Arithmetic.SUB: lambda left, right, of: wrapped(left - right, of),
    Arithmetic.MUL: _multiply,
    Arithmetic.DIV: lambda left, right, of: wrapped(_quotient(left, right), of),
    Arithmetic.MOD: lambda left, right, of: wrapped(_remainder(left, right), of),
    Arithmetic.AND: _bitwise(lambda left, right: left & right),
    Arithmetic.OR: _bitwise(lambda left, right: left | right),
    Arithmetic.XOR: _bitwise(lambda left, right: left ^ right),
    Arithmetic.LEFT: lambda left, right, of: _multiply(left, _power(right), of),
    Arithmetic.RIGHT: lambda left, right, of: wrapped(_quotient(left, _power(right)), of),
}
