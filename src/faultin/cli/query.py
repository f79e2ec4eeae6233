# SPDX-License-Identifier: Apache-2.0
"""`faultin query`: from the command line's words to what recordings say.

In: arguments. Out: events, a table of counters, or what SQL gives, on stdout or in a file.
"""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from faultin.cli.ending import ending
from faultin.cli.options import add_where, natural, positive
from faultin.cli.tracing import say_lost
from faultin.errors import UsageError
from faultin.extras import need
from faultin.sinks.stats.view import View

if TYPE_CHECKING:
    from faultin.event import Summary
    from faultin.recordings.source import Source

_MAX_KEYS = 1 << 20
_FORMATS = ("text", "json", "csv")


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What `faultin query` was asked for. sources: recordings; counters, by, where, sql: texts
    of queries; settings: of the engine; output: a file, one of Parquet by its name, None for
    stdout."""

    sources: tuple[str, ...]
    counters: str | None
    by: str | None
    where: str | None
    sql: str | None
    engine: str
    settings: tuple[tuple[str, str], ...]
    format: str
    output: str | None
    force: bool
    max_keys: int
    view: View


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_where(parser)
    add("--by", metavar="KEYS", help="count for each value of these, as in comm,path")
    add("--sql", metavar="SQL", help="SQL in place of a query; the table is called events")
    add("--engine", default="duckdb", help="duckdb (default), pyspark; for --sql any of Ibis")
    add(
        "--engine-config",
        metavar="NAME=VALUE",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        help="a setting of Spark, such as spark.master=spark://host:7077 (repeatable)",
    )
    add(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        default="text",
        help="JSON Lines, an event or a row a line",
    )
    add("--csv", dest="format", action="store_const", const="csv", help="CSV with a heading")
    add("-o", metavar="FILE", dest="output", help="write to FILE; to Parquet if it is *.parquet")
    add("--force", action="store_true", help="overwrite a file of Parquet that is there")
    add(
        "--max-keys",
        metavar="N",
        type=positive,
        default=_MAX_KEYS,
        help=f"most keys that are kept (default {_MAX_KEYS})",
    )
    add("--sort", metavar="COLUMN", help="by this column (default: the first counter)")
    add("--reverse", action="store_true", help="the least first")
    add("--top", metavar="N", type=natural, default=0, help="only N rows (default 0: all)")
    add("-H", "--human", action="store_true", help="1.23 ms and 4.5 M in place of every digit")
    add(
        "words",
        metavar="SOURCE",
        nargs=argparse.REMAINDER,
        help="recordings: files, folders, URLs; and counters, such as 'count(), sum(ret)'",
    )
    parser.set_defaults(parse=parser.parse_args)  # fmt: skip


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE")
    return name, value


def options_of(arguments: argparse.Namespace) -> QueryOptions:
    """UsageError for what does not fit together. A word with a ( is the counters."""
    arguments, words = _split(arguments)
    counters = [word for word in words if "(" in word]
    sources = [word for word in words if "(" not in word]
    if not sources:
        raise UsageError("there is nothing to ask", "", "give a recording: a file or a folder")
    if len(counters) > 1:
        raise UsageError(counters[1], "there are counters already", "give all in one word")
    if arguments.sql is not None and (counters or arguments.by or arguments.where):
        raise UsageError("--sql", "there is a query too", "give one of them")
    return QueryOptions(
        sources=tuple(sources), counters=counters[0] if counters else None,
        by=arguments.by, where=arguments.where,
        sql=arguments.sql, engine=arguments.engine, settings=tuple(arguments.settings),
        format=arguments.format, output=arguments.output, force=arguments.force, max_keys=arguments.max_keys,
        view=View(arguments.sort, arguments.reverse, arguments.top, arguments.human),
    )  # fmt: skip


def _split(arguments: argparse.Namespace) -> tuple[argparse.Namespace, list[str]]:
    """(all options, the words between them): argparse gives all that follows the first word
    to one argument."""
    words: list[str] = []
    while arguments.words:
        first, *rest = arguments.words
        if first.startswith("-"):
            arguments.words = []
            arguments = arguments.parse([first, *rest], arguments)
        else:
            words.append(first)
            arguments.words = rest
    return arguments, words


def run(arguments: argparse.Namespace) -> int:
    options = options_of(arguments)
    for module in ("pyarrow", "duckdb", "ibis"):
        need(module, "faultin query")
    from faultin.recordings.source import source

    found = source(options.sources)
    if options.output:
        found.refuse(options.output)
    engine = _engine(options, found)
    try:
        with ending():
            _answer(options, found, engine)
    finally:
        engine.close()
    return 0


def _answer(options: QueryOptions, found: "Source", engine: Any) -> None:
    if options.sql is not None:
        table = engine.sql(options.sql)
        _write_table(options, table)
        say_lost(summary_of(found, len(table)))
    elif options.counters or options.by:
        _count(options, found, engine)
    else:
        _show(options, found, engine)


def _engine(options: QueryOptions, found: "Source"):
    from faultin.lowering.engine import engine

    return engine(options.engine, found, options.sql is not None, dict(options.settings))


def _lowered(options: QueryOptions, found: "Source", engine: Any) -> tuple[Any, Any]:
    """(the query, what lowers it)."""
    from faultin.lowering.asking import lowered

    actions = options.counters or ("count()" if options.by else "")
    return lowered(found, engine, options.where or "", actions, options.by or "")


def summary_of(found: "Source", events: int) -> "Summary":
    """Of all recordings together; one that was cut short is told."""
    from faultin.cli.tracing import tell

    for notice in found.notices:
        tell(notice)
    return found.summary(events)


def _count(options: QueryOptions, found: "Source", engine: Any) -> None:
    from faultin.lowering.counted import Counted
    from faultin.sinks.output import Output
    from faultin.sinks.stats.report import Report

    query, lowering = _lowered(options, found, engine)
    counted = Counted(query, lowering, engine, options.max_keys)
    if options.output and options.output.endswith(".parquet"):
        raise UsageError(f"-o {options.output}", "counters go to text, --json or --csv")
    report = Report(Output.open(options.output), options.format, options.view)
    summary = summary_of(found, counted.events)
    summary.lost.update(counted.lost)
    report.write(counted.table, summary)


def _show(options: QueryOptions, found: "Source", engine: Any) -> None:
    """The events that are wanted."""
    query, lowering = _lowered(options, found, engine) if options.where else (None, None)
    where = lowering.condition(query.where) if query else None
    if options.output and options.output.endswith(".parquet"):
        _write_parquet(options, found, engine.rows(where))
        return
    if options.format == "csv":
        table = _used(engine.rows(where))
        _write_table(options, table)
        say_lost(summary_of(found, len(table)))
        return
    _write_events(options, found, engine.batches(where))


def _used(table: Any) -> Any:
    """Without the columns that none of its calls has."""
    return table.select([
        name for name in table.column_names
        if name in _KEPT or table.column(name).null_count < table.num_rows
    ])  # fmt: skip


def _write_events(options: QueryOptions, found: "Source", batches: Any) -> None:
    from faultin.columnar.rows import Rows
    from faultin.columnar.times import check_times
    from faultin.sinks.jsonl import JsonLines
    from faultin.sinks.output import Output
    from faultin.sinks.text import Style, Text

    output = Output.open(options.output)
    sink = JsonLines(output) if options.format == "json" else Text(output, Style())
    rows, count = Rows(found.arch, found.events), 0
    for batch in batches:
        check_times(batch)
        sink.write(list(rows.events(batch)))
        count += batch.num_rows
    sink.close(summary_of(found, count))


def _write_parquet(options: QueryOptions, found: "Source", table: Any) -> None:
    """A recording again, of what is wanted."""
    from dataclasses import asdict, replace

    from faultin.recordings.files import retyped, write_part

    target = _free_place(options)
    summary = asdict(summary_of(found, len(table)))
    about = found.about
    where = " and ".join(filter(None, [about.where, options.where]))
    about = replace(about, where=where, summary={} if found.cut_short else summary)
    write_part(target, _used(retyped(table, found.schema)), about)


def _free_place(options: QueryOptions) -> Any:
    """Where a Parquet file goes; UsageError if one is there."""
    from faultin.recordings.places import place

    assert options.output
    target = place(options.output)
    if target.exists and not options.force:
        raise UsageError(options.output, "it is there already", "--force overwrites it")
    return target


_KEPT = ("ts", "pid", "tid", "comm", "syscall", "ret", "errno", "latency")


def _write_table(options: QueryOptions, table: Any) -> None:
    """A table of any columns."""
    from faultin.sinks.output import Output
    from faultin.sinks.tables import write_table

    if options.output and options.output.endswith(".parquet"):
        import pyarrow.parquet as pq

        _free_place(options).write(lambda stream: pq.write_table(table, stream))
        return
    output = Output.open(options.output)
    write_table(output, table.column_names, table.to_pylist(), options.format)
