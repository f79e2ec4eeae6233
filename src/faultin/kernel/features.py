# SPDX-License-Identifier: Apache-2.0
"""Features: what the running kernel can do, found by probing, never by version.

In: the kernel's BTF and this process's rights. Out: Features. Everything that
differs between kernels on the Python side is in this module, each with the
commit that made the difference; bpf/compat.bpf.h is the other half.
"""

import os
from dataclasses import dataclass
from functools import cache

from faultin.errors import FaultinError
from faultin.kernel import libbpf
from faultin.kernel.rights import rights

# commit "bpf: task work scheduling kfuncs" (in v6.18); the suffix
# went away when the last argument became implicit (in v7.0).
_TASK_WORK = {
    "bpf_task_work_schedule_resume_impl": 1,
    "bpf_task_work_schedule_resume": 2,
}
# commit "bpf: Add bpf_copy_from_user_str kfunc" (in v6.12)
_COPY_STRING = "bpf_copy_from_user_str"
# commit "tracing: Add sched_prepare_exec tracepoint" (in v6.10)
_PREPARE_EXEC = "btf_trace_sched_prepare_exec"


@dataclass(frozen=True, slots=True)
class Features:
    """`task_work`: 0 none, 1 under the names of v6.18, 2 under those of v7.0."""

    task_work: int
    copy_string: bool
    prepare_exec: bool


@cache
def probe() -> Features:
    """Reads the kernel's BTF. UnsupportedKernel when there is none."""
    functions = dict.fromkeys([*_TASK_WORK, _COPY_STRING], libbpf.FUNCTION)
    found = libbpf.in_kernel_btf({**functions, _PREPARE_EXEC: libbpf.TYPEDEF})
    generation = max((number for name, number in _TASK_WORK.items() if name in found), default=0)
    string = _COPY_STRING in found
    return Features(
        task_work=generation if string else 0,
        copy_string=string,
        prepare_exec=_PREPARE_EXEC in found,
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `faultin doctor`: what was looked at, whether it serves, and why."""

    name: str
    usable: bool
    reason: str


def kernel_release() -> str:
    return os.uname().release


def findings() -> list[Finding]:
    """Everything an engine may need, each with the probe that said so."""
    have = rights()
    found = [
        Finding("kernel", True, f"{os.uname().sysname} {kernel_release()} {os.uname().machine}"),
        Finding("CAP_BPF", have.bpf, "/proc/self/status CapEff"),
        Finding("CAP_PERFMON", have.perfmon, "/proc/self/status CapEff"),
    ]
    try:
        found.append(Finding("libbpf", True, f"libbpf.so.1 {libbpf.version()}"))
    except FaultinError as error:
        return [*found, Finding("libbpf", False, str(error))]
    try:
        features = probe()
    except FaultinError as error:
        return [*found, Finding("BTF", False, str(error))]
    names = {0: "not in the kernel's BTF", 1: "names of v6.18", 2: "names of v7.0 and later"}
    return [
        *found,
        Finding("BTF", True, "/sys/kernel/btf/vmlinux"),
        Finding("bpf_task_work", bool(features.task_work), names[features.task_work]),
        Finding("bpf_copy_from_user_str", features.copy_string, "the kernel's BTF"),
        Finding("sched_prepare_exec", features.prepare_exec, "the kernel's BTF"),
    ]
