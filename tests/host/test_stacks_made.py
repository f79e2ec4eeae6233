# SPDX-License-Identifier: Apache-2.0
"""Stacks through code that no file has: the vdso, code made at run time, Python's functions."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "stacks" / "made.c"
FAULTIN = [sys.executable, "-m", "faultin"]
SCRIPT = """
import os
def inner(): return os.getpgid(0)
def outer(): return inner()
outer()
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("made") / "made"
    subprocess.run(["gcc", "-O2", "-fno-optimize-sibling-calls", "-o", made, SOURCE], check=True)
    return made


def stacks(tmp_path: Path, name: str, command: list[object]) -> list[tuple[list[dict], str]]:
    """Of each call the frames, and why they end; what its process wrote for it is removed."""
    output = tmp_path / "trace.jsonl"
    words = [
        *FAULTIN,
        "trace",
        "--stack",
        "-e",
        name,
        "--format",
        "jsonl",
        "-o",
        output,
        "--",
        *command,
    ]
    subprocess.run(list(map(str, words)), check=True)
    *events, _ = [json.loads(line) for line in output.read_text().splitlines()]
    for event in events:
        Path(f"/tmp/perf-{event['pid']}.map").unlink(missing_ok=True)
    return [(event["stack"], event["stack_end"]) for event in events]


def stack(tmp_path: Path, name: str, command: list[object]) -> tuple[list[dict], str]:
    """Of the only call."""
    (found,) = stacks(tmp_path, name, command)
    return found


def named(frames: list[dict]) -> list[str | None]:
    return [frame.get("function") for frame in frames]


def test_through_the_vdso(program, tmp_path):
    frames, end = stack(tmp_path, "clock_gettime", [program, "vdso"])
    inside = [frame for frame in frames if frame["module"] == "[vdso]"]
    assert inside and inside[-1]["function"].endswith("clock_gettime") and end == "end"
    assert "main" in named(frames)


def test_code_made_at_run_time(program, tmp_path):
    frames, end = stack(tmp_path, "getpgid", [program, "jit", "made_at_run_time"])
    assert named(frames)[:2] == ["made_at_run_time", "main"] and end == "end"
    assert all(frame.get("build_id") for frame in frames[1:])


def test_a_program_s_names_are_not_those_of_the_one_before(program, tmp_path):
    """One process, the same address."""
    found = stacks(tmp_path, "getpgid", [program, "jit", "before", "later"])
    assert len(found) == 2 and named(found[1][0])[:2] == ["later", "main"]


def python() -> str:
    """One that has perf trampolines."""
    code = (
        "import sys, sysconfig; sys.exit(not (sysconfig.get_config_var('PY_HAVE_PERF_TRAMPOLINE')))"
    )
    names = [shutil.which(name) for name in ("python3", "python3.13", "python3.12")]
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[2-9].*/bin/python3"))
    for path in [*filter(None, names), *map(str, pyenv)]:
        if not subprocess.run([path, "-c", code], stderr=subprocess.DEVNULL).returncode:
            return os.path.realpath(path)
    pytest.skip("no Python with perf trampolines (3.12 and later)")


def test_functions_of_python(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    frames, end = stack(tmp_path, "getpgid", [python(), "-X", "perf", script])
    ours = [name for name in named(frames) if name and name.startswith("py::")]
    assert ours[:3] == [f"py::{name}:{script}" for name in ("inner", "outer", "<module>")], named(
        frames
    )
    assert end == "end"
