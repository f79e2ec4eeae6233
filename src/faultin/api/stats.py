# SPDX-License-Identifier: Apache-2.0
"""Stats: calls that are counted, by what they pass and return.

In: the calls, texts of counters and keys, and options. Out: rows, when all that is counted
has ended, as dicts or as an Arrow table.
"""

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Table
from faultin.api.choices import Options, choice_of
from faultin.api.frames import Frames
from faultin.api.running import Lazy, Running
from faultin.cli import stats as command
from faultin.errors import FaultinError
from faultin.event import Summary
from faultin.extras import need
from faultin.sinks.stats.files import row_object
from faultin.sinks.stats.view import View
from faultin.values import Missing, Truncated

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_KEYS = 65_536


class _Kept:
    """A report that keeps the table, and the summary, in which is what the kernel counted."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.table: Table | None = None
        self.summary: Summary | None = None

    def write(self, table: Table, summary: Summary) -> None:
        self.table, self.summary = table, summary


class Stats(Lazy, Frames):
    """Counting that begins with `with`, or when a result is first asked for. A `with` block
    waits at its end for a command, and ends the counting of processes."""

    def __init__(
        self, calls: str = "all", counters: str | None = None, *, by: str | None = None,
        max_keys: int = _MAX_KEYS, sort: str | None = None, reverse: bool = False, top: int = 0,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        view = View(sort, reverse, top)
        self._options = command.StatsOptions(
            choice_of(calls, options), counters, by, max_keys, "json", None, view, None, True
        )
        self._report = _Kept(view)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        running = self._start()
        if kind is not None or running.command is None:
            running.stop()
        if kind is None:
            running.wait()

    def _begin(self) -> Running:
        return Running(self._options.choice, self._session)

    def _session(self):
        return command.session(self._options, self._report)

    def stop(self) -> None:
        """Ends the counting; what is traced goes on."""
        self._start().stop()

    @property
    def summary(self) -> Summary:
        """How many calls were counted, and what was lost; waits for the end."""
        said = self._start().wait()
        return self._report.summary or said

    @property
    def table(self) -> Table:
        """All keys and counters; waits for the end."""
        self._start().wait()
        if self._report.table is None:
            raise FaultinError("nothing was counted", "the trace ended before it began")
        return self._report.table

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """A dict for each key, in the order that was asked for; waits for the end."""
        table = self.table
        return iter([row_object(table, row) for row in self._report.view.rows(table)])

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


def stats(
    calls: str = "all", counters: str | None = None, *, by: str | None = None,
    max_keys: int = _MAX_KEYS, sort: str | None = None, reverse: bool = False, top: int = 0,
    **options: Unpack[Options],
) -> Stats:  # fmt: skip
    """Counts the system calls that `calls` names, as `faultin stats` does: counters such as
    "count(), sum(ret)", for each value of `by`, such as "comm,path"."""
    return Stats(
        calls, counters, by=by, max_keys=max_keys, sort=sort, reverse=reverse, top=top, **options
    )
