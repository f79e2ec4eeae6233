# SPDX-License-Identifier: Apache-2.0
"""Structures: of structs.tbl, as Arrow structs of the numbers that are in them.

In: a Structure. Out: its Codec. Numbers stay numbers, whatever they are shown as; u8[N] is
binary, char[N] text before its NUL. A field that is not there is null. What is shown comes
from decode itself, which is given the memory again.
"""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from faultin.columnar.codec import Codec, Number, Part, text_of
from faultin.decode.kinds import memory_decoder
from faultin.decode.structures import is_flags
from faultin.syscalls.structs import Field, structure
from faultin.values import Value


class Bytes(Part):
    """u8[N]."""

    type = pa.binary()

    def __init__(self, size: int) -> None:
        self.size = size

    def plain(self, data: bytes) -> bytes:
        return data

    def bulk(self, memory: np.ndarray) -> pa.Array:
        count = len(memory)
        offsets = np.arange(count + 1, dtype=np.int32) * self.size
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(memory))]
        return pa.Array.from_buffers(self.type, count, buffers)

    def packed(self, value: bytes) -> bytes:
        return value


class Text(Part):
    """char[N]; Inexact if it is not UTF-8. One by one, as what follows the NUL is anything."""

    type = pa.string()

    def __init__(self, size: int) -> None:
        self._room = size

    def plain(self, data: bytes) -> str:
        return text_of(data.split(b"\0", 1)[0])

    def packed(self, value: str) -> bytes:
        return value.encode().ljust(self._room, b"\0")


class Row(Part):
    """N numbers, or N structures."""

    def __init__(self, of: Any, count: int, each: int) -> None:
        self.type = pa.list_(of.type)
        self._of, self._count, self._each = of, count, each
        self.size = count * each if of.size else 0

    def plain(self, data: bytes) -> list[Any]:
        return [
            self._of.plain(data[at : at + self._each]) for at in range(0, len(data), self._each)
        ]

    def bulk(self, memory: np.ndarray) -> pa.Array:
        child = self._of.bulk(np.ascontiguousarray(memory).reshape(-1, self._each))
        offsets = np.arange(len(memory) + 1, dtype=np.int32) * self._count
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), child)

    def packed(self, value: list[Any]) -> bytes:
        return b"".join([self._of.packed(each) for each in value])


class Struct(Codec):
    """One structure of structs.tbl."""

    def __init__(self, name: str) -> None:
        layout = structure(name)
        self._length = layout.size
        self._decode = memory_decoder(name)
        self._tail = next((f for f in layout.fields if f.is_array and not f.count), None)
        self._fields = [f for f in layout.fields if not f.is_hidden and f is not self._tail]
        self._codecs: list[Any] = [_codec(f) for f in self._fields]
        children = [pa.field(f.name, c.type) for f, c in zip(self._fields, self._codecs)]
        if self._tail:
            children.append(pa.field(self._tail.name, pa.binary()))
        self.type = pa.struct(children)
        whole = all(codec.size for codec in self._codecs) and not self._tail
        self.size = layout.size if whole else 0
        self._end = max(
            (f.offset + f.size for f in layout.fields if f is not self._tail), default=0
        )

    def decoded(self, data: bytes) -> Value:
        return self._decode(data)

    def plain(self, data: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field, codec in zip(self._fields, self._codecs):
            end = field.offset + field.size
            whole = end <= len(data)
            found[field.name] = codec.plain(data[field.offset : end]) if whole else None
        if self._tail:
            at = self._tail.offset
            found[self._tail.name] = data[at:] if len(data) >= self._end else None
        return found

    def shown(self, value: dict[str, Any]) -> Value:
        return self._decode(self.packed(value, whole=False))

    def packed(self, value: dict[str, Any], whole: bool = True) -> bytes:
        """The memory again, up to the last field that is there; all of it if `whole`."""
        memory = bytearray()
        for field, codec in zip(self._fields, self._codecs):
            if value[field.name] is None:
                return bytes(memory)
            memory += bytes(field.offset - len(memory)) + codec.packed(value[field.name])
        tail = value[self._tail.name] if self._tail else None
        if self._tail and tail is not None:
            return bytes(memory) + bytes(self._tail.offset - len(memory)) + tail
        return bytes(memory.ljust(self._length if whole else len(memory), b"\0"))

    def bulk(self, memory: np.ndarray) -> pa.Array:
        arrays = [
            codec.bulk(memory[:, field.offset : field.offset + field.size])
            for field, codec in zip(self._fields, self._codecs)
        ]
        return pa.StructArray.from_arrays(arrays, fields=list(self.type))


def _codec(field: Field) -> Part:
    if field.type.startswith("@"):
        inner = struct(field.type[1:])
        size = structure(field.type[1:]).size
        return Row(inner, field.count, size) if field.is_array else inner
    if field.type == "char":
        return Text(field.size)
    if field.type == "u8" and field.is_array:
        return Bytes(field.size)
    one = _number(field)
    return Row(one, field.count, one.size) if field.is_array else one


def _number(field: Field) -> Number:
    """Flags are unsigned, as in decode."""
    bits = int(field.type[1:])
    return Number("", bits, field.type.startswith("s") and not is_flags(field.kind))


@cache
def struct(name: str) -> Struct:
    """The codec of a structure."""
    return Struct(name)
