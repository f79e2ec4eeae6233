# SPDX-License-Identifier: Apache-2.0
"""Session: the only place that wires the stages together.

In: what to trace, and a sink. Out: a Summary. It starts the engine, feeds what
the ring buffer gives through decode into the sink, and knows when to stop.
"""

import time
from dataclasses import dataclass
from typing import Callable, Protocol

from faultin.codegen.plan import plan
from faultin.codegen.program import Options
from faultin.decode.calls import Decoder
from faultin.decode.paths import DescriptorPaths
from faultin.decode.remote import fill
from faultin.drain.ring import Ring
from faultin.drain.wire import Assembler, records
from faultin.engines.choose import choose
from faultin.event import Event, EventKind, Summary
from faultin.launch import Command
from faultin.syscalls.table import Table

_TURN = 0.1          # seconds between looks at whether all traced tasks have ended
_BLOCKED = 500 * 10**6  # ns after which a call that still runs is shown


class Sink(Protocol):
    """Where events go."""

    def write(self, events: list[Event]) -> None: ...

    def flush(self) -> None: ...

    def close(self, summary: Summary) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be traced: syscall numbers, and a command or pids."""

    traced: frozenset[int]
    options: Options
    engine: str = "auto"
    strategy: str | None = None
    show_blocked: bool = False
    paths: bool = False


class Session:
    """One trace, from attached probes to the summary."""

    def __init__(self, table: Table, request: Request, sink: Sink) -> None:
        self._request = request
        self._sink = sink
        self._events = 0
        self._stop = ""
        plans = plan(table, request.traced)
        offset = time.time_ns() - time.monotonic_ns()
        self._engine = choose(request.engine, request.strategy, plans, request.options, table.arch)
        self._decoder = Decoder(plans, offset, fill)
        self._assembler = Assembler()
        self._paths = DescriptorPaths() if request.paths else None
        self._ring = Ring(self._engine.ring_fd, request.options.ring_bytes)
        self._engine.attach()
        self._ring.start()

    @property
    def engine(self) -> str:
        return self._engine.name

    def stop(self, reason: str = "stopped") -> None:
        """Ends the trace soon; what is traced goes on. Safe in a signal handler."""
        self._stop = reason

    def run_command(self, command: Command) -> Summary:
        """Traces the command and all its children until the last has ended."""
        self._engine.arm(command.pid)
        command.release()
        return self._run(lambda: command.poll() is not None and self._engine.live() <= 0)

    def run_pids(self, pids: list[int]) -> Summary:
        """Traces running processes and their children until the last has ended."""
        for pid in pids:
            self._engine.follow(pid)
        return self._run(lambda: self._engine.live() <= 0)

    def _run(self, ended: Callable[[], bool]) -> Summary:
        try:
            looked = time.monotonic()
            while not self._stop:
                if chunk := self._ring.take(_TURN):
                    self._handle(chunk)
                now = time.monotonic()
                if now - looked < _TURN:
                    continue
                looked = now
                if ended():
                    break
                if self._request.show_blocked:
                    self._engine.report_blocked(time.monotonic_ns() - _BLOCKED)
                self._sink.flush()
        finally:
            summary = self._finish()
        return summary

    def _handle(self, chunk: bytes) -> None:
        whole, decode = self._assembler.whole, self._decoder.event
        events = [decode(record) for part in records(chunk) if (record := whole(part))]
        if self._paths:
            for event in events:
                self._paths.annotate(event)
        self._events += sum(event.kind in _COUNTED for event in events)
        self._sink.write(events)

    def _finish(self) -> Summary:
        """Lets go of the traced tasks, then gives what is still on its way."""
        self._engine.detach()
        self._engine.report_unfinished()
        try:
            for chunk in self._ring.finish():
                self._handle(chunk)
            summary = Summary(
                self._events, self._engine.lost(), self._engine.name, self._engine.strategy
            )
            self._sink.close(summary)
            return summary
        finally:
            self._ring.close()
            self._engine.close()


_COUNTED = frozenset({EventKind.CALL, EventKind.NORETURN})

