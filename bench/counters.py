# SPDX-License-Identifier: Apache-2.0
"""What counting and filtering in the kernel cost the traced program: ns of CPU time added to
a round of openat (a path of 48 bytes) and close, and to a getppid that nobody asked for.

    sudo python bench/counters.py [ROUNDS [TIMES [NAME ...]]]

CPU time, as other programs on the machine take the clock's. Each time all contestants have
their turn, and what one adds is told against the bare loop of the same turn. NAME: only
those contestants whose names begin so.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from common import SINK, loop, numbers, spread

COUNT_PATHS = 'tracepoint:syscalls:sys_enter_openat /comm == "loop"/ { @[str(args->filename)] = count(); }'
COUNT_ALL = 'tracepoint:syscalls:sys_enter_openat /comm == "loop"/ { @ = count(); }'


def faultin(command: str, *words: str) -> list[str]:
    silent = ["--format", "none"] if command == "trace" else []
    return [sys.executable, "-m", "faultin", command, *silent, "-o", str(SINK), *words, "--"]


def contestants() -> dict[str, list[str]]:
    """By name: the words before the loop's."""
    opens = ("-e", "openat")
    every = {
        "bare": [],
        "bpftrace, count by path": ["bpftrace", "-q", "-e", COUNT_PATHS, "-c"],
        "bpftrace, count": ["bpftrace", "-q", "-e", COUNT_ALL, "-c"],
        "stats count() --by path": faultin("stats", "--by", "path", *opens),
        "stats count()": faultin("stats", "count()", *opens),
        "stats hist(latency) --by path": faultin("stats", "hist(latency)", "--by", "path", *opens),
        "stats -w 'path == \"/nowhere\"'": faultin("stats", "count()", *opens, "-w", 'path == "/nowhere"'),
        "trace -w 'path == \"/nowhere\"'": faultin("trace", *opens, "-w", 'path == "/nowhere"'),
        "trace -w 'dfd == 77'": faultin("trace", *opens, "-w", "dfd == 77"),
        "trace": faultin("trace", *opens),
        "stats (all calls)": faultin("stats"),
    }
    return {name: words for name, words in every.items() if not words or shutil.which(words[0])}


def measure(words: list[str], program: Path, kind: str, rounds: int) -> float | None:
    """ns of CPU time per round."""
    run = [str(program), kind, str(rounds)]
    command = [*words, " ".join(run)] if words[:1] == ["bpftrace"] else [*words, *run]
    found = numbers(subprocess.run(command, capture_output=True, text=True).stdout)
    return found[1] if len(found) > 1 else None


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    program, only = loop(), ("bare", *sys.argv[3:])
    field = {name: words for name, words in contestants().items()
             if len(only) == 1 or name.startswith(only)}  # fmt: skip
    for kind in ("open", "getppid"):
        found: dict[str, list[float]] = {name: [] for name in field}
        for _ in range(times):
            turn = {name: measure(words, program, kind, rounds) for name, words in field.items()}
            for name, value in turn.items():
                if value is not None and turn["bare"] is not None:
                    found[name].append(value - (turn["bare"] if name != "bare" else 0))
        print(f"\n{kind}: ns of CPU time; median of {times} (least .. most); bare, then what is added")
        for name, values in found.items():
            print(f"  {name:<34} {spread(values) if values else 'gave no figure'}")
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
