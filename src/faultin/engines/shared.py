# SPDX-License-Identifier: Apache-2.0
"""Shared: the counters that whoever captures writes, and faultin reads (bpf/wire.h)."""

import ctypes


class Shared(ctypes.Structure):
    """struct shared of bpf/wire.h."""

    _fields_ = [
        ("lost_ring", ctypes.c_uint64),
        ("lost_tasks", ctypes.c_uint64),
        ("lost_returns", ctypes.c_uint64),
        ("live", ctypes.c_int64),
        ("scan_before", ctypes.c_uint64),
        ("scan_pid", ctypes.c_uint32),
        ("scan_phase", ctypes.c_uint32),
        ("scan_type", ctypes.c_uint32),
        ("counted", ctypes.c_uint32),
        ("fell_back_late", ctypes.c_uint64),
        ("fell_back_full", ctypes.c_uint64),
        ("fell_back_gone", ctypes.c_uint64),
        ("clock_offset", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("groups", ctypes.c_uint64),
        ("arena", ctypes.c_uint64),
        ("lost_groups", ctypes.c_uint64),
        ("collisions", ctypes.c_uint64),
        ("other_fields", ctypes.c_uint64),
    ]
