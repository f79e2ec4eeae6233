# SPDX-License-Identifier: Apache-2.0
"""What tracing costs the traced program: ns added to a round of openat (a path of
48 bytes) and close, and to a getppid beside it, by faultin and by other tracers.

    sudo python bench/cost.py [ROUNDS]

Each contestant traces openat only, and records path and return value. Those that
are not installed are left out, by name.
"""

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from common import SINK, faultin, first_number, loop, spread

COUNT_PATHS = "tracepoint:syscalls:sys_enter_openat /comm == \"loop\"/ { @[str(args->filename)] = count(); }"
PRINT_PATHS = (
    "tracepoint:syscalls:sys_enter_openat /comm == \"loop\"/ { @f[tid] = args->filename; } "
    "tracepoint:syscalls:sys_exit_openat /@f[tid]/ "
    "{ printf(\"%s %d\\n\", str(@f[tid]), args->ret); delete(@f[tid]); }"
)


def filtered(where: str) -> list[str]:
    return faultin("--format", "none", "-e", "openat", "-w", where)


def stats(*words: str) -> list[str]:
    return [sys.executable, "-m", "faultin", "stats", *words, "-e", "openat", "-o", str(SINK)]


def contestants(program: Path) -> dict[str, tuple[list[str], float]]:
    """By name: the words before the loop's arguments, and how much of its rounds it is given."""
    strace = ["strace", "-f", "-o", str(SINK)]
    perf = ["perf", "trace", "-o", str(SINK), "-e", "openat", "--"]
    every = {
        "bare": ([], 1.0),
        "faultin -e openat": ([*faultin("--format", "none", "-e", "openat"), "--"], 1.0),
        "faultin -e openat, JSON Lines": ([*faultin("--format", "jsonl", "-e", "openat"), "--"], 1.0),
        "faultin -e openat -w, none wanted": ([*filtered('path == "/nowhere"'), "--"], 1.0),
        "faultin -e openat -w, all wanted": ([*filtered("missing(path) or len(path) > 0"), "--"], 1.0),
        "faultin stats, count by path": ([*stats("count()", "--by", "path"), "--"], 1.0),
        "faultin (everything)": ([*faultin("--format", "none"), "--"], 1.0),
        "bpftrace, counting": (["bpftrace", "-q", "-e", COUNT_PATHS, "-c"], 1.0),
        "bpftrace, printing": (["bpftrace", "-q", "-o", str(SINK), "-e", PRINT_PATHS, "-c"], 0.5),
        "perf trace -e openat": (perf, 0.2),
        "strace -f --seccomp-bpf": ([*strace, "--seccomp-bpf", "-e", "trace=openat"], 0.05),
        "strace -f": ([*strace, "-e", "trace=openat"], 0.03),
        "strace -f, one CPU": (["taskset", "-c", "0", *strace, "-e", "trace=openat"], 0.1),
    }
    return {name: words for name, words in every.items() if not words[0] or shutil.which(words[0][0])}


def measure(words: list[str], program: Path, kind: str, rounds: int) -> float | None:
    """ns per round, as the loop itself says."""
    run = [str(program), kind, str(rounds)]
    command = [*words, " ".join(run)] if words[:1] == ["bpftrace"] else [*words, *run]
    ran = subprocess.run(command, capture_output=True, text=True)
    return first_number(ran.stdout)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    program = loop()
    found: dict[tuple[str, str], list[float]] = {}
    field = contestants(program)
    for _ in range(5):
        for kind in ("open", "getppid"):
            for name, (words, share) in field.items():
                value = measure(words, program, kind, max(1000, int(rounds * share)))
                if value is not None:
                    found.setdefault((kind, name), []).append(value)
    for kind in ("open", "getppid"):
        bare = statistics.median(found[kind, "bare"])
        print(f"\n{kind}: ns per round, median of 5 (least .. most), and added to bare")
        for name in field:
            values = found.get((kind, name))
            if values:
                added = statistics.median(values) - bare
                print(f"  {name:<32} {spread(values):<36} +{added:.0f}")
            else:
                print(f"  {name:<32} gave no figure")
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
