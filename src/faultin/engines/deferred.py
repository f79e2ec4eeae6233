# SPDX-License-Identifier: Apache-2.0
"""Engine `deferred`: plain BPF tracepoints, and a second look for what they miss.

Reads nofault at entry, again at exit, and what is absent even then through task
work in the task's own context, or where the kernel has none, from here with
process_vm_readv (decode/remote.py). Works on every kernel since 5.17.
"""

import ctypes

from faultin.codegen.link import build
from faultin.codegen.plan import Plans
from faultin.codegen.program import Options, program_ir
from faultin.drain.wire import Phase, RecordType
from faultin.kernel.features import Features
from faultin.kernel.libbpf import Link, Object, run_iterator

PROGRAMS = (
    "sched_fork", "sched_exec", "sched_exit", "signal_deliver", "sys_exit", "sys_enter",
)  # fmt: skip


class _Shared(ctypes.Structure):
    """struct shared of bpf/wire.h."""

    _fields_ = [
        ("lost_ring", ctypes.c_uint64),
        ("lost_tasks", ctypes.c_uint64),
        ("live", ctypes.c_int64),
        ("scan_before", ctypes.c_uint64),
        ("scan_pid", ctypes.c_uint32),
        ("scan_phase", ctypes.c_uint32),
        ("scan_type", ctypes.c_uint32),
    ]


class Deferred:
    """The probes of one trace; `plans` and `options` fix what they capture."""

    name = "deferred"
    strategy = "copy"

    def __init__(self, plans: Plans, options: Options, arch: str, features: Features) -> None:
        self._object = Object(build(arch, program_ir(plans, options)))
        self._object.set_entries("ring", options.ring_bytes)
        self._programs = PROGRAMS
        if features.prepare_exec:
            self._programs = ("sched_prepare", *PROGRAMS)
            self._object.enable("sched_prepare")
        self._object.load()
        self._shared = _Shared.from_buffer(self._object.globals())
        self._links: list[Link] = []
        self._scan: Link | None = None

    @property
    def ring_fd(self) -> int:
        return self._object.map_fd("ring")

    def instructions(self) -> dict[str, int]:
        return self._object.instructions()

    def attach(self) -> None:
        self._scan = self._object.attach("scan")
        self._links = [self._object.attach(name) for name in self._programs]

    def _run_scan(self, pid: int = 0, phase: Phase = Phase.IDLE) -> None:
        assert self._scan is not None
        self._shared.scan_pid, self._shared.scan_phase = pid, phase
        run_iterator(self._scan)

    def _report(self, before: int, record_type: RecordType) -> None:
        self._shared.scan_before, self._shared.scan_type = before, record_type
        self._run_scan()
        self._shared.scan_before = 0

    def arm(self, pid: int) -> None:
        self._run_scan(pid, Phase.ARMED)

    def follow(self, pid: int) -> None:
        self._run_scan(pid, Phase.ATTACHED)

    def live(self) -> int:
        return self._shared.live

    def report_blocked(self, before: int) -> None:
        self._report(before, RecordType.BLOCKED)

    def report_unfinished(self) -> None:
        self._report(2**64 - 1, RecordType.NORETURN)

    def detach(self) -> None:
        for attached in self._links:
            attached.close()
        self._links = []

    def lost(self) -> dict[str, int]:
        counts = {"ring_full": self._shared.lost_ring, "no_task_state": self._shared.lost_tasks}
        return {cause: count for cause, count in counts.items() if count}

    def close(self) -> None:
        self.detach()
        if self._scan:
            self._scan.close()
        self._object.close()
