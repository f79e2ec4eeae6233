# SPDX-License-Identifier: Apache-2.0
"""Snapshots: a flight recorder: the last of a trace is in memory, and written when something
happens.

In: batches. Out: to a Writer those that are kept, the one in which it happened included.
Invariant: no more is kept than was asked for, but for the batch that came last.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from faultin.event import Summary
from faultin.recordings.writer import Writer


@dataclass(frozen=True, slots=True)
class Kept:
    """How much: of the last so many seconds, and at most so many bytes of memory."""

    seconds: float
    size: int


class Snapshots:
    """The keeper of `faultin record --snapshot-on`. fires: whether it has happened in a batch;
    tell: is given what was done."""

    lost: Mapping[str, int] = {}

    def __init__(
        self, writer: Writer, fires: Callable[[pa.RecordBatch], bool], kept: Kept,
        tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._writer, self._fires, self._most = writer, fires, kept
        self._tell, self._clock = tell, clock
        self._batches: deque[tuple[float, pa.RecordBatch]] = deque()
        self._size = 0

    def keep(self, batch: pa.RecordBatch) -> None:
        self._batches.append((self._clock(), batch))
        self._size += batch.nbytes
        self._forget()
        if self._fires(batch):
            self._write()

    def _forget(self) -> None:
        oldest = self._clock() - self._most.seconds
        while len(self._batches) > 1 and (
            self._size > self._most.size or self._batches[0][0] < oldest
        ):
            self._size -= self._batches.popleft()[1].nbytes

    def _write(self) -> None:
        count = sum(batch.num_rows for _, batch in self._batches)
        for _, batch in self._batches:
            self._writer.keep(batch)
        self._writer.put_together()
        self._batches.clear()
        self._size = 0
        self._tell(f"snapshot: {count} calls")

    def idle(self) -> None:
        self._writer.idle()

    def close(self, summary: Summary) -> None:
        """What is kept is not written: nothing has happened in it."""
        self._writer.close(summary)
