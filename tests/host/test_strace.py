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
from pathlib import Path
from typing import Callable

import pytest
import strace_log
from calls import Call, Tasks, by_place, by_task, differences, roots

from conftest import Run, faultin
from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel

PROGRAMS = Path(__file__).parent / "programs"
EVENTS = Path("/sys/kernel/tracing/events/syscalls")
NOBODY = "a <a@example.org> 1700000000 +0000"
ENVIRONMENT = {
    "LC_ALL": "C",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}
# Names that a program makes up: mkstemp's, of gcc and of git.
TEMPORARY = re.compile(rb"(/tmp/cc|\.git/t)\w{6}\b")

CHILD_ENDS = "a SIGCHLD comes whenever the child ends: its handler returns then"
FAIR_NUMBER = "mkstemp draws again when the number would not give each name the same chance"
WHO_WAITS = "who comes second waits, and who comes first has none to wake"
OWN_HEAP = "a thread's heap or stack is that of one that ended before, if one did"


@dataclass(frozen=True)
class Program:
    """A command, what must be there before it runs, and what two runs may differ in.

    free: calls of which a run may have more or fewer, with the reason; until: for a
    task, by its place, the call after which two runs go apart.
    """

    name: str
    argv: list[str]
    prepare: Callable[[Path], None] = lambda folder: None
    free: dict[str, str] = field(default_factory=dict)
    until: dict[str, str] = field(default_factory=dict)


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
        free={"getrandom": FAIR_NUMBER, "rt_sigreturn": CHILD_ENDS},
    ),
    Program(
        "make", ["make", "-s", "-j2"], c_project,
        free={"getrandom": FAIR_NUMBER, "rt_sigreturn": CHILD_ENDS},
    ),
    Program(
        "threads", python("threads.py"),
        free={"futex": WHO_WAITS, "mmap": OWN_HEAP, "munmap": OWN_HEAP, "mprotect": OWN_HEAP,
              "madvise": OWN_HEAP, "brk": OWN_HEAP},
    ),
    # find goes on until it writes to a pipe that head has left
    Program(
        "find", ["sh", "-c", "find / -xdev | head"],
        free={"rt_sigreturn": CHILD_ENDS}, until={"1.1": "write"},
    ),
    Program(
        "sh", ["sh", "-c", "echo a b | cat | tr a-z A-Z | wc -w; ls /usr | sort | head -3"],
        free={"rt_sigreturn": CHILD_ENDS},
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


def exactly(one: Call, other: Call) -> str | None:
    """Equal in all that strace tells: strings, lists of strings, numbers, and the end."""
    if one.error != other.error or (one.ret != other.ret and one.ret is not None):
        return "another end"
    told = [at for at, value in enumerate(one.args) if value is not None]
    wrong = [at for at in told if one.args[at : at + 1] != other.args[at : at + 1]]
    return f"arguments {wrong}" if wrong else None


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
    if names_in(one) != names_in(other):
        return "other names"
    descriptor = names_in(one) or one.name in OF_DESCRIPTORS
    return "another descriptor or length" if descriptor and one.ret != other.ret else None


def bound(program: Program, place: str, calls: list[Call]) -> list[Call]:
    """Those calls that every run has."""
    names = [call.name for call in calls]
    last = program.until.get(place)
    upto = names.index(last) + 1 if last in names else len(calls)
    return [call for call in calls[:upto] if call.name not in program.free]


def differences_of_two_runs(program: Program, logged: Tasks, seen: Tasks) -> list[str]:
    expected, found = by_place(logged), by_place(seen)
    wrong = [f"task {place} is in one run only" for place in expected.keys() ^ found.keys()]
    for place in expected.keys() & found.keys():
        both = (bound(program, place, calls) for calls in (expected[place], found[place]))
        wrong += [f"task {place}, {what}" for what in differences(*both, alike)]
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


def test_the_program_does_the_same_as_under_strace(traces):
    seen = by_task(traces.faultin.events)
    wrong = differences_of_two_runs(traces.program, traces.strace, seen)
    assert not wrong, report(wrong)
