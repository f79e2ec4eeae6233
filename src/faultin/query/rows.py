# SPDX-License-Identifier: Apache-2.0
"""Rows: the values of a query's slots in one record.

In: a Record, the pieces of it, and a Query. Out: a RecordRow for evaluate.py. As in
decode, of several attempts at the same memory the first that succeeded counts; what
nobody could read is MISSING, whatever the reason.
"""

from collections.abc import Callable, Mapping
from typing import Any

from faultin.codegen.plan import Plan, Plans
from faultin.drain.wire import Piece, Record, RecordFlag, RecordType
from faultin.query.captured import Captured, reader
from faultin.query.query import Query
from faultin.query.scope import Slot
from faultin.query.sources import Common, Fixed, Register, Source
from faultin.query.types import MISSING, UNKNOWN, Type, wrapped

_CALL, _LATE = RecordType.CALL.value, RecordFlag.LATE.value
_ERRNO_MAX = 4095
_NOTHING: Mapping[str, Any] = {}
Getter = Callable[["RecordRow"], Any]


class RecordRow:
    """The values of one record. Each is looked for when it is first asked for."""

    __slots__ = ("record", "common", "captured", "_getters", "_values")

    def __init__(
        self, record: Record, captured: Captured, common: Mapping[str, Any], getters: list[Getter]
    ) -> None:
        self.record, self.captured, self.common = record, captured, common
        self._getters = getters
        self._values: list[Any] = [None] * len(getters)

    def value(self, slot: int) -> Any:
        found = self._values[slot]
        if found is None:
            found = self._values[slot] = self._getters[slot](self)
        return found


class EarlyRow:
    """A row as it is before the call returns: `late` slots are UNKNOWN."""

    def __init__(self, row: Any, late: frozenset[int]) -> None:
        self._row, self._late = row, late

    def value(self, slot: int) -> Any:
        return UNKNOWN if slot in self._late else self._row.value(slot)


class Rows:
    """Makes the rows of one trace. `offset` turns CLOCK_MONOTONIC into ns since the epoch."""

    def __init__(self, query: Query, plans: Plans, offset: int = 0) -> None:
        self._query, self._plans, self._offset = query, plans, offset
        self._getters: dict[int, list[Getter]] = {}

    def row(
        self, record: Record, pieces: list[Piece] | None = None,
        common: Mapping[str, Any] = _NOTHING,
    ) -> RecordRow:  # fmt: skip
        """The row of a whole record (Assembler.whole).

        pieces: those of the record, and more if they were read from elsewhere (remote.py).
        common: the fields of every event that a record does not have, such as exe.
        """
        plan = self._plans.plans.get(record.plan)
        getters = self._getters.get(record.plan)
        if getters is None:
            getters = self._getters[record.plan] = self._make(record.plan, plan)
        captured = Captured(record, plan, record.pieces() if pieces is None else pieces)
        return RecordRow(record, captured, common, getters)

    def _make(self, index: int, plan: Plan | None) -> list[Getter]:
        sources = self._query.sources[index]
        pairs = zip(self._query.slots, sources, strict=True)
        return [self._getter(slot, source, plan) for slot, source in pairs]

    def _getter(self, slot: Slot, source: Source | None, plan: Plan | None) -> Getter:
        match source:
            case None:
                return lambda row: MISSING
            case Fixed(value):
                return lambda row: value
            case Common(name):
                return _shifted(self._offset) if name == "ts" else _COMMON.get(name) or _given(name)
            case Register():
                read = _register(source, slot.type)
                is_event = plan is not None and plan.syscall.is_event
                return _if_read(read, source.position) if is_event else read
        assert plan is not None, "a call that no table has captures nothing"
        read = reader(source, plan)
        if not slot.type.is_int:
            return lambda row: read(row.captured)
        return _number(read, slot.type)


def _number(read: Callable[[Captured], Any], type_: Type) -> Getter:
    """A number in memory, as the type of its slot has it."""

    def get(row: RecordRow) -> Any:
        found = read(row.captured)
        return found if found is MISSING else wrapped(found, type_)

    return get


def _register(source: Register, type_: Type) -> Getter:
    position, bits = source.position, source.bits
    mask, sign = (1 << bits) - 1, (1 << bits - 1) * source.signed

    def get(row: RecordRow) -> int:
        value = row.record.arguments[position] & mask
        return wrapped((value ^ sign) - sign, type_)

    return get


def _if_read(read: Getter, position: int) -> Getter:
    """An argument of a user event, which may have been in memory that could not be read."""
    return lambda row: MISSING if row.record.ret >> position & 1 else read(row)


# Fields of every event


def _shifted(offset: int) -> Getter:
    return lambda row: row.record.ts + offset


def _given(name: str) -> Getter:
    """A field that records do not have: whoever asks for it must give it."""

    def get(row: RecordRow) -> Any:
        try:
            return row.common[name]
        except KeyError:
            raise LookupError(f"a record has no {name}, and none was given") from None

    return get


def _ret(row: RecordRow) -> Any:
    return row.record.ret if row.record.type == _CALL else MISSING


def _errno(row: RecordRow) -> Any:
    ret = row.record.ret
    return -ret if row.record.type == _CALL and -_ERRNO_MAX <= ret < 0 else MISSING


def _latency(row: RecordRow) -> Any:
    record = row.record
    return record.latency if record.type == _CALL and not record.flags & _LATE else MISSING


_COMMON: dict[str, Getter] = {
    "pid": lambda row: row.record.pid,
    "tid": lambda row: row.record.tid,
    "comm": lambda row: row.record.comm.split(b"\0", 1)[0],
    "ret": _ret,
    "errno": _errno,
    "latency": _latency,
}
