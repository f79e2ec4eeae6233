# SPDX-License-Identifier: Apache-2.0
"""Native: the columns that native/columns.c fills, as Python reads them.

In: a Layout, then chunks of the ring buffer. Out: for each column its values and which rows
have one; and what was left to Python (`Left`).
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from struct import Struct

import numpy as np

from faultin.codegen.plan import Op, OpKind
from faultin.columnar.kinds import Text
from faultin.columnar.layout import Layout, Slot
from faultin.decode.captured import unit_of
from faultin.drain.ring import native

_LAYOUT, _NUMBER, _CAPTURE = Struct("<IIBBH"), Struct("<BBH"), Struct("<BBBxHHHHHHHHI")
_LEFT = np.dtype([("at", "<u4"), ("row", "<u4"), ("ops", "<u4")])
_NO_COLUMN = 0xFFFF
_LEFT_ROOM = 16384
NO_ROW = ALL_LEFT = 0xFFFFFFFF
_TEXT, _PATH, _MEMORY, _OTHER = 1, 2, 3, 4


class _Column(ctypes.Structure):
    _fields_ = [
        ("values", ctypes.c_void_p), ("offsets", ctypes.c_void_p), ("valid", ctypes.c_void_p),
        ("used", ctypes.c_uint64), ("room", ctypes.c_uint64), ("width", ctypes.c_uint32),
        ("rows", ctypes.c_uint32), ("count", ctypes.c_uint32), ("pad", ctypes.c_uint32),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filled:
    """One column of a batch. values: numbers, or bytes end to end; valid: a bool a row."""

    values: bytes
    offsets: bytes | None
    valid: np.ndarray


@cache
def _library() -> ctypes.CDLL:
    lib = native()
    u32, u64, pointer = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p
    lib.faultin_columns_open.restype = pointer
    lib.faultin_columns_open.argtypes = [
        u32, pointer, u32, pointer, u32, pointer, u32, pointer, u32, u64, u32, u32,
    ]  # fmt: skip
    lib.faultin_columns_add.restype = u32
    lib.faultin_columns_add.argtypes = [
        pointer, ctypes.c_char_p, u64, ctypes.POINTER(u64), pointer, u32,
    ]  # fmt: skip
    lib.faultin_columns_rows.restype, lib.faultin_columns_rows.argtypes = u32, [pointer]
    lib.faultin_columns_full.restype, lib.faultin_columns_full.argtypes = ctypes.c_int, [pointer]
    lib.faultin_columns_get.restype = ctypes.POINTER(_Column)
    lib.faultin_columns_get.argtypes = [pointer]
    lib.faultin_columns_names.restype = pointer
    lib.faultin_columns_names.argtypes = [pointer, ctypes.POINTER(u32)]
    lib.faultin_columns_reset.restype, lib.faultin_columns_reset.argtypes = None, [pointer]
    lib.faultin_columns_close.restype, lib.faultin_columns_close.argtypes = None, [pointer]
    return lib


class Columns:
    """The native side of one trace. `room` is the rows of a batch, `offset` turns
    CLOCK_MONOTONIC into ns since the epoch; judging: records that the kernel has not judged
    are left; stacks: all are."""

    def __init__(
        self, layout: Layout, room: int, offset: int, judging: bool, stacks: bool
    ) -> None:
        self._library = _library()
        widths = np.array([column.width for column in layout.columns], np.uint32)
        layouts, numbers, captures = _packed(layout)
        plans = len(layouts) // _LAYOUT.size
        self._columns = self._library.faultin_columns_open(
            room, widths.ctypes.data, len(widths), layouts, plans,
            numbers, len(numbers) // _NUMBER.size, captures, len(captures) // _CAPTURE.size,
            offset % (1 << 64), judging, stacks,
        )  # fmt: skip
        if not self._columns:
            raise MemoryError
        self._count = len(widths)
        self._left = np.empty(_LEFT_ROOM, _LEFT)

    def add(self, chunk: bytes, at: int) -> tuple[int, np.ndarray]:
        """(where to go on, what was left of the records before that)."""
        position = ctypes.c_uint64(at)
        count = self._library.faultin_columns_add(
            self._columns, chunk, len(chunk), ctypes.byref(position), self._left.ctypes.data,
            _LEFT_ROOM,
        )  # fmt: skip
        return position.value, self._left[:count].copy()

    @property
    def rows(self) -> int:
        return self._library.faultin_columns_rows(self._columns)

    @property
    def is_full(self) -> bool:
        return bool(self._library.faultin_columns_full(self._columns))

    def take(self) -> tuple[dict[int, Filled], list[bytes]]:
        """(columns that have values, by number; names of threads); the next batch is empty."""
        rows = self.rows
        columns = self._library.faultin_columns_get(self._columns)
        found = {i: _filled(columns[i], rows) for i in range(self._count) if columns[i].count}
        count = ctypes.c_uint32()
        names = self._library.faultin_columns_names(self._columns, ctypes.byref(count))
        data = ctypes.string_at(names, 16 * count.value)
        self._library.faultin_columns_reset(self._columns)
        return found, [data[at : at + 16] for at in range(0, len(data), 16)]

    def close(self) -> None:
        self._library.faultin_columns_close(self._columns)
        self._columns = None


def _filled(column: _Column, rows: int) -> Filled:
    bits = np.frombuffer(ctypes.string_at(column.valid, (rows + 7) // 8), np.uint8)
    valid = np.unpackbits(bits, count=rows, bitorder="little").astype(bool)
    if column.width:
        return Filled(ctypes.string_at(column.values, rows * column.width), None, valid)
    offsets = ctypes.string_at(column.offsets, 4 * (rows + 1))
    values = ctypes.string_at(column.values, column.used) if column.used else b""
    return Filled(values, offsets, valid)


def _packed(layout: Layout) -> tuple[bytes, bytes, bytes]:
    """Arrays of struct layout, number and capture of native/columns.h."""
    numbers, captures = bytearray(), bytearray()
    layouts = [_LAYOUT.pack(0, 0, 0, 0, 0)] * (max(layout.slots, default=0) + 1)
    for index, slots in layout.slots.items():
        plan = layout.plans[index]
        registers = [slot for slot in slots if slot.is_register]
        by_position = {slot.position: slot for slot in slots}
        layouts[index] = _LAYOUT.pack(
            len(numbers) // _NUMBER.size, len(captures) // _CAPTURE.size,
            len(registers), sum(op.kind is not OpKind.STACK for op in plan.ops), 0,
        )  # fmt: skip
        for slot in registers:
            numbers += _NUMBER.pack(slot.position, layout.columns[slot.value].width, slot.value)
        for bit, op in enumerate(plan.ops):
            if op.kind is not OpKind.STACK:  # calls that have one are left, all of them
                kind = _kind(by_position[op.position], op, plan.syscall.is_event)
                captures += _capture(kind, by_position[op.position], op, plan.first + bit)
    return b"".join(layouts), bytes(numbers), bytes(captures)


def _capture(kind: int, slot: Slot, op: Op, number: int) -> bytes:
    columns = (
        slot.value,
        slot.bytes,
        slot.length,
        slot.word,
        slot.out,
        slot.out_bytes,
        slot.out_length,
    )
    numbers = [_NO_COLUMN if column is None else column for column in columns]
    size = unit_of(op, slot.argument)
    return _CAPTURE.pack(kind, op.position, op.is_output, number, *numbers, size)


def _kind(slot: Slot, op: Op, is_event: bool) -> int:
    """A path is whole, as system calls refuse longer ones; that of an event may be a part."""
    if op.kind is OpKind.STRING:
        return _PATH if slot.argument.kind == "path" and not is_event else _TEXT
    is_memory = op.kind in (OpKind.MEMORY, OpKind.IOCTL) and not isinstance(slot.codec, Text)
    return _MEMORY if is_memory else _OTHER
