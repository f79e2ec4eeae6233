# SPDX-License-Identifier: Apache-2.0
"""The bpf(2) system call itself, for what the system's libbpf may be too old to know.

In: file descriptors and numbers of the kernel's BTF. Out: file descriptors, or
OSError with the kernel's errno. Layouts are those of include/uapi/linux/bpf.h.
"""

import ctypes
import os
from ctypes import c_uint32, c_uint64
from typing import Any

_PROG_LOAD, _PROG_TEST_RUN, _OBJ_GET_INFO_BY_FD, _LINK_CREATE = 5, 10, 15, 28
_NR_BPF = {"x86_64": 321, "aarch64": 280}
PROG_TYPE_TRACING = 26
F_SLEEPABLE = 1 << 4
# enum bpf_attach_type
TRACE_RAW_TP, TRACE_FENTRY, TRACE_FEXIT = 23, 24, 25
# commit "bpf: Add multi tracing attach types" (in v7.2)
TRACE_FENTRY_MULTI, TRACE_FEXIT_MULTI = 59, 60
# r0 = 0; exit
_NOTHING = bytes([0xB7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])


class _Load(ctypes.Structure):
    """union bpf_attr of BPF_PROG_LOAD."""

    _fields_ = [
        ("prog_type", c_uint32), ("insn_cnt", c_uint32), ("insns", c_uint64),
        ("license", c_uint64), ("log_level", c_uint32), ("log_size", c_uint32),
        ("log_buf", c_uint64), ("kern_version", c_uint32), ("prog_flags", c_uint32),
        ("prog_name", ctypes.c_char * 16), ("prog_ifindex", c_uint32),
        ("expected_attach_type", c_uint32), ("prog_btf_fd", c_uint32),
        ("func_info_rec_size", c_uint32), ("func_info", c_uint64), ("func_info_cnt", c_uint32),
        ("line_info_rec_size", c_uint32), ("line_info", c_uint64), ("line_info_cnt", c_uint32),
        ("attach_btf_id", c_uint32), ("attach_prog_fd", c_uint32),
    ]  # fmt: skip


class _LinkCreate(ctypes.Structure):
    """union bpf_attr of BPF_LINK_CREATE, with its tracing_multi."""

    _fields_ = [
        ("prog_fd", c_uint32), ("target_fd", c_uint32), ("attach_type", c_uint32),
        ("flags", c_uint32), ("ids", c_uint64), ("cookies", c_uint64), ("cnt", c_uint32),
    ]  # fmt: skip


class _TestRun(ctypes.Structure):
    """union bpf_attr of BPF_PROG_TEST_RUN."""

    _fields_ = [
        ("prog_fd", c_uint32), ("retval", c_uint32), ("sizes", c_uint32 * 2),
        ("data", c_uint64 * 2), ("repeat", c_uint32), ("duration", c_uint32),
        ("ctx_sizes", c_uint32 * 2), ("ctx", c_uint64 * 2), ("flags", c_uint32),
        ("cpu", c_uint32), ("batch_size", c_uint32),
    ]  # fmt: skip


class _InfoByFd(ctypes.Structure):
    """union bpf_attr of BPF_OBJ_GET_INFO_BY_FD."""

    _fields_ = [("bpf_fd", c_uint32), ("info_len", c_uint32), ("info", c_uint64)]


class _ProgInfo(ctypes.Structure):
    """struct bpf_prog_info, of which two fields are looked at."""

    _fields_ = [
        ("_before", c_uint32 * 52), ("recursion_misses", c_uint64), ("verified_insns", c_uint32),
        ("_after", c_uint32 * 3),
    ]  # fmt: skip


def _bpf(command: int, attributes: Any) -> int:
    """The result of bpf(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.sizeof(attributes)
    result = libc.syscall(_NR_BPF[os.uname().machine], command, ctypes.byref(attributes), size)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def load_nothing(attach_type: int, btf_id: int = 0, flags: int = F_SLEEPABLE) -> int:
    """A tracing program that only returns, to find out whether it may be."""
    code = ctypes.create_string_buffer(_NOTHING, len(_NOTHING))
    terms = ctypes.create_string_buffer(b"Dual BSD/GPL")
    return _bpf(
        _PROG_LOAD,
        _Load(
            prog_type=PROG_TYPE_TRACING, insn_cnt=len(_NOTHING) // 8,
            insns=ctypes.addressof(code), license=ctypes.addressof(terms),
            prog_flags=flags, expected_attach_type=attach_type, attach_btf_id=btf_id,
        ),
    )  # fmt: skip


def run_program(program: int) -> None:
    """Runs a program of type syscall once, here and now (BPF_PROG_TEST_RUN, from v5.14 on)."""
    _bpf(_PROG_TEST_RUN, _TestRun(prog_fd=program))


def attach(program: int, attach_type: int) -> int:
    """A link of a tracing program to what it was loaded for."""
    return _bpf(_LINK_CREATE, _LinkCreate(prog_fd=program, attach_type=attach_type))


def attach_multi(program: int, attach_type: int, btf_ids: list[int]) -> int:
    """A link of one tracing program to many functions."""
    ids = (c_uint32 * len(btf_ids))(*btf_ids)
    return _bpf(
        _LINK_CREATE,
        _LinkCreate(
            prog_fd=program, attach_type=attach_type, ids=ctypes.addressof(ids), cnt=len(btf_ids)
        ),
    )


def _program_info(program: int) -> _ProgInfo:
    info = _ProgInfo()
    request = _InfoByFd(program, ctypes.sizeof(info), ctypes.addressof(info))
    _bpf(_OBJ_GET_INFO_BY_FD, request)
    return info


def verified_instructions(program: int) -> int:
    """How many instructions the verifier walked through (bpf_prog_info, from v5.16 on)."""
    return _program_info(program).verified_insns


def missed_runs(program: int) -> int:
    """How often it was not run, as it was running already on that CPU (from v5.12 on)."""
    return _program_info(program).recursion_misses
