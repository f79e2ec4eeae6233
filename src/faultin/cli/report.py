# SPDX-License-Identifier: Apache-2.0
"""`faultin report`: from the command line's words to one page about recordings."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faultin.cli.ending import ending
from faultin.cli.options import add_where
from faultin.errors import FaultinError, UsageError
from faultin.extras import need

if TYPE_CHECKING:
    from faultin.lowering.engine import Engine
    from faultin.recordings.source import Source
    from faultin.report.page import Heading


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What `faultin report` was asked for. output: the page, a file."""

    sources: tuple[str, ...]
    output: str
    where: str
    force: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("sources", metavar="SOURCE", nargs="+", help="recordings: files, folders, URLs")
    add("-o", metavar="FILE", dest="output", required=True, help="the page, one HTML file")
    add_where(parser)
    add("--force", action="store_true", help="overwrite a file that is there")


def run(arguments: argparse.Namespace) -> int:
    options = ReportOptions(
        tuple(arguments.sources), arguments.output, arguments.where or "", arguments.force
    )
    for module in ("pyarrow", "duckdb", "ibis", "jinja2"):
        need(module, "faultin report")
    from faultin.exports.targets import Kind, check, made

    check(options.output, Kind.FILE, options.force)  # told before anything is asked
    with ending():
        page = _page(options)
        with made(options.output, Kind.FILE) as new:
            Path(new).write_bytes(page)
    return 0


def _page(options: ReportOptions) -> bytes:
    from faultin.lowering.engine import engine
    from faultin.recordings.source import source
    from faultin.report.chosen import Chosen
    from faultin.report.facts import facts_of
    from faultin.report.page import page

    found = source(options.sources)
    found.refuse(options.output)
    hosts = found.about.host.split(",")
    if len(hosts) > 1:  # their processes have the same numbers
        why = f"they are of {' and '.join(hosts)}"
        raise UsageError("these recordings", why, "report one by one")
    asked = engine("duckdb", found, sql=False)
    facts = facts_of(Chosen(asked, _condition(options, found, asked)))
    if not facts.totals["n"]:
        why = "no call in it is as -w says" if options.where else "it has no calls"
        raise FaultinError(", ".join(options.sources), why, "there is nothing to report")
    return page(_heading(options, found), facts)


def _condition(options: ReportOptions, found: "Source", asked: "Engine"):
    if not options.where:
        return None
    from faultin.lowering.asking import lowered

    query, lowering = lowered(found, asked, options.where)
    return lowering.condition(query.where)


def _heading(options: ReportOptions, found: "Source") -> "Heading":
    from faultin.report.page import Heading

    about = [file.about for file in found.files]
    summary = found.summary(0)
    recorded = sorted({each.where for each in about if each.where})
    return Heading(
        source=", ".join(options.sources),
        where=" and ".join(filter(None, [*recorded, options.where])),
        host=about[0].host,
        kernel=", ".join(sorted({each.kernel for each in about})),
        engine=summary.engine or "not known", lost=summary.lost,
        cut_short=found.cut_short,
    )  # fmt: skip
