# SPDX-License-Identifier: Apache-2.0
"""Source: the files of recordings, as a query reads them.

In: paths and URLs, of files and folders. Out: a Source, with the files in the order in which
they were written, and what they say of themselves. Invariant: a part that is in a file put
together since is not read again.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from faultin.columnar.layout import ALWAYS, COMMON
from faultin.errors import FaultinError, UsageError
from faultin.event import Summary
from faultin.recordings.about import About, NoRecording, about_of
from faultin.recordings.files import read_schema
from faultin.recordings.places import Place, place
from faultin.recordings.writer import PART, PARTS

_WHOLE = re.compile(r"(?P<run>.+)-(?P<first>\d{6,})-(?P<last>\d{6,})\.parquet")
_PART = re.compile(rf"(?P<run>.+)-(?P<number>\d{{6,}}){re.escape(PART)}")


@dataclass(frozen=True, slots=True)
class File:
    """One file, its columns, and what it says of itself."""

    place: Place
    schema: pa.Schema
    about: About


@dataclass(frozen=True)
class Source:
    """Files of recordings that were made on one architecture."""

    files: tuple[File, ...]

    @property
    def arch(self) -> str:
        return self.files[0].about.arch

    @property
    def calls(self) -> str:
        """What was traced in any of them, as -e has it."""
        found = {file.about.calls for file in self.files} - {""}
        return "all" if "all" in found else ",".join(sorted(found))

    @cached_property
    def events(self) -> dict[str, str]:
        """The user events that any of them has; UsageError where one name has two meanings."""
        found: dict[str, str] = {}
        for name, text in (pair for file in self.files for pair in file.about.events.items()):
            if found.setdefault(name, text) != text:
                why = f"event {name} is ({found[name]}) in one and ({text}) in another"
                raise UsageError("these recordings", why, "ask one by one")
        return found

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns that any of them has."""
        return pa.unify_schemas([file.schema.remove_metadata() for file in self.files])

    @cached_property
    def _runs(self) -> dict[str, dict[str, Any]]:
        """The summary of each run, which the last of its files has; {} without it."""
        found: dict[str, dict[str, Any]] = {}
        for file in self.files:
            found[file.about.run] = file.about.summary or found.get(file.about.run, {})
        return found

    @property
    def about(self) -> About:
        """Of all files together, without a summary."""
        hosts = sorted({file.about.host for file in self.files})
        wheres = sorted({file.about.where for file in self.files if file.about.where})
        return replace(
            self.files[-1].about, host=",".join(hosts), where=" / ".join(wheres), calls=self.calls,
            events=self.events, summary={},
        )  # fmt: skip

    def refuse(self, target: str) -> None:
        """UsageError if the target is one of the files."""
        real = os.path.realpath(target)
        for file in self.files:
            if file.place.is_local and os.path.realpath(file.place.path) == real:
                raise UsageError(f"-o {target}", "it is what is read", "write to another")

    @property
    def cut_short(self) -> tuple[str, ...]:
        """Runs that did not come to their end: what they have lost, if anything, is not known."""
        return tuple(run for run, summary in self._runs.items() if not summary)

    @property
    def notices(self) -> tuple[str, ...]:
        """What whoever asks should know."""
        what = "was cut short: what it has lost, if anything, is not known"
        return tuple(f"recording {run} {what}" for run in self.cut_short)

    def summary(self, events: int) -> Summary:
        """Of all runs together."""
        said = [summary for summary in self._runs.values() if summary]
        engine, strategy = (
            ",".join(sorted({each[key] for each in said})) for key in ("engine", "strategy")
        )
        return Summary(events, _added(said, "lost"), engine, strategy, _added(said, "fell_back"))


def _added(summaries: list[dict[str, Any]], name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in summaries:
        for cause, count in each.get(name, {}).items():
            found[cause] = found.get(cause, 0) + count
    return found


def source(texts: Iterable[str]) -> Source:
    """UsageError if there is nothing, NoRecording for a file that is none."""
    texts = tuple(texts)
    places: dict[str, Place] = {}
    for text in texts:
        for found in _files(place(text)):
            places.setdefault(os.path.realpath(found.path) if found.is_local else found.name, found)
    files = tuple(_file(each) for each in places.values())
    if not files:
        raise UsageError(", ".join(texts), "there is no recording")
    archs = sorted({file.about.arch for file in files})
    if len(archs) > 1:
        raise UsageError("these recordings", f"they are of {' and '.join(archs)}", "ask one by one")
    return Source(files)


def _files(where: Place) -> list[Place]:
    """Of a file itself; of one that was not finished, its parts; of a folder, all in it."""
    kind = where.kind
    if kind is pafs.FileType.File:
        return [where]
    if kind is pafs.FileType.NotFound:
        parts = [each for each in where.beside(PARTS).walk() if each.base.endswith(PART)]
        if not parts:
            raise UsageError(where.name, "there is no such file or folder")
        return parts
    try:
        found = [each for each in where.walk() if each.base.endswith(".parquet")]
    except OSError as error:
        raise FaultinError(f"cannot read {where.name}", error.strerror or str(error)) from None
    return _without_doubles(found)


def _without_doubles(found: list[Place]) -> list[Place]:
    """Parts that are in a whole file too were about to be removed when a recorder died."""
    spans = [
        (_folder(each), match["run"], int(match["first"]), int(match["last"]))
        for each in found if (match := _WHOLE.fullmatch(each.base))
    ]  # fmt: skip

    def is_double(each: Place) -> bool:
        match = _PART.fullmatch(each.base)
        return match is not None and any(
            (folder, run) == (_folder(each), match["run"]) and first <= int(match["number"]) <= last
            for folder, run, first, last in spans
        )

    return [each for each in found if not is_double(each)]


def _folder(of: Place) -> str:
    """A segment over midnight has a file in each of its folders, which take their turns."""
    return of.path.rpartition("/")[0]


def _file(where: Place) -> File:
    try:
        schema = read_schema(where)
    except pa.ArrowInvalid as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise NoRecording(where.name, f"it is no whole Parquet file ({why})") from None
    except OSError as error:
        raise FaultinError(f"cannot read {where.name}", error.strerror or str(error)) from None
    about = about_of(schema, where.name)
    if wrong := [name for name, type_ in COMMON if not _fits(schema, name, type_)]:
        raise NoRecording(where.name, f"its columns are not those of calls: {', '.join(wrong)}")
    return File(where, schema, about)


def _fits(schema: pa.Schema, name: str, type_: pa.DataType) -> bool:
    """Other programs that write Parquet keep numbers and texts, if not how they are encoded."""
    at = schema.get_field_index(name)
    if at < 0:
        return name not in ALWAYS
    found = schema.field(at).type
    found = found.value_type if pa.types.is_dictionary(found) else found
    if pa.types.is_dictionary(type_):
        return pa.types.is_string(found) or pa.types.is_large_string(found)
    return pa.types.is_integer(found)
