# SPDX-License-Identifier: Apache-2.0
"""Records into Arrow batches, and into a Parquet file: events a second on one core, from a
synthetic ring buffer, so that only this side is measured. Beside it decode, which makes an
object of each, of the same records.

    python bench/columns.py [EVENTS]
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faultin.codegen.plan import plan
from faultin.columnar.builder import Builder
from faultin.decode.calls import Decoder
from faultin.drain.wire import HEAD, PIECE, Assembler, How, RecordType, records
from faultin.syscalls.table import load

TABLE = load("x86_64")
PLANS = plan(TABLE, TABLE.resolve("openat,close,newfstatat,read"))
ROUNDS = 5
CHUNK = 10_000  # rounds of the four calls in one chunk


def record(
    name: str, ret: int, registers: list[int], pieces: list[tuple[int, bytes]], ts: int
) -> bytes:
    """One call, as the ring buffer holds it; pieces: (operation, memory)."""
    nr = TABLE.by_name(name).nr
    body = b""
    for op, data in pieces:
        head = PIECE.pack(
            0x7F0000000000, PLANS.plans[nr].first + op, 0, How.ENTRY, 0, 0, len(data), len(data)
        )
        body += head + data + bytes(-len(data) % 8)
    registers = registers + [0] * (6 - len(registers))
    head = HEAD.pack(
        RecordType.CALL, 0, nr, nr, 4242, 4242, ts, 700, ret, *registers, b"loop", 1, 0, 0
    )
    return (len(head) + len(body)).to_bytes(8, "little") + head + body


def chunks(events: int) -> Iterator[bytes]:
    """A loop of openat, newfstatat, read and close: as many calls, a quarter of each."""
    path, stat, data = b"/tmp/some/file/with/a/path.txt\0", os.urandom(144), b"x" * 100
    made = []
    for ts in range(CHUNK):
        made += [
            record("openat", 3, [0xFFFFFF9C, 1, 0o2000000], [(0, path)], 4 * ts),
            record("newfstatat", 0, [0xFFFFFF9C, 1, 1], [(0, path), (1, stat)], 4 * ts + 1),
            record("read", 100, [3, 1, 4096], [(0, data)], 4 * ts + 2),
            record("close", 0, [3], [], 4 * ts + 3),
        ]
    chunk = b"".join(made)
    for _ in range(events // (4 * CHUNK)):
        yield chunk


def decoded(source: list[bytes]) -> int:
    decoder, whole = Decoder(PLANS, 0), Assembler().whole
    return sum(1 for chunk in source for part in records(chunk) if decoder.event(whole(part)))


def batches(source: list[bytes]) -> Iterator[pa.RecordBatch]:
    builder = Builder(PLANS, 0, Decoder(PLANS, 0))
    for chunk in source:
        yield from builder.add(chunk)
    yield builder.flush()
    builder.close()


def built(source: list[bytes]) -> int:
    return sum(batch.num_rows for batch in batches(source))


def written(source: list[bytes]) -> int:
    path = Path(tempfile.mkdtemp(prefix="faultin-bench-")) / "columns.parquet"
    table = pa.Table.from_batches(list(batches(source)))
    pq.write_table(table, path, compression="zstd", compression_level=1)
    print(f"  {path.stat().st_size / table.num_rows:.1f} bytes an event in Parquet")
    path.unlink()
    return table.num_rows


def rate(work: Callable[[list[bytes]], int], source: list[bytes]) -> float:
    """Millions of events a second of processor time."""
    started = time.process_time()
    return work(source) / (time.process_time() - started) / 1e6


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    pa.set_cpu_count(1)
    source, few = list(chunks(events)), list(chunks(4 * CHUNK))
    works = {"decode, an object each": (decoded, few), "columns": (built, source),
             "columns into Parquet": (written, source)}  # fmt: skip
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (work, given) in works.items():
            found[name].append(rate(work, given))
    for name, rates in found.items():
        low, high = min(rates), max(rates)
        print(f"{name:<24} {statistics.median(rates):6.2f} M events/s  ({low:.2f} .. {high:.2f})")


if __name__ == "__main__":
    main()
