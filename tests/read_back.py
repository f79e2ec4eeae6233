# SPDX-License-Identifier: Apache-2.0
"""What was converted becomes calls again: objects as JSON Lines have them.

In: what independent readers say: babeltrace2's messages, Perfetto's proto, JSON. Out: objects,
to compare with those of the trace. The numbers of CTF become names by faultin's own tables, as
they do for Parquet.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from faultin.columnar.layout import STACK
from faultin.columnar.rows import Rows
from faultin.sinks.json_values import to_json
from faultin.sinks.jsonl import event_object
from faultin.syscalls.table import Direction

ARCH = "x86_64"
Json = dict[str, Any]


def as_json(events) -> list[Json]:
    return [json.loads(to_json(event_object(event))) for event in events]


def in_order(calls: list[Json]) -> list[Json]:
    """Formats have calls in orders of their own; a thread has one call at a time."""
    return sorted(calls, key=lambda call: (call["ts"], call["tid"]))


# CTF


def from_ctf(messages: list[Json], schema: pa.Schema) -> list[Json]:
    """An entry and the next exit of its data stream are one call."""
    rows, types = Rows(ARCH, {}), {field.name: field.type for field in schema}
    found = [_row(*both, types, rows) for both in _pairs(messages)]
    return as_json(rows.events(pa.Table.from_pylist(found, schema.remove_metadata())))


def _pairs(messages: list[Json]) -> Iterator[tuple[Json, Json | None]]:
    waiting: dict[int, Json] = {}
    times: dict[int, int] = {}
    for event in (each for each in messages if "event" in each):
        stream = event["stream"]
        assert event["ts"] >= times.get(stream, 0)
        times[stream] = event["ts"]
        entry = waiting.pop(stream, None)
        if "syscall_exit_" in event["event"]:
            assert entry and entry["event"].replace("_entry_", "_exit_") == event["event"]
            assert (entry["common"], entry["specific"]) == (event["common"], event["specific"])
            yield entry, event
            continue
        if entry:
            yield entry, None
        waiting[stream] = event
    yield from ((entry, None) for entry in waiting.values())


def _row(entry: Json, end: Json | None, types: dict[str, pa.DataType], rows: Rows) -> Json:
    passed, left = entry["payload"], end["payload"] if end else entry["payload"]
    prefix, _, name = entry["event"].partition("syscall_entry_")
    common = entry["common"]
    row: Json = {
        "ts": entry["ts"], "pid": common["pid"], "tid": common["tid"],
        "comm": common["procname"], "syscall": name, "ret": left.get("ret"),
        "errno": left.get("errno"), "latency": None, "exact": left.get("exact"),
        **entry["specific"],
    }  # fmt: skip
    is_known = bool(rows._calls._known.get((name, True)))
    assert (prefix == "compat_") == (row.get("abi") == "i386" and is_known)
    row |= {n: _value(passed, n, types[n]) for n, _ in STACK if n in types and n in passed}
    if end and "latency__unknown" not in left:
        row["latency"] = end["ts"] - entry["ts"]
    names = rows._calls.names
    for slot in _slots(row, passed, types, rows):
        own = left if slot.argument.direction is Direction.OUT else passed
        again = "" if end else "__out"
        for number, where, called in (
            (slot.value, own, ""), (slot.bytes, own, "__bytes"), (slot.length, own, "__length"),
            (slot.word, own, "__capture"), (slot.hex, own, "__hex"), (slot.out, left, again),
            (slot.out_bytes, left, "__bytes" + again), (slot.out_length, left, "__length" + again),
        ):  # fmt: skip
            column = None if number is None else names[number]
            if column in types and slot.argument.name + called in where:
                row[column] = _value(where, slot.argument.name + called, types[column])
    return row


def _slots(row: Json, passed: Json, types: dict[str, pa.DataType], rows: Rows):
    """Of the variant that the call is: its selector is looked at in a batch of one row."""
    known = rows._calls._known.get((row["syscall"], row.get("abi") == "i386"), [])
    selected = dict(row)
    for plan, slots in known:
        for variant in plan.syscall.variants:
            selector = slots[variant.selector]
            name = rows._calls.names[selector.value]
            selected[name] = passed.get(selector.argument.name)
    fields = [(name, types[name]) for name in selected if name in types]
    batch = pa.RecordBatch.from_pylist([selected], pa.schema(fields))
    (alike,) = rows._calls.alike(batch)
    return alike.slots


def _value(structure: Json, name: str, kind: pa.DataType) -> Any:
    """A member, or None if it is not there; in CTF 1.8 what is optional is a list."""
    found = structure.get(name)
    if f"_{name}_present" in structure:
        found = found if structure[f"_{name}_present"] else None
        found = found[0] if isinstance(found, list) else found
        if found is not None and (pa.types.is_list(kind) or pa.types.is_binary(kind)):
            return _value(found, "value", kind)
    return None if found is None else _plain(found, kind)


def _plain(found: Any, kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(kind):
        return _plain(found, kind.value_type)
    if pa.types.is_binary(kind) or pa.types.is_string(kind):
        if isinstance(found, str):
            return found
        data = bytes.fromhex(found["hex"]) if isinstance(found, dict) else bytes(found)
        return data.decode() if pa.types.is_string(kind) else data
    if pa.types.is_struct(kind):
        return {field.name: _value(found, field.name, field.type) for field in kind}
    if pa.types.is_list(kind):
        return [_element(each, kind.value_type) for each in found]
    return bool(found) if pa.types.is_boolean(kind) else found


def _element(found: Any, kind: pa.DataType) -> Any:
    """An element that may not be there, or that has a length, is in a structure."""
    is_wrapped = isinstance(found, dict) and "value" in found and not pa.types.is_struct(kind)
    if is_wrapped or (isinstance(found, dict) and "_value_present" in found):
        return _value(found, "value", kind)
    return _plain(found, kind)


# Perfetto


def from_perfetto(data: bytes) -> tuple[list[Json], Json]:
    """(calls, what is said of the recording)"""
    trace = Trace.FromString(data)
    assert trace.packet[0].clock_snapshot.primary_trace_clock == 1  # REALTIME
    threads: dict[int, Any] = {}
    calls, own, open_ = [], {}, {}
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            threads[packet.track_descriptor.uuid] = packet.track_descriptor.thread
        for stats in packet.trace_stats.buffer_stats:
            own["packet_loss"] = stats.trace_writer_packet_loss
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        if event.type == TrackEvent.TYPE_SLICE_END:
            begun = open_.pop(event.track_uuid)
            begun["latency"] = packet.timestamp - begun["ts"]
            continue
        notes = {each.name: _note(each) for each in event.debug_annotations}
        if event.name == "recording":
            own = notes
            continue
        thread = threads[event.track_uuid]
        assert thread.thread_name == notes["comm"]
        call = notes | {"ts": packet.timestamp, "pid": thread.pid, "tid": thread.tid,
                        "syscall": event.name.partition("@")[0], "latency": None}  # fmt: skip
        calls.append(call)
        open_[event.track_uuid] = call
    return calls, own


def _note(note: Any) -> Any:
    if note.dict_entries:
        return {each.name: _note(each) for each in note.dict_entries}
    if note.array_values:
        return [_note(each) for each in note.array_values]
    which = note.WhichOneof("value")
    if which == "legacy_json_value":
        return json.loads(note.legacy_json_value)
    return getattr(note, which) if which else None


# Chrome


def from_chrome(data: bytes) -> tuple[list[Json], Json]:
    """(calls, what is said of the recording)"""
    whole = json.loads(data)
    base = int(whole["otherData"]["base_ns"])
    calls = [
        each["args"]
        | {"ts": base + round(each["ts"] * 1000), "pid": each["pid"], "tid": each["tid"],
           "latency": round(each["dur"] * 1000) if "dur" in each else None}
        for each in whole["traceEvents"] if each["ph"] != "M"
    ]  # fmt: skip
    return calls, whole["otherData"]
