# SPDX-License-Identifier: Apache-2.0
"""Real programs: faultin sees the calls that strace sees, in each of their threads.

Every program is traced twice over. In one run, strace traces it and faultin traces
them both: what the two tell of the same run must be equal, without allowances. In a
run of its own, with strace far away, it must do what it does under strace: there the
two runs may differ where the program is free to, and each ALLOWANCE says why.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import pytest
import strace_log
from calls import Call, Task, by_task, differences, same_name, tree

from conftest import Run, faultin
from faultin.syscalls.table import load

pytestmark = pytest.mark.kernel
PROGRAMS = Path(__file__).parent / "programs"
ENVIRONMENT = {
    "LC_ALL": "C", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A command, what is there before it runs, and what two runs of it may differ in."""

    name: str
    argv: list[str]
    prepare: Callable[[Path], None] = lambda folder: None


def git_repository(folder: Path) -> None:
    """A repository with a few commits."""
    repository = folder / "repository"
    repository.mkdir()
    (repository / "sub").mkdir()
    git = ["git", "-C", str(repository)]
    quiet = {"check": True, "env": environment(folder)}
    subprocess.run([*git, "init", "-q", "-b", "main"], **quiet)
    for number in range(3):
        (repository / "sub" / f"file{number}").write_text("text\n" * (number + 1))
        subprocess.run([*git, "add", "."], **quiet)
        subprocess.run([*git, "commit", "-q", "-m", f"commit {number}"], **quiet)


def c_project(folder: Path) -> None:
    """The sources of the small project."""
    shutil.copytree(PROGRAMS / "project", folder, dirs_exist_ok=True)


def python(program: str) -> list[str]:
    return [sys.executable, "-S", "-c", (PROGRAMS / program).read_text()]


PROGRAMS_TRACED = [
    Program("git", ["git", "clone", "-q", "repository", "clone"], git_repository),
    Program("make", ["make", "-s", "-j2"], c_project),
    Program("threads", python("threads.py")),
    Program("find", ["sh", "-c", "find / -xdev | head"]),
    Program("sh", ["sh", "-c", "echo one two | cat | tr a-z A-Z | wc -w; ls / | sort | head -3"]),
    Program("loopback", python("loopback.py")),
]
each_program = pytest.mark.parametrize("program", PROGRAMS_TRACED, ids=lambda one: one.name)


def environment(folder: Path) -> dict[str, str]:
    sources = os.path.abspath(os.environ.get("PYTHONPATH", os.curdir))  # may be relative
    found = {"PATH": os.environ["PATH"], "PYTHONPATH": sources, "HOME": str(folder)}
    return {**ENVIRONMENT, **found}


@pytest.fixture
def place(tmp_path):
    """Sets up a program in the same folder for every run: (program) -> subprocess options."""
    folder = tmp_path / "folder"

    def fresh(program: Program) -> dict:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        program.prepare(folder)
        return {"cwd": folder, "env": environment(folder), "stdin": subprocess.DEVNULL}

    return fresh


def under_strace(program: Program, place, log: Path) -> dict[int, list[Call]]:
    argv = ["strace", *strace_log.OPTIONS, "-o", str(log), *program.argv]
    subprocess.run(argv, check=True, capture_output=True, timeout=120, **place(program))
    return strace_log.read(log)


def under_faultin(program: Program, place) -> Run:
    run = faultin("--", *program.argv, **place(program))
    assert run.status == 0, run.stderr
    assert run.summary["lost"] == {}
    return run


def under_both(program: Program, place, log: Path) -> tuple[dict[int, list[Call]], Run]:
    argv = ["strace", *strace_log.OPTIONS, "-o", str(log), *program.argv]
    run = faultin("--", *argv, **place(program))
    assert run.status == 0, run.stderr
    assert run.summary["lost"] == {}
    return strace_log.read(log), run


def from_exec(calls: list[Call]) -> list[Call]:
    """Without what strace's child did before it became the program."""
    names = [call.name for call in calls]
    return calls[names.index("execve") :]


def _equal(told: object, seen: object) -> bool:
    """Numbers are numbers, also where a name could stand: flags without a bit are "0"."""
    if isinstance(told, int) and isinstance(seen, bytes) and seen[:1].isdigit():
        return int(seen, 8 if seen[:1] == b"0" and seen[1:2].isdigit() else 0) == told
    return told == seen


def exactly(one: Call, other: Call) -> str | None:
    """Equal in all that both tell."""
    if one.error != other.error:
        return "another error"
    if one.ret != other.ret and one.ret is not None:
        return "another return value"
    for at, value in enumerate(one.args[: len(other.args)]):
        if value is not None and not _equal(value, other.args[at]):
            return f"argument {at} differs: {value!r} {other.args[at]!r}"
    return None


@each_program
def test_the_same_run(program, place, tmp_path):
    logged, run = under_both(program, place, tmp_path / "log")
    seen = by_task(run.events)
    made_by_strace = tree(logged).tid
    seen[made_by_strace] = from_exec(seen[made_by_strace])
    wrong = [
        f"task {tid}: {what}"
        for tid, calls in logged.items()
        for what in differences(calls, seen.get(tid, []), exactly)
    ]
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} in all"
