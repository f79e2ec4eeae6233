# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have: what is traced, by which engine, and of whom.

In: an ArgumentParser, then what it parsed. Out: options in it, then a Choice, checked.
"""

import argparse
import os
from dataclasses import dataclass

from faultin.errors import FaultinError, UsageError

_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_MAX_BYTES = 1 << 20
_PID_MAX = 1 << 22  # PID_MAX_LIMIT of include/linux/threads.h


@dataclass(frozen=True, slots=True)
class Choice:
    """What is traced, and how. set: "" for no system call; where: the text of a query, None
    for every call; command: its words, none with `pids`; user: that the command runs as, None
    for who called sudo. stack_bytes: most that is copied of a stack, None for the usual;
    lines: of source, too; events: texts of user events (probes/parse.py)."""

    set: str
    where: str | None
    max_bytes: int
    ring_bytes: int
    engine: str
    strategy: str | None
    pids: tuple[int, ...]
    user: str | None
    command: tuple[str, ...]
    stack_bytes: int | None = None
    lines: bool = False
    events: tuple[str, ...] = ()


def size(text: str) -> int:
    number, unit = text.rstrip("kKmMgG"), text.lstrip("0123456789").lower()
    if not number.isdecimal() or unit not in _SIZES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 4096, 64k or 32m")
    return int(number) * _SIZES[unit]


def max_bytes(text: str) -> int:
    found = size(text)
    if found > _MAX_BYTES:
        raise argparse.ArgumentTypeError(f"at most {_MAX_BYTES} bytes of a buffer can be captured")
    return found


def ring_bytes(text: str) -> int:
    found = size(text)
    if found < 1 << 16 or found > 1 << 30 or found & found - 1:
        raise argparse.ArgumentTypeError(f"{text}: a power of two from 64k to 1g")
    return found


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0."""
    return 0 if text == "0" else positive(text)


def seconds(text: str) -> float:
    """More than 0, and finite."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds such as 0.5 or 60")
    return found


def add_tracing(parser: argparse.ArgumentParser) -> None:
    """What is captured, and by which engine."""
    add = parser.add_argument
    add("-e", metavar="SET", dest="set",
        help="system calls: names, /regex/, %%file %%desc %%network ..., !not, comma separated")
    add("-s", metavar="BYTES", dest="max_bytes", type=max_bytes, default=4096,
        help="most bytes captured of one buffer (default 4096; paths are always whole)")
    add("--engine", default="auto", help="auto (default), tracepoint, fentry, deferred, ptrace")
    add("--strategy", help="how a sleepable engine takes faults: copy (default), prefault, ring")
    add("--buffer", metavar="BYTES", type=ring_bytes, default=32 << 20,
        help="size of the ring buffer, a power of two (default 32m)")  # fmt: skip


def stack_bytes(text: str) -> int:
    found = size(text)
    if found < 1024 or found > _MAX_BYTES or found % 8:
        raise argparse.ArgumentTypeError(f"{text}: a multiple of 8 from 1k to 1m")
    return found


def add_stack(parser: argparse.ArgumentParser) -> None:
    """How stacks are taken, and shown."""
    add = parser.add_argument
    add("--stack-bytes", metavar="BYTES", type=stack_bytes,
        help="most bytes of a stack that are copied and walked (default 16k)")
    add("--lines", action="store_true",
        help="files, lines and inlined functions too; large debug information takes seconds")  # fmt: skip


def add_events(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--event", metavar="EVENT", dest="events", action="append", default=[],
        help="a user event, alone or beside -e: usdt:FILE:PROVIDER:NAME or "
             "uprobe:FILE:FUNCTION(ARG: KIND, ...) (repeatable)")  # fmt: skip


def add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-w", "--where", metavar="QUERY", help="only calls for which it holds")


def add_otlp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--otlp", metavar="ENDPOINT",
        help="also to a collector of OpenTelemetry: http://HOST:4318, grpc://HOST:4317")  # fmt: skip


def add_targets(parser: argparse.ArgumentParser) -> None:
    """Whom it is about, but for the command."""
    add = parser.add_argument
    add("-p", metavar="PID", dest="pids", type=int, action="append", default=[],
        help="trace a running process, its threads and children (repeatable)")
    add("-u", "--user", help="run the command as this user (default: who called sudo)")  # fmt: skip


def add_command(parser: argparse.ArgumentParser) -> None:
    """The command, to be added last: it takes all that follows its first word."""
    parser.add_argument(
        "argv", metavar="CMD", nargs=argparse.REMAINDER, help="-- command and its arguments"
    )


def command_of(words: list[str], pids: list[int]) -> list[str]:
    """The words of the command without their --; UsageError unless there is either a
    command or a pid."""
    words = words[1:] if words[:1] == ["--"] else words
    if bool(words) == bool(pids):
        raise UsageError(
            "nothing to trace" if not words else "both -p and a command",
            "", "give a command after --, or one or more -p PID",
        )  # fmt: skip
    return words


def check_pids(pids: list[int]) -> None:
    """FaultinError for what is no process, or not ours to trace."""
    for pid in pids:
        if not 0 < pid <= _PID_MAX:
            raise UsageError(f"-p {pid}", "that is no process id")
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            raise FaultinError(f"-p {pid}", "there is no such process") from None
        except PermissionError as error:
            raise FaultinError(f"-p {pid}", f"not ours to trace ({error.strerror})") from None
        if pid == os.getpid():
            raise FaultinError(f"-p {pid}", "faultin cannot trace itself")


def choice_of(arguments: argparse.Namespace, words: list[str]) -> Choice:
    """What add_tracing, add_where and add_targets parsed, and the words of the command."""
    command = command_of(words, arguments.pids)
    check_pids(arguments.pids)
    events = tuple(getattr(arguments, "events", ()))
    return Choice(
        set=arguments.set if arguments.set is not None else "" if events else "all",
        where=arguments.where,
        max_bytes=arguments.max_bytes,
        ring_bytes=arguments.buffer,
        engine=arguments.engine,
        strategy=arguments.strategy,
        pids=tuple(arguments.pids),
        user=arguments.user,
        command=tuple(command),
        stack_bytes=getattr(arguments, "stack_bytes", None),
        lines=getattr(arguments, "lines", False),
        events=events,
    )
