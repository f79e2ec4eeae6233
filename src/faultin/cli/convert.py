# SPDX-License-Identifier: Apache-2.0
"""`faultin convert`: recordings in the formats of other tools.

In: arguments. Out: a file, or a folder of them. Invariant: what is there is overwritten with
--force only, and never the recording that is read; a target is there as a whole or not at
all, and what was read before a source broke off is a whole.
"""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faultin.cli.ending import ending
from faultin.cli.query import summary_of
from faultin.extras import need

if TYPE_CHECKING:
    from faultin.exports.formats import Format
    from faultin.exports.reading import Broken
    from faultin.recordings.source import Source

_NAMES = ("ctf2", "ctf1", "perfetto", "chrome", "folded", "strace", "jsonl", "parquet")


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What `faultin convert` was asked for. to: a format, None for what the target's name
    says; weight: of folded lines."""

    sources: tuple[str, ...]
    target: str
    to: str | None
    weight: str
    force: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help="recordings: files, folders, URLs")
    add("-o", metavar="TARGET", dest="target", required=True, help="write to TARGET; - is stdout")
    add("--to", choices=_NAMES, help="the format (default: what the target's name says)")
    add("--force", action="store_true", help="overwrite a target that is there")
    add(
        "--weight",
        choices=("calls", "time"),
        default="calls",
        help="of folded lines: calls (default), or ns in them",
    )


def run(arguments: argparse.Namespace) -> int:
    options = ConvertOptions(
        tuple(arguments.sources), arguments.target, arguments.to, arguments.weight, arguments.force
    )
    need("pyarrow", "faultin convert")
    from faultin.exports.formats import format_of
    from faultin.exports.targets import check, made
    from faultin.recordings.source import source

    to = format_of(options.to, options.target)
    found = source(options.sources)
    if options.target == "-":
        broken = _write(options, to, None, found)
    else:
        found.refuse(options.target)
        check(options.target, to.kind, options.force)
        with ending(), made(options.target, to.kind) as path:
            broken = _write(options, to, path, found)
    if broken:
        raise broken
    return 0


def _write(
    options: ConvertOptions, to: "Format", path: str | None, found: "Source"
) -> "Broken | None":
    """All calls; of a source that breaks off, those before, and what broke it."""
    from faultin.exports.formats import Target
    from faultin.exports.reading import Broken, batches

    exporter = to.make(Target(path, found.about, options.weight, found))
    count, broken = 0, None
    try:
        for batch in batches(found):
            exporter.write(batch)
            count += batch.num_rows
    except Broken as error:
        error.advice = f"the {count} calls before that are converted"
        broken = error
    exporter.close(summary_of(found, count))
    return broken
