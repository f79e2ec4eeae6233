# SPDX-License-Identifier: Apache-2.0
"""Engine `fentry`: BPF programs that may sleep, on the functions of system calls.

What is absent when a call begins is read as its function begins, with the faults taken:
engine `deferred`, and a probe more for each traced call that passes memory. Where the
kernel attaches one program to many functions (fentry.multi, v7.2), everything can be
traced; elsewhere a program is verified for each function, so that the trace has to
name its system calls. Calls that never reach their function (refused by seccomp, or by
another ABI where the kernel lets nobody probe that) are traced as by `deferred`.
"""

from collections.abc import Iterator

from faultin.codegen.plan import NUMBERS, Plans
from faultin.codegen.program import Options
from faultin.engines.attached import Attached, attach_events, opened
from faultin.engines.base import Engine, Rung
from faultin.errors import UsageError
from faultin.kernel import bpf, libbpf
from faultin.kernel.features import may_sleep, probe_fentry
from faultin.kernel.libbpf import Closable, Object, RawLink

NAME = "fentry"
STRATEGIES = ("copy", "prefault", "ring")
FUNCTIONS_MAX = 256  # slots in bpf/fentry.bpf.c
# The system calls whose functions have another name than the call.
_FUNCTIONS = {
    "stat": "newstat", "fstat": "newfstat", "lstat": "newlstat", "uname": "newuname",
    "umount2": "umount", "sendfile": "sendfile64",
}  # fmt: skip


def rung() -> Rung:
    """Whether it serves here, and what it lacks."""
    found = probe_fentry()
    if found.single:
        return Rung(NAME, STRATEGIES, False, f"needs sleepable BPF on system calls: {found.single}")
    if found.multi:
        return Rung(
            NAME, STRATEGIES, True,
            f"reads at entry and takes the fault, for system calls that -e names (to {FUNCTIONS_MAX} functions)",
        )  # fmt: skip
    return Rung(NAME, STRATEGIES, True, "reads at entry and takes the fault, a probe a call")


def fits(plans: Plans) -> bool:
    """Whether a trace of this size can be attached on this kernel."""
    return not probe_fentry().multi or len(_functions(plans)) <= FUNCTIONS_MAX


def _functions(plans: Plans) -> dict[str, int]:
    """The kernel's functions of the traced calls that pass memory, as far as they can be
    probed, with their BTF ids."""
    names: set[str] = set()
    native, *others = probe_fentry().prefixes
    for index, plan in plans.plans.items():
        name = plan.syscall.name
        if not plan.inputs and not plan.syscall.variants:
            continue
        if index < NUMBERS:
            names.add(native + _FUNCTIONS.get(name, name))
        elif index < 2 * NUMBERS:
            for prefix in others:
                names |= {prefix + name, prefix + _FUNCTIONS.get(name, name), f"{prefix}ia32_{name}"}
    found = libbpf.kernel_btf_ids(dict.fromkeys(names, libbpf.FUNCTION))
    return {name: btf_id for name, btf_id in found.items() if may_sleep(btf_id)}


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    functions = _functions(plans)
    made = opened(NAME, plans, options, arch, faults=True)
    if not probe_fentry().multi:
        return _multi(made, plans, options, list(functions.values()))
    if len(functions) > FUNCTIONS_MAX:
        raise UsageError(
            f"engine fentry cannot trace {len(plans.traced)} system calls on this kernel",
            f"without fentry.multi it attaches a program each, {FUNCTIONS_MAX} at the most",
            "name fewer with -e, or use --engine deferred",
        )
    return _single(made, plans, options, list(functions))


def _multi(made: Object, plans: Plans, options: Options, ids: list[int]) -> Engine:
    made.set_tracing("enter_multi", bpf.TRACE_FENTRY_MULTI)
    made.load()

    def attach() -> Iterator[Closable]:
        program = made.program_fds()["enter_multi"]
        if ids:
            yield RawLink(bpf.attach_multi(program, bpf.TRACE_FENTRY_MULTI, ids))
        yield from attach_events(made, plans)

    return Attached(NAME, options, made, attach)


def _single(made: Object, plans: Plans, options: Options, functions: list[str]) -> Engine:
    programs = {f"enter_{slot:03o}": function for slot, function in enumerate(functions)}
    for program, function in programs.items():
        made.set_target(program, function)
    made.load()

    def attach() -> Iterator[Closable]:
        yield from map(made.attach, programs)
        yield from attach_events(made, plans)

    return Attached(NAME, options, made, attach)
