# SPDX-License-Identifier: Apache-2.0
"""Callers: who made a call, for the fields that a record has only if it was asked for.

In: a record and its pieces. Out: a mapping from the name of a field to its value, or
MISSING. What the kernel has not put into the record (nothing, with engine ptrace) is read
from /proc, as long as the process is there.
"""

import os
from struct import Struct
from typing import TYPE_CHECKING, Any

from faultin.drain.wire import Exe, Piece, Record, Role
from faultin.query.types import MISSING

if TYPE_CHECKING:
    from faultin.consume.stacking import Stacking

_CONTEXT = Struct("<iIIIQ")  # struct context of bpf/wire.h
_STATUS = {"ppid": "PPid:", "uid": "Uid:", "gid": "Gid:"}
_CGROUPS = "/sys/fs/cgroup"


class Caller(dict[str, Any]):
    """Fields of one record; each is looked for when it is first asked for."""

    def __init__(
        self, record: Record, pieces: list[Piece], stacking: "Stacking | None" = None
    ) -> None:
        super().__init__()
        self._record, self._pieces, self._stacking = record, pieces, stacking

    def __missing__(self, name: str) -> Any:
        if name == "ustack":
            self[name] = self._stack()
            return self[name]
        if name == "exe":
            self[name] = _program(self._pieces) or self._from_proc(name)
            return self[name]
        context = next((p.data for p in self._pieces if p.role == Role.CONTEXT and any(p.data)), None)
        if context:
            ppid, uid, gid, _, cgroup = _CONTEXT.unpack(context)
            self.update(ppid=ppid, uid=uid, gid=gid, cgroup=cgroup)
        else:
            self[name] = self._from_proc(name)
        return self[name]

    def _stack(self) -> Any:
        stack = self._stacking.stack(self._record, self._pieces) if self._stacking else None
        return MISSING if stack is None else stack

    def _from_proc(self, name: str) -> Any:
        folder = f"/proc/{self._record.tid}"
        try:
            if name == "exe":
                return os.fsencode(os.readlink(f"{folder}/exe"))
            if name == "cgroup":
                return _cgroup(folder)
            return _status(folder, _STATUS[name])
        except (OSError, KeyError):
            return MISSING


def _program(pieces: list[Piece]) -> bytes | None:
    """As /proc/PID/exe has it, of the names from the file up to the root."""
    found = next((p for p in pieces if p.role == Role.EXE and p.address & Exe.WHOLE), None)
    if found is None:
        return None
    path = b"/" + b"/".join(reversed(found.data.split(b"\0")[:-1]))
    return path + b" (deleted)" if found.address & Exe.DELETED else path


def _status(folder: str, label: str) -> Any:
    with open(f"{folder}/status") as status:
        for line in status:
            if line.startswith(label):
                return int(line.split()[1])
    return MISSING


def _cgroup(folder: str) -> Any:
    """The inode of its folder, which is what the kernel numbers it by."""
    with open(f"{folder}/cgroup") as groups:
        path = next((line[3:].rstrip("\n") for line in groups if line.startswith("0::")), None)
    return MISSING if path is None else os.stat(_CGROUPS + path).st_ino
