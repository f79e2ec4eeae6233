# SPDX-License-Identifier: Apache-2.0
"""JSON Lines and CSV of a table: exact, for programs.

In: a Table and a Summary. Out: JSON: one object a row, the summary last, bytes that are
no text as {"b64": ...}. CSV: a heading and a row a key, keys escaped as in text.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from faultin.aggregate.counters import Counter, percentile
from faultin.aggregate.functions import Bar, Shown
from faultin.aggregate.table import Row, Table
from faultin.event import Summary
from faultin.sinks.json_values import to_json
from faultin.sinks.stats.view import View
from faultin.sinks.text_values import bare_of


def table_json(table: Table, summary: Summary, view: View) -> bytes:
    """Keys by their names, then counters by theirs; `totals` in the summary."""
    rows = view.rows(table)
    lines = [to_json(row_object(table, row)) for row in rows]
    found = {
        "events": summary.events,
        "rows": len(rows),
        "keys": len(table),
        "totals": _results(table.counters, table.totals()),
        "lost": summary.lost,
        "engine": summary.engine,
        "strategy": summary.strategy,
        "kernel": summary.kernel,
    }
    return b"\n".join([*lines, to_json({"summary": found}), b""])


def table_csv(table: Table, view: View) -> str:
    """RFC 4180 but for the line ends, which are those of Unix. Bars are JSON in a cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    counters = [name for c in table.counters for name in c.headings or (c.name,)]
    writer.writerow([*table.keys, *counters])
    for row in view.rows(table):
        writer.writerow([*map(bare_of, row.key), *_fields(table.counters, row)])
    return text.getvalue()


def row_object(table: Table, row: Row) -> dict[str, Any]:
    """Keys by their names, then the results of counters by theirs."""
    return dict(zip(table.keys, row.key, strict=True)) | _results(table.counters, row)


def _results(counters: Sequence[Counter], row: Row) -> dict[str, Any]:
    pairs = zip(counters, row.results, strict=True)
    return {counter.name: _result(counter, result) for counter, result in pairs}


def _result(counter: Counter, result: Any) -> Any:
    match counter.function.shown:
        case Shown.BARS:
            return [_bar(bar) for bar in result]
        case Shown.QUANTILES:
            numbers = map(_json_number, result)
            return dict(zip(map(percentile, counter.params), numbers, strict=True))
        case Shown.NUMBER:
            return _json_number(result)


def _bar(bar: Bar) -> dict[str, Any]:
    first, last = _json_number(bar.first), _json_number(bar.last)
    return {"first": first, "last": last, "count": bar.count}


def _json_number(number: int | float | None) -> int | float | str | None:
    """A sum may be larger than any 64-bit integer, and so may the bounds of what -2**63 is
    in: then it is a text of digits."""
    if isinstance(number, int) and not -(2**63) <= number < 2**64:
        return str(number)
    return number


def _fields(counters: Sequence[Counter], row: Row) -> list[Any]:
    found: list[Any] = []
    for counter, result in zip(counters, row.results, strict=True):
        match counter.function.shown:
            case Shown.BARS:
                found.append(to_json(_result(counter, result)).decode())
            case Shown.QUANTILES:
                found += ["" if number is None else number for number in result]
            case Shown.NUMBER:
                found.append("" if result is None else result)
    return found
