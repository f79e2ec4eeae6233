# SPDX-License-Identifier: Apache-2.0
"""`faultin trace`: from the command line's words to a Session and a sink."""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from faultin.cli import tracing
from faultin.cli.options import (
    Choice, add_command, add_events, add_stack, add_targets, add_tracing, add_where, choice_of,
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_tracing(parser)
    add_events(parser)
    add_where(parser)
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
    add("--stack", action="store_true", help="the functions that led to each call, as strace -k")
    add_stack(parser)
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


def _session(choice: Choice, arguments: argparse.Namespace):
    """A session with its probes on, and nothing traced yet. The engine is loaded in a
    thread of its own, as most of that is LLVM and the kernel, while the rest is imported."""
    options = _options(arguments)
    with ThreadPoolExecutor(1) as pool:
        texts = tracing.Texts(choice.where or "")
        loading = pool.submit(tracing.prepare, choice, texts, options, stack=arguments.stack)
        from faultin.consume.events import Events
        from faultin.decode.paths import DescriptorPaths
        from faultin.session import Session

        make_sink = _sink_maker(arguments)
        prepared = loading.result()
    sink = make_sink()  # last: a trace that cannot be leaves the file as it was

    def consuming(decoder, offset):
        judge = None
        if prepared.query:
            from faultin.consume.judge import Judge

            judge = Judge(prepared.query, prepared.plans, offset, decoder.complete)
        paths = DescriptorPaths() if arguments.paths else None
        return Events(decoder, sink, judge, paths, prepared.stacking())

    show = arguments.format == "text" and not arguments.summary_only
    return Session(
        prepared.engine, prepared.plans, prepared.options, consuming, show, tracing.tell,
        prepared.follow,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the trace."""
    choice = choice_of(arguments, arguments.argv)
    shows_lost = arguments.format == "text" and not arguments.summary_only
    say = (lambda summary: None) if shows_lost else tracing.say_lost
    return tracing.run(choice, lambda: _session(choice, arguments), say)
