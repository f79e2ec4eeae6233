# SPDX-License-Identifier: Apache-2.0
"""What engine ptrace costs the traced program beside strace: ns of a round of openat and
close of which openat is traced, and of a getppid beside it, the contestants in turn.

    sudo python bench/ptrace.py [ROUNDS]

Each is placed in two ways: as a user runs it, free, and with all of it on one CPU. The
goals are for the better of the two: at most 60 % of strace --seccomp-bpf, and as users run
them, at most a fifth of plain strace -f.
"""

import os
import statistics
import subprocess
import sys

from common import SINK, faultin, first_number, loop, spread

PASSES = 5
CPU = str(max(os.sched_getaffinity(0)))
PINNED = ["taskset", "-c", CPU]


def contestants() -> dict[str, tuple[list[str], float]]:
    """By name: the words before the loop, and how much of its rounds it is given."""
    strace = ["strace", "-f", "-o", str(SINK)]
    ours = [*faultin("--engine", "ptrace", "-e", "openat"), "--"]
    silent = [*faultin("--engine", "ptrace", "--format", "none", "-e", "openat"), "--"]
    filtered = [*strace, "--seccomp-bpf", "-e", "trace=openat"]
    return {
        "bare": ([], 1.0),
        "faultin, text": (ours, 0.2),
        "faultin, text, one CPU": ([*PINNED, *ours], 0.2),
        "faultin, none": (silent, 0.2),
        "faultin, none, one CPU": ([*PINNED, *silent], 0.2),
        "strace -f --seccomp-bpf": (filtered, 0.1),
        "strace -f --seccomp-bpf, one CPU": ([*PINNED, *filtered], 0.1),
        "strace -f": ([*strace, "-e", "trace=openat"], 0.1),
        "strace -f, one CPU": ([*PINNED, *strace, "-e", "trace=openat"], 0.1),
    }


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    program = loop()
    found: dict[str, dict[str, list[float]]] = {"open": {}, "getppid": {}}
    for _ in range(PASSES):
        for kind, by_name in found.items():
            for name, (words, share) in contestants().items():
                run = [*words, str(program), kind, str(int(rounds * share))]
                ran = subprocess.run(run, capture_output=True, text=True)
                if (value := first_number(ran.stdout)) is not None:
                    by_name.setdefault(name, []).append(value)
    return found


def best(found: dict[str, list[float]], name: str) -> float:
    """The median of the better placing."""
    return min(statistics.median(found[placed]) for placed in (name, f"{name}, one CPU"))


def main() -> None:
    found = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    for kind, by_name in found.items():
        print(f"\n{kind}: ns per round, median of {PASSES} (least .. most)")
        for name, values in by_name.items():
            print(f"  {name:<34} {spread(values)}")
    opens = found["open"]
    filtered = best(opens, "faultin, text") / best(opens, "strace -f --seccomp-bpf")
    plain = statistics.median(opens["faultin, text"]) / statistics.median(opens["strace -f"])
    print(f"\nof strace --seccomp-bpf, both best placed: {filtered:.0%} (goal 60 %)")
    print(f"of strace -f, both as users run them:      {plain:.0%} (goal 20 %)")
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
