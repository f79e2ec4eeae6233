# SPDX-License-Identifier: Apache-2.0
"""Writer: batches become a CTF trace: a folder of data streams, and the metadata.

In: batches. Out: files in a folder. For each batch a packet for each lane that it has calls
in; so what is kept in memory is one batch, and the classes of the events. What was lost is
known of the whole recording only: a last, empty packet counts it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from faultin.exports.ctf.classes import data_of, offsets_of
from faultin.exports.ctf.lanes import Lanes
from faultin.exports.ctf.metadata1 import metadata1
from faultin.exports.ctf.metadata2 import metadata2
from faultin.exports.ctf.records import Encoder
from faultin.exports.ctf.trace import Stream, Trace
from faultin.event import Summary
from faultin.recordings.about import About
from faultin.sinks.lost import lost_records

_METADATA = {1: metadata1, 2: metadata2}
_MOST = 1 << 28  # bytes of a batch that are encoded at a time


def environment(about: About) -> dict[str, str | int]:
    """What Trace Compass knows a kernel trace of LTTng by: domain, tracer_name and version."""
    return {
        "hostname": about.host, "domain": "kernel", "sysname": "Linux",
        "kernel_release": about.kernel, "tracer_name": "lttng-modules", "tracer_major": 2,
        "tracer_minor": 13, "tracer_patchlevel": 0, "architecture": about.arch,
        "faultin_version": about.faultin, "faultin_run": about.run,
        "faultin_calls": about.calls, "faultin_where": about.where,
        "faultin_cpu_id": "the number of the data stream: recordings do not know the CPU",
    }  # fmt: skip


class Writer:
    """Writes one trace of CTF `version` (1, 2) into a folder. events: its user events."""

    def __init__(
        self, folder: Path, version: int, about: About, events: Mapping[str, str]
    ) -> None:
        self._folder, self._version = folder, version
        self._encoder, self._lanes = Encoder(about.arch, events), Lanes()
        self._trace = Trace(environment(about), classes=self._encoder.classes)
        self._streams: dict[int, Stream] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.nbytes > _MOST and batch.num_rows > 1:
            half = batch.num_rows // 2
            self.write(batch.slice(0, half))
            self.write(batch.slice(half))
        elif batch.num_rows:
            self._write(batch)

    def _write(self, batch: pa.RecordBatch) -> None:
        found = self._encoder.encode(batch)
        lanes = self._lanes.assign(found.begins, found.ends)
        for number in np.unique(lanes).tolist():
            rows = np.flatnonzero(lanes == number)
            data = found.data.take(pa.array(rows))
            start, end = offsets_of(data)[[0, -1]].tolist()
            content = memoryview(data_of(data))[start:end]
            self._packet(number, int(found.begins[rows[0]]), int(found.ends[rows[-1]]), content, 0)

    def _packet(self, number: int, begin: int, end: int, content: memoryview, lost: int) -> None:
        stream = self._streams.setdefault(number, Stream(number))
        head = stream.packet(self._trace, begin, end, len(content), lost)
        with open(self._folder / f"channel0_{number}", "ab") as file:
            file.write(head)
            file.write(content)

    def close(self, summary: Summary) -> None:
        """The metadata, and what was lost."""
        if lost := lost_records(summary.lost):
            last = self._streams[0].last if self._streams else 0
            self._packet(0, last, last, memoryview(b""), lost)
        for cause, count in summary.lost.items():
            self._trace.environment[f"faultin_lost_{cause}"] = count
        ways = {"faultin_engine": summary.engine, "faultin_strategy": summary.strategy}
        self._trace.environment.update(ways)
        (self._folder / "metadata").write_bytes(_METADATA[self._version](self._trace))
