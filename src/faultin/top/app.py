# SPDX-License-Identifier: Apache-2.0
"""App: the terminal view of a Feed.

In: a Feed, and keys. Out: what is on the screen. Invariant: all that a program chose is
escaped (model.py), and is never markup.
"""

import asyncio
import os
import signal
import time
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import DataTable, Footer, Input, Static

from faultin.errors import FaultinError
from faultin.sinks.lost import lost_line
from faultin.sinks.stats.view import number_text
from faultin.top.feed import Calls, Feed, narrowed
from faultin.top.model import SORTS, By, Line, condition, lines, sorted_lines

_HEADINGS = ("calls", "/s", "errors", "time", "slowest", "bytes", "")
_WIDTHS = (6, 6, 6, 8, 8, 7)
_ROWS = 200  # that are drawn; sorted, so that the first are those that count


class TopApp(App[None]):
    """feed: counts already."""

    CSS = """
    #head, #said { height: 1; padding: 0 1; }
    #said { color: $text-error; }
    DataTable { height: 1fr; }
    #calls { height: 1fr; padding: 0 1; display: none; }
    #filter { display: none; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[Any]] = [
        Binding("p", "show('PROCESS')", "Processes"),
        Binding("c", "show('SYSCALL')", "Calls"),
        Binding("f", "show('PATH')", "Files"),
        Binding("s", "sort", "Sort"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "back", "Back", show=False),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(self, feed: Feed, interval: float) -> None:
        super().__init__()
        self.feed = feed
        self._interval, self._by, self._sort = interval, By.PROCESS, "calls"
        self._before: dict[Any, int] = {}
        self._moment = time.monotonic()
        self._drawn: tuple[Any, bool] = (None, False)  # the picture that is on the screen
        self._found: dict[Any, Line] = {}
        self._shown: list[Line] = []
        self._calls: Calls | None = None
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        with Vertical():
            yield DataTable(id="table", cursor_type="row", zebra_stripes=True)
            yield Static(id="calls", markup=False)
        yield Static(id="said", markup=False)
        yield Input(id="filter", placeholder="a query, such as ret < 0; empty for all calls")
        yield Footer()

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        table = self.query_one(DataTable)
        for heading, width in zip(_HEADINGS, (*_WIDTHS, None), strict=True):
            table.add_column(Text(heading, justify="right" if width else "left"), width=width)
        table.focus()
        self.set_interval(self._interval, self._refresh)
        self._refresh()

    # What is on the screen

    def _refresh(self) -> None:
        if self._calls:
            self._show_calls(self._calls)
            return
        counted, lost = self.feed.picture()
        if counted is None:
            self._say(lost)
            return
        drawn, is_over = self._drawn
        if counted is not drawn or is_over != self.feed.is_over:
            self._drawn = counted, self.feed.is_over
            self._found = lines(counted, self._by)
            self._rate(self._found)
            self._draw()
        self._say(lost)

    def _draw(self) -> None:
        """The lines, in the order that is asked for."""
        found = self._found
        self._shown = sorted_lines(found, self._sort)[:_ROWS]
        self._fill()
        where = f"  where {self.feed.choice.where}" if self.feed.choice.where else ""
        more = f"  {len(found) - _ROWS} more" if len(found) > _ROWS else ""
        state = "ended: " if self.feed.is_over else ""
        head = f"{state}{len(found)} {self._by.value} by {self._sort}{more}{where}"
        self.query_one("#head", Static).update(Text(head, no_wrap=True, style="bold"))

    def _rate(self, found: dict[Any, Line]) -> None:
        now = time.monotonic()
        seconds = max(now - self._moment, 0.001)
        for key, line in found.items():
            if self._before:
                line.rate = max(line.calls - self._before.get(key, 0), 0) / seconds
        self._before = {key: line.calls for key, line in found.items()}
        self._moment = now

    def _fill(self) -> None:
        table = self.query_one(DataTable)
        at, top = table.cursor_row, table.scroll_y
        room = max(self.size.width - sum(_WIDTHS) - 2 * len(_HEADINGS) - 3, 20)
        table.clear()
        for line in self._shown:
            numbers = (
                number_text(line.calls, "", True), number_text(round(line.rate), "", True),
                number_text(line.errors, "", True), number_text(line.time, "ns", True),
                number_text(line.slowest, "ns", True), number_text(line.bytes, "", True),
            )  # fmt: skip
            name = line.name
            if len(name) > room:  # of a path, its end says more
                is_path = self._by is By.PATH
                name = f"…{name[1 - room :]}" if is_path else f"{name[: room - 1]}…"
            table.add_row(*(Text(number, justify="right") for number in numbers), Text(name))
        if self._shown:
            table.move_cursor(row=min(at, len(self._shown) - 1), scroll=False)
            table.scroll_to(y=top, animate=False)

    def _show_calls(self, calls: Calls) -> None:
        room = max(self.size.height - 5, 1)
        last = list(calls.lines)[-room:] or ["no call yet"]
        text = Text("\n".join(last), no_wrap=True, overflow="ellipsis")
        self.query_one("#calls", Static).update(text)
        if calls.problem:
            self._problem = calls.problem
        self._say({})

    def _say(self, lost: Any) -> None:
        losses = "  ".join(lost_line(cause, n).strip() for cause, n in lost.items())
        text = Text(self._problem or losses, no_wrap=True, overflow="ellipsis")
        self.query_one("#said", Static).update(text)

    # Keys

    def action_show(self, by: str) -> None:
        self.action_back()
        self._by, self._before = By[by], {}
        self._refresh()

    def action_sort(self) -> None:
        names = list(SORTS)
        self._sort = names[(names.index(self._sort) + 1) % len(names)]
        if not self._calls:
            self._draw()

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.value, box.display = self.feed.choice.where or "", True
        box.focus()

    def action_back(self) -> None:
        self.query_one("#filter", Input).display = False
        if self._calls:
            self._calls.stop()
            self._calls = None
        self._problem, self._drawn = "", (None, False)
        self.query_one("#calls").display = False
        table = self.query_one(DataTable)
        table.display = True
        table.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Counts anew, what the query wants."""
        self.action_back()
        try:
            choice = narrowed(self.feed.choice, event.value.strip(), self._alive())
            new = Feed(choice, self._interval)
        except FaultinError as error:
            self._problem = str(error)
        else:
            self.feed.stop()
            self.feed, self._before = new, {}
        self._refresh()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """The calls of a line, from now on."""
        if not 0 <= event.cursor_row < len(self._shown):
            return
        line = self._shown[event.cursor_row]
        try:
            where = condition(self._by, line, self.feed.choice.where or "")
            self._calls = Calls(self.feed.choice, where, self._whom(line))
        except FaultinError as error:
            self._problem = str(error)
            self._refresh()
            return
        self._problem = ""
        self.query_one(DataTable).display = False
        self.query_one("#calls").display = True
        head = f"calls of {line.name}  (Esc: back)"
        self.query_one("#head", Static).update(Text(head, no_wrap=True, style="bold"))
        self._refresh()

    def _whom(self, line: Line) -> tuple[int, ...]:
        """Whom to trace for the calls of a line: its process, or all, as the calls of a path
        are mostly of processes yet to come."""
        if self._by is not By.PROCESS:
            return self._alive()
        if not os.path.exists(f"/proc/{line.key}"):
            raise FaultinError(f"{line.name} has ended", "", "choose one that runs")
        return (line.key,)

    def _alive(self) -> tuple[int, ...]:
        """The traced processes that still run; FaultinError if none does."""
        counted, _ = self.feed.picture()
        pids = set(self.feed.choice.pids)
        if counted is not None:
            pids |= {row.key[0] for row in counted.rows()}
        if self.feed.command:
            pids.add(self.feed.command.pid)
        alive = tuple(pid for pid in sorted(pids) if os.path.exists(f"/proc/{pid}/exe"))
        if not alive:
            raise FaultinError("nothing that was traced runs any more", "", "q ends")
        return alive

    def close(self) -> None:
        """Ends all sessions, after the terminal is as it was."""
        if self._calls:
            self._calls.stop()
        self.feed.stop()
