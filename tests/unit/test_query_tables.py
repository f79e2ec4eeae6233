# SPDX-License-Identifier: Apache-2.0
"""DuckDB gives the answers of plain Python: any condition and any integer, in any row."""

import os
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from query_strategies import cases, conditions, integers
from query_tables import answers, connect, numbers
from query_values import ValuesRow

from faultin.query.evaluate import compiled
from faultin.query.printing import printed
from faultin.query.tree import Const, Expr, Missing, Not
from faultin.query.types import MISSING

SEED = int(os.environ.get("FAULTIN_SEED", random.randrange(1 << 32)))
TOGETHER = 16  # expressions of one question to the engine, each for all rows
INTEGERS = integers().filter(lambda expr: not isinstance(expr, Const))
Case = tuple[Expr, ValuesRow]


def made(strategy: Any, count: int) -> list[Case]:
    """Expressions, each with a row that is like it."""
    found: list[Case] = []

    @seed(SEED)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(strategy))
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found


Ask = Callable[[Any, list[ValuesRow], list[Expr]], list[list[Any]]]


def compare(found: list[Case], ask: Ask, expected: Callable[[Any], Any]) -> dict[Any, int]:
    """Asks everything of all rows; how often each answer was given."""
    connection, given_answers = connect(), {}
    rows = [row for _, row in found]
    for at in range(0, len(found), TOGETHER):
        exprs = [expr for expr, _ in found[at : at + TOGETHER]]
        for expr, said in zip(exprs, ask(connection, rows, exprs), strict=True):
            function = compiled(expr)
            for row, answer in zip(rows, said, strict=True):
                wanted = expected(function(row))
                assert answer == wanted, (
                    f"seed {SEED}: {printed(expr)} in {row}: {answer}, not {wanted}"
                )
                kind = answer if isinstance(answer, bool) else answer is None
                given_answers[kind] = given_answers.get(kind, 0) + 1
    return given_answers


def test_conditions(capsys):
    found = made(conditions(), 120)
    found += [(Not(expr), row) for expr, row in found[:16]]
    answered = compare(found, answers, bool)
    with capsys.disabled():
        print(f"\nseed {SEED}: {answered}")
    assert sum(answered.values()) > 10_000 and answered[True] > 0.1 * sum(answered.values())


def test_integers(capsys):
    found = made(INTEGERS, 100)
    answered = compare(found, numbers, lambda value: None if value is MISSING else value)
    with capsys.disabled():
        print(f"\nseed {SEED}: {answered}")
    assert sum(answered.values()) > 4000 and answered[False] > 0.2 * sum(answered.values())


def test_what_is_missing():
    found = [(Missing(expr), row) for expr, row in made(INTEGERS, 40)]
    assert set(compare(found, answers, bool)) == {True, False}
