# SPDX-License-Identifier: Apache-2.0
"""Engine `tracepoint`: at the syscall tracepoints, a BPF program that may sleep.

What is absent when a call begins is read there with the faults taken: one probe more
than engine `deferred` has, for all system calls (v7.2 and later).
"""

from collections.abc import Iterator

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.engines.attached import Attached, attach_events, opened
from faultin.engines.base import Engine, Rung
from faultin.kernel.features import probe
from faultin.kernel.libbpf import Closable

NAME = "tracepoint"
STRATEGIES = ("copy", "prefault", "ring")
_PROGRAM = "read_absent"


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    reason = probe().sleepable_tracepoint
    if reason:
        return Rung(NAME, STRATEGIES, False, f"needs sleepable BPF at tracepoints: {reason}")
    return Rung(NAME, STRATEGIES, True, "reads at entry and takes the fault, one probe for all calls")


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    made = opened(NAME, plans, options, arch, faults=True)
    made.set_sleepable(_PROGRAM)
    made.load()

    def attach() -> Iterator[Closable]:
        yield made.attach(_PROGRAM)
        yield from attach_events(made, plans)

    return Attached(NAME, options, made, attach)
