# SPDX-License-Identifier: Apache-2.0
"""Kinds: what decodes a kind of the syscall table.

In: the name of a kind. Out: the function that turns a register, or captured memory,
into a value. Such a function never raises, whatever the memory holds, and memory
that is too short gives what is there. LookupError for a kind that nothing defines.
"""

from collections.abc import Callable
from functools import cache
from struct import Struct

from faultin.decode.buffers import bits, octets, string, text_or_bytes
from faultin.decode.directories import dirents, dirents_old
from faultin.decode.scalars import value_decoder
from faultin.decode.signals import siginfo, sigset
from faultin.decode.sockets import decode_control, sockaddr
from faultin.decode.structures import MemoryDecoder, structure_decoder
from faultin.decode.unions import lsm_contexts, ptrace_syscall_info, statmount
from faultin.syscalls.sizes import size_of
from faultin.syscalls.structs import structure_names
from faultin.values import Value

__all__ = ["decode_control", "memory_array_decoder", "memory_decoder", "value_decoder"]

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MEMORY: dict[str, MemoryDecoder] = {
    **dict.fromkeys(["path", "string"], string),
    **dict.fromkeys(["bytes", "ioctl"], text_or_bytes),
    **dict.fromkeys(["fd_set", "bitset"], bits),
    "octets": octets,
    "sockaddr": sockaddr,
    "control": decode_control,
    "dirents": dirents,
    "dirents_old": dirents_old,
    "sigset": sigset,
    "siginfo": siginfo,
    "ptrace_syscall_info": ptrace_syscall_info,
    "statmount": statmount,
    "lsm_ctx": lsm_contexts,
}


@cache
def memory_decoder(kind: str) -> MemoryDecoder:
    """What decodes one object of `kind` from the memory that it is in."""
    if kind in _MEMORY:
        return _MEMORY[kind]
    if kind in structure_names():
        return structure_decoder(kind)
    return _scalar(kind)


@cache
def memory_array_decoder(kind: str) -> Callable[[bytes], Value]:
    """What decodes an array of `kind`: a list, whose last element may not be whole."""
    if kind in ("bytes", "ioctl", "path", "string"):
        return _MEMORY[kind]
    if kind in structure_names() and kind not in _MEMORY:
        return structure_decoder(kind).array
    if kind in _MEMORY:
        return _elements(_MEMORY[kind], size_of(kind))
    return _scalars(kind)


def _scalar(kind: str) -> MemoryDecoder:
    """One number; None if none of it is there."""
    decode, size = value_decoder(kind), size_of(kind)

    def decode_number(data: bytes) -> Value:
        return decode(int.from_bytes(data[:size], "little")) if data else None

    return decode_number


def _scalars(kind: str) -> MemoryDecoder:
    """Numbers as long as there are whole ones."""
    decode, size = value_decoder(kind), size_of(kind)
    number = Struct(f"<{_CODES[size]}")

    def decode_numbers(data: bytes) -> Value:
        whole = data if len(data) % size == 0 else data[: len(data) // size * size]
        return [decode(value) for (value,) in number.iter_unpack(whole)]

    return decode_numbers


def _elements(decode: MemoryDecoder, size: int) -> MemoryDecoder:
    """Objects of a kind that is no plain structure."""

    def decode_elements(data: bytes) -> Value:
        return [decode(data[at : at + size]) for at in range(0, len(data), size)]

    return decode_elements
