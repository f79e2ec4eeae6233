# SPDX-License-Identifier: Apache-2.0
"""Recording: chunks become batches, for whoever keeps them.

In: chunks of the ring buffer. Out: Arrow batches. What is pending is given on when it is
full, or older than `patience`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

import pyarrow as pa

from faultin.columnar.builder import Builder
from faultin.event import Summary


class Keeper(Protocol):
    """Who keeps the batches. Its errors end the trace."""

    @property
    def lost(self) -> Mapping[str, int]: ...

    def keep(self, batch: pa.RecordBatch) -> None: ...

    def idle(self) -> None: ...

    def close(self, summary: Summary) -> None: ...


class Recording:
    """The consumer of `faultin record`. patience: in seconds."""

    done = False

    def __init__(
        self, builder: Builder, keeper: Keeper, patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._builder, self._keeper = builder, keeper
        self._patience, self._clock = patience, clock
        self._since = clock()

    @property
    def lost(self) -> Mapping[str, int]:
        return {**self._keeper.lost, **self._builder.lost}

    def take_chunk(self, chunk: bytes) -> int:
        before = self._builder.count
        for batch in self._builder.add(chunk):
            self._give(batch)
        self._give_old()
        return self._builder.count - before

    def idle(self) -> None:
        self._give_old()
        self._keeper.idle()

    def _give_old(self) -> None:
        if not self._builder.waiting:
            self._since = self._clock()
        elif self._clock() - self._since > self._patience:
            self._give(self._builder.flush())

    def _give(self, batch: pa.RecordBatch) -> None:
        self._since = self._clock()
        if batch.num_rows:
            self._keeper.keep(batch)

    def close(self, summary: Summary) -> None:
        if self._builder.waiting:
            self._give(self._builder.flush())
        self._builder.close()
        self._keeper.close(summary)
