# SPDX-License-Identifier: Apache-2.0
"""What a stack of 30 frames costs the traced program, and how much of it is found, beside
perf and bpftrace.

    python bench/stacks.py [ROUNDS]

The program is built without frame pointers, and with them. In each round every way runs
once; shown are medians of ns a call, bare included, and how many of the program's functions
are in the stack of one call.
"""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

DEPTH, CALLS = 25, 5000
FUNCTIONS = DEPTH + 2  # below() and main()
FLAGS = {"tables": "-fomit-frame-pointer", "frame pointers": "-fno-omit-frame-pointer"}
FAULTIN = [sys.executable, "-m", "faultin", "trace", "-e", "getppid", "--buffer", "512m"]
# As faultin and as perf have it; bpftrace has addresses when the program has gone.
_OURS = re.compile(r"\((?:below|main)\+|\b(?:below|main) \(|\b0x5[0-9a-f]{11}$", re.MULTILINE)
Way = Callable[[list[str], str], list[str]]


def faultin(*options: str) -> Way:
    return lambda command, output: [*FAULTIN, *options, "-o", output, "--", *command]


def perf(how: str) -> Way:
    words = ["perf", "trace", "--call-graph", how, "-e", "getppid", "-o"]
    return lambda command, output: [*words, output, *command]


def bpftrace(command: list[str], output: str) -> list[str]:
    text = 'tracepoint:syscalls:sys_enter_getppid /comm == "stack"/ { @[ustack] = count(); }'
    return ["bpftrace", "-e", text, "-o", output, "-c", " ".join(command)]


def ways() -> dict[str, Way]:
    found: dict[str, Way] = {
        "bare": lambda command, output: command,
        "faultin trace": faultin(),
        "faultin trace --stack": faultin("--stack"),
        "faultin --stack --engine ptrace": faultin("--stack", "--engine", "ptrace"),
    }
    if shutil.which("perf"):
        found |= {f"perf trace --call-graph {how}": perf(how) for how in ("fp", "dwarf")}
    if shutil.which("bpftrace"):
        found["bpftrace ustack"] = bpftrace
    return found


def measure(way: Way, program: str, folder: str) -> float | None:
    ran = subprocess.run(
        way([program, str(DEPTH), str(CALLS)], f"{folder}/many"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = re.search(r"(\d+) ns/call", ran.stderr + ran.stdout)
    return float(found.group(1)) if found else None


def frames(way: Way, program: str, folder: str) -> int:
    """Of the program's functions, those in the stack of its only call."""
    output = Path(folder, "one")
    output.write_text("")
    subprocess.run(way([program, str(DEPTH), "1"], str(output)), capture_output=True, timeout=300)
    return min(len(_OURS.findall(output.read_text())), FUNCTIONS)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    taken: dict[tuple[str, str], list[float]] = {}
    seen: dict[tuple[str, str], int] = {}
    with tempfile.TemporaryDirectory() as folder:
        programs = {}
        for name, flag in FLAGS.items():
            programs[name] = f"{folder}/{name.replace(' ', '-')}/stack"
            Path(programs[name]).parent.mkdir()
            source = Path(__file__).with_name("stack.c")
            flags = ["-O2", "-fno-optimize-sibling-calls", flag]
            subprocess.run(["gcc", *flags, "-o", programs[name], source], check=True)
        for turn in range(rounds):
            for name, way in ways().items():
                for kind, program in programs.items():
                    if (cost := measure(way, program, folder)) is not None:
                        taken.setdefault((name, kind), []).append(cost)
                    if not turn:
                        seen[name, kind] = frames(way, program, folder)
    print(f"{'':34}" + "".join(f"{kind:>32}" for kind in FLAGS))
    for name in ways():
        cells = [_cell(taken.get((name, kind)), seen[name, kind]) for kind in FLAGS]
        print(f"{name:34}" + "".join(f"{cell:>32}" for cell in cells))


def _cell(costs: list[float] | None, found: int) -> str:
    if not costs:
        return "does not run"
    return f"{statistics.median(costs):.0f} ns, {found} of {FUNCTIONS}"


if __name__ == "__main__":
    main()
