# SPDX-License-Identifier: Apache-2.0
"""Filter: the seccomp program that stops the traced calls, and no other.

In: plans. Out: a classic BPF program (struct sock_filter, end to end), for the command
to load before its execve. It searches the numbers of each way into the kernel by
halving; what comes by a way that it does not know is stopped, so that nothing is missed.
"""

import os
from itertools import groupby
from struct import Struct
from typing import Callable

from faultin.codegen.plan import NUMBERS, Plan, Plans
from faultin.syscalls.abi import NOT_X32, X32_BIT

_INSTRUCTION = Struct("=HBBI")
_LOAD, _JUMP, _EQUAL, _FROM, _ANY_OF, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_ALLOW, _TRACE, _NOTIFY = 0x7FFF0000, 0x7FF00000, 0x7FC00000  # uapi/linux/seccomp.h
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, little endian
_FARTHEST = 255  # of a conditional jump
_PR_SET_NAME = 15
_CLONE_UNTRACED = 0x00800000

# AUDIT_ARCH_*, native first, each with its numbers of prctl, clone, ptrace and clone3.
_WAYS = {
    "x86_64": {0xC000003E: (157, 56, 101, 435), 0x40000003: (172, 120, 26, 435)},
    "aarch64": {0xC00000B7: (167, 220, 117, 435)},
}

Code = list[tuple[int, int, int, int]]


def _leaves(action: int) -> dict[str, Code]:
    """What is done with a call, by what it is."""
    stop, allow = (_RETURN, 0, 0, action), (_RETURN, 0, 0, _ALLOW)
    return {
        "allow": [allow],
        "stop": [stop],
        "name": [(_LOAD, 0, 0, _ARGUMENT), (_EQUAL, 0, 1, _PR_SET_NAME), stop, allow],
        "clone": [(_LOAD, 0, 0, _ARGUMENT), (_ANY_OF, 0, 1, _CLONE_UNTRACED), stop, allow],
    }


def _search(starts: list[int], kinds: list[str], leaves: dict[str, Code]) -> Code:
    """From the number to its leaf: kinds[i] holds from starts[i] on."""
    if len(kinds) == 1:
        return leaves[kinds[0]]
    middle = len(kinds) // 2
    above = _search(starts[middle:], kinds[middle:], leaves)
    below = _search(starts[:middle], kinds[:middle], leaves)
    if len(above) <= _FARTHEST:
        return [(_FROM, 0, len(above), starts[middle]), *above, *below]
    return [(_FROM, 1, 0, starts[middle]), (_JUMP, 0, 0, len(above)), *above, *below]


def _numbers(kinds: dict[int, str], leaves: dict[str, Code]) -> Code:
    points = sorted({0, *kinds, *(number + 1 for number in kinds)})
    runs = [(kinds.get(point, "allow"), point) for point in points]
    merged = [(kind, next(group)[1]) for kind, group in groupby(runs, key=lambda run: run[0])]
    return _search([start for _, start in merged], [kind for kind, _ in merged], leaves)


def _watched(numbers: tuple[int, int, int, int]) -> dict[int, str]:
    """Calls that change what the tracer itself does (native/keeper/watch.c)."""
    prctl, clone, ptrace, clone3 = numbers
    return {prctl: "name", clone: "clone", ptrace: "stop", clone3: "stop"}


def _assemble(parts: dict[int, Code]) -> Code:
    """A part for each architecture; calls of any other are stopped."""
    code: Code = [(_LOAD, 0, 0, _ARCH)]
    for arch, part in parts.items():
        body = [(_LOAD, 0, 0, _NUMBER), *part]
        if len(body) <= _FARTHEST:
            code += [(_EQUAL, 0, len(body), arch), *body]
        else:
            code += [(_EQUAL, 1, 0, arch), (_JUMP, 0, 0, len(body)), *body]
    return code


def _calls_of(plans: Plans, wanted: Callable[[Plan], bool]) -> list[set[int]]:
    """The traced numbers of each way into this machine's kernel, native first."""
    found = {index for index, plan in plans.plans.items() if wanted(plan)}
    native = {index for index in found if index < NUMBERS and index in plans.traced}
    narrow = {index - NUMBERS for index in found if NUMBERS <= index < 2 * NUMBERS}
    if os.uname().machine != "x86_64":
        return [native]
    return [native | {X32_BIT | number for number in native - NOT_X32}, narrow]


def _passes_memory(plan: Plan) -> bool:
    return bool(plan.inputs or plan.syscall.variants)


def _program(plans: Plans, action: int, watching: bool) -> bytes:
    calls = _calls_of(plans, (lambda plan: True) if watching else _passes_memory)
    leaves = _leaves(action)
    parts = {}
    for (arch, numbers), traced in zip(_WAYS[os.uname().machine].items(), calls, strict=True):
        kinds = _watched(numbers) if watching else {}
        parts[arch] = _numbers({**kinds, **dict.fromkeys(traced, "stop")}, leaves)
    code = [*_assemble(parts), (_RETURN, 0, 0, action)]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in code)


def stopping(plans: Plans) -> bytes:
    """Stops the traced calls for the ptrace engine."""
    return _program(plans, _TRACE, watching=True)


def notifying(plans: Plans) -> bytes:
    """Has those of the traced calls that pass memory wait for a supervisor's answer."""
    return _program(plans, _NOTIFY, watching=False)


def verdict(program: bytes, arch: int, number: int, argument: int = 0) -> int:
    """What the program returns for a call: a check of it that needs no kernel."""
    code = list(_INSTRUCTION.iter_unpack(program))
    data = {_NUMBER: number, _ARCH: arch, _ARGUMENT: argument & 0xFFFFFFFF}
    at = loaded = 0
    while True:
        kind, true, false, value = code[at]
        at += 1
        if kind == _RETURN:
            return value
        if kind == _LOAD:
            loaded = data[value]
        elif kind == _JUMP:
            at += value
        else:
            holds = {_EQUAL: loaded == value, _FROM: loaded >= value, _ANY_OF: bool(loaded & value)}
            at += true if holds[kind] else false
