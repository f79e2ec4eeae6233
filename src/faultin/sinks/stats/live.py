# SPDX-License-Identifier: Apache-2.0
"""Live: the table on a terminal while it grows.

In: tables, when it asks for one. Out: the top rows, totals and losses, in place. It is
gone from the screen when it stops, as the final table follows. Invariant: nothing at all
is written to what is no terminal.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Row, Table
from faultin.sinks.lost import lost_line
from faultin.sinks.stats.bars import spark
from faultin.sinks.stats.view import View, number_text, numbers_of
from faultin.sinks.text_values import bare_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Snapshot = tuple[Table, Mapping[str, int]]  # what was counted, and what was lost
_FRAME = 4   # lines that are not rows: headings, totals, how many keys, the cursor's
_SHARE = 4   # a picture takes at the most one part in so many of the time
_LOSS = 2    # lines that a loss may take on a narrow terminal


class Latest:
    """In place of a table on the terminal: keeps the last snapshot, for another thread."""

    def __init__(self, interval: float) -> None:
        self._interval, self._due = interval, 0.0
        self.snapshot: Snapshot | None = None

    def offer(self, snapshot: Callable[[], Snapshot]) -> None:
        if (began := time.monotonic()) < self._due:
            return
        self.snapshot = snapshot()
        now = time.monotonic()  # who counts has most of its time for counting, however many keys
        self._due = now + max(self._interval, _SHARE * (now - began))

    def stop(self) -> None:
        """Nothing is on the terminal."""


class LiveTable:
    """Shows a snapshot every `interval` seconds, if the console is a terminal.

    The caller offers as often as it likes; it is asked for a snapshot only when one is
    due, as taking one reads maps of the kernel.
    """

    def __init__(
        self,
        console: "Console",
        view: View,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._view = console, view
        self._interval, self._clock = interval, clock
        self._due = clock() + interval
        self._live = _live(console) if console.is_terminal else None

    def offer(self, snapshot: Callable[[], Snapshot]) -> None:
        """Shows what it gives, if it is time."""
        now = self._clock()
        if self._live is None or now < self._due:
            return
        self._due = now + self._interval
        self._live.start()
        self._live.update(self._frame(*snapshot()), refresh=True)

    def stop(self) -> None:
        """Clears it away. Safe to call twice, and after nothing was shown."""
        if self._live:
            self._live.stop()
            self._live = None

    def _frame(self, table: Table, lost: Mapping[str, int]) -> "RenderableType":
        room = max(self._console.height - _FRAME - _LOSS * len(lost), 1)
        view = replace(self._view, top=min(self._view.top or room, room))
        return frame(table, lost, view)


def _live(console: "Console"):
    from rich.live import Live

    return Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False,
        redirect_stderr=False,
    )  # fmt: skip


def frame(table: Table, lost: Mapping[str, int], view: View) -> "RenderableType":
    """One picture. Keys, not numbers, are cut to the width; the final table has them whole."""
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for counter in table.counters:
        for heading in counter.headings or (counter.name,):
            is_bars = counter.function.shown is Shown.BARS
            grid.add_column(Text(heading), justify="left" if is_bars else "right", no_wrap=True)
    for name in table.keys:
        grid.add_column(Text(name))
    rows = view.rows(table)
    for row in rows:
        keys = [Text(bare_of(part), no_wrap=True, overflow="ellipsis") for part in row.key]
        grid.add_row(*map(Text, _fields(table, row, view.human)), *keys)
    lines = [Text(lost_line(cause, n).rstrip(), style="red") for cause, n in lost.items()]
    if table.keys:
        totals = [*_fields(table, table.totals(), view.human), "total"]
        grid.add_row(*map(Text, totals), style="bold")
        lines.insert(0, Text(f"{len(rows)} of {len(table)} keys", style="dim"))
    return Group(grid, *lines)


def _fields(table: Table, row: Row, human: bool) -> list[str]:
    """The counters of a row, bars as one word."""
    numbers = iter(numbers_of(table.counters, row))
    found = []
    for counter, result in zip(table.counters, row.results, strict=True):
        if counter.function.shown is Shown.BARS:
            found.append(spark(result))
        for _ in counter.headings:
            _, number, unit = next(numbers)
            found.append(number_text(number, unit, human))
    return found
