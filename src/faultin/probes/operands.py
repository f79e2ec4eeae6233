# SPDX-License-Identifier: Apache-2.0
"""Operands: the argument specification of a USDT note.

In: text such as `8@%rax -4@$1 8@-8(%rbp)`. Out: an Operand each. The grammar is the
assembler's, for x86-64 (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
ValueError says what cannot be read: of the operands that are asked for only.
"""

import re

from faultin.probes.probe import CONST, MEMORY, REGISTER, REGISTERS, Operand

_WORD = re.compile(r"(?:(-?)([1248])(f?)@)?(\S+)")
_MEMORY = re.compile(r"(-?\w+)?\((%\w+)(?:,(%\w+)(?:,([1248]))?)?\)")
_SPLIT = re.compile(r"\s+(?![^(]*\))")


def words(text: str) -> tuple[str, ...]:
    """What a note says of each argument."""
    return tuple([word for word in _SPLIT.split(text.strip()) if word])


def operands(text: str, most: int | None = None) -> tuple[Operand, ...]:
    """The operands of a note: the first `most` of them."""
    return tuple([_operand(word) for word in words(text)[:most]])


def _operand(word: str) -> Operand:
    match = _WORD.fullmatch(word)
    if not match:
        raise ValueError(f"the argument {word!r} is of no known form")
    sign, size, is_float, where = match.groups()
    if is_float:
        raise ValueError(f"the argument {word!r} is a floating point number; name those before it")
    return _where(word, where, int(size or 8), sign == "-")


def _where(word: str, where: str, size: int, signed: bool) -> Operand:
    if where.startswith("$"):
        return Operand(CONST, size, signed, offset=_number(word, where[1:]))
    if where.startswith("%"):
        return Operand(REGISTER, size, signed, base=_register(word, where))
    match = _MEMORY.fullmatch(where)
    if not match:
        raise ValueError(f"the argument {word!r} is of no known form")
    offset, base, index, scale = match.groups()
    number = _number(word, offset or "0")
    if base == "%rip":
        raise ValueError(f"the argument {word!r} is relative to its code, which is not followed")
    return Operand(
        MEMORY, size, signed, _register(word, base), number,
        _register(word, index) if index else None, (int(scale or 1)).bit_length() - 1,
    )  # fmt: skip


def _number(word: str, text: str) -> int:
    """Of 64 bits, whichever way it is written."""
    try:
        found = int(text, 0)
    except ValueError:
        raise ValueError(f"the argument {word!r} is a symbol's, which is not followed") from None
    if not -(1 << 63) <= found < 1 << 64:
        raise ValueError(f"the argument {word!r} does not fit into 64 bits")
    return found - (1 << 64) if found >> 63 == 1 else found


def _register(word: str, name: str) -> int:
    if name[1:] not in REGISTERS:
        raise ValueError(f"the argument {word!r} is in {name}, which is not read")
    return REGISTERS[name[1:]]


def kind_of(places: tuple[Operand, ...]) -> str:
    """How a value is typed by no more than its operands, one at each place of the probe: the
    narrowest type that holds them all."""
    signed = any(operand.signed for operand in places)
    sizes = [operand.size * (2 if signed and not operand.signed else 1) for operand in places]
    return f"{'s' if signed else 'u'}{8 * min(8, max(sizes))}"
