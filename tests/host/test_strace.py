# SPDX-License-Identifier: Apache-2.0
"""Real programs: faultin sees the calls that strace sees, in each of their threads.

Every program runs three times. Once strace traces it while faultin traces them both:
what the two tell of this same run must be equal, without allowances. As strace, by
reading memory, faults it in before faultin comes, the program then runs once under
each alone; there two runs differ where the program is free to: `free`, `until` and
TEMPORARY say where, and why.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Callable

import pytest
import strace_log
from calls import Call, Tasks, by_place, by_task, differences, roots
from running import Run, faultin

from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel

PROGRAMS = Path(__file__).parent / "programs"
EVENTS = Path("/sys/kernel/tracing/events/syscalls")
ENVIRONMENT = {
    "LC_ALL": "C",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
LEFT_OUT = 40  # calls of a trace that are left out, one at a time
# Names that a program makes up: mkstemp's, of gcc and of git.
TEMPORARY = re.compile(rb"(/tmp/cc|\.git/t)\w{6}\b")

CHILD_ENDS = "a SIGCHLD comes whenever the child ends: its handler returns then"
FAIR_NUMBER = "mkstemp draws again when the number would not give each name the same chance"
BY_ADDRESS = "cc1 has tables by address: where its memory lies says how far its heap grows"
WHO_WAITS = "who comes second waits, and who comes first has none to wake"
OWN_HEAP = "a thread's heap or stack is that of one that ended before, if one did"
SHARED = "threads have one table of descriptors: who opens first has the lowest number"


@dataclass(frozen=True)
class Program:
    """A command, what must be there before it runs, and what two runs may differ in.

    free: calls of which a run may have more or fewer, with the reason; until: for a
    task, by its place, the call after which two runs go apart; numbers: why
    descriptors may have others.
    """

    name: str
    argv: list[str]
    prepare: Callable[[Path], None] = lambda folder: None
    free: dict[str, str] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)
    numbers: str = ""
    repeats: bool = False  # whether two runs make the same calls in the same order


@dataclass(frozen=True)
class Traces:
    """The runs of a program: under strace, under faultin, and under both."""

    program: Program
    strace: Tasks
    faultin: Run
    both_strace: Tasks
    both_faultin: Run


def git_repository(folder: Path) -> None:
    """A repository with a few commits."""
    git = ["git", "-C", str(folder / "repository"), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (folder / "repository" / "sub").mkdir(parents=True)
    dates = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    for number in range(3):
        (folder / "repository" / "sub" / f"file{number}").write_text("text\n" * (number + 1))
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", f"commit {number}"]):
            subprocess.run([*git, *words], check=True, env={**environment(), **dates})


def c_project(folder: Path) -> None:
    """The sources of a small project."""
    shutil.copytree(PROGRAMS / "project", folder, dirs_exist_ok=True)


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", (PROGRAMS / program).read_text()]


TRACED = [
    Program(
        "git", ["git", "clone", "-q", "repository", "clone"], git_repository,
        free={"getrandom": FAIR_NUMBER, "rt_sigreturn": CHILD_ENDS}, repeats=True,
    ),
    Program(
        "make", ["make", "-s"], c_project,  # two runs of -j2 end their children in another order
        free={"getrandom": FAIR_NUMBER, "rt_sigreturn": CHILD_ENDS, "brk": BY_ADDRESS},
    ),
    # join() returns before the thread's last calls, so that exit_group may come first
    Program(
        "threads", python("threads.py"),
        free={"futex": WHO_WAITS, "mmap": OWN_HEAP, "munmap": OWN_HEAP, "mprotect": OWN_HEAP,
              "madvise": OWN_HEAP, "brk": OWN_HEAP},
        until=dict.fromkeys(("1.1", "1.2", "1.3", "1.4"), "unlink"), numbers=SHARED,
    ),
    # find goes on until it writes to a pipe that head has left
    Program(
        "find", ["sh", "-c", "find / -xdev | head"],
        free={"rt_sigreturn": CHILD_ENDS}, until={"1.1": "write"},
    ),
    Program(
        "sh", ["sh", "-c", "echo a b | cat | tr a-z A-Z | wc -w; ls /usr | sort | head -3"],
        free={"rt_sigreturn": CHILD_ENDS}, repeats=True,
    ),
    Program("loopback", python("loopback.py")),
]  # fmt: skip


def environment() -> dict[str, str]:
    sources = os.path.abspath(os.environ.get("PYTHONPATH", os.curdir))  # may be relative
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**ENVIRONMENT, **kept, "PYTHONPATH": sources}


def in_fresh_folder(program: Program, folder: Path) -> dict:
    """How to run it, for subprocess: the same folder every time, set up anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    program.prepare(folder)
    return {"cwd": folder, "env": environment(), "stdin": subprocess.DEVNULL}


def straced(program: Program, log: Path) -> list[str]:
    return ["strace", *strace_log.OPTIONS, "-o", str(log), *program.argv]


@pytest.fixture(scope="module", params=TRACED, ids=lambda program: program.name)
def traces(request, tmp_path_factory) -> Traces:
    program, folder = request.param, tmp_path_factory.mktemp(request.param.name)
    place, alone, both = folder / "place", folder / "alone", folder / "both"
    how = {"check": True, "capture_output": True, "timeout": 120}
    subprocess.run(straced(program, alone), **how, **in_fresh_folder(program, place))
    run = faultin("--", *program.argv, **in_fresh_folder(program, place))
    run_of_both = faultin("--", *straced(program, both), **in_fresh_folder(program, place))
    return Traces(program, strace_log.read(alone), run, strace_log.read(both), run_of_both)


def from_exec(calls: list[Call]) -> list[Call]:
    """Without what strace's child did before it became the program."""
    names = [call.name for call in calls]
    return calls[names.index("execve") if "execve" in names else 0 :]


def equal(told: object, seen: object) -> bool:
    """Numbers are numbers, also where a name could stand: flags without a bit are "0"."""
    if isinstance(told, int) and isinstance(seen, bytes) and re.fullmatch(rb"0|0x\w+|\d+", seen):
        return int(seen, 8 if re.match(rb"0\d", seen) else 0) == told
    return told == seen


def exactly(one: Call, other: Call) -> str | None:
    """Equal in all that strace tells: strings, lists of strings, numbers, and the end."""
    if one.error != other.error or (one.ret != other.ret and one.ret is not None):
        return "another end"
    pairs = enumerate(zip_longest(one.args, other.args))
    wrong = [at for at, (told, seen) in pairs if told is not None and not equal(told, seen)]
    return f"arguments {wrong} differ" if wrong else None


def differences_of_one_run(logged: Tasks, seen: Tasks) -> list[str]:
    """Where what the two saw of a run differs. Of strace's own tasks strace says nothing."""
    (first,) = roots(logged)
    seen = {**seen, first: from_exec(seen.get(first, []))}
    return [
        f"task {tid}, {what}"
        for tid, calls in logged.items()
        for what in differences(calls, seen.get(tid, []), exactly)
    ]


TABLE = load(platform.machine())
# Calls that give a descriptor, or say what becomes of one, without a path.
OF_DESCRIPTORS = {"close", "dup", "dup2", "dup3", "socket", "accept4", "pipe2"}


def names_in(call: Call) -> list:
    """The paths and the command line of a call, without what two runs make up."""
    positions = TABLE.by_name(call.name).positions("path", "strings")
    values = [call.args[at] for at in positions if at < len(call.args)]
    return [[TEMPORARY.sub(rb"\1", one) for one in value] if isinstance(value, list)
            else TEMPORARY.sub(rb"\1", value) if isinstance(value, bytes) else value
            for value in values]  # fmt: skip


def alike(one: Call, other: Call) -> str | None:
    """Equal in what another run of the program has, too: not in addresses, ids or times."""
    if one.error != other.error:
        return "another end"
    return "other names" if names_in(one) != names_in(other) else None


def alike_with_descriptors(one: Call, other: Call) -> str | None:
    """The same, and equal in the descriptors and lengths that calls return."""
    is_descriptor = names_in(one) or one.name in OF_DESCRIPTORS
    other_number = is_descriptor and one.ret != other.ret
    return alike(one, other) or ("another descriptor or length" if other_number else None)


def bound(program: Program, place: str, calls: list[Call]) -> list[Call]:
    """Those calls that every run has."""
    names = [call.name for call in calls]
    last = program.until.get(place)
    upto = names.index(last) + 1 if last in names else len(calls)
    return [call for call in calls[:upto] if call.name not in program.free]


def differences_of_two_runs(program: Program, logged: Tasks, seen: Tasks) -> list[str]:
    compare = alike if program.numbers else alike_with_descriptors
    expected, found = by_place(logged), by_place(seen)
    wrong = [f"task {place} is in one run only" for place in expected.keys() ^ found.keys()]
    for place in expected.keys() & found.keys():
        both = (bound(program, place, calls) for calls in (expected[place], found[place]))
        wrong += [f"task {place}, {what}" for what in differences(*both, compare)]
    return wrong


def report(wrong: list[str]) -> str:
    return "\n".join([*wrong[:10], f"{len(wrong)} differences"])


def test_nothing_is_lost(traces):
    for run in (traces.faultin, traces.both_faultin):
        assert run.status == 0, run.stderr
        assert run.summary["lost"] == {}
        assert run.summary["events"] >= len(run.events) > 0


def test_the_same_run_is_told_the_same(traces):
    seen = by_task(traces.both_faultin.events)
    wrong = differences_of_one_run(traces.both_strace, seen)
    assert not wrong, report(wrong)


# Addresses that the kernel keeps, or whose use depends on what the call is to do.
NOT_READ = {
    ("set_tid_address", "tidptr"),
    ("set_robust_list", "head"),
    ("clone", "parent_tidptr"),
    ("clone", "child_tidptr"),
    ("futex", "uaddr"),
    ("futex", "utime"),
    ("futex", "uaddr2"),
}
WORDS = {"entry", "exit", "deferred", "remote", "exec",
         "null", "unset", "fault", "gone", "truncated"}  # fmt: skip
FUNCTIONS = {"stat": "newstat", "fstat": "newfstat", "lstat": "newlstat", "uname": "newuname",
             "umount2": "umount", "sendfile": "sendfile64"}  # what implements a call
POINTER = re.compile(r"field:[^;]*\*\s*(\w+);")


@cache
def pointers(call: str) -> list[str]:
    """The pointer arguments of a call, as the kernel declares them."""
    format_file = EVENTS / f"sys_enter_{FUNCTIONS.get(call, call)}" / "format"
    names = POINTER.findall(format_file.read_text())
    return [name for name in names if (call, name) not in NOT_READ]


def test_what_the_programs_pass_is_read(traces):
    """None of them passes a bad pointer, or changes what it passed while the call runs."""
    events = [*traces.faultin.events, *traces.both_faultin.events]
    assert not [event for event in events if {"fault", "gone"} & set(event["capture"].values())]


def test_every_pointer_says_how_it_was_read(traces):
    events = [*traces.faultin.events, *traces.both_faultin.events]
    wrong = {
        (event["syscall"], name)
        for event in events
        for name in {*pointers(event["syscall"]), *event["capture"]}
        if event["capture"].get(name) not in WORDS
    }
    assert not wrong


def with_one_missing(tasks: Tasks, compared: Tasks):
    """(call, the tasks without it), for some of the calls that are compared."""
    candidates = [(tid, call) for tid, calls in compared.items() for call in calls]
    for tid, call in candidates[:: max(1, len(candidates) // LEFT_OUT)]:
        yield call, {**tasks, tid: [one for one in tasks[tid] if one is not call]}


def test_a_missing_event_of_the_same_run_is_noticed(traces):
    logged, seen = traces.both_strace, by_task(traces.both_faultin.events)
    compared = {tid: from_exec(seen[tid]) for tid in logged}
    for call, fewer in with_one_missing(seen, compared):
        assert differences_of_one_run(logged, fewer), call
