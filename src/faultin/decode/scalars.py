# SPDX-License-Identifier: Apache-2.0
"""Scalars: what one number means.

In: a kind, and a register or some bytes. Out: int, Symbol, None for a NULL address,
or for devices [major, minor]. Nothing here fails on any number.
"""

import os
from functools import cache
from typing import Any, Callable

from faultin.syscalls.constants import constant_set, set_names
from faultin.values import Symbol

_SIGNED = {"int": 4, "long": 8, "s8": 1, "s16": 2, "s32": 4, "s64": 8, "off": 8}
_SIGNED |= {"fd": 4, "pid": 4, "key_serial": 4}
_UNSIGNED = {"uint": 4, "ulong": 8, "u8": 1, "u16": 2, "u32": 4, "u64": 8, "size": 8}
_UNSIGNED |= {"uid": 4, "gid": 4}
_AT_FDCWD = -100
_MEMO_MAX = 4096


def width(kind: str) -> int:
    """Bytes of a scalar in memory; LookupError if the kind is none."""
    if kind in _SIGNED:
        return _SIGNED[kind]
    if kind in _UNSIGNED:
        return _UNSIGNED[kind]
    if kind in ("addr", "hex", "dev") or kind.endswith("/8"):
        return 8
    if kind in ("mode", "dirfd", "signal", "wait_status") or kind in set_names():
        return 4
    raise LookupError(f"{kind!r} is no scalar")


def _signed(bits: int) -> Callable[[int], int]:
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)
    return lambda value: ((value & mask) ^ sign) - sign


def _unsigned(bits: int) -> Callable[[int], int]:
    mask = (1 << bits) - 1
    return lambda value: value & mask


def _address(value: int) -> Symbol | None:
    value &= (1 << 64) - 1
    return Symbol(hex(value)) if value else None


def _dirfd(value: int) -> Any:
    number = _to_int(value)
    return Symbol("AT_FDCWD") if number == _AT_FDCWD else number


_to_int = _signed(32)


def _owner(value: int) -> int:
    """uid or gid: all ones is `leave as it is`."""
    value &= 0xFFFFFFFF
    return -1 if value == 0xFFFFFFFF else value


def _mode(value: int) -> Symbol:
    return Symbol(f"0{value & 0xFFFFFFFF:03o}")


def _device(value: int) -> list[int]:
    value &= (1 << 64) - 1
    return [os.major(value), os.minor(value)]


def _wait_status(value: int) -> Symbol:
    """The macros of wait(2) that hold for a status."""
    value &= 0xFFFFFFFF
    if value == 0xFFFF:
        return Symbol("WIFCONTINUED(s)")
    low = value & 0x7F
    if low == 0:
        return Symbol(f"WIFEXITED(s) && WEXITSTATUS(s) == {value >> 8 & 0xFF}")
    if value & 0xFF == 0x7F:
        name = constant_set("signal").render(value >> 8 & 0xFF)
        event = f" | {value >> 16:#x} << 16" if value >> 16 else ""
        return Symbol(f"WIFSTOPPED(s) && WSTOPSIG(s) == {name}{event}")
    core = " && WCOREDUMP(s)" if value & 0x80 else ""
    name = constant_set("signal").render(low)
    return Symbol(f"WIFSIGNALED(s) && WTERMSIG(s) == {name}{core}")


_SPECIAL: dict[str, Callable[[int], Any]] = {
    "addr": _address,
    "dirfd": _dirfd,
    "uid": _owner,
    "gid": _owner,
    "mode": _mode,
    "dev": _device,
    "wait_status": _wait_status,
    "hex": lambda value: Symbol(hex(value & (1 << 64) - 1)),
    "pages": _unsigned(64),
    "ioctl": lambda value: Symbol(hex(value & (1 << 64) - 1)),
}


def _remembered(render: Callable[[int], str]) -> Callable[[int], Symbol]:
    """Renders to Symbol, and remembers, as programs pass the same few numbers."""
    memo: dict[int, Symbol] = {}

    def decode(value: int) -> Symbol:
        found = memo.get(value)
        if found is None:
            if len(memo) >= _MEMO_MAX:
                memo.clear()
            found = memo[value] = Symbol(render(value))
        return found

    return decode


@cache
def value_decoder(kind: str) -> Callable[[int], Any]:
    """From a 64-bit register to a value; LookupError for a kind that nothing defines."""
    kind = kind.removesuffix("/8")
    if kind in _SPECIAL:
        return _SPECIAL[kind]
    if kind in _SIGNED:
        return _signed(8 * _SIGNED[kind])
    if kind in _UNSIGNED:
        return _unsigned(8 * _UNSIGNED[kind])
    return _remembered(constant_set(kind).render)
