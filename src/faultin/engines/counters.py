# SPDX-License-Identifier: Apache-2.0
"""Counters: what the kernel has counted, as cells (bpf/count.bpf.h).

In: the maps of a loaded object, and what they hold. Out: for each group its calls and the
cells of each counter, those of all CPUs merged. It may be read while the kernel counts.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import Cells
from faultin.codegen.capacity import capacity
from faultin.codegen.query.linked import Counts
from faultin.engines.shared import Shared
from faultin.kernel.libbpf import Object, entries


@dataclass(frozen=True, slots=True)
class Group:
    """number: that the record of its first call has, which is not counted here."""

    number: int
    calls: int
    cells: tuple[Cells, ...]


def size_maps(opened: Object, counts: Counts | None) -> None:
    """Before load: gives the maps of counters their sizes, or does without them."""
    if counts is None:
        for name in ("groups", "cells", "sparse", "arena"):
            opened.leave_out(name)
        return
    room = capacity(counts)
    opened.set_sizes("groups", counts.key_bytes, 16)  # struct group of bpf/count.bpf.h
    opened.set_entries("groups", room.groups)
    opened.set_sizes("cells", 4, 8 * room.cells)
    opened.set_entries("cells", room.groups * room.shards)
    opened.set_entries("sparse", room.buckets)
    opened.set_entries("arena", room.arena >> 20)


class Counters:
    """The maps of one trace that counts, until close()."""

    def __init__(self, loaded: Object, shared: Shared, counts: Counts) -> None:
        self._shared, self._counts, self._room = shared, counts, capacity(counts)
        size = 8 * self._room.cells * self._room.groups * self._room.shards
        self._map = mmap.mmap(loaded.map_fd("cells"), _pages(size), mmap.MAP_SHARED, mmap.PROT_READ)
        self._words = memoryview(self._map).cast("Q")
        self._sparse_fd = loaded.map_fd("sparse")

    @property
    def seed(self) -> int:
        """Of the digests."""
        return self._shared.seed

    @property
    def lost(self) -> int:
        """Calls of groups for which there was no room."""
        return self._shared.lost_groups

    @property
    def collisions(self) -> int:
        """Calls whose key had the digest of another: they were sent, and not counted here."""
        return self._shared.collisions

    def groups(self, counters: tuple[Counter, ...]) -> Iterator[Group]:
        """Those that the kernel has counted in."""
        sparse = self._sparse(counters) if self._counts.sparse else {}
        for number in range(min(self._shared.groups, self._room.groups)):
            shards = [self._shard(shard, number) for shard in range(self._room.shards)]
            calls = sum(cells[0] for cells in shards)
            if calls:
                yield Group(number, calls, self._cells(counters, shards, sparse.get(number, {})))

    def _shard(self, shard: int, number: int) -> list[int]:
        first = (shard * self._room.groups + number) * self._room.cells
        return self._words[first : first + self._room.cells].tolist()

    def _cells(
        self, counters: tuple[Counter, ...], shards: list[list[int]], sparse: dict[int, Cells]
    ) -> tuple[Cells, ...]:
        found = []
        for index, (counter, at) in enumerate(zip(counters, self._counts.layout, strict=True)):
            cells: Cells = sparse.get(index, {}) if at is None else {}
            if at is not None:
                for shard in shards:
                    kept = shard[at : at + (counter.function.cells or 0)]
                    counter.merge(cells, {n: value for n, value in enumerate(kept) if value})
            found.append(cells)
        return tuple(found)

    def _sparse(self, counters: tuple[Counter, ...]) -> dict[int, dict[int, Cells]]:
        """Buckets by group and counter; a key is group << 32 | shard << 24 | counter << 16 |
        bucket."""
        found: dict[int, dict[int, Cells]] = {}
        for key, value in entries(self._sparse_fd, self._room.buckets):
            index, bucket = key >> 16 & 0xFF, key & 0xFFFF
            bucket -= (bucket & 0x8000) << 1
            cells = found.setdefault(key >> 32, {}).setdefault(index, {})
            counters[index].merge(cells, {bucket: value})
        return found

    def close(self) -> None:
        self._words.release()
        self._map.close()


def _pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
