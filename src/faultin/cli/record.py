# SPDX-License-Identifier: Apache-2.0
"""`faultin record`: from the command line's words to a Session whose events are kept."""

import argparse
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faultin import __version__
from faultin.cli import tracing
from faultin.cli.options import (
    Choice,
    add_command,
    add_stack,
    add_events,
    add_targets,
    add_tracing,
    add_where,
    choice_of,
    seconds,
    size,
)  # fmt: skip
from faultin.errors import UsageError
from faultin.extras import need

if TYPE_CHECKING:
    from faultin.codegen.plan import Plans
    from faultin.recordings.about import About
    from faultin.recordings.places import Place

_SIZE, _TIME = 256 << 20, 3600.0
_PATIENCE = 1.0
_KEPT_SECONDS, _KEPT_SIZE = 60.0, 256 << 20
_WHO = "ppid, uid, gid, cgroup"  # what a record has only if it is asked for


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What `faultin record` was asked for. target: a folder, or a file *.parquet; patience:
    seconds after which what has come is written; size, time: of a file's parts in all.
    snapshot_on: a query, "" to write everything; kept_seconds, kept_size: what is in memory
    for a snapshot; stack: of each call, too."""

    choice: Choice
    target: str
    force: bool
    patience: float
    size: int
    time: float
    snapshot_on: str
    kept_seconds: float
    kept_size: int
    stack: bool

    @property
    def single(self) -> bool:
        return self.target.endswith(".parquet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "-o",
        metavar="TARGET",
        dest="output",
        required=True,
        help="a folder, or a file *.parquet; a path or a URL (s3://bucket/traces)",
    )
    add_events(parser)
    add_where(parser)
    add("--stack", action="store_true", help="the functions that led to each call, too")
    add_stack(parser)
    add_tracing(parser)
    add("--force", action="store_true", help="overwrite a file that is there")
    add(
        "--flush",
        metavar="SECONDS",
        type=seconds,
        default=_PATIENCE,
        help="after which what has come is written (default 1)",
    )
    add(
        "--rotate-size",
        metavar="BYTES",
        type=size,
        default=_SIZE,
        help="begin another file in the folder after so much (default 256m)",
    )
    add(
        "--rotate-time",
        metavar="SECONDS",
        type=seconds,
        default=_TIME,
        help="... or after so long (default 3600)",
    )
    add(
        "--snapshot-on",
        metavar="QUERY",
        default="",
        help="write only the last of the trace, whenever a call is as QUERY says",
    )
    add(
        "--keep-seconds",
        metavar="SECONDS",
        type=seconds,
        default=_KEPT_SECONDS,
        help="how much of it a snapshot has (default 60)",
    )
    add(
        "--keep-size",
        metavar="BYTES",
        type=size,
        default=_KEPT_SIZE,
        help="... and the most memory for it (default 256m)",
    )
    add_targets(parser)
    add_command(parser)  # fmt: skip


def options_of(arguments: argparse.Namespace) -> RecordOptions:
    """UsageError for what does not fit together."""
    options = RecordOptions(
        choice=choice_of(arguments, arguments.argv),
        target=arguments.output,
        force=arguments.force,
        patience=arguments.flush,
        size=arguments.rotate_size,
        time=arguments.rotate_time,
        snapshot_on=arguments.snapshot_on,
        kept_seconds=arguments.keep_seconds,
        kept_size=arguments.keep_size,
        stack=arguments.stack,
    )
    if options.single and (options.size, options.time) != (_SIZE, _TIME):
        raise UsageError("--rotate", "one file cannot rotate", "give a folder with -o")
    if options.single and options.snapshot_on:
        raise UsageError("--snapshot-on", "it can write several files", "give a folder with -o")
    return options


def prepare_target(options: RecordOptions) -> "Place":
    """The target, where nothing stands in the way; UsageError if something does, OutputError if
    it cannot be written."""
    need("pyarrow", "faultin record")
    from pyarrow.fs import FileType

    from faultin.recordings.places import place
    from faultin.recordings.writer import PARTS

    target = place(options.target)
    target.check_room()
    if not options.single:
        if target.kind is FileType.File:
            raise UsageError(options.target, "it is a file", "give a folder, or a name *.parquet")
        return target
    parts = target.beside(PARTS)
    if target.kind is FileType.Directory:
        raise UsageError(options.target, "it is a folder", "give a folder a name without .parquet")
    if target.exists and not options.force:
        raise UsageError(options.target, "it is there already", "--force overwrites it")
    if parts.walk() and not options.force:
        why = "there are parts of a recording that was cut short"
        advice = f"faultin query {options.target} reads them; --force removes them"
        raise UsageError(parts.name, why, advice)
    parts.remove()
    return target


def _about(options: RecordOptions, calls: str, plans: "Plans") -> "About":
    from faultin.probes.recorded import arguments_text
    from faultin.recordings.about import About

    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return About(
        arch=platform.machine(), host=platform.node() or "localhost",
        run=f"{moment}-{time.monotonic_ns() % 10**9:09}", calls=calls,
        where=options.choice.where or "", faultin=__version__, kernel=platform.release(),
        events={probe.call.name: arguments_text(probe.call) for probe in plans.events.values()},
    )  # fmt: skip


def _session(options: RecordOptions):
    from faultin.codegen.program import Options

    choice = options.choice
    target = prepare_target(options)
    texts = tracing.Texts(choice.where or "", captures=_WHO)
    wanted = Options(max_bytes=choice.max_bytes, ring_bytes=choice.ring_bytes)
    prepared = tracing.prepare(choice, texts, wanted, stack=options.stack)

    from faultin.columnar.builder import Builder
    from faultin.consume.judge import Judge
    from faultin.consume.recording import Recording
    from faultin.recordings.snapshots import Kept, Snapshots
    from faultin.recordings.writer import Rotation, Writer
    from faultin.session import Session

    calls = sorted({plan.syscall.name for index, plan in prepared.plans.plans.items()
                    if index in prepared.plans.traced})  # fmt: skip
    plans = prepared.plans
    about = _about(options, "all" if plans.foreign else ",".join(calls), plans)
    rotation = Rotation(options.size, options.time)
    kept = Kept(options.kept_seconds, options.kept_size)
    fires = _fires(options, prepared)

    def consuming(decoder, offset):
        judge = None
        if choice.where:
            judge = Judge(prepared.query, prepared.plans, offset, decoder.complete)
        builder = Builder(prepared.plans, offset, decoder, judge, stacking=prepared.stacking())
        if options.single and target.exists:  # --force: what is read from now on is the new one
            target.remove()
        writer = Writer(target, options.single, about, rotation)
        keeper = Snapshots(writer, fires, kept, tracing.tell) if fires else writer
        return Recording(builder, keeper, options.patience)

    return Session(
        prepared.engine, prepared.plans, prepared.options, consuming, tell=tracing.tell,
        follow=prepared.follow,
    )  # fmt: skip


def _fires(options: RecordOptions, prepared: tracing.Prepared):
    """What says whether a snapshot is to be written after a batch; None to write all."""
    if not options.snapshot_on:
        return None
    need("ibis", "--snapshot-on")
    need("duckdb", "--snapshot-on")
    from faultin.lowering.firing import firing
    from faultin.query.query import parse
    from faultin.syscalls.table import load

    table = load(platform.machine())
    return firing(parse(prepared.plans, table, options.snapshot_on), prepared.plans)


def run(arguments: argparse.Namespace) -> int:
    """The command's exit status; 128 + n when a signal ended the recording."""
    options = options_of(arguments)
    return tracing.run(options.choice, lambda: _session(options), tracing.say_lost)
