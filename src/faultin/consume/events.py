# SPDX-License-Identifier: Apache-2.0
"""Events: records are decoded, and written by a sink.

In: whole records. Out: events, in the sink's hands. Calls that the query does not want
are gone before they are decoded.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from faultin.consume.judge import Judge
from faultin.decode.calls import Decoder
from faultin.decode.paths import DescriptorPaths
from faultin.drain.wire import Record
from faultin.event import Event, EventKind, Summary

_COUNTED = (EventKind.CALL, EventKind.NORETURN)


class Sink(Protocol):
    """Where events go."""

    def write(self, events: list[Event]) -> None: ...

    def flush(self) -> None: ...

    def close(self, summary: Summary) -> None: ...


class Events:
    """The consumer of `faultin trace`."""

    lost: Mapping[str, int] = {}
    done = False

    def __init__(
        self, decoder: Decoder, sink: Sink, judge: Judge | None, paths: DescriptorPaths | None
    ) -> None:
        self._decode, self._sink = decoder.event, sink
        self._judge, self._paths = judge, paths

    def take(self, records: Iterable[Record]) -> int:
        wanted = records if self._judge is None else self._judge.wanted(records)
        events = [self._decode(record) for record in wanted]
        if self._paths:
            for event in events:
                self._paths.annotate(event)
        self._sink.write(events)
        return len([1 for event in events if event.kind in _COUNTED])

    def idle(self) -> None:
        self._sink.flush()

    def close(self, summary: Summary) -> None:
        self._sink.close(summary)
