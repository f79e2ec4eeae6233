# SPDX-License-Identifier: Apache-2.0
"""What a recording costs the traced loop, and in bytes, beside other tools that record; and how
long queries over it take as it grows.

    sudo python bench/recordings.py record [ROUNDS]
    python bench/recordings.py query [EVENTS ...]

record: CPU time added to a round of openat and close, of which openat is recorded with all its
arguments, and bytes on disk for each openat. Tools that are not installed are left out. LTTng
needs kernel modules; where there are none it gives no figure.

query: the rows of one real run (git, python, find), repeated until there are so many events
(5 and 50 million), as `faultin record` puts parts together; the time of the whole command, and the
events a second of it. Its paths are those of one run: a group has as many rows as it repeats.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from common import loop, numbers, spread

from faultin.recordings.files import merge
from faultin.recordings.places import place
from faultin.recordings.source import source

TIMES = 5
QUERIES = {
    "count() --by syscall": ["count()", "--by", "syscall"],
    "count(), hist(latency) --by comm,path": ["count(), hist(latency)", "--by", "comm,path"],
    "-w with a path and ret, count()": ["count()", "-w", 'path.startswith("/etc/") and ret < 0'],
    "quantiles(latency, 0.5, 0.99) --by comm": ["quantiles(latency, 0.5, 0.99)", "--by", "comm"],
}
RUN = """
cd "$1"
git log --stat -20 >/dev/null; git status >/dev/null; git grep -c def >/dev/null
python3 -c 'import json, email, http.client, unittest, asyncio, sqlite3'
find /usr/share/doc /usr/lib/python3* -type f | wc -l
"""


def recorders(kept: Path) -> dict[str, list[str]]:
    """By name: the words before the loop's."""
    both = ["-e", "syscalls:sys_enter_openat", "-e", "syscalls:sys_exit_openat"]
    every = {
        "bare": [],
        "faultin record": [sys.executable, "-m", "faultin", "record", "-o", f"{kept}.parquet", "-e", "openat", "--"],
        "faultin trace, JSON Lines": [sys.executable, "-m", "faultin", "trace", "--format", "jsonl", "-o",
                                      f"{kept}.jsonl", "-e", "openat", "--"],
        "perf record, tracepoints": ["perf", "record", "-q", "-o", f"{kept}.data", *both, "--"],
        "perf trace record": ["perf", "trace", "record", "-q", "-o", f"{kept}.trace", "--"],
        "trace-cmd record": ["trace-cmd", "record", "-q", "-F", "-o", f"{kept}.dat", *both],
    }  # fmt: skip
    return {name: words for name, words in every.items() if not words or shutil.which(words[0])}


def recorded(words: list[str], program: Path, rounds: int, folder: Path) -> tuple[float, float] | None:
    """ns of CPU time a round, and bytes kept for it; None if nothing was."""
    for old in folder.iterdir():
        old.unlink()
    ran = subprocess.run([*words, program, "open", str(rounds)], capture_output=True, text=True)
    found = numbers(ran.stdout)
    size = sum(file.stat().st_size for file in folder.iterdir())
    if ran.returncode or len(found) < 2 or (words and not size):
        return None
    return found[1], size / rounds


def record(rounds: int) -> None:
    program = loop()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        field = recorders(folder / "kept")
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(TIMES):
            for tool, words in field.items():
                if (figure := recorded(words, program, rounds, folder)) is not None:
                    found.setdefault(tool, []).append(figure)
    bare = statistics.median(cost for cost, _ in found["bare"])
    print(f"ns of CPU time a round, median of {TIMES} (least .. most); added to bare; bytes an openat")
    for tool in field:
        if tool not in found:
            print(f"  {tool:<28} gave no figure")
            continue
        costs, sizes = zip(*found[tool], strict=True)
        print(f"  {tool:<28} {spread(list(costs)):<34} +{statistics.median(costs) - bare:<7.0f} "
              f"{statistics.median(sizes):.1f}")  # fmt: skip


def grown(sample: Path, target: Path, events: int) -> int:
    """A recording that has the sample as its parts, over and over. Returns its events."""
    rows = pq.read_metadata(sample).num_rows
    parts = [place(str(sample))] * round(events / rows)
    merge(place(str(target)), parts, source([str(sample)]).files[0].about)
    return rows * len(parts)


def asked(target: Path, words: list[str]) -> float:
    """Seconds of the whole command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "faultin", "query", target, *words, "--json"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    return time.perf_counter() - began


def query(sizes: list[int]) -> None:
    project = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory() as name:
        sample = Path(name) / "sample.parquet"
        subprocess.run([sys.executable, "-m", "faultin", "record", "-o", sample, "--", "sh", "-c", RUN, "sh",
                        project], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        rows = pq.read_metadata(sample).num_rows
        for events in sizes:
            target = Path(name) / f"{events}.parquet"
            events = grown(sample, target, events)
            each = target.stat().st_size / events
            print(f"\n{events / 1e6:.0f} million events ({rows} of the run), {each:.1f} bytes an event: "
                  f"seconds, median of {TIMES} (least .. most)")  # fmt: skip
            for told, words in QUERIES.items():
                found = [asked(target, words) for _ in range(TIMES)]
                middle = statistics.median(found)
                print(f"  {told:<40} {middle:6.2f}  ({min(found):.2f} .. {max(found):.2f})   "
                      f"{events / middle / 1e6:.1f} M events/s")  # fmt: skip
            target.unlink()


def main() -> None:
    match sys.argv[1:]:
        case ["record", *rounds]:
            record(int(rounds[0]) if rounds else 200_000)
        case ["query", *sizes]:
            query(list(map(int, sizes)) or [5_000_000, 50_000_000])
        case _:
            sys.exit((__doc__ or "").partition("\n\n")[0])


if __name__ == "__main__":
    main()
