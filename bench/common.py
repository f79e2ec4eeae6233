# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: the traced loop, repeated runs, medians and spread.

Figures of a shared machine mean something only beside others of the same run, so
every benchmark takes its contestants in turn, round by round.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SINK = Path(tempfile.gettempdir()) / f"faultin-bench-{os.getpid()}.out"


def loop() -> Path:
    """The traced program (loop.c), compiled."""
    target = Path(tempfile.mkdtemp(prefix="faultin-bench-")) / "loop"
    subprocess.run(["gcc", "-O2", "-o", target, HERE / "loop.c"], check=True)
    return target


def faultin(*words: object) -> list[str]:
    """A `faultin trace` that writes to a file that is thrown away."""
    return [sys.executable, "-m", "faultin", "trace", "-o", str(SINK), *map(str, words)]


def first_number(text: str) -> float | None:
    """The loop's own figure, ns per round, from whatever else was printed."""
    return next(iter(numbers(text)), None)


def numbers(text: str) -> list[float]:
    """The loop's own figures: ns per round by the clock, and of CPU time."""
    found = []
    for line in text.splitlines():
        try:
            found.append(float(line))
        except ValueError:
            continue
    return found


def spread(values: list[float]) -> str:
    """Median, and in brackets the least and the most."""
    return f"{statistics.median(values):9.0f}  ({min(values):.0f} .. {max(values):.0f})"
