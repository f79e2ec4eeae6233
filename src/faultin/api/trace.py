# SPDX-License-Identifier: Apache-2.0
"""Trace: the events of a command or of processes, one after the other.

In: the calls that are traced, and options. Out: Events, or an Arrow table of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Unpack

from faultin.api.choices import Options, choice_of
from faultin.api.frames import Frames
from faultin.api.running import Lazy, Running
from faultin.cli import tracing
from faultin.codegen.program import Options as Program
from faultin.consume.chunks import Chunks
from faultin.consume.judge import Judge
from faultin.decode.calls import Decoder
from faultin.drain.wire import Assembler, records
from faultin.event import Event, EventKind, Summary
from faultin.extras import need
from faultin.session import Session

if TYPE_CHECKING:
    import pyarrow as pa

_CALLS = (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT)


class Trace(Lazy, Frames):
    """A trace that begins with `with`, or when it is first iterated. It ends when all that is
    traced has ended, or with the `with` block: what is traced goes on then.

    signals: give events of signals and ends of tasks, too. stack: events have the stacks of
    their calls (Event.stack).
    """

    def __init__(
        self, calls: str = "all", *, signals: bool = False, stack: bool = False,
        **options: Unpack[Options],
    ) -> None:  # fmt: skip
        self._choice = choice_of(calls, options)
        self._signals, self._stack = signals, stack
        self._chunks = Chunks()
        self._events = self._each()
        self._count = 0
        self._table: pa.Table | None = None

    # Running

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._running:
            self._chunks.leave()
            self._running.stop()
            if kind is None:
                self._running.wait()

    def _begin(self) -> Running:
        return Running(self._choice, self._session, self._chunks.end)

    def _session(self) -> Session:
        options = Program(max_bytes=self._choice.max_bytes, ring_bytes=self._choice.ring_bytes)
        self._prepared = tracing.prepare(
            self._choice, tracing.Texts(self._choice.where or ""), options, stack=self._stack
        )
        prepared = self._prepared

        def consuming(decoder: Decoder, offset: int) -> Chunks:
            self._decoder, self._offset = decoder, offset
            self._judge = None
            if prepared.query:
                self._judge = Judge(prepared.query, prepared.plans, offset, decoder.complete)
            self._stacking = prepared.stacking()
            return self._chunks

        return Session(
            prepared.engine, prepared.plans, prepared.options, consuming, follow=prepared.follow
        )

    def stop(self) -> None:
        """Ends the trace; what is traced goes on. Events that have come can still be had."""
        if self._running:
            self._chunks.leave()
            self._running.stop()

    # What came of it

    @property
    def summary(self) -> Summary:
        """How complete the trace was; waits for its end. `events`: as many as were given."""
        return replace(self._start().wait(), events=self._count)

    @property
    def pid(self) -> int | None:
        """Of the command."""
        command = self._start().command
        return command.pid if command else None

    def to_arrow(self) -> "pa.Table":
        """The calls that have not been iterated yet, as a table; waits for the end of the
        trace. Its columns are those of a recording (docs/recordings.md)."""
        need("pyarrow", "to_arrow()")
        from faultin.columnar.builder import Builder
        from faultin.recordings.files import joined

        running = self._start()
        if self._table is None:
            import pyarrow as pa

            builder = Builder(
                self._prepared.plans, self._offset, self._decoder, self._judge,
                stacking=self._stacking,
            )  # fmt: skip
            batches = [batch for chunk in self._chunks for batch in builder.add(chunk)]
            batches.append(builder.flush())
            builder.close()
            running.wait()
            self._count += builder.count
            self._table = joined([pa.Table.from_batches([batch]) for batch in batches])
        return self._table

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    def _each(self) -> Iterator[Event]:
        """The events that are wanted, as they come."""
        running = self._start()
        whole = Assembler().whole
        for chunk in self._chunks:
            if self._stacking:
                self._stacking.begin()
            found = (record for part in records(chunk) if (record := whole(part)))
            for record in self._judge.wanted(found) if self._judge else found:
                event = self._decoder.event(record)
                if event.kind in _CALLS:
                    self._count += 1
                    if self._stacking:
                        event.stack = self._stacking.stack(record, self._decoder.complete(record))
                elif not self._signals or event.kind is EventKind.BLOCKED:
                    continue
                yield event
        if self._stacking:
            self._stacking.close()
        running.wait()


def trace(
    calls: str = "all", *, signals: bool = False, stack: bool = False, **options: Unpack[Options]
) -> Trace:
    """Traces the system calls that `calls` names, as -e does. See Options for the rest."""
    return Trace(calls, signals=signals, stack=stack, **options)
