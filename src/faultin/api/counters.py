# SPDX-License-Identifier: Apache-2.0
"""Counters: rows of keys and what was counted for each, live or in recordings.

In: an object that has a Table, a View of it, and a Summary. Out: dicts, an Arrow table, HTML.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Table
from faultin.api.frames import Frames
from faultin.api.html import html_table
from faultin.event import Summary
from faultin.extras import need
from faultin.sinks.stats.files import row_object
from faultin.sinks.stats.view import View
from faultin.values import Missing, Truncated

if TYPE_CHECKING:
    import pyarrow as pa


class Counters(Frames):
    """What was counted, in the order that was asked for. view: which rows, in which order."""

    table: Table
    summary: Summary
    view: View

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """A dict for each key."""
        table = self.table
        return iter([row_object(table, row) for row in self.view.rows(table)])

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        return html_table(self.table, self.view, self.summary.lost)

    def to_arrow(self) -> "pa.Table":
        """Keys, then counters. Quantiles are structs, bars lists of first, last and count.
        A key that is missing is null."""
        pa = need("pyarrow", "to_arrow()")
        table, rows = self.table, [*self]
        names = [*table.keys, *(counter.name for counter in table.counters)]
        bars = {c.name for c in table.counters if c.function.shown is Shown.BARS}
        columns = [_column(pa, [row[name] for row in rows], name in bars) for name in names]
        return pa.table(dict(zip(names, columns, strict=True)))


def _column(pa: Any, values: list[Any], bars: bool) -> Any:
    if bars:
        number = pa.int64()
        bar = pa.struct([("first", number), ("last", number), ("count", number)])
        return pa.array(values, pa.list_(bar))
    plain = [_plain(value) for value in values]
    if any(isinstance(value, bytes) for value in plain):
        plain = [value.encode() if isinstance(value, str) else value for value in plain]
    if all(value is None for value in plain):
        return pa.array(plain, pa.int64())
    try:
        return pa.array(plain)
    except (OverflowError, pa.ArrowInvalid):  # a sum of more than 64 bits is a text of digits
        return pa.array([None if v is None else int(v) for v in plain], pa.decimal128(38))


def _plain(value: Any) -> Any:
    """A key as a table has it: of a truncated one, what was captured."""
    if isinstance(value, Truncated):
        return _plain(value.value)
    return None if isinstance(value, Missing) else value
