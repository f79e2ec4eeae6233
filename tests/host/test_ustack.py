# SPDX-License-Identifier: Apache-2.0
"""ustack in queries, live and of recordings, and in the Python API."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Way, ways

import faultin

SOURCE = Path(__file__).parent / "stacks" / "paths.c"
OURS = 'path in ("/often", "/seldom")'  # the loader asks, too
WANTED = ["-e", "access", "-w", OURS]
FAULTIN = [sys.executable, "-m", "faultin"]
WAYS = [pytest.param(way, marks=[pytest.mark.kernel] if way.needs_root else []) for way in ways()]


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """Two ways to one function: 30 calls by `often`, 4 by `seldom`."""
    made = tmp_path_factory.mktemp("paths") / "paths"
    subprocess.run(["gcc", "-O1", "-fno-optimize-sibling-calls", "-o", made, SOURCE], check=True)
    return made


def run(*words: object, **variables: str) -> list[dict]:
    ran = subprocess.run(
        [*FAULTIN, *map(str, words)], capture_output=True, text=True, timeout=300,
        env={**os.environ, **variables},
    )  # fmt: skip
    assert not ran.returncode, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def options(way: Way) -> list[str]:
    return ["--engine", way.engine, "--strategy", way.strategy]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_counted_by(program, way):
    *rows, last = run("stats", "count()", "--by", "ustack", "--json", "-e", "access",
                      "-w", OURS, *options(way), "--", program)  # fmt: skip
    found = {row["ustack"]: row["count()"] for row in rows}
    assert sorted(found.values()) == [4, 30] and last["summary"]["lost"] == {}
    often, seldom = sorted(found, key=found.get, reverse=True)
    assert often.endswith(";main;often;ask;access") and seldom.endswith(";main;seldom;ask;access")
    assert often.startswith("_start;")


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_captured(program, way):
    found = run("watch", "-e", "access", "-w", 'path == "/seldom"', "--capture", "path,ustack",
                "--format", "jsonl", *options(way), "--", program)  # fmt: skip
    assert len(found) == 4
    for notification in found:
        stack = notification["ustack"]
        names = [frame.get("function") for frame in stack["frames"]]
        assert names[:4] == ["access", "ask", "seldom", "main"] and names[-1] == "_start"
        assert stack["end"] == "end" and stack["how"] in ("entry", "exit", "deferred", "remote")
        assert notification["path"] == "/seldom"


def test_once_for_each(program):
    found = run("watch", "-e", "access", "-w", OURS, "--for-each", "ustack", "--capture", "path",
                "--format", "jsonl", "--", program)  # fmt: skip
    assert [notification["path"] for notification in found] == ["/often", "/seldom"]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_once_for_each_of_calls_whose_paths_are_absent(program, way):
    """Of every second call what the query looks at comes late: the pieces of its stack have
    left before it is known that it is wanted. They stay together, whatever comes between.
    A stack has more than fits into a record, as the environment is on it."""
    found = run("watch", "-e", "access", "-w", OURS, "--for-each", "ustack", "--capture",
                "path,ustack", "--format", "jsonl", *options(way), "--", program, "cold",
                PAD="x" * 9000)  # fmt: skip
    assert sorted(notification["path"] for notification in found) == ["/often", "/seldom"]
    assert {notification["ustack"]["end"] for notification in found} == {"end"}


def test_a_command_is_given_it_as_json(program, tmp_path):
    script = tmp_path / "keep"
    script.write_text(f'#!/bin/sh\nprintf %s "$FAULTIN_USTACK" > {tmp_path}/found\n')
    script.chmod(0o755)
    run("watch", "-e", "access", "-w", OURS, "--once", "--capture", "ustack", "--exec", script,
        "--", program)  # fmt: skip
    found = json.loads((tmp_path / "found").read_text())
    assert found["frames"][1]["function"] == "ask" and found["end"] == "end"


def test_source_lines(program, tmp_path):
    made = tmp_path / "paths"
    subprocess.run(
        ["gcc", "-O1", "-g", "-fno-optimize-sibling-calls", "-o", made, SOURCE], check=True
    )
    found = run("watch", "-e", "access", "-w", OURS, "--once", "--lines", "--capture", "ustack",
                "--format", "jsonl", "--", made)  # fmt: skip
    frame = found[0]["ustack"]["frames"][1]
    assert frame["file"].endswith("paths.c")
    assert "access" in SOURCE.read_text().splitlines()[frame["line"] - 1]


# In recordings and in the Python API


def shape(event: dict) -> list:
    """A stack without what differs from run to run: where things are mapped."""
    frames = [(frame["module"], frame["at"], frame.get("function")) for frame in event["stack"]]
    return [frames, event["stack_end"]]


@pytest.fixture(scope="module")
def recorded(program, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("recorded") / "r.parquet"
    ran = subprocess.run([*FAULTIN, "record", "--stack", *WANTED, "-o", target, "--", program])
    assert not ran.returncode
    return target


@pytest.mark.kernel
def test_events_of_a_recording_are_those_of_a_trace(program, recorded, tmp_path):
    output = tmp_path / "trace.jsonl"
    run("trace", "--stack", *WANTED, "--format", "jsonl", "-o", output, "--", program)
    live = [json.loads(line) for line in output.read_text().splitlines()][:-1]
    kept = [event for event in run("query", recorded, "--json") if "syscall" in event]
    assert len(kept) == 34
    assert [shape(event) for event in kept] == [shape(event) for event in live]


@pytest.mark.kernel
def test_counted_by_stack(recorded):
    *rows, _ = run("query", recorded, "--by", "ustack", "count()", "--json")
    found = {row["ustack"]: row["count()"] for row in rows}
    assert sorted(found.values()) == [4, 30]
    assert max(found, key=found.get).endswith(";main;often;ask;access")


@pytest.mark.kernel
def test_a_recording_without_them_says_so(program, tmp_path):
    target = tmp_path / "r.parquet"
    subprocess.run([*FAULTIN, "record", *WANTED, "-o", target, "--", program], check=True)
    ran = subprocess.run(
        [*FAULTIN, "query", target, "--by", "ustack", "count()"], capture_output=True, text=True
    )
    assert ran.returncode and "record with --stack" in ran.stderr


@pytest.mark.kernel
def test_the_api_gives_them(program):
    events = list(faultin.trace("access", where=OURS, command=[str(program)], stack=True))
    assert len(events) == 34
    for event in events:
        assert [frame.function for frame in event.stack.frames][:2] == ["access", "ask"]
        assert event.stack.end.value == "end"


@pytest.mark.kernel
def test_a_table_has_them(program):
    table = faultin.trace("access", where=OURS, command=[str(program)], stack=True).to_arrow()
    assert set(table["ustack__end"].to_pylist()) == {"end"}
    assert [row[1]["function"] for row in table["ustack__frames"].to_pylist()] == ["ask"] * 34


@pytest.mark.kernel
def test_rows_are_counted_by_them(program):
    rows = list(faultin.stats("access", "count()", by="ustack", where=OURS, command=[str(program)]))
    assert sorted(row["count()"] for row in rows) == [4, 30]
