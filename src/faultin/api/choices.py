# SPDX-License-Identifier: Apache-2.0
"""Choices: what a caller of the API asks for, as the command line would have it.

In: keyword arguments, the same for trace, stats and watch. Out: a Choice, checked.
"""

from collections.abc import Iterable, Sequence
from types import UnionType
from typing import TypedDict

from faultin.cli.options import Choice, check_pids
from faultin.errors import UsageError

Command = Sequence[str]
Pids = int | Iterable[int]
_KINDS = {
    "where": str | None, "user": str | None, "max_bytes": int, "buffer": int, "engine": str,
    "strategy": str | None, "stack_bytes": int | None, "lines": bool,
}  # fmt: skip
_MAX_BYTES = 1 << 20
_RING_LEAST, _RING_MOST = 1 << 16, 1 << 30


class Options(TypedDict, total=False):
    """What trace, stats and watch have in common.

    command: words of a command that is run and traced, or pid: of running processes.
    where: a query. user: that the command runs as, None for who called sudo. max_bytes: most
    bytes captured of one buffer. buffer: size of the ring buffer, a power of two. engine,
    strategy: as on the command line. stack_bytes, lines: of stacks, where they are wanted: most
    bytes that are copied of one; whether files and lines are looked for. events: user events,
    as --event has them; with calls "" there is nothing else.
    """

    where: str | None
    command: Command | None
    pid: Pids | None
    user: str | None
    max_bytes: int
    buffer: int
    engine: str
    strategy: str | None
    stack_bytes: int
    lines: bool
    events: Sequence[str]


def choice_of(calls: str, options: Options) -> Choice:
    """UsageError for what does not fit together."""
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        known = ", ".join(Options.__annotations__)
        raise UsageError(f"there is no option {min(unknown)}", "", f"there are {known}")
    defaults = {"max_bytes": 4096, "buffer": 32 << 20, "engine": "auto", "lines": False}
    given = {name: options.get(name, defaults.get(name)) for name in _KINDS}
    for name, value in {"calls": calls, **given}.items():
        must_be(_KINDS.get(name, str), name, value)
    pids = _pids(options.get("pid"))
    return Choice(
        set=calls,
        where=given["where"],
        max_bytes=_max_bytes(given["max_bytes"]),
        ring_bytes=_ring_bytes(given["buffer"]),
        engine=given["engine"],
        strategy=given["strategy"],
        pids=pids,
        user=given["user"],
        command=_command(options.get("command"), pids),
        stack_bytes=_stack_bytes(given["stack_bytes"]),
        lines=given["lines"],
        events=_events(options.get("events", ())),
    )


def must_be(kind: type | UnionType, name: str, value: object) -> None:
    """UsageError for a value of another type."""
    if not isinstance(value, kind):
        raise UsageError(f"{name}={value!r}", f"it is to be {getattr(kind, '__name__', kind)}")


def check_max_keys(count: int) -> None:
    must_be(int, "max_keys", count)
    if count < 1:
        raise UsageError(f"max_keys={count}", "it is 1 at the least")


def _pids(pid: Pids | None) -> tuple[int, ...]:
    several = isinstance(pid, Iterable) and not isinstance(pid, str)
    pids = () if pid is None else tuple(pid) if several else (pid,)
    for each in pids:
        must_be(int, "pid", each)
    check_pids(list(pids))
    return pids


def _events(texts: Sequence[str]) -> tuple[str, ...]:
    must_be(Sequence, "events", texts)
    if isinstance(texts, str) or not all(isinstance(each, str) for each in texts):
        raise UsageError("events", "they are no list of texts", 'give one, as in ["paid(id: u64)"]')
    return tuple(texts)


def _command(words: Command | None, pids: tuple[int, ...]) -> tuple[str, ...]:
    if isinstance(words, str):
        advice = "give its words, as command=['ls', '-l']"
        raise UsageError(f"command={words!r}", "that is one text", advice)
    must_be(Sequence | None, "command", words)
    if bool(words) == bool(pids):
        why = "both pid and a command" if words else "nothing to trace"
        raise UsageError(why, "", "give command=[...], or pid=")
    for word in words or ():
        if not isinstance(word, str) or "\0" in word:
            raise UsageError(f"command: {word!r}", "that is no word of a command", "give texts")
    return tuple(words or ())


def _max_bytes(size: int) -> int:
    if not 0 <= size <= _MAX_BYTES:
        raise UsageError(f"max_bytes={size}", f"it is from 0 to {_MAX_BYTES}")
    return size


def _stack_bytes(size: int | None) -> int | None:
    if size is not None and (not 1024 <= size <= _MAX_BYTES or size % 8):
        raise UsageError(f"stack_bytes={size}", f"a multiple of 8 from 1024 to {_MAX_BYTES}")
    return size


def _ring_bytes(size: int) -> int:
    if not _RING_LEAST <= size <= _RING_MOST or size & size - 1:
        raise UsageError(f"buffer={size}", f"a power of two from {_RING_LEAST} to {_RING_MOST}")
    return size
