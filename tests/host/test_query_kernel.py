# SPDX-License-Identifier: Apache-2.0
"""The kernel and plain Python say the same of any call, for any query.

Expressions and rows are hypothesis's. A row becomes the record of a call of one plan, as
if it had been captured; the functions of the query run on it in a BPF program, and the
plain back end reads the same record.
"""

import ctypes
import os
import socket
from struct import pack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from query_strategies import cases, conditions
from query_values import FIELDS, PLANS, TABLE, ValuesRow, query

from faultin.codegen.link import build
from faultin.codegen.program import Options, program_ir
from faultin.codegen.query.functions import ASK, KEEP, functions
from faultin.codegen.query.layout import RECORD
from faultin.consume.callers import Caller
from faultin.drain.wire import HEAD, PIECE, PIECE_MAX, How, Record, RecordFlag, RecordType, Role
from faultin.kernel.bpf import run_program
from faultin.kernel.libbpf import Object, library
from faultin.query.evaluate import compiled
from faultin.query.printing import printed
from faultin.query.query import Query
from faultin.query.rows import Rows
from faultin.query.types import MISSING, Cut, CutList, Type

pytestmark = pytest.mark.kernel

SEED = int(os.environ.get("FAULTIN_SEED", "20261125"))
# In a guest, which is emulated, fewer: what differs there is the verifier.
EXPRESSIONS, ROWS = (20, 20) if os.environ.get("FAULTIN_RESULTS") else (600, 20)
HEAP = 3072  # HEAP_SIZE of bpf/wire.h; behind it a piece has room
STATE_SIZE = RECORD + HEAD.size + HEAP + PIECE.size + PIECE_MAX
PLACES = 64
NAMES = [field.name for field in FIELDS]
CALLS = [TABLE.by_name(name).nr for name in ("execve", "sendto")]


class Subject:
    """One query's functions, loaded: `verdict` runs them on a record."""

    def __init__(self, asked: Query) -> None:
        made = functions(asked, PLANS)
        self._object = Object(build("judge", "x86_64", program_ir(PLANS, Options(query=made))))
        self._object.load()
        self._program = self._object.program_fds()["judge_subject"]
        self._map = self._object.map_fd("subjects")
        self._size = STATE_SIZE + 24 + 4 * PLACES + 8 * PLACES

    def verdict(self, head: bytes, heap: bytes, seen: list[tuple[int, int]]) -> tuple[int, int, int]:
        """(whether it is possible, the verdict, whether it is certain)."""
        image = bytearray(self._size)
        image[RECORD : RECORD + HEAD.size] = head
        image[RECORD + HEAD.size : RECORD + HEAD.size + len(heap)] = heap
        places = [place for place, _ in seen] + [0] * (PLACES - len(seen))
        keys = [key for _, key in seen] + [0] * (PLACES - len(seen))
        image[STATE_SIZE:] = pack(f"<6I{PLACES}I{PLACES}Q", 1, len(seen), *[0] * 4, *places, *keys)
        lib, _ = library()
        key, value = ctypes.c_uint32(0), ctypes.create_string_buffer(bytes(image), len(image))
        arguments = (self._map, ctypes.byref(key), value)
        assert not lib.bpf_map_update_elem(*arguments, 0)
        run_program(self._program)
        assert not lib.bpf_map_lookup_elem(*arguments)
        possible, verdict, certain = memoryview(value.raw)[STATE_SIZE + 8 : STATE_SIZE + 20].cast("I")
        return possible, verdict, certain

    def close(self) -> None:
        self._object.close()


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


RECORDS = {"judged": 0, "asked": 0, "true": 0}


@st.composite
def asked(draw: Any) -> tuple[Any, list[ValuesRow]]:
    """An expression, and rows of which half are like its constants."""
    expr = draw(conditions())
    rows = [draw(cases(st.just(expr)))[1] for _ in range(ROWS)]
    return expr, rows


@seed(SEED)
@settings(max_examples=EXPRESSIONS, deadline=None, database=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(asked())
def judged_alike(case):
    expr, rows = case
    asks = query(expr)
    subject, makes, holds = Subject(asks), Rows(asks, PLANS), compiled(expr)
    try:
        for number, row in enumerate(rows):
            call = Call(CALLS[number % 2], row)
            if len(call.heap) > HEAP or len(call.seen) > PLACES:
                continue
            possible, verdict, certain = subject.verdict(call.head, call.heap, call.seen)
            caller = Caller(call.record, call.record.pieces())
            caller["exe"] = row.values[NAMES.index("exe")]
            expected = holds(makes.row(call.record, None, caller))
            RECORDS["judged" if verdict != ASK else "asked"] += 1
            RECORDS["true"] += expected
            what = f"{printed(expr)}\n{call.name} {dict(zip(NAMES, row.values))}: {verdict}"
            assert possible or not expected, what
            assert expected or not certain, what
            assert verdict in (ASK, KEEP if expected else 0), what
    finally:
        subject.close()


def test_the_kernel_and_python_agree(capsys):
    judged_alike()
    with capsys.disabled():
        print(f"\nseed {SEED}: {RECORDS}")
    total = RECORDS["judged"] + RECORDS["asked"]
    assert RECORDS["judged"] > 0.6 * total and RECORDS["true"] > 0.1 * total
