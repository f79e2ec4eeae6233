# SPDX-License-Identifier: Apache-2.0
"""Keeper: the native process that traces, or supervises, in faultin's place.

In: plans and options. Out: shared memory that it fills with records, and a socket for
orders. It outlives faultin, whatever ends that, for as long as there is a task that
needs it (native/keeper/main.c); what is shared is laid out in native/keeper/shared.h.
"""

import ctypes
import errno
import mmap
import os
import socket
import subprocess
from contextlib import suppress
from enum import IntEnum
from functools import cache
from struct import Struct

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options, config_image
from faultin.engines.shared import Shared
from faultin.errors import FaultinError
from faultin.native import memfd, program, start

_PAGE = 4096
_ORDER = Struct("=IIQ")
_IMAGE = Struct("=4I")
_END = 0.2  # seconds for its end, once it traces nobody
_PATIENCE = 10.0  # seconds for an answer: the keeper never waits for anybody


class Order(IntEnum):
    COMMAND = 1
    FOLLOW = 2
    BLOCKED = 3
    QUIET = 4


class Page(ctypes.Structure):
    """struct keeper_page."""

    _fields_ = [
        ("shared", Shared),
        ("notices", ctypes.c_uint32),
        ("pid", ctypes.c_uint32),
        ("path", ctypes.c_char * 256),
    ]


@cache
def missing() -> str:
    """Why tasks cannot be traced here; empty if they can."""
    try:
        ran = subprocess.run([program(), "probe"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"its native tracer cannot run ({error})"
    if not ran.returncode:
        return ""
    return ran.stdout.strip() or f"its native tracer ended with {ran.returncode}"


def trace_image(plans: Plans, options: Options) -> bytes:
    """struct image, and the constants behind it."""
    tables = (plans.images[name] for name in ("plans", "ops", "variants"))
    parts = [config_image(plans, options), *tables]
    parts = [part + bytes(-len(part) % 8) for part in parts]
    return b"".join([_IMAGE.pack(*map(len, parts)), *parts])


class Keeper:
    """A running keeper: `ring_fd`, `wake_fd` for its records, orders, counters."""

    def __init__(self, plans: Plans, options: Options) -> None:
        size = options.ring_bytes
        self.ring_fd = memfd("faultin-ring", size=3 * _PAGE + size)
        self.wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._memory = mmap.mmap(self.ring_fd, _PAGE, offset=2 * _PAGE + size)
        self.page = Page.from_buffer(self._memory)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_PATIENCE)
        image = memfd("faultin-plans", trace_image(plans, options))
        fds = [self.ring_fd, self.wake_fd, image, theirs.fileno()]
        ring, wake, constants, control = map(str, fds)
        try:
            self._process = start(["trace", ring, str(size), wake, constants, control], fds)
        finally:
            theirs.close()
            os.close(image)
        self.pid = self._process.pid

    def order(self, kind: Order, pid: int = 0, value: int = 0) -> int:
        """Has it carried out: 0, or an errno. FaultinError if the keeper has gone."""
        try:
            self._control.send(_ORDER.pack(kind, pid, value))
            answer = self._control.recv(4)
        except OSError as error:
            why = error.strerror or str(error)
            raise FaultinError("the native tracer does not answer", why) from None
        if not answer:
            raise FaultinError("the native tracer has ended", "something has killed it")
        return int.from_bytes(answer, "little")

    @property
    def is_gone(self) -> bool:
        """Whether it has ended while there were tasks to trace: somebody has killed it."""
        return self._process.poll() is not None and self.page.shared.live > 0

    def close(self) -> None:
        """It lets the tasks go, and ends once none of them needs it."""
        self._control.close()
        for fd in (self.ring_fd, self.wake_fd):
            os.close(fd)
        if self.page.shared.live > 0:
            return
        with suppress(subprocess.TimeoutExpired):  # reaped here, if it ends as it should
            self._process.wait(_END)


def reason(number: int) -> str:
    """What an errno of an order means."""
    return os.strerror(number) if number != errno.ESRCH else "there is no such process"
