# SPDX-License-Identifier: Apache-2.0
"""Native: the functions of a query, compiled for this machine and run in this process.

In: the IR of a query (program.py), as the BPF core gets it. Out: NativeJudge, which says of a
call what the kernel would. It is the same code, linked with the same C, over the same
struct task_state; only the machine differs. Nothing here needs root.
"""

import ctypes
import platform
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from faultin.codegen.link import core_bitcode, linked
from faultin.codegen.query.layout import RECORD
from faultin.drain.wire import HEAD, PIECE, PIECE_MAX

HEAP_SIZE = 3072  # of bpf/wire.h; behind it one more piece has room
STATE_SIZE = RECORD + HEAD.size + HEAP_SIZE + PIECE.size + PIECE_MAX


class Answers(NamedTuple):
    """possible: whether the call can be wanted; certain: whether it is, each as its memory
    has been captured, and before it returns. verdict: enum verdict of bpf/task.bpf.h, when it
    has. admits: whether its registers let it be."""

    possible: int
    certain: int
    verdict: int
    admits: int


class NativeJudge:
    """A query's functions as code of this machine."""

    def __init__(self, query_ir: str) -> None:
        self._library = _compiled(query_ir)
        called = ctypes.CFUNCTYPE(
            None, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p,
            ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        self._judge = called(self._library["judge_call"])
        self._offset = ctypes.c_uint64.from_address(self._library["judge_clock_offset"])

    def set_clock(self, offset: int) -> None:
        """From CLOCK_MONOTONIC to ns since the epoch."""
        self._offset.value = offset

    def answers(
        self, head: bytes, heap: bytes, seen: Sequence[tuple[int, int]], returned: bool = True
    ) -> Answers:
        """Of a call with this struct record and these pieces. seen: what the query is shown,
        in order: a place (from the record on) of a piece and 0, or 0 and a key."""
        state = ctypes.create_string_buffer(STATE_SIZE)
        ctypes.memmove(ctypes.byref(state, RECORD), head + heap, len(head) + len(heap))
        places = (ctypes.c_uint32 * len(seen))(*[place for place, _ in seen])
        keys = (ctypes.c_uint64 * len(seen))(*[key for _, key in seen])
        found = (ctypes.c_uint32 * 4)()
        self._judge(state, returned, len(seen), places, keys, found)
        return Answers(*found)


@cache
def _jit():
    """LLVM for this machine, and its just-in-time compiler."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(cpu=binding.get_host_cpu_name(), opt=0, jit=True)
    return binding, machine, binding.create_lljit_compiler(machine, use_jit_link=False)


_made = 0


def _compiled(query_ir: str):
    """The addresses of judge_call() and what it needs, by name."""
    global _made
    binding, machine, jit = _jit()
    module = linked(core_bitcode("judge-native", platform.machine()), query_ir, machine)
    _made += 1
    builder = binding.JITLibraryBuilder().add_object_img(machine.emit_object(module))
    builder.add_current_process()  # memcpy and the like
    builder.export_symbol("judge_call").export_symbol("judge_clock_offset")
    return builder.link(jit, f"query-{_made}")
