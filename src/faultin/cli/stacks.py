# SPDX-License-Identifier: Apache-2.0
"""`faultin stacks`: from the command line's words to files that show many stacks at once."""

import argparse
from typing import Callable

from faultin.cli import tracing
from faultin.cli.options import (
    Choice, add_command, add_events, add_stack, add_targets, add_tracing, add_where, choice_of,
)  # fmt: skip

_FORMATS = ("folded", "flame", "speedscope")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--folded",
        metavar="FILE",
        help="a line for each stack, as flamegraph.pl reads them (default: on stdout)",
    )
    add("--flame", metavar="FILE", help="a flame graph: one HTML file")
    add("--speedscope", metavar="FILE", help="a profile for speedscope: JSON")
    add(
        "--weight",
        metavar="WEIGHT",
        default="count",
        help="what a call weighs: count (default), latency, or any integer of a query, such as ret",
    )
    add_stack(parser)
    add_events(parser)
    add_where(parser)
    add_tracing(parser)
    add_targets(parser)
    add_command(parser)


def _actions(weight: str) -> str:
    return "count()" if weight == "count" else f"sum({weight})"


def _writer(arguments: argparse.Namespace) -> Callable:
    """Opens the outputs; what it gives writes them."""
    from faultin.sinks.output import Output
    from faultin.sinks.stacks.flame import flame
    from faultin.sinks.stacks.folded import folded
    from faultin.sinks.stacks.speedscope import speedscope

    made = {"folded": folded, "flame": flame, "speedscope": speedscope}
    wanted = {name: path for name in _FORMATS if (path := getattr(arguments, name)) is not None}
    outputs = {
        name: Output.open(path)
        for name, path in (wanted or {"folded": None}).items()
    }

    def write(weights, summary) -> None:
        if weights.skipped:
            tracing.tell(
                f"{weights.skipped} calls are not shown: their weight is missing or below 0"
            )
        for name, output in outputs.items():
            output.write(made[name](weights))
            output.close()

    return write


def _session(choice: Choice, arguments: argparse.Namespace):
    from faultin.codegen.program import Options
    from faultin.consume.folding import Folding
    from faultin.consume.judge import Judge
    from faultin.session import Session
    from faultin.sinks.stacks.weights import Weights

    texts = tracing.Texts(choice.where or "", _actions(arguments.weight))
    options = Options(max_bytes=choice.max_bytes, ring_bytes=choice.ring_bytes)
    prepared = tracing.prepare(choice, texts, options, narrow=True, stack=True)
    query = prepared.query
    assert query
    title = " ".join(["faultin stacks", *choice.command[:1], "by", arguments.weight])
    weights = Weights(title, "ns" if arguments.weight == "latency" else "")
    write = _writer(arguments)

    def consuming(decoder, offset):
        judge = Judge(query, prepared.plans, offset, decoder.complete)
        stacking = prepared.stacking()
        assert stacking
        return Folding(judge, stacking, decoder, query.actions[0].amount, weights, write)

    return Session(
        prepared.engine, prepared.plans, prepared.options, consuming, tell=tracing.tell,
        follow=prepared.follow,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the trace."""
    choice = choice_of(arguments, arguments.argv)
    return tracing.run(choice, lambda: _session(choice, arguments), tracing.say_lost)
