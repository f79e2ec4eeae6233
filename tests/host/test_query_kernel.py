# SPDX-License-Identifier: Apache-2.0
"""Three back ends say the same of any call, for any query: plain Python, the kernel, and the
functions of the query compiled for this machine.

Expressions and rows are hypothesis's. A row becomes the record of a call of one plan, as
if it had been captured; the functions of the query run on it in a BPF program and, from the
same IR, in this process, and the plain back end reads the same record.
"""

import ctypes
import os
from struct import pack

import pytest
from engines import IN_GUEST
from hypothesis import HealthCheck, Phase, given, seed, settings
from query_calls import PLACES, asked, call_of, caller_of, described
from query_values import PLANS, query

from faultin.codegen.link import build
from faultin.codegen.native import STATE_SIZE, Answers, NativeJudge
from faultin.codegen.program import Options, program_ir
from faultin.codegen.query.functions import ASK, KEEP, functions
from faultin.codegen.query.layout import RECORD
from faultin.drain.wire import HEAD
from faultin.kernel.bpf import run_program
from faultin.kernel.libbpf import Object, library
from faultin.query.evaluate import compiled
from faultin.query.rows import Rows

pytestmark = pytest.mark.kernel

SEED = int(os.environ.get("FAULTIN_SEED", "20261125"))
# In a guest, which is emulated, fewer: what differs there is the verifier.
EXPRESSIONS, ROWS, LEAST = (10, 20, 150) if IN_GUEST else (400, 30, 10_000)


class Kernel:
    """One query's functions, loaded: they run on a record."""

    def __init__(self, ir: str) -> None:
        self._object = Object(build("judge", "x86_64", ir))
        self._object.load()
        self._program = self._object.program_fds()["judge_subject"]
        self._map = self._object.map_fd("subjects")
        self._size = STATE_SIZE + 24 + 4 * PLACES + 8 * PLACES

    def answers(self, head: bytes, heap: bytes, seen: list[tuple[int, int]]) -> Answers:
        image = bytearray(self._size)
        image[RECORD : RECORD + HEAD.size] = head
        image[RECORD + HEAD.size : RECORD + HEAD.size + len(heap)] = heap
        places = [place for place, _ in seen] + [0] * (PLACES - len(seen))
        keys = [key for _, key in seen] + [0] * (PLACES - len(seen))
        image[STATE_SIZE:] = pack(f"<6I{PLACES}I{PLACES}Q", 1, len(seen), *[0] * 4, *places, *keys)
        lib, _ = library()
        key, value = ctypes.c_uint32(0), ctypes.create_string_buffer(bytes(image), len(image))
        arguments = (self._map, ctypes.byref(key), value)
        assert not lib.bpf_map_update_elem(*arguments, 0)
        run_program(self._program)
        assert not lib.bpf_map_lookup_elem(*arguments)
        found = memoryview(value.raw)[STATE_SIZE + 8 : STATE_SIZE + 24].cast("I")
        possible, verdict, certain, admits = found
        return Answers(possible, certain, verdict, admits)

    def close(self) -> None:
        self._object.close()


RECORDS = {"judged": 0, "asked": 0, "true": 0, "ruled out by registers": 0}


@seed(SEED)
@settings(max_examples=EXPRESSIONS, deadline=None, database=None,
          phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck))  # fmt: skip
@given(asked(ROWS))
def judged_alike(case):
    expr, rows = case
    asks = query(expr)
    ir = program_ir(PLANS, Options(query=functions(asks, PLANS)))
    kernel, native = Kernel(ir), NativeJudge(ir)
    makes, holds = Rows(asks, PLANS), compiled(expr)
    try:
        for number, row in enumerate(rows):
            if (call := call_of(number, row)) is None:
                continue
            said = kernel.answers(call.head, call.heap, call.seen)
            natively = native.answers(call.head, call.heap, call.seen)
            expected = holds(makes.row(call.record, None, caller_of(call, row)))
            RECORDS["judged" if said.verdict != ASK else "asked"] += 1
            RECORDS["true"] += expected
            what = described(expr, call, row, python=expected, kernel=said, native=natively, seed=SEED)
            assert said == natively, what
            assert said.possible or not expected, what
            assert said.admits or not expected, what
            RECORDS["ruled out by registers"] += not said.admits
            assert expected or not said.certain, what
            assert said.verdict in (ASK, KEEP if expected else 0), what
    finally:
        kernel.close()


def test_kernel_native_code_and_python_agree(capsys):
    judged_alike()
    with capsys.disabled():
        print(f"\nseed {SEED} (FAULTIN_SEED): {RECORDS}")
    total = RECORDS["judged"] + RECORDS["asked"]
    assert total >= LEAST, "too few cases have run"
    assert RECORDS["judged"] > 0.6 * total and RECORDS["true"] > 0.1 * total
    enough = total >= 5000  # some 2 of 1,000 are; few cases are made in a guest
    assert RECORDS["ruled out by registers"] or not enough, "none was: nothing was compared"
