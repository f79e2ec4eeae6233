# SPDX-License-Identifier: Apache-2.0
"""Merging: what the kernel has counted joins what was counted here.

In: keys of the kernel's groups, each told by the record of its first call, and an
Aggregator. Out: Counted, which has each call once. Invariant: a call that the kernel has
counted is in the table, or in what is lost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from faultin.aggregate.aggregator import MAP_FULL, Aggregator
from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import Cells
from faultin.aggregate.table import Key, Table

NOT_NAMED = "key_not_seen"  # the cause in `lost`: calls of a group whose key nobody has told


class Group(Protocol):
    """What the kernel has counted by one key."""

    number: int
    calls: int
    cells: tuple[Cells, ...]


class Kernel(Protocol):
    """Where the kernel counts (engines/counters.py)."""

    seed: int
    lost: int
    collisions: int

    def groups(self, counters: tuple[Counter, ...]) -> Iterator[Group]: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """lost: calls, by cause. kernel: as in Summary."""

    table: Table
    lost: Mapping[str, int]
    kernel: dict[str, int]


class Merging:
    """Knows the kernel's groups by their keys; without a kernel that counts, none."""

    def __init__(self, aggregator: Aggregator, kernel: Kernel | None) -> None:
        self._aggregator, self._kernel = aggregator, kernel
        self._keys: dict[int, Key] = {}

    def name(self, group: int, key: Key) -> None:
        """The key of a group."""
        self._keys[group] = key

    def counted(self) -> Counted:
        """All that was counted so far."""
        here = self._aggregator
        if self._kernel is None:
            return Counted(here.table, here.lost, {})
        table = Table(here.table.keys, here.table.counters)
        table.merge(here.table)
        lost, calls = dict(here.lost), 0
        _lose(lost, MAP_FULL, self._kernel.lost)
        for group in self._kernel.groups(here.table.counters):
            key = self._keys.get(group.number)
            if key is None:
                _lose(lost, NOT_NAMED, group.calls)
            elif key not in here.table:
                _lose(lost, MAP_FULL, group.calls)
            else:
                calls += group.calls
                for index, cells in enumerate(group.cells):
                    table.merge_cells(key, index, cells)
        return Counted(table, lost, {"counted": calls, "collisions": self._kernel.collisions})


def _lose(lost: dict[str, int], cause: str, calls: int) -> None:
    if calls:
        lost[cause] = lost.get(cause, 0) + calls
