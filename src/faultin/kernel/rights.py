# SPDX-License-Identifier: Apache-2.0
"""Rights: the capabilities that this process has in effect."""

import ctypes
import os
from dataclasses import dataclass
from struct import Struct

from faultin.errors import FaultinError

_SYS_PTRACE, _SYS_ADMIN, _PERFMON, _BPF = 19, 21, 38, 39  # capabilities(7)
_VERSION_3 = 0x20080522
_INITIAL_NAMESPACE = "user:[4026531837]"  # PROC_USER_INIT_INO of include/linux/proc_ns.h
_HEADER, _DATA = Struct("=Ii"), Struct("=6I")


@dataclass(frozen=True, slots=True)
class Rights:
    """What loading programs and looking into other processes takes."""

    bpf: bool
    perfmon: bool
    ptrace: bool
    admin: bool

    @property
    def may_load(self) -> bool:
        return self.bpf and self.perfmon


def _is_initial_namespace() -> bool:
    """Whether capabilities are those of the whole system: BPF asks for no others. True
    where there is no /proc to tell."""
    try:
        return os.readlink("/proc/self/ns/user") == _INITIAL_NAMESPACE
    except OSError:
        return True


def rights() -> Rights:
    """From capget(2), as there need not be a /proc; CAP_SYS_ADMIN implies CAP_BPF and
    CAP_PERFMON."""
    header = ctypes.create_string_buffer(_HEADER.pack(_VERSION_3, 0), _HEADER.size)
    data = ctypes.create_string_buffer(_DATA.size)
    if ctypes.CDLL(None, use_errno=True).capget(header, data):
        raise FaultinError("capabilities cannot be read", os.strerror(ctypes.get_errno()))
    low, _, _, high, _, _ = _DATA.unpack(data.raw)
    effective = high << 32 | low
    admin = bool(effective >> _SYS_ADMIN & 1)
    initial = _is_initial_namespace()
    return Rights(
        bpf=initial and (admin or bool(effective >> _BPF & 1)),
        perfmon=initial and (admin or bool(effective >> _PERFMON & 1)),
        ptrace=bool(effective >> _SYS_PTRACE & 1),
        admin=admin,
    )
