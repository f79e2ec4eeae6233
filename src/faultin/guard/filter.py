# SPDX-License-Identifier: Apache-2.0
"""Filter: the seccomp program of a guarded command.

In: Guarding. Out: a classic BPF program that stops the guarded calls, and of the calls that
could get around the guard those that might. By int 0x80, and with numbers of x32, every
call is stopped, and denied. One call, that only the guard can have a task make, waits for
the listener: so the guard hands an arena's descriptor over.
"""

from faultin.engines.classic import (
    ALLOW, AND, ANY_OF, ARGUMENT, EQUAL, FROM, LOAD, NOTIFY, RETURN, TRACE, Code, assemble, numbers,
    pack,
)  # fmt: skip
from faultin.guard.rules import Guarding
from faultin.syscalls.abi import X32_BIT
from faultin.syscalls.table import Table

_ARCH = 0xC000003E  # AUDIT_ARCH_X86_64
SECRET_CALL = "getpgrp"  # it has no arguments of its own
_STOP, _ALLOW = (RETURN, 0, 0, TRACE), (RETURN, 0, 0, ALLOW)
_CLONE_UNTRACED, _CLONE_VM, _CLONE_FILES = 0x00800000, 0x100, 0x400
# What is stopped of a call that is only watched, by one of its arguments.
_EQUALS = {
    "prctl": (0, (4, 35)),  # PR_SET_DUMPABLE, PR_SET_MM
}
_BITS = {
    "mmap": (3, 0x10),  # MAP_FIXED
    "shmat": (2, 0o40000),  # SHM_REMAP
    "seccomp": (1, 8),  # SECCOMP_FILTER_FLAG_NEW_LISTENER
}


def _argument(position: int, high: bool = False) -> tuple[int, int, int, int]:
    return (LOAD, 0, 0, ARGUMENT + 8 * position + 4 * high)


def _secret_leaf(secret: tuple[int, int], otherwise: tuple[int, int, int, int]) -> Code:
    """Waits for the listener if the first two arguments are the secret."""
    words = [(0, False, secret[0]), (0, True, secret[0] >> 32)]
    words += [(1, False, secret[1]), (1, True, secret[1] >> 32)]
    code: Code = []
    for left, (position, high, value) in zip((7, 5, 3, 1), words, strict=True):
        code += [_argument(position, high), (EQUAL, 0, left, value & 0xFFFFFFFF)]
    return [*code, (RETURN, 0, 0, NOTIFY), otherwise]


def _clone_leaf() -> Code:
    """A child that is not to be traced, or shares descriptors and not memory."""
    return [
        _argument(0), (ANY_OF, 2, 0, _CLONE_UNTRACED), (AND, 0, 0, _CLONE_VM | _CLONE_FILES),
        (EQUAL, 0, 1, _CLONE_FILES), _STOP, _ALLOW,
    ]  # fmt: skip


def _kind(name: str, guarding: Guarding, number: int) -> str:
    if number in guarding.steps:
        return "stop"
    return name if name in (*_EQUALS, *_BITS, "clone") else "stop"


def guarding_filter(guarding: Guarding, table: Table, secret: tuple[int, int]) -> bytes:
    """The program. secret: two numbers of 64 bits that nobody can guess."""
    leaves: dict[str, Code] = {"stop": [_STOP], "allow": [_ALLOW]}
    for name, (position, values) in _EQUALS.items():
        tests = [(EQUAL, left, not left, v) for left, v in zip((1, 0), values, strict=True)]
        leaves[name] = [_argument(position), *tests, _STOP, _ALLOW]
    for name, (position, bits) in _BITS.items():
        leaves[name] = [_argument(position), (ANY_OF, 0, 1, bits), _STOP, _ALLOW]
    leaves["clone"] = _clone_leaf()
    special = table.by_name(SECRET_CALL).nr
    leaves["secret"] = _secret_leaf(secret, _STOP if special in guarding.steps else _ALLOW)
    kinds = {
        number: _kind(table.by_number(number).name, guarding, number)
        for number in guarding.stopped
    }
    kinds[special] = "secret"
    native = [(FROM, 0, 1, X32_BIT), _STOP, *numbers(kinds, leaves)]
    return pack([*assemble({_ARCH: native}), _STOP])
