# SPDX-License-Identifier: Apache-2.0
"""Functions: what can be counted, one record each.

A counter's state is cells: a number (s32) to a u64, absent or zero before the first
amount. An amount *contributes* (cell, operand) pairs; each cell takes its operand in by
the function's one operation, ADD (modulo 2**64) or MAX (unsigned). Two states merge by
the same operation, cell by cell. So a kernel needs no more than two atomic operations,
and cells of several CPUs, of the kernel and of this process are one state in the end.

In: amounts and cells. Out: results. Invariant: zero is the neutral element of both
operations, so that a zeroed cell of a map is an unused one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from faultin.aggregate import buckets
from faultin.aggregate.estimates import distinct, quantile
from faultin.errors import UsageError

U64 = (1 << 64) - 1
_SIGN = 1 << 63
_LHIST_MOST = 1000
_QUANTILES = (0.5, 0.9, 0.99)

Cells = dict[int, int]
Contribution = tuple[tuple[int, int], ...]
Params = tuple[Any, ...]  # numbers: whole ones but for quantiles


class Amount(Enum):
    """What a function counts."""

    NONE = "none"        # calls: it takes no amount
    INTEGER = "integer"  # any integer expression
    ANY = "any"          # any expression; what contributes is a 64-bit hash of its value


class Operation(Enum):
    """How a cell takes an operand, or the same cell of another state, in."""

    ADD = "add"
    MAX = "max"


class Shown(Enum):
    """How a result is to be shown."""

    NUMBER = "number"        # int or float, None without amounts
    QUANTILES = "quantiles"  # one int, or None, for each parameter
    BARS = "bars"            # list of Bar


@dataclass(frozen=True, slots=True)
class Bar:
    """So many amounts from `first` to `last`, both included; None is no bound."""

    first: int | None
    last: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    cells: how many it always has, numbered from 0; None if they are sparse.
    contribute: amount, whether it is signed, parameters -> (cell, operand) pairs.
    result: cells, whether amounts are signed, parameters -> what `shown` says.
    check: parameters as they were given -> as they are used; UsageError.
    """

    name: str
    amount: Amount
    cells: int | None
    operation: Operation
    shown: Shown
    contribute: Callable[[int, bool, Params], Contribution]
    result: Callable[[Cells, bool, Params], Any]
    check: Callable[[str, Params], Params]


def merge(into: Cells, operation: Operation, contribution: Contribution) -> None:
    """Takes operands, or all the cells of another state, in."""
    for cell, operand in contribution:
        before = into.get(cell, 0)
        if operation is Operation.ADD:
            into[cell] = before + operand & U64
        else:
            into[cell] = max(before, operand)


def signed(cell: int) -> int:
    """A u64 read as an s64."""
    return cell - (1 << 64) if cell & _SIGN else cell


def halves(value: int) -> tuple[int, int]:
    """(low, high) with low + (high << 32) == value, and low an s32: two cells whose sums
    are exact where a single one would wrap round, for 2**31 amounts of any size at least.

    In C: `low = (s32)value; high = (value >> 32) + (low < 0)`, the shift as value's type.
    """
    low = (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
    return low, value - low >> 32


def biased(value: int, is_signed: bool) -> int:
    """A u64 that is in the order of the values: the sign bit is turned over."""
    return value & U64 ^ _SIGN if is_signed else value & U64


def _unbiased(cell: int, is_signed: bool) -> int:
    return cell - _SIGN if is_signed else cell


def _sum(cells: Cells) -> int:
    return signed(cells.get(0, 0)) + (signed(cells.get(1, 0)) << 32)


def _add_halves(value: int) -> Contribution:
    low, high = halves(value)
    return (0, low & U64), (1, high & U64)


def _average(cells: Cells) -> float | None:
    return _sum(cells) / cells[2] if cells.get(2) else None


def _least(cells: Cells, is_signed: bool) -> int | None:
    return _unbiased(cells.get(0, 0) ^ U64, is_signed) if cells.get(1) else None


def _most(cells: Cells, is_signed: bool) -> int | None:
    return _unbiased(cells.get(0, 0), is_signed) if cells.get(1) else None


def _bars(cells: Cells, range_of: Callable[[int], buckets.Range]) -> list[Bar]:
    """From the lowest to the highest bucket that has something, and what is between."""
    used = [bucket for bucket, count in cells.items() if count]
    if not used:
        return []
    numbers = range(min(used), max(used) + 1)
    return [Bar(*range_of(number), cells.get(number, 0)) for number in numbers]


def _no_parameters(name: str, params: Params) -> Params:
    if params:
        raise UsageError(f"{name}()", f"it has no parameters, and got {_listed(params)}")
    return ()


def _lhist_parameters(name: str, params: Params) -> Params:
    what = f"{name}(amount, {_listed(params)})" if params else f"{name}(amount)"
    advice = "write lhist(amount, LOW, HIGH, STEP), as in lhist(ret, 0, 4096, 256)"
    if len(params) != 3 or not all(type(number) is int for number in params):
        raise UsageError(what, "it needs three whole numbers", advice)
    low, high, step = params
    if not -_SIGN <= low < high <= U64 or step < 1:
        raise UsageError(what, "LOW must be below HIGH, and STEP at least 1", advice)
    count = buckets.lhist_count(*map(int, params))
    if count > _LHIST_MOST:
        raise UsageError(what, f"that is {count} buckets", f"at most {_LHIST_MOST}: a larger STEP")
    return params


def _quantile_parameters(name: str, params: Params) -> Params:
    for number in params:
        if not 0 <= number <= 1:
            near = f", as in {number / 100:g} for {number:g} %" if 1 < number <= 100 else ""
            what = f"{name}(amount, {_listed(params)})"
            raise UsageError(what, f"{number:g} is no fraction", f"from 0 to 1{near}")
    return params or _QUANTILES


def _listed(params: Params) -> str:
    return ", ".join(map(str, params))


_RECORDS = (
    Function(
        "count", Amount.NONE, 1, Operation.ADD, Shown.NUMBER,
        lambda value, is_signed, params: ((0, 1),),
        lambda cells, is_signed, params: cells.get(0, 0),
        _no_parameters,
    ),
    Function(  # halves of the sum
        "sum", Amount.INTEGER, 2, Operation.ADD, Shown.NUMBER,
        lambda value, is_signed, params: _add_halves(value),
        lambda cells, is_signed, params: _sum(cells),
        _no_parameters,
    ),
    Function(  # the complement of the least, so that the greatest wins; whether there is one
        "min", Amount.INTEGER, 2, Operation.MAX, Shown.NUMBER,
        lambda value, is_signed, params: ((0, biased(value, is_signed) ^ U64), (1, 1)),
        lambda cells, is_signed, params: _least(cells, is_signed),
        _no_parameters,
    ),
    Function(
        "max", Amount.INTEGER, 2, Operation.MAX, Shown.NUMBER,
        lambda value, is_signed, params: ((0, biased(value, is_signed)), (1, 1)),
        lambda cells, is_signed, params: _most(cells, is_signed),
        _no_parameters,
    ),
    Function(  # halves of the sum; how many
        "avg", Amount.INTEGER, 3, Operation.ADD, Shown.NUMBER,
        lambda value, is_signed, params: (*_add_halves(value), (2, 1)),
        lambda cells, is_signed, params: _average(cells),
        _no_parameters,
    ),
    Function(
        "hist", Amount.INTEGER, None, Operation.ADD, Shown.BARS,
        lambda value, is_signed, params: ((buckets.hist_bucket(value), 1),),
        lambda cells, is_signed, params: _bars(cells, buckets.hist_range),
        _no_parameters,
    ),
    Function(
        "lhist", Amount.INTEGER, None, Operation.ADD, Shown.BARS,
        lambda value, is_signed, params: ((buckets.lhist_bucket(value, *params), 1),),
        lambda cells, is_signed, params: _bars(cells, lambda b: buckets.lhist_range(b, *params)),
        _lhist_parameters,
    ),
    Function(
        "quantiles", Amount.INTEGER, None, Operation.ADD, Shown.QUANTILES,
        lambda value, is_signed, params: ((buckets.quantile_bucket(value), 1),),
        lambda cells, is_signed, params: [quantile(cells, part) for part in params],
        _quantile_parameters,
    ),
    Function(
        "uniq", Amount.ANY, None, Operation.MAX, Shown.NUMBER,
        lambda value, is_signed, params: (buckets.hll_register(value & U64),),
        lambda cells, is_signed, params: distinct(cells),
        _no_parameters,
    ),
)  # fmt: skip

FUNCTIONS = {record.name: record for record in _RECORDS}
