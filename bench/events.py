# SPDX-License-Identifier: Apache-2.0
"""What an event of faultin.events costs the program that writes it, in ns: while nobody listens,
beside a bare call of a Python function with the same arguments; and while `faultin stats` and
`faultin trace` listen, beside the same without a probe, and with one of bpftrace's that counts.

    sudo python bench/events.py [ROUNDS]

Each pass measures the contestants in turn, in one process, so that both are under the same load.
The goal is for the difference of the first two: under 60 ns.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from common import faultin
from faultin import events
from faultin.events import stubs

PASSES = 9
FIELDS = "id: u64, text: string"


def bare(id: int, text: str) -> None:
    pass


def timed(rounds: int, call: Callable[[int, str], None]) -> float:
    """ns of one call."""
    begun = time.perf_counter_ns()
    for _ in range(rounds):
        call(7, "somebody")
    return (time.perf_counter_ns() - begun) / rounds


def looped(rounds: int) -> float:
    begun = time.perf_counter_ns()
    for _ in range(rounds):
        pass
    return (time.perf_counter_ns() - begun) / rounds


def passes(rounds: int, pretend: bool = False) -> tuple[list[float], list[float]]:
    """(the bare call, the event), without the loop. pretend: as if somebody listened."""
    event = events.register("benched", FIELDS)
    write = event.write
    stubs.words()[event.definition.slot] |= pretend
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(PASSES):
        loop = looped(rounds)
        found[0].append(timed(rounds, bare) - loop)
        found[1].append(timed(rounds, write) - loop)
    return found


def inside(how: str, rounds: int) -> list[str]:
    return [sys.executable, __file__, how, str(rounds)]


def listened(words: list[str]) -> float:
    """ns of an event more than of the bare call, in a program that somebody listens to."""
    ran = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    return float(next(line for line in ran.stdout.splitlines() if line.startswith("ns ")).split()[1])


def main(rounds: int) -> None:
    calls, disabled = passes(rounds)
    more = statistics.median(b - a for a, b in zip(calls, disabled, strict=True))
    print(f"bare call of a Python function     {statistics.median(calls):7.1f} ns")
    print(f"event while nobody listens         {statistics.median(disabled):7.1f} ns")
    print(f"  beyond the bare call             {more:7.1f} ns (goal: under 60)")
    event = ["--event", f"benched({FIELDS})"]
    stub = stubs.stub_name(events.register("benched", FIELDS).definition.slot)
    count = f"uprobe:{stubs.LIBRARY}:{stub} {{ @ = count(); }}"
    stats = [sys.executable, "-m", "faultin", "stats", "count()", "--by", "text", *event, "--"]
    trace = [*faultin("--format", "none", *event), "--"]
    listening, pretended = inside("listened", rounds // 20), inside("pretended", rounds // 20)
    contestants = {
        "is handed to a stub without a probe": pretended,
        "faultin stats counts in the kernel": [*stats, *listening],
        "faultin trace records": [*trace, *listening],
    }
    if shutil.which("bpftrace"):
        words = ["bpftrace", "-q", "-e", count, "-c", " ".join(pretended)]
        contestants["bpftrace counts, without looking at it"] = words
    for name, words in contestants.items():
        found = sorted(listened(words) for _ in range(5))
        print(f"event that {name:40} {found[2]:8,.0f} ns beyond the bare call "
              f"({found[0]:,.0f} to {found[-1]:,.0f})")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 3:
        calls, enabled = passes(int(sys.argv[2]) // PASSES, pretend=sys.argv[1] == "pretended")
        print(f"ns {statistics.median(b - a for a, b in zip(calls, enabled, strict=True))}")
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
