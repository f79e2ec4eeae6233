# SPDX-License-Identifier: Apache-2.0
"""Memory: what a query keeps of each piece as it is captured.

In: the sources of a query's slots, and the plans. Out: Places, which says in which of
state->slots a value is found, and the IR of faultin_see(), which puts it there. A value
is a number, or of bytes a *view*: place | captured length << 16 | full length << 32.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from faultin.codegen.plan import Plans
from faultin.codegen.query.builder import FALSE, TRUE, Builder
from faultin.codegen.query.layout import (
    ARGS, BLURRED, KNOWN, PIECE_ADDR, PIECE_DATA, PIECE_WANT, RECORD, SLOTS, SLOTS_MAX, VECTOR_BYTES,
    VECTOR_COUNT,
)  # fmt: skip
from faultin.codegen.query.texts import Texts
from faultin.drain.wire import Role
from faultin.query.query import Query
from faultin.query.sources import (
    Address, Count, Items, Memory, MemoryInt, Source, Text, Total, op_of,
)  # fmt: skip

Part = tuple[str, int | bytes] | None  # of a list: ("item", 0), ("has", b"-la"), ("count", 0), ("any", 0)
_INET, _INET6 = 2, 10


class NotInKernel(Exception):
    """The kernel cannot decide this: faultin has to, by the record."""


@dataclass
class Places:
    """Which of state->slots the query's values in memory are in."""

    indexes: dict[tuple[int, Part], int] = field(default_factory=dict)

    def of(self, slot: int, part: Part = None) -> int:
        """NotInKernel when there are more than the state has room for."""
        index = self.indexes.setdefault((slot, part), len(self.indexes))
        if index >= SLOTS_MAX:
            raise NotInKernel
        return index


def see_function(query: Query, plans: Plans, places: Places, texts: Texts) -> str:
    """The IR of faultin_see()."""
    return _See(query, plans, places, texts).function()


_See_case = Callable[[], None]


class _See:
    def __init__(self, query: Query, plans: Plans, places: Places, texts: Texts) -> None:
        head = "define i32 @faultin_see(ptr %state, i32 %at, i64 %key) alwaysinline"
        self._b, self._texts = Builder(head), texts
        self._cases: dict[tuple[int, int], list[_See_case]] = {}
        for index, row in query.sources.items():
            plan = plans.plans.get(index)
            for (slot, part), place in places.indexes.items():
                source = row[slot]
                if place >= SLOTS_MAX:
                    continue
                if plan and (op := op_of(source)) is not None:
                    position = plan.ops[op].position
                    self._plan_case(plan.first + op, position, source, part, place)

    def _plan_case(self, op: int, position: int, source: Source | None, part: Part, k: int) -> None:
        match source:
            case Memory() | MemoryInt() | Text() | Address():
                self._add(op, source.role, lambda: self._range(source, position, k))
            case Items():
                assert part is not None
                self._items(op, part, k)
            case Total():
                self._add(op, Role.TOTAL, lambda: self._keep(k, self._vector("i64", VECTOR_BYTES)))
            case Count():
                self._add(op, Role.TOTAL, lambda: self._keep(k, self._vector("i32", VECTOR_COUNT)))

    def _add(self, op: int, role: int, case: _See_case) -> None:
        self._cases.setdefault((op, role), []).append(case)

    def function(self) -> str:
        b = self._b
        tag = b.add("and i64 %key, 16777215")
        missed = b.compare("eq", "i64", b.add("and i64 %key, 4278190080"), 0)
        self._is_read = b.negated(missed)
        labels = {key: b.name("case") for key in self._cases}
        targets = " ".join(f"i64 {op | role << 16}, label %{labels[op, role]}" for op, role in labels)
        b.do(f"switch i64 {tag}, label %done [{targets}]")
        for key, cases in self._cases.items():
            b.start(labels[key])
            for case in cases:
                case()
            b.go("done")
        b.start("done")
        b.do("ret i32 0")
        return b.text()

    # What is in the piece

    def _load(self, offset: int) -> str:
        at = self._b.add(f"add i32 %at, {offset}") if offset else "%at"
        return self._b.call("i64", "query_load", "ptr %state", f"i32 {at}")

    def _vector(self, type_: str, offset: int) -> str:
        value = self._b.load(type_, "%state", offset)
        return value if type_ == "i64" else self._b.add(f"zext {type_} {value} to i64")

    def _lengths(self) -> tuple[str, str]:
        """(captured, full) bytes of the piece, as i64."""
        both = self._load(PIECE_WANT)
        return self._b.add(f"lshr i64 {both}, 32"), self._b.add(f"and i64 {both}, 4294967295")

    def _view(self, offset: int, length: str, full: str) -> str:
        """A view that begins at an offset in the bytes of the piece."""
        b = self._b
        place = b.add(f"zext i32 {b.add(f'add i32 %at, {PIECE_DATA + offset}')} to i64")
        shifted = b.add(f"shl i64 {length}, 16")
        return b.add(f"or i64 {b.add(f'or i64 {place}, {shifted}')}, {b.add(f'shl i64 {full}, 32')}")

    def _keep(self, k: int, value: str, condition: str = TRUE) -> None:
        """state->slots[k], if the condition holds."""
        b = self._b
        if condition == FALSE:
            return
        after = b.name("after")
        if condition != TRUE:
            then = b.name("keep")
            b.branch(condition, then, after)
            b.start(then)
        b.store("i64", value, "%state", SLOTS + 8 * k)
        known = b.add(f"or i64 {b.load('i64', '%state', KNOWN)}, {1 << k}")
        b.store("i64", known, "%state", KNOWN)
        b.go(after)
        b.start(after)

    def _at_beginning(self, position: int, role: int) -> str:
        """Whether the piece is the first of its range, of the first message."""
        b = self._b
        first = b.compare("eq", "i64", b.add("lshr i64 %key, 48"), 0)
        first = b.both(first, self._is_read)
        if role != Role.DATA:
            return first
        base = b.load("i64", "%state", RECORD + ARGS + 8 * position)
        return b.both(first, b.compare("eq", "i64", self._load(PIECE_ADDR), base))

    def _range(self, source: Memory | MemoryInt | Text | Address, position: int, k: int) -> None:
        b = self._b
        first = self._at_beginning(position, source.role)
        length, full = self._lengths()
        match source:
            case Memory(text=True):
                length = b.add(f"sub i64 {length}, 1")  # its NUL
                self._keep(k, self._view(0, length, length), first)
            case Memory():
                self._keep(k, self._view(0, length, full), first)
            case MemoryInt():
                enough = b.compare("uge", "i64", length, source.offset + source.size)
                found = b.both(b.both(first, enough), self._is_family(source.families, length))
                self._keep(k, self._number(source), found)
            case Text():
                self._text(source, k, first, length)
            case Address():
                self._address(k, first, length)

    def _is_family(self, families: tuple[int, ...], length: str) -> str:
        b = self._b
        if not families:
            return TRUE
        family = b.add(f"and i64 {self._load(PIECE_DATA)}, 65535")
        found = FALSE
        for one in families:
            found = b.either(found, b.compare("eq", "i64", family, one))
        return b.both(found, b.compare("uge", "i64", length, 2))

    def _number(self, source: MemoryInt) -> str:
        b = self._b
        word, bits = self._load(PIECE_DATA + source.offset), 8 * source.size
        if bits < 64:
            word = b.add(f"trunc i64 {word} to i{bits}")
        if source.big_endian and bits > 8:
            word = b.add(f"call i{bits} @llvm.bswap.i{bits}(i{bits} {word})")
        if bits == 64:
            return word
        return b.add(f"{'sext' if source.signed else 'zext'} i{bits} {word} to i64")

    def _text(self, source: Text, k: int, first: str, length: str) -> None:
        b = self._b
        there = b.compare("uge", "i64", length, source.offset)
        rest = b.add(f"sub i64 {length}, {source.offset}")
        small = b.compare("ult", "i64", rest, source.size)
        room = b.add(f"trunc i64 {b.select(small, 'i64', rest, source.size)} to i32")
        room = b.select(there, "i32", room, 0)
        at = b.add(f"add i32 %at, {PIECE_DATA + source.offset}")
        size = b.call("i32", "query_length", "ptr %state", f"i32 {at}", f"i32 {room}")
        wide = b.add(f"zext i32 {size} to i64")
        found = b.both(b.both(first, there), self._is_family(source.families, length))
        if source.families:
            found = b.both(found, b.compare("ne", "i64", wide, 0))
        self._keep(k, self._view(source.offset, wide, wide), found)

    def _address(self, k: int, first: str, length: str) -> None:
        b = self._b
        family = b.add(f"and i64 {self._load(PIECE_DATA)}, 65535")
        four = b.both(b.compare("eq", "i64", family, _INET), b.compare("uge", "i64", length, 8))
        six = b.both(b.compare("eq", "i64", family, _INET6), b.compare("uge", "i64", length, 24))
        zeros = b.compare("eq", "i64", self._load(PIECE_DATA + 8), 0)
        middle = b.add(f"and i64 {self._load(PIECE_DATA + 16)}, 4294967295")
        mapped = b.both(zeros, b.compare("eq", "i64", middle, 0xFFFF0000))
        inside = self._view(20, "4", "4")
        self._keep(k, self._view(4, "4", "4"), b.both(first, four))
        whole = b.select(mapped, "i64", inside, self._view(8, "16", "16"))
        self._keep(k, whole, b.both(first, six))

    # Lists

    def _items(self, op: int, part: tuple[str, int | bytes], k: int) -> None:
        kind, what = part
        self._add(op, Role.BLOCK, self._blur)
        match kind:
            case "any":
                self._add(op, Role.ITEM, lambda: self._keep(k, "1"))
                self._add(op, Role.END, lambda: self._keep(k, "1"))
            case "count":
                self._add(op, Role.END, lambda: self._keep(k, self._index()))
            case "item":
                self._add(op, Role.ITEM, lambda: self._item(k, what))
            case "has":
                assert isinstance(what, bytes)
                self._add(op, Role.ITEM, lambda: self._has(k, what))

    def _blur(self) -> None:
        self._b.store("i32", 1, "%state", BLURRED)

    def _index(self) -> str:
        return self._b.add(f"and i64 {self._b.add('lshr i64 %key, 32')}, 65535")

    def _item(self, k: int, index: int | bytes) -> None:
        b = self._b
        length, _ = self._lengths()
        length = b.add(f"sub i64 {length}, 1")
        found = b.both(self._is_read, b.compare("eq", "i64", self._index(), index))
        self._keep(k, self._view(0, length, length), found)

    def _has(self, k: int, constant: bytes) -> None:
        b = self._b
        length, _ = self._lengths()
        fits = b.compare("eq", "i64", length, len(constant) + 1)
        at = b.add(f"add i32 %at, {PIECE_DATA}")
        place = self._texts.text(constant)
        same = b.call(
            "i32", "query_equal", "ptr %state", f"i32 {at}", f"i32 {place}", f"i32 {len(constant)}"
        )
        found = b.both(b.both(self._is_read, fits), b.compare("ne", "i32", same, 0))
        self._keep(k, "1", found)
