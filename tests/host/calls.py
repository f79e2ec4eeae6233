# SPDX-License-Identifier: Apache-2.0
"""Calls: what two tracers saw, in one form, and where they differ.

A Trace is the tree of a run's tasks: each has its calls in order, and the tasks it
made in the order in which it made them, so that tasks of two runs are matched by
their place in the tree.
"""

import base64
import json
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, Callable

_MAKES_A_TASK = ("clone", "clone3", "fork", "vfork")
_CONTEXT = 3  # calls shown before a difference


@dataclass(frozen=True, slots=True)
class Call:
    """One system call.

    args: by position bytes for a whole string, a list of them, an int, and None for
    what is none of these; ret: None without one; error: the errno's name.
    """

    name: str
    args: tuple[Any, ...]
    ret: int | None
    error: str | None


@dataclass(slots=True)
class Task:
    """A process or thread; `children` in the order in which it made them."""

    tid: int
    calls: list[Call]
    children: list["Task"] = field(default_factory=list)

    def walk(self, place: str = "1"):
        """(place in the tree, task), parents first."""
        yield place, self
        for number, child in enumerate(self.children, 1):
            yield from child.walk(f"{place}.{number}")


def made_by(calls: list[Call]) -> list[int]:
    """The ids of the tasks that these calls made."""
    return [call.ret for call in calls if call.name in _MAKES_A_TASK and (call.ret or -1) > 0]


def tree(tasks: dict[int, list[Call]]) -> Task:
    """The one task that none of the others made, with all that descend from it."""
    children = {tid: made_by(calls) for tid, calls in tasks.items()}
    made = {child for some in children.values() for child in some}
    (root,) = set(tasks) - made
    return _grow(root, tasks, children)


def _grow(tid: int, tasks: dict[int, list[Call]], children: dict[int, list[int]]) -> Task:
    below = [_grow(child, tasks, children) for child in children.get(tid, [])]
    return Task(tid, tasks.get(tid, []), below)


def plain(value: Any) -> bytes | list | int | None:
    """A value of a JSON Lines event in the form that Call has."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        return base64.b64decode(value["b64"]) if set(value) == {"b64"} else None
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, int) else None


def from_event(event: dict) -> Call:
    """The call of a JSON Lines event."""
    args = tuple(plain(value) for value in event["args"].values())
    return Call(event["syscall"], args, event["ret"], event["errno"])


def read_events(path: Path) -> tuple[list[dict], dict]:
    """The events and the summary of a JSON Lines file."""
    *events, last = map(json.loads, path.read_text().splitlines())
    return events, last["summary"]


def by_task(events: list[dict]) -> dict[int, list[Call]]:
    """The calls of every task by its id."""
    tasks: dict[int, list[Call]] = {}
    for event in events:
        tasks.setdefault(event["tid"], []).append(from_event(event))
    return tasks


Compare = Callable[[Call, Call], str | None]


def same_name(one: Call, other: Call) -> str | None:
    """The difference, if any."""
    return None if one.name == other.name else "another call"


def differences(expected: list[Call], found: list[Call], compare: Compare) -> list[str]:
    """Where two sequences differ. After one that is no longer the same call, none is told."""
    told = []
    for at, (one, other) in enumerate(zip_longest(expected, found)):
        if one is None or other is None or same_name(one, other):
            return [*told, _misaligned(expected, found, at)]
        what = compare(one, other)
        if what:
            told.append(f"call {at}: {what}\n  strace  {one}\n  faultin {other}")
    return told


def _misaligned(expected: list[Call], found: list[Call], at: int) -> str:
    def show(calls: list[Call]) -> str:
        some = [call.name for call in calls[max(0, at - _CONTEXT) : at + _CONTEXT + 1]]
        return " ".join(some) + f" ({len(calls)} calls)"

    return f"call {at}: not in step\n  strace  {show(expected)}\n  faultin {show(found)}"
