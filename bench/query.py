# SPDX-License-Identifier: Apache-2.0
"""Queries of a recording: seconds each, with DuckDB, over a recording that is made first of the
synthetic calls of columns.py.

    python bench/query.py [EVENTS]
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from columns import PLANS, chunks

from faultin.columnar.builder import Builder
from faultin.decode.calls import Decoder
from faultin.event import Summary
from faultin.recordings.about import About
from faultin.recordings.places import place
from faultin.recordings.writer import Rotation, Writer

CALLS = "openat,close,newfstatat,read"
QUERIES = (
    ["count(), sum(ret)", "--by", "syscall"],
    ["count()", "--by", "path"],
    ["quantiles(latency, 0.5, 0.99)", "--by", "comm"],
    ["count()", "-w", 'path.startswith("/tmp") and ret > 2 and flags & O_CLOEXEC'],
    ["count()", "-w", "statbuf.st_size // 3 > 1000 or len(buf) > 50"],
)


def recorded(folder: Path, events: int) -> None:
    about = About("x86_64", "bench", "run", CALLS, "", "0", "0")
    writer = Writer(place(str(folder)), False, about, Rotation(256 << 20, 3600))
    builder = Builder(PLANS, 0, Decoder(PLANS, 0))
    for chunk in chunks(events):
        for batch in builder.add(chunk):
            writer.keep(batch)
    writer.keep(builder.flush())
    writer.close(Summary(builder.count, {}, "bench", "copy"))


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    folder = Path(tempfile.mkdtemp(prefix="faultin-bench-"))
    recorded(folder, events)
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    print(f"{events} events, {size / events:.1f} bytes each")
    for words in QUERIES:
        command = [sys.executable, "-m", "faultin", "query", folder, *words]
        started = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"{time.monotonic() - started:6.2f} s  {' '.join(words)}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
