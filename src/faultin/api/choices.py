# SPDX-License-Identifier: Apache-2.0
"""Choices: what a caller of the API asks for, as the command line would have it.

In: keyword arguments, the same for trace, stats and watch. Out: a Choice, checked.
"""

from collections.abc import Iterable, Sequence
from typing import TypedDict

from faultin.cli.options import Choice, check_pids
from faultin.errors import UsageError

Command = Sequence[str]
Pids = int | Iterable[int]
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
    pid = options.get("pid")
    pids = () if pid is None else (pid,) if isinstance(pid, int) else tuple(pid)
    check_pids(list(pids))
    return Choice(
        set=calls,
        where=options.get("where"),
        max_bytes=_max_bytes(options.get("max_bytes", 4096)),
        ring_bytes=_ring_bytes(options.get("buffer", 32 << 20)),
        engine=options.get("engine", "auto"),
        strategy=options.get("strategy"),
        pids=pids,
        user=options.get("user"),
        command=_command(options.get("command"), pids),
        stack_bytes=_stack_bytes(options.get("stack_bytes")),
        lines=options.get("lines", False),
        events=_events(options.get("events", ())),
    )


def _events(texts: Sequence[str]) -> tuple[str, ...]:
    if isinstance(texts, str) or not all(isinstance(each, str) for each in texts):
        raise UsageError("events", "they are no list of texts", 'give one, as in ["paid(id: u64)"]')
    return tuple(texts)


def _command(words: Command | None, pids: tuple[int, ...]) -> tuple[str, ...]:
    if isinstance(words, str):
        advice = "give its words, as command=['ls', '-l']"
        raise UsageError(f"command={words!r}", "that is one text", advice)
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
