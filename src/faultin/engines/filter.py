# SPDX-License-Identifier: Apache-2.0
"""Filter: the seccomp program that stops the traced calls, and no other.

In: plans. Out: a classic BPF program, for the command to load before its execve. What
comes by a way that it does not know is stopped, so that nothing is missed.
"""

import os
from typing import Callable

from faultin.codegen.plan import NUMBERS, Plan, Plans
from faultin.engines.classic import (
    ALLOW, ANY_OF, ARGUMENT, EQUAL, LOAD, NOTIFY, RETURN, TRACE, Code, assemble, numbers, pack,
    verdict,
)  # fmt: skip
from faultin.syscalls.abi import NOT_X32, X32_BIT

__all__ = ["notifying", "stopping", "verdict"]

_PR_SET_NAME = 15
_CLONE_UNTRACED = 0x00800000

# AUDIT_ARCH_*, native first, each with its numbers of prctl, clone, ptrace and clone3.
_WAYS = {
    "x86_64": {0xC000003E: (157, 56, 101, 435), 0x40000003: (172, 120, 26, 435)},
    "aarch64": {0xC00000B7: (167, 220, 117, 435)},
}


def _leaves(action: int) -> dict[str, Code]:
    """What is done with a call, by what it is."""
    stop, allow = (RETURN, 0, 0, action), (RETURN, 0, 0, ALLOW)
    return {
        "allow": [allow],
        "stop": [stop],
        "name": [(LOAD, 0, 0, ARGUMENT), (EQUAL, 0, 1, _PR_SET_NAME), stop, allow],
        "clone": [(LOAD, 0, 0, ARGUMENT), (ANY_OF, 0, 1, _CLONE_UNTRACED), stop, allow],
    }


def _watched(own: tuple[int, int, int, int]) -> dict[int, str]:
    """Calls that change what the tracer itself does (native/keeper/watch.c)."""
    prctl, clone, ptrace, clone3 = own
    return {prctl: "name", clone: "clone", ptrace: "stop", clone3: "stop"}


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
    for (arch, own), traced in zip(_WAYS[os.uname().machine].items(), calls, strict=True):
        kinds = _watched(own) if watching else {}
        parts[arch] = numbers({**kinds, **dict.fromkeys(traced, "stop")}, leaves)
    return pack([*assemble(parts), (RETURN, 0, 0, action)])


def stopping(plans: Plans) -> bytes:
    """Stops the traced calls for the ptrace engine."""
    return _program(plans, TRACE, watching=True)


def notifying(plans: Plans) -> bytes:
    """Has those of the traced calls that pass memory wait for a supervisor's answer."""
    return _program(plans, NOTIFY, watching=False)
