# SPDX-License-Identifier: Apache-2.0
"""Directories: what getdents and getdents64 return.

In: the entries as the kernel packs them, each with its own length. Out: a dict an
entry. Reading ends at the first entry that is not whole.
"""

from collections.abc import Iterator
from struct import Struct

from faultin.decode.buffers import string
from faultin.decode.scalars import value_decoder
from faultin.values import Value

_ENTRY = Struct("<QqHB")  # struct linux_dirent64, up to d_name
_OLD_ENTRY = Struct("<QQH")  # struct linux_dirent, whose type is its last byte


def _spans(data: bytes, head: int, least: int) -> Iterator[tuple[int, int]]:
    """Where each entry begins, and its length."""
    at = 0
    while at + head <= len(data):
        length = int.from_bytes(data[at + 16 : at + 18], "little")
        if length < least or at + length > len(data):
            return
        yield at, length
        at += length


def _entry(*values: Value) -> Value:
    return dict(zip(("d_ino", "d_off", "d_reclen", "d_type", "d_name"), values, strict=True))


def dirents(data: bytes) -> Value:
    """struct linux_dirent64."""
    kind = value_decoder("dirent_type")
    found: list[Value] = []
    for at, length in _spans(data, _ENTRY.size, _ENTRY.size):
        inode, offset, _, code = _ENTRY.unpack_from(data, at)
        name = string(data[at + _ENTRY.size : at + length])
        found.append(_entry(inode, offset, length, kind(code), name))
    return found


def dirents_old(data: bytes) -> Value:
    """struct linux_dirent."""
    kind = value_decoder("dirent_type")
    found: list[Value] = []
    for at, length in _spans(data, _OLD_ENTRY.size, _OLD_ENTRY.size + 1):
        inode, offset, _ = _OLD_ENTRY.unpack_from(data, at)
        name = string(data[at + _OLD_ENTRY.size : at + length - 1])
        code = data[at + length - 1]
        found.append(_entry(inode, offset, length, kind(code), name))
    return found
