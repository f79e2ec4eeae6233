# SPDX-License-Identifier: Apache-2.0
"""Attached: what every engine made of BPF programs does once its object is loaded.

In: a loaded object and the programs to attach. Out: an Engine. Following tasks,
telling of calls that block and counting what is lost is the same for all of them.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Callable

from faultin.aggregate.digests import new_seed
from faultin.codegen.link import build
from faultin.codegen.plan import Plans
from faultin.codegen.program import Options, program_ir
from faultin.drain.wire import Phase, RecordType
from faultin.engines.counters import Counters, size_maps
from faultin.engines.shared import Shared
from faultin.kernel.bpf import missed_runs
from faultin.kernel.features import probe
from faultin.kernel.libbpf import Closable, Object, run_iterator

# In the order in which they are attached, and at one place run: a twin behind the
# program that it stands in for. Those that may sleep come last, and are the engine's own.
_PROGRAMS = (
    "sched_fork", "sched_fork_twin", "sched_exit", "sched_exit_twin", "signal_deliver",
    "signal_deliver_twin", "sched_prepare", "begin_new_exec", "sched_exec", "sched_exec_twin", "sys_exit",
    "sys_exit_twin", "sys_enter", "sys_enter_twin",
)  # fmt: skip
EVENT_PROGRAM = "user_event"
_RECOUNT = 1.0  # seconds between looks at which tasks are alive


def opened(name: str, plans: Plans, options: Options, arch: str, faults: bool) -> Object:
    """An engine's object, opened and not yet loaded. faults: it has programs that may
    sleep, which the caller still has to choose."""
    features = probe()
    task_work = features.task_work if options.task_work is None else options.task_work
    twins = features.preemptible
    options = replace(
        options, task_work=task_work, copy_string=features.copy_string,
        copy_dynptr=features.copy_dynptr, faults=faults, twins=twins,
    )  # fmt: skip
    # Engine `deferred` has nothing that may sleep, but for events.
    core = "events" if plans.events and name == "deferred" else name
    made = Object(build(core, arch, program_ir(plans, options)))
    made.set_entries("ring", options.ring_bytes)
    size_maps(made, options.query.counts)
    if options.strategy != "copy":
        made.set_entries("direct", options.parts_bytes)
    if options.triggers:
        made.set_entries("triggers", options.triggers_bytes)
    for program in _PROGRAMS:
        if program.endswith("_twin") and twins or program == features.prepare_exec:
            made.enable(program)
    if plans.events:
        made.enable(EVENT_PROGRAM)
    return made


def attach_events(made: Object, plans: Plans) -> Iterator[Closable]:
    """The program of user events, at each of their places; its cookie is the place's number."""
    places = [place for probe in plans.events.values() for place in probe.places]
    for cookie, place in enumerate(places):
        yield made.attach_uprobe(EVENT_PROGRAM, place.path, place.offset, place.semaphore, cookie)


class Attached:
    """The probes of one trace. `faulting` attaches those that may sleep."""

    tracer, filter, wake_fd = 0, b"", -1  # the kernel traces, and asks nobody

    def __init__(
        self, name: str, options: Options, loaded: Object,
        faulting: Callable[[], Iterable[Closable]] = list,
    ) -> None:  # fmt: skip
        self.name, self.strategy = name, options.strategy
        self._triggers = options.triggers
        self.reads_remotely = not (probe().task_work and options.task_work is None)
        self._object, self._faulting = loaded, faulting
        self._programs = loaded.program_fds()
        self._recount, self._told = 0.0, 0
        self._shared = Shared.from_buffer(loaded.globals())
        self._shared.seed = new_seed()
        counts = options.query.counts
        self.counters = Counters(loaded, self._shared, counts) if counts else None
        self._entries: list[Closable] = []
        self._links: list[Closable] = []
        self._scan = loaded.attach("scan")

    @property
    def ring_fd(self) -> int:
        return self._object.map_fd("ring")

    @property
    def parts_fd(self) -> int | None:
        return None if self.strategy == "copy" else self._object.map_fd("direct")

    @property
    def triggers_fd(self) -> int | None:
        return self._object.map_fd("triggers") if self._triggers else None

    def program_fds(self) -> dict[str, int]:
        """The loaded programs by name."""
        return self._programs

    def set_clock(self, offset: int) -> None:
        self._shared.clock_offset = offset

    def attach(self) -> None:
        """What was attached before an error is there for detach()."""
        for name in _PROGRAMS:
            if name in self._programs:
                to = self._entries if name.startswith("sys_enter") else self._links
                to.append(self._object.attach(name))
        for link in self._faulting():
            self._links.append(link)

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
        """By the probes' count; it is checked now and then, as probes may miss an end."""
        if self._shared.live > 0 and time.monotonic() > self._recount:
            self._recount = time.monotonic() + _RECOUNT
            self._shared.counted = 0
            self._run_scan()
            return self._shared.counted
        return self._shared.live

    def report_blocked(self, before: int) -> None:
        self._report(before, RecordType.BLOCKED)

    def report_unfinished(self) -> None:
        self._report(2**64 - 1, RecordType.NORETURN)

    def detach(self) -> None:
        """Entries first: what has begun may still return, and no call begins whose return nobody
        would see."""
        for attached in (*reversed(self._entries), *reversed(self._links)):
            attached.close()
        self._entries, self._links = [], []

    def lost(self) -> dict[str, int]:
        counts = {
            "ring_full": self._shared.lost_ring,
            "no_task_state": self._shared.lost_tasks,
            "return_not_seen": self._shared.lost_returns,
            "fork_not_seen": self._missed("sched_fork"),
        }
        return {cause: count for cause, count in counts.items() if count}

    def _missed(self, program: str) -> int:
        """Where it could not run, nor its twin: at the most so many times."""
        names = [name for name in (program, f"{program}_twin") if name in self._programs]
        return min(missed_runs(self._programs[name]) for name in names)

    def fell_back(self) -> dict[str, int]:
        counts = {
            "not_at_entry": self._shared.fell_back_late,
            "ring_full": self._shared.fell_back_full,
            "page_gone": self._shared.fell_back_gone,
        }
        return {cause: count for cause, count in counts.items() if count}

    def notices(self) -> list[str]:
        others = self._shared.other_fields - self._told
        self._told += others
        if not others:
            return []
        return [f"{others} events are left out: their programs give them other fields than --event does"]

    def close(self) -> None:
        self.detach()
        if self.counters:
            self.counters.close()
        self._scan.close()
        self._object.close()
