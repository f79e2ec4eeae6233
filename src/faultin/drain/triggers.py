# SPDX-License-Identifier: Apache-2.0
"""Triggers: the ring buffers of a watch, of which what notifies is read first.

In: the ring buffer maps of ordinary records and of triggers. Out: chunks of whole records.
Whoever takes them reads the triggers in person, as handing them on costs more time than
reading. Invariant: triggers come in order, and none waits for more than a slice of others.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from faultin.drain.ring import Chunk, Map, Ring
from faultin.drain.wire import RING_HEADER

_SLICE = 2 << 10  # bytes of ordinary records between looks at the triggers


class Watched(Ring):
    """The consumer of a watch's ring buffers."""

    def __init__(
        self, records: Map, triggers: Map, parts: Map | None = None,
        show: Callable[[Chunk], None] | None = None, backlog: int = 1 << 30,
    ) -> None:  # fmt: skip
        super().__init__(records, parts, show, backlog)
        self._triggers = triggers
        self._reading = threading.Lock()  # who has it, reads the triggers
        self._kept: deque[bytes] = deque()  # of them, what the drain thread has read
        self._chunk, self._at = Chunk(b""), 0  # an ordinary chunk, and where it goes on
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        triggers.listen(self._bell)

    def take(self, seconds: float) -> Chunk | None:
        """The next records, or None if none came in that time."""
        if chunk := self._urgent() or self._ordinary():
            return chunk
        return self._urgent(round(seconds * 1000)) or self._ordinary()

    def _urgent(self, patience: int = 0) -> Chunk | None:
        """Waits for as many ms if there is nothing, ordinary or not."""
        with self._reading:
            if not self._kept:
                data = self._triggers.drain(patience)
                return Chunk(data, urgent=True) if data else None
            self._waiting -= len(self._kept[0])
            return Chunk(self._kept.popleft(), urgent=True)

    def _ordinary(self) -> Chunk | None:
        """A slice of them."""
        if self._at == len(self._chunk.data):
            try:
                self._chunk, self._at = self._chunks.get_nowait(), 0
            except queue.Empty:
                return None
            self._chunk.taken = True
        start, self._at = self._at, slice_end(self._chunk.data, self._at, _SLICE)
        self._waiting -= self._at - start
        return replace(self._chunk, at=start, end=self._at)

    def _put(self, chunk: Chunk) -> None:
        super()._put(chunk)
        os.eventfd_write(self._bell, 1)

    def _drain(self, patience: int) -> bytes:
        """Of the ordinary ones. Beside it, the triggers get room where they need it."""
        if self._triggers.is_filling and self._reading.acquire(blocking=False):
            try:
                if chunk := self._triggers.drain(0):
                    self._waiting += len(chunk)
                    self._kept.append(chunk)
            finally:
                self._reading.release()
        return super()._drain(patience)

    def finish(self) -> list[Chunk]:
        """Stops the thread; gives all that is left, the triggers first."""
        rest = [replace(self._chunk, at=self._at)] if self._at < len(self._chunk.data) else []
        others = [*rest, *super().finish()]
        urgent = []
        while chunk := self._urgent():
            urgent.append(chunk)
        return [*urgent, *others]

    def close(self) -> None:
        super().close()
        self._triggers.close()
        os.close(self._bell)


def slice_end(chunk: bytes, start: int, most: int) -> int:
    """Where the first record ends that goes past `most` bytes, or the chunk."""
    end, enough = start, min(start + most, len(chunk))
    while end < enough:
        length = int.from_bytes(chunk[end : end + 4], "little") & 0x3FFFFFFF
        end += RING_HEADER + (length + 7 & ~7)
    return end
