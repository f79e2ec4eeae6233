# SPDX-License-Identifier: Apache-2.0
"""Events without loss: a loop that makes calls at a given rate, traced with the
default buffer into JSON Lines, into nothing, and recorded as Parquet.

    sudo python bench/throughput.py [EVENTS PER SECOND] [SECONDS]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from common import SINK, faultin, loop

RECORDING = Path(tempfile.gettempdir()) / "faultin-bench.parquet"


def words_of(form: str) -> list[str]:
    if form != "record":
        return faultin("--format", form, "-e", "openat,close")
    return [sys.executable, "-m", "faultin", "record", "--force", "-o", str(RECORDING),
            "-e", "openat,close"]  # fmt: skip


def events_of(form: str, expected: int) -> int:
    match form:
        case "jsonl":
            return SINK.read_text().count("\n") - 1
        case "record":
            return pq.read_metadata(RECORDING).num_rows
    return expected


def main() -> None:
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    program = loop()
    rounds = int(rate * seconds / 2)
    for form in ("jsonl", "none", "record"):
        words = [*words_of(form), "--", str(program), "open", str(rounds), str(rate // 2)]
        started = time.monotonic()
        ran = subprocess.run(words, capture_output=True, text=True, check=True)
        took = time.monotonic() - started
        events = events_of(form, 2 * rounds)
        print(
            f"{form:<6} {rate} events/s for {seconds:g} s: {events} events, "
            f"done after {took:.1f} s; {ran.stderr.strip() or 'nothing lost'}"
        )
    print(f"record: {RECORDING.stat().st_size / events:.1f} bytes an event")
    SINK.unlink(missing_ok=True)
    RECORDING.unlink()


if __name__ == "__main__":
    main()
