# SPDX-License-Identifier: Apache-2.0
"""CFI: how a function's caller is found, from .eh_frame or .debug_frame.

In: the bytes of such a section. Out: for an address a Row: where the caller's stack
pointer, its return address and the registers that it keeps are. A function's entry is read
when it is first asked for, as most never are; pyelftools reads all of them at once, which
takes seconds for a large library (the tests compare every row with what it says).
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct, iter_unpack

from faultin.stacks.expressions import sleb, uleb

RBX, RBP, RSP, R12, R15, RA = 3, 6, 7, 12, 15, 16  # as the ABI of x86-64 numbers them

# What a rule says of a register: kept, unknown, at CFA + n, CFA + n itself, at an
# expression, an expression itself, in another register.
SAME, UNDEFINED, OFFSET, VALUE, EXPRESSION, VALUE_EXPRESSION, REGISTER = range(7)
Rule = tuple[int, int | bytes]

_PC_RELATIVE, _DATA_RELATIVE, _INDIRECT = 0x10, 0x30, 0x80
_SIZES = {0x00: (8, False), 0x02: (2, False), 0x03: (4, False), 0x04: (8, False),
          0x0A: (2, True), 0x0B: (4, True), 0x0C: (8, True)}  # fmt: skip
_OMIT, _TABLE = 0xFF, 0x3B  # the table of .eh_frame_hdr, as every linker writes it


@dataclass(frozen=True, slots=True)
class Row:
    """cfa: register and offset, or an expression; signal: it is a signal's frame, whose
    caller was interrupted anywhere. Registers without a rule keep their value."""

    cfa: tuple[int, int] | bytes
    rules: dict[int, Rule]
    signal: bool


@dataclass(frozen=True, slots=True)
class _Common:
    """A CIE. encoding: of the addresses in its FDEs."""

    code_align: int
    data_align: int
    ra: int
    encoding: int
    augmented: bool
    signal: bool
    code: bytes


class _State:
    """The row that instructions build."""

    def __init__(self) -> None:
        self.cfa: tuple[int, int] | bytes = (RSP, 0)
        self.rules: dict[int, Rule] = {}
        self.kept: list[tuple[tuple[int, int] | bytes, dict[int, Rule]]] = []


class Frames:
    """The entries of a section that is loaded at `base`. index: of .eh_frame_hdr, loaded
    at `index_base`; without one, all entries are looked through once."""

    def __init__(
        self,
        data: bytes,
        base: int,
        index: bytes = b"",
        index_base: int = 0,
        is_debug: bool = False,
    ) -> None:
        self._data, self._base, self._is_debug = data, base, is_debug
        self._commons: dict[int, _Common | None] = {}
        self._starts, self._entries = self._from_index(index, index_base)
        if not self._starts:
            found = sorted(self._scan())
            self._starts = [start for start, _ in found]
            self._entries = [entry for _, entry in found]

    def _from_index(self, index: bytes, base: int) -> tuple[list[int], list[int]]:
        """Starts of functions, and offsets of their entries in the section."""
        if len(index) < 12 or index[3] != _TABLE or index[2] != 0x03:
            return [], []
        at = 4 + _SIZES.get(index[1] & 0x0F, (4, True))[0]
        count = int.from_bytes(index[at : at + 4], "little")
        table = index[at + 4 : at + 4 + 8 * count]
        pairs = list(iter_unpack("<ii", table[: len(table) // 8 * 8]))
        return [start + base for start, _ in pairs], [
            entry + base - self._base for _, entry in pairs
        ]

    def _scan(self) -> Iterator[tuple[int, int]]:
        at = 0
        while at + 4 <= len(self._data):
            length, body = self._length(at)
            if not length:
                if not self._is_debug:
                    return
                at = body
                continue
            if self._common_of(body) is not None:
                entry = self._entry(at)
                if entry:
                    yield entry[0], at
            at = body + length

    def _length(self, at: int) -> tuple[int, int]:
        """(bytes of an entry, where they begin)."""
        length = int.from_bytes(self._data[at : at + 4], "little")
        if length == 0xFFFFFFFF:
            return int.from_bytes(self._data[at + 4 : at + 12], "little"), at + 12
        return length, at + 4

    def _common_of(self, body: int) -> int | None:
        """Where the CIE of an entry is; None if the entry is one."""
        number = int.from_bytes(self._data[body : body + 4], "little")
        if self._is_debug:
            return None if number == 0xFFFFFFFF else number
        return body - number if number else None

    def _encoded(self, at: int, encoding: int) -> tuple[int, int]:
        kind = encoding & 0x0F
        if kind in (0x01, 0x09):
            value, end = (uleb if kind == 1 else sleb)(self._data, at)
        else:
            size, signed = _SIZES[kind]
            end = at + size
            value = int.from_bytes(self._data[at:end], "little", signed=signed)
        if encoding & 0x70 == _PC_RELATIVE:
            value += self._base + at
        return value, end

    def _common(self, at: int) -> _Common | None:
        if at not in self._commons:
            self._commons[at] = self._read_common(at)
        return self._commons[at]

    def _read_common(self, at: int) -> _Common | None:
        data = self._data
        length, body = self._length(at)
        end = body + length
        version = data[body + 4]
        zero = data.index(0, body + 5)
        augmentation, at = data[body + 5 : zero], zero + 1
        if version == 4:
            at += 2  # sizes of addresses and segments
        code_align, at = uleb(data, at)
        data_align, at = sleb(data, at)
        ra, at = (data[at], at + 1) if version == 1 else uleb(data, at)
        encoding = 0
        if augmentation[:1] == b"z":
            size, at = uleb(data, at)
            inside, at = at, at + size
            for letter in augmentation[1:]:
                if letter == ord("R"):
                    encoding, inside = data[inside], inside + 1
                elif letter == ord("L"):
                    inside += 1
                elif letter == ord("P"):
                    _, inside = self._encoded(inside + 1, data[inside])
                elif letter not in b"SB":
                    return None
        elif augmentation:
            return None  # nobody knows how long it is
        return _Common(
            code_align,
            data_align,
            ra,
            encoding,
            augmentation[:1] == b"z",
            b"S" in augmentation,
            data[at:end],
        )

    def _entry(self, at: int) -> tuple[int, int, _Common, bytes] | None:
        """(start, end, CIE, instructions) of an FDE."""
        length, body = self._length(at)
        where = self._common_of(body)
        common = None if where is None else self._common(where)
        if common is None:
            return None
        encoding = common.encoding & 0x7F
        start, inside = self._encoded(body + 4, encoding)
        size, inside = self._encoded(inside, encoding & 0x0F)
        if common.augmented:
            skipped, inside = uleb(self._data, inside)
            inside += skipped
        return start, start + size, common, self._data[inside : body + length]

    def row(self, address: int) -> Row | None:
        """The row for an address in the file, or None where no function is known."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        try:
            entry = self._entry(self._entries[index])
            if entry is None or not entry[0] <= address < entry[1]:
                return None
            start, _, common, code = entry
            state = _State()
            _run(common.code, common, state, start, address, {})
            initial = dict(state.rules)
            _run(code, common, state, start, address, initial)
        except (IndexError, KeyError, ValueError):
            return None  # a section that is not what it should be
        if common.ra != RA:
            return None
        return Row(state.cfa, state.rules, common.signal)

    @property
    def starts(self) -> list[int]:
        return self._starts


_ADVANCES = {0x02: 1, 0x03: 2, 0x04: 4}
_WORD = Struct("<Q")


def _run(
    code: bytes,
    common: _Common,
    state: _State,
    location: int,
    address: int,
    initial: dict[int, Rule],
) -> None:
    """Executes instructions until the row that holds at `address` is complete."""
    at = 0
    while at < len(code):
        op = code[at]
        at += 1
        high, low = op & 0xC0, op & 0x3F
        if high == 0x40:
            location += low * common.code_align
        elif high == 0x80:
            offset, at = uleb(code, at)
            state.rules[low] = (OFFSET, offset * common.data_align)
        elif high == 0xC0:
            _restore(state, low, initial)
        elif op in _ADVANCES:
            size = _ADVANCES[op]
            location += int.from_bytes(code[at : at + size], "little") * common.code_align
            at += size
        elif op == 0x01:
            (location,) = _WORD.unpack_from(code, at)
            at += 8
        else:
            at = _other(op, code, at, common, state, initial)
        if location > address:
            return


def _restore(state: _State, register: int, initial: dict[int, Rule]) -> None:
    if register in initial:
        state.rules[register] = initial[register]
    else:
        state.rules.pop(register, None)


def _other(
    op: int, code: bytes, at: int, common: _Common, state: _State, initial: dict[int, Rule]
) -> int:
    """An instruction that names no place; where the next begins."""
    if op in (0x00, 0x2D):  # nop, GNU_window_save
        return at
    if op == 0x0A:
        state.kept.append((state.cfa, dict(state.rules)))
        return at
    if op == 0x0B:
        state.cfa, state.rules = state.kept.pop()
        return at
    if op == 0x0F:
        size, at = uleb(code, at)
        state.cfa = code[at : at + size]
        return at + size
    if op == 0x2E:  # GNU_args_size
        return uleb(code, at)[1]
    if op in (0x0E, 0x13):
        offset, at = uleb(code, at) if op == 0x0E else sleb(code, at)
        assert isinstance(state.cfa, tuple)
        state.cfa = (state.cfa[0], offset if op == 0x0E else offset * common.data_align)
        return at
    register, at = uleb(code, at)
    if op == 0x0D:
        state.cfa = (register, state.cfa[1] if isinstance(state.cfa, tuple) else 0)
    elif op == 0x06:
        _restore(state, register, initial)
    elif op in (0x07, 0x08):
        state.rules[register] = (UNDEFINED if op == 0x07 else SAME, 0)
    elif op in (0x10, 0x16):
        size, at = uleb(code, at)
        state.rules[register] = (
            EXPRESSION if op == 0x10 else VALUE_EXPRESSION,
            code[at : at + size],
        )
        at += size
    else:
        at = _with_offset(op, register, code, at, common, state)
    return at


def _with_offset(
    op: int, register: int, code: bytes, at: int, common: _Common, state: _State
) -> int:
    signed = op in (0x11, 0x12, 0x15)
    value, at = (sleb if signed else uleb)(code, at)
    scaled = value * common.data_align
    if op == 0x0C:
        state.cfa = (register, value)
    elif op == 0x12:
        state.cfa = (register, scaled)
    elif op in (0x05, 0x11):
        state.rules[register] = (OFFSET, scaled)
    elif op in (0x14, 0x15):
        state.rules[register] = (VALUE, scaled)
    elif op == 0x2F:  # GNU_negative_offset_extended
        state.rules[register] = (OFFSET, -scaled)
    elif op == 0x09:
        state.rules[register] = (REGISTER, value)
    else:
        raise KeyError(op)
    return at
