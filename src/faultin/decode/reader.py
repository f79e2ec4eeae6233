# SPDX-License-Identifier: Apache-2.0
"""Reader: the memory of other processes, without being held up by it.

In: a task, an address, a size. Out: bytes, fewer or none where there is no memory.
A page may stall whoever touches it, for ever: one under userfaultfd, or of a file
system whose server does not answer. So a process of its own reads, and is killed when
it takes too long; it cannot be a thread, as the kernel lets no signal end some of these
waits, and faultin could not end then. A process whose memory stalled once is not read
again.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from faultin.decode.reader_process import REPLY, REQUEST

_PROGRAM = Path(__file__).with_name("reader_process.py")
_PATIENCE = 1.0         # seconds for one read. A slow disk has to answer in that time
_LEAST_PATIENCE = 0.02  # ... when many have stalled: each halves it
_START = 60.0           # seconds until the process is there: much, but emulators are slow


class _Stalled(Exception):
    """The process does not answer, or has gone."""


class _Process:
    """The process, running."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdin and self._process.stdout
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._ready = False

    def read(self, tid: int, address: int, size: int, patience: float) -> bytes:
        if not self._ready:
            self._exactly(1, time.monotonic() + _START)
            self._ready = True
        try:
            self._requests.write(REQUEST.pack(tid, address, size))
        except BrokenPipeError:
            raise _Stalled from None
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

    def end(self) -> None:
        """Kills it, and does not wait: it may be held up until a server answers."""
        self._process.kill()
        self._requests.close()
        self._replies.close()
        self._process.poll()


class Reader:
    """Reads, in a process that is there from start() or the first read on, until close()."""

    def __init__(self) -> None:
        self._process: _Process | None = None
        self._patience = _PATIENCE
        self._stalled: set[int] = set()

    def start(self) -> None:
        """Starts the process now, so that the first read does not wait for it."""
        if self._process is None:
            self._process = _Process()

    def read(self, pid: int, tid: int, address: int, size: int) -> bytes:
        """As many of `size` bytes at `address` of task `tid`, of process `pid`, as there are."""
        if pid in self._stalled:
            return b""
        self.start()
        assert self._process is not None
        try:
            return self._process.read(tid, address, size, self._patience)
        except _Stalled:
            self._stalled.add(pid)
            self._patience = max(self._patience / 2, _LEAST_PATIENCE)
            self.close()
            return b""

    def close(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None
