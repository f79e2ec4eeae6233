# SPDX-License-Identifier: Apache-2.0
"""Structures: bytes as the object that they are.

In: the name of a structure and memory that holds one. Out: a dict of its fields.
Memory that ends early (an older, smaller structure) gives the fields it has.
"""

from functools import cache
from struct import Struct
from typing import Any, Callable

from faultin.decode.scalars import value_decoder
from faultin.syscalls.structs import Field, structure


def text_or_bytes(data: bytes) -> str | bytes:
    """str where it is UTF-8, else the bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _characters(data: bytes) -> str | bytes:
    return text_or_bytes(data.split(b"\0", 1)[0])


def _array(field: Field, element: Callable[[bytes], Any], size: int) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> list[Any]:
        return [element(data[at : at + size]) for at in range(0, len(data) - size + 1, size)]

    return decode


def _number(field: Field) -> tuple[Callable[[bytes], Any], int]:
    """The decoder of one element, and its size."""
    packed = Struct("<" + field.code)
    render = value_decoder(field.kind) if field.kind else None
    unpack = packed.unpack

    def decode(data: bytes) -> Any:
        (value,) = unpack(data)
        return render(value) if render else value

    return decode, packed.size


def _field_decoder(field: Field) -> Callable[[bytes], Any]:
    from faultin.decode.kinds import memory_decoder

    if field.type == "char":
        return _characters
    if field.type.startswith("@"):
        inner = structure_decoder(field.type[1:])
        size = structure(field.type[1:]).size
        return _array(field, inner, size) if field.is_array else inner
    if field.kind in ("sigset", "sockaddr", "fd_set", "bitset", "bytes", "string"):
        return memory_decoder(field.kind)
    if field.is_array and field.type == "u8" and not field.kind:
        return text_or_bytes
    element, size = _number(field)
    return _array(field, element, size) if field.is_array else element


@cache
def structure_decoder(name: str) -> Callable[[bytes], dict[str, Any]]:
    """From memory to a dict; LookupError if there is no such structure."""
    fields = [
        (field.name, field.offset, field.size, field.count == 0, _field_decoder(field))
        for field in structure(name).fields
        if not field.is_hidden
    ]

    def decode(data: bytes) -> dict[str, Any]:
        found = {}
        for field_name, at, size, is_open, of in fields:
            part = data[at:] if is_open else data[at : at + size]
            if not is_open and len(part) < size:
                continue
            found[field_name] = of(part)
        return found

    return decode
