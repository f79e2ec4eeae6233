# SPDX-License-Identifier: Apache-2.0
"""DuckDB and Spark give the answers of plain Python: any condition and any integer, in any row."""

import os
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from query_strategies import cases, conditions, integers
from query_tables import DuckDB, Spark, answers, numbers
from query_values import BUFFERS, SIGNED, UNSIGNED, ValuesRow, row_of

from faultin.query.evaluate import compiled
from faultin.query.printing import printed
from faultin.query.tree import Arithmetic, Binary, Const, Expr, Length, Missing, Not, Slice
from faultin.query.types import MISSING, Cut, Type

SEED = int(os.environ.get("FAULTIN_SEED", random.randrange(1 << 32)))
TOGETHER = 16  # expressions of one question to the engine, each for all rows
INTEGERS = integers().filter(lambda expr: not isinstance(expr, Const))


def made(strategy: Any, count: int) -> tuple[list[Expr], list[ValuesRow]]:
    """Expressions, and as many rows, each like one of them."""
    exprs: list[Expr] = []
    rows: list[ValuesRow] = []

    @seed(SEED)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(strategy))
    def keep(case: tuple[Expr, ValuesRow]) -> None:
        exprs.append(case[0])
        rows.append(case[1])

    keep()
    return exprs, rows


Ask = Callable[[Any, list[ValuesRow], list[Expr]], list[list[Any]]]


def compare(
    exprs: list[Expr], rows: list[ValuesRow], ask: Ask, engine: Any = None
) -> dict[bool, int]:
    """Asks everything of all rows; how often conditions were so, and integers missing."""
    engine, given_answers = engine or DuckDB(), {}
    for at in range(0, len(exprs), TOGETHER):
        together = exprs[at : at + TOGETHER]
        for expr, said in zip(together, ask(engine, rows, together), strict=True):
            function = compiled(expr)
            for row, answer in zip(rows, said, strict=True):
                wanted = function(row)
                wanted = None if wanted is MISSING else wanted
                assert answer == wanted, (
                    f"seed {SEED}: {printed(expr)} in {row}: {answer}, not {wanted}"
                )
                kind = answer if isinstance(answer, bool) else answer is None
                given_answers[kind] = given_answers.get(kind, 0) + 1
    return given_answers


def test_conditions(capsys):
    exprs, rows = made(conditions(), 120)
    exprs += map(Not, exprs[:16])
    answered = compare(exprs, rows, answers)
    with capsys.disabled():
        print(f"\nseed {SEED}: {answered}")
    assert sum(answered.values()) > 10_000 and answered[True] > 0.1 * sum(answered.values())


def test_integers(capsys):
    answered = compare(*made(INTEGERS, 100), numbers)
    with capsys.disabled():
        print(f"\nseed {SEED}: {answered}")
    assert sum(answered.values()) > 4000 and answered[False] > 0.2 * sum(answered.values())


def test_what_is_missing():
    exprs, rows = made(INTEGERS, 40)
    assert set(compare([Missing(expr) for expr in exprs], rows, answers)) == {True, False}


def where_64_bits_end() -> tuple[list[Expr], list[ValuesRow]]:
    """Every operation, of the numbers with which one overflows if any does."""
    signed = [-1 << 63, -1 << 32, -64, -1, 0, 1, 63, 64, (1 << 63) - 1]
    unsigned = [0, 1, 3, 63, 64, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
    exprs: list[Expr] = [
        Binary(of, op, left, right)
        for of, (left, right) in ((Type.S64, SIGNED[:2]), (Type.U64, UNSIGNED))
        for op in Arithmetic
    ]
    pairs = zip(signed, unsigned, strict=True)
    return exprs, [
        row_of({SIGNED[0]: one, UNSIGNED[0]: other, SIGNED[1]: signed[i], UNSIGNED[1]: unsigned[i]})
        for one, other in pairs
        for i in range(len(signed))
    ]


def far_behind_what_was_captured() -> tuple[list[Expr], list[ValuesRow]]:
    """Slices of buffers of which nobody knows the length, or of which little was captured."""
    bounds = [(-1, -1), (-3, None), ((1 << 31) - 1, 1), (4, 4), (2, 1), (None, 3), (1, -1)]
    exprs: list[Expr] = [Length(Slice(BUFFERS[0], *each)) for each in bounds]
    rows = [row_of({BUFFERS[0]: Cut(b"abc", length)}) for length in (4, 1 << 31, 0xFFFFFFFF)]
    return exprs, [row_of({BUFFERS[0]: b"abc"}), *rows]


def test_numbers_where_64_bits_end():
    assert set(compare(*where_64_bits_end(), numbers)) == {True, False}


def test_places_far_behind_what_was_captured():
    assert set(compare(*far_behind_what_was_captured(), numbers)) == {True, False}


def test_spark(spark, tmp_path, capsys):
    """The same on executors, with fewer cases: a question takes it a second."""
    engine = Spark(spark, tmp_path)
    answered = compare(*made(conditions(), 32), answers, engine)
    counted = compare(*made(INTEGERS, 32), numbers, engine)
    with capsys.disabled():
        print(f"\nseed {SEED}: {answered}, {counted}")
    assert set(answered) == {True, False} and set(counted) == {True, False}
    compare(*where_64_bits_end(), numbers, engine)
    compare(*far_behind_what_was_captured(), numbers, engine)
