# SPDX-License-Identifier: Apache-2.0
"""Classes: what the fields of a trace are, and Arrow columns as such fields.

In: an Arrow array. Out: its class, and an array of bytes: each value as it stands in a data
stream. Invariant: both versions of CTF have the same bytes; only what they say of a class
differs (metadata1.py, metadata2.py). All is packed, little-endian, aligned to bytes.

A null has no bytes. What is null in all of a structure's values is no member of its class;
what is null in some is optional: a byte before it says whether it is there.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BYTES = pa.large_binary()
_NOTHING = pa.scalar(b"", BYTES)
_NUL = pa.scalar(b"\0", BYTES)


@dataclass(frozen=True, slots=True)
class Integer:
    """base: how a reader should show it."""

    bits: int
    signed: bool
    base: int = 10


@dataclass(frozen=True, slots=True)
class Text:
    """UTF-8, up to a NUL."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes, their number (32 bits) before them."""


@dataclass(frozen=True, slots=True)
class List:
    """Elements, their number (32 bits) before them; `optional`: each with its byte."""

    element: "Class"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    of: "Class"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    members: tuple[Member, ...]


Class = Integer | Text | Blob | List | Structure


def joined(*parts: pa.Array | pa.Scalar) -> pa.Array:
    """Row by row, one behind the other."""
    return pc.binary_join_element_wise(*parts, _NOTHING)


def constant(data: bytes) -> pa.Scalar:
    return pa.scalar(data, BYTES)


def numbers(values: np.ndarray) -> pa.Array:
    """Numbers as bytes."""
    width = values.dtype.itemsize
    offsets = np.arange(len(values) + 1, dtype=np.int64) * width
    return _bytes(offsets, pa.py_buffer(np.ascontiguousarray(values)))


def _bytes(offsets: np.ndarray, data: pa.Buffer) -> pa.Array:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets, np.int64)), data]
    return pa.Array.from_buffers(BYTES, len(offsets) - 1, buffers)


def offsets_of(array: pa.Array) -> np.ndarray:
    """Where the values of an array of bytes begin and end in its data."""
    found = np.frombuffer(array.buffers()[1], np.int64)
    return found[array.offset : array.offset + len(array) + 1]


def data_of(array: pa.Array) -> pa.Buffer:
    """The bytes of all values of such an array, and perhaps others around them."""
    return array.buffers()[2] or pa.py_buffer(b"")


def encode(array: pa.Array, base: int = 10) -> tuple[Class, pa.Array]:
    """The class, and the bytes of each value. `base`: for an array of numbers."""
    if not array.null_count:
        return _encode(array, base)
    valid = array.is_valid()
    of, found = _encode(array.filter(valid), base)
    lengths = np.zeros(len(array), np.int64)
    lengths[valid.to_numpy(zero_copy_only=False)] = np.diff(offsets_of(found))
    start = offsets_of(found)[0]
    return of, _bytes(start + np.append(0, np.cumsum(lengths)), data_of(found))


def _encode(array: pa.Array, base: int) -> tuple[Class, pa.Array]:
    """Of an array without nulls."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _encode(array.dictionary_decode(), base)
    if pa.types.is_boolean(kind):
        return _encode(array.cast(pa.uint8()), base)
    if pa.types.is_integer(kind):
        of = Integer(kind.bit_width, pa.types.is_signed_integer(kind), base)
        return of, numbers(array.to_numpy(zero_copy_only=False))
    if pa.types.is_string(kind):
        return _text(array)
    if pa.types.is_binary(kind):
        return Blob(), _counted(pc.binary_length(array), array.cast(BYTES))
    if pa.types.is_list(kind):
        return _list(array)
    if pa.types.is_struct(kind):
        return _structure(array)
    raise TypeError(f"{kind} is no type of a recording")


def _text(array: pa.Array) -> tuple[Class, pa.Array]:
    """A NUL would end it: where there is one, all are bytes."""
    raw = array.cast(pa.binary()).cast(BYTES)
    if pc.any(pc.match_substring(raw, b"\0")).as_py():
        return Blob(), _counted(pc.binary_length(raw), raw)
    return Text(), joined(raw, _NUL)


def _counted(lengths: pa.Array, data: pa.Array) -> pa.Array:
    return joined(numbers(lengths.to_numpy(zero_copy_only=False).astype("<u4")), data)


def _list(array: pa.Array) -> tuple[Class, pa.Array]:
    """Elements lie one behind the other already: only where a list ends is new."""
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    values = array.flatten()
    optional = bool(values.null_count)
    of, found = encode(values)
    if optional:
        found = joined(_presence(values), found)
    ends = offsets_of(found)[np.append(0, np.cumsum(lengths))]
    return List(of, optional), joined(
        numbers(lengths.astype("<u4")), _bytes(ends, data_of(found))
    )  # fmt: skip


def _presence(array: pa.Array) -> pa.Array:
    return numbers(array.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8))


def _structure(array: pa.Array) -> tuple[Class, pa.Array]:
    members, parts = [], []
    for field, child in zip(array.type, array.flatten(), strict=True):
        if child.null_count and child.null_count == len(child):
            continue
        of, found = encode(child)
        members.append(Member(field.name, of, bool(child.null_count)))
        parts += [_presence(child), found] if child.null_count else [found]
    empty = _bytes(np.zeros(len(array) + 1, np.int64), pa.py_buffer(b""))
    return Structure(tuple(members)), joined(*parts) if parts else empty
