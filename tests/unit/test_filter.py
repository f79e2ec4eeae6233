# SPDX-License-Identifier: Apache-2.0
"""The seccomp program says of every call of every way into the kernel what it should."""

import os
import platform

import pytest

from faultin.codegen.plan import NUMBERS, plan
from faultin.engines.filter import notifying, stopping, verdict
from faultin.syscalls.abi import NOT_X32, X32_BIT
from faultin.syscalls.table import load

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86-64's")

X86_64, I386, OTHER = 0xC000003E, 0x40000003, 0xC00000B7
ALLOW, TRACE, NOTIFY = 0x7FFF0000, 0x7FF00000, 0x7FC00000
PRCTL, CLONE, PTRACE, CLONE3 = 157, 56, 101, 435
SETS = ["openat", "openat,close", "%file", "%network", "!openat", "all", "getpid,exit_group,execve"]
LONGEST = 4096  # BPF_MAXINSNS


def plans_of(expression):
    table = load(platform.machine())
    return plan(table, table.resolve(expression))


@pytest.mark.parametrize("expression", SETS)
def test_every_number_of_every_way(expression):
    plans = plans_of(expression)
    program = stopping(plans)
    assert len(program) % 8 == 0 and len(program) // 8 <= LONGEST
    watched = {PRCTL, CLONE, PTRACE, CLONE3}
    for number in range(NUMBERS + 10):
        traced = number in plans.traced
        if number not in watched:
            assert verdict(program, X86_64, number) == (TRACE if traced else ALLOW), number
        expected = TRACE if traced and number not in NOT_X32 else ALLOW
        assert verdict(program, X86_64, number | X32_BIT) == expected, number
        if number not in (172, 120, 26, 435):
            narrow = number < NUMBERS and NUMBERS + number in plans.plans
            assert verdict(program, I386, number) == (TRACE if narrow else ALLOW), number
        assert verdict(program, OTHER, number) == TRACE


def test_calls_that_the_tracer_watches():
    program = stopping(plans_of("openat"))
    assert verdict(program, X86_64, PRCTL, 15) == TRACE  # PR_SET_NAME
    assert verdict(program, X86_64, PRCTL, 16) == ALLOW
    assert verdict(program, X86_64, CLONE, 0x00800011) == TRACE  # CLONE_UNTRACED
    assert verdict(program, X86_64, CLONE, 0x01200011) == ALLOW
    assert verdict(program, X86_64, PTRACE) == verdict(program, X86_64, CLONE3) == TRACE
    assert verdict(program, I386, 172, 15) == verdict(program, I386, 26) == TRACE


def test_a_supervisor_is_asked_of_calls_that_pass_memory():
    program = notifying(plans_of("all"))
    table = load("x86_64")
    for name in ("openat", "write", "execve", "sendmsg", "fcntl", "ioctl", "prctl"):
        assert verdict(program, X86_64, table.by_name(name).nr) == NOTIFY, name
    for name in ("getpid", "close", "read", "exit_group", "brk", "getrandom"):
        assert verdict(program, X86_64, table.by_name(name).nr) == ALLOW, name
    assert verdict(program, I386, table.narrow.by_name("open").nr) == NOTIFY
