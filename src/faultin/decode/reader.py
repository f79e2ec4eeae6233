# SPDX-License-Identifier: Apache-2.0
"""Reader: the memory of other processes, without being held up by it.

In: wishes: heads of records, and where their stacks begin. Out: the pieces that they lack, as
far as they could be read: bytes of the wire format. A page may stall whoever touches it, for
ever: one under userfaultfd, or of a file system whose server does not answer. So a process of
its own reads (native/keeper/remote.c), and is killed when it takes too long; it cannot be a
thread, as the kernel lets no signal end some of these waits, and faultin could not end then. A
process whose memory stalled once is not read again.
"""

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from struct import Struct

from faultin.native import memfd, start

REPLY = Struct("=Q")      # bytes that follow
_PATIENCE = 1.0         # seconds for one record. A slow disk has to answer in that time
_LEAST_PATIENCE = 0.02  # ... when many have stalled: each halves it
_AT_ONCE = 256          # requests that a pipe holds, whether or not they are read


class _Stalled(Exception):
    """The process does not answer, or has gone."""


class _Process:
    """The process, running."""

    def __init__(self, image: int) -> None:
        pipe = subprocess.PIPE
        self._process = start(
            ["remote", str(image)], [image], stdin=pipe, stdout=pipe, bufsize=0
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout
        self._requests, self._replies = self._process.stdin, self._process.stdout

    def ask(self, wishes: bytes) -> None:
        try:
            self._requests.write(wishes)
        except BrokenPipeError:
            raise _Stalled from None

    def answer(self, patience: float) -> bytes:
        end = time.monotonic() + patience
        return self._exactly(REPLY.unpack(self._exactly(REPLY.size, end))[0], end)

    def _exactly(self, size: int, end: float) -> bytes:
        data = b""
        fd = self._replies.fileno()
        while len(data) < size:
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise _Stalled
            part = os.read(fd, size - len(data))
            if not part:
                raise _Stalled
            data += part
        return data

    def kill(self) -> None:
        """Does not wait: it may be held up until a server answers."""
        self._process.kill()

    def end(self) -> None:
        self.kill()
        self._requests.close()
        self._replies.close()
        self._process.poll()


class Reader:
    """Reads, in a process that is there from start() or the first read on, until close().
    `image`: makes struct image of the trace (native/keeper/shared.h), if anything is read at
    all. Threads may share it."""

    def __init__(self, image: Callable[[], bytes]) -> None:
        self._image = image
        self._process: _Process | None = None
        self._patience = _PATIENCE
        self._stalled: set[int] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Starts the process now, so that the first read does not wait for it."""
        if self._process is None:
            image = memfd("faultin-plans", self._image())
            try:
                self._process = _Process(image)
            finally:
                os.close(image)

    def read(self, wishes: list[tuple[int, bytes]]) -> list[bytes]:
        """What records lack, of each its process and its wish; empty where there is nothing."""
        with self._lock:
            found: list[bytes] = []
            while len(found) < len(wishes):
                found += self._some(wishes[len(found) : len(found) + _AT_ONCE])
            return found

    def _some(self, wishes: list[tuple[int, bytes]]) -> list[bytes]:
        """Of the first of them, until one stalls."""
        if wishes[0][0] in self._stalled or self._closed:
            return [b""]
        count = next((n for n, wish in enumerate(wishes) if wish[0] in self._stalled), len(wishes))
        found: list[bytes] = []
        try:
            self.start()
            assert self._process is not None
            self._process.ask(b"".join(wish for _, wish in wishes[:count]))
            for _ in range(count):
                found.append(self._process.answer(self._patience))
        except _Stalled:
            self._stalled.add(wishes[len(found)][0])
            self._patience = max(self._patience / 2, _LEAST_PATIENCE)
            self._end()
            found.append(b"")
        return found

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def close(self) -> None:
        """Who is still reading in another thread has nothing more, and ends within the
        patience for one record."""
        self._closed = True
        if process := self._process:
            process.kill()
        with self._lock:
            self._end()
