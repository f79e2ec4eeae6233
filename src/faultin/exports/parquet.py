# SPDX-License-Identifier: Apache-2.0
"""Parquet: batches become a recording in one file.

In: batches. Out: parts, as `record` writes them, and at the end one file in their place: only
then all columns are known, and what the trace was.
"""

from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from faultin.event import Summary
from faultin.recordings.about import About
from faultin.recordings.files import GROUP, joined, merge, write_part
from faultin.recordings.places import Place, place
from faultin.recordings.writer import PART


class Parquet:
    """Writes one file; its parts are beside it until then. cut_short: what was lost is not known,
    and the file must not say that nothing was."""

    def __init__(self, path: Path, about: About, schema: pa.Schema, cut_short: bool) -> None:
        self._path, self._about, self._cut_short = path, about, cut_short
        self._none = schema.empty_table()
        self._parts: list[Place] = []
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(pa.Table.from_batches([batch]))
        self._rows += batch.num_rows
        if self._rows >= GROUP:
            self._flush()

    def _flush(self) -> None:
        part = place(f"{self._path}-{len(self._parts):06}{PART}")
        write_part(part, joined(self._waiting or [self._none]), self._about)
        self._parts.append(part)
        self._waiting, self._rows = [], 0

    def close(self, summary: Summary) -> None:
        if self._waiting or not self._parts:
            self._flush()
        whole = replace(self._about, summary={} if self._cut_short else asdict(summary))
        merge(place(str(self._path)), self._parts, whole)
        for part in self._parts:
            part.remove()
