# SPDX-License-Identifier: Apache-2.0
"""From the start of the command line to probes attached: ms until the command's own
execve, which waits for them, by wall clock.

    sudo python bench/startup.py
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from common import SINK, faultin, spread


def once(*words: str, cache: str | None = None) -> float:
    os.environ["XDG_CACHE_HOME"] = cache or tempfile.mkdtemp(prefix="faultin-bench-")
    started = time.time_ns()
    subprocess.run([*faultin("--format", "jsonl", *words), "--", "true"], check=True)
    first = json.loads(SINK.read_text().splitlines()[0])
    return (first["ts"] - started) / 1e6


def wall(*words: str) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "faultin", *words], check=True, capture_output=True)
    return (time.monotonic() - started) * 1e3


def main() -> None:
    kept = tempfile.mkdtemp(prefix="faultin-bench-")
    cases = {
        "trace: everything": lambda: once(),
        "trace -e openat,execve": lambda: once("-e", "openat,execve"),
        "... linked before": lambda: once(cache=kept),
        "... linked before, -e": lambda: once("-e", "openat,execve", cache=kept),
        "--help": lambda: wall("--help"),
        "doctor": lambda: wall("doctor"),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        case()
    for _ in range(11):
        for name, case in cases.items():
            found[name].append(case())
    print("ms, median of 11 (least .. most)")
    for name, values in found.items():
        print(f"  {name:<28} {spread(values)}")
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
