# SPDX-License-Identifier: Apache-2.0
"""What a filter that rejects everything costs a call: ns of CPU time added to an openat that
fails, and to a getppid that nobody asked for.

    sudo python bench/rejecting.py [TIMES [ENGINE]]

Each engine is loaded once, and attached in turn to one loop that goes on, so that what starts
and loads is no part of it. A turn is the best of five runs of the loop.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import spread

from faultin.codegen.plan import plan
from faultin.codegen.program import Options
from faultin.codegen.query.functions import functions
from faultin.engines.base import Engine
from faultin.engines.choose import choose
from faultin.query.query import parse
from faultin.syscalls.table import load

ROUNDS = 20_000
FILTERS = {
    "a call that is not named": ("exit_group", "error_code == 77"),
    "by a register": ("openat", "dfd == 77"),
    "by a path": ("openat", 'path == "/nowhere"'),
    "by the beginning of a path": ("openat", 'path.startswith("/etc/")'),
    "by a pattern": ("openat", 'glob(path, "/etc/*.conf")'),
    "by exe, so by faultin": ("openat", 'exe == "/nowhere"'),
}
LOOP = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

/* Runs "o ROUNDS" (openat) or "g ROUNDS" (getppid), and tells the least ns a round. */
int main(void)
{
	char kind;
	long rounds, i;

	while (scanf(" %c %ld", &kind, &rounds) == 2) {
		double least = 1e18;
		int turn;

		for (turn = 0; turn < 5; turn++) {
			double began = now();

			for (i = 0; i < rounds; i++) {
				if (kind == 'o')
					syscall(SYS_openat, -100, "/nowhere-a-path-of-forty-eight-bytes-faultin....", O_RDONLY);
				else
					syscall(SYS_getppid);
			}
			began = (now() - began) / rounds;
			least = began < least ? began : least;
		}
		printf("%.1f\\n", least);
		fflush(stdout);
	}
}
"""


class Loop:
    """The traced process."""

    def __init__(self) -> None:
        target = Path(tempfile.mkdtemp(prefix="faultin-bench-")) / "loop"
        subprocess.run(["gcc", "-O2", "-x", "c", "-", "-o", target], input=LOOP, text=True, check=True)
        self._ran = subprocess.Popen([target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._ran.pid

    def run(self, kind: str) -> float:
        """ns a round."""
        assert self._ran.stdin and self._ran.stdout
        self._ran.stdin.write(f"{kind} {ROUNDS}\n")
        self._ran.stdin.flush()
        return float(self._ran.stdout.readline())

    def close(self) -> None:
        assert self._ran.stdin
        self._ran.stdin.close()
        self._ran.wait()


def loaded(engine: str, calls: str, where: str) -> Engine:
    table = load("x86_64")
    plans = plan(table, table.resolve(calls))
    made = functions(parse(plans, table, where), plans)
    return choose(engine, None, plans, Options(query=made), table.arch)


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    engine = sys.argv[2] if len(sys.argv) > 2 else "deferred"
    loop = Loop()
    field = {name: loaded(engine, *words) for name, words in FILTERS.items()}
    found: dict[tuple[str, str], list[float]] = {}
    bare: dict[str, list[float]] = {"o": [], "g": []}
    for _ in range(times):
        turn = {kind: loop.run(kind) for kind in bare}
        for name, made in field.items():
            made.attach()
            made.follow(loop.pid)
            for kind in bare:
                found.setdefault((name, kind), []).append(loop.run(kind) - turn[kind])
            made.detach()
        for kind in bare:
            bare[kind].append(turn[kind])
    for kind, title in (("o", "openat"), ("g", "getppid")):
        print(f"\n{title}: {statistics.median(bare[kind]):.0f} ns bare; what is added, median of {times} (least .. most)")
        for name in field:
            print(f"  {name:<28} {spread(found[name, kind])}")
    for made in field.values():
        made.close()
    loop.close()


if __name__ == "__main__":
    main()
