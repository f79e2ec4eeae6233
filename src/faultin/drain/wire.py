# SPDX-License-Identifier: Apache-2.0
"""Drain: the wire format of bpf/wire.h, as Python reads it.

In: bytes of the ring buffer. Out: Record. Sizes, offsets and numbers are the C
header's; tests/unit/test_wire.py compiles the header and compares.
"""

from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Iterator, Mapping, NamedTuple

PIECE_MAX = 4096
RANGE_MAX = 1024 * 1024
IOV_MAX = 1024
STRINGS_MAX = 4096
OPS_MAX = 12
PLAN_NONE = 0xFFFF

HEAD = Struct("<BBHIIIQQq6Q16sIHH")
PIECE = Struct("<QHBBHHII")
RING_HEADER = 8


class RecordType(IntEnum):
    CALL = 1
    NORETURN = 2
    BLOCKED = 3
    PART = 4
    SIGNAL = 5
    EXIT = 6
    GROUP = 64  # added to one of the others
    JUDGED = 128


class RecordFlag(IntFlag):
    COMPAT = 1
    EXECED = 2
    SCRIPT = 4
    SPILLED = 8
    PART_LOST = 16
    LATE = 32
    SETTLED = 64
    DIRECT = 128


# As plain numbers, for what is looked at in every record: an enum is slow there.
_PART, _SPILLED = RecordType.PART.value, RecordFlag.SPILLED.value
_GROUP, _JUDGED = RecordType.GROUP.value, RecordType.JUDGED.value
_EXIT, _DIRECT = RecordType.EXIT.value, RecordFlag.DIRECT.value


class How(IntEnum):
    MISSED = 0
    ENTRY = 1
    EXIT = 2
    DEFERRED = 3
    REMOTE = 4
    EXEC = 5


class Phase(IntEnum):
    IDLE = 0
    ARMED = 1
    ATTACHED = 2
    CALL = 3
    WORK = 4
    READ = 5
    ENDED = 6
    REJECTED = 7


HOW_WORDS = {how.value: how.name.lower() for how in How}


class Role(IntEnum):
    DATA = 0
    ITEM = 1
    ARRAY = 2
    END = 3
    HEADER = 4
    NAME = 5
    CONTROL = 6
    BLOCK = 7
    LENGTH = 8
    CONTEXT = 9
    TOTAL = 10
    GROUP = 11
    REGISTERS = 12
    EXE = 13


class Context(IntFlag):
    """What a record says of its caller beyond its head."""

    WHO = 1
    EXE = 2


class Exe(IntFlag):
    """Of a piece of Role.EXE, in the place of its address."""

    WHOLE = 1
    DELETED = 2


_ROLE_GROUP = Role.GROUP.value


class Piece(NamedTuple):
    """A range of user memory: `data` of the `want` bytes at `address`."""

    address: int
    op: int
    role: int
    how: int
    index: int
    outer: int
    want: int
    data: bytes


@dataclass(slots=True)
class Record:
    """One record; `ts` in CLOCK_MONOTONIC ns, `latency` in ns, `arguments` as registers."""

    type: int
    flags: int
    plan: int
    nr: int
    pid: int
    tid: int
    ts: int
    latency: int
    ret: int
    arguments: tuple[int, ...]
    comm: bytes
    seq: int
    missed: int
    gone: int
    body: bytes
    judged: bool = False  # the kernel has found that the query holds
    more: list[Piece] | None = None  # what was read of it from here (decode/remote.py)
    first: bool = False  # of its group: the kernel counts those that follow

    @property
    def group(self) -> int:
        """The number of the group that it is the first of."""
        return next(piece.address for piece in self.pieces() if piece.role == _ROLE_GROUP)

    def pieces(self) -> list[Piece]:
        """The captured ranges, in the order in which they were read."""
        return pieces(self.body)


def pieces(body: bytes) -> list[Piece]:
    """What is behind the head of a record."""
    found: list[Piece] = []
    at, unpack, size = 0, PIECE.unpack_from, PIECE.size
    end = len(body) - size
    while at <= end:
        address, op, role, how, index, outer, want, length = unpack(body, at)
        at += size
        data = body[at : at + length]
        found.append(Piece(address, op, role, how, index, outer, want, data))
        at += (length + 7) & ~7
    return found


_REGISTERS = Role.REGISTERS.value
_SP = Struct("<8xQ")  # of struct registers


def stack_pointer(record: Record) -> int:
    """The user's stack pointer; 0 where stacks are not wanted, or the part that had it was
    lost. It is in the first piece, or behind who made the call."""
    at, body = 0, record.body
    for _ in range(2):
        if at + PIECE.size > len(body):
            break
        _, _, role, _, _, _, _, length = PIECE.unpack_from(body, at)
        at += PIECE.size
        if role == _REGISTERS:
            return _SP.unpack_from(body, at)[0]
        at += (length + 7) & ~7
    return 0


def head(record: Record) -> bytes:
    """A record's head, without the mark of who judged it."""
    r = record
    numbers = (r.type, r.flags, r.plan, r.nr, r.pid, r.tid, r.ts, r.latency, r.ret)
    return HEAD.pack(*numbers, *r.arguments, r.comm, r.seq, r.missed, r.gone)


def records(
    chunk: bytes, at: int = 0, end: int | None = None, more: Mapping[int, list[Piece]] = {}
) -> Iterator[Record]:
    """The records of a chunk as the native drain copies it, whole ring entries, from offset
    `at` to `end`; `more` by their offsets, which may still grow."""
    end, head = len(chunk) if end is None else end, HEAD.size
    unpack = HEAD.unpack_from
    while at < end:
        length = int.from_bytes(chunk[at : at + 4], "little") & 0x3FFFFFFF
        read = more.get(at) if more else None
        at += RING_HEADER
        f = unpack(chunk, at)
        body = chunk[at + head : at + length]
        if f[0] < _GROUP:
            yield Record(*f[:9], f[9:15], f[15], f[16], f[17], f[18], body, False, read)
        else:
            kind, judged, first = f[0] & _GROUP - 1, f[0] >= _JUDGED, bool(f[0] & _GROUP)
            yield Record(
                kind, *f[1:9], f[9:15], f[15], f[16], f[17], f[18], body, judged, read, first
            )
        at += (length + 7) & ~7


def _one_piece(body: bytes) -> int:
    """The bytes of the first piece: behind it a direct part has whatever was there."""
    return PIECE.size + (PIECE.unpack_from(body)[-1] + 7 & ~7)


class Assembler:
    """Puts records whose pieces were sent ahead in parts together again. Direct parts of a
    task's next calls may come before the record of this one; and of a watch's two ring buffers
    one is read first, so that what comes by it says nothing of calls in the other."""

    def __init__(self) -> None:
        self._ordinary: dict[int, dict[int, list[bytes]]] = {}  # by task and call
        self._urgent: dict[int, dict[int, list[bytes]]] = {}

    def whole(self, record: Record, urgent: bool = False) -> Record | None:
        """The record with all its parts, or None while more is to come. urgent: it came by
        the ring buffer that is read first."""
        if record.type == _PART:
            self._keep(record, urgent)
            return None
        if record.type == _EXIT:
            (self._urgent if urgent else self._ordinary).pop(record.tid, None)
        if not record.flags & _SPILLED:
            return record
        ahead, calls = self._urgent.get(record.tid, {}), self._ordinary.get(record.tid, {})
        parts = [*ahead.get(record.seq, []), *calls.get(record.seq, [])]
        if record.type != RecordType.BLOCKED:
            ahead.pop(record.seq, None)
            if not urgent:  # calls before it were not wanted
                _forget(calls, record.seq + 1)
        return replace(record, body=b"".join([*parts, record.body]))

    def _keep(self, part: Record, urgent: bool) -> None:
        calls = (self._urgent if urgent else self._ordinary).setdefault(part.tid, {})
        body = part.body
        if part.flags & _DIRECT:
            body = body[: _one_piece(body)]
        elif not urgent:  # calls before it have their records, or were not wanted
            _forget(calls, part.seq)
        calls.setdefault(part.seq, []).append(body)


def _forget(calls: dict[int, list[bytes]], before: int) -> None:
    for seq in [seq for seq in calls if seq < before]:
        del calls[seq]
