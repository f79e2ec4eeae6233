# SPDX-License-Identifier: Apache-2.0
"""Tables: rows of any columns, as text, JSON Lines or CSV.

In: names of columns, rows as dicts of them. Out: bytes. Nothing that a program chose reaches
a terminal unescaped.
"""

import csv
import io
from typing import Any

from faultin.sinks.json_values import to_json
from faultin.sinks.output import Output
from faultin.sinks.text_values import bare_of


def write_table(output: Output, names: list[str], rows: list[dict[str, Any]], form: str) -> None:
    """form: text, json or csv. Writes all and closes the output."""
    match form:
        case "json":
            output.write(b"".join(to_json(_plain(row)) + b"\n" for row in rows))
        case "csv":
            output.write(_csv(names, rows).encode())
        case _:
            output.write(_text(names, rows).encode())
    output.close()


def _plain(value: Any) -> Any:
    """What a database has beside the values of events: decimals, dates."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str() | bytes():
            return value
    return str(value)


def plain_text(value: Any) -> str:
    """A value, on one line; \"\" where there is none."""
    value = _plain(value)
    if value is None:
        return ""
    return str(value) if isinstance(value, bool | float) else bare_of(value)


def _csv(names: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(bare_of, names))
    writer.writerows([plain_text(row[name]) for name in names] for row in rows)
    return text.getvalue()


def _text(names: list[str], rows: list[dict[str, Any]]) -> str:
    cells = [[bare_of(name) for name in names], *([plain_text(row[name]) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in cells]  # fmt: skip
    return "\n".join(lines) + "\n"
