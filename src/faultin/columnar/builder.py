# SPDX-License-Identifier: Apache-2.0
"""Builder: chunks of the ring buffer become Arrow batches.

In: chunks. Out: RecordBatches, with the columns that their calls have. The native side has
all that is plain; decode is asked only for what is nested, was not read at once, came in
parts, or has still to be judged. Invariant: a row is what decode makes of its record.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from faultin.codegen.plan import Plans
from faultin.columnar import arrays
from faultin.columnar.kinds import Plain, Text
from faultin.columnar.layout import ABIS, ALWAYS, EXACT, NAMES, WORDS, Column, Layout, field_of
from faultin.columnar.native import ALL_LEFT, NO_ROW, Columns, Filled
from faultin.columnar.patches import Patches
from faultin.consume.judge import Judge
from faultin.decode.calls import Decoder, foreign_name
from faultin.drain.wire import PLAN_NONE, Assembler, Record, records
from faultin.errno_names import errno_name
from faultin.sinks.json_values import to_json

if TYPE_CHECKING:
    from faultin.consume.stacking import Stacking

ROOM = 65_536  # rows of a batch
_HEAD, _LENGTH = 8, 0x3FFFFFFF


class Builder:
    """Builds the batches of one trace. `offset` turns CLOCK_MONOTONIC into ns since the
    epoch; decoder, judge, stacking: those of the trace."""

    def __init__(
        self, plans: Plans, offset: int, decoder: Decoder, judge: Judge | None = None,
        room: int = ROOM, stacking: "Stacking | None" = None,
    ) -> None:  # fmt: skip
        self.layout = Layout(plans)
        self._decoder, self._judge = decoder.with_memory(), judge
        self._columns = Columns(self.layout, room, offset, judge is not None, stacking is not None)
        self._stacking = stacking
        self._whole = Assembler().whole
        self._labels = _Labels(plans)
        self._begin()
        self.count = 0  # calls in all batches, and in the one that is being filled

    def _begin(self) -> None:
        self._patches = Patches(self.layout)
        self._foreign: dict[int, str] = {}
        self._dropped: list[int] = []

    @property
    def waiting(self) -> int:
        """Rows of the batch that is being filled."""
        return self._columns.rows

    def add(self, chunk: bytes) -> Iterator[pa.RecordBatch]:
        """The batches that are full."""
        if self._stacking:
            self._stacking.begin()
        at = 0
        while at < len(chunk):
            before = self._columns.rows
            at, left = self._columns.add(chunk, at)
            self.count += self._columns.rows - before
            for place, row, ops in left.tolist():
                self._take(_record(chunk, place), row, ops)
            if self._columns.is_full:
                yield self.flush()

    def _take(self, part: Record, row: int, ops: int) -> None:
        record = self._whole(part)
        if record is None or row == NO_ROW:
            return
        if self._judge and not self._judge.wants(record):
            self._dropped.append(row)
            self.count -= 1
            return
        if self._stacking:
            self._take_stack(record, row, self._stacking)
        if record.plan == PLAN_NONE:
            self._take_foreign(record, row)
            return
        plan = self.layout.plans[record.plan]
        found = self._decoder.arguments(record)
        left = {op.position for bit, op in enumerate(plan.ops) if ops >> bit & 1}
        for slot in self.layout.slots[record.plan]:
            if not slot.is_register and (ops == ALL_LEFT or slot.position in left):
                self._patches.put(slot, row, found)

    def _take_stack(self, record: Record, row: int, stacking: "Stacking") -> None:
        if stack := stacking.stack(record, self._decoder.complete(record)):
            self._patches.put_stack(row, stack)

    def _take_foreign(self, record: Record, row: int) -> None:
        """A call that no table has: its name says its number, its registers are kept as JSON."""
        self._foreign[row] = foreign_name(record)
        for name, value in self._decoder.event(record).args.items():
            self._patches.keep(row, "args", name, value)

    def flush(self) -> pa.RecordBatch:
        """What has come since the last batch."""
        rows = self._columns.rows
        filled, names = self._columns.take()
        patches = self._patches
        found: list[tuple[pa.Field, pa.Array]] = []
        for number, column in enumerate(self.layout.columns):
            used = number in filled or number in patches.columns
            if not used and column.name not in ALWAYS:
                continue
            patch = patches.columns.get(number, {})
            array = self._array(rows, number, column, filled.get(number), patch, names)
            found.append((field_of(column), array))
        if patches.exact:
            texts = {row: to_json(value).decode() for row, value in patches.exact.items()}
            empty = pa.array([], pa.string())
            array = arrays.scattered(rows, np.empty(0, np.int64), empty, texts)
            found.append((pa.field(EXACT, pa.string()), array))
        schema = pa.schema([field for field, _ in found])
        batch = pa.RecordBatch.from_arrays([array for _, array in found], schema=schema)
        if self._dropped:
            keep = np.ones(rows, bool)
            keep[self._dropped] = False
            batch = batch.filter(pa.array(keep))
        self._begin()
        return batch

    def _array(
        self, rows: int, number: int, column: Column, filled: Filled | None, patch: dict,
        names: list[bytes],
    ) -> pa.Array:  # fmt: skip
        if column.type == NAMES:
            values, valid = arrays.numbers(rows, column.width, False, filled, patch)
            return self._words(column.name, values, valid, names)
        if column.width:
            signed = pa.types.is_signed_integer(column.type)
            values, valid = arrays.numbers(rows, column.width, signed, filled, patch)
            return arrays.masked(values, valid, column.type)
        if column.codec is None and not column.type in (pa.string(), pa.binary()):
            return arrays.scattered(rows, np.empty(0, np.int64), pa.array([], column.type), patch)
        if column.codec is None or isinstance(column.codec, Text | Plain):
            return arrays.bytes_like(rows, column.type, filled, patch)
        array, odd = arrays.coded(rows, column.codec, filled, patch)
        name, _, rest = column.name.partition("__")
        for row, value in odd.items():
            self._patches.keep(row, "out" if rest.endswith("__out") else "args", name, value)
        return array

    def _words(
        self, name: str, values: np.ndarray, valid: np.ndarray, names: list[bytes]
    ) -> pa.Array:
        if name == "comm":
            return arrays.words(values, valid, [_comm(raw) for raw in names])
        if name == "syscall":
            return arrays.words(*self._labels.numbers(values, valid, self._foreign))
        if name == "errno":
            known = [errno_name(number) or "" for number in range(int(values.max(initial=0)) + 1)]
            return arrays.words(values, valid, known)
        return arrays.words(values, valid, list(ABIS if name == "abi" else WORDS))

    @property
    def lost(self) -> Mapping[str, int]:
        """Beside what everybody counts."""
        return self._stacking.lost if self._stacking else {}

    def close(self) -> None:
        self._columns.close()
        if self._stacking:
            self._stacking.close()


class _Labels:
    """The names of calls, by plan."""

    def __init__(self, plans: Plans) -> None:
        self._names = sorted({plan.syscall.name for plan in plans.plans.values()})
        place = {name: number for number, name in enumerate(self._names)}
        self._by_plan = np.zeros(max(plans.plans, default=0) + 1, np.int32)
        for index, plan in plans.plans.items():
            self._by_plan[index] = place[plan.syscall.name]

    def numbers(
        self, plans: np.ndarray, valid: np.ndarray, foreign: dict[int, str]
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """(numbers of names, which rows have one, names)."""
        names = [*self._names, *foreign.values()]
        found = self._by_plan[np.where(plans == PLAN_NONE, 0, plans)]
        for place, row in enumerate(foreign, len(self._names)):
            found[row] = place
        return found, valid, names


def _record(chunk: bytes, at: int) -> Record:
    length = int.from_bytes(chunk[at : at + 4], "little") & _LENGTH
    return next(records(chunk[at : at + _HEAD + (length + 7 & ~7)]))


def _comm(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="backslashreplace")
