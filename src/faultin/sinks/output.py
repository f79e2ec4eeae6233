# SPDX-License-Identifier: Apache-2.0
"""Output: where a sink's bytes go: a file, or a stream that is open already.

In: bytes. Out: nothing. A write that fails is an OutputError that says what was
kept; a reader that went away is BrokenOutput, so that the trace can end quietly.
"""

import os
import sys
from typing import BinaryIO

from faultin.errors import OutputError


class BrokenOutput(OutputError):
    """The reader of a pipe has gone: 128 + SIGPIPE, as a shell has it."""

    status = 141


def _stdout() -> BinaryIO:
    """The stream; OutputError if nobody has opened one for us."""
    if sys.stdout is None:
        raise OutputError("cannot write to stdout", "it is closed")
    return sys.stdout.buffer


class Output:
    """A destination by descriptor; `name` is what errors call it."""

    def __init__(self, stream: BinaryIO, name: str, owned: bool) -> None:
        self._stream, self.name, self._owned = stream, name, owned
        self._broken = False

    @classmethod
    def open(cls, path: str | None, fallback: BinaryIO | None = None) -> "Output":
        """The file at `path`, made anew; when that is None, `fallback`, by default stdout."""
        if path is None:
            fallback = fallback or _stdout()
            # Buffered by us: under PYTHONUNBUFFERED the stream writes part of what it is
            # given, and says so only in a return value.
            buffered = open(fallback.fileno(), "wb", buffering=1 << 16, closefd=False)
            return cls(buffered, fallback.name, owned=False)
        try:
            return cls(open(path, "wb", buffering=1 << 16), path, owned=True)
        except OSError as error:
            raise OutputError(f"cannot write {path}", error.strerror or str(error)) from None

    def isatty(self) -> bool:
        return self._stream.isatty()

    def write(self, data: bytes) -> None:
        self._try(lambda: self._stream.write(data))

    def flush(self) -> None:
        self._try(self._stream.flush)

    def close(self) -> None:
        """Everything written reaches the file; a terminal or pipe stays open."""
        self._try(self._stream.flush)
        if self._owned:
            self._try(self._stream.close)

    def _try(self, action) -> None:
        if self._broken:
            return
        try:
            action()
        except BrokenPipeError:
            self._give_up()
            raise BrokenOutput(f"{self.name}: the reader has gone") from None
        except OSError as error:
            self._give_up()
            what = f"cannot write {self.name}"
            why = error.strerror or str(error)
            raise OutputError(what, why, "what was written until then is kept") from None

    def _give_up(self) -> None:
        """No more attempts, and none when Python closes the stream at its end."""
        self._broken = True
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        except (OSError, ValueError):  # closed already
            pass
