# SPDX-License-Identifier: Apache-2.0
"""DuckDB gives the answers of plain Python: any condition and any integer, in any row."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from query_strategies import cases, conditions, integers
from query_tables import answers, connect, numbers

from faultin.query.evaluate import evaluate
from faultin.query.tree import Const, Missing, Not
from faultin.query.types import MISSING

TOGETHER = 16  # expressions, and rows, of one query of the engine: each with each
SOME = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@cache
def connection():
    return connect()


def together(expressions):
    return st.lists(cases(expressions), min_size=TOGETHER, max_size=TOGETHER)


@SOME
@given(together(conditions()))
def test_conditions(found):
    exprs, rows = [expr for expr, _ in found], [row for _, row in found]
    exprs += [Not(expr) for expr in exprs]
    said = answers(connection(), rows, exprs)
    for expr, of_rows in zip(exprs, said, strict=True):
        for row, answer in zip(rows, of_rows, strict=True):
            assert answer is evaluate(expr, row), (expr, row)


@SOME
@given(together(integers()))
def test_integers(found):
    pairs = [(expr, row) for expr, row in found if not isinstance(expr, Const)]
    exprs, rows = [expr for expr, _ in pairs], [row for _, row in found]
    for expr, of_rows in zip(exprs, numbers(connection(), rows, exprs), strict=True):
        for row, number in zip(rows, of_rows, strict=True):
            value = evaluate(expr, row)
            assert number == (None if value is MISSING else value), (expr, row)
    missing = answers(connection(), rows, [Missing(expr) for expr in exprs])
    for expr, of_rows in zip(exprs, missing, strict=True):
        assert of_rows == [evaluate(expr, row) is MISSING for row in rows]
