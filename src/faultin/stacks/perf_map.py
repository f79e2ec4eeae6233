# SPDX-License-Identifier: Apache-2.0
"""Perf map: names of code that was made at run time, as its program tells them.

In: /tmp/perf-PID.map, and whose it may be. Out: the name at an address. Anybody can put a
file there: it is believed if it belongs to root or to who runs the process (as perf has it),
and is a plain file of a size that can be read.
"""

import os
import stat
from bisect import bisect_right
from collections.abc import Callable

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST = 256 << 20  # bytes


class PerfMap:
    """It grows, and is read again when an address is not in it. owners: whose files are
    believed; told: is given why one is not, once."""

    def __init__(
        self, path: str, owners: Callable[[], set[int]], told: Callable[[str], None]
    ) -> None:
        self._path, self._owners, self._told = path, owners, told
        self._size = -1
        self._refused = False
        self._starts: list[int] = []
        self._names: list[tuple[int, str]] = []

    def find(self, address: int) -> tuple[int, str] | None:
        """(start, name)."""
        return self._known(address) or (self._known(address) if self._read() else None)

    def _known(self, address: int) -> tuple[int, str] | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._starts[index] + self._names[index][0]:
            return None
        return self._starts[index], self._names[index][1]

    def _read(self) -> bool:
        """Whether there is more than before."""
        try:
            fd = os.open(self._path, _FLAGS)
        except OSError:
            return False
        with open(fd, errors="backslashreplace") as lines:
            about = os.fstat(fd)
            if about.st_size == self._size or not self._is_believed(about):
                return False
            found = dict(entry for line in lines if (entry := _entry(line)))
        self._size = about.st_size
        self._starts = sorted(found)
        self._names = [found[start] for start in self._starts]
        return True

    def _is_believed(self, about: os.stat_result) -> bool:
        why = ""
        if not stat.S_ISREG(about.st_mode):
            why = "it is no plain file"
        elif about.st_uid not in self._owners():
            why = f"it belongs to user {about.st_uid}, who neither runs the process nor is root"
        elif about.st_size > _MOST:
            why = f"it has more than {_MOST >> 20} MiB"
        if why and not self._refused:
            self._told(f"{self._path} is not believed: {why}")
        self._refused = bool(why)
        return not why


def _entry(line: str) -> tuple[int, tuple[int, str]] | None:
    """Of a line START SIZE NAME; None for one that is not whole yet."""
    words = line.removesuffix("\n").split(" ", 2)
    try:
        return int(words[0], 16), (int(words[1], 16), words[2])
    except (ValueError, IndexError):
        return None


def owners(pid: int, others: set[int]) -> set[int]:
    """root, and who runs a process; `others` when it has gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            line = next(line for line in status if line.startswith("Uid:"))
    except (OSError, StopIteration):
        return {0} | others
    return {0, int(line.split()[2])}
