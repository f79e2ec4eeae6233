# SPDX-License-Identifier: Apache-2.0
"""Definition: the name and the typed fields of an event that Python programs write.

In: `order_paid` and `id: u64, customer: string, note: bytes`. Out: a Definition, in which
`bytes` has a second argument for its length, so that there are six at the most, as a call's
record has. Programs and tracers agree by `id`, made of the name and of the fields. ValueError
for what does not hold together.
"""

import keyword
import re
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

SLOTS = 64  # of native/events/stubs.c
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST = 6
# Kinds, and what the kernel's user_events calls them (user_event_field_size()).
KINDS = {
    "int": "int", "uint": "unsigned int", "long": "s64", "ulong": "u64", "size": "u64",
    "s8": "s8", "u8": "u8", "s16": "s16", "u16": "u16", "s32": "s32", "u32": "u32",
    "s64": "s64", "u64": "u64", "addr": "u64", "hex": "u64", "pid": "int", "fd": "int",
    "string": "__rel_loc char[]", "path": "__rel_loc char[]", "bytes": "__rel_loc u8[]",
}  # fmt: skip
TEXTS = ("string", "path")
_BITS = {"int": (32, True), "unsigned int": (32, False)}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Definition:
    """An event's name and fields."""

    name: str
    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{f.name}: {f.kind}' for f in self.fields)})"

    @property
    def slot(self) -> int:
        return crc32(self.name.encode()) % SLOTS

    @property
    def id(self) -> int:
        """The name's half above, that of name and fields below; never 0."""
        halves = [blake2b(text.encode(), digest_size=4).digest() for text in (self.name, str(self))]
        return int.from_bytes(b"".join(halves), "big") or 1

    @property
    def signature(self) -> str:
        """Its arguments, in the words of --event: what bytes need for their length is last."""
        sizes = [f"{f.name}_size: size" for f in self.fields if f.kind == "bytes"]
        kinds = {"bytes": "bytes({}_size)"}
        words = [f"{f.name}: {kinds.get(f.kind, f.kind).format(f.name)}" for f in self.fields]
        return ", ".join([*words, *sizes])


def definition(name: str, fields: str) -> Definition:
    """What `name` and the text of its fields say."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an event: letters, digits and _, 64 at the most")
    found = tuple([_field(text) for text in fields.split(",") if text.strip()])
    names = [field.name for field in found]
    names += [f"{field.name}_size" for field in found if field.kind == "bytes"]
    if len(set(names)) < len(names):
        raise ValueError(f"{name}: a field is there twice (bytes take NAME_size for their length)")
    if len(names) > _MOST:
        raise ValueError(f"{name}: {_MOST} fields are the most, of which bytes take two")
    return Definition(name, found)


def _field(text: str) -> Field:
    name, colon, kind = (part.strip() for part in text.partition(":"))
    if not colon or not _NAME.fullmatch(name) or keyword.iskeyword(name) or name[:2] == "__":
        raise ValueError(f"{text.strip()!r} is not NAME: KIND")
    if kind not in KINDS:
        raise ValueError(f"there is no kind {kind!r} of field; there are {', '.join(KINDS)}")
    return Field(name, kind)


def parsed(text: str) -> Definition:
    """`NAME(FIELD: KIND, ...)`, as str() of one gives it."""
    name, _, fields = text.strip().removesuffix(")").partition("(")
    return definition(name.strip(), fields)


def limits(kind: str) -> tuple[int, int]:
    """The least and the greatest value of a kind of numbers."""
    name = KINDS[kind]
    bits, signed = _BITS.get(name) or (int(name[1:]), name[0] == "s")
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
