# SPDX-License-Identifier: Apache-2.0
"""Capacity: how large the maps are in which the kernel counts.

In: Counts. Out: Capacity, from which come struct config, the sizes of the maps, and how
they are read. A CPU has cells of its own as long as there is memory for that: then none
waits for another's cache line.
"""

import os
from dataclasses import dataclass

from faultin.codegen.query.linked import Counts

ARENA_CHUNK, STEP = 1 << 20, 64  # of bpf/wire.h and bpf/arena.bpf.h
_SPARE = 64               # groups whose number is given in vain, by two calls at once
_GROUPS_MAX = 1 << 20
_SHARDS_MAX = 256         # the key of a bucket has a byte for them
_CELLS_BYTES = 64 << 20   # of all shards, where they are more than one
_TEXT = 256               # bytes of a group's texts, on average: most paths are shorter
_ARENA_BYTES = 64 << 20
_BUCKETS = 1 << 20


@dataclass(frozen=True, slots=True)
class Capacity:
    """groups: of each shard. overflows: calls of more groups are lost, not sent. shards: a
    power of two. arena: bytes. cells: dense ones of a group. buckets: of all groups."""

    groups: int
    overflows: bool
    shards: int
    arena: int
    cells: int
    buckets: int


def capacity(counts: Counts) -> Capacity:
    """Of maps for so many keys."""
    groups = min(counts.keys + _SPARE, _GROUPS_MAX)
    shards, most = 1, min(os.cpu_count() or 1, _SHARDS_MAX)
    while 2 * shards <= most and 2 * shards * groups * 8 * counts.cells <= _CELLS_BYTES:
        shards *= 2
    chunks = min(max(groups * _TEXT, 1), _ARENA_BYTES) + ARENA_CHUNK - 1 >> 20
    return Capacity(
        groups=groups,
        overflows=counts.keys + _SPARE <= _GROUPS_MAX,
        shards=shards,
        arena=ARENA_CHUNK * (chunks if counts.texts else 1),
        cells=counts.cells,
        buckets=_BUCKETS if counts.sparse else 1,
    )
