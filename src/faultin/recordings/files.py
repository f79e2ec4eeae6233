# SPDX-License-Identifier: Apache-2.0
"""Files: tables as Parquet, with what the recording says of itself.

In: tables, whose columns may differ. Out: one file. Invariant: a file has the columns that
its calls have, and no others.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faultin.recordings.about import About, metadata_of
from faultin.recordings.places import Place

GROUP = 1 << 18  # rows of a row group, where parts are put together
_PLAIN_LEVEL, _GOOD_LEVEL = 1, 3


def with_about(schema: pa.Schema, about: About) -> pa.Schema:
    return schema.with_metadata({**(schema.metadata or {}), **metadata_of(about)})


def write_part(place: Place, table: pa.Table, about: About) -> None:
    """A part: one row group, written fast."""
    table = table.replace_schema_metadata(metadata_of(about))

    def fill(stream: Any) -> None:
        pq.write_table(
            table.unify_dictionaries(), stream, row_group_size=max(1, table.num_rows),
            compression="zstd", compression_level=_PLAIN_LEVEL,
        )  # fmt: skip

    place.write(fill)


def merge(place: Place, parts: list[Place], about: About) -> None:
    """One file of all parts, in their order; FaultinError if one of them has gone."""
    schemas = []
    for part in parts:
        with part.reading():
            schemas.append(read_schema(part).remove_metadata())
    schema = with_about(pa.unify_schemas(schemas), about)

    def fill(stream: Any) -> None:
        options = {"compression": "zstd", "compression_level": _GOOD_LEVEL}
        with pq.ParquetWriter(stream, schema, **options) as writer:
            for table in _in_groups(map(read, parts)):
                writer.write_table(widened(table, schema), row_group_size=GROUP)

    place.write(fill)


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables of about GROUP rows."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(each.num_rows for each in waiting) >= GROUP:
            yield joined(waiting)
            waiting = []
    if waiting:
        yield joined(waiting)


def joined(tables: list[pa.Table]) -> pa.Table:
    """One table of them; a column that one has not is null in its rows."""
    plain = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(plain, promote_options="default").unify_dictionaries()


def widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """With all columns of a schema, in its order."""
    columns = [
        table.column(field.name) if field.name in table.schema.names
        else pa.chunked_array([pa.nulls(table.num_rows, field.type)])
        for field in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)


def retyped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a table that a schema has, of its types: engines have types of their own."""
    fields = [field for field in schema if field.name in table.column_names]
    columns = []
    for field in fields:
        column = table.column(field.name)
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type).dictionary_encode()
        columns.append(column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def read_schema(place: Place) -> pa.Schema:
    with place.files.open_input_file(place.path) as stream:
        return pq.read_schema(stream)


def read(place: Place) -> pa.Table:
    with place.reading(), place.files.open_input_file(place.path) as stream:
        return pq.ParquetFile(stream).read()
