# SPDX-License-Identifier: Apache-2.0
"""Perfetto: the protobuf of ui.perfetto.dev and its trace processor.

In: events. Out: packets, by the classes of the package `perfetto`. Each thread is a track, each
call a slice with its arguments as annotations; one that did not return has no end, and one of
which only a side was seen is an instant, as is a user event. What was lost is in an instant of the
track `faultin`, and the number of events in the statistics of the trace, so that viewers tell of a
loss.
"""

from typing import Any

import orjson

from faultin.event import Event, EventKind, Summary
from faultin.extras import need
from faultin.sinks.json_values import to_json
from faultin.sinks.jsonl import event_object
from faultin.sinks.lost import lost_records
from faultin.sinks.output import Output

_CALLS = (EventKind.CALL, EventKind.NORETURN, EventKind.EVENT)
_HEAD = ("ts", "pid", "tid", "syscall", "latency")  # what the format has a place of its own for
_SEQUENCE, _REALTIME, _OWN_TRACK = 1, 1, 1
_PROCESS, _THREAD = 1 << 62, 1 << 63
_MODULES = ("protos.perfetto.trace.perfetto_trace_pb2", "trace_builder.proto_builder")
_CLEARED = 1  # SEQ_INCREMENTAL_STATE_CLEARED


def protos() -> tuple[Any, Any]:
    """(the classes of packets, what writes them); MissingExtra."""
    return tuple(need(f"perfetto.{each}", "--to perfetto", "perfetto") for each in _MODULES)


class Perfetto:
    """Writes packets one by one; `about` is what the recording says of itself."""

    def __init__(self, output: Output, about: dict[str, Any]) -> None:
        self._protos, builder = protos()
        self._output, self._about = output, about
        self._builder = builder.StreamingTraceProtoBuilder(output)
        self._names: dict[tuple[int, int], str] = {}
        self._processes: set[int] = set()
        self._begun, self._last = False, 0

    def write(self, events: list[Event]) -> None:
        for event in events:
            if event.kind in _CALLS:
                self._begin(event.ts)
                self._track(event)
                self._call(event)

    def _packet(self) -> Any:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        return packet

    def _begin(self, ts: int) -> None:
        """Times are those of CLOCK_REALTIME, here and in all that follows."""
        if self._begun:
            return
        self._begun = True
        packet = self._packet()
        packet.sequence_flags = _CLEARED
        packet.trace_packet_defaults.timestamp_clock_id = _REALTIME
        packet.clock_snapshot.primary_trace_clock = _REALTIME
        packet.clock_snapshot.clocks.add(clock_id=_REALTIME, timestamp=ts)
        self._builder.write_packet(packet)
        packet = self._packet()
        packet.track_descriptor.uuid, packet.track_descriptor.name = _OWN_TRACK, "faultin"
        self._builder.write_packet(packet)

    def _track(self, event: Event) -> None:
        """A task, and its name whenever it is another."""
        pid, tid, comm = event.pid, event.tid, event.comm
        if self._names.get((pid, tid)) == comm:
            return
        self._names[pid, tid] = comm
        if pid == tid or pid not in self._processes:
            self._processes.add(pid)
            packet = self._packet()
            track = packet.track_descriptor
            track.uuid, track.process.pid = _PROCESS | pid, pid
            if pid == tid:
                track.process.process_name = comm
            self._builder.write_packet(packet)
        packet = self._packet()
        track = packet.track_descriptor
        track.uuid, track.parent_uuid = _uuid(event), _PROCESS | pid
        track.thread.pid, track.thread.tid, track.thread.thread_name = pid, tid, comm
        self._builder.write_packet(packet)

    def _call(self, event: Event) -> None:
        kinds = self._protos.TrackEvent
        end = None if event.latency is None else event.ts + event.latency
        is_event = event.kind is EventKind.EVENT
        is_instant = end is None and (event.ret is not None or is_event)
        packet = self._event(
            event.ts, kinds.TYPE_INSTANT if is_instant else kinds.TYPE_SLICE_BEGIN, _uuid(event)
        )
        packet.track_event.name = event.label
        packet.track_event.categories.append("event" if is_event else "syscall")
        whole = orjson.loads(to_json(event_object(event)))
        self._annotate(packet, {n: each for n, each in whole.items() if n not in _HEAD})
        self._builder.write_packet(packet)
        if end is not None:
            self._builder.write_packet(self._event(end, kinds.TYPE_SLICE_END, _uuid(event)))

    def _event(self, ts: int, kind: int, track: int) -> Any:
        packet = self._packet()
        self._last = max(self._last, ts)
        packet.timestamp = ts
        packet.track_event.type, packet.track_event.track_uuid = kind, track
        return packet

    def _annotate(self, packet: Any, found: dict[str, Any]) -> None:
        for name, value in found.items():
            _put(packet.track_event.debug_annotations.add(name=name), value)

    def close(self, summary: Summary) -> None:
        self._begin(0)
        packet = self._event(self._last, self._protos.TrackEvent.TYPE_INSTANT, _OWN_TRACK)
        packet.track_event.name = "recording"
        self._annotate(packet, {
            **self._about, "events": summary.events, "lost": summary.lost,
            "engine": summary.engine, "strategy": summary.strategy,
        })  # fmt: skip
        self._builder.write_packet(packet)
        if lost := lost_records(summary.lost):
            packet = self._packet()
            packet.trace_stats.buffer_stats.add(trace_writer_packet_loss=lost)
            self._builder.write_packet(packet)
        self._output.close()


def _uuid(event: Event) -> int:
    return _THREAD | event.pid << 32 | event.tid


def _put(annotation: Any, value: Any) -> None:
    """A value of JSON; null has no value, and what is empty is JSON, as it would have none."""
    match value:
        case None:
            pass
        case bool():
            annotation.bool_value = value
        case int() if value >= 1 << 63:
            annotation.uint_value = value
        case int():
            annotation.int_value = value
        case str():
            annotation.string_value = value
        case dict() | list() if not value:
            annotation.legacy_json_value = to_json(value).decode()
        case dict():
            for name, each in value.items():
                _put(annotation.dict_entries.add(name=name), each)
        case list():
            for each in value:
                _put(annotation.array_values.add(), each)
        case _:
            raise TypeError(f"{type(value).__name__} is no value of JSON")
