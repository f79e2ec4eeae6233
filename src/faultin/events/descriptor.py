# SPDX-License-Identifier: Apache-2.0
"""Descriptor: a number that may have become another file's.

In: a descriptor that this process has just opened. Out: whether its number still stands for that
file. Programs close all they know nothing of (closerange() of a daemon), and open others.
"""

import os


class Descriptor:
    """fd: its number."""

    __slots__ = ("fd", "_file")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._file = self._found()

    @property
    def is_ours(self) -> bool:
        return self._file is not None and self._found() == self._file

    def _found(self) -> tuple[int, int] | None:
        try:
            status = os.fstat(self.fd)
        except OSError:
            return None
        return status.st_dev, status.st_ino
