# SPDX-License-Identifier: Apache-2.0
"""Rows: the rows of Arrow batches become events again.

In: tables of the columns of layout.py, some of which may not be there. Out: Events as decode
makes them of records, but for what JSON Lines does not tell apart either: why a part of a
nested value is missing.
"""

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa

from faultin.codegen.plan import NUMBERS, Plan, plan
from faultin.columnar.layout import EXACT, Layout, Slot
from faultin.columnar.nested import Strings
from faultin.decode.buffers import text_or_bytes
from faultin.event import Event, EventKind
from faultin.syscalls.table import load
from faultin.values import Missing, Truncated, Value

_NO_VALUE = ("fault", "gone", "unset")
Row = dict[str, Any]


class Rows:
    """Makes events of the rows of recordings that were made on one architecture."""

    def __init__(self, arch: str) -> None:
        table = load(arch)
        self._layout = Layout(plan(table, table.numbers))
        self._names = [column.name for column in self._layout.columns]
        self._plans: dict[tuple[str, bool], list[tuple[Plan, tuple[Slot, ...]]]] = {}
        narrow = {id(made.syscall) for index, made in self._layout.plans.items()
                  if NUMBERS <= index < 2 * NUMBERS}  # fmt: skip
        for index, made in self._layout.plans.items():
            key = made.syscall.name, id(made.syscall) in narrow
            self._plans.setdefault(key, []).append((made, self._layout.slots[index]))

    def events(self, batch: pa.RecordBatch | pa.Table) -> Iterator[Event]:
        """An event for each row."""
        names, columns = batch.schema.names, [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield self._event(dict(zip(names, values, strict=True)))

    def _event(self, row: Row) -> Event:
        ret = row["ret"]
        event = Event(
            EventKind.NORETURN if ret is None else EventKind.CALL, row["ts"], row["pid"],
            row["tid"], row["comm"], row["syscall"], ret=ret, errno=row["errno"],
            latency=row["latency"], abi=row.get("abi") or "",
        )  # fmt: skip
        for slot in self._slots(row):
            self._argument(event, slot, row)
        if exact := row.get(EXACT):
            kept = orjson.loads(exact)
            event.args |= kept.get("args", {})
            event.out |= kept.get("out", {})
        return event

    def _slots(self, row: Row) -> tuple[Slot, ...]:
        """The arguments of its call, of the variant that it is."""
        plans = self._plans.get((row["syscall"], row.get("abi") == "i386"))
        if not plans:
            return ()
        (base, slots), *_ = plans
        for variant in base.syscall.variants:
            selector = row.get(self._names[slots[variant.selector].value])
            if selector is not None and selector & variant.mask in variant.values:
                return next(s for made, s in plans if made.arguments == variant.arguments)
        return slots

    def _argument(self, event: Event, slot: Slot, row: Row) -> None:
        name, get = slot.argument.name, lambda index: row.get(self._names[index])
        if slot.is_register:
            assert slot.codec
            event.args[name] = slot.codec.shown(get(slot.value))
            return
        assert slot.word is not None
        word = get(slot.word)
        if word is not None:
            event.capture[name] = word
        value = self._value(slot, row, slot.value, slot.bytes, slot.length)
        if value is None and slot.hex is not None and get(slot.hex) is not None:
            value = hex(get(slot.hex))
        event.args[name] = Missing(word) if value is None and word in _NO_VALUE else value
        if slot.out is not None:
            out = self._value(slot, row, slot.out, slot.out_bytes, slot.out_length)
            if out is not None:
                event.out[name] = out

    def _value(
        self, slot: Slot, row: Row, column: int, in_bytes: int | None, length: int | None
    ) -> Value:
        """What a column has, or its twin of bytes; cut if its length says so."""
        value, found = row.get(self._names[column]), None
        if value is not None:
            found = (slot.nested or slot.codec).shown(value)
        elif in_bytes is not None and (raw := row.get(self._names[in_bytes])) is not None:
            found = Strings().shown(raw) if slot.nested else text_or_bytes(raw)
        cut = None if length is None else row.get(self._names[length])
        if cut is None:
            return found
        return Truncated(found, None if cut < 0 else cut)
