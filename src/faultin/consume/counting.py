# SPDX-License-Identifier: Apache-2.0
"""Counting: the calls that a query wants are counted, by its keys.

In: whole records, and a Query with actions. Out: a Table, shown live while it grows and
reported at the end. A missing amount does not count; a missing key is a key of its own.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from faultin.aggregate.aggregator import Aggregator
from faultin.aggregate.counters import Counter, counter
from faultin.consume.judge import Judge
from faultin.drain.wire import Record
from faultin.event import Summary
from faultin.query.actions import Action, Key
from faultin.query.evaluate import compiled
from faultin.query.query import Query
from faultin.query.tree import Expr, Field
from faultin.query.types import MISSING, Cut, Type
from faultin.sinks.stats.live import LiveTable
from faultin.sinks.stats.report import Report
from faultin.values import Missing, Truncated, Value

_MISSING = Missing("missing")


def counters_of(actions: Iterable[Action]) -> tuple[Counter, ...]:
    """A column for each action. Times are shown as such."""
    return tuple(
        counter(
            action.text, action.name, action.parameters,
            signed=action.amount is None or action.amount.type is not Type.U64,
            unit="ns" if isinstance(action.amount, Field) and action.amount.name == "latency" else "",
        )
        for action in actions
    )  # fmt: skip


def shown(value: Any, of: Type) -> Value:
    """A value of a query, as sinks have values."""
    if value is MISSING:
        return _MISSING
    if isinstance(value, Cut):
        return Truncated(shown(bytes(value), of), value.length)
    if of is Type.IP:
        return str(ip_address(value))
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, tuple):
        return [shown(each, Type.BYTES) for each in value]
    return int(value)


def shower(expr: Expr) -> Callable[[Any], Value]:
    """What gives the value of an expression in a row, as sinks have values."""
    function, of = compiled(expr), expr.type
    return lambda row: shown(function(row), of)


class Counting:
    """The consumer of `faultin stats`."""

    done = False

    def __init__(
        self, query: Query, judge: Judge, counters: tuple[Counter, ...], max_keys: int,
        report: Report, live: LiveTable | None,
    ) -> None:  # fmt: skip
        self._judge, self._report, self._live = judge, report, live
        self._keys = [shower(key.value) for key in query.keys]
        self._amounts = [_amount(action) for action in query.actions]
        self._aggregator = Aggregator([_name(key) for key in query.keys], counters, max_keys)
        self.table = self._aggregator.table
        report.view.rows(self.table)  # a column that there is not is told before the trace

    @property
    def lost(self) -> Mapping[str, int]:
        return self._aggregator.lost

    def take(self, records: Iterable[Record]) -> int:
        keys, amounts, add = self._keys, self._amounts, self._aggregator.add
        count = 0
        for _, row in self._judge.rows(records):
            add(tuple([key(row) for key in keys]), [amount(row) for amount in amounts])
            count += 1
        self.idle()
        return count

    def idle(self) -> None:
        if self._live:
            self._live.offer(lambda: (self.table, self.lost))

    def close(self, summary: Summary) -> None:
        if self._live:
            self._live.stop()
        self._report.write(self.table, summary)


def _name(key: Key) -> str:
    return key.name


def _amount(action: Action) -> Callable[[Any], Any]:
    if action.amount is None:
        return lambda row: 1
    return shower(action.amount)
