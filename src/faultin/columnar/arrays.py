# SPDX-License-Identifier: Apache-2.0
"""Arrays: of what the native side and Python have for a column, one Arrow array.

In: Filled (native.py), and values of single rows that come in their place. Out: an array with
a value or null for each row of the batch.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from faultin.columnar.codec import Codec, Odd
from faultin.columnar.native import Filled

_EMPTY = np.empty(0, np.int64)


def numbers(
    rows: int, width: int, signed: bool, filled: Filled | None, patch: dict[int, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """(values, which rows have one)."""
    dtype = np.dtype(f"<{'i' if signed else 'u'}{width}")
    if filled:
        values, valid = np.frombuffer(filled.values, dtype), filled.valid
    else:
        values, valid = np.zeros(rows, dtype), np.zeros(rows, bool)
    if patch:
        values, valid = values.copy(), valid.copy()
        at = list(patch)
        values[at] = np.array(list(patch.values()), dtype)
        valid[at] = True
    return values, valid


def masked(values: np.ndarray, valid: np.ndarray, type_: pa.DataType) -> pa.Array:
    return pa.array(values, type_, mask=None if valid.all() else ~valid)


def words(values: np.ndarray, valid: np.ndarray, names: list[str]) -> pa.DictionaryArray:
    """Numbers of names: a dictionary of those that occur."""
    present, indices = np.unique(values[valid], return_inverse=True)
    found = np.zeros(len(values), np.int32)
    found[valid] = indices
    index = pa.array(found, pa.int32(), mask=~valid)
    return pa.DictionaryArray.from_arrays(index, pa.array([names[n] for n in present], pa.string()))


def bytes_like(
    rows: int, type_: pa.DataType, filled: Filled | None, patch: dict[int, Any]
) -> pa.Array:
    """Texts and bytes, which are in memory as Arrow has them."""
    if filled is None:
        return scattered(rows, _EMPTY, pa.array([], type_), patch)
    assert filled.offsets is not None
    bits = np.packbits(filled.valid, bitorder="little")
    buffers = [pa.py_buffer(bits), pa.py_buffer(filled.offsets), pa.py_buffer(filled.values)]
    found = pa.Array.from_buffers(type_, rows, buffers)
    if not patch:
        return found
    return scattered(rows, np.arange(rows), found, patch)


def coded(
    rows: int, codec: Codec, filled: Filled | None, patch: dict[int, bytes]
) -> tuple[pa.Array, Odd]:
    """Memory, as its codec has it, and by row what its type cannot hold."""
    memory, at = pa.array([], pa.binary()), _EMPTY
    if filled:
        assert filled.offsets is not None
        offsets = np.frombuffer(filled.offsets, np.int32)
        at = np.flatnonzero(filled.valid)
        compact = np.append(offsets[:-1][at], offsets[-1])
        buffers = [None, pa.py_buffer(compact), pa.py_buffer(filled.values)]
        memory = pa.Array.from_buffers(pa.binary(), len(at), buffers)
    if patch:
        memory = pa.concat_arrays([memory, pa.array(list(patch.values()), pa.binary())])
        at = np.append(at, list(patch))
    found, odd = codec.array(memory)
    last = {int(row): place for place, row in enumerate(at)} if odd else {}
    by_row = {row: odd[place] for row, place in last.items() if place in odd}
    return _placed(rows, at, found), by_row


def scattered(rows: int, at: np.ndarray, found: pa.Array, patch: dict[int, Any]) -> pa.Array:
    """The values of an array at rows `at`, and those of a patch."""
    if patch:
        found = pa.concat_arrays([found, pa.array(list(patch.values()), found.type)])
        at = np.append(at, list(patch))
    return _placed(rows, at, found)


def _placed(rows: int, at: np.ndarray, found: pa.Array) -> pa.Array:
    """null where there is no value; of several for a row the last."""
    index = np.full(rows, -1, np.int64)
    index[at] = np.arange(len(at))
    if len(at) == rows and (index == np.arange(rows)).all():
        return found
    return found.take(pa.array(index, mask=index < 0))
