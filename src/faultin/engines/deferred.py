# SPDX-License-Identifier: Apache-2.0
"""Engine `deferred`: plain BPF tracepoints, and a second look for what they miss.

Reads nofault at entry, again at exit, and what is absent even then through task
work in the task's own context, or where the kernel has none, from here with
process_vm_readv (decode/remote.py). Works on every kernel since 5.17.
"""

from faultin.codegen.plan import Plans
from faultin.codegen.program import Options
from faultin.engines.attached import Attached, attach_events, opened
from faultin.engines.base import Engine, Rung
from faultin.kernel.features import probe

NAME = "deferred"
STRATEGIES = ("copy",)


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    if probe().task_work:
        return Rung(NAME, STRATEGIES, True, "what is absent at entry and exit is read by bpf_task_work")
    return Rung(NAME, STRATEGIES, True, "what is absent at entry and exit is read by process_vm_readv")


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    made = opened(NAME, plans, options, arch, faults=False)
    made.load()
    return Attached(NAME, options, made, lambda: attach_events(made, plans))
