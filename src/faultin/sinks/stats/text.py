# SPDX-License-Identifier: Apache-2.0
"""Text of a table: numbers left, keys right and whole, bars below, losses last.

In: a Table, what was lost, a View. Out: lines. Invariant: no part of a key reaches the
text but as printable characters (text_values), and none is cut.
"""

import io
from collections.abc import Mapping, Sequence

from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Row, Table
from faultin.sinks.lost import lost_line
from faultin.sinks.stats.bars import bar_lines
from faultin.sinks.stats.view import View, more_line, number_text, numbers_of
from faultin.sinks.text_values import bare_of


def table_text(table: Table, lost: Mapping[str, int], view: View) -> str:
    """The final report. Without a single call it says so."""
    rows = view.rows(table)
    parts = [_grid(table, rows, view), *_histograms(table, rows, view)]
    if not rows:
        parts = ["no calls were counted\n"]
    parts.append(more_line(len(table), view))
    return "".join([*parts, *(lost_line(cause, count) for cause, count in lost.items())])


def headings(table: Table) -> list[str]:
    """Of the columns of numbers, then of the keys."""
    return [*(name for counter in table.counters for name in counter.headings), *table.keys]


def _cells(table: Table, row: Row, keys: Sequence[str], view: View) -> list[str]:
    numbers = numbers_of(table.counters, row)
    return [*(number_text(number, unit, view.human) for _, number, unit in numbers), *keys]


def _grid(table: Table, rows: Sequence[Row], view: View) -> str:
    """The numbers of all rows, and their totals if there is more than one row."""
    names = headings(table)
    if len(names) == len(table.keys):
        return ""
    lines = [names, *(_cells(table, row, list(map(bare_of, row.key)), view) for row in rows)]
    if len(table) > 1:
        keys = ["total", *[""] * (len(table.keys) - 1)] if table.keys else []
        lines.append(_cells(table, table.totals(), keys, view))
    return _aligned(lines, len(names) - len(table.keys))


def _aligned(lines: list[list[str]], right: int) -> str:
    """Columns, the first `right` of them flush right. The width of the terminal is no
    matter: the last column may be as long as a path, and is never cut."""
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for index in range(len(lines[0])):
        grid.add_column(justify="right" if index < right else "left", no_wrap=True)
    for line in lines:
        grid.add_row(*map(Text, line))
    width = sum(2 + 2 * max(map(len, column)) for column in zip(*lines, strict=True))
    console = Console(width=width, color_system=None, file=io.StringIO())
    with console.capture() as captured:
        console.print(grid)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def _histograms(table: Table, rows: Sequence[Row], view: View) -> list[str]:
    found = []
    for row in rows:
        for counter, result in zip(table.counters, row.results, strict=True):
            if counter.function.shown is Shown.BARS:
                pairs = zip(table.keys, row.key, strict=True)
                keys = [f"{name}={bare_of(part)}" for name, part in pairs]
                title = "  ".join([counter.name, *keys])
                lines = bar_lines(result, counter.unit, view.human)
                found.append("\n".join(["", title, *lines]) + "\n")
    return found
