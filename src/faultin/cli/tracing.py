# SPDX-License-Identifier: Apache-2.0
"""Tracing: what `trace`, `stats` and `watch` have in common, from a Choice to a session
that has run.

In: a Choice, the texts of queries, and what makes the consumer. Out: the exit status.
"""

import gc
import platform
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faultin.cli.options import Choice
from faultin.errors import FaultinError, OutputError, UsageError

if TYPE_CHECKING:
    from faultin.codegen.plan import Plans
    from faultin.codegen.program import Options
    from faultin.consume.stacking import Stacking
    from faultin.engines.base import Engine
    from faultin.event import Summary
    from faultin.launch import Command
    from faultin.query.query import Query
    from faultin.session import Session
    from faultin.stacks.resolver import Resolver

_STACK_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Texts:
    """The expressions of a query, as they were given; "" for none."""

    where: str = ""
    actions: str = ""
    keys: str = ""
    captures: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A loaded engine, and what it is to do."""

    engine: "Engine"
    plans: "Plans"
    options: "Options"
    query: "Query | None"
    resolver: "Resolver | None"

    def stacking(self) -> "Stacking | None":
        """Who gives the stacks of calls, if they are captured."""
        if self.resolver is None:
            return None
        from faultin.consume.stacking import Stacking

        return Stacking(self.resolver, self.plans)

    def follow(self, pid: int) -> None:
        """A process is going to be traced (Session)."""
        if self.resolver:
            self.resolver.follow(pid)


def prepare(
    choice: Choice, texts: Texts, options: "Options", narrow: bool = False, keys: int = 0,
    stack: bool = False,
) -> Prepared:  # fmt: skip
    """narrow: only what the query needs is captured. keys: the kernel counts, by so many keys
    at the most. stack: with the stack of each call, whether or not the query looks at it."""
    from dataclasses import replace

    from faultin.codegen.plan import plan
    from faultin.engines.choose import choose
    from faultin.syscalls.table import load

    table = load(platform.machine())
    events = ()
    if choice.events:
        from faultin.probes.parse import parse as parse_events

        events = parse_events(choice.events, choice.pids)
    traced = frozenset() if events and not choice.set else table.resolve(choice.set)
    plans = plan(table, traced, stack=stack, events=events)
    query = None
    if texts != Texts():
        from faultin.codegen.query.functions import functions
        from faultin.query.query import parse

        words = (texts.where, texts.actions, texts.keys, texts.captures)
        query = parse(plans, table, *words)
        stack |= query.stacks
        if narrow or query.stacks:
            needed = {index: query.needs(index).ops for index in plans.plans} if narrow else None
            plans = plan(table, plans.traced, needed, stack, events)
            query = parse(plans, table, *words)
        options = replace(options, query=functions(query, plans, keys))
    resolver = _resolver(choice, stack)
    if resolver:
        options = replace(options, stack_bytes=choice.stack_bytes or _STACK_BYTES)
    engine = choose(choice.engine, choice.strategy, plans, options, table.arch)
    return Prepared(engine, plans, options, query, resolver)


def _resolver(choice: Choice, stack: bool) -> "Resolver | None":
    """FaultinError where nobody can walk stacks."""
    if not stack:
        if choice.lines or choice.stack_bytes is not None:
            why, advice = "they are about stacks", "add --stack, or ustack to the query"
            raise UsageError("--lines and --stack-bytes", why, advice)
        return None
    if (machine := platform.machine()) != "x86_64":
        raise FaultinError(f"stacks cannot be walked on {machine}", "only those of x86-64 can")
    from faultin.launch import identity
    from faultin.stacks.resolver import Resolver

    who = identity(choice.user)
    return Resolver(choice.lines, tell, who.uid if who else None)


def tell(notice: str) -> None:
    print(f"faultin: {notice}", file=sys.stderr, flush=True)


def run(
    choice: Choice, make: Callable[[], "Session"], say: Callable[["Summary"], None]
) -> int:
    """Runs the session that `make` gives, and the command with it; `say` is given what came
    of it. The command's exit status; 128 + n when a signal ended the trace."""
    from faultin.launch import Command, take_status

    command = Command(list(choice.command), choice.user) if choice.command else None
    sessions: list[Session] = []
    ended_by: list[int] = []

    def end(number: int, frame: object) -> None:
        ended_by.append(number)
        for session in sessions:
            session.stop()

    # From here on, as one that came while libbpf calls back would be lost as an exception.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        sessions.append(session := make())
    except BaseException:
        if command:
            command.cancel()
        raise
    if ended_by:
        session.stop()
    gc.freeze()  # events hold no cycles: looking for some costs a tenth of the time
    gc.disable()
    try:
        summary = session.run_command(command) if command else session.run_pids(list(choice.pids))
    except OutputError as error:
        if command and error.status == 1:
            _wait_out(command, error)
        raise
    say(summary)
    if ended_by:
        return 128 + ended_by[0]
    return take_status(command.wait()) if command else 0


def _wait_out(command: "Command", error: OutputError) -> None:
    """The trace is over, its command is not: it goes on in the foreground, untraced."""
    tell(f"{error}; the command goes on untraced")
    command.wait()
    raise SystemExit(error.status)


def say_lost(summary: "Summary") -> None:
    from faultin.sinks.lost import lost_line

    for cause, count in summary.lost.items():
        sys.stderr.write(lost_line(cause, count))


