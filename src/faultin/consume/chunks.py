# SPDX-License-Identifier: Apache-2.0
"""Chunks: what the ring buffer gave, kept for another thread.

In: chunks. Out: the same, in order, to whoever takes them. Invariant: no more than `most`
bytes wait while the trace runs; the ring buffer's own backlog holds what comes then.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping

from faultin.event import Summary

_MOST = 64 << 20
_TURN = 0.05  # seconds


class Chunks:
    """The consumer of `faultin.trace`. `leave()` says that nobody takes chunks any more in
    time: from then on none waits for room."""

    lost: Mapping[str, int] = {}
    done = False

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._waiting = 0
        self._chunks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._left = self._closed = False

    def take_chunk(self, chunk: bytes) -> int:
        with self._changed:
            while self._waiting > self._most and not self._left:
                self._changed.wait(_TURN)
            self._chunks.append(chunk)
            self._waiting += len(chunk)
            self._changed.notify_all()
        return 0

    def idle(self) -> None:
        """What has come is there already."""

    def close(self, summary: Summary) -> None:
        self.end()

    def end(self) -> None:
        """No more chunks come: the trace is over, or has failed."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def leave(self) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        """Each chunk, when it is there, until the trace is over."""
        while True:
            with self._changed:
                while not self._chunks and not self._closed:
                    self._changed.wait()
                if not self._chunks:
                    return
                chunk = self._chunks.popleft()
                self._waiting -= len(chunk)
                self._changed.notify_all()
            yield chunk
