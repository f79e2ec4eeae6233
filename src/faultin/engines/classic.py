# SPDX-License-Identifier: Apache-2.0
"""Classic: classic BPF programs for seccomp, put together from parts.

In: for each way into the kernel, what is done with which number. Out: instructions, and
from them a program (struct sock_filter, end to end). Numbers are searched by halving.
"""

from itertools import groupby
from struct import Struct

_INSTRUCTION = Struct("=HBBI")
LOAD, JUMP, EQUAL, FROM, ANY_OF, AND, RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, TRACE, NOTIFY = 0x7FFF0000, 0x7FF00000, 0x7FC00000  # uapi/linux/seccomp.h
NUMBER, ARCH, ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little endian
_FARTHEST = 255  # of a conditional jump

Code = list[tuple[int, int, int, int]]


def _search(starts: list[int], kinds: list[str], leaves: dict[str, Code]) -> Code:
    """From the number to its leaf: kinds[i] holds from starts[i] on."""
    if len(kinds) == 1:
        return leaves[kinds[0]]
    middle = len(kinds) // 2
    above = _search(starts[middle:], kinds[middle:], leaves)
    below = _search(starts[:middle], kinds[:middle], leaves)
    if len(above) <= _FARTHEST:
        return [(FROM, 0, len(above), starts[middle]), *above, *below]
    return [(FROM, 1, 0, starts[middle]), (JUMP, 0, 0, len(above)), *above, *below]


def numbers(kinds: dict[int, str], leaves: dict[str, Code]) -> Code:
    """What is done with each number; "allow" with those that are not in `kinds`."""
    points = sorted({0, *kinds, *(number + 1 for number in kinds)})
    runs = [(kinds.get(point, "allow"), point) for point in points]
    merged = [(kind, next(group)[1]) for kind, group in groupby(runs, key=lambda run: run[0])]
    return _search([start for _, start in merged], [kind for kind, _ in merged], leaves)


def assemble(parts: dict[int, Code]) -> Code:
    """A part for each architecture; what comes after it is for any other."""
    code: Code = [(LOAD, 0, 0, ARCH)]
    for arch, part in parts.items():
        body = [(LOAD, 0, 0, NUMBER), *part]
        if len(body) <= _FARTHEST:
            code += [(EQUAL, 0, len(body), arch), *body]
        else:
            code += [(EQUAL, 1, 0, arch), (JUMP, 0, 0, len(body)), *body]
    return code


def pack(code: Code) -> bytes:
    return b"".join([_INSTRUCTION.pack(*instruction) for instruction in code])


def verdict(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the program returns for a call: a check of it that needs no kernel."""
    code = list(_INSTRUCTION.iter_unpack(program))
    data = {NUMBER: number, ARCH: arch}
    for position in range(6):
        value = arguments[position] if position < len(arguments) else 0
        data[ARGUMENT + 8 * position] = value & 0xFFFFFFFF
        data[ARGUMENT + 8 * position + 4] = value >> 32 & 0xFFFFFFFF
    at = loaded = 0
    while True:
        kind, true, false, value = code[at]
        at += 1
        if kind == RETURN:
            return value
        if kind == LOAD:
            loaded = data[value]
        elif kind == AND:
            loaded &= value
        elif kind == JUMP:
            at += value
        else:
            holds = {EQUAL: loaded == value, FROM: loaded >= value, ANY_OF: bool(loaded & value)}
            at += true if holds[kind] else false
