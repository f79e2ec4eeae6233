# SPDX-License-Identifier: Apache-2.0
"""`faultin stats`: from the command line's words to what is counted, and how it is shown.

In: arguments. Out: StatsOptions, and the exit status of a session that counts.
"""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from faultin.cli import tracing
from faultin.cli.options import (
    Choice, add_events, add_otlp, add_stack, add_targets, add_tracing, add_where, choice_of,
    natural, positive, seconds,
)  # fmt: skip
from faultin.errors import UsageError
from faultin.sinks.stats.view import View

if TYPE_CHECKING:
    from faultin.sinks.stats.report import Report

_MAX_KEYS = 65_536


@dataclass(frozen=True, slots=True)
class StatsOptions:
    """What `faultin stats` was asked for.

    counters, by: texts of queries. Both None: calls, errors and time of each syscall, as
    `strace -c`. by alone: count(). in_kernel: it counts what it can. format: of
    sinks.stats.report.FORMATS. output: a file, None for stdout. interval: seconds between
    pictures of the live table, None for none. otlp: a URL that counters are sent to.
    """

    choice: Choice
    counters: str | None
    by: str | None
    max_keys: int
    format: str
    output: str | None
    view: View
    interval: float | None
    in_kernel: bool
    otlp: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--by", metavar="KEYS", help="count for each value of these, as in comm,path")
    add_where(parser)
    add_stack(parser)
    add_tracing(parser)
    add_events(parser)
    add("--max-keys", metavar="N", type=positive, default=_MAX_KEYS,
        help=f"most keys that are kept (default {_MAX_KEYS}); calls with others are reported")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", dest="format", action="store_const", const="json",
                         default="text", help="JSON Lines, a row a line")
    formats.add_argument("--csv", dest="format", action="store_const", const="csv",
                         help="CSV with a heading")
    add("-o", metavar="FILE", dest="output", help="write to FILE, not to stdout")
    add("--sort", metavar="COLUMN", help="by this column (default: the first counter)")
    add("--reverse", action="store_true", help="the least first")
    add("--top", metavar="N", type=natural, default=0, help="only N rows (default 0: all)")
    add("-H", "--human", action="store_true", help="1.23 ms and 4.5 M in place of every digit")
    add("--interval", metavar="SECONDS", type=seconds, default=1.0,
        help="between two pictures of the live table on a terminal (default 1)")
    add("--no-kernel-counters", action="store_true",
        help="count every call from its record, to compare with what the kernel counts")
    add("--no-live", action="store_true", help="only the final table")
    add_otlp(parser)
    add_targets(parser)
    add("words", metavar="COUNTERS", nargs=argparse.REMAINDER,
        help="such as 'count(), sum(ret)'; then options, and -- command and its arguments")
    parser.set_defaults(parse=parser.parse_args)  # fmt: skip


def options_of(arguments: argparse.Namespace) -> StatsOptions:
    """UsageError for what does not fit together."""
    counters, arguments, words = _split(arguments)
    view = View(arguments.sort, arguments.reverse, arguments.top, arguments.human)
    return StatsOptions(
        choice=choice_of(arguments, words),
        counters=counters,
        by=arguments.by,
        max_keys=arguments.max_keys,
        format=arguments.format,
        output=arguments.output,
        view=view,
        interval=None if arguments.no_live else arguments.interval,
        in_kernel=not arguments.no_kernel_counters,
        otlp=arguments.otlp,
    )


def _split(arguments: argparse.Namespace) -> tuple[str | None, argparse.Namespace, list[str]]:
    """(counters, all options, -- and the command). argparse gives all that follows the
    first word to one argument, as it cannot tell options from those of a command: what
    follows the counters is therefore parsed once more."""
    counters = None
    if arguments.words and arguments.words[0] != "--":
        counters, *rest = arguments.words
        arguments = arguments.parse(rest, arguments)
    words = arguments.words
    if words and words[0] != "--":
        advice = "give all counters in one word, as in 'count(), sum(ret)', and a command after --"
        raise UsageError(words[0], "it is neither an option nor after --", advice)
    return counters, arguments, words


_DEFAULT = "count(), sum(-4095 <= ret < 0), sum(latency), max(latency)"


def session(options: StatsOptions, report: "Report | None" = None, live: Any = None):
    """A session that counts, with its probes on. report, live: in place of a written one, and
    of one on the terminal."""
    from rich.console import Console

    from faultin.codegen.program import Options
    from faultin.consume.counting import Counting, counters_of
    from faultin.consume.judge import Judge
    from faultin.session import Session
    from faultin.sinks.output import Output
    from faultin.sinks.stats import syscalls
    from faultin.sinks.stats.live import LiveTable
    from faultin.sinks.stats.report import Report

    choice = options.choice
    metrics = _metrics(options)  # what is missing for it is told before anything begins
    is_default = options.counters is None and options.by is None
    actions = _DEFAULT if is_default else options.counters or "count()"
    by = "syscall" if is_default else options.by or ""
    texts = tracing.Texts(choice.where or "", actions, by)
    wanted = Options(max_bytes=choice.max_bytes, ring_bytes=choice.ring_bytes)
    keys = options.max_keys if options.in_kernel else 0
    prepared = tracing.prepare(choice, texts, wanted, narrow=True, keys=keys)
    assert prepared.query
    counters = syscalls.COUNTERS if is_default else counters_of(prepared.query.actions)
    if report is None:
        output = Output.open(options.output)
        report = Report(output, options.format, options.view)
    if live is None and options.interval:
        live = LiveTable(Console(stderr=True), options.view, options.interval)
    if metrics:
        from faultin.sinks.stats.otlp import LiveAndSent, Sent

        report, live = Sent(report, metrics), LiveAndSent(live, metrics)

    def consuming(decoder, offset):
        stacking = prepared.stacking()
        judge = Judge(prepared.query, prepared.plans, offset, decoder.complete, stacking)
        kernel = prepared.engine.counters
        return Counting(
            prepared.query, judge, counters, options.max_keys, report, live, kernel, stacking
        )

    return Session(
        prepared.engine, prepared.plans, prepared.options, consuming, tell=tracing.tell,
        follow=prepared.follow,
    )  # fmt: skip


def _metrics(options: StatsOptions):
    """What --otlp sends, or None."""
    if not options.otlp:
        return None
    from faultin.sinks.stats.otlp import Metrics
    from faultin.telemetry import endpoint

    return Metrics(endpoint(options.otlp), tracing.tell)


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the counting."""
    options = options_of(arguments)
    say = tracing.say_lost if options.format == "csv" else lambda summary: None
    return tracing.run(options.choice, lambda: session(options), say)
