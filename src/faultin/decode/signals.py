# SPDX-License-Identifier: Apache-2.0
"""Signals: siginfo, signal sets, and the events of signals delivered.

In: memory of a siginfo or a signal set, or a record of a delivery. Out: a dict,
a list of names, or an Event. Of siginfo's union the part is shown that si_code
and si_signo say is there.
"""

import signal
from struct import Struct
from typing import Any

from faultin.drain.wire import Record
from faultin.event import Event, EventKind
from faultin.syscalls.constants import constant_set
from faultin.values import Symbol

_HEAD = Struct("<iii4x")
_SIZE = 48
_SI_KERNEL, _SI_TIMER, _SI_TKILL, _SI_QUEUE = 0x80, -2, -6, -1
_CODES = {
    signal.SIGILL: "si_code_ill",
    signal.SIGFPE: "si_code_fpe",
    signal.SIGSEGV: "si_code_segv",
    signal.SIGBUS: "si_code_bus",
    signal.SIGTRAP: "si_code_trap",
    signal.SIGCHLD: "si_code_chld",
    signal.SIGIO: "si_code_poll",
    signal.SIGSYS: "si_code_sys",
}
_FAULTS = (signal.SIGILL, signal.SIGFPE, signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP)


def signal_name(number: int) -> Symbol:
    return Symbol(constant_set("signal").render(number))


def _code(number: int, code: int) -> Symbol:
    own = _CODES.get(number)
    if own and 0 < code < _SI_KERNEL:
        return Symbol(constant_set(own).render(code))
    return Symbol(constant_set("si_code").render(code))


def decode_siginfo(data: bytes) -> dict[str, Any]:
    """A siginfo, kernel_siginfo or struct siginfo of waitid(2)."""
    data = data.ljust(_SIZE, b"\0")
    number, error, code = _HEAD.unpack_from(data)
    found: dict[str, Any] = {"si_signo": signal_name(number), "si_code": _code(number, code)}
    if error:
        found["si_errno"] = error
    first, second, third = Struct("<iIi").unpack_from(data, 16)
    address = int.from_bytes(data[16:24], "little")
    if number == signal.SIGCHLD and 0 < code < _SI_KERNEL:
        found |= {"si_pid": first, "si_uid": second}
        found["si_status"] = third if code == 1 else signal_name(third)
        times = Struct("<qq").unpack_from(data, 32)
        found |= dict(zip(("si_utime", "si_stime"), times, strict=True))
    elif number in _FAULTS and code > 0:
        found["si_addr"] = Symbol(hex(address)) if address else None
    elif number == signal.SIGIO and 0 < code < _SI_KERNEL:
        found |= {"si_band": address, "si_fd": int.from_bytes(data[24:28], "little")}
    elif number == signal.SIGSYS and code > 0:
        call, arch = Struct("<iI").unpack_from(data, 24)
        found |= {"si_call_addr": Symbol(hex(address)), "si_syscall": call, "si_arch": Symbol(hex(arch))}
    elif code == _SI_TIMER:
        found |= {"si_timerid": first, "si_overrun": second}
        found["si_value"] = Symbol(hex(int.from_bytes(data[24:32], "little")))
    elif code != _SI_KERNEL:
        found |= {"si_pid": first, "si_uid": second}
        if code == _SI_QUEUE:
            found["si_value"] = Symbol(hex(int.from_bytes(data[24:32], "little")))
    return found


def decode_sigset(data: bytes) -> list[Symbol]:
    """The signals of a set."""
    bits = int.from_bytes(data, "little")
    return [signal_name(n) for n in range(1, 8 * len(data) + 1) if bits >> (n - 1) & 1]


def siginfo_event(record: Record, ts: int, comm: str) -> Event:
    """The event of a signal that is about to be delivered."""
    name = signal_name(record.arguments[0] & 0xFF)
    args = decode_siginfo(record.body)
    return Event(EventKind.SIGNAL, ts, record.pid, record.tid, comm, name, args)
