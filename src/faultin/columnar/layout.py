# SPDX-License-Identifier: Apache-2.0
"""Layout: the columns that the calls of a trace can have, and which argument is in which.

In: Plans. Out: Columns by number, and for each plan a Slot for each argument. Invariant: the
name of a column says what it holds, so that recordings of different traces go together.
"""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from faultin.codegen.plan import OpKind, Plan, Plans
from faultin.columnar.codec import Codec, Number, number
from faultin.columnar.kinds import Text, memory, register
from faultin.columnar.nested import STRINGS, STRINGS_BYTES, Nested, nested
from faultin.syscalls.table import Argument, Unit

WORDS = (
    "",
    "entry",
    "exit",
    "deferred",
    "remote",
    "exec",
    "truncated",
    "null",
    "fault",
    "gone",
    "unset",
)
NAMES = pa.dictionary(pa.int32(), pa.string())
ABIS = ("", "i386", "x32")
EXACT = "exact"

# as enum common_column of native/columns.h has them
COMMON: tuple[tuple[str, pa.DataType], ...] = (
    ("ts", pa.int64()), ("pid", pa.int32()), ("tid", pa.int32()), ("ppid", pa.int32()),
    ("uid", pa.uint32()), ("gid", pa.uint32()), ("cgroup", pa.uint64()), ("comm", NAMES),
    ("syscall", NAMES), ("ret", pa.int64()), ("errno", NAMES), ("latency", pa.int64()),
    ("abi", NAMES),
)  # fmt: skip
FRAMES = pa.list_(pa.struct([
    ("ip", pa.uint64()), ("module", pa.string()), ("at", pa.uint64()), ("function", pa.string()),
    ("offset", pa.uint64()), ("file", pa.string()), ("line", pa.int32()), ("inlined", pa.bool_()),
    ("build_id", pa.string()),
]))  # fmt: skip
# The names of its functions, which queries look at; all that is known of its frames; why it
# ends, and how it was captured.
STACK: tuple[tuple[str, pa.DataType], ...] = (
    ("ustack", pa.string()), ("ustack__frames", FRAMES), ("ustack__end", pa.string()),
    ("ustack__capture", pa.string()),
)  # fmt: skip
ALWAYS = ("ts", "pid", "tid", "comm", "syscall", "ret", "errno", "latency")


@dataclass(frozen=True, slots=True)
class Column:
    """width: bytes of a number, 0 for bytes. codec: of memory that becomes another type."""

    name: str
    type: pa.DataType
    width: int
    kind: str = ""
    codec: Codec | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an argument is: numbers of columns, None for those that it has not.

    codec: of its register, or of its memory; or nested. bytes: of text that is not UTF-8.
    length: of a value that was cut. word: how it was captured. hex: the register of an ioctl
    that carries no data.
    """

    argument: Argument
    position: int
    codec: Codec | None
    nested: Nested | None
    value: int
    bytes: int | None = None
    length: int | None = None
    word: int | None = None
    out: int | None = None
    out_bytes: int | None = None
    out_length: int | None = None
    hex: int | None = None

    @property
    def is_register(self) -> bool:
        return self.word is None


@dataclass(frozen=True, slots=True)
class StackSlot:
    """Where the stack of a call is: numbers of columns, in the order of STACK."""

    folded: int
    frames: int
    end: int
    word: int


class Layout:
    """All columns of one trace."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans.plans
        self.columns: list[Column] = [Column(*each, _width(*each)) for each in COMMON]
        self.numbers = {column.name: index for index, column in enumerate(self.columns)}
        self.slots = {index: self._slots(plan) for index, plan in plans.plans.items()}
        self.stack = StackSlot(*(self._add(Column(*each, 0)) for each in STACK))

    def _slots(self, plan: Plan) -> tuple[Slot, ...]:
        captured = {op.position: op.kind for op in plan.ops}
        found = []
        for position, argument in enumerate(plan.arguments):
            if argument.is_pointer or position in captured:
                found.append(self._pointer(argument, position, plan))
            else:
                codec = register(argument)
                value = self._number(value_name(argument), codec, argument.kind)
                found.append(Slot(argument, position, codec, None, value))
        return tuple(found)

    def _pointer(self, argument: Argument, position: int, plan: Plan) -> Slot:
        ops = [op for op in plan.ops if op.position == position]
        name, made = value_name(argument), nested(argument.kind)
        codec = None if made else memory(argument)
        twice = len(ops) > 1
        is_ioctl = any(op.kind is OpKind.IOCTL for op in ops)
        hex_ = number("hex", in_memory=False)
        return Slot(
            argument, position, codec, made,
            value=self._memory(name, argument.kind, codec, made),
            bytes=self._bytes(name, codec, made),
            length=self._plain(f"{argument.name}__length", pa.int64()),
            word=self._plain(f"{argument.name}__capture", NAMES),
            out=self._memory(f"{name}__out", argument.kind, codec, made) if twice else None,
            out_bytes=self._bytes(f"{name}__out", codec, made) if twice else None,
            out_length=self._plain(f"{argument.name}__out_length", pa.int64()) if twice else None,
            hex=self._number(f"{argument.name}__hex", hex_, "hex") if is_ioctl else None,
        )  # fmt: skip

    def _memory(self, name: str, kind: str, codec: Codec | None, made: Nested | None) -> int:
        if made:
            return self._add(Column(name, made.type, 0, kind))
        assert codec
        return self._add(Column(name, codec.type, 0, kind, codec))

    def _bytes(self, name: str, codec: Codec | None, made: Nested | None) -> int | None:
        if isinstance(codec, Text):
            return self._add(Column(f"{name}__bytes", pa.binary(), 0))
        if made and made.type == STRINGS:
            return self._add(Column(f"{name}__bytes", STRINGS_BYTES, 0))
        return None

    def _number(self, name: str, codec: Codec, kind: str) -> int:
        return self._add(Column(name, codec.type, codec.size, kind, codec))

    def _plain(self, name: str, type_: pa.DataType) -> int:
        return self._add(Column(name, type_, _width(name, type_)))

    def _add(self, column: Column) -> int:
        index = self.numbers.setdefault(column.name, len(self.columns))
        if index == len(self.columns):
            self.columns.append(column)
        assert self.columns[index].type == column.type, f"two kinds of {column.name}"
        return index

    @cached_property
    def schema(self) -> pa.Schema:
        """Of all columns, in their order."""
        return pa.schema([*map(field_of, self.columns), pa.field(EXACT, pa.string())])


def field_of(column: Column) -> pa.Field:
    """Its kind in the syscall table is metadata of the field."""
    metadata = {"faultin.kind": column.kind} if column.kind else None
    return pa.field(column.name, column.type, metadata=metadata)


def value_name(argument: Argument) -> str:
    """The column of an argument's value: NAME__KIND."""
    kind = argument.kind.replace("/", "")
    if argument.is_pointer and argument.unit is Unit.COUNT and not nested(argument.kind):
        kind += "_list"
    elif argument.is_pointer and not nested(argument.kind) and isinstance(memory(argument), Number):
        kind += "_ptr"
    return f"{argument.name}__{kind}"


_NARROW = {"comm": 4, "syscall": 2, "errno": 2, "abi": 1}  # what the builder has in their place


def _width(name: str, type_: pa.DataType) -> int:
    if type_ == NAMES:
        return _NARROW.get(name, 1)
    return type_.bit_width // 8
