# SPDX-License-Identifier: Apache-2.0
"""Spaces: which file was mapped where, in each process and at the time of a call.

In: changes that the kernel tells of (kernel/perf.py), or where it tells nobody, what
/proc/PID/maps says when somebody looks. Out: for a process, an address and a time the
Region. The first is complete, also of processes that have ended; the second is not.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultin.kernel.perf import Change, Ended, Execed, Forked, Mapped

_ENDED_KEPT = 4096  # processes that have ended: records of them may still be on their way


@dataclass(frozen=True, slots=True)
class Region:
    """Code of a file, from `offset` on. pid: who mapped it first, as its paths are those
    of that process; build_id, inode: of the file, as far as the kernel told."""

    start: int
    end: int
    offset: int
    path: str
    pid: int
    build_id: bytes = b""
    inode: int = 0


class Space:
    """The regions of one program in one process, since a time."""

    def __init__(self, since: int, regions: Iterable[Region] = ()) -> None:
        self.since = since
        self.perf_map: Any = None  # the resolver's
        self._put(regions)

    def _put(self, regions: Iterable[Region]) -> None:
        self.regions = sorted(regions, key=lambda region: region.start)
        self._starts = [region.start for region in self.regions]
        # What was found out of these regions (resolver.py).
        self.rows: dict[int, Any] = {}
        self.frames: dict[tuple[int, bool], Any] = {}
        self.walks: dict[Any, list[Any]] = {}

    def add(self, region: Region) -> None:
        """What is mapped over others takes their place."""
        kept = [region]
        for old in self.regions:
            if old.end <= region.start or region.end <= old.start:
                kept.append(old)
                continue
            if old.start < region.start:
                kept.append(_part(old, old.start, region.start))
            if region.end < old.end:
                kept.append(_part(old, region.end, old.end))
        self._put(kept)

    def find(self, address: int) -> Region | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self.regions[index].end:
            return None
        return self.regions[index]


def _part(region: Region, start: int, end: int) -> Region:
    offset = region.offset + start - region.start
    return Region(start, end, offset, region.path, region.pid, region.build_id, region.inode)


def current(pid: int) -> list[Region] | None:
    """What /proc/PID/maps says; None if the process has gone."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_bytes().splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        addresses, rights, offset, _, inode, *path = line.split(None, 5)
        if b"x" in rights:
            start, end = (int(part, 16) for part in addresses.split(b"-"))
            name = path[0].decode(errors="backslashreplace") if path else "//anon"
            found.append(Region(start, end, int(offset, 16), name, pid, inode=int(inode)))
    return found


class Spaces:
    """Of all traced processes. told: whether the kernel tells of changes, so that /proc is
    read only for what was mapped before."""

    def __init__(self, told: bool) -> None:
        self._told = told
        self._of: dict[int, list[Space]] = {}
        self._looked: set[int] = set()
        self._ended: list[int] = []

    def begin(self) -> None:
        """More records are about to be looked at."""
        self._looked.clear()

    def look(self, pid: int) -> None:
        """What a process has mapped by now."""
        if (regions := current(pid)) is not None:
            old, space = self._of.get(pid), Space(0, regions)
            space.perf_map = old[-1].perf_map if old else None
            self._of[pid] = [space]

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change:
                case Mapped():
                    self._space(change.pid).add(_region(change))
                case Execed():
                    self._of.setdefault(change.pid, []).append(Space(change.time))
                case Forked():
                    parent = self._of.get(change.parent)
                    self._of[change.pid] = [Space(0, parent[-1].regions)] if parent else []
                case Ended():
                    self._forget_later(change.pid)

    def _space(self, pid: int) -> Space:
        spaces = self._of.setdefault(pid, [])
        if not spaces:
            spaces.append(Space(0))
        return spaces[-1]

    def _forget_later(self, pid: int) -> None:
        self._ended.append(pid)
        if len(self._ended) > _ENDED_KEPT:
            self._of.pop(self._ended.pop(0), None)

    def space(self, pid: int, time: int) -> Space:
        """That of the program which a process ran at that time (CLOCK_MONOTONIC ns)."""
        if not self._told and pid not in self._looked:
            self._looked.add(pid)
            self.look(pid)
        spaces = self._of.get(pid)
        if not spaces:
            return Space(0)
        return next((space for space in reversed(spaces) if space.since <= time), spaces[0])


def _region(change: Mapped) -> Region:
    return Region(
        change.start, change.start + change.size, change.offset,
        change.path.decode(errors="backslashreplace"), change.pid, change.build_id, change.inode,
    )  # fmt: skip
