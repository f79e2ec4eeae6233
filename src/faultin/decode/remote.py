# SPDX-License-Identifier: Apache-2.0
"""Remote: what was absent for the kernel's side, read from here.

In: a record with pieces missing, and its plan. Out: more pieces, got with
process_vm_readv (reader.py), which takes the fault in the traced process. It
performs the operations of bpf/capture.bpf.h once more, on memory as it is now.
"""

from struct import Struct
from typing import Iterator

from faultin.codegen.plan import Op, OpKind, Plan
from faultin.decode.reader import Reader
from faultin.drain.wire import IOV_MAX, PIECE_MAX, STRINGS_MAX, How, Piece, Record, Role
from faultin.syscalls.table import Term

_PAGE = 4096
_LIMIT = 1 << 20
_IOVEC, _IOVEC32 = Struct("<QQ"), Struct("<II")
_MSGHDR = Struct("<QI4xQQQQI4xI4x")


class Memory:
    """The memory of a task. Reading gives None where there is none."""

    def __init__(self, reader: Reader, pid: int, tid: int) -> None:
        self._reader, self._pid, self._tid = reader, pid, tid

    def read(self, address: int, size: int) -> bytes | None:
        """Exactly `size` bytes, or None."""
        if size == 0:
            return b""
        data = self.some(address, size)
        return data if len(data) == size else None

    def some(self, address: int, size: int) -> bytes:
        """As many of `size` bytes as there are."""
        return self._reader.read(self._pid, self._tid, address, size)

    def string(self, address: int) -> bytes | None:
        """A string with its NUL, or its first PIECE_MAX bytes."""
        data = b""
        while len(data) < PIECE_MAX and b"\0" not in data:
            at = address + len(data)
            part = self.some(at, min(_PAGE - at % _PAGE, PIECE_MAX - len(data)))
            if not part:
                return None
            data += part
        end = data.find(b"\0")
        return data if end < 0 else data[: end + 1]


class _Capture:
    """Performs the operations of one record."""

    def __init__(self, reader: Reader, record: Record, max_bytes: int) -> None:
        self._record = record
        self._memory = Memory(reader, record.pid, record.tid)
        self._max = max_bytes

    def op(self, number: int, op: Op) -> Iterator[Piece]:
        base = self._record.arguments[op.position]
        if not base:
            return
        lengths = [self._term(term, base) for term in op.terms]
        if None in lengths:
            return
        length = min((x for x in lengths if x is not None), default=1)
        left = max(self._record.ret, 0) if op.is_output else None
        match op.kind:
            case OpKind.STRING:
                yield from self.string(base, number, Role.DATA, 0)
            case OpKind.STRINGS:
                yield from self._strings(base, number, 4 if op.narrow else 8)
            case OpKind.IOVEC:
                form = _IOVEC32 if op.narrow else _IOVEC
                yield from self._iovec(base, length, number, 0, left, form)
            case OpKind.MSGHDR:
                yield from self._message(base, number, 0, left, op.size)
            case OpKind.MMSGHDR:
                for i in range(min(length, IOV_MAX)):
                    yield from self._message(base + 64 * i, number, i, left, op.size)
            case OpKind.IOCTL:
                size = self._record.arguments[1] >> 16 & 0x3FFF
                yield from self._range(base, size, size, number, Role.DATA, 0, 0)
            case OpKind.MEMORY:
                size = length * (op.size if op.counted else 1)
                limit = self._max if op.capped else _LIMIT
                yield from self._range(base, size, limit, number, Role.DATA, 0, 0)

    def _term(self, term: Term, base: int) -> int | None:
        argument = self._record.arguments[term.value] if term.value < 6 else 0
        value: int | None
        match term.kind:
            case "const":
                value = term.value
            case "arg":
                value = min(argument, 0x7FFFFFFF)
            case "ret":
                value = max(self._record.ret, 0)
            case "deref" | "self":
                at = argument if term.kind == "deref" else base + term.value
                data = self._memory.read(at, 4) if at else bytes(4)
                value = None if data is None else int.from_bytes(data, "little")
            case "bits":
                value = (argument & 0xFFFFFFFF) // 64 * 8 + (8 if argument % 64 else 0)
            case "pages":
                value = -(-argument // _PAGE)
            case "nodes":
                value = (argument + 62) // 64 * 8 if argument else 0
            case _:
                raise ValueError(term.kind)
        return None if value is None else value + term.plus

    def _piece(
        self, address: int, number: int, role: Role, index: int, outer: int, want: int, data: bytes
    ) -> Piece:
        return Piece(address, number, role, How.REMOTE, index, outer, want, data)

    def string(self, address: int, number: int, role: Role, index: int) -> Iterator[Piece]:
        data = self._memory.string(address)
        if data is not None:
            yield self._piece(address, number, role, index, 0, len(data), data)

    def range(self, missed: Piece, op: Op) -> Iterator[Piece]:
        """The bytes of a range that is known; of an output no more than was written."""
        limit = self._max if op.capped or missed.role == Role.ITEM else _LIMIT
        if missed.role == Role.ITEM and op.is_output:
            limit = min(limit, max(self._record.ret, 0))
        role = Role(missed.role)
        yield from self._range(
            missed.address, missed.want, limit, missed.op, role, missed.index, missed.outer
        )

    def _range(
        self, address: int, want: int, limit: int, number: int, role: Role, index: int, outer: int
    ) -> Iterator[Piece]:
        size = min(want, limit, _LIMIT)
        for done in range(0, max(size, 1), PIECE_MAX):
            data = self._memory.read(address + done, min(PIECE_MAX, size - done))
            if data is None:
                return
            yield self._piece(address + done, number, role, index, outer, want - done, data)

    def _strings(self, base: int, number: int, width: int) -> Iterator[Piece]:
        for i in range(STRINGS_MAX):
            data = self._memory.read(base + width * i, width)
            if data is None:
                return
            address = int.from_bytes(data, "little")
            if not address:
                yield self._piece(base + width * i, number, Role.END, i, 0, 0, b"")
                return
            yield from self.string(address, number, Role.ITEM, i)

    def _iovec(
        self, base: int, count: int, number: int, outer: int, left: int | None, form: Struct = _IOVEC
    ) -> Iterator[Piece]:
        for i in range(min(count, IOV_MAX)):
            data = self._memory.read(base + form.size * i, form.size)
            if data is None:
                return
            address, length = form.unpack(data)
            have = length if left is None else min(length, left)
            left = None if left is None else left - have
            limit = min(have, self._max)
            yield from self._range(address, length, limit, number, Role.ITEM, i, outer)

    def _message(
        self, base: int, number: int, outer: int, left: int | None, size: int
    ) -> Iterator[Piece]:
        data = self._memory.read(base, size)
        if data is None:
            return
        yield self._piece(base, number, Role.HEADER, 0, outer, size, data)
        fields = _MSGHDR.unpack(data.ljust(_MSGHDR.size, b"\0"))
        name, name_length, vector, count, control, control_length, _, length = fields
        if name:
            yield from self._range(name, name_length, PIECE_MAX, number, Role.NAME, 0, outer)
        if left is not None and size == _MSGHDR.size:
            left = length
        yield from self._iovec(vector, count, number, outer, left)
        if control:
            yield from self._range(control, control_length, 65536, number, Role.CONTROL, 0, outer)


def is_alive(tid: int) -> bool:
    """Whether this task still has memory to read."""
    try:
        with open(f"/proc/{tid}/statm") as statm:
            return not statm.read().startswith("0 ")
    except OSError:
        return False


def _again(capture: _Capture, missed: Piece, op: Op) -> Iterator[Piece]:
    """What one missing piece stands for. Where its address is known, that is read;
    an array that could not be followed is followed from there on."""
    number, role = missed.op, Role(missed.role)
    if role in (Role.ARRAY, Role.HEADER, Role.LENGTH):
        after = missed.index if role is Role.ARRAY else 0
        found = capture.op(number, op)
        yield from (p for p in found if p.index >= after and p.outer == missed.outer)
    elif op.kind in (OpKind.STRING, OpKind.STRINGS):
        yield from capture.string(missed.address, number, role, missed.index)
    else:
        yield from capture.range(missed, op)


def fill(reader: Reader, record: Record, plan: Plan, max_bytes: int = 4096) -> list[Piece]:
    """What is missing of those operations whose memory is not gone."""
    if not is_alive(record.tid):
        return []
    capture = _Capture(reader, record, max_bytes)
    wanted = record.missed & ~record.gone
    pieces: list[Piece] = []
    if not record.body:  # nobody has read anything yet
        for bit, op in enumerate(plan.ops):
            if (wanted >> bit & 1) if wanted else bit < plan.inputs:
                pieces += capture.op(plan.first + bit, op)
        return pieces
    for piece in record.pieces():
        bit = piece.op - plan.first
        if piece.how == How.MISSED and 0 <= bit < len(plan.ops) and wanted >> bit & 1:
            pieces += _again(capture, piece, plan.ops[bit])
    return pieces
