# SPDX-License-Identifier: Apache-2.0
"""Scalars: a number becomes a value.

In: a kind, then numbers as registers hold them: unsigned, 64 bits, with whatever
the program left above a narrower type. Out: values. What a number is shown as is
remembered, up to a bound, as a program can pass any.
"""

from collections.abc import Callable
from functools import cache

from faultin.syscalls.constants import constant_set
from faultin.values import Symbol, Value

_REMEMBERED = 4096
_AT_FDCWD = -100
ValueDecoder = Callable[[int], Value]


class _Symbols(dict[int, Symbol]):
    """Number to symbol. Its __getitem__ is the decoder: a hit costs no Python call."""

    def __init__(self, render: Callable[[int], str]) -> None:
        super().__init__()
        self._render = render

    def __missing__(self, value: int) -> Symbol:
        symbol = Symbol(self._render(value))
        if len(self) >= _REMEMBERED:
            self.clear()
        self[value] = symbol
        return symbol


def _same(value: int) -> int:
    return value


def _unsigned(bits: int) -> ValueDecoder:
    mask = (1 << bits) - 1
    return lambda value: value & mask


def _signed(bits: int) -> ValueDecoder:
    mask, sign = (1 << bits) - 1, 1 << (bits - 1)

    def decode(value: int) -> int:
        if 0 <= value < sign:
            return value
        return ((value & mask) ^ sign) - sign

    return decode


_int = _signed(32)


def _owner(value: int) -> Value:
    """A uid or gid; all ones is -1, `leave it as it is`."""
    value &= 0xFFFFFFFF
    return -1 if value == 0xFFFFFFFF else value


def _dirfd(value: int) -> Value:
    number = _int(value)
    return Symbol("AT_FDCWD") if number == _AT_FDCWD else number


def _address(value: int) -> Value:
    return Symbol(f"{value:#x}") if value else None


def _hex(value: int) -> str:
    return f"{value:#x}" if value else "0"


def _mode(value: int) -> str:
    value &= 0xFFFFFFFF
    return f"0{value:03o}" if value else "000"


def _device(value: int) -> Value:
    """[major, minor]; new_decode_dev of include/linux/kdev_t.h."""
    return [(value & 0xFFF00) >> 8, (value & 0xFF) | (value >> 12 & 0xFFF00)]


def wait_status(value: int) -> str:
    """The status that wait4 stores, in the words of the C library's macros."""
    value &= 0xFFFFFFFF
    ended_by, code = value & 0x7F, value >> 8 & 0xFF
    signals = constant_set("signal")
    if value == 0xFFFF:
        return "WIFCONTINUED(s)"
    if ended_by == 0:
        return f"WIFEXITED(s) && WEXITSTATUS(s) == {code}"
    if ended_by == 0x7F:
        return f"WIFSTOPPED(s) && WSTOPSIG(s) == {signals.render(code)}"
    core = " && WCOREDUMP(s)" if value & 0x80 else ""
    return f"WIFSIGNALED(s) && WTERMSIG(s) == {signals.render(ended_by)}{core}"


_DECODERS: dict[str, ValueDecoder] = {
    **dict.fromkeys(["int", "s32", "fd", "pid"], _int),
    **dict.fromkeys(["uint", "u32"], _unsigned(32)),
    **dict.fromkeys(["uid", "gid"], _owner),
    **dict.fromkeys(["ulong", "u64", "size"], _same),
    **dict.fromkeys(["long", "s64", "off"], _signed(64)),
    "s8": _signed(8),
    "u8": _unsigned(8),
    "s16": _signed(16),
    "u16": _unsigned(16),
    "dirfd": _dirfd,
    "dev": _device,
    **dict.fromkeys(["addr", "ioctl"], _address),
    "hex": _Symbols(_hex).__getitem__,
    "mode": _Symbols(_mode).__getitem__,
    "wait_status": _Symbols(wait_status).__getitem__,
}


@cache
def value_decoder(kind: str) -> ValueDecoder:
    """What turns a register into a value of `kind`; LookupError for a kind of memory only."""
    if kind in _DECODERS:
        return _DECODERS[kind]
    return _Symbols(constant_set(kind.removesuffix("/8")).render).__getitem__
