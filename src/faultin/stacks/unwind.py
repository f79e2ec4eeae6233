# SPDX-License-Identifier: Apache-2.0
"""Unwind: from registers and a copy of the stack to the addresses of the callers.

In: registers by their numbers in DWARF, a Memory, and what tells of an address how its
caller is found. Out: addresses, the innermost first, and why there are no more. Of x86-64.
A caller's stack pointer is above that of the function it called, so the walk ends.
"""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from struct import Struct

from faultin.drain.wire import How, Piece
from faultin.stacks.cfi import (
    EXPRESSION, OFFSET, RA, RBP, REGISTER, RSP, SAME, UNDEFINED, VALUE, Row,
)  # fmt: skip
from faultin.stacks.expressions import evaluate
from faultin.stacks.frames import DEPTH_MAX, End

_MASK = (1 << 64) - 1
_PAGE = 4096
_MISSED = How.MISSED.value
_WORD = 8
_unpack = Struct("<Q").unpack_from


class Absent(Exception):
    """A word of the stack that the copy does not have."""

    def __init__(self, end: End) -> None:
        self.end = end


class Memory:
    """The copy of a stack: of several attempts at a page the first that succeeded. What is
    there without a gap from its start on is one block, and `words` says which of its bytes
    were looked at."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pages: dict[int, tuple[int, bytes]] = {}
        self._missed: set[int] = set()
        self.how = 0
        for piece in pieces:
            page = piece.address // _PAGE
            if piece.how == _MISSED:
                self._missed.add(page)
            elif page not in self._pages:
                self._pages[page] = piece.address, piece.data
                self.how = max(self.how, piece.how)
        self.start, self.block = self._first_block()
        self.words: list[int] = []
        self.is_whole = True  # all that was looked at is in the block

    def _first_block(self) -> tuple[int, bytes]:
        if not self._pages:
            return 0, b""
        page = min(self._pages)
        start, parts = self._pages[page][0], []
        while page in self._pages:
            parts.append(self._pages[page][1])
            page += 1
        return start, b"".join(parts)

    def word(self, address: int) -> int:
        """8 bytes; Absent where there are none."""
        at = address - self.start
        if 0 <= at <= len(self.block) - _WORD:
            self.words.append(at)
            return _unpack(self.block, at)[0]
        self.is_whole = False
        found = self._pages.get(address // _PAGE)
        if found is not None:
            at = address - found[0]
            if 0 <= at <= len(found[1]) - _WORD:
                return _unpack(found[1], at)[0]
        raise Absent(self._why(address))

    def read(self, address: int) -> int | None:
        """The same, for expressions."""
        try:
            return self.word(address)
        except Absent:
            return None

    def _why(self, address: int) -> End:
        page = address // _PAGE
        if page in self._missed and page not in self._pages:
            return End.PAGE_GONE
        known = self._pages.keys() | self._missed
        return End.COPY_END if known and address >= min(known) * _PAGE else End.BAD_POINTER


class Unknown(Enum):
    """What else there is to say of an address than a Row."""

    CODE = auto()  # it is code, without a table: by its frame pointer
    PYTHON = auto()  # a perf trampoline of CPython, which is always the same code
    NOTHING = auto()  # nothing is mapped there
    FOREIGN = auto()  # code of a program that is not of 64 bits


Find = Callable[[int], Row | Unknown]


class Registers(dict[int, int]):
    """Values by number. own: those that are still the values of the call; used: those of
    them that the walk has depended on."""

    def __init__(self, values: dict[int, int]) -> None:
        super().__init__(values)
        self.own, self.used = set(values), {RA, RSP}

    def known(self, number: int) -> int:
        if number not in self:
            raise Absent(End.BAD_POINTER)
        if number in self.own:
            self.used.add(number)
        return self[number]

    def replace(self, values: dict[int, int], changed: Iterable[int]) -> None:
        """The registers as the caller will find them."""
        self.clear()
        self.update(values)
        self.own.difference_update(changed)


def walk(registers: Registers, memory: Memory, find: Find) -> tuple[list[tuple[int, bool]], End]:
    """(address, exact): what was about to run next, or else a return address, which may
    stand behind its function, if that never returns."""
    found: list[tuple[int, bool]] = []
    registers.own -= registers.used
    exact = True
    while True:
        ip = registers[RA]
        row = find(ip if exact else ip - 1)
        # The kernel makes a signal's frame return to the very start of a function.
        signal = isinstance(row, Row) and row.signal
        found.append((ip, exact or signal))
        if row is Unknown.NOTHING:
            return found, End.BAD_POINTER
        if row is Unknown.FOREIGN:
            return found, End.ABI
        try:
            following, changed = _following(row, registers, memory)
        except Absent as absent:
            return found, absent.end
        if following is None or not following.get(RA):
            return found, End.END
        # A signal may have been taken on another stack than that of what it interrupted.
        exact = signal
        if not exact and following[RSP] <= registers[RSP]:
            return found, End.BAD_POINTER
        if len(found) == DEPTH_MAX:
            return found, End.DEPTH
        registers.replace(following, changed)


def _following(
    row: Row | Unknown, registers: Registers, memory: Memory
) -> tuple[dict[int, int] | None, Iterable[int]]:
    """The registers as the caller will find them, None if there is none, and which of them
    are not those of the call any more."""
    if isinstance(row, Row):
        return _caller(row, registers, memory), row.rules
    if row is Unknown.PYTHON and registers.known(RBP) != registers[RSP]:
        sp = registers[RSP]  # sub $8, %rsp; call *%rcx (Python/asm_trampoline.S)
        made = {**registers, RA: memory.word(sp + _WORD), RSP: sp + 2 * _WORD}
        return made, (RA, RSP)
    following = _by_frame_pointer(registers, memory)
    return following, following


def _by_frame_pointer(registers: Registers, memory: Memory) -> dict[int, int]:
    base = registers.known(RBP)
    if not base:  # so the ABI marks the outermost frame
        raise Absent(End.END)
    if base < registers[RSP] or base % _WORD:
        raise Absent(End.BAD_POINTER)
    return {RBP: memory.word(base), RA: memory.word(base + _WORD), RSP: base + 2 * _WORD}


def _caller(row: Row, registers: Registers, memory: Memory) -> dict[int, int] | None:
    """The registers as the caller will find them; None if there is no caller."""
    cfa = _cfa(row, registers, memory)
    following = dict(registers)
    following[RSP] = cfa
    following.pop(RA)
    for register, (kind, value) in row.rules.items():
        if kind == OFFSET:
            assert isinstance(value, int)
            following[register] = memory.word((cfa + value) & _MASK)
        elif kind == UNDEFINED:
            following.pop(register, None)
        elif kind == VALUE:
            assert isinstance(value, int)
            following[register] = (cfa + value) & _MASK
        elif kind == REGISTER:
            assert isinstance(value, int)
            following[register] = registers.known(value)
        elif kind != SAME:
            assert isinstance(value, bytes)
            registers.used |= registers.own
            where = evaluate(value, registers, memory.read, (cfa,))
            if where is None:
                following.pop(register, None)
            else:
                following[register] = memory.word(where) if kind == EXPRESSION else where
    return following if RA in following else None


def _cfa(row: Row, registers: Registers, memory: Memory) -> int:
    if isinstance(row.cfa, tuple):
        register, offset = row.cfa
        return (registers.known(register) + offset) & _MASK
    registers.used |= registers.own
    found = evaluate(row.cfa, registers, memory.read)
    if found is None:
        raise Absent(End.BAD_POINTER)
    return found
