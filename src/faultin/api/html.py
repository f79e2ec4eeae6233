# SPDX-License-Identifier: Apache-2.0
"""Html: tables as notebooks show them.

In: a Table, a View, and what was lost; or a table of Arrow. Out: HTML. Invariant: what a
program chose is escaped, and has no control characters.
"""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from faultin.aggregate.functions import Shown
from faultin.aggregate.table import Row, Table
from faultin.sinks.lost import lost_line
from faultin.sinks.stats.bars import spark
from faultin.sinks.stats.view import View, number_text, numbers_of
from faultin.sinks.tables import plain_text
from faultin.sinks.text_values import bare_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 50  # that are shown; the object has all


def html_table(table: Table, view: View, lost: Mapping[str, int]) -> str:
    rows = view.rows(table)
    names = [*table.keys, *(n for c in table.counters for n in c.headings or (c.name,))]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{_cells(table, row)}</tr>" for row in rows[:ROWS])
    notes = [lost_line(cause, count).strip() for cause, count in lost.items()]
    if len(rows) > ROWS:
        notes.append(f"{len(rows) - ROWS} more rows")
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{said}"


def html_rows(table: "pa.Table") -> str:
    """Of a table of any columns, without those that the shown rows have nothing in."""
    rows = table.slice(0, ROWS)
    names = [name for name in rows.column_names if rows.column(name).null_count < len(rows)]
    head = "".join(f"<th>{escape(bare_of(name))}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(_cell(row[name]) for name in names)}</tr>" for row in rows.to_pylist()
    )
    more = f"<p>{len(table) - ROWS} more rows</p>" if len(table) > ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    return f"<td style='text-align:left'>{escape(plain_text(value))}</td>"


def _cells(table: Table, row: Row) -> str:
    numbers = iter(numbers_of(table.counters, row))
    found = [f"<td style='text-align:left'>{escape(bare_of(part))}</td>" for part in row.key]
    for counter, result in zip(table.counters, row.results, strict=True):
        if counter.function.shown is Shown.BARS:
            found.append(f"<td>{escape(spark(result))}</td>")
        for _ in counter.headings:
            _, number, unit = next(numbers)
            found.append(f"<td>{escape(number_text(number, unit, human=True))}</td>")
    return "".join(found)
