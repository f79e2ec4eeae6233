# SPDX-License-Identifier: Apache-2.0
"""The syscall table against the running kernel: its own names, as tracefs has them.

A syscall that the kernel has and the table lacks is a failure, so that a new kernel
is noticed here and not in a trace.
"""

import os
import platform
import re
from pathlib import Path

import pytest

from faultin.syscalls.table import load

EVENTS = Path("/sys/kernel/tracing/events/syscalls")
# tracefs names a call by the function that implements it.
NAMES = {
    "newstat": "stat",
    "newfstat": "fstat",
    "newlstat": "lstat",
    "newuname": "uname",
    "umount": "umount2",
    "sendfile64": "sendfile",
}
_FIELD = re.compile(r"\tfield:(?:.*?)(\w+);\toffset:(\d+);")
_COMMON = 16  # bytes before the arguments: the common fields and __syscall_nr


def _readable() -> bool:
    try:
        return any(EVENTS.iterdir())
    except OSError:
        return False


pytestmark = [
    pytest.mark.skipif(not _readable(), reason=f"{EVENTS} cannot be read: needs root and tracefs"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="there is a table for x86_64 only"),
]


def argument_names(text: str) -> list[str]:
    """The arguments of a format file. Newer kernels append __NAME_val: what a pointer leads to."""
    found = [(name, int(offset)) for name, offset in _FIELD.findall(text)]
    return [name for name, at in found if at >= _COMMON and not name.startswith("__")]


def events() -> list[str]:
    entries = [name for name in os.listdir(EVENTS) if name.startswith("sys_enter_")]
    return sorted(name.removeprefix("sys_enter_") for name in entries)


@pytest.fixture(scope="module")
def table():
    return load("x86_64")


def test_the_kernel_has_no_call_that_the_table_lacks(table):
    known = {row.name for row in table}
    assert [name for name in events() if NAMES.get(name, name) not in known] == []


@pytest.mark.parametrize("event", events() if _readable() else [])
def test_arguments_have_the_kernels_names(table, event):
    format_file = EVENTS / f"sys_enter_{event}" / "format"
    expected = argument_names(format_file.read_text())
    row = table.by_name(NAMES.get(event, event))
    assert [argument.name for argument in row.arguments] == expected
