# SPDX-License-Identifier: Apache-2.0
"""Targets: what is written is there as a whole or not at all.

In: the path that the user gave. Out: a path to write to, which becomes the target when all is
written. Invariant: what is there already is as it was until then, and stays so if an error
comes; a folder that is replaced has nothing in it but a trace.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from faultin.errors import OutputError, UsageError

_ADVICE = "nothing of it was kept"


class Kind(Enum):
    """What a format is written to: anything that takes bytes, a file, or a folder of files."""

    STREAM = "stream"
    FILE = "file"
    FOLDER = "folder"


def check(target: str, kind: Kind, force: bool) -> None:
    """UsageError if something is there that must not be overwritten."""
    place = Path(target)
    if not os.path.lexists(target) or (kind is Kind.STREAM and _is_stream(place)):
        return
    if not force:
        raise UsageError(target, "it is there already", "--force overwrites it")
    if kind is not Kind.FOLDER and place.exists() and not place.is_file():
        raise UsageError(target, "it is no file", "give the name of a file")
    if kind is Kind.FOLDER and (why := _no_trace(place)):
        raise UsageError(target, why, "give the name of a folder that is not there")


def _is_stream(place: Path) -> bool:
    """A pipe or a device, which is written to as it is."""
    return place.exists() and not place.is_file() and not place.is_dir()


def _no_trace(place: Path) -> str:
    """Why it is no folder of nothing but metadata and data streams; "" if it is."""
    if place.is_symlink() or not place.is_dir():
        return "it is no folder"
    names = sorted(each.name for each in place.iterdir())
    others = [each for each in names if each != "metadata" and not each.startswith("channel")]
    if others:
        return f"{others[0]} is in it, which is no part of a trace"
    return "" if not names or "metadata" in names else "it has no metadata, so it is no trace"


@contextmanager
def made(target: str, kind: Kind) -> Iterator[str]:
    """A new file, or folder, in a folder beside the target; it is moved there unless an error
    comes, and what else is in that folder is removed."""
    place = Path(os.path.realpath(target))
    if _is_stream(place):
        yield target
        return
    beside = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    new = beside / place.name
    try:
        beside.mkdir()
        if kind is Kind.FOLDER:
            new.mkdir()
        yield str(new)
        if place.is_dir():
            shutil.rmtree(place)
        os.replace(new, place)
    except OutputError as error:
        raise OutputError(f"cannot write {target}", error.why, _ADVICE) from None
    except OSError as error:
        raise OutputError(f"cannot write {target}", error.strerror or str(error), _ADVICE) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
