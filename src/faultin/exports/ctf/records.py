# SPDX-License-Identifier: Apache-2.0
"""Records: the calls of a batch as event records.

In: a batch of a recording. Out: for each call the bytes of its events, entry and exit one
behind the other, and when they were. Invariant: all is done a column at a time; calls whose
fields are of the same classes are encoded together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faultin.columnar.calls import Alike, Calls
from faultin.exports.ctf.classes import (
    BYTES, Integer, Member, Structure, Text, constant, encode, joined, numbers,
)  # fmt: skip
from faultin.exports.ctf.fields import Field, Fields, Side

COMMON = Structure((
    Member("procname", Text()), Member("pid", Integer(32, True)), Member("tid", Integer(32, True)),
))  # fmt: skip
_CONTEXTS = ("ppid", "uid", "gid", "cgroup", "abi")
_UNKNOWN = "latency__unknown"  # the exit, or the entry, was not seen: its time is the other's
_PREFIX = {"i386": "compat_"}  # as LTTng has calls of 32-bit programs; those of x32 have `abi`


@dataclass(frozen=True, slots=True)
class EventClass:
    """specific: the context that not all events have."""

    name: str
    specific: Structure
    payload: Structure


@dataclass(frozen=True)
class Encoded:
    """begins, ends: ns since the epoch; data: of both events."""

    begins: np.ndarray
    ends: np.ndarray
    data: pa.Array


@dataclass
class Classes:
    """The classes of a trace, by number, as its events bring them."""

    numbers: dict[EventClass, int] = field(default_factory=dict)

    def number(self, found: EventClass) -> int:
        return self.numbers.setdefault(found, len(self.numbers))


class _Batch:
    """The columns of a batch that have anything, and where they do."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows = batch.num_rows
        self.columns = {
            name: array for name, array in zip(batch.schema.names, batch.columns, strict=True)
            if array.null_count < len(array)
        }  # fmt: skip
        self._valid: dict[str, np.ndarray] = {}

    def valid(self, name: str) -> np.ndarray:
        if name not in self._valid:
            column = self.columns.get(name)
            self._valid[name] = (
                np.zeros(self.rows, bool) if column is None
                else column.is_valid().to_numpy(zero_copy_only=False)
            )  # fmt: skip
        return self._valid[name]

    def integers(self, name: str) -> np.ndarray:
        """0 where there is none."""
        column = self.columns.get(name)
        if column is None:
            return np.zeros(self.rows, np.int64)
        return column.fill_null(0).to_numpy(zero_copy_only=False)

    @cached_property
    def latency(self) -> np.ndarray:
        return self.integers("latency").astype(np.int64)


class Encoder:
    """Encodes the batches of one trace."""

    def __init__(self, arch: str, events: Mapping[str, str]) -> None:
        self._calls = Calls(arch, events)
        self._fields = Fields(self._calls.names)
        self.classes = Classes()

    def encode(self, batch: pa.RecordBatch) -> Encoded:
        found = _Batch(batch)
        entries, exits, order = [], [], []
        for alike in self._calls.alike(batch):
            fields = self._fields.of(alike.slots)
            for rows in _same_fields(found, alike.rows, fields):
                both = _Group(found, rows, fields, alike, self.classes)
                entries.append(both.entry())
                exits.append(both.exit())
                order.append(rows)
        back = np.argsort(np.concatenate(order)) if order else np.empty(0, np.int64)
        data = joined(*(_concatenated(each).take(pa.array(back)) for each in (entries, exits)))
        begins = found.integers("ts").astype(np.int64)
        return Encoded(begins, begins + found.latency.clip(0), data)


def _concatenated(arrays: list[pa.Array]) -> pa.Array:
    return pa.concat_arrays(arrays) if arrays else pa.array([], BYTES)


def _same_fields(
    batch: _Batch, rows: np.ndarray, fields: tuple[Field, ...]
) -> list[np.ndarray]:
    """Rows that have the same fields."""
    names = [*(each.column for each in fields), *_CONTEXTS, "latency"]
    there = np.stack([batch.valid(name)[rows] for name in dict.fromkeys(names)], axis=1)
    mixed = there[:, there.any(axis=0) & ~there.all(axis=0)]
    if not mixed.shape[1]:
        return [rows]
    packed = np.packbits(mixed, axis=1)
    _, which = np.unique(packed, axis=0, return_inverse=True)
    which = which.reshape(-1)
    order = np.argsort(which, kind="stable")
    return np.split(rows[order], np.flatnonzero(np.diff(which[order])) + 1)


class _Group:
    """Calls of one variant, with the same fields."""

    def __init__(
        self, batch: _Batch, rows: np.ndarray, fields: tuple[Field, ...], alike: Alike,
        classes: Classes,
    ) -> None:  # fmt: skip
        self._batch, self._rows, self._fields = batch, rows, fields
        self._alike, self._classes = alike, classes
        self._at = pa.array(rows)
        self._returned = bool(batch.valid("ret")[rows[0]])
        names = [name for name in _CONTEXTS if batch.valid(name)[rows[0]]]
        specific, parts = self._structure([Field(name, name, Side.ENTRY) for name in names])
        self._specific = specific
        common = [encode(self._take(name))[1] for name in ("comm", "pid", "tid")]
        self._context = joined(*common, *parts)

    def _take(self, column: str) -> pa.Array:
        return self._batch.columns[column].take(self._at)

    def _structure(self, fields: list[Field]) -> tuple[Structure, list[pa.Array]]:
        members: dict[str, Member] = {}
        parts = []
        for each in fields:
            of, data = encode(self._take(each.column), each.base)
            # what was left in an argument stands beside what was passed if there is no exit
            name = f"{each.name}__out" if each.name in members else each.name
            members[name] = Member(name, of)
            parts.append(data)
        return Structure(tuple(members.values())), parts

    def _there(self, side: Side) -> list[Field]:
        """The fields of an event; of a call that did not return, all are in the first."""
        return [
            each for each in self._fields
            if self._batch.valid(each.column)[self._rows[0]]
            and (each.side is side or not self._returned)
        ]  # fmt: skip

    def entry(self) -> pa.Array:
        times = self._batch.integers("ts")[self._rows]
        return self._event("entry", times, *self._structure(self._there(Side.ENTRY)))

    def exit(self) -> pa.Array:
        """No bytes, of calls that did not return."""
        if not self._returned:
            return pa.array([b""] * len(self._rows), BYTES)
        latency = self._batch.latency[self._rows]
        times = self._batch.integers("ts")[self._rows] + latency.clip(0)
        payload, parts = self._structure(self._there(Side.EXIT))
        if not self._batch.valid("latency")[self._rows[0]]:
            payload = Structure((*payload.members, Member(_UNKNOWN, Integer(8, False))))
            parts.append(numbers(np.ones(len(self._rows), np.uint8)))
        return self._event("exit", times, payload, parts)

    def _event(
        self, side: str, times: np.ndarray, payload: Structure, parts: list[pa.Array]
    ) -> pa.Array:
        number = self._classes.number(EventClass(self._name(side), self._specific, payload))
        head = constant(number.to_bytes(4, "little"))
        found = joined(head, numbers(times.astype("<i8")), self._context, *parts)
        assert isinstance(found, pa.Array) and not pc.any(found.is_null()).as_py()
        return found

    def _name(self, side: str) -> str:
        if self._alike.is_event:
            return self._alike.call
        return f"{_PREFIX.get(self._alike.abi, '')}syscall_{side}_{self._alike.call}"
