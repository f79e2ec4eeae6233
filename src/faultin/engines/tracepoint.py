# SPDX-License-Identifier: Apache-2.0
"""Engine `tracepoint`: the syscall tracepoints, in BPF programs that may sleep.

All that a call passes is read at its entry with the faults taken, all that it
gives back at its exit: two probes for all system calls (v7.2 and later).
"""

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.engines.attached import Attached, sleepable
from faultin.engines.base import Engine, Rung
from faultin.kernel.features import probe

NAME = "tracepoint"
STRATEGIES = ("copy", "prefault", "ring")
_PROGRAMS = ("sys_exit", "sys_enter")


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    reason = probe().sleepable_tracepoint
    if reason:
        return Rung(NAME, STRATEGIES, False, f"needs sleepable BPF at tracepoints: {reason}")
    return Rung(NAME, STRATEGIES, True, "reads at entry and takes the fault, one probe for all calls")


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    made = sleepable(NAME, plans, options, arch)
    for program in _PROGRAMS:
        made.set_sleepable(program)
    made.load()
    return Attached(NAME, options.strategy, made, lambda: [*map(made.attach, _PROGRAMS)])
