# SPDX-License-Identifier: Apache-2.0
"""Registry: which events running programs have registered.

In: the definitions of this process. Out: a memfd of a known name that holds them, a line each,
which a tracer finds among the process's descriptors: nothing stays behind in a file system, and
what is told ends with the process. Nothing is believed of other processes: what they show may be
anything that has the name.
"""

import os
import stat
from collections.abc import Collection, Iterator

from faultin.events.descriptor import Descriptor

_NAME = "faultin-events"
_LINK = f"/memfd:{_NAME} (deleted)"
_MOST = 1 << 24  # bytes that are read of one
_told_in: dict[int, Descriptor] = {}  # by process: a child tells of its own


def publish(definitions: list[str]) -> None:
    """Tells of all events of this process."""
    pid = os.getpid()
    if pid not in _told_in or not _told_in[pid].is_ours:
        _told_in[pid] = Descriptor(os.memfd_create(_NAME, os.MFD_CLOEXEC))
    text = "".join(f"{each}\n" for each in definitions).encode()
    os.pwrite(_told_in[pid].fd, text, 0)


def published(pids: Collection[int] = ()) -> Iterator[tuple[int, list[str]]]:
    """(pid, definitions) of these processes; without, of each that we may look at."""
    for pid in map(str, pids) if pids else filter(str.isdecimal, os.listdir("/proc")):
        folder = f"/proc/{pid}/fd"
        try:
            links = [f"{folder}/{fd}" for fd in os.listdir(folder)]
        except OSError:  # ended, or not ours
            continue
        for link in links:
            if lines := _told(link):
                yield int(pid), lines


def _told(link: str) -> list[str]:
    try:
        if os.readlink(link) != _LINK:
            return []
        fd = os.open(link, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return []
        *whole, _ = file.read(_MOST).decode(errors="replace").split("\n")
        return whole
