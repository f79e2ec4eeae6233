# SPDX-License-Identifier: Apache-2.0
"""Fields: which columns of a recording are which fields of a call's two events.

In: the columns of a layout. Out: for each variant of a call, its Fields by side. Names are
LTTng's: those of the kernel's arguments; inputs are in the event of the entry, outputs in that
of the exit. What LTTng does not have has two underscores in its name.
"""

from dataclasses import dataclass
from enum import Enum

from faultin.columnar.layout import EXACT, Slot
from faultin.syscalls.table import Direction

_STACK = ("ustack__frames", "ustack__end", "ustack__capture")
_BASES = {"address": 16, "mode": 8}


class Side(Enum):
    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and what it is called in an event of a side; base: of its numbers."""

    column: str
    name: str
    side: Side
    base: int = 10


class Fields:
    """Of all calls of one architecture. names: of the columns, by number."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._made: dict[int, tuple[Field, ...]] = {}  # by the id of slots, which live as long

    def of(self, slots: tuple[Slot, ...]) -> tuple[Field, ...]:
        """Of a call with these arguments."""
        found = self._made.get(id(slots))
        if found is None:
            found = (*(field for slot in slots for field in self._of(slot)), *_ALWAYS)
            self._made[id(slots)] = found
        return found

    def _of(self, slot: Slot) -> list[Field]:
        name, base = slot.argument.name, _BASES.get(slot.argument.kind, 10)
        is_output = slot.argument.direction is Direction.OUT
        side = Side.EXIT if is_output else Side.ENTRY
        parts = [
            (slot.value, name, side), (slot.bytes, f"{name}__bytes", side),
            (slot.length, f"{name}__length", side), (slot.word, f"{name}__capture", side),
            (slot.hex, f"{name}__hex", side), (slot.out, name, Side.EXIT),
            (slot.out_bytes, f"{name}__bytes", Side.EXIT),
            (slot.out_length, f"{name}__length", Side.EXIT),
        ]  # fmt: skip
        return [
            Field(self._names[number], called, where, 16 if number == slot.hex else base)
            for number, called, where in parts
            if number is not None
        ]


_ALWAYS = (
    Field("ret", "ret", Side.EXIT),
    Field("errno", "errno", Side.EXIT),
    *(Field(name, name, Side.ENTRY) for name in _STACK),
    Field(EXACT, EXACT, Side.EXIT),
)
