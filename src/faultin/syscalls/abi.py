# SPDX-License-Identifier: Apache-2.0
"""Abi: the other ways into an x86-64 kernel, which number system calls in their own way.

In: names and numbers. Out: which of them mean the same call. i386 (int 0x80) has a
table of its own; x32 has the calls of x86-64 with a bit in the number, but for those
whose arguments are laid out in another way there.
"""

X32_BIT = 0x40000000  # __X32_SYSCALL_BIT of asm/unistd.h

# The entries of arch/x86/entry/syscalls/syscall_64.tbl whose ABI is "64": x32 has no
# call of this number, and the kernel says ENOSYS.
NOT_X32 = frozenset([
    13, 15, 16, 19, 20, 45, 46, 47, 54, 55, 59, 101, 127, 128, 129, 131, 134, 156, 174, 177, 178,
    180, 205, 206, 209, 211, 214, 215, 222, 236, 244, 246, 247, 273, 274, 278, 279, 295, 296, 297,
    299, 307, 310, 311, 322, 327, 328,
])  # fmt: skip

_SUFFIXES = ("_time64", "64", "32")  # of what got wider types
_OTHER_NAMES = {
    "_llseek": "lseek", "_newselect": "select", "fadvise64_64": "fadvise64", "fstatat64": "newfstatat",
    "mmap2": "mmap", "oldfstat": "fstat", "oldlstat": "lstat", "oldolduname": "uname",
    "oldstat": "stat", "olduname": "uname", "readdir": "getdents", "sigaction": "rt_sigaction",
    "signal": "rt_sigaction", "sigpending": "rt_sigpending", "sigprocmask": "rt_sigprocmask",
    "sigreturn": "rt_sigreturn", "sigsuspend": "rt_sigsuspend", "stime": "settimeofday",
    "ugetrlimit": "getrlimit", "umount": "umount2", "waitpid": "wait4",
}  # fmt: skip


def native_name(name: str, known: frozenset[str]) -> str:
    """The x86-64 name, among the `known`, of what i386 calls `name`; `name` if it has none."""
    if name in known:
        return name
    for suffix in _SUFFIXES:
        if name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    return _OTHER_NAMES.get(name, name)
