# SPDX-License-Identifier: Apache-2.0
"""Counted: what a query counts in recordings, as the table of a live one.

In: a Query with actions, its lowering, an Engine. Out: a Table (aggregate/), whose cells are
what the same calls would have made of it live. Sums, extremes and counts are the engine's;
of the others it gives how often each amount occurs, for each key.
"""

from collections.abc import Iterator
from typing import Any

from faultin.aggregate.aggregator import MAP_FULL, Aggregator, seeded
from faultin.aggregate.counters import Counter
from faultin.aggregate.functions import U64
from faultin.consume.counting import counters_of, shown
from faultin.lowering.engine import Engine, bytes_of, key_columns
from faultin.lowering.expressions import Lowering
from faultin.lowering.values import Blob
from faultin.query.actions import Action
from faultin.query.query import Query
from faultin.query.types import MISSING, Cut, Type
from faultin.values import Missing, Value

_ONE = ("sum", "avg", "min", "max")
_WIDE = "decimal(38, 0)"


class Counted:
    """The counters of one query."""

    def __init__(self, query: Query, lowering: Lowering, engine: Engine, max_keys: int) -> None:
        self._query, self._lowering, self._engine = query, lowering, engine
        self._where = None if query.where is None else lowering.condition(query.where)
        counters = counters_of(query.actions)
        self._aggregator = Aggregator([key.name for key in query.keys], counters, max_keys)
        self.table, self._max_keys = self._aggregator.table, max_keys
        self._hash = seeded(b"")
        self._keys = [
            key_columns(f"k{i}", lowering.value(key.value)) for i, key in enumerate(query.keys)
        ]
        self.events = 0
        self._calls()
        for number, (action, counter) in enumerate(zip(query.actions, counters, strict=True)):
            if action.name in _ONE:
                self._totals(number, action, counter)
            elif action.name != "count":
                self._each(number, action, counter)

    @property
    def lost(self) -> dict[str, int]:
        return self._aggregator.lost

    def _groups(
        self, amount: Any | None = None, how: str = "", by: dict[str, Any] | None = None
    ) -> Iterator[tuple[tuple[Value, ...], dict[str, Any]]]:
        """(key, what the engine says) of each group; by: what else it is grouped by."""
        columns = {name: value for key in self._keys for name, value in key.items()} | (by or {})
        for row in self._engine.grouped(self._where, columns, amount, how):
            key = tuple(
                _key_of(row, f"k{i}", key.value.type) for i, key in enumerate(self._query.keys)
            )
            yield key, row

    def _calls(self) -> None:
        """How many there are; makes the keys."""
        counts = [i for i, action in enumerate(self._query.actions) if action.name == "count"]
        for key, row in sorted(self._groups(), key=lambda each: -each[1]["n"]):
            if not row["n"]:
                continue
            if len(self.table) >= self._max_keys:
                self.lost[MAP_FULL] = self.lost.get(MAP_FULL, 0) + row["n"]
                continue
            self.events += row["n"]
            self.table.cells(key)
            for number in counts:
                contribution = self.table.counters[number].contribute(0)
                self._merge(key, number, {cell: n * row["n"] for cell, n in contribution})

    def _merge(self, key: tuple[Value, ...], number: int, cells: dict[int, int]) -> None:
        if key in self.table:
            self.table.merge_cells(key, number, cells)

    def _totals(self, number: int, action: Action, counter: Counter) -> None:
        amount = self._lowering.value(action.amount).cast(_WIDE)
        how = "sum" if action.name == "avg" else action.name
        for key, row in self._groups(amount, how):
            if row["known"]:
                cells = dict(counter.contribute(int(row["found"])))
                if action.name == "avg":
                    cells[2] = row["known"]  # how many: a contribution is of one
                self._merge(key, number, cells)

    def _each(self, number: int, action: Action, counter: Counter) -> None:
        value = self._lowering.value(action.amount)
        is_blob = isinstance(value, Blob)
        by = key_columns("amount", value) if is_blob else {"amount": value.cast(_WIDE)}
        for key, row in self._groups(by=by):
            found = _key_of(row, "amount", action.amount.type)
            if isinstance(found, Missing):
                continue
            if action.name == "uniq":
                amount = self._hash(found)
            else:
                amount = int(row["amount"])
            times = 1 if action.name == "uniq" else row["n"]
            contribution = counter.contribute(amount)
            self._merge(key, number, {cell: n * times & U64 for cell, n in contribution})


def _key_of(row: dict[str, Any], name: str, of: Type) -> Value:
    """A key as a live query shows it."""
    if of not in (Type.BYTES, Type.IP, Type.STACK):
        value = row[name]
        return shown(MISSING if value is None else value, of)
    data, length = bytes_of(row, name), row.get(f"{name}_length")
    if data is None:
        return shown(MISSING, of)
    return shown(data if length is None else Cut(data, length), of)
