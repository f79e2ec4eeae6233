# SPDX-License-Identifier: Apache-2.0
"""Places: where files of recordings are: a path, or any URL that pyarrow or fsspec knows.

In: what the user gave. Out: a Place. Invariant: a file is there as a whole or not at all:
locally it is written beside its name, synced and then moved there, and its folder is synced;
elsewhere it appears when it is closed.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from faultin.errors import FaultinError, OutputError, UsageError
from faultin.extras import need

_SCHEMES = ("file", "s3", "gs", "gcs", "hdfs", "abfs", "abfss")  # pyarrow's own


@dataclass(frozen=True, slots=True)
class Place:
    """A path in a file system; `name` is what errors call it."""

    files: pafs.FileSystem
    path: str
    name: str

    def __truediv__(self, part: str) -> "Place":
        return Place(self.files, f"{self.path}/{part}", f"{self.name}/{part}")

    def beside(self, suffix: str) -> "Place":
        return Place(self.files, self.path + suffix, self.name + suffix)

    @property
    def is_local(self) -> bool:
        return isinstance(self.files, pafs.LocalFileSystem)

    @property
    def base(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def kind(self) -> pafs.FileType:
        return self.files.get_file_info(self.path).type

    @property
    def exists(self) -> bool:
        return self.kind is not pafs.FileType.NotFound

    def size(self) -> int:
        return self.files.get_file_info(self.path).size or 0

    def walk(self) -> list["Place"]:
        """All files below, by name; none if it is not there."""
        selector = pafs.FileSelector(self.path, recursive=True, allow_not_found=True)
        found = [info for info in self.files.get_file_info(selector) if info.is_file]
        cut = len(self.path)
        return [Place(self.files, i.path, self.name + i.path[cut:])
                for i in sorted(found, key=lambda i: i.path)]  # fmt: skip

    def check_room(self) -> None:
        """OutputError where nothing can be made at the place, locally; nothing is left there."""
        if self.is_local:
            path = Path(self.path)
            above = path.parents if path.is_file() else (path, *path.parents)
            with self.writing(), TemporaryFile(dir=next(each for each in above if each.exists())):
                pass

    def make_folder(self) -> None:
        with self.writing():
            if not self.is_local:
                self.files.create_dir(self.path, recursive=True)
                return
            folder = Path(self.path)
            new = [each for each in (folder, *folder.parents) if not each.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            for each in reversed(new):
                _sync_folder(each.parent)

    def remove(self) -> None:
        with self.writing():
            if self.kind is pafs.FileType.Directory:
                self.files.delete_dir(self.path)
            elif self.exists:
                self.files.delete_file(self.path)

    def write(self, fill: Callable[[Any], None]) -> None:
        """`fill` is given a file to write to; what is at the place already is replaced."""
        with self.writing():
            if self.is_local:
                self._write_locally(fill)
            else:
                with self.files.open_output_stream(self.path) as stream:
                    fill(stream)

    def _write_locally(self, fill: Callable[[Any], None]) -> None:
        beside = f"{self.path}.{os.getpid()}.tmp"
        try:
            with open(beside, "wb") as stream:
                fill(stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(beside, self.path)
            _sync_folder(Path(self.path).parent)
        except BaseException:
            if os.path.exists(beside):
                os.unlink(beside)
            raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns what the system says into an OutputError."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise OutputError(f"cannot write {self.name}", _why(error)) from None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turns what the system says into a FaultinError."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise FaultinError(f"cannot read {self.name}", _why(error)) from None


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).partition("\n")[0].rstrip(".")


def _sync_folder(folder: Path) -> None:
    """So that a name outlives the machine: to sync a file says nothing of its name (fsync(2))."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has nothing to sync
            raise
    finally:
        os.close(fd)


def place(text: str) -> Place:
    """UsageError for a URL that nobody knows."""
    if not text.isprintable() and any("\ud800" <= each <= "\udfff" for each in text):
        raise UsageError(text, "its name is not UTF-8", "files of recordings have names that are")
    scheme, colon, _ = text.partition("://")
    if not colon:
        return Place(pafs.LocalFileSystem(), _local(text), text.rstrip("/") or "/")
    try:
        if scheme in _SCHEMES:
            files, path = pafs.FileSystem.from_uri(text)
        else:
            found, path = need("fsspec", text).core.url_to_fs(text)
            files = pafs.PyFileSystem(pafs.FSSpecHandler(found))
    except (ValueError, ImportError, pa.ArrowException, OSError) as error:
        raise UsageError(text, str(error).partition("\n")[0]) from None
    return Place(files, path.rstrip("/"), text.rstrip("/"))


def _local(text: str) -> str:
    """A link to a file, or to none yet, is that file: who writes to it writes there."""
    return os.path.abspath(text) if os.path.isdir(text) else os.path.realpath(text)
