# SPDX-License-Identifier: Apache-2.0
"""Dialect: what engines do differently, where a query has to be exact.

In: the name of an Ibis back end. Out: its Dialect: the bits and the division of 64-bit
integers, powers of two, and large constants; hex() of text and bytes, which all have. An
engine without a Dialect cannot say exactly what a query means, and is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from faultin.errors import UsageError

WIDE = "decimal(38, 0)"
_ALL = 1 << 64


def number(value: int) -> Any:
    """A constant in the midst of decimals."""
    return ibis.literal(Decimal(value), type=WIDE)


def modulo(value: Any, by: int) -> Any:
    """From 0 to by - 1."""
    return ((value % number(by)) + number(by)) % number(by)


@dataclass(frozen=True, slots=True)
class Dialect:
    """bits: the 64 bits of a decimal, as an integer that `&`, `>>` and the like take; quotient: of
    two decimals, rounded down, the second not 0; power: 2**n for n from 0 to 63, else null;
    large: a constant of 2**63 and above."""

    bits: Callable[[Any], Any]
    quotient: Callable[[Any, Any], Any]
    power: Callable[[Any], Any]
    large: Callable[[int], Any]


def _builtin(name: str, of: Any, gives: Any) -> Callable[..., Any]:
    def function(value): ...  # what a builtin does is the engine's

    function.__name__ = name
    return ibis.udf.scalar.builtin(function, name=name, signature=((of,), gives))


def _divide(first, second): ...  # the same


hex_of_text = _builtin("hex", dt.string, dt.string)
hex_of_bytes = _builtin("hex", dt.binary, dt.string)
_divided = ibis.udf.scalar.builtin(
    _divide, name="divide", signature=((dt.uint64, dt.uint64), dt.uint64)
)


# DuckDB: unsigned 64-bit integers, which it divides exactly; decimals it divides as floats.


def _duckdb_quotient(left: Any, by: Any) -> Any:
    def divided(one: Any) -> Any:
        return _divided(one.cast("uint64"), size.cast("uint64")).cast(WIDE)

    size = by.abs()
    turned = ibis.ifelse(by < number(0), -left, left)
    down, plain = divided(size - number(1) - turned), divided(turned)
    return ibis.ifelse(turned < number(0), -down, plain)


def _duckdb_power(of: Any) -> Any:
    """Powers of two are exact as floating numbers."""
    within = ibis.least(ibis.greatest(of, number(-1)), number(64)).cast("float64")
    found = ibis.literal(2.0) ** within
    return found.nullif(0.5).nullif(2.0**64).cast(WIDE)


# Spark: no unsigned integers, but decimals that it divides exactly where nothing is left over.


def _spark_quotient(left: Any, by: Any) -> Any:
    """In a list of one, so that the operands are written, and computed, but once."""

    def floor(pair: Any) -> Any:
        one, divisor = pair["one"], pair["by"]
        return ((one - ((one % divisor) + divisor) % divisor) / divisor).cast(WIDE)

    return ibis.array([ibis.struct({"one": left, "by": by})]).map(floor)[0]


def _spark_bits(value: Any) -> Any:
    return (modulo(value + number(_ALL >> 1), _ALL) - number(_ALL >> 1)).cast("int64")


def _spark_power(of: Any) -> Any:
    """A shift: of a float, Spark has but 17 digits. A plain 1 would be 32 bits wide there, and
    2**63 is negative."""

    def shifted(by: Any) -> Any:
        found = modulo((number(1).cast("int64") << by.cast("int32")).cast(WIDE), _ALL)
        return ibis.ifelse((by >= number(0)) & (by <= number(63)), found, ibis.null(WIDE))

    within = ibis.least(ibis.greatest(of, number(-1)), number(64))
    return ibis.array([within]).map(shifted)[0]


_DIALECTS = {
    "duckdb": Dialect(
        bits=lambda value: modulo(value, _ALL).cast("uint64"),
        quotient=_duckdb_quotient,
        power=_duckdb_power,
        large=lambda value: ibis.literal(value, type="uint64"),
    ),
    "pyspark": Dialect(
        bits=_spark_bits,
        quotient=_spark_quotient,
        power=_spark_power,
        large=number,
    ),
}
ENGINES = tuple(_DIALECTS)


def dialect(engine: str) -> Dialect:
    """UsageError for an engine that has none."""
    if engine not in _DIALECTS:
        why = "it has not what queries need to be exact"
        raise UsageError(f"--engine {engine}", why, f"there are {', '.join(ENGINES)}; or use --sql")
    return _DIALECTS[engine]


DUCKDB = _DIALECTS["duckdb"]
