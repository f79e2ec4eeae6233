# SPDX-License-Identifier: Apache-2.0
"""Rows of query_values as a table, as a recording would have them, and its slots."""

from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from query_values import ADDRESSES, BUFFERS, FIELDS, LISTS, TEXTS, ValuesRow

from faultin.lowering import spark
from faultin.lowering.dialect import dialect
from faultin.lowering.expressions import Lowering
from faultin.lowering.values import Blob, Strings, buffer
from faultin.query.tree import Expr, Field
from faultin.recordings.places import place
from faultin.query.types import MAX_BYTES, MISSING, Cut, CutList, Type


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def _is_text(value: Any) -> bool:
    try:
        return value is not MISSING and bytes(value).decode() is not None
    except UnicodeDecodeError:
        return False


def _texts(values: list[Any], name: str) -> dict[str, pa.Array]:
    text = [bytes(v).decode() if _is_text(v) else None for v in values]
    raw = [bytes(v) if v is not MISSING and not _is_text(v) else None for v in values]
    return {name: pa.array(text, pa.string()), f"{name}_raw": pa.array(raw, pa.binary())}


def _buffers(values: list[Any], name: str) -> dict[str, pa.Array]:
    raw = [None if v is MISSING else bytes(v) for v in values]
    length = [v.length if isinstance(v, Cut) else None for v in values]
    return {name: pa.array(raw, pa.binary()), f"{name}_length": pa.array(length, pa.int64())}


def _lists(values: list[Any], name: str) -> dict[str, pa.Array]:
    texts: list[Any] = []
    raws: list[Any] = []
    for value in values:
        whole = value is not MISSING and all(each is MISSING or _is_text(each) for each in value)
        items = None if value is MISSING else [_plain(each) for each in value]
        texts.append(
            [each and each.decode() if each else each if each is None else "" for each in items]
            if whole
            else None
        )
        raws.append(None if whole else items)
    cut = [isinstance(value, CutList) for value in values]
    return {name: pa.array(texts, pa.list_(pa.string())), f"{name}_cut": pa.array(cut),
            f"{name}_raw": pa.array(raws, pa.list_(pa.binary()))}  # fmt: skip


def _column(field: Field, values: list[Any], name: str) -> dict[str, pa.Array]:
    if field in TEXTS:
        return _texts(values, name)
    if field in BUFFERS:
        return _buffers(values, name)
    if field in LISTS:
        return _lists(values, name)
    types = {Type.S64: pa.int64(), Type.U64: pa.uint64(), Type.IP: pa.binary()}
    return {name: pa.array([_plain(value) for value in values], types[field.type])}


def table_of(rows: list[ValuesRow]) -> pa.Table:
    """A row for each, a column or more for each of FIELDS."""
    found: dict[str, pa.Array] = {"row": pa.array(range(len(rows)))}
    for field in FIELDS:
        values = [row.values[field.slot] for row in rows]
        found |= _column(field, values, f"f{field.slot}")
    return pa.table(found)


def lowering_over(table: Any, engine: str = "duckdb") -> Lowering:
    """Lowers expressions over FIELDS to those over table_of()."""

    def slot(number: int) -> Any:
        field, name = next(f for f in FIELDS if f.slot == number), f"f{number}"
        if field in TEXTS:
            return Blob(text=table[name], raw=table[f"{name}_raw"])
        if field in BUFFERS:
            return buffer(table[name], table[f"{name}_length"], MAX_BYTES)
        if field in LISTS:
            return Strings(table[name], table[f"{name}_raw"], table[f"{name}_cut"])
        return Blob(raw=table[name]) if field in ADDRESSES else table[name]

    return Lowering(slot, dialect(engine))


class DuckDB:
    """Rows in the memory of this process."""

    name = "duckdb"

    def __init__(self) -> None:
        self._connection = ibis.duckdb.connect()

    def table(self, rows: list[ValuesRow]) -> Any:
        return self._connection.create_table("cases", table_of(rows), overwrite=True)

    def arrow(self, asked: Any) -> pa.Table:
        return asked.to_pyarrow()


class Spark:
    """Rows in several files of a folder, which executors read."""

    name = "pyspark"

    def __init__(self, connection: Any, folder: Path) -> None:
        self._connection, self._folder, self._count = connection, folder, 0

    def table(self, rows: list[ValuesRow]) -> Any:
        whole, places = table_of(rows), []
        for half in (whole.slice(0, len(rows) // 2), whole.slice(len(rows) // 2)):
            self._count += 1
            places.append(place(str(self._folder / f"{self._count}.parquet")))
            pq.write_table(half, places[-1].path)
        return spark.table(self._connection, places, "cases")

    def arrow(self, asked: Any) -> pa.Table:
        return spark.arrow(self._connection, asked)


def answers(engine: Any, rows: list[ValuesRow], conditions: list[Expr]) -> list[list[bool]]:
    """What each condition says of each row."""
    table = engine.table(rows)
    lowering = lowering_over(table, engine.name)
    found = {f"c{i}": lowering.condition(each) for i, each in enumerate(conditions)}
    result = engine.arrow(table.select("row", **found)).sort_by("row")
    return [result.column(name).to_pylist() for name in found]


def numbers(engine: Any, rows: list[ValuesRow], exprs: list[Expr]) -> list[list[int | None]]:
    """The value of each integer in each row."""
    table = engine.table(rows)
    lowering = lowering_over(table, engine.name)
    found = {f"n{i}": lowering.value(each).cast("decimal(38, 0)") for i, each in enumerate(exprs)}
    result = engine.arrow(table.select("row", **found)).sort_by("row")
    return [
        [None if v is None else int(v) for v in result.column(name).to_pylist()] for name in found
    ]
