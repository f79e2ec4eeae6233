# SPDX-License-Identifier: Apache-2.0
"""How long it takes from a system call to what `faultin watch` does about it: median and
99th percentile, quiet, and while other calls come as fast as they can.

    sudo python bench/latency.py [NOTIFICATIONS] [ENGINE]

A call is openat of one path, some every 5 ms. Its time is the `ts` of the notification, at
entry; the action's is that at which a line has been read from a pipe, or at which the
command of --exec begins (a compiled one, which looks at the clock first), or at which the
function that faultin.watch() was given is called.

rejected: another process opens another path in a loop, which the kernel's part of the query
rules out. asked: the query has a part that the kernel cannot decide, so that those calls
are recorded, and judged by faultin.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import loop

import faultin

SPACING = 0.005
EXECUTED = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
	struct timespec now;
	FILE *file;

	clock_gettime(CLOCK_REALTIME, &now);
	file = fopen(argv[1], "a");
	fprintf(file, "%lld\\n", now.tv_sec * 1000000000LL + now.tv_nsec - atoll(getenv("FAULTIN_TS")));
	return 0;
}
"""
# It opens the path again and again; beside it, with a second argument, the loop runs.
CALLER = """
import os, subprocess, sys, time
path, rounds, spacing, burst = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
other = subprocess.Popen(burst, stdout=subprocess.DEVNULL) if burst else None
time.sleep(0.5)
for _ in range(rounds):
    os.close(os.open(path, os.O_RDONLY))
    time.sleep(spacing)
if other:
    other.kill()
"""


def watch(engine: str, where: str, *words: str) -> list[str]:
    """The watch of openat, and behind it its command."""
    watched = [sys.executable, "-m", "faultin", "watch", "-e", "openat", "-w", where]
    return [*watched, "--engine", engine, "--capture", "path", *words, "--"]


def of_lines(command: list[str]) -> list[float]:
    """us until each line has been read."""
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as ran:
        assert ran.stdout
        for line in ran.stdout:
            found.append((time.time_ns() - json.loads(line)["ts"]) / 1000)
    return found


def of_commands(command: list[str], told: Path) -> list[float]:
    """us until each command has begun."""
    told.write_text("")
    subprocess.run(command, stderr=subprocess.DEVNULL)
    return [int(line) / 1000 for line in told.read_text().split()]


def of_calls(engine: str, where: str, command: list[str]) -> list[float]:
    """us until the function has been called each time, in this process."""
    found: list[float] = []

    def told(notification: Mapping[str, Any]) -> None:
        found.append((time.time_ns() - notification["ts"]) / 1000)

    watch = faultin.watch("openat", told, where=where, capture="path", engine=engine, command=command)
    with watch:  # until the command has ended
        pass
    return found


def show(name: str, found: list[float]) -> None:
    if len(found) < 2:
        print(f"  {name:<28} gave no figures")
        return
    last = statistics.quantiles(found, n=100)[98]
    print(f"  {name:<28} {statistics.median(found):9.0f} {last:9.0f} {len(found):7}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    engine = sys.argv[2] if len(sys.argv) > 2 else "auto"
    folder = Path(tempfile.mkdtemp(prefix="faultin-bench-"))
    path, told, executed = folder / "watched", folder / "told", folder / "executed"
    path.write_text("")
    subprocess.run(["gcc", "-O2", "-x", "c", "-", "-o", executed], input=EXECUTED, text=True, check=True)
    plain = f'path == "{path}"'
    asking = f'{plain} or path.startswith("./") and exe == "/nowhere"'
    burst = [str(loop()), "open", "1000000000"]
    print("us from the call to the action      median      99th   count")
    for name, where, other in (("quiet", plain, []), ("rejected", plain, burst), ("asked", asking, burst)):
        caller = [sys.executable, "-c", CALLER, str(path), str(rounds), str(SPACING), *other]
        show(f"{name}, line", of_lines([*watch(engine, where, "--format", "jsonl"), *caller]))
        show(f"{name}, function", of_calls(engine, where, caller))
        words = ("--exec", f"{executed} {told}")
        show(f"{name}, command", of_commands([*watch(engine, where, *words), *caller], told))


if __name__ == "__main__":
    main()
