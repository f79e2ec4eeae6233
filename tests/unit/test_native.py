# SPDX-License-Identifier: Apache-2.0
"""A query compiled for this machine says what plain Python does; without root, so with fewer
cases than tests/host/test_query_kernel.py has."""

from hypothesis import HealthCheck, given, settings
from query_calls import asked, call_of, caller_of, described
from query_values import PLANS, TABLE, query

from faultin.codegen.native import NativeJudge
from faultin.codegen.program import Options, program_ir
from faultin.codegen.query.functions import ASK, KEEP, functions
from faultin.drain.wire import HEAD, RecordFlag, RecordType
from faultin.query.evaluate import compiled
from faultin.query.query import parse
from faultin.query.rows import Rows


def judge(asks) -> NativeJudge:
    return NativeJudge(program_ir(PLANS, Options(query=functions(asks, PLANS))))


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(asked(20))
def test_native_code_and_python_agree(case):
    expr, rows = case
    asks = query(expr)
    native, makes, holds = judge(asks), Rows(asks, PLANS), compiled(expr)
    for number, row in enumerate(rows):
        if call := call_of(number, row):
            said = native.answers(call.head, call.heap, call.seen)
            expected = holds(makes.row(call.record, None, caller_of(call, row)))
            what = described(expr, call, row, python=expected, native=said)
            assert (said.possible or not expected) and (expected or not said.certain), what
            assert said.verdict in (ASK, KEEP if expected else 0), what


def head(ts: int, ret: int) -> bytes:
    """Of a call of sendto that has returned."""
    number = TABLE.by_name("sendto").nr
    flags = RecordFlag.SETTLED.value
    return HEAD.pack(RecordType.CALL, flags, number, number, 1, 1, ts, 7, ret, *[0] * 6, b"x", 1, 0, 0)


def test_two_queries_live_side_by_side_each_with_its_clock():
    late, early = judge(parse(PLANS, TABLE, "ts > 1000")), judge(parse(PLANS, TABLE, "ts < 1000"))
    late.set_clock(996)
    assert late.answers(head(5, 0), b"", []).verdict == KEEP
    assert early.answers(head(5, 0), b"", []).verdict == KEEP
    early.set_clock(996)
    assert early.answers(head(5, 0), b"", []).verdict == 0


def test_what_is_certain_before_a_call_returns():
    judged = judge(parse(PLANS, TABLE, 'comm == "x" or ret < 0'))
    assert judged.answers(head(5, 0), b"", []).certain == 1
    judged = judge(parse(PLANS, TABLE, 'comm == "x" and ret < 0'))
    assert judged.answers(head(5, -1), b"", []) == (1, 0, KEEP, 1)
