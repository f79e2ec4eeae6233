# SPDX-License-Identifier: Apache-2.0
"""Session: the only place that wires the stages together.

In: what to trace, and a sink. Out: a Summary. It starts the engine, feeds what
the ring buffer gives through decode into the sink, and knows when to stop.
"""

import time
from contextlib import ExitStack
from functools import partial
from typing import Callable

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.consume.base import ChunkConsumer, Consumer
from faultin.decode.calls import Decoder
from faultin.decode.late import Late
from faultin.decode.reader import Reader
from faultin.decode.remote import fill
from faultin.drain.ring import Chunk, Map, Ring
from faultin.drain.triggers import Watched
from faultin.drain.wire import Assembler
from faultin.engines.base import Engine
from faultin.engines.keeper import trace_image
from faultin.errors import CommandError
from faultin.event import Summary
from faultin.launch import Command

_TURN = 0.02         # seconds between looks at whether all traced tasks have ended
_LOOK = 0.25          # ... and at calls that block
_BLOCKED = 500 * 10**6  # ns after which a call that still runs is shown


# What makes the consumer: of the decoder, and of what turns CLOCK_MONOTONIC into ns since
# the epoch.
Consuming = Callable[[Decoder, int], Consumer | ChunkConsumer]


class Session:
    """One trace, from attached probes to the summary. It owns the engine and the ring.

    show_blocked: give calls that block for long to the consumer while they do; tell: is
    given what the user should know; follow: is given each process before it is traced.
    """

    def __init__(
        self, engine: Engine, plans: Plans, options: Options, consuming: Consuming,
        show_blocked: bool = False, tell: Callable[[str], None] = lambda notice: None,
        follow: Callable[[int], None] = lambda pid: None,
    ) -> None:  # fmt: skip
        self._engine, self._follow = engine, follow
        self._show_blocked, self._tell = show_blocked, tell
        self._events = 0
        self._stop = ""
        offset = time.time_ns() - time.monotonic_ns()
        with ExitStack() as undone:  # if anything fails: what is attached would stay
            undone.callback(engine.close)
            self._start(plans, options, consuming, offset, undone)
            undone.pop_all()

    def _start(
        self, plans: Plans, options: Options, consuming: Consuming, offset: int, undone: ExitStack
    ) -> None:  # fmt: skip
        engine = self._engine
        self._reader = Reader(partial(trace_image, plans, options))
        undone.callback(self._reader.close)
        reading = partial(fill, self._reader)
        decoder = Decoder(plans, offset, reading)
        self._late = Late(reading) if engine.reads_remotely else None
        if self._late:
            self._reader.start()
            self._late.start()
            undone.callback(self._late.close)
        self._consumer = consuming(decoder, offset)
        self._chunks = self._consumer if isinstance(self._consumer, ChunkConsumer) else None
        self._assembler = Assembler()
        engine.set_clock(offset)
        self._ring = _ring(engine, options, self._late.show if self._late else None)
        undone.callback(self._ring.close)
        engine.attach()
        self._ring.start()

    def stop(self, reason: str = "stopped") -> None:
        """Ends the trace soon; what is traced goes on. Safe in a signal handler."""
        self._stop = reason

    def run_command(self, command: Command) -> Summary:
        """Traces the command and all its children until the last has ended."""
        try:
            command.admit(self._engine.tracer)
            self._follow(command.pid)
            self._engine.arm(command.pid)
            command.release(self._engine.filter)
        except CommandError:
            self._finish()
            raise
        return self._run(lambda: command.poll() is not None and self._engine.live() <= 0)

    def run_pids(self, pids: list[int]) -> Summary:
        """Traces running processes and their children until the last has ended."""
        for pid in pids:
            self._follow(pid)
            self._engine.follow(pid)
        return self._run(lambda: self._engine.live() <= 0)

    def _run(self, ended: Callable[[], bool]) -> Summary:
        try:
            looked = time.monotonic()
            while not self._stop and not self._turn(ended):
                if self._show_blocked and time.monotonic() - looked > _LOOK:
                    looked = time.monotonic()
                    self._engine.report_blocked(time.monotonic_ns() - _BLOCKED)
        finally:
            summary = self._finish()
        return summary

    def _turn(self, ended: Callable[[], bool]) -> bool:
        """Handles what has come; whether that was all there is to do."""
        if chunk := self._ring.take(_TURN):
            self._handle(chunk)
            return self._consumer.done
        self._consumer.idle()
        self._say_notices()
        return self._consumer.done or ended()

    def _say_notices(self) -> None:
        for notice in self._engine.notices():
            self._tell(notice)

    def _handle(self, chunk: Chunk) -> None:
        if self._chunks:
            self._events += self._chunks.take_chunk(chunk.data)
            return
        whole = self._assembler.whole
        self._events += self._consumer.take(
            record for part in chunk.records() if (record := whole(part, chunk.urgent))
        )

    def _finish(self) -> Summary:
        """Lets go of the traced tasks, then gives what is still on its way."""
        self._engine.detach()
        self._engine.report_unfinished()
        try:
            for chunk in self._ring.finish():
                self._handle(chunk)
            self._say_notices()
            lost = {**self._engine.lost(), **self._consumer.lost}
            summary = Summary(
                self._events, lost, self._engine.name, self._engine.strategy,
                self._engine.fell_back(),
            )  # fmt: skip
            self._consumer.close(summary)
            return summary
        finally:
            if self._late:
                self._late.close()
            self._reader.close()
            self._ring.close()
            self._engine.close()


def _ring(engine: Engine, options: Options, show: Callable[[Chunk], None] | None) -> Ring:
    """The consumer of all the ring buffers that an engine has; `show` as for Ring."""
    records = Map(engine.ring_fd, options.ring_bytes, wake=engine.wake_fd)
    parts = None
    if engine.parts_fd is not None:
        parts = Map(engine.parts_fd, options.parts_bytes, skip=True)
    if engine.triggers_fd is None:
        return Ring(records, parts, show)
    triggers = Map(engine.triggers_fd, options.triggers_bytes)
    return Watched(records, triggers, parts, show)
