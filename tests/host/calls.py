# SPDX-License-Identifier: Apache-2.0
"""Calls: what two tracers saw, in one form, and where they differ.

In: events of JSON Lines (strace_log.py reads those of strace). Out: the calls of
each task in order, by its id, or by its place in the tree of tasks, by which two
runs of a program are matched; and sentences that say where two lists differ.
"""

import base64
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Callable

_MAKES_A_TASK = ("clone", "clone3", "fork", "vfork")
_CONTEXT = 3  # calls shown on both sides of a difference


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


Tasks = dict[int, list[Call]]  # by the id of the thread
Compare = Callable[[Call, Call], str | None]  # what differs


def made_by(calls: list[Call]) -> list[int]:
    """The ids of the tasks that these calls made."""
    return [call.ret for call in calls if call.name in _MAKES_A_TASK and (call.ret or -1) > 0]


def roots(tasks: Tasks) -> list[int]:
    """The tasks that none of the others made."""
    made = {child for calls in tasks.values() for child in made_by(calls)}
    return [tid for tid in tasks if tid not in made]


def by_place(tasks: Tasks) -> dict[str, list[Call]]:
    """The calls of every task by its place in the tree: 1.2 is the second that 1 made."""
    places: dict[str, list[Call]] = {}

    def put(place: str, tid: int) -> None:
        places[place] = tasks.get(tid, [])
        for number, child in enumerate(made_by(places[place]), 1):
            put(f"{place}.{number}", child)

    for number, tid in enumerate(roots(tasks), 1):
        put(str(number), tid)
    return places


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


def by_task(events: list[dict]) -> Tasks:
    """The calls of every task."""
    tasks: Tasks = {}
    for event in events:
        tasks.setdefault(event["tid"], []).append(from_event(event))
    return tasks


def differences(expected: list[Call], found: list[Call], compare: Compare) -> list[str]:
    """Where two sequences differ. After one that is no longer the same call, none is told."""
    told = []
    for at, (one, other) in enumerate(zip_longest(expected, found)):
        if one is None or other is None or one.name != other.name:
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
