# SPDX-License-Identifier: Apache-2.0
"""Running: start faultin and look at it while it runs; what is started is ended, by pid."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import command


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """What `condition` gives, once that is true; fails when it never is."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"never true: {condition}"
        time.sleep(0.02)
    return found


def run(*words: Any, **options: Any) -> subprocess.CompletedProcess:
    """`faultin WORDS`, to its end. Output as text, but for what is no UTF-8."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, errors="surrogateescape",
        stdin=subprocess.DEVNULL, timeout=60, **options,
    )  # fmt: skip


@contextmanager
def started(*words: Any, **options: Any) -> Iterator[subprocess.Popen]:
    """A process that runs as long as the block does, at most."""
    process = subprocess.Popen(list(map(str, words)), **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a JSON Lines file that may still grow."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def text(path: Path) -> str:
    """What is in the file; nothing if there is none yet."""
    return path.read_text() if path.exists() else ""


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def with_pids(pid: int) -> list[str]:
    """The BPF programs that a process holds, by name, where bpftool is there to say."""
    try:
        shown = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    programs = json.loads(shown.stdout)
    return [p["name"] for p in programs if any(o["pid"] == pid for o in p.get("pids", []))]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}
