# SPDX-License-Identifier: Apache-2.0
"""Codec: what a kind of memory is as an Arrow column.

In: captured memory, a value a row. Out: an array of the codec's type; and of a value of
that, what decode makes of the memory. Invariant: `shown` of what `plain` gives is what decode
gives, or `plain` raises Inexact: then the row keeps the value as JSON (docs/recordings.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from faultin.decode.kinds import value_decoder
from faultin.query.fields import integer
from faultin.syscalls.sizes import size_of
from faultin.values import Value

Odd = dict[int, Value]  # of rows that a column cannot hold as they are, by number
_INTEGERS = {
    (8, True): pa.int8(), (16, True): pa.int16(), (32, True): pa.int32(), (64, True): pa.int64(),
    (8, False): pa.uint8(), (16, False): pa.uint16(), (32, False): pa.uint32(),
    (64, False): pa.uint64(),
}  # fmt: skip


class Inexact(ValueError):
    """A value that the column's type cannot hold."""


def integer_type(bits: int, signed: bool) -> pa.DataType:
    return _INTEGERS[bits, signed]


def text_of(data: bytes) -> str:
    """Inexact if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Inexact from None


class Part(ABC):
    """What a structure has a part of. size: of a whole value, 0 if they differ; a column of
    whole ones is made at once (`bulk`)."""

    type: pa.DataType
    size: int = 0

    @abstractmethod
    def plain(self, data: bytes) -> Any:
        """What pa.array() takes for one value; it may be shorter than `size`."""

    def bulk(self, memory: np.ndarray) -> pa.Array:
        """Of an array of bytes, a row a value, each whole."""
        return pa.array([self.plain(row.tobytes()) for row in memory], self.type)


class Codec(Part):
    """One kind."""

    @abstractmethod
    def shown(self, value: Any) -> Value:
        """Of what Array.to_pylist() gives."""

    def decoded(self, data: bytes) -> Value:
        """What decode makes of memory, also where it is Inexact."""
        return self.shown(self.plain(data))

    def array(self, memory: pa.BinaryArray) -> tuple[pa.Array, Odd]:
        """The column of values none of which is null, and those that it cannot hold."""
        data, offsets = contents(memory)
        if self.size and len(memory) and (np.diff(offsets) == self.size).all():
            return self.bulk(data.reshape(len(memory), self.size)), {}
        return self._one_by_one(memory)

    def _one_by_one(self, memory: pa.BinaryArray) -> tuple[pa.Array, Odd]:
        """Each value that differs once: programs pass the same again and again."""
        encoded = memory.dictionary_encode()
        values: list[Any] = []
        odd: dict[int, Value] = {}
        for index, data in enumerate(encoded.dictionary.to_pylist()):
            try:
                values.append(self.plain(data))
            except Inexact:
                values.append(None)
                odd[index] = self.decoded(data)
        found = pa.array(values, self.type).take(encoded.indices)
        if not odd:
            return found, {}
        return found, {
            row: odd[index] for row, index in enumerate(encoded.indices.to_pylist()) if index in odd
        }


def contents(memory: pa.BinaryArray) -> tuple[np.ndarray, np.ndarray]:
    """(bytes end to end, offsets from 0) of an array without nulls."""
    _, offsets, data = memory.buffers()
    found = np.frombuffer(offsets, np.int32)[memory.offset : memory.offset + len(memory) + 1]
    end = int(found[-1]) if len(found) else 0
    whole = np.frombuffer(data, np.uint8)[:end] if data is not None else np.empty(0, np.uint8)
    return whole[int(found[0]) if len(found) else 0 :], found - found[0]


class Number(Codec):
    """A number, as memory or a register has it; `kind` is how it is shown."""

    def __init__(self, kind: str, bits: int, signed: bool) -> None:
        self.type = integer_type(bits, signed)
        self.size = bits // 8
        self._bits, self._signed = bits, signed
        self._mask = (1 << bits) - 1
        self._show: Callable[[int], Value] | None = value_decoder(kind) if kind else None
        self._dtype = np.dtype(f"<{'i' if signed else 'u'}{self.size}")

    def plain(self, data: bytes) -> int | None:
        """Of less than all bytes as decode has it: the others are 0. None if none is there."""
        part = data[: self.size]
        if not part:
            return None
        return int.from_bytes(part.ljust(self.size, b"\0"), "little", signed=self._signed)

    def shown(self, value: int) -> Value:
        return value if self._show is None else self._show(value & self._mask)

    def bulk(self, memory: np.ndarray) -> pa.Array:
        return pa.array(np.ascontiguousarray(memory).view(self._dtype).reshape(-1), self.type)

    def packed(self, value: int) -> bytes:
        return value.to_bytes(self.size, "little", signed=self._signed)


def number(kind: str, in_memory: bool) -> Number:
    """The codec of a kind of number; LookupError for a kind that is none."""
    layout = integer(kind, in_memory)
    if layout is None:
        raise LookupError(f"{kind} is no kind of number")
    bits, signed = layout
    return Number(kind, 8 * size_of(kind) if in_memory else bits, signed)


class Converted(Codec):
    """A kind that plain Python decodes; to and from what Arrow takes."""

    def __init__(
        self, type_: pa.DataType, decode: Callable[[bytes], Value],
        to: Callable[[Any], Any] = lambda value: value,
        back: Callable[[Any], Value] = lambda value: value,
    ) -> None:  # fmt: skip
        self.type, self._decode = type_, decode
        self._to, self._back = to, back

    def decoded(self, data: bytes) -> Value:
        return self._decode(data)

    def plain(self, data: bytes) -> Any:
        value = self.decoded(data)
        found = self._to(value)
        if self._back(found) != value:
            raise Inexact
        return found

    def shown(self, value: Any) -> Value:
        return self._back(value)


class Many(Codec):
    """An array of values, the last of which may not be whole."""

    def __init__(self, of: Codec, size: int, decode: Callable[[bytes], Value]) -> None:
        self.type = pa.list_(of.type)
        self._of, self._each = of, size
        self._decode = decode

    def decoded(self, data: bytes) -> Value:
        return self._decode(data)

    def array(self, memory: pa.BinaryArray) -> tuple[pa.Array, Odd]:
        data, offsets = contents(memory)
        if not self._of.size or (offsets % self._each).any():
            return self._one_by_one(memory)
        child = self._of.bulk(data.reshape(-1, self._each))
        starts = pa.array((offsets // self._each).astype(np.int32), pa.int32())
        return pa.ListArray.from_arrays(starts, child), {}

    def plain(self, data: bytes) -> list[Any]:
        whole = isinstance(self._of, Number)  # of numbers decode shows whole ones only
        end = len(data) // self._each * self._each if whole else len(data)
        return [self._of.plain(data[at : at + self._each]) for at in range(0, end, self._each)]

    def shown(self, value: list[Any]) -> Value:
        return [self._of.shown(each) for each in value]
