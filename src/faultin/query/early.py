# SPDX-License-Identifier: Apache-2.0
"""Early: what a condition says before the call returns.

In: a condition, and the sources of a plan. Out: the condition with Unknown in the
place of all that depends on the result or on what the call writes. If it is false with
every Unknown taken as either, it is false for good, and the call need not be recorded.
"""

from collections.abc import Iterable

from faultin.codegen.plan import Plan
from faultin.query.evaluate import decided
from faultin.query.fields import LATE
from faultin.query.sources import Common, Fixed, Source, op_of
from faultin.query.tree import CONDITIONS, And, Expr, Not, Or, Unknown, slots
from faultin.query.types import MISSING, UNKNOWN


def is_late(source: Source | None, plan: Plan | None) -> bool:
    """Whether a value is not there before the call returns."""
    if isinstance(source, Common):
        return source.name in LATE
    op = op_of(source)
    return op is not None and plan is not None and plan.ops[op].is_output


def late_slots(row: Iterable[Source | None], plan: Plan | None) -> frozenset[int]:
    """Of a plan's sources, the slots of those that are late."""
    return frozenset(slot for slot, source in enumerate(row) if is_late(source, plan))


def inputs_only(expr: Expr, late: frozenset[int]) -> Expr:
    """The condition with Unknown for each one in it that looks at a late slot."""
    match expr:
        case And():
            return And(tuple([inputs_only(each, late) for each in expr.operands]))
        case Or():
            return Or(tuple([inputs_only(each, late) for each in expr.operands]))
        case Not():
            return Not(inputs_only(expr.operand, late))
    assert isinstance(expr, (*CONDITIONS, Unknown)), "an expression of values is no condition"
    return Unknown() if slots(expr) & late else expr


class _Possible:
    """What is known of a plan's calls before there are any: what they lack, their name."""

    def __init__(self, row: tuple[Source | None, ...]) -> None:
        self._row = row

    def value(self, slot: int) -> object:
        source = self._row[slot]
        if source is None:
            return MISSING
        return source.value if isinstance(source, Fixed) else UNKNOWN


def can_match(expr: Expr, row: tuple[Source | None, ...]) -> bool:
    """Whether a condition can be true in the calls of a plan, by its sources; a call of
    which it cannot need not be traced."""
    return decided(expr)(_Possible(row)) is not False
