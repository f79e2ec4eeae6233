# SPDX-License-Identifier: Apache-2.0
"""Calls: which rows of a batch are of which call, and which columns its arguments have.

In: batches of a recording. Out: rows by number, with the Slots that they have in common.
Invariant: each row is in one of them; one of a call that the table has not has no slots.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from faultin.codegen.plan import NUMBERS, Plan, plan
from faultin.columnar.layout import Layout, Slot
from faultin.probes.recorded import probes
from faultin.syscalls.table import load

Known = list[tuple[Plan, tuple[Slot, ...]]]


@dataclass(frozen=True, slots=True)
class Alike:
    """Rows of one call, by one ABI, of one variant. abi: "" for the native one, and for a call
    that the table has not: its name says which way it came. is_event: a user event."""

    call: str
    abi: str
    rows: np.ndarray
    slots: tuple[Slot, ...]
    is_event: bool


class Calls:
    """The calls of one architecture, and the user events of a recording: for each name the plans
    of its variants, with their arguments, and the names of the columns that those are in."""

    def __init__(self, arch: str, events: Mapping[str, str]) -> None:
        table = load(arch)
        layout = Layout(plan(table, table.numbers, events=probes(events)))
        self.names = [column.name for column in layout.columns]
        self._events = frozenset(events)
        self._known: dict[tuple[str, bool], Known] = {}
        narrow = {id(made.syscall) for index, made in layout.plans.items()
                  if NUMBERS <= index < 2 * NUMBERS}  # fmt: skip
        for index, made in layout.plans.items():
            key = made.syscall.name, id(made.syscall) in narrow
            self._known.setdefault(key, []).append((made, layout.slots[index]))

    def alike(self, batch: pa.RecordBatch) -> Iterator[Alike]:
        """All rows of a batch."""
        for call, abi, rows in _by_call(batch):
            known = self._known.get((call, abi == "i386"), [])
            for chosen, slots in self._variants(known, batch, rows):
                yield Alike(call, abi if known else "", chosen, slots, call in self._events)

    def _variants(
        self, known: Known, batch: pa.RecordBatch, rows: np.ndarray
    ) -> Iterator[tuple[np.ndarray, tuple[Slot, ...]]]:
        """The rows of one call by variant."""
        if not known:
            yield rows, ()
            return
        (base, slots), *_ = known
        for variant in base.syscall.variants:
            selector = self.names[slots[variant.selector].value]
            chosen = _is_one_of(batch, selector, rows, variant.mask, variant.values)
            if chosen.any():
                yield rows[chosen], next(s for m, s in known if m.arguments == variant.arguments)
                rows = rows[~chosen]
        if len(rows):
            yield rows, slots


def _is_one_of(
    batch: pa.RecordBatch, name: str, rows: np.ndarray, mask: int, values: tuple[int, ...]
) -> np.ndarray:
    """Of which rows a column, masked, has one of the values."""
    index = batch.schema.get_field_index(name)
    if index < 0:
        return np.zeros(len(rows), bool)
    column = batch.column(index).take(pa.array(rows))
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return there & np.isin(numbers & mask, values)


def _by_call(batch: pa.RecordBatch) -> list[tuple[str, str, np.ndarray]]:
    """The rows of each call, and of each ABI that it came by."""
    codes, calls = _texts(batch, "syscall")
    ways, abis = _texts(batch, "abi")
    both = codes * len(abis) + ways
    order = np.argsort(both, kind="stable")
    starts = np.flatnonzero(np.diff(both[order])) + 1
    return [
        (calls[both[rows[0]] // len(abis)], abis[both[rows[0]] % len(abis)], rows)
        for rows in np.split(order, starts) if len(rows)
    ]  # fmt: skip


def _texts(batch: pa.RecordBatch, name: str) -> tuple[np.ndarray, list[str]]:
    """(of each row the number of its text, the texts); "" where there is none."""
    index = batch.schema.get_field_index(name)
    if index < 0:
        return np.zeros(batch.num_rows, np.int64), [""]
    column = batch.column(index)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    texts = column.dictionary.to_pylist()
    codes = column.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), [*texts, ""]
