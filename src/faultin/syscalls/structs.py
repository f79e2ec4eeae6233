# SPDX-License-Identifier: Apache-2.0
"""Structures: how the kernel lays out what arguments point at.

In: structs.tbl beside this module, whose head explains its grammar. Out: frozen
Structures with the offset of every field, for decode to make decoders of, and
for sizes.py. Invariant: the layout is that of C on a 64-bit machine, which the
tests compare with the kernel's headers. A structure is laid out when it is first
asked for.
"""

import re
from dataclasses import dataclass
from functools import cache

from faultin.syscalls.data import read_table

_SCALARS = {
    **{"s8": "b", "u8": "B", "s16": "h", "u16": "H"},
    **{"s32": "i", "u32": "I", "s64": "q", "u64": "Q"},
}
_FIELD = re.compile(r"(\w+):(@?\w+)(?:\[(\d*)\])?(?:/([\w/]+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    `type` is s8 to u64, char, or @ and the name of a structure; `count` the number
    of elements, 1 for a plain field, 0 for one that goes to the end of the memory.
    `kind` says how the value is shown, "" for as it is. `size` is of all elements.
    """

    name: str
    type: str
    is_array: bool
    count: int
    kind: str
    offset: int
    size: int

    @property
    def is_hidden(self) -> bool:
        """Padding, or a pointer that says nothing by itself."""
        return self.name.startswith("_")

    @property
    def code(self) -> str:
        """The struct module's letter for one element."""
        return _SCALARS[self.type]


@dataclass(frozen=True, slots=True)
class Structure:
    """One structure; `size` is without what a last field [] holds."""

    name: str
    size: int
    alignment: int
    fields: tuple[Field, ...]


def structure_names() -> frozenset[str]:
    """The names of all structures."""
    return frozenset(_texts())


@cache
def structure(name: str) -> Structure:
    """The structure of that name; LookupError if there is none."""
    try:
        words = _texts()[name]
    except KeyError:
        raise LookupError(f"there is no structure {name}") from None
    packed = words[:1] == ["packed"]
    return _lay_out(name, words[packed:], packed)


@cache
def _texts() -> dict[str, list[str]]:
    """The words of each structure after its name."""
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for line in read_table("structs.tbl").splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        if line[0].isspace():
            words += line.split()
        else:
            name, *words = line.split()
            found[name] = words
    return found


def _lay_out(name: str, words: list[str], packed: bool) -> Structure:
    at, widest = 0, 1
    fields = []
    for word in words:
        match = _FIELD.fullmatch(word)
        if not match:
            raise ValueError(f"structure {name}: {word!r} is not FIELD:TYPE")
        field_name, of, count, kind = match.groups()
        size, alignment = (1, 1) if of == "char" else _measure(of)
        alignment = 1 if packed else alignment
        at = -(-at // alignment) * alignment
        widest = max(widest, alignment)
        number = 1 if count is None else int(count or 0)
        whole = size * number
        fields.append(Field(field_name, of, count is not None, number, kind or "", at, whole))
        at += whole
    return Structure(name, -(-at // widest) * widest, widest, tuple(fields))


def _measure(of: str) -> tuple[int, int]:
    """The size and alignment of a type."""
    if of.startswith("@"):
        inner = structure(of[1:])
        return inner.size, inner.alignment
    size = int(of[1:]) // 8
    return size, size
