# SPDX-License-Identifier: Apache-2.0
"""Reading: the calls of recordings, batch by batch.

In: a Source. Out: batches of rows as they were written: in the order in which the calls
returned. Invariant: no more than a row group and a batch are in memory; a file that breaks off
is a Broken, after all that is before.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from faultin.columnar.layout import ALWAYS
from faultin.columnar.times import check_times
from faultin.errors import FaultinError
from faultin.recordings.source import File, Source

ROOM = 16_384  # rows of a batch


class Broken(FaultinError):
    """A file that cannot be read to its end."""


def batches(found: Source) -> Iterator[pa.RecordBatch]:
    """All rows, with the columns that a batch has anything in."""
    for file in found.files:
        for batch in _batches(file):
            yield _used(batch)


def _batches(file: File) -> Iterator[pa.RecordBatch]:
    name = file.place.name
    try:
        with file.place.files.open_input_file(file.place.path) as stream:
            whole = pq.ParquetFile(stream)
            for group in range(whole.num_row_groups):  # so that those before a broken one come
                for batch in whole.iter_batches(batch_size=ROOM, row_groups=[group]):
                    check_times(batch)
                    yield batch
    except (OSError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise Broken(f"cannot read {name} to its end", why) from None


def begin(found: Source) -> int:
    """ns of the earliest entry, as the footers of the files have it; 0 without calls."""
    times = []
    for file in found.files:
        with file.place.files.open_input_file(file.place.path) as stream:
            whole = pq.read_metadata(stream)
        column = file.schema.names.index("ts")  # no column before it is nested
        for group in range(whole.num_row_groups):
            statistics = whole.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                times.append(statistics.min)
    return min(times, default=0)


def _used(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without the columns that none of its calls has: most of them."""
    return batch.select([
        name for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if name in ALWAYS or column.null_count < len(column)
    ])  # fmt: skip
