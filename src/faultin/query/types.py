# SPDX-License-Identifier: Apache-2.0
"""Types: what an expression can be, and the values that stand for it.

In: nothing, these are the nouns. Out: Type, and the values of one row: int, bytes,
tuple of bytes, or MISSING. Every back end holds to what this module says of them.

    type        value                                     of
    BOOL        bool; a condition is never missing         conditions
    S64, U64    int, in the range of the type              numbers, flags, enums
    BYTES       bytes, or Cut: the head of a longer value  paths, strings, buffers
    LIST        tuple of bytes and MISSING, or CutList     argv, envp
    IP          4 or 16 bytes; a mapped IPv4 address is 4  addresses
    STACK       Stack, for keys and captures only          ustack
"""

from enum import Enum
from typing import Final

from faultin.drain.wire import PIECE_MAX
from faultin.stacks.frames import Stack

MAX_BYTES = PIECE_MAX  # a query looks at so many bytes of a buffer: those of its first piece
_SIGN, _RANGE = 1 << 63, 1 << 64


class Type(Enum):
    """What an expression is. The value is how an error calls it."""

    BOOL = "a condition"
    S64 = "an integer"
    U64 = "an unsigned integer"
    BYTES = "text"
    LIST = "a list"
    IP = "an IP address"
    STACK = "a stack"

    @property
    def is_int(self) -> bool:
        return self is Type.S64 or self is Type.U64


class _Absent(Enum):
    """What a row has in the place of a value."""

    MISSING = "missing"  # NULL, a fault, gone, unset, or not a field of this call
    UNKNOWN = "unknown"  # not known yet: the call has not returned (early evaluation only)

    def __repr__(self) -> str:
        return self.name


MISSING: Final = _Absent.MISSING
UNKNOWN: Final = _Absent.UNKNOWN


class Cut(bytes):
    """The head of a buffer of which more was passed than captured; `length` is of the whole."""

    length: int

    def __new__(cls, data: bytes, length: int) -> "Cut":
        if len(data) >= length:
            raise ValueError("that is the whole value")
        self = super().__new__(cls, data)
        self.length = length
        return self

    def __repr__(self) -> str:
        return f"Cut({bytes(self)!r}, {self.length})"

    def __eq__(self, other: object) -> bool:
        return type(other) is Cut and self.length == other.length and bytes.__eq__(self, other)

    def __hash__(self) -> int:
        return hash((bytes(self), self.length))


class CutList(tuple[object, ...]):
    """The first strings of a list whose end was not captured: nobody knows how many there are."""


Value = int | bytes | tuple[object, ...] | Stack


def wrapped(value: int, of: Type) -> int:
    """`value` modulo 2**64, in the range of S64 or U64."""
    value %= _RANGE
    return value - _RANGE if of is Type.S64 and value >= _SIGN else value


def type_of_number(value: int) -> Type:
    """The type of a constant: signed, unless it is too large for that.

    OverflowError if it has more than 64 bits.
    """
    if not -_SIGN <= value < _RANGE:
        raise OverflowError(value)
    return Type.U64 if value >= _SIGN else Type.S64
