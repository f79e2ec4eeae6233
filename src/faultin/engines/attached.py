# SPDX-License-Identifier: Apache-2.0
"""Attached: what every engine made of BPF programs does once its object is loaded.

In: a loaded object and the programs to attach. Out: an Engine. Following tasks,
telling of calls that block and counting what is lost is the same for all of them.
"""

import ctypes
from dataclasses import replace
from typing import Callable

from faultin.codegen.link import build
from faultin.codegen.plan import Plans
from faultin.codegen.program import Options, program_ir
from faultin.drain.wire import Phase, RecordType
from faultin.kernel.features import probe
from faultin.kernel.libbpf import Closable, Object, run_iterator

# Of the scheduler: they follow tasks. Those on system calls are the engine's own.
TASK_PROGRAMS = ("sched_fork", "sched_exit", "signal_deliver")


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
        ("pad", ctypes.c_uint32),
        ("fell_back_full", ctypes.c_uint64),
        ("fell_back_gone", ctypes.c_uint64),
    ]


def sleepable(name: str, plans: Plans, options: Options, arch: str) -> Object:
    """The object of an engine whose programs take faults, opened and not yet loaded."""
    features = probe()
    options = replace(
        options, task_work=0, copy_string=features.copy_string, copy_dynptr=features.copy_dynptr
    )
    made = Object(build(name, arch, program_ir(plans, options)))
    made.set_entries("ring", options.ring_bytes)
    if options.strategy != "copy":
        made.set_entries("direct", options.parts_bytes)
    return made


class Attached:
    """The probes of one trace. `probes` attaches those on system calls."""

    def __init__(
        self, name: str, strategy: str, loaded: Object, probes: Callable[[], list[Closable]],
        reads_remotely: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.strategy, self.reads_remotely = name, strategy, reads_remotely
        self._object, self._probes = loaded, probes
        self._shared = _Shared.from_buffer(loaded.globals())
        self._links: list[Closable] = []
        self._scan = loaded.attach("scan")

    @property
    def ring_fd(self) -> int:
        return self._object.map_fd("ring")

    @property
    def parts_fd(self) -> int | None:
        return None if self.strategy == "copy" else self._object.map_fd("direct")

    def program_fds(self) -> dict[str, int]:
        """The loaded programs by name."""
        return self._object.program_fds()

    def attach(self) -> None:
        self._links = [*map(self._object.attach, TASK_PROGRAMS)]
        self._links += self._probes()

    def _run_scan(self, pid: int = 0, phase: Phase = Phase.IDLE) -> None:
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

    def fell_back(self) -> dict[str, int]:
        counts = {"ring_full": self._shared.fell_back_full, "page_gone": self._shared.fell_back_gone}
        return {cause: count for cause, count in counts.items() if count}

    def close(self) -> None:
        self.detach()
        self._scan.close()
        self._object.close()
