# SPDX-License-Identifier: Apache-2.0
"""Drain: a thread that empties the ring buffer as fast as it fills.

In: a ring buffer map. Out: chunks of whole records, in order. It only copies,
in native code and without Python's lock; decoding happens elsewhere, so that a
slow sink costs memory (up to `backlog` bytes) before it costs events.
"""

import ctypes
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from faultin.drain.wire import Piece, Record, records
from faultin.errors import FaultinError

_ROOM = 4 << 20
_PATIENCE_MS = 20
_GATHER_MS = 5  # in which more records come together, if none is urgent: fewer, larger chunks


@cache
def native() -> ctypes.CDLL:
    """The native helpers that were compiled when the package was built."""
    path = Path(__file__).parents[1] / "_built" / "libfaultin.so"
    try:
        lib = ctypes.CDLL(str(path), use_errno=True)
    except OSError as error:
        raise FaultinError(
            "faultin's native library cannot be loaded", str(error), "install faultin again with pip"
        ) from None
    lib.faultin_ring_open.restype = ctypes.c_void_p
    lib.faultin_ring_open.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_int, ctypes.c_int]
    lib.faultin_ring_drain.restype = ctypes.c_int64
    lib.faultin_ring_drain.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int,
    ]  # fmt: skip
    lib.faultin_ring_wait.restype = None
    lib.faultin_ring_wait.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.faultin_ring_incomplete.restype = ctypes.c_int64
    lib.faultin_ring_incomplete.argtypes = [
        ctypes.c_char_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int64,
    ]  # fmt: skip
    lib.faultin_ring_listen.restype = ctypes.c_int
    lib.faultin_ring_listen.argtypes = [ctypes.c_void_p, ctypes.c_int]
    lib.faultin_ring_waiting.restype = ctypes.c_uint64
    lib.faultin_ring_waiting.argtypes = [ctypes.c_void_p]
    lib.faultin_ring_close.restype = None
    lib.faultin_ring_close.argtypes = [ctypes.c_void_p]
    return lib


class Map:
    """A ring buffer map of `size` bytes, as it is read; `skip` reads on behind records
    that wait for a page, and comes back to them. `wake`: the eventfd of one that is no
    map but a memfd laid out alike (native/keeper/shared.h)."""

    def __init__(self, fd: int, size: int, skip: bool = False, wake: int = -1) -> None:
        self._native, self._size = native(), size
        self._ring = self._native.faultin_ring_open(fd, size, skip, wake)
        if not self._ring:
            raise FaultinError("the ring buffer cannot be mapped", os.strerror(ctypes.get_errno()))
        self._room = (ctypes.c_char * _ROOM)()
        self._view = memoryview(self._room).cast("B")

    def drain(self, patience: int) -> bytes:
        """Whole records; waits for as many ms if there are none."""
        size = self._native.faultin_ring_drain(self._ring, self._room, _ROOM, patience)
        return bytes(self._view[:size]) if size > 0 else b""

    def wait(self, patience: int) -> None:
        """As many ms, or until the kernel's side wakes whoever waits."""
        self._native.faultin_ring_wait(self._ring, patience)

    def listen(self, bell: int) -> None:
        """This eventfd ends a wait, too."""
        if self._native.faultin_ring_listen(self._ring, bell):
            raise FaultinError("the ring buffer cannot be waited for", os.strerror(ctypes.get_errno()))

    @property
    def is_filling(self) -> bool:
        """Whether a quarter of it is full."""
        return self._native.faultin_ring_waiting(self._ring) > self._size // 4

    def close(self) -> None:
        self._native.faultin_ring_close(self._ring)
        self._ring = None


@dataclass(slots=True)
class Chunk:
    """Whole records, from `at` to `end` of the data, and by their offsets what was read of
    some from here; `taken` when they are being handled, so that reading ahead of that is
    too late. urgent: from the ring buffer of what notifies."""

    data: bytes
    more: dict[int, list[Piece]] = field(default_factory=dict)
    taken: bool = False
    at: int = 0
    end: int | None = None
    urgent: bool = False

    def records(self) -> Iterator[Record]:
        return records(self.data, self.at, self.end, self.more)


class Ring:
    """The consumer of a trace's ring buffers: `records`, and `parts` of them if they
    have one of their own. A part is sent before its record, so that parts that are
    looked for after the record are there, and go ahead of it. Each chunk is shown to
    `show` when it comes, which must not wait."""

    def __init__(
        self, records: Map, parts: Map | None = None,
        show: Callable[[Chunk], None] | None = None, backlog: int = 1 << 30,
    ) -> None:  # fmt: skip
        self._records, self._parts = records, parts
        self._show = show
        # No SimpleQueue: CPython's waits for ever if a signal's handler outlasts the wait.
        self._chunks: queue.Queue[Chunk] = queue.Queue()
        self._backlog = backlog
        self._waiting = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="faultin-drain", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _drain(self, patience: int) -> bytes:
        records = self._records.drain(patience)
        if not self._parts:
            return records
        parts = []
        while part := self._parts.drain(0):
            parts.append(part)
        return b"".join([*parts, records])

    def _put(self, chunk: Chunk) -> None:
        self._waiting += len(chunk.data)
        self._chunks.put(chunk)
        if self._show:
            self._show(chunk)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._waiting > self._backlog:
                self._stopping.wait(_PATIENCE_MS / 1000)
                continue
            if data := self._drain(_PATIENCE_MS):
                self._put(Chunk(data))
                if len(data) < _ROOM // 4:
                    self._records.wait(_GATHER_MS)

    def take(self, seconds: float) -> Chunk | None:
        """The next chunk of records, or None if none came in that time."""
        try:
            chunk = self._chunks.get(timeout=seconds)
        except queue.Empty:
            return None
        self._waiting -= len(chunk.data)
        chunk.taken = True
        return chunk

    def finish(self) -> list[Chunk]:
        """Stops the thread; gives all that is left, the last records included."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        rest = []
        while not self._chunks.empty():
            rest.append(self._chunks.get())
        while data := self._drain(0):
            rest.append(Chunk(data))
        return rest

    def close(self) -> None:
        self._records.close()
        if self._parts:
            self._parts.close()
