# SPDX-License-Identifier: Apache-2.0
"""Which engines and strategies this kernel has: what the tests run on each of them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


IN_GUEST = "FAULTIN_RESULTS" in os.environ  # where each command takes ten seconds to begin


@dataclass(frozen=True)
class Way:
    """An engine and a strategy. task_work: whether a deferred read has it."""

    engine: str
    strategy: str
    task_work: bool
    names_only: bool  # the engine traces only what -e names, and not too much of it

    @property
    def sleepable(self) -> bool:
        """Whether it takes faults at entry."""
        return self.engine != "deferred"

    @property
    def needs_root(self) -> bool:
        return self.engine != "ptrace"

    @property
    def options(self) -> list[str]:
        older = [] if self.sleepable or self.task_work else ["--no-task-work"]
        return ["--engine", self.engine, "--strategy", self.strategy, *older]

    def __str__(self) -> str:
        older = "" if self.sleepable or self.task_work else "-without-task-work"
        return f"{self.engine}-{self.strategy}{older}"


@cache
def doctor() -> dict:
    """`faultin doctor --json`; nothing usable where it cannot run."""
    ran = subprocess.run(
        [sys.executable, "-m", "faultin", "doctor", "--json"], capture_output=True, text=True
    )
    return json.loads(ran.stdout) if ran.stdout else {"findings": [], "engines": []}


@cache
def ways() -> list[Way]:
    """All that is usable here, the best first. Engine ptrace does not depend on what kernels
    differ in: it is tested on the host, not in each guest."""
    left_out = {"ptrace"} if IN_GUEST else set()
    found = {finding["name"]: finding["usable"] for finding in doctor()["findings"]}
    return [
        Way(
            engine["engine"], strategy, found.get("bpf_task_work", False),
            engine["engine"] == "fentry" and not found.get("sleepable fentry.multi", False),
        )
        for engine in doctor()["engines"] if engine["usable"] and engine["engine"] not in left_out
        for strategy in engine["strategies"]
    ]  # fmt: skip


def every_way() -> list[Way]:
    """Those, and last of all deferred as it is where there is no task work."""
    older = Way("deferred", "copy", task_work=False, names_only=False)
    return [*ways(), *([] if older in ways() else [older])]


def best(found: list[Way]) -> list[Way]:
    """In a guest those of the best engine only: the others are the best of other kernels."""
    return [way for way in found if way.engine == found[0].engine] if IN_GUEST else found


def keep(name: str, result: dict) -> None:
    """Leaves a result for the tables in docs/, if somebody collects them."""
    if folder := os.environ.get("FAULTIN_RESULTS"):
        Path(folder, f"{name}.json").write_text(json.dumps(result))
