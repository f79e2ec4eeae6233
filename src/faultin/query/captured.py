# SPDX-License-Identifier: Apache-2.0
"""Captured: what the pieces of a record say of a source.

In: a Source that lies in memory, and the plan whose operation captured it. Out: a
reader, which gives the value for the pieces of a record, or MISSING.
"""

from collections.abc import Callable
from typing import Any, Literal

from faultin.codegen.plan import OpFlag, Plan
from faultin.drain.wire import How, Piece, Record, RecordFlag, Role
from faultin.query.networks import plain
from faultin.query.sources import (
    Address, Count, Items, Memory, MemoryInt, Source, Text, Total,
)  # fmt: skip
from faultin.query.types import MAX_BYTES, MISSING, Cut, CutList

_MISSED = How.MISSED.value  # plain, as it is compared for every piece
_PART_LOST, _SCRIPT = RecordFlag.PART_LOST.value, RecordFlag.SCRIPT.value
_INET, _INET6 = 2, 10
Reader = Callable[["Captured"], Any]


class Captured:
    """The pieces of one record, by operation."""

    __slots__ = ("record", "plan", "_pieces", "_grouped")

    def __init__(self, record: Record, plan: Plan | None, pieces: list[Piece]) -> None:
        self.record, self.plan, self._pieces = record, plan, pieces
        self._grouped: dict[int, list[Piece]] | None = None

    def of(self, op: int, *roles: int) -> list[Piece]:
        """Those of an operation of the plan that have one of the roles."""
        if self._grouped is None:
            self._grouped = {}
            for piece in self._pieces:
                self._grouped.setdefault(piece.op, []).append(piece)
        first = self.plan.first if self.plan else 0
        return [piece for piece in self._grouped.get(first + op, ()) if piece.role in roles]

    def is_null(self, op: int) -> bool:
        return not self.plan or not self.record.arguments[self.plan.ops[op].position]

    def piece(self, op: int, role: int) -> Piece | None:
        """The beginning of a range: at its lowest address the first that was read.

        Of an array of messages, the one of the first message.
        """
        pieces = [piece for piece in self.of(op, role) if piece.outer == 0]
        lowest = min([piece.address for piece in pieces], default=0)
        read = (p for p in pieces if p.address == lowest and p.how != _MISSED)
        return next(read, None)

    def data(self, op: int, role: int) -> bytes | None:
        """The beginning of a range: its first MAX_BYTES, which are one piece."""
        piece = self.piece(op, role)
        return None if piece is None else piece.data


def reader(source: Source, plan: Plan) -> Reader:
    """What reads a source that lies in memory."""
    match source:
        case Memory(text=True):
            return _string(source)
        case Memory():
            return _buffer(source)
        case MemoryInt():
            return _number(source)
        case Text():
            return _text(source)
        case Address():
            return _address(source)
        case Items():
            return _items(source, bool(plan.ops[source.op].flags & OpFlag.EXEC_ARGV))
        case Total():
            return _vector(source, sum)
        case Count():
            return _vector(source, len)
    raise TypeError(f"{source} does not lie in memory")


# One range


def _string(source: Memory) -> Reader:
    def read(captured: Captured) -> Any:
        data = captured.data(source.op, source.role)
        return MISSING if data is None else data[: MAX_BYTES - 1].split(b"\0", 1)[0]

    return read


def _buffer(source: Memory) -> Reader:
    def read(captured: Captured) -> Any:
        piece = captured.piece(source.op, source.role)
        if piece is None:
            return MISSING
        return Cut(piece.data, piece.want) if len(piece.data) < piece.want else piece.data

    return read


def _family(data: bytes) -> int:
    return int.from_bytes(data[:2], "little") if len(data) >= 2 else -1


def _number(source: MemoryInt) -> Reader:
    start, end, signed = source.offset, source.offset + source.size, source.signed
    order: Literal["little", "big"] = "big" if source.big_endian else "little"
    families = source.families

    def read(captured: Captured) -> Any:
        data = captured.data(source.op, source.role)
        if data is None or len(data) < end or (families and _family(data) not in families):
            return MISSING
        return int.from_bytes(data[start:end], order, signed=signed)

    return read


def _text(source: Text) -> Reader:
    def read(captured: Captured) -> Any:
        data = captured.data(source.op, source.role)
        if data is None or len(data) < source.offset:
            return MISSING
        if source.families and _family(data) not in source.families:
            return MISSING
        found = data[source.offset : source.offset + source.size].split(b"\0", 1)[0]
        return found if found or not source.families else MISSING

    return read


def _address(source: Address) -> Reader:
    def read(captured: Captured) -> Any:
        data = captured.data(source.op, source.role) or b""
        family = _family(data)
        if family == _INET and len(data) >= 8:
            return data[4:8]
        if family == _INET6 and len(data) >= 24:
            return plain(data[8:24])
        return MISSING

    return read


# Arrays


def _items(source: Items, is_argv: bool) -> Reader:
    def read(captured: Captured) -> Any:
        if block := captured.of(source.op, Role.BLOCK):
            return _packed(block, _script(captured) if is_argv else None)
        lost = captured.record.flags & _PART_LOST
        pieces = captured.of(source.op, Role.ITEM)
        ended = not lost and captured.of(source.op, Role.END)
        if not pieces and not ended:
            return MISSING
        best: dict[int, Any] = {}
        for piece in pieces:
            if best.get(piece.index, MISSING) is MISSING:
                best[piece.index] = MISSING if piece.how == _MISSED else _item(piece.data)
        whole = [best[index] for index in range(len(best)) if index in best]
        return tuple(whole) if ended else CutList(whole)

    return read


def _item(data: bytes) -> bytes:
    return data[: MAX_BYTES - 1].split(b"\0", 1)[0]


def _packed(pieces: list[Piece], script: bytes | None) -> Any:
    """argv or envp as exec left it, end to end; of a script without the argv[0] passed."""
    found: dict[int, Piece] = {}
    for piece in pieces:
        if piece.how != _MISSED:
            found.setdefault(piece.address, piece)
    if not found or min(found) != min(piece.address for piece in pieces):
        return MISSING
    first = found[min(found)]
    data, address = first.data, first.address
    while (following := found.get(address := address + MAX_BYTES)) and len(data) % MAX_BYTES == 0:
        data += following.data
    values: list[Any] = [part[: MAX_BYTES - 1] for part in data.removesuffix(b"\0").split(b"\0")]
    values = values if data else []
    if script is not None and script in values:
        values = [MISSING, *values[values.index(script) + 1 :]]
    return tuple(values) if len(data) >= first.want else CutList(values)


def _script(captured: Captured) -> bytes | None:
    """The path of the script, when exec has put its interpreter before argv."""
    if not captured.record.flags & _SCRIPT:
        return None
    return captured.data(0, Role.DATA) and _item(captured.data(0, Role.DATA) or b"")


def _vector(source: Total | Count, of: Callable[[list[int]], int]) -> Reader:
    """The sum, or the number, of the lengths of all iovecs."""
    op = source.op

    def read(captured: Captured) -> Any:
        record, plan = captured.record, captured.plan
        if plan is None or record.flags & _PART_LOST or captured.is_null(op):
            return MISSING
        lengths: dict[tuple[int, int], int] = {}
        for piece in captured.of(op, Role.ITEM):
            lengths.setdefault((piece.outer, piece.index), piece.want)
        absent = {(piece.outer, piece.index) for piece in captured.of(op, Role.ARRAY)}
        if absent - lengths.keys() or _headless(captured, op):
            return MISSING
        if not lengths and not captured.of(op, Role.HEADER):  # nothing was there to be read
            if record.missed >> op & 1 or plan.ops[op].is_output:
                return MISSING
        return of(list(lengths.values()))

    return read


def _headless(captured: Captured, op: int) -> bool:
    """Whether the header of some message is missing, and its buffers with it."""
    headers = captured.of(op, Role.HEADER)
    read = {piece.outer for piece in headers if piece.how != _MISSED}
    return any(piece.outer not in read for piece in headers)
