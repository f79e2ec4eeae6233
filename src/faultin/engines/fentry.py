# SPDX-License-Identifier: Apache-2.0
"""Engine `fentry`: sleepable BPF probes on the functions of the traced system calls.

What a call passes is read as its function begins, with the faults taken. Where the
kernel attaches one program to many functions (fentry.multi, v7.2), everything can be
traced; elsewhere a program is verified for each function, so that the trace has to
name its system calls. Calls that never reach their function (refused by seccomp, or
unknown to the kernel) are told by the tracepoint at their exit, and read from here.
"""

from faultin.codegen.plan import NUMBERS, Plans
from faultin.codegen.program import Options
from faultin.engines.attached import Attached, sleepable
from faultin.engines.base import Engine, Rung
from faultin.errors import UsageError
from faultin.kernel import bpf, libbpf
from faultin.kernel.features import probe_fentry
from faultin.kernel.libbpf import Closable, Object, RawLink

NAME = "fentry"
STRATEGIES = ("copy", "prefault", "ring")
FUNCTIONS_MAX = 128  # slots in bpf/fentry.bpf.c
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


def _functions(plans: Plans) -> dict[str, tuple[int, bool]]:
    """The kernel's functions of the traced calls: BTF id, and whether they return."""
    returns: dict[str, bool] = {}
    native, *others = probe_fentry().prefixes
    for index, plan in plans.plans.items():
        name = plan.syscall.name
        if index < NUMBERS:
            returns[native + _FUNCTIONS.get(name, name)] = plan.returns
        elif index < 2 * NUMBERS:
            for prefix in others:
                for function in (name, _FUNCTIONS.get(name, name), f"ia32_{name}"):
                    returns[prefix + function] = plan.returns
    ids = libbpf.kernel_btf_ids(dict.fromkeys(returns, libbpf.FUNCTION))
    return {name: (number, returns[name]) for name, number in ids.items()}


def make(plans: Plans, options: Options, arch: str) -> Engine:
    """The engine, loaded and not yet attached."""
    functions = _functions(plans)
    made = sleepable(NAME, plans, options, arch)
    if not probe_fentry().multi:
        return _multi(made, options, functions)
    if len(functions) > FUNCTIONS_MAX:
        raise UsageError(
            f"engine fentry cannot trace {len(plans.traced)} system calls on this kernel",
            f"without fentry.multi it attaches a program each, {FUNCTIONS_MAX} at the most",
            "name fewer with -e, or use --engine deferred",
        )
    return _single(made, options, functions)


def _multi(made: Object, options: Options, functions: dict[str, tuple[int, bool]]) -> Engine:
    made.set_tracing("enter_multi", bpf.TRACE_FENTRY_MULTI)
    made.set_tracing("leave_multi", bpf.TRACE_FEXIT_MULTI)
    made.load()

    def attach() -> list[Closable]:
        fds = made.program_fds()
        all_ids = [number for number, _ in functions.values()]
        returning = [number for number, returns in functions.values() if returns]
        enter, leave = bpf.TRACE_FENTRY_MULTI, bpf.TRACE_FEXIT_MULTI
        links: list[Closable] = [made.attach("sched_exec"), made.attach("sys_exit")]
        if returning:
            links.append(RawLink(bpf.attach_multi(fds["leave_multi"], leave, returning)))
        if all_ids:
            links.append(RawLink(bpf.attach_multi(fds["enter_multi"], enter, all_ids)))
        return links

    return Attached(NAME, options.strategy, made, attach)


def _single(made: Object, options: Options, functions: dict[str, tuple[int, bool]]) -> Engine:
    programs = ["sched_exec", "sys_exit"]
    for slot, (name, (_, returns)) in enumerate(functions.items()):
        if returns:
            made.set_target(f"leave_{slot:03o}", name)
            programs.append(f"leave_{slot:03o}")
        made.set_target(f"enter_{slot:03o}", name)
        programs.append(f"enter_{slot:03o}")
    made.load()
    return Attached(NAME, options.strategy, made, lambda: [*map(made.attach, programs)])
