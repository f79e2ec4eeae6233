# SPDX-License-Identifier: Apache-2.0
"""What a query says by the registers of a call alone, before anything of it is looked up."""

import pytest

from faultin.codegen.native import NativeJudge
from faultin.codegen.plan import plan
from faultin.codegen.program import Options, program_ir
from faultin.codegen.query.functions import functions
from faultin.drain.wire import HEAD, RecordType
from faultin.query.query import parse
from faultin.syscalls.table import load

TABLE = load("x86_64")
MINUS = (1 << 64) - 1


def asked(call: str, where: str):
    plans = plan(TABLE, TABLE.resolve(call))
    return functions(parse(plans, TABLE, where), plans), plans


def admits(call: str, where: str, *arguments: int) -> bool:
    made, plans = asked(call, where)
    judge = NativeJudge(program_ir(plans, Options(query=made)))
    number = TABLE.by_name(call).nr
    registers = (*arguments, *[0] * (6 - len(arguments)))
    head = HEAD.pack(RecordType.CALL, 0, number, number, 1, 1, 1, 0, 0, *registers, b"", 1, 0, 0)
    return bool(judge.answers(head, b"", []).admits)


@pytest.mark.parametrize(
    ("where", "arguments", "expected"),
    [
        ("dfd == 77", (77,), True),
        ("dfd == 77", (78,), False),
        ("dfd == -1", (0xFFFF_FFFF,), True),  # an int: what is above its 32 bits is no part of it
        ("dfd == -1", (MINUS,), True),
        ("dfd != 77", (77,), False),
        ("flags & O_CREAT", (0, 0, 0o100), True),
        ("flags & O_CREAT", (0, 0, 0o200), False),
        ("not flags & O_CREAT", (0, 0, 0o100), False),
        # What is not known yet may be either.
        ('dfd == 77 and path == "x"', (77,), True),
        ('dfd == 77 and path == "x"', (78,), False),
        ('dfd == 77 or path == "x"', (78,), True),
        ("dfd == 77 and ret < 0", (78,), False),
        ("dfd == ret", (78,), True),
    ],
)
def test_calls_are_ruled_out_by_what_their_registers_say(where, arguments, expected):
    assert admits("openat", where, *arguments) is expected


@pytest.mark.parametrize(
    ("call", "where", "is_asked"),
    [
        ("openat", "dfd == 3", True),
        ("openat", 'path == "x"', False),  # nothing that registers could say
        ("execveat", "fd == 3", False),  # an exec has other registers when it returns
        ("fcntl", "fd == 3", False),  # its plan is chosen by what is in a register
    ],
)
def test_only_plans_whose_registers_stay_are_asked(call, where, is_asked):
    made, _ = asked(call, where)
    assert made.registers == ({TABLE.by_name(call).nr} if is_asked else frozenset())


def test_a_number_that_is_two_calls_is_told_apart_by_the_task():
    """close is 3 here, and read in the 32-bit ABI: only the task knows which it is."""
    both, _ = asked("close,read", "fd == 7")
    assert TABLE.by_name("close").nr not in both.registers
