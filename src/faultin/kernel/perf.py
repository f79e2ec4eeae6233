# SPDX-License-Identifier: Apache-2.0
"""Perf: what programs map to execute, told by the kernel as it happens.

In: threads to watch. Out: their executable mappings, forks, execs and ends, in order of
time, those of children included. A dummy event of perf_event_open(2) (5.12 and later with
build ids), so that mappings are known when their process has long gone. Layouts are those
of include/uapi/linux/perf_event.h.
"""

import ctypes
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct

_NR = {"x86_64": 298, "aarch64": 241}
_SOFTWARE, _DUMMY = 1, 9
_SAMPLE_TID_TIME = 1 << 1 | 1 << 2
_INHERIT, _EXCLUDE_KERNEL, _EXCLUDE_HV = 1 << 1, 1 << 5, 1 << 6
_MMAP, _COMM, _TASK, _ID_ALL = 1 << 8, 1 << 9, 1 << 13, 1 << 18
_MMAP2, _COMM_EXEC, _CLOCK, _BUILD_ID = 1 << 23, 1 << 24, 1 << 25, 1 << 34
_FLAGS = (_INHERIT | _EXCLUDE_KERNEL | _EXCLUDE_HV | _MMAP | _COMM | _TASK | _ID_ALL | _MMAP2
          | _COMM_EXEC | _CLOCK)  # fmt: skip
_ATTRIBUTES = Struct("<IIQQQQQIIQQQQIiQIHH")
_CLOEXEC = 8  # PERF_FLAG_FD_CLOEXEC
_SET_OUTPUT = 0x2405  # PERF_EVENT_IOC_SET_OUTPUT
_PAGES = 64  # of each CPU's buffer, a power of two
_HEAD_AT, _TAIL_AT = 1024, 1032  # data_head, data_tail of struct perf_event_mmap_page
_LOST, _IS_COMM, _EXIT, _FORK, _IS_MMAP2 = 2, 3, 4, 7, 10
_IS_EXEC, _HAS_BUILD_ID = 1 << 13, 1 << 14
_HEADER = Struct("<IHH")
_MAPPED = Struct("<IIQQQ24sII")
_FORKED = Struct("<IIIIQ")
_FILE = Struct("<IIQQ")
_TRAILER = Struct("<IIQ")  # of every record: pid, tid, time


@dataclass(frozen=True, slots=True)
class Mapped:
    """Code at an address; of the file either the build id or the inode, or neither."""

    time: int
    pid: int
    start: int
    size: int
    offset: int
    path: bytes
    build_id: bytes = b""
    inode: int = 0


@dataclass(frozen=True, slots=True)
class Forked:
    time: int
    pid: int
    parent: int


@dataclass(frozen=True, slots=True)
class Execed:
    time: int
    pid: int


@dataclass(frozen=True, slots=True)
class Ended:
    time: int
    pid: int


Change = Mapped | Forked | Execed | Ended


def _open(tid: int, cpu: int, flags: int) -> int:
    attributes = _ATTRIBUTES.pack(
        _SOFTWARE, _ATTRIBUTES.size, _DUMMY, 0, _SAMPLE_TID_TIME, 0, flags, 0, 0, 0, 0, 0, 0, 0,
        time.CLOCK_MONOTONIC, 0, 0, 0, 0,
    )  # fmt: skip
    libc = ctypes.CDLL(None, use_errno=True)
    number = _NR[os.uname().machine]
    fd = libc.syscall(number, attributes, tid, cpu, -1, ctypes.c_ulong(_CLOEXEC))
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return fd


class _Buffer:
    """What the events of one CPU fill."""

    def __init__(self, fd: int) -> None:
        page = mmap.PAGESIZE
        self._size = _PAGES * page
        self._map = mmap.mmap(fd, page + self._size)
        self._data = memoryview(self._map)[page:]
        self._head = ctypes.c_uint64.from_buffer(self._map, _HEAD_AT)
        self._tail = ctypes.c_uint64.from_buffer(self._map, _TAIL_AT)

    def take(self) -> bytes:
        """All that is there."""
        head, tail = self._head.value, self._tail.value
        start, end = tail % self._size, head % self._size
        if head == tail:
            return b""
        if start < end:
            data = bytes(self._data[start:end])
        else:
            data = bytes(self._data[start:]) + bytes(self._data[:end])
        self._tail.value = head
        return data

    def close(self) -> None:
        del self._head, self._tail
        self._data.release()
        self._map.close()


class Watch:
    """Events on threads and whatever they fork. OSError if the kernel allows none."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        self._buffers: dict[int, _Buffer] = {}  # by CPU
        self._outputs: dict[int, int] = {}
        self._held: list[Change] = []
        self._flags = _FLAGS | _BUILD_ID
        self.lost = 0

    def add(self, tid: int) -> None:
        cpus = os.cpu_count() or 1
        for cpu in range(cpus):
            with suppress(ProcessLookupError):
                self._add(tid, cpu)

    def _add(self, tid: int, cpu: int) -> None:
        try:
            fd = _open(tid, cpu, self._flags)
        except OSError as error:
            if error.errno == 19:  # ENODEV: this CPU is offline
                return
            if error.errno != 22 or not self._flags & _BUILD_ID:
                raise
            # commit 88a16a130933 ("perf: Add build id data in mmap2 event") (in v5.12)
            self._flags &= ~_BUILD_ID
            fd = _open(tid, cpu, self._flags)
        self._fds.append(fd)
        if cpu in self._outputs:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.ioctl(fd, _SET_OUTPUT, self._outputs[cpu]):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code))
        else:
            self._buffers[cpu] = _Buffer(fd)
            self._outputs[cpu] = fd

    def changes(self, final: bool = False) -> list[Change]:
        """What has happened, in order. What came while it looked is kept for the next time,
        as another CPU's buffer may hold something that was before it."""
        before = time.monotonic_ns()
        for buffer in self._buffers.values():
            self._held += self._changes(buffer.take())
        self._held.sort(key=lambda change: change.time)
        count = sum(change.time < before for change in self._held)
        if final:
            count = len(self._held)
        now, self._held = self._held[:count], self._held[count:]
        return now

    def _changes(self, data: bytes) -> Iterator[Change]:
        at = 0
        while at < len(data):
            kind, misc, size = _HEADER.unpack_from(data, at)
            body, at = data[at + _HEADER.size : at + size], at + size
            pid, _, when = _TRAILER.unpack(body[-_TRAILER.size :])
            if kind == _IS_MMAP2:
                yield _mapped(body, misc, when)
            elif kind == _IS_COMM and misc & _IS_EXEC:
                yield Execed(when, pid)
            elif kind in (_FORK, _EXIT):
                child, parent, tid, _, _ = _FORKED.unpack_from(body)
                if kind == _FORK and child != parent:
                    yield Forked(when, child, parent)
                elif kind == _EXIT and child == tid:
                    yield Ended(when, child)
            elif kind == _LOST:
                self.lost += int.from_bytes(body[8:16], "little")

    def close(self) -> None:
        for buffer in self._buffers.values():
            buffer.close()
        for fd in self._fds:
            os.close(fd)
        self._buffers, self._fds = {}, []


def _mapped(body: bytes, misc: int, when: int) -> Mapped:
    pid, _, start, size, offset, file, _, _ = _MAPPED.unpack_from(body)
    path = body[_MAPPED.size : -_TRAILER.size].split(b"\0", 1)[0]
    if misc & _HAS_BUILD_ID:
        return Mapped(when, pid, start, size, offset, path, file[4 : 4 + file[0]])
    return Mapped(when, pid, start, size, offset, path, inode=_FILE.unpack(file)[2])


def threads(pid: int) -> Iterable[int]:
    """The threads of a process, as far as it is there."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
