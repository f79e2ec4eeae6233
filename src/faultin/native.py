# SPDX-License-Identifier: Apache-2.0
"""Native: the program that was compiled when the package was built (native/keeper/).

In: its words, and file descriptors that it gets. Out: a process.
"""

import os
import subprocess
from pathlib import Path

from faultin.errors import FaultinError

_PROGRAM = Path(__file__).parent / "_built" / "keeper"
_NAME = "tracing-keeper"  # not faultin's: see native/keeper/main.c


def program() -> str:
    """The keeper's file. FaultinError if it is not there."""
    if not os.access(_PROGRAM, os.X_OK):
        raise FaultinError(
            "faultin's native tracer is not in this installation, or is not executable",
            str(_PROGRAM), "install faultin again, with pip, for this architecture",
        )  # fmt: skip
    return str(_PROGRAM)


def memfd(name: str, data: bytes = b"", size: int = 0) -> int:
    """Anonymous memory with these bytes in it, or of this size."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    os.ftruncate(fd, max(len(data), size))
    if data:
        os.pwrite(fd, data, 0)
    return fd


def start(words: list[str], fds: list[int], **streams: int) -> subprocess.Popen:
    """The keeper, in a process group of its own: what a terminal sends is not for it. It
    stays in our session, so that the scheduler sees it beside the tasks it serves."""
    return subprocess.Popen(
        [_NAME, *words], executable=program(), pass_fds=fds, process_group=0, **streams
    )  # fmt: skip
