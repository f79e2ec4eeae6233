# SPDX-License-Identifier: Apache-2.0
"""Kinds: what every kind of the syscall table means, in one place.

In: the name of a kind. Out: a function from a register, or from captured memory,
to a value. No memory makes one fail: what is too short is shown as it is.
"""

from functools import cache
from struct import Struct
from typing import Any, Callable

from faultin.decode.scalars import value_decoder, width
from faultin.decode.signals import decode_siginfo, decode_sigset
from faultin.decode.sockets import decode_control, decode_sockaddr
from faultin.decode.structures import structure_decoder, text_or_bytes
from faultin.syscalls.constants import constant_set
from faultin.syscalls.sizes import size_of
from faultin.syscalls.structs import structure_names
from faultin.values import Symbol

__all__ = ["decode_control", "memory_array_decoder", "memory_decoder", "value_decoder"]

_DIRENT64 = Struct("<QqHB")
_DIRENT = Struct("<QQH")
_IOVEC = Struct("<QQ")
_MSGHDR = Struct("<8xI4x8xQ8xQI")


def _string(data: bytes) -> str | bytes:
    end = data.find(b"\0")
    return text_or_bytes(data if end < 0 else data[:end])


def _entry(number: int, offset: int, length: int, kind: int, name: bytes) -> dict[str, Any]:
    return {
        "d_ino": number,
        "d_off": offset,
        "d_reclen": length,
        "d_type": Symbol(constant_set("dirent_type").render(kind)),
        "d_name": _string(name),
    }


def _dirents(data: bytes) -> list[dict[str, Any]]:
    found, at = [], 0
    while at + _DIRENT64.size <= len(data):
        number, offset, length, kind = _DIRENT64.unpack_from(data, at)
        if length < _DIRENT64.size:
            break
        name = data[at + _DIRENT64.size : at + length]
        found.append(_entry(number, offset, length, kind, name))
        at += length
    return found


def _dirents_old(data: bytes) -> list[dict[str, Any]]:
    """struct linux_dirent: the type is the last byte of the entry."""
    found, at = [], 0
    while at + _DIRENT.size < len(data):
        number, offset, length = _DIRENT.unpack_from(data, at)
        entry = data[at + _DIRENT.size : at + length]
        if not entry or length <= _DIRENT.size:
            break
        found.append(_entry(number, offset, length, entry[-1], entry[:-1]))
        at += length
    return found


def _bits(data: bytes) -> list[int]:
    value = int.from_bytes(data, "little")
    return [n for n in range(8 * len(data)) if value >> n & 1]


def _iovecs(data: bytes) -> list[dict[str, Any]]:
    """An array of iovec whose buffers are somewhere else."""
    found = []
    for at in range(0, len(data) - _IOVEC.size + 1, _IOVEC.size):
        base, length = _IOVEC.unpack_from(data, at)
        found.append({"iov_base": Symbol(hex(base)) if base else None, "iov_len": length})
    return found


def _msghdr(data: bytes) -> dict[str, Any]:
    """The fields of a msghdr, with room for what captured.py puts behind its pointers."""
    name_length, count, control_length, flags = _MSGHDR.unpack_from(data.ljust(64, b"\0"))
    return {
        "msg_name": None,
        "msg_namelen": name_length,
        "msg_iov": None,
        "msg_iovlen": count,
        "msg_control": None,
        "msg_controllen": control_length,
        "msg_flags": Symbol(constant_set("msg_flags").render(flags)),
    }


_MEMORY: dict[str, Callable[[bytes], Any]] = {
    "path": _string,
    "string": _string,
    "bytes": text_or_bytes,
    "ioctl": text_or_bytes,
    "sockaddr": decode_sockaddr,
    "dirents": _dirents,
    "dirents_old": _dirents_old,
    "fd_set": _bits,
    "bitset": _bits,
    "sigset": decode_sigset,
    "siginfo": decode_siginfo,
    "iovec_only": _iovecs,
    "msghdr": _msghdr,
}


def _scalar(kind: str) -> Callable[[bytes], Any]:
    size, render = width(kind), value_decoder(kind)

    def decode(data: bytes) -> Any:
        if len(data) < size:
            return text_or_bytes(data)
        return render(int.from_bytes(data[:size], "little"))

    return decode


@cache
def memory_decoder(kind: str) -> Callable[[bytes], Any]:
    """From captured memory to the value of one object of this kind."""
    if kind in _MEMORY:
        return _MEMORY[kind]
    if kind in structure_names():
        return structure_decoder(kind)
    return _scalar(kind)


@cache
def memory_array_decoder(kind: str) -> Callable[[bytes], Any]:
    """From captured memory to the list of its objects; a last one cut short is left out."""
    if kind in ("iovec_only",):
        return _iovecs
    size, element = size_of(kind), memory_decoder(kind)

    def decode(data: bytes) -> list[Any]:
        return [element(data[at : at + size]) for at in range(0, len(data) - size + 1, size)]

    return decode
