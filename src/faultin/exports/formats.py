# SPDX-License-Identifier: Apache-2.0
"""Formats: which there are, how their files are called, and what writes each.

In: the name of a format or of a target. Out: a Format; an Exporter of it. An error names
what there is.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from faultin.errors import UsageError
from faultin.event import Summary
from faultin.exports.chrome import Chrome
from faultin.exports.ctf.writer import Writer
from faultin.exports.events import Events
from faultin.exports.folded import Folded
from faultin.exports.parquet import Parquet
from faultin.exports.reading import begin
from faultin.exports.targets import Kind
from faultin.recordings.about import About
from faultin.recordings.source import Source
from faultin.sinks.jsonl import JsonLines
from faultin.sinks.output import Output
from faultin.sinks.text import Style, Text


class Exporter(Protocol):
    """What takes batches of rows, as they were recorded."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self, summary: Summary) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """path: where it goes, None for stdout; about, source: of the recording; weight: of
    folded lines."""

    path: str | None
    about: About
    weight: str
    source: Source

    @property
    def output(self) -> Output:
        """It, made anew."""
        return Output.open(self.path)


@dataclass(frozen=True, slots=True)
class Format:
    """suffixes: of names that are surely of it."""

    name: str
    suffixes: tuple[str, ...]
    make: Callable[[Target], Exporter]
    kind: Kind = Kind.STREAM


def about_object(about: About) -> dict[str, Any]:
    """What a recording says of itself, for formats that have a place for it."""
    wanted = ("arch", "host", "run", "calls", "where", "faultin", "kernel")
    return {name: value for name, value in asdict(about).items() if name in wanted}


def _ctf(version: int) -> Callable[[Target], Exporter]:
    return lambda target: Writer(_path(target), version, target.about, target.source.events)


def _path(target: Target) -> Path:
    assert target.path
    return Path(target.path)


def _events(sink: Callable[[Target], Any]) -> Callable[[Target], Exporter]:
    return lambda target: Events(target.about.arch, target.source.events, sink(target))


def _perfetto(target: Target) -> Any:
    from faultin.exports.perfetto import Perfetto, protos

    protos()
    return Perfetto(target.output, about_object(target.about))


def _chrome(target: Target) -> Any:
    return Chrome(target.output, about_object(target.about), begin(target.source))


def _folded(target: Target) -> Exporter:
    source = target.source
    has_stacks = "ustack" in source.schema.names
    return Folded(target.output, source.arch, source.events, target.weight, has_stacks)


def _parquet(target: Target) -> Exporter:
    source = target.source
    return Parquet(_path(target), target.about, source.schema, bool(source.cut_short))


_STYLE = Style(times="ttt", latency=True, provenance=True, always_pid=True, verbose=True)
FORMATS = {
    each.name: each
    for each in (
        Format("ctf2", (".ctf", ".ctf2"), _ctf(2), Kind.FOLDER),
        Format("ctf1", (".ctf1",), _ctf(1), Kind.FOLDER),
        Format("chrome", (".json",), _events(_chrome)),
        Format("perfetto", (".pftrace", ".perfetto-trace"), _events(_perfetto)),
        Format("folded", (".folded",), _folded),
        Format("strace", (".strace", ".txt"), _events(lambda t: Text(t.output, _STYLE))),
        Format("jsonl", (".jsonl", ".ndjson"), _events(lambda t: JsonLines(t.output))),
        Format("parquet", (".parquet",), _parquet, Kind.FILE),
    )
}


def format_of(name: str | None, target: str) -> Format:
    """The one that was named, else the one that the target's name says; UsageError if there is
    none, or if it is none for stdout."""
    for each in FORMATS.values():
        if each.name == name or (not name and target.rstrip("/").endswith(each.suffixes)):
            if target == "-" and each.kind is not Kind.STREAM:
                raise UsageError("-o -", f"{each.name} needs a {each.kind.value}", "give its name")
            return each
    names = ", ".join(FORMATS)
    raise UsageError(f"-o {target}", "its name does not say which format", f"--to {names}")
