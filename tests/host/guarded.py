# SPDX-License-Identifier: Apache-2.0
"""`faultin guard` as a user runs it, and the C programs that try to get around it."""

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from running import command

HERE = Path(__file__).parent / "guard"
_FOLDER = TemporaryDirectory(prefix="faultin-guard-", ignore_cleanup_errors=True)
FOLDER = Path(_FOLDER.name)
FORBIDDEN = """
[[rule]]
name = "forbidden"
calls = "open,openat,openat2"
where = 'path == "/tmp/forbidden"'
action = "deny"
errno = "EACCES"
"""
ALL = 'guard = "all"\ndefault = "log"\n'


@dataclass(frozen=True)
class Guarded:
    """A finished run: what was printed, and the decisions."""

    status: int
    stdout: str
    stderr: str
    decisions: list[dict[str, Any]]

    def of(self, syscall: str) -> list[dict[str, Any]]:
        return [decision for decision in self.decisions if decision["syscall"] == syscall]

    @property
    def words(self) -> dict[str, str]:
        """What a program of ours has said of each try."""
        return dict(line.split(" ", 1) for line in self.stdout.splitlines())


@cache
def program(name: str) -> Path:
    """One of guard/*.c, compiled, where every user can run it."""
    FOLDER.chmod(0o755)
    words = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-O1", "-pthread"]
    subprocess.run(["gcc", *words, "-o", FOLDER / name, HERE / f"{name}.c"], check=True)
    return FOLDER / name


def policy_file(text: str) -> Path:
    path = FOLDER / f"policy-{abs(hash(text))}.toml"
    path.write_text(text)
    return path


def words(policy: str, *options: Any) -> list[str]:
    return command("guard", "--policy", policy_file(policy), *options)


def guard(
    policy: str, *run: Any, options: tuple[Any, ...] = (), timeout: float = 60, **more
) -> Guarded:
    """`faultin guard OPTIONS -- RUN` with an audit."""
    audit = FOLDER / "audit.jsonl"
    ran = subprocess.run(
        [*words(policy, "--audit", audit, *options), "--", *map(str, run)],
        capture_output=True, text=True, errors="replace", timeout=timeout, **more,
    )  # fmt: skip
    lines = [json.loads(line) for line in audit.read_text().splitlines()] if audit.exists() else []
    audit.unlink(missing_ok=True)
    decisions = [line for line in lines if "summary" not in line]
    return Guarded(ran.returncode, ran.stdout, ran.stderr, decisions)
