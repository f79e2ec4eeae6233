# SPDX-License-Identifier: Apache-2.0
"""Seccomp: what a command does to itself, before its execve, to be traced or supervised.

In: a classic BPF program (engines/filter.py). Out: this process under it. Both loads need
no_new_privs of a process without CAP_SYS_ADMIN, and set it then.
"""

import ctypes
import errno
import os

# prctl(2), and what it means to Yama (Documentation/admin-guide/LSM/Yama.rst)
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_SET_PTRACER = 22, 38, 0x59616D61
_SECCOMP_MODE_FILTER = 2
_SECCOMP = {"x86_64": 317, "aarch64": 277}  # seccomp(2), pidfd_getfd(2): their numbers
_PIDFD_GETFD = 438
_SET_MODE_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5  # uapi/linux/seccomp.h


class _Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def _prctl(*numbers: int) -> int:
    """0, or an errno."""
    function = ctypes.CDLL(None, use_errno=True).prctl
    function.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    return ctypes.get_errno() if function(*numbers, *[0] * (5 - len(numbers))) < 0 else 0


def let_trace(tracer: int) -> None:
    """Lets a process that is no ancestor trace this one, if there is a Yama to forbid it."""
    _prctl(_PR_SET_PTRACER, tracer)


def load_filter(code: bytes) -> None:
    """Has this process, and all that it becomes, filtered by a seccomp program. Without
    CAP_SYS_ADMIN that takes no_new_privs."""
    program = _Filter(len(code) // 8, code)
    words = (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))
    error = _prctl(*words)
    if error == errno.EACCES:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        error = _prctl(*words)
    if error:
        raise OSError(error, os.strerror(error))


def _seccomp(flags: int, program: _Filter) -> int:
    """What it returns; OSError."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    number = _SECCOMP[os.uname().machine]
    found = function(number, _SET_MODE_FILTER, flags, ctypes.addressof(program))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def load_listener(code: bytes) -> int:
    """The same with a listener, which gets the lowest descriptor that is free: that. A call that
    waits there is not interrupted by signals, where the kernel can do that:
    commit c2aa2dfef243 ("seccomp: Add wait_killable semantic to seccomp user notifier") (in
    v5.19)."""
    program = _Filter(len(code) // 8, code)
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        try:
            return _seccomp(flags, program)
        except OSError as error:
            if error.errno == errno.EACCES:
                _prctl(_PR_SET_NO_NEW_PRIVS, 1)
                return load_listener(code)
            if error.errno != errno.EINVAL or flags == _NEW_LISTENER:
                raise
    raise AssertionError("one of the two has returned or raised")


def take_descriptor(pidfd: int, number: int) -> int | None:
    """Ours for descriptor `number` of another process; None as long as it has none."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_uint]
    found = function(_PIDFD_GETFD, pidfd, number, 0)
    if found >= 0:
        return found
    if ctypes.get_errno() == errno.EBADF:
        return None
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
