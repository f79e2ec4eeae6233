# SPDX-License-Identifier: Apache-2.0
"""Stacks are whole, whatever they lie on, and equal to gdb's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from engines import Way, every_way, ways

SOURCES = Path(__file__).parent / "stacks"
FAULTIN = [sys.executable, "-m", "faultin"]
FLAGS = {
    "tables": ["-O2", "-fomit-frame-pointer"],
    "frame-pointers": [
        "-O2",
        "-fno-omit-frame-pointer",
        "-fno-asynchronous-unwind-tables",
        "-fno-unwind-tables",
    ],
}


def marked(found: list[Way]) -> list:
    return [
        pytest.param(way, marks=[pytest.mark.kernel] if way.needs_root else []) for way in found
    ]


WAYS, EVERY_WAY = marked(ways()), marked(every_way())
PLAIN = ["plain_2", "library_inner", "library_call", "plain_1"]
COLD = ["cold_leaf", "cold_3", "cold_2", "library_inner", "library_call", "cold_1"]


@pytest.fixture(scope="module", params=FLAGS)
def program(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    library, made = folder / "libdeep.so", folder / "deep"
    flags = [*FLAGS[request.param], "-fno-optimize-sibling-calls", "-w"]
    subprocess.run(
        ["gcc", *flags, "-fPIC", "-shared", "-o", library, SOURCES / "library.c"], check=True
    )
    rpath = f"-Wl,-rpath,{folder}"
    subprocess.run(
        ["gcc", *flags, "-rdynamic", "-o", made, SOURCES / "deep.c", library, rpath], check=True
    )
    return made


def calls(
    tmp_path: Path, options: list[str], command: list[str], name: str = "getpgid", input: str = ""
) -> list[dict]:
    output = tmp_path / "trace.jsonl"
    ran = subprocess.run(
        [*FAULTIN, "trace", "--stack", "-e", name, "--format", "jsonl", "-o", output, *options, "--", *command],
        capture_output=True, text=True, input=input,
    )  # fmt: skip
    assert not ran.returncode, ran.stderr
    events = [json.loads(line) for line in output.read_text().splitlines()]
    assert events.pop()["summary"]["lost"] == {}
    return events


def functions(event: dict) -> list[str]:
    return [frame.get("function", "?") for frame in event["stack"]]


def between(event: dict, first: str, last: str) -> list[str]:
    """The functions from one to another."""
    found = functions(event)
    assert first in found and last in found, found
    return found[found.index(first) : found.index(last) + 1]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_through_a_shared_library(program, way: Way, tmp_path):
    (event,) = calls(tmp_path, way.options, [str(program), "library"])
    assert between(event, "leaf_call", "main") == ["leaf_call", *PLAIN, "main"]
    assert event["stack_end"] == "end"


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_a_stack_whose_pages_are_absent(program, way: Way, tmp_path):
    options = [*way.options, "--stack-bytes", "64k"]
    wait = [] if way.sleepable or way.task_work else ["1000000"]  # it is read from outside, later
    (event,) = calls(tmp_path, options, [str(program), "cold", *wait])
    assert between(event, "cold_leaf", "cold_1") == COLD
    assert event["stack_end"] != "page_gone"  # behind it is what makecontext() leaves there
    late = "deferred" if way.task_work else "remote"
    assert event["stack_how"] == ("entry" if way.sleepable else late)


@pytest.mark.kernel
def test_without_the_faults_it_stops_short(program, tmp_path):
    options = ["--engine", "deferred", "--entry-only", "--stack-bytes", "64k"]
    (event,) = calls(tmp_path, options, [str(program), "cold"])
    assert "cold_leaf" in functions(event) and "cold_1" not in functions(event)
    assert event["stack_end"] == "page_gone"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_coroutine(program, way: Way, tmp_path):
    (event,) = calls(tmp_path, way.options, [str(program), "coroutine"])
    assert between(event, "leaf_call", "coroutine") == ["leaf_call", *PLAIN, "coroutine"]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_signal_handler(program, way: Way, tmp_path):
    (event,) = calls(tmp_path, way.options, [str(program), "signal"])
    found = functions(event)
    assert (
        found.index("plain_2")
        < found.index("handler")
        < found.index("in_signal")
        < found.index("main")
    )
    assert event["stack_end"] == "end"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_more_than_127_frames(program, way: Way, tmp_path):
    (event,) = calls(tmp_path, way.options, [str(program), "deep"])
    assert len(event["stack"]) == 127 and event["stack_end"] == "depth"
    assert set(functions(event)[2:]) == {"deeper"}


def test_a_copy_that_is_too_small(program, tmp_path):
    options = ["--engine", "ptrace", "--stack-bytes", "1k"]
    (event,) = calls(tmp_path, options, [str(program), "deep"])
    assert event["stack_end"] == "copy_end" and 20 < len(event["stack"]) < 127


GDB = """
frame = gdb.newest_frame()
while frame:
    if frame.type() != gdb.INLINE_FRAME:
        print("pc", hex(frame.pc() & 0xfff))
    frame = frame.older()
"""


def gdb_stack(tmp_path: Path, name: str, command: list[str], input: str = "") -> list[int]:
    """Return addresses in their pages, which is what address randomization leaves alone."""
    if not shutil.which("gdb"):
        pytest.fail("stacks are compared with gdb's: install the package gdb")
    script = tmp_path / "frames.py"
    script.write_text(GDB)
    settings = ["set debuginfod enabled off", "set backtrace past-main on", "set pagination off",
                "set startup-with-shell off", f"catch syscall {name}", "run", f"source {script}"]  # fmt: skip
    words = [word for setting in settings for word in ("-ex", setting)]
    ran = subprocess.run(
        ["gdb", "-nx", "-batch", *words, "--args", *command], capture_output=True, text=True,
        timeout=300, input=input,
    )  # fmt: skip
    return [int(line.split()[1], 16) for line in ran.stdout.splitlines() if line.startswith("pc ")]


@pytest.fixture(scope="module")
def cpp(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("cpp") / "sorted"
    subprocess.run(["g++", "-O2", "-g", "-o", made, SOURCES / "sorted.cc"], check=True)
    return made


@pytest.mark.parametrize("case", ["python", "git", "c++"])
def test_equals_gdb(case, cpp, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text("import os\nsorted([1, 2], key=lambda x: os.getpgid(0))\n")
    name, command = {
        "python": ("getpgid", ["/usr/bin/python3", "-S", str(script)]),
        "git": ("getcwd", ["/usr/bin/git", "rev-parse", "--show-toplevel"]),
        "c++": ("getpgid", [str(cpp)]),
    }[case]
    theirs = gdb_stack(tmp_path, name, command)
    ours = calls(tmp_path, ["--stack-bytes", "64k"], command, name)[0]
    assert len(theirs) > 4
    assert [frame["ip"] & 0xFFF for frame in ours["stack"]] == theirs
    assert ours["stack_end"] == "end"


@pytest.mark.skipif(os.geteuid() != 0, reason="postgres runs as a user of its own: run as root")
def test_equals_gdb_in_a_query_of_postgres(tmp_path):
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "postgres is not installed: apt-get install postgresql"
    as_owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        shutil.chown(folder, "postgres")
        initdb = [*as_owner, found[-1].with_name("initdb"), "-N", "-A", "trust", "-D", folder]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL)
        command = [*as_owner, str(found[-1]), "--single", "-D", folder, "postgres"]
        query = "select pg_sleep(0.01) from generate_series(1, 2);\n"
        theirs = gdb_stack(tmp_path, "epoll_wait", command, query)
        ours = calls(tmp_path, ["--stack-bytes", "64k"], command, "epoll_wait", query)[0]
    assert len(theirs) > 12
    assert [frame["ip"] & 0xFFF for frame in ours["stack"]] == theirs
    assert ours["stack_end"] == "end"


def test_lines_and_inlined_functions(cpp, tmp_path):
    (event,) = calls(tmp_path, ["--lines"], [str(cpp)])
    assert "work::Derived::run(int)" in functions(event)
    inlined = [frame for frame in event["stack"] if frame.get("inlined")]
    assert inlined and all(frame["line"] for frame in inlined)
    ours = next(
        frame for frame in event["stack"] if frame.get("function") == "work::Derived::run(int)"
    )
    line = (SOURCES / "sorted.cc").read_text().splitlines()[ours["line"] - 1]
    assert ours["file"].endswith("sorted.cc") and "SYS_getpgid" in line


def test_names_outlive_the_process(cpp, tmp_path):
    """faultin is stopped until all of it is over."""
    command = ["sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do {cpp}; done"]
    events = [event for event in calls(tmp_path, [], command) if event["comm"] == "sorted"]
    assert len(events) == 8
    assert all("work::Derived::run(int)" in functions(event) for event in events)


def test_folded_and_pages(cpp, tmp_path):
    folded, flame, scope = tmp_path / "f.txt", tmp_path / "f.html", tmp_path / "f.json"
    outputs = ["--folded", folded, "--flame", flame, "--speedscope", scope]
    ran = subprocess.run(
        [*FAULTIN, "stacks", "-e", "getpgid", *outputs, "--", cpp], capture_output=True, text=True
    )
    assert not ran.returncode, ran.stderr
    (line,) = folded.read_text().splitlines()
    path, weight = line.rsplit(" ", 1)
    assert weight == "1" and path.startswith("sorted;_start;") and path.endswith(";syscall;getpgid")
    profile = json.loads(scope.read_text())
    names = [profile["shared"]["frames"][i]["name"] for i in profile["profiles"][0]["samples"][0]]
    assert [name.replace(";", ":") for name in names] == path.split(";")
    assert b"https:" not in flame.read_bytes() and b"work::Derived::run(int)" in flame.read_bytes()
