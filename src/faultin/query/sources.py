# SPDX-License-Identifier: Apache-2.0
"""Sources: where the value of a slot comes from in the calls of one plan.

In: nothing, these are the nouns. Out: a Source for each slot of each plan, None where
the plan has no such field: it is missing then. `op` is the index of an operation in
plan.ops, its bit in record.missed; `role` says which pieces of it. An argument that is
NULL is missing in all of them.

All that lies in memory lies in the first MAX_BYTES of its range, so that each source
but Items, Total and Count needs one piece: of those with the lowest address, the
first that was read. Offsets count from its beginning; what is beyond its end is missing.
"""

from dataclasses import dataclass

from faultin.drain.wire import Role


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same in every call of the plan: the name of the call."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Common:
    """A field of every event (fields.COMMON)."""

    name: str


@dataclass(frozen=True, slots=True)
class Register:
    """The low `bits` of argument `position`."""

    position: int
    bits: int
    signed: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes: what is before the NUL if `text`, else a buffer, whose full length is the
    piece's `want`; Cut if the piece has less."""

    op: int
    text: bool
    role: Role = Role.DATA


@dataclass(frozen=True, slots=True)
class MemoryInt:
    """A number of `size` bytes in memory; missing unless the u16 at offset 0 is one of
    `families`, if there are any."""

    op: int
    role: Role
    offset: int
    size: int
    signed: bool
    big_endian: bool = False
    families: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What is before the first NUL of `size` bytes in a structure, or of as many of them
    as there are. With `families` as in MemoryInt, and then missing if it is empty."""

    op: int
    role: Role
    offset: int
    size: int
    families: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """The IP address in a sockaddr: AF_INET at offset 4, AF_INET6 at 8, the last 4
    bytes of this if it is IPv4 inside IPv6; missing in other families."""

    op: int
    role: Role


@dataclass(frozen=True, slots=True)
class Items:
    """The strings of an array of strings."""

    op: int


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of the lengths of all iovecs, each at most 2**32 - 1, as a piece has it."""

    op: int


@dataclass(frozen=True, slots=True)
class Count:
    """The number of iovecs; at most IOV_MAX in each message."""

    op: int


Source = (
    Fixed | Common | Register | Memory | MemoryInt | Text | Address | Items | Total | Count
)  # fmt: skip


def op_of(source: Source | None) -> int | None:
    """The operation that a source needs captured, if it needs one."""
    return getattr(source, "op", None)
