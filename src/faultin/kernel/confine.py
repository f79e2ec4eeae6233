# SPDX-License-Identifier: Apache-2.0
"""Confine: what a guarded command gives up before its execve, beside what seccomp stops.

In: names of capabilities to keep. Out: this process in a Landlock domain of its own, and
without the capabilities that lead around a guard. From inside a domain nobody gets into the
memory of a process outside it: not by ptrace, process_vm_writev or pidfd_getfd, and not by
/proc/PID/mem. Inside it, the guard is the tracer of all.
"""

import ctypes
import errno
import mmap
import os
from struct import Struct

# capabilities(7): into other processes, and into the kernel.
DROPPED = {
    "sys_module": 16, "sys_rawio": 17, "sys_ptrace": 19, "sys_admin": 21, "sys_boot": 22,
    "perfmon": 38, "bpf": 39,
}  # fmt: skip
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _CLEAR_ALL = 38, 24, 47, 4
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # landlock_*, the same on every architecture
_VERSION = 1
LANDLOCK_NEEDED = 2  # see enter_domain()
_REFER = 1 << 13  # LANDLOCK_ACCESS_FS_REFER
_SCOPE_SIGNAL = 1 << 1
_RULESET, _BENEATH = Struct("=QQQ"), Struct("=Qi")
_PATH_BENEATH = 1
_MAP_FIXED = 0x10
_CAPABILITY_VERSION_3 = 0x20080522
_HEADER, _DATA = Struct("=Ii"), Struct("=6I")


def _syscall(*numbers: int | bytes) -> int:
    """What it returns; OSError."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    found = function(*[x if isinstance(x, bytes) else ctypes.c_long(x) for x in numbers])
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def landlock() -> int:
    """The version of Landlock's ABI; 0 without one."""
    try:
        return _syscall(_CREATE, 0, 0, _VERSION)
    except OSError:
        return 0


def _ruleset(version: int) -> int:
    """A domain that forbids as little else as can be.

    commit 54a6e6bbf3be ("landlock: Add signal scoping") (in v6.12): with it, signals do not
    leave the domain. Before, it handles renames, all of which are allowed; mounts are not.
    """
    if version >= 6:
        return _syscall(_CREATE, _RULESET.pack(0, 0, _SCOPE_SIGNAL), _RULESET.size, 0)
    ruleset = _syscall(_CREATE, _RULESET.pack(_REFER, 0, 0), 8, 0)
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, _BENEATH.pack(_REFER, root), 0)
    os.close(root)
    return ruleset


def enter_domain() -> bool:
    """Whether there is one now: commit b91c3e4ea756 ("landlock: Add support for file
    reparenting with LANDLOCK_ACCESS_FS_REFER") (in v5.19) is the first that does no harm."""
    version = landlock()
    if version < LANDLOCK_NEEDED:
        return False
    ruleset = _ruleset(version)
    try:
        _syscall(_RESTRICT, ruleset, 0)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        _syscall(_RESTRICT, ruleset, 0)
    os.close(ruleset)
    return True


def can_map_null() -> bool:
    """Whether something can be at address 0: then NULL is no sign that there is nothing."""
    library = ctypes.CDLL(None)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
    if library.mmap(None, mmap.PAGESIZE, 0, flags, -1, 0) is not None:
        return False
    library.munmap(None, ctypes.c_size_t(mmap.PAGESIZE))
    return True


def drop_capabilities(kept: frozenset[str]) -> None:
    """Takes those of DROPPED away for good, but for these. Nothing without CAP_SETPCAP: then
    there are none that a program could get back."""
    numbers = [number for name, number in DROPPED.items() if name not in kept]
    library = ctypes.CDLL(None, use_errno=True)
    for number in numbers:
        library.prctl(_PR_CAPBSET_DROP, *map(ctypes.c_ulong, (number, 0, 0, 0)))
    library.prctl(_PR_CAP_AMBIENT, *map(ctypes.c_ulong, (_CLEAR_ALL, 0, 0, 0)))
    header = ctypes.create_string_buffer(_HEADER.pack(_CAPABILITY_VERSION_3, 0), _HEADER.size)
    data = ctypes.create_string_buffer(_DATA.size)
    if library.capget(header, data):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    masks = list(_DATA.unpack(data.raw))
    for number in numbers:
        for position in range(3):
            masks[position + 3 * (number >= 32)] &= ~(1 << number % 32)
    if library.capset(header, ctypes.create_string_buffer(_DATA.pack(*masks), _DATA.size)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
