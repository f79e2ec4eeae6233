# SPDX-License-Identifier: Apache-2.0
"""What a guarded call costs beside strace, which stops it as often and decides nothing; and
what a guard of all opens and execs costs a build.

    sudo python bench/guard.py [ROUNDS]

First ns of a round of openat and close of which openat is guarded, the contestants in turn:
by rules without a condition, with one that the guard decides itself, and with an audit of
every call. Then seconds of `make -j2` of a small project in C. The goal is a guarded call
that costs at most what it costs under strace --seccomp-bpf of the same set.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import SINK, first_number, loop, spread

PASSES = 5
BUILDS = 5
FILES = 60
PINNED = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
STRACE = ["strace", "-f", "-o", str(SINK), "--seccomp-bpf", "-e"]
OPENS = "openat"
BUILD_SET = "open,openat,openat2,execve,execveat"
POLICIES = {
    "plain": f'guard = "{OPENS}"\n',
    "condition": f"[[rule]]\ncalls = '{OPENS}'\naction = 'deny'\n"
    'where = \'path.startswith("/etc/shadow") or glob(path, "*/.ssh/*")\'\n',
    "build": f"[[rule]]\ncalls = 'open,openat,openat2'\naction = 'deny'\n"
    f"where = 'path.startswith(\"/etc/shadow\")'\n[[rule]]\ncalls = '{BUILD_SET}'\naction = 'allow'\n",
}


def guard(folder: Path, name: str, *options: str) -> list[str]:
    policy = folder / f"{name}.toml"
    policy.write_text(POLICIES[name])
    return [sys.executable, "-m", "faultin", "guard", "--policy", str(policy), *options, "--"]


def contestants(folder: Path) -> dict[str, tuple[list[str], float]]:
    """By name: the words before the loop, and how much of its rounds it is given."""
    strace = [*STRACE, f"trace={OPENS}"]
    ours = {
        "faultin guard, no condition": guard(folder, "plain"),
        "faultin guard, condition": guard(folder, "condition"),
        "faultin guard, condition, audit": guard(folder, "condition", "--audit", str(SINK)),
        "strace -f --seccomp-bpf": strace,
    }
    found: dict[str, tuple[list[str], float]] = {"bare": ([], 1.0)}
    for name, words in ours.items():
        found[name] = (words, 0.2)
        found[f"{name}, one CPU"] = ([*PINNED, *words], 0.2)
    return found


def calls(folder: Path, rounds: int) -> dict[str, list[float]]:
    program = loop()
    found: dict[str, list[float]] = {}
    for _ in range(PASSES):
        for name, (words, share) in contestants(folder).items():
            ran = subprocess.run(
                [*words, str(program), "open", str(int(rounds * share))],
                capture_output=True,
                text=True,
            )
            if (value := first_number(ran.stdout)) is not None:
                found.setdefault(name, []).append(value)
    return found


def added(found: dict[str, list[float]], name: str) -> list[float]:
    """What each pass says that it adds to a round, as placed best in that pass."""
    passes = zip(found[name], found[f"{name}, one CPU"], found["bare"], strict=True)
    return [min(free, pinned) - bare for free, pinned, bare in passes]


def shares(parts: list[float], wholes: list[float], form: str) -> str:
    """The median of the passes' own ratios, and how far they spread: what else the machine
    does meanwhile it does to both."""
    found = sorted(part / whole for part, whole in zip(parts, wholes, strict=True))
    middle = statistics.median(found)
    return f"{middle:{form}} ({found[0]:{form}} .. {found[-1]:{form}})"


def project(folder: Path) -> Path:
    at = folder / "project"
    at.mkdir()
    for number in range(FILES):
        includes = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
        (at / f"f{number}.c").write_text(f"{includes}int f{number}(int x) {{ return x; }}\n")
    objects = " ".join(f"f{number}.o" for number in range(FILES))
    (at / "Makefile").write_text(f"all: {objects}\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n")
    return at


def builds(folder: Path) -> dict[str, list[float]]:
    at = project(folder)
    runs = {
        "bare": [],
        "faultin guard": guard(folder, "build"),
        "faultin guard, audit": guard(folder, "build", "--audit", str(SINK)),
        "strace -f --seccomp-bpf": [*STRACE, f"trace={BUILD_SET}"],
    }
    found: dict[str, list[float]] = {}
    for _ in range(BUILDS):
        for name, words in runs.items():
            for made in at.glob("*.o"):
                made.unlink()
            began = time.monotonic()
            subprocess.run([*words, "make", "-s", "-j2", "-C", str(at)], check=True)
            found.setdefault(name, []).append(time.monotonic() - began)
    return found


def start(folder: Path) -> float:
    """Seconds in which nothing is guarded."""
    found = []
    for _ in range(BUILDS):
        began = time.monotonic()
        subprocess.run([*guard(folder, "build"), "true"], check=True)
        found.append(time.monotonic() - began)
    return statistics.median(found)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    folder = Path(tempfile.mkdtemp(prefix="faultin-bench-"))
    try:
        found = calls(folder, rounds)
        print(f"openat and close: ns per round, median of {PASSES} (least .. most)")
        for name, values in found.items():
            print(f"  {name:<42} {spread(values)}")
        strace = added(found, "strace -f --seccomp-bpf")
        for name in ("no condition", "condition", "condition, audit"):
            share = shares(added(found, f"faultin guard, {name}"), strace, ".0%")
            print(f"added, of what strace adds, both best placed, {name}: {share} (goal 100 %)")
        built = builds(folder)
        print(f"\nmake -j2 of {FILES} files: seconds, median of {BUILDS}")
        for name, values in built.items():
            middle = statistics.median(values)
            print(f"  {name:<42} {middle:.2f}  {shares(values, built['bare'], '.2f')} times")
        print(f"  (of which a guard's start takes {start(folder):.2f})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
