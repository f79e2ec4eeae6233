# SPDX-License-Identifier: Apache-2.0
"""Model: what the rows of each view are.

In: a Table by pid, comm, syscall, path and whether the call failed (COUNTERS, KEYS). Out:
Lines, sorted. Invariant: each call is in one line of a view, but in that of paths, where calls
without one are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from faultin.aggregate.table import Table
from faultin.sinks.text_values import bare_of
from faultin.values import Missing

KEYS = "pid, comm, syscall, path, ret < 0"
COUNTERS = "count(), sum(latency), max(latency), sum(ret)"
_MOVES = frozenset(
    """read pread64 readv preadv preadv2 recvfrom recvmsg write pwrite64 writev pwritev pwritev2
    sendto sendmsg sendfile splice copy_file_range""".split()
)


class By(Enum):
    PROCESS = "processes"
    SYSCALL = "system calls"
    PATH = "paths"


@dataclass(slots=True)
class Line:
    """name: as it is shown; key: what it is about; pids: of its calls."""

    name: str
    key: Any
    pids: set[int]
    calls: int = 0
    errors: int = 0
    time: int = 0
    slowest: int = 0
    bytes: int = 0
    rate: float = 0.0


SORTS: dict[str, Callable[[Line], Any]] = {
    "calls": lambda line: -line.calls,
    "rate": lambda line: -line.rate,
    "errors": lambda line: -line.errors,
    "time": lambda line: -line.time,
    "slowest": lambda line: -line.slowest,
    "bytes": lambda line: -line.bytes,
    "name": lambda line: line.name,
}


def lines(table: Table, by: By) -> dict[Any, Line]:
    """The lines of a view, by what they are about."""
    found: dict[Any, Line] = {}
    for row in table.rows():
        pid, comm, syscall, path, failed = row.key
        if by is By.PATH and isinstance(path, Missing):
            continue
        key, name = {
            By.PROCESS: (pid, f"{pid} {bare_of(comm)}"),
            By.SYSCALL: (syscall, bare_of(syscall)),
            By.PATH: (path, bare_of(path)),
        }[by]
        line = found.setdefault(key, Line(name, key, set()))
        calls, time, slowest, ret = row.results
        line.pids.add(pid)
        line.calls += calls
        line.time += time
        line.slowest = max(line.slowest, slowest or 0)
        line.errors += calls if failed == 1 else 0
        line.bytes += ret if failed == 0 and syscall in _MOVES else 0
    return found


def sorted_lines(found: dict[Any, Line], sort: str) -> list[Line]:
    return sorted(found.values(), key=lambda line: (SORTS[sort](line), line.name))


def condition(by: By, line: Line, where: str) -> str:
    """A query for the calls of a line; "" where their pids say it all."""
    parts = [f"({where})"] if where else []
    if by is By.PROCESS:
        parts.append(f"pid == {line.key}")
    else:
        parts.append(f"{'syscall' if by is By.SYSCALL else 'path'} == {_quoted(line.key)}")
    return " and ".join(parts)


def _quoted(value: Any) -> str:
    """A text of a program in a query, where nothing in it can be anything but that text."""
    value = getattr(value, "value", value)  # of a Truncated
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return repr(data) if not data.isascii() else repr(data.decode())
