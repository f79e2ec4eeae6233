# SPDX-License-Identifier: Apache-2.0
"""User events: the kernel's own ABI (CONFIG_USER_EVENTS), for ftrace, perf and LTTng.

In: a Definition, then values. Out: records in the kernel's buffers, through
/sys/kernel/tracing/user_events_data (Documentation/trace/user_events.rst). The kernel has the
pages present before it copies with page faults off, and says EFAULT for one that has gone again
by then, or cannot come: they are made present, and the write is made again, unless they cannot.
"""

import ctypes
import errno
import fcntl
import os
import warnings
from struct import Struct, calcsize, pack
from threading import Lock
from typing import Any

from faultin.events import stubs
from faultin.events.definition import KINDS, Definition
from faultin.events.descriptor import Descriptor
from faultin.events.memory import Held

PATHS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
_REG = 3 << 30 | 8 << 16 | ord("*") << 8  # DIAG_IOCSREG: _IOWR('*', 0, struct user_reg *)
_REGISTER = Struct("=IBBHQQI")  # struct user_reg of include/uapi/linux/user_events.h
_FIRST_BIT, _BITS = 16, 16  # of a slot's word: the high half
_PAGE = os.sysconf("SC_PAGESIZE")
_POPULATE_READ = 22  # MADV_POPULATE_READ, Linux 5.14: user_events came with 6.4
_DYNAMIC = "__rel_loc"  # length and offset from behind the field, 16 bits each
_MOST = 0xFFFF
_MOST_TRIES = 16  # pages may go away again before the write
_FORMATS = {"int": "i", "unsigned int": "I", "s8": "b", "u8": "B", "s16": "h", "u16": "H",
            "s32": "i", "u32": "I", "s64": "q", "u64": "Q"}  # fmt: skip
_taken: dict[int, int] = {}  # by slot: bits that events have
_by_fd: dict[int, "KernelEvent"] = {}  # an index is of one open file, which has no name of its own
_lock = Lock()
_madvise = ctypes.CDLL(None).madvise
_madvise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]


def data_file() -> str | None:
    """Where user events are written to; None if this kernel, or these rights, have none."""
    files = (f"{path}/user_events_data" for path in PATHS)
    return next((file for file in files if os.access(file, os.W_OK)), None)


def why_not() -> str:
    """Empty if the kernel's user events can be had."""
    if data_file():
        return ""
    known = any(os.path.exists(f"{path}/user_events_data") for path in PATHS)
    if known or not all(os.access(path, os.X_OK) for path in PATHS if os.path.isdir(path)):
        return "not ours to write (root gives the right to user_events_data)"
    return "the kernel has no user_events (CONFIG_USER_EVENTS)"


def opened(wanted: Definition) -> "KernelEvent | None":
    """The event, registered in the kernel; None where that cannot be, with a RuntimeWarning if the
    kernel refuses it: it may have one of that name with other fields."""
    path = data_file()
    if path is None:
        return None
    with _lock:
        number = _taken.get(wanted.slot, 0)
        if number >= _BITS:
            return None
        try:
            made = KernelEvent(path, wanted, _FIRST_BIT + number)
        except OSError as error:
            text = f"{error.strerror}; ftrace and perf will not see it, faultin will"
            warnings.warn(text, RuntimeWarning, stacklevel=4)
            return None
        _taken[wanted.slot] = number + 1
        if old := _by_fd.get(made.fd):  # whose file somebody has closed
            old.is_over = True
        _by_fd[made.fd] = made
        return made


class KernelEvent:
    """One event in the kernel; `mask` is its bit in the word of its slot."""

    def __init__(self, path: str, wanted: Definition, bit: int) -> None:
        self.mask, self.retried, self.failed = 1 << bit, 0, 0
        self._kinds = kinds(wanted)
        pairs = zip(self._kinds, wanted.fields, strict=True)
        fields = "; ".join(f"{kind} {field.name}" for kind, field in pairs)
        text = ctypes.create_string_buffer(f"{wanted.name} {fields}".strip().encode())
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        word = stubs.address(wanted.slot)
        request = bytearray(
            _REGISTER.pack(_REGISTER.size, bit, 4, 0, word, ctypes.addressof(text), 0)
        )
        try:
            fcntl.ioctl(self.fd, _REG, request, True)
        except OSError as error:
            os.close(self.fd)
            why = "the kernel has it with other fields" if error.errno == errno.EADDRINUSE else ""
            raise OSError(error.errno, f"{wanted}: {why or error.strerror}") from None
        self._index = _REGISTER.unpack(request)[-1]
        self._file = Descriptor(self.fd)
        self.is_over = False

    def write(self, values: list[Any]) -> None:
        """One record. Fixed parts first, then the texts and bytes that they point at."""
        if self.is_over or not self._file.is_ours:
            self.failed += 1
            return
        try:
            head, parts = encoded(self._kinds, self._index, values)
        except OverflowError:
            self.failed += 1
            return
        for attempt in range(_MOST_TRIES):
            try:
                os.writev(self.fd, [head, *parts])
                return
            except OSError as error:
                if error.errno == errno.EBADF:  # nobody listens any more
                    return
                if error.errno != errno.EFAULT:
                    break
            if not all(map(populated, parts)):
                break
            self.retried += 1
        self.failed += 1


def kinds(wanted: Definition) -> list[str]:
    """The types of its fields, in the kernel's words."""
    return [KINDS[field.kind] for field in wanted.fields]


def encoded(kinds: list[str], index: int, values: list[Any]) -> tuple[bytes, list[Any]]:
    """What is written: the event's index and its fixed part, and the buffers that follow.
    OverflowError if one is too large, or too far behind, for a field of 16 bits."""
    end = sum(_size(kind) for kind in kinds)
    place, fixed, parts = 0, [pack("=I", index)], []
    for kind, value in zip(kinds, values, strict=True):
        place += _size(kind)
        if not kind.startswith(_DYNAMIC):
            mask = (1 << 8 * _size(kind)) - 1
            fixed.append((value & mask).to_bytes(_size(kind), "little"))
            continue
        is_text = kind.endswith("char[]")
        part = (value or b"") + b"\0" if is_text else value if value is not None else b""
        behind = end - place
        if max(len(part), behind) > _MOST:
            raise OverflowError(f"{len(part)} bytes, {behind} behind their field")
        fixed.append(pack("=I", len(part) << 16 | behind))
        parts.append(part)
        end += len(part)
    return b"".join(fixed), parts


def _size(kind: str) -> int:
    return 4 if kind.startswith(_DYNAMIC) else calcsize(f"={_FORMATS[kind]}")


def populated(part: Any) -> bool:
    """Has the pages of a buffer present. False if one cannot be: to read it would be the end of
    this process (a mapping of a file that is shorter by now)."""
    held = Held(part)
    start = held.address & -_PAGE
    return not _madvise(start, held.address + held.size - start, _POPULATE_READ)
