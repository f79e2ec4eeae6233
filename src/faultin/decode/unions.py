# SPDX-License-Identifier: Apache-2.0
"""Unions: structures whose fields depend on what is in them.

In: memory that holds one. Out: what structures.py makes of the fixed part, with
the rest as that part says it is.
"""

from faultin.decode.buffers import string, text_or_bytes
from faultin.decode.structures import structure_decoder
from faultin.syscalls.constants import value_of
from faultin.syscalls.structs import structure
from faultin.values import Value

_UNION_AT = 24
_SYSCALL_PARTS = {1: "entry", 2: "exit", 3: "seccomp"}
_STRINGS = {
    "mnt_opts": "STATMOUNT_MNT_OPTS",
    "fs_type": "STATMOUNT_FS_TYPE",
    "mnt_root": "STATMOUNT_MNT_ROOT",
    "mnt_point": "STATMOUNT_MNT_POINT",
    "fs_subtype": "STATMOUNT_FS_SUBTYPE",
    "sb_source": "STATMOUNT_SB_SOURCE",
}
_LENGTH_AT = 16  # of struct lsm_ctx


def ptrace_syscall_info(data: bytes) -> Value:
    """struct ptrace_syscall_info, whose `op` says what its union is."""
    found = structure_decoder("ptrace_syscall_info")(data)
    part = _SYSCALL_PARTS.get(data[0]) if data else None
    if part is not None and len(data) > _UNION_AT:
        found[part] = structure_decoder(f"ptrace_syscall_{part}")(data[_UNION_AT:])
    return found


def statmount(data: bytes) -> Value:
    """struct statmount, with the strings in the place of their offsets."""
    found = structure_decoder("statmount")(data)
    text = data[structure("statmount").size :]
    found.pop("str", None)
    mask = int.from_bytes(data[8:16], "little")
    for name, bit in _STRINGS.items():
        offset = found.get(name)
        if isinstance(offset, int) and mask & value_of("statmount_mask", bit):
            found[name] = string(text[offset:])
    return found


def lsm_contexts(data: bytes) -> Value:
    """A list of struct lsm_ctx, each with its own length."""
    decode, head = structure_decoder("lsm_ctx"), structure("lsm_ctx").size
    found: list[Value] = []
    at = 0
    while at + head <= len(data):
        context = decode(data[at : at + head])
        length, size = context["len"], context["ctx_len"]
        if isinstance(length, int) and isinstance(size, int):
            context["ctx"] = text_or_bytes(data[at + head : at + head + size])
            found.append(context)
            if length < head:
                break
            at += length
    return found
