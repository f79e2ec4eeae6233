# SPDX-License-Identifier: Apache-2.0
"""Slots: where the value of a query's slot is in the columns of a recording.

In: a Query over the plans of what was recorded, and a table of the columns of
columnar/layout.py, some of which may not be there. Out: the value of each slot, as
expressions.py takes it. Where the calls have it in different columns, each row has it in one.
"""

import re
from collections import defaultdict
from functools import reduce
from typing import Any

import ibis

from faultin.codegen.plan import Plans
from faultin.columnar.kinds import Plain, Text
from faultin.columnar.layout import Layout
from faultin.columnar.layout import Slot as Where
from faultin.drain.wire import PLAN_NONE
from faultin.errors import UsageError
from faultin.lowering import integers
from faultin.lowering.expressions import Value
from faultin.lowering.values import Blob, Expr, Presence, Strings, buffer
from faultin.query.fields import ARGUMENTS
from faultin.query.query import Query
from faultin.query.sources import (
    Address,
    Common,
    Count,
    Fixed,
    Items,
    Memory,
    Register,
    Source,
    Total,
)  # fmt: skip
from faultin.query.sources import Text as StructText
from faultin.query.types import MAX_BYTES, Type

_PART = re.compile(r"\w+|\[\d+\]")
_NOT_KEPT = ("exe",)
_ERRNO_MAX = 4095
_UNSIGNED = (ibis.dtype("uint64"), ibis.dtype("decimal(20, 0)"))  # as DuckDB and Spark have it


class Slots:
    """The slots of one query over one table."""

    def __init__(self, query: Query, plans: Plans, table: Any) -> None:
        self._query, self._plans, self._table = query, plans, table
        self._layout = Layout(plans)
        self._columns = set(table.columns)

    def value(self, number: int) -> Value:
        """The value of a slot; UsageError if recordings do not have it."""
        slot = self._query.slots[number]
        places: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for plan, sources in self._query.sources.items():
            if (source := sources[number]) is not None and plan != PLAN_NONE:
                places[self._place(plan, source, slot.name)].append(plan)
        found = [self._guarded(place, plans, slot.type) for place, plans in places.items()]
        return _either(found, slot.type)

    # Where

    def _place(self, plan: int, source: Source, name: str) -> tuple[Any, ...]:
        """What says where it is: equal for plans that have it in the same place."""
        match source:
            case Fixed():
                return ("common", "syscall")
            case Common(common):
                return ("common", common)
            case Register(position):
                return ("argument", self._where(plan, position).value, (), type(source))
        made = self._plans.plans[plan]
        where = self._where(plan, made.ops[source.op].position)
        return ("argument", where.value, self._rest(where, name, source), type(source))

    def _where(self, plan: int, position: int) -> Where:
        return next(w for w in self._layout.slots[plan] if w.position == position)

    def _rest(self, where: Where, name: str, source: Source) -> tuple[str | int, ...]:
        """What follows the argument in the name of a slot; an IP address is in `address`."""
        parts = [int(p[1:-1]) if p[0] == "[" else p for p in _PART.findall(name)]
        rest = parts[2:] if parts[0] == ARGUMENTS and len(parts) > 1 else parts[1:]
        if parts[0] == "addr" and where.argument.kind == "msghdr":
            rest = ["msg_name", *rest]
        return (*rest[:-1], "address") if isinstance(source, Address) else tuple(rest)

    # What is there

    def _guarded(self, place: tuple[Any, ...], plans: list[int], of: Type) -> Value:
        """The value at a place; null in the rows of calls that have something else there."""
        if place[0] == "common":
            return self._common(place[1])
        _, column, rest, kind = place
        where = next(w for w in self._layout.slots[plans[0]] if w.value == column)
        value = self._argument(where, rest, kind, of)
        others = {
            self._plans.plans[index].syscall.name for index, slots in self._layout.slots.items()
            if index not in plans and any(w.value == column for w in slots)
        }  # fmt: skip
        own = {self._plans.plans[index].syscall.name for index in plans}
        if not others - own:
            return value
        return _where(value, self._table["syscall"].isin(sorted(own)))

    def _common(self, name: str) -> Value:
        if name in _NOT_KEPT:
            raise UsageError(f"query: {name}", "recordings do not have it")
        if name == "errno":
            ret = self._table["ret"]
            failed = (ret < 0) & (ret >= -_ERRNO_MAX)
            return ibis.ifelse(failed, -ret, ibis.null("int64"))
        if name not in self._columns:
            why = "this recording does not have it"
            advice = "record with --stack" if name == "ustack" else ""
            raise UsageError(f"query: {name}", why, advice)
        column = self._table[name]
        return Blob(text=column) if name in ("comm", "syscall", "ustack") else column

    def _column(self, number: int | None) -> Expr | None:
        """None if no call of the recording has it."""
        name = None if number is None else self._layout.columns[number].name
        return self._table[name] if name in self._columns else None

    def _argument(self, where: Where, rest: tuple[str | int, ...], kind: type, of: Type) -> Value:
        column = self._column(where.value)
        raw, length = self._column(where.bytes), self._column(where.length)
        if kind is Items:
            cut = ibis.literal(False) if length is None else length.notnull()
            return Strings(column, raw, cut) if column is not None or raw is not None else None
        if column is None and raw is None:
            return None
        if kind in (Total, Count):
            cut = None if length is None else length.notnull()
            return _vector(column, rest, kind is Total, cut)
        if kind is Memory and isinstance(where.codec, Text):
            return Blob(text=column, raw=raw)
        if kind is Memory and isinstance(where.codec, Plain):
            return buffer(column, length, MAX_BYTES)
        if kind is Memory:
            return Presence(column.isnull(), where.argument.name)
        try:
            found = reduce(lambda value, part: value[part], rest, column)
        except (TypeError, KeyError, ibis.common.exceptions.IbisError):
            name = ".".join(map(str, (where.argument.name, *rest)))
            raise UsageError(f"query: {name}", "recordings have it as bytes only") from None
        return self._part(found, kind, of)

    def _part(self, found: Expr, kind: type, of: Type) -> Value:
        if kind is Address:
            return Blob(raw=found)
        if kind is StructText:
            return Blob(text=found)
        if of is Type.S64 and found.type() in _UNSIGNED:
            return integers.wrapped(integers.wide(found), of)
        return found


def _vector(column: Expr, rest: tuple[str | int, ...], total: bool, cut: Expr | None) -> Expr:
    """The sum of the lengths of all buffers, or their number."""
    parts = [part for part in rest if part not in ("len", "count")]
    found = reduce(lambda value, part: value[part], [p for p in parts if p != "msg_iov"], column)
    if found.type().is_struct():
        found = found["msg_iov"]
    if "msg_hdr" in getattr(found.type().value_type, "names", ()):
        each = found.map(lambda message: _of_buffers(message["msg_hdr"]["msg_iov"], total))
        number = ibis.coalesce(each.sums(), ibis.ifelse(found.isnull(), ibis.null("int64"), 0))
    else:
        number = _of_buffers(found, total)
    return number if cut is None else ibis.ifelse(cut, ibis.null("int64"), number)


def _of_buffers(buffers: Expr, total: bool) -> Expr:
    if not total:
        return buffers.length()
    sizes = buffers.map(lambda buffer: buffer["iov_len"])
    nothing = ibis.ifelse(buffers.isnull(), ibis.null("int64"), ibis.literal(0, "int64"))
    return ibis.coalesce(sizes.sums().cast("int64"), nothing)


def _where(value: Value, holds: Expr) -> Value:
    """The value where a condition holds, else missing."""

    def only(expr: Expr | None) -> Expr | None:
        return None if expr is None else ibis.ifelse(holds, expr, ibis.null(expr.type()))

    match value:
        case None:
            return None
        case Blob():
            return Blob(only(value.text), only(value.raw), only(value.digits), only(value.length))
        case Strings():
            return Strings(only(value.texts), only(value.raws), holds & value.cut)
        case Presence():
            return Presence(value.is_missing | ~holds, value.name)
    return only(value)


def _either(found: list[Value], of: Type) -> Value:
    """The value that a row has, of several of which it has at most one."""
    there = [value for value in found if value is not None]
    if not there:
        return _nothing(of)
    if len(there) == 1:
        return there[0]
    if all(isinstance(value, Blob) for value in there):
        return _either_blob(there)
    if all(isinstance(value, Strings) for value in there):
        cut = reduce(lambda one, other: one | other, [value.cut for value in there])
        texts = _coalesced([value.texts for value in there])
        return Strings(texts, _coalesced([value.raws for value in there]), cut)
    if any(isinstance(value, Presence) for value in there):
        parts = [v.is_missing if hasattr(v, "is_missing") else v.isnull() for v in there]
        return Presence(reduce(lambda one, other: one & other, parts), "it")
    return ibis.coalesce(*there)


def _either_blob(there: list[Blob]) -> Blob:
    if any(blob.digits is not None for blob in there):
        digits = _coalesced([blob.hexed for blob in there])
        return Blob(digits=digits, length=_coalesced([blob.length for blob in there]))
    return Blob(_coalesced([b.text for b in there]), _coalesced([b.raw for b in there]))


def _coalesced(found: list[Expr | None]) -> Expr | None:
    there = [expr for expr in found if expr is not None]
    return ibis.coalesce(*there) if there else None


def _nothing(of: Type) -> Value:
    """Of what no call of the recording has: it is missing everywhere."""
    if of is Type.LIST:
        return Strings(ibis.null("array<string>"), None, ibis.literal(False))
    return ibis.null("int64") if of.is_int else Blob(text=ibis.null("string"))
