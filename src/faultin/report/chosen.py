# SPDX-License-Identifier: Apache-2.0
"""Chosen: the calls that a report is about, as a view in DuckDB.

In: an Engine, and a condition. Out: answers to SQL over that view. Names of columns are
those of docs/recordings.md; what a program chose is never in the text of a question.
"""

from typing import Any

from faultin.lowering.engine import Engine

FAILED = "coalesce(ret BETWEEN -4095 AND -1, false)"
_NAME = "chosen"


class Chosen:
    """Columns that no call of the recordings has are not there: ask `has` first."""

    def __init__(self, engine: Engine, where: Any | None) -> None:
        self._engine, self.name = engine, _NAME
        engine.name_rows(_NAME, where)
        self.columns: list[str] = list(engine.table.columns)
        self.path_columns = [
            c for c in self.columns if c.endswith(("__path", "__path__bytes"))
        ]  # fmt: skip

    def has(self, column: str) -> bool:
        return column in self.columns

    def ask(self, question: str) -> list[dict[str, Any]]:
        return self._engine.sql(question).to_pylist()

    def paths(self) -> str:
        """A row for each path of each call, as bytes: path, errno, latency, syscall; "" if
        there are none."""
        return " UNION ALL ".join(
            f"""SELECT {_as_bytes(c)} AS path, errno::VARCHAR AS errno, latency, syscall
                FROM {_NAME} WHERE {quoted(c)} IS NOT NULL"""
            for c in self.path_columns
        )  # fmt: skip


def quoted(column: str) -> str:
    """A name in SQL: whoever made the file chose it."""
    return '"' + column.replace('"', '""') + '"'


def text(value: str) -> str:
    """A constant in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _as_bytes(column: str) -> str:
    return quoted(column) if column.endswith("__bytes") else f"encode({quoted(column)})"
