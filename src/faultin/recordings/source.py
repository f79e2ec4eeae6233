# SPDX-License-Identifier: Apache-2.0
"""Source: the files of recordings, as a query reads them.

In: paths and URLs, of files and folders. Out: a Source, with the files in the order in which
they were written, and what they say of themselves. Invariant: a part that is in a file put
together since is not read again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.fs as pafs

from faultin.errors import FaultinError, UsageError
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
        found = {file.about.calls for file in self.files}
        return "all" if "all" in found else ",".join(sorted(found))

    @cached_property
    def schema(self) -> pa.Schema:
        """All columns that any of them has."""
        return pa.unify_schemas([file.schema.remove_metadata() for file in self.files])


def source(texts: Iterable[str]) -> Source:
    """UsageError if there is nothing, NoRecording for a file that is none."""
    places = [found for text in texts for found in _files(place(text))]
    files = tuple(_file(each) for each in places)
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
    found = [each for each in where.walk() if each.base.endswith(".parquet")]
    return _without_doubles(found)


def _without_doubles(found: list[Place]) -> list[Place]:
    """Parts that are in a whole file too were about to be removed when a recorder died."""
    wholes = [match for each in found if (match := _WHOLE.fullmatch(each.base))]
    spans = [(m["run"], int(m["first"]), int(m["last"])) for m in wholes]

    def is_double(each: Place) -> bool:
        match = _PART.fullmatch(each.base)
        return match is not None and any(
            run == match["run"] and first <= int(match["number"]) <= last
            for run, first, last in spans
        )

    return [each for each in found if not is_double(each)]


def _file(where: Place) -> File:
    try:
        schema = read_schema(where)
    except pa.ArrowInvalid as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise NoRecording(where.name, f"it is no whole Parquet file ({why})") from None
    except OSError as error:
        raise FaultinError(f"cannot read {where.name}", error.strerror or str(error)) from None
    return File(where, schema, about_of(schema, where.name))
