# SPDX-License-Identifier: Apache-2.0
"""Rows: what a syscall table says of one system call.

In: nothing, these are the nouns. Out: Syscall with its Arguments and Variants,
which reader.py makes, codegen plans by, and decode renders by. All are frozen, so
that one table serves every trace of a process.
"""

from dataclasses import dataclass
from enum import Enum


EVENTS = 1 << 16  # numbers from here on are user events (probes/), not system calls


class Direction(Enum):
    """Who reads and who writes what an argument points at.

    KEPT is read and written, but in different fields: what was passed is still there.
    """

    VALUE = ""
    IN = "<"
    OUT = ">"
    INOUT = "="
    KEPT = "~"


class When(Enum):
    """When the kernel writes an output: by the sign of what the call returns."""

    SUCCESS = ""
    POSITIVE = "+"
    FAILURE = "!"
    ALWAYS = "!!"


class Unit(Enum):
    """What the terms of a length count."""

    ONE = ""
    COUNT = "["
    BYTES = "("


@dataclass(frozen=True, slots=True)
class Term:
    """One bound of a length.

    `kind` is const, arg, ret, deref, self, bits, pages or nodes; `value` the
    constant, the argument's index, or for self an offset. `plus` is added.
    """

    kind: str
    value: int
    plus: int = 0


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its kernel name, its kind, and for a pointer what lies behind it."""

    name: str
    kind: str
    direction: Direction = Direction.VALUE
    unit: Unit = Unit.ONE
    terms: tuple[Term, ...] = ()
    when: When = When.SUCCESS

    @property
    def is_pointer(self) -> bool:
        return self.direction is not Direction.VALUE


@dataclass(frozen=True, slots=True)
class Variant:
    """The arguments when (argument[selector] & mask) is one of `values`, all of 32 bits."""

    selector: int
    mask: int
    values: tuple[int, ...]
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Syscall:
    """One system call. Its variants share one selector and one mask."""

    nr: int
    name: str
    arguments: tuple[Argument, ...]
    variants: tuple[Variant, ...] = ()

    @property
    def is_event(self) -> bool:
        """Whether a program said it by itself: a user event."""
        return self.nr >= EVENTS

    def index(self, name: str) -> int:
        """The position of an argument; ValueError if there is none of that name."""
        return [argument.name for argument in self.arguments].index(name)

    def alias(self, name: str) -> int | None:
        """The position of path, path2, fd, buf or size, whatever the kernel calls it.

        An argument that has the very name comes first. None if there is nothing to name.
        """
        for position, argument in enumerate(self.arguments):
            if argument.name == name:
                return position
        find = _ALIASES.get(name)
        return find(self) if find else None

    def positions(self, *kinds: str) -> list[int]:
        """Where the arguments of these kinds are."""
        return [i for i, argument in enumerate(self.arguments) if argument.kind in kinds]


def _path(call: Syscall) -> int | None:
    return next(iter(call.positions("path")), None)


def _second_path(call: Syscall) -> int | None:
    return next(iter(call.positions("path")[1:]), None)


def _descriptor(call: Syscall) -> int | None:
    found = call.positions("fd", "dirfd")
    return next((i for i in found if not call.arguments[i].is_pointer), None)


def _buffer(call: Syscall) -> int | None:
    return next(iter(call.positions("bytes")), None)


def _size(call: Syscall) -> int | None:
    """The argument that bounds the buffer, else the first size."""
    buffer = _buffer(call)
    if buffer is not None:
        for term in call.arguments[buffer].terms:
            if term.kind in ("arg", "deref"):
                return term.value
    return next(iter(call.positions("size")), None)


_ALIASES = {
    "path": _path,
    "path2": _second_path,
    "fd": _descriptor,
    "buf": _buffer,
    "size": _size,
}
