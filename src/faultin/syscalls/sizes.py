# SPDX-License-Identifier: Apache-2.0
"""Sizes: how many bytes one object of a kind takes in memory.

In: the name of a kind, as a table has it. Out: bytes; 1 for kinds whose length
is given in bytes.
"""

from functools import cache

from faultin.syscalls.constants import set_names
from faultin.syscalls.structs import structure, structure_names

_SIZES = {
    **dict.fromkeys(["s8", "u8", "bytes", "sockaddr", "dirents", "dirents_old", "fd_set"], 1),
    **dict.fromkeys(["sigset", "bitset", "path", "string"], 1),
    **dict.fromkeys(["s16", "u16"], 2),
    **dict.fromkeys(["int", "uint", "s32", "u32", "fd", "dirfd", "pid", "uid", "gid", "mode"], 4),
    **dict.fromkeys(["signal", "wait_status"], 4),
    **dict.fromkeys(["long", "ulong", "size", "off", "addr", "s64", "u64", "hex", "dev"], 8),
    **dict.fromkeys(["iovec", "iovec_only"], 16),
    "msghdr": 56,
    "mmsghdr": 64,
}


@cache
def size_of(kind: str) -> int:
    """LookupError for a kind that nothing defines."""
    if kind in _SIZES:
        return _SIZES[kind]
    if kind.endswith("/8"):
        return 8
    if kind in structure_names():
        return structure(kind).size
    if kind in set_names():
        return 4
    raise LookupError(f"there is no kind {kind!r}")
