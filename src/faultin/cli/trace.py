# SPDX-License-Identifier: Apache-2.0
"""`faultin trace`: from the command line's words to a Session and a sink."""

import argparse
import gc
import os
import platform
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from faultin.cli.options import add_command, add_targets, add_tracing, check_pids, command_of
from faultin.errors import OutputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_tracing(parser)
    add("--format", choices=("text", "jsonl", "none"), default="text")
    add("-o", metavar="FILE", dest="output", help="write to FILE, not to stderr")
    add_targets(parser)
    add("-c", "--summary-only", action="store_true", help="only count calls, errors and time")
    add("-C", "--summary", action="store_true", help="the same, after the trace")
    add("-t", dest="times", action="count", default=0,
        help="time of day; -tt with microseconds, -ttt as seconds since the epoch")
    add("-r", "--relative", action="store_true", help="time since the line before")
    add("-T", "--latency", action="store_true", help="time spent in each call")
    add("-y", "--paths", action="store_true", help="what file descriptors are open on")
    add("-f", "--follow", action="store_true", help="accepted: children are always followed")
    add("--provenance", action="store_true", help="mark what was not read at entry")
    add("-v", "--verbose", action="store_true", help="the whole environment of an execve")
    add("--colour", "--color", choices=("auto", "always", "never"), default="auto")
    add("--entry-only", action="store_true", help=argparse.SUPPRESS)
    add("--no-task-work", action="store_true", help=argparse.SUPPRESS)
    add_command(parser)


def _sink_maker(arguments: argparse.Namespace) -> Callable:
    """Imports what the sink needs; calling what it gives opens the output."""
    from faultin.sinks.counts import Counts
    from faultin.sinks.jsonl import Discard, JsonLines
    from faultin.sinks.output import Output
    from faultin.sinks.text import Style, Text

    def make():
        output = Output.open(arguments.output, sys.stderr.buffer)
        if arguments.summary_only:
            return Counts(output)
        on_terminal = output.isatty() and not os.environ.get("NO_COLOR")
        colour = {"always": True, "never": False, "auto": on_terminal}
        style = Style(
            times="r" if arguments.relative else "t" * min(arguments.times, 3),
            latency=arguments.latency,
            provenance=arguments.provenance,
            colour=colour[arguments.colour],
            verbose=arguments.verbose,
        )
        makers: dict[str, Callable] = {
            "text": lambda: Text(output, style),
            "jsonl": lambda: JsonLines(output),
            "none": Discard,
        }
        sink = makers[arguments.format]()
        return Counts(Output.open(None, sys.stderr.buffer), sink) if arguments.summary else sink

    return make


def _options(arguments: argparse.Namespace):
    from faultin.codegen.program import Options

    return Options(
        max_bytes=arguments.max_bytes,
        ring_bytes=arguments.buffer,
        retry_at_exit=not arguments.entry_only,
        task_work=0 if arguments.no_task_work or arguments.entry_only else None,
    )


def _engine(arguments: argparse.Namespace, options):
    """The loaded engine and its plans. It runs in a thread of its own, as most of it
    is LLVM and the kernel, while the rest of faultin is imported."""
    from faultin.codegen.plan import plan
    from faultin.engines.choose import choose
    from faultin.syscalls.table import load

    table = load(platform.machine())
    plans = plan(table, table.resolve(arguments.set))
    return choose(arguments.engine, arguments.strategy, plans, options, table.arch), plans


def _session(arguments: argparse.Namespace):
    """A session with its probes on, and nothing traced yet."""
    options = _options(arguments)
    with ThreadPoolExecutor(1) as pool:
        prepared = pool.submit(_engine, arguments, options)
        from faultin.session import Session

        make_sink = _sink_maker(arguments)
        engine, plans = prepared.result()
    sink = make_sink()  # last: a trace that cannot be leaves the file as it was
    show = arguments.format == "text" and not arguments.summary_only
    return Session(engine, plans, options, sink, show, arguments.paths, _tell)


def _tell(notice: str) -> None:
    print(f"faultin: {notice}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the trace."""
    from faultin.launch import Command, take_status

    words = command_of(arguments.argv, arguments.pids)
    check_pids(arguments.pids)
    command = Command(words, arguments.user) if words else None
    try:
        session = _session(arguments)
    except BaseException:
        if command:
            command.cancel()
        raise
    gc.freeze()  # events hold no cycles: looking for some costs a tenth of the time
    gc.disable()
    ended_by: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: (ended_by.append(n), session.stop()))
    try:
        summary = session.run_command(command) if command else session.run_pids(arguments.pids)
    except OutputError as error:
        if command and error.status == 1:
            _wait_out(command, error)
        raise
    if arguments.format != "text" or arguments.summary_only:
        _say_lost(summary.lost)
    if ended_by:
        return 128 + ended_by[0]
    return take_status(command.wait()) if command else 0


def _wait_out(command, error: OutputError) -> None:
    """The trace is over, its command is not: it goes on in the foreground, untraced."""
    print(f"faultin: {error}; the command goes on untraced", file=sys.stderr, flush=True)
    command.wait()
    raise SystemExit(error.status)


def _say_lost(lost: dict[str, int]) -> None:
    from faultin.sinks.lost import lost_line

    for cause, count in lost.items():
        sys.stderr.write(lost_line(cause, count))
