# SPDX-License-Identifier: Apache-2.0
"""Rows: the rows of Arrow batches become events again.

In: batches of the columns of layout.py, some of which may not be there. Out: Events as decode
makes them of records, but for what JSON Lines does not tell apart either: why a part of a
nested value is missing. Invariant: a value is made of its column, whole, once for each call
that a batch has; no row is looked at for columns that its call has not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from faultin.columnar import again
from faultin.columnar.calls import Alike, Calls
from faultin.columnar.codec import Number
from faultin.columnar.layout import EXACT, Slot
from faultin.columnar.nested import Strings
from faultin.decode.buffers import text_or_bytes
from faultin.errors import FaultinError
from faultin.event import Event, EventKind
from faultin.stacks.frames import End, Frame, Stack
from faultin.values import Missing, Truncated, Value

_NO_VALUE = ("fault", "gone", "unset")


def _kind(alike: Alike, ret: int | None) -> EventKind:
    if alike.is_event:
        return EventKind.EVENT
    return EventKind.NORETURN if ret is None else EventKind.CALL


class _Part:
    """The rows of a batch that are of one call and one variant: columns as lists."""

    def __init__(self, batch: pa.RecordBatch, rows: np.ndarray) -> None:
        self._batch, self._rows, self.count = batch, pa.array(rows), len(rows)

    def get(self, name: str) -> list[Any] | None:
        """None for a column that has nothing."""
        index = self._batch.schema.get_field_index(name)
        if index < 0:
            return None
        found = self._batch.column(index).take(self._rows)
        return None if found.null_count == self.count else found.to_pylist()

    def values(self, name: str) -> list[Any]:
        """The same, null by null."""
        return self.get(name) or [None] * self.count


class Rows:
    """Makes events of the rows of recordings that were made on one architecture. events: their
    user events (recordings/about.py)."""

    def __init__(self, arch: str, events: Mapping[str, str]) -> None:
        self._calls = Calls(arch, events)
        self._names = self._calls.names

    def events(self, batch: pa.RecordBatch | pa.Table) -> Iterator[Event]:
        """An event for each row, in their order."""
        for each in batch.to_batches() if isinstance(batch, pa.Table) else (batch,):
            found: list[Any] = [None] * each.num_rows
            for alike in self._calls.alike(each):
                events = self._events(_Part(each, alike.rows), alike)
                for row, event in zip(alike.rows.tolist(), events, strict=True):
                    found[row] = event
            yield from found

    def _events(self, part: _Part, alike: Alike) -> list[Event]:
        """Of one call."""
        common = [part.values(name) for name in _COMMON]
        found = [
            Event(
                _kind(alike, ret), ts, pid, tid, comm, alike.call,
                ret=ret, errno=errno, latency=latency, abi=alike.abi,
            )
            for ts, pid, tid, comm, ret, errno, latency in zip(*common, strict=True)
        ]  # fmt: skip
        for slot in alike.slots:
            self._argument(found, slot, part)
        self._stacks(found, part)
        for event, exact in zip(found, part.get(EXACT) or (), strict=False):
            if exact:
                try:
                    _keep(event, orjson.loads(exact))
                except (TypeError, ValueError, AttributeError):
                    why = f"what `{EXACT}` has of a call is not what faultin writes"
                    raise FaultinError("the recording", why) from None
        return found

    def _argument(self, events: list[Event], slot: Slot, part: _Part) -> None:
        name = slot.argument.name
        if slot.is_register:
            numbers = part.values(self._names[slot.value])
            for event, number, value in zip(events, numbers, _shown(slot, numbers), strict=True):
                event.args[name] = value
                if number is None and event.kind is EventKind.EVENT:  # it could not be read
                    event.args[name], event.capture[name] = Missing("fault"), "fault"
            return
        assert slot.word is not None
        words = part.values(self._names[slot.word])
        values = self._memory(slot, part, slot.value, slot.bytes, slot.length)
        if slot.hex is not None and (numbers := part.get(self._names[slot.hex])):
            values = [
                hex(number) if value is None and number is not None else value
                for value, number in zip(values, numbers, strict=True)
            ]
        for event, value, word in zip(events, values, words, strict=True):
            event.args[name] = Missing(word) if value is None and word in _NO_VALUE else value
            if word is not None:
                event.capture[name] = word
        if slot.out is not None:
            left = self._memory(slot, part, slot.out, slot.out_bytes, slot.out_length)
            for event, value in zip(events, left, strict=True):
                if value is not None:
                    event.out[name] = value

    def _memory(
        self, slot: Slot, part: _Part, column: int, in_bytes: int | None, length: int | None
    ) -> list[Value]:
        """What a column has, or its twin of bytes; cut where its length says so."""
        found = _shown(slot, part.values(self._names[column]))
        if in_bytes is not None and (raw := part.get(self._names[in_bytes])):
            shown = Strings().shown if slot.nested else text_or_bytes
            found = [value if data is None else shown(data)
                     for value, data in zip(found, raw, strict=True)]  # fmt: skip
        if length is not None and (cuts := part.get(self._names[length])):
            found = [value if cut is None else Truncated(value, None if cut < 0 else cut)
                     for value, cut in zip(found, cuts, strict=True)]  # fmt: skip
        return found

    def _stacks(self, events: list[Event], part: _Part) -> None:
        if frames := part.get("ustack__frames"):
            ends, ways = part.values("ustack__end"), part.values("ustack__capture")
            for event, each, end, how in zip(events, frames, ends, ways, strict=True):
                event.stack = None if each is None else _stack(each, end, how)


_COMMON = ("ts", "pid", "tid", "comm", "ret", "errno", "latency")


def _shown(slot: Slot, values: list[Any]) -> list[Value]:
    """Of numbers each that differs once: a call has few flags, modes, descriptors."""
    codec = slot.nested or slot.codec
    assert codec
    if isinstance(codec, Number):
        known = {value: codec.shown(value) for value in set(values) if value is not None}
        return [known.get(value) for value in values]
    return [None if value is None else codec.shown(value) for value in values]


def _keep(event: Event, exact: dict[str, Any]) -> None:
    """What no column can hold; of a call that no table has, its registers."""
    made = again.plain if event.args else again.named
    event.args |= made(exact.get("args", {}))
    event.out |= made(exact.get("out", {}))


def _stack(frames: list[dict[str, Any]], end: str, how: str) -> Stack:
    found = tuple(
        Frame(
            frame["ip"], frame["module"], frame["at"], frame["function"], frame["offset"],
            frame["file"], frame["line"], bool(frame["inlined"]), frame["build_id"],
        )  # fmt: skip
        for frame in frames
    )
    return Stack(found, End(end), how)
