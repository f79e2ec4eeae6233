# SPDX-License-Identifier: Apache-2.0
"""Event: what decode gives to the sinks."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from faultin.stacks.frames import Stack


class EventKind(Enum):
    CALL = "call"        # a system call that returned
    NORETURN = "noreturn"  # one that never did: exit, or its task was killed
    BLOCKED = "blocked"  # one that still runs; its CALL will follow
    EVENT = "event"      # a user event; `syscall` is its name
    SIGNAL = "signal"    # a signal delivered; `syscall` is its name
    EXIT = "exit"        # a task ended; `ret` is its wait status


@dataclass(slots=True)
class Event:
    """One thing that a task did.

    ts: ns since the epoch, at entry; latency: ns, None without a return; ret: as
    the kernel returned it, None without one; args: kernel argument name to value
    (faultin.values); out: for arguments that are read and written, what the kernel
    left there; capture: for each pointer argument, how it was obtained or why not.
    """

    kind: EventKind
    ts: int
    pid: int
    tid: int
    comm: str
    syscall: str
    args: dict[str, Any] = field(default_factory=dict)
    ret: int | None = None
    errno: str | None = None
    latency: int | None = None
    capture: dict[str, str] = field(default_factory=dict)
    out: dict[str, Any] = field(default_factory=dict)
    fds: tuple[str, ...] = ()  # names of the arguments that are file descriptors
    paths: dict[str, Any] = field(default_factory=dict)  # what those descriptors are open on
    ret_path: Any = None
    note: str = ""  # of an exit by a signal: its name
    abi: str = ""  # i386 or x32, when the call did not come by the native way
    stack: Stack | None = None  # where the call was made, if that was asked for

    @property
    def label(self) -> str:
        """The call's name, with its ABI if that is another: openat, openat@i386."""
        return f"{self.syscall}@{self.abi}" if self.abi else self.syscall


@dataclass(frozen=True, slots=True)
class Summary:
    """What a trace was: `lost` counts by cause, and says nothing of causes without loss.

    fell_back: reads that had to use strategy `copy` in place of their own, by cause.
    kernel: `counted`, how many of the events the kernel has counted, and `collisions`, those
    that it could not, as their keys have the digest of others; empty if it counts none.
    """

    events: int
    lost: dict[str, int]
    engine: str
    strategy: str
    fell_back: dict[str, int] = field(default_factory=dict)
    kernel: dict[str, int] = field(default_factory=dict)
