# SPDX-License-Identifier: Apache-2.0
"""Decide: the step of a policy by which a call is decided.

In: the record of a call whose inputs are sealed. Out: the number of the step whose rule
holds first, None for the default. It sees what the kernel is going to read, and no more.
"""

from collections.abc import Callable

from faultin.codegen.plan import Plans
from faultin.consume.callers import Caller
from faultin.drain.wire import Piece, Record
from faultin.guard.rules import Guarding, Step
from faultin.query.evaluate import compiled
from faultin.query.query import Query
from faultin.query.rows import Rows

Holds = Callable[[Record, list[Piece]], bool]


def _holds(query: Query, plans: Plans, offset: int) -> Holds:
    assert query.where is not None
    rows, condition = Rows(query, plans, offset), compiled(query.where)
    return lambda record, pieces: condition(rows.row(record, pieces, Caller(record, pieces)))


class Decider:
    """`steps` as the guard numbers them (image.py); `offset` is of CLOCK_MONOTONIC."""

    def __init__(self, guarding: Guarding, steps: list[Step], offset: int) -> None:
        self._of: dict[int, list[tuple[int, Holds | None]]] = {}
        conditions: dict[int, Holds] = {}
        numbers = iter(range(len(steps)))
        for call, found in sorted(guarding.steps.items()):
            self._of[call] = []
            for step in found:
                if step.query and step.rule not in conditions:
                    conditions[step.rule] = _holds(step.query, guarding.plans, offset)
                self._of[call].append((next(numbers), conditions.get(step.rule)))

    def decide(self, record: Record) -> int | None:
        """The step, by its number."""
        pieces = record.pieces()
        for number, holds in self._of.get(record.nr, ()):
            if holds is None or holds(record, pieces):
                return number
        return None
