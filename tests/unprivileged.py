# SPDX-License-Identifier: Apache-2.0
"""faultin as a user without any capability runs it, from folders that all may read."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Iterator

import pytest
from running import Run

NOBODY = 65534
_PACKAGES = ("faultin", "orjson", "rich")  # what the ptrace engine needs
_DROP = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
         "--inh-caps=-all", "--bounding-set=-all"]  # fmt: skip


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder of nobody's own; the tests' are under one that only root may enter."""
    folder = Path(tempfile.mkdtemp(prefix="faultin-test-"))
    try:
        os.chmod(folder, 0o755)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def packages() -> Path:
    """What is installed, where everybody can read it."""
    folder = Path(tempfile.mkdtemp(prefix="faultin-packages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    for name in _PACKAGES:
        found = find_spec(name)
        assert found and found.origin
        shutil.copytree(Path(found.origin).parent, folder / name)
    return folder


@cache
def python() -> str:
    """An interpreter of our version that nobody can run: ours may be out of reach."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (os.path.realpath(sys.executable), f"/usr/bin/{version}"):
        if subprocess.run(nobody(path, "-c", ""), capture_output=True).returncode == 0:
            return path
    pytest.fail(f"no {version} that user nobody can run: neither {sys.executable} nor in /usr/bin")


def nobody(*words: Any) -> list[str]:
    """The words that run a command as nobody; as we are, without root."""
    drop = _DROP if os.geteuid() == 0 else []
    return [*drop, "env", "HOME=/", *map(str, words)]


def command_as_nobody(*words: Any) -> list[str]:
    """The words that run `faultin` as nobody."""
    return nobody(f"PYTHONPATH={packages()}", python(), "-m", "faultin", *words)


def faultin_as_nobody(*words: Any, timeout: float = 120, **options: Any) -> Run:
    """`faultin trace WORDS` into JSON Lines, by nobody."""
    with open_folder() as folder:
        output = folder / "output"
        ran = subprocess.run(
            command_as_nobody("trace", "--format", "jsonl", "-o", output, *words),
            capture_output=True, text=True, errors="replace", timeout=timeout, cwd="/", **options,
        )  # fmt: skip
        text = output.read_bytes() if output.exists() else b""
    lines = [json.loads(line) for line in text.splitlines()]
    summary = lines.pop()["summary"] if lines and "summary" in lines[-1] else {}
    return Run(ran.returncode, ran.stdout, ran.stderr, lines, summary)
