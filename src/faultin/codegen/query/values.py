# SPDX-License-Identifier: Apache-2.0
"""Values: the expressions of a query that are not conditions, as LLVM IR.

In: a node of query/tree.py, and the sources of one plan's slots. Out: the names of what
it is in IR, with a bit that says whether it is there at all. What a node means is said in
tree.py; it holds here as in query/evaluate.py.
"""

from dataclasses import dataclass

from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.layout import (
    BLURRED, COMM, COMM_BYTES, CONTEXT, CONTEXT_FIELDS, FLAGS, KNOWN, LATENCY, PID, RECORD, RET,
    SLOTS, TID, TS, ARGS,
)  # fmt: skip
from faultin.codegen.query.memory import NotInKernel, Part, Places
from faultin.codegen.query.texts import Texts
from faultin.drain.wire import RecordFlag
from faultin.query.sources import Common, Fixed, Register, Source
from faultin.query.tree import Arithmetic, Binary, Const, Expr, Field, Item, Length, Slice
from faultin.query.types import Type

_ERRNO_MAX = 4095


@dataclass(frozen=True, slots=True)
class Number:
    """An i64, and whether it is there."""

    value: str
    present: str


@dataclass(frozen=True, slots=True)
class View:
    """Bytes: an i32 place, i64 captured and full lengths. `constant`: these bytes instead."""

    at: str
    length: str
    full: str
    present: str
    constant: bytes | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One plan's calls, seen from a function that is being written. returned: whether the
    call is known to have returned, and its result to be there."""

    builder: Builder
    row: tuple[Source | None, ...]
    places: Places
    texts: Texts
    returned: str

    # Fields

    def known(self, slot: int, part: Part = None) -> str:
        """Whether a value in memory was seen."""
        b, bit = self.builder, 1 << self.places.of(slot, part)
        return b.compare("ne", "i64", b.add(f"and i64 {b.load('i64', '%state', KNOWN)}, {bit}"), 0)

    def stored(self, slot: int, part: Part = None) -> Number:
        """A value in memory, as it was seen."""
        place = self.places.of(slot, part)
        return Number(self.builder.load("i64", "%state", SLOTS + 8 * place), self.known(slot, part))

    def number(self, expr: Expr) -> Number:
        match expr:
            case Const(value=int(value)):
                return Number(str(_signed(value)), TRUE)
            case Field():
                return self._field(expr.slot)
            case Binary():
                return self._binary(expr)
            case Length(subject=Field(type=Type.LIST, slot=slot)):
                return self.stored(slot, ("count", 0)) if self.row[slot] else Number("0", FALSE)
            case Length():
                view = self.view(expr.subject)
                return Number(view.full, view.present)
        raise NotInKernel

    def _field(self, slot: int) -> Number:
        match self.row[slot]:
            case None:
                return Number("0", FALSE)
            case Register(position, bits, signed):
                return Number(self._narrowed(RECORD + ARGS + 8 * position, bits, signed), TRUE)
            case Common(name):
                return self._common(name)
            case Fixed():
                raise NotInKernel
        return self.stored(slot)

    def _narrowed(
        self, offset: int, bits: int, signed: bool | None, base: str = "%state"
    ) -> str:
        value = self.builder.load(f"i{bits}", base, offset)
        if bits == 64:
            return value
        return self.builder.add(f"{'sext' if signed else 'zext'} i{bits} {value} to i64")

    def _common(self, name: str) -> Number:
        b = self.builder
        match name:
            case "pid" | "tid":
                return Number(self._narrowed(RECORD + (PID if name == "pid" else TID), 32, True), TRUE)
            case "ts":
                offset = b.call("i64", "query_clock_offset")
                return Number(b.add(f"add i64 {b.load('i64', '%state', RECORD + TS)}, {offset}"), TRUE)
            case "ret":
                return Number(b.load("i64", "%state", RECORD + RET), self.returned)
            case "errno":
                ret = b.load("i64", "%state", RECORD + RET)
                failed = b.compare("uge", "i64", ret, -_ERRNO_MAX)
                return Number(b.add(f"sub i64 0, {ret}"), b.both(self.returned, failed))
            case "latency":
                flags = b.load("i8", "%state", RECORD + FLAGS)
                late = b.add(f"and i8 {flags}, {RecordFlag.LATE.value}")
                timed = b.both(self.returned, b.compare("eq", "i8", late, 0))
                return Number(b.load("i64", "%state", RECORD + LATENCY), timed)
        if name in CONTEXT_FIELDS:
            offset, signed = CONTEXT_FIELDS[name]
            bits = 64 if signed is None else 32
            return Number(self._narrowed(RECORD + CONTEXT + offset, bits, signed), TRUE)
        raise NotInKernel

    def whole(self) -> str:
        """Whether the beginning of the heap is still there: the context is in it."""
        b = self.builder
        return b.compare("eq", "i32", b.load("i32", "%state", BLURRED), 0)

    # Bytes

    def view(self, expr: Expr) -> View:
        match expr:
            case Const(value=bytes(value)):
                return View("0", str(len(value)), str(len(value)), TRUE, value)
            case Field():
                return self._bytes(expr.slot)
            case Item(subject=Field(slot=slot), index=index):
                if self.row[slot] is None:
                    return _NO_VIEW
                return self._unpacked(self.stored(slot, ("item", index)))
            case Slice():
                return self._slice(expr, self.view(expr.subject))
        raise NotInKernel

    def text(self, expr: Expr) -> View:
        """Of BYTES, or of an IP."""
        if expr.type is not Type.IP:
            return self.view(expr)
        assert isinstance(expr, Field)
        return self._unpacked(self.stored(expr.slot)) if self.row[expr.slot] else _NO_VIEW

    def _bytes(self, slot: int) -> View:
        b = self.builder
        match self.row[slot]:
            case None:
                return _NO_VIEW
            case Fixed(value):
                return View("0", str(len(value)), str(len(value)), TRUE, value)
            case Common("comm"):
                size = b.call("i32", "query_length", "ptr %state", f"i32 {COMM}", f"i32 {COMM_BYTES}")
                wide = b.add(f"zext i32 {size} to i64")
                return View(str(COMM), wide, wide, TRUE)
            case Common():
                raise NotInKernel
        return self._unpacked(self.stored(slot))

    def _unpacked(self, packed: Number) -> View:
        b = self.builder
        at = b.add(f"trunc i64 {b.add(f'and i64 {packed.value}, 65535')} to i32")
        length = b.add(f"and i64 {b.add(f'lshr i64 {packed.value}, 16')}, 65535")
        return View(at, length, b.add(f"lshr i64 {packed.value}, 32"), packed.present)

    def is_whole(self, view: View) -> str:
        """Whether all of it was captured."""
        if view.length == view.full:
            return TRUE
        return self.builder.compare("eq", "i64", view.length, view.full)

    def _slice(self, expr: Slice, view: View) -> View:
        if view.constant is not None:
            cut = view.constant[expr.start : expr.stop]
            return View("0", str(len(cut)), str(len(cut)), TRUE, cut)
        b = self.builder
        start = self._bound(expr.start, "0", view.full)
        stop = self._bound(expr.stop, view.full, view.full)
        some = b.compare("slt", "i64", start, stop)
        size = b.select(some, "i64", b.add(f"sub i64 {stop}, {start}"), 0)
        beyond = b.both(some, b.compare("sgt", "i64", stop, view.length))
        at = b.add(f"add i32 {view.at}, {b.add(f'trunc i64 {start} to i32')}")
        return View(at, size, size, b.both(view.present, b.negated(beyond)))

    def _bound(self, bound: int | None, default: str, full: str) -> str:
        """As slice.indices() has it."""
        b = self.builder
        if bound is None:
            return default
        if bound >= 0:
            return b.select(b.compare("slt", "i64", full, bound), "i64", full, bound)
        value = b.add(f"add i64 {full}, {bound}")
        return b.select(b.compare("slt", "i64", value, 0), "i64", 0, value)

    def widened(self, condition: str) -> str:
        """An i1 as the i64 that it counts as."""
        if condition in (TRUE, FALSE):
            return "1" if condition == TRUE else "0"
        return self.builder.add(f"zext i1 {condition} to i64")

    # Arithmetic

    def _binary(self, expr: Binary) -> Number:
        b, left, right = self.builder, self.number(expr.left), self.number(expr.right)
        present = b.both(left.present, right.present)
        if present == FALSE:
            return Number("0", FALSE)
        if expr.op in _PLAIN:
            return Number(b.add(f"{_PLAIN[expr.op]} i64 {left.value}, {right.value}"), present)
        signed = expr.type is Type.S64
        if expr.op in (Arithmetic.LEFT, Arithmetic.RIGHT):
            fits = b.compare("ult", "i64", right.value, 64)
            by = b.add(f"and i64 {right.value}, 63")
            down = "ashr" if signed else "lshr"
            op = "shl" if expr.op is Arithmetic.LEFT else down
            return Number(b.add(f"{op} i64 {left.value}, {by}"), b.both(present, fits))
        divides = b.compare("ne", "i64", right.value, 0)
        by = b.select(divides, "i64", right.value, 1)
        quotient = self._floored(left.value, by) if signed else b.add(f"udiv i64 {left.value}, {by}")
        if expr.op is Arithmetic.MOD:
            product = b.add(f"mul i64 {quotient}, {by}")
            quotient = b.add(f"sub i64 {left.value}, {product}")
        return Number(quotient, b.both(present, divides))

    def _floored(self, left: str, right: str) -> str:
        """A signed division: BPF has only the unsigned one before v6.6, and C's would not floor."""
        b = self.builder
        minus, against = b.compare("slt", "i64", left, 0), b.compare("slt", "i64", right, 0)
        above = b.select(minus, "i64", b.add(f"sub i64 0, {left}"), left)
        below = b.select(against, "i64", b.add(f"sub i64 0, {right}"), right)
        quotient = b.add(f"udiv i64 {above}, {below}")
        rest = b.add(f"sub i64 {above}, {b.add(f'mul i64 {quotient}, {below}')}")
        differ = b.add(f"xor i1 {minus}, {against}")
        more = b.both(differ, b.compare("ne", "i64", rest, 0))
        turned = b.select(differ, "i64", b.add(f"sub i64 0, {quotient}"), quotient)
        return b.add(f"sub i64 {turned}, {b.add(f'zext i1 {more} to i64')}")


_NO_VIEW = View("0", "0", "0", FALSE)
_PLAIN = {
    Arithmetic.ADD: "add", Arithmetic.SUB: "sub", Arithmetic.MUL: "mul", Arithmetic.AND: "and",
    Arithmetic.OR: "or", Arithmetic.XOR: "xor",
}  # fmt: skip


def _signed(value: int) -> int:
    """As LLVM writes an i64."""
    return value - (1 << 64) if value >= 1 << 63 else value
