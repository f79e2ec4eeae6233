# SPDX-License-Identifier: Apache-2.0
"""A way to run faultin as a user does: the command, its output, and the events."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """A finished trace: the exit status, what was printed, and the events."""

    status: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]]
    summary: dict[str, Any]


def command(*words: Any) -> list[str]:
    """The words that run `faultin` with the Python that runs the tests."""
    return [sys.executable, "-m", "faultin", *map(str, words)]


def faultin(*words: Any, timeout: float = 120, **options: Any) -> Run:
    """`faultin trace WORDS` into JSON Lines; `options` are subprocess.run's."""
    with NamedTemporaryFile(suffix=".jsonl") as output:
        ran = subprocess.run(
            command("trace", "--format", "jsonl", "-o", output.name, *words),
            capture_output=True, text=True, errors="replace", timeout=timeout, **options,
        )  # fmt: skip
        lines = [json.loads(line) for line in output.read().splitlines()]
    summary = lines.pop()["summary"] if lines and "summary" in lines[-1] else {}
    return Run(ran.returncode, ran.stdout, ran.stderr, lines, summary)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What the condition gives as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found
