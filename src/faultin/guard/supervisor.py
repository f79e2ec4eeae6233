# SPDX-License-Identifier: Apache-2.0
"""Supervisor: the native process that guards (native/guard), as faultin sees it.

In: Guarding. Out: records of decisions, and of calls that it asks about; orders. Should it
end, the kernel kills all that it guards; should faultin end, it does.
"""

import ctypes
import mmap
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path
from struct import Struct
from subprocess import Popen, TimeoutExpired

from faultin.codegen.program import Options
from faultin.drain.ring import Map
from faultin.engines.keeper import Page, memfd, trace_image
from faultin.errors import FaultinError
from faultin.guard.filter import guarding_filter
from faultin.guard.image import RULE_NONE, policy_image
from faultin.guard.rules import Guarding
from faultin.syscalls.table import Table

_PROGRAM = Path(__file__).parents[1] / "_built" / "guard"
_NAME = "faultin-guard"
_GUARD, _LISTEN, _DECIDE = 10, 11, 12  # enum guard_order of native/guard/policy.h
_ARENA, _STALLED, _NARROW = 4, 8, 16  # enum notice of native/keeper/shared.h
_ORDER = Struct("=IIQ")
_PAGE = 4096
_PATIENCE = 10.0  # seconds for an answer: it never waits for anybody
_END = 5.0
_NR_MSEAL = 462
_PR_SET_DUMPABLE = 4


def has_mseal() -> bool:
    """commit 8be7258aad44 ("mseal: add mseal syscall") (in v6.10)"""
    library = ctypes.CDLL(None, use_errno=True)
    return not library.syscall(_NR_MSEAL, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def hide() -> None:
    """Nobody of the same user looks into this process any more, or writes there."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, *[ctypes.c_ulong(0)] * 4)


class Supervisor:
    """A running guard. `filter` is the seccomp program for its command; `steps` are numbered
    as its orders number them."""

    def __init__(
        self, guarding: Guarding, table: Table, options: Options, audits: bool, mseal: bool,
        native: bool = True,
    ) -> None:  # fmt: skip
        if not os.access(_PROGRAM, os.X_OK):
            what = "faultin's native guard is not in this installation, or is not executable"
            raise FaultinError(what, str(_PROGRAM), "install faultin again, with pip")
        secret = (secrets.randbits(64), secrets.randbits(64))
        image, self.steps = policy_image(guarding, audits, mseal, secret, native)
        self.filter = guarding_filter(guarding, table, secret)
        size = options.ring_bytes
        self._ring_fd = memfd("faultin-ring", size=3 * _PAGE + size)
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        memory = mmap.mmap(self._ring_fd, _PAGE, offset=2 * _PAGE + size)
        self._page = Page.from_buffer(memory)
        self._told = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(_PATIENCE)
        plans = memfd("faultin-plans", trace_image(guarding.performed, options))
        policy = memfd("faultin-policy", image)
        fds = [self._ring_fd, self._wake_fd, plans, policy, theirs.fileno()]
        ring, wake, plans_word, policy_word, control = map(str, fds)
        words = [_NAME, ring, str(size), wake, plans_word, policy_word, control]
        try:
            self._process = Popen(words, executable=_PROGRAM, pass_fds=fds, process_group=0)
        finally:
            theirs.close()
            os.close(plans)
            os.close(policy)
        self.pid = self._process.pid
        self._records = Map(self._ring_fd, size, wake=self._wake_fd)

    def guard(self, pid: int) -> int:
        """Guards a process from its next execve on: 0, or an errno."""
        return self._order(_GUARD, pid)

    def listen(self, pid: int, descriptor: int) -> int:
        """Where that has the listener of its filter: 0, or an errno."""
        return self._order(_LISTEN, pid, descriptor)

    def decide(self, tid: int, seq: int, step: int | None) -> None:
        """A call that was asked about is decided by this step, None for the default."""
        number = RULE_NONE if step is None else step
        with suppress(OSError):  # it has ended: wait() says so
            self._control.send(_ORDER.pack(_DECIDE, tid, number << 32 | seq))

    def records(self, patience: int) -> bytes:
        """Whole records; waits for as many ms if there are none."""
        return self._records.drain(patience)

    @property
    def live(self) -> int:
        """Guarded tasks."""
        return self._page.shared.live

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def notices(self) -> list[str]:
        """What the user should know, each once."""
        new = self._page.notices & ~self._told
        self._told |= new
        pid, lines = self._page.pid, []
        if new & _ARENA:
            lines.append(
                f"process {pid} got no sealed memory: its calls that pass memory are denied; "
                "it may have a limit on address space or descriptors (ulimit -v, -n)"
            )
        if new & _STALLED:
            lines.append(
                "a page that was just there did not come back: the guard has ended, and with it "
                "all that it guarded"
            )
        if new & _NARROW:
            lines.append(
                f"process {pid} runs a 32-bit program: all its calls are denied, as a guard "
                "knows no other ABI than x86-64's"
            )
        return lines

    def close(self) -> None:
        """It ends, and with it what it still guards."""
        self._control.close()
        try:
            self._process.wait(_END)
        except TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._records.close()
        os.close(self._ring_fd)
        os.close(self._wake_fd)

    def _order(self, kind: int, pid: int, value: int = 0) -> int:
        try:
            self._control.send(_ORDER.pack(kind, pid, value))
            answer = self._control.recv(4)
        except OSError as error:
            why = error.strerror or str(error)
            raise FaultinError("the native guard does not answer", why) from None
        if not answer:
            raise FaultinError("the native guard has ended", "something has killed it")
        return int.from_bytes(answer, "little")
