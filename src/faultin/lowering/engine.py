# SPDX-License-Identifier: Apache-2.0
"""Engine: recordings, as a table engine has them, and what it is asked.

In: a Source, and a Query. Out: Arrow tables. The engine reads the files itself where they
are local; others are read for it.
"""

import glob
from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import pyarrow as pa

from faultin.errors import FaultinError, UsageError
from faultin.lowering import spark
from faultin.lowering.dialect import dialect
from faultin.lowering.values import Blob, Presence, Strings
from faultin.recordings.files import joined, read, retyped
from faultin.recordings.source import Source

SPARK = "pyspark"
EVENTS = "events"  # what --sql calls the calls of all files


class Engine:
    """One engine, with the files of a source. settings: of Spark."""

    def __init__(
        self, name: str, source: Source, settings: Mapping[str, str] | None = None
    ) -> None:
        self.name, self._schema = name, source.schema
        self._connection: Any
        self._connection, self._is_own = _connected(name, settings or {})
        self.table = _asked(lambda: self._read(source))

    def _read(self, source: Source) -> Any:
        places = [file.place for file in source.files]
        if all(place.is_local for place in places):
            if self.name == "duckdb":
                paths = [place.path for place in places]
                return self._connection.read_parquet(
                    [glob.escape(path) for path in paths], table_name=EVENTS, union_by_name=True,
                    hive_partitioning=_are_partitions(paths, self._schema.names),
                )
            if self.name == SPARK:
                return spark.table(self._connection, places, EVENTS)
        elif self.name == SPARK:
            why = "Spark reads files of local and shared folders"
            raise UsageError(f"--engine {self.name}", why, "or use duckdb")
        table = joined([read(place) for place in places])
        plain = pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema])
        return self._connection.create_table(EVENTS, table.cast(plain))

    def close(self) -> None:
        """Lets go of what runs elsewhere."""
        if self.name == SPARK and self._is_own:
            spark.disconnect(self._connection)

    def batches(self, where: Any | None) -> Iterator[pa.RecordBatch]:
        """The rows for which a condition holds, in the order of the files; of Spark by time."""
        found = self.table if where is None else self.table.filter(where)
        if self.name == SPARK:  # its tasks end in any order, and it has types of its own
            table = self._arrow(found.order_by("ts"))
            yield from retyped(table, self._schema).to_batches()
        else:
            yield from _asked(lambda: found.to_pyarrow_batches())

    def rows(self, where: Any | None) -> pa.Table:
        """The same as one table."""
        found = list(self.batches(where))
        if found:
            return pa.Table.from_batches(found)
        return self.table.schema().to_pyarrow().empty_table()

    def grouped(
        self, where: Any | None, keys: dict[str, Any], amount: Any | None = None, how: str = ""
    ) -> list[dict[str, Any]]:
        """For each group of the rows for which a condition holds: the keys, `n` rows, and of
        an amount `known` and `found`: how often it is there, its sum, min or max."""
        given = {} if amount is None else {"amount": amount}
        holds = ibis.literal(True) if where is None else where
        rows = self.table.select(wanted=holds, **keys, **given)
        rows = rows.filter(rows.wanted)
        results = {"n": rows.count()}
        if amount is not None:
            results |= {"known": rows.amount.count(), "found": getattr(rows.amount, how)()}
        asked = rows.group_by(list(keys)) if keys else rows
        return self._arrow(asked.aggregate(**results)).to_pylist()

    def name_rows(self, name: str, where: Any | None) -> None:
        """What sql() calls the rows for which a condition holds."""
        found = self.table if where is None else self.table.filter(where)
        self._connection.create_view(name, found, overwrite=True)

    def sql(self, text: str) -> pa.Table:
        """What a statement of the engine's own SQL gives."""
        if not text.strip():
            raise UsageError("--sql", "there is no statement", "SELECT * FROM events has all")
        if self.name == SPARK:
            return _asked(lambda: spark.sql(self._connection, text))
        return _asked(lambda: self._connection.sql(text).to_pyarrow())

    def _arrow(self, asked: Any) -> pa.Table:
        if self.name == SPARK:
            return _asked(lambda: spark.arrow(self._connection, asked))
        return _asked(lambda: asked.to_pyarrow())


def _are_partitions(paths: list[str], names: list[str]) -> bool:
    """Whether folders such as host=here may be columns: a folder has a name that its owner chose,
    which must not take the place of what was recorded."""
    folders = {part for path in paths for part in path.split("/")[:-1]}
    keys = {folder.partition("=")[0].lower() for folder in folders if "=" in folder}
    return keys <= {"host", "date"} and keys.isdisjoint(map(str.lower, names))


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def _asked(question: Any) -> Any:
    try:
        return question()
    except FaultinError:
        raise
    except Exception as error:  # engines have trees of exceptions of their own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise FaultinError(
            "the query engine", lines[0] if lines else type(error).__name__
        ) from None


def engine(
    name: str, source: Source, sql: bool, settings: Mapping[str, str] | None = None
) -> Engine:
    """UsageError for an engine that cannot answer exactly; with SQL that is the user's."""
    if not sql:
        dialect(name)
    return Engine(name, source, settings)


def _connected(name: str, settings: Mapping[str, str]) -> tuple[Any, bool]:
    """(the connection, whether it is ours to end)."""
    if name == SPARK:
        return spark.connect(settings)
    if settings:
        raise UsageError("--engine-config", f"{name} takes none", "it is for pyspark")
    try:
        return ibis.connect(f"{name}://"), True
    except Exception as error:  # whatever the engine's own package raises
        why = str(error).partition("\n")[0]
        raise UsageError(f"--engine {name}", f"Ibis cannot connect to it ({why})") from None


def key_columns(name: str, value: Any) -> dict[str, Any]:
    """The columns of a key: its value; of text that is always text, itself; of other bytes
    their digits and what they were cut from."""
    if isinstance(value, Presence | Strings):
        raise UsageError(f"query: {name}", "it cannot be a key: it is no single value")
    if not isinstance(value, Blob):
        return {name: value}
    if value.text is not None and value.raw is None and value.length is None:
        return {f"{name}_text": value.text}
    length = ibis.null("int64") if value.length is None else value.length
    return {name: value.hexed, f"{name}_length": length}


def bytes_of(row: dict[str, Any], name: str) -> bytes | None:
    """Of such columns."""
    if f"{name}_text" in row:
        text = row[f"{name}_text"]
        return None if text is None else text.encode()
    return None if row[name] is None else bytes.fromhex(row[name])
