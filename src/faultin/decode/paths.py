# SPDX-License-Identifier: Apache-2.0
"""Paths: what the file descriptors of events are open on.

In: events in order. Out: the same, with `paths` for their descriptor arguments
and `ret_path` for a returned descriptor. What a trace has seen opened is known
from it; what was open before is asked of /proc/PID/fd, as long as it is there.
"""

import os

from faultin.event import Event, EventKind

_OPENS = {"open", "openat", "openat2", "creat"}
_DUPLICATES = {"dup", "dup2", "dup3"}


class DescriptorPaths:
    """Follows the descriptors of every process by what its calls return."""

    def __init__(self) -> None:
        self._open: dict[int, dict[int, str]] = {}

    def annotate(self, event: Event) -> None:
        """Names the descriptors of one event, and learns from it."""
        if event.kind is EventKind.EXIT:
            if event.pid == event.tid:
                self._open.pop(event.pid, None)
            return
        for name in event.fds:
            number = event.args.get(name)
            if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                path = self._path(event.pid, number)
                if path is not None:
                    event.paths[name] = path
        self._learn(event)

    def _path(self, pid: int, number: int) -> str | None:
        known = self._open.setdefault(pid, {})
        if number not in known:
            try:
                target = os.readlink(f"/proc/{pid}/fd/{number}")
            except OSError:
                return None
            known[number] = target.encode("utf-8", "surrogateescape").decode(errors="replace")
        return known[number]

    def _learn(self, event: Event) -> None:
        ret = event.ret
        if ret is None or ret < 0:
            return
        known = self._open.setdefault(event.pid, {})
        if event.syscall in _OPENS:
            known.pop(ret, None)
            event.ret_path = self._path(event.pid, ret) or self._given(event)
            if isinstance(event.ret_path, str):
                known[ret] = event.ret_path
        elif event.syscall in _DUPLICATES:
            old = event.args.get("fildes", event.args.get("oldfd"))
            if isinstance(old, int) and old in known:
                known[ret] = known[old]
        elif event.syscall == "close":
            known.pop(event.args.get("fd"), None)
        elif event.syscall in ("execve", "execveat", "close_range", "unshare"):
            known.clear()

    def _given(self, event: Event) -> str | None:
        """The path as passed, for a descriptor that was closed before it could be asked for."""
        path = event.args.get("filename", event.args.get("pathname"))
        return path if isinstance(path, str) else None
