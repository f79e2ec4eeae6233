# SPDX-License-Identifier: Apache-2.0
"""Engine: recordings, as a table engine has them, and what it is asked.

In: a Source, and a Query. Out: Arrow tables. The engine reads the files itself where they
are local; others are read for it.
"""

from collections.abc import Iterator
from typing import Any

import ibis
import pyarrow as pa

from faultin.errors import FaultinError, UsageError
from faultin.lowering.dialect import check
from faultin.lowering.values import Blob, Presence, Strings
from faultin.recordings.files import joined, read
from faultin.recordings.source import Source

EVENTS = "events"  # what --sql calls the calls of all files


class Engine:
    """One engine, with the files of a source."""

    def __init__(self, name: str, source: Source) -> None:
        try:
            self._connection: Any = ibis.connect(f"{name}://")
        except Exception as error:  # whatever the engine's own package raises
            why = str(error).partition("\n")[0]
            raise UsageError(f"--engine {name}", f"Ibis cannot connect to it ({why})") from None
        self.name = name
        self.table = self._read(source)

    def _read(self, source: Source) -> Any:
        places = [file.place for file in source.files]
        if self.name == "duckdb" and all(place.is_local for place in places):
            paths = [place.path for place in places]
            return self._connection.read_parquet(paths, table_name=EVENTS, union_by_name=True)
        table = joined([read(place) for place in places])
        plain = pa.schema([pa.field(f.name, _plain(f.type)) for f in table.schema])
        return self._connection.create_table(EVENTS, table.cast(plain))

    def batches(self, where: Any | None) -> Iterator[pa.RecordBatch]:
        """The rows for which a condition holds, in the order of the files."""
        found = self.table if where is None else self.table.filter(where)
        yield from _asked(lambda: found.to_pyarrow_batches())

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
        return _asked(lambda: asked.aggregate(**results).to_pyarrow()).to_pylist()

    def sql(self, text: str) -> pa.Table:
        """What a statement of the engine's own SQL gives."""
        return _asked(lambda: self._connection.sql(text).to_pyarrow())


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


def engine(name: str, source: Source, sql: bool) -> Engine:
    """UsageError for an engine that cannot answer exactly; with SQL that is the user's."""
    if not sql:
        check(name)
    return Engine(name, source)


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
