# SPDX-License-Identifier: Apache-2.0
"""Folded: a line for each command, call, path and error, as flamegraph.pl and Speedscope
read them; where the recording has user stacks, the functions stand before the call.

In: batches. Out: bytes, at the end. Invariant: rows are summed by Arrow; only the sums are
kept, a number for each line.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from faultin.columnar.calls import Alike, Calls
from faultin.columnar.layout import Slot
from faultin.event import Summary
from faultin.sinks.output import Output
from faultin.sinks.stacks.folded import folded
from faultin.sinks.stacks.weights import Path, Weights

_NO_STACK = "[no stack]"
_KEYS = ("comm", "ustack", "errno")


class Folded:
    """weight: `calls`, or `time` in ns; a call of unknown time has none."""

    def __init__(
        self, output: Output, arch: str, events: Mapping[str, str], weight: str, has_stacks: bool
    ) -> None:
        self._output, self._is_time, self._has_stacks = output, weight == "time", has_stacks
        self._calls = Calls(arch, events)
        self._weights = Weights("faultin convert", "ns" if self._is_time else "")

    def write(self, batch: pa.RecordBatch) -> None:
        for alike in self._calls.alike(batch):
            path = next((s for s in alike.slots if s.argument.kind == "path"), None)
            for row in self._sums(batch, alike, path):
                self._weights.add(self._line(alike, path is not None, row), row["weight_sum"])

    def _sums(
        self, batch: pa.RecordBatch, alike: Alike, path: Slot | None
    ) -> list[dict[str, Any]]:
        """A row for each line that calls of one kind have, with `weight_sum`."""
        names = {name: name for name in _KEYS}
        if path is not None:
            wanted = {"path": path.value, "bytes": path.bytes, "word": path.word,
                      "length": path.length}  # fmt: skip
            names |= {key: self._calls.names[n] for key, n in wanted.items() if n is not None}
        rows = pa.array(alike.rows)
        columns = {key: _plain(batch.column(name).take(rows))
                   for key, name in names.items() if name in batch.schema.names}  # fmt: skip
        weights = batch.column("latency").take(rows).fill_null(0) if self._is_time else (
            pa.array([1] * len(rows), pa.int64())
        )  # fmt: skip
        table = pa.table({**columns, "weight": weights})
        return table.group_by([*columns]).aggregate([("weight", "sum")]).to_pylist()

    def _line(self, alike: Alike, has_path: bool, row: dict[str, Any]) -> Path:
        functions = (row.get("ustack") or _NO_STACK).split(";") if self._has_stacks else ()
        call = f"{alike.call}@{alike.abi}" if alike.abi else alike.call
        path = (_path(row),) if has_path else ()
        error = (f"[{row['errno']}]",) if row["errno"] else ()
        return (row["comm"] or "", *functions, call, *path, *error)

    def close(self, summary: Summary) -> None:
        self._output.write(folded(self._weights))
        self._output.close()


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _path(row: dict[str, Any]) -> str:
    """Of a path; where there is none, why."""
    found = row.get("path")
    if found is None and (raw := row.get("bytes")) is not None:
        found = raw.decode("utf-8", "backslashreplace")
    if found is None:
        word = row.get("word")
        return "NULL" if word in (None, "null") else f"<{word}>"
    return (found or '""') if row.get("length") is None else f"{found}..."
