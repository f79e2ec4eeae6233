# SPDX-License-Identifier: Apache-2.0
"""Signals: sets of them, and what siginfo says of one.

In: the bytes of a sigset or a siginfo, or the record of a signal that was delivered.
Out: values, or its event. Which fields a siginfo has depends on its code, and for
codes above 0 on the signal; only those are shown, and only where they are there.
"""

from functools import lru_cache

from faultin.decode.buffers import bit_numbers
from faultin.decode.scalars import value_decoder
from faultin.drain.wire import Record
from faultin.event import Event, EventKind
from faultin.syscalls.constants import constant_set
from faultin.values import Symbol, Value

# name, offset, size, kind: struct siginfo of include/uapi/asm-generic/siginfo.h
_Layout = tuple[tuple[str, int, int, str], ...]
_SENDER: _Layout = (("si_pid", 16, 4, "pid"), ("si_uid", 20, 4, "uid"))
_QUEUED: _Layout = (*_SENDER, ("si_value", 24, 8, "hex"))
_TIMER: _Layout = (
    ("si_timerid", 16, 4, "int"),
    ("si_overrun", 20, 4, "int"),
    ("si_value", 24, 8, "hex"),
)
_CHILD: _Layout = (
    *_SENDER,
    ("si_status", 24, 4, "int"),
    ("si_utime", 32, 8, "long"),
    ("si_stime", 40, 8, "long"),
)
_KILLED: _Layout = (*_SENDER, ("si_status", 24, 4, "signal"), *_CHILD[3:])
_FAULT: _Layout = (("si_addr", 16, 8, "addr"),)
_MACHINE_CHECK: _Layout = (*_FAULT, ("si_addr_lsb", 24, 2, "s16"))
_BOUNDS: _Layout = (*_FAULT, ("si_lower", 32, 8, "addr"), ("si_upper", 40, 8, "addr"))
_KEY: _Layout = (*_FAULT, ("si_pkey", 32, 4, "uint"))
_PERF: _Layout = (
    *_FAULT,
    ("si_perf_data", 24, 8, "hex"),
    ("si_perf_type", 32, 4, "uint"),
    ("si_perf_flags", 36, 4, "uint"),
)
_POLL: _Layout = (("si_band", 16, 8, "long"), ("si_fd", 24, 4, "fd"))
_SYSCALL: _Layout = (
    ("si_call_addr", 16, 8, "addr"),
    ("si_syscall", 24, 4, "int"),
    ("si_arch", 28, 4, "hex"),
)
_SI_KERNEL = 0x80

_BY_CODE: dict[int, _Layout] = {-1: _QUEUED, -2: _TIMER, -3: _QUEUED, -4: _QUEUED, -5: _POLL}
_BY_SIGNAL: dict[str, _Layout] = {
    **dict.fromkeys(["SIGILL", "SIGTRAP", "SIGBUS", "SIGFPE", "SIGSEGV"], _FAULT),
    "SIGCHLD": _KILLED,
    "SIGIO": _POLL,
    "SIGSYS": _SYSCALL,
}
_BY_NAME: dict[str, _Layout] = {
    "CLD_EXITED": _CHILD,
    "BUS_MCEERR_AR": _MACHINE_CHECK,
    "BUS_MCEERR_AO": _MACHINE_CHECK,
    "SEGV_BNDERR": _BOUNDS,
    "SEGV_PKUERR": _KEY,
    "TRAP_PERF": _PERF,
}
_CODE_SETS = {
    "SIGILL": "si_code_ill",
    "SIGFPE": "si_code_fpe",
    "SIGSEGV": "si_code_segv",
    "SIGBUS": "si_code_bus",
    "SIGTRAP": "si_code_trap",
    "SIGCHLD": "si_code_chld",
    "SIGIO": "si_code_poll",
    "SIGSYS": "si_code_sys",
}


@lru_cache(1024)
def _names(data: bytes) -> tuple[Symbol, ...]:
    render = constant_set("signal").render
    return tuple(Symbol(render(number + 1)) for number in bit_numbers(data))


def sigset(data: bytes) -> Value:
    """The signals of a set."""
    return list(_names(data))


def _code_name(signal: str, code: int) -> Symbol:
    name = "si_code"
    if 0 < code != _SI_KERNEL:
        name = _CODE_SETS.get(signal, name)
    return Symbol(constant_set(name).render(code))


def _layout(signal: str, code: int, name: str) -> _Layout:
    if code <= 0:
        return _BY_CODE.get(code, _SENDER)
    if name in _BY_NAME:
        return _BY_NAME[name]
    if code == _SI_KERNEL:
        return _FAULT if _BY_SIGNAL.get(signal) is _FAULT else ()
    return _BY_SIGNAL.get(signal, _SENDER)


def _number(data: bytes, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at : at + size], "little")


def siginfo(data: bytes) -> Value:
    """struct siginfo."""
    found: dict[str, Value] = {}
    if len(data) < 4:
        return found
    signal = value_decoder("signal")(_number(data, 0))
    found["si_signo"] = signal
    if len(data) < 12:
        return found
    code = value_decoder("int")(_number(data, 8))
    name = _code_name(signal, code)
    found["si_code"] = name
    if _number(data, 4):
        found["si_errno"] = value_decoder("int")(_number(data, 4))
    for field, at, size, kind in _layout(signal, code, name):
        if at + size <= len(data):
            found[field] = value_decoder(kind)(_number(data, at, size))
    return found


def siginfo_event(record: Record, ts: int, comm: str) -> Event:
    """The event of a signal that was delivered; its `args` are the siginfo."""
    name = value_decoder("signal")(record.arguments[0])
    info: dict[str, Value] = {}
    decoded = siginfo(record.body)
    if isinstance(decoded, dict):
        info = decoded
    return Event(EventKind.SIGNAL, ts, record.pid, record.tid, comm, name, args=info)


