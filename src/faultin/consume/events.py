# SPDX-License-Identifier: Apache-2.0
"""Events: records are decoded, and written by a sink.

In: whole records. Out: events, in the sink's hands. Calls that the query does not want
are gone before they are decoded.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from faultin.decode.calls import Decoder
from faultin.decode.paths import DescriptorPaths
from faultin.drain.wire import Record, RecordType
from faultin.event import Event, EventKind, Summary

if TYPE_CHECKING:  # they take libraries that other traces do without
    from faultin.consume.judge import Judge
    from faultin.consume.stacking import Stacking

_COUNTED = (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT)
CALLS = (RecordType.CALL.value, RecordType.NORETURN.value)


class Sink(Protocol):
    """Where events go."""

    def write(self, events: list[Event]) -> None: ...

    def flush(self) -> None: ...

    def close(self, summary: Summary) -> None: ...


class Events:
    """The consumer of `faultin trace`."""

    done = False

    def __init__(
        self, decoder: Decoder, sink: Sink, judge: "Judge | None", paths: DescriptorPaths | None,
        stacking: "Stacking | None" = None,
    ) -> None:  # fmt: skip
        self._decode, self._complete, self._sink = decoder.event, decoder.complete, sink
        self._judge, self._paths, self._stacking = judge, paths, stacking

    @property
    def lost(self) -> Mapping[str, int]:
        return self._stacking.lost if self._stacking else {}

    def take(self, records: Iterable[Record]) -> int:
        wanted = records if self._judge is None else self._judge.wanted(records)
        if self._stacking:
            events = [self._with_stack(record) for record in self._stacking.begun(wanted)]
        else:
            events = [self._decode(record) for record in wanted]
        if self._paths:
            for event in events:
                self._paths.annotate(event)
        self._sink.write(events)
        return len([1 for event in events if event.kind in _COUNTED])

    def _with_stack(self, record: Record) -> Event:
        event = self._decode(record)
        if self._stacking and record.type in CALLS:
            event.stack = self._stacking.stack(record, self._complete(record))
        return event

    def idle(self) -> None:
        self._sink.flush()

    def close(self, summary: Summary) -> None:
        if self._stacking:
            self._stacking.close()
        self._sink.close(summary)
