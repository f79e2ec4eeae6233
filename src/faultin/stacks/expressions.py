# SPDX-License-Identifier: Apache-2.0
"""Expressions: the stack machine of DWARF, as far as unwind tables use it.

In: the bytes of an expression, registers, and what reads memory. Out: a number of 64
bits, or None if a register, memory or an operation is unknown. The numbers are those of
DWARF 5, 7.7.1. It ends, as it knows no jumps.
"""

import operator
from collections.abc import Callable, Mapping

Read = Callable[[int], int | None]
_MASK = (1 << 64) - 1
_BINARY = {
    0x1A: operator.and_, 0x1C: operator.sub, 0x1E: operator.mul, 0x21: operator.or_,
    0x22: operator.add, 0x24: operator.lshift, 0x25: operator.rshift, 0x27: operator.xor,
}  # fmt: skip
_COMPARE = {
    0x29: operator.eq, 0x2A: operator.ge, 0x2B: operator.gt,
    0x2C: operator.le, 0x2D: operator.lt, 0x2E: operator.ne,
}  # fmt: skip
_CONSTANTS = {
    0x08: (1, False), 0x09: (1, True), 0x0A: (2, False), 0x0B: (2, True),
    0x0C: (4, False), 0x0D: (4, True), 0x0E: (8, False), 0x0F: (8, True),
}  # fmt: skip


def uleb(data: bytes, at: int) -> tuple[int, int]:
    """(number, offset behind it)."""
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return result, at


def sleb(data: bytes, at: int) -> tuple[int, int]:
    start = at
    result, at = uleb(data, at)
    bits = 7 * (at - start)
    return (result - (1 << bits) if result >> (bits - 1) else result), at


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def evaluate(
    code: bytes, registers: Mapping[int, int], read: Read, initial: tuple[int, ...] = ()
) -> int | None:
    stack = list(initial)
    try:
        at = 0
        while at < len(code):
            at = _step(code, at, stack, registers, read)
        return stack[-1] & _MASK
    except (IndexError, KeyError, ValueError):
        return None


def _step(code: bytes, at: int, stack: list[int], registers: Mapping[int, int], read: Read) -> int:
    """Does one operation; where the next begins. KeyError for what is unknown."""
    op = code[at]
    at += 1
    if 0x30 <= op <= 0x4F:
        stack.append(op - 0x30)
    elif 0x70 <= op <= 0x8F:
        offset, at = sleb(code, at)
        stack.append((registers[op - 0x70] + offset) & _MASK)
    elif op in _CONSTANTS:
        size, signed = _CONSTANTS[op]
        stack.append(int.from_bytes(code[at : at + size], "little", signed=signed) & _MASK)
        at += size
    elif op == 0x10 or op == 0x11:
        value, at = (uleb if op == 0x10 else sleb)(code, at)
        stack.append(value & _MASK)
    elif op == 0x23:
        value, at = uleb(code, at)
        stack.append((stack.pop() + value) & _MASK)
    elif op in _BINARY or op in _COMPARE:
        second, first = stack.pop(), stack.pop()
        if op in _COMPARE:
            stack.append(int(_COMPARE[op](_signed(first), _signed(second))))
        else:
            stack.append(_BINARY[op](first, second) & _MASK)
    elif op == 0x06:
        value = read(stack.pop())
        if value is None:
            raise KeyError(op)
        stack.append(value)
    elif op == 0x12:
        stack.append(stack[-1])
    elif op == 0x13:
        stack.pop()
    elif op == 0x14:
        stack.append(stack[-2])
    elif op == 0x16:
        stack[-1], stack[-2] = stack[-2], stack[-1]
    elif op == 0x1F:
        stack.append(-stack.pop() & _MASK)
    elif op == 0x20:
        stack.append(~stack.pop() & _MASK)
    elif op != 0x96:  # nop
        raise KeyError(op)
    return at
