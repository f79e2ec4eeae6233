# SPDX-License-Identifier: Apache-2.0
"""The protocol of an engine: how session attaches, follows and lets go.

A module of an engine has NAME, its STRATEGIES, `rung()` and `make()`.
"""

from dataclasses import dataclass
from typing import Protocol

from faultin.engines.counters import Counters


@dataclass(frozen=True, slots=True)
class Rung:
    """An engine: whether it is usable here, and why or why not."""

    engine: str
    strategies: tuple[str, ...]
    usable: bool
    reason: str


class Engine(Protocol):
    """Attached probes and the ring buffer they fill, until close()."""

    name: str
    strategy: str
    reads_remotely: bool  # what its probes find absent is left to decode/remote.py
    tracer: int  # a process that the command has to let trace it, or 0
    filter: bytes  # a seccomp program that the command has to load, or none
    counters: Counters | None  # what the kernel counts, if it counts
    wake_fd: int  # the eventfd that tells of records, where ring_fd does not: or -1

    @property
    def ring_fd(self) -> int:
        """The ring buffer map that the records come through."""

    @property
    def parts_fd(self) -> int | None:
        """The ring buffer of direct parts, where the strategy has one."""

    @property
    def triggers_fd(self) -> int | None:
        """The ring buffer of what notifies, where the options ask for one and it has one."""

    def set_clock(self, offset: int) -> None:
        """What turns CLOCK_MONOTONIC into ns since the epoch: a query may look at ts."""

    def attach(self) -> None:
        """Probes are on; nothing is traced yet."""

    def arm(self, pid: int) -> None:
        """Trace this process from its next execve on, and all its children."""

    def follow(self, pid: int) -> None:
        """Trace all threads of a running process, and their children."""

    def live(self) -> int:
        """How many traced tasks have not ended."""

    def report_blocked(self, before: int) -> None:
        """Send a record of every call that began before this time (CLOCK_MONOTONIC ns)."""

    def report_unfinished(self) -> None:
        """At the end: send a record of every call that has not returned."""

    def detach(self) -> None:
        """No new records from here on; what is in the ring buffer can still be read."""

    def lost(self) -> dict[str, int]:
        """How many records were lost, by cause."""

    def fell_back(self) -> dict[str, int]:
        """How many reads used strategy `copy` instead of their own, by cause."""

    def notices(self) -> list[str]:
        """What the user should know of this trace, each once."""

    def close(self) -> None:
        """Everything of it leaves the kernel."""
