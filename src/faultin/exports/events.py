# SPDX-License-Identifier: Apache-2.0
"""Events: batches become events again, for a sink that takes those.

In: batches. Out: what the sink writes.
"""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from faultin.columnar.rows import Rows
from faultin.event import Event, Summary


class Sink(Protocol):
    """As those of live traces are."""

    def write(self, events: list[Event]) -> None: ...

    def close(self, summary: Summary) -> None: ...


class Events:
    """Of recordings that were made on one architecture, with these user events."""

    def __init__(self, arch: str, events: Mapping[str, str], sink: Sink) -> None:
        self._rows, self._sink = Rows(arch, events), sink

    def write(self, batch: pa.RecordBatch) -> None:
        self._sink.write(list(self._rows.events(batch)))

    def close(self, summary: Summary) -> None:
        self._sink.close(summary)
