# SPDX-License-Identifier: Apache-2.0
"""Engine `ptrace`: for any user, in any container; no BPF.

A native tracer stops each traced call as it begins, reads with process_vm_readv, which
takes the faults, and stops it again as it returns. Where -e names some calls, a seccomp
filter of the command stops these and no others. All of them, and processes that were
running (-p), stop at every call: there a filter would save nothing, or cannot be had.
"""

import errno
from dataclasses import replace
from pathlib import Path

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.engines.base import Engine, Rung
from faultin.engines.filter import stopping
from faultin.engines.keeper import Keeper, Order, missing, reason
from faultin.errors import FaultinError
from faultin.kernel.rights import rights

NAME = "ptrace"
STRATEGIES = ("copy",)
_PRIVILEGE, _PTRACE = 1, 2  # enum notice of native/keeper/shared.h


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    if lacking := missing():
        return Rung(NAME, STRATEGIES, False, f"needs ptrace: {lacking}")
    words = "stops each traced call, twice, and reads with process_vm_readv; -p stops all calls"
    if not rights().admin:
        words += "; without CAP_SYS_ADMIN, -e sets no_new_privs for the command"
    return Rung(NAME, STRATEGIES, True, words)


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, with its tracer started and nothing traced yet."""
    return Ptrace(plans, replace(options, task_work=1))


class Ptrace:
    """A native tracer and what it traces."""

    name, strategy = NAME, "copy"
    reads_remotely = False  # the tracer takes the faults
    parts_fd = triggers_fd = None
    counters = None

    def __init__(self, plans: Plans, options: Options) -> None:
        self._keeper = Keeper(plans, options)
        self.ring_fd, self.wake_fd = self._keeper.ring_fd, self._keeper.wake_fd
        self.tracer = self._keeper.pid
        self.filter = b"" if plans.foreign else stopping(plans)
        self._told = 0

    def set_clock(self, offset: int) -> None:
        """Queries are faultin's to judge."""

    def attach(self) -> None:
        """Nothing is on before a task is traced."""

    def arm(self, pid: int) -> None:
        if error := self._keeper.order(Order.COMMAND, pid, bool(self.filter)):
            raise FaultinError("the command cannot be traced", _why(pid, error))

    def follow(self, pid: int) -> None:
        if error := self._keeper.order(Order.FOLLOW, pid):
            raise FaultinError(f"-p {pid}", _why(pid, error))

    def live(self) -> int:
        return 0 if self._keeper.is_gone else self._keeper.page.shared.live

    def report_blocked(self, before: int) -> None:
        if not self._keeper.is_gone:
            self._keeper.order(Order.BLOCKED, value=before)

    def report_unfinished(self) -> None:
        """detach() has: a task that is let go cannot be told of any more."""

    def detach(self) -> None:
        if not self._keeper.is_gone:
            self._keeper.order(Order.QUIET)

    def lost(self) -> dict[str, int]:
        shared = self._keeper.page.shared
        counts = {"ring_full": shared.lost_ring, "no_task_state": shared.lost_tasks,
                  "return_not_seen": shared.lost_returns,
                  "tracer_killed": shared.live if self._keeper.is_gone else 0}  # fmt: skip
        return {cause: count for cause, count in counts.items() if count}

    def fell_back(self) -> dict[str, int]:
        return {}

    def notices(self) -> list[str]:
        page = self._keeper.page
        new = page.notices & ~self._told
        self._told |= new
        lines = []
        if new & _PRIVILEGE:
            lines.append(
                f"{page.path.decode(errors='replace')} runs without the privilege that its file "
                "gives: the kernel takes it from a program whose tracer has no CAP_SYS_PTRACE, or "
                "that has no_new_privs, as -e needs without CAP_SYS_ADMIN; run faultin as root"
            )
        if new & _PTRACE:
            lines.append(
                f"process {page.pid} uses ptrace itself, and gets EPERM: a task has one tracer at "
                "a time; an engine of BPF programs leaves ptrace to it"
            )
        return lines

    def close(self) -> None:
        self._keeper.close()


def _why(pid: int, error: int) -> str:
    """Why a process cannot be traced."""
    if error != errno.EPERM:
        return reason(error)
    if tracer := _tracer(pid):
        return f"process {tracer} traces it already"
    if _setting("/proc/sys/kernel/yama/ptrace_scope") not in ("", "0"):
        return "it is not ours, or kernel.yama.ptrace_scope forbids it; run faultin as root"
    return "it is not ours to trace; run faultin as its user, or as root"


def _tracer(pid: int) -> str:
    lines = _setting(f"/proc/{pid}/status").splitlines()
    found = [line.split()[1] for line in lines if line.startswith("TracerPid:")]
    return found[0] if found and found[0] != "0" else ""


def _setting(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
