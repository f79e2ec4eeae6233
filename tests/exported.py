# SPDX-License-Identifier: Apache-2.0
"""A small recording, and faultin convert in this very process."""

from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq

from faultin.cli.main import main
from faultin.event import Summary
from faultin.recordings.about import About, metadata_of

FORMATS = {
    "t.jsonl", "t.json", "t.pftrace", "t.strace", "t.folded", "t.ctf", "t.ctf1", "t.parquet",
}  # fmt: skip
LOST = {"ring_full": 7}
ABOUT = About(
    "x86_64", "here", "run", "all", "", "0", "0",
    summary=asdict(Summary(2, LOST, "ptrace", "copy")),
)  # fmt: skip
ESC = "/tmp/\x1b[31mred\n;x"


def rows(number):
    return [
        {
            "ts": 1_700_000_000_000_000_123 + 10_000 * n, "pid": 7, "tid": 8, "comm": "ca\tt",
            "syscall": "openat", "ret": 3, "errno": None, "latency": 4567, "dfd__dirfd": -100,
            "filename__path": ESC, "filename__capture": "entry", "flags__open_flags": 0o2000000,
            "mode__mode": 0,
        }
        for n in range(number)
    ]  # fmt: skip


COLUMNS = pa.schema([
    ("ts", pa.int64()), ("pid", pa.int32()), ("tid", pa.int32()), ("comm", pa.string()),
    ("syscall", pa.string()), ("ret", pa.int64()), ("errno", pa.string()), ("latency", pa.int64()),
    ("dfd__dirfd", pa.int32()), ("filename__path", pa.string()), ("filename__capture", pa.string()),
    ("flags__open_flags", pa.uint32()), ("mode__mode", pa.uint16()),
])  # fmt: skip


def recording(path, number=2, about=ABOUT, **options):
    schema = COLUMNS.with_metadata(metadata_of(about))
    pq.write_table(pa.Table.from_pylist(rows(number), schema), path, **options)
    return path


def convert(source, target, *options):
    return main(["convert", str(source), "-o", str(target), *options])
