# SPDX-License-Identifier: Apache-2.0
"""Real programs with engine ptrace: faultin sees the calls that strace sees.

A task has one tracer, so that there is no run that both see (test_strace.py has that for
the other engines). Two runs are compared, in which a program is free to differ where
test_strace.Program says so, and why.
"""

import subprocess

import pytest
import strace_log
from calls import by_task
from running import faultin
from test_strace import (
    TRACED,
    differences_of_two_runs,
    in_fresh_folder,
    report,
    straced,
    with_one_missing,
)

pytestmark = pytest.mark.kernel


each = pytest.mark.parametrize("runs", TRACED, ids=lambda program: program.name, indirect=True)
each_that_repeats = pytest.mark.parametrize(
    "runs", [one for one in TRACED if one.repeats], ids=lambda program: program.name, indirect=True
)


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """(the program, what strace saw, faultin's run)"""
    program, folder = request.param, tmp_path_factory.mktemp(request.param.name)
    how = {"check": True, "capture_output": True, "timeout": 120}
    place, log = folder / "place", folder / "log"
    subprocess.run(straced(program, log), **how, **in_fresh_folder(program, place))
    run = faultin("--engine", "ptrace", "--", *program.argv, **in_fresh_folder(program, place))
    assert run.status == 0 and run.summary["lost"] == {}, run.stderr
    return program, strace_log.read(log), run


@each
def test_two_runs_are_told_alike(runs):
    program, logged, run = runs
    wrong = differences_of_two_runs(program, logged, by_task(run.events))
    assert not wrong, report(wrong)


@each
def test_all_that_is_passed_is_read_at_entry(runs):
    _, _, run = runs
    words = {word for event in run.events for word in event["capture"].values()}
    assert words <= {"entry", "exit", "null", "unset", "truncated"}


@each_that_repeats
def test_a_missing_event_is_noticed(runs):
    program, logged, run = runs
    seen = by_task(run.events)
    for call, fewer in with_one_missing(seen, seen):
        if call.name not in program.free:
            assert differences_of_two_runs(program, logged, fewer), call
