# SPDX-License-Identifier: Apache-2.0
"""Late: what the kernel's side found absent is read as soon as its record comes.

In: chunks of the ring buffer. Out: in each, what was read of its records from here.
Decoding takes its time, in which a program changes its memory or ends: so where a kernel
has nobody else to take the fault, a thread reads ahead of it. What it has not come to is
read when it is decoded (decode/calls.py), as are records whose pieces were sent ahead.
"""

import ctypes
import queue
import sys
import threading
from collections.abc import Callable

from faultin.drain.ring import Chunk, native
from faultin.drain.wire import Piece, Record, records

_AT_ONCE = 64     # records: what is read then, the next may have to wait for
_MOST = 4096      # ... of one chunk that are read ahead
_SWITCH = 0.0005  # seconds after which a thread gives up Python's lock: reading is short steps


class Late:
    """Completes the chunks that are shown to it, until close()."""

    def __init__(self, read: Callable[[list[Record]], list[list[Piece]]]) -> None:
        self._read = read
        self._native = native()
        self._offsets = (ctypes.c_uint64 * _MOST)()
        self._chunks: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="faultin-late", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(_SWITCH)
        self._thread.start()

    def show(self, chunk: Chunk) -> None:
        """Does not wait until it is read."""
        self._chunks.put(chunk)

    def _run(self) -> None:
        while chunk := self._chunks.get():
            data = chunk.data
            found = self._native.faultin_ring_incomplete(data, len(data), self._offsets, _MOST)
            for first in range(0, found, _AT_ONCE):
                if chunk.taken:
                    break
                some = self._offsets[first : min(first + _AT_ONCE, found)]
                read = self._read([next(records(data, at)) for at in some])
                chunk.more.update(zip(some, read, strict=True))

    def close(self) -> None:
        """Does not wait for a page that may never come."""
        self._chunks.put(None)
