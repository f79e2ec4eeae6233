# SPDX-License-Identifier: Apache-2.0
"""Features: what the running kernel can do, found by probing, never by version.

In: the kernel's BTF and this process's rights. Out: Features. Everything that
differs between kernels on the Python side is in this module, each with the
commit that made the difference; bpf/compat.bpf.h is the other half.
"""

import os
from dataclasses import dataclass
from functools import cache
from typing import Callable

from faultin.errors import FaultinError
from faultin.kernel import bpf, libbpf
from faultin.kernel.rights import rights

# commit "bpf: task work scheduling kfuncs" (in v6.18); the suffix
# went away when the last argument became implicit (in v7.0).
_TASK_WORK = {
    "bpf_task_work_schedule_resume_impl": 1,
    "bpf_task_work_schedule_resume": 2,
}
# commit "bpf: Add bpf_copy_from_user_str kfunc" (in v6.12)
_COPY_STRING = "bpf_copy_from_user_str"
# commit "bpf: Implement dynptr copy kfuncs" (in v6.16)
_COPY_DYNPTR = ("bpf_copy_from_user_dynptr", "bpf_probe_read_user_dynptr")
# commit "tracing: Add sched_prepare_exec tracepoint" (in v6.10)
_PREPARE_EXEC = "btf_trace_sched_prepare_exec"
# ... in this function, which probes can be on where BPF trampolines can be had
_BEGIN_EXEC = "begin_new_exec"

# commit "bpf: Add sleepable support for raw tracepoint programs" (in v7.2) is what
# lets this one be loaded as sleepable.
_SYS_ENTER = "btf_trace_sys_enter"
# Where nobody may sleep: a kernel that loads one for it too (6.1 does) checks nothing.
_SCHED_SWITCH = "btf_trace_sched_switch"
# How the functions of system calls begin, native ones first, each with a rare call for
# probes that are attached for a moment.
_PROBED = {
    "x86_64": {
        "__x64_sys_": "getcpu",
        "__ia32_sys_": "getcpu",
        "__ia32_compat_sys_": "sched_getaffinity",
    },
    "aarch64": {"__arm64_sys_": "getcpu", "__arm64_compat_sys_": "sched_getaffinity"},
}


@dataclass(frozen=True, slots=True)
class Features:
    """`task_work`: 0 none, 1 under the names of v6.18, 2 under those of v7.0.

    prepare_exec: the program of bpf/exec.bpf.h that sees an exec before the old memory is
    gone; empty if none can. sleepable_tracepoint: why the syscall tracepoints may not
    sleep; empty, if they may.
    """

    task_work: int
    copy_string: bool
    copy_dynptr: bool
    prepare_exec: str
    sleepable_tracepoint: str

    @property
    def preemptible(self) -> bool:
        """Whether a program at a syscall tracepoint may be preempted: where it may sleep."""
        return not self.sleepable_tracepoint


@cache
def probe() -> Features:
    """Reads the kernel's BTF and tries to load. UnsupportedKernel when there is no BTF."""
    names = [*_TASK_WORK, _COPY_STRING, *_COPY_DYNPTR, _BEGIN_EXEC]
    functions = dict.fromkeys(names, libbpf.FUNCTION)
    tracepoints = dict.fromkeys([_PREPARE_EXEC, _SYS_ENTER, _SCHED_SWITCH], libbpf.TYPEDEF)
    found = libbpf.kernel_btf_ids({**functions, **tracepoints})
    generation = max((number for name, number in _TASK_WORK.items() if name in found), default=0)
    string = _COPY_STRING in found
    return Features(
        task_work=generation if string else 0,
        copy_string=string,
        copy_dynptr=found.keys() >= set(_COPY_DYNPTR),
        prepare_exec=_prepare_exec(found),
        sleepable_tracepoint=_try_tracepoints(found),
    )


@dataclass(frozen=True, slots=True)
class Fentry:
    """Sleepable probes on the functions of system calls: why not, or empty if they work.

    multi: the same of one program attached to many functions. prefixes: how the names
    of functions begin that allow it; without FUNCTION_ERROR_INJECTION the native ones.
    """

    single: str
    multi: str
    prefixes: tuple[str, ...]


@cache
def probe_fentry() -> Fentry:
    """Loads and attaches programs that only return, and takes them off again."""
    names = {prefix: prefix + name for prefix, name in _PROBED[os.uname().machine].items()}
    found = libbpf.kernel_btf_ids(dict.fromkeys(names.values(), libbpf.FUNCTION))
    ids = {prefix: found[name] for prefix, name in names.items() if name in found}
    one, many = bpf.TRACE_FENTRY, bpf.TRACE_FENTRY_MULTI
    reasons = {p: _try_load(one, ids[p], lambda fd: bpf.attach(fd, one)) for p in ids}
    prefixes = tuple(prefix for prefix, reason in reasons.items() if not reason)
    native = next(iter(names))
    if native not in prefixes:
        reason = reasons.get(native, f"{names[native]} is not in the kernel's BTF")
        return Fentry(reason, reason, ())
    multi = _try_load(many, 0, lambda fd: bpf.attach_multi(fd, many, [ids[native]]))
    return Fentry("", multi, prefixes)


def may_sleep(btf_id: int) -> bool:
    """Whether a sleepable probe may be on this function. Not on those that stand for system
    calls which the kernel was built without (COND_SYSCALL), where others are allowed by
    FUNCTION_ERROR_INJECTION: seen on 6.12."""
    return not _try_load(bpf.TRACE_FENTRY, btf_id)


def _try_tracepoints(found: dict[str, int]) -> str:
    """Why the syscall tracepoints may not sleep; empty if they may."""
    reason = _try_load(bpf.TRACE_RAW_TP, found.get(_SYS_ENTER, 0))
    if not reason and not _try_load(bpf.TRACE_RAW_TP, found.get(_SCHED_SWITCH, 0)):
        return "this kernel would load them for any tracepoint"
    return reason


def _prepare_exec(found: dict[str, int]) -> str:
    """The program that sees an exec in time, or nothing."""
    if _PREPARE_EXEC in found:
        return "sched_prepare"
    probed, kind = found.get(_BEGIN_EXEC, 0), bpf.TRACE_FENTRY
    if probed and not _try_load(kind, probed, lambda fd: bpf.attach(fd, kind), flags=0):
        return "begin_new_exec"
    return ""


def _try_load(
    kind: int, btf_id: int, attach: Callable[[int], int] | None = None, flags: int = bpf.F_SLEEPABLE
) -> str:
    """Why a program of this attach type cannot be had, a sleepable one unless the flags
    say otherwise; empty if it can."""
    try:
        program = bpf.load_nothing(kind, btf_id, flags)
    except OSError as error:
        return f"loading one fails: {error.strerror}"
    try:
        if attach:
            os.close(attach(program))
    except OSError as error:
        return f"attaching one fails: {error.strerror}"
    finally:
        os.close(program)
    return ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `faultin doctor`: what was looked at, whether it serves, and why."""

    name: str
    usable: bool
    reason: str


_EXEC_WORDS = {
    "sched_prepare": "the kernel's BTF",
    "begin_new_exec": f"in its place a probe on {_BEGIN_EXEC}",
    "": f"not in the kernel's BTF, nor can a probe be on {_BEGIN_EXEC}",
}


def kernel_release() -> str:
    return os.uname().release


def findings() -> list[Finding]:
    """Everything an engine may need, each with the probe that said so."""
    have = rights()
    found = [
        Finding("kernel", True, f"{os.uname().sysname} {kernel_release()} {os.uname().machine}"),
        Finding("CAP_BPF", have.bpf, "capget(2), in the initial user namespace"),
        Finding("CAP_PERFMON", have.perfmon, "capget(2), in the initial user namespace"),
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
        Finding("bpf_copy_from_user_dynptr", features.copy_dynptr, "the kernel's BTF"),
        Finding("sched_prepare_exec", bool(features.prepare_exec), _EXEC_WORDS[features.prepare_exec]),
        _finding("sleepable tp_btf", features.sleepable_tracepoint),
        _finding("sleepable fentry", probe_fentry().single),
        _finding("sleepable fentry.multi", probe_fentry().multi),
        _user_events(),
    ]


def _user_events() -> Finding:
    """Who can listen to faultin.events: a uprobe always, others where the kernel helps."""
    from faultin.events import user_events  # an application's half, which no trace needs

    reason = user_events.why_not()
    return Finding("user_events", not reason, reason or user_events.data_file() or "")


def _finding(name: str, reason: str) -> Finding:
    return Finding(name, not reason, reason or "one was loaded")
