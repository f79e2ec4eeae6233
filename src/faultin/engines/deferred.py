# SPDX-License-Identifier: Apache-2.0
"""Engine `deferred`: plain BPF tracepoints, and a second look for what they miss.

Reads nofault at entry, again at exit, and what is absent even then through task
work in the task's own context, or where the kernel has none, from here with
process_vm_readv (decode/remote.py). Works on every kernel since 5.17.
"""

from dataclasses import replace

from faultin.codegen.link import build
from faultin.codegen.plan import Plans
from faultin.codegen.program import Options, program_ir
from faultin.engines.attached import Attached
from faultin.engines.base import Engine, Rung
from faultin.kernel.features import probe
from faultin.kernel.libbpf import Object

NAME = "deferred"
STRATEGIES = ("copy",)
_PROGRAMS = ("sched_exec", "sys_exit", "sys_enter")


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    if probe().task_work:
        return Rung(NAME, STRATEGIES, True, "what is absent at entry and exit is read by bpf_task_work")
    return Rung(NAME, STRATEGIES, True, "what is absent at entry and exit is read by process_vm_readv")


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    features = probe()
    if options.task_work is None:
        options = replace(options, task_work=features.task_work)
    made = Object(build(NAME, arch, program_ir(plans, options)))
    made.set_entries("ring", options.ring_bytes)
    programs = _PROGRAMS
    if features.prepare_exec:
        programs = ("sched_prepare", *_PROGRAMS)
        made.enable("sched_prepare")
    made.load()
    return Attached(
        NAME, options.strategy, made, lambda: [*map(made.attach, programs)], not options.task_work
    )
