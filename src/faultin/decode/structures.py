# SPDX-License-Identifier: Apache-2.0
"""Structures: bytes become dicts of fields.

In: a Structure of structs.tbl, then memory that holds one. Out: a dict, with the
fields in their order. Memory that is shorter than the structure, as from a program
that was built for an older kernel, has the fields that are whole; what is beyond
the structure is ignored. A decoder is compiled when it is first asked for.
"""

from collections.abc import Callable
from functools import cache
from struct import Struct

from faultin.decode.buffers import bits, octets, string, text_or_bytes
from faultin.decode.scalars import value_decoder
from faultin.decode.signals import sigset
from faultin.decode.sockets import sockaddr
from faultin.syscalls.constants import constant_set, set_names
from faultin.syscalls.structs import Field, Structure, structure
from faultin.values import Value

MemoryDecoder = Callable[[bytes], Value]
_ALL_BITS = (1 << 64) - 1

# kinds of a u8[] field
_BYTES: dict[str, MemoryDecoder] = {
    "": text_or_bytes,
    "sockaddr": sockaddr,
    "sigset": sigset,
    "bitset": bits,
    "octets": octets,
}


class StructureDecoder:
    """Decodes one structure."""

    def __init__(self, layout: Structure) -> None:
        self._tail = next((f for f in layout.fields if f.is_array and not f.count), None)
        self._layout = layout
        self._fields = [f for f in layout.fields if f is not self._tail]
        self._whole = _Plan(self._fields)
        self._partial: dict[int, _Plan] = {}

    def __call__(self, data: bytes) -> dict[str, Value]:
        plan = self._whole
        if len(data) < plan.size:
            return self._plan_of(len(data)).decode(data)
        found = plan.decode(data)
        if self._tail is not None:
            found[self._tail.name] = _BYTES[self._tail.kind](data[self._tail.offset :])
        return found

    def array(self, data: bytes) -> list[Value]:
        """As many structures as there are, the last one maybe not whole."""
        size = self._layout.size
        return [self(data[at : at + size]) for at in range(0, len(data), size)]

    def _plan_of(self, length: int) -> "_Plan":
        """The plan of the fields that fit; there are no more plans than fields."""
        count = sum(f.offset + f.size <= length for f in self._fields)
        if count not in self._partial:
            self._partial[count] = _Plan(self._fields[:count])
        return self._partial[count]


class _Plan:
    """Some fields, unpacked at once, and what is then to do with each."""

    def __init__(self, fields: list[Field]) -> None:
        code, at = "<", 0
        shown: list[tuple[str, MemoryDecoder | Callable[[int], Value] | None]] = []
        for field in fields:
            code += f"{field.offset - at}x" if field.offset > at else ""
            at = field.offset + field.size
            if field.is_hidden:
                code += f"{field.size}x"
            elif field.is_array or field.type.startswith("@"):
                code += f"{field.size}s"
                shown.append((field.name, _array_decoder(field)))
            else:
                code += _code(field)
                shown.append((field.name, _number_decoder(field)))
        self._unpack = Struct(code).unpack_from
        self.size = at
        self._names = [name for name, _ in shown]
        self._decoders = shown if any(decoder for _, decoder in shown) else None

    def decode(self, data: bytes) -> dict[str, Value]:
        """`data` has at least `size` bytes."""
        values = self._unpack(data)
        if self._decoders is None:
            return dict(zip(self._names, values))
        return {
            name: value if decoder is None else decoder(value)
            for (name, decoder), value in zip(self._decoders, values)
        }


def is_flags(kind: str) -> bool:
    """Whether a field of this kind is a set of flags, which has no sign."""
    name = kind.removesuffix("/8")
    return name in set_names() and constant_set(name).is_flags


def _code(field: Field) -> str:
    """Flags are unsigned, whatever C says: a sign would be a great many unknown bits."""
    return field.code.upper() if is_flags(field.kind) else field.code


def _number_decoder(field: Field) -> Callable[[int], Value] | None:
    if not field.kind:
        return None
    decode = value_decoder(field.kind)
    if field.type.startswith("s") and not is_flags(field.kind):
        return lambda value: decode(value & _ALL_BITS)
    return decode


def _array_decoder(field: Field) -> MemoryDecoder:
    """For arrays of any type, and nested structures."""
    if field.type.startswith("@"):
        inner = structure_decoder(field.type[1:])
        return inner.array if field.is_array else inner
    if field.type == "char":
        return string
    if field.type == "u8":
        return _BYTES[field.kind]
    unpack = Struct(f"<{field.count}{field.code}").unpack
    decode = _number_decoder(field)
    if decode is None:
        return lambda data: list(unpack(data))
    return lambda data: [decode(value) for value in unpack(data)]


@cache
def structure_decoder(name: str) -> StructureDecoder:
    """The decoder of a structure; LookupError if there is none of that name."""
    return StructureDecoder(structure(name))
