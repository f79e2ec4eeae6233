# SPDX-License-Identifier: Apache-2.0
"""Expressions: a typed expression becomes one of Ibis.

In: an Expr of query/tree.py, and what gives the value of a slot. Out: an Ibis boolean, which
is never null; an Ibis number; a Blob or Strings. What each node means is said in tree.py.
"""

from collections.abc import Callable
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import ibis

from faultin.errors import UsageError
from faultin.lowering import integers
from faultin.lowering.dialect import DUCKDB, Dialect
from faultin.lowering.patterns import match, text_of
from faultin.lowering.values import Blob, Expr, Presence, Strings
from faultin.query import tree
from faultin.query.tree import Matching, Relation
from faultin.query.types import Type

Value = Any  # an Ibis expression, Blob, Strings or Presence
_RELATIONS: dict[Relation, Callable[[Expr, Expr], Expr]] = {
    Relation.EQ: eq, Relation.NE: ne, Relation.LT: lt, Relation.LE: le, Relation.GT: gt,
    Relation.GE: ge,
}  # fmt: skip


class Lowering:
    """Lowers the expressions of one query. slot: gives the value of a slot."""

    def __init__(self, slot: Callable[[int], Value], engine: Dialect = DUCKDB) -> None:
        self._slot, self._engine = slot, engine

    def condition(self, expr: tree.Expr) -> Expr:
        """A boolean, never null."""
        match expr:
            case tree.And():
                return reduce(and_, map(self.condition, expr.operands))
            case tree.Or():
                return reduce(or_, map(self.condition, expr.operands))
            case tree.Not():
                return ~self.condition(expr.operand)
            case tree.Missing():
                return self._missing(expr.operand)
            case tree.Compare():
                found = self._compare(expr)
            case tree.Match():
                found = self._match(expr)
            case tree.InNetworks():
                found = self._in_networks(expr)
            case _:
                raise TypeError(f"{type(expr).__name__} is no condition")
        return found.fill_null(False)

    def value(self, expr: tree.Expr) -> Value:
        """A number (a condition is 0 or 1), a Blob or Strings."""
        match expr:
            case tree.Const(value=int(value)):
                return integers.constant(self._engine, value)
            case tree.Const(value=bytes(value)):
                text = text_of(value)
                digits = ibis.literal(value.hex().upper())
                return Blob(digits=digits) if text is None else Blob(text=ibis.literal(text))
            case tree.Field():
                return self._slot(expr.slot)
            case tree.Binary():
                sides = [(self.value(side), side.type) for side in (expr.left, expr.right)]
                return integers.binary(self._engine, expr.op, expr.type, *sides)
            case tree.Slice():
                return _slice(self.blob(expr.subject), expr.start, expr.stop)
            case tree.Item():
                return _item(self._strings(expr.subject), expr.index)
            case tree.Length():
                return self._length(expr.subject)
        return self.condition(expr).cast("int64")

    def blob(self, expr: tree.Expr) -> Blob:
        found = self.value(expr)
        if isinstance(found, Presence):
            why = "recordings have its parts, not its bytes"
            raise UsageError(found.name, why, f"ask for a part, or missing({found.name})")
        return found

    def _strings(self, expr: tree.Expr) -> Strings:
        found = self.value(expr)
        assert isinstance(found, Strings)
        return found

    def _missing(self, operand: tree.Expr) -> Expr:
        found = self.value(operand)
        return found.is_missing if isinstance(found, Blob | Strings | Presence) else found.isnull()

    def _length(self, subject: tree.Expr) -> Expr:
        if subject.type is not Type.LIST:
            return self.blob(subject).full
        found = self._strings(subject)
        parts = [part.length() for part in (found.texts, found.raws) if part is not None]
        length = ibis.coalesce(*parts).cast("int64")
        return ibis.ifelse(found.cut, ibis.null("int64"), length)

    # Conditions

    def _compare(self, expr: tree.Compare) -> Expr:
        if expr.left.type is not Type.BYTES:
            return _RELATIONS[expr.relation](self.value(expr.left), self.value(expr.right))
        left, right = self.blob(expr.left), self.blob(expr.right)
        wanted = expr.relation is Relation.EQ
        if isinstance(expr.right, tree.Const) and left.text is not None and left.length is None:
            return _compare_text(left, right, wanted)
        same = left.hexed == right.hexed
        known = ~(left.is_cut | right.is_cut)
        by_bytes = known & (same if wanted else ~same)
        differs = left.full != right.full
        return ibis.ifelse(differs, not wanted, by_bytes)

    def _match(self, expr: tree.Match) -> Expr:
        if expr.how is Matching.ITEM:
            return _has_item(self._strings(expr.subject), expr.constants[0])
        blob = self.blob(expr.subject)
        found = match(expr.how, blob, expr.constants)
        is_open = expr.how is Matching.GLOB and expr.constants[0].endswith(b"*")
        if expr.how is Matching.SUFFIX or (expr.how is Matching.GLOB and not is_open):
            return found & ~blob.is_cut
        return found

    def _in_networks(self, expr: tree.InNetworks) -> Expr:
        digits = self.blob(expr.subject).hexed
        return reduce(or_, [_in_network(digits, *network) for network in expr.networks])


def _compare_text(left: Blob, right: Blob, wanted: bool) -> Expr:
    """A text that is whole with a constant."""

    def of(same: Expr) -> Expr:
        return same if wanted else ~same

    if right.text is None:
        return of(left.hexed == right.hexed)
    by_text = of(left.text == right.text)
    if left.raw is None:
        return by_text
    return by_text.fill_null(of(Blob(raw=left.raw).hexed == right.hexed))


def _has_item(strings: Strings, constant: bytes) -> Expr:
    """Of a list that has a string which is not UTF-8, all strings are bytes."""
    text, found = text_of(constant), ibis.literal(False)
    if strings.texts is not None and text is not None:
        found = strings.texts.contains(text).fill_null(False)
    if strings.raws is not None:
        found = found | strings.raws.contains(ibis.literal(constant, type="binary")).fill_null(
            False
        )
    return found


def _in_network(digits: Expr, base: bytes, bits: int) -> Expr:
    """Between its first and its last address, in hexadecimal digits."""
    length = 8 * len(base)
    first = int.from_bytes(base, "big") >> (length - bits) << (length - bits)
    last = first | ((1 << (length - bits)) - 1)
    low, high = (value.to_bytes(len(base), "big").hex().upper() for value in (first, last))
    return (digits.length() == len(low)) & (digits >= low) & (digits <= high)


# Values


def _item(strings: Strings, index: int) -> Blob:
    texts = None if strings.texts is None else strings.texts[index]
    raws = None if strings.raws is None else strings.raws[index]
    return Blob(text=texts, raw=raws)


def _slice(blob: Blob, start: int | None, stop: int | None) -> Blob:
    """subject[start:stop]; missing if it reaches bytes that were not captured."""
    digits, full = blob.hexed, blob.full
    first = _bound(0 if start is None else start, full)
    last = full if stop is None else _bound(stop, full)
    size = ibis.greatest(last - first, 0)
    if blob.length is None:
        return Blob(digits=_digits(digits, first, size))
    # The full length may be 2**32 - 1, and engines take no place so far off.
    found = _digits(digits, ibis.least(first, blob.size), ibis.least(size, blob.size))
    beyond = (size > 0) & (last > blob.size)
    return Blob(digits=ibis.ifelse(beyond, ibis.null("string"), found))


def _digits(digits: Expr, first: Expr, size: Expr) -> Expr:
    """Those of so many bytes."""
    return digits.substr((2 * first).cast("int64"), (2 * size).cast("int64"))


def _bound(value: int, full: Expr) -> Expr:
    """As Python's slices: from the end if it is negative, and within the whole."""
    return ibis.greatest(full + value, 0) if value < 0 else ibis.least(full, value)
