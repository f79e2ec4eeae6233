# SPDX-License-Identifier: Apache-2.0
"""Stats: calls that are counted, by what they pass and return.

In: the calls, texts of counters and keys, and options. Out: rows, when all that is counted
has ended, as dicts or as an Arrow table.
"""

import time
from types import TracebackType
from typing import Unpack

from faultin.aggregate.table import Table
from faultin.api.choices import Options, check_max_keys, choice_of, must_be
from faultin.api.counters import Counters
from faultin.api.html import html_table
from faultin.api.running import Lazy, Running
from faultin.cli import stats as command
from faultin.errors import FaultinError
from faultin.event import Summary
from faultin.extras import need
from faultin.sinks.stats.live import Latest
from faultin.sinks.stats.view import View

_MAX_KEYS = 65_536
_INTERVAL = 0.5  # seconds between pictures of what the kernel has counted


class Kept:
    """A report that keeps the table, and the summary, in which is what the kernel counted."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.table: Table | None = None
        self.summary: Summary | None = None

    def write(self, table: Table, summary: Summary) -> None:
        self.table, self.summary = table, summary


class Stats(Lazy, Counters):
    """Counting that begins with `with`, or when a result is first asked for. A `with` block
    waits at its end for a command, and ends the counting of processes."""

    def __init__(
        self, calls: str = "all", counters: str | None = None, *, by: str | None = None,
        max_keys: int = _MAX_KEYS, sort: str | None = None, reverse: bool = False, top: int = 0,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        for name, text in (("counters", counters), ("by", by), ("sort", sort)):
            must_be(str | None, name, text)
        must_be(int, "top", top)
        check_max_keys(max_keys)
        view = View(sort, reverse, top)
        self._options = command.StatsOptions(
            choice_of(calls, options), counters, by, max_keys, "json", None, view, None, True
        )
        self._report = Kept(view)
        self._latest = Latest(_INTERVAL)

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
        return command.session(self._options, self._report, self._latest)

    def stop(self) -> None:
        """Ends the counting; what is traced goes on."""
        self._start().stop()

    @property
    def view(self) -> View:
        return self._report.view

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

    def show(self, interval: float = 1.0) -> None:
        """Shows the table in a notebook while it grows, until the end; interrupting the cell
        ends the counting. MissingExtra where there is no IPython."""
        display = need("IPython.display", "show()", "notebook")
        running = self._start()
        shown = display.display(display.HTML("nothing was counted yet"), display_id=True)
        try:
            while not running.is_over:
                time.sleep(interval)
                if shown and (found := self._latest.snapshot):
                    table, lost = found
                    shown.update(display.HTML(html_table(table, self._report.view, lost)))
        except KeyboardInterrupt:
            self.stop()
        if shown:
            shown.update(display.HTML(self._repr_html_()))


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
