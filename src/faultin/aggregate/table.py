# SPDX-License-Identifier: Apache-2.0
"""Table: for each key the cells of each counter.

In: cells, from here or from a kernel. Out: rows with results, in the order that is asked
for. Invariant: the cells of a key are those of all that was ever merged into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import Bar, Cells
from faultin.errors import UsageError
from faultin.values import Missing

Key = tuple[Any, ...]  # scalars: int, str, bytes, None, Missing, Truncated


@dataclass(frozen=True, slots=True)
class Row:
    """A key and the result of each counter (see functions.Shown)."""

    key: Key
    results: tuple[Any, ...]


class Table:
    """Keys to cells. `keys` are the names of the parts of a key, none for a single row."""

    def __init__(self, keys: Sequence[str], counters: Sequence[Counter]) -> None:
        self.keys, self.counters = tuple(keys), tuple(counters)
        self._groups: dict[Key, tuple[Cells, ...]] = {}
        names = [*self.keys, *(counter.name for counter in self.counters)]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"two columns are called {name}", "", "name one: other=count()")

    def __len__(self) -> int:
        return len(self._groups)

    def __contains__(self, key: Key) -> bool:
        return key in self._groups

    def cells(self, key: Key) -> tuple[Cells, ...]:
        """The cells of a key, one state a counter; made when there were none."""
        if key not in self._groups:
            self._groups[key] = tuple({} for _ in self.counters)
        return self._groups[key]

    def merge_cells(self, key: Key, counter: int, cells: Cells) -> None:
        """Takes in what a kernel, or one of its CPUs, has for a key; `counter` is an index."""
        self.counters[counter].merge(self.cells(key)[counter], cells)

    def merge(self, other: "Table") -> None:
        """Takes another table of the same keys and counters in."""
        for key, states in other._groups.items():
            for index, cells in enumerate(states):
                self.merge_cells(key, index, cells)

    def rows(
        self, by: str | None = None, reverse: bool = False, limit: int | None = None
    ) -> list[Row]:
        """Sorted by a column: counters the greatest first, keys the least first.

        by: a key, a counter or a heading of one; the first counter if None. Bars sort by
        how many amounts they hold. What has no value comes last. reverse: the other way.
        """
        order = self._order(by)
        rows = sorted((self._row(*group) for group in self._groups.items()), key=_by_key)
        present = [row for row in rows if order.value(row) is not None]
        absent = [row for row in rows if order.value(row) is None]
        present.sort(key=order.value, reverse=order.falls != reverse)
        return [*present, *absent][:limit]

    def totals(self) -> Row:
        """All keys in one: what the counters would be without keys."""
        whole = Table((), self.counters)
        for states in self._groups.values():
            for index, cells in enumerate(states):
                whole.merge_cells((), index, cells)
        return self._row((), whole.cells(()))

    def check_order(self, by: str) -> None:
        """UsageError if there is no such column."""
        self._order(by)

    def _row(self, key: Key, states: tuple[Cells, ...]) -> Row:
        pairs = zip(self.counters, states, strict=True)
        return Row(key, tuple(counter.result(cells) for counter, cells in pairs))

    def _order(self, by: str | None) -> "_Order":
        if by is None:
            return _ByResult(0, 0) if self.counters else _ByKey(0)
        if by in self.keys:
            return _ByKey(self.keys.index(by))
        for index, counter in enumerate(self.counters):
            if by == counter.name:
                return _ByResult(index, 0)
            if by in counter.headings:
                return _ByResult(index, counter.headings.index(by))
        names = [*self.keys, *(counter.name for counter in self.counters)]
        raise UsageError(f"there is no column {by}", "", f"there are {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class _ByKey:
    index: int
    falls = False

    def value(self, row: Row) -> Any:
        """One type for all keys of a column: numbers before texts."""
        return _sortable(row.key[self.index])


@dataclass(frozen=True, slots=True)
class _ByResult:
    index: int
    part: int
    falls = True

    def value(self, row: Row) -> Any:
        match row.results[self.index]:
            case [Bar(), *_] as bars:
                return sum(bar.count for bar in bars)
            case list(parts):
                return parts[self.part] if parts else 0
            case number:
                return number


_Order = _ByKey | _ByResult


def _sortable(value: Any) -> tuple[bool, Any] | None:
    if value is None or isinstance(value, Missing):
        return None
    if isinstance(value, int):
        return False, value
    value = getattr(value, "value", value)  # of a Truncated
    return True, value.encode() if isinstance(value, str) else bytes(value)


def _by_key(row: Row) -> tuple:
    """An order that is the same in each run, whatever the counters are."""
    return tuple((value is None, value or (False, 0)) for value in map(_sortable, row.key))
