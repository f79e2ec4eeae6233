# SPDX-License-Identifier: Apache-2.0
"""Rows as the records of calls, as if they had been captured: for the back ends that run on
a struct task_state, in the kernel and natively. Used with query_strategies."""

import socket
from struct import pack
from typing import Any

from hypothesis import strategies as st
from query_strategies import cases, conditions
from query_values import FIELDS, PLANS, TABLE, ValuesRow

from faultin.codegen.native import HEAP_SIZE
from faultin.consume.callers import Caller
from faultin.drain.wire import HEAD, PIECE, How, Record, RecordFlag, RecordType, Role
from faultin.query.printing import printed
from faultin.query.types import MISSING, Cut, CutList, Type

NAMES = [field.name for field in FIELDS]
CALLS = [TABLE.by_name(name).nr for name in ("execve", "sendto")]
PLACES = 64  # of pieces that bpf/judge.bpf.c is shown


class Call:
    """A row as the record of a call of one plan."""

    def __init__(self, number: int, row: ValuesRow) -> None:
        self._plan = PLANS.plans[number]
        self.name = self._plan.syscall.name
        self._heap = bytearray()
        self.seen: list[tuple[int, int]] = []
        self._arguments = [0x1000] * 6
        values = {field.name: value for field, value in zip(FIELDS, row.values, strict=True)}
        ret, latency = (values[name] for name in ("ret", "latency"))
        self._context(values["cgroup"])
        for field in FIELDS:
            self._value(field.name, field.type, values[field.name])
        comm = values["comm"] if values["comm"] is not MISSING else b""
        flags = RecordFlag.SETTLED | (RecordFlag.LATE if latency is MISSING else 0)
        missing = ret is MISSING
        fields = (
            RecordType.CALL, flags, number, number, 1, 1, _time(values["ts"]), _time(latency),
            0 if missing else ret, *self._arguments, comm[:15], 1, 0, 0,
        )  # fmt: skip
        self.head = HEAD.pack(*fields)
        self.heap = bytes(self._heap)
        self.record = Record(*fields[:9], tuple(self._arguments), comm[:15], 1, 0, 0, self.heap)

    def _op(self, name: str) -> int | None:
        position = self._plan.syscall.alias(name)
        if name == "addr.ip":
            position = next(iter(self._plan.syscall.positions("sockaddr")), None)
        found = (bit for bit, op in enumerate(self._plan.ops) if op.position == position)
        return next(found, None) if position is not None else None

    def _context(self, cgroup: Any) -> None:
        data = pack("<iIIIQ", 7, 8, 9, 0, 0 if cgroup is MISSING else cgroup)
        self._piece(0xFFFF, Role.CONTEXT, data, 0, How.ENTRY, len(data), 0)

    def _piece(self, op: int, role: int, data: bytes, address: int, how: int, want: int, index: int) -> int:
        place = HEAD.size + len(self._heap)
        self._heap += PIECE.pack(address, op, role, how, index, 0, want, len(data))
        self._heap += data.ljust((len(data) + 7) & ~7, b"\xee")
        return place

    def _capture(self, op: int, role: int, data: bytes, want: int, index: int = 0, how: int = How.ENTRY) -> None:
        number = self._plan.first + op
        address = 0x1000 if role == Role.DATA else 0x5000 + 16 * index
        self.seen.append((self._piece(number, role, data, address, how, want, index), 0))

    def _value(self, name: str, of: Type, value: Any) -> None:
        if name == "len" and "len" in [a.name for a in self._plan.arguments]:
            self._arguments[self._plan.syscall.index("len")] = 0 if value is MISSING else value
        op = self._op(name)
        if op is None or name in ("len", "comm", "exe"):
            return
        if value is MISSING:
            self._arguments[self._plan.ops[op].position] = 0
        elif of is Type.LIST:
            self._list(op, value)
        elif of is Type.IP:
            four = pack("<HH4s8x", socket.AF_INET, 0, value) if len(value) == 4 else b""
            data = four or pack("<HHI16sI", socket.AF_INET6, 0, 0, value, 0)
            self._capture(op, Role.DATA, data, len(data))
        elif name == "path":
            self._capture(op, Role.DATA, value + b"\0", len(value) + 1)
        elif of is Type.BYTES:
            self._capture(op, Role.DATA, bytes(value), value.length if isinstance(value, Cut) else len(value))

    def _list(self, op: int, value: tuple[Any, ...]) -> None:
        for index, item in enumerate(value):
            if item is MISSING:
                self._capture(op, Role.ITEM, b"", 0, index, How.MISSED)
            else:
                self._capture(op, Role.ITEM, item + b"\0", len(item) + 1, index)
        if not isinstance(value, CutList):
            key = self._plan.first + op | Role.END << 16 | How.ENTRY << 24 | len(value) << 32
            self._piece(self._plan.first + op, Role.END, b"", 0x9000, How.ENTRY, 0, len(value))
            self.seen.append((0, key))


def _time(value: Any) -> int:
    """Times are never negative, nor that large."""
    return 0 if value is MISSING else value % (1 << 62)


def call_of(number: int, row: ValuesRow) -> Call | None:
    """The row as a call of execve or sendto, by turns; None if it has no room in a state."""
    call = Call(CALLS[number % len(CALLS)], row)
    return None if len(call.heap) > HEAP_SIZE or len(call.seen) > PLACES else call


def caller_of(call: Call, row: ValuesRow) -> Caller:
    """Who calls, for the plain back end."""
    caller = Caller(call.record, call.record.pieces())
    caller["exe"] = row.values[NAMES.index("exe")]
    return caller


def described(expr: Any, call: Call, row: ValuesRow, **said: Any) -> str:
    """All that it takes to look at a case again: the query, the call, what each has said."""
    values = "".join(f"\n  {name} = {value!r}" for name, value in zip(NAMES, row.values, strict=True))
    answers = "".join(f"\n  {name}: {answer}" for name, answer in said.items())
    return f"-e {call.name} -w '{printed(expr)}'{values}{answers}"


@st.composite
def asked(draw: Any, rows: int) -> tuple[Any, list[ValuesRow]]:
    """An expression, and rows of which half are like its constants."""
    expr = draw(conditions())
    found = [draw(cases(st.just(expr)))[1] for _ in range(rows)]
    return expr, found
