# SPDX-License-Identifier: Apache-2.0
"""What each engine and strategy of this kernel costs the traced program, beside the
kernel's own syscall events (ftrace) and perf trace: the time of a round of openat and
close, and of a getppid beside it, as a ratio to the untraced loop.

    sudo python bench/engines.py [--rounds N] [--kernel NAME]

With --kernel it runs in a guest (tests/guest/kernels.py). Emulation is slow, but slow
for all of them: ratios of one run can be compared, nanoseconds cannot.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

from common import SINK, faultin, first_number, loop

TRACEFS = Path("/sys/kernel/tracing")
PASSES = 5
Contestant = Callable[[list[str]], str]


def ways() -> list[tuple[str, str]]:
    """The engines and strategies that are usable here."""
    words = [sys.executable, "-m", "faultin", "doctor", "--json"]
    doctor = json.loads(subprocess.run(words, capture_output=True, text=True).stdout)
    return [(e["engine"], s) for e in doctor["engines"] if e["usable"] for s in e["strategies"]]


def run(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True).stdout


def ftrace(program: list[str]) -> str:
    """The loop under the kernel's own events of openat, entry and exit, with a reader."""
    instance = TRACEFS / "instances" / f"faultin-bench-{os.getpid()}"
    instance.mkdir()
    try:
        (instance / "options" / "event-fork").write_text("1")
        (instance / "set_event_pid").write_text(str(os.getpid()))
        for event in ("sys_enter_openat", "sys_exit_openat"):
            (instance / "events" / "syscalls" / event / "enable").write_text("1")
        with open(SINK, "w") as sink:
            reader = subprocess.Popen(["cat", str(instance / "trace_pipe")], stdout=sink)
            try:
                return run(program)
            finally:
                reader.terminate()
                reader.wait()
    finally:
        for event in ("sys_enter_openat", "sys_exit_openat"):
            (instance / "events" / "syscalls" / event / "enable").write_text("0")
        instance.rmdir()


def contestants() -> dict[str, Contestant]:
    found: dict[str, Contestant] = {"untraced": run}
    for engine, strategy in ways():
        options = ["--engine", engine, "--strategy", strategy, "--format", "none", "-e", "openat"]
        words = [*faultin(*options), "--"]
        found[f"faultin, {engine} {strategy}"] = lambda program, words=words: run([*words, *program])
    if (TRACEFS / "events" / "syscalls").exists():
        found["ftrace syscall events"] = ftrace
    if shutil.which("perf"):
        perf = ["perf", "trace", "-o", str(SINK), "-e", "openat", "--"]
        found["perf trace"] = lambda program: run([*perf, *program])
    return found


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """ns per round, by kind of round and contestant; the contestants take turns."""
    program = loop()
    found: dict[str, dict[str, list[float]]] = {"openat and close": {}, "getppid": {}}
    for _ in range(PASSES):
        for kind, word in (("openat and close", "open"), ("getppid", "getppid")):
            for name, contestant in contestants().items():
                if value := first_number(contestant([str(program), word, str(rounds)])):
                    found[kind].setdefault(name, []).append(value)
    return found


def table(release: str, found: dict[str, dict[str, list[float]]]) -> str:
    """Ratios of medians to the untraced loop's, with the least and the most of five."""
    lines = [f"| Linux {release} | openat and close | getppid |", "|---|---|---|"]
    for name in found["openat and close"]:
        cells = []
        for rounds in found.values():
            bare = statistics.median(rounds["untraced"])
            ratios = [value / bare for value in rounds.get(name, [])]
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})" if ratios else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def in_guest(name: str) -> str:
    """The table of a guest of this kernel."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "guest"))
    import guest
    import packages
    from kernels import chosen

    folder = Path(tempfile.mkdtemp(prefix="faultin-bench-"))
    result = guest.run(packages.image(chosen(name)[0]), folder, ["cost"])
    report = folder / "cost.json"
    return table(*json.loads(report.read_text())) if report.exists() else result.console


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20_000)
    parser.add_argument("--kernel")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.kernel:
        print(in_guest(arguments.kernel))
        return
    measured = (os.uname().release, measure(arguments.rounds))
    if arguments.json:
        arguments.json.write_text(json.dumps(measured))
    print(table(*measured))
    SINK.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
