# SPDX-License-Identifier: Apache-2.0
"""The syscall table: what each argument of each system call is.

In: the name of an architecture, for ARCH.tbl beside this module. Out: its Table. A
table has each number and each name once, and is read once in a process.
"""

from collections.abc import Iterator
from functools import cache, cached_property

from faultin.errors import FaultinError, UsageError
from faultin.syscalls.abi import native_name
from faultin.syscalls.choice import choose
from faultin.syscalls.data import read_table
from faultin.syscalls.reader import parse
from faultin.syscalls.rows import Argument, Direction, Syscall, Term, Unit, Variant, When

__all__ = [
    "Argument", "Direction", "Syscall", "Table", "Term", "Unit", "Variant", "When", "load",
]  # fmt: skip

_TABLES = ("x86_64",)
_NARROW = {"x86_64": "i386"}  # the 32-bit ABI that the kernel serves too
_MACHINES = {"aarch64": "arm64", "amd64": "x86_64"}  # as uname and others have it


class Table:
    """All system calls of one architecture."""

    def __init__(self, arch: str, rows: list[Syscall]) -> None:
        self.arch = arch
        self._by_number = {row.nr: row for row in rows}
        self._by_name = {row.name: row for row in rows}
        for row in rows:
            if self._by_number[row.nr] is not row or self._by_name[row.name] is not row:
                raise FaultinError(f"{arch}.tbl", f"it has {row.nr} {row.name} twice")

    def __iter__(self) -> Iterator[Syscall]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)

    @cached_property
    def numbers(self) -> frozenset[int]:
        return frozenset(self._by_number)

    def by_number(self, nr: int) -> Syscall:
        """KeyError for a number that the table does not have."""
        return self._by_number[nr]

    def by_name(self, name: str) -> Syscall:
        """KeyError for a name that the table does not have."""
        return self._by_name[name]

    @cached_property
    def narrow(self) -> "Table | None":
        """The table of the 32-bit ABI, if the architecture has one."""
        arch = _NARROW.get(self.arch)
        return _read(arch) if arch else None

    def narrow_numbers(self, traced: frozenset[int]) -> frozenset[int]:
        """The numbers that these calls have in the 32-bit ABI; all of it, of all."""
        if self.narrow is None or traced == self.numbers:
            return self.narrow.numbers if self.narrow else frozenset()
        known = frozenset(self._by_name)
        wanted = {self.by_number(number).name for number in traced}
        return frozenset(row.nr for row in self.narrow if native_name(row.name, known) in wanted)

    def resolve(self, expression: str) -> frozenset[int]:
        """The numbers that a `-e` expression names (choice.py); UsageError if it names none."""
        return choose(expression, self)


def load(arch: str) -> Table:
    """The table of an architecture, such as x86_64; UsageError where there is none."""
    return _load(_MACHINES.get(arch, arch))


@cache
def _load(arch: str) -> Table:
    if arch not in _TABLES:
        why = "faultin has no table of its system calls"
        raise UsageError(f"architecture {arch}", why, f"there is one for {', '.join(_TABLES)}")
    return _read(arch)


def _read(arch: str) -> Table:
    return Table(arch, parse(read_table(f"{arch}.tbl"), f"{arch}.tbl"))
