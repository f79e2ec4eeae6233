# SPDX-License-Identifier: Apache-2.0
"""Counting: the calls that a query wants are counted, by its keys.

In: whole records, and a Query with actions. Out: a Table, shown live while it grows and
reported at the end. A missing amount does not count; a missing key is a key of its own.
What the kernel has counted by the same keys is taken in whenever the table is shown: of
each of its groups the first call comes as a record, which says what the key is.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from faultin.aggregate.aggregator import Aggregator
from faultin.aggregate.counters import Counter, counter
from faultin.aggregate.digests import hashing, new_seed
from faultin.consume.judge import Judge
from faultin.consume.merging import NOT_NAMED, Counted, Kernel, Merging
from faultin.drain.wire import Record
from faultin.event import Summary
from faultin.query.actions import Action
from faultin.query.evaluate import compiled
from faultin.query.query import Query
from faultin.query.tree import Expr, Field
from faultin.query.types import MISSING, Cut, Type
from faultin.sinks.stacks.weights import folded_text
from faultin.sinks.stats.live import LiveTable, Snapshot
from faultin.sinks.stats.report import Report
from faultin.stacks.frames import Stack
from faultin.values import Missing, Truncated, Value

if TYPE_CHECKING:
    from faultin.consume.stacking import Stacking

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
    if isinstance(value, Stack):  # live; a recording has its text
        return value
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


def keyer(expr: Expr) -> Callable[[Any], Value]:
    """The same for a key: stacks are one if their functions are."""
    show = shower(expr)
    if expr.type is not Type.STACK:
        return show

    def key(row: Any) -> Value:
        found = show(row)
        return folded_text(found) if isinstance(found, Stack) else found

    return key


class Counting:
    """The consumer of `faultin stats`."""

    done = False

    def __init__(
        self, query: Query, judge: Judge, counters: tuple[Counter, ...], max_keys: int,
        report: Report, live: LiveTable | None, kernel: Kernel | None = None,
        stacking: "Stacking | None" = None,
    ) -> None:  # fmt: skip
        self._judge, self._report, self._live = judge, report, live
        self._stacking = stacking
        self._keys = [keyer(key.value) for key in query.keys]
        self._amounts = [_amount(action) for action in query.actions]
        hash64 = hashing(kernel.seed if kernel else new_seed())
        names = [key.name for key in query.keys]
        self._aggregator = Aggregator(names, counters, max_keys, hash64)
        self._merging = Merging(self._aggregator, kernel)
        self._counted: Counted | None = None
        report.view.rows(self._aggregator.table)  # a column that there is not is told now

    @property
    def lost(self) -> Mapping[str, int]:
        """When there are no more records."""
        self._counted = self._merging.counted()
        return {**self._counted.lost, **(self._stacking.lost if self._stacking else {})}

    def take(self, records: Iterable[Record]) -> int:
        keys, amounts, add = self._keys, self._amounts, self._aggregator.add
        count = 0
        for record, row in self._judge.rows(records):
            key = tuple([key(row) for key in keys])
            count += add(key, [amount(row) for amount in amounts])
            if record.first:
                self._merging.name(record.group, key)
        self.idle()
        return count

    def idle(self) -> None:
        if self._live:
            self._live.offer(self._snapshot)

    def close(self, summary: Summary) -> None:
        if self._stacking:
            self._stacking.close()
        if self._live:
            self._live.stop()
        counted = self._counted or self._merging.counted()
        events = summary.events + counted.kernel.get("counted", 0)
        self._report.write(counted.table, replace(summary, events=events, kernel=counted.kernel))

    def _snapshot(self) -> Snapshot:
        """Of a group whose first call is still on its way nothing is shown yet: it is not lost."""
        counted = self._merging.counted()
        lost = {cause: n for cause, n in counted.lost.items() if cause != NOT_NAMED}
        return counted.table, lost


def _amount(action: Action) -> Callable[[Any], Any]:
    """What gives an amount; of `uniq` a value as it is, to be hashed."""
    if action.amount is None:
        return lambda row: 1
    if action.name != "uniq":
        return shower(action.amount)
    function = compiled(action.amount)
    return lambda row: _MISSING if (value := function(row)) is MISSING else value
