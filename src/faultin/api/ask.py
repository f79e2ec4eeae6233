# SPDX-License-Identifier: Apache-2.0
"""Ask: recordings asked by programs, as `faultin query` asks them.

In: recordings, and texts of a query or SQL. Out: Counted, Calls or Rows, each a table.
Invariant: the engine has ended when ask() returns, and nothing is read afterwards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any
from warnings import warn

from faultin.aggregate.table import Table
from faultin.api.choices import check_max_keys, must_be
from faultin.api.counters import Counters
from faultin.api.frames import Frames
from faultin.api.html import html_rows
from faultin.errors import UsageError
from faultin.event import Event, Summary
from faultin.extras import need
from faultin.sinks.stats.view import View

if TYPE_CHECKING:
    import pyarrow as pa

    from faultin.lowering.engine import Engine
    from faultin.recordings.source import Source

_MAX_KEYS = 1 << 20


@dataclass(frozen=True, slots=True)
class Counted(Counters):
    """What a query counted in recordings."""

    table: Table
    summary: Summary
    view: View


@dataclass(frozen=True, slots=True)
class Rows(Frames):
    """A table of any columns; iterated, a dict for each row."""

    arrow: "pa.Table"
    summary: Summary

    def to_arrow(self) -> "pa.Table":
        return self.arrow

    def __len__(self) -> int:
        return len(self.arrow)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.arrow.to_pylist())

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        return html_rows(self.arrow)


@dataclass(frozen=True, slots=True)
class Calls(Rows):
    """The calls that a query wants, with the columns of a recording; iterated, Events."""

    arch: str
    events: Mapping[str, str]

    def __iter__(self) -> Iterator[Event]:
        from faultin.columnar.rows import Rows as Decoder

        decoder = Decoder(self.arch, self.events)
        for batch in self.arrow.to_batches():
            yield from decoder.events(batch)


def ask(
    *sources: str | PathLike[str], counters: str | None = None, by: str | None = None,
    where: str | None = None, sql: str | None = None, engine: str = "duckdb",
    settings: Mapping[str, str] | None = None, max_keys: int = _MAX_KEYS,
    sort: str | None = None, reverse: bool = False, top: int = 0,
) -> Counted | Calls | Rows:  # fmt: skip
    """Asks recordings (files, folders, URLs) as `faultin query` does. Counted with counters or
    by, Rows with sql, else Calls; each has a `summary`. settings: of Spark, as --engine-config.
    RuntimeWarning for a recording that was cut short."""
    for module in ("pyarrow", "duckdb", "ibis"):
        need(module, "faultin.ask")
    texts = {"counters": counters, "by": by, "where": where, "sql": sql, "sort": sort}
    for name, text in texts.items():
        must_be(str | None, name, text)
    must_be(int, "top", top)
    check_max_keys(max_keys)
    if sql is not None and (counters or by or where):
        raise UsageError("sql", "there is a query too", "give one of them")
    from faultin.lowering.engine import engine as started
    from faultin.recordings.source import source

    found = source([fspath(each) for each in sources])
    for notice in found.notices:
        warn(notice, RuntimeWarning, stacklevel=2)
    asked = started(engine, found, sql is not None, settings)
    try:
        if sql is not None:
            table = asked.sql(sql)
            return Rows(table, found.summary(len(table)))
        if counters or by:
            actions = counters or "count()"
            return _counted(found, asked, where or "", actions, by or "", max_keys,
                            View(sort, reverse, top))  # fmt: skip
        return _calls(found, asked, where)
    finally:
        asked.close()


def _counted(
    found: "Source", asked: "Engine", where: str, actions: str, by: str, max_keys: int, view: View
) -> Counted:
    from faultin.lowering.asking import lowered
    from faultin.lowering.counted import Counted as Counting

    made, lowering = lowered(found, asked, where, actions, by)
    counting = Counting(made, lowering, asked, max_keys)
    summary = found.summary(counting.events)
    summary.lost.update(counting.lost)
    return Counted(counting.table, summary, view)


def _calls(found: "Source", asked: "Engine", where: str | None) -> Calls:
    from faultin.lowering.asking import lowered

    condition = None
    if where:
        made, lowering = lowered(found, asked, where)
        condition = lowering.condition(made.where)
    table = asked.rows(condition)
    return Calls(table, found.summary(len(table)), found.arch, found.events)
